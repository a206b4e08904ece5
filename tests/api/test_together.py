"""Writes that wait together are one intake, and each has the answer it would have had alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from fundlink.api import writer
from tests.api.caller import KEY, Told, Vendor, content
from tests.builders import bill

OTHER = "131016"


@contextmanager
def _writer_is_away(vendor: Vendor) -> Iterator[None]:
    """The one writer is busy with something else, so that whatever is sent waits."""
    free = threading.Event()
    thread = vendor.client.app.state.api.once._writer._thread  # type: ignore[attr-defined]
    thread.submit(free.wait, 30)
    try:
        yield
    finally:
        free.set()


def _together(vendor: Vendor, acts: Sequence[Callable[[], Told]]) -> list[Told]:
    """What each act was told when all of them waited at once, in the order given."""
    waiting = vendor.client.app.state.api.once._writer._waiting  # type: ignore[attr-defined]
    assert waiting == []
    with ThreadPoolExecutor(len(acts)) as crowd:
        with _writer_is_away(vendor):
            told = []
            for number, act in enumerate(acts, 1):
                told.append(crowd.submit(act))
                while len(vendor.client.app.state.api.once._writer._waiting) < number:  # type: ignore[attr-defined]
                    assert not told[-1].done(), told[-1].result()
        return [one.result() for one in told]


def _put(vendor: Vendor, number: int, body: Any = None, **more: Any) -> Callable[[], Told]:
    return lambda: vendor.put(body if body is not None else content(number), name=bill(number).bill_key, **more)


def _channels(vendor: Vendor) -> list[Any]:
    return vendor.world.sql("SELECT id FROM file ORDER BY id")


def test_many_are_one_intake(vendor: Vendor) -> None:
    told = _together(vendor, [_put(vendor, number) for number in range(1, 6)])
    assert [answer.status for answer in told] == [201] * 5
    assert [answer.body["bill_key"] for answer in told] == [bill(number).bill_key for number in range(1, 6)]
    assert len({answer.body["el_number"]["case_key"] for answer in told}) == 5
    assert {answer.body["intake_id"] for answer in told} == {1}
    assert vendor.get("/v1/intakes/1").body["summary"]["created"] == 5
    assert vendor.world.sql("SELECT COUNT(*) FROM audit WHERE act = 'intake.accept'") == [(1,)]
    assert vendor.world.sql("SELECT COUNT(*) FROM idempotency") == [(5,)]


def test_a_wrong_one_hurts_no_other_and_hears_of_itself_alone(vendor: Vendor) -> None:
    vendor.put(content(4), name=bill(4).bill_key)
    bad, late = content(2, charge_yen=-1, late_charge_yen="5"), content(4, charge_yen=7)
    told = _together(vendor, [_put(vendor, 1), _put(vendor, 2, bad), _put(vendor, 3), _put(vendor, 4, late)])
    assert [answer.status for answer in told] == [201, 422, 201, 200]
    assert {shown["pointer"] for shown in told[1].body["problems"]} == {"/charge_yen", "/late_charge_yen"}
    assert {shown["line"] for shown in told[1].body["problems"]} == {1}
    assert [told[0].body["warnings"], told[3].body["effect"], told[3].body["total_yen"]] == [[], "updated", 7]
    assert len(_channels(vendor)) == 2


def test_one_bill_twice_is_written_twice(vendor: Vendor) -> None:
    told = _together(vendor, [_put(vendor, 1), _put(vendor, 2), _put(vendor, 1, content(1, charge_yen=9))])
    assert [answer.status for answer in told] == [201, 201, 200]
    assert told[2].body["total_yen"] == 9
    assert len(_channels(vendor)) == 2


def test_one_bill_under_two_names_is_judged_one_by_one(vendor: Vendor) -> None:
    by_core_key = content(1, charge_yen=9)
    told = _together(vendor, [_put(vendor, 1), _put(vendor, 2), lambda: vendor.put(by_core_key, name="K1")])
    assert [answer.status for answer in told] == [201, 201, 200]
    assert told[2].body["total_yen"] == vendor.get(f"/v1/bills/{KEY}").body["total_yen"] == 9


def test_an_ambiguous_name_takes_back_only_itself(vendor: Vendor) -> None:
    vendor.put(content(9, core_key="K9"), name=bill(9).bill_key)
    told = _together(vendor, [_put(vendor, 1), lambda: vendor.put(content(2, core_key=None), name="K9"), _put(vendor, 3)])
    assert [answer.status for answer in told] == [201, 409, 201]
    assert told[1].code == "FL-BIL-006"
    assert vendor.get(f"/v1/bills/{bill(2).bill_key}").status == 404


def test_municipalities_do_not_mix(vendor: Vendor) -> None:
    def put(number: int, code: str) -> Callable[[], Told]:
        made = bill(number, municipality_code=code)
        return lambda: vendor.put({"charge_yen": 5, "due_on": "2026-11-30"}, name=made.bill_key)

    told = _together(vendor, [put(1, OTHER), put(1, "990019"), put(2, OTHER), put(2, "990019")])
    assert [answer.status for answer in told] == [201] * 4
    assert told[0].body["intake_id"] == told[2].body["intake_id"] != told[1].body["intake_id"] == told[3].body["intake_id"]


def test_a_key_used_before_is_replayed_among_others(vendor: Vendor) -> None:
    first = vendor.put(content(), key="a")
    told = _together(vendor, [_put(vendor, 2), _put(vendor, 1, key="a"), _put(vendor, 3)])
    assert [answer.status for answer in told] == [201] * 3
    assert (told[1].body, told[1].headers["idempotent-replayed"]) == (first.body, "true")
    other = _together(vendor, [_put(vendor, 4), _put(vendor, 1, content(1, charge_yen=3), key="a")])
    assert [other[0].status, other[1].code] == [201, "FL-IDM-002"]


def test_a_full_queue_asks_to_come_again(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "WAITING", 1)
    with ThreadPoolExecutor(1) as crowd, _writer_is_away(vendor):
        first = crowd.submit(_put(vendor, 1))
        while not vendor.client.app.state.api.once._writer._waiting:  # type: ignore[attr-defined]
            assert not first.done()
        told = vendor.put(content(2), name=bill(2).bill_key)
        assert (told.status, told.code, told.headers["retry-after"]) == (503, "FL-API-011", "2")
    assert first.result().status == 201
