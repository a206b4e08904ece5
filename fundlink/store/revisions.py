"""What became known of a closed day after its close: funds whose outcomes moved, and each transaction before and after.

Called by pipeline.reconcile and pipeline.closing; reads only. It starts from the receipts of the day or from what is new.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.books import NO_DEPARTMENT
from fundlink.store import bulk
from fundlink.store.books import _NEWEST_APPROVED, Close


class Standing(NamedTuple):
    """How a transaction stands, or stood, in the books."""

    outcome: str
    booked_on: str
    fund_code: str
    department_code: str
    bill_year: int | None
    yen: int


class Revised(NamedTuple):
    """A transaction whose newest outcome came after a close; None where it had no outcome before."""

    transaction_key: str
    outcome_id: int
    after: Standing
    before: Standing | None


def touched(connection: Connection) -> set[tuple[str, str, str]]:
    """(day, municipality, fund) behind a close whose outcomes have moved since."""
    found = bulk.rows(
        connection,
        f"""SELECT DISTINCT t.day, t.municipality_code, t.fund_code FROM day_close c CROSS JOIN outcome_total t
            WHERE c.id IN ({_NEWEST_APPROVED}) AND t.municipality_code = c.municipality_code
              AND t.day <> '' AND t.day <= c.day AND t.id > c.until_total_id""",
    )
    return {(str(day), str(code), str(fund)) for day, code, fund in found}


_STANDING = "{0}.outcome, {1}.booked_on, {1}.fund_code, {2}.department_code, {2}.fiscal_year, {1}.amount_yen"


def revised(connection: Connection, close: Close, day: str) -> list[Revised]:
    """Transactions with a statement for this day whose outcome is younger than the close, by transaction key."""
    found = bulk.rows(
        connection,
        f"""SELECT a.transaction_key, a.id, {_STANDING.format("a", "ra", "va")}, {_STANDING.format("b", "rb", "vb")}
            FROM (SELECT DISTINCT r.transaction_key FROM receipt r WHERE r.municipality_code = :code AND r.booked_on = :day) k
            JOIN outcome a ON a.id = (SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = k.transaction_key) AND a.id > :mark
            JOIN receipt ra ON ra.id = a.receipt_id LEFT JOIN bill_version va ON va.id = a.version_id
            LEFT JOIN outcome b ON b.id = (SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = k.transaction_key AND x.id <= :mark)
            LEFT JOIN receipt rb ON rb.id = b.receipt_id LEFT JOIN bill_version vb ON vb.id = b.version_id
            ORDER BY a.transaction_key""",
        code=close.municipality_code, day=day, mark=close.marks.outcome_id,
    )  # fmt: skip
    return [Revised(str(row[0]), int(row[1]), _standing(row[2:8]), None if row[8] is None else _standing(row[8:])) for row in found]


def _standing(row: tuple[str, str, str, str | None, int | None, int]) -> Standing:
    outcome, booked_on, fund, department, year, yen = row
    return Standing(outcome, booked_on, fund, department or NO_DEPARTMENT, year, int(yen))


def money_booked(connection: Connection, municipality_code: str, day: str) -> dict[tuple[str, str], int]:
    """Yen by (fund, account) that settlement and bank had said of a day when it was closed."""
    found = bulk.rows(
        connection,
        """SELECT fund_code, account, SUM(yen) FROM day_book
           WHERE municipality_code = :code AND value_on = :day AND day = :day AND source = 'money' GROUP BY fund_code, account""",
        code=municipality_code, day=day,
    )  # fmt: skip
    return {(str(fund), str(account)): int(yen) for fund, account, yen in found}
