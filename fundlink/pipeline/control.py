"""The control identities of a run: receipts = matched + suspense, and registered = paid + unpaid + cancelled + expired.

Called by reconcile and closing; what reports by month read is counted on at the same time. A breach is a problem with its place; nothing stops, and nothing is repaired here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.problems import Problem, problem
from fundlink.domain.states import SLIP_PARTS, crossing_events
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile.outcomes import PAYING
from fundlink.store import control, months
from fundlink.store.standings import Rules, Standing, standings

_RULES = Rules(tuple(PAYING), dict(SLIP_PARTS), tuple(crossing_events()))


class Checked(NamedTuple):
    """The identities as reports show them, a row a municipality, and what does not hold."""

    rows: list[dict[str, Any]]
    problems: list[dict[str, Any]]


def check(rooms: Rooms, connection: Connection, municipality: str | None = None) -> Checked:
    """Both identities. The caller holds the states (``bills.hold_states``) and writes: the counts go on from where they were."""
    months.count_on(connection, PAYING, rooms.now())
    slips = [row for row in standings(connection, _RULES, rooms.now()) if municipality in (None, row.municipality_code)]
    payments = {row.municipality_code: row for row in control.controls(connection, PAYING) if municipality in (None, row.municipality_code)}
    codes = sorted({*payments, *(row.municipality_code for row in slips)})
    rows = [_row(payments.get(code, control.nothing(code)), [row for row in slips if row.municipality_code == code]) for code in codes]
    wrong = [_payments_differ(row) for row in payments.values() if not row.ties] + [_slips_differ(row) for row in slips if not row.ties]
    return Checked(rows, [one.as_json() for one in wrong])


def _row(payments: control.Control, slips: list[Standing]) -> dict[str, Any]:
    funds = [{**{name: value for name, value in row._asdict().items() if name != "municipality_code"}, "ok": row.ties} for row in slips]
    return {**payments._asdict(), "funds": funds, "ok": payments.ties and all(row.ties for row in slips)}


def _payments_differ(row: control.Control) -> Problem:
    parts = {"parts": row.matched + row.suspense, "parts_yen": row.matched_yen + row.suspense_yen}
    return problem("FL-CTL-003", code=row.municipality_code, receipts=row.receipts, receipts_yen=row.receipts_yen, **parts)


def _slips_differ(row: Standing) -> Problem:
    place = f"{row.municipality_code} {row.fund_code}"
    return problem(
        "FL-CTL-004", place=place, code=row.municipality_code, fund=row.fund_code, registered=row.registered, paid=row.paid,
        unpaid=row.unpaid, cancelled=row.cancelled, expired=row.expired,
    )  # fmt: skip
