"""Metrics say what is there, by names of ours; production does not serve them beside the API."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from fundlink.api.app import create_app
from fundlink.api.metrics import GAUGES, NAMES, UNREAD, Metrics
from fundlink.config import Settings
from fundlink.desk import backup
from fundlink.desk import upkeep as desk_upkeep
from tests.api.caller import Vendor, content
from tests.builders import CODE, World, bill, bills
from tests.store.grown import LARGE, WHOLE, fill
from tests.store.plans import watched

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def _samples(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _scraped(world: World) -> Samples:
    return _samples(Metrics(world.jobs.rooms).text().decode())


def test_gauges_follow_the_work(world: World, tmp_path: Path) -> None:
    empty = _scraped(world)
    assert empty["fundlink_messages_open", (("state", "unknown"),)] == 0
    assert ("fundlink_backup_age_seconds", ()) not in empty
    assert empty[UNREAD, ()] == 0
    world.intake(bills(10))
    world.twin.faults.append("lose_answer")
    world.jobs.submit()
    later = world.at("2026-11-24T09:30:00")
    told = _scraped(later)
    assert told["fundlink_messages_open", (("state", "unknown"),)] == 1
    assert told["fundlink_queue_oldest_seconds", (("queue", "submit"),)] == 1800
    assert told["fundlink_cases_open", (("kind", "message"),)] == 1
    world.jobs.submit()
    world.receive([world.paid(1, "T1"), world.paid(2, "T2"), world.paid(2, "T3"), world.paid(3, "T4", amount_yen=7)])
    told = _scraped(world)
    assert told["fundlink_messages_open", (("state", "unknown"),)] == 0
    assert told["fundlink_receipts_unposted", ()] == 4
    world.jobs.reconcile()
    told = _scraped(world)
    assert told["fundlink_receipts_unposted", ()] == 0
    assert told["fundlink_waiting_yen", (("account", "suspense"),)] == bill(2).total_yen + 7
    assert told["fundlink_outcome_transactions", (("outcome", "matched"),)] == 2
    assert told["fundlink_source_age_days", (("municipality", CODE), ("stream", "receipt"))] == 4
    assert told["fundlink_days", (("state", "difference"),)] + told["fundlink_days", (("state", "open"),)] >= 1
    assert told["fundlink_database_bytes", ()] > 100_000
    (tmp_path / "core").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="core"):
        world.jobs.export(tmp_path / "core")
    assert _scraped(later)["fundlink_queue_oldest_seconds", (("queue", "export"),)] == 1800
    world.jobs.export(tmp_path / "better")
    assert _scraped(later)["fundlink_queue_oldest_seconds", (("queue", "export"),)] == 0
    backup.take(world.jobs.rooms, tmp_path / "b.zip")
    desk_upkeep.check(world.jobs.rooms)
    told = _scraped(world.at("2026-11-24T10:00:00"))
    assert told["fundlink_backup_age_seconds", ()] == 3600
    assert (told["fundlink_invariants_ok", ()], told["fundlink_invariants_age_seconds", ()]) == (1, 3600)


def test_requests_are_counted_by_route_and_never_by_address(vendor: Vendor) -> None:
    vendor.put(content())
    vendor.get("/v1/bills/990019~601~2026~2026~0000000000000001~01~~")
    vendor.get("/v1/nothing/at/all")
    text = vendor.get("/metrics").body.decode()
    found = _samples(text)
    assert found["fundlink_http_requests_total", (("method", "PUT"), ("route", "/v1/bills/{name}"), ("status", "201"))] == 1
    assert found["fundlink_http_requests_total", (("method", "GET"), ("route", "/v1/bills/{name}"), ("status", "200"))] == 1
    assert found["fundlink_http_requests_total", (("method", "GET"), ("route", "none"), ("status", "404"))] == 1
    assert "0000000000000001" not in text
    families = {sample[0].removesuffix("_bucket").removesuffix("_sum").removesuffix("_count").removesuffix("_created") for sample in found}
    assert families - {"fundlink_http_requests"} <= NAMES


def test_a_gauge_that_cannot_be_read_leaves_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("disk")

    monkeypatch.setattr("fundlink.api.metrics.shutil.disk_usage", broken)
    told = _scraped(world)
    assert told[UNREAD, ()] == 1
    assert ("fundlink_database_bytes", ()) in told


@pytest.mark.parametrize(("environment", "port", "served"), [("demo", None, True), ("production", None, False), ("demo", 0, False)])
def test_where_they_are_served(world: World, environment: str, port: int | None, served: bool) -> None:
    settings = Settings.model_validate({"home": world.folder / "home", "environment": environment, "metrics_port": port})
    with TestClient(create_app(world.jobs.rooms, settings)) as client:
        assert client.get("/metrics").status_code == (200 if served else 404)


def test_no_gauge_reads_a_grown_table(world: World) -> None:
    """What a scrape costs must not grow with the bills that were ever taken."""
    fill(world)
    with watched(LARGE) as watcher:
        for gauge in GAUGES:
            watcher.verb = gauge.name
            assert list(gauge.read(world.jobs.rooms)) is not None
    assert watcher.explained > 10
    found = [scan for scan in watcher.scans if not any(part in scan.statement for part in WHOLE)]
    assert not found, "\n".join(map(str, found))
