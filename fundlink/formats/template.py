"""A workbook to fill in, made from the layout of a profile: header line, one line that shows how, numbered lines, what each cell takes.

Called by desk.small_funds. What holds for all rows is filled in already. Nothing in it computes; numbers with leading zeros are text.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fundlink.formats.cells import Cell
from fundlink.formats.choices import CodeCell
from fundlink.formats.hints import hint
from fundlink.formats.message import Message

FIRST_DAY, LAST_DAY = dt.date(2000, 1, 1), dt.date(2100, 12, 31)
SPARE_LINES = 200
"""Lines below the numbered ones that take the same formats and checks."""
GUIDE = "記入のしかた"
_TITLE_LINES = 2
_FONT = {"font_name": "Yu Gothic", "font_size": 11, "valign": "vcenter"}
_FORMATS: dict[str, dict[str, Any]] = {
    "text": {"num_format": "@"},
    "day": {"num_format": "yyyy/mm/dd", "align": "left"},
    "yen": {"num_format": "#,##0"},
    "title": {"bold": True, "font_size": 14},
    "quiet": {"font_color": "#555555"},
    "fixed": {"num_format": "@", "bg_color": "#EDEDED", "border": 1, "border_color": "#B3B3B3"},
    "head": {"bold": True, "bg_color": "#00418F", "font_color": "#FFFFFF", "border": 1, "text_wrap": True},
    "must": {"bold": True, "bg_color": "#8B0000", "font_color": "#FFFFFF", "border": 1, "text_wrap": True},
    "example": {"num_format": "@", "italic": True, "font_color": "#555555", "bg_color": "#F2F2F2"},
    "wrapped": {"text_wrap": True, "valign": "top"},
}


class Wanted(NamedTuple):
    """What a template is made for: its heading, what holds for all rows, the notice numbers of its lines, when it was made."""

    title: str
    header: Mapping[str, Any]
    words: Mapping[str, str]  # beside a value that holds for all rows: what its code means
    numbers: Sequence[str]
    at: str


class _Maker:
    """One workbook in the making."""

    def __init__(self, message: Message, wanted: Wanted) -> None:
        import xlsxwriter  # noqa: PLC0415 - only those who write workbooks pay for it

        self.message, self.wanted, self.cells = message, wanted, message.row.cells
        self.out = io.BytesIO()
        options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "default_format_properties": _FONT}
        self.book = xlsxwriter.Workbook(self.out, options)
        self.book.set_properties({"title": wanted.title, "created": dt.datetime.fromisoformat(wanted.at).replace(tzinfo=None)})
        self.formats = {name: self.book.add_format({**_FONT, **given}) for name, given in _FORMATS.items()}
        self.opening = message.cells("header")
        self.head = _TITLE_LINES + len(self.opening)
        """The header line, from 0."""

    def made(self) -> bytes:
        """The bytes."""
        sheet = self.book.add_worksheet(self.message.spec.ja)
        self._opening(sheet)
        self._columns(sheet)
        self._lines(sheet)
        self._guide(self.book.add_worksheet(GUIDE))
        self.book.close()
        return self.out.getvalue()

    def _opening(self, sheet: Any) -> None:
        sheet.write_string(0, 0, self.wanted.title, self.formats["title"])
        words = f"{self.head + 1} 行目の見出しの下に 1 行 1 件で書きます。書き方は「{GUIDE}」のシートにあります。"
        sheet.write_string(1, 0, words, self.formats["quiet"])
        for at, cell in enumerate(self.opening, _TITLE_LINES):
            sheet.write_string(at, 0, cell.row.ja, self.formats["fixed"])
            sheet.write_string(at, 1, cell.write(self.wanted.header.get(cell.row.name)), self.formats["fixed"])
            sheet.write_string(at, 2, self.wanted.words.get(cell.row.name, ""), self.formats["quiet"])

    def _columns(self, sheet: Any) -> None:
        for at, cell in enumerate(self.cells):
            sheet.set_column(at, at, _width(cell), self.formats[_format(cell)])
            sheet.write_string(self.head, at, cell.row.ja, self.formats["must" if cell.row.need not in ("", "optional") else "head"])
            last = self.head + 1 + len(self.wanted.numbers) + SPARE_LINES
            check = _check(cell)
            if check:
                told = {"input_title": cell.row.ja[:32], "input_message": hint(cell)[:255], "error_title": cell.row.ja[:32]}
                sheet.data_validation(
                    self.head + 2, at, last, at, {**check, **told, "error_message": hint(cell)[:255], "ignore_blank": True}
                )
        sheet.freeze_panes(self.head + 1, 1)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(self.head)

    def _lines(self, sheet: Any) -> None:
        for at, text in enumerate(self.message.declared.example):
            sheet.write_string(self.head + 1, at, text, self.formats["example"])
        column = self.message.row.index.get("notice_number", 0)
        for line, number in enumerate(self.wanted.numbers, self.head + 2):
            sheet.write_string(line, column, number, self.formats["text"])

    def _guide(self, sheet: Any) -> None:
        sheet.set_column(0, 0, 18, self.formats["wrapped"])
        sheet.set_column(1, 1, 12, self.formats["wrapped"])
        sheet.set_column(2, 2, 80, self.formats["wrapped"])
        rows = [
            (f"{self.wanted.title} の書き方", "", ""),
            *(("", "", line) for line in _guidance(self.head)),
            ("", "", ""),
            ("項目", "要否", "書き方"),
        ]
        rows += [(cell.row.ja, _NEEDS.get(cell.row.need, "請求額があれば必須"), hint(cell)) for cell in self.cells]
        heads = {0: "title", len(rows) - len(self.cells) - 1: "head"}
        for line, row in enumerate(rows):
            for column, text in enumerate(row):
                sheet.write_string(line, column, text, self.formats[heads.get(line, "wrapped")])


def template(message: Message, wanted: Wanted) -> bytes:
    """The workbook of a message, ready to be filled in."""
    return _Maker(message, wanted).made()


_NEEDS = {"required": "必須", "optional": "任意", "": "任意"}


def _guidance(head: int) -> Iterator[str]:
    yield "1. 灰色の欄（団体コード・公金種目コード・年度・課所コード）は、そのまま使います。"
    yield f"2. {head + 2} 行目は見本です。そのまま残しても、行ごと消しても構いません（読みません）。"
    yield "3. 通知書番号は先に振ってあります。1 行に 1 件ずつ、番号の右に書きます。番号だけの行は読みません。自分の課の番号があれば書き換えられます。"
    yield "4. 同じ番号の行をもう一度出すと、請求は増えずに書き直されます。直して出し直すときは、番号を変えないでください。"
    yield "5. 請求をやめるときは、その行の異動区分を「取消」にします。行を消しただけでは取り消されません。"
    yield "6. セルの結合、マクロ、シートや行の非表示は使わないでください。"
    yield "7. できたら保存し、fundlink の「小口の公金」で選びます。直すところはセルごとに示されます。"


def _format(cell: Cell) -> str:
    return {"date": "day", "yen": "yen"}.get(cell.row.kind, "text")


def _width(cell: Cell) -> float:
    wide = {"date": 14, "yen": 12}.get(cell.row.kind, min(max(cell.width, 10), 44))
    return max(wide, 2 * len(cell.row.ja) + 3)


def _check(cell: Cell) -> dict[str, Any]:
    """What a spreadsheet itself can look after."""
    if isinstance(cell, CodeCell):
        words = [word for word in cell.ours if word]
        return {"validate": "list", "source": words} if len(",".join(words)) <= 255 else {}
    if cell.row.kind == "date":
        return {"validate": "date", "criteria": "between", "minimum": FIRST_DAY, "maximum": LAST_DAY}
    if cell.row.kind == "yen":
        return {"validate": "integer", "criteria": "between", "minimum": 0, "maximum": 10 ** (cell.width or 11) - 1}
    if not cell.width:
        return {}
    exact = bool(getattr(cell, "fixed_width", False))
    return {"validate": "length", "criteria": "==" if exact else "<=", "value": cell.width}
