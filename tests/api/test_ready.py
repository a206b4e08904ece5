"""Readiness tells the truth: each thing it needs is broken in turn, and named, and told to be well again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from fundlink.store import upkeep
from tests.api.caller import Vendor


def _failing(vendor: Vendor) -> list[str]:
    told = vendor.get("/readyz")
    failing = [check["name"] for check in told.body["checks"] if not check["ok"]]
    assert all(bool(check["detail"]) is not check["ok"] for check in told.body["checks"])
    assert (told.status, told.body["ok"]) == ((503, False) if failing else (200, True))
    if failing:
        assert (told.code, told.headers["retry-after"]) == ("FL-API-011", "2")
        assert told.headers["content-type"] == "application/problem+json"
    assert vendor.get("/healthz").status == 200, "the process lives all the same"
    return failing


def test_all_is_well(vendor: Vendor) -> None:
    assert _failing(vendor) == []
    before = vendor.world.sql("SELECT COUNT(*) FROM upkeep")
    assert _failing(vendor) == []
    assert vendor.world.sql("SELECT COUNT(*) FROM upkeep") == before, "looking leaves nothing"


def test_a_database_that_takes_no_row(vendor: Vendor) -> None:
    store = vendor.world.jobs.rooms.store
    if store.is_sqlite:
        path = vendor.world.jobs.rooms.folder / "fundlink.db"
        path = path if path.exists() else vendor.world.folder / "fundlink.db"
        path.rename(path.with_suffix(".away"))
        assert "database" in _failing(vendor)
        path.with_suffix(".away").rename(path)
    else:
        with store.write() as connection:
            connection.exec_driver_sql(f"ALTER DATABASE {store.url.database} SET default_transaction_read_only = on")
        store.engine.dispose()
        assert "database" in _failing(vendor)
        with store.engine.connect() as connection:
            connection.exec_driver_sql("SET TRANSACTION READ WRITE")
            connection.exec_driver_sql(f"ALTER DATABASE {store.url.database} SET default_transaction_read_only = off")
            connection.commit()
        store.engine.dispose()
    assert _failing(vendor) == []


def test_a_database_in_which_somebody_writes_is_well(vendor: Vendor) -> None:
    with vendor.world.jobs.rooms.store.write() as connection:
        connection.exec_driver_sql("INSERT INTO upkeep (kind, ok, detail, at) VALUES ('x', 1, '{}', '')")
        assert upkeep.why_not_writable(vendor.world.jobs.rooms.store) == ""


def test_another_schema(vendor: Vendor) -> None:
    with vendor.world.jobs.rooms.store.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'later'")
    assert _failing(vendor) == ["schema"]


SPOILT: dict[str, Callable[[Any], object]] = {
    "is not a key": lambda path: path.write_bytes(b"x"),
    "others may read it": lambda path: path.chmod(0o644),
}


@pytest.mark.parametrize("spoil", list(SPOILT))
def test_a_key_that_cannot_be_used(vendor: Vendor, spoil: str) -> None:
    key = vendor.world.jobs.rooms.folder / "keys/adapter.key.pem"
    content = key.read_bytes()
    SPOILT[spoil](key)
    assert _failing(vendor) == ["keys"]
    key.write_bytes(content)
    key.chmod(0o600)
    assert _failing(vendor) == []


def test_a_disk_that_is_full(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    found = shutil.disk_usage(vendor.world.folder)
    monkeypatch.setattr("fundlink.api.health.shutil.disk_usage", lambda _path: found._replace(free=511 << 20))
    assert _failing(vendor) == ["disk"]


def test_a_worker_that_died(vendor: Vendor) -> None:
    vendor.client.app.state.worker_lives = lambda: False  # type: ignore[attr-defined]
    assert _failing(vendor) == ["worker"]
