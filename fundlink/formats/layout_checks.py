"""Every fault of one layout with its message in mind: names, kinds, code lists, widths, control values, leading constants.

Called by checks. Adds faults and never stops at the first one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from fundlink.formats.catalogue import FILE_ATTRIBUTES, Spec
from fundlink.formats.choices import DEFAULT_CODES, codes_of
from fundlink.formats.codelists import theirs_to_ours
from fundlink.formats.controls import control_of
from fundlink.formats.dates import EXAMPLES
from fundlink.formats.kinds import KINDS_OF_TYPE
from fundlink.formats.layout import FORMS, Field
from fundlink.formats.message import Declared
from fundlink.formats.xml_paths import PATH, plan

_FLAT_PATH = re.compile(r"[\w.-]+/[\w.-]+").fullmatch
_WRONG_PATHS = {
    "record": ("data の path に共通の要素がありません。", "the paths of data share no element."),
    "twice": ("同じ path が2回あります。", "a path stands twice."),
    "nested": ("ほかの項目の中にある項目があります。", "a field stands inside another field."),
    "inside": ("データの要素の中に header・trailer・end の項目があります。", "a control field stands inside the data element."),
}


class Owner(Protocol):
    """Who gathers the faults, the code lists and the files of the whole profile."""

    codes: Path
    gathered: dict[str, dict[str, str]]
    files: set[Path]

    def wrong(self, place: str, ja: str, en: str) -> None:
        """Add a fault."""


class LayoutExaminer:
    """Looks at the rows of one layout with its message in mind."""

    def __init__(self, owner: Owner, declared: Declared, spec: Spec) -> None:
        self.owner = owner
        self.wrong = owner.wrong
        self.declared = declared
        self.spec = spec

    def all(self, fields: Sequence[Field]) -> None:
        """Everything about a whole layout."""
        for record in ("header", "data", "trailer", "end"):
            rows = [row for row in fields if row.record == record]
            if record == "data":
                self.data(rows, fields)
            else:
                self.rows(rows, self.file_names, fields)
        self.carried(fields)
        if self.free and all(PATH(row.path) for row in fields):
            self.branches(fields)
        if self.declared.form == "fixed":
            self.told_apart(fields)
        elif self.declared.form != "xml":
            for row in fields:
                if row.record != "data" and (self.declared.form, row.record) != ("xlsx", "header"):
                    self.wrong(row.place, f"{row.record} は fixed と xml だけです。", f"{row.record} is for fixed and xml only.")

    @property
    def free(self) -> bool:
        """XML that is read by its paths alone."""
        return self.declared.form == "xml" and self.declared.xsd is None

    def branches(self, fields: Sequence[Field]) -> None:
        """Paths from which root and record cannot be told."""
        try:
            plan(fields, self.declared.root)
        except ValueError as error:
            ja, en = _WRONG_PATHS[str(error)]
            self.wrong(f"{self.declared.layout}:1", ja, en)

    def data(self, rows: Sequence[Field], fields: Sequence[Field]) -> None:
        """The data record."""
        rows = [row for row in rows if row.record == "data"]
        self.rows(rows, {*self.spec.named, *self.spec.derived}, fields)
        if self.declared.form in ("delimited", "xlsx") and self.declared.header:
            self.repeated(rows, "ja", lambda row: row.ja)
            for row in rows:
                if not row.ja:
                    self.wrong(row.place, "見出しに使う ja がありません。", "ja, the header name, is missing.")

    @property
    def file_names(self) -> set[str]:
        """Names a header, trailer or end record may use."""
        return {*FILE_ATTRIBUTES, *self.spec.named}

    def rows(self, rows: Sequence[Field], names: set[str], fields: Sequence[Field]) -> None:
        """Names, kinds, rules, code lists, widths and paths of the rows of one record."""
        self.repeated(rows, "name", lambda row: row.name if row.kept else "")
        for row in rows:
            if row.kept and row.name and row.name not in names:
                self.wrong(row.place, f"name「{row.name}」は {self.spec.ja} にありません。", f"unknown attribute {row.name!r}.")
            if row.need not in ("", "required", "optional", *self.spec.rules):
                self.wrong(row.place, f"need「{row.need}」は知りません。", f"unknown need {row.need!r}.")
            if row.kind in FORMS:
                self.typed(row)
                self.coded(row, fields)
            if self.declared.form == "fixed" and not row.width:
                self.wrong(row.place, "固定長には width が必要です。", "a fixed-length field needs its width.")
            elif self.declared.form == "fixed" and row.width < _least_width(row):
                least = _least_width(row)
                self.wrong(
                    row.place,
                    f"{row.form} には {least} バイト要ります（width は {row.width}）。",
                    f"{row.form} takes {least} bytes, not {row.width}.",
                )
            if self.declared.form == "xml" and not (PATH if self.free else _FLAT_PATH)(row.path):
                self.wrong(row.place, "xml には path（要素/要素）が必要です。", "an xml field needs its path (element/element).")

    def repeated(self, rows: Sequence[Field], word: str, key: Callable[[Field], str]) -> None:
        """Names that stand twice."""
        seen: set[str] = set()
        for row in rows:
            if key(row) and key(row) in seen:
                self.wrong(row.place, f"{word}「{key(row)}」が2回あります。", f"{word} {key(row)!r} stands twice.")
            seen.add(key(row))

    def typed(self, row: Field) -> None:
        """A kind that cannot carry its attribute."""
        attribute = (FILE_ATTRIBUTES.get(row.name) if row.record != "data" else None) or self.spec.named.get(row.name)
        if row.kept and attribute is not None and row.kind not in KINDS_OF_TYPE[attribute.type]:
            allowed = "・".join(KINDS_OF_TYPE[attribute.type])
            self.wrong(row.place, f"{row.name} の kind は {allowed} のどれかです。", f"{row.name} cannot be of kind {row.kind}.")

    def coded(self, row: Field, fields: Sequence[Field]) -> None:
        """Code lists and inline maps, constants that fit, attributes of control values."""
        if row.kind in ("count", "sum"):
            self.controlled(row, fields)
        elif row.kind == "const":
            if row.width and len(row.codes.encode("cp932", "replace")) > row.width:
                self.wrong(row.place, f"定数「{row.codes}」が width より長いです。", f"the constant {row.codes!r} is wider than width.")
        elif row.kept and (row.kind == "code" or (row.kind in ("digit", "alnum") and (row.codes or self.must_be_known(row)))):
            self.listed(row)

    def must_be_known(self, row: Field) -> bool:
        """A bill of an unknown fund or action is refused, also where the sheet calls the code just digits."""
        return self.spec.kind == "billing" and row.name in DEFAULT_CODES

    def listed(self, row: Field) -> None:
        """A code list that cannot be used."""
        codes = codes_of(row)
        try:
            self.owner.gathered[codes] = theirs_to_ours(codes, self.owner.codes)
            self.mapped(row, self.owner.gathered[codes])
        except ValueError as error:
            self.wrong(row.place, f"codes「{row.codes}」が使えません（{error}）。", f"codes {row.codes!r} cannot be used ({error}).")
            return
        if "=" not in codes:
            self.owner.files.add(self.owner.codes / f"{codes.removesuffix('.csv')}.csv")

    def mapped(self, row: Field, codes: Mapping[str, str]) -> None:
        """An inline map that leads to a code of ours that does not exist."""
        known = theirs_to_ours(DEFAULT_CODES[row.name], self.owner.codes) if row.name in DEFAULT_CODES else codes
        strangers = sorted({ours for ours in codes.values() if ours not in known}) if "=" in row.codes and row.name in DEFAULT_CODES else []
        if strangers:
            raise ValueError("・".join(strangers))

    def controlled(self, row: Field, fields: Sequence[Field]) -> None:
        """A count or sum whose ``codes`` names nothing of the data record."""
        data = [other for other in fields if other.record == "data"]
        unknown = control_of(row, self.spec, data).unknown
        if unknown:
            self.wrong(row.place, f"codes「{row.codes}」の {unknown} は data にありません。", f"codes {row.codes!r}: no {unknown} in data.")

    def carried(self, fields: Sequence[Field]) -> None:
        """Attributes without which the message says nothing."""
        names = {row.name for row in fields if row.record in ("data", "header")}
        for name in self.spec.required:
            if name not in names:
                ja = self.spec.named[name].ja
                self.wrong(f"{self.declared.layout}:1", f"{name}（{ja}）の行がありません。", f"there is no row for {name}.")

    def told_apart(self, fields: Sequence[Field]) -> None:
        """Flat records are told apart by their leading constants."""
        first: dict[str, Field] = {}
        for row in fields:
            first.setdefault(row.record, row)
        consts = {record: row for record, row in first.items() if row.kind == "const"}
        for record, row in first.items():
            if len(first) > 1 and record not in consts:
                self.wrong(row.place, f"{record} の先頭は const でなければなりません。", f"{record} must begin with a const.")
        leads = _leads(fields)
        for record, row in consts.items():
            for other in consts:
                if other < record and _overlap(leads[record], leads[other]):
                    self.wrong(row.place, f"{record} と {other} の先頭の定数が重なります。", f"the consts of {record} and {other} overlap.")


def _least_width(row: Field) -> int:
    """Bytes without which no day or year of this form fits a fixed-length field."""
    if row.kind == "year":
        return 4 if row.form == "western" else 0
    return len(EXAMPLES[row.form]) if row.kind == "date" and row.form in EXAMPLES else 0


def _leads(fields: Iterable[Field]) -> dict[str, str]:
    """The constants each record begins with, joined."""
    found: dict[str, str] = {}
    open_records: set[str] = set()
    for row in fields:
        if row.record not in found:
            found[row.record] = ""
            open_records.add(row.record)
        if row.kind != "const":
            open_records.discard(row.record)
        elif row.record in open_records:
            found[row.record] += row.codes.ljust(row.width)
    return found


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
