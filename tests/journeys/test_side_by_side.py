"""Two municipalities at once on one database: each verb for one of them leaves the other alone, and nothing is left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fundlink import pipeline
from fundlink.domain.errors import BusyError
from fundlink.store import verify
from tests.builders import CODE, World, bill, receipt

OTHER = "131016"


def _run(world: World, verb: str, **ticket: Any) -> dict[str, Any]:
    return pipeline.run(world.jobs.rooms, pipeline.VERBS[verb], ticket)


def _both(world: World) -> None:
    world.intake([bill(1)])
    world.intake([bill(2, municipality_code=OTHER, fund_code="602")], name="b.csv")  # another fund: the twin knows slips by case key alone


def _states(world: World) -> list[tuple[str, str]]:
    return [
        (str(code), str(state))
        for code, state in world.sql(
            """SELECT s.municipality_code,
                      COALESCE((SELECT t.state FROM slip_state t WHERE t.slip_id = s.id ORDER BY t.id DESC LIMIT 1), 'issued')
               FROM slip s ORDER BY s.municipality_code"""
        )
    ]


def test_submit_for_one_municipality_tells_only_its_slips(world: World) -> None:
    _both(world)
    assert _run(world, "submit", municipality=OTHER)["slips"] == 1
    assert dict(_states(world)) == {OTHER: "registered", CODE: "issued"}
    assert _run(world, "submit", municipality=CODE)["slips"] == 1
    assert dict(_states(world)) == {OTHER: "registered", CODE: "registered"}
    assert _run(world, "submit")["messages"] == 0


def test_a_lost_answer_of_one_municipality_is_not_asked_for_by_another(world: World) -> None:
    _both(world)
    world.twin.faults = ["lose_answer"]
    assert _run(world, "submit", municipality=CODE)["unknown"] == 1
    assert _run(world, "submit", municipality=OTHER)["registered"] == 1
    assert dict(_states(world)) == {OTHER: "registered", CODE: "unknown"}
    assert _run(world, "submit", municipality=CODE)["registered"] == 1


def test_files_of_one_municipality_are_delivered_before_older_ones_of_another(world: World, tmp_path: Path) -> None:
    _both(world)
    world.jobs.submit()
    for number, code in ((1, CODE), (2, OTHER)):
        key, confirmation = (
            str(part) for part in world.sql(f"SELECT case_key, confirmation_number FROM slip WHERE municipality_code = '{code}'")[0]
        )
        paid = receipt(f"T{number}", key, confirmation, amount_yen=bill(number).total_yen, institution_code=code[:5])
        written = world.jobs.rooms.profile("gateway").message("receipt").writer(
            [paid],
            {
                "message_id": f"R{number}", "municipality_code": code, "institution_code": code[:5], "business_day": "2026-11-20",
                "created_at": "2026-11-20T23:59:00+09:00", "record_count": 1, "total_yen": paid.amount_yen,
            },
        )  # fmt: skip
        world.twin.put(code[:5], "receipt", "2026-11-20", pieces=written)
    assert _run(world, "collect", municipality=OTHER, retry=False)["receipts"] == 1
    assert _run(world, "collect", municipality=CODE, retry=False)["receipts"] == 1
    world.jobs.reconcile()
    rooms, out = world.jobs.rooms, str(tmp_path / "out")
    waiting: dict[str, Any] = {"municipality": CODE, "out": out}
    for name, step in pipeline.EXPORT:  # the files of the first one are written, and not delivered
        if name != "deliver":
            waiting |= step(rooms, waiting)
    told = _run(world, "export", municipality=OTHER, out=out)
    assert told["entries"] == 1
    assert [Path(path).name.split("-")[1] for path in told["paths"]] == [OTHER] * len(told["paths"])
    late = dict(pipeline.EXPORT)["deliver"](rooms, waiting)
    assert [Path(path).name.split("-")[1] for path in late["paths"]] == [CODE] * len(late["paths"])
    assert late["paths"]
    assert dict(_states(world)) == {OTHER: "cleared", CODE: "cleared"}
    assert world.sql("SELECT COUNT(*) FROM open_export") == [(0,)]
    assert world.jobs.export(tmp_path / "out")["files"] == 0
    assert [item for item in verify.verify(rooms.store)["invariants"] if not item["ok"]] == []


def test_parts_of_a_stream_run_side_by_side_and_the_whole_excludes_them(postgresql_url: str, tmp_path: Path) -> None:
    from tests.builders import world as built

    town = built(tmp_path, postgresql_url)
    store = town.jobs.rooms.store
    with store.stream_lock("submit", CODE), store.stream_lock("submit", OTHER):
        for again in ("", CODE):
            with pytest.raises(BusyError), store.stream_lock("submit", again):
                pass
        with store.stream_lock("collect"):
            pass
    with store.stream_lock("submit"), pytest.raises(BusyError), store.stream_lock("submit", CODE):
        pass
    with store.stream_lock("submit"):
        pass
    town.jobs.rooms.close()


def test_two_collectors_at_once_take_a_file_in_or_set_it_aside_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one took the first for dead: all it does is done while the first has a file in its hand."""
    world.intake([bill(1)])
    world.jobs.submit()
    world.offer([world.paid(1, "T1")])
    world.twin.put_bytes("99001", "receipt", "2026-11-20", body=b"no receipts")
    honest, done = world.twin.fetch, dict[str, dict[str, Any]]()

    def fetch(file_id: str) -> bytes:
        if not done:
            done["by"] = {}
            done["by"] = _run(world, "collect")
        return honest(file_id)

    monkeypatch.setattr(world.twin, "fetch", fetch)
    mine = _run(world, "collect")
    assert (done["by"]["receipts"], done["by"]["quarantined"]) == (1, 1)
    assert (mine["receipts"], mine["duplicates"], mine["quarantined"], mine["problems"]) == (0, 0, 0, [])
    assert world.sql("SELECT remote_id, state FROM received_file ORDER BY id") == [("receipt-1", "applied"), ("receipt-2", "quarantined")]
    assert [one["id"] for one in verify.verify(world.jobs.rooms.store)["invariants"] if not one["ok"]] == []
