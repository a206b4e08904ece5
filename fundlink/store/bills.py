"""Bills, their versions and their slips: what an intake stores and how a whole file takes effect at once.

Called by pipeline.intake and desk. Rows are staged under their file id; ``accept`` turns them into bills, revisions and
slips by set statements in one transaction. Which row may do what is said here in SQL only where it is a question of facts
(is there such a bill, is it paid, is the content the same).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.problems import Problem
from fundlink.store import bulk

LINE_BITS = 24
MAX_LINE = (1 << LINE_BITS) - 1

VERSION_COLUMNS: tuple[str, ...] = (
    "id", "file_id", "line", "bill_key", "content",
    "municipality_code", "fund_code", "levy_year", "relevant_year", "fiscal_year", "notice_number", "installment",
    "subject_code", "child_number", "addressee_number", "department_code",
    "charge_yen", "reminder_fee_yen", "late_charge_yen", "total_yen", "due_on", "payable_until", "action", "core_key",
    "case_key", "confirmation_number",
)  # fmt: skip


def _newest_effective(bill_id: str, column: str, otherwise: str) -> str:
    return f"""
    COALESCE((SELECT r.{column} FROM revision r WHERE r.bill_id = {bill_id} AND r.effect <> 'conflict' ORDER BY r.id DESC LIMIT 1), {otherwise})"""


def current_version_of(bill_id: str) -> str:
    """The version that holds the current content of the bill with the id in that column."""
    return _newest_effective(bill_id, "version_id", bill_id)


def current_effect_of(bill_id: str) -> str:
    """What the newest effective revision of that bill was."""
    return _newest_effective(bill_id, "effect", "'created'")


CURRENT_VERSION = current_version_of("b.id")
CURRENT_EFFECT = current_effect_of("b.id")


def slip_state_of(slip_id: str) -> str:
    """The state of the slip with the id in that column."""
    return f"COALESCE((SELECT st.state FROM slip_state st WHERE st.slip_id = {slip_id} ORDER BY st.id DESC LIMIT 1), 'issued')"


SLIP_STATE = slip_state_of("s.id")
# a payment with the right number that was not taken back (does not wait for reconcile), or an act that paid or wrote it off
BILL_IS_PAID = """
    (EXISTS (SELECT 1 FROM slip s JOIN receipt p ON p.institution_code = s.institution_code AND p.case_key = s.case_key
             WHERE s.bill_id = b.id AND p.confirmation_number = s.confirmation_number AND p.stage <> 'cancelled'
               AND NOT EXISTS (SELECT 1 FROM receipt c WHERE c.transaction_key = p.transaction_key AND c.stage = 'cancelled'))
     OR COALESCE((SELECT SUM(CASE WHEN m.to_account IN ('collected', 'written_off') THEN m.yen ELSE 0 END
                           - CASE WHEN m.from_account IN ('collected', 'written_off') THEN m.yen ELSE 0 END)
                  FROM act_move m WHERE m.bill_id = b.id), 0) > 0)"""


DEAD = "('cancelled', 'superseded')"


class Effects(NamedTuple):
    """What a file did: counts of rows, one figure an effect."""

    created: int
    updated: int
    unchanged: int
    cancelled: int
    conflicts: int


def hold(connection: Connection, municipality_code: str) -> None:
    """Until the transaction ends nobody else changes bills, slips or serial numbers of this municipality, or adds receipts for them.

    What is decided from whether a bill is paid or a slip is told stays true until it is written. Locks are taken in one
    order: this one, then ``hold_states``, then that of the audit trail; so nobody waits in a circle.
    """
    bulk.hold(connection, f"bills:{municipality_code}")


def hold_states(connection: Connection) -> None:
    """Until the transaction ends nobody else takes a slip a step further: a step is right only after the state it was judged by."""
    bulk.hold(connection, "slip_state")


def next_serials(connection: Connection, municipality_code: str, size: int, file_id: int) -> int:
    """Reserve ``size`` serial numbers of a municipality's institution; the first of them."""
    hold(connection, municipality_code)
    institution_code = municipality_code[:5]
    last = "SELECT first + size FROM serial_block WHERE institution_code = :code ORDER BY first DESC LIMIT 1"
    first = bulk.scalar(connection, last, code=institution_code) or bulk.scalar(connection, last, code="")
    first = int(first) if first is not None else 1
    bulk.insert_rows(
        connection, "serial_block", ("institution_code", "first", "size", "file_id"), [(institution_code, first, size, file_id)]
    )
    return first


def leave_serials(connection: Connection, floor: int) -> None:
    """No number below this one is handed out any more, to institutions that are known and to those that come (under no code)."""
    bulk.run(
        connection,
        """INSERT INTO serial_block (institution_code, first, size, file_id)
           SELECT c.code, CAST(:floor AS BIGINT) - 1, 1, 0 FROM (SELECT DISTINCT institution_code AS code FROM municipality UNION SELECT '') c
           WHERE NOT EXISTS (SELECT 1 FROM serial_block b WHERE b.institution_code = c.code AND b.first + b.size >= :floor)""",
        floor=floor,
    )


def staged_up_to(connection: Connection, file_id: int) -> int:
    """The highest line already staged for a file (0 when none): where a killed run goes on."""
    low, high = file_id << LINE_BITS, (file_id + 1) << LINE_BITS
    good = bulk.scalar(connection, "SELECT MAX(line) FROM bill_version WHERE id >= :low AND id < :high", low=low, high=high)
    bad = bulk.scalar(connection, "SELECT MAX(line) FROM rejected_row WHERE file_id = :id", id=file_id)
    return max(int(good or 0), int(bad or 0))


def stage_versions(connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
    """Store checked rows; they count only once their file is accepted."""
    bulk.insert_rows(connection, "bill_version", VERSION_COLUMNS, rows)


def stage_problems(connection: Connection, file_id: int, problems: Sequence[Problem]) -> None:
    """Store what was wrong with rows, or with the file."""
    columns = ("file_id", "line", "code", "severity", "column_number", "field", "ja", "args", "place")
    bulk.insert_rows(
        connection, "row_problem", columns,
        [(file_id, p.line, p.code, p.severity, p.column, p.field, p.ja, json.dumps(p.args, ensure_ascii=False), p.place) for p in problems],
    )  # fmt: skip


def stage_file_problems(connection: Connection, file_id: int, problems: Sequence[Problem]) -> None:
    """Store what was wrong with a file as a whole, once: a killed run may have come this far before."""
    if bulk.scalar(connection, "SELECT 1 FROM row_problem WHERE file_id = :id AND line IS NULL LIMIT 1", id=file_id) is None:
        stage_problems(connection, file_id, problems)


def stage_rejected(connection: Connection, file_id: int, rejected: Sequence[tuple[int, int]]) -> None:
    """Store the lines that were not taken, with the yen that could be read."""
    bulk.insert_rows(connection, "rejected_row", ("file_id", "line", "yen"), [(file_id, line, yen) for line, yen in rejected])


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
        updated=int(counts.get("updated", 0)),
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


def _judge_changes(connection: Connection) -> None:
    """Give each later row its effect. First fitting line wins."""
    bulk.run(
        connection,
        f"""UPDATE later_row SET effect = (
              SELECT CASE
                WHEN b.id IS NULL THEN 'nothing'
                WHEN v.action = '9' AND {CURRENT_EFFECT} = 'cancelled' THEN 'unchanged'
                WHEN v.action = '1' AND {CURRENT_EFFECT} <> 'cancelled'
                     AND v.content = (SELECT w.content FROM bill_version w WHERE w.id = {CURRENT_VERSION}) THEN 'unchanged'
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
           WHERE l.effect IN ('updated', 'cancelled', 'conflict') ORDER BY l.version_id""",
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
    """A bill that comes back after its cancellation, or that had nothing to pay until now, gets a new eL number."""
    bulk.run(
        connection,
        f"""INSERT INTO slip (bill_id, issue_count, municipality_code, institution_code, case_key, confirmation_number, issued_at)
            SELECT l.bill_id, COALESCE((SELECT MAX(s.issue_count) FROM slip s WHERE s.bill_id = l.bill_id), 0) + 1,
                   v.municipality_code, SUBSTR(v.municipality_code, 1, 5), v.case_key, v.confirmation_number, :at
            FROM later_row l JOIN bill_version v ON v.id = l.version_id
            WHERE l.effect = 'updated' AND v.total_yen > 0 AND NOT EXISTS (
              SELECT 1 FROM slip s WHERE s.bill_id = l.bill_id AND {SLIP_STATE} NOT IN {DEAD}
                AND NOT EXISTS (SELECT 1 FROM message_item i WHERE i.slip_id = s.id AND i.operation = 'cancel'))
            ORDER BY l.version_id""",
        at=at,
    )


def reissue(connection: Connection, bill_id: int, numbers: tuple[str, str], at: str) -> int:
    """Give a bill another eL number (case key, confirmation number); the slip before it has to be told to the gateway. Its issue count."""
    bulk.run(
        connection,
        """INSERT INTO change (slip_id, municipality_code) SELECT s.id, s.municipality_code FROM slip s
           WHERE s.bill_id = :bill ORDER BY s.issue_count DESC LIMIT 1""",
        bill=bill_id,
    )
    return int(
        bulk.scalar(
            connection,
            """INSERT INTO slip (bill_id, issue_count, municipality_code, institution_code, case_key, confirmation_number, issued_at)
               SELECT s.bill_id, s.issue_count + 1, s.municipality_code, s.institution_code, :case_key, :number, :at FROM slip s
               WHERE s.bill_id = :bill ORDER BY s.issue_count DESC LIMIT 1 RETURNING issue_count""",
            bill=bill_id, case_key=numbers[0], number=numbers[1], at=at,
        )
    )  # fmt: skip
