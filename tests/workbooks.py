"""Filling in a workbook as somebody at a desk does: values into cells of the one that was handed out, everything else left as it is."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from fundlink.formats.workbook import letters_of

FIRST = "xl/worksheets/sheet1.xml"
DAYS_BEFORE = 693_594
"""Ordinal of 1899-12-30, from which a spreadsheet counts its days."""
HEAD_LINE = 7
NAMES = ("通知書番号", "期別", "氏名", "郵便番号", "住所", "料額", "督促手数料", "延滞金", "納期限", "支払期限", "異動区分", "備考")
"""The header line of a template of small funds and its columns."""


def filled(raw: bytes, cells: Mapping[tuple[int, int], Any]) -> bytes:
    """The workbook with these values at (line, column); a date becomes a number of days, None empties a cell."""
    return edited(raw, {FIRST: lambda text: _written(text, cells)})


def edited(raw: bytes, parts: Mapping[str, Any]) -> bytes:
    """The workbook with parts changed by a function from text to text."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as book, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in book.namelist():
            content = book.read(name)
            copy.writestr(name, parts[name](content.decode()).encode() if name in parts else content)
    return out.getvalue()


def _written(text: str, cells: Mapping[tuple[int, int], Any]) -> str:
    spans = re.findall(r'<col min="(\d+)" max="(\d+)"[^>]*? style="(\d+)"', text)
    styles = {column: style for first, last, style in spans for column in range(int(first), int(last) + 1)}
    by_line: dict[int, dict[int, Any]] = {}
    for (line, column), value in cells.items():
        by_line.setdefault(line, {})[column] = value
    for line, values in sorted(by_line.items()):
        found = re.search(rf'<row r="{line}"[^>]*?(/>|>(.*?)</row>)', text, re.DOTALL)
        held = dict(re.findall(rf'(<c r="([A-Z]+){line}".*?(?:/>|</c>))', found[2] or "", re.DOTALL)) if found else {}
        by_column = {_number(letters): cell for cell, letters in held.items()}
        by_column |= {column: _cell(f"{letters_of(column)}{line}", value, styles.get(column, "0")) for column, value in values.items()}
        row = f'<row r="{line}">{"".join(cell for _, cell in sorted(by_column.items()))}</row>'
        if found:
            text = text[: found.start()] + row + text[found.end() :]
        else:
            after = [match.start() for match in re.finditer(r'<row r="(\d+)"', text) if int(match[1]) > line]
            at = after[0] if after else text.index("</sheetData>")
            text = text[:at] + row + text[at:]
    return text


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _cell(place: str, value: Any, style: str) -> str:
    """In the format of its column, as a spreadsheet puts it there."""
    if value is None:
        return ""
    if hasattr(value, "toordinal"):
        return f'<c r="{place}" s="{style}"><v>{value.toordinal() - DAYS_BEFORE}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{place}" s="{style}"><v>{value}</v></c>'
    return f'<c r="{place}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def row(line: int, **values: Any) -> dict[tuple[int, int], Any]:
    """Cells of one line by the names of their columns."""
    return {(line, NAMES.index(name) + 1): value for name, value in values.items()}


def rows(first: int, lines: Sequence[Mapping[str, Any]]) -> dict[tuple[int, int], Any]:
    """Cells of lines one after another."""
    return {place: value for at, values in enumerate(lines, first) for place, value in row(at, **values).items()}
