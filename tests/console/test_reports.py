"""The pages of reports and of getting ready: the picture says what the table says, files can be kept, a declaration is recorded."""

from __future__ import annotations

import re
from pathlib import Path

import pypdfium2
import pytest
from python_calamine import CalamineWorkbook

from fundlink.desk import readiness, reports
from fundlink.desk.reports import REPORTS
from tests.builders import CODE, World
from tests.console.persons import Desk
from tests.console.test_pages import text


@pytest.fixture
def page(desk: Desk) -> Desk:
    """The desk by another name, so that a test reads as what it does."""
    return desk


def test_a_report_has_picture_table_and_files(page: Desk, town: World) -> None:
    for name in REPORTS:
        answer = page.get(f"reports/{name}/{CODE}")
        assert answer.status_code == 200
        assert re.search(r"<title id=.*?<desc id=", answer.text, re.DOTALL), name
        told = reports.shown(town.jobs.rooms, name, CODE)
        assert answer.text.count("<tr>") == len(told["rows"]) + 2
        csv = page.get(f"reports/{name}/{CODE}/{name}.csv")
        assert csv.content.startswith("\ufeff".encode())
        assert len(csv.text.strip().splitlines()) == len(told["rows"]) + 2
        sheet = page.get(f"reports/{name}/{CODE}/{name}.xlsx")
        assert sheet.content.startswith(b"PK")
    assert "収納率" in text(page.get("reports").text)
    assert page.get(f"reports/nothing/{CODE}").status_code == 404
    assert page.get("reports/collection/990027").status_code == 404
    assert page.get(f"reports/collection/{CODE}/collection.exe").status_code == 404


def test_a_report_prints_what_its_table_says(page: Desk, town: World) -> None:
    for name in REPORTS:
        answer = page.get(f"reports/{name}/{CODE}/{name}.pdf")
        assert answer.headers["content-type"] == "application/pdf"
        printed = pypdfium2.PdfDocument(answer.content)
        words = "".join(one.get_textpage().get_text_bounded() for one in printed)
        together = re.sub(r"\s+", "", words)
        told = reports.shown(town.jobs.rooms, name, CODE)
        cells = [cell if isinstance(cell, str) else f"{cell:,}" for row in told["rows"] for cell in row] + [
            f"{total:,}" for total in told["foot"].values()
        ]
        missing = [cell for cell in (*cells, told["title"], "見本市（架空）", *told["notes"]) if re.sub(r"\s+", "", cell) not in together]
        assert missing == [], name
        fonts = {item.get_font().get_base_name() for one in printed for item in one.get_objects() if item.type == 1}
        assert all("BIZUD" in font for font in fonts), fonts
        assert fonts


def test_getting_ready_is_derived_where_it_can_be_and_declared_where_not(page: Desk, town: World, tmp_path: Path) -> None:
    before = {row["item"]: row["done"] for row in readiness.shown(town.jobs.rooms, CODE)["items"]}
    assert before == {
        "file": True,
        "funds": True,
        "calendar": before["calendar"],
        "roles": True,
        "account": before["account"],
        "connection": True,
        "contract": False,
    }
    asked = {"item": "reading_test", "department": "110", "state": "done", "note": "3 枚を読み取った"}
    done = page.post(f"readiness/{CODE}/declare", data=asked)
    assert done.status_code == 200
    assert "申告を記録しました" in done.text
    assert "3 枚を読み取った" in done.text
    (department,) = [one for one in readiness.shown(town.jobs.rooms, CODE)["departments"] if one["department_code"] == "110"]
    assert [row["item"] for row in department["items"] if row["done"]] == ["reading_test"]
    assert town.sql("SELECT COUNT(*) FROM audit WHERE act = 'readiness.declare'") == [(1,)]
    page.post(f"readiness/{CODE}/declare", data={**asked, "state": "open"})
    (department,) = [one for one in readiness.shown(town.jobs.rooms, CODE)["departments"] if one["department_code"] == "110"]
    assert department["done"] == 0
    for wrong in ({"item": "file", "department": ""}, {"item": "reading_test", "department": ""}, {"item": "contract", "department": "110"},
                  {"item": "reading_test", "department": "11x"}):  # fmt: skip
        assert page.post(f"readiness/{CODE}/declare", data={**asked, **wrong}).status_code == 422
    sheet = page.get(f"readiness/{CODE}/list.xlsx")
    (tmp := tmp_path / "list.xlsx").write_bytes(sheet.content)
    rows = CalamineWorkbook.from_path(tmp).get_sheet_by_index(0).to_python()
    assert "納付書の eL-QR が読み取れた" in [row[3] for row in rows if len(row) > 3]
    assert page.get("readiness/990027").status_code in (404, 422)
