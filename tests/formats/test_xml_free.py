"""XML of core systems by paths alone: any depth, attributes, header and totals; and everything that must be refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from fundlink.formats.profiles import Message, load_profile
from tests.formats import unseen
from tests.formats.shelf import CODES, read

TOML = """[profile]
name = "xmltown"
label = "町"
edition = "1"

[billing]
form = "xml"
layout = "billing.csv"
encoding = "utf-8"

[clearing]
form = "xml"
layout = "clearing.csv"
encoding = "utf-8"
"""
BILLING = """record,no,name,ja,kind,form,width,unit,need,codes,path,source
header,1,municipality_code,団体コード,digit,plain,6,digit,required,,Bills/Head/City,
header,2,record_count,件数,count,,7,digit,required,,Bills/Head/@count,
data,1,fund_code,公金種目,code,,3,char,required,1=601;2=602,Bills/Bill/Fund,
data,2,levy_year,年度,year,western,4,digit,required,,Bills/Bill/Year,
data,3,notice_number,通知書番号,alnum,,20,char,required,,Bills/Bill/No,
data,4,installment,期,digit,plain,2,digit,required,,Bills/Bill/No/@ki,
data,5,charge_yen,料額,yen,plain,11,digit,required,,Bills/Bill/Yen,
data,6,due_on,納期限,date,iso,10,char,required,,Bills/Bill/Due,
data,7,payer_name,氏名,text,,80,char,optional,,Bills/Bill/Payer/Name,
data,8,_memo,備考,text,,80,char,optional,,Bills/Bill/Memo,
trailer,1,_sum,合計,sum,,15,digit,required,,Bills/Tail/Sum,
"""
CLEARING = """record,no,name,ja,kind,form,width,unit,need,codes,path,source
data,1,fund_code,公金種目,code,,3,char,required,1=601;2=602,消込/公金種目,
data,2,notice_number,通知書番号,alnum,,20,char,required,,消込/通知書/番号,
data,3,paid_yen,収納額,yen,plain,11,digit,required,,消込/収納額,
data,4,paid_on,領収日,date,iso,10,char,required,,消込/領収日,
data,5,entry_number,連番,digit,plain,12,digit,required,,消込/@連番,
"""
BILL = '<Bill><Fund>{fund}</Fund><Year>2026</Year><No ki="01">{no}</No><Yen>1000</Yen><Due>2026-11-30</Due></Bill>'
GOOD = (
    '<?xml version="1.0" encoding="utf-8"?>\n<Bills><Head count="2"><City>131016</City></Head>'
    + BILL.format(fund=1, no="N1")
    + BILL.format(fund=2, no="N2")
    + "<Tail><Sum>2000</Sum></Tail></Bills>\n"
)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unseen.write_profile(tmp_path_factory.mktemp("xml") / "p", TOML, billing=BILLING, clearing=CLEARING)


@pytest.fixture(scope="module")
def billing(town: Path) -> Message:
    return load_profile(town, CODES).message("billing")


def places(found: Message, raw: bytes) -> list[tuple[str, str | None]]:
    outcome = read(found, raw)
    return [(one.code, one.place) for one in (*outcome.quarantined, *outcome.problems)]


def test_a_file_as_its_vendor_writes_it(billing: Message) -> None:
    outcome = read(billing, GOOD.encode())
    assert outcome.codes == []
    assert [(row.municipality_code, row.fund_code, row.notice_number, row.installment) for row in outcome.records] == [
        ("131016", "601", "N1", "01"), ("131016", "602", "N2", "01"),
    ]  # fmt: skip
    indented = GOOD.replace("><", ">\n  <").replace("N1</No>", "N1</No>\n")
    assert read(billing, indented.encode()).records == outcome.records
    assert read(billing, b"\xef\xbb\xbf" + GOOD.encode()).records == outcome.records


@pytest.mark.parametrize("kind", ["billing", "clearing"])
def test_what_is_written_is_read(town: Path, kind: str) -> None:
    found = load_profile(town, CODES).message(kind)
    header = found.sample_header(3)
    records = found.sample(3, 25)
    raw = b"".join(found.writer(records, header))
    assert read(found, raw, chunk_rows=10).records == records
    assert b"".join(found.writer(iter(records), {**header, "record_count": 25})) == raw


def test_markup_in_a_value_is_text(billing: Message) -> None:
    record = billing.sample(1, 1)[0]._replace(payer_name='<a href="x">&amp;]]></a>')
    raw = b"".join(billing.writer([record], billing.sample_header(1)))
    assert read(billing, raw).records == [record]


def test_the_wrong_row_is_told_with_its_path_and_the_good_one_goes_on(billing: Message) -> None:
    raw = GOOD.replace("<Fund>2", "<Fund>9").replace("<Head", "<Head ").encode()
    assert places(billing, raw) == [("FL-CODE-001", "/Bills/Bill[2]/Fund")]
    assert [row.notice_number for row in read(billing, raw).records] == ["N1"]
    assert places(billing, GOOD.replace(' ki="01">N2', ">N2").encode()) == [("FL-VAL-001", "/Bills/Bill[2]/No/@ki")]


WHOLE = [
    ("<Bills>", '<!DOCTYPE a [<!ENTITY b "c">]><Bills>', "FL-XML-001", None),
    ("<Bills>", "<Bills><!-- x -->", "FL-XML-006", None),
    ("<Bills>", "<Bills><?php x?>", "FL-XML-002", None),
    ("utf-8", "shift_jis", "FL-XML-008", None),
    ("</Bills>\n", "", "FL-XML-009", None),
    ("</Bills>\n", "</Bills>x", "FL-XML-009", None),
    ("<Tail>", "<New/><Tail>", "FL-XML-007", "/Bills/New"),
    ("<Yen>", "<Tax>1</Tax><Yen>", "FL-XML-007", "/Bills/Bill/Tax"),
    ("<Yen>1000</Yen>", "<Yen>1000</Yen><Yen>9</Yen>", "FL-XML-007", "/Bills/Bill/Yen"),
    ("<Yen>1000</Yen>", "<Yen>10<b/>00</Yen>", "FL-XML-007", None),
    ("<Yen>1000</Yen>", "<Yen>1000</Yen>900", "FL-XML-007", None),
    ("<Bill>", "<Bill>text", "FL-XML-007", "/Bills/Bill"),
    ("<Bill>", '<Bill id="1">', "FL-XML-007", "/Bills/Bill/@id"),
    ("<Bills>", '<Bills xmlns="urn:x">', "FL-XML-007", "/Bills/Bills"),
    ("Bills>", "Other>", "FL-XML-007", "/Bills/Other"),
    ("<Fund>1", '<Fund xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true">1', "FL-XML-011", None),
    ("<Sum>2000", "<Sum>2001", "FL-SEM-001", "/Bills/Tail/Sum"),
    ('count="2"', 'count="3"', "FL-SEM-001", "/Bills/Head/@count"),
    ('count="2"', "", "FL-VAL-001", "/Bills/Head/@count"),
    ("<City>131016</City>", "", "FL-VAL-001", "/Bills/Head/City"),
    ("<City>131016", "<City>131017", "FL-CHK-001", "/Bills/Head/City"),
    ("<Yen>1000", "<Yen>1,000", "FL-AMT-001", "/Bills/Bill[1]/Yen"),
]


@pytest.mark.parametrize(("right", "wrong", "code", "place"), WHOLE)
def test_what_quarantines_a_whole_file(billing: Message, right: str, wrong: str, code: str, place: str | None) -> None:
    assert right in GOOD
    outcome = read(billing, GOOD.replace(right, wrong).encode())
    assert [found.code for found in outcome.quarantined] == [code]
    assert place is None or outcome.quarantined[0].place == place


def test_no_record_at_all(billing: Message) -> None:
    assert read(billing, b'<Bills><Head count="0"><City>131016</City></Head><Tail><Sum>0</Sum></Tail></Bills>').codes == ["FL-CSV-001"]
    assert read(billing, b"").codes != []
    assert read(billing, b"a,b\n").codes == ["FL-XML-010"]
    assert read(billing, b"<a>" * 100_000).codes == ["FL-XML-004"]


def test_a_schema_location_opens_nothing_and_a_namespace_may_be_declared(billing: Message) -> None:
    located = (
        '<Bills xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:x http://127.0.0.1:9/x.xsd" version="2">'
    )
    assert read(billing, GOOD.replace("<Bills>", located).encode()).codes == []
    named = dataclasses.replace(billing, declared=dataclasses.replace(billing.declared, namespace="urn:town"))
    assert read(named, GOOD.replace("<Bills>", '<Bills xmlns="urn:town">').encode()).codes == []
    assert read(named, GOOD.encode()).codes == ["FL-XML-007"]
