"""The one XML parser against the XML group of the bad-input catalogue (X01-X09, X21, X23-X27)."""

from __future__ import annotations

import gzip
import io
import os
import socket
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from fundlink import safe_xml
from fundlink.safe_xml import UnsafeXml

NS = "{urn:fundlink:gateway:1}"
HEAD = (
    b'<PaymentFile xmlns="urn:fundlink:gateway:1" version="1"><Header><MessageId>M1</MessageId>'
    b"<MunicipalityCode>131016</MunicipalityCode><InstitutionCode>13101</InstitutionCode>"
    b"<CreatedAt>2026-06-01T09:00:00+09:00</CreatedAt><RecordCount>%d</RecordCount><TotalYen>%d</TotalYen></Header>"
)
SLIP = (
    b"<Slip><Operation>register</Operation><CaseKey>%020d</CaseKey><ConfirmationNumber>123456</ConfirmationNumber>"
    b"<FundCode>601</FundCode><OfficeCode>000</OfficeCode><LevyYear>2026</LevyYear><RelevantYear>2026</RelevantYear>"
    b"<FiscalYear>2026</FiscalYear><Installment>01</Installment><AmountYen>%b</AmountYen><DueOn>2026-06-30</DueOn>"
    b"<PayableUntil>2026-08-09</PayableUntil></Slip>"
)
SCHEMA = safe_xml.load_schema(safe_xml.SCHEMAS / "payment.xsd")


def message(slips: int = 3, amount: bytes = b"1000") -> bytes:
    return HEAD % (slips, 1000 * slips) + b"".join(SLIP % (n, amount) for n in range(slips)) + b"</PaymentFile>"


def read(data: bytes, tag: str = NS + "Slip") -> list[str]:
    return [element.findtext(NS + "CaseKey", "") for element in safe_xml.iterparse(io.BytesIO(data), tag=tag, schema=SCHEMA)]


def by_check(data: bytes) -> None:
    safe_xml.check_bytes(data)


def by_parse(data: bytes) -> None:
    safe_xml.parse(data)


def by_iterparse(data: bytes) -> None:
    read(data)


SCANS = pytest.mark.parametrize("way", [by_check, by_parse, by_iterparse])
PARSERS = pytest.mark.parametrize("way", [by_parse, by_iterparse])
Way = Callable[[bytes], None]


def refused(way: Way, data: bytes) -> UnsafeXml:
    with pytest.raises(UnsafeXml) as caught:
        way(data)
    return caught.value


def inside(text: bytes) -> bytes:
    """A valid message with something put in front of its first slip."""
    return message().replace(b"<Slip>", text + b"<Slip>", 1)


@pytest.fixture
def listener() -> Iterator[tuple[int, Callable[[], bool]]]:
    """A port nobody may call, and the question whether somebody did."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)

        def called() -> bool:
            try:
                server.accept()[0].close()
            except BlockingIOError:
                return False
            return True

        yield server.getsockname()[1], called


WATCHED: list[str] = []
WATCHING = [False]


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if WATCHING[0] and (event == "open" or event.startswith("socket.")):
        WATCHED.append(f"{event} {arguments[:1]}")


sys.addaudithook(watch)


# --- what is fine
def test_a_plain_message_is_read_whole_and_in_order() -> None:
    assert read(message(500)) == [f"{n:020}" for n in range(500)]


@pytest.mark.parametrize(
    "data",
    [
        b'<?xml version="1.0" encoding="UTF-8"?>\n' + message(),
        b'<?xml version="1.0" encoding=\'utf-8\' standalone="yes"?>' + message(),
        b"\xef\xbb\xbf" + message(),
        message() + b"\n",
        message(1).replace(b"<Slip>", b"\n  <Slip>"),
    ],
)
def test_harmless_forms_are_read(data: bytes) -> None:
    assert read(data)
    safe_xml.parse(data)


def test_escaped_marks_are_text() -> None:
    text = '<!-- <!DOCTYPE <? xsi:nil="1" & ]]> 髙﨑 𠮷'
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").encode()
    assert safe_xml.parse(b"<a>" + escaped + b"</a>").text == text


def test_header_and_root_are_at_hand() -> None:
    seen = []
    for element in safe_xml.iterparse(io.BytesIO(message(2)), tag=[NS + "Header", NS + "Slip"], schema=SCHEMA):
        parent = element.getparent()
        assert parent is not None
        seen.append((etree.QName(element).localname, parent.get("version")))
    assert seen == [("Header", "1"), ("Slip", "1"), ("Slip", "1")]


def test_streaming_memory_is_flat() -> None:
    stream = io.BytesIO(message(10_000))
    tracemalloc.start()
    assert sum(1 for _ in safe_xml.iterparse(stream, tag=NS + "Slip", schema=SCHEMA)) == 10_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000


def test_the_stream_may_begin_anywhere() -> None:
    stream = io.BytesIO(b"skipped" + message())
    stream.seek(7)
    assert len(list(safe_xml.iterparse(stream, tag=NS + "Slip", schema=SCHEMA))) == 3


# --- the catalogue
@SCANS
@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"<!DOCTYPE a><a/>", 1),
        (b'<?xml version="1.0"?>\n\n<!DOCTYPE a SYSTEM "x">\n<a/>', 3),
        (b"<a>\n" + b"<b/>" * 40_000 + b"\n<!DOCTYPE b></a>", 3),
        (b'<a><!ENTITY x "y"></a>', 1),
        (b"<a><![INCLUDE[x]]></a>", 1),
    ],
)
def test_X01_doctype(way: Way, data: bytes, line: int) -> None:
    error = refused(way, data)
    assert (error.code, error.line) == ("FL-XML-001", line)


@SCANS
@pytest.mark.parametrize("scheme", ["file", "http", "ftp", "jar", "unc", "parameter"])
def test_X02_X05_external_entities_do_no_io(
    way: Way, scheme: str, tmp_path: Path, listener: tuple[int, Callable[[], bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, called = listener
    secret = tmp_path / "secret.txt"
    secret.write_text("TOP-SECRET")
    target = {"file": secret.as_uri(), "jar": f"jar:http://127.0.0.1:{port}/a.zip!/b", "unc": f"\\\\127.0.0.1@{port}\\x"}
    uri = target.get(scheme, f"{'ftp' if scheme == 'ftp' else 'http'}://127.0.0.1:{port}/x")
    entity = "% x" if scheme == "parameter" else "x"
    data = f'<!DOCTYPE a [<!ENTITY {entity} SYSTEM "{uri}">{"%x;" if scheme == "parameter" else ""}]><a>&x;</a>'.encode()
    handed_on: list[str] = []
    for name in ("fromstring", "XMLPullParser", "parse"):
        monkeypatch.setattr(etree, name, lambda *_, **__: handed_on.append("libxml2"))
    WATCHED.clear()
    WATCHING[0] = True
    try:
        error = refused(way, data)
    except BaseException as stopped:  # the pull parser is made before the first chunk, which the stand-in does not survive
        raise AssertionError(handed_on) from stopped
    finally:
        WATCHING[0] = False
    assert error.code == "FL-XML-001"
    assert "TOP-SECRET" not in str(error)
    assert WATCHED == []
    assert not called()


@SCANS
@pytest.mark.parametrize("kind", ["X03", "X04"])
def test_X03_X04_entity_bombs_cost_nothing(way: Way, kind: str) -> None:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bombs = {
        "X03": f'<!DOCTYPE a [<!ENTITY l0 "lol">{levels}]><a>&l9;</a>',
        "X04": f'<!DOCTYPE a [<!ENTITY q "{"q" * 100_000}">]><a>{"&q;" * 30_000}</a>',
    }
    data = bombs[kind].encode()
    tracemalloc.start()
    started = time.perf_counter()
    assert refused(way, data).code == "FL-XML-001"
    spent = time.perf_counter() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert spent < 0.1
    assert peak < 50_000_000


@SCANS
@pytest.mark.parametrize(
    "data",
    [
        b'<?xml-stylesheet href="http://127.0.0.1/x.xsl"?><a/>',
        b'<?xml version="1.0"?><?xml-stylesheet href="x"?><a/>',
        b"<a><?php x?></a>",
        b'<a><?xml version="1.0"?></a>',
        b"<a/><?x?>",
        b'<a xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="file:///etc/passwd" parse="text"/></a>',
        b"<a>" + b"x" * 65_530 + b"<?x y?></a>",
    ],
)
def test_X06_instructions_and_xinclude(way: Way, data: bytes) -> None:
    assert refused(way, data).code == "FL-XML-002"


@pytest.mark.parametrize("kind", ["http", "file"])
def test_X07_schema_location_is_never_followed(kind: str, tmp_path: Path, listener: tuple[int, Callable[[], bool]]) -> None:
    port, called = listener
    lure = tmp_path / "lure.xsd"
    lure.write_text('<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>')
    os.utime(lure, (1, 2))  # a read would move the access time
    uri = lure.as_uri() if kind == "file" else f"http://127.0.0.1:{port}/x.xsd"
    where = f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:fundlink:gateway:1 {uri} urn:x {uri}" version'
    data = message().replace(b" version", where.encode(), 1)
    assert len(read(data)) == 3
    broken = data.replace(b"<FundCode>601", b"<FundCode>x")
    assert refused(by_iterparse, broken).code == "FL-XML-012"  # the bundled schema judged
    assert not called()
    assert lure.stat().st_atime == 1


@pytest.mark.parametrize("element", ["import", "include", "redefine"])
@pytest.mark.parametrize("uri", ["http://127.0.0.1/x.xsd", "../x.xsd", "file:///etc/x.xsd"])
def test_X08_schemas_borrow_from_nowhere(element: str, uri: str, tmp_path: Path) -> None:
    path = tmp_path / "x.xsd"
    path.write_text(f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">\n<xs:{element} schemaLocation="{uri}"/></xs:schema>')
    with pytest.raises(UnsafeXml) as caught:
        safe_xml.load_schema(path, catalogue=tmp_path)
    assert (caught.value.code, caught.value.line, caught.value.place) == ("FL-XML-003", 2, "x.xsd")


def test_X08_schemas_come_from_the_catalogue_only(tmp_path: Path) -> None:
    outside = tmp_path / "payment.xsd"
    outside.write_bytes((safe_xml.SCHEMAS / "payment.xsd").read_bytes())
    linked = tmp_path / "inner"
    linked.mkdir()
    (linked / "link.xsd").symlink_to(outside)
    for path, catalogue in [
        (outside, safe_xml.SCHEMAS),
        (safe_xml.SCHEMAS / ".." / "pyproject.toml", safe_xml.SCHEMAS),
        (linked / "link.xsd", linked),
        (safe_xml.SCHEMAS / "absent.xsd", safe_xml.SCHEMAS),
    ]:
        with pytest.raises(UnsafeXml, match="FL-XML-003"):
            safe_xml.load_schema(path, catalogue=catalogue)


def test_X08_every_bundled_schema_loads() -> None:
    found = sorted(safe_xml.SCHEMAS.glob("*.xsd"))
    assert found
    for path in found:
        safe_xml.load_schema(path)


@pytest.mark.parametrize("text", ["<xs:schema", "<!DOCTYPE x><x/>", "<a/>"])
def test_X08_a_broken_schema_is_told(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.xsd"
    path.write_text(text)
    with pytest.raises(UnsafeXml):
        safe_xml.load_schema(path, catalogue=tmp_path)


BOMBS = {
    "depth": lambda: b"<a>" * 100_000 + b"</a>" * 100_000,
    "depth 65": lambda: b"<a>" * 65 + b"</a>" * 65,
    "attributes": lambda: b"<a " + b" ".join(b'a%d=""' % n for n in range(1_000_000)) + b"/>",
    "attributes 65": lambda: b"<a " + b" ".join(b'a%d=""' % n for n in range(65)) + b"/>",
    "attribute": lambda: b'<a b="' + b"x" * 10_000_000 + b'"/>',
    "namespaces": lambda: b"<a " + b" ".join(b'xmlns:a%d="u"' % n for n in range(100_000)) + b"/>",
    "text": lambda: b"<a>" + b"x" * 20_000_000 + b"</a>",
    "name": lambda: b"<" + b"a" * 1_000_000 + b"/>",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_X09_bounded(kind: str) -> None:
    data = BOMBS[kind]()
    tracemalloc.start()
    started = time.perf_counter()
    assert refused(by_parse, data).code == "FL-XML-004"
    spent = time.perf_counter() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert spent < 1
    assert peak < 5_000_000
    started = time.perf_counter()
    assert refused(by_iterparse, data).code in {"FL-XML-004", "FL-XML-007"}  # small ones are foreign to the schema first
    assert time.perf_counter() - started < 1


def test_X09_64_levels_are_fine() -> None:
    safe_xml.parse(b"<a>" * 64 + b"</a>" * 64)
    with pytest.raises(UnsafeXml, match="FL-XML-004"):
        safe_xml.parse(b"<a><a><a><a/></a></a></a>", max_depth=3)


@SCANS
@pytest.mark.parametrize(
    "data",
    [
        message().replace(b"1000", b"1<!---->000"),
        b"<!-- x -->" + message(),
        message() + b"<!-- x -->",
        b"<a>" + b"x" * 65_533 + b"<!--<b>--></a>",
        b"<a>" + b"<b/>" * 16_382 + b"<!--<b>--></a>",
    ],
)
def test_X21_comments(way: Way, data: bytes) -> None:
    assert refused(way, data).code == "FL-XML-006"


@pytest.mark.parametrize("before", range(65_500, 65_540))
def test_X21_no_mark_hides_at_an_edge_of_the_windows(before: int) -> None:
    for mark, code in [(b"<!--<b>-->", "FL-XML-006"), (b"<?x <y?>", "FL-XML-002"), (b"<!DOCTYPE b>", "FL-XML-001")]:
        assert refused(by_check, b"<a>" + b" " * before + mark + b"</a>").code == code
    safe_xml.check_bytes(b"<a>" + b" " * (before - 60_000) + b"<b/>" * 15_000 + b"<![CDATA[x]]></a>")


def test_X21_cdata_is_whole_text() -> None:
    data = message().replace(b"<FundCode>601", b"<FundCode>6<![CDATA[0]]>1")
    funds = [e.findtext(NS + "FundCode") for e in safe_xml.iterparse(io.BytesIO(data), tag=NS + "Slip", schema=SCHEMA)]
    assert funds == ["601"] * 3
    assert safe_xml.parse(b"<a>1<![CDATA[0]]>0</a>").text == "100"


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (message().replace(b"gateway:1", b"gateway:2"), "/PaymentFile"),
        (message().replace(b"<FundCode>", b'<FundCode xmlns="urn:x">', 1), "/PaymentFile/Slip[1]/FundCode"),
        (message().replace(b"<Slip>", b'<Slip xmlns="">', 1), "/PaymentFile/Slip"),
        (b"<a/>", "/a"),
    ],
)
def test_X23_foreign_names_are_told_with_their_place(data: bytes, place: str) -> None:
    error = refused(by_iterparse, data)
    assert (error.code, error.place) == ("FL-XML-007", place)


def test_an_invalid_value_is_told_with_line_and_place_and_yields_nothing() -> None:
    data = message(300).replace(b"<Slip>", b"\n<Slip>").replace(b"1000</AmountYen>", b"0</AmountYen>", 300)
    wrong = data[: data.rindex(b"\n")].replace(b">0</AmountYen>", b">1000</AmountYen>") + data[data.rindex(b"\n") :]
    stream = safe_xml.iterparse(io.BytesIO(wrong), tag=NS + "Slip", schema=SCHEMA)
    with pytest.raises(UnsafeXml) as caught:
        next(stream)
    assert (caught.value.code, caught.value.line) == ("FL-XML-012", 301)
    assert caught.value.place == "/PaymentFile/Slip[300]/AmountYen"


@SCANS
@pytest.mark.parametrize(
    "data",
    [
        b'<?xml version="1.0" encoding="Shift_JIS"?><a>\x95\x5c</a>',
        b'<?xml version="1.0" encoding="UTF-7"?><a>+ADw-</a>',
        b'<?xml version="1.0" encoding="UTF-16"?><a/>',
        "<a>表</a>".encode("utf-16"),
        "<a>表</a>".encode("utf-16-le"),
        "<a>表</a>".encode("utf-16-be"),
        "<a>表</a>".encode("utf-32"),
        b"+ADw-a/+AD4-",
        b"<a>\xc0\xbc</a>",  # over-long
        b"<a>\xe0\x80\xbc</a>",
        b"<a>\xed\xa0\x80</a>",  # a surrogate
        "<a>表</a>".encode("cp932"),
        b"<a>\xe8\xa1</a>",
        b"<a></a>\xe8",
    ],
)
def test_X24_encodings(way: Way, data: bytes) -> None:
    assert refused(way, data).code == "FL-XML-008"


def test_X24_characters_across_the_edge_of_a_window_are_whole() -> None:
    for before in range(65_530, 65_536):
        safe_xml.check_bytes(b"<a>" + b" " * (before - 3) + "𠮷".encode() + b"</a>")


@PARSERS
@pytest.mark.parametrize(
    "data",
    [
        message().replace(b'xmlns="', b"xmlns=\x01", 1),  # taken in silence by lxml's incremental parsers with a schema
        message()[:-3],
        message()[:-1],
        message()[:400],
        message() + message(),
        message() + b"x",
        message() + b"\x00",
        b"<a>&unknown;</a>",
        b"<a>&#0;</a>",
        b"<a>\x0b</a>",
        b"<a",
        b"<",
        b"<!",
        b"<a><!-<b></a>",
    ],
)
def test_X25_not_well_formed(way: Way, data: bytes) -> None:
    assert refused(way, data).code == "FL-XML-009"


def zipped() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.xml", message())
    return target.getvalue()


@SCANS
@pytest.mark.parametrize("data", [gzip.compress(message()), zipped(), b"", b" \n", b"{}", b"%PDF-1.7", b"\x00", b"a<b/>"])
def test_X26_not_xml_at_all(way: Way, data: bytes) -> None:
    assert refused(way, data).code == "FL-XML-010"


XSI = b' xmlns:p="http://www.w3.org/2001/XMLSchema-instance"'


@SCANS
@pytest.mark.parametrize("use", [b'p:nil="true"', b"p:type='x'", b'p:nil\n=\n"1"'])
def test_X27_nil_and_type(way: Way, use: bytes) -> None:
    declared_far_away = message(200).replace(b" version", XSI + b" version", 1)
    for data in (
        message().replace(b"<AmountYen>", b"<AmountYen" + XSI + b" " + use + b">", 1),
        declared_far_away[:-200] + declared_far_away[-200:].replace(b"<AmountYen>", b"<AmountYen " + use + b">"),
    ):
        if use in data:
            assert refused(way, data).code == "FL-XML-011"


def test_X27_a_namespace_spelt_with_references_is_seen_too() -> None:
    data = b'<a xmlns:p="http://www.w3.org/2001/XMLSchema&#45;instance" p:nil="true"/>'
    assert refused(by_parse, data).code == "FL-XML-011"
    data = b'<a xmlns:i="http://www.w3.org/2001/XI&#110;clude"><i:include href="x"/></a>'
    assert refused(by_parse, data).code == "FL-XML-002"


def test_X27_the_bare_declaration_is_harmless() -> None:
    assert len(read(message().replace(b" version", XSI + b" version", 1))) == 3


# --- anything at all
@given(st.binary(max_size=200) | st.text(alphabet="<>!?-[]&;a/=\"' xml:DOCTYPE\n", max_size=200).map(str.encode))
@settings(max_examples=500)
def test_any_bytes_are_parsed_or_refused_with_a_code(data: bytes) -> None:
    try:
        safe_xml.parse(data)
    except UnsafeXml as refusal:
        told = refusal.code
    else:
        return
    assert told.startswith("FL-XML-")


@given(st.integers(0, len(message()) - 1), st.integers(0, 255))
@settings(max_examples=300)
def test_any_changed_byte_is_read_or_refused(at: int, byte: int) -> None:
    data = bytearray(message())
    data[at] = byte
    try:
        assert len(read(bytes(data))) <= 3
    except UnsafeXml as refusal:
        told = refusal.code
    else:
        return
    assert told.startswith("FL-XML-")
