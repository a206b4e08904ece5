"""How a day stands: sums, books, who closed it, and what has become known since against its frozen books.

Called by jobs; reads only.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.pipeline.closing import sheet_of
from fundlink.pipeline.reconcile import day_json
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile.books import ACCOUNT_OF
from fundlink.store import books, days, revisions
from fundlink.store.books import Close
from fundlink.store.revisions import Revised, Standing


def show_day(rooms: Rooms, day: str, *, municipality: str | None = None, diff: bool = False) -> dict[str, Any]:
    """One object a municipality: funds, books (frozen, or as they would be now), closes, and with ``diff`` what came after."""
    with rooms.store.read() as connection:
        found = days.newest(connection, day, municipality)
        codes = sorted({row.municipality_code for row in found})
        if not codes:
            raise ProblemError([problem("FL-DAY-002", place=day)])
        return {"day": day, "municipalities": [_shown(rooms, connection, (code, day), diff=diff) for code in codes]}


def _shown(rooms: Rooms, connection: Connection, of: tuple[str, str], *, diff: bool) -> dict[str, Any]:
    code, day = of
    step, close = books.newest_step(connection, code, day), books.closed_at(connection, code, day)
    own = close is not None and close.day == day
    rows = books.frozen(connection, code, day) if own else sheet_of(rooms, connection, code, day).books
    told: dict[str, Any] = {
        "municipality_code": code,
        "step": "closed" if own else "behind" if close else step.step if step else "open",
        "close": _close(close if own else step),
        "funds": [day_json(row) for row in days.newest(connection, day, code)],
        "books": [row._asdict() for row in rows],
    }
    return {**told, "diff": _diff(connection, close, day)} if diff and close is not None else told


def _close(step: Close | None) -> dict[str, Any] | None:
    if step is None:
        return None
    return {"step": step.step, "by": step.by, "at": step.at, "books_sha256": step.books_sha256, "reason": step.reason}


def _diff(connection: Connection, close: Close, day: str) -> dict[str, Any]:
    """Transactions that a closed day gained, lost or counts differently, and money that is told differently; each says where it is booked."""
    later = books.approved(connection, close.municipality_code, close.day, "9999-12-31")
    told: dict[str, Any] = {"added": [], "removed": [], "changed": []}
    for one in revisions.revised(connection, close, day):
        kind, change = _change(one, day)
        if kind:
            booked = next((c.day for c in later if c.marks.outcome_id >= one.outcome_id), None)
            told[kind].append({"transaction_key": one.transaction_key, **change, "booked_in": booked})
    return {**told, "money": _money(connection, close, day) if close.day == day else []}


def _change(one: Revised, day: str) -> tuple[str, dict[str, Any]]:
    before, after = _standing(one.before, day), _standing(one.after, day)
    if before == after:
        return "", {}
    return "added" if before is None else "removed" if after is None else "changed", {"before": before, "after": after}


def _standing(found: Standing | None, day: str) -> dict[str, Any] | None:
    """How a transaction counts on a day; None where it does not."""
    if found is None or found.outcome == "withdrawn" or found.booked_on != day:
        return None
    return {"outcome": found.outcome, "account": ACCOUNT_OF[found.outcome], **found._asdict()}


def _money(connection: Connection, close: Close, day: str) -> list[dict[str, Any]]:
    before = revisions.money_booked(connection, close.municipality_code, day)
    after = {
        (row.fund_code, account): yen
        for row in days.newest(connection, day, close.municipality_code)
        for account, yen in (("settled", row.settled_yen), ("fee", row.fee_yen), ("credited", row.credited_yen))
    }
    return [
        {"fund_code": fund, "account": account, "before_yen": before.get((fund, account), 0), "after_yen": after.get((fund, account), 0)}
        for fund, account in sorted({*before, *after})
        if before.get((fund, account), 0) != after.get((fund, account), 0)
    ]
