"""Papers: their sums are those of the day state and of the frozen books, to the yen, in every form; a closed day's paper never changes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from fundlink.domain.errors import ProblemError, UsageError
from fundlink.formats.papers import Column, Paper, Written
from fundlink.pipeline.papers import PAPERS, Asked
from tests.books.days import NEXT, registered, settled
from tests.builders import CODE, DAY, World, bill, receipt
from tests.desk.cases import act

MONTH = DAY[:7]


@pytest.fixture
def month(world: World) -> World:
    """DAY with every account, two funds, two departments and years; NEXT with a late payment and a cancellation of DAY."""
    rows = [
        bill(1, charge_yen=900, reminder_fee_yen=80, late_charge_yen=21), bill(2, department_code="102"), bill(3, fiscal_year=2024),
        bill(4, fund_code="651"), bill(5), bill(6), bill(7, due_on="2026-11-20"), bill(8, due_on="2026-12-25"),
    ]  # fmt: skip
    registered(world, rows)
    water = world.sql(
        "SELECT s.case_key, s.confirmation_number FROM slip s JOIN bill b ON b.id = s.bill_id WHERE b.bill_key LIKE '%~651~%'"
    )[0]
    world.receive(
        [
            world.paid(1, "T1", channel="counter"), world.paid(1, "T2", paid_on="2026-11-21"), world.paid(2, "T3"), world.paid(3, "T4"),
            receipt("T5", *water, fund_code="651", amount_yen=1004), receipt("T6", "9" * 20, "000000", amount_yen=77),
        ]
    )  # fmt: skip
    world.jobs.reconcile()
    settled(world, 1001 + 1001 + 1002 + 1003 + 77)
    settled(world, 1004, fund="651")
    assert world.jobs.close_day(DAY, "a", "b")["closed"]
    world.receive([world.paid(2, "T3", stage="cancelled"), world.paid(5, "T7"), world.paid(6, "T8", booked_on=NEXT)])
    world.jobs.reconcile()
    settled(world, 1006, NEXT)
    act(world, "accept", "transaction:T2")
    assert world.jobs.close_day(NEXT, "a", "b")["closed"]
    return world


def _json(world: World, name: str, *, day: str = "", month: str = "") -> dict[str, Any]:
    out = world.folder / "paper.json"
    told = world.jobs.paper(Asked(name, day, month), "json", out)
    found = json.loads(out.read_text("utf-8"))
    assert (found["foot"], found["count"]) == (told["foot"], told["rows"]) == (_sums(found), len(found["rows"]))
    assert isinstance(found, dict)
    return found


def _sums(found: dict[str, Any]) -> dict[str, int]:
    return {column["name"]: sum(row[column["name"]] for row in found["rows"]) for column in found["columns"] if column["kind"] != "text"}


def _booked(world: World, account: str, condition: str) -> int:
    return int(world.sql(f"SELECT COALESCE(SUM(yen), 0) FROM day_book WHERE account = '{account}' AND {condition}")[0][0])


def test_the_day_sheet_is_the_day_state_to_the_yen(month: World) -> None:
    sheet = _json(month, "day-sheet", day=DAY)
    closed = "SELECT SUM(receipts), SUM(receipts_yen), SUM(settled_yen), SUM(fee_yen), SUM(credited_yen) FROM day_state WHERE day = :day AND state = 'tied'"
    count, yen, settled_yen, fee_yen, credited_yen = map(int, month.sql(closed, day=DAY)[0])
    foot = sheet["foot"]
    assert (foot["total_count"], foot["total_yen"]) == (count, yen)
    assert (sheet["settled_yen"], sheet["fee_yen"], sheet["credited_yen"]) == (settled_yen, fee_yen, credited_yen)
    assert foot["total_yen"] == foot["collected_yen"] + foot["overpaid_yen"] + foot["suspense_yen"]
    keys = [
        tuple(row[name] for name in ("fund_code", "department_code", "fiscal_year", "year_kind", "collected_yen")) for row in sheet["rows"]
    ]
    assert keys == [
        ("601", "000", "2026", "滞納繰越", 1003),
        ("601", "000", "2026", "現年度", 1001),
        ("601", "102", "2026", "現年度", 1002),
        ("651", "000", "2026", "現年度", 1004),
    ]
    assert (sheet["state"], sheet["books_sha256"]) == ("closed", dict(month.sql("SELECT day, books_sha256 FROM day_close"))[DAY])


def test_the_next_day_sheet_shows_what_it_revises(month: World) -> None:
    foot = _json(month, "day-sheet", day=NEXT)["foot"]
    assert (foot["total_yen"], foot["revised_count"], foot["revised_yen"]) == (1006, 0, 1005 - 1002)
    assert foot["books_collected_yen"] == _booked(month, "collected", f"day = '{NEXT}'") == 1006 + 1005 - 1002


def test_an_open_day_shows_how_it_stands(month: World) -> None:
    month.receive([month.paid(7, "T9", booked_on="2026-11-25")])
    month.jobs.reconcile()
    sheet = _json(month, "day-sheet", day="2026-11-25")
    assert (sheet["state"], sheet["notes"], sheet["foot"]["total_yen"]) == ("open", ["未締め"], 1007)


@pytest.mark.parametrize("period", [{"day": DAY}, {"day": NEXT}, {"month": MONTH}])
def test_the_breakdown_adds_up_to_the_books(month: World, period: dict[str, str]) -> None:
    found = _json(month, "breakdown", **period)
    foot, which = found["foot"], f"day LIKE '{period.get('day') or MONTH}%' AND source = 'receipt'"
    assert foot["total_yen"] == sum(_booked(month, account, which) for account in ("collected", "overpaid", "suspense"))
    assert foot["charge_yen"] + foot["reminder_fee_yen"] + foot["late_charge_yen"] == _booked(month, "collected", which)
    if period == {"day": DAY}:
        counter = [row for row in found["rows"] if row["channel"] == "窓口"]
        assert [(row["account"], row["charge_yen"], row["reminder_fee_yen"], row["late_charge_yen"]) for row in counter] == [
            ("収納", 900, 80, 21)
        ]


@pytest.mark.parametrize("period", [{"day": NEXT}, {"month": MONTH}])
def test_the_list_of_overpayments_adds_up_to_the_books(month: World, period: dict[str, str]) -> None:
    found = _json(month, "overpayments", **period)
    assert [(row["transaction_key"], row["bill_key"], row["what"], row["yen"]) for row in found["rows"]] == [
        ("T2", bill(1).bill_key, "振替（別段預り）", 1001)
    ]
    assert found["foot"]["yen"] == _booked(month, "overpaid", f"day LIKE '{period.get('day') or MONTH}%'")


def test_the_month_sheet_adds_up_the_days(month: World) -> None:
    found = _json(month, "month-sheet", month=MONTH)
    foot = found["foot"]
    days = [_json(month, "day-sheet", day=day)["foot"] for day in (DAY, NEXT)]
    for account in ("collected", "overpaid", "suspense"):
        assert foot[f"month_{account}_yen"] == sum(day[f"books_{account}_yen"] for day in days) == foot[f"all_{account}_yen"]
    later = _json(month, "month-sheet", month="2026-12")["foot"]
    assert (later["month_collected_yen"], later["before_collected_yen"], later["all_count"]) == (
        0,
        foot["all_collected_yen"],
        foot["all_count"],
    )


def test_the_month_names_the_days_it_leaves_out(month: World) -> None:
    month.receive([month.paid(7, "T9", booked_on="2026-11-30")])
    month.jobs.reconcile()
    assert _json(month, "month-sheet", month=MONTH)["notes"] == ["未締めの日（含みません）: 2026-11-30"]
    assert _json(month, "breakdown", month=MONTH)["notes"] == ["未締めの日（含みません）: 2026-11-30"]


def test_the_unpaid_list_holds_what_is_due_and_not_paid(month: World) -> None:
    """Bill 2's payment was cancelled, bill 7 was never paid, bill 8 is not due yet, the others are due later."""
    assert [row["bill_key"] for row in _json(month, "unpaid", day=DAY)["rows"]] == [bill(7).bill_key]
    later = month.at("2026-12-03T09:00:00")
    with pytest.raises(ProblemError, match="FL-WTM-001"):
        _json(later, "unpaid", day="2026-12-01")
    for day in ("2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27", "2026-11-30", "2026-12-01"):
        later.receive([], day)
    found = _json(later, "unpaid", day="2026-12-01")
    assert [row["bill_key"] for row in found["rows"]] == [bill(7).bill_key, bill(2).bill_key]
    assert found["foot"] == {"total_yen": 1007 + 1002, "paid_yen": 0, "unpaid_yen": 1007 + 1002}
    later.receive([later.paid(7, "T9")])
    with pytest.raises(ProblemError, match="FL-WTM"):
        later.jobs.paper(Asked("unpaid", DAY), "csv", month.folder / "x.csv")


def test_papers_of_a_closed_day_never_change(month: World) -> None:
    asked = [Asked(name, *((DAY, "") if "day" in PAPERS[name][1] else ("", "2026-10"))) for name in PAPERS if name != "unpaid"]

    def written() -> list[bytes]:
        files = []
        for one in asked:
            month.jobs.paper(one, "csv", month.folder / "p.csv")
            files.append((month.folder / "p.csv").read_bytes())
        return files

    before = written()
    month.receive([month.paid(1, "T0", paid_on="2026-11-01"), month.paid(7, "T9")])
    month.jobs.reconcile()
    assert written() == before


@pytest.mark.parametrize("name", list(PAPERS))
def test_every_form_says_the_same(month: World, name: str) -> None:
    period = Asked(name, day=DAY) if "day" in PAPERS[name][1] else Asked(name, month=MONTH)
    out = {form: month.folder / f"p.{form}" for form in ("json", "csv", "xlsx")}
    for form, path in out.items():
        month.jobs.paper(period, form, path)
    told = json.loads(out["json"].read_text("utf-8"))
    body = out["csv"].read_bytes()
    assert body.startswith(b"\xef\xbb\xbf")
    assert body.count(b"\n") == body.count(b"\r\n") == told["count"] + 2
    lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    heads = [column["ja"] for column in told["columns"]]
    assert lines[0] == heads
    assert [dict(zip([column["name"] for column in told["columns"]], line, strict=True)) for line in lines[1:-1]] == [
        {key: str(value) for key, value in row.items()} for row in told["rows"]
    ]
    assert lines[-1][0] == "合計"
    sheet = CalamineWorkbook.from_path(out["xlsx"]).get_sheet_by_index(0)
    cells = sheet.to_python(skip_empty_area=False)
    assert sheet.name == cells[0][0] == told["title"]
    assert CODE in str(cells[1][0])
    assert cells[2] == heads
    plain = [[str(int(cell)) if isinstance(cell, float) else cell for cell in line] for line in cells[3:]]
    assert plain == lines[1:]


def test_no_cell_is_a_formula() -> None:
    paper = Paper("p", "題", {"municipality_code": "=1"}, [Column("a", "甲"), Column("b", "乙", "yen")], [["=1+1", -5], ["@x", 2]])
    lines = b"".join(Written(paper).pieces("csv")).decode("utf-8-sig").split("\r\n")
    assert lines == ["甲,乙", "'=1+1,-5", "'@x,2", "合計,-3", ""]
    book = CalamineWorkbook.from_filelike(io.BytesIO(b"".join(Written(paper._replace(rows=[["=1+1", -5]])).pieces("xlsx"))))
    assert book.get_sheet_by_index(0).to_python()[3] == ["=1+1", -5.0]


def test_a_paper_that_does_not_exist_is_refused(world: World, tmp_path: Path) -> None:
    for wrong in (
        Asked("nothing", DAY),
        Asked("day-sheet"),
        Asked("day-sheet", month=MONTH),
        Asked("month-sheet", DAY),
        Asked("breakdown", DAY, MONTH),
    ):
        with pytest.raises(UsageError):
            world.jobs.paper(wrong, "csv", tmp_path / "x.csv")
    with pytest.raises(ProblemError, match="FL-PAP-001"):
        world.jobs.paper(Asked("day-sheet", DAY), "csv", tmp_path / "x.csv")
    registered(world, [bill(1)])
    with pytest.raises(ProblemError, match="FL-DAY-002"):
        world.jobs.paper(Asked("day-sheet", DAY), "csv", tmp_path / "x.csv")
    assert not (tmp_path / "x.csv").exists()
