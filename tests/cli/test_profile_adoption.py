"""`fundlink profile adopt`: proposed by one administrator, approved by another; until then the file that needs it waits."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fundlink.bootstrap import SCHEMAS
from tests.access.staff import administrators
from tests.builders import world as build_world
from tests.cli.conftest import Run


def test_a_profile_is_adopted_and_its_file_taken_in(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "profiles" / "kasen"
    shutil.copytree(SCHEMAS / "profiles" / "standard", own)
    text = (own / "profile.toml").read_text(encoding="utf-8")
    (own / "profile.toml").write_text(text.replace('name = "standard"', 'name = "kasen"', 1), encoding="utf-8")
    monkeypatch.setenv("FUNDLINK_PROFILES", str(tmp_path / "profiles"))
    built = build_world(tmp_path)
    administrators(built.jobs.rooms)
    built.jobs.rooms.close()
    file = tmp_path / "b.csv"
    run("profile", "sample", "kasen", "billing", "--rows", 3, "--out", file)
    refused = run("intake", file, "--profile", "kasen", "--json")
    assert (refused.code, [told["code"] for told in refused.json["problems"]]) == (1, ["FL-PRF-005"])
    assert "→ 管理者が `fundlink profile adopt` か画面で準備し" in run("intake", file, "--profile", "kasen").err
    said = run("profile", "adopt", "kasen", "--as", "root.admin", "--reason", "版の更新")
    assert (said.code, "プロファイルの採用  kasen" in said.out, "別の人が `fundlink proposal approve 1" in said.out) == (0, True, True)
    seen = run("profile", "diff", "kasen")
    assert (seen.code, "採用済み    なし" in seen.out, "profile.toml（追加）" in seen.out, '+name = "kasen"' in seen.out) == (
        0,
        True,
        True,
        True,
    )
    assert run("proposal", "approve", "1", "--as", "root.admin", "--json").json["problems"][0]["code"] == "FL-4EY-001"
    assert run("proposal", "approve", "1", "--as", "second.admin").code == 0
    assert "採用済みの内容と同じです。" in run("profile", "diff", "kasen").out
    assert run("profile", "diff", "kasen", "--json").json["changes"] == []
    assert run("profile", "diff", "standard", "--json").json["problems"][0]["code"] == "FL-PRF-006"
    assert run("intake", file, "--profile", "kasen", "--json").json["read"] == 3
    assert run("profile", "adopt", "standard", "--as", "root.admin", "--reason", "x", "--json").json["problems"][0]["code"] == "FL-PRF-006"
