"""Scenarios over several business days: what travels late, in pieces, together or in a new edition, and that the books know it to the yen."""

from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient
from lxml import etree

from mock_eltax.clock import business_days_later
from mock_eltax.courses import COURSES, MONTH
from mock_eltax.scenarios import SCENARIOS
from tests.mock.conftest import start
from tests.mock.sender import Sender, enrol, register, rows, slip
from tests.mock.test_mock_books import books
from tests.mock.test_mock_day import fetch, yen

FIRST = "2026-11-04"
AFTER = 14
PROGRAMS = [name for name, row in SCENARIOS.items() if row.program and name != "month-end"]


def calendar(count: int) -> list[str]:
    """Business days from the first."""
    return [business_days_later(date.fromisoformat(FIRST), place).isoformat() if place else FIRST for place in range(count)]


def played(client: TestClient, name: str, days: int) -> list[dict[str, Any]]:
    """Play and close so many days, and close on until everything has arrived; the answers of the closes."""
    answers = []
    for place, day in enumerate(calendar(days + AFTER)):
        if place < days:
            assert client.post("/scenario", json={"name": name, "seed": 3, "day": day}).status_code == 200
        answers.append(client.post("/close-day", json={"day": day}).json())
    return answers


class Papers(NamedTuple):
    """All that the gateway and the bank have told, read once."""

    files: list[dict[str, Any]]
    receipts: list[dict[str, str]]
    settlements: list[dict[str, str]]
    movements: list[tuple[str, int]]
    """Reference and yen, negative where money leaves."""


def papers(client: TestClient) -> Papers:
    """Every file that is listed."""
    found = fetch(client)
    read = {kind: [file["body"] for file in found if file["kind"] == kind] for kind in ("receipt", "settlement", "bank_credit")}
    lines = [line for body in read["bank_credit"] for line in body.decode("cp932").splitlines() if line[0] == "2"]
    moved = [(line[179:199].strip(), int(line[24:36]) * (1 if line[21] == "1" else -1)) for line in lines]
    told = {name: [row for body in read[name.lower()] for row in rows(etree.fromstring(body), name)] for name in ("Receipt", "Settlement")}
    return Papers(found, told["Receipt"], told["Settlement"], moved)


@pytest.fixture
def many(client: TestClient, sender: Sender) -> TestClient:
    """A register of 150 slips, every one still payable at the end of the month."""
    register(client, sender, [slip(number, PayableUntil="2026-12-28") for number in range(150)])
    return client


@pytest.mark.parametrize("name", PROGRAMS)
def test_whatever_travels_how_the_books_agree_with_the_files(many: TestClient, name: str) -> None:
    answers = played(many, name, 4)
    assert "on_the_way" not in answers[-1]
    found, told = books(many)["days"], papers(many)
    newest = {row["SettlementKey"]: row for row in sorted(told.settlements, key=lambda row: int(row["Edition"]))}
    assert sum(row["settled_yen"] for row in found) == yen([*newest.values()], "GrossYen")
    assert sum(row["fee_yen"] for row in found) == yen([*newest.values()], "FeeYen")
    assert sum(row["credited_yen"] for row in found) == sum(amount for _, amount in told.movements)
    assert {row["course"] for row in found} == set(SCENARIOS[name].program)
    confirmed = [row for row in told.receipts if row["Stage"] == "confirmed"]
    taken_back = {row["TransactionKey"] for row in told.receipts if row["Stage"] == "cancelled"}
    standing = [row for row in confirmed if row["TransactionKey"] not in taken_back]
    assert yen(standing) == sum(row["settled_yen"] for row in found)
    assert sum(row["receipts_yen"] - row["unconfirmed_yen"] for row in found) == yen(standing)


@pytest.mark.parametrize("name", sorted(set(PROGRAMS) - {"never-confirmed", "carried-fees"}))
def test_in_the_end_every_day_ties(many: TestClient, name: str) -> None:
    played(many, name, 4)
    assert {(row["state"], row["difference_yen"]) for row in books(many)["days"]} == {("tied", 0)}


def test_preliminary_payments_that_never_confirm_are_the_difference(many: TestClient) -> None:
    played(many, "never-confirmed", 3)
    found = books(many)["days"]
    assert sum(row["unconfirmed_yen"] for row in found) > 0
    assert all(row["difference_yen"] == row["unconfirmed_yen"] for row in found)


def test_a_carried_fee_is_over_on_one_day_and_short_on_the_next(many: TestClient) -> None:
    played(many, "carried-fees", 2)
    first, second = ([row for row in books(many)["days"] if row["day"] == day] for day in calendar(2))
    by_fund = {row["fund_code"]: row["difference_yen"] for row in second}
    assert all(row["difference_yen"] == -row["fee_yen"] for row in first)
    assert all(by_fund[row["fund_code"]] == row["fee_yen"] for row in first if row["fund_code"] in by_fund)
    assert any(by_fund.values())


def test_split_credits_name_their_settlement_and_combined_ones_do_not(many: TestClient) -> None:
    played(many, "split-transfers", 2)
    parts: dict[str, list[int]] = defaultdict(list)
    told = papers(many)
    for key, amount in told.movements:
        parts[key].append(amount)
    nets = {row["SettlementKey"]: int(row["NetYen"]) for row in told.settlements}
    assert {key: sum(amounts) for key, amounts in parts.items()} == nets
    assert {len(amounts) for amounts in parts.values()} == {2, 3}


def test_combined_money_is_one_movement_without_a_key_of_its_own(many: TestClient) -> None:
    played(many, "combined-transfers", 3)
    told = papers(many)
    assert len(told.movements) == 2
    assert not {key for key, _ in told.movements} & {row["SettlementKey"] for row in told.settlements}


def test_money_that_waits_goes_alone_when_nothing_follows(many: TestClient) -> None:
    answers = played(many, "combined-transfers", 2)
    assert "on_the_way" not in answers[-1]
    assert {row["state"] for row in books(many)["days"]} == {"tied"}


def test_late_papers_come_on_a_later_day(many: TestClient) -> None:
    answers = played(many, "late-files", 3)
    kinds = [sorted(file["kind"] for file in answer["files"]) for answer in answers]
    assert "receipt" in kinds[0]
    assert answers[0]["on_the_way"] > 0
    assert "settlement" not in kinds[1]
    listed = papers(many).files
    late = [file for file in listed if file["kind"] == "receipt" and file["business_day"] == calendar(1)[0]]
    others = [file["sequence"] for file in listed if file["business_day"] == calendar(2)[1] and file["kind"] == "receipt"]
    assert max(file["sequence"] for file in late) > min(others)


def test_a_short_edition_is_put_right_the_next_day(many: TestClient) -> None:
    played(many, "new-editions", 1)
    told = papers(many).settlements
    (day,) = {row["BusinessDay"] for row in told}
    editions: dict[str, list[int]] = defaultdict(list)
    for row in told:
        editions[row["SettlementKey"]].append(int(row["GrossYen"]))
    assert day == FIRST
    assert [amounts[0] < amounts[1] for amounts in editions.values() if len(amounts) > 1] == [True]


def test_a_correction_after_the_close_is_a_cancellation_an_edition_and_money_that_leaves(many: TestClient) -> None:
    played(many, "corrections-after-close", 1)
    told = papers(many)
    confirmed = {row["TransactionKey"] for row in told.receipts if row["Stage"] == "confirmed"}
    (taken,) = [row for row in told.receipts if row["Stage"] == "cancelled" and row["TransactionKey"] in confirmed]
    left = [amount for _, amount in told.movements if amount < 0]
    assert taken["BookedOn"] == FIRST
    assert left == [-(int(taken["AmountYen"]) - 3)]
    assert books(many)["outcomes"]["withdrawn"] >= 1


def test_a_month_has_every_course_and_one_seed_gives_one_month(tmp_path: Path, sender: Sender) -> None:
    assert len(MONTH) == 30
    assert set(MONTH) == set(COURSES)
    told = []
    for folder in ("a", "b"):
        client = start(tmp_path / folder, "7")
        enrol(client, sender)
        register(client, sender, [slip(number, PayableUntil="2027-02-28") for number in range(60)])
        played(client, "month-end", 5)
        told.append((books(client, detail=1), papers(client)[1:]))
    assert told[0] == told[1]
