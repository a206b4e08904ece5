"""A file that a person hands over at the console: kept, tried without a trace, and taken when somebody says so, the very same bytes.

Called by jobs. Trying and taking is the road of every file; here stands how far an upload is, and who did what.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.connectors import core_files
from fundlink.domain.errors import ConfigurationError, ProblemError, UsageError
from fundlink.domain.problems import problem
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.domain.values import is_municipality_code
from fundlink.formats import as_it_came
from fundlink.pipeline import people
from fundlink.pipeline.people import ANY_DEPARTMENT, Needs
from fundlink.pipeline.rooms import Rooms, Ticket
from fundlink.store import access_persons, audit, uploads, vault
from fundlink.store.uploads import Upload

CHANNEL = "upload"
WORKING = ("trying", "taking")
"""Events after which a thread of some process is at it; whoever looks makes sure that one is."""
KEPT_PROBLEMS = 200
_NOTHING: dict[str, Any] = {"failed": False, "quarantined": False, "duplicate_of": None, "file_id": None, "problems": []}


class Given(NamedTuple):
    """What comes with the bytes: the name of the file, how it is to be read, whose it is, who hands it over."""

    name: str
    profile: str
    municipality_code: str
    who: str


def receive(rooms: Rooms, pieces: Iterable[bytes], given: Given) -> int:
    """Keep the bytes and note that they are to be tried; the number of the upload."""
    if not is_municipality_code(given.municipality_code):
        raise UsageError("団体を選んでください。")
    rooms.profile(given.profile).message("billing")
    name = core_files.shown(given.name.replace("\\", "/").rpartition("/")[2]) or "upload"
    with rooms.store.together() as connection:
        by = people.one(rooms, connection, given.who, Needs("bills.write", given.municipality_code, ANY_DEPARTMENT))
        kept = vault.keep(connection, pieces, direction="in", kind="upload", name=name, at=rooms.now())
        if not kept.size:
            raise ProblemError([problem("FL-CSV-001")])
        values = {
            "raw_id": kept.raw_id, "name": name, "profile": given.profile, "municipality_code": given.municipality_code,
            "uploaded_by": by, "at": rooms.now(),
        }  # fmt: skip
        upload_id = uploads.add(connection, values)
        _tell(rooms, connection, upload_id, ("trying", by, {}))
        _note(rooms, connection, (by, "upload.receive", upload_id), {"sha256": kept.sha256, "bytes": kept.size, "profile": given.profile})
    return upload_id


def look(rooms: Rooms, upload_id: int, *, lines: bool = False, scope: Scope = EVERYWHERE) -> dict[str, Any]:
    """One upload: how far it is, and what came of trying it; ``lines``: with the lines that something is said about."""
    with rooms.store.read() as connection:
        found = uploads.find(connection, upload_id, scope)
    if found is None:
        raise ProblemError([problem("FL-FIL-006", file_id=upload_id)])
    wanted = {one["line"] for one in found.told.get("problems", []) if one.get("line")} if lines else set()
    return {**found._asdict(), "told": {**_NOTHING, **found.told}, "lines": _lines(rooms, found, wanted)}


def _lines(rooms: Rooms, found: Upload, wanted: set[int]) -> dict[int, str]:
    if not wanted:
        return {}
    try:
        message = rooms.profile(found.profile).message("billing")
    except (ProblemError, ConfigurationError):
        return {}
    with vault.open_kept(rooms.store, found.raw_id) as kept:
        return as_it_came.lines(kept, message, wanted)


def newest(rooms: Rooms, *, scope: Scope = EVERYWHERE, limit: int = 10) -> list[dict[str, Any]]:
    """The newest uploads in scope."""
    with rooms.store.read() as connection:
        return [found._asdict() for found in uploads.newest(connection, scope, limit)]


def ticket_of(found: dict[str, Any]) -> Ticket:
    """The ticket with which the road takes the bytes of an upload."""
    return {
        "raw_id": found["raw_id"], "sha256": found["sha256"], "bytes": found["size"], "name": found["name"], "profile": found["profile"],
        "municipality": found["municipality_code"], "channel": CHANNEL,
    }  # fmt: skip


def order(rooms: Rooms, upload_id: int, step: str, who: str, *, sha256: str) -> None:
    """A person says that an upload is to be taken (``take``) or dropped (``drop``), as it was shown: FL-VER-002 when it is not that any more."""
    with rooms.store.together() as connection:
        rooms.store.serialise(connection, f"upload:{upload_id}")
        found = uploads.find(connection, upload_id)
        if found is None:
            raise ProblemError([problem("FL-FIL-006", file_id=upload_id)])
        needs = Needs("bills.write", found.municipality_code, ANY_DEPARTMENT)
        by = people.one(rooms, connection, who, needs)
        if found.event != "tried" or sha256 != found.sha256:
            raise ProblemError([problem("FL-VER-002")])
        if step == "take" and not takeable(found.told):
            raise UsageError("このファイルは取り込めません。直したファイルを渡し直してください。")
        known = access_persons.by_person(connection, by)
        if step == "take" and known is not None and known.scope.departments is not None:
            for department in _departments(rooms, found):
                people.one(rooms, connection, who, needs._replace(department_code=department))
        _tell(rooms, connection, upload_id, ("taking" if step == "take" else "dropped", by, {}))
        _note(rooms, connection, (by, f"upload.{step}", upload_id), {"sha256": found.sha256})


def _departments(rooms: Rooms, found: Upload) -> list[str]:
    """The departments whose bills a file would write; read in chunks, none of which is kept."""
    with vault.open_kept(rooms.store, found.raw_id) as kept:
        reader = rooms.profile(found.profile).message("billing").reader(kept, chunk_rows=rooms.chunk_rows)
        return sorted({record.department_code for chunk in reader for _, record in chunk.rows})


def takeable(told: dict[str, Any]) -> bool:
    """Whether taking it would do anything."""
    return not told.get("failed") and not told.get("quarantined") and told.get("duplicate_of") is None


def conclude(rooms: Rooms, upload_id: int, before: str, told: dict[str, Any]) -> None:
    """What came of trying (``before`` is trying) or taking it (taking). Told once, however many were at it."""
    words = {**told, "problems": told.get("problems", [])[:KEPT_PROBLEMS]}
    with rooms.store.together() as connection:
        rooms.store.serialise(connection, f"upload:{upload_id}")
        found = uploads.find(connection, upload_id)
        if found is None or found.event != before:
            return
        _tell(rooms, connection, upload_id, ("tried" if before == "trying" else "taken", found.by, words))


def _tell(rooms: Rooms, connection: Connection, upload_id: int, told: tuple[str, str, dict[str, Any]]) -> None:
    uploads.add_event(connection, upload_id, (*told, rooms.now()))


def _note(rooms: Rooms, connection: Connection, told: tuple[str, str, int], detail: dict[str, Any]) -> None:
    who, act, upload_id = told
    audit.append(connection, audit.Entry(who, act, f"upload:{upload_id}", detail, rooms.now()))
