"""Gateway messages: canonical bytes, totals, versions, and agreement of the tables with the schemas."""

from __future__ import annotations

import re
from typing import Any

import pytest
import xmlschema
from lxml import etree

from fundlink.domain.errors import ProblemError
from tests.formats.shelf import ROOT, message, read

KINDS = ("payment", "acknowledgement", "receipt", "settlement")


def written(kind: str, rows: int = 3) -> bytes:
    return message("gateway", kind).sample_file(4, rows)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_canonical_and_valid(kind: str) -> None:
    raw = written(kind)
    assert etree.tostring(etree.fromstring(raw), method="c14n", exclusive=True) == raw
    assert message("gateway", kind).schema_check(raw) == []
    xmlschema.XMLSchema(str(ROOT / "schemas" / f"{kind}.xsd")).validate(raw.decode())


@pytest.mark.parametrize("kind", KINDS)
def test_rows_agree_with_the_schema(kind: str) -> None:
    schema: Any = xmlschema.XMLSchema(str(ROOT / "schemas" / f"{kind}.xsd"))
    given = message("gateway", kind)
    cells = [*given.cells("header"), *given.cells("data")]
    root = schema.elements[given.declared.root]
    for group in ("Header", given.row.cells[0].row.path.partition("/")[0]):
        element = next(child for child in root.type.content if child.local_name == group)
        leaves = {child.local_name: child for child in element.type.content}
        rows = [cell for cell in cells if cell.row.path.partition("/")[0] == group]
        assert [cell.row.path.partition("/")[2] for cell in rows] == list(leaves)
        for cell in rows:
            _agrees(cell, leaves[cell.row.path.partition("/")[2]])


def _agrees(cell: Any, leaf: Any) -> None:
    assert cell.row.required is (leaf.min_occurs == 1)
    if cell.row.kind == "code":
        assert set(cell.ours) == set(leaf.type.enumeration)
        assert cell.row.width >= max(map(len, leaf.type.enumeration))
        return
    expression = re.compile(cell.pattern())
    longest = {"count": "9", "sum": "9", "yen": "9", "digit": "1", "year": "2026", "alnum": "A"}.get(cell.row.kind, "2026-06-30")
    full = (longest * cell.row.width)[: cell.row.width]
    if cell.row.kind in ("digit", "count", "sum", "yen", "year", "date") or cell.row.name.endswith("_key"):
        assert leaf.type.is_valid(full), (cell.row.name, full)
        assert expression.fullmatch(full) or cell.row.name == "municipality_code"
    assert not leaf.type.is_valid(full + "1"), cell.row.name


def _with(kind: str, old: bytes, new: bytes) -> bytes:
    raw = written(kind)
    assert old in raw
    return raw.replace(old, new, 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("element", [b"TotalYen", b"RecordCount"])
def test_x28_totals_that_do_not_agree(kind: str, element: bytes) -> None:
    raw = re.sub(b"<%s>[0-9]+<" % element, b"<%s>7<" % element, written(kind))
    found = read(message("gateway", kind), raw).quarantined[0]
    assert (found.code, found.place) == ("FL-SEM-001", f"/{message('gateway', kind).declared.root}/Header/{element.decode()}")


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'version="1"', b'version="2"'), (b"urn:fundlink:gateway:1", b"urn:fundlink:gateway:2")],
)
def test_x29_a_newer_version(old: bytes, new: bytes) -> None:
    raw = _with("receipt", old, new).replace(b"</Receipt>", b"<Colour>red</Colour></Receipt>", 1)
    assert read(message("gateway", "receipt"), raw).codes == ["FL-VER-001"]


def test_an_unknown_element_or_value_is_told_with_its_place() -> None:
    foreign = _with("receipt", b"</Receipt>", b"<Colour>red</Colour></Receipt>")
    assert read(message("gateway", "receipt"), foreign).codes == ["FL-XML-007"]
    found = read(message("gateway", "receipt"), _with("receipt", b"<Channel>", b"<Channel>x")).quarantined[0]
    assert (found.code, found.place) == ("FL-XML-012", "/ReceiptFile/Receipt[1]/Channel")
    assert "Channel" in found.as_json()["message"]


def test_header_attributes_hold_for_every_record() -> None:
    outcome = read(message("gateway", "receipt"), written("receipt"))
    assert {record.institution_code for record in outcome.records} == {"13101"}
    assert outcome.header["business_day"] == "2026-10-01"


def test_a_day_without_receipts_is_a_message_too() -> None:
    given = message("gateway", "receipt")
    raw = b"".join(given.writer([], given.sample_header()))
    outcome = read(given, raw)
    assert (outcome.codes, outcome.header["record_count"], outcome.read) == ([], 0, 0)


def test_totals_given_by_the_caller_are_held_against_the_slips() -> None:
    given = message("gateway", "payment")
    slips = given.sample(1, 2)
    header = {**given.sample_header(), "record_count": 2, "total_yen": sum(slip.amount_yen for slip in slips)}
    assert read(given, b"".join(given.writer(iter(slips), header))).records == slips
    with pytest.raises(ProblemError) as caught:
        b"".join(given.writer(iter(slips), {**header, "total_yen": 1}))
    assert caught.value.problems[0].code == "FL-SEM-001"


def test_row_problems_carry_an_xpath() -> None:
    raw = re.sub(b"<PayableUntil>[0-9-]+<", b"<PayableUntil>1999-01-01<", written("payment"), count=1)
    outcome = read(message("gateway", "payment"), raw)
    assert [(found.code, found.place, found.line) for found in outcome.problems] == [
        ("FL-DATE-003", "/PaymentFile/Slip[1]/PayableUntil", 1)
    ]
    assert len(outcome.records) == 2
