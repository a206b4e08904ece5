"""What runs by itself and when: the table of the calendar, the tasks it makes, the profile that is wrong."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest

from fundlink import bootstrap
from fundlink.config import TOKYO, Settings
from fundlink.domain.errors import ConfigurationError
from fundlink.formats.calendars import load_calendar
from fundlink.jobs import schedule
from fundlink.store import ageing, files
from tests.builders import CODE, World, bill, world

SHIPPED = Path(__file__).parents[2] / "schemas" / "calendars" / "standard"
OTHER = "131016"


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=TOKYO)


@pytest.mark.parametrize(
    ("moment", "verbs"),
    [
        ("2026-11-24T09:00", ["submit", "collect", "reconcile", "export", "sweep"]),
        ("2026-11-24T08:29", ["reconcile", "export", "sweep"]),  # before service hours
        ("2026-11-21T12:00", ["reconcile", "export", "sweep"]),  # a Saturday
        ("2026-11-28T12:00", ["submit", "collect", "reconcile", "export", "sweep"]),  # the last Saturday of a month
        ("2026-11-23T12:00", ["reconcile", "export", "sweep"]),  # a holiday
        ("2026-12-31T12:00", ["reconcile", "export", "sweep"]),  # the end of the year
        ("2026-11-30T12:00", ["submit", "collect", "collect", "reconcile", "export", "sweep"]),  # the last business day of a month
        ("2026-11-30T08:00", ["reconcile", "export", "sweep"]),
        ("2026-10-30T12:00", ["submit", "collect", "collect", "reconcile", "export", "sweep"]),  # the 31st is a Saturday
    ],
)
def test_the_shipped_table_follows_service_hours_holidays_and_the_end_of_the_month(moment: str, verbs: list[str]) -> None:
    profile = load_calendar(SHIPPED, ageing.SUBJECTS)
    assert [shift.verb for shift in profile.due(at(moment))] == verbs


def test_business_days_only(tmp_path: Path) -> None:
    folder = _own(tmp_path, "reconcile,突合,0,business_day,x\n")
    profile = load_calendar(folder, ageing.SUBJECTS)
    assert [shift.verb for shift in profile.due(at("2026-11-24T03:00"))] == ["reconcile"]
    assert profile.due(at("2026-11-23T12:00")) == []


def test_a_calendar_of_ones_own_without_a_table_has_the_shipped_one(tmp_path: Path) -> None:
    folder = _own(tmp_path, "")
    text = (folder / "calendar.toml").read_text(encoding="utf-8")
    (folder / "calendar.toml").write_text(
        "\n".join(line for line in text.splitlines() if not line.startswith("schedule")), encoding="utf-8"
    )
    assert load_calendar(folder, ageing.SUBJECTS).schedule == load_calendar(SHIPPED, ageing.SUBJECTS).schedule


@pytest.mark.parametrize(
    "row", ["fly,飛ぶ,0,always,x", "submit,送信,0,sometimes,x", "submit,送信,soon,always,x", "submit,送信,-1,always,x"]
)
def test_a_wrong_row_stops_the_start_with_its_place(tmp_path: Path, row: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        load_calendar(_own(tmp_path, row + "\n"), ageing.SUBJECTS)
    assert "schedule.csv:2" in str([one.as_json() for one in told.value.problems])


def _own(tmp_path: Path, rows: str) -> Path:
    folder = tmp_path / "calendar"
    shutil.copytree(SHIPPED, folder)
    (folder / "schedule.csv").write_text("verb,ja,every_s,when,source\n" + rows, encoding="utf-8")
    return folder


def _two_towns(found: World) -> None:
    with found.jobs.rooms.store.write() as connection:
        for code in (CODE, OTHER):
            files.add_municipality(connection, code, "", found.jobs.rooms.now())


def test_each_municipality_has_its_turn_and_a_turn_that_is_taken_is_not_given_again(world: World) -> None:
    _two_towns(world)
    taken = {f"collect:{CODE}", "reconcile:*"}
    found = [task.turn for task in schedule.tasks_due(world.jobs.rooms, 60, taken)]
    assert found == [f"collect:{OTHER}", *(f"export:{code}" for code in sorted((CODE, OTHER)))]
    assert list(schedule.tasks_due(world.jobs.rooms, 60, taken)) == []


def test_only_who_has_something_to_tell_the_gateway_has_a_turn_for_it(world: World) -> None:
    _two_towns(world)
    world.intake([bill(1)])
    submits = [f"submit:{CODE}"]
    assert [task.turn for task in schedule.tasks_due(world.jobs.rooms, 60, set()) if task.verb == "submit"] == submits
    world.twin.faults = ["lose_answer"]
    assert world.jobs.submit()["unknown"] == 1
    assert [task.turn for task in schedule.tasks_due(world.jobs.rooms, 60, set()) if task.verb == "submit"] == submits
    world.jobs.submit()
    assert [task.turn for task in schedule.tasks_due(world.jobs.rooms, 60, set()) if task.verb == "submit"] == []


def test_two_workers_that_look_at_one_moment_name_the_same_tasks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _two_towns(world)
    names = []
    for second in (1_000_000.0, 1_000_019.9):  # one minute: 1,000,000 is 40 s into it
        monkeypatch.setattr("fundlink.jobs.schedule.time.time", lambda second=second: second)
        names.append([task.name for task in schedule.tasks_due(world.jobs.rooms, 60, set())])
    monkeypatch.setattr("fundlink.jobs.schedule.time.time", lambda: 1_000_020.0)
    later = [task.name for task in schedule.tasks_due(world.jobs.rooms, 60, set())]
    assert names[0] == names[1]
    assert not set(names[0]) & set(later)


def test_a_calendar_that_cannot_tell_stops_nothing(tmp_path: Path) -> None:
    found = world(tmp_path, now="2031-11-24T03:00:00+09:00")
    with pytest.raises(ConfigurationError):
        found.jobs.rooms.calendar().due(found.jobs.rooms.clock())
    assert [shift.verb for shift in schedule.shifts_due(found.jobs.rooms)][:2] == ["submit", "collect"]
    found.jobs.rooms.close()


def test_the_settings_of_a_worker_are_checked() -> None:
    with pytest.raises(ValueError, match="worker"):
        Settings(worker="a b")
    assert bootstrap.settings().worker == ""
