"""A profile nobody here has seen, written from the contract alone, works both ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from fundlink.domain.errors import ProblemError
from fundlink.formats.profiles import Message, check_profile, load_profile
from tests.formats import unseen
from tests.formats.shelf import CODES, read


@pytest.fixture
def host(tmp_path: Path) -> Message:
    return load_profile(unseen.write_profile(tmp_path / "somecity-host"), CODES).message("billing")


def test_it_has_no_fault(tmp_path: Path) -> None:
    assert check_profile(unseen.write_profile(tmp_path / "p"), CODES) == []


def test_it_reads_what_the_vendor_writes(host: Message) -> None:
    outcome = read(host, unseen.header() + unseen.data() + unseen.data("A2") + unseen.trailer() + unseen.end())
    assert outcome.codes == []
    assert outcome.header["file_sequence"] == "0012"
    assert outcome.header["file_business_day"] == "2026-10-01"
    record = outcome.records[0]
    assert (record.municipality_code, record.fund_code, record.relevant_year) == ("131016", "601", 2025)
    assert (record.addressee_number, record.reminder_fee_yen, record.due_on) == ("", 80, "2026-10-31")
    assert (record.payer_name, record.payer_kana, record.core_key) == ("表　能一", "ｵﾓﾃ ﾉｳｲﾁ", "KEY-1")
    assert (record.action, record.department_code, record.payable_until) == ("1", "000", "2026-12-10")


def test_it_writes_what_it_reads(host: Message) -> None:
    raw = unseen.header() + unseen.data() + unseen.data("A2") + unseen.trailer() + unseen.end()
    outcome = read(host, raw)
    assert b"".join(host.writer(outcome.records, outcome.header)) == raw


def test_what_does_not_fit_is_a_problem_and_never_a_question_mark(host: Message) -> None:
    record = host.sample(1, 1)[0]
    header = host.sample_header(1)
    for change, code in (
        ({"payer_name": "𠮷田"}, "FL-CHR-004"),
        ({"payer_name": "長" * 11}, "FL-VAL-003"),
        ({"charge_yen": 10**9}, "FL-AMT-002"),
        ({"fund_code": "603"}, "FL-CODE-001"),
        ({"payer_name": "a\nb"}, "FL-CHR-001"),
        ({"municipality_code": "141003"}, "FL-VAL-002"),
    ):
        with pytest.raises(ProblemError) as caught:
            list(host.writer([record._replace(**change)], header))
        assert [found.code for found in caught.value.problems] == [code]


def test_a_five_digit_municipality_gets_its_check_digit(tmp_path: Path) -> None:
    layout = unseen.LAYOUT.replace("団体コード,digit,,6", "団体コード,digit,,5").replace("予備,filler,,90", "予備,filler,,91")
    given = load_profile(unseen.write_profile(tmp_path / "p", chotei=layout), CODES).message("billing")
    raw = unseen.header().replace(b"H131016", b"H13101").replace(b"  \r\n", b"   \r\n")
    outcome = read(given, raw + unseen.data() + unseen.trailer(1, 12380) + unseen.end(4))
    assert outcome.records[0].municipality_code == "131016"


def test_a_list_profile_with_era_dates_and_no_header(tmp_path: Path) -> None:
    toml = unseen.TOML.replace('"fixed"', '"delimited"').replace('newline = "crlf"', 'newline = "auto"\nheader = false\ndelimiter = "\\t"')
    rows = (
        "municipality_code,団体,digit,,6,digit,required,",
        "fund_code,科目,code,,2,char,required,国保=601;介護=602",
        "levy_year,年度,year,wareki,2,digit,required,",
        "notice_number,番号,alnum,,20,,required,",
        "installment,期,digit,plain,2,digit,required,",
        "charge_yen,額,yen,,,,required,",
        "due_on,期限,date,wareki,,,,",
    )
    head = "record,no,name,ja,kind,form,width,unit,need,codes,path,source\n"
    layout = head + "".join(f"data,{number},{row},,\n" for number, row in enumerate(rows, 1))
    given = load_profile(unseen.write_profile(tmp_path / "p", toml, chotei=layout), CODES).message("billing")
    raw = "131016\t国保\t8\tA-1\t3\t1200\t令和8年 6月30日\n131016\t介護\t08\tA-2\t12\t0\t\n131016\t水道\t08\tA-3\t12\t5\tR8.13.01\n".encode(
        "cp932"
    )
    outcome = read(given, raw)
    assert [(record.fund_code, record.levy_year, record.installment, record.due_on) for record in outcome.records] == [
        ("601", 2026, "03", "2026-06-30"),
        ("602", 2026, "12", None),
    ]
    assert [(found.code, found.line, found.column) for found in outcome.problems] == [("FL-CODE-001", 3, 2), ("FL-DATE-001", 3, 7)]
    assert b"".join(given.writer(outcome.records)).decode("cp932").splitlines()[0] == "131016\t国保\t08\tA-1\t03\t1200\tR8.06.30"
