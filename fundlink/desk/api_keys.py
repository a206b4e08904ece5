"""API keys of machines: made once and shown once, listed, revoked, and recognised at each request. Called by cli and api."""

from __future__ import annotations

import hmac
import threading
from typing import Any, NamedTuple

from fundlink.access import roles, tokens
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.problems import problem
from fundlink.domain.values import is_municipality_code
from fundlink.pipeline import people
from fundlink.pipeline.people import Needs
from fundlink.pipeline.rooms import Rooms
from fundlink.store import access_keys, access_persons, audit
from fundlink.store.access_keys import Key


class NewKey(NamedTuple):
    """What a key is for: a name people know it by, its municipality, its profile ('' for any), its role."""

    name: str
    municipality_code: str
    profile: str = ""
    role: str = "vendor"


def add(rooms: Rooms, new: NewKey, who: str) -> dict[str, Any]:
    """Make a key; it is in this answer and nowhere else."""
    if not new.name.strip() or not is_municipality_code(new.municipality_code) or new.role not in roles.KEY_ROLES:
        raise UsageError("名前、団体コード（検査数字を含む 6 桁）、役割（" + "・".join(roles.KEY_ROLES) + "）を指定してください。")
    if new.profile:
        rooms.profile(new.profile)  # a profile that does not exist is told now
    made = tokens.new_key()
    with rooms.store.together() as connection:
        access_persons.begin_change(connection)  # one after the other: a change that is seen has a greater number than all before
        by = people.one(rooms, connection, who, Needs("keys.change"))
        access_keys.add(
            connection, (made.prefix, made.sha256, new.name.strip(), new.role, new.municipality_code, new.profile, by, rooms.now())
        )
        _note(rooms, connection, (by, "key.add", made.prefix), new._asdict())
    return {"key": made.shown, "prefix": made.prefix, **new._asdict()}


def listed(rooms: Rooms) -> dict[str, Any]:
    """Every key there ever was, without the keys themselves."""
    with rooms.store.read() as connection:
        found = access_keys.all_keys(connection)
    hidden = ("key_id", "sha256")
    return {"keys": [{name: value for name, value in key._asdict().items() if name not in hidden} for key in found]}


def revoke(rooms: Rooms, prefix: str, who: str) -> dict[str, Any]:
    """End a key at once."""
    with rooms.store.together() as connection:
        access_persons.begin_change(connection)  # one after the other: a change that is seen has a greater number than all before
        by = people.one(rooms, connection, who, Needs("keys.change"))
        key = access_keys.by_prefix(connection, prefix.strip())
        if key is None or key.ended_at:
            raise ProblemError([problem("FL-AUTH-014")])
        access_keys.end(connection, key.key_id, by, rooms.now())
        _note(rooms, connection, (by, "key.revoke", key.prefix), {"name": key.name})
    return {"prefix": key.prefix, "name": key.name, "revoked": True}


def _note(rooms: Rooms, connection: Any, act: tuple[str, str, str], detail: dict[str, Any]) -> None:
    who, name, prefix = act
    access_persons.note_change(connection, f"{name} {prefix}", rooms.now())
    audit.append(connection, audit.Entry(who, name, f"key:{prefix}", detail, rooms.now()))


class Keyring:
    """Keys of this process's requests, looked up once each; any change of keys, by whatever process, empties it before the next use."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms, self._held, self._generation = rooms, dict[str, Key](), -1
        self._guard = threading.Lock()

    def find(self, shown: str) -> Key | None:
        """The good key that was sent, or None. One small query; two for a key that was not seen before."""
        prefix = tokens.prefix_of(shown)
        if prefix is None:
            return None
        with self._rooms.store.read() as connection:
            generation = access_persons.generation(connection)
            with self._guard:
                if generation != self._generation:
                    self._held, self._generation = {}, generation
                key = self._held.get(prefix)
            if key is None:
                key = access_keys.by_prefix(connection, prefix)
        if key is None or key.ended_at or not hmac.compare_digest(key.sha256, tokens.digest(shown)):
            return None
        with self._guard:
            if generation == self._generation:
                self._held[prefix] = key
        return key
