"""The queue and the acts as commands: keys, words, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from fundlink import bootstrap
from fundlink.connectors.in_memory import InMemoryGateway
from fundlink.jobs import Jobs
from tests.builders import World, bill, bills
from tests.cli.conftest import Run


@pytest.fixture
def paid_twice(home: Path, tmp_path: Path) -> None:
    """Bill 1 was paid twice."""
    from tests.builders import _pair

    twin = InMemoryGateway(_pair("gateway"))
    rooms = bootstrap.build(bootstrap.settings(), gateway=twin)
    world = World(Jobs(rooms), twin, tmp_path)
    world.intake(bills(2))
    world.jobs.submit()
    world.receive([world.paid(1, "T1"), world.paid(1, "T2")])
    world.jobs.reconcile()
    rooms.close()


@pytest.mark.usefixtures("paid_twice")
def test_a_case_from_the_list_to_its_end(run: Run) -> None:
    said = run("cases", "--json")
    (case,) = said.json["cases"]
    assert (said.code, said.json["next"], case["case"], case["reason"]) == (0, None, "transaction:T2", "duplicate_payment")
    assert run("case", "assign", "transaction:T2", "田中", "--as", "係長", "--json").json["owner"] == "田中"
    assert "二重納付" in run("cases", "--owner", "田中").out
    prepared = run("act", "prepare", "accept", "--case", "transaction:T2", "--as", "佐藤", "--reason", "二重", "--json").json
    assert (prepared["state"], prepared["after"]["payments"]["T2"]["balances"]) == ("prepared", {"overpaid": 1001})
    same = run("act", "approve", prepared["act_id"], "--as", "佐藤", "--json")
    assert (same.code, same.json["problems"][0]["code"]) == (1, "FL-ACT-003")
    assert "実施しました" in run("act", "approve", prepared["act_id"], "--as", "鈴木").out
    words = run("act", "prepare", "offset", "--case", "transaction:T2", "--as", "佐藤", "--reason", "充当", "--to", "K2=1001").out
    assert bill(2).bill_key in words
    assert run("act", "refuse", 2, "--as", "鈴木", "--reason", "還付する", "--json").json["state"] == "refused"
    assert run("act", "prepare", "refund", "--case", "transaction:T2", "--as", "佐藤", "--reason", "還付", "--json").json["act_id"] == 3
    assert run("act", "withdraw", 3, "--as", "佐藤", "--json").json["state"] == "withdrawn"
    shown = run("case", "show", "transaction:T2").out
    assert all(word in shown for word in ("過誤納", "却下 鈴木", "取りやめ 佐藤", "担当 田中"))
    assert run("verify", "--json").json["ok"] is True


@pytest.mark.usefixtures("paid_twice")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["cases", "--kind", "nonsense"], 2),
        (["cases", "--after", "nonsense"], 2),
        (["case", "show", "transaction:T9"], 1),
        (["act", "prepare", "eat", "--case", "transaction:T2", "--as", "a", "--reason", "b"], 2),
        (["act", "prepare", "split", "--case", "transaction:T2", "--as", "a", "--reason", "b", "--to", "K2"], 2),
        (["act", "prepare", "accept", "--case", "transaction:T2", "--reason", "b"], 2),
        (["act", "approve", "7", "--as", "a"], 1),
    ],
)
def test_a_mistake_is_told(run: Run, arguments: list[str], code: int) -> None:
    said = run(*arguments, "--json")
    assert said.code == code
    assert "Traceback" not in said.err + said.out


@pytest.mark.usefixtures("paid_twice")
def test_pages_follow_each_other(run: Run, home: Path) -> None:
    first = run("cases", "--limit", 1, "--json").json
    assert (len(first["cases"]), first["next"]) == (1, None)
    assert run("cases", "--after", f"{first['cases'][0]['since']}/transaction:T2", "--json").json["cases"] == []
    assert run("cases", "--after", f"{first['cases'][0]['since']}/transaction:T1", "--json").json["cases"] == first["cases"]
