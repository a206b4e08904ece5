"""A calendar with a fault stops with every fault, file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fundlink.domain.errors import ConfigurationError
from fundlink.formats.calendars import load_calendar
from fundlink.store.ageing import SUBJECTS

SHIPPED = Path(__file__).parents[2] / "schemas" / "calendars" / "standard"


def _places(folder: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        load_calendar(folder, SUBJECTS)
    assert {told.code for told in refused.value.problems} == {"FL-CAL-001"}
    return [str(told.place) for told in refused.value.problems]


@pytest.mark.parametrize(
    ("name", "right", "wrong", "place"),
    [
        ("calendar.toml", '"sat"', '"Sat"', "calendar.toml"),
        ("calendar.toml", '"12-29"', '"12-32"', "calendar.toml"),
        ("calendar.toml", "closed = []", 'closed = ["2026-02-30"]', "calendar.toml"),
        ("calendar.toml", 'opens = "08:30"', 'opens = "25:00"', "calendar.toml"),
        ("calendar.toml", "late_days = 31", "late_days = -1", "calendar.toml"),
        ("calendar.toml", "late_days = 31", "latest_days = 31", "calendar.toml"),
        ("calendar.toml", "[calendar]", "[calender]", "calendar.toml"),
        ("calendar.toml", 'holidays = "holidays.csv"', 'holidays = "none.csv"', "none.csv"),
        ("holidays.csv", "2025-01-01", "2025-13-01", "holidays.csv:2"),
        ("holidays.csv", "day,ja,kind", "day,name,kind", "holidays.csv:1"),
        ("expected.csv", "*,receipt", "13101,receipt", "expected.csv:2"),
        ("expected.csv", "*,settlement", "*,payment", "expected.csv:3"),
        ("expected.csv", ",4,2,no", ",4,,no", "expected.csv:4"),
        ("expected.csv", ",1,1,yes", ",1,1,ja", "expected.csv:2"),
        ("expected.csv", "yes,,", "yes,2026-02-30,", "expected.csv:2"),
        ("limits.csv", "slip,refused", "slip,torn", "limits.csv:3"),
        ("limits.csv", ",2,business", ",two,business", "limits.csv:2"),
        ("limits.csv", "calendar,", "lunar,", "limits.csv:5"),
    ],
)
def test_each_fault_is_named_with_its_place(tmp_path: Path, name: str, right: str, wrong: str, place: str) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "mine"))
    text = (folder / name).read_text(encoding="utf-8")
    assert right in text
    (folder / name).write_text(text.replace(right, wrong, 1), encoding="utf-8")
    assert place in _places(folder)


def test_all_faults_at_once_and_a_year_left_out(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "mine"))
    lines = (folder / "holidays.csv").read_text(encoding="utf-8").splitlines()
    (folder / "holidays.csv").write_text("\n".join(line for line in lines if not line.startswith("2026")) + "\n", encoding="utf-8")
    (folder / "limits.csv").unlink()
    assert set(_places(folder)) == {"holidays.csv", "limits.csv"}
    assert _places(tmp_path / "nowhere")[0] == "calendar.toml"
