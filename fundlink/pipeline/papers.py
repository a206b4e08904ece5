"""The papers of the treasurer's office: which rows stand in 日計表, 収納金内訳, 過誤納一覧, 未収一覧 and 月計表.

Called by jobs. Papers of a closed day come from its frozen books and the facts these had seen, so they never change; those of
an open day say how it stands now. Every sum is that of the books, to the yen.
"""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.connectors import core_files
from fundlink.domain.books import ACCOUNTS, PAYMENT_ACCOUNTS, YEAR_KINDS, BookRow
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.problems import problem
from fundlink.formats.papers import Column, Paper, Written
from fundlink.pipeline import absence
from fundlink.pipeline.closing import books_of, enterprise_funds
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile.books import ACCOUNT_OF, year_of_group
from fundlink.reconcile.fiscal import attribute, year_of
from fundlink.reconcile.outcomes import PAYING, RULES, UNDETERMINED
from fundlink.store import books, closing, days, files, papers
from fundlink.store.books import Window

_WHOSE = (
    Column("fund_code", "公金種目コード"), Column("fund", "公金種目"), Column("department_code", "課所コード"), Column("fiscal_year", "会計年度"),
    Column("year_kind", "年度区分"),
)  # fmt: skip
_OUTCOMES = {rule.outcome: rule.ja for rule in (*RULES, UNDETERMINED)}
_BALANCES = tuple(name for name, _ in PAYMENT_ACCOUNTS)


class Asked(NamedTuple):
    """Which paper is wanted: its name, and either a day or a month (YYYY-MM)."""

    name: str
    day: str = ""
    month: str = ""
    municipality: str | None = None

    @property
    def days(self) -> tuple[str, str]:
        """The first and the last day of the paper."""
        if self.day:
            return self.day, self.day
        year, month = map(int, self.month.split("-"))
        return f"{self.month}-01", f"{self.month}-{calendar.monthrange(year, month)[1]:02d}"


class Desk(NamedTuple):
    """What a paper is made with."""

    rooms: Rooms
    connection: Connection
    municipality_code: str
    asked: Asked

    def whose(self, *keys: Any) -> tuple[Any, ...]:
        """Cells of fund, department, year and kind."""
        fund, department, year, kind = keys
        return fund, self.rooms.codes("fund_codes").get(fund, ""), department, str(year), dict(YEAR_KINDS)[kind]


@contextmanager
def paper(rooms: Rooms, asked: Asked) -> Iterator[Paper]:
    """The paper, its rows still to be read inside the block. Raises UsageError for a name or period that there is not."""
    if asked.name not in PAPERS:
        raise UsageError(f"帳票の名前は {' | '.join(PAPERS)} のどれかです。")
    title, periods, make = PAPERS[asked.name]
    if bool(asked.day) == bool(asked.month) or ("day" if asked.day else "month") not in periods:
        raise UsageError(f"{title}は {' か '.join(f'--{period}' for period in periods)} で期間を指定してください。")
    with rooms.store.read() as connection:
        code = asked.municipality or _only_one(connection)
        found = make(Desk(rooms, connection, code, asked))
        about = {"municipality_code": code, "day": asked.day, "month": asked.month, **found.about}
        yield found._replace(name=asked.name, title=title, about=about)


def write(rooms: Rooms, asked: Asked, form: str, out: Path) -> dict[str, Any]:
    """Write a paper to a file; what it is, how many rows it has and its sums."""
    with paper(rooms, asked) as found:
        written = Written(found)
        core_files.put(out, written.pieces(form))
    about = {"paper": found.name, "title": found.title, **found.about, "notes": list(found.notes)}
    return {**about, "form": form, "out": str(out), "rows": written.count, "foot": written.foot}


def shown(rooms: Rooms, asked: Asked) -> dict[str, Any]:
    """A paper as a screen shows it: heads, rows, sums."""
    with paper(rooms, asked) as found:
        written = Written(found)
        rows = [list(row) for row in written.rows()]
    about = {"paper": found.name, "title": found.title, **found.about, "notes": list(found.notes)}
    return {**about, "columns": [column._asdict() for column in found.columns], "rows": rows, "foot": written.foot}


def _only_one(connection: Connection) -> str:
    known = [code for code, _, _ in files.municipalities(connection)]
    if len(known) != 1:
        raise ProblemError([problem("FL-PAP-001", count=len(known))])
    return str(known[0])


def _window(desk: Desk, day: str) -> tuple[Window, str]:
    """The window of a day, and the hash of its books ("" while it is open)."""
    close = books.closed_at(desk.connection, desk.municipality_code, day)
    if close is not None and close.day == day:
        return books.window_of(desk.connection, close), close.books_sha256
    if close is not None:
        raise ProblemError([problem("FL-DAY-010", place=day, day=close.day)])
    if not days.newest(desk.connection, day, desk.municipality_code):
        raise ProblemError([problem("FL-DAY-002", place=day)])
    return books.open_window(desk.connection, desk.municipality_code, day), ""


def _windows(desk: Desk) -> tuple[list[Window], dict[str, Any], list[str]]:
    """The windows of the day, or of the closed days of the month; what the paper is about; what has to be noted."""
    if desk.asked.day:
        window, sha256 = _window(desk, desk.asked.day)
        return [window], {"state": "closed" if sha256 else "open", "books_sha256": sha256}, [] if sha256 else ["未締め"]
    closes = books.approved(desk.connection, desk.municipality_code, *desk.asked.days)
    return [books.window_of(desk.connection, close) for close in closes], {"state": "closed"}, _open_days(desk)


def _open_days(desk: Desk) -> list[str]:
    first, last = desk.asked.days
    front = books.front(desk.connection, desk.municipality_code)
    after = max(front.day if front else "", f"{first[:8]}00")
    still = closing.days_before(desk.connection, f"{last}~", desk.municipality_code, after=after)
    return [f"未締めの日（含みません）: {'、'.join(still)}"] if still else []


def _day_sheet(desk: Desk) -> Paper:
    window, sha256 = _window(desk, desk.asked.day)
    code, day = desk.municipality_code, desk.asked.day
    rows = books.frozen(desk.connection, code, day) if sha256 else books_of(desk.rooms, desk.connection, window)
    money = {account: sum(row.yen for row in rows if row.account == account and row.value_on == day) for account in ("settled", "fee", "credited")}  # fmt: skip
    about = {"state": "closed" if sha256 else "open", "books_sha256": sha256, **{f"{name}_yen": yen for name, yen in money.items()}}
    held: dict[tuple[Any, ...], list[BookRow]] = defaultdict(list)
    for row in rows:
        if row.source != "money":
            held[row[:4]].append(row)
    lines = [(*desk.whose(*key), *_day_cells(of_key, day)) for key, of_key in held.items()]
    return Paper("", "", about, _DAY_COLUMNS, lines, [] if sha256 else ["未締め"])


_DAY_COLUMNS = (
    *_WHOSE,
    Column("collected_count", "収納件数", "count"), Column("collected_yen", "収納額", "yen"),
    Column("overpaid_count", "過誤納件数", "count"), Column("overpaid_yen", "過誤納額", "yen"),
    Column("suspense_count", "別段預り件数", "count"), Column("suspense_yen", "別段預り額", "yen"),
    Column("total_count", "本日件数計", "count"), Column("total_yen", "本日収納計", "yen"),
    Column("revised_count", "前日以前の訂正件数", "count"), Column("revised_yen", "前日以前の訂正額", "yen"),
    *(Column(f"books_{name}_yen", f"帳簿{ja}額", "yen") for name, ja in ACCOUNTS if name in _BALANCES),
)  # fmt: skip


def _day_cells(rows: list[BookRow], day: str) -> Iterable[int]:
    """Today's receipts by account and together, revisions of earlier days, and what all of it with manual moves makes on each account."""
    today = [row for row in rows if row.source == "receipt" and row.value_on == day]
    revised = [row for row in rows if row.source == "receipt" and row.value_on != day]
    for of_account in (*([row for row in today if row.account == name] for name in _BALANCES[:3]), today, revised):
        yield sum(row.transactions for row in of_account)
        yield sum(row.yen for row in of_account)
    yield from (sum(row.yen for row in rows if row.account == name) for name in _BALANCES)


def _breakdown(desk: Desk) -> Paper:
    windows, about, notes = _windows(desk)
    enterprise, channels = enterprise_funds(desk.rooms), desk.rooms.codes("channels")
    held: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * 6)
    for window in windows:
        for group in books.receipt_groups(desk.connection, window, PAYING):
            year = year_of_group(group, window.day, enterprise)
            sums = held[group.fund_code, group.department_code, *year, group.channel, ACCOUNT_OF[group.outcome]]
            spread = (group.charge_yen, group.reminder_fee_yen, group.late_charge_yen)
            for at, more in enumerate((group.transactions, *spread, group.yen - sum(spread), group.yen)):
                sums[at] += more
    accounts = dict(ACCOUNTS)
    lines = [
        (*desk.whose(*key[:4]), channels.get(key[4], key[4]), accounts[key[5]], *sums) for key, sums in sorted(held.items()) if any(sums)
    ]
    return Paper("", "", about, _BREAKDOWN_COLUMNS, lines, notes)


_BREAKDOWN_COLUMNS = (
    *_WHOSE, Column("channel", "収納方法"), Column("account", "区分"), Column("transactions", "件数", "count"), Column("charge_yen", "料額", "yen"),
    Column("reminder_fee_yen", "督促手数料", "yen"), Column("late_charge_yen", "延滞金", "yen"), Column("unassigned_yen", "未配分額", "yen"),
    Column("total_yen", "収納計", "yen"),
)  # fmt: skip


def _overpayments(desk: Desk) -> Paper:
    windows, about, notes = _windows(desk)
    enterprise, accounts = enterprise_funds(desk.rooms), dict(ACCOUNTS)
    lines: list[tuple[Any, ...]] = []
    for window in windows:
        for entry in papers.moves(desk.connection, window, "overpaid"):
            year = attribute(entry.bill_year, entry.value_on, window.day, enterprise=entry.fund_code in enterprise)
            what = f"振替（{accounts.get(entry.what, 'なし')}）"
            lines.append(
                (window.day, *desk.whose(entry.fund_code, entry.department_code, *year), entry.transaction_key, entry.bill_key, what,
                 entry.paid_on, entry.value_on, entry.sign * entry.yen)
            )  # fmt: skip
    return Paper("", "", about, _OVERPAID_COLUMNS, lines, notes)


_OVERPAID_COLUMNS = (
    Column("day", "帳簿の日"), *_WHOSE, Column("transaction_key", "取引番号"), Column("bill_key", "請求キー"), Column("what", "内容"),
    Column("paid_on", "領収日"), Column("value_on", "収入日"), Column("yen", "過誤納額", "yen"),
)  # fmt: skip


def _unpaid(desk: Desk) -> Paper:
    (town,) = absence.towns(desk.rooms, desk.connection, desk.municipality_code)
    mark = absence.judged(desk.rooms, desk.connection, town, desk.asked.day)
    if not mark.given:  # a bill must not be called unpaid while its payment lies somewhere
        raise ProblemError(mark.reasons)
    funds = desk.rooms.codes("fund_codes")
    lines = (
        (row.fund_code, funds.get(row.fund_code, ""), row.department_code, str(row.fiscal_year), row.notice_number, row.installment,
         row.bill_key, row.due_on, row.total_yen, row.paid_yen, row.total_yen - row.paid_yen)
        for row in papers.unpaid(desk.connection, desk.municipality_code, desk.asked.day, PAYING)
    )  # fmt: skip
    return Paper("", "", {}, _UNPAID_COLUMNS, lines)


_UNPAID_COLUMNS = (
    *_WHOSE[:4], Column("notice_number", "通知書番号"), Column("installment", "期別"), Column("bill_key", "請求キー"), Column("due_on", "納期限"),
    Column("total_yen", "調定額", "yen"), Column("paid_yen", "収納額", "yen"), Column("unpaid_yen", "未収額", "yen"),
)  # fmt: skip


def _month_sheet(desk: Desk) -> Paper:
    first, last = desk.asked.days
    held: dict[tuple[Any, ...], dict[str, Sequence[int]]] = defaultdict(dict)
    for row in papers.year_sums(desk.connection, desk.municipality_code, (first, last), year_of(first) - 1):
        held[row[:4]][row.account] = row[5:]
    lines = [(*desk.whose(*key), *_month_cells(sums)) for key, sums in held.items()]
    return Paper("", "", {"state": "closed"}, _MONTH_COLUMNS, lines, _open_days(desk))


_MONTH_COLUMNS = (
    *_WHOSE, Column("month_count", "本月件数", "count"),
    *(Column(f"month_{name}_yen", f"本月{ja}額", "yen") for name, ja in ACCOUNTS if name in _BALANCES),
    Column("before_collected_yen", "前月までの収納額", "yen"), Column("all_count", "累計件数", "count"),
    *(Column(f"all_{name}_yen", f"累計{ja}額", "yen") for name, ja in ACCOUNTS if name in _BALANCES),
)  # fmt: skip


def _month_cells(sums: dict[str, Sequence[int]]) -> Iterable[int]:
    found = [sums.get(name, (0, 0, 0, 0)) for name in _BALANCES]
    yield sum(of_account[0] for of_account in found)
    yield from (of_account[1] for of_account in found)
    yield found[0][3] - found[0][1]
    yield sum(of_account[2] for of_account in found)
    yield from (of_account[3] for of_account in found)


PAPERS: dict[str, tuple[str, tuple[str, ...], Callable[[Desk], Paper]]] = {
    "day-sheet": ("日計表", ("day",), _day_sheet),
    "breakdown": ("収納金内訳", ("day", "month"), _breakdown),
    "overpayments": ("過誤納一覧", ("day", "month"), _overpayments),
    "unpaid": ("未収一覧", ("day",), _unpaid),
    "month-sheet": ("月計表", ("month",), _month_sheet),
}
"""Every paper by the name it is asked for: title, periods, and how it is made."""
