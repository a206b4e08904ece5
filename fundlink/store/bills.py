"""Bills, their versions and their slips: what is current of them, who may change them, and the rows that an intake stages.

Called by pipeline.intake and desk; its words for what is current are used all over this room. Rows are staged under their file id
and do nothing until ``bill_effects`` lets the whole file take effect.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Connection

from fundlink.domain.problems import Problem
from fundlink.store import bulk
from fundlink.store.moves import SETTLING, net_on_bill

LINE_BITS = 24
MAX_LINE = (1 << LINE_BITS) - 1
CONTENT_BYTES = 12
"""The digest at the beginning of a version's content; behind it stands the mark of its payer."""
PAYER_UNSAID, NO_PAYER = "", "-"
"""Marks of a row that says nothing of a payer, and of one that says there is none."""

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
BILL_IS_PAID = f"""
    (EXISTS (SELECT 1 FROM slip s JOIN receipt p ON p.institution_code = s.institution_code AND p.case_key = s.case_key
             WHERE s.bill_id = b.id AND p.confirmation_number = s.confirmation_number AND p.stage <> 'cancelled'
               AND NOT EXISTS (SELECT 1 FROM receipt c WHERE c.transaction_key = p.transaction_key AND c.stage = 'cancelled'))
     OR {net_on_bill(SETTLING)} > 0)"""


DEAD = "('cancelled', 'superseded')"


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
