"""The life of a slip in its odd corners: whatever happens, it ends known to both sides, and no step leaves the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fundlink.connectors.in_memory import InMemoryGateway
from fundlink.store import verify
from tests.builders import World, bill, bills, outcomes

NOTHING_TO_PAY = {"charge_yen": 0, "due_on": None, "payable_until": None}


def _sound(world: World) -> None:
    """Every invariant that has a witness holds."""
    assert [item for item in verify.verify(world.jobs.rooms.store)["invariants"] if not item["ok"]] == []


def _rest(world: World) -> None:
    """Another submit has nothing to do."""
    quiet = world.jobs.submit()
    assert (quiet["messages"], quiet["slips"], quiet["unknown"]) == (0, 0, 0)


class Answering:
    """The twin, answering one message in a way of the test's own."""

    def __init__(self, twin: InMemoryGateway) -> None:
        self.twin, self.honest = twin, twin._answer
        twin._answer = self._answer  # type: ignore[method-assign]
        self.status, self.reason, self.rows = "processed", "", None

    def _answer(self, message_id: str, body: bytes, *, again: bool = False) -> bytes:
        if self.rows is None and self.status == "processed":
            return self.honest(message_id, body)
        answer = self.twin._sealed(message_id, "99001", self.status, self.rows or [], self.reason)
        self.twin._answers[message_id] = (body, answer)
        return answer

    def reject(self, reason: str) -> None:
        self.status, self.reason, self.rows = "rejected", reason, None

    def tell(self, *rows: tuple[str, str, str, int]) -> None:
        self.status, self.rows = "processed", list(rows)  # type: ignore[assignment]

    def honestly(self) -> None:
        self.status, self.reason, self.rows = "processed", "", None


def test_nothing_to_pay_then_something_then_nothing_again_is_told_as_a_cancellation(world: World) -> None:
    world.intake([bill(1, **NOTHING_TO_PAY), bill(2)])
    world.intake([bill(1)], name="b.csv")
    world.jobs.submit()
    key, _ = world.slip(1)
    world.intake([bill(1, **NOTHING_TO_PAY, core_key="K1")], name="c.csv")
    world.jobs.submit()
    assert world.twin.slips[key]["state"] == "cancelled"
    assert world.twin.slips[key]["AmountYen"] == "1001"
    world.intake([bill(1, charge_yen=7)], name="d.csv")
    world.jobs.submit()
    assert (world.slip(1)[0] != key, world.state(1)) == (True, "registered")
    _rest(world)
    _sound(world)


def test_a_cancellation_carries_what_the_gateway_was_told_last(world: World) -> None:
    world.intake(bills(1))
    world.jobs.submit()
    world.intake([bill(1, charge_yen=700)], name="b.csv")
    world.jobs.submit()
    world.intake([bill(1, **NOTHING_TO_PAY)], name="c.csv")
    world.jobs.submit()
    assert (world.twin.slips[world.slip(1)[0]]["state"], world.twin.slips[world.slip(1)[0]]["AmountYen"]) == ("cancelled", "700")


def test_export_hands_out_no_slip_that_cannot_be_paid_any_more(world: World, tmp_path: Path) -> None:
    world.intake(bills(4))
    world.jobs.submit()
    world.intake([bill(1, **NOTHING_TO_PAY), bill(2, action="9")], name="b.csv")
    world.jobs.reissue(bill(3).bill_key, "a", "b")
    told = world.jobs.export(tmp_path / "out")
    assert told["slips"] == 1
    world.jobs.submit()
    assert world.jobs.export(tmp_path / "out")["slips"] == 1
    handed = world.sql("SELECT s.bill_id, s.issue_count FROM slip_handover h JOIN slip s ON s.id = h.slip_id ORDER BY s.bill_id")
    assert [issue for _, issue in handed] == [2, 1]


def test_a_message_rejected_after_its_answer_was_lost_settles_what_was_unknown(world: World) -> None:
    gateway = Answering(world.twin)
    world.intake(bills(3))
    gateway.reject("R004")
    world.twin.faults = ["lose_answer"]
    world.jobs.submit()
    assert world.state(1) == "unknown"
    world.intake([bill(2, action="9")], name="b.csv")
    told = world.jobs.submit()
    assert told["problems"][0]["code"] == "FL-GTW-001"
    gateway.honestly()
    world.jobs.submit()
    assert [world.state(number) for number in (1, 2, 3)] == ["registered", "cancelled", "registered"]
    assert world.sql("SELECT state FROM slip_state WHERE slip_id = 2 ORDER BY id DESC LIMIT 1") == [("cancelled",)]
    _rest(world)
    _sound(world)


def test_a_rejected_message_is_audited_and_each_run_tries_once(world: World) -> None:
    gateway = Answering(world.twin)
    gateway.reject("R004")
    world.intake(bills(2))
    for _ in range(3):
        told = world.jobs.submit()
        assert (told["messages"], told["slips"], told["refused"]) == (1, 2, 2)
    assert world.sql("SELECT COUNT(*) FROM audit WHERE act = 'submit.reject'") == [(3,)]


@pytest.mark.parametrize("wrong", ["foreign key", "twice", "missing", "other result"])
def test_an_answer_that_is_not_about_these_slips_leaves_them_unknown(world: World, wrong: str) -> None:
    gateway = Answering(world.twin)
    world.intake(bills(2))
    rows = [(key, "registered", "", yen) for key, yen in ((world.slip(1)[0], 1001), (world.slip(2)[0], 1002))]
    gateway.tell(
        *{
            "foreign key": [rows[0], ("6" * 20, "registered", "", 1002)],
            "twice": [*rows, rows[0]],
            "missing": rows[:1],
            "other result": [rows[0], (rows[1][0], "cancelled", "", 1002)],
        }[wrong]
    )
    told = world.jobs.submit()
    assert (told["unknown"], told["registered"]) == (2, 0)
    assert (world.state(1), world.state(2)) == ("unknown", "unknown")
    world.twin._answers.clear()
    gateway.honestly()
    assert world.jobs.submit()["registered"] == 2
    _sound(world)


def test_a_cancellation_acknowledged_after_the_payment_does_not_take_the_payment_back(world: World, tmp_path: Path) -> None:
    """Cancelled by nobody but paid: what was paid stays paid whatever the gateway says of the slip afterwards."""
    world.intake(bills(1))
    world.jobs.submit()
    paid = world.paid(1, "T1")
    world.intake([bill(1, action="9")], name="b.csv")
    world.twin.faults = ["lose_answer"]
    world.jobs.submit()
    world.receive([paid])
    world.jobs.reconcile()
    assert outcomes(world) == {"T1": "paid_after_cancel"}
    world.jobs.submit()
    assert world.state(1) == "cancelled"
    _rest(world)
    _sound(world)


def test_a_refused_update_and_a_refused_cancellation_are_not_told_again(world: World) -> None:
    world.intake(bills(2))
    world.jobs.submit()
    for number in (1, 2):
        world.twin.slips[world.slip(number)[0]]["state"] = "cancelled"
    world.intake([bill(1, charge_yen=5), bill(2, action="9")], name="b.csv")
    assert world.jobs.submit()["refused"] == 2
    _rest(world)
    assert world.sql("SELECT operation, reason_code FROM refused_slip ORDER BY slip_id") == [("update", "E106"), ("cancel", "E106")]
    _sound(world)


def test_two_changes_between_two_submits_are_told_once_as_they_stand(world: World) -> None:
    world.intake(bills(1))
    world.jobs.submit()
    for turn, yen in enumerate((5, 6, 7)):
        world.intake([bill(1, charge_yen=yen)], name=f"{turn}.csv")
    assert world.jobs.submit()["slips"] == 1
    assert world.twin.slips[world.slip(1)[0]]["AmountYen"] == "7"
    _rest(world)


def test_reissued_twice_between_submits_the_known_slip_names_the_living_one(world: World) -> None:
    world.intake(bills(1))
    world.jobs.submit()
    first = world.slip(1)[0]
    world.jobs.reissue(bill(1).bill_key, "a", "b")
    world.jobs.reissue(bill(1).bill_key, "a", "b")
    world.jobs.submit()
    assert world.twin.slips[first]["ReplacedBy"] == world.slip(1)[0]
    assert [row[0] for row in world.sql("SELECT state FROM slip_state WHERE event = 'supersede'")] == ["superseded", "superseded"]
    _rest(world)
    _sound(world)


def test_a_refused_slip_is_reissued_and_the_refused_one_is_dropped(world: World) -> None:
    gateway = Answering(world.twin)
    world.intake(bills(1))
    gateway.tell((world.slip(1)[0], "refused", "E102", 1001))
    assert world.jobs.submit()["refused"] == 1
    gateway.honestly()
    world.jobs.reissue(bill(1).bill_key, "a", "b")
    assert world.jobs.submit()["registered"] == 1
    assert world.state(1) == "registered"
    _rest(world)
    _sound(world)


def test_a_change_while_the_message_is_in_flight_waits_and_is_told_after_the_answer(world: World) -> None:
    world.intake(bills(2))
    world.twin.faults = ["lose_message"]
    world.jobs.submit()
    world.intake([bill(1, charge_yen=9), bill(2, action="9")], name="b.csv")
    world.jobs.submit()
    world.jobs.submit()
    assert (world.twin.slips[world.slip(1)[0]]["AmountYen"], world.twin.slips[world.slip(2)[0]]["state"]) == ("9", "cancelled")
    assert set(world.twin.effects.values()) == {1}
    _rest(world)
    _sound(world)


def test_a_bill_that_comes_back_while_its_cancellation_is_in_flight_gets_a_new_number(world: World) -> None:
    world.intake(bills(1))
    world.jobs.submit()
    first = world.slip(1)[0]
    world.intake([bill(1, action="9")], name="b.csv")
    world.twin.faults = ["lose_answer"]
    world.jobs.submit()
    world.intake([bill(1, charge_yen=3)], name="c.csv")
    world.jobs.submit()
    world.jobs.submit()
    assert world.twin.slips[first]["state"] == "cancelled"
    assert (world.slip(1)[0] != first, world.state(1)) == (True, "registered")
    assert world.sql("SELECT state FROM slip_state WHERE slip_id = 1 ORDER BY id DESC LIMIT 1") == [("superseded",)]
    _rest(world)
    _sound(world)


def test_a_bill_that_comes_back_while_an_older_slip_of_it_is_in_flight_gets_a_new_number(world: World) -> None:
    """Nobody can pay by the slip that was dropped, nor by the one before it, whatever becomes of that."""
    world.intake(bills(1))
    world.twin.faults = ["unreachable"]
    world.jobs.submit()
    world.jobs.reissue(bill(1).bill_key, "a", "b")
    world.intake([bill(1, action="9")], name="b.csv")
    world.twin.faults = ["lose_message"]
    world.jobs.submit()
    second = world.slip(1)[0]
    world.intake([bill(1, charge_yen=3)], name="c.csv")
    world.jobs.submit()
    assert (world.slip(1)[0] != second, world.state(1)) == (True, "registered")
    assert world.twin.slips[world.slip(1)[0]]["AmountYen"] == "3"
    _sound(world)


def test_slips_dropped_before_they_were_sent_are_in_the_audit_trail(world: World) -> None:
    world.intake(bills(1))
    world.intake([bill(1, action="9")], name="b.csv")
    assert world.jobs.submit()["messages"] == 0
    assert world.sql("SELECT COUNT(*) FROM audit WHERE act = 'submit.drop'") == [(1,)]
    _sound(world)


def test_a_dead_slip_is_not_told_of_later_changes_of_its_bill(world: World) -> None:
    world.intake(bills(1))
    world.jobs.submit()
    world.intake([bill(1, action="9")], name="b.csv")
    world.jobs.submit()
    world.intake([bill(1, charge_yen=3)], name="c.csv")
    world.intake([bill(1, charge_yen=4)], name="d.csv")
    world.jobs.submit()
    dead: list[tuple[Any, ...]] = world.sql("SELECT COUNT(*) FROM change WHERE slip_id = 1")
    assert dead == [(1,)]
    _rest(world)


def test_a_slip_refused_twice_is_refused(world: World) -> None:
    gateway = Answering(world.twin)
    world.intake(bills(1))
    gateway.tell((world.slip(1)[0], "refused", "E102", 1001))
    world.jobs.submit()
    world.intake([bill(1, charge_yen=2)], name="b.csv")
    assert world.jobs.submit()["refused"] == 1
    assert world.sql("SELECT state FROM slip_state") == [("refused",)]
    assert world.sql("SELECT COUNT(*) FROM refused_slip") == [(2,)]
    _sound(world)


def test_one_file_the_gateway_cannot_give_does_not_hold_up_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from fundlink.domain.errors import ProblemError
    from fundlink.domain.problems import problem

    world.intake(bills(2))
    world.jobs.submit()
    honest = world.twin.fetch
    gone = f"receipt-{len(world.twin._files) + 1}"

    def fetch(file_id: str) -> bytes:
        if file_id == gone:
            raise ProblemError([problem("FL-GTW-001", reason="HTTP 404")])
        return honest(file_id)

    monkeypatch.setattr(world.twin, "fetch", fetch)
    world.receive([world.paid(1, "T1")])
    told = world.receive([world.paid(2, "T2")])
    assert (told["receipts"], told["quarantined"], told["problems"][0]["code"]) == (1, 0, "FL-GTW-001")
    monkeypatch.undo()
    assert world.jobs.collect()["receipts"] == 1
