"""The control identity of a run by running totals: receipts = matched + suspense, of each municipality. Called by pipeline.control.

Two totals that grow apart from each other are compared, that of all days and those of each day; verify counts anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.outcomes import NEWEST_TOTALS, words


class Control(NamedTuple):
    """Payments of a municipality that stand (not withdrawn), by day, and what they turned out to be, over all days."""

    municipality_code: str
    receipts: int
    receipts_yen: int
    matched: int
    matched_yen: int
    suspense: int
    suspense_yen: int

    @property
    def ties(self) -> bool:
        """Receipts are the sum of the two, in number and in yen."""
        return self.receipts == self.matched + self.suspense and self.receipts_yen == self.matched_yen + self.suspense_yen


def nothing(municipality_code: str) -> Control:
    """A municipality without payments."""
    return Control(municipality_code, 0, 0, 0, 0, 0, 0)


def controls(connection: Connection, paying: Sequence[str]) -> list[Control]:
    """One row a municipality that has payments."""
    by_day = bulk.rows(
        connection,
        f"""SELECT t.municipality_code, SUM(t.transactions), SUM(t.yen) FROM outcome_total t
            WHERE {NEWEST_TOTALS.format("x.day <> ''")} AND t.outcome <> 'withdrawn' GROUP BY t.municipality_code""",
    )
    of_all = bulk.rows(
        connection,
        f"""SELECT t.municipality_code, CASE WHEN t.outcome IN ({words(paying)}) THEN 1 ELSE 0 END AS pays, SUM(t.transactions), SUM(t.yen)
            FROM outcome_total t WHERE {NEWEST_TOTALS.format("x.day = ''")} AND t.outcome <> 'withdrawn'
            GROUP BY t.municipality_code, CASE WHEN t.outcome IN ({words(paying)}) THEN 1 ELSE 0 END""",
    )
    parts = {(str(code), int(pays)): (int(count), int(yen)) for code, pays, count, yen in of_all}
    days = {str(code): (int(count), int(yen)) for code, count, yen in by_day}
    none = (0, 0)
    return [
        Control(code, *days.get(code, none), *parts.get((code, 1), none), *parts.get((code, 0), none))
        for code in sorted({*days, *(code for code, _ in parts)})
    ]
