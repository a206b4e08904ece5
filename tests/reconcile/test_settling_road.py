"""Settlements and credits on the road: what arrives ties days, is explained, is decided by two persons, and is taken back."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.records import BankCreditRecord, SettlementRecord
from fundlink.store import audit, receipts, vault, verify
from tests.builders import CODE, DAY, INSTITUTION, World, bills, world

TRANSFER = "2026-11-26"
FUNDS = ("601", "602", "603")


def key(fund: str, day: str = DAY) -> str:
    return f"S{INSTITUTION}{day[2:].replace('-', '')}{fund}"


def line(fund: str, net: int, fee: int = 0, **changed: Any) -> SettlementRecord:
    built = SettlementRecord(key(fund), 1, INSTITUTION, fund, DAY, 1, net + fee, fee, net, TRANSFER)
    return built._replace(**changed)


def credit(world: World, name: str, yen: int, **changed: Any) -> None:
    """One entry on the account, stored the way collect does."""
    record = BankCreditRecord("0001-001-1-1234567", name, TRANSFER, TRANSFER, yen, "1", "0", "", "", "", "")._replace(**changed)
    with world.jobs.rooms.store.write() as connection:
        raw = vault.keep(connection, [repr(record).encode()], direction="in", kind="bank_credit", name=name, at=DAY).raw_id
        noted = {"source": "gateway", "remote_id": f"{name}-{yen}-{changed}", "kind": "bank_credit", "name": name, "municipality_code": CODE,
                 "business_day": DAY, "raw_id": raw, "at": DAY, "state": "applied", "records": 1, "yen": record.amount_yen}  # fmt: skip
        receipts.stage(connection, "bank_credit", [(1, CODE, *record)])
        receipts.store_arrivals(connection, "bank_credit", receipts.add_received(connection, noted))
        audit.append(connection, audit.Entry("gateway", "collect.apply", f"received:{noted['remote_id']}", {}, DAY))


def begin(world: World, paid: dict[str, int]) -> None:
    """Receipts of DAY, a sum a fund, so that days can tie."""
    world.intake(bills(1))
    world.jobs.submit()
    world.receive([world.paid(1, f"T{fund}", fund_code=fund, amount_yen=yen) for fund, yen in paid.items()])


def days(world: World) -> dict[tuple[str, str], tuple[Any, ...]]:
    found = world.jobs.reconcile()["days"]
    return {(d["day"], d["fund_code"]): (d["credited_yen"], d["fee_yen"], d["state"], *d["differences"]) for d in found}


def standing(world: World) -> list[tuple[str, str]]:
    return [
        (str(rule), str(equation))
        for rule, equation in world.sql(
            """SELECT s.rule, s.equation FROM settling s WHERE s.withdraws IS NULL
               AND NOT EXISTS (SELECT 1 FROM settling w WHERE w.withdraws = s.id) ORDER BY s.equation"""
        )
    ]


def sound(world: World) -> None:
    assert [item for item in verify.verify(world.jobs.rooms.store)["invariants"] if not item["ok"]] == []


def test_a_day_paid_in_one_credit_for_all_funds_ties(world: World) -> None:
    begin(world, {"601": 1001, "602": 500})
    world.settle([line("601", 998, 3), line("602", 497, 3)])
    credit(world, "1", 1495)
    found = days(world)
    assert (found[DAY, "601"], found[DAY, "602"]) == ((998, 3, "tied"), (497, 3, "tied"))
    assert (TRANSFER, "") not in found
    assert standing(world) == [
        ("SE-06", f"{key('601')} 998 + {key('602')} 497 = 入金 {TRANSFER}#1 1,495（手数料 6 円は差引き済み）"),
    ]  # fmt: skip
    sound(world)
    told = world.jobs.explain_settlement(key("602"))
    assert (told["state"], told["settling"]["rule"], told["suggestions"]) == ("settled", "SE-06", [])
    world.jobs.reconcile()
    assert world.sql("SELECT COUNT(*) FROM settling") == [(1,)]


def test_a_fee_charged_apart_is_no_difference(world: World) -> None:
    begin(world, {"601": 1001})
    world.settle([line("601", 998, 3)])
    credit(world, "1", 600)
    assert days(world)[TRANSFER, ""] == (600, 0, "difference", "credit_without_settlement")
    credit(world, "2", 401)
    found = days(world)
    assert found[DAY, "601"] == (1001, 0, "tied")
    assert found[TRANSFER, ""] == (0, 0, "tied")
    assert standing(world)[0][0] == "SE-05"
    sound(world)


def test_two_answers_are_left_to_two_persons(world: World) -> None:
    begin(world, {"601": 500, "602": 500})
    world.settle([line("601", 500), line("602", 500)])
    credit(world, "1", 500)
    assert [state[2] for state in days(world).values()] == ["open", "open", "difference"]
    told = world.jobs.explain_settlement(key("602"))
    assert (told["state"], told["settling"]) == ("open", None)
    assert [one["difference_yen"] for one in told["suggestions"]] == [0]
    assert "合う組合せが 2 通りある" in told["suggestions"][0]["reasons"]
    name = told["suggestions"][0]["suggestion"]
    with pytest.raises(UsageError):
        world.jobs.accept_settlement(key("602"), name, reason="r", who="a", approved_by=" a ")
    with pytest.raises(ProblemError) as unknown:
        world.jobs.accept_settlement(key("602"), "0000000000", reason="r", who="a", approved_by="b")
    assert [one.code for one in unknown.value.problems] == ["FL-SET-103"]
    accepted = world.jobs.accept_settlement(key("602"), name, reason="銀行に照会した", who="a", approved_by="b")
    assert accepted["equation"].startswith(key("602"))
    found = days(world)
    assert (found[DAY, "601"][2], found[DAY, "602"][2], found[TRANSFER, ""][2]) == ("open", "tied", "tied")
    actor, act, subject, detail = world.sql("SELECT actor, act, subject, detail FROM audit WHERE act = 'desk.settle'")[0]
    assert (actor, act, subject) == ("a", "desk.settle", f"settlement:{key('602')}")
    assert all(word in detail for word in ('"approved_by": "b"', "銀行に照会した", "before", "after"))
    sound(world)
    told = world.jobs.explain_settlement(key("602"))
    assert (told["settling"]["decided_by"], told["settling"]["approved_by"]) == ("a", "b")
    credit(world, "2", 500)  # what comes later takes its own settlement
    assert days(world)[DAY, "601"][2] == "tied"
    assert [rule for rule, _ in standing(world)] == ["SE-04", "SE-09"]


def test_what_two_persons_decided_they_can_take_back(world: World) -> None:
    begin(world, {"601": 500})
    world.settle([line("601", 500)])
    credit(world, "1", 500, booked_on="2026-12-20")
    name = world.jobs.explain_settlement(key("601"))["suggestions"][0]["suggestion"]
    world.jobs.accept_settlement(key("601"), name, reason="遅れて入金", who="a", approved_by="b")
    assert days(world)[DAY, "601"][2] == "tied"
    world.jobs.withdraw_settlement(key("601"), reason="取り違え", who="a", approved_by="b")
    assert days(world)[DAY, "601"][2] == "open"
    told = world.jobs.explain_settlement(key("601"))
    assert [(one["rule"], one["withdrawn"]["reason"]) for one in told["before"]] == [("SE-09", "取り違え")]
    with pytest.raises(ProblemError) as nothing:
        world.jobs.withdraw_settlement(key("601"), reason="r", who="a", approved_by="b")
    assert [one.code for one in nothing.value.problems] == ["FL-SET-105"]
    sound(world)


def test_a_decision_that_closed_days_rest_on_stays(world: World) -> None:
    begin(world, {"601": 500})
    world.settle([line("601", 500, transfer_on="2026-10-01")])
    credit(world, "1", 500)
    name = world.jobs.explain_settlement(key("601"))["suggestions"][0]["suggestion"]
    world.jobs.accept_settlement(key("601"), name, reason="遅れて入金", who="a", approved_by="b")
    world.jobs.reconcile()
    assert world.jobs.close_day(DAY, "a", "b")["refused"] == []
    with pytest.raises(ProblemError) as closed:
        world.jobs.withdraw_settlement(key("601"), reason="r", who="a", approved_by="b")
    assert [one.code for one in closed.value.problems] == ["FL-SET-106"]


def test_a_second_answer_that_comes_later_withdraws_the_first(world: World) -> None:
    begin(world, {"601": 500})
    world.settle([line("601", 500)])
    credit(world, "1", 500)
    assert days(world)[DAY, "601"][2] == "tied"
    world.settle([line("602", 500)])
    assert days(world)[DAY, "601"][2] == "open"
    told = world.jobs.explain_settlement(key("601"))
    assert [(one["rule"], one["withdrawn"]["reason"]) for one in told["before"]] == [("SE-04", "other_answer")]
    sound(world)


def test_a_closed_day_keeps_its_answer(world: World) -> None:
    begin(world, {"601": 500})
    world.settle([line("601", 500)])
    credit(world, "1", 500)
    world.jobs.reconcile()
    assert world.jobs.close_day(DAY, "a", "b")["refused"] == []
    world.settle([line("602", 500)])
    assert days(world)[DAY, "601"][2] == "closed"
    credit(world, "2", 500)
    assert days(world)[DAY, "602"][2:] == ("difference", "settlement_without_receipt", "revised_after_close")
    assert [rule for rule, _ in standing(world)] == ["SE-04", "SE-04"]
    credit(world, "3", 7, reference=key("601"))  # more than was due: the day tells, the equation stands
    assert days(world)[DAY, "601"] == (507, 0, "difference", "amount_difference", "revised_after_close")


def test_a_newer_edition_withdraws_only_what_it_touches(world: World) -> None:
    begin(world, {"601": 500, "602": 300, "603": 90})
    world.settle([line("601", 500), line("602", 300), line("603", 90)])
    credit(world, "1", 800)
    credit(world, "2", 90)
    world.jobs.reconcile()
    before = world.sql("SELECT id FROM settling WHERE rule = 'SE-04'")
    world.settle([line("602", 310, edition=2)])
    found = days(world)
    assert (found[DAY, "601"][2], found[DAY, "603"][2], found[TRANSFER, ""][0]) == ("open", "tied", 800)
    assert world.sql("SELECT id FROM settling WHERE rule = 'SE-04'") == before
    assert world.jobs.explain_settlement(key("601"))["before"][0]["withdrawn"]["reason"] == "new_edition"
    credit(world, "3", 10)
    found = days(world)
    assert found[DAY, "602"][2:] == ("difference", "amount_difference")  # settled 310 against receipts of 300
    assert (found[DAY, "601"], found[TRANSFER, ""]) == ((500, 0, "tied"), (0, 0, "tied"))
    sound(world)


def test_a_newer_edition_breaks_a_decision_and_a_closed_day(world: World) -> None:
    begin(world, {"601": 500})
    world.settle([line("601", 500)])
    credit(world, "1", 500)
    world.jobs.reconcile()
    world.jobs.close_day(DAY, "a", "b")
    world.settle([line("601", 490, edition=2)])
    assert days(world)[DAY, "601"][2:] == ("difference", "amount_difference", "revised_after_close")
    assert standing(world) == []
    credit(world, "2", 490)
    assert standing_after(world) == ["SE-04"]


def standing_after(world: World) -> list[str]:
    world.jobs.reconcile()
    return [rule for rule, _ in standing(world)]


def test_a_cancelled_credit_takes_its_settling_with_it(world: World) -> None:
    begin(world, {"601": 500})
    world.settle([line("601", 500)])
    credit(world, "1", 500)
    world.jobs.reconcile()
    world.jobs.close_day(DAY, "a", "b")
    credit(world, "1", 500, cancelled="1", booked_on="2026-11-27")
    found = days(world)
    assert found[DAY, "601"][2:] == ("difference", "revised_after_close")
    assert [rule for rule, _ in standing(world)] == ["SE-01"]
    assert (TRANSFER, "") not in found
    credit(world, "5", 500, booked_on="2026-11-27")
    assert standing_after(world) == ["SE-01", "SE-04"]
    sound(world)


def test_a_damaged_reference_is_only_suggested(world: World) -> None:
    begin(world, {"601": 500})
    world.settle([line("601", 500)])
    credit(world, "1", 500, reference=key("601")[:-1] + "9")
    assert days(world)[DAY, "601"][2] == "open"
    suggested = world.jobs.explain_settlement(key("601"))["suggestions"]
    assert [one["difference_yen"] for one in suggested] == [0]
    assert {"金額が 1 円まで合う", "参照番号が 1 か所違い", "送金日の入金"} <= set(suggested[0]["reasons"])
    credit(world, "2", 499, reference=key("601")[:-1])
    wrong = [one for one in world.jobs.explain_settlement(key("601"))["suggestions"] if one["difference_yen"]]
    assert [one["difference_yen"] for one in wrong] == [1]
    with pytest.raises(ProblemError) as refused:
        world.jobs.accept_settlement(key("601"), wrong[0]["suggestion"], reason="r", who="a", approved_by="b")
    assert [one.code for one in refused.value.problems] == ["FL-SET-104"]


def test_the_open_settlements_are_listed_with_what_is_known_of_them(world: World) -> None:
    begin(world, {"601": 500})
    world.settle([line("601", 500), line("602", 500), line("603", 70)])
    credit(world, "1", 500)
    listed = world.jobs.open_settlements()["settlements"]
    assert [(one["settlement_key"], one["answers"], one["net_yen"]) for one in listed] == [
        (key("601"), 1, 500), (key("602"), 1, 500), (key("603"), 0, 70),
    ]  # fmt: skip
    with pytest.raises(ProblemError) as unknown:
        world.jobs.explain_settlement("S0")
    assert [one.code for one in unknown.value.problems] == ["FL-SET-102"]


FACTS: tuple[tuple[str, ...], ...] = (("601 500", "602 300"), ("credit 1 450", "credit 2 350"), ("credit 3 90",), ("603 90",))


@pytest.mark.parametrize("order", [tuple(order) for order in permutations(range(len(FACTS)))][::3])
def test_the_order_of_arrival_does_not_matter(tmp_path: Path, order: tuple[int, ...]) -> None:
    found = world(tmp_path)
    begin(found, {"601": 500, "602": 300, "603": 90})
    for at in order:
        for fact in FACTS[at]:
            *name, yen = fact.split()
            if name[0] == "credit":
                credit(found, name[1], int(yen))
            else:
                found.settle([line(name[0], int(yen))])
        found.jobs.reconcile()
    assert [(rule, equation.split("=")[0]) for rule, equation in standing(found)] == [
        ("SE-07", f"{key('601')} 500 + {key('602')} 300 "), ("SE-04", f"{key('603')} 90 "),
    ]  # fmt: skip
    assert {state[2] for state in days(found).values()} == {"tied"}
    sound(found)
    found.jobs.rooms.close()
