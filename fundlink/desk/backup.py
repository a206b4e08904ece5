"""Backup and restore of an installation: the database as one file, with the keys only where that was asked for.

Called by the commands. A backup reads one snapshot and stops nobody; a restore fills an empty database in one transaction, so it is
there as a whole or not at all, and is taken only when the ledger has the hash that the backup states.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fundlink import __version__
from fundlink.connectors import core_files
from fundlink.connectors.identity import fingerprint
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.problems import problem
from fundlink.pipeline.rooms import Rooms
from fundlink.store import audit, backup, bills, messages, restore, upkeep, verify
from fundlink.store.backup import Manifest
from fundlink.store.ledger import PARTS, ledger_hash

KEY_FILES = ("adapter.key.pem", "adapter.cert.pem", "gateway.cert.pem", "sealing.key")
_CERTIFICATE = "adapter.cert.pem"
_BEGAN = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
_SERIALS_A_SECOND = 2_000
"""More than any machine issues for long; thirteen digits last for a century of restores."""
_MESSAGES_A_DAY = 100_000
_EDITION = hashlib.sha256(repr(PARTS).encode()).hexdigest()[:16]
"""What the ledger hash covers may grow with a version; hashes of two editions say nothing about each other."""


def take(rooms: Rooms, out: Path, *, with_keys: bool = False) -> dict[str, Any]:
    """Write a backup of this moment to a file that only its owner reads; the file is whole and on the disk, or not there."""
    if out.is_dir():
        raise UsageError(f"フォルダーではなくファイルを指定してください: {core_files.shown(out)}")
    files = {f"keys/{name}": content for name, content in _keys(rooms).items()} if with_keys else {}
    with rooms.store.read() as connection:
        about = _about(rooms, with_keys=with_keys) | {"ledger_sha256": ledger_hash(connection), "ledger_edition": _EDITION}
        core_files.put(out, backup.dump(connection, about, files), mode=0o600)
    manifest = backup.manifest_of(out)  # what cannot be read back is no backup
    told = {"file": str(out), "bytes": out.stat().st_size, "rows": sum(record.rows for record in manifest.tables), **manifest.about}
    with rooms.store.write() as connection:
        upkeep.note(
            connection, "backup", {"bytes": told["bytes"], "rows": told["rows"], "ledger_sha256": told["ledger_sha256"]}, rooms.now()
        )
        _audit(rooms, connection, "backed-up", manifest)
    return told | {"revision": manifest.revision}


def put_back(rooms: Rooms, path: Path) -> dict[str, Any]:
    """Fill the empty database of ``rooms`` from a backup, then look at every invariant."""
    core_files.check_regular(path)
    manifest = backup.manifest_of(path)
    _check_keys(rooms, manifest)
    with rooms.store.reshaping() as connection:
        restore.fill(rooms.store, path, manifest)
        if manifest.about.get("ledger_edition") == _EDITION and ledger_hash(connection) != manifest.about["ledger_sha256"]:
            raise ProblemError([problem("FL-BAK-005")])
        found = verify.verify(rooms.store)
        _leave_numbers(rooms, connection)
        _audit(rooms, connection, "restored", manifest)
    keys = _put_keys(rooms, path, manifest)
    return {
        **manifest.about, "ok": found["ok"], "file": str(path), "revision": manifest.revision, "keys": keys,
        "rows": sum(record.rows for record in manifest.tables),
        "broken": [told for told in found["invariants"] if not told["ok"]],
    }  # fmt: skip


def _leave_numbers(rooms: Rooms, connection: Any) -> None:
    """What was issued and sent after the backup is known to the gateway and not to us, so its numbers must not be given again.

    The clock says where to go on, so that a second restore of the same backup leaves out what the first one gave.
    """
    now = rooms.clock()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    bills.leave_serials(connection, int((now - _BEGAN).total_seconds()) * _SERIALS_A_SECOND)
    messages.leave_numbers(connection, f"{now:%Y%m%d}", _MESSAGES_A_DAY + int((now - midnight).total_seconds()) * 10, rooms.now())


def look(path: Path) -> dict[str, Any]:
    """What a backup holds, after every byte of it was compared with its manifest; changes nothing."""
    core_files.check_regular(path)
    manifest = backup.manifest_of(path)
    return {
        **manifest.about,
        "ok": True,
        "file": str(path),
        "revision": manifest.revision,
        "rows": sum(record.rows for record in manifest.tables),
    }


def _about(rooms: Rooms, *, with_keys: bool) -> dict[str, Any]:
    return {
        "version": __version__, "database": "sqlite" if rooms.store.is_sqlite else "postgresql", "made_at": rooms.now(),
        "certificate_sha256": _fingerprint(_keys(rooms)), "with_keys": with_keys,
    }  # fmt: skip


def _keys(rooms: Rooms) -> dict[str, bytes]:
    folder = rooms.folder / "keys"
    return {name: (folder / name).read_bytes() for name in KEY_FILES if (folder / name).exists()}


def _fingerprint(keys: Mapping[str, bytes]) -> str:
    return fingerprint(keys[_CERTIFICATE]) if _CERTIFICATE in keys else ""


def _check_keys(rooms: Rooms, manifest: Manifest) -> None:
    """Keys that lie here already must be those the backup was made with: the gateway knows us by them."""
    wanted, found = str(manifest.about["certificate_sha256"]), _fingerprint(_keys(rooms))
    if wanted and found and wanted != found:
        raise ProblemError([problem("FL-BAK-004", expected=wanted[:16], actual=found[:16])])


def _put_keys(rooms: Rooms, path: Path, manifest: Manifest) -> str:
    """``here`` they lay before, ``restored`` from the file, ``missing``: to be put there before the first message; '' none ever."""
    if _fingerprint(_keys(rooms)):
        return "here"
    if not manifest.about["with_keys"]:
        return "missing" if manifest.about["certificate_sha256"] else ""
    folder = rooms.folder / "keys"
    folder.mkdir(mode=0o700, exist_ok=True)
    with backup.opened(path) as container:
        held = set(container.namelist())
        for name in KEY_FILES:
            if f"keys/{name}" in held:
                core_files.put(folder / name, [container.read(f"keys/{name}")], mode=0o600)
    return "restored"


def _audit(rooms: Rooms, connection: Any, act: str, manifest: Manifest) -> None:
    digest = hashlib.sha256("".join(record.sha256 for record in manifest.tables).encode()).hexdigest()
    detail = {"rows": sum(record.rows for record in manifest.tables), "revision": manifest.revision, "tables_sha256": digest}
    audit.append(connection, audit.Entry("system", act, "installation", detail, rooms.now()))
