"""Bills by the month they are due, what was paid of them, and payments by month and channel: counted on from run to run.

Called by pipeline.control (which counts on) and pipeline.reports (which reads). Only what is new since the last run is looked at,
so a report costs as many rows as there are funds, months and channels. Yen that acts moved between bills is not in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk, marks
from fundlink.store.outcomes import words

_OUTCOMES, _SLIPS, _REVISIONS = "months of outcome", "months of slip", "months of revision"
_KEY = ("municipality_code", "part", "fund_code", "month", "channel")
_DUE = "COALESCE(SUBSTR({0}.due_on, 1, 7), '')"
Key = tuple[str, str, str, str, str]  # municipality, part, fund, month, channel


class MonthRow(NamedTuple):
    """One total of a municipality."""

    part: str
    fund_code: str
    month: str
    channel: str
    number: int
    yen: int


def totals(connection: Connection, municipality_code: str, parts: Sequence[str]) -> list[MonthRow]:
    """What is kept of these parts, in the order of fund, month and channel."""
    found = bulk.rows(
        connection,
        f"""SELECT t.part, t.fund_code, t.month, t.channel, t.number, t.yen FROM month_total t
            WHERE t.id IN (SELECT MAX(x.id) FROM month_total x WHERE x.municipality_code = :code AND x.part IN ({words(parts)})
                           GROUP BY x.municipality_code, x.part, x.fund_code, x.month, x.channel)
            ORDER BY t.part, t.fund_code, t.month, t.channel""",
        code=municipality_code,
    )
    return [MonthRow._make([*row[:4], int(row[4]), int(row[5])]) for row in found]


def count_on(connection: Connection, paying: Sequence[str], at: str) -> None:
    """Add what came since the last run. The caller holds the states (``bills.hold_states``) and writes."""
    moved: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
    _billed(connection, moved, at)
    _paid(connection, moved, paying, at)
    changed = {key: sums for key, sums in moved.items() if any(sums)}
    if not changed:
        return
    known = {
        (code, *row[:4]): row[4:]
        for code in {key[0] for key in changed}
        for row in totals(connection, code, ("billed", "paid", "collected"))
    }
    fresh = []
    for key, sums in sorted(changed.items()):
        before = known.get(key, (0, 0))
        fresh.append((*key, before[0] + sums[0], before[1] + sums[1]))
    last = bulk.newest_id(connection, "month_total")
    bulk.insert_rows(connection, "month_total", (*_KEY, "number", "yen"), fresh)
    bulk.keep_newest(connection, "month_total", _KEY, after=last)


def _billed(connection: Connection, moved: dict[Key, list[int]], at: str) -> None:
    """Bills as they were first, and what later rows changed about them; within a municipality both are numbered as they take effect."""
    newest = bulk.rows(connection, "SELECT m.code, (SELECT MAX(s.id) FROM slip s WHERE s.municipality_code = m.code) FROM municipality m")
    last_revision = bulk.newest_id(connection, "revision")
    for code, last_slip in newest:
        _add(moved, (code, "billed"), _numbered(connection, code, int(last_slip or 0), at))
        _add(moved, (code, "billed"), _revised(connection, code, last_revision, at))


def _numbered(connection: Connection, code: str, last: int, at: str) -> Sequence[Sequence[object]]:
    since = marks.until(connection, f"{_SLIPS} {code}")
    if last <= since:
        return []
    marks.move(connection, f"{_SLIPS} {code}", last, at)
    return bulk.rows(
        connection,
        f"""SELECT v.fund_code, {_DUE.format("v")}, '', COUNT(*), SUM(v.total_yen) FROM slip s CROSS JOIN bill_version v
            WHERE s.municipality_code = :code AND s.id > :since AND s.id <= :last AND s.issue_count = 1 AND v.id = s.bill_id
              AND v.total_yen > 0 GROUP BY v.fund_code, {_DUE.format("v")}""",
        code=code, since=since, last=last,
    )  # fmt: skip


def _revised(connection: Connection, code: str, last: int, at: str) -> Sequence[Sequence[object]]:
    """What bills are since a row changed them, less what they were before it; a cancelled one is nothing."""
    since = marks.until(connection, f"{_REVISIONS} {code}")
    if last <= since:
        return []
    marks.move(
        connection, f"{_REVISIONS} {code}", bulk.scalar(connection, _NEWEST_REVISION, code=code, since=since, last=last) or since, at
    )
    span = "r.id > :since AND r.id <= :last AND r.effect <> 'conflict' AND b.id = r.bill_id AND b.municipality_code = :code"
    before = "p.id = (SELECT MAX(x.id) FROM revision x WHERE x.bill_id = r.bill_id AND x.id < r.id AND x.effect <> 'conflict')"
    return bulk.rows(
        connection,
        f"""SELECT y.fund, y.month, '', SUM(y.number), SUM(y.yen) FROM (
              SELECT v.fund_code AS fund, {_DUE.format("v")} AS month, 1 AS number, v.total_yen AS yen
              FROM revision r CROSS JOIN bill b CROSS JOIN bill_version v
              WHERE {span} AND r.effect <> 'cancelled' AND v.id = r.version_id AND v.total_yen > 0
              UNION ALL
              SELECT v.fund_code, {_DUE.format("v")}, -1, -v.total_yen
              FROM revision r CROSS JOIN bill b LEFT JOIN revision p ON {before} JOIN bill_version v ON v.id = COALESCE(p.version_id, b.id)
              WHERE {span} AND COALESCE(p.effect, '') <> 'cancelled' AND v.total_yen > 0) y
            GROUP BY y.fund, y.month""",
        code=code, since=since, last=last,
    )  # fmt: skip


_NEWEST_REVISION = "SELECT MAX(r.id) FROM revision r CROSS JOIN bill b WHERE r.id > :since AND r.id <= :last AND b.id = r.bill_id AND b.municipality_code = :code"


def _paid(connection: Connection, moved: dict[Key, list[int]], paying: Sequence[str], at: str) -> None:
    """Payments that pay since, less those that did until then."""
    since, last = marks.until(connection, _OUTCOMES), bulk.newest_id(connection, "outcome")
    if last <= since:
        return
    span = "o.id > :since AND o.id <= :last"
    columns = (
        f"""v.municipality_code AS code, v.fund_code AS fund, {_DUE.format("v")} AS due, SUBSTR(r.booked_on, 1, 7) AS booked, r.channel"""
    )
    # what stood before is looked up first: joined by a subquery, PostgreSQL goes through all outcomes for it
    found = bulk.rows(
        connection,
        f"""WITH followed AS MATERIALIZED (
              SELECT (SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = o.transaction_key AND x.id < o.id) AS before_id
              FROM outcome o WHERE {span})
            SELECT y.code, y.fund, y.due, y.booked, y.channel, SUM(y.number), SUM(y.yen) FROM (
              SELECT {columns}, 1 AS number, r.amount_yen AS yen FROM outcome o CROSS JOIN bill_version v CROSS JOIN receipt r
              WHERE {span} AND o.outcome IN ({words(paying)}) AND v.id = o.version_id AND r.id = o.receipt_id
              UNION ALL
              SELECT {columns}, -1, -r.amount_yen FROM followed f CROSS JOIN outcome p CROSS JOIN bill_version v CROSS JOIN receipt r
              WHERE p.id = f.before_id AND p.outcome IN ({words(paying)}) AND v.id = p.version_id AND r.id = p.receipt_id) y
            GROUP BY y.code, y.fund, y.due, y.booked, y.channel""",
        since=since, last=last,
    )  # fmt: skip
    for code, fund, due, booked, channel, number, yen in found:
        _add(moved, (code, "paid"), [(fund, due, "", number, yen)])
        _add(moved, (code, "collected"), [(fund, booked, channel, number, yen)])
    marks.move(connection, _OUTCOMES, last, at)


def _add(moved: dict[Key, list[int]], of: tuple[str, str], rows: Sequence[Sequence[object]]) -> None:
    for fund, month, channel, number, yen in rows:
        sums = moved[(*of, str(fund), str(month), str(channel))]
        sums[0] += int(str(number))
        sums[1] += int(str(yen))
