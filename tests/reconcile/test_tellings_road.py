"""Accounts, credits told twice and balances on the road: through commands and files, on both databases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fundlink.desk.bank_accounts import Wanted
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.records import BankCreditRecord
from fundlink.jobs import Jobs
from tests.builders import CODE, World
from tests.desk.cases import act, codes, prepare, queue
from tests.reconcile.test_settling_road import TRANSFER, begin, days, key, line, sound

ACCOUNT = "9999-001-1-0001234567"
HEAD = "照会口座,番号,勘定日,起算日,出金金額,入金金額,残高,EDI情報"
OTHER = "990027"


def csv(world: World, *rows: str, name: str = "bank.csv", code: str = CODE) -> dict[str, Any]:
    """A statement of the bank, handed over."""
    path: Path = world.folder / name
    path.write_bytes("\r\n".join((HEAD, *rows, "")).encode("cp932"))
    return world.jobs.intake_bank(path, "bank-csv", code)


def entry(number: int, yen: int, *, balance: str = "", reference: str = "", account: str = "9999-1-普通-1234567") -> str:
    """One line of it."""
    return f"{account},{number},R8.11.26,,,{yen},{balance},{reference}"


def zengin(world: World, *rows: tuple[int, int, str], kind: str = "03") -> dict[str, Any]:
    """(number, yen, reference) as a Zengin file."""
    header = {
        "file_created_on": TRANSFER, "period_from": TRANSFER, "period_to": TRANSFER, "bank_code": "9999", "branch_code": "001",
        "account_type": "1", "account_number": "1234567" if kind == "01" else "0001234567", "opening_sign": "1",
        "opening_balance_yen": 1000, "closing_sign": "1", "closing_balance_yen": 1000 + sum(row[1] for row in rows),
    }  # fmt: skip
    records = [
        BankCreditRecord("", f"{number:0{6 if kind == '01' else 8}d}", TRANSFER, TRANSFER, yen, "1", "0", "", "ﾁﾎｳ", reference, "")
        for number, yen, reference in rows
    ]
    path = world.folder / f"zengin-{kind}-{len(rows)}-{rows[0][0]}.txt"
    path.write_bytes(b"".join(world.jobs.rooms.profile(f"bank-zengin-{kind}").message("bank_credit").writer(iter(records), header)))
    return world.jobs.intake_bank(path, f"bank-zengin-{kind}", CODE)


def counted(world: World) -> list[tuple[Any, ...]]:
    """What counts as a credit: yen and reference."""
    return world.sql(
        """SELECT c.amount_yen, c.reference FROM bank_credit c WHERE COALESCE(
             (SELECT k.state FROM credit_telling k WHERE k.credit_id = c.id ORDER BY k.id DESC LIMIT 1), 'stands') = 'stands' ORDER BY c.id"""
    )


def production(world: World) -> World:
    """The same rooms where nothing registers itself."""
    return World(Jobs(replace(world.jobs.rooms, production=True)), world.twin, world.folder)


def test_one_credit_told_three_times_is_one_and_all_tellings_are_kept(world: World) -> None:
    begin(world, {"601": 500})
    world.settle([line("601", 500)])
    assert csv(world, entry(7, 500))["bank_credits"] == 1
    told = zengin(world, (1, 500, key("601")))
    assert (told["bank_credits"], told["duplicates"], told["problems"]) == (0, 1, [])
    assert (zengin(world, (9, 500, key("601")), kind="01")["bank_credits"], counted(world)) == (0, [(500, key("601"))])
    assert world.sql("SELECT COUNT(*), COUNT(DISTINCT form), COUNT(DISTINCT account) FROM bank_credit") == [(3, 3, 1)]
    found = days(world)
    assert (found["2026-11-20", "601"][2], (TRANSFER, "") in found) == ("tied", False)
    sound(world)


def test_what_cannot_be_told_waits_for_two_persons(world: World) -> None:
    begin(world, {"601": 500})
    csv(world, entry(7, 500, reference="X1"))
    told = zengin(world, (1, 500, "X2"))
    assert ((told["bank_credits"], told["duplicates"]), [one["code"] for one in told["problems"]]) == ((0, 0), ["FL-BNK-009"])
    (name,) = queue(world, kind="credit")
    assert (queue(world, kind="credit")[name], counted(world)) == ("told_differently", [(500, "X1")])
    facts = world.jobs.case(name)["facts"]["credit"]
    assert (facts["told"]["reference"], facts["beside"]["reference"]) == ("X2", "X1")
    world.jobs.reconcile()
    assert codes(lambda: prepare(world, "refund", name)) == ["FL-ACT-006"]
    done = act(world, "separate", name)
    assert (queue(world, kind="credit"), counted(world)) == ({}, [(500, "X1"), (500, "X2")])
    act(world, "reverse", f"act:{done['act_id']}")
    assert (list(queue(world, kind="credit")), counted(world)) == ([name], [(500, "X1")])
    act(world, "same", name)
    zengin(world, (1, 500, "X2"), (2, 700, ""))  # told again beside another one: what was decided stays
    assert (queue(world, kind="credit"), counted(world)) == ({}, [(500, "X1"), (700, "")])
    sound(world)


def test_an_account_that_nobody_knows_quarantines_the_file_until_it_is_registered(world: World) -> None:
    begin(world, {"601": 500})
    strict = production(world)
    row = entry(1, 500, account="本店 普通 1234567")
    told = csv(strict, row)
    assert (told["quarantined"], [one["code"] for one in told["problems"]], counted(world)) == (True, ["FL-BNK-005"], [])
    assert "quarantined" in queue(world, kind="received").values()
    wanted = Wanted("9999-1-1-1234567", CODE, "甲", "乙", "会計管理者", ("601",), ("本店　普通　１２３４５６７",))
    assert world.jobs.add_account(wanted)["account"] == ACCOUNT
    assert strict.jobs.accounts()["accounts"][0]["written_as"] == ["本店普通1234567"]
    assert (csv(strict, row)["bank_credits"], world.sql("SELECT account FROM bank_credit")) == (1, [(ACCOUNT,)])
    assert zengin(strict, (1, 500, ""))["bank_credits"] == 0  # under another spelling it is the same account
    assert codes(lambda: world.jobs.add_account(wanted)) == ["FL-BNK-011", "FL-BNK-011"]
    assert codes(lambda: world.jobs.add_account(wanted._replace(account="1234567", funds=("999",)))) == ["FL-BNK-010", "FL-CODE-001"]
    assert codes(lambda: world.jobs.add_account(wanted._replace(account="1-1-1-1", municipality_code="131016"))) == ["FL-MUN-003"]
    with pytest.raises(UsageError):
        world.jobs.add_account(wanted._replace(approved_by="甲 "))


def test_the_account_of_another_municipality_is_refused(world: World) -> None:
    from fundlink.desk import add_municipality

    begin(world, {"601": 500})
    csv(world, entry(1, 500))
    add_municipality(world.jobs.rooms, OTHER, "")
    told = csv(world, entry(2, 500), name="other.csv", code=OTHER)
    assert [(one["code"], one["line"]) for one in told["problems"]] == [("FL-BNK-006", 2)]


def test_a_break_of_the_balance_is_told_and_stays_visible(world: World) -> None:
    begin(world, {"601": 500})
    assert csv(world, entry(1, 500, balance="1500"), entry(2, 10, balance='"1,510"'))["problems"] == []
    broken = csv(world, entry(3, 10, balance="1520"), entry(4, 10, balance="1531"), name="b.csv")
    assert ([(one["code"], one["line"], one["severity"]) for one in broken["problems"]], broken["quarantined"]) == (
        [("FL-BNK-007", 3, "warning")],
        False,
    )
    gap = csv(world, entry(6, 10, balance="1600"), name="c.csv")
    assert [one["code"] for one in gap["problems"]] == ["FL-BNK-008"]
    inside, between = world.jobs.expected({})["balance_breaks"]
    assert (inside["line"], between["expected_yen"], between["actual_yen"]) == (3, 1531, 1590)
    (mark,) = world.jobs.watermark("2026-11-20")["municipalities"]
    assert len(mark["balance_breaks"]) == 2
    assert csv(world, entry(5, 59, balance="1590"), name="d.csv")["problems"] == []  # what was missing came
    assert [one.get("line") for one in world.jobs.expected({})["balance_breaks"]] == [3]


def test_the_commands_refuse_what_is_no_account(world: World) -> None:
    with pytest.raises(ProblemError):
        world.jobs.add_account(Wanted("abc", CODE, "a", "b"))
    assert world.jobs.accounts(CODE) == {"accounts": []}
