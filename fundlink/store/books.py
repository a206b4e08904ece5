"""The books of a day: summed from what is new since the last close, frozen when a day is closed, and the facts of closing.

Called by pipeline.closing, pipeline.papers and pipeline.reconcile. No receipt has a row of its own here: outcomes are the
journal, and a close remembers up to which of them its books had seen (``Marks``). So the books of a closed day can be made
again from the same facts at any time, and what came later is what lies behind the marks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.books import NO_DEPARTMENT, BookRow, MoneySum, MoveGroup, ReceiptGroup
from fundlink.store import bulk
from fundlink.store.outcomes import words


class Marks(NamedTuple):
    """The last ids of outcomes, their totals, manual moves and day states that books have seen."""

    outcome_id: int = 0
    total_id: int = 0
    move_id: int = 0
    state_id: int = 0


class Close(NamedTuple):
    """One step of closing a day as it is stored."""

    id: int
    municipality_code: str
    day: str
    step: str
    by: str
    books_sha256: str
    sheet_sha256: str
    reason: str
    at: str
    marks: Marks


class Window(NamedTuple):
    """What the books of a day are made from: all between the last close and these marks."""

    municipality_code: str
    day: str
    previous_day: str  # "" before the first close
    since: Marks
    until: Marks


_FACT = ("municipality_code", "day", "step", "by", "books_sha256", "sheet_sha256", "reason", "at")
_MARKS = ("until_outcome_id", "until_total_id", "until_move_id", "until_state_id")
# "by" is a word of SQL; quoted everywhere so that nobody has to remember
_SEEN = ", ".join(f'c."{name}"' for name in ("id", *_FACT, *_MARKS))
_KEYS = ("fund_code", "department_code", "fiscal_year", "year_kind", "source", "account", "value_on", "transactions", "yen")


def marks(connection: Connection) -> Marks:
    """Where everything ends now."""
    tables = ("outcome", "outcome_total", "act_move", "day_state")
    return Marks(*(bulk.newest_id(connection, table) for table in tables))


def front(connection: Connection, municipality_code: str) -> Close | None:
    """The last approved close of a municipality: its day and every earlier one take nothing any more."""
    return _one(connection, "c.municipality_code = :code AND c.step = 'approved' ORDER BY c.id DESC LIMIT 1", code=municipality_code)


def fronts(connection: Connection) -> dict[str, Close]:
    """The last approved close of every municipality that has one."""
    found = _closes(connection, f"c.id IN ({_NEWEST_APPROVED})")
    return {close.municipality_code: close for close in found}


_NEWEST_APPROVED = """
    SELECT (SELECT MAX(x.id) FROM day_close x WHERE x.municipality_code = m.code AND x.step = 'approved') FROM municipality m"""


def newest_step(connection: Connection, municipality_code: str, day: str) -> Close | None:
    """The newest step for a day."""
    return _one(connection, "c.municipality_code = :code AND c.day = :day ORDER BY c.id DESC LIMIT 1", code=municipality_code, day=day)


def approved(connection: Connection, municipality_code: str, first: str, last: str) -> list[Close]:
    """The approved closes of some days, in order."""
    return _closes(
        connection,
        "c.municipality_code = :code AND c.step = 'approved' AND c.day >= :first AND c.day <= :last ORDER BY c.id",
        code=municipality_code, first=first, last=last,
    )  # fmt: skip


def closed_at(connection: Connection, municipality_code: str, day: str) -> Close | None:
    """The close in whose books a day of the past was frozen: its own, or the first one of a later day."""
    condition = "c.municipality_code = :code AND c.step = 'approved' AND c.day >= :day ORDER BY c.day, c.id LIMIT 1"
    return _one(connection, condition, code=municipality_code, day=day)


def _one(connection: Connection, condition: str, **values: Any) -> Close | None:
    found = _closes(connection, condition, **values)
    return found[0] if found else None


def _closes(connection: Connection, condition: str, **values: Any) -> list[Close]:
    rows = bulk.rows(connection, f"SELECT {_SEEN} FROM day_close c WHERE {condition}", **values)
    return [Close._make([*row[: 1 + len(_FACT)], Marks._make(map(int, row[1 + len(_FACT) :]))]) for row in rows]


def add_step(connection: Connection, close: Close) -> None:
    """Append a step; its ``id`` is not looked at."""
    names = [f'"{name}"' for name in (*_FACT, *_MARKS)]
    bulk.insert_rows(connection, "day_close", names, [(*close[1:-1], *close.marks)])


def window_of(connection: Connection, close: Close) -> Window:
    """What the books of a closed day were made from."""
    condition = "c.municipality_code = :code AND c.step = 'approved' AND c.id < :id ORDER BY c.id DESC LIMIT 1"
    before = _one(connection, condition, code=close.municipality_code, id=close.id)
    return Window(close.municipality_code, close.day, before.day if before else "", before.marks if before else Marks(), close.marks)


def open_window(connection: Connection, municipality_code: str, day: str) -> Window:
    """What the books of a day that is not closed yet would be made from now."""
    before = front(connection, municipality_code)
    return Window(municipality_code, day, before.day if before else "", before.marks if before else Marks(), marks(connection))


def _newest(key: str, until: str) -> str:
    return f"(SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = {key} AND x.id <= :{until})"


_WHAT = "r.booked_on, r.fund_code, r.channel, r.amount_yen, r.transaction_key, r.paid_on, o.outcome, o.version_id, o.bill_id, o.id AS outcome_id"
# receipts of the days that are being closed, as they stand
_FRESH = f"""
    SELECT 1 AS sign, {_WHAT} FROM receipt r CROSS JOIN outcome o
    WHERE r.municipality_code = :code AND r.booked_on > :previous AND r.booked_on <= :day
      AND o.transaction_key = r.transaction_key AND o.receipt_id = r.id AND o.outcome <> 'withdrawn'
      AND o.id = {_newest("r.transaction_key", "until")}"""
# what came since the last close for days behind it: as it stands now ...
_LATE = f"""
    SELECT 1, {_WHAT} FROM outcome o CROSS JOIN receipt r
    WHERE o.id > :since AND o.id <= :until AND r.id = o.receipt_id AND r.municipality_code = :code AND r.booked_on <= :previous
      AND o.outcome <> 'withdrawn' AND o.id = {_newest("o.transaction_key", "until")}"""
# ... less what stood in the books before
_TAKEN_BACK = f"""
    SELECT -1, {_WHAT} FROM outcome n CROSS JOIN outcome o CROSS JOIN receipt r
    WHERE n.id > :since AND n.id <= :until AND n.id = {_newest("n.transaction_key", "until")}
      AND o.transaction_key = n.transaction_key AND o.id = {_newest("n.transaction_key", "since")} AND r.id = o.receipt_id
      AND r.municipality_code = :code AND r.booked_on <= :previous AND o.outcome <> 'withdrawn'"""


def entries(window: Window) -> tuple[str, dict[str, Any]]:
    """The query for everything that entered or left the books of a window, one signed row a transaction, and its values."""
    values: dict[str, Any] = {
        "code": window.municipality_code, "day": window.day, "previous": window.previous_day, "until": window.until.outcome_id,
    }  # fmt: skip
    if not window.previous_day:
        return _FRESH, values
    return f"{_FRESH} UNION ALL {_LATE} UNION ALL {_TAKEN_BACK}", {**values, "since": window.since.outcome_id}


def receipt_groups(connection: Connection, window: Window, paying: Sequence[str]) -> list[ReceiptGroup]:
    """The receipts of a window, summed; 料, 督促手数料 and 延滞金 of those with a paying outcome."""
    source, values = entries(window)
    bulk.prepare_set_work(connection)
    parts = ", ".join(
        f"SUM(CASE WHEN e.outcome IN ({words(paying)}) THEN e.sign * v.{name} ELSE 0 END)"
        for name in ("charge_yen", "reminder_fee_yen", "late_charge_yen")
    )
    found = bulk.rows(
        connection,
        f"""SELECT e.booked_on, e.fund_code, COALESCE(NULLIF(v.department_code, ''), '{NO_DEPARTMENT}'), v.fiscal_year, e.outcome, e.channel,
                   SUM(e.sign), SUM(e.sign * e.amount_yen), {parts}
            FROM ({source}) e LEFT JOIN bill_version v ON v.id = e.version_id
            GROUP BY e.booked_on, e.fund_code, COALESCE(NULLIF(v.department_code, ''), '{NO_DEPARTMENT}'), v.fiscal_year, e.outcome, e.channel""",
        **values,
    )
    return [ReceiptGroup._make([*row[:6], *map(int, row[6:])]) for row in found]


def move_groups(connection: Connection, window: Window) -> list[MoveGroup]:
    """What manual acts moved in a window: those of its days, and late ones of days behind it."""
    found = bulk.rows(
        connection,
        f"""SELECT m.value_on, m.fund_code, m.fiscal_year, m.from_account, m.to_account,
                   p.department_code, p.fiscal_year, b.department_code, b.fiscal_year, SUM(m.yen)
            FROM act_move m LEFT JOIN outcome o ON o.id = {_newest("m.transaction_key", "until")}
            LEFT JOIN bill_version p ON p.id = o.version_id LEFT JOIN bill_version b ON b.id = m.bill_id
            WHERE m.municipality_code = :code AND m.id <= :until_move
              AND ((m.day > :previous AND m.day <= :day) OR (m.day <= :previous AND m.id > :since_move))
            GROUP BY m.value_on, m.fund_code, m.fiscal_year, m.from_account, m.to_account,
                     p.department_code, p.fiscal_year, b.department_code, b.fiscal_year""",
        code=window.municipality_code, day=window.day, previous=window.previous_day, until=window.until.outcome_id,
        until_move=window.until.move_id, since_move=window.since.move_id,
    )  # fmt: skip
    return [MoveGroup._make([*row[:5], _owner(row[5], row[6]), _owner(row[7], row[8]), int(row[9])]) for row in found]


def _owner(department: str | None, year: int | None) -> tuple[str, int] | None:
    return None if year is None else (department or NO_DEPARTMENT, int(year))


def money_sums(connection: Connection, window: Window) -> list[MoneySum]:
    """What settlement and bank say of the days of a window, and how what they say of days behind it differs from what is booked."""
    values = {"code": window.municipality_code, "previous": window.previous_day, "since": window.since.state_id}
    booked = {
        (value_on, fund, account): int(yen)
        for value_on, fund, account, yen in bulk.rows(
            connection,
            """SELECT k.value_on, k.fund_code, k.account, SUM(k.yen)
               FROM (SELECT DISTINCT d.day FROM day_state d WHERE d.municipality_code = :code AND d.day <= :previous AND d.id > :since) n
               JOIN day_book k ON k.municipality_code = :code AND k.value_on = n.day AND k.source = 'money'
               GROUP BY k.value_on, k.fund_code, k.account""",
            **values,
        )
    }
    found = bulk.rows(
        connection,
        """SELECT d.day, d.fund_code, d.settled_yen, d.fee_yen, d.credited_yen FROM day_state d
           WHERE d.municipality_code = :code AND ((d.day > :previous AND d.day <= :day) OR (d.day <= :previous AND d.id > :since))
             AND d.id = (SELECT MAX(x.id) FROM day_state x WHERE x.day = d.day AND x.municipality_code = d.municipality_code
                         AND x.fund_code = d.fund_code AND x.id <= :until)""",
        **values, day=window.day, until=window.until.state_id,
    )  # fmt: skip
    return [
        MoneySum(day, fund, account, int(yen) - booked.get((day, fund, account), 0))
        for day, fund, *amounts in found
        for account, yen in zip(("settled", "fee", "credited"), amounts, strict=True)
    ]


def freeze(connection: Connection, municipality_code: str, day: str, rows: Iterable[BookRow]) -> None:
    """Keep the books of a day for good."""
    bulk.insert_rows(connection, "day_book", ("municipality_code", "day", *_KEYS), [(municipality_code, day, *row) for row in rows])


def frozen(connection: Connection, municipality_code: str, day: str) -> list[BookRow]:
    """The books of a closed day, in the order of their keys."""
    found = bulk.rows(
        connection,
        f"SELECT {', '.join(_KEYS)} FROM day_book WHERE municipality_code = :code AND day = :day",
        code=municipality_code, day=day,
    )  # fmt: skip
    return sorted(BookRow._make(row) for row in found)


def load_enterprise_funds(connection: Connection, funds: Iterable[str]) -> None:
    """Make the list of enterprise funds the one of this program."""
    wanted = sorted(funds)
    if [row[0] for row in bulk.rows(connection, "SELECT fund_code FROM enterprise_fund ORDER BY fund_code")] != wanted:
        bulk.run(connection, "DELETE FROM enterprise_fund")
        bulk.insert_rows(connection, "enterprise_fund", ("fund_code",), [(fund,) for fund in wanted])
