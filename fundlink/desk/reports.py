"""Reports (集計): how much of what was billed is paid, by which channel, how old open cases are, how long days took to tie and close.

Called by cli and console. Each is read from maintained totals or from rows a day, never from rows a bill; a report is a Paper
(so it is written like every paper of the house) with the bars that a screen draws of it.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.connectors import core_files
from fundlink.desk.report_pages import page_of
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.problems import problem
from fundlink.formats.papers import FORMS as PAPER_FORMS
from fundlink.formats.papers import Column, Paper, Written
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile.case_kinds import KINDS
from fundlink.store import cases, day_spans, files, months

FORMS = (*PAPER_FORMS, "pdf")
EDGES = (7, 30, 90)
"""Where one age of open cases ends and the next begins, in days."""
MONTHS = 13
"""How many months back the spans of days are looked at."""
LATER = "preliminary"
"""A kind of case that takes a look at every preliminary statement; it is no part of a report that must answer at once."""
_MOVED = "充当などの処理で動かした金額は含みません。"
_FUND = (Column("fund_code", "公金種目コード"), Column("fund", "公金種目"))


class Bar(NamedTuple):
    """One bar of the picture: what it stands for, its length, and how the number is written (``permille``, ``yen``, ``count`` or ``tenths`` of days)."""

    label: str
    value: int
    unit: str


class Report(NamedTuple):
    """A paper and its picture."""

    paper: Paper
    bars: list[Bar]


class Desk(NamedTuple):
    """What a report is made with."""

    rooms: Rooms
    connection: Connection
    municipality_code: str

    def fund(self, code: str) -> tuple[str, str]:
        """Code and word of a fund."""
        return code, self.rooms.codes("fund_codes").get(code, "")


def shown(rooms: Rooms, name: str, municipality: str | None = None) -> dict[str, Any]:
    """A report as a screen and a program see it."""
    found = _made(rooms, name, municipality)
    written = Written(found.paper)
    rows = [list(row) for row in written.rows()]
    paper = found.paper
    return {
        "report": paper.name, "title": paper.title, **paper.about, "notes": list(paper.notes),
        "columns": [column._asdict() for column in paper.columns], "rows": rows, "foot": written.foot, "bars": [bar._asdict() for bar in found.bars],
    }  # fmt: skip


def write(rooms: Rooms, name: str, municipality: str | None, *, form: str, out: Path) -> dict[str, Any]:
    """Write a report to a file; what it is and how many rows it has."""
    if form == "pdf":
        return _print(rooms, name, municipality, out)
    paper = _made(rooms, name, municipality).paper
    written = Written(paper)
    core_files.put(out, written.pieces(form))
    about = {"report": paper.name, "title": paper.title, **paper.about, "notes": list(paper.notes)}
    return {**about, "form": form, "out": str(out), "rows": written.count, "foot": written.foot}


def _print(rooms: Rooms, name: str, municipality: str | None, out: Path) -> dict[str, Any]:
    """The same report on paper, with its picture and its fonts inside."""
    told = shown(rooms, name, municipality)
    with rooms.store.read() as connection:
        names = {code: word for code, word, _ in files.municipalities(connection)}
    core_files.put(out, [rooms.printer().report(page_of(told, names[told["municipality_code"]]))])
    about = {key: told[key] for key in ("report", "title", "municipality_code", "at", "notes", "foot")}
    return {**about, "form": "pdf", "out": str(out), "rows": len(told["rows"])}


def _made(rooms: Rooms, name: str, municipality: str | None) -> Report:
    if name not in REPORTS:
        raise UsageError(f"集計の名前は {' | '.join(REPORTS)} のどれかです。")
    title, make = REPORTS[name]
    with rooms.store.read() as connection:
        found = make(Desk(rooms, connection, _code(connection, municipality)))
        about = {"municipality_code": _code(connection, municipality), "at": rooms.now()}
    return found._replace(paper=found.paper._replace(name=name, title=title, about=about))


def _code(connection: Connection, municipality: str | None) -> str:
    known = [code for code, _, _ in files.municipalities(connection)]
    if municipality is None and len(known) != 1:
        raise ProblemError([problem("FL-PAP-001", count=len(known))])
    if municipality is not None and municipality not in known:
        raise ProblemError([problem("FL-MUN-003", actual=municipality)])
    return municipality or known[0]


def rate(paid: int, billed: int) -> int | None:
    """Paid of billed in permille, cut off: what is not paid in full never reads as 100.0.

    >>> rate(999_999, 1_000_000), rate(5, 5), rate(0, 0)
    (999, 1000, None)
    """
    return paid * 1000 // billed if billed else None


def _percent(permille: int | None) -> str:
    return "" if permille is None else f"{permille // 10}.{permille % 10}"


def _collection(desk: Desk) -> Report:
    sums: dict[tuple[str, str], dict[str, tuple[int, int]]] = defaultdict(dict)
    for row in months.totals(desk.connection, desk.municipality_code, ("billed", "paid")):
        sums[row.fund_code, row.month][row.part] = row.number, row.yen
    lines, funds = [], dict[str, list[int]]()
    for (fund, month), of in sorted(sums.items()):
        billed, paid = of.get("billed", (0, 0)), of.get("paid", (0, 0))
        if not any((*billed, *paid)):
            continue
        lines.append((*desk.fund(fund), month, *billed, *paid, billed[1] - paid[1], _percent(rate(paid[1], billed[1]))))
        held = funds.setdefault(fund, [0, 0])
        held[0] += paid[1]
        held[1] += billed[1]
    bars = [Bar(desk.fund(fund)[1] or fund, rate(*held) or 0, "permille") for fund, held in funds.items()]
    return Report(Paper("", "", {}, _COLLECTION, lines, [_MOVED]), bars)


_COLLECTION = (
    *_FUND, Column("month", "納期限の月"), Column("billed_count", "請求件数", "count"), Column("billed_yen", "請求額", "yen"),
    Column("paid_count", "納付件数", "count"), Column("paid_yen", "納付額", "yen"), Column("unpaid_yen", "未納額", "yen"), Column("rate_percent", "収納率（%）"),
)  # fmt: skip


def _channels(desk: Desk) -> Report:
    words = desk.rooms.codes("channels")
    rows = months.totals(desk.connection, desk.municipality_code, ("collected",))
    lines = [
        (row.month, *desk.fund(row.fund_code), words.get(row.channel, row.channel), row.number, row.yen)
        for row in sorted(rows, key=lambda row: (row.month, row.fund_code, row.channel)) if row.number or row.yen
    ]  # fmt: skip
    summed: dict[str, int] = defaultdict(int)
    for row in rows:
        summed[row.channel] += row.number
    bars = [Bar(words.get(name, name), count, "count") for name, count in _longest_first(summed)]
    return Report(Paper("", "", {}, _CHANNELS, lines, ["納付書と合った収納だけを数えます。"]), bars)


_CHANNELS = (
    Column("month", "収入日の月"), *_FUND, Column("channel", "収納方法"), Column("transactions", "件数", "count"), Column("yen", "金額", "yen"),
)  # fmt: skip


def _longest_first(summed: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    return sorted(((name, value) for name, value in summed.items() if value), key=lambda pair: (-pair[1], pair[0]))


def _ageing(desk: Desk) -> Report:
    today = dt.date.fromisoformat(desk.rooms.today())
    first, second, third = ((today - dt.timedelta(days=days)).isoformat() for days in EDGES)
    kinds = {kind.name: kind.ja for kind in KINDS}
    found = cases.ages(desk.connection, desk.municipality_code, (first, second, third), LATER)
    lines = [(kinds.get(kind, kind), _AGES[age], count, yen) for kind, age, count, yen in found]
    bars = [Bar(words, sum(count for _, of, count, _ in found if of == age), "count") for age, words in enumerate(_AGES)]
    return Report(Paper("", "", {}, _AGEING, lines, [f"{kinds[LATER]}は含みません（案件の一覧で見られます）。"]), bars)


_AGES = (f"{EDGES[0]} 日まで", *(f"{low + 1}〜{high} 日" for low, high in itertools.pairwise(EDGES)), f"{EDGES[-1]} 日を超える")
_AGEING = (Column("kind", "案件の種類"), Column("age", "待っている日数"), Column("cases", "件数", "count"), Column("yen", "金額", "yen"))


def _spans(desk: Desk) -> Report:
    since = _months_back(desk.rooms.today(), MONTHS)
    tied = day_spans.first_tied(desk.connection, desk.municipality_code, since)
    closed = day_spans.closed_on(desk.connection, desk.municipality_code, since)
    held: dict[tuple[str, str], list[tuple[int, int | None]]] = defaultdict(list)
    for day, fund, at in tied:
        held[day[:7], fund].append((_days(day, at), _days(day, closed[day]) if day in closed else None))
    lines = [
        (month, *desk.fund(fund), len(spans), *_told([one[0] for one in spans]), *_closed(spans))
        for (month, fund), spans in sorted(held.items())
    ]
    by_month: dict[str, list[int]] = defaultdict(list)
    for (month, _), spans in held.items():
        by_month[month] += [one[0] for one in spans]
    bars = [Bar(month, sum(spans) * 10 // len(spans), "tenths") for month, spans in sorted(by_month.items())]
    return Report(
        Paper("", "", {}, _SPANS, lines, [f"{since[:7]} から。収入日から、収納・払込・入金が合うまで（締めるまで）の暦日です。"]), bars
    )


_SPANS = (
    Column("month", "収入日の月"), *_FUND, Column("days", "合った日数", "count"), Column("tied_average", "合うまで 平均（日）"), Column("tied_longest", "合うまで 最長（日）"),
    Column("closed_average", "締めるまで 平均（日）"), Column("closed_longest", "締めるまで 最長（日）"),
)  # fmt: skip


def _closed(spans: list[tuple[int, int | None]]) -> tuple[str, str]:
    return _told([one[1] for one in spans if one[1] is not None])


def _told(spans: list[int]) -> tuple[str, str]:
    """The average to a tenth and the longest, as text: neither may be summed."""
    if not spans:
        return "", ""
    tenths = sum(spans) * 10 // len(spans)
    return f"{tenths // 10}.{tenths % 10}", str(max(spans))


def _days(first: str, last: str) -> int:
    return (dt.date.fromisoformat(last) - dt.date.fromisoformat(first)).days


def _months_back(today: str, count: int) -> str:
    """The first day of the month that lies some months back.

    >>> _months_back("2026-11-26", 13), _months_back("2026-01-05", 1)
    ('2025-10-01', '2025-12-01')
    """
    whole = int(today[:4]) * 12 + int(today[5:7]) - 1 - count
    return f"{whole // 12:04d}-{whole % 12 + 1:02d}-01"


REPORTS: dict[str, tuple[str, Callable[[Desk], Report]]] = {
    "collection": ("収納率", _collection),
    "channels": ("収納方法の内訳", _channels),
    "ageing": ("案件の待ち日数", _ageing),
    "spans": ("合うまでの日数", _spans),
}
"""Every report by the name it is asked for: its title and how it is made."""
