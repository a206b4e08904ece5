"""Every fault of a profile, with file and line: what `fundlink profile check` prints and what stops a start.

Called by profiles. Looks at one ``profile.toml`` and its layouts; it never reads business data and never stops at the first fault.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from fundlink.domain.problems import Problem, problem
from fundlink.domain.values import ERA_DIGITS
from fundlink.formats.layout import Field, fault, read_layout
from fundlink.formats.layout_checks import LayoutExaminer
from fundlink.formats.message import Declared
from fundlink.formats.selection import parse_when
from fundlink.formats.specs import SPECS

FILE = "profile.toml"
MESSAGE_FORMS = ("delimited", "fixed", "xml", "xlsx", "json")
ENCODINGS = ("utf-8", "utf-8-sig", "cp932")
NEWLINES = ("lf", "crlf", "none", "auto")
NUMBERS = re.compile("[A-Z0-9-]{0,8}#{5,9}").fullmatch
FREE_XML = ("billing", "clearing", "slips")
"""Messages of core systems: their XML needs no schema, the paths of the layout are enough."""
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
    "example": list,
    "numbers": str,
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
        self.gathered = found.codes
        self.files = found.files

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
        fields = self.layout(kind, str(clean.get("layout", "")), "layout")
        variants = self.variants(kind, clean, fields)
        if form not in MESSAGE_FORMS or not fields:
            return
        declared = self.declared(kind, clean, form)
        LayoutExaminer(self, declared, SPECS[kind]).all(fields)
        self.prepared(declared, [row for row in fields if row.record == "data"])
        for _when, rows in variants:
            LayoutExaminer(self, declared, SPECS[kind]).data(rows, fields)
        self.found.messages[kind] = (declared, fields, variants)

    def prepared(self, declared: Declared, fields: Sequence[Field]) -> None:
        """What a workbook is handed out with: the line that shows how, and the numbers of its lines."""
        kind = declared.kind
        if declared.example and (declared.form != "xlsx" or len(declared.example) != len(fields)):
            place = self.toml.place(kind, "example")
            self.wrong(
                place, f"example は xlsx の data と同じ {len(fields)} 個です。", f"example is for xlsx, {len(fields)} cells as data has."
            )
        if declared.numbers and (declared.form != "xlsx" or NUMBERS(declared.numbers) is None):
            ja, en = "numbers は F###### の形（英大文字・数字・- と、連番の桁数の #）です。", "numbers looks like F######."
            self.wrong(self.toml.place(kind, "numbers"), ja, en)

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
        if given.get("form") == "xml" and given.get("encoding", "utf-8") == "cp932":
            self.wrong(self.toml.place(kind, "encoding"), "xml の encoding は utf-8 だけです。", "xml is utf-8 only.")
        for key in ("root", "namespace", "xsd"):
            if given.get("form") == "xml" and not given.get(key) and (given.get("xsd") or kind not in FREE_XML):
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
                self.wrong(
                    f"{entry['layout']}:1", f"レコード長が {length} バイトではありません。", f"the record is not {length} bytes long."
                )
            found.append((str(when), rows))
        return found

    def declared(self, kind: str, given: Mapping[str, Any], form: str) -> Declared:
        """The message as ``message`` wants it."""
        xsd = next(
            (path for path in (self.folder / given.get("xsd", ""), self.codes.parent / given.get("xsd", "")) if path.is_file()), None
        )
        if form == "xml" and given.get("xsd") and xsd is None:
            self.wrong(self.toml.place(kind, "xsd"), f"xsd「{given['xsd']}」がありません。", f"xsd {given['xsd']!r} is missing.")
        if xsd is not None:
            xsd = xsd.resolve()
            self.found.files.add(xsd)
        plain = {
            key: given[key]
            for key in ("layout", "encoding", "newline", "header", "delimiter", "empty_date", "padded", "root", "namespace", "numbers")
            if key in given
        }
        variants = tuple(
            (str(entry.get("layout")), str(entry.get("when"))) for entry in given.get("variant", []) if isinstance(entry, dict)
        )
        example = tuple(str(cell) for cell in given.get("example", []))
        return Declared(kind=kind, form=form, xsd=xsd, variants=variants, example=example, **plain)


def remarks(found: Checked) -> list[Problem]:
    """Things worth a second look that stop nothing."""
    notes = partial(problem, "FL-PRF-003")
    rows = [row for declared, fields, _variants in found.messages.values() if declared.form == "fixed" for row in fields]
    in_bytes = [
        notes(
            place=row.place, detail=f"{row.place} 固定長の char はバイトとして読みます。", detail_en=f"{row.place} char is read as bytes."
        )
        for row in rows
        if row.unit == "char" and row.kind in ("text", "kana")
    ]
    return [*in_bytes, *_without_outcome(found)]


def _without_outcome(found: Checked) -> list[Problem]:
    """A clearing without outcomes: a second payment looks there like the first one, and somebody books it."""
    if "clearing" not in found.messages:
        return []
    declared, fields, _variants = found.messages["clearing"]
    if any(row.name == "outcome" for row in fields):
        return []
    place = f"{declared.layout}:1"
    ja = "outcome（照合結果）の列がありません。二重納付なども、正しい収納と見分けられずに渡ります。"
    en = "there is no outcome column: duplicate payments and the like cannot be told from matched ones."
    return [problem("FL-PRF-003", place=place, detail=f"{place} {ja}", detail_en=f"{place} {en}")]
