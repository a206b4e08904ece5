"""Days of the books as tests build them: what the gateway settles, what was frozen, what verify says."""

from __future__ import annotations

from typing import Any

from fundlink.domain.books import digest
from fundlink.domain.records import BillingRecord, SettlementRecord
from fundlink.store.verify import verify
from tests.builders import DAY, INSTITUTION, World, bill

NEXT = "2026-11-24"
AFTER = "2026-11-25"


def settled(world: World, gross: int, day: str = DAY, *, fund: str = "601", edition: int = 1) -> None:
    """The gateway settles a day and fund, all of it kept as fee, so that no bank is needed; reconcile."""
    world.settle([SettlementRecord(f"S{day}{fund}", edition, INSTITUTION, fund, day, 1, gross, gross, 0, "2026-11-26")])
    world.jobs.reconcile()


def registered(world: World, records: list[BillingRecord], *, name: str = "bills.csv") -> None:
    """Bills that the gateway knows."""
    world.intake(records, name=name)
    world.jobs.submit()


def a_closed_day(world: World, *extra: Any) -> None:
    """Five registered bills, the first one paid on DAY, which is closed."""
    registered(world, [bill(number) for number in range(1, 6)])
    world.receive([world.paid(1, "T1"), *extra])
    world.jobs.reconcile()
    settled(world, 1001 + sum(one.amount_yen for one in extra))
    assert world.jobs.close_day(DAY, "a", "b")["closed"]


def frozen(world: World, day: str = DAY, source: str = "receipt") -> dict[tuple[Any, ...], tuple[int, int]]:
    """The frozen rows of a day: (account, value_on) to (transactions, yen); any key that stands twice is added up."""
    found: dict[tuple[Any, ...], tuple[int, int]] = {}
    rows = world.sql(
        "SELECT account, value_on, transactions, yen FROM day_book WHERE day = :day AND source = :source ORDER BY id",
        day=day,
        source=source,
    )
    for account, value_on, count, yen in rows:
        before = found.get((account, value_on), (0, 0))
        found[account, value_on] = (before[0] + count, before[1] + yen)
    return found


def hashes(world: World) -> dict[str, str]:
    """Stored hash of every closed day."""
    return dict(world.sql("SELECT day, books_sha256 FROM day_close WHERE step = 'approved'"))


def hash_of(world: World, day: str) -> str:
    """The hash made again from the stored rows."""
    rows = world.sql(
        """SELECT municipality_code, fund_code, department_code, fiscal_year, year_kind, source, account, value_on, transactions, yen
           FROM day_book WHERE day = :day""",
        day=day,
    )
    return digest(rows[0][0] if rows else "990019", day, [row[1:] for row in rows])


def states(world: World) -> dict[str, tuple[str, list[str]]]:
    """State and differences of every day of fund 601 after another reconcile."""
    return {row["day"]: (row["state"], row["differences"]) for row in world.jobs.reconcile()["days"] if row["fund_code"] == "601"}


def broken(world: World) -> list[str]:
    """The invariants that verify finds broken."""
    return [one["id"] for one in verify(world.jobs.rooms.store)["invariants"] if not one["ok"]]


def counted(world: World) -> dict[str, int]:
    """Rows of every stored table."""
    from fundlink.store.tables import METADATA

    return {table.name: int(world.sql(f'SELECT COUNT(*) FROM "{table.name}"')[0][0]) for table in METADATA.sorted_tables}
