"""The bad-input catalogue for delimited (C) and fixed-length (F) files: each item with the answer it must get."""

from __future__ import annotations

import io
import resource
from pathlib import Path

import pytest

from fundlink.domain.errors import ProblemError
from fundlink.formats.profiles import Message, load_profile
from tests.formats import unseen
from tests.formats.shelf import CODES, HEADER, message, read, row, standard


def told(raw: bytes, given: Message | None = None) -> list[tuple[str, int | None, str | None]]:
    outcome = read(given or message("standard"), raw)
    return [(found.code, found.line, found.field) for found in (*outcome.quarantined, *outcome.problems)]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Message:
    folder = unseen.write_profile(tmp_path_factory.mktemp("profiles") / "somecity-host")
    return load_profile(folder, CODES).message("billing")


@pytest.mark.parametrize("raw", [b"", (HEADER + "\r\n").encode(), b"\xef\xbb\xbf"], ids=["C01-empty", "C01-header-only", "C01-bom-only"])
def test_nothing_in_the_file(raw: bytes) -> None:
    assert [code for code, _line, _field in told(raw)] == ["FL-CSV-001"]


class TestEncoding:
    def test_c02_a_byte_order_mark_is_fine(self) -> None:
        assert told(b"\xef\xbb\xbf" + standard(row())) == []

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "euc_jp", "cp932"])
    def test_c02_another_encoding(self, encoding: str) -> None:
        assert told(standard(row(氏名="千代田花子")).decode().encode(encoding))[0][0] == "FL-CSV-002"

    def test_c02_encoding_changes_mid_file(self) -> None:
        raw = standard(row(), row(通知書番号="N0002")) + '131016,"漢字'.encode("cp932")
        found = read(message("standard"), raw).quarantined[0]
        assert (found.code, found.line) == ("FL-CSV-002", 4)
        assert found.place == f"byte {raw.index('漢'.encode('cp932')) + 1}"

    def test_c02_utf8_given_to_a_cp932_profile(self, tmp_path: Path) -> None:
        text = unseen.TOML.replace('"fixed"', '"delimited"').replace("chotei", "billing")
        folder = unseen.write_profile(tmp_path / "p", text, billing=_standard_layout())
        given = load_profile(folder, CODES).message("billing")
        assert told(standard(row()), given)[0][0] == "FL-CSV-002"
        assert told(standard(row(氏名="表")).decode().encode("cp932"), given) == []
        assert told(standard(row(氏名="表")).decode().encode("euc_jp"), given)[0][0] == "FL-CSV-002"


def _standard_layout() -> str:
    from tests.formats.shelf import PROFILES

    return (PROFILES / "standard" / "billing.csv").read_text(encoding="utf-8")


def test_c03_second_byte_5c_beside_quotes(tmp_path: Path) -> None:
    text = unseen.TOML.replace('"fixed"', '"delimited"').replace("chotei", "billing")
    given = load_profile(unseen.write_profile(tmp_path / "p", text, billing=_standard_layout()), CODES).message("billing")
    raw = standard(row(氏名='"表ソ能"', 住所='"十,""予"""')).decode().encode("cp932")
    record = read(given, raw).records[0]
    assert (record.payer_name, record.payer_address) == ("表ソ能", '十,"予"')


@pytest.mark.parametrize(
    ("text", "codes"),
    [("葛󠄀城", []), ("𠮷田", []), ("か\u3099", []), ("●田", ["FL-CHR-002"]), ("\ue000田", ["FL-CHR-002"]), ("\U000f0001", ["FL-CHR-002"])],
)
def test_c04_rare_characters_are_kept(text: str, codes: list[str]) -> None:
    outcome = read(message("standard"), standard(row(氏名=text)))
    assert outcome.codes == codes
    assert outcome.records[0].payer_name == text


@pytest.mark.parametrize("pair", ["〜～", "−－", "―—", "‖∥", "¢￠"])
def test_c05_lookalikes_survive(pair: str) -> None:
    assert read(message("standard"), standard(row(氏名=pair))).records[0].payer_name == pair
    given = message("host-fixed")
    record = given.sample(1, 1)[0]._replace(payer_name=pair[1] if pair != "―—" else "―")
    raw = b"".join(given.writer([record], given.sample_header(1)))
    assert b"".join(given.writer(read(given, raw).records, given.sample_header(1))) == raw


def test_c06_unclosed_quote_is_told_where_it_opens() -> None:
    many = [row(通知書番号=f"N{number:04d}") for number in range(3000)]
    assert told(standard(row(), row(氏名='"千代田'), *many))[-1] == ("FL-CSV-003", 3, None)
    assert told(standard(row(), row(氏名='"千代田'), row(氏名='"次"')))[-1][:2] == ("FL-CSV-003", 3)
    assert told(standard(row(住所='"a\r\nb"', 連携キー='"c')))[-1][:2] == ("FL-CSV-003", 3)


def test_c07_line_breaks_inside_quotes_and_mixed_line_ends() -> None:
    raw = "\r".join((HEADER, row(住所='"一丁目\n二番"'), row(通知書番号="N2") + "\n" + row(通知書番号="N3", 料額="x"))).encode() + b"\r\n"
    outcome = read(message("standard"), raw)
    assert outcome.lines == [2, 4]
    assert outcome.records[0].payer_address == "一丁目\n二番"
    assert [(found.line, found.place, found.column) for found in outcome.problems] == [(5, "record 3", 12)]
    assert outcome.rejected == [(5, 0)]


@pytest.mark.parametrize("line", [row() + ",x", row().removesuffix(",")])
def test_c08_wrong_number_of_columns(line: str) -> None:
    assert told(standard(row(), line)) == [("FL-CSV-004", 3, None)]


@pytest.mark.parametrize(
    ("header", "word"),
    [(HEADER.replace("料額", "期別"), "料額"), (HEADER.replace("料額", "金額"), "金額"), (row(), "131016"), (HEADER + ",備考", "備考")],
)
def test_c09_wrong_header(header: str, word: str) -> None:
    found = read(message("standard"), standard(row(), header=header)).quarantined[0]
    assert found.code == "FL-CSV-005"
    assert word in found.as_json()["message"]


def test_columns_may_stand_in_any_order_and_optional_ones_be_absent() -> None:
    raw = "料額,団体コード,公金種目コード,賦課年度,通知書番号,期別,納期限\r\n500,131016,601,2026,N1,00,2026-06-30\r\n0x,131016,601,2026,N1,00,\r\n".encode()
    outcome = read(message("standard"), raw)
    assert (outcome.records[0].charge_yen, outcome.records[0].payable_until) == (500, "2026-08-09")
    assert [(found.line, found.column) for found in outcome.problems] == [(3, 1)]


@pytest.mark.parametrize("amount", ['"1,000"', "¥1000", "１０００", "+1000", "-0", "01000", "1.0E3", "1000.0", " 1000", "-500"])
def test_c10_amounts_that_are_not_digits_only(amount: str) -> None:
    assert told(standard(row(料額=amount))) == [("FL-AMT-001", 2, "charge_yen")]


def test_amounts_out_of_range() -> None:
    assert told(standard(row(料額="100000000000"))) == [("FL-AMT-002", 2, "charge_yen")]
    assert told(standard(row(料額="99999999999", 延滞金="1"))) == [("FL-AMT-002", 2, "charge_yen")]
    assert told(standard(row(料額="9" * 10_000))) == [("FL-AMT-002", 2, "charge_yen")]


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("団体コード", "11002", "municipality_code"),
        ("期別", "1", "installment"),
        ("課所コード", "12", "department_code"),
        ("通知書番号", "1.23E+19", "notice_number"),
        ("宛名番号", "1.23E+14", "addressee_number"),
        ("納期限", "46203", "due_on"),
        ("郵便番号", "600001", "payer_postal_code"),
    ],
)
def test_c11_damage_by_a_spreadsheet(name: str, value: str, field: str) -> None:
    assert told(standard(row(**{name: value}))) == [("FL-CSV-006", 2, field)]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_c12_formulas_are_text_and_leave_guarded(start: str) -> None:
    given = message("standard")
    text = f"{start}cmd|' /C calc'!A0"
    record = read(given, standard(row(氏名=f'"{text}"'))).records[0]
    assert record.payer_name == text
    written = b"".join(given.writer([record])).decode()
    assert f"'{text}" in written


@pytest.mark.parametrize("letter", ["\x00", "\x1a", "\x07", "\x7f", "\x85"])
@pytest.mark.parametrize("name", ["氏名", "通知書番号", "料額"])
def test_c13_control_characters(letter: str, name: str) -> None:
    assert [code for code, _line, _field in told(standard(row(**{name: f"1{letter}2"})))] == ["FL-CHR-001"]


def test_a_last_end_of_file_mark_is_tolerated(host: Message) -> None:
    assert told(standard(row()) + b"\x1a") == []
    whole = unseen.header() + unseen.data() + unseen.data("A2") + unseen.trailer() + unseen.end()
    assert told(whole + b"\x1a", host) == []


class _Endless(io.RawIOBase):
    """A line of many megabytes that exists only while it is read."""

    def __init__(self, head: bytes, filler: bytes, count: int) -> None:
        super().__init__()
        self.head, self.filler, self.count = head, filler, count

    def read(self, size: int = -1) -> bytes:
        if self.head:
            head, self.head = self.head, b""
            return head
        self.count -= 1
        return self.filler if self.count > 0 else b""


@pytest.mark.parametrize("filler", [b"x" * 65536, b"," * 65536], ids=["C14-long-line", "C14-many-columns"])
def test_c14_monstrous_lines_in_bounded_memory(filler: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stream = _Endless((HEADER + "\r\n").encode(), filler, 3200)
    with pytest.raises(ProblemError) as caught:
        list(message("standard").reader(stream))  # type: ignore[arg-type]
    assert caught.value.problems[0].code == "FL-CSV-007"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64_000


def test_c20_check_digit_of_the_municipality() -> None:
    assert told(standard(row(団体コード="131017"))) == [("FL-CHK-001", 2, "municipality_code")]


@pytest.mark.parametrize(
    ("text", "code"), [("長" * 81, "FL-VAL-003"), ("\u202eabc", "FL-CHR-003"), ("\u200b\u200b", "FL-CHR-003"), ("\u2066x", "FL-CHR-003")]
)
def test_c21_names_that_mislead(text: str, code: str) -> None:
    assert told(standard(row(氏名=text))) == [(code, 2, "payer_name")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"納期限": ""}, ("FL-DATE-002", 2, "due_on")),
        ({"納期限": "2026-02-30"}, ("FL-DATE-001", 2, "due_on")),
        ({"支払期限": "2026-06-29"}, ("FL-DATE-003", 2, "payable_until")),
        ({"公金種目コード": "999"}, ("FL-CODE-001", 2, "fund_code")),
        ({"異動区分": "5"}, ("FL-CODE-001", 2, "action")),
        ({"通知書番号": ""}, ("FL-VAL-001", 2, "notice_number")),
        ({"通知書番号": "A~1"}, ("FL-VAL-002", 2, "notice_number")),
        ({"宛名番号": "12345675"}, ("FL-CHK-002", 2, "addressee_number")),
        ({"カナ氏名": "漢字"}, ("FL-CHR-005", 2, "payer_kana")),
    ],
)
def test_other_row_rules(changes: dict[str, str], expected: tuple[str, int, str]) -> None:
    assert told(standard(row(**changes))) == [expected]


@pytest.mark.parametrize("empty", ["0000-00-00", "00000000", "99999999", ""])
def test_a_bill_of_nothing_needs_no_due_date(empty: str) -> None:
    outcome = read(message("standard"), standard(row(料額="0", 納期限=empty)))
    assert outcome.codes == []
    assert outcome.records[0].due_on is None


def test_every_problem_of_a_row_is_told_and_its_yen_kept() -> None:
    outcome = read(message("standard"), standard(row(公金種目コード="999", 督促手数料="x", 延滞金="7")))
    assert outcome.codes == ["FL-CODE-001", "FL-AMT-001"]
    assert outcome.rejected == [(2, 12007)]
    assert all(found.as_json()["message"] for found in outcome.problems)


def _file(*records: bytes) -> bytes:
    return b"".join(records)


H, D1, D2, T, E = unseen.header(), unseen.data(), unseen.data("A000000002"), unseen.trailer(), unseen.end()


@pytest.mark.parametrize(
    ("raw", "code", "line"),
    [
        pytest.param(_file(H, D1, D2, unseen.trailer(3), E), "FL-CTL-001", 4, id="C16-count"),
        pytest.param(_file(H, D1, D2, unseen.trailer(2, 24761), E), "FL-CTL-001", 4, id="C16-sum"),
        pytest.param(_file(H, D1, D2, T, unseen.end(6)), "FL-CTL-001", 5, id="C16-all"),
        pytest.param(_file(H, D1[:-3] + b"\r\n", D2, T, E), "FL-FIX-001", 2, id="F01-short"),
        pytest.param(_file(H, D1[:-2] + b" \r\n", D2, T, E), "FL-FIX-001", 2, id="F01-long"),
        pytest.param(_file(D1, D2, T, E), "FL-FIX-005", 1, id="F05-no-header"),
        pytest.param(_file(H, D1, D2, E), "FL-FIX-005", 4, id="F05-no-trailer"),
        pytest.param(_file(H, D1, D2, T), "FL-FIX-005", 5, id="F05-no-end"),
        pytest.param(_file(H, D1, D2, T, E, D1), "FL-FIX-005", 6, id="F05-after-end"),
        pytest.param(_file(D1, H, D2, T, E), "FL-FIX-006", 1, id="F06-data-first"),
        pytest.param(_file(H, T, D1, D2, E), "FL-FIX-006", 2, id="F06-trailer-first"),
        pytest.param(_file(H, D1, D2, E, T), "FL-FIX-006", 4, id="F06-end-before-trailer"),
        pytest.param(_file(H, D1, H, D2, T, E), "FL-FIX-006", 3, id="F06-two-headers"),
        pytest.param(_file(H, D1, D2, T, E)[:-60], "FL-FIX-008", 5, id="F08-cut"),
        pytest.param(_file(H, D1[:50]), "FL-FIX-008", 2, id="F08-cut-in-data"),
        pytest.param(b"", "FL-CSV-001", None, id="C01-empty"),
        pytest.param(_file(H, D1, D2, T, E).decode("cp932").encode("cp037", "replace"), "FL-FIX-005", 1, id="F07-ebcdic-file"),
    ],
)
def test_faults_of_a_whole_fixed_length_file(host: Message, raw: bytes, code: str, line: int | None) -> None:
    found = read(host, raw).quarantined
    assert (found[0].code, found[0].line) == (code, line)


def test_c16_an_unreadable_amount_makes_the_sum_worthless(host: Message) -> None:
    assert read(host, _file(H, unseen.data(yen=b"     1230"), D2, T, E)).codes == ["FL-FIX-007", "FL-CTL-001"]


def test_f02_a_character_cut_by_the_edge(host: Message) -> None:
    cut = "１２３４５６７８９".encode("cp932") + b"A" + "漢".encode("cp932")[:1]
    outcome = read(host, _file(H, unseen.data(name=cut), D2, T, E))
    assert [(found.code, found.line, found.field) for found in outcome.problems] == [("FL-FIX-002", 2, "payer_name")]
    assert outcome.rejected == [(2, 12380)]
    assert len(outcome.records) == 1


def test_f03_a_character_outside_the_kana_set_only_warns(host: Message) -> None:
    odd = D1.replace("ｵﾓﾃ ﾉｳｲﾁ".encode("cp932"), "ｵﾓﾃ 能".encode("cp932") + b"  ")
    outcome = read(host, _file(H, odd, D2, T, E))
    assert (outcome.codes, len(outcome.records)) == (["FL-FIX-003"], 2)


@pytest.mark.parametrize(("newline", "word"), [(b"\n", "lf"), (b"", "none")])
def test_f04_other_line_ends_are_found_and_told(host: Message, newline: bytes, word: str) -> None:
    outcome = read(host, _file(H, D1, D2, T, E).replace(b"\r\n", newline))
    assert (outcome.codes, len(outcome.records)) == ([], 2)
    assert [(found.code, dict(found.args)["actual_en"]) for found in outcome.warnings] == [("FL-FIX-004", word)]
    assert word not in str(outcome.warnings[0].as_json()["message"]), "a clerk reads Japanese"


@pytest.mark.parametrize("digits", [b" 1", b"1 ", b"\x1c\xf1", b"\xf1\xf2"], ids=["left", "right", "packed", "ebcdic"])
def test_f07_numbers_that_are_not_digits(host: Message, digits: bytes) -> None:
    wrong = D1.replace(b"03" + b"0" * 10, digits + b"0" * 10)
    outcome = read(host, _file(H, wrong, D2, T, E))
    assert outcome.codes[:1] == ["FL-FIX-007"]
    assert len(outcome.rejected) == 1


def test_f09_a_wrapped_count(tmp_path: Path) -> None:
    layout = unseen.LAYOUT.replace("trailer,2,_count,件数,count,zero,7", "trailer,2,_count,件数,count,zero,1").replace(
        "trailer,4,_pad,予備,filler,,94", "trailer,4,_pad,予備,filler,,100"
    )
    given = load_profile(unseen.write_profile(tmp_path / "p", chotei=layout), CODES).message("billing")
    rows = [unseen.data(f"A{number}", b"000000000") for number in range(12)]
    trailer = b"T2" + b"%013d" % (12 * 80) + b" " * 100 + b"\r\n"
    assert read(given, _file(H, *rows, trailer, unseen.end(15))).codes == ["FL-CTL-002"]


def test_several_groups_share_one_end(host: Message) -> None:
    raw = _file(H, D1, unseen.trailer(1, 12380), H.replace(b"131016", b"141003"), D2, unseen.trailer(1, 12380), unseen.end(7))
    outcome = read(host, raw)
    assert outcome.codes == []
    assert [record.municipality_code for record in outcome.records] == ["131016", "141003"]
