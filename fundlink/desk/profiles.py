"""A profile of the municipality's own is adopted: from then on the verbs read and write with it as it is now.

Called by deeds (two persons), the console and the command line. The files stay in their folder; what is approved is their digest,
so an edit of any of them voids the approval. What was adopted is kept, so that the next person sees line by line what is other.
The folder is that of the machine on which the proposal is made, and approved.
"""

from __future__ import annotations

import difflib
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.errors import ConfigurationError, ProblemError
from fundlink.domain.problems import problem
from fundlink.formats.profiles import Profile, files_of
from fundlink.pipeline.adopted import KIND
from fundlink.pipeline.rooms import Rooms
from fundlink.store import audit, proposals, vault


def own(rooms: Rooms, name: str) -> Profile:
    """The profile as its folder is now; FL-PRF-001, 002 or 006 (it came with the product)."""
    found = rooms.profiles.read(name)
    if not found.is_own:
        raise ProblemError([problem("FL-PRF-006", profile=name)])
    return found.profile


class Listed(NamedTuple):
    """One of the municipality's own profiles, as an administrator looks through them."""

    name: str
    label: str
    edition: str
    digest: str
    state: str  # adopted | changed (another content was adopted) | new | faulty


def listed(rooms: Rooms) -> list[Listed]:
    """Every profile of the municipality's own, by name."""
    with rooms.store.read() as connection:
        return [_listed(rooms, connection, name) for name in rooms.profiles.own()]


def _listed(rooms: Rooms, connection: Connection, name: str) -> Listed:
    try:
        profile = own(rooms, name)
    except (ProblemError, ConfigurationError):
        return Listed(name, "", "", "", "faulty")
    in_use = proposals.adopted(connection, KIND, name)
    state = "adopted" if in_use == profile.digest else "changed" if in_use else "new"
    return Listed(name, profile.label, profile.edition, profile.digest, state)


class Change(NamedTuple):
    """A file of a profile that is not as it was adopted, with its lines as a unified diff writes them: added, taken away or around."""

    file: str
    state: str  # new | changed | gone
    lines: list[str]


class Compared(NamedTuple):
    """What of a profile differs from what is in use; ``known`` false: that was not kept, and every line counts as added."""

    name: str
    digest: str
    in_use: str
    known: bool
    changes: list[Change]


def compared(rooms: Rooms, name: str) -> Compared:
    """A profile as its folder is now beside what was adopted."""
    profile = own(rooms, name)
    with rooms.store.read() as connection:
        in_use = proposals.adopted(connection, KIND, name)
        kept = vault.kept_as(connection, in_use, KIND) if in_use else b""
    old, new = files_of(kept or b""), files_of(profile.content)
    changes = [_change(file, old.get(file), new.get(file)) for file in sorted({*old, *new}) if old.get(file) != new.get(file)]
    return Compared(name, profile.digest, in_use, kept is not None, changes)


def _change(file: str, old: bytes | None, new: bytes | None) -> Change:
    state = "new" if old is None else "gone" if new is None else "changed"
    _, _, *lines = [*difflib.unified_diff(_lines(old), _lines(new), n=1, lineterm="")] or ("", "")
    return Change(file, state, lines)


def _lines(body: bytes | None) -> list[str]:
    """Lines as a person can trust them: nothing in them moves, hides or reorders what is shown."""
    lines = (body or b"").decode("utf-8-sig", errors="replace").splitlines()
    return ["".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in line) for line in lines]


def before(rooms: Rooms, connection: Connection, name: str) -> dict[str, Any]:
    """What is in use, and what the folder holds."""
    return {"in_use": proposals.adopted(connection, KIND, name), "digest": own(rooms, name).digest}


def adopt(rooms: Rooms, connection: Connection, name: str, names: tuple[str, str]) -> dict[str, Any]:
    """The act itself, by persons who may do it."""
    profile = own(rooms, name)
    told = {
        "label": profile.label, "edition": profile.edition, "digest": profile.digest, "messages": sorted(profile.messages),
    }  # fmt: skip
    if vault.kept_as(connection, profile.digest, KIND) is None:
        vault.keep(connection, [profile.content], direction="in", kind=KIND, name=name, at=rooms.now())
    detail = {"approved_by": names[1], "edition": profile.edition, "digest": profile.digest}
    audit.append(connection, audit.Entry(names[0], "desk.profile", f"profile:{name}", detail, rooms.now()))
    return told
