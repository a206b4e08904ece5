"""verify finds what somebody did to closed days behind the program's back."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import Connection

from fundlink.store import bulk
from tests.books.days import NEXT, a_closed_day, broken, hash_of, settled
from tests.builders import DAY, World

FORGED = "forge the hash too"
# what is done to the database, whether the hash is made to fit, and which invariants break
PLANTED: dict[str, tuple[list[str], str, list[str]]] = {
    "an amount is changed": (["UPDATE day_book SET yen = yen + 1 WHERE account = 'collected' AND value_on = day"], "", ["I-03", "I-17", "I-19"]),
    "a row is lost": ([f"DELETE FROM day_book WHERE day = '{NEXT}' AND source = 'receipt' AND value_on < day"], "", ["I-17"]),
    "a compensation is lost and the hash forged": (
        [f"DELETE FROM day_book WHERE day = '{NEXT}' AND source = 'receipt' AND value_on < day"], FORGED, ["I-17", "I-18"]),
    "money is lost and the hash forged": ([f"DELETE FROM day_book WHERE day = '{NEXT}' AND source = 'money' AND value_on < day"], FORGED, ["I-17", "I-18"]),
    "a hash is changed": (["UPDATE day_close SET books_sha256 = 'x' WHERE step = 'approved'"], "", ["I-17", "I-18"]),
    "books without a close": (
        ["""INSERT INTO day_book (municipality_code, day, fund_code, department_code, fiscal_year, year_kind, source, account, value_on, transactions, yen)
            VALUES ('990019', '2026-12-01', '601', '000', 2026, 'current', 'act', 'refunded', '2026-12-01', 0, 0)"""], "", ["I-17"]),
    "another year and the hash forged": (
        ["UPDATE day_book SET fiscal_year = 2025, year_kind = 'current' WHERE source = 'receipt'"], FORGED, ["I-18", "I-19"]),
    "another kind of year and the hash forged": (
        [f"UPDATE day_book SET year_kind = 'carried_over' WHERE source = 'receipt' AND day = '{DAY}'"], FORGED, ["I-18", "I-19"]),
    "approved by the one who prepared": (['UPDATE day_close SET "by" = \'a\''], "", ["I-18"]),
    "never prepared": (["DELETE FROM day_close WHERE step = 'prepared'"], "", ["I-18"]),
    "a day closed by its state alone": (
        ["""INSERT INTO day_state (day, municipality_code, fund_code, receipts, receipts_yen, settled_yen, fee_yen, credited_yen, difference_yen, state, differences, at)
            VALUES ('2026-12-01', '990019', '601', 0, 0, 0, 0, 0, 0, 'closed', '[]', 'x')"""], "", ["I-18"]),
    "days closed backwards": ([f"UPDATE day_close SET day = '2026-11-01' WHERE day = '{NEXT}'",
                               f"UPDATE day_book SET day = '2026-11-01' WHERE day = '{NEXT}'"], FORGED, ["I-17", "I-18"]),
    "closed although it did not tie": ([f"UPDATE day_state SET state = 'difference' WHERE day = '{DAY}' AND state = 'tied'"], "", ["I-18"]),
    "called tied although it does not": (["UPDATE day_state SET difference_yen = 5 WHERE state = 'tied'"], "", ["I-03"]),
    "an outcome is changed": (["UPDATE outcome SET outcome = 'amount_mismatch' WHERE transaction_key = 'T2'"], "", ["I-17"]),
}  # fmt: skip


@pytest.fixture
def two_days(world: World) -> World:
    """DAY and NEXT are closed; NEXT compensates a late payment, with its money."""
    a_closed_day(world)
    world.receive([world.paid(2, "T2")])
    settled(world, 2003, edition=2)
    world.receive([world.paid(3, "T3", booked_on=NEXT)])
    world.jobs.reconcile()
    settled(world, 1003, NEXT)
    assert world.jobs.close_day(NEXT, "a", "b")["books"][0]["compensations"] == 3
    assert broken(world) == []
    return world


def test_planted_corruptions_are_found(two_days: World) -> None:
    """Each is planted, looked for, and taken back."""
    store, found = two_days.jobs.rooms.store, {}
    for name, (statements, forged, _) in PLANTED.items():
        with store.rehearsal(), store.write() as connection:
            assert all(bulk.run(connection, statement) for statement in statements), name
            if forged:
                _forge(two_days, connection)
            found[name] = [ident for ident in broken(two_days) if ident in ("I-03", "I-17", "I-18", "I-19")]
    assert found == {name: wanted for name, (_, _, wanted) in PLANTED.items()}
    assert broken(two_days) == []


def _forge(world: World, connection: Connection) -> None:
    for (day,) in world.sql("SELECT DISTINCT day FROM day_close WHERE step = 'approved'"):
        sha = hash_of(world, str(day))
        bulk.run(connection, "UPDATE day_close SET books_sha256 = :sha WHERE day = :day AND step = 'approved'", sha=sha, day=day)
