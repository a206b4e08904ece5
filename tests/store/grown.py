"""A database as it is after a year: 40,000 bills of two municipalities, all registered, half of them paid, cleared and handed over.

Made by one statement a table, the same on both databases, so that a planner has something to plan for. The text of every row is
as the road writes it wherever the road reads it again.
"""

from __future__ import annotations

import sqlalchemy as sa

from tests.builders import World

BILLS = 40_000
PAID = 20_000
CODES = ("990019", "990027")
FIRST = 1_000_000_000
"""Notice numbers of the bills made here start above this; those that a test takes in lie below."""
AT = "2026-10-01T09:00:00+09:00"
_LINES = 1 << 24
FILES = _MESSAGES = 2_000


def _series(count: int) -> str:
    return f"WITH RECURSIVE g (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < {count})"


_CODE = f"CASE WHEN g.n % 2 = 0 THEN '{CODES[0]}' ELSE '{CODES[1]}' END"
_SHORT = f"CASE WHEN g.n % 2 = 0 THEN '{CODES[0][:5]}' ELSE '{CODES[1][:5]}' END"
# every file holds 30 bills, so that no single file is most of the table
_FILE = f"(g.n % {FILES} + 1)"
_BILL = f"(CAST({_FILE} AS BIGINT) * {_LINES} + g.n / {FILES} + 2)"
_NOTICE = f"('000000' || CAST({FIRST} + g.n AS TEXT))"
_KEY = f"({_CODE} || '~601~2026~2026~' || {_NOTICE} || '~01~~')"
_CASE = "('6012026' || CAST(9000000000000 + g.n AS TEXT))"
_DAY = "('2026-0' || CAST(g.n % 9 + 1 AS TEXT) || '-' || CAST(g.n / 9 % 18 + 10 AS TEXT))"


def _tables(bills: int, paid: int) -> tuple[tuple[int, str, str], ...]:
    return (
        (FILES, "raw (sha256, size, direction, kind, name, kept_at)", f"'sha' || CAST(g.n AS TEXT), 10, 'in', 'billing', 'x.csv', '{AT}'"),
        (FILES, "raw_piece (raw_id, seq, data)", "g.n, 0, :data"),
        (FILES, "file (raw_id, sha256, profile, profile_digest, name, channel, municipality_wanted, received_at)",
         f"g.n, 'sha' || CAST(g.n AS TEXT), 'standard', 'digest', 'x.csv', 'file', '', '{AT}'"),
        (FILES, "file_event (file_id, event, municipality_code, summary, at)", f"g.n, 'received', '', '{{}}', '{AT}'"),
        (FILES, "file_event (file_id, event, municipality_code, summary, at)", f"g.n, 'accepted', {_CODE}, '{{}}', '{AT}'"),
        (bills, ("bill_version (id, file_id, line, bill_key, content, municipality_code, fund_code, levy_year, relevant_year, fiscal_year, "
         "notice_number, installment, subject_code, child_number, addressee_number, department_code, charge_yen, reminder_fee_yen, "
         "late_charge_yen, total_yen, due_on, payable_until, action, core_key, case_key, confirmation_number)"),
         (f"{_BILL}, {_FILE}, g.n / {FILES} + 2, {_KEY}, 'content' || CAST(g.n AS TEXT), {_CODE}, '601', 2026, 2026, 2026 - g.n % 5, "
         f"{_NOTICE}, '01', '', '', '', '000', 1000, 0, 0, 1000, '2026-11-30', '2027-01-09', '1', 'C' || CAST(g.n AS TEXT), {_CASE}, '123456'")),
        (bills, "bill (id, bill_key, municipality_code, file_id)", f"{_BILL}, {_KEY}, {_CODE}, {_FILE}"),
        (bills, "slip (bill_id, issue_count, municipality_code, institution_code, case_key, confirmation_number, issued_at)",
         f"{_BILL}, 1, {_CODE}, {_SHORT}, {_CASE}, '123456', '{AT}'"),
        (bills // 10, "row_problem (file_id, line, code, severity, args)", f"{_FILE}, g.n / {FILES} + 2, 'FL-CHR-002', 'warning', '[]'"),
        (bills // 10, "rejected_row (file_id, line, yen)", f"{_FILE}, 900 + g.n / {FILES}, 0"),
        (_MESSAGES, "message (id, municipality_code, raw_id, records, yen, created_at)", f"'M' || CAST(g.n AS TEXT), {_CODE}, 1, 200, 0, '{AT}'"),
        (_MESSAGES, "message_event (message_id, event, detail, at)", f"'M' || CAST(g.n AS TEXT), 'stored', '', '{AT}'"),
        (_MESSAGES, "message_event (message_id, event, detail, at)", f"'M' || CAST(g.n AS TEXT), 'answered', '', '{AT}'"),
        (bills, "slip_state (slip_id, state, event, cause, at)", f"g.n, 'registered', 'acknowledge', 'M1', '{AT}'"),
        (bills, "message_item (message_id, position, slip_id, version_id, operation, last_change_id)",
         f"'M' || CAST(g.n % {_MESSAGES} + 1 AS TEXT), g.n / {_MESSAGES} + 1, g.n, {_BILL}, 'register', 0"),
        (_MESSAGES, "received_file (source, remote_id, kind, name, municipality_code, business_day, raw_id, state, records, duplicates, yen, problems, at)",
         f"'gateway', 'old-' || CAST(g.n AS TEXT), 'receipt', 'x', {_CODE}, {_DAY}, 1, 'applied', 100, 0, 0, '[]', '{AT}'"),
        (paid, ("receipt (received_id, position, municipality_code, transaction_key, stage, institution_code, case_key, confirmation_number, "
         "fund_code, channel, amount_yen, paid_on, booked_on)"),
         f"g.n % {_MESSAGES} + 1, g.n, {_CODE}, 'OLD' || CAST(g.n AS TEXT), 'confirmed', {_SHORT}, {_CASE}, '123456', '601', 'app', 1000, {_DAY}, {_DAY}"),
        (paid, "outcome (transaction_key, receipt_id, slip_id, bill_id, version_id, outcome, evidence, at)",
         f"'OLD' || CAST(g.n AS TEXT), g.n, g.n, {_BILL}, {_BILL}, 'matched', 0, '{AT}'"),
        (paid, "slip_state (slip_id, state, event, cause, at)", f"g.n, 'paid', 'pay', 'R', '{AT}'"),
        (paid, "slip_state (slip_id, state, event, cause, at)", f"g.n, 'cleared', 'clear', 'E', '{AT}'"),
        (paid, "clearing_entry (entry_number, transaction_key, outcome_id, stage, municipality_code, profile, at)",
         f"g.n, 'OLD' || CAST(g.n AS TEXT), g.n, '1', {_CODE}, 'standard', '{AT}'"),
        (_MESSAGES, "export_file (kind, name, municipality_code, profile, raw_id, records, yen, at)", f"'clearing', 'x', {_CODE}, 'standard', 1, 100, 0, '{AT}'"),
        (_MESSAGES, "export_delivery (export_file_id, at)", f"g.n, '{AT}'"),
        (paid, "clearing_handover (entry_number, export_file_id)", f"g.n, g.n % {_MESSAGES} + 1"),
        (bills, "slip_handover (slip_id, export_file_id)", f"g.n, g.n % {_MESSAGES} + 1"),
        (2, "mark (name, until_id, at)", f"'slips told:' || {_CODE}, {bills}, '{AT}'"),
        (1, "mark (name, until_id, at)", f"'slips handed over:standard', {bills + 2 * paid}, '{AT}'"),
        (2, ('day_close (municipality_code, day, step, "by", books_sha256, sheet_sha256, reason, until_outcome_id, until_total_id, until_move_id, '
             "until_state_id, at)"), f"{_CODE}, '2026-09-30', 'approved', 'b', 'x', 'x', '', {paid}, 0, 0, 0, '{AT}'"),
        (1, "used_profile (profile)", "'standard'"),
        (1, "export_mark (last_outcome_id, handed_until, at)", f"{paid}, {paid}, '{AT}'"),
        (20_000, "audit (seq, at, actor, act, subject, detail, previous, hash)", f"g.n, '{AT}', 'fundlink', 'x', 'y', '{{}}', 'p', 'h' || CAST(g.n AS TEXT)"),
    )  # fmt: skip


GROWN = tuple(sorted({into.split()[0] for _, into, _ in _tables(BILLS, PAID)} - {"day_close", "export_mark", "mark", "used_profile"}))
"""Tables that grow with every row, file or message of a year."""
WHOLE = {
    # Each by a part of its text, with the reason.
    "p.stage = 'preliminary'": "the index of preliminary statements; asked for after the page is there",
    "'transaction:' || q.transaction_key": "the queue of cases: the index of outcomes that do not match, which holds nothing else",
    "WHERE o.outcome NOT IN ('matched', 'paid_after_limit') AND r.id = o.receipt_id": "the same index",
}
LARGE = (
    "bill",
    "bill_version",
    "clearing_entry",
    "clearing_handover",
    "message_item",
    "outcome",
    "receipt",
    "slip",
    "slip_handover",
    "slip_state",
)
"""Tables with a row a bill or payment; those with a row a file or message may be read."""


def fill(found: World, size: tuple[int, int] = (BILLS, PAID)) -> None:
    """Make the year (``size``: bills, and how many of them are paid) and let both planners count it."""
    from fundlink.desk import add_municipality
    from fundlink.pipeline import control
    from fundlink.store import bills

    for code in CODES:
        add_municipality(found.jobs.rooms, code, "")
    store = found.jobs.rooms.store
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit")
        if not store.is_sqlite:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # a foreign key looked up a row is a second a table
        for count, into, row in _tables(*size):
            values = {"data": b"x" * 200} if ":data" in row else {}
            connection.execute(sa.text(f"INSERT INTO {into} {_series(count)} SELECT {row} FROM g"), values)
    with store.write() as connection:  # the year was counted as it came; what is new is counted on from there
        bills.hold_states(connection)
        control.check(found.jobs.rooms, connection)
    if not store.is_sqlite:
        analyze(found)


def analyze(found: World) -> None:
    """The planner counts the rows. PostgreSQL does so by itself sooner or later, SQLite when somebody asks it to."""
    store = found.jobs.rooms.store
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE" if store.is_sqlite else "VACUUM ANALYZE")
