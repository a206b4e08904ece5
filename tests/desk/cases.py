"""A town with every kind of payment, and the two persons who act: what the tests of this folder share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fundlink.desk.acts import Asked
from fundlink.domain.errors import ProblemError
from fundlink.store import verify
from tests.builders import World, bill, bills, receipt

ONE, OTHER = "佐藤", "鈴木"
PAYER = "0000000012"
NOBODY = "9" * 20
"""A case key that is nobody's."""


def codes(act: Callable[[], Any]) -> list[str]:
    """The problem codes of a refusal."""
    with pytest.raises(ProblemError) as refused:
        act()
    return [told.code for told in refused.value.problems]


def prepare(world: World, verb: str, case: str, **more: Any) -> dict[str, Any]:
    """One person prepares."""
    return world.jobs.prepare_act(Asked(verb, case, **{"who": ONE, "reason": "確認済み", **more}))


def act(world: World, verb: str, case: str, **more: Any) -> dict[str, Any]:
    """Two persons prepare and approve."""
    return world.jobs.approve_act(prepare(world, verb, case, **more)["act_id"], OTHER)


def town(world: World) -> World:
    """Bills 1 to 6 of one payer, all registered; T1 pays bill 1, T2 pays it again, T3 is nobody's, T4 is 5 yen too much for bill 4."""
    world.intake([bill(number, addressee_number=PAYER, due_on=f"2026-11-{20 - number:02d}") for number in range(1, 7)])
    world.jobs.submit()
    world.receive(
        [
            world.paid(1, "T1"),
            world.paid(1, "T2"),
            receipt("T3", NOBODY, "000000", amount_yen=1002),
            world.paid(4, "T4", amount_yen=1009),
        ]
    )
    world.jobs.reconcile()
    return world


def queue(world: World, **filters: str) -> dict[str, str]:
    """Name and reason of every open case."""
    return {case["case"]: case["reason"] for case in world.jobs.cases(filters)["cases"]}


def balances(world: World, transaction_key: str) -> dict[str, int]:
    """Where the yen of a payment lies."""
    from fundlink.desk.grounds import payments

    with world.jobs.rooms.store.read() as connection:
        return {account: yen for account, yen in payments(connection, [transaction_key])[transaction_key].balances.items() if yen}


def entries(world: World, *keys: str) -> list[tuple[str, str, str, str, int]]:
    """(transaction, stage, outcome, core key, yen) as the core system is told, in order."""
    from fundlink.pipeline import export
    from fundlink.reconcile.outcomes import ATTACHED
    from fundlink.store import clearings

    export.compose(world.jobs.rooms, {})
    with world.jobs.rooms.store.read() as connection:
        told = list(map(export.clearing_entry, clearings.entries(connection, attached=ATTACHED)))
    return [(e.transaction_key, e.stage, e.outcome, e.core_key, e.paid_yen) for e in told if not keys or e.transaction_key in keys]


def sound(world: World) -> None:
    """Every invariant that has a witness holds."""
    assert broken(world) == []


def broken(world: World) -> list[str]:
    """Ids of the invariants that do not hold."""
    return [str(item["id"]) for item in verify.verify(world.jobs.rooms.store)["invariants"] if not item["ok"]]


__all__ = [
    "NOBODY",
    "ONE",
    "OTHER",
    "PAYER",
    "act",
    "balances",
    "bill",
    "bills",
    "broken",
    "codes",
    "entries",
    "prepare",
    "queue",
    "receipt",
    "sound",
    "town",
]
