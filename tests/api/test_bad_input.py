"""The bad-input catalogue of the API (A01 to A20): each has its status, its code and its place, and no value is repeated."""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.caller import KEY, Told, Vendor, content


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What is refused never reaches a database, so one kind is enough here."""
    return f"sqlite:///{tmp_path / 'fundlink.db'}"


WHOLE = json.dumps(content()).encode()


def _with(member: str, text: str) -> bytes:
    return WHOLE[:-1] + f', "{member}": {text}}}'.encode()


def _without(member: str, text: str) -> bytes:
    shown = content(**{member: None})
    return json.dumps(shown).encode()[:-1] + f', "{member}": {text}}}'.encode()


BODIES: dict[str, tuple[bytes, int, str, str | None]] = {
    "A01-truncated": (WHOLE[:-1], 400, "FL-API-001", None),
    "A01-trailing": (WHOLE + b"x", 400, "FL-API-001", None),
    "A01-two-objects": (WHOLE + b"\n" + WHOLE, 400, "FL-API-001", None),
    "A01-empty": (b"", 400, "FL-API-001", None),
    "A01-list": (b"[" + WHOLE + b"]", 400, "FL-API-001", None),
    "A01-line-end-in-a-text": (_with("payer_name", '"a\nb"'), 400, "FL-API-001", None),
    "A02-twice": (_with("charge_yen", "5"), 400, "FL-API-002", "/charge_yen"),
    "A03-fraction": (_without("charge_yen", "1000.5"), 422, "FL-AMT-001", "/charge_yen"),
    "A03-text": (_without("charge_yen", '"1000"'), 422, "FL-AMT-001", "/charge_yen"),
    "A03-exponent": (_without("charge_yen", "1e3"), 422, "FL-AMT-001", "/charge_yen"),
    "A03-true": (_without("charge_yen", "true"), 422, "FL-AMT-001", "/charge_yen"),
    "A03-nan": (_without("charge_yen", "NaN"), 422, "FL-AMT-001", "/charge_yen"),
    "A03-object": (_without("charge_yen", '{"a": 1}'), 422, "FL-AMT-001", "/charge_yen"),
    "A04-negative": (_without("charge_yen", "-1"), 422, "FL-AMT-002", "/charge_yen"),
    "A04-twelve-digits": (_without("charge_yen", "100000000000"), 422, "FL-AMT-002", "/charge_yen"),
    "A04-64-bits": (_without("charge_yen", str(2**63)), 422, "FL-AMT-002", "/charge_yen"),
    "A04-ten-thousand-digits": (_without("charge_yen", "9" * 10_000), 422, "FL-AMT-002", "/charge_yen"),
    "A05-state": (_with("status", '"PAID"'), 422, "FL-API-003", "/status"),
    "A05-other-municipality": (_without("municipality_code", '"131016"'), 422, "FL-API-003", "/municipality_code"),
    "A16-depth": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400, "FL-API-005", None),
    "A16-lists": (b"[" * 100_000, 400, "FL-API-005", None),
    "A17-no-utf8": (_with("payer_name", '"x"').replace(b'"x"', b'"\xff\xfe"'), 422, "FL-CHR-001", None),
    "A17-lone-surrogate": (_with("payer_name", r'"\ud83d"'), 422, "FL-CHR-001", "/payer_name"),
    "A17-nul": (_with("payer_name", r'"a\u0000b"'), 422, "FL-CHR-001", "/payer_name"),
    "A19-no-such-day": (_without("due_on", '"2026-02-30"'), 422, "FL-DATE-001", "/due_on"),
    "A19-no-such-month": (_without("due_on", '"令和8年13月"'), 422, "FL-DATE-001", "/due_on"),
    "A19-ended-era": (_without("due_on", '"平成38年1月1日"'), 422, "FL-DATE-001", "/due_on"),
    "A19-instant": (_without("due_on", '"2026-11-30T00:00:00"'), 422, "FL-DATE-001", "/due_on"),
    "A19-year-0": (_without("due_on", '"0000-01-01"'), 422, "FL-DATE-001", "/due_on"),
    "A19-year-9999": (_without("due_on", '"9999-12-31"'), 422, "FL-DATE-001", "/due_on"),
}


@pytest.mark.parametrize("case", list(BODIES))
def test_bodies(vendor: Vendor, case: str) -> None:
    body, status, code, pointer = BODIES[case]
    told = vendor.put(body)
    assert (told.status, told.code) == (status, code)
    assert told.headers["content-type"] == "application/problem+json"
    if pointer is not None:
        assert told.body["pointer"] == pointer
    _is_whole(told, body)
    assert vendor.get(f"/v1/bills/{KEY}").code == "FL-BIL-004"


def _is_whole(told: Told, body: bytes = b"") -> None:
    """A problem with all its words, under its correlation id, that repeats nothing of what was sent."""
    assert set(told.body) >= {"type", "title", "status", "code", "detail", "detail_en", "pointer", "correlation_id"}
    assert told.body["status"] == told.status
    assert told.body["correlation_id"] == told.headers["x-correlation-id"]
    text = json.dumps(told.body, ensure_ascii=False)
    assert "Traceback" not in text
    assert not [found for found in re.findall(rb"[0-9]{16,}", body) if found.decode() in text]


def test_a01_tells_the_byte(vendor: Vendor) -> None:
    assert vendor.put(b'{\n"charge_yen": 1,\n"due_on" 5}').body["place"] == "byte 29"


def test_a04_is_answered_at_once(vendor: Vendor) -> None:
    vendor.put(content())
    body = _without("charge_yen", "9" * 10_000)
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        assert vendor.put(body).status == 422
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.05


def test_several_faults_are_all_told(vendor: Vendor) -> None:
    shape = vendor.put(content(charge_yen=-1, late_charge_yen="5", status="PAID"))
    assert {shown["pointer"] for shown in shape.body["problems"]} == {"/charge_yen", "/late_charge_yen", "/status"}
    value = vendor.put(content(due_on="2026-02-30", department_code="X"))
    assert {shown["pointer"] for shown in value.body["problems"]} == {"/due_on", "/department_code"}


@pytest.mark.parametrize("path", [f"/v1/bills/{KEY}", "/v1/intakes?profile=standard"])
def test_a13_one_byte_too_many(vendor: Vendor, path: str) -> None:
    limit = 500_000 if "intakes" in path else 400_000
    method, media_type = ("POST", "text/csv") if "intakes" in path else ("PUT", "application/json")
    headers = {"Content-Type": media_type, "Idempotency-Key": "k"}
    asked = []

    def pieces(size: int) -> Iterator[bytes]:
        for _ in range(size // 50_000):
            asked.append(1)
            yield b" " * 50_000
        yield b" " * (size % 50_000)

    announced = vendor.call(method, path, content=b" " * (limit + 1), headers=headers)
    assert (announced.status, announced.code) == (413, "FL-API-007")
    chunked = vendor.call(method, path, content=pieces(limit + 1), headers=headers)
    assert (chunked.status, chunked.code) == (413, "FL-API-007")
    exact = vendor.call(method, path, content=pieces(limit), headers=headers)
    assert exact.status in (202, 400)


@pytest.mark.parametrize("path", [f"/v1/bills/{KEY}", "/v1/intakes?profile=standard"])
def test_a14_nothing_is_unpacked(vendor: Vendor, path: str) -> None:
    method, media_type = ("POST", "text/csv") if "intakes" in path else ("PUT", "application/json")
    told = vendor.write(method, path, gzip.compress(b" " * 1_000_000), **{"Content-Encoding": "gzip", "Content-Type": media_type})
    assert (told.status, told.code) == (415, "FL-API-004")


@pytest.mark.parametrize(
    "media_type",
    ["text/xml", "application/json; charset=utf-7", "application/json; charset=shift_jis", "", "application/x-www-form-urlencoded"],
)
def test_a15_types_that_are_not_taken(vendor: Vendor, media_type: str) -> None:
    for method, path in (("PUT", f"/v1/bills/{KEY}"), ("POST", "/v1/intakes?profile=standard")):
        told = vendor.write(method, path, WHOLE, **{"Content-Type": media_type})
        assert (told.status, told.code) == (415, "FL-API-004")
    assert vendor.send(b"x", media_type="text/csv; charset=utf-7").code == "FL-API-004"


@pytest.mark.parametrize("path", ["/v1/bills", "/v1/clearings", "/v1/intakes", "/v1/days"])
def test_a18_limits_and_cursors(vendor: Vendor, path: str) -> None:
    for limit in ("-1", "0", "1001", "1000000000", "x", "1.5", ""):
        told = vendor.get(f"{path}?limit={limit}")
        assert (limit, told.status, told.code) == (limit, 422, "FL-API-006")
    word = {"/v1/clearings": "after", "/v1/intakes": "before"}.get(path, "cursor")
    for cursor in ("x", "", "MTIz", "....", "é", "a\x00", "A" * 5000):
        told = vendor.get(path, params={word: cursor})
        assert (cursor[:9], told.status, told.code) == (cursor[:9], 422, "FL-API-006")


def test_a18_a_tampered_or_borrowed_cursor(vendor: Vendor) -> None:
    vendor.send(vendor.billing_file(3))
    cursor = vendor.get("/v1/bills?limit=1").body["next"]
    assert vendor.get(f"/v1/bills?cursor={cursor}").status == 200
    for at in range(len(cursor)):
        other = cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
        assert vendor.get(f"/v1/bills?cursor={other}").code == "FL-API-006"
    assert vendor.get(f"/v1/bills?cursor={cursor}&fund_code=601").code == "FL-API-006"
    assert vendor.get(f"/v1/clearings?after={cursor}").code == "FL-API-006"


@pytest.mark.parametrize("wanted", ["a\r\nb", "a\nb", "", "a b", "a" * 65, "é", "a\x00"])
def test_a20_request_ids(vendor: Vendor, wanted: str) -> None:
    told = vendor.get("/v1/bills", headers={"X-Request-ID": wanted.encode("latin-1")})
    assert (told.status, told.code) == (400, "FL-API-010")
    assert re.fullmatch(r"[0-9a-f]{32}", told.headers["x-correlation-id"])
    _is_whole(told)


def test_a20_a_good_request_id_is_the_correlation_id(vendor: Vendor) -> None:
    told = vendor.get("/v1/bills/none", headers={"X-Request-ID": "order-7_a.b"})
    assert (told.headers["x-correlation-id"], told.body["correlation_id"]) == ("order-7_a.b", "order-7_a.b")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "FL-API-008"),
        ("GET", "/docs", 404, "FL-API-008"),
        ("GET", "/v1/bills/", 404, "FL-BIL-004"),
        ("POST", "/v1/webhooks", 404, "FL-API-008"),
        ("DELETE", "/v1/intakes", 405, "FL-API-009"),
        ("POST", "/v1/clearings", 405, "FL-API-009"),
        ("GET", "/v1/bills/none", 404, "FL-BIL-004"),
        ("GET", "/v1/days/2026-02-30", 422, "FL-DATE-001"),
    ],
)
def test_every_failure_is_a_problem(vendor: Vendor, method: str, path: str, status: int, code: str) -> None:
    told = vendor.call(method, path)
    assert (told.status, told.code, told.headers["content-type"]) == (status, code, "application/problem+json")
    _is_whole(told)


def test_the_last_resort_tells_nothing(vendor: Vendor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    name = "太郎山田"[::-1]  # must not stand in the source line that a traceback shows

    def fail(*_given: Any, **_named: Any) -> None:
        raise RuntimeError(name)

    monkeypatch.setattr("fundlink.api.bills.lookup.page_of_bills", fail)
    told = vendor.get("/v1/bills")
    assert (told.status, told.code) == (500, "FL-API-012")
    _is_whole(told)
    assert name not in json.dumps(told.body, ensure_ascii=False) + caplog.text
    assert told.body["correlation_id"] in caplog.text
    assert "fail" in caplog.text  # the way to it


def test_advice_is_in_words_of_http(vendor: Vendor) -> None:
    told = vendor.put({**content(), "due_on": "2026-02-30", "charge_yen": None})
    assert (told.status, told.code) == (422, "FL-VAL-001")
    assert all("ファイル" not in shown["next"] for shown in [told.body, *told.body["problems"]])
