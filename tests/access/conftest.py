"""Hashes that take a moment: what is tested here is who gets in, not how long a hash takes (test_rules looks at that)."""

from __future__ import annotations

import pytest

from tests.access.staff import quick_hashes


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "real_hashes" not in request.keywords:
        quick_hashes(monkeypatch)
