"""Builders for tests of access: persons with roles, keys of machines, codes of second factors."""

from __future__ import annotations

from typing import Any

import pyotp
import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from fundlink.access import passwords, tokens
from fundlink.desk import accounts, api_keys, credentials
from fundlink.desk.accounts import NewAccount
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.domain.values import municipality_check_digit
from fundlink.pipeline import Rooms
from fundlink.store import access_keys, access_persons
from tests.builders import CODE

OTHER = f"99002{municipality_check_digit('99002')}"
PASSWORD = "Kumo no ue ni wa sora"
HERE = Scope(frozenset({CODE}))


def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed with next to no work."""
    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
    monkeypatch.setattr(passwords, "_hasher", lambda: quick)
    monkeypatch.setattr(passwords, "_nobody", lambda: quick.hash("nobody has this one"))


def administrators(rooms: Rooms) -> tuple[str, str]:
    """Two administrators: the first one, and the one that it registered alone."""
    accounts.first_admin(rooms, NewAccount("root.admin", "100", "管理 一郎"))
    accounts.add(rooms, NewAccount("second.admin", "101", "管理 二郎", ("admin",)), "root.admin", "")
    return "root.admin", "second.admin"


def person(rooms: Rooms, login: str, *roles: str, number: str = "", scope: Scope = EVERYWHERE) -> dict[str, Any]:
    """A person with roles, registered by two administrators (made where there are none)."""
    with rooms.store.read() as connection:
        there = access_persons.any_real(connection)
    if not there:
        administrators(rooms)
    new = NewAccount(login, number or f"P-{login}", f"{login} 氏", tuple(roles), scope)
    return accounts.add(rooms, new, "root.admin", "second.admin")


def with_login(rooms: Rooms, login: str, *roles: str, scope: Scope = EVERYWHERE) -> str:
    """A person whose account is set up; the secret of the second factor. Its code of this moment is used up."""
    made = person(rooms, login, *roles, scope=scope)
    secret = credentials.begin_enrolment(login).secret
    credentials.set_up(rooms, credentials.Setup(login, made["setup_secret"], PASSWORD), secret, code(rooms, secret))
    return secret


def code(rooms: Rooms, secret: str) -> str:
    """The code of this moment."""
    return pyotp.TOTP(secret).at(int(rooms.clock().timestamp()))


def key(rooms: Rooms, municipality_code: str = CODE, role: str = "vendor", profile: str = "") -> str:
    """A key as a machine holds it, also one of a role that the command would not give a machine."""
    made = tokens.new_key()
    with rooms.store.write() as connection:
        values = (made.prefix, made.sha256, "machine", role, municipality_code, profile, "test", rooms.now())
        access_keys.add(connection, values)
        access_persons.note_change(connection, "key", rooms.now())
    return made.shown


__all__ = ["HERE", "OTHER", "PASSWORD", "administrators", "api_keys", "code", "key", "person", "quick_hashes", "with_login"]
