"""Backup and restore as commands, in a home each."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from fundlink.config import PREFIX
from tests.cli.conftest import Run
from tests.house.sources import ROOT


def test_an_installation_moves_by_a_file(run: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = tmp_path / "bills.csv"
    made = run("profile", "sample", ROOT / "schemas/profiles/standard", "billing", "--rows", "5", "--seed", "1")
    sample.write_bytes(made.out.encode())
    assert run("intake", sample, "--json").json["created"] == 5
    run("keys", "make")
    told = run("backup", "--out", tmp_path / "b.zip", "--with-keys", "--json")
    assert (told.code, told.json["with_keys"], told.json["file"]) == (0, True, str(tmp_path / "b.zip"))
    checked = run("restore", tmp_path / "b.zip", "--check", "--json")
    assert (checked.code, checked.json["ok"]) == (0, True)
    again = run("restore", tmp_path / "b.zip", "--json")
    assert (again.code, again.json["problems"][0]["code"]) == (1, "FL-BAK-003")

    monkeypatch.setenv(f"{PREFIX}HOME", str(tmp_path / "other"))
    restored = run("restore", tmp_path / "b.zip")
    assert (restored.code, "鍵も復元しました" in restored.out) == (0, True)
    assert run("verify", "--json").json["ok"]
    assert run("audit", "verify", "--json").json["ok"]
    assert run("intake", sample, "--json").json["duplicate_of"] is not None
    assert (tmp_path / "other/keys/adapter.key.pem").read_bytes() == (home / "keys/adapter.key.pem").read_bytes()


def test_what_is_no_backup(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"nothing")
    told = run("restore", tmp_path / "x.zip", "--json")
    assert (told.code, told.json["problems"][0]["code"]) == (1, "FL-BAK-001")
    assert run("restore", tmp_path / "not-there.zip").code == 2
    assert run("backup", "--out", tmp_path).code == 2


def test_an_older_program_on_a_newer_database(run: Run, home: Path) -> None:
    assert run("municipality", "list").code == 0
    engine = sa.create_engine(f"sqlite:///{home / 'fundlink.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    for command in (["submit"], ["verify"], ["backup", "--out", home / "b.zip"]):
        told = run(*command, "--json")
        assert (told.code, told.json["problems"][0]["code"]) == (78, "FL-UPG-001")
        assert "Traceback" not in told.err
