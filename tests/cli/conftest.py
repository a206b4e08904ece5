"""Runs commands in this process as a user would type them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fundlink import cli


class Said(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Its one JSON object."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


Run = Callable[..., Said]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty HOME and a business clock that stands still."""
    monkeypatch.setenv("FUNDLINK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FUNDLINK_NOW", "2026-11-24T09:00:00+09:00")
    return tmp_path / "home"


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """``run("intake", path, "--json")``: exit code, stdout, stderr."""

    def call(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["fundlink", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capfd.readouterr()
        return Said(int(ended.value.code or 0), told.out, told.err)

    return call
