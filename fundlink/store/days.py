"""Sums of a business day from the four witnesses, and the state that was found for it.

Called by pipeline.reconcile and api. The newest row of ``day_state`` is the state of a day, municipality and fund.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.store import bulk, marks, scoped
from fundlink.store.bills import SLIP_STATE
from fundlink.store.outcomes import NEWEST_OUTCOME, NEWEST_TOTALS, words
from fundlink.store.settlings import COUNTS, SIGNED, STANDS

COLUMNS = (
    "day", "municipality_code", "fund_code", "receipts", "receipts_yen", "settled_yen", "fee_yen", "credited_yen",
    "difference_yen", "state", "differences",
)  # fmt: skip
_NEWEST_EDITION = "t.edition = (SELECT MAX(x.edition) FROM settlement x WHERE x.settlement_key = t.settlement_key)"
# a credit that a settling holds counts there, whatever it names
_HELD = f"EXISTS (SELECT 1 FROM settling_line m WHERE m.credit_id = c.id AND m.credit_id IS NOT NULL AND {STANDS.format('m')})"
_NAMED = f"""(SELECT SUM(CASE WHEN {_HELD} THEN 0 ELSE {SIGNED} END) FROM bank_credit c
              WHERE c.reference = t.settlement_key AND c.municipality_code = t.municipality_code AND {COUNTS.format("c")})"""


class DaySums(NamedTuple):
    """What the witnesses say of one day, municipality and fund. ``None`` = that witness has not spoken.

    Credits count for the settlement they were found to pay. ``fee_yen`` is the fee that was kept back: none where credits came
    gross and the fee is charged apart, and ``net_yen`` is then the gross.
    """

    day: str
    municipality_code: str
    fund_code: str
    receipts: int
    receipts_yen: int
    settled_yen: int | None
    fee_yen: int
    net_yen: int
    credited_yen: int | None
    transfer_on: str | None


class DayRow(NamedTuple):
    """One stored state of a day."""

    day: str
    municipality_code: str
    fund_code: str
    receipts: int
    receipts_yen: int
    settled_yen: int
    fee_yen: int
    credited_yen: int
    difference_yen: int
    state: str
    differences: list[str]


def sums(connection: Connection, day: str | None = None) -> list[DaySums]:
    """Sums of every day that has or had a witness (or of one day), by day, municipality and fund.

    A notice lists every fund it pays for, so a fund that it leaves out is paid nothing. What a witness said of a day and has
    taken back since leaves that day empty, not as it was.
    """
    only = "AND {} = :day" if day else ""
    values: dict[str, Any] = {"day": day} if day else {}
    found = {(row.day, row.municipality_code, row.fund_code): _empty(row) for row in newest(connection, day)}
    for key_day, code, fund, count, yen in bulk.rows(
        connection,
        f"""SELECT t.day, t.municipality_code, t.fund_code, SUM(t.transactions), SUM(t.yen)
            FROM outcome_total t WHERE {NEWEST_TOTALS.format("x.day <> '' " + only.format("x.day"))} AND t.outcome <> 'withdrawn'
            GROUP BY t.day, t.municipality_code, t.fund_code HAVING SUM(t.transactions) <> 0""",
        **values,
    ):
        found[key_day, code, fund] = DaySums(key_day, code, fund, int(count), int(yen), None, 0, 0, None, None)
    noticed: set[tuple[str, str]] = set()
    for key_day, code, fund, gross, fee, net, transfer, credit in bulk.rows(
        connection,
        f"""SELECT t.business_day, t.municipality_code, t.fund_code, SUM(t.gross_yen),
                   SUM(CASE s.fee WHEN 'apart' THEN 0 ELSE t.fee_yen END), SUM(CASE s.fee WHEN 'apart' THEN t.gross_yen ELSE t.net_yen END),
                   MAX(t.transfer_on), SUM(CASE WHEN l.yen IS NULL THEN {_NAMED} ELSE l.yen + COALESCE({_NAMED}, 0) END)
            FROM settlement t
            LEFT JOIN settling_line l ON l.settlement_key = t.settlement_key AND l.settlement_key <> '' AND {STANDS.format("l")}
            LEFT JOIN settling s ON s.id = l.settling_id
            WHERE {_NEWEST_EDITION} {only.format("t.business_day")} GROUP BY t.business_day, t.municipality_code, t.fund_code""",
        **values,
    ):
        noticed.add((key_day, code))
        before = found.get((key_day, code, fund), DaySums(key_day, code, fund, 0, 0, None, 0, 0, None, None))
        found[key_day, code, fund] = before._replace(
            settled_yen=int(gross),
            fee_yen=int(fee),
            net_yen=int(net),
            transfer_on=transfer,
            credited_yen=None if credit is None else int(credit),
        )
    for key_day, code, credit in bulk.rows(
        connection,
        f"""SELECT c.booked_on, c.municipality_code, SUM({SIGNED})
            FROM bank_credit c WHERE c.direction = '1' {only.format("c.booked_on")} AND {COUNTS.format("c")} AND NOT {_HELD} AND NOT EXISTS (
              SELECT 1 FROM settlement t WHERE t.settlement_key = c.reference AND t.municipality_code = c.municipality_code)
            GROUP BY c.booked_on, c.municipality_code""",
        **values,
    ):
        found[key_day, code, ""] = DaySums(key_day, code, "", 0, 0, None, 0, 0, int(credit), None)
    return [_noticed(found[key], noticed) for key in sorted(found)]


def _empty(row: DayRow) -> DaySums:
    return DaySums(row.day, row.municipality_code, row.fund_code, 0, 0, None, 0, 0, None, None)


def _noticed(found: DaySums, noticed: set[tuple[str, str]]) -> DaySums:
    left_out = found.receipts_yen and found.settled_yen is None and (found.day, found.municipality_code) in noticed
    return found._replace(settled_yen=0) if left_out else found


def newest_id(connection: Connection) -> int:
    """The id of the last state that was recorded."""
    return bulk.newest_id(connection, "day_state")


def record(connection: Connection, rows: Sequence[DayRow], at: str) -> int:
    """Append the day states that differ from the newest stored ones; how many."""
    stored = {(row.day, row.municipality_code, row.fund_code): row for row in newest(connection)}
    fresh = [row for row in rows if stored.get((row.day, row.municipality_code, row.fund_code)) != row]
    bulk.insert_rows(connection, "day_state", (*COLUMNS, "at"), [(*row[:-1], json.dumps(row.differences), at) for row in fresh])
    return len(fresh)


def note_outcomes(connection: Connection, at: str) -> None:
    """Every day tells the outcomes recorded so far: what ``verify`` may hold days against, also between two steps of reconcile."""
    marks.move(connection, "outcomes in days", bulk.newest_id(connection, "outcome"), at)


def newest(connection: Connection, day: str | None = None, municipality_code: str | None = None, *, scope: Scope = EVERYWHERE) -> list[DayRow]:  # fmt: skip
    """The current state of every day and fund in scope, or of one day or municipality."""
    inside, held = scoped.within(scope, "d.municipality_code")
    found = bulk.rows(
        connection,
        f"""SELECT {", ".join("d." + name for name in COLUMNS)} FROM day_state d
            WHERE d.id = (SELECT MAX(x.id) FROM day_state x
                          WHERE x.day = d.day AND x.municipality_code = d.municipality_code AND x.fund_code = d.fund_code)
              {"AND d.day = :day" if day else ""} {"AND d.municipality_code = :code" if municipality_code else ""}{inside}
            ORDER BY d.day, d.municipality_code, d.fund_code""",
        **({"day": day} if day else {}), **({"code": municipality_code} if municipality_code else {}), **held,
    )  # fmt: skip
    return [DayRow._make([*row[:-1], json.loads(row[-1])]) for row in found]


def settle_slips(connection: Connection, paying: Sequence[str], *, after: int, at: str) -> int:
    """Slips that are paid and whose day and fund were found to tie (in a state recorded after that id) become settled; how many."""
    if bulk.scalar(connection, "SELECT 1 FROM day_state WHERE id > :after AND state = 'tied' LIMIT 1", after=after) is None:
        return 0
    bulk.prepare_set_work(connection)
    return bulk.run(
        connection,
        f"""INSERT INTO slip_state (slip_id, state, event, cause, at)
            SELECT DISTINCT s.id, 'settled', 'settle', r.booked_on, CAST(:at AS TEXT)
            FROM day_state d CROSS JOIN receipt r CROSS JOIN outcome o CROSS JOIN slip s
            WHERE d.state = 'tied' AND d.id > :after
              AND r.booked_on = d.day AND r.municipality_code = d.municipality_code AND r.fund_code = d.fund_code
              AND o.transaction_key = r.transaction_key AND o.receipt_id = r.id AND s.id = o.slip_id
              AND {NEWEST_OUTCOME} AND o.outcome IN ({words(paying)}) AND {SLIP_STATE} = 'paid'""",
        after=after, at=at,
    )  # fmt: skip
