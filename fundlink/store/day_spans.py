"""How long days took: when each business day and fund was first seen to tie, and when its municipality closed it. Read by desk.reports.

A row a day and fund: nothing here depends on how many bills there are.
"""

from __future__ import annotations

from sqlalchemy.engine import Connection

from fundlink.store import bulk


def first_tied(connection: Connection, municipality_code: str, since: str) -> list[tuple[str, str, str]]:
    """(business day, fund, day on which it was first found tied) from a day on; a fund that has not tied is not there."""
    found = bulk.rows(
        connection,
        """SELECT d.day, d.fund_code, MIN(SUBSTR(d.at, 1, 10)) FROM day_state d
           WHERE d.day >= :since AND d.municipality_code = :code AND d.state IN ('tied', 'closed') AND d.receipts > 0
           GROUP BY d.day, d.fund_code ORDER BY d.day, d.fund_code""",
        since=since, code=municipality_code,
    )  # fmt: skip
    return [(str(day), str(fund), str(at)) for day, fund, at in found]


def closed_on(connection: Connection, municipality_code: str, since: str) -> dict[str, str]:
    """Business day to the day on which its close was first approved."""
    found = bulk.rows(
        connection,
        """SELECT c.day, MIN(SUBSTR(c.at, 1, 10)) FROM day_close c
           WHERE c.municipality_code = :code AND c.step = 'approved' AND c.day >= :since GROUP BY c.day""",
        code=municipality_code, since=since,
    )  # fmt: skip
    return {str(day): str(at) for day, at in found}
