"""What files brought is what is stored of them, to the record and the yen, and money is integer: I-14, I-15, I-16.

Called by ``store.verify``. Reads the stored summaries, the rows and the first bytes of what was received by SQL of its own;
never reads a file by its layout. Each check gives how many things it looked at and how many break it.
"""

from __future__ import annotations

import json
import re

import sqlalchemy as sa
from sqlalchemy.engine import Connection

_TOLD = re.compile(rb"<(?:\w+:)?RecordCount>\s*([0-9]+)\s*</[^>]*>\s*<(?:\w+:)?TotalYen>\s*([0-9]+)\s*<")
_HEAD_BYTES = 8192
# the rows of a file that were taken; the same row twice is read twice and its yen counts once, rows that contradict each other are rejected
_TAKEN = """SELECT v.file_id, SUM(v.n) AS n, SUM(v.yen) AS yen FROM (
    SELECT b.file_id, b.bill_key, COUNT(*) AS n, MAX(b.total_yen) AS yen FROM bill_version b
    WHERE NOT EXISTS (SELECT 1 FROM rejected_row j WHERE j.file_id = b.file_id AND j.line = b.line) GROUP BY b.file_id, b.bill_key) v
  GROUP BY v.file_id"""
# table, its yen as the file's sum counts them
_KINDS = (("receipt", "amount_yen"), ("settlement", "gross_yen"), ("bank_credit", "amount_yen"))


def counts(connection: Connection) -> tuple[int, int]:
    """I-14: read = accepted + rejected in records, rows and yen of both are as stored, and each rejected row has its reason."""
    looked_at = broken = 0
    found = connection.execute(
        sa.text(
            f"""SELECT e.summary, COALESCE(r.n, 0), COALESCE(r.yen, 0), COALESCE(a.n, 0), COALESCE(a.yen, 0) FROM file_event e LEFT JOIN (
                 SELECT file_id, COUNT(*) AS n, SUM(yen) AS yen FROM rejected_row GROUP BY file_id) r ON r.file_id = e.file_id
               LEFT JOIN ({_TAKEN}) a ON a.file_id = e.file_id WHERE e.event = 'accepted'"""
        ).execution_options(yield_per=1000)
    )
    for summary, stored, yen, taken, taken_yen in found:
        told = json.loads(summary)
        parts = told["created"] + told["updated"] + told["unchanged"] + told["cancelled"] + told["conflicts"]
        looked_at += 1
        broken += (
            told["read"] != told["accepted"] + told["rejected"]
            or told["accepted"] != parts
            or told["rejected"] != stored
            or told["rejected_yen"] != yen
            or told["accepted"] != taken
            or told["accepted_yen"] != taken_yen
        )
    unexplained = """SELECT COUNT(*) FROM rejected_row r WHERE NOT EXISTS (
                       SELECT 1 FROM row_problem p WHERE p.file_id = r.file_id AND p.line = r.line AND p.severity = 'error')"""
    return looked_at, broken + _count(connection, unexplained)


def controls(connection: Connection) -> tuple[int, int]:
    """I-15: an applied file is stored whole (records and yen, known ones aside), as its header says; another one not at all."""
    looked_at = _count(connection, "SELECT COUNT(*) FROM received_file WHERE state = 'applied'")
    broken = sum(_count(connection, _OTHER_SUMS.format(kind=kind, yen=yen)) for kind, yen in _KINDS)
    broken += sum(_count(connection, _NOT_APPLIED.format(kind=kind)) for kind, _ in _KINDS)
    broken += _count(connection, _NOT_ACCEPTED)
    heads = connection.execute(sa.text(_HEADS).execution_options(yield_per=500), {"bytes": _HEAD_BYTES})
    broken += sum(_differs(bytes(head), records, yen) for records, yen, head in heads)
    return looked_at, broken


def _differs(head: bytes, records: int, yen: int) -> bool:
    """Whether the header says another sum than was noted; one in an encoding where it cannot be seen says nothing here."""
    told = _TOLD.search(head)
    return told is not None and (int(told[1]), int(told[2])) != (records, yen)


_OTHER_SUMS = """
    SELECT COUNT(*) FROM received_file f LEFT JOIN (
      SELECT received_id, COUNT(*) AS n, SUM({yen}) AS yen FROM {kind} GROUP BY received_id) r ON r.received_id = f.id
    WHERE f.kind = '{kind}' AND f.state = 'applied' AND (f.records <> COALESCE(r.n, 0) + f.duplicates OR f.yen < COALESCE(r.yen, 0)
      OR (f.duplicates = 0 AND f.yen <> COALESCE(r.yen, 0)))"""
_NOT_APPLIED = "SELECT COUNT(*) FROM {kind} r LEFT JOIN received_file f ON f.id = r.received_id AND f.kind = '{kind}' AND f.state = 'applied' WHERE f.id IS NULL"
_NOT_ACCEPTED = """SELECT COUNT(*) FROM (SELECT DISTINCT file_id FROM bill) b WHERE NOT EXISTS (
    SELECT 1 FROM file_event e WHERE e.file_id = b.file_id AND e.event = 'accepted')"""
_HEADS = """SELECT f.records, f.yen, SUBSTR(p.data, 1, :bytes) FROM received_file f JOIN raw_piece p ON p.raw_id = f.raw_id AND p.seq = 0
    WHERE f.state = 'applied' AND f.kind IN ('receipt', 'settlement') AND f.source = 'gateway'"""


def integers(connection: Connection) -> tuple[int, int]:
    """I-16: every column of yen holds whole numbers: by its type, or in SQLite, which has none, value by value."""
    if connection.dialect.name == "postgresql":
        named = "FROM information_schema.columns WHERE table_schema = CURRENT_SCHEMA() AND column_name LIKE '%yen'"
        wrong = _count(connection, f"SELECT COUNT(*) {named} AND data_type NOT IN ('bigint', 'integer')")
        return _count(connection, f"SELECT COUNT(*) {named}"), wrong
    columns: dict[str, list[str]] = {}
    for table, column in connection.execute(sa.text(_YEN_IN_SQLITE)).all():
        columns.setdefault(table, []).append(column)
    broken = 0
    for table, names in columns.items():
        any_other = " OR ".join(f"TYPEOF({name}) <> 'integer'" for name in names)
        broken += _count(connection, f"SELECT COUNT(*) FROM {table} WHERE {any_other}")
    return sum(map(len, columns.values())), broken


_YEN_IN_SQLITE = """SELECT m.name, c.name FROM sqlite_master m JOIN PRAGMA_TABLE_INFO(m.name) c
    WHERE m.type = 'table' AND c.name LIKE '%yen' ORDER BY m.name, c.cid"""


def _count(connection: Connection, query: str) -> int:
    return int(connection.scalar(sa.text(query)) or 0)


WALKS = (
    ("I-14", "ファイルごとに 読込＝受入＋拒否（件数と円）で、拒否した行には理由がある", counts),
    ("I-15", "反映したファイルは合計どおりすべて保管してあり、隔離したものは何も反映していない", controls),
    ("I-16", "金額はすべて整数の円", integers),
)
