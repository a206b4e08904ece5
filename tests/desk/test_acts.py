"""Acts on money: closed verbs, two persons, before and after, and what a core system hears of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fundlink.desk.acts import Asked
from fundlink.domain.errors import UsageError
from tests.builders import DAY, World, bill, receipt
from tests.desk.cases import NOBODY, ONE, OTHER, act, balances, codes, entries, prepare, queue, sound, town


def _key(number: int) -> str:
    return bill(number).bill_key


def test_a_second_payment_is_accepted_as_overpayment_and_refunded(world: World) -> None:
    town(world)
    told = prepare(world, "accept", "transaction:T2")
    assert (told["state"], told["before"]["payments"]["T2"]["balances"]) == ("prepared", {"suspense": 1001})
    assert told["after"]["payments"]["T2"]["balances"] == {"overpaid": 1001}
    assert balances(world, "T2") == {"suspense": 1001}
    done = world.jobs.approve_act(told["act_id"], OTHER)
    assert (done["state"], done["by"], done["sha256"]) == ("carried_out", OTHER, told["sha256"])
    assert queue(world)["transaction:T2"] == "overpaid"
    act(world, "refund", "transaction:T2")
    assert balances(world, "T2") == {"refunded": 1001}
    assert "transaction:T2" not in queue(world)
    assert world.sql("SELECT day, value_on, from_account, to_account, yen, fund_code, fiscal_year FROM act_move ORDER BY id") == [
        ("2026-11-24", DAY, "suspense", "overpaid", 1001, "601", 2026),
        ("2026-11-24", DAY, "overpaid", "refunded", 1001, "601", 2026),
    ]
    assert [entry for entry in entries(world, "T2") if entry[1] == "9"] == []
    sound(world)


def test_an_unknown_payment_is_attached_and_goes_the_road_to_cleared(world: World, tmp_path: Path) -> None:
    town(world)
    world.jobs.export(tmp_path / "out")
    act(world, "attach", "transaction:T3", bill="K2")
    assert world.state(2) == "paid"
    assert entries(world, "T3") == [
        ("T3", "1", "unknown_bill", "", 1002),
        ("T3", "9", "unknown_bill", "", 1002),
        ("T3", "1", "matched", "K2", 1002),
    ]
    world.jobs.export(tmp_path / "out")
    assert world.state(2) == "cleared"
    again = world.jobs.export(tmp_path / "out")
    assert (again["files"], again["entries"]) == (0, 0)
    sound(world)


def test_an_act_before_the_first_export_tells_everything_in_order(world: World, tmp_path: Path) -> None:
    town(world)
    act(world, "attach", "transaction:T3", bill=_key(2))
    world.jobs.export(tmp_path / "out")
    assert (world.state(1), world.state(2)) == ("cleared", "cleared")
    assert [stage for _, stage, *_ in entries(world, "T3")] == ["1", "9", "1"]
    sound(world)


def test_a_payment_is_split_over_bills_to_the_yen(world: World, tmp_path: Path) -> None:
    town(world)
    world.receive([receipt("T9", NOBODY, "000000", amount_yen=1002 + 1003 + 50)])
    world.jobs.reconcile()
    parts = ((_key(2), 1002), (_key(3), 1003))
    assert codes(lambda: prepare(world, "split", "transaction:T9", parts=parts)) == ["FL-ACT-010"]
    act(world, "split", "transaction:T9", parts=(*parts, ("overpaid", 50)))
    assert balances(world, "T9") == {"collected": 2005, "overpaid": 50}
    assert entries(world, "T9")[1:] == [
        ("T9", "9", "unknown_bill", "", 2055),
        ("T9", "1", "matched", "K2", 1002),
        ("T9", "1", "matched", "K3", 1003),
        ("T9", "1", "unknown_bill", "", 50),
    ]
    world.jobs.export(tmp_path / "out")
    assert (world.state(2), world.state(3)) == ("cleared", "cleared")
    assert queue(world)["transaction:T9"] == "overpaid"
    sound(world)


def test_too_much_for_its_own_bill_is_split_and_the_rest_set_off_oldest_due_first(world: World, tmp_path: Path) -> None:
    """Bill 6 is due first, then 5, then 3: the order is that of the table, not of arrival."""
    town(world)
    assert codes(lambda: prepare(world, "attach", "transaction:T4", bill="K4")) == ["FL-ACT-009"]
    act(world, "split", "transaction:T4", parts=((_key(4), 1004), ("overpaid", 5)))
    act(world, "accept", "transaction:T2")
    act(world, "offset", "transaction:T2")
    act(world, "offset", "transaction:T4")
    assert world.sql("SELECT b.bill_key, m.yen FROM act_move m JOIN bill b ON b.id = m.bill_id WHERE m.from_account = 'overpaid' AND m.to_account = 'collected' ORDER BY m.id") == [
        (_key(6), 1001), (_key(6), 5),
    ]  # fmt: skip
    assert (world.state(4), world.state(6)) == ("paid", "paid")
    assert [entry[2:] for entry in entries(world, "T2", "T4") if entry[3] == "K6"] == [
        ("amount_mismatch", "K6", 1001),
        ("matched", "K6", 5),
    ]
    world.jobs.export(tmp_path / "out")
    assert (world.state(4), world.state(6)) == ("cleared", "cleared")
    sound(world)


@pytest.mark.parametrize(("order", "first"), [("oldest_due", 6), ("smallest", 2), ("oldest_year", 6)])
def test_the_order_of_an_offset_is_a_row_of_a_table(world: World, order: str, first: int) -> None:
    town(world)
    act(world, "accept", "transaction:T2")
    told = prepare(world, "offset", "transaction:T2", order=order)
    assert told["moves"][0]["bill_key"] == _key(first)


def test_an_offset_for_a_payer_who_is_named(world: World) -> None:
    town(world)
    act(world, "accept", "transaction:T3")
    assert codes(lambda: prepare(world, "offset", "transaction:T3")) == ["FL-ACT-016"]
    told = prepare(world, "offset", "transaction:T3", payer="0000000012")
    assert [(move["bill_key"], move["yen"]) for move in told["moves"]] == [(_key(6), 1002)]


def test_a_written_off_bill_is_a_debt_no_more(world: World) -> None:
    town(world)
    assert codes(lambda: prepare(world, "write_off", f"bill:{_key(5)}", code="because")) == ["FL-ACT-012"]
    assert codes(lambda: prepare(world, "write_off", f"bill:{_key(1)}", code="waived")) == ["FL-ACT-008"]
    told = act(world, "write_off", f"bill:{_key(5)}", code="time_barred")
    assert (told["code"], told["after"]["bills"][_key(5)]["outstanding_yen"]) == ("time_barred", 0)
    assert world.sql("SELECT transaction_key, from_account, to_account, yen FROM act_move") == [("", "", "written_off", 1005)]
    world.receive([world.paid(5, "T5")])
    assert world.jobs.reconcile()["outcomes"]["paid_after_cancel"] == 1
    assert queue(world)["transaction:T5"] == "paid_after_cancel"
    sound(world)


def test_waiting_keeps_a_case_open_with_its_day(world: World) -> None:
    town(world)
    with pytest.raises(UsageError):
        prepare(world, "wait", "transaction:T3")
    assert codes(lambda: prepare(world, "wait", "transaction:T3", until="2026-11-24")) == ["FL-ACT-013"]
    act(world, "wait", "transaction:T3", until="2026-12-01")
    case = next(case for case in world.jobs.cases({})["cases"] if case["case"] == "transaction:T3")
    assert (case["waits_until"], balances(world, "T3")) == ("2026-12-01", {"suspense": 1002})


def test_money_in_suspense_can_be_said_to_stay_there_and_overpaid_money_goes_there(world: World) -> None:
    town(world)
    assert act(world, "suspend", "transaction:T3")["moves"] == []
    act(world, "accept", "transaction:T2", yen=600)
    assert balances(world, "T2") == {"overpaid": 600, "suspense": 401}
    assert codes(lambda: prepare(world, "accept", "transaction:T2", yen=402)) == ["FL-ACT-008"]
    act(world, "suspend", "transaction:T2")
    assert balances(world, "T2") == {"suspense": 1001}
    sound(world)


@pytest.mark.parametrize("other", [ONE, f" {ONE}\u3000", f"{ONE} "])
def test_nobody_approves_what_he_prepared(world: World, other: str) -> None:
    town(world)
    told = prepare(world, "accept", "transaction:T2")
    assert codes(lambda: world.jobs.approve_act(told["act_id"], other)) == ["FL-ACT-003"]
    assert codes(lambda: world.jobs.refuse_act(told["act_id"], other, "x")) == ["FL-ACT-003"]
    assert world.sql("SELECT COUNT(*) FROM act_move") == [(0,)]


def test_width_and_case_make_no_other_person(world: World) -> None:
    town(world)
    told = prepare(world, "accept", "transaction:T2", who="Sato")
    assert codes(lambda: world.jobs.approve_act(told["act_id"], "ＳＡＴＯ")) == ["FL-ACT-003"]
    with pytest.raises(UsageError):
        world.jobs.close_day(DAY, "Sato", "ｓａｔｏ")


def test_an_act_is_refused_or_withdrawn_once(world: World) -> None:
    town(world)
    first = prepare(world, "accept", "transaction:T2")["act_id"]
    assert codes(lambda: prepare(world, "refund", "transaction:T2")) == ["FL-ACT-014"]
    assert world.jobs.refuse_act(first, OTHER, "別の請求に充てる")["state"] == "refused"
    assert codes(lambda: world.jobs.approve_act(first, OTHER)) == ["FL-ACT-002"]
    second = prepare(world, "refund", "transaction:T2")["act_id"]
    assert codes(lambda: world.jobs.withdraw_act(second, OTHER)) == ["FL-ACT-019"]
    assert world.jobs.withdraw_act(second, ONE)["state"] == "withdrawn"
    assert codes(lambda: world.jobs.withdraw_act(second, ONE)) == ["FL-ACT-002"]
    assert codes(lambda: world.jobs.approve_act(99, OTHER)) == ["FL-ACT-001"]
    assert [(told["act_id"], told["state"], told["note"]) for told in world.jobs.case("transaction:T2")["acts"]] == [
        (1, "refused", "別の請求に充てる"), (2, "withdrawn", ""),
    ]  # fmt: skip


def test_what_changed_since_it_was_prepared_is_not_carried_out(world: World) -> None:
    """The payment is taken back, the bill is paid otherwise, or the content itself is another."""
    town(world)
    paid_since = prepare(world, "attach", "transaction:T3", bill="K2")["act_id"]
    world.receive([world.paid(2, "T6")])
    assert codes(lambda: world.jobs.approve_act(paid_since, OTHER)) == ["FL-ACT-015"]
    world.jobs.reconcile()
    assert codes(lambda: world.jobs.approve_act(paid_since, OTHER)) == ["FL-ACT-004"]
    taken_back = prepare(world, "accept", "transaction:T2")["act_id"]
    world.receive([world.paid(1, "T2", stage="cancelled")])
    world.jobs.reconcile()
    assert codes(lambda: world.jobs.approve_act(taken_back, OTHER)) == ["FL-ACT-004"]
    altered = prepare(world, "split", "transaction:T4", parts=((_key(4), 1004), ("overpaid", 5)))["act_id"]
    with world.jobs.rooms.store.write() as connection:
        connection.exec_driver_sql(f"UPDATE act SET content = REPLACE(content, '1004', '1003') WHERE id = {altered}")
    assert codes(lambda: world.jobs.approve_act(altered, OTHER)) == ["FL-ACT-017"]
    assert world.sql("SELECT COUNT(*) FROM act_move") == [(0,)]
    assert world.sql("SELECT COUNT(*) FROM act_event") == [(0,)]


def test_every_step_is_in_the_trail_with_both_names(world: World) -> None:
    town(world)
    act(world, "accept", "transaction:T2")
    world.jobs.refuse_act(prepare(world, "refund", "transaction:T2")["act_id"], OTHER, "待つ")
    found = world.sql("SELECT actor, act, subject, detail FROM audit WHERE act LIKE 'act.%' ORDER BY seq")
    assert [row[:3] for row in found] == [
        (ONE, "act.prepare", "act:1"), (OTHER, "act.carried_out", "act:1"), (ONE, "act.prepare", "act:2"), (OTHER, "act.refused", "act:2"),
    ]  # fmt: skip
    assert json.loads(found[1][3])["prepared_by"] == ONE


@pytest.mark.parametrize(
    ("verb", "case", "more", "code"),
    [
        pytest.param("attach", "transaction:T9", {"bill": "K2"}, "FL-ACT-005", id="no-such-payment"),
        pytest.param("accept", "transaction:T1", {}, "FL-ACT-005", id="a-matched-payment-is-no-case"),
        pytest.param("accept", "nonsense", {}, "FL-ACT-005", id="no-name-of-a-case"),
        pytest.param("attach", "transaction:T3", {"bill": "nobody"}, "FL-BIL-004", id="no-such-bill"),
        pytest.param("attach", "transaction:T3", {"bill": "K1"}, "FL-ACT-009", id="paid-already"),
        pytest.param("attach", "transaction:T3", {"bill": "K7"}, "FL-ACT-011", id="another-fund"),
        pytest.param("offset", "transaction:T3", {"parts": (("K2", 1002),)}, "FL-ACT-008", id="not-an-overpayment-yet"),
        pytest.param("write_off", "transaction:T3", {"code": "waived"}, "FL-ACT-006", id="a-payment-is-not-written-off"),
        pytest.param("reverse", "act:1", {}, "FL-ACT-005", id="no-such-act"),
        pytest.param("reverse", "act:x", {}, "FL-ACT-005", id="no-number-of-an-act"),
        pytest.param("write_off", "bill:nobody", {"code": "waived"}, "FL-BIL-004", id="no-bill-to-write-off"),
    ],
)
def test_what_must_hold_before_an_act(world: World, verb: str, case: str, more: dict[str, Any], code: str) -> None:
    town(world)
    world.intake([bill(7, fund_code="602", core_key="K7")], name="other.csv")
    assert code in codes(lambda: prepare(world, verb, case, **more))
    assert world.sql("SELECT COUNT(*) FROM act") == [(0,)]


@pytest.mark.parametrize(
    "asked",
    [
        Asked("eat", "transaction:T2", ONE, "x"),
        Asked("accept", "transaction:T2", " ", "x"),
        Asked("accept", "transaction:T2", ONE, " "),
        Asked("attach", "transaction:T2", ONE, "x"),
        Asked("split", "transaction:T2", ONE, "x"),
        Asked("wait", "transaction:T2", ONE, "x", until="soon"),
        Asked("offset", "transaction:T2", ONE, "x", order="fastest"),
        Asked("accept", "transaction:T2", ONE, "x", yen=0),
    ],
)
def test_a_request_that_is_none(world: World, asked: Asked) -> None:
    with pytest.raises(UsageError):
        world.jobs.prepare_act(asked)


def test_a_preliminary_payment_is_not_acted_on_but_may_be_waited_for(world: World) -> None:
    town(world)
    world.receive([receipt("T7", NOBODY, "000000", stage="preliminary", amount_yen=500)])
    world.jobs.reconcile()
    assert codes(lambda: prepare(world, "accept", "transaction:T7")) == ["FL-ACT-007"]
    act(world, "wait", "transaction:T7", until="2026-11-30")


def test_a_bill_paid_by_an_act_takes_no_second_payment_and_no_change(world: World) -> None:
    town(world)
    act(world, "attach", "transaction:T3", bill="K2")
    world.receive([world.paid(2, "T6")])
    world.jobs.reconcile()
    assert queue(world)["transaction:T6"] == "duplicate_payment"
    assert world.intake([bill(2, charge_yen=5)], name="change.csv")["conflicts"] == 1
    assert codes(lambda: world.jobs.reissue(_key(2), "a", "b")) == ["FL-BIL-003"]
    sound(world)


def test_an_act_is_reversed_by_moves_the_other_way(world: World, tmp_path: Path) -> None:
    town(world)
    act(world, "attach", "transaction:T3", bill="K2")
    world.jobs.export(tmp_path / "out")
    assert world.state(2) == "cleared"
    act(world, "reverse", "act:1")
    assert (world.state(2), balances(world, "T3")) == ("registered", {"suspense": 1002})
    assert entries(world, "T3")[-2:] == [("T3", "9", "matched", "K2", 1002), ("T3", "1", "unknown_bill", "", 1002)]
    assert codes(lambda: prepare(world, "reverse", "act:1")) == ["FL-ACT-018"]
    act(world, "attach", "transaction:T3", bill="K2")
    assert world.state(2) == "paid"
    world.jobs.export(tmp_path / "out")
    assert world.state(2) == "cleared"
    sound(world)


def test_money_that_moved_on_is_reversed_from_its_end(world: World) -> None:
    town(world)
    act(world, "accept", "transaction:T2")
    act(world, "refund", "transaction:T2")
    assert codes(lambda: prepare(world, "reverse", "act:1")) == ["FL-ACT-018"]
    act(world, "reverse", "act:2")
    act(world, "reverse", "act:1")
    assert balances(world, "T2") == {"suspense": 1001}
    sound(world)


def test_a_payment_taken_back_after_its_act_makes_the_act_a_case(world: World, tmp_path: Path) -> None:
    """Nothing is undone by itself: two persons decide, and until then verify knows why."""
    town(world)
    act(world, "attach", "transaction:T3", bill="K2")
    world.jobs.export(tmp_path / "out")
    world.receive([receipt("T3", NOBODY, "000000", stage="cancelled", amount_yen=1002)])
    world.jobs.reconcile()
    assert queue(world, kind="act") == {"act:1": "overtaken"}
    assert world.state(2) == "cleared"
    world.jobs.export(tmp_path / "out")
    sound(world)
    act(world, "reverse", "act:1")
    assert (world.state(2), balances(world, "T3"), queue(world, kind="act")) == ("registered", {}, {})
    assert entries(world, "T3")[-1] == ("T3", "9", "matched", "K2", 1002)
    world.jobs.export(tmp_path / "out")
    sound(world)


def test_acts_stand_in_the_next_open_day(world: World) -> None:
    town(world)
    with world.jobs.rooms.store.write() as connection:
        connection.exec_driver_sql(
            """INSERT INTO day_state (day, municipality_code, fund_code, receipts, receipts_yen, settled_yen, fee_yen, credited_yen, difference_yen, state, differences, at)
               VALUES ('2026-11-24', '990019', '601', 0, 0, 0, 0, 0, 0, 'closed', '[]', 'x')"""
        )
    assert act(world, "accept", "transaction:T2")["after"]["day"] == "2026-11-25"
    assert world.sql("SELECT day, value_on FROM act_move") == [("2026-11-25", DAY)]
