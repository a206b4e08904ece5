"""The pages for people: what they say, and that a reload never pays twice."""

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.mock.sender import DAY, Sender, register, slip


def crc(text: str) -> str:
    value = 0xFFFF
    for bit in "".join(f"{byte:08b}" for byte in text.encode()):
        top = value >> 15 ^ int(bit)
        value = (value << 1 & 0xFFFF) ^ (0x1021 if top else 0)
    return f"{value:05d}"


def payload(one: dict[str, str]) -> str:
    """The eL-QR of a slip, written out from the published layout."""
    yen = f"{int(one['AmountYen']):011d}"
    first = f"00{'0' * 11}{yen}2138000{one['FundCode']}00000"
    second = f"00{one['CaseKey']}{one['ConfirmationNumber']}0131010400000000"[:44]
    dates = f"{one['LevyYear']}{one['RelevantYear']}{one['Installment']}{one['DueOn']}{one['PayableUntil']}".replace("-", "")
    head = f"000201010212279600051380001{len(first + second)}{first}{second}5411{yen}6226{dates}8085{'0' * 85}6305"
    return head + crc(head)


def look_up(client: TestClient, **form: str) -> str:
    """The page at the end of the redirect."""
    answer = client.post("/lookup", data=form)
    assert answer.status_code == 303
    return client.get(answer.headers["location"]).text


def number(one: dict[str, str], **changes: str) -> dict[str, str]:
    names = {"case_key": "CaseKey", "confirmation_number": "ConfirmationNumber", "fund_code": "FundCode"}
    return {"institution_code": "13101", **{ours: one[theirs] for ours, theirs in names.items()}} | changes


def test_a_slip_is_found_by_number_and_by_qr(client: TestClient, sender: Sender) -> None:
    register(client, sender, [slip(1)])
    for page in (look_up(client, **number(slip(1))), look_up(client, payload=payload(slip(1)))):
        for words in ("模擬環境", "介護保険料", "1,010円", "納期限", "2026年10月31日", "支払期限", "2026年12月10日", "未納"):
            assert words in page


def test_full_width_digits_and_blanks_are_forgiven(client: TestClient, sender: Sender) -> None:
    register(client, sender, [slip(1)])
    spaced = " ".join(re.findall("....", slip(1)["CaseKey"]))
    assert "1,010円" in look_up(client, **number(slip(1), institution_code="１３１０１", case_key=spaced))


def test_paying_redirects_to_a_confirmation_and_a_second_try_is_told(client: TestClient, sender: Sender) -> None:
    register(client, sender, [slip(1)])
    form: Any = {**number(slip(1)), "channel": "app"}
    answer = client.post("/bill/pay", data=form)
    assert answer.status_code == 303
    page = client.get(answer.headers["location"]).text
    key = answer.headers["location"].removeprefix("/receipt/")
    for words in ("納付を受け付けました", key, "スマートフォン決済アプリ", "2026年11月20日"):
        assert words in page
    again = client.post("/bill/pay", data=form)
    assert "すでに納付されています" in client.get(again.headers["location"]).text
    client.post("/close-day", json={"day": DAY})
    assert client.get("/books").json()["outcomes"] == {"matched": 1}


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (number(slip(9)), "見つかりません"),
        (number(slip(1), confirmation_number="000000"), "見つかりません"),
        (number(slip(1), case_key="12"), "4つの番号をすべて"),
        ({"payload": "1" * 255}, "検査値が合いません"),
        ({"payload": "123"}, "255桁です"),
        ({"payload": "1" * 250 + crc("1" * 250)}, "eL-QRではないようです"),
        (number(slip(4)), "支払期限を過ぎている"),
        (number(slip(2)), "取り消されています"),
        (number(slip(3)), "差し替えられています"),
    ],
)
def test_the_site_says_why_not(client: TestClient, sender: Sender, form: dict[str, str], words: str) -> None:
    register(client, sender, [slip(1), slip(2), slip(3), slip(4)])
    register(client, sender, [slip(2, Operation="cancel"), slip(3, Operation="cancel", ReplacedBy=slip(8)["CaseKey"])], "reg-2")
    page = look_up(client, **form)
    assert words in page
    assert "/bill/pay" not in page


def test_scenario_and_day_by_buttons(client: TestClient, sender: Sender) -> None:
    register(client, sender, [slip(number) for number in range(20)])
    assert "ふだんの一日" in client.get("/scenarios", headers={"accept": "text/html"}).text
    answer = client.post("/scenarios/play", data={"name": "everyday", "day": DAY})
    assert "を演じました" in client.get(answer.headers["location"], headers={"accept": "text/html"}).text
    assert "締め前の件数" in client.get("/day").text
    answer = client.post("/day/close", data={"day": DAY})
    page = client.get(answer.headers["location"]).text
    for words in ("国民健康保険料", "払込通知", "入金明細", "二重納付", "該当納付書なし"):
        assert words in page


@pytest.mark.parametrize("path", ["/", "/day", "/scenarios"])
def test_pages_ask_nobody_else_for_anything(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"accept": "text/html"})
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.findall(r"https?://|<script|\son\w+=|style=", answer.text)
    assert client.get("/static/style.css").status_code == 200


def test_input_is_shown_as_text_only(client: TestClient) -> None:
    page = client.get("/", params={"institution_code": '"><script>'}).text
    assert "<script>" not in page
