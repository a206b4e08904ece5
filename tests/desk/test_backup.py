"""A backup of any instant restores to a state where every invariant holds, into either kind of database, and catches up by redelivery."""

from __future__ import annotations

import json
import os
import random
import stat
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fundlink.desk import backup as desk_backup
from fundlink.domain.errors import ProblemError
from fundlink.jobs import Jobs
from fundlink.store import backup, bulk, upkeep, verify
from fundlink.store.ledger import ledger, ledger_hash
from fundlink.store.tables import METADATA
from tests import postgresql
from tests.builders import World, bill, bills
from tests.builders import world as build_world

CHANGED_BY_A_RESTORE = {"audit", "mark", "serial_block", "upkeep"}
INSTANTS = int(os.environ.get("BACKUPS", "3"))
"""Backups of random instants a database that are restored; ``BACKUPS=200 pytest …`` asks for more."""


@contextmanager
def _empty(kind: str, folder: Path, server: Callable[[], str]) -> Iterator[World]:
    """A world whose database has no table yet, on either database."""
    folder.mkdir()
    with ExitStack() as held:
        url = "" if kind == "sqlite" else held.enter_context(postgresql.database(server(), f"r{uuid.uuid4().hex}"))
        (folder / "home/keys").mkdir(parents=True)
        found = build_world(folder, url, migrated=False)
        yield found
        found.jobs.rooms.close()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Callable[[], str]:
    """The PostgreSQL server, started when it is asked for."""
    return lambda: str(request.getfixturevalue("postgresql_server"))


def _lived(world: World) -> World:
    """Some of everything: bills, a change, messages, payments good and bad, awkward text."""
    world.intake(bills(20))
    world.intake([bill(3, charge_yen=777), bill(21)], name="more.csv")
    world.jobs.submit()
    world.receive([world.paid(number, f"T{number}") for number in range(1, 9)] + [world.paid(1, "T1b"), world.paid(2, "T2b", amount_yen=1)])
    world.jobs.reconcile()
    world.jobs.export(world.folder / "out")
    with world.jobs.rooms.store.write() as connection:
        awkward = [(text, "", "x", "y") for text in ("\\N", "\\x41", "a\tb\nc\rd\\e", "\x08\x0b\x0c", "", "髙\U00020b9f", "\\\\.")]
        bulk.insert_rows(connection, "case_owner", ("case_name", "owner", "assigned_by", "at"), awkward)
    return world


def _rows(world: World) -> dict[str, list[str]]:
    """All rows of all tables, in no order."""
    with world.jobs.rooms.store.read() as connection:
        return {
            name: sorted(repr(tuple(row)) for row in connection.execute(sa.select(table)))
            for name, table in METADATA.tables.items()
            if name not in CHANGED_BY_A_RESTORE
        }


def _ledger(world: World) -> str:
    with world.jobs.rooms.store.read() as connection:
        return ledger_hash(connection)


@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
def test_a_backup_restores_into_either_database(world: World, tmp_path: Path, into: str, server: Callable[[], str]) -> None:
    told = desk_backup.take(_lived(world).jobs.rooms, tmp_path / "b.zip")
    assert stat.S_IMODE((tmp_path / "b.zip").stat().st_mode) == 0o600
    assert told["ledger_sha256"] == _ledger(world)
    with _empty(into, tmp_path / "new", server) as found:
        back = desk_backup.put_back(found.jobs.rooms, tmp_path / "b.zip")
        assert (back["ok"], back["broken"], back["ledger_sha256"]) == (True, [], told["ledger_sha256"])
        assert _rows(found) == _rows(world)
        # and it goes on: numbers of new rows come after the old ones
        assert found.intake(bills(25), name="again.csv")["created"] == 4
        found.jobs.reconcile()
        assert not [row for row in found.sql("SELECT act FROM audit WHERE act = 'restored'") if len(row) != 1]


def test_no_number_is_given_twice_after_a_restore(world: World, tmp_path: Path, server: Callable[[], str]) -> None:
    """What was issued and sent after the backup is known to the gateway, and not to the restored database; nor to the second one."""
    world.intake(bills(2))
    world.jobs.submit()
    desk_backup.take(world.jobs.rooms, tmp_path / "b.zip")
    world.intake([bill(9)], name="lost.csv")
    world.jobs.submit()
    given = {"slip": [world.slip(9)[0]], "message": [row[0] for row in world.sql("SELECT id FROM message")][-1:]}
    for turn, instant in enumerate(("2026-11-24T09:10:00+09:00", "2026-11-24T09:20:00+09:00")):
        with _empty("sqlite", tmp_path / f"new{turn}", server) as empty:
            found = empty.at(instant)
            desk_backup.put_back(found.jobs.rooms, tmp_path / "b.zip")
            assert found.jobs.rooms.store.is_sqlite
            found.intake([bill(10), bill(9)], name="after.csv")
            found.jobs.submit()
            keys = [str(key) for (key,) in found.sql("SELECT case_key FROM slip ORDER BY id DESC LIMIT 2")]
            sent = [str(name) for (name,) in found.sql("SELECT id FROM message ORDER BY id DESC LIMIT 1")]
            assert not set(given["slip"]) & set(keys)
            assert not set(given["message"]) & set(sent)
            given = {"slip": given["slip"] + keys, "message": given["message"] + sent}
            assert verify.verify(found.jobs.rooms.store)["ok"]


def _steps(world: World) -> list[Callable[[], Any]]:
    """What happens while backups are taken, and is delivered again after a restore."""
    paid = {number: world.paid(number, f"T{number}") for number in range(1, 21)}
    files = [([paid[n] for n in range(first, first + 4)], f"2026-11-{day:02}") for day, first in ((16, 1), (17, 5), (18, 9), (19, 13))]
    steps: list[Callable[[], Any]] = []
    for records, day in files:
        received = [record._replace(booked_on=day, paid_on=day) for record in records]
        new = [bill(1000 + int(day[-2:]) * 10 + number) for number in range(5)]
        steps += [partial(world.offer, received, day), partial(world.intake, new, name=f"{day}.csv")]
    return steps


def _road(world: World) -> None:
    world.jobs.submit()
    world.jobs.collect()
    world.jobs.reconcile()
    world.jobs.export(world.folder / "out")


def test_backups_of_random_instants_under_load_catch_up(world: World, tmp_path: Path, server: Callable[[], str]) -> None:
    world.intake(bills(20))
    world.jobs.submit()
    taken: list[Path] = []
    done = threading.Event()

    def back_up() -> None:
        while not done.is_set():
            path = tmp_path / f"b{len(taken)}.zip"
            desk_backup.take(world.jobs.rooms, path)
            taken.append(path)

    thread = threading.Thread(target=back_up)
    thread.start()
    try:
        for step in _steps(world):
            step()
            _road(world)
    finally:
        done.set()
        thread.join()
    assert len(taken) > 2
    kind = "sqlite" if world.jobs.rooms.store.is_sqlite else "postgresql"
    hashes = {desk_backup.look(path)["ledger_sha256"] for path in taken}
    assert len(hashes) > 1, "backups were taken while things happened"
    for number, path in enumerate(random.Random(7).sample(taken, min(INSTANTS, len(taken)))):
        with _empty(kind, tmp_path / f"new{number}", server) as empty:
            same_gateway = World(Jobs(replace(empty.jobs.rooms, gateway=world.twin)), world.twin, empty.folder)
            found = same_gateway.at(f"2026-11-24T09:{10 + number}:00")  # where numbers go on is told by the clock
            assert desk_backup.put_back(found.jobs.rooms, path)["broken"] == []
            _deliver_again(world, found)
            with found.jobs.rooms.store.read() as mine, world.jobs.rooms.store.read() as theirs:
                assert ledger(mine).parts == ledger(theirs).parts


def _deliver_again(world: World, found: World) -> None:
    """The sources send again whatever they ever sent; the gateway still has its files."""
    for path in sorted(world.folder.glob("*.csv")):
        found.jobs.intake(path, "standard")
    for _ in range(2):  # a message that was on its way is asked for first, and sent again by the next turn
        _road(found)


def test_keys_stay_out_unless_asked_for(world: World, tmp_path: Path, server: Callable[[], str]) -> None:
    rooms = _lived(world).jobs.rooms
    desk_backup.take(rooms, tmp_path / "without.zip")
    desk_backup.take(rooms, tmp_path / "with.zip", with_keys=True)
    key = (rooms.folder / "keys/adapter.key.pem").read_bytes()
    with zipfile.ZipFile(tmp_path / "without.zip") as container:
        assert not [name for name in container.namelist() if name.startswith("keys/")]
        assert not any(key in container.read(name) for name in container.namelist())
    for name, told in (("without", "missing"), ("with", "restored")):
        with _empty("sqlite", tmp_path / name, server) as found:
            for path in (found.jobs.rooms.folder / "keys").iterdir():
                path.unlink()
            assert desk_backup.put_back(found.jobs.rooms, tmp_path / f"{name}.zip")["keys"] == told
            restored = found.jobs.rooms.folder / "keys/adapter.key.pem"
            assert restored.exists() == (name == "with")
            assert not restored.exists() or (stat.S_IMODE(restored.stat().st_mode) == 0o600 and restored.read_bytes() == key)


def _spoiled(path: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    """A copy of a backup whose members were changed."""
    with zipfile.ZipFile(path) as container:
        members = {name: container.read(name) for name in container.namelist()}
    change(members)
    target = path.with_name("spoiled.zip")
    with zipfile.ZipFile(target, "w") as container:
        for name, content in members.items():
            container.writestr(name, content)
    return target


def _manifest(members: dict[str, bytes], change: Callable[[dict[str, Any]], None]) -> None:
    told = json.loads(members[backup.MANIFEST])
    change(told)
    members[backup.MANIFEST] = json.dumps(told).encode()


SPOILS: dict[str, tuple[str, Callable[[dict[str, bytes]], object]]] = {
    "a yen changed": ("FL-BAK-001", lambda m: m.update({"tables/receipt.copy": m["tables/receipt.copy"].replace(b"1001", b"1002", 1)})),
    "a row gone": ("FL-BAK-001", lambda m: m.update({"tables/bill.copy": m["tables/bill.copy"].split(b"\n", 1)[1]})),
    "a table gone": ("FL-BAK-001", lambda m: m.pop("tables/audit.copy")),
    "no manifest": ("FL-BAK-001", lambda m: m.pop(backup.MANIFEST)),
    "another ledger": ("FL-BAK-005", lambda m: _manifest(m, lambda t: t["about"].update(ledger_sha256="0" * 64))),
    "a table of its own": (
        "FL-BAK-001",
        lambda m: _manifest(m, lambda t: t["tables"][0].update(columns=["id) FROM bill; --"])),
    ),
    "a later schema": ("FL-BAK-002", lambda m: _manifest(m, lambda t: t.update(revision="9999"))),
    "a later format": ("FL-BAK-002", lambda m: _manifest(m, lambda t: t.update(format=2))),
    "a path as schema": ("FL-BAK-002", lambda m: _manifest(m, lambda t: t.update(revision="../0001"))),
}


@pytest.mark.parametrize("spoil", list(SPOILS))
def test_a_spoiled_backup_is_refused_and_leaves_nothing(world: World, tmp_path: Path, server: Callable[[], str], spoil: str) -> None:
    code, change = SPOILS[spoil]
    desk_backup.take(_lived(world).jobs.rooms, tmp_path / "b.zip")
    kind = "sqlite" if world.jobs.rooms.store.is_sqlite else "postgresql"
    with _empty(kind, tmp_path / "new", server) as found:
        with pytest.raises(ProblemError) as refused:
            desk_backup.put_back(found.jobs.rooms, _spoiled(tmp_path / "b.zip", change))
        assert [told.code for told in refused.value.problems] == [code]
        assert sa.inspect(found.jobs.rooms.store.engine).get_table_names() == []
        desk_backup.put_back(found.jobs.rooms, tmp_path / "b.zip")


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    for content in (b"", b"PK\x03\x04 not really", b"x" * 5000):
        path.write_bytes(content)
        with pytest.raises(ProblemError, match="FL-BAK-001"):
            desk_backup.look(path)


def test_a_restore_wants_an_empty_database_and_the_right_keys(world: World, tmp_path: Path, server: Callable[[], str]) -> None:
    desk_backup.take(_lived(world).jobs.rooms, tmp_path / "b.zip")
    before = _rows(world)
    with pytest.raises(ProblemError, match="FL-BAK-003"):
        desk_backup.put_back(world.jobs.rooms, tmp_path / "b.zip")
    assert _rows(world) == before
    with _empty("sqlite", tmp_path / "new", server) as found:
        from fundlink.connectors.identity import make_demo_identity

        (found.jobs.rooms.folder / "keys/adapter.cert.pem").write_bytes(make_demo_identity("another")[1])
        with pytest.raises(ProblemError, match="FL-BAK-004"):
            desk_backup.put_back(found.jobs.rooms, tmp_path / "b.zip")
        assert sa.inspect(found.jobs.rooms.store.engine).get_table_names() == []


def test_a_backup_that_fails_leaves_the_last_one(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.intake(bills(3))
    desk_backup.take(world.jobs.rooms, tmp_path / "b.zip")
    kept = (tmp_path / "b.zip").read_bytes()

    def full(*_: object) -> Iterator[bytes]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fundlink.store.copied.blocks", full)
    with pytest.raises(OSError, match="No space"):
        desk_backup.take(world.jobs.rooms, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_bytes() == kept
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".tmp")] == []


def test_the_last_backup_and_check_are_known(world: World, tmp_path: Path) -> None:
    from fundlink.desk import upkeep as desk_upkeep

    world.intake(bills(3))
    with world.jobs.rooms.store.read() as connection:
        assert upkeep.newest(connection, "backup") is None
    world.jobs.submit()
    world.receive([world.paid(1, "T1")])
    world.jobs.reconcile()
    desk_backup.take(world.jobs.rooms, tmp_path / "b.zip")
    assert desk_upkeep.check(world.jobs.rooms)["ok"]
    with world.jobs.rooms.store.read() as connection:
        for kind in ("backup", "verify"):
            found = upkeep.newest(connection, kind)
            assert found is not None
            assert (found[0], found[2]) == (True, "2026-11-24T09:00:00+09:00")
    with world.jobs.rooms.store.write() as connection:
        connection.exec_driver_sql("UPDATE receipt SET amount_yen = amount_yen + 1")
    assert not desk_upkeep.check(world.jobs.rooms)["ok"]
    with world.jobs.rooms.store.read() as connection:
        found = upkeep.newest(connection, "verify")
        assert found is not None
        assert not found[0]
        assert found[1]["broken"]
