"""Their own workbook with what is wrong marked on its cells: a colour that goes when the value is changed, and a comment with the words.

Called by desk.small_funds. Everything else stays byte for byte: parts are only added, and the four that have to know of them get one
line each. Marks of an earlier copy are taken off. It changes no value and no style.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from lxml import etree

from fundlink import safe_xml
from fundlink.formats.workbook import MAIN, Look, letters_of, look, unreadable

AUTHOR = "fundlink"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"
_COMMENTS, _DRAWING = "xl/fundlinkComments.xml", "xl/drawings/fundlinkMarks.vml"
_KINDS = {"comments": f"{_OFFICE}/comments", "vmlDrawing": f"{_OFFICE}/vmlDrawing"}
_COLOURS = {"error": "FFFFC7CE", "warning": "FFFFEB9C"}
_INK = {"error": "FF9C0006", "warning": "FF7F6000"}
_AFTER_MARKS = ("dataValidations", "hyperlinks", "printOptions", "pageMargins", "pageSetup", "headerFooter", "rowBreaks", "colBreaks",
                "customProperties", "cellWatches", "ignoredErrors", "smartTags", "drawing", "legacyDrawing", "legacyDrawingHF", "drawingHF",
                "picture", "oleObjects", "controls", "webPublishItems", "tableParts", "extLst")  # fmt: skip
_AFTER_DRAWING = _AFTER_MARKS[_AFTER_MARKS.index("legacyDrawingHF") :]
_OWN_RULE = "fundlink"


class Mark(NamedTuple):
    """What is said beside a cell, and how grave it is."""

    line: int
    column: int
    severity: str
    text: str

    @property
    def place(self) -> str:
        """The cell as a spreadsheet names it."""
        return f"{letters_of(self.column)}{self.line}"


def marked(raw: bytes, marks: Sequence[Mark]) -> bytes:
    """A copy of the workbook with these marks; ProblemError for one that cannot be taken apart."""
    try:
        return _Copy(raw, look(raw)).made(sorted(marks, key=lambda mark: (mark.line, mark.column)))
    except (safe_xml.UnsafeXml, KeyError) as error:
        raise unreadable() from error


class _Copy:
    """One workbook taken apart and put together again."""

    def __init__(self, raw: bytes, seen: Look) -> None:
        self.book = zipfile.ZipFile(io.BytesIO(raw))
        self.names = self.book.namelist()
        self.part = seen.part
        self.links_part = posixpath.join(posixpath.dirname(seen.part), "_rels", posixpath.basename(seen.part) + ".rels")
        self.changed: dict[str, bytes] = {}

    def made(self, marks: Sequence[Mark]) -> bytes:
        """The bytes of the copy."""
        sheet = safe_xml.parse(self.book.read(self.part))
        if sheet.tag != MAIN + "worksheet":
            raise unreadable("印を付けられない形の xlsx です")
        links = self._links()
        self._take_off(sheet)
        if marks:
            self._colour(sheet, marks)
            self._comment(sheet, links, marks)
        self.changed[self.part] = _bytes(sheet)
        self.changed[self.links_part] = _bytes(links)
        return self._together()

    def _links(self) -> Any:
        if self.links_part in self.names:
            return safe_xml.parse(self.book.read(self.links_part))
        return etree.Element(f"{{{_RELATIONS}}}Relationships", nsmap=_as_default(_RELATIONS))

    def _take_off(self, sheet: Any) -> None:
        """Colours of an earlier copy; its comments go with the part they stand in."""
        for rules in sheet.findall(MAIN + "conditionalFormatting"):
            if any((formula.text or "").endswith(f'N("{_OWN_RULE}")') for formula in rules.iter(MAIN + "formula")):
                sheet.remove(rules)

    def _colour(self, sheet: Any, marks: Sequence[Mark]) -> None:
        """A rule a cell: coloured for as long as it holds what it held."""
        styles = self._styles()
        held = {cell.get("r"): cell for cell in sheet.iter(MAIN + "c")}
        strings = self._strings()
        at = _place(sheet, _AFTER_MARKS)
        lowest = max([0, *(int(rule.get("priority", "0")) for rule in sheet.iter(MAIN + "cfRule"))])
        for number, mark in enumerate(_worst(marks), 1):
            rules = etree.Element(MAIN + "conditionalFormatting", sqref=mark.place)
            rule = etree.SubElement(
                rules, MAIN + "cfRule", type="expression", dxfId=str(styles[mark.severity]), priority=str(lowest + number)
            )
            etree.SubElement(rule, MAIN + "formula").text = _still(mark.place, _value(held.get(mark.place), strings))
            sheet.insert(at, rules)
            at += 1

    def _styles(self) -> dict[str, int]:
        """The two colours, added to those the workbook has."""
        name = "xl/styles.xml"
        root = safe_xml.parse(self.changed.get(name) or self.book.read(name))
        known = root.find(MAIN + "dxfs")
        if known is None:
            known = etree.Element(MAIN + "dxfs")
            root.insert(_place(root, ("tableStyles", "colors", "extLst")), known)
        found: dict[str, int] = {}
        for severity, colour in _COLOURS.items():
            found[severity] = len(known)
            style = etree.SubElement(known, MAIN + "dxf")
            etree.SubElement(etree.SubElement(style, MAIN + "font"), MAIN + "color", rgb=_INK[severity])
            pattern = etree.SubElement(etree.SubElement(style, MAIN + "fill"), MAIN + "patternFill", patternType="solid")
            etree.SubElement(pattern, MAIN + "fgColor", rgb=colour)
            etree.SubElement(pattern, MAIN + "bgColor", rgb=colour)
        known.set("count", str(len(known)))
        self.changed[name] = _bytes(root)
        return found

    def _strings(self) -> list[str]:
        if "xl/sharedStrings.xml" not in self.names:
            return []
        root = safe_xml.parse(self.book.read("xl/sharedStrings.xml"))
        return ["".join(text.text or "" for text in one.iter(MAIN + "t")) for one in root.findall(MAIN + "si")]

    def _comment(self, sheet: Any, links: Any, marks: Sequence[Mark]) -> None:
        """Comments of their own stay; ours stand after them, one a cell."""
        comments, drawing = (self._linked(links, kind) for kind in ("comments", "vmlDrawing"))
        texts = _by_cell(marks)
        root = safe_xml.parse(self.book.read(comments)) if comments in self.names else _no_comments()
        own = _add_comments(root, texts)
        self.changed[comments] = _bytes(root)
        vml = self.book.read(drawing) if drawing in self.names else _VML
        self.changed[drawing] = _with_shapes(vml, own)
        if sheet.find(MAIN + "legacyDrawing") is None:
            identity = next(str(link.get("Id")) for link in links if link.get("Type") == _KINDS["vmlDrawing"])
            sheet.insert(
                _place(sheet, _AFTER_DRAWING), etree.Element(MAIN + "legacyDrawing", {f"{{{_OFFICE}}}id": identity}, nsmap={"r": _OFFICE})
            )
        self._declare()

    def _linked(self, links: Any, kind: str) -> str:
        """The part of this kind that the sheet has, or a new one."""
        base = posixpath.dirname(self.part)
        for link in links:
            if link.get("Type") == _KINDS[kind]:
                target = str(link.get("Target"))
                return target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(base, target))
        part = _COMMENTS if kind == "comments" else _DRAWING
        known = {str(link.get("Id")) for link in links}
        identity = next(f"rIdF{number}" for number in range(1, len(known) + 2) if f"rIdF{number}" not in known)
        etree.SubElement(links, f"{{{_RELATIONS}}}Relationship", Id=identity, Type=_KINDS[kind], Target=f"/{part}")
        return part

    def _declare(self) -> None:
        name = "[Content_Types].xml"
        root = safe_xml.parse(self.book.read(name))
        if not any(one.get("Extension", "").lower() == "vml" for one in root.findall(_TYPES + "Default")):
            kind = "application/vnd.openxmlformats-officedocument.vmlDrawing"
            root.insert(0, etree.Element(_TYPES + "Default", Extension="vml", ContentType=kind))
        if _COMMENTS in self.changed and not any(one.get("PartName") == f"/{_COMMENTS}" for one in root):
            kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.comments+xml"
            etree.SubElement(root, _TYPES + "Override", PartName=f"/{_COMMENTS}", ContentType=kind)
        self.changed[name] = _bytes(root)

    def _together(self) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as copy:
            for member in self.book.infolist():
                copy.writestr(member, self.changed.pop(member.filename, b"") or self.book.read(member), zipfile.ZIP_DEFLATED)
            for name, content in self.changed.items():
                copy.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
        return out.getvalue()


def _bytes(root: Any) -> bytes:
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))


def _place(parent: Any, before: Iterable[str]) -> int:
    """Where a child belongs that stands before these."""
    names = {MAIN + name for name in before}
    return next((at for at, child in enumerate(parent) if child.tag in names), len(parent))


def _worst(marks: Sequence[Mark]) -> list[Mark]:
    """One mark a cell, an error before a warning."""
    found: dict[str, Mark] = {}
    for mark in sorted(marks, key=lambda one: one.severity != "error"):
        found.setdefault(mark.place, mark)
    return sorted(found.values(), key=lambda one: (one.line, one.column))


def _by_cell(marks: Sequence[Mark]) -> dict[str, list[Mark]]:
    found: dict[str, list[Mark]] = {}
    for mark in marks:
        found.setdefault(mark.place, []).append(mark)
    return found


def _value(cell: Any, strings: Sequence[str]) -> str | None:
    """What a cell holds, as a formula says it; None where it cannot be said, "" where there is nothing."""
    if cell is None:
        return ""
    kind, text = cell.get("t", "n"), cell.findtext(MAIN + "v")
    if kind == "inlineStr":
        return _quoted("".join(one.text or "" for one in cell.iter(MAIN + "t")))
    if text is None:
        return ""
    if kind == "s" and text.isdigit() and int(text) < len(strings):
        return _quoted(strings[int(text)])
    if kind == "str":
        return _quoted(text)
    return text if kind == "n" and re.fullmatch(r"-?[0-9.]+(?:[eE][+-]?[0-9]+)?", text) else None


def _quoted(text: str) -> str | None:
    return None if len(text) > 200 or not text.isprintable() else f'"{text.replace(chr(34), chr(34) * 2)}"'


def _still(place: str, value: str | None) -> str:
    """True for as long as the cell holds what it held; the end tells whose rule it is."""
    if value is None:
        return f'1+N("{_OWN_RULE}")'
    if value == "":
        return f'ISBLANK({place})+N("{_OWN_RULE}")'
    return f'EXACT({place},{value})+N("{_OWN_RULE}")' if value.startswith('"') else f'({place}={value})+N("{_OWN_RULE}")'


def _as_default(namespace: str) -> Any:
    return {None: namespace}


def _no_comments() -> Any:
    root = etree.Element(f"{MAIN}comments", nsmap=_as_default(MAIN[1:-1]))
    etree.SubElement(root, f"{MAIN}authors")
    etree.SubElement(root, f"{MAIN}commentList")
    return root


def _add_comments(root: Any, texts: dict[str, list[Mark]]) -> list[str]:
    """Put our words into the list; the cells that have a comment of ours only."""
    authors, listed = root.find(MAIN + "authors"), root.find(MAIN + "commentList")
    names = [author.text for author in authors]
    number = names.index(AUTHOR) if AUTHOR in names else len(names)
    if number == len(names):
        etree.SubElement(authors, MAIN + "author").text = AUTHOR
    for comment in list(listed):
        if comment.get("authorId") == str(number):
            listed.remove(comment)
    theirs = {comment.get("ref"): comment for comment in listed}
    own = []
    for place, marks in texts.items():
        words = "\n".join(mark.text for mark in marks)
        comment = theirs.get(place)
        if comment is None:
            own.append(place)
            comment = etree.SubElement(listed, MAIN + "comment", ref=place, authorId=str(number))
            etree.SubElement(comment, MAIN + "text")
        else:
            words = f"\n{AUTHOR}: {words}"
        run = etree.SubElement(etree.SubElement(comment.find(MAIN + "text"), MAIN + "r"), MAIN + "t")
        run.text = words
        run.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    listed[:] = sorted(listed, key=lambda one: _order(str(one.get("ref"))))
    return own


def _order(place: str) -> tuple[int, int, str]:
    letters = place.rstrip("0123456789")
    return int(place[len(letters) :] or 0), len(letters), letters


_VML = (
    b'<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" '
    b'xmlns:x="urn:schemas-microsoft-com:office:excel"><v:shapetype id="_x0000_t202" coordsize="21600,21600" o:spt="202" '
    b'path="m,l,21600r21600,l21600,xe"><v:stroke joinstyle="miter"/><v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype></xml>'
)
_SHAPE = (
    '<v:shape id="_x0000_s{shape}" alt="fundlink" type="#_x0000_t202" style="position:absolute;width:240pt;height:80pt;z-index:{number};visibility:hidden" '
    'fillcolor="#ffffe1" o:insetmode="auto"><v:fill color2="#ffffe1"/><v:textbox/><x:ClientData ObjectType="Note"><x:MoveWithCells/>'
    "<x:SizeWithCells/><x:Anchor>{left},15,{line},4,{right},15,{below},4</x:Anchor><x:AutoFill>False</x:AutoFill><x:Row>{line}</x:Row>"
    "<x:Column>{column}</x:Column></x:ClientData></v:shape>"
)
_FIRST_SHAPE = 60_000
_OWN_SHAPE = re.compile(rb'<v:shape id="[^"]*" alt="fundlink".*?</v:shape>', re.DOTALL)


def _with_shapes(vml: bytes, places: Sequence[str]) -> bytes:
    """The drawing with a box a comment of ours; what else it draws is left as it is."""
    shapes = []
    for number, place in enumerate(places, 1):
        line, _, letters = _order(place)
        column = sum((ord(letter) - 64) * 26**at for at, letter in enumerate(reversed(letters)))
        shapes.append(
            _SHAPE.format(
                number=number, shape=_FIRST_SHAPE + number, line=line - 1, below=line + 4, column=column - 1, left=column, right=column + 4
            )
        )
    rest = _OWN_SHAPE.sub(b"", vml)
    end = rest.rfind(b"</xml>")
    return rest[:end] + "".join(shapes).encode() + rest[end:] if end >= 0 else rest
