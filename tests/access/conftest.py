"""Hashes that take a moment: what is tested here is who gets in, not how long a hash takes (test_rules looks at that)."""

from __future__ import annotations

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from fundlink.access import passwords


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "real_hashes" not in request.keywords:
        quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
        monkeypatch.setattr(passwords, "_hasher", lambda: quick)
        monkeypatch.setattr(passwords, "_nobody", lambda: quick.hash("nobody has this one"))
