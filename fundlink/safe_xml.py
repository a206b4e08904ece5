"""The one XML parser: every byte of XML that comes from outside passes here before anything reads it.

Called by the envelope (checks, slow path) and by the readers of gateway messages (streaming). What is refused leaves as
``UnsafeXml`` with a permanent code; the caller turns it into a Problem, because this floor imports nothing of ours.
Never expands an entity, never opens a file or a connection on behalf of a document, never repairs, never drops
comments or instructions silently (it refuses them), never reads without a bound.
"""

from __future__ import annotations

import codecs
import io
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from lxml import etree

CHUNK_BYTES: Final = 65_536
"""The window of the scans, and thereby the bound of one run without ``<``: one tag with all its attributes, or one text."""
MAX_ATTRIBUTES: Final = 64
MAX_DEPTH: Final = 64
MAX_BYTES: Final = 1 << 25
MAX_TAGS: Final = 1_000_000
"""Bounds of a document that becomes a tree; a message of 10,000 records has a third of the tags and a quarter of the bytes."""

_HOME = Path(__file__).resolve().parent
SCHEMAS: Final = _HOME / "_schemas" if (_HOME / "_schemas").is_dir() else _HOME.parent / "schemas"
"""The bundled catalogue: package data in the wheel, the folder beside the package in a checkout."""

_HARDENED: Final[dict[str, Any]] = {
    "encoding": "utf-8",  # what the scans have proved, whatever the declaration says
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    "huge_tree": False,
    "recover": False,
    "remove_comments": False,
    "remove_pis": False,
    "remove_blank_text": False,
}

_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff", b"<\x00", b"\x00<", b"\x00\x00\x00<", b"+/v", b"+ADw")
_DECLARATION = re.compile(rb"<\?xml[ \t\r\n][^<>]{0,200}?\?>")
_ENCODING = re.compile(rb"encoding[ \t\r\n]*=[ \t\r\n]*[\"']([^\"']*)[\"']")
_MARK = re.compile(rb"<[!?]")
_MARKS = (
    (re.compile(rb"<!--"), "FL-XML-006"),
    (re.compile(rb"<\?"), "FL-XML-002"),
    (re.compile(rb"<!(?:DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)|<!\[(?!CDATA\[|C?D?A?T?A?\Z)"), "FL-XML-001"),
)
_XINCLUDE = b"http://www.w3.org/2001/XInclude"
_XSI = b"http://www.w3.org/2001/XMLSchema-instance"
_XSI_USE = re.compile(rb"[ \t\r\n][^\s<>=\"'/:]+:(?:nil|type)[ \t\r\n]*=")
_VALIDATING = threading.Lock()
_TOO_LARGE = 114  # XML_ERR_RESOURCE_LIMIT of libxml2
_SCHEMA_ERRORS = range(1_800, 1_900)  # XML_SCHEMAV_*
_XS = "{http://www.w3.org/2001/XMLSchema}"
_BORROWS = tuple(_XS + name for name in ("import", "include", "redefine", "override"))


class UnsafeXml(Exception):  # noqa: N818 - it names the XML, which is what was refused
    """XML that is not taken: ``code`` is permanent (FL-XML-…), ``line`` counts from 1, ``place`` is an element path or a word."""

    def __init__(self, code: str, line: int | None = None, place: str | None = None) -> None:
        self.code = code
        self.line = line
        self.place = place
        super().__init__(f"{code} line {line} {place or ''}".rstrip())


class _Scan:
    """Byte scans over a stream of chunks, before libxml2 sees any of it.

    Whole tags stand in one window: the tail from the last ``<`` is carried over, so no mark can hide at an edge.
    """

    def __init__(self) -> None:
        self._carry = b""
        self._line = 1
        self._first = True
        self._xsi = False
        self._utf8 = codecs.getincrementaldecoder("utf-8")()

    def feed(self, chunk: bytes) -> None:
        self._check_utf8(chunk)
        window = self._carry + chunk
        start = _end_of_declaration(window) if self._first else 0
        self._first = False
        self._check_marks(window, start)
        self._check_instance_attributes(window)
        cut = max(window.rfind(b"<"), 0)
        if len(window) - cut > CHUNK_BYTES:
            raise UnsafeXml("FL-XML-004", self._line, None)
        self._line += window.count(b"\n", 0, cut)
        self._carry = window[cut:]

    def close(self) -> None:
        try:
            self._utf8.decode(b"", final=True)
        except UnicodeDecodeError:
            raise UnsafeXml("FL-XML-008", self._line) from None
        if not self._carry.rstrip(b" \t\r\n").endswith(b">"):
            raise UnsafeXml("FL-XML-009", self._line)

    def _check_utf8(self, chunk: bytes) -> None:
        if chunk.isascii() and not self._utf8.getstate()[0]:
            return
        try:
            self._utf8.decode(chunk)
        except UnicodeDecodeError:
            raise UnsafeXml("FL-XML-008", self._line) from None

    def _check_marks(self, window: bytes, start: int) -> None:
        if b"\x00" in window:
            raise UnsafeXml("FL-XML-009", self._line)
        for match in _MARK.finditer(window, start):
            for pattern, code in _MARKS:  # a mark cut by the edge stands in the carry and is judged again
                if pattern.match(window, match.start()):
                    raise self._refusal(code, window, match.start())

    def _check_instance_attributes(self, window: bytes) -> None:
        at = window.find(_XINCLUDE)
        if at >= 0:
            raise self._refusal("FL-XML-002", window, at)
        self._xsi = self._xsi or _XSI in window
        used = _XSI_USE.search(window) if self._xsi else None
        if used:
            raise self._refusal("FL-XML-011", window, used.start())

    def _refusal(self, code: str, window: bytes, at: int) -> UnsafeXml:
        return UnsafeXml(code, self._line + window.count(b"\n", 0, at))


def _check_magic(head: bytes) -> None:
    """Refuse what is no XML, or XML in another encoding, by its first bytes."""
    if head.startswith(_WIDE):
        raise UnsafeXml("FL-XML-008", 1)
    if not head.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n").startswith(b"<"):
        raise UnsafeXml("FL-XML-010", 1)


def _end_of_declaration(head: bytes) -> int:
    """Offset behind a leading XML declaration (0 without one); an encoding other than UTF-8 in it is refused."""
    start = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    declaration = _DECLARATION.match(head, start)
    if not declaration:
        return 0
    encoding = _ENCODING.search(declaration[0])
    if encoding and encoding[1].lower() != b"utf-8":
        raise UnsafeXml("FL-XML-008", 1)
    return declaration.end()


def _scanned(stream: BinaryIO) -> Iterator[bytes]:
    """The chunks of a stream, each handed on only after its scan, the last one only after the scan of the end."""
    scan = _Scan()
    chunk = stream.read(CHUNK_BYTES)
    _check_magic(chunk)
    while chunk:
        scan.feed(chunk)
        following = stream.read(CHUNK_BYTES)
        if not following:
            scan.close()
        yield chunk
        chunk = following


def check_bytes(data: bytes) -> None:
    """The cheap scans alone, without a parser: first bytes, encoding, DOCTYPE, instructions, comments, xsi, over-long tags.

    >>> check_bytes(b"<a>&lt;!-- text --&gt;</a>")
    >>> check_bytes(b"<!DOCTYPE a><a/>")
    Traceback (most recent call last):
    fundlink.safe_xml.UnsafeXml: FL-XML-001 line 1
    """
    _exhaust(_scanned(io.BytesIO(data)))


def parse(data: bytes, *, max_depth: int = MAX_DEPTH) -> etree._Element:
    """The root of a small or hand-checked document, after the same scans as everything else.

    >>> parse(b"<a><b>1</b></a>").findtext("b")
    '1'
    """
    check_bytes(data)
    root = _tree(data)
    _check_shape(root, max_depth)
    return root


def _check_shape(root: etree._Element, max_depth: int) -> None:
    """Bounds that need the tree; XPath keeps the walk in C. An xsi attribute is caught here however its namespace was spelt."""
    if root.xpath("boolean(" + "/*" * (max_depth + 1) + ")") or root.xpath(f"boolean(//*[count(@*) > {MAX_ATTRIBUTES}])"):
        raise UnsafeXml("FL-XML-004")
    spelt = {"xsi": _XSI.decode()}
    if root.xpath("boolean(//@xsi:nil | //@xsi:type)", namespaces=spelt):
        raise UnsafeXml("FL-XML-011")
    if root.xpath("boolean(//xi:*)", namespaces={"xi": _XINCLUDE.decode()}):
        raise UnsafeXml("FL-XML-002")


def iterparse(stream: BinaryIO, *, tag: str | Sequence[str], schema: etree.XMLSchema) -> Iterator[etree._Element]:
    """The elements named ``tag`` of a schema-valid document, one by one; each is emptied when the next one is asked for.

    The whole document is parsed into one tree and proved before the first element is yielded, so nothing comes from one that is
    wrong. It is a tree because lxml's incremental parsers, given a schema, may take a document that is not well-formed without a
    word; what is too large for one is refused before it is built. ``tag`` may name several.
    """
    data = stream.read()
    check_bytes(data)
    root = _tree(data)
    del data
    if not valid(root, schema):
        raise _explained(root, schema)
    for element in root.iter([tag] if isinstance(tag, str) else tag):
        yield element
        element.clear()  # what was read makes room for what is made of it


def _tree(data: bytes) -> etree._Element:
    """The root of a document whose bytes were scanned."""
    if len(data) > MAX_BYTES or data.count(b"<") > MAX_TAGS:
        raise UnsafeXml("FL-XML-004")
    try:
        return etree.fromstring(data, etree.XMLParser(**_HARDENED))
    except etree.XMLSyntaxError as error:
        raise _refused(error) from None


def valid(root: etree._Element, schema: etree.XMLSchema) -> bool:
    """What the schema says; a schema object keeps one log, so one thread at a time asks."""
    with _VALIDATING:
        return schema.validate(root)


def walk(stream: BinaryIO) -> Iterator[tuple[bool, etree._Element]]:
    """Every element of a document when it opens (True) and when it closes (False), in flat memory; ``stream`` must be seekable.

    For XML that has no schema: the caller decides what may stand where. Text between elements is refused here. The whole
    document is proved to be well-formed before anything is yielded; an element is gone when the next one is asked for.
    """
    start = stream.tell()
    try:
        _exhaust(_steps(_scanned(stream)))
    except etree.XMLSyntaxError as error:
        raise _refused(error) from None
    yield from _steps(_again(stream, start))


def _steps(chunks: Iterator[bytes]) -> Iterator[tuple[bool, etree._Element]]:
    parser: Any = etree.XMLPullParser(events=("start", "end"), **_HARDENED)
    depth = 0
    for chunk in chunks:
        parser.feed(chunk)
        for event, element in parser.read_events():
            opens = event == "start"
            depth += 1 if opens else -1
            if depth > MAX_DEPTH or len(element.attrib) > MAX_ATTRIBUTES:
                raise UnsafeXml("FL-XML-004", element.sourceline)
            yield opens, element
            if not opens:
                _drop_before(element)
    parser.close()


def _drop_before(element: Any) -> None:
    """Forget the element before this one, and refuse what stood between the two."""
    before, parent = element.getprevious(), element.getparent()
    tails = [found.tail for found in (before, element[-1] if len(element) else None) if found is not None]
    if any(tail and tail.strip() for tail in tails):
        raise UnsafeXml("FL-XML-007", element.sourceline)
    if before is not None and parent is not None:
        parent.remove(before)
    del element[:]


def _exhaust(things: Iterator[object]) -> None:
    for _ in things:
        pass


def _again(stream: BinaryIO, start: int) -> Iterator[bytes]:
    stream.seek(start)
    return iter(lambda: stream.read(CHUNK_BYTES), b"")


def _refused(error: Any) -> UnsafeXml:
    """What libxml2 refused, by its error number; its sentence may quote the document and is left behind."""
    return UnsafeXml("FL-XML-004" if error.code == _TOO_LARGE else "FL-XML-009", error.lineno or None)


def _explained(root: etree._Element, schema: etree.XMLSchema) -> UnsafeXml:
    """Where an invalid document breaks its schema."""
    with _VALIDATING:
        schema.validate(root)
        log: Any = schema.error_log
        first = next((entry for entry in log if entry.type in _SCHEMA_ERRORS), None)
    if first is None:
        return UnsafeXml("FL-XML-012")
    foreign = "not expected" in first.message or "No matching global" in first.message
    return UnsafeXml("FL-XML-007" if foreign else "FL-XML-012", first.line, _place(root.getroottree(), first.path))


def _place(tree: etree._ElementTree, path: str | None) -> str | None:
    """``/*/*[2]/*[10]`` as ``/PaymentFile/Slip[1]/AmountYen``."""
    nodes = tree.xpath(path) if path else None
    if not isinstance(nodes, list) or not nodes or not isinstance(nodes[0], etree._Element):  # noqa: SLF001
        return path
    root = etree.QName(tree.getroot()).localname
    below = re.sub(r"\{[^}]*\}", "", tree.getelementpath(nodes[0]))
    return f"/{root}" if below == "." else f"/{root}/{below}"


def load_schema(path: Path, *, catalogue: Path = SCHEMAS) -> etree.XMLSchema:
    """A schema of the catalogue folder. One that lies elsewhere, or borrows from anywhere, is refused (FL-XML-003)."""
    found = path.resolve()
    if not found.is_relative_to(catalogue.resolve()) or not found.is_file():
        raise UnsafeXml("FL-XML-003", None, path.name)
    data = found.read_bytes()
    if b"<!DOCTYPE" in data:
        raise UnsafeXml("FL-XML-001", None, path.name)
    try:
        root = etree.fromstring(data, etree.XMLParser(**_HARDENED))
        borrowed = next(root.iter(*_BORROWS), None)
        if borrowed is not None:
            raise UnsafeXml("FL-XML-003", borrowed.sourceline, path.name)
        return etree.XMLSchema(root)
    except (etree.XMLSyntaxError, etree.XMLSchemaParseError):
        raise UnsafeXml("FL-XML-012", None, path.name) from None
