"""Absence: what should have come, the list of unpaid bills that is refused until it has, old files, gaps, things that wait too long."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.records import SettlementRecord
from fundlink.store import verify
from tests.builders import CODE, DAY, INSTITUTION, World, bill, bills, receipt

BEFORE = "2026-11-20T09:00:00"
MORNING = "2026-11-24T09:00:00"  # the business day after DAY: a weekend and a holiday lie between
DUE = {"due_on": "2026-11-20", "payable_until": "2026-12-30"}


def _codes(act: Callable[[], Any]) -> list[str]:
    with pytest.raises(ProblemError) as refused:
        act()
    return [told.code for told in refused.value.problems]


def _sound(world: World) -> None:
    assert [item for item in verify.verify(world.jobs.rooms.store)["invariants"] if not item["ok"]] == []


@pytest.fixture
def town(world: World) -> World:
    """Four bills due on DAY, registered that morning."""
    early = world.at(BEFORE)
    early.intake(bills(4, **DUE))
    early.jobs.submit()
    return early


def _unpaid(world: World, until: str = DAY) -> dict[str, Any]:
    return world.jobs.unpaid(until, CODE, world.folder / "out")


def _rows(told: dict[str, Any]) -> list[dict[str, str]]:
    texts = [Path(file["path"]).read_text("utf-8-sig") for file in told["files"]]
    return [row for text in texts for row in csv.DictReader(io.StringIO(text))]


@pytest.mark.parametrize(
    ("instant", "state"),
    [
        ("2026-11-20T20:00:00", "expected"),
        ("2026-11-24T20:00:00", "expected"),  # due today
        ("2026-11-25T09:00:00", "late"),  # the day of grace
        ("2026-11-26T09:00:00", "missing"),
    ],
)
def test_a_file_that_has_not_come_is_expected_then_late_then_missing(town: World, instant: str, state: str) -> None:
    told = town.at(instant).jobs.expected({"day": DAY})
    assert (told["files"][0]["kind"], told["files"][0]["state"]) == ("receipt", state)
    assert (told["files"][0]["due_on"], told["files"][0]["missing_after"]) == ("2026-11-24", "2026-11-25")


def test_files_that_came_are_in_and_the_rest_is_listed(town: World) -> None:
    town.receive([town.paid(1, "T1")])
    later = town.at("2026-11-26T09:00:00")
    told = later.jobs.expected({})
    assert told["counts"] == {"in": 1, "expected": 8, "late": 3, "missing": 0, "waived": 0}
    waited = {(slot["business_day"], slot["kind"]): slot["state"] for slot in told["files"]}
    assert ("2026-11-20", "receipt") not in waited
    assert waited["2026-11-24", "receipt"] == "late"
    assert {day for day, _ in waited} == {"2026-11-20", "2026-11-24", "2026-11-25", "2026-11-26"}
    every = later.jobs.expected({"all": True, "until": DAY})["files"]
    assert [(slot["kind"], slot["state"], slot["records"]) for slot in every] == [
        ("receipt", "in", 1), ("settlement", "late", 0), ("bank_credit", "expected", 0),
    ]  # fmt: skip


def test_an_empty_file_is_a_file(town: World) -> None:
    """Nobody paid that day, and somebody said so."""
    assert town.receive([])["quarantined"] == 0
    assert town.jobs.watermark(DAY)["ok"] is True
    assert _unpaid(town)["bills"] == 4


def test_ri_2_no_list_before_the_receipts_of_the_cut_off_day(town: World) -> None:
    town.receive([], "2026-11-20")
    late = town.at("2026-11-26T09:00:00")
    assert _codes(lambda: _unpaid(late, "2026-11-25")) == ["FL-WTM-001", "FL-WTM-001"]
    late.receive([late.paid(1, "T1", paid_on="2026-11-24", booked_on="2026-11-24")], "2026-11-24")
    late.jobs.reconcile()
    assert _codes(lambda: _unpaid(late, "2026-11-25")) == ["FL-WTM-001"]
    mark = late.jobs.watermark("2026-11-25")["municipalities"][0]
    assert (mark["given"], mark["complete_until"], mark["since"]) == (False, "2026-11-24", "2026-11-20")
    assert "2026-11-25 の収納ファイルが届いていません（予定、予定は 2026-11-26）。" in mark["reasons"][0]["message"]
    late.receive([late.paid(2, "T2", paid_on="2026-11-25", booked_on="2026-11-25")], "2026-11-25")
    late.jobs.reconcile()
    assert {row["通知書番号"] for row in _rows(_unpaid(late, "2026-11-25"))} == {bill(3).notice_number, bill(4).notice_number}
    _sound(late)


def test_a_cut_off_on_a_closed_day_needs_the_file_of_the_next_business_day(town: World) -> None:
    """Who pays on Saturday stands in the file of the next business day."""
    town.receive([])
    late = town.at("2026-11-26T09:00:00")
    assert _codes(lambda: _unpaid(late, "2026-11-21")) == ["FL-WTM-001"]
    assert late.jobs.watermark("2026-11-21")["municipalities"][0]["needed_until"] == "2026-11-24"
    late.receive([late.paid(1, "T1", paid_on="2026-11-21", booked_on="2026-11-24")], "2026-11-24")
    late.jobs.reconcile()
    assert len(_rows(_unpaid(late, "2026-11-21"))) == 3


def test_ri_6_receipts_that_are_not_posted_stop_the_list(town: World) -> None:
    town.receive([town.paid(1, "T1"), town.paid(2, "T2")])
    assert _codes(lambda: _unpaid(town)) == ["FL-WTM-002"]
    reason = town.jobs.watermark(DAY)["municipalities"][0]["reasons"][0]
    assert reason["message"] == "まだ突き合わせていない収納が 2 件あります。"
    town.jobs.reconcile()
    assert _unpaid(town)["bills"] == 2


def test_ri_5_a_file_that_could_not_be_applied_stops_the_list_until_it_is(town: World) -> None:
    town.receive([town.paid(1, "T1")])
    town.receive([town.paid(1, "T1", amount_yen=1), town.paid(2, "T2")])  # other content under a known key: nothing of it counts
    town.jobs.reconcile()
    assert _codes(lambda: _unpaid(town)) == ["FL-WTM-003"]
    assert town.jobs.expected({"day": DAY})["files"][0]["quarantined"] == 1
    town.receive([town.paid(2, "T2")])
    town.jobs.reconcile()
    assert _codes(lambda: _unpaid(town)) == ["FL-WTM-003"]  # the right file came, yet nobody said that the wrong one is done with
    waiver = {"municipality": CODE, "kind": "receipt", "day": DAY, "reason": "正しいファイルが届いた", "who": "a", "approved_by": "b"}
    assert town.jobs.waive(waiver)["quarantined"] is True
    assert _unpaid(town)["bills"] == 2
    assert _codes(lambda: town.jobs.waive(waiver)) == ["FL-WTM-006"]
    _sound(town)


def test_silence_before_the_first_file_proves_nothing(world: World) -> None:
    world.intake(bills(1, **DUE))  # the municipality begins on the 24th
    assert _codes(lambda: _unpaid(world, "2026-11-20")) == ["FL-WTM-005"]
    assert _codes(lambda: world.jobs.unpaid(DAY, "990027", world.folder)) == ["FL-MUN-003"]


def test_exactly_the_bills_due_and_not_paid_at_the_cut_off(world: World) -> None:
    early = world.at(BEFORE)
    early.intake(
        [
            *bills(8, **DUE),
            bill(9, due_on="2026-11-21"),  # not due yet
            bill(10, charge_yen=0, due_on=None, payable_until=None),
            bill(11, fund_code="602", reminder_fee_yen=70, **DUE),
        ]
    )
    early.intake([bill(8, action="9", **DUE)], name="cancel.csv")
    early.jobs.submit()
    case_key, _ = early.slip(7)
    early.receive(
        [
            early.paid(1, "T1"),
            early.paid(2, "T2", stage="preliminary"),
            early.paid(3, "T3", paid_on="2026-11-21"),  # after the cut-off, in a file that came all the same
            early.paid(4, "T4", amount_yen=1),
            early.paid(5, "T5"),
            early.paid(5, "T5", stage="cancelled"),
            early.paid(6, "T6"),
            early.paid(6, "T7"),
            receipt("T8", case_key, "000000" if early.slip(7)[1] != "000000" else "111111", amount_yen=1007),
            receipt("T9", "9" * 20, "123456", amount_yen=77),
        ]
    )
    early.jobs.reconcile()
    told = _unpaid(early)
    rows = {int(row["通知書番号"]): row for row in _rows(told)}
    assert sorted(rows) == [3, 4, 5, 7, 11]
    assert {number: row["締切後の納付日"] for number, row in rows.items() if row["締切後の納付日"]} == {3: "2026-11-21"}
    assert {number: (row["注意"], row["注意の金額"]) for number, row in rows.items() if row["注意"]} == {
        4: ("金額相違", "1"),
        7: ("確認番号違い", "1007"),
    }
    assert rows[11] | {"料額": "1011", "督促手数料": "70", "合計額": "1081", "納付書の状態": "登録済", "連携キー": "K11"} == rows[11]
    assert [(file["fund_code"], file["bills"], file["yen"]) for file in told["files"]] == [("601", 4, 4019), ("602", 1, 1081)]
    assert (told["bills"], told["yen"], told["paid_later"], told["doubtful"]) == (5, 5100, 1, 2)
    assert (told["unattached"], told["unattached_yen"]) == (2, 1084)
    _sound(early)


def test_a_list_is_kept_with_what_it_rests_on(town: World) -> None:
    town.receive([])
    told = _unpaid(town)
    kept = town.sql("SELECT f.fund_code, f.bills, f.yen, r.size FROM unpaid_list_file f JOIN raw r ON r.id = f.raw_id")
    assert kept == [("601", 4, 4010, Path(told["files"][0]["path"]).stat().st_size)]
    assert town.sql("SELECT business_day FROM unpaid_list_day") == [(DAY,)]
    assert town.sql("SELECT COUNT(*) FROM audit WHERE act = 'unpaid.list'") == [(1,)]


def test_two_persons_may_say_that_nothing_comes(town: World) -> None:
    late = town.at("2026-11-26T09:00:00")
    waiver = {"municipality": CODE, "kind": "receipt", "day": DAY, "reason": "相手の休業", "who": "a", "approved_by": "b"}
    for wrong in ({"approved_by": "a"}, {"reason": " "}):
        with pytest.raises(UsageError):
            late.jobs.waive({**waiver, **wrong})
    assert _codes(lambda: late.jobs.waive({**waiver, "day": "2026-11-21"})) == ["FL-WTM-006"]
    assert _codes(lambda: _unpaid(late)) == ["FL-WTM-001"]
    assert late.jobs.waive(waiver) == {"municipality_code": CODE, "kind": "receipt", "day": DAY, "file": True, "quarantined": False}
    assert late.jobs.expected({"day": DAY})["files"][0]["state"] == "waived"
    assert _unpaid(late)["bills"] == 4
    assert late.sql("SELECT actor, act FROM audit WHERE act LIKE 'desk.%'") == [("a", "desk.waive")]
    _sound(late)


def test_a_file_missing_in_the_list_of_the_gateway_is_a_gap_until_it_comes(town: World) -> None:
    town.offer([town.paid(1, "T1")])
    hidden = town.offer([town.paid(2, "T2")])
    held = town.twin._files.pop(hidden)
    town.twin._files["other"] = (held[0]._replace(file_id="other", sequence=3, sha256=_digest(body := b"?"), size=1), body)
    town.jobs.collect()
    town.jobs.reconcile()
    assert [gap["first"] for gap in town.jobs.expected({})["gaps"]] == [2]
    assert "FL-WTM-004" in _codes(lambda: _unpaid(town))
    del town.twin._files["other"]
    town.twin._files[hidden] = held
    assert town.jobs.collect()["receipts"] == 1
    assert town.jobs.expected({})["gaps"] == []
    assert town.sql("SELECT sequence, sequence_order FROM received_file ORDER BY id") == [(1, "first"), (3, "gap"), (2, "late")]


def test_the_first_file_of_all_is_missed_too(town: World) -> None:
    hidden = town.offer([town.paid(1, "T1")])
    town.offer([town.paid(2, "T2")])
    held = town.twin._files.pop(hidden)
    town.jobs.collect()
    town.jobs.reconcile()
    assert town.jobs.expected({})["gaps"] == [{"municipality_code": CODE, "first": 1, "last": 1}]
    assert "FL-WTM-004" in _codes(lambda: _unpaid(town))
    town.twin._files[hidden] = held
    town.jobs.collect()
    assert town.jobs.expected({})["gaps"] == []


def _digest(body: bytes) -> str:
    import hashlib

    return hashlib.sha256(body).hexdigest()


def test_ri_4_an_old_file_of_the_gateway_is_quarantined_and_equal_bytes_are_harmless(town: World) -> None:
    first = town.offer([town.paid(1, "T1")])
    town.jobs.collect()
    town.twin.put_bytes(INSTITUTION, "receipt", DAY, body=town.twin._files[first][1])
    assert town.jobs.collect() | {"receipts": 0, "duplicates": 1, "quarantined": 0} == town.jobs.collect() | {"duplicates": 1}
    town.twin.put_bytes(INSTITUTION, "receipt", "2026-11-24", body=town.twin._files[first][1])  # the same bytes as another day's
    again = town.jobs.collect()
    assert (again["duplicates"], again["quarantined"]) == (1, 0)
    assert town.at(MORNING).jobs.expected({"day": "2026-11-24"})["files"][0]["state"] == "expected"
    for day, stated, code in (
        ("2025-11-20", "2025-11-20", "FL-SEQ-004"),
        (DAY, "2026-11-19", "FL-SEQ-005"),
        ("2026-08-11", "", "FL-SEQ-003"),
    ):
        town.offer([town.paid(2, f"X{day}{stated}", paid_on=day)], day, stated)
        told = town.jobs.collect()
        assert (told["receipts"], told["quarantined"], [one["code"] for one in told["problems"]]) == (0, 1, [code]), day
    town.offer([town.paid(2, "T2", paid_on="2026-11-12", booked_on="2026-11-12")], "2026-11-12")
    assert town.jobs.collect()["receipts"] == 1  # a week late is late, not old
    town.jobs.reconcile()
    _sound(town)


HOST = {"profile": "host-fixed"}


def _host(world: World, number: int, sequence: int, day: str = DAY) -> dict[str, Any]:
    header = {"file_sequence": str(sequence), "file_business_day": day}
    return world.intake([bill(number)], name=f"h{number}-{sequence}.txt", header=header, **HOST)


def test_bill_files_follow_each_other(world: World) -> None:
    assert _host(world, 1, 4, "2026-11-19")["created"] == 1
    assert _host(world, 2, 5)["created"] == 1
    for number, sequence, day, code in ((3, 5, DAY, "FL-SEQ-001"), (3, 2, DAY, "FL-SEQ-001"), (3, 6, "2026-11-19", "FL-SEQ-003"), (3, 6, "2025-11-20", "FL-SEQ-004")):  # fmt: skip
        refused = _host(world, number, sequence, day)
        assert (refused["quarantined"], [told["code"] for told in refused["problems"]]) == (True, [code])
        assert (refused["accepted"], refused["created"]) == (0, 0)
    gap = _host(world, 3, 8)
    assert (gap["created"], [told["code"] for told in gap["problems"]], gap["problems"][0]["severity"]) == (1, ["FL-SEQ-002"], "warning")
    assert world.sql("SELECT sequence, sequence_order FROM file_position ORDER BY id") == [(4, "first"), (5, "next"), (8, "gap")]
    assert _host(world, 3, 8)["duplicate_of"] == gap["file_id"]  # equal bytes do nothing
    assert world.sql("SELECT COUNT(*) FROM bill") == [(3,)]
    _sound(world)


def test_a_corrected_file_takes_the_number_of_the_one_that_was_quarantined_or_taken_back(world: World) -> None:
    _host(world, 1, 1)
    broken = (world.folder / "h1-1.txt").read_bytes()[:-30]
    assert world.intake_bytes(broken, name="cut.txt", **HOST)["quarantined"] is True
    second = _host(world, 2, 2)
    world.jobs.roll_back(second["file_id"], "a", "b")
    assert _host(world, 3, 2)["created"] == 1
    assert _host(world, 4, 3)["created"] == 1
    _sound(world)


def test_streams_are_those_of_a_profile_and_municipality(world: World) -> None:
    _host(world, 1, 7)
    other = bill(2, municipality_code="990027")
    header = {"file_sequence": "3", "municipality_code": "990027"}
    assert world.intake([other], name="o.txt", header=header, **HOST)["created"] == 1
    assert world.sql("SELECT stream, sequence FROM file_position ORDER BY id") == [("host-fixed:990019", 7), ("host-fixed:990027", 3)]


def test_a_dry_run_tells_of_an_old_file_and_leaves_nothing(world: World) -> None:
    _host(world, 1, 7)
    header = {"file_sequence": "7", "file_business_day": DAY}
    told = world.intake([bill(2)], name="x.txt", header=header, dry_run=True, **HOST)
    assert (told["quarantined"], [one["code"] for one in told["problems"]]) == (True, ["FL-SEQ-001"])
    assert world.sql("SELECT COUNT(*) FROM file") == [(1,)]


def test_what_waits_too_long_is_counted_with_the_oldest(world: World) -> None:
    early = world.at(BEFORE)
    early.intake(bills(3, due_on="2026-11-20", payable_until="2026-11-25"))
    early.twin.faults.append("lose_message")
    early.jobs.submit()
    early.jobs.submit()
    early.intake([bill(4)], name="waits.csv")
    early.intake_bytes(b"", name="empty.csv")
    early.receive([early.paid(1, "T1", stage="preliminary"), receipt("T9", "9" * 20, "123456", amount_yen=77)])
    early.offer([early.paid(2, "T2", amount_yen=3)], DAY, "2026-11-19")
    early.jobs.collect()
    assert early.jobs.ageing()["count"] == 0
    early.settle([SettlementRecord("S1", 1, INSTITUTION, "601", DAY, 1, 1001, 1, 1000, "2026-11-24")])
    first = _aged(early.at("2026-11-26T09:00:00"))
    assert {state: (row["count"], row["yen"]) for state, row in first.items()} == {
        ("slip", "issued"): (1, 1004), ("slip", "expired_candidate"): (3, 3006), ("receipt", "unposted"): (2, 1078),
        ("received_file", "quarantined"): (1, 0), ("file", "quarantined"): (1, 0),
    }  # fmt: skip
    late = early.at("2026-12-10T09:00:00")
    late.jobs.reconcile()
    found = _aged(late)
    assert {state for state in found if state[0] in ("receipt", "settlement", "day")} == {
        ("receipt", "preliminary"), ("receipt", "suspense"), ("settlement", "uncredited"), ("day", "difference"),
    }  # fmt: skip
    assert found["slip", "expired_candidate"]["count"] == 2  # one is paid
    oldest = found["slip", "expired_candidate"]["oldest"]
    assert [(one["name"], one["since"]) for one in oldest] == [(bill(number).bill_key, "2026-11-25") for number in (2, 3)]
    assert late.jobs.ageing("990027")["count"] == 0


def _aged(world: World) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["subject"], row["state"]): row for row in world.jobs.ageing()["states"] if row["count"]}
