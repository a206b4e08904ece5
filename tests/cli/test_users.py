"""Persons and keys as commands: secrets once, passwords never as an argument, exit codes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pyotp
import pytest

from tests.cli.conftest import Run, Said


def test_from_the_first_administrator_to_a_key_and_its_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    made = run("users", "first-admin", "yamada", "--person", "10001", "--name", "山田 花子", "--json").json
    assert run("users", "first-admin", "x.y.z", "--person", "2", "--name", "x", "--json").json["problems"][0]["code"] == "FL-AUTH-008"
    assert run("users", "add", "suzuki", "--person", "10002", "--name", "鈴木", "--role", "admin", "--as", "yamada").code == 0
    alone = ("users", "add", "sato", "--person", "10003", "--name", "佐藤", "--role", "treasury", "--as", "yamada")
    assert run(*alone, "--approved-by", "suzuki", "--json").json["problems"][0]["code"] == "FL-4EY-003"
    number = run(*alone, "--municipality", "990019", "--json").json["proposal_id"]
    assert run("users", "waiting", "--json").json["proposals"][0]["proposal_id"] == number
    assert run("users", "approve", str(number), "--as", "yamada", "--json").json["problems"][0]["code"] == "FL-4EY-001"
    assert run("users", "approve", str(number), "--as", "suzuki", "--json").json["roles"] == ["treasury"]
    again = run("users", "roles", "sato", "--role", "input", "--as", "yamada", "--json").json["proposal_id"]
    assert run("users", "drop", again, "--as", "yamada").code == 0
    assert "承認を待つものはありません" in run("users", "waiting").out
    assert run("users", "set-up", "yamada", "--password", "x").code == 2, "there is no such option"
    said = _set_up(run, monkeypatch, made["setup_secret"], "Kumo no ue ni wa sora")
    assert (said.code, said.json["ok"]) == (0, True)
    assert made["setup_secret"] not in run("users", "list", "--json").out
    key = run("users", "key", "add", "基幹", "--municipality", "990019", "--as", "yamada", "--json").json
    assert key["key"].startswith(f"flk_{key['prefix']}_")
    assert (
        run("users", "key", "add", "基幹", "--municipality", "990019", "--as", "sato", "--json").json["problems"][0]["code"]
        == "FL-AUTH-003"
    )
    listed = run("users", "key", "list", "--json")
    assert key["key"] not in listed.out
    assert listed.json["keys"][0]["prefix"] == key["prefix"]
    assert run("users", "key", "revoke", key["prefix"], "--as", "yamada").code == 0
    assert run("users", "key", "revoke", key["prefix"], "--as", "yamada", "--json").json["problems"][0]["code"] == "FL-AUTH-014"
    assert run("users", "disable", "sato", "--reason", "異動", "--as", "yamada", "--json").json["state"] == "disabled"
    assert "停止" in run("users", "list").out
    assert run("users", "audit", "--json").json["to_look_at"] == 3  # two were never used, one is disabled and keeps its roles
    assert run("users", "unlock", "suzuki", "--as", "yamada", "--json").json == {"login": "suzuki", "failures": 0}


def _set_up(run: Run, monkeypatch: pytest.MonkeyPatch, secret: str, password: str) -> Said:
    """The person at a terminal: the code is read off the address that the command prints before it asks."""
    from fundlink.access import second_factor

    factor = pyotp.random_base32()
    monkeypatch.setattr(second_factor, "new_secret", lambda: factor)
    moment = 1_795_478_400  # 2026-11-24T09:00:00+09:00, where the clock stands
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{secret}\n{password}\n{pyotp.TOTP(factor).at(moment)}\n"))
    return run("users", "set-up", "yamada", "--stdin", "--json")


def test_the_head_of_the_trail_as_a_file(run: Run, tmp_path: Path) -> None:
    run("municipality", "add", "990019", "--name", "見本")
    out = tmp_path / "head.json"
    told = run("audit", "head", "--out", out, "--json").json
    assert json.loads(out.read_text())["hash"] == told["hash"]
    assert run("audit", "verify", "--head", out, "--json").json == {"ok": True, "entries": told["seq"], "first_bad": None}
    out.write_text(out.read_text().replace(told["hash"], "0" * 64))
    assert run("audit", "verify", "--head", out, "--json").json["problems"][0]["code"] == "FL-AUD-001"
    assert run("audit", "verify", "--head", tmp_path / "none").code == 2
