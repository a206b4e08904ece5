"""A profile of the municipality's own is adopted on its page: one administrator prepares, another one approves; others only look."""

from __future__ import annotations

import re

from tests.console.persons import ADMIN, INPUT, SECOND, Desk, Staffed


def _form(page: str, step: str) -> str:
    found = re.search(rf'action="[^"]*(profiles/waiting/\d+/{step})"', page)
    assert found is not None, step
    return found.group(1)


def test_a_profile_is_adopted_by_two_administrators(stage: tuple[Desk, Staffed]) -> None:
    desk, staffed = stage
    desk.sit(INPUT)
    looked = desk.get("profiles").text
    assert "kasen" in looked
    assert "profiles/waiting" not in looked
    desk.sit(ADMIN)
    mine = desk.get("profiles").text
    assert "未採用（承認が必要）" in mine
    assert "あなたが準備しました" in mine
    assert desk.post("profiles/propose", data={"name": "kasen", "reason": "もう一度"}).status_code == 422, "one at a time"
    desk.sit(SECOND)
    page = desk.get("profiles").text
    assert "まだ採用したことがないので、すべての行を示します。" in page
    assert len(page.encode()) < 150_000
    sha256 = re.findall(r'name="sha256" value="([0-9a-f]{64})"', page)
    assert desk.post(_form(page, "approve"), data={"sha256": "0" * 64}).status_code == 422
    answer = desk.post(_form(page, "approve"), data={"sha256": sha256[0]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/profiles?done=carry")
    assert "採用済み" in desk.get("profiles").text
    folder = staffed.world.folder / "profiles" / "kasen"
    (folder / "profile.toml").write_text((folder / "profile.toml").read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert "採用後に変更あり" in desk.get("profiles").text
    assert desk.post("profiles/propose", data={"name": "kasen", "reason": "版の更新"}).headers["location"] == "/console/profiles?done=act"
    page = desk.get("profiles").text
    assert "profile.toml</code>　変更" in page
    (folder / "profile.toml").write_text((folder / "profile.toml").read_text(encoding="utf-8") + f"# {'x' * 300}\n", encoding="utf-8")
    assert "続きは fundlink profile diff で見られます" in desk.get("profiles").text
    assert "準備のあとでファイルが変わりました。" in desk.get("profiles").text
    assert desk.post(_form(page, "withdraw")).status_code == 303
    assert "profiles/waiting" not in desk.get("profiles").text
    (folder / "profile.toml").write_text("[profile", encoding="utf-8")
    assert "誤りがあります" in desk.get("profiles").text
