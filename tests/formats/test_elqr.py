"""eL-QR against an independent writer and reader made from the description of the layout, and against a real QR decoder."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fundlink.domain.errors import ProblemError
from fundlink.formats import elqr

PLAIN = elqr.ElqrFields(
    amount_yen=12_300,
    institution_code="13101",
    case_key="00012345678901234567",
    confirmation_number="004711",
    fund_code="601",
    office_code="040",
    levy_year=2026,
    relevant_year=2025,
    installment="03",
    due_on="2026-06-30",
    payable_until="2026-08-09",
)


def digits(width: int) -> st.SearchStrategy[str]:
    return st.integers(0, 10**width - 1).map(lambda number: str(number).zfill(width))


DAYS = st.dates(dt.date(1926, 12, 25), dt.date(9999, 12, 31)).map(dt.date.isoformat)
FIELDS = st.builds(
    elqr.ElqrFields,
    amount_yen=st.integers(1, 99_999_999_999),
    institution_code=digits(5),
    case_key=digits(20),
    confirmation_number=digits(6),
    fund_code=digits(3),
    office_code=digits(3),
    levy_year=st.integers(1900, 2199),
    relevant_year=st.integers(1900, 2199),
    installment=digits(2),
    due_on=DAYS,
    payable_until=DAYS,
    scheme_code=st.one_of(st.just("13800"), digits(5)),
).map(lambda made: made._replace(due_on=min(made[9:11]), payable_until=max(made[9:11])))


# --- the independent writer and reader
def bitwise_crc(data: bytes) -> int:
    register = 0xFFFF
    for byte in data:
        register ^= byte << 8
        for _ in range(8):
            register = ((register << 1) ^ 0x1021) & 0xFFFF if register & 0x8000 else (register << 1) & 0xFFFF
    return register


def tlv(tag: str, value: str) -> str:
    return tag + str(len(value)).zfill(2) + value


def write(f: elqr.ElqrFields) -> str:
    amount = str(f.amount_yen).rjust(11, "0")
    line1 = "".join(["00", "0" * 11, amount, "2", f.scheme_code, "0", f.fund_code, "00000"])
    line2 = f"00{f.case_key}{f.confirmation_number}0{f.institution_code}{f.office_code}0000000"
    assert (len(line1), len(line2)) == (39, 44)
    years = str(f.levy_year).rjust(4, "0") + str(f.relevant_year).rjust(4, "0")
    extra = years + f.installment + "".join(f.due_on.split("-")) + "".join(f.payable_until.split("-"))
    merchant = tlv("00", f.scheme_code) + tlv("01", line1 + line2)
    body = tlv("00", "01") + tlv("01", "12") + tlv("27", merchant) + tlv("54", amount) + tlv("62", extra) + tlv("80", "0" * 85) + "6305"
    return body + str(bitwise_crc(body.encode())).rjust(5, "0")


def read_tlv(text: str) -> dict[str, str]:
    found = {}
    while text:
        length = int(text[2:4])
        found[text[:2]], text = text[4 : 4 + length], text[4 + length :]
    return found


def read(payload: str) -> elqr.ElqrFields:
    outer = read_tlv(payload)
    inner = read_tlv(outer["27"])
    line, extra = inner["01"], outer["62"]

    def day(text: str) -> str:
        return "-".join([text[:4], text[4:6], text[6:]])

    return elqr.ElqrFields(
        amount_yen=int(outer["54"]),
        institution_code=line[68:73],
        case_key=line[41:61],
        confirmation_number=line[61:67],
        fund_code=line[31:34],
        office_code=line[73:76],
        levy_year=int(extra[:4]),
        relevant_year=int(extra[4:8]),
        installment=extra[8:10],
        due_on=day(extra[10:18]),
        payable_until=day(extra[18:26]),
        scheme_code=inner["00"],
    )


def with_crc(body: str) -> str:
    return body[:250] + str(bitwise_crc(body[:250].encode())).rjust(5, "0")


def put(payload: str, at: int, text: str) -> str:
    return with_crc(payload[:at] + text + payload[at + len(text) :])


def codes(payload: str) -> set[str]:
    return {found.code for found in elqr.decode(payload).problems}


def test_crc_vector() -> None:
    assert bitwise_crc(b"123456789") == 10_673


@given(FIELDS)
@settings(max_examples=300)
def test_two_writers_and_two_readers_agree(fields: elqr.ElqrFields) -> None:
    payload = elqr.encode(fields)
    assert payload == write(fields)
    assert len(payload) == 255
    assert read(payload) == fields
    decoded = elqr.decode(write(fields))
    assert decoded.fields == fields
    assert decoded.problems == ()


def test_as_json_is_what_the_contract_names() -> None:
    payload = elqr.encode(PLAIN)
    told = elqr.decode(f" {payload}\r\n").as_json()
    assert told == {
        **PLAIN._asdict(),
        "check_digits": {"line1": "00", "line2": "00", "verified": False},
        "crc": {"value": payload[-5:], "ok": True},
        "problems": [],
    }


@pytest.mark.parametrize(
    "fields", [PLAIN, PLAIN._replace(amount_yen=1, case_key="0" * 20), PLAIN._replace(amount_yen=99_999_999_999, case_key="9" * 20)]
)
def test_every_single_changed_digit_is_refused(fields: elqr.ElqrFields) -> None:
    payload = elqr.encode(fields)
    for at, right in enumerate(payload):
        for digit in "0123456789".replace(right, ""):
            decoded = elqr.decode(payload[:at] + digit + payload[at + 1 :])
            assert "FL-ELQ-002" in {found.code for found in decoded.problems}
            assert decoded.fields is None


@given(FIELDS, st.integers(0, 253))
@settings(max_examples=200)
def test_swapped_neighbours_are_refused(fields: elqr.ElqrFields, at: int) -> None:
    payload = elqr.encode(fields)
    swapped = payload[:at] + payload[at + 1] + payload[at] + payload[at + 2 :]
    assert (swapped == payload) == (elqr.decode(swapped).fields is not None)


@pytest.mark.parametrize(
    ("at", "text", "code", "told_at"),
    [
        (0, "01", "FL-ELQ-003", 1),
        (4, "02", "FL-ELQ-007", 5),
        (10, "11", "FL-ELQ-007", 11),
        (14, "95", "FL-ELQ-003", 15),
        (20, "13801", "FL-ELQ-007", 54),  # the two scheme codes differ
        (31, "1", "FL-ELQ-007", 31),
        (53, "1", "FL-ELQ-007", 53),
        (59, "1", "FL-ELQ-007", 59),
        (96, "1", "FL-ELQ-007", 96),
        (116, "00000012301", "FL-ELQ-005", 116),
        (135, "0000", "FL-ELQ-006", 135),
        (141, "20260631", "FL-ELQ-004", 141),
        (141, "00000000", "FL-ELQ-004", 141),
        (149, "20260229", "FL-ELQ-004", 149),
        (157, "81", "FL-ELQ-003", 158),
        (165, "1", "FL-ELQ-007", 165),
        (246, "64", "FL-ELQ-003", 247),
    ],
)
def test_a_wrong_part_with_a_right_crc_is_told(at: int, text: str, code: str, told_at: int) -> None:
    told = elqr.decode(put(elqr.encode(PLAIN), at, text)).as_json()
    assert [(found["code"], found["at"]) for found in told["problems"]] == [(code, told_at)]
    assert told["problems"][0]["message"]
    assert told["crc"]["ok"] is True
    assert "amount_yen" not in told


def test_all_faults_are_told_at_once() -> None:
    payload = elqr.encode(PLAIN)
    assert codes(payload[:4] + "99" + payload[6:141] + "20261301" + payload[149:]) == {"FL-ELQ-002", "FL-ELQ-004", "FL-ELQ-007"}


def test_both_amounts_zero_is_refused() -> None:
    payload = put(put(elqr.encode(PLAIN), 42, "0" * 11), 116, "0" * 11)
    assert codes(payload) == {"FL-ELQ-006"}


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "0" * 254,
        "0" * 256,
        "０" * 255,
        "٣" * 255,
        elqr.encode(PLAIN).replace("1", "１", 1),
        elqr.encode(PLAIN)[:100] + " " + elqr.encode(PLAIN)[100:],
        elqr.encode(PLAIN)[:100] + "\n" + elqr.encode(PLAIN)[101:],
        "-" + elqr.encode(PLAIN)[1:],
        "\ud800" * 255,
        "\x00" * 255,
    ],
)
def test_what_is_not_255_digits_is_refused(payload: str) -> None:
    decoded = elqr.decode(payload)
    assert [found.code for found in decoded.problems] == ["FL-ELQ-001"]
    assert decoded.as_json()["problems"][0]["at"] is not None


@given(st.text(max_size=300))
@settings(max_examples=300)
def test_any_text_is_told_and_never_raises(text: str) -> None:
    assert elqr.decode(text).problems


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount_yen", 0),
        ("amount_yen", -1),
        ("amount_yen", 100_000_000_000),
        ("amount_yen", True),
        ("amount_yen", 1.0),
        ("institution_code", "1310"),
        ("institution_code", "１３１０１"),
        ("case_key", "1" * 21),
        ("case_key", 1),
        ("confirmation_number", "12345x"),
        ("fund_code", ""),
        ("office_code", "0000"),
        ("levy_year", 10_000),
        ("relevant_year", 0),
        ("installment", "1"),
        ("due_on", "2026-02-30"),
        ("due_on", "20260630"),
        ("payable_until", ""),
        ("payable_until", None),
        ("scheme_code", "138000"),
    ],
)
def test_a_value_that_does_not_fit_is_named(name: str, value: Any) -> None:
    with pytest.raises(ProblemError) as caught:
        elqr.encode(PLAIN._replace(**{name: value}))
    assert [(found.code, found.field) for found in caught.value.problems] == [("FL-ELQ-006", name)]


def test_check_digits_come_from_the_named_function(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    def made(line1: str, line2: str) -> tuple[str, str]:
        seen.append((len(line1), len(line2)))
        return "12", "34"

    monkeypatch.setitem(elqr.CHECK_DIGITS, "ours", made)
    decoded = elqr.decode(elqr.encode(PLAIN, "ours"))
    assert decoded.check_digits == ("12", "34")
    assert seen == [(37, 42)]
    with pytest.raises(ProblemError, match="FL-ELQ-006"):
        elqr.encode(PLAIN, "unknown")


@given(FIELDS)
@settings(max_examples=25)
def test_the_symbol_is_version_6_level_m_and_carries_the_digits(fields: elqr.ElqrFields) -> None:
    payload = elqr.encode(fields)
    image = Image.open(io.BytesIO(elqr.symbol(payload)))
    # of the other kinds a reader may see one by chance in the modules of some payloads
    (found,) = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    assert found.bytes == payload.encode("ascii")
    assert found.ec_level == "M"
    extra: Any = found.extra
    assert extra["Version"] == "6"
    assert image.size == ((41 + 8) * 4, (41 + 8) * 4)


@pytest.mark.parametrize(("scale", "quiet_zone"), [(1, 4), (3, 0), (10, 6)])
def test_scale_is_pixels_a_module_and_the_quiet_zone_is_white(scale: int, quiet_zone: int) -> None:
    image = Image.open(io.BytesIO(elqr.symbol(elqr.encode(PLAIN), scale=scale, quiet_zone=quiet_zone))).convert("L")
    side = (41 + 2 * quiet_zone) * scale
    assert image.size == (side, side)
    dark = image.point(lambda shade: 255 - shade).getbbox()
    assert dark == (quiet_zone * scale, quiet_zone * scale, side - quiet_zone * scale, side - quiet_zone * scale)


def test_numeric_mode_fills_version_6_exactly() -> None:
    """255 digits are 850 bits, 864 with mode and length: all that 6-M holds. Any other mode would not fit version 6."""
    assert 4 + 10 + 255 // 3 * 10 == 864
    assert elqr.QR_MODULES == 41


def test_the_svg_draws_the_same_symbol() -> None:
    drawn = elqr.symbol_svg(elqr.encode(PLAIN))
    assert drawn.startswith("<svg ")
    assert drawn.rstrip().endswith("</svg>")
    assert 'width="98" height="98"' in drawn


def test_a_wrong_payload_is_not_drawn() -> None:
    with pytest.raises(ProblemError, match="FL-ELQ-001"):
        elqr.symbol("1" * 254)
    with pytest.raises(ProblemError, match="FL-ELQ-002"):
        elqr.symbol_svg(elqr.encode(PLAIN)[:250] + "99999")


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"levy_year": 26}, "FL-ELQ-006", "levy_year"),
        ({"relevant_year": 26}, "FL-ELQ-006", "relevant_year"),
        ({"due_on": "2026-07-01", "payable_until": "2026-06-30"}, "FL-ELQ-008", "payable_until"),
    ],
)
def test_what_no_bill_can_say_is_not_written(changes: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(ProblemError) as refused:
        elqr.encode(PLAIN._replace(**changes))
    assert [(told.code, told.field) for told in refused.value.problems] == [(code, field)]
    assert refused.value.problems[0].as_json()["next"]
