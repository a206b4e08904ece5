"""What came back: receipts, settlements, bank credits, each stored once however often it is sent.

Called by pipeline.collect. A resend with the same content is counted and changes nothing; other content under a known key
stops the file and the first record is kept.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.domain.problems import Problem
from fundlink.store import bulk

RECEIPT_COLUMNS: tuple[str, ...] = (
    "position", "municipality_code", "transaction_key", "stage", "institution_code", "case_key", "confirmation_number",
    "fund_code", "channel", "amount_yen", "paid_on", "booked_on",
)  # fmt: skip
SETTLEMENT_COLUMNS: tuple[str, ...] = (
    "position", "municipality_code", "settlement_key", "edition", "institution_code", "fund_code", "business_day", "receipt_count",
    "gross_yen", "fee_yen", "net_yen", "transfer_on",
)  # fmt: skip
CREDIT_COLUMNS: tuple[str, ...] = (
    "position", "municipality_code", "account", "inquiry_number", "booked_on", "value_on", "amount_yen", "direction", "cancelled",
    "remitter_code", "remitter_name", "reference", "summary", "form",
)  # fmt: skip

_SHAPES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    # kind: table, columns, identity
    "receipt": ("receipt", RECEIPT_COLUMNS, ("transaction_key", "stage")),
    "settlement": ("settlement", SETTLEMENT_COLUMNS, ("settlement_key", "edition")),
    "bank_credit": (
        "bank_credit",
        CREDIT_COLUMNS,
        ("account", "booked_on", "inquiry_number", "direction", "cancelled", "amount_yen", "form"),
    ),
}
_NUMBERS = {"position", "edition", "receipt_count", "amount_yen", "gross_yen", "fee_yen", "net_yen"}

WAITING = "{0}.id > {1}.after_id AND {0}.id <= {1}.last_id AND +{0}.received_id = {1}.received_id"
"""Receipts {0} that a row {1} of the work list is about. They are reached by the range of their ids: without the sign SQLite makes
an index of all receipts there ever were for the file alone, anew for each statement."""


class Arrival(NamedTuple):
    """What a file brought: how many records are new, how many were known, and keys that came with other content."""

    new: int
    duplicates: int
    contradictions: list[tuple[int, str]]  # position, first part of the identity


def known(connection: Connection, source: str, remote_ids: Sequence[str]) -> set[str]:
    """Which of these files of this source were taken before, applied or quarantined."""
    wanted = sa.text("SELECT remote_id FROM received_file WHERE source = :source AND remote_id IN :remotes")
    found = connection.execute(wanted.bindparams(sa.bindparam("remotes", expanding=True)), {"source": source, "remotes": list(remote_ids)})
    return {str(row[0]) for row in found}


def received_as(connection: Connection, source: str, remote_id: str) -> int | None:
    """The id of the file that was taken under this name, or None."""
    found = bulk.scalar(
        connection, "SELECT id FROM received_file WHERE source = :source AND remote_id = :remote", source=source, remote=remote_id
    )
    return None if found is None else int(found)


def quarantined(connection: Connection, source: str) -> Sequence[Any]:
    """Files of a source that were quarantined and not applied since: (remote_id, kind, name, municipality_code, business_day, raw_id, sequence), oldest first."""
    return bulk.rows(
        connection,
        """SELECT q.remote_id, q.kind, q.name, q.municipality_code, q.business_day, q.raw_id, q.sequence FROM received_file q
           WHERE q.state = 'quarantined' AND q.source = :source AND NOT EXISTS (
             SELECT 1 FROM received_file a WHERE a.raw_id = q.raw_id AND a.id > q.id AND a.source = q.source) ORDER BY q.id""",
        source=source,
    )


def add_received(connection: Connection, values: dict[str, Any], problems: Sequence[Problem] = ()) -> int:
    """Note a received file (source, remote_id, kind, name, municipality_code, business_day, raw_id, state, at …); its id."""
    complete = {
        "records": 0,
        "duplicates": 0,
        "yen": 0,
        **values,
        "problems": json.dumps([p.as_json() for p in problems], ensure_ascii=False),
    }
    names = ", ".join(complete)
    marks = ", ".join(f":{name}" for name in complete)
    return int(bulk.scalar(connection, f"INSERT INTO received_file ({names}) VALUES ({marks}) RETURNING id", **complete))


def stage(connection: Connection, kind: str, rows: Sequence[Sequence[Any]]) -> Arrival:
    """Lay the records of one file beside the stored ones; nothing is stored yet."""
    table, columns, identity = _SHAPES[kind]
    bulk.fresh_temporary(connection, "arriving", ", ".join(f"{name} {'BIGINT' if name in _NUMBERS else 'TEXT'}" for name in columns))
    bulk.insert_rows(connection, "arriving", columns, rows)
    bulk.analyze(connection, "arriving")
    distinct = len(set(map(itemgetter(*(columns.index(name) for name in identity)), rows)))
    known = " AND ".join(f"t.{name} = a.{name}" for name in identity)
    differs = " OR ".join(f"t.{name} <> a.{name}" for name in columns if name != "position" and name not in identity)
    keys = ", ".join("a." + name for name in identity)
    resent = bulk.rows(  # one look at what is stored: usually nothing comes back
        connection,
        f"SELECT a.position, CASE WHEN {differs} THEN 1 ELSE 0 END, {keys} FROM arriving a JOIN {table} t ON {known} ORDER BY a.position",
    )
    wrong = [(int(row[0]), str(row[2])) for row in resent if row[1]]
    if distinct < len(rows):
        wrong += _contradictory_twins(connection, identity, differs.replace("t.", "b."))
    new = distinct - len({tuple(row[2:]) for row in resent})
    return Arrival(new, len(rows) - new, wrong)


def _contradictory_twins(connection: Connection, identity: Sequence[str], differs: str) -> list[tuple[int, str]]:
    """Records of one file under the same identity with other content."""
    twins = " AND ".join(f"a.{name} = b.{name}" for name in identity)
    found = bulk.rows(
        connection,
        f"""SELECT a.position, a.{identity[0]} FROM arriving a JOIN arriving b ON {twins} AND b.position < a.position
            WHERE {differs} ORDER BY a.position""",
    )
    return [(int(position), str(key)) for position, key in found]


def store_arrivals(connection: Connection, kind: str, received_id: int) -> int:
    """Store the staged records that are new; receipts are put on the work list of reconcile."""
    table, columns, identity = _SHAPES[kind]
    names = ", ".join(columns)
    before = bulk.scalar(connection, f"SELECT MAX(id) FROM {table}") or 0
    stored = bulk.run(
        connection,
        f"""INSERT INTO {table} (received_id, {names}) SELECT CAST(:received AS BIGINT), {", ".join("a." + name for name in columns)} FROM arriving a
            WHERE TRUE ORDER BY a.position ON CONFLICT ({", ".join(identity)}) DO NOTHING""",
        received=received_id,
    )
    bulk.grown(connection, stored, table)
    if kind == "receipt" and stored:
        bulk.run(
            connection,
            """INSERT INTO pending_receipt (received_id, after_id, last_id)
               SELECT CAST(:received AS BIGINT), CAST(:before AS BIGINT), MAX(id) FROM receipt""",
            received=received_id, before=before,
        )  # fmt: skip
    return stored
