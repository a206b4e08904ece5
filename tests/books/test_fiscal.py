"""To which fiscal year receipts belong: the bill's, the calendar's, arrears, 出納整理期間, public enterprises, closed years."""

from __future__ import annotations

import pytest

from fundlink.reconcile.fiscal import attribute, closes_on, is_open
from tests.books.days import broken, registered, settled
from tests.builders import World, bill, receipt

# fund, the bill's 会計年度 (None: no bill), booked on, fiscal year and kind in the books
TABLE: list[tuple[str, int | None, str, int, str]] = [
    ("601", 2025, "2026-03-31", 2025, "current"),
    ("601", 2024, "2026-03-31", 2025, "carried_over"),
    ("601", None, "2026-03-31", 2025, "current"),
    ("651", 2025, "2026-03-31", 2025, "current"),
    ("601", 2025, "2026-04-01", 2025, "current"),
    ("601", 2026, "2026-04-01", 2026, "current"),
    ("601", 2024, "2026-04-01", 2026, "carried_over"),
    ("651", 2025, "2026-04-01", 2026, "carried_over"),
    ("652", 2025, "2026-04-01", 2026, "carried_over"),
    ("601", None, "2026-04-01", 2026, "current"),
    ("601", 2025, "2026-05-29", 2025, "current"),
    ("601", 2025, "2026-06-01", 2026, "carried_over"),
    ("601", 2026, "2026-06-01", 2026, "current"),
    ("601", 2027, "2026-06-01", 2027, "current"),
]


def test_every_receipt_gets_its_year(world: World) -> None:
    """All rows of the table in one adapter, closed day after day."""
    rows = list(enumerate(TABLE, 1))
    known = [bill(at, fund_code=fund, fiscal_year=year, levy_year=year, relevant_year=year) for at, (fund, year, _, _, _) in rows if year]
    registered(world, known)
    numbers = dict(world.sql("SELECT b.bill_key, s.case_key || ' ' || s.confirmation_number FROM slip s JOIN bill b ON b.id = s.bill_id"))
    keys = {int(one.notice_number): numbers[one.bill_key].split() for one in known}
    world.receive(
        [
            receipt(f"T{at}", *(keys.get(at) or (f"{at:020d}", "000000")), fund_code=fund, amount_yen=1000 + at, paid_on=day, booked_on=day)
            for at, (fund, _, day, _, _) in rows
        ]
    )
    for row in world.jobs.reconcile()["days"]:
        settled(world, row["receipts_yen"], row["day"], fund=row["fund_code"])
    days = sorted({day for _, _, day, _, _ in TABLE})
    assert [len(world.jobs.close_day(day, "a", "b")["books"]) for day in days] == [1] * len(days)
    wanted = sorted((day, fund, fiscal, kind, 1000 + at) for at, (fund, _, day, fiscal, kind) in rows)
    sums: dict[tuple[str, str, int, str], int] = {}
    for day, fund, fiscal, kind, yen in wanted:
        sums[day, fund, fiscal, kind] = sums.get((day, fund, fiscal, kind), 0) + yen
    found = world.sql(
        "SELECT day, fund_code, fiscal_year, year_kind, SUM(yen) FROM day_book WHERE source = 'receipt' GROUP BY day, fund_code, fiscal_year, year_kind"
    )
    assert {tuple(row[:4]): int(row[4]) for row in found} == sums
    assert broken(world) == []


def test_nothing_enters_a_year_after_it_has_closed(world: World) -> None:
    """A receipt of May that arrives in June is booked in June: as arrears of the new year, with the day it came in."""
    registered(world, [bill(1, fiscal_year=2025), bill(2, fiscal_year=2025), bill(3)])
    world.receive([world.paid(1, "T1", booked_on="2026-05-29")])
    world.jobs.reconcile()
    settled(world, 1001, "2026-05-29")
    world.jobs.close_day("2026-05-29", "a", "b")
    world.receive([world.paid(2, "T2", booked_on="2026-05-29"), world.paid(3, "T3", booked_on="2026-06-02")])
    world.receive([world.paid(1, "T1", booked_on="2026-05-29", stage="cancelled")])
    world.jobs.reconcile()
    settled(world, 1003, "2026-06-02")
    assert world.jobs.close_day("2026-06-02", "a", "b")["closed"]
    found = world.sql(
        "SELECT day, fiscal_year, year_kind, value_on, yen FROM day_book WHERE source = 'receipt' ORDER BY day, year_kind, yen"
    )
    assert found == [
        ("2026-05-29", 2025, "current", "2026-05-29", 1001),
        ("2026-06-02", 2026, "carried_over", "2026-05-29", 1),
        ("2026-06-02", 2026, "current", "2026-06-02", 1003),
    ]
    assert broken(world) == []


@pytest.mark.parametrize(
    ("year", "value_on", "entered_on", "enterprise", "wanted"),
    [
        (2025, "2026-03-30", "2026-04-05", False, (2025, "current")),
        (2024, "2026-03-30", "2026-04-05", False, (2025, "carried_over")),
        (2024, "2026-03-30", "2026-04-05", True, (2026, "carried_over")),
        (2025, "2026-03-30", "2026-04-05", True, (2026, "carried_over")),
        (None, "2026-03-30", "2026-04-05", True, (2026, "current")),
        (None, "2026-05-30", "2026-07-01", False, (2026, "current")),
        (2025, "2026-05-31", "2026-05-31", False, (2025, "current")),
        (2025, "2026-05-31", "2026-06-01", False, (2026, "carried_over")),
    ],
)
def test_late_entries(year: int | None, value_on: str, entered_on: str, enterprise: bool, wanted: tuple[int, str]) -> None:
    found = attribute(year, value_on, entered_on, enterprise=enterprise)
    assert found == wanted
    assert is_open(found.fiscal_year, entered_on, enterprise=enterprise)


def test_a_year_closes() -> None:
    assert closes_on(2025, enterprise=False) == "2026-05-31"
    assert is_open(2025, "2026-05-31", enterprise=False)
    assert not is_open(2025, "2026-06-01", enterprise=False)
    assert not is_open(2025, "2026-04-01", enterprise=True)
