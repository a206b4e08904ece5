"""Reports: their totals are those of a count from the beginning, whatever came in between; what they say, and how they are written."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from fundlink.desk import reports
from fundlink.desk.reports import REPORTS
from fundlink.domain.errors import ProblemError, UsageError
from tests.books.days import a_closed_day, settled
from tests.builders import CODE, DAY, World, bill, receipt

_PAYING = (
    "o.outcome IN ('matched', 'paid_after_limit') AND o.id = (SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = o.transaction_key)"
)


def kept(world: World) -> dict[tuple[str, ...], tuple[int, int]]:
    """The newest totals that are not nothing."""
    rows = world.sql(
        """SELECT part, fund_code, month, channel, number, yen FROM month_total t
           WHERE t.id = (SELECT MAX(x.id) FROM month_total x WHERE x.municipality_code = t.municipality_code AND x.part = t.part
                         AND x.fund_code = t.fund_code AND x.month = t.month AND x.channel = t.channel)"""
    )
    return {tuple(map(str, row[:4])): (int(row[4]), int(row[5])) for row in rows if row[4] or row[5]}


def counted(world: World) -> dict[tuple[str, ...], tuple[int, int]]:
    """The same from every bill and payment there is."""
    bills = world.sql(
        """SELECT 'billed', v.fund_code, SUBSTR(v.due_on, 1, 7), '', COUNT(*), SUM(v.total_yen) FROM bill b
           LEFT JOIN revision r ON r.id = (SELECT MAX(x.id) FROM revision x WHERE x.bill_id = b.id AND x.effect <> 'conflict')
           JOIN bill_version v ON v.id = COALESCE(r.version_id, b.id)
           WHERE v.total_yen > 0 AND COALESCE(r.effect, '') <> 'cancelled' GROUP BY v.fund_code, SUBSTR(v.due_on, 1, 7)"""
    )
    joined = f"FROM outcome o JOIN receipt r ON r.id = o.receipt_id JOIN bill_version v ON v.id = o.version_id WHERE {_PAYING}"
    paid = world.sql(
        f"SELECT 'paid', v.fund_code, SUBSTR(v.due_on, 1, 7), '', COUNT(*), SUM(r.amount_yen) {joined} GROUP BY v.fund_code, SUBSTR(v.due_on, 1, 7)"
    )
    came = world.sql(
        f"""SELECT 'collected', v.fund_code, SUBSTR(r.booked_on, 1, 7), r.channel, COUNT(*), SUM(r.amount_yen) {joined}
            GROUP BY v.fund_code, SUBSTR(r.booked_on, 1, 7), r.channel"""
    )
    return {tuple(map(str, row[:4])): (int(row[4]), int(row[5])) for row in (*bills, *paid, *came)}


def test_totals_counted_on_are_those_of_a_count_from_the_beginning(world: World) -> None:
    world.intake([bill(number) for number in range(1, 13)])
    world.jobs.submit()
    world.jobs.reconcile()
    assert kept(world) == counted(world) != {}
    world.receive([world.paid(1, "T1"), world.paid(2, "T2", channel="app"), world.paid(3, "T3")])
    world.jobs.reconcile()
    assert kept(world) == counted(world)
    changed = [bill(4, charge_yen=9_999), bill(5, due_on="2027-01-31"), bill(6, action="9"), bill(7, charge_yen=0), bill(3, charge_yen=5)]
    world.intake([*changed, bill(20)], name="changed.csv")
    world.receive([world.paid(2, "T2B"), receipt("T2", *world.slip(2), amount_yen=1002, stage="cancelled", channel="app")], "2026-11-24")
    world.jobs.reconcile()
    assert kept(world) == counted(world)
    file_id = world.intake([bill(7, charge_yen=70), bill(4, charge_yen=8), bill(21), bill(8, action="9")], name="again.csv")["file_id"]
    world.jobs.reconcile()
    assert kept(world) == counted(world)
    before = counted(world)
    world.jobs.roll_back(file_id, "a", "b")
    world.jobs.reconcile()
    assert kept(world) == counted(world) != before


def test_a_run_with_nothing_new_writes_nothing(world: World) -> None:
    a_closed_day(world)
    before = world.sql("SELECT COUNT(*) FROM month_total")
    world.jobs.reconcile()
    assert world.sql("SELECT COUNT(*) FROM month_total") == before


def _rows(told: dict[str, Any]) -> list[dict[str, Any]]:
    names = [column["name"] for column in told["columns"]]
    return [dict(zip(names, row, strict=True)) for row in told["rows"]]


def test_what_the_reports_say(world: World) -> None:
    a_closed_day(world, receipt("TU", "9" * 20, "000000"))
    (collection,) = _rows(reports.shown(world.jobs.rooms, "collection"))
    assert (collection["billed_count"], collection["paid_count"], collection["paid_yen"]) == (5, 1, 1001)
    assert collection["unpaid_yen"] == collection["billed_yen"] - 1001
    assert collection["rate_percent"] == f"{1001 * 1000 // collection['billed_yen'] / 10:.1f}"
    (channel,) = _rows(reports.shown(world.jobs.rooms, "channels"))
    assert (channel["month"], channel["transactions"], channel["yen"]) == (DAY[:7], 1, 1001)
    ageing = reports.shown(world.at("2027-01-20T09:00:00").jobs.rooms, "ageing")
    assert [(row["kind"], row["age"], row["cases"]) for row in _rows(ageing)] == [("納付", "31〜90 日", 1)]
    assert [bar["value"] for bar in ageing["bars"]] == [0, 0, 1, 0]
    (span,) = _rows(reports.shown(world.jobs.rooms, "spans"))
    today = int(world.jobs.rooms.today()[8:]) - int(DAY[8:])
    assert (span["month"], span["days"], span["tied_longest"], span["closed_longest"]) == (DAY[:7], 1, str(today), str(today))


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_written_in_every_form(world: World, tmp_path: Path, name: str) -> None:
    a_closed_day(world, receipt("TU", "9" * 20, "000000"))
    settled(world, 1001)
    told = reports.shown(world.jobs.rooms, name)
    for form in ("csv", "xlsx", "json"):
        written = reports.write(world.jobs.rooms, name, CODE, form=form, out=tmp_path / f"x.{form}")
        assert written["rows"] == len(told["rows"]) > 0
        assert written["foot"] == told["foot"]
    lines = list(csv.reader((tmp_path / "x.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert lines[0] == [column["ja"] for column in told["columns"]]
    sheet = CalamineWorkbook.from_path(tmp_path / "x.xlsx").get_sheet_by_index(0).to_python()
    assert sheet[2][: len(lines[0])] == lines[0]
    assert len(json.loads((tmp_path / "x.json").read_text())["rows"]) == len(told["rows"])


def test_a_report_that_there_is_not(world: World) -> None:
    world.intake([bill(1)])
    with pytest.raises(UsageError):
        reports.shown(world.jobs.rooms, "nothing")
    with pytest.raises(ProblemError) as told:
        reports.shown(world.jobs.rooms, "collection", "990027")
    assert told.value.problems[0].code == "FL-MUN-003"
