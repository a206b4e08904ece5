"""Commands by the contract: keys, exit codes, one JSON object, one line for a mistake, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders import CODE, bills
from tests.cli.conftest import Run

INTAKE_KEYS = {
    "file", "read", "accepted", "created", "updated", "unchanged", "cancelled", "conflicts", "rejected", "accepted_yen", "rejected_yen",
    "duplicate_of", "quarantined", "problems", "result_file",
}  # fmt: skip


def write_bills(path: Path, count: int = 3) -> Path:
    """A file of the standard profile."""
    from fundlink import bootstrap

    profile = bootstrap.profile_loader(bootstrap.settings())("standard")
    path.write_bytes(b"".join(profile.message("billing").writer(bills(count), {})))
    return path


def test_an_empty_home_works_at_once(run: Run, tmp_path: Path, home: Path) -> None:
    said = run("intake", write_bills(tmp_path / "b.csv"), "--profile", "standard", "--json")
    assert said.code == 0
    assert said.json.keys() >= INTAKE_KEYS
    assert said.json["file"] | {"sha256": ""} == {"name": "b.csv", "sha256": "", "bytes": (tmp_path / "b.csv").stat().st_size}
    assert (said.json["created"], said.json["accepted_yen"], said.json["duplicate_of"]) == (3, 3006, None)
    assert run("municipality", "list", "--json").json["municipalities"][0]["code"] == CODE
    results = Path(said.json["result_file"]).read_text("utf-8-sig").splitlines()
    assert [line.split(",")[:3] for line in results[1:]] == [["2", "1", "追加"], ["3", "1", "追加"], ["4", "1", "追加"]]


def test_the_same_bytes_again_are_no_work_and_no_error(run: Run, tmp_path: Path) -> None:
    run("intake", write_bills(tmp_path / "b.csv"))
    (tmp_path / "renamed.csv").write_bytes((tmp_path / "b.csv").read_bytes())
    said = run("intake", tmp_path / "renamed.csv", "--json")
    assert (said.code, said.json["duplicate_of"], said.json["created"]) == (0, 1, 0)
    assert said.json["problems"][0]["code"] == "FL-DUP-002"


def test_dry_run_prints_the_same_numbers(run: Run, tmp_path: Path) -> None:
    path = write_bills(tmp_path / "b.csv")
    rehearsed = run("intake", path, "--dry-run", "--json").json
    real = run("intake", path, "--json").json
    differing = {"result_file", "files", "file_id"}
    assert {name: rehearsed[name] for name in INTAKE_KEYS - differing} == {name: real[name] for name in INTAKE_KEYS - differing}


def test_several_files_are_summed_and_listed(run: Run, tmp_path: Path) -> None:
    first, second = write_bills(tmp_path / "a.csv", 2), tmp_path / "empty.csv"
    second.write_bytes(b"")
    said = run("intake", first, second, "--json")
    assert said.code == 1
    assert (said.json["created"], said.json["quarantined"], len(said.json["files"])) == (2, True, 2)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["intake", "nowhere.csv"], 2, id="L01-missing-file"),
        pytest.param(["intake", "."], 2, id="L01-folder-for-file"),
        pytest.param(["intake"], 2, id="L01-no-file"),
        pytest.param(["submit", "--no-such-option"], 2, id="L01-unknown-option"),
        pytest.param(["nonsense"], 2, id="L01-unknown-command"),
        pytest.param(["reconcile", "--day", "2026-02-30"], 2, id="L01-wrong-day"),
        pytest.param(["profile", "sample", "standard", "nonsense"], 1, id="unknown-message"),
        pytest.param(["profile", "sample", "nobody", "billing"], 1, id="unknown-profile"),
        pytest.param(["elqr", "decode", "123"], 1, id="wrong-payload"),
        pytest.param(["reissue", "nothing", "--as", "a", "--approved-by", "b"], 1, id="unknown-bill"),
        pytest.param(["reissue", "nothing", "--as", "a", "--approved-by", "a"], 2, id="one-person"),
        pytest.param(["municipality", "add", "123456"], 1, id="wrong-check-digit"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(run: Run, arguments: list[str], code: int) -> None:
    said = run(*arguments)
    assert said.code == code
    assert "Traceback" not in said.err + said.out
    assert len((said.err or said.out).strip().splitlines()) <= 14
    as_json = run(*arguments, "--json")
    assert as_json.code == code
    assert isinstance(json.loads(as_json.out), dict)


def test_an_unknown_setting_refuses_to_start(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNDLINK_HOEM", "x")
    said = run("municipality", "list", "--json")
    assert said.code == 78
    assert said.json["problems"][0]["code"] == "FL-CFG-001"
    assert "FUNDLINK_HOEM" in said.json["problems"][0]["message"]


def test_production_refuses_what_is_unsafe_all_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNDLINK_ENVIRONMENT", "production")
    monkeypatch.setenv("FUNDLINK_SEED", "1")
    said = run("demo", "--json")
    assert said.code == 78
    told = " ".join(one["message"] for one in said.json["problems"])
    assert all(name in told for name in ("FUNDLINK_SEED", "FUNDLINK_GATEWAY_URL", "FUNDLINK_GATEWAY_CERTIFICATE", "FUNDLINK_NOW"))


def test_a_second_run_on_the_same_home_is_busy(run: Run, home: Path, tmp_path: Path) -> None:
    from fundlink import bootstrap

    path = write_bills(tmp_path / "b.csv")
    rooms = bootstrap.build(bootstrap.settings())
    with bootstrap.owner(rooms):
        said = run("intake", path, "--json")
    rooms.close()
    assert (said.code, said.json["problems"][0]["code"]) == (75, "FL-LCK-001")
    assert run("intake", path, "--json").json["created"] == 3


def test_an_unreachable_gateway_is_said_and_nothing_is_lost(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNDLINK_GATEWAY_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("FUNDLINK_GATEWAY_ATTEMPTS", "1")
    run("intake", write_bills(tmp_path / "b.csv"))
    for _ in range(2):
        said = run("submit", "--json")
        assert (said.code, said.json["unknown"], said.json["problems"][0]["code"]) == (1, 3, "FL-GTW-003")
    assert "不可 0）  いま結果不明 3 件" in run("submit").out
    assert run("collect", "--json").json["problems"][0]["code"] == "FL-GTW-003"


def test_a_drop_folder_is_emptied_into_done_and_error(run: Run, tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    write_bills(drop / "good.csv")
    (drop / "good.csv.done").touch()
    (drop / "bad.csv").write_bytes(b"")
    (drop / "bad.csv.done").touch()
    (drop / "growing.csv").write_bytes(b"half")
    said = run("intake", "--folder", drop, "--json")
    assert said.code == 1
    assert said.json["created"] == 3
    assert sorted(path.relative_to(drop).as_posix() for path in drop.rglob("*") if path.is_file()) == [
        "done/good.csv",
        "error/bad.csv",
        "growing.csv",
    ]


def test_verify_and_audit_of_an_empty_home(run: Run) -> None:
    assert run("verify", "--json").json["ok"] is True
    assert run("audit", "verify", "--json").json == {"ok": True, "entries": 0, "first_bad": None}


def test_elqr_round_trip_and_image(run: Run, tmp_path: Path) -> None:
    options = {
        "amount-yen": 12300, "institution-code": "99001", "case-key": "60120260000000000001", "confirmation-number": "012345",
        "fund-code": "601", "levy-year": 2026, "due-on": "2026-11-30", "payable-until": "2027-01-09", "installment": "03",
    }  # fmt: skip
    said = run("elqr", "encode", *(part for name, value in options.items() for part in (f"--{name}", value)), "--json")
    payload = said.json["payload"]
    assert (said.code, len(payload), payload.isdigit()) == (0, 255, True)
    decoded = run("elqr", "decode", payload, "--json").json
    assert (decoded["amount_yen"], decoded["case_key"], decoded["confirmation_number"], decoded["scheme_code"]) == (12300, "60120260000000000001", "012345", "13800")  # fmt: skip
    assert (decoded["crc"]["ok"], decoded["check_digits"]["verified"], decoded["relevant_year"]) == (True, False, 2026)
    for suffix, magic in ((".png", b"\x89PNG"), (".svg", b"<svg")):
        out = tmp_path / f"qr{suffix}"
        assert run("elqr", "image", payload, "--out", out, "--json").code == 0
        assert out.read_bytes()[:4] == magic
    wrong = run("elqr", "decode", ("9" if payload[60] != "9" else "8").join((payload[:60], payload[61:])), "--json")
    assert (wrong.code, {"code", "at", "message"} <= wrong.json["problems"][0].keys()) == (1, True)


def test_profile_list_check_and_sample(run: Run, tmp_path: Path) -> None:
    names = {item["name"] for item in run("profile", "list", "--json").json["profiles"]}
    assert {"standard", "core-standard", "host-fixed", "gateway", "bank-zengin-03"} <= names
    said = run("profile", "sample", "host-fixed", "billing", "--rows", 4, "--seed", 2, "--out", tmp_path / "s.txt", "--json")
    assert said.json["rows"] == 4
    taken = run("intake", tmp_path / "s.txt", "--profile", "host-fixed", "--json").json
    assert (taken["read"], taken["rejected"], taken["quarantined"]) == (4, 0, False)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "profile.toml").write_text('[profile]\nname = "x"\n[billing]\nform = "nonsense"\nlayout = "no.csv"\n')
    checked = run("profile", "check", tmp_path / "broken", "--json")
    assert (checked.code, checked.json["ok"]) == (1, False)
    assert any("profile.toml" in (one["place"] or "") for one in checked.json["problems"])
