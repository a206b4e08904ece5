"""A layout: the table of one message in the shape of the specification sheet, one row a field.

Read by profiles (load, check), the book and every form. Faults of the table are values; it never decides what a kind means.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from fundlink.domain.problems import Problem, problem

COLUMNS = ("record", "no", "name", "ja", "kind", "form", "width", "unit", "need", "codes", "path", "source")
RECORDS = ("header", "data", "trailer", "end")
UNITS = ("", "digit", "char", "byte")
FORMS: dict[str, tuple[str, ...]] = {
    "digit": ("", "plain", "zero"),
    "alnum": ("", "plain", "space"),
    "text": ("", "plain", "space"),
    "kana": ("", "half", "full"),
    "yen": ("", "plain", "zero"),
    "date": ("", "iso", "ymd", "wareki7", "wareki6", "wareki", "written"),
    "year": ("", "western", "wareki"),
    "code": ("", "plain", "space"),
    "flag": ("", "plain"),
    "const": ("", "plain", "space"),
    "count": ("", "plain", "zero", "all", "groups"),
    "sum": ("", "plain", "zero"),
    "filler": ("", "plain", "space", "zero"),
}
CONTROL_KINDS = ("const", "count", "sum", "filler")


class Field(NamedTuple):
    """One row of a layout; ``place`` is ``billing.csv:7``, ``number`` counts the fields of its record from 1."""

    record: str
    no: str
    name: str
    ja: str
    kind: str
    form: str
    width: int
    unit: str
    need: str
    codes: str
    path: str
    source: str
    number: int
    place: str

    @property
    def kept(self) -> bool:
        """False for what fundlink does not keep (a name that begins with ``_``, control values, fillers)."""
        return not self.name.startswith("_") and self.kind not in CONTROL_KINDS

    @property
    def required(self) -> bool:
        """True when the field may not be empty."""
        return self.need == "required"


def fault(place: str, ja: str, en: str) -> Problem:
    """One fault of a profile (FL-PRF-002) at ``file:line``."""
    return problem("FL-PRF-002", place=place, detail=f"{place} {ja}", detail_en=f"{place} {en}")


def read_layout(name: str, raw: bytes) -> tuple[list[Field], list[Problem]]:
    """The fields of a layout file and every fault of its shape."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        return [], [fault(f"{name}:{line}", "UTF-8 ではありません。", "not UTF-8.")]
    try:
        return _read_rows(name, csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        return [], [fault(f"{name}:1", f"CSV として読めません（{error}）。", f"not readable as CSV ({error}).")]


def _read_rows(name: str, rows: Any) -> tuple[list[Field], list[Problem]]:
    head = next(rows, None)
    if head is None or tuple(cell.strip() for cell in head) != COLUMNS:
        expected = ",".join(COLUMNS)
        return [], [fault(f"{name}:1", f"見出しは {expected} でなければなりません。", f"the columns must be {expected}.")]
    fields: list[Field] = []
    faults: list[Problem] = []
    counted: dict[str, int] = {}
    for cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        place = f"{name}:{rows.line_num}"
        if len(cells) != len(COLUMNS):
            faults.append(
                fault(place, f"列が {len(cells)} 個あります（{len(COLUMNS)} 個のはず）。", f"{len(cells)} columns, not {len(COLUMNS)}.")
            )
            continue
        found = _field([cell.strip() for cell in cells], place, counted)
        fields.append(found)
        faults += _faults_of(found, cells[COLUMNS.index("width")].strip())
    if not any(field.record == "data" for field in fields):
        faults.append(fault(f"{name}:1", "data の行がありません。", "there is no data row."))
    return fields, faults


def _field(cells: Sequence[str], place: str, counted: dict[str, int]) -> Field:
    given = dict(zip(COLUMNS, cells, strict=True))
    record = given["record"] or "data"
    counted[record] = counted.get(record, 0) + 1
    width = int(given["width"]) if given["width"].isascii() and given["width"].isdigit() else 0
    words: dict[str, Any] = {**given, "record": record, "width": width}
    return Field(**words, number=counted[record], place=place)


def _faults_of(field: Field, width: str) -> Iterable[Problem]:
    """Faults that one row shows by itself."""
    if field.record not in RECORDS:
        yield fault(field.place, f"record「{field.record}」は知りません。", f"unknown record {field.record!r}.")
    if field.kind not in FORMS:
        yield fault(field.place, f"kind「{field.kind}」は知りません。", f"unknown kind {field.kind!r}.")
    elif field.form not in FORMS[field.kind]:
        yield fault(field.place, f"form「{field.form}」は {field.kind} にありません。", f"unknown form {field.form!r} of {field.kind}.")
    if field.unit not in UNITS:
        yield fault(field.place, f"unit「{field.unit}」は知りません。", f"unknown unit {field.unit!r}.")
    if width and not field.width:
        yield fault(field.place, f"width「{width}」は正の整数ではありません。", f"width {width!r} is not a positive number.")
    if not field.name:
        yield fault(field.place, "name がありません。", "name is missing.")
    if field.kind == "const" and not field.codes:
        yield fault(field.place, "const には codes に定数が必要です。", "a const needs its constant in codes.")
