"""The ledger hash: one SHA-256 over the money facts of a database, of all its municipalities or of one. Reads only.

Called by verify, the commands and tests. It covers what is true in the end, by natural keys, yen, dates and outcomes; never an id,
a random number, an instant or the history of how it came to be known. So the same facts give the same hash in any order of
arrival, and SQLite and PostgreSQL give the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.bills import CURRENT_EFFECT, CURRENT_VERSION, SLIP_STATE
from fundlink.store.outcomes import NEWEST_OUTCOME
from fundlink.store.settlings import SIGNED, STANDS

TAB = "\t"
"""Between the values of a line; no value holds one, for control characters are refused wherever rows are read."""


class Part(NamedTuple):
    """One kind of fact: its columns (the first is the municipality), where they come from, and the business day it belongs to."""

    name: str
    columns: tuple[str, ...]
    source: str
    where: str
    day: str  # '' = it has none: left out of a ledger up to a day


class PartHash(NamedTuple):
    """A part as it is shown."""

    sha256: str
    rows: int


class Ledger(NamedTuple):
    """The hash, those of its parts, and those of the municipalities in it."""

    sha256: str
    parts: dict[str, PartHash]
    municipalities: dict[str, str]


_CREDIT = (
    "c.account || '/' || c.booked_on || '/' || c.inquiry_number || '/' || c.direction || c.cancelled || '/' || CAST(c.amount_yen AS TEXT)"
)
# a settling has no natural name: its least line names it, for no settlement or credit stands in two
_LEAST = f"""(SELECT MIN((CASE WHEN y.settlement_key <> '' THEN '1' || y.settlement_key ELSE '2' || (
    SELECT {_CREDIT} FROM bank_credit c WHERE c.id = y.credit_id) END){{collation}}) FROM settling_line y WHERE y.settling_id = l.settling_id)"""
_LAST_ENTRY = "(SELECT MAX(n.entry_number) FROM clearing_entry n WHERE n.transaction_key = e.transaction_key)"
# what a core system believes: the newest entry, or every part of a payment that acts have spread
_BELIEVED = f"""e.stage <> '9' AND NOT EXISTS (
      SELECT 1 FROM clearing_entry w WHERE w.transaction_key = e.transaction_key AND w.stage = '9' AND w.entry_number > e.entry_number)
    AND (e.entry_number = {_LAST_ENTRY} OR EXISTS (SELECT 1 FROM moved_entry q WHERE q.entry_number = {_LAST_ENTRY}))"""

_ALL = "1 = 1"

PARTS: tuple[Part, ...] = (
    Part(
        "bills",
        (
            "b.municipality_code", "b.bill_key", "v.fiscal_year", "v.department_code", "v.addressee_number", "v.charge_yen",
            "v.reminder_fee_yen", "v.late_charge_yen", "v.due_on", "v.payable_until", "v.core_key",
            f"CASE WHEN {CURRENT_EFFECT} = 'cancelled' THEN 'cancelled' ELSE 'live' END", "s.issue_count",
            f"CASE WHEN s.id IS NULL THEN 'draft' ELSE {SLIP_STATE} END",
        ),
        f"bill b JOIN bill_version v ON v.id = {CURRENT_VERSION} LEFT JOIN slip s ON s.bill_id = b.id",
        _ALL,
        "",
    ),
    Part(
        "receipts",
        (
            "r.municipality_code", "r.transaction_key", "r.stage", "r.institution_code", "r.fund_code", "r.channel", "r.amount_yen",
            "r.paid_on", "r.booked_on",
        ),
        "receipt r",
        _ALL,
        "r.booked_on",
    ),
    Part(
        "outcomes",
        ("r.municipality_code", "o.transaction_key", "o.outcome", "b.bill_key", "r.stage", "r.fund_code", "r.amount_yen", "r.booked_on"),
        "outcome o JOIN receipt r ON r.id = o.receipt_id LEFT JOIN bill b ON b.id = o.bill_id",
        NEWEST_OUTCOME,
        "r.booked_on",
    ),
    Part(
        "settlements",
        (
            "t.municipality_code", "t.settlement_key", "t.edition", "t.institution_code", "t.fund_code", "t.business_day",
            "t.receipt_count", "t.gross_yen", "t.fee_yen", "t.net_yen", "t.transfer_on",
        ),
        "settlement t",
        _ALL,
        "t.business_day",
    ),
    Part(
        "credits",
        (
            "c.municipality_code", "c.account", "c.booked_on", "c.inquiry_number", "c.direction", "c.cancelled", "c.amount_yen",
            "c.value_on", "c.reference", "c.remitter_code", SIGNED,
        ),
        "bank_credit c",
        _ALL,
        "c.booked_on",
    ),
    Part(
        "matches",
        (
            "s.municipality_code", _LEAST, "s.rule", "s.fee", "CASE WHEN s.decided_by = '' THEN 'rule' ELSE 'hand' END",
            "l.settlement_key", "CASE WHEN l.settlement_key = '' THEN 0 ELSE l.edition END", f"CASE WHEN c.id IS NULL THEN '' ELSE {_CREDIT} END",
            "l.yen",
        ),
        """settling_line l JOIN settling s ON s.id = l.settling_id LEFT JOIN bank_credit c ON c.id = l.credit_id
           LEFT JOIN settlement t ON t.settlement_key = l.settlement_key AND t.edition = l.edition""",
        STANDS.format("l"),
        "COALESCE(t.business_day, c.booked_on)",
    ),
    Part(
        "days",
        (
            "d.municipality_code", "d.day", "d.fund_code", "d.receipts", "d.receipts_yen", "d.settled_yen", "d.fee_yen", "d.credited_yen",
            "d.difference_yen", "d.state", "d.differences",
        ),
        "day_state d",
        """d.id = (SELECT MAX(x.id) FROM day_state x
             WHERE x.day = d.day AND x.municipality_code = d.municipality_code AND x.fund_code = d.fund_code)""",
        "d.day",
    ),
    Part("closes", ("k.municipality_code", "k.day", "k.books_sha256", "CASE WHEN k.reason = '' THEN 'tied' ELSE 'not tied' END"), "day_close k", "k.step = 'approved'", "k.day"),
    Part(
        "books",
        (
            "k.municipality_code", "k.day", "k.value_on", "k.fund_code", "k.department_code", "k.fiscal_year", "k.year_kind", "k.source",
            "k.account", "k.transactions", "k.yen",
        ),
        "day_book k",
        _ALL,
        "k.day",
    ),
    Part(
        "moves",
        (
            "m.municipality_code", "m.day", "m.value_on", "m.fund_code", "m.fiscal_year", "m.transaction_key", "b.bill_key",
            "m.from_account", "m.to_account", "m.yen",
        ),
        "act_move m LEFT JOIN bill b ON b.id = m.bill_id",
        _ALL,
        "m.day",
    ),
    Part(
        "entries",
        (
            "e.municipality_code", "e.transaction_key", "e.stage", "e.profile", "COALESCE(a.outcome, o.outcome)", "b.bill_key",
            "COALESCE(a.yen, r.amount_yen)", "r.paid_on", "r.booked_on",
        ),
        """clearing_entry e JOIN outcome o ON o.id = e.outcome_id JOIN receipt r ON r.id = o.receipt_id
           LEFT JOIN moved_entry a ON a.entry_number = e.entry_number
           LEFT JOIN bill b ON b.id = CASE WHEN a.entry_number IS NULL THEN o.bill_id ELSE a.bill_id END""",
        _BELIEVED,
        "r.booked_on",
    ),
)  # fmt: skip


def ledger_hash(connection: Connection, municipality: str | None = None) -> str:
    """SHA-256 (hex) of the ledger of a municipality, or of the whole database."""
    return ledger(connection, municipality).sha256


def ledger(connection: Connection, municipality: str | None = None, until: str | None = None) -> Ledger:
    """The hash with its parts; up to a business day, bills, whose state belongs to no day, are left out of it."""
    whole: dict[str, PartHash] = {}
    own: dict[str, dict[str, str]] = {}
    for part in PARTS:
        digest, count = hashlib.sha256(), 0
        for code, lines in groupby(_lines(connection, part, municipality, until), lambda line: line.partition(TAB)[0]):
            mine = hashlib.sha256()
            for line in lines:
                written = line.encode() + b"\n"
                digest.update(written)
                mine.update(written)
                count += 1
            own.setdefault(code, {})[part.name] = mine.hexdigest()
        whole[part.name] = PartHash(digest.hexdigest(), count)
    together = _together({name: found.sha256 for name, found in whole.items()})
    return Ledger(together, whole, {code: _together(found) for code, found in sorted(own.items())})


_EMPTY = hashlib.sha256().hexdigest()


def _together(parts: dict[str, str]) -> str:
    return hashlib.sha256("".join(f"{part.name}{TAB}{parts.get(part.name, _EMPTY)}\n" for part in PARTS).encode()).hexdigest()


def _lines(connection: Connection, part: Part, municipality: str | None, until: str | None) -> Iterator[str]:
    """One line a fact, in the order of its bytes, which is the same in both databases."""
    if until and not part.day:
        return
    collation = ' COLLATE "C"' if connection.dialect.name == "postgresql" else ""
    line = f" || '{TAB}' || ".join(f"COALESCE(CAST({column} AS TEXT), '')" for column in part.columns).replace("{collation}", collation)
    where = part.where + (f" AND {part.columns[0]} = :code" if municipality else "") + (f" AND {part.day} <= :until" if until else "")
    values = {**({"code": municipality} if municipality else {}), **({"until": until} if until else {})}
    statement = f"SELECT q.line FROM (SELECT {line} AS line FROM {part.source} WHERE {where}) q ORDER BY q.line{collation}"
    for row in bulk.stream(connection, statement, **values):
        yield str(row[0])
