"""A slip is re-issued from the page of its bill: proposed by one person, approved by another."""

from __future__ import annotations

import re

from tests.builders import World
from tests.console.persons import CHIEF, Desk
from tests.console.town import OPEN_BILL, PAID_BILL


def test_a_slip_is_reissued_by_two_persons_from_the_page_of_its_bill(desk: Desk, town: World) -> None:
    address = f"bills/{OPEN_BILL}"
    before = town.jobs.find_bill(OPEN_BILL)
    assert "再発行の理由を書いてください" in desk.post(f"{address}/reissue").text
    told = desk.post(f"{address}/reissue", data={"reason": "紛失の届出"})
    assert "別の人の承認を待っています" in told.text
    assert "再発行を準備する" not in desk.get(address).text
    assert "再発行を準備する" not in desk.get(f"bills/{PAID_BILL}").text
    assert town.jobs.find_bill(OPEN_BILL) == before
    desk.sit(CHIEF)
    page = desk.get(told.url.path.removeprefix("/console/")).text
    assert "紛失の届出" in page
    assert before.case_key in page
    sha256 = re.findall(r'name="sha256" value="(\w+)"', page)[0]
    number = told.url.path.rpartition("/")[2]
    assert "実施しました" in desk.post(f"proposals/{number}/approve", data={"sha256": sha256}).text
    after = town.jobs.find_bill(OPEN_BILL)
    assert (after.issue_count, after.case_key != before.case_key) == (2, True)
