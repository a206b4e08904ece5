"""Reconcile: every touched transaction gets its outcome, every touched day its state.

Steps: classify (evidence by one join, outcome by the table, slips advanced), settle (credits to settlements), tie (days against settlement and bank), check, tell.
"""

from __future__ import annotations

from typing import Any

from fundlink.connectors.gateway import PAID
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.domain.states import states_before
from fundlink.pipeline import control
from fundlink.pipeline.rooms import Rooms, Ticket, Verb
from fundlink.pipeline.settle import settle
from fundlink.reconcile.outcomes import PAYING, Evidence, every_rule
from fundlink.reconcile.totals import DayFacts, judge_day
from fundlink.store import audit, bills, books, days, outcomes, revisions, told_again
from fundlink.store import touched as touched_rows
from fundlink.store.days import DayRow, DaySums


def classify(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Give each touched transaction its outcome and move its slip."""
    with rooms.store.write() as connection:
        bills.hold_states(connection)
        outcomes.load_rules(connection, every_rule())
        at = rooms.now()
        touched = touched_rows.touch(connection, at)
        if not touched:
            return {"touched": 0}
        rooms.progress("reconcile", 0, touched)
        outcomes.gather_evidence(connection, {bit.name: bit.value for bit in Evidence if bit.name})
        recorded = outcomes.record_outcomes(connection, at)
        outcomes.advance_slips(connection, paying=PAYING, pay_from=states_before("pay"), withdraw_from=states_before("withdraw"), at=at)
        if recorded:
            again = told_again.after_withdrawal(connection, PAID, at)
            detail = {"touched": touched, "recorded": recorded, **({"told_again": again} if again else {})}
            audit.append(connection, audit.Entry("fundlink", "reconcile.classify", "outcomes", detail, at))
    rooms.progress("reconcile", touched, touched)
    return {"touched": touched}


def tie(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Judge every day that has a witness and note the states that changed."""
    with rooms.store.write() as connection:
        bills.hold_states(connection)
        fronts = {code: close.day for code, close in books.fronts(connection).items()}
        touched = revisions.touched(connection)
        stored = {(row.day, row.municipality_code, row.fund_code): row for row in days.newest(connection)} if fronts else {}
        rows = [_judged(sums, rooms.today()) for sums in days.sums(connection, ticket.get("day"))]
        rows = [
            _behind(row, stored.get(row[:3]), moved=row[:3] in touched) if row.day <= fronts.get(row.municipality_code, "") else row
            for row in rows
        ]
        at = rooms.now()
        before = days.newest_id(connection)
        changed = days.record(connection, rows, at)
        if not ticket.get("day"):
            days.note_outcomes(connection, at)
        if changed:
            days.settle_slips(connection, PAYING, after=before, at=at)
            audit.append(connection, audit.Entry("fundlink", "reconcile.tie", "days", {"changed": changed}, at))
    return {}


def _judged(sums: DaySums, today: str) -> DayRow:
    facts = DayFacts(sums.receipts_yen, sums.settled_yen, sums.fee_yen, sums.net_yen, sums.credited_yen, sums.transfer_on)
    verdict = judge_day(facts, today)
    return DayRow(
        sums.day, sums.municipality_code, sums.fund_code, sums.receipts, sums.receipts_yen, sums.settled_yen or 0, sums.fee_yen,
        sums.credited_yen or 0, verdict.difference_yen, verdict.state, list(verdict.kinds),
    )  # fmt: skip


REVISED = "revised_after_close"


def _behind(row: DayRow, before: DayRow | None, *, moved: bool) -> DayRow:
    """A closed day stays closed while nothing about it changes; what comes after that is a difference of its own kind until it is booked."""
    if before is not None and before.state == "closed" and before[3:8] == row[3:8] and not moved:
        return before
    return row._replace(state="difference", differences=[*row.differences, REVISED])


def check(rooms: Rooms, ticket: Ticket) -> Ticket:
    """The control identities: every payment is matched or in suspense, every slip paid, unpaid, cancelled or expired."""
    with rooms.store.write() as connection:
        bills.hold_states(connection)
        found = control.check(rooms, connection)
    return {"control": found.rows, "problems": found.problems}


def tell(rooms: Rooms, ticket: Ticket) -> Ticket:
    """The outcomes and days as they stand."""
    return told_of(rooms, ticket, EVERYWHERE)


def told_of(rooms: Rooms, ticket: Ticket, scope: Scope) -> Ticket:
    """The outcomes and days in scope as they stand."""
    with rooms.store.read() as connection:
        counted = outcomes.count_outcomes(connection, ticket.get("day"), ticket.get("municipality"), scope=scope)
        rows = days.newest(connection, ticket.get("day"), ticket.get("municipality"), scope=scope)
    return {
        "outcomes": {name: count for name, count, _ in counted},
        "outcomes_yen": {name: yen for name, _, yen in counted},
        "days": [day_json(row) for row in rows],
    }


def day_json(row: DayRow) -> dict[str, Any]:
    """One day and fund as commands and the API show it."""
    return row._asdict()


RECONCILE: Verb = (("classify", classify), ("settle", settle), ("tie", tie), ("check", check), ("tell", tell))
