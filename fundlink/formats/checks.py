"""Every fault of a profile, with file and line: what `fundlink profile check` prints and what stops a start.

Called by profiles. Looks at one ``profile.toml`` and its layouts; it never reads business data and never stops at the first fault.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from fundlink.domain.problems import Problem, problem
from fundlink.domain.values import ERA_DIGITS
from fundlink.formats.catalogue import FILE_ATTRIBUTES, Spec
from fundlink.formats.codelists import theirs_to_ours
from fundlink.formats.controls import control_of
from fundlink.formats.kinds import DEFAULT_CODES, KINDS_OF_TYPE, codes_of
from fundlink.formats.layout import CONTROL_KINDS, FORMS, Field, fault, read_layout
from fundlink.formats.message import Declared
from fundlink.formats.selection import parse_when
from fundlink.formats.specs import SPECS

FILE = "profile.toml"
MESSAGE_FORMS = ("delimited", "fixed", "xml", "xlsx", "json")
ENCODINGS = ("utf-8", "utf-8-sig", "cp932")
NEWLINES = ("lf", "crlf", "none", "auto")
KEYS: dict[str, type] = {
    "form": str,
    "layout": str,
    "encoding": str,
    "newline": str,
    "header": bool,
    "delimiter": str,
    "empty_date": str,
    "padded": bool,
    "root": str,
    "namespace": str,
    "xsd": str,
    "variant": list,
}
SECTIONS: dict[str, dict[str, type]] = {
    "profile": {"name": str, "label": str, "edition": str, "era": str, "payable_days": int},
    "numbering": {"rule": str},
    "elqr": {"check_digits": str},
}


@dataclass
class Checked:
    """What was found in a profile folder; usable only when ``faults`` holds no error."""

    faults: list[Problem] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    messages: dict[str, tuple[Declared, list[Field], list[tuple[str, list[Field]]]]] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    files: set[Path] = field(default_factory=set)


class _Toml:
    """A TOML text that knows on which line a key stands."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()

    def place(self, section: str, key: str = "") -> str:
        """``profile.toml:7`` of a key, or of its section where the key is missing."""
        inside, found = False, 1
        for number, line in enumerate(self.lines, 1):
            head = re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line)
            if head:
                inside = head[1].strip('"') == section
                found = number if inside else found
            elif inside and key and re.match(rf'\s*"?{re.escape(key)}"?\s*=', line):
                return f"{FILE}:{number}"
        return f"{FILE}:{found}"


def examine(folder: Path, codes: Path) -> Checked:
    """Read a folder and tell everything that is wrong with it."""
    found = Checked()
    path = folder / FILE
    try:
        text = path.read_bytes().decode("utf-8-sig")
        given = tomllib.loads(text)
    except (OSError, UnicodeDecodeError):
        found.faults.append(fault(f"{FILE}:1", "ファイルがないか、UTF-8 ではありません。", "the file is missing or not UTF-8."))
        return found
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        last = len(text.splitlines())
        found.faults.append(fault(f"{FILE}:{line[1] if line else last}", f"TOML として読めません（{error}）。", f"not TOML: {error}."))
        return found
    found.files.add(path)
    _Examiner(folder, codes, _Toml(text), found).all(given)
    return found


class _Examiner:
    """Walks one profile; each method looks at one thing and adds what is wrong."""

    def __init__(self, folder: Path, codes: Path, toml: _Toml, found: Checked) -> None:
        self.folder = folder
        self.codes = codes
        self.toml = toml
        self.found = found

    def wrong(self, place: str, ja: str, en: str) -> None:
        """Add a fault."""
        self.found.faults.append(fault(place, ja, en))

    def all(self, given: Mapping[str, Any]) -> None:
        """Sections about the profile, then each message."""
        self.sections(given)
        messages = [name for name in given if name not in SECTIONS]
        for name in messages:
            if name not in SPECS or not isinstance(given[name], dict):
                self.wrong(self.toml.place(name), f"[{name}] という様式は知りません。", f"unknown message [{name}].")
            else:
                self.message(name, given[name])
        if not messages:
            self.wrong(f"{FILE}:1", "様式が1つもありません。", "no message at all.")

    def sections(self, given: Mapping[str, Any]) -> None:
        """[profile], [numbering] and [elqr]."""
        about = {name: given.get(name, {}) for name in SECTIONS}
        for name, keys in SECTIONS.items():
            if not isinstance(about[name], dict):
                self.wrong(self.toml.place(name), f"[{name}] は表でなければなりません。", f"[{name}] must be a table.")
                about[name] = {}
            self.keys(name, about[name], keys)
        profile = about["profile"]
        for key in ("name", "label", "edition"):
            if not profile.get(key):
                self.wrong(self.toml.place("profile", key), f"{key} がありません。", f"{key} is missing.")
        if profile.get("era", "令和") not in (*ERA_DIGITS, *ERA_DIGITS.values()):
            self.wrong(self.toml.place("profile", "era"), f"era「{profile['era']}」は知りません。", f"unknown era {profile['era']!r}.")
        if not 0 <= int(profile.get("payable_days", 40) if isinstance(profile.get("payable_days", 40), int) else 40) <= 3650:
            self.wrong(self.toml.place("profile", "payable_days"), "payable_days が範囲外です。", "payable_days is out of range.")
        if about["numbering"].get("rule", "serial") not in ("serial", "notice"):
            self.wrong(self.toml.place("numbering", "rule"), "rule は serial か notice です。", "rule is serial or notice.")
        self.found.about = about

    def keys(self, section: str, given: Mapping[str, Any], known: Mapping[str, type]) -> None:
        """Unknown keys and values of a wrong type."""
        for key, value in given.items():
            place = self.toml.place(section, key)
            if key not in known:
                self.wrong(place, f"[{section}] の {key} は知りません。", f"unknown key {key} in [{section}].")
            elif type(value) is not known[key]:
                self.wrong(place, f"{key} の値の種類が違います。", f"{key} has a value of a wrong type.")

    def message(self, kind: str, given: Mapping[str, Any]) -> None:
        """One message: its keys, its layout, its variants."""
        self.keys(kind, given, KEYS)
        clean = {key: value for key, value in given.items() if key in KEYS and type(value) is KEYS[key]}
        self.values(kind, clean)
        form = clean.get("form", "")
        fields = self.layout(kind, clean.get("layout", ""), "layout")
        variants = self.variants(kind, clean, fields)
        if form not in MESSAGE_FORMS or not fields:
            return
        declared = self.declared(kind, clean, form)
        _LayoutExaminer(self, declared, SPECS[kind]).all(fields)
        for _when, rows in variants:
            _LayoutExaminer(self, declared, SPECS[kind]).data(rows, fields)
        self.found.messages[kind] = (declared, fields, variants)

    def values(self, kind: str, given: Mapping[str, Any]) -> None:
        """Values that are not in their closed list."""
        closed: tuple[tuple[str, Sequence[str], str], ...] = (
            ("form", MESSAGE_FORMS, ""),
            ("encoding", ENCODINGS, "utf-8"),
            ("newline", NEWLINES, "auto"),
        )
        for key, allowed, default in closed:
            if given.get(key, default) not in allowed:
                words = f"{given.get(key, '')}"
                self.wrong(
                    self.toml.place(kind, key),
                    f"[{kind}] の {key}「{words}」は {'・'.join(allowed)} のどれかです。",
                    f"{key} of [{kind}] is {words!r}, not one of {', '.join(allowed)}.",
                )
        if len(given.get("delimiter", ",")) != 1 or given.get("delimiter") in ('"', "\r", "\n"):
            self.wrong(self.toml.place(kind, "delimiter"), "delimiter は1文字です。", "delimiter is one character.")
        if given.get("newline") == "none" and given.get("form") != "fixed":
            self.wrong(self.toml.place(kind, "newline"), "newline = none は fixed だけです。", "newline = none is for fixed only.")
        for key in ("root", "namespace", "xsd"):
            if given.get("form") == "xml" and not given.get(key):
                self.wrong(self.toml.place(kind, key), f"xml には {key} が必要です。", f"xml needs {key}.")

    def layout(self, kind: str, name: str, key: str) -> list[Field]:
        """The rows of a layout file; a missing one is a fault of the key that names it."""
        path = self.folder / name
        if not name or "/" in name or "\\" in name or not path.is_file():
            self.wrong(self.toml.place(kind, key), f"layout「{name}」がありません。", f"layout {name!r} is missing.")
            return []
        fields, faults = read_layout(name, path.read_bytes())
        self.found.faults += [found for found in faults if found not in self.found.faults]
        self.found.files.add(path)
        return fields

    def variants(self, kind: str, given: Mapping[str, Any], fields: Sequence[Field]) -> list[tuple[str, list[Field]]]:
        """``[[kind.variant]]``: another layout of the data record, told by its bytes."""
        found = []
        for entry in given.get("variant", []):
            when = entry.get("when", "") if isinstance(entry, dict) else ""
            if not isinstance(entry, dict) or set(entry) != {"layout", "when"} or parse_when(str(when)) is None:
                place = self.toml.place(f"{kind}.variant", "when")
                self.wrong(place, f"variant の when「{when}」が読めません。", f"variant: when {when!r} cannot be read.")
                continue
            rows = self.layout(kind, str(entry["layout"]), "layout")
            length = sum(row.width for row in fields if row.record == "data")
            if rows and sum(row.width for row in rows if row.record == "data") != length:
                self.wrong(f"{entry['layout']}:1", f"レコード長が {length} バイトではありません。", f"the record is not {length} bytes long.")
            found.append((str(when), rows))
        return found

    def declared(self, kind: str, given: Mapping[str, Any], form: str) -> Declared:
        """The message as ``message`` wants it."""
        xsd = next((path for path in (self.folder / given.get("xsd", ""), self.codes.parent / given.get("xsd", "")) if path.is_file()), None)
        if form == "xml" and given.get("xsd") and xsd is None:
            self.wrong(self.toml.place(kind, "xsd"), f"xsd「{given['xsd']}」がありません。", f"xsd {given['xsd']!r} is missing.")
        if xsd is not None:
            self.found.files.add(xsd)
        plain = {key: given[key] for key in ("layout", "encoding", "newline", "header", "delimiter", "empty_date", "padded", "root", "namespace") if key in given}
        variants = tuple((str(entry.get("layout")), str(entry.get("when"))) for entry in given.get("variant", []) if isinstance(entry, dict))
        return Declared(kind=kind, form=form, xsd=xsd, variants=variants, **plain)


class _LayoutExaminer:
    """Looks at the rows of one layout with its message in mind."""

    def __init__(self, owner: _Examiner, declared: Declared, spec: Spec) -> None:
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
        if self.declared.form == "fixed":
            self.told_apart(fields)
        elif self.declared.form != "xml":
            for row in fields:
                if row.record != "data":
                    self.wrong(row.place, f"{row.record} は fixed と xml だけです。", f"{row.record} is for fixed and xml only.")

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
            if self.declared.form == "xml" and not re.fullmatch(r"[\w.-]+/[\w.-]+", row.path):
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
            self.owner.found.codes[codes] = theirs_to_ours(codes, self.owner.codes)
            self.mapped(row, self.owner.found.codes[codes])
        except ValueError as error:
            self.wrong(row.place, f"codes「{row.codes}」が使えません（{error}）。", f"codes {row.codes!r} cannot be used ({error}).")
            return
        if "=" not in codes:
            self.owner.found.files.add(self.owner.codes / f"{codes.removesuffix('.csv')}.csv")

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


def remarks(found: Checked) -> list[Problem]:
    """Things worth a second look that stop nothing."""
    notes = partial(problem, "FL-PRF-003")
    rows = [row for declared, fields, _variants in found.messages.values() if declared.form == "fixed" for row in fields]
    return [
        notes(place=row.place, detail=f"{row.place} 固定長の char はバイトとして読みます。", detail_en=f"{row.place} char is read as bytes.")
        for row in rows
        if row.unit == "char" and row.kind in ("text", "kana")
    ]
