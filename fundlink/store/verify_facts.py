"""What was acknowledged is there, and no fact is there twice: I-08 and I-11, by SQL of its own.

Called by ``store.verify``. Whether a digest is right is said by I-09; here every word that was given to somebody must have the record
that it stands on. Each check gives how many things it looked at and how many break it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.engine import Connection

ANSWERS = 1_000
"""Stored answers that are looked up together."""
_INTAKE = re.compile(r"/v1/intakes/([0-9]{1,18})")


def _kept(raw: str, direction: str) -> str:
    """Kept bytes of that direction, all of them."""
    return f"""EXISTS (SELECT 1 FROM raw w WHERE w.id = {raw} AND w.direction = '{direction}' AND w.size = COALESCE(
        (SELECT SUM(LENGTH(p.data)) FROM raw_piece p WHERE p.raw_id = w.id), 0))"""


_CLEARED = """
    SELECT o.slip_id FROM clearing_handover h JOIN clearing_entry e ON e.entry_number = h.entry_number JOIN outcome o ON o.id = e.outcome_id
    WHERE o.slip_id IS NOT NULL AND e.stage = '1'
    UNION SELECT s.id FROM moved_entry a JOIN clearing_handover h ON h.entry_number = a.entry_number JOIN slip s ON s.bill_id = a.bill_id"""
# what somebody was told, and the same without what it stands on
_TOLD: tuple[tuple[str, str], ...] = (
    ("file_event e WHERE e.event = 'accepted'", f"NOT EXISTS (SELECT 1 FROM file f WHERE f.id = e.file_id AND {_kept('f.raw_id', 'in')})"),
    ("received_file f WHERE f.source <> ''", f"NOT {_kept('f.raw_id', 'in')}"),
    ("message_event e WHERE e.event IN ('answered', 'rejected')", f"NOT {_kept('COALESCE(e.raw_id, 0)', 'in')}"),
    ("message m WHERE m.id <> ''", f"NOT {_kept('m.raw_id', 'out')}"),
    ("unpaid_list_file u WHERE u.list_id > 0", f"NOT {_kept('u.raw_id', 'out')}"),
    (
        "export_delivery d WHERE d.export_file_id > 0",
        f"""NOT EXISTS (SELECT 1 FROM export_file x WHERE x.id = d.export_file_id AND {_kept("x.raw_id", "out")} AND x.records = CASE x.kind
              WHEN 'clearing' THEN (SELECT COUNT(*) FROM clearing_handover h JOIN clearing_entry e ON e.entry_number = h.entry_number
                WHERE h.export_file_id = x.id AND h.entry_number >= x.first_entry AND h.entry_number <= x.last_entry)
              ELSE (SELECT COUNT(*) FROM slip_handover h JOIN slip s ON s.id = h.slip_id WHERE h.export_file_id = x.id) END)""",
    ),
    (
        "slip_state t WHERE t.event = 'clear'",
        f"t.slip_id NOT IN ({_CLEARED})",
    ),
)


def acknowledged(connection: Connection) -> tuple[int, int]:
    """I-08: whatever was acknowledged has its durable record: intakes, messages, received files, files handed over, stored answers."""
    looked_at = sum(_count(connection, f"SELECT COUNT(*) FROM {told}") for told, _ in _TOLD)
    broken = sum(_count(connection, f"SELECT COUNT(*) FROM {told} AND {without}") for told, without in _TOLD)
    answers, unfounded = _answers(connection)
    return looked_at + answers, broken + unfounded


def _answers(connection: Connection) -> tuple[int, int]:
    """Stored answers that say done: the intake or the bill they name is there."""
    # options of a connection would stay with it: they belong to the statement
    found = connection.execute(
        sa.text("SELECT answer FROM idempotency WHERE status >= 200 AND status < 300").execution_options(yield_per=ANSWERS)
    )
    looked_at = broken = 0
    named = (_named(str(answer)) for (answer,) in found)
    while block := list(islice(named, ANSWERS)):
        intakes = {intake for intake, _ in block if intake is not None}
        bills = {bill for _, bill in block if bill}
        known = _known(connection, f"SELECT f.id FROM file f WHERE f.id IN :wanted AND {_kept('f.raw_id', 'in')}", intakes)
        known |= _known(connection, "SELECT b.bill_key FROM bill b WHERE b.bill_key IN :wanted", bills)
        looked_at += len(block)
        broken += sum((intake is not None and intake not in known) or (bool(bill) and bill not in known) for intake, bill in block)
    return looked_at, broken


def _named(answer: str) -> tuple[int | None, str]:
    """The intake and the bill that a stored answer names."""
    body, headers, _ = json.loads(answer)
    told = json.loads(body)
    address = next((_INTAKE.fullmatch(value) for name, value in headers if name == "Location" and _INTAKE.fullmatch(value)), None)
    intake = told.get("intake_id")
    return (int(address[1]) if address else intake), str(told.get("bill_key") or "")


def _known(connection: Connection, query: str, wanted: Iterable[object]) -> set[object]:
    statement = sa.text(query).bindparams(sa.bindparam("wanted", expanding=True))
    return {row[0] for row in connection.execute(statement, {"wanted": list(wanted)})}


def stored_once(connection: Connection) -> tuple[int, int]:
    """I-11: no fact is stored twice, under one key or two, and running totals are what a count gives."""
    looked_at = sum(_count(connection, f"SELECT COUNT(*) FROM {table}") for table in ("receipt", "settlement", "bank_credit", "slip_total"))
    looked_at += _count(connection, "SELECT COUNT(*) FROM file_event WHERE event = 'accepted'")
    return looked_at, sum(_count(connection, query) for query in _TWICE)


def _twice(table: str, key: str) -> str:
    return f"SELECT COUNT(*) FROM (SELECT 1 AS one FROM {table} GROUP BY {key} HAVING COUNT(*) > 1) x"


def _of_two(table: str, key: str) -> str:
    """Rows of one key that belong to two municipalities."""
    return f"SELECT COUNT(*) FROM (SELECT {key} FROM {table} GROUP BY {key} HAVING MIN(municipality_code) <> MAX(municipality_code)) x"


_NEWEST_STATE = """COALESCE((SELECT t.state FROM slip_state t WHERE t.slip_id = s.id AND t.id <= COALESCE((SELECT MAX(k.until_id) FROM mark k
    WHERE k.name = 'control of slip_state'), 0) ORDER BY t.id DESC LIMIT 1), 'issued')"""
_COUNTED = "(SELECT municipality_code AS code, MAX(until_id) AS until_id FROM slip_total GROUP BY municipality_code)"
# how the slips stood when they were counted last, counted anew from all there are
_RECOUNTED = f"""
    SELECT COUNT(*) FROM (SELECT q.code, q.fund, q.part FROM (
      SELECT t.municipality_code AS code, t.fund_code AS fund, t.part, t.slips AS n FROM slip_total t
      WHERE t.id IN (SELECT MAX(y.id) FROM slip_total y GROUP BY y.municipality_code, y.fund_code, y.part)
      UNION ALL
      SELECT s.municipality_code, v.fund_code, 'registered', -1 FROM {_COUNTED} c JOIN slip s ON s.municipality_code = c.code AND s.id <= c.until_id
      JOIN bill_version v ON v.id = s.bill_id
      UNION ALL
      SELECT x.code, x.fund, CASE WHEN x.state IN ('cancelled', 'superseded') THEN 'cancelled' WHEN x.state = 'expired' THEN 'expired' ELSE 'unpaid' END, -1
      FROM (SELECT s.municipality_code AS code, v.fund_code AS fund, {_NEWEST_STATE} AS state
            FROM {_COUNTED} c JOIN slip s ON s.municipality_code = c.code AND s.id <= c.until_id JOIN bill_version v ON v.id = s.bill_id) x
      WHERE x.state IN ('issued', 'registered', 'refused', 'unknown', 'cancelled', 'superseded', 'expired')
      UNION ALL
      SELECT v.municipality_code, v.fund_code, 'paid', -1 FROM outcome o JOIN bill_version v ON v.id = o.version_id
      WHERE o.outcome IN ('matched', 'paid_after_limit') AND o.id IN (SELECT MAX(z.id) FROM outcome z WHERE z.id <= COALESCE(
        (SELECT MAX(k.until_id) FROM mark k WHERE k.name = 'control of outcome'), 0) GROUP BY z.transaction_key)) q
    GROUP BY q.code, q.fund, q.part HAVING SUM(q.n) <> 0) z"""

_TWICE: tuple[str, ...] = (
    _twice("receipt", "transaction_key, stage"),
    _twice("settlement", "settlement_key, edition"),
    _twice("bank_credit", "account, booked_on, inquiry_number, direction, cancelled, amount_yen, form"),
    _twice("bill", "bill_key"),
    _of_two("receipt", "transaction_key"),
    _of_two("settlement", "settlement_key"),
    # the same bytes of bills in force twice; single writes that waited together are told apart by their keys
    """SELECT COUNT(*) FROM (SELECT f.sha256 FROM file f JOIN file_event e ON e.file_id = f.id
         AND e.id = (SELECT MAX(x.id) FROM file_event x WHERE x.file_id = f.id)
       WHERE e.event = 'accepted' AND f.channel <> 'api-bill' GROUP BY f.sha256, f.profile HAVING COUNT(*) > 1) y""",
    # bytes of the gateway or the bank that came before bring nothing new
    """SELECT COUNT(*) FROM received_file n JOIN raw w ON w.id = n.raw_id JOIN raw k ON k.sha256 = w.sha256
       JOIN received_file f ON f.raw_id = k.id WHERE f.id < n.id AND f.state = 'applied' AND n.state = 'applied'
         AND f.kind = n.kind AND f.municipality_code = n.municipality_code AND n.records <> n.duplicates""",
    # one outcome told to a core system twice without being withdrawn between
    """SELECT COUNT(*) FROM (SELECT e.outcome_id FROM clearing_entry e
         WHERE e.transaction_key NOT IN (SELECT z.transaction_key FROM clearing_entry z JOIN moved_entry a ON a.entry_number = z.entry_number)
         GROUP BY e.outcome_id HAVING SUM(CASE WHEN e.stage = '9' THEN -1 ELSE 1 END) NOT IN (0, 1)) x""",
    _RECOUNTED,
)


def _count(connection: Connection, query: str) -> int:
    return int(connection.scalar(sa.text(query)) or 0)


WALKS = (
    ("I-08", "受け取った、送った、渡したと伝えたものは、すべて保管してある", acknowledged),
    ("I-11", "同じ事実を 2 度保管しておらず、積み上げた合計は数え直した値と等しい", stored_once),
)
