"""The kinds of a layout and what each can carry: the table that binds a field to the class of its cell.

Called by message (compile), checks and the book. One small class each says what a cell looks like, how it is read, written, sampled
and spoiled: identifiers, amounts, texts, days, choices.
"""

from __future__ import annotations

from fundlink.formats.amounts import Control, Number, Yen
from fundlink.formats.catalogue import Attribute
from fundlink.formats.cells import Cell, Setting
from fundlink.formats.choices import CodeCell, Const, Flag, Unkept, codes_of
from fundlink.formats.days import Date, Year
from fundlink.formats.identifiers import Alnum, Digit
from fundlink.formats.layout import Field
from fundlink.formats.texts import Kana, Text

CLASSES: dict[str, type[Cell]] = {
    "digit": Digit,
    "alnum": Alnum,
    "text": Text,
    "kana": Kana,
    "yen": Yen,
    "date": Date,
    "year": Year,
    "code": CodeCell,
    "flag": Flag,
    "const": Const,
    "count": Control,
    "sum": Control,
    "filler": Unkept,
}


KINDS_OF_TYPE: dict[str, tuple[str, ...]] = {
    "text": ("digit", "alnum", "text", "kana", "code", "flag"),
    "yen": ("yen", "digit"),
    "number": ("digit", "yen"),
    "year": ("year", "digit"),
    "date": ("date",),
}
"""Kinds that can carry an attribute of a type; a layout that says otherwise is at fault."""


def bind(row: Field, attribute: Attribute | None, setting: Setting) -> Cell:
    """The cell of a field. The attribute's type decides where a sheet writes ``digit`` for an amount or a year."""
    if row.kind in ("const", "count", "sum"):
        return CLASSES[row.kind](row, attribute, setting)
    if row.name.startswith("_") or attribute is None or row.kind == "filler":
        return Unkept(row, None, setting)
    if attribute.type in ("yen", "number", "year"):
        return {"yen": Yen, "number": Number, "year": Year}[attribute.type](row, attribute, setting)
    if row.kind in ("digit", "alnum") and codes_of(row) in setting.codes:
        return CodeCell(row, attribute, setting)
    return CLASSES[row.kind](row, attribute, setting)
