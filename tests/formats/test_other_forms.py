"""NDJSON of the REST API, workbooks, and bank files."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from fundlink.formats import workbook as packages
from fundlink.formats.profiles import Message, load_profile
from tests.formats import unseen
from tests.formats.shelf import CODES, PROFILES, message, read

BILL: dict[str, Any] = {
    "municipality_code": "131016",
    "fund_code": "601",
    "levy_year": 2026,
    "notice_number": "N1",
    "installment": "01",
    "charge_yen": 1000,
    "due_on": "2026-06-30",
}


def line(**changes: Any) -> bytes:
    return json.dumps({**BILL, **changes}, ensure_ascii=False).encode() + b"\n"


def told(raw: bytes) -> list[tuple[str, str | None]]:
    outcome = read(message("api"), raw)
    return [(found.code, found.place) for found in (*outcome.quarantined, *outcome.problems)]


def test_an_object_is_a_bill() -> None:
    outcome = read(message("api"), line() + line(notice_number="N2", payer_name="\t表"))
    assert outcome.codes == []
    assert (outcome.records[0].charge_yen, outcome.records[0].fiscal_year) == (1000, 2026)


@pytest.mark.parametrize("amount", ["1000.5", '"1000"', "1e3", "true", "NaN", "[]", "1000.0"])
def test_a03_amounts_are_json_integers(amount: str) -> None:
    assert told(line().replace(b"1000", amount.encode())) == [("FL-AMT-001", "/charge_yen")]


@pytest.mark.parametrize("amount", ["-1", "100000000000", str(2**63), "9" * 10_000])
def test_a04_amounts_out_of_range(amount: str) -> None:
    assert told(line().replace(b"1000", amount.encode())) == [("FL-AMT-002", "/charge_yen")]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"charge_yen": 1, "charge_yen": 1}', ("FL-API-002", "/charge_yen")),
        (line(status="PAID"), ("FL-API-003", "/status")),
        (b'{"fund_code": ', ("FL-API-001", "byte 15")),
        (line() + line() + b"{} x", ("FL-API-001", "byte 4")),
        (b"[1]", ("FL-API-001", "byte 1")),
        (b"[" * 100_000, ("FL-API-005", None)),
        (line(payer_name="a\0b"), ("FL-CHR-001", "/payer_name")),
        (line().replace(b'"N1"', b'"N1", "payer_name": "\\ud800"'), ("FL-CHR-001", "/payer_name")),
        (line().replace(b"N1", b"\xff"), ("FL-CHR-001", "byte 90")),
        (line(municipality_code=131016), ("FL-VAL-002", "/municipality_code")),
        (line(due_on="2026-02-30"), ("FL-DATE-001", "/due_on")),
        (line(levy_year="26"), ("FL-VAL-002", "/levy_year")),
        (line(fund_code="999"), ("FL-CODE-001", "/fund_code")),
    ],
)
def test_what_json_can_do_wrong(raw: bytes, expected: tuple[str, str | None]) -> None:
    assert told(raw)[-1] == expected


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Message:
    toml = unseen.TOML.replace('"fixed"', '"xlsx"').replace("chotei", "billing").replace('newline = "crlf"\n', "").replace("cp932", "utf-8")
    layout = (PROFILES / "standard" / "billing.csv").read_text(encoding="utf-8")
    folder = unseen.write_profile(tmp_path_factory.mktemp("xlsx") / "p", toml, billing=layout)
    return load_profile(folder, CODES).message("billing")


def test_a_workbook_is_written_and_read(workbook: Message) -> None:
    records = workbook.sample(3, 4)
    assert read(workbook, b"".join(workbook.writer(records))).records == records


def _sheet(*rows: list[Any]) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "default_date_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet()
    for at, cells in enumerate(rows):
        sheet.write_row(at, 0, cells)
    book.close()
    return out.getvalue()


HEAD = ["団体コード", "公金種目コード", "賦課年度", "通知書番号", "期別", "料額", "納期限"]


def test_numbers_and_days_of_a_spreadsheet(workbook: Message) -> None:
    raw = _sheet(
        HEAD,
        [131016, "601", 2026, "N1", "01", 1000, dt.date(2026, 6, 30)],
        ["131016", 601, 2026, 12345678901234567890, "01", 1000, "2026-06-30"],
        ["131016", "601", 2026, "N3", 1, 10.5, 46203],
        [],
    )
    outcome = read(workbook, raw)
    assert [record.due_on for record in outcome.records] == ["2026-06-30"]
    assert [(found.code, found.line, found.column) for found in outcome.problems] == [
        ("FL-CSV-006", 3, 4),
        ("FL-CSV-006", 4, 5),
        ("FL-AMT-001", 4, 6),
        ("FL-CSV-006", 4, 7),
    ]


def test_what_is_no_workbook(workbook: Message) -> None:
    assert read(workbook, b"PK\x03\x04 not a workbook").codes == ["FL-FIL-003"]
    assert read(workbook, b"").codes == ["FL-CSV-001"]
    assert read(workbook, _sheet(HEAD[1:], ["x"])).codes == ["FL-CSV-005"]


def test_a_workbook_that_unpacks_to_too_much_is_refused_unopened(workbook: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = _sheet(HEAD, ["131016", "601", "2026", "N1", "01", 1000, "2026-06-30"])
    assert read(workbook, raw).codes == []
    monkeypatch.setattr(packages, "MOST_UNPACKED_BYTES", 1000)
    assert read(workbook, raw).codes == ["FL-FIL-003"]


def test_a_workbook_that_lies_about_its_size_is_counted(workbook: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = bytearray(_sheet(HEAD, ["131016", "601", "2026", "N1", "01", 1000, "2026-06-30"]))
    at = raw.find(b"PK\x01\x02")
    while at >= 0:
        raw[at + 24 : at + 28] = (1).to_bytes(4, "little")
        at = raw.find(b"PK\x01\x02", at + 4)
    monkeypatch.setattr(packages, "MOST_UNPACKED_BYTES", 1000)
    outcome = read(workbook, bytes(raw))
    assert outcome.codes == ["FL-FIL-003"]
    assert "1,000" in str(outcome.quarantined[0].as_json()["message"]), "refused for its size, before anything else reads it"


def test_a_formula_error_is_never_an_empty_cell(workbook: Message) -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, [*HEAD, "延滞金"])
    sheet.write_row(1, 0, ["131016", "601", "2026", "N1", "01", 1000, "2026-06-30"])
    sheet.write_formula(1, 7, "=1/0", None, "#DIV/0!")
    book.close()
    outcome = read(workbook, out.getvalue())
    assert (outcome.records, outcome.codes) == ([], ["FL-XLS-002"])
    assert [(found.line, found.column, found.field) for found in outcome.problems] == [(2, 8, "late_charge_yen")]


class TestBank:
    def test_amounts_over_ten_digits_take_form_b(self) -> None:
        given = message("bank-zengin-01", "bank_credit")
        header = given.sample_header(1)
        large = given.sample(1, 1)[0]._replace(amount_yen=12_345_678_901, cancelled="0")
        raw = b"".join(given.writer([given.sample(1, 1)[0], large], header))
        assert raw[200 + 202 + 2 + 128 :][:24].isdigit()
        assert read(given, raw).records == [given.sample(1, 1)[0], large]

    def test_the_account_is_joined_from_the_header(self) -> None:
        given = message("bank-zengin-03", "bank_credit")
        assert read(given, given.sample_file(1, 1)).records[0].account == "0001-001-1-1234567890"

    def test_the_balance_must_follow_from_the_entries(self) -> None:
        given = message("bank-zengin-03", "bank_credit")
        assert read(given, _other_balance(given)).codes == ["FL-BNK-001"]

    @pytest.mark.parametrize("name", ["bank-zengin-01", "bank-zengin-03"])
    @pytest.mark.parametrize(
        ("booked_on", "told"), [("2026-10-01", []), ("2026-10-31", []), ("2026-09-30", ["FL-BNK-002"]), ("2026-11-01", ["FL-BNK-002"])]
    )
    def test_dates_lie_inside_the_period_of_the_header(self, name: str, booked_on: str, told: list[str]) -> None:
        given = message(name, "bank_credit")
        first, second = given.sample(1, 2)
        raw = b"".join(given.writer([first, second._replace(booked_on=booked_on)], given.sample_header(1)))
        outcome = read(given, raw)
        assert outcome.codes == told
        assert [(found.line, found.field) for found in outcome.problems] == ([(3, "booked_on")] if told else [])

    def test_a_header_without_a_period_bounds_nothing(self) -> None:
        given = message("bank-zengin-03", "bank_credit")
        header = {name: value for name, value in given.sample_header(1).items() if not name.startswith("period_")}
        assert read(given, b"".join(given.writer([given.sample(1, 1)[0]._replace(booked_on="2026-09-30")], header))).codes == []

    def test_padded_records_are_taken(self) -> None:
        given = message("bank-zengin-03", "bank_credit")
        raw = given.sample_file(1, 3)
        padded = raw.replace(b"\r\n", b" " * 40 + b"\r\n")
        assert read(given, padded).records == given.sample(1, 3)
        assert read(given, raw.replace(b"\r\n", b"x\r\n")).codes == ["FL-FIX-001"]

    def test_two_accounts_before_one_end(self) -> None:
        given = message("bank-zengin-03", "bank_credit")
        raw = given.sample_file(1, 2).replace(b"\r\n", b"")
        group, end = raw[:-200], raw[-200:]
        both = group + group.replace(b"1234567890", b"7654321000") + end.replace(b"000000000500001", b"000000000900002")
        outcome = read(given, both)
        assert outcome.codes == []
        assert len({record.account for record in outcome.records}) == 2


ANSER_HEAD = "照会口座,番号,勘定日,起算日,出金金額,入金金額,小切手区分,残高,取引区分,明細区分,金融機関名,支店名,摘要"


def anser(*rows: str, head: str = ANSER_HEAD) -> bytes:
    """A statement as banks give it: every cell in quotes."""
    return "".join('"' + line.replace(",", '","') + '"\r\n' for line in (head, *rows)).encode("cp932")


class TestBankCsv:
    def test_a_statement_with_two_columns_of_yen(self) -> None:
        raw = anser(
            "本店 普通 1234567,1,令和8年11月26日,令和8年11月26日,,1495,,2001495,振込,,模擬銀行,本店,ﾁﾎｳｾﾞｲｷﾖｳﾄﾞｳｷｺｳ",
            "本店 普通 1234567,2,R8.11.26,,330,,,2001165,手数料,,,,",
        )
        outcome = read(message("bank-csv", "bank_credit"), raw)
        assert outcome.codes == []
        assert [(r.booked_on, r.value_on, r.direction, r.amount_yen, r.cancelled, r.summary) for r in outcome.records] == [
            ("2026-11-26", "2026-11-26", "1", 1495, "0", "ﾁﾎｳｾﾞｲｷﾖｳﾄﾞｳｷｺｳ"), ("2026-11-26", "2026-11-26", "2", 330, "0", ""),
        ]  # fmt: skip

    def test_columns_that_only_some_banks_give(self) -> None:
        raw = anser(
            "A,1,令和8年11月26日,,,500,1,0000013800,ﾁﾎｳ,S99001261120601",
            head="照会口座,番号,勘定日,起算日,出金金額,入金金額,取消区分,振込依頼人コード,振込依頼人名,EDI情報",
        )
        record = read(message("bank-csv", "bank_credit"), raw).records[0]
        assert (record.cancelled, record.remitter_code, record.remitter_name, record.reference) == (
            "1",
            "0000013800",
            "ﾁﾎｳ",
            "S99001261120601",
        )

    def test_both_amounts_in_one_row(self) -> None:
        outcome = read(message("bank-csv", "bank_credit"), anser("A,1,令和8年11月26日,,5,5,,,,,,,"))
        assert [(found.code, found.line, found.field) for found in outcome.problems] == [("FL-BNK-004", 2, "paid_out_yen")]
        assert outcome.rejected == [(2, 10)]


def _other_balance(given: Message) -> bytes:
    header = {**given.sample_header(1), "opening_balance_yen": 5, "closing_balance_yen": 5}
    return b"".join(given.writer([given.sample(1, 1)[0]], header))


def test_core_standard_slip_has_the_columns_of_its_file() -> None:
    given = message("core-standard", "slips")
    record = given.sample(2, 1)[0]
    names, cells = (line.split(",") for line in b"".join(given.writer([record])).decode().splitlines())
    shown = dict(zip(names, cells, strict=True))
    assert len(names) == 49
    assert shown["eL番号"] == record.institution_code + record.case_key + record.confirmation_number + record.fund_code
    assert (shown["MPN納付区分"], shown["二次元コード支払期限"]) == (record.fund_code, record.payable_until)
    assert shown["コンビニバーコード使用期限"] == "0000-00-00"


def test_the_book_is_made_from_the_tables(tmp_path: Path) -> None:
    from fundlink.formats.book import main

    page = tmp_path / "formats.md"
    assert main([str(page)]) == 0
    assert main(["--check", str(page)]) == 0
    page.write_text("old", encoding="utf-8")
    assert main(["--check", str(page)]) == 1
    assert main([]) == 2
