"""How a whole file takes effect at once: its staged rows become bills, revisions and slips by set statements in one transaction.

Called by pipeline.intake. Which row may do what is said here in SQL only where it is a question of facts (is there such a bill, is
it paid, is the content the same).
"""

from __future__ import annotations

import json
from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.bills import (
    BILL_IS_PAID,
    CONTENT_BYTES,
    CURRENT_EFFECT,
    CURRENT_VERSION,
    DEAD,
    LINE_BITS,
    NO_PAYER,
    PAYER_UNSAID,
    SLIP_STATE,
    stage_rejected,
)


class Effects(NamedTuple):
    """What a file did: counts of rows, one figure an effect."""

    created: int
    updated: int
    unchanged: int
    cancelled: int
    conflicts: int


def accept(connection: Connection, file_id: int, at: str) -> Effects:
    """Let the staged rows of a file take effect, all in this transaction; what cannot is reported as row problems."""
    span = {"low": file_id << LINE_BITS, "high": (file_id + 1) << LINE_BITS, "file": file_id}
    staged = int(
        bulk.scalar(connection, "SELECT COUNT(*) FROM bill_version WHERE id >= :low AND id < :high", low=span["low"], high=span["high"])
    )
    created = bulk.run(
        connection,
        """INSERT INTO bill (id, bill_key, municipality_code, file_id)
           SELECT v.id, v.bill_key, v.municipality_code, v.file_id FROM bill_version v
           WHERE v.id >= :low AND v.id < :high AND v.action = '1' ORDER BY v.id
           ON CONFLICT (bill_key) DO NOTHING""",
        **span,
    )
    effects = Effects(created, 0, 0, 0, 0)
    if created < staged:
        effects = _later_rows(connection, span, at)
    _number_new_bills(connection, span, at)
    bulk.grown(connection, created, "bill_version (id, bill_key, core_key)", "bill", "slip")
    return effects


def _number_new_bills(connection: Connection, span: dict[str, int], at: str) -> None:
    """One eL number a bill that has something to pay."""
    bulk.run(
        connection,
        """INSERT INTO slip (bill_id, issue_count, municipality_code, institution_code, case_key, confirmation_number, issued_at)
           SELECT v.id, 1, v.municipality_code, SUBSTR(v.municipality_code, 1, 5), v.case_key, v.confirmation_number, :at
           FROM bill_version v JOIN bill b ON b.id = v.id
           WHERE v.id >= :low AND v.id < :high AND b.id >= :low AND b.id < :high AND v.total_yen > 0 ORDER BY v.id""",
        at=at, low=span["low"], high=span["high"],
    )  # fmt: skip


def _later_rows(connection: Connection, span: dict[str, int], at: str) -> Effects:
    """The rows of a file that did not make a bill: repeats, changes, cancellations."""
    bulk.fresh_temporary(connection, "later_row", "version_id BIGINT PRIMARY KEY, bill_id BIGINT, line BIGINT, effect TEXT")
    bulk.run(
        connection,
        """INSERT INTO later_row (version_id, bill_id, line, effect) SELECT v.id, b.id, v.line, '' FROM bill_version v
           LEFT JOIN bill b ON b.bill_key = v.bill_key
           WHERE v.id >= :low AND v.id < :high AND (b.id IS NULL OR b.id <> v.id)""",
        low=span["low"], high=span["high"],
    )  # fmt: skip
    bulk.analyze(connection, "later_row")
    _settle_repeats(connection, span)
    _judge_changes(connection)
    _record_changes(connection, span["file"], at)
    counts = dict(bulk.rows(connection, "SELECT effect, COUNT(*) FROM later_row GROUP BY effect"))
    created = int(bulk.scalar(connection, "SELECT COUNT(*) FROM bill WHERE id >= :low AND id < :high", low=span["low"], high=span["high"]))
    return Effects(
        created=created,
        updated=int(counts.get("updated", 0)) + int(counts.get("readdressed", 0)),
        unchanged=int(counts.get("unchanged", 0)) + int(counts.get("repeat", 0)),
        cancelled=int(counts.get("cancelled", 0)),
        conflicts=int(counts.get("conflict", 0)),
    )


def _settle_repeats(connection: Connection, span: dict[str, int]) -> None:
    """Keys that stand more than once in the file: equal rows count once, different ones are all refused."""
    bulk.fresh_temporary(
        connection, "repeat_row", "version_id BIGINT PRIMARY KEY, bill_key TEXT, line BIGINT, content TEXT, total_yen BIGINT"
    )
    bulk.run(
        connection,
        """INSERT INTO repeat_row (version_id, bill_key, line, content, total_yen)
           SELECT v.id, v.bill_key, v.line, v.action || v.content, v.total_yen FROM later_row l JOIN bill_version v ON v.id = l.version_id
           UNION ALL
           SELECT v.id, v.bill_key, v.line, v.action || v.content, v.total_yen
           FROM (SELECT DISTINCT bill_id FROM later_row) k JOIN bill b ON b.id = k.bill_id JOIN bill_version v ON v.id = b.id WHERE b.file_id = :file""",
        file=span["file"],
    )
    bulk.analyze(connection, "repeat_row")
    bulk.fresh_temporary(connection, "repeated_key", "bill_key TEXT PRIMARY KEY, first_line BIGINT, contents BIGINT")
    bulk.run(
        connection,
        """INSERT INTO repeated_key (bill_key, first_line, contents) SELECT bill_key, MIN(line), COUNT(DISTINCT content)
           FROM repeat_row GROUP BY bill_key HAVING COUNT(*) > 1""",
    )
    bulk.analyze(connection, "repeated_key")
    _warn_of_equal_rows(connection, span["file"])
    _refuse_different_rows(connection, span["file"])


def _warn_of_equal_rows(connection: Connection, file_id: int) -> None:
    bulk.run(
        connection,
        """INSERT INTO row_problem (file_id, line, code, severity, args)
           SELECT CAST(:file AS BIGINT), r.line, 'FL-DUP-003', 'warning', '[["first", ' || k.first_line || ']]'
           FROM repeat_row r JOIN repeated_key k ON k.bill_key = r.bill_key WHERE k.contents = 1 AND r.line <> k.first_line ORDER BY r.line""",
        file=file_id,
    )
    bulk.run(
        connection,
        """UPDATE later_row SET effect = 'repeat' WHERE version_id IN (
             SELECT r.version_id FROM repeat_row r JOIN repeated_key k ON k.bill_key = r.bill_key
             WHERE k.contents = 1 AND r.line <> k.first_line)""",
    )


def _refuse_different_rows(connection: Connection, file_id: int) -> None:
    lines: dict[str, list[int]] = {}
    refused = "FROM repeat_row r JOIN repeated_key k ON k.bill_key = r.bill_key WHERE k.contents > 1"
    found = bulk.rows(connection, f"SELECT r.bill_key, r.line, r.total_yen {refused} ORDER BY r.line")
    for key, line, _ in found:
        lines.setdefault(str(key), []).append(int(line))
    told = {key: ", ".join(map(str, numbers[:20])) for key, numbers in lines.items()}
    bulk.insert_rows(
        connection, "row_problem", ("file_id", "line", "code", "severity", "args"),
        [(file_id, line, "FL-DUP-001", "error", json.dumps([["lines", told[str(key)]]])) for key, line, _ in found],
    )  # fmt: skip
    stage_rejected(connection, file_id, [(int(line), int(yen)) for _, line, yen in found])
    bulk.run(connection, f"DELETE FROM later_row WHERE version_id IN (SELECT r.version_id {refused})")
    # these bills were made a moment ago in this very transaction and never seen by anyone
    bulk.run(connection, f"DELETE FROM bill WHERE file_id = :file AND id IN (SELECT r.version_id {refused})", file=file_id)


_MONEY_BEFORE = f"(SELECT SUBSTR(w.content, 1, {2 * CONTENT_BYTES}) FROM bill_version w WHERE w.id = {CURRENT_VERSION})"
_PAYER_BEFORE = f"(SELECT SUBSTR(w.content, {2 * CONTENT_BYTES + 1}) FROM bill_version w WHERE w.id = {CURRENT_VERSION})"
_PAYER = f"SUBSTR(v.content, {2 * CONTENT_BYTES + 1})"
# nothing is said of the payer, or that there is none where nothing was known before
_SAYS_NOTHING = f"{_PAYER} = '{PAYER_UNSAID}' OR {_PAYER} = '{NO_PAYER}' AND {_PAYER_BEFORE} = '{PAYER_UNSAID}'"


def _judge_changes(connection: Connection) -> None:
    """Give each later row its effect. First fitting line wins. A new payer alone moves no money, whatever was paid: it changes the slip."""
    bulk.run(
        connection,
        f"""UPDATE later_row SET effect = (
              SELECT CASE
                WHEN b.id IS NULL THEN 'nothing'
                WHEN v.action = '9' AND {CURRENT_EFFECT} = 'cancelled' THEN 'unchanged'
                WHEN v.action = '1' AND {CURRENT_EFFECT} <> 'cancelled'
                     AND v.content = (SELECT w.content FROM bill_version w WHERE w.id = {CURRENT_VERSION}) THEN 'unchanged'
                WHEN v.action = '1' AND {CURRENT_EFFECT} <> 'cancelled' AND SUBSTR(v.content, 1, {2 * CONTENT_BYTES}) = {_MONEY_BEFORE}
                     THEN CASE WHEN {_SAYS_NOTHING} THEN 'unchanged' ELSE 'readdressed' END
                WHEN {BILL_IS_PAID} THEN 'conflict'
                WHEN v.action = '9' THEN 'cancelled'
                ELSE 'updated' END
              FROM bill_version v LEFT JOIN bill b ON b.id = later_row.bill_id WHERE v.id = later_row.version_id)
            WHERE effect = ''""",  # later_row is a temporary work list, not a fact
    )


def _record_changes(connection: Connection, file_id: int, at: str) -> None:
    for effect, code in (("conflict", "FL-BIL-001"), ("nothing", "FL-BIL-002")):
        bulk.run(
            connection,
            """INSERT INTO row_problem (file_id, line, code, severity, args)
               SELECT CAST(:file AS BIGINT), l.line, CAST(:code AS TEXT), 'warning', '[]' FROM later_row l WHERE l.effect = :effect ORDER BY l.line""",
            file=file_id, code=code, effect=effect,
        )  # fmt: skip
    bulk.run(connection, "UPDATE later_row SET effect = 'unchanged' WHERE effect = 'nothing'")
    bulk.run(
        connection,
        """INSERT INTO revision (bill_id, version_id, file_id, effect)
           SELECT l.bill_id, l.version_id, CAST(:file AS BIGINT), l.effect FROM later_row l
           WHERE l.effect IN ('updated', 'readdressed', 'cancelled', 'conflict') ORDER BY l.version_id""",
        file=file_id,
    )  # fmt: skip
    _number_revived_bills(connection, at)
    bulk.run(
        connection,
        f"""INSERT INTO change (slip_id, municipality_code)
            SELECT s.id, s.municipality_code FROM later_row l CROSS JOIN slip s
            WHERE s.bill_id = l.bill_id AND l.effect IN ('updated', 'cancelled') AND {SLIP_STATE} NOT IN {DEAD} ORDER BY s.id""",
    )


def _number_revived_bills(connection: Connection, at: str) -> None:
    """A bill that comes back after its cancellation, or that had nothing to pay until now, gets a new eL number.

    Its newest slip decides: an older one whose registration is still in doubt is no way to pay.
    """
    bulk.run(
        connection,
        f"""INSERT INTO slip (bill_id, issue_count, municipality_code, institution_code, case_key, confirmation_number, issued_at)
            SELECT l.bill_id, COALESCE((SELECT MAX(s.issue_count) FROM slip s WHERE s.bill_id = l.bill_id), 0) + 1,
                   v.municipality_code, SUBSTR(v.municipality_code, 1, 5), v.case_key, v.confirmation_number, :at
            FROM later_row l JOIN bill_version v ON v.id = l.version_id
            WHERE l.effect = 'updated' AND v.total_yen > 0 AND NOT EXISTS (
              SELECT 1 FROM slip s WHERE s.bill_id = l.bill_id AND {SLIP_STATE} NOT IN {DEAD}
                AND s.issue_count = (SELECT MAX(n.issue_count) FROM slip n WHERE n.bill_id = l.bill_id)
                AND NOT EXISTS (SELECT 1 FROM message_item i WHERE i.slip_id = s.id AND i.operation = 'cancel'))
            ORDER BY l.version_id""",
        at=at,
    )
