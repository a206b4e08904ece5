"""Closing a day in two steps, and what a day looks like before and after: the acts of finance staff on the books.

Called by jobs. One person prepares (the books are summed and hashed), another approves (they are summed again, must be the
same, and are frozen). Days close in order, and only when they tie, or with a reason that both persons stand for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.books import BookRow, digest, hash_lines
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.persons import same_person
from fundlink.domain.problems import Problem, problem
from fundlink.domain.states import DAY_STATES, in_japanese
from fundlink.pipeline import control, people
from fundlink.pipeline.people import Needs
from fundlink.pipeline.reconcile import REVISED, day_json
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile.books import Found, rows_of
from fundlink.reconcile.outcomes import PAYING
from fundlink.store import audit, bills, books, closing, days
from fundlink.store.books import Close, Window
from fundlink.store.days import DayRow


class Sheet(NamedTuple):
    """A municipality's day as it would be closed now."""

    municipality_code: str
    day: str
    funds: list[DayRow]
    window: Window
    books: list[BookRow]
    stops: list[Problem]  # why it cannot be closed whatever anybody says
    untied: list[Problem]  # what a reason can override

    @property
    def is_closed(self) -> bool:
        """Every fund is closed already."""
        return all(row.state == "closed" for row in self.funds)

    @property
    def books_sha256(self) -> str:
        """Hash of the rows that would be frozen."""
        return digest(self.municipality_code, self.day, self.books)

    @property
    def sheet_sha256(self) -> str:
        """Hash of the sums and states that the persons saw."""
        return hash_lines(sorted([*row[:-1], *row.differences] for row in self.funds))

    def as_json(self) -> dict[str, Any]:
        """What the person who prepares looks at."""
        return {
            "municipality_code": self.municipality_code, "ties": not self.untied, "books_sha256": self.books_sha256,
            "funds": [day_json(row) for row in self.funds], "books": [row._asdict() for row in self.books],
        }  # fmt: skip


def enterprise_funds(rooms: Rooms) -> frozenset[str]:
    """Funds of public enterprises, which have no 出納整理期間."""
    return frozenset(rooms.codes("enterprise_funds"))


def books_of(rooms: Rooms, connection: Connection, window: Window) -> list[BookRow]:
    """The rows of a window's books, made from the facts."""
    found = Found(
        books.receipt_groups(connection, window, PAYING), books.move_groups(connection, window), books.money_sums(connection, window)
    )
    return rows_of(window.day, found, enterprise_funds(rooms))


def prepare(rooms: Rooms, day: str, who: str, *, municipality: str | None = None, override: str | None = None) -> dict[str, Any]:
    """First step: the books of the day as they would be frozen, whether it ties, and the fact that this person stands for them."""
    who = _named(who, override)
    told: dict[str, Any] = {"day": day, "step": "prepare", "prepared": [], "already_closed": 0, "refused": []}
    with _at_the_books(rooms) as connection:
        who = people.one(rooms, connection, who, Needs("day.prepare", municipality or ""))
        for sheet in _sheets(rooms, connection, day, municipality):
            why = _refusals(sheet, override)
            told["already_closed"] += _closed_funds(sheet)
            if why:
                told["refused"] += _told(sheet, why)
            elif not sheet.is_closed:
                _step(rooms, connection, sheet, ("prepared", who, _reason(sheet, override)))
                told["prepared"].append(sheet.as_json())
        detail = {"prepared": _hashes(told["prepared"]), "refused": len(told["refused"]), "override": override or ""}
        told |= _control(rooms, connection, municipality)
        audit.append(connection, audit.Entry(who, "desk.close.prepare", f"day:{day}", detail, rooms.now()))
    return told


def approve(rooms: Rooms, day: str, who: str, *, municipality: str | None = None) -> dict[str, Any]:
    """Second step, by another person: the books are frozen, if they are still those that were prepared."""
    who = _named(who, None)
    told: dict[str, Any] = {"day": day, "step": "approve", "closed": [], "books": [], "already_closed": 0, "refused": []}
    with _at_the_books(rooms) as connection:
        who = people.one(rooms, connection, who, Needs("day.approve", municipality or ""))
        for sheet in _sheets(rooms, connection, day, municipality):
            step = books.newest_step(connection, sheet.municipality_code, day)
            why = [] if sheet.is_closed else _not_as_prepared(rooms, connection, sheet, (step, who))
            _close_or_tell(rooms, connection, told, (sheet, why, who, step.reason if step else ""))
        told |= _control(rooms, connection, municipality)
        audit.append(connection, audit.Entry(who, "desk.close", f"day:{day}", _detail(told), rooms.now()))
    return told


def close_day(  # both steps in one call, as one act of two persons
    rooms: Rooms, day: str, who: str, *, approved_by: str, municipality: str | None = None, override: str | None = None
) -> dict[str, Any]:
    """Close a day for every municipality all of whose funds tie; what is refused says why. Closed ones stay as they are."""
    people.two_names(who, approved_by)
    who, approved_by = _named(who, override), approved_by.strip()
    told: dict[str, Any] = {"day": day, "step": "close", "closed": [], "books": [], "already_closed": 0, "refused": []}
    with _at_the_books(rooms) as connection:
        who, approved_by = people.at_once(rooms, connection, (who, approved_by), "day", municipality or "")
        for sheet in _sheets(rooms, connection, day, municipality):
            why, reason = _refusals(sheet, override), _reason(sheet, override)
            if not why and not sheet.is_closed:
                _step(rooms, connection, sheet, ("prepared", who, reason))
            _close_or_tell(rooms, connection, told, (sheet, why, approved_by, reason))
        told |= _control(rooms, connection, municipality)
        detail = {"approved_by": approved_by, **_detail(told)}
        audit.append(connection, audit.Entry(who, "desk.close", f"day:{day}", detail, rooms.now()))
    return told


def _control(rooms: Rooms, connection: Connection, municipality: str | None) -> dict[str, Any]:
    """What the persons see beside the books: whether the control identities hold, and what does not."""
    found = control.check(rooms, connection, municipality)
    return {"control": found.rows, "problems": found.problems}


def report(rooms: Rooms, municipality_code: str, day: str) -> dict[str, Any]:
    """What the persons who close a day look at: its books, why it cannot be closed or does not tie, how far it is. Reads only.

    ``unchanged``: the books are still those that were prepared, so that they can be approved.
    """
    with rooms.store.read() as connection:
        waiting = closing.receipts_without_outcome(connection)
        if not days.newest(connection, day, municipality_code):
            raise ProblemError([problem("FL-DAY-002", place=day)])
        sheet = sheet_of(rooms, connection, municipality_code, day)
        step = books.newest_step(connection, municipality_code, day)
        frozen = books.frozen(connection, municipality_code, day) if sheet.is_closed else sheet.books
    stops = [problem("FL-DAY-005", count=waiting)] if waiting else sheet.stops
    unchanged = step is not None and (step.books_sha256, step.sheet_sha256) == (sheet.books_sha256, sheet.sheet_sha256)
    close = (
        None
        if step is None
        else {"step": step.step, "by": step.by, "at": step.at, "reason": step.reason, "books_sha256": step.books_sha256}
    )
    return {
        **sheet.as_json(), "day": day, "books": [row._asdict() for row in frozen], "is_closed": sheet.is_closed, "close": close,
        "unchanged": unchanged, "stops": [one.as_json() for one in stops], "untied": [one.as_json() for one in sheet.untied],
    }  # fmt: skip


def _named(who: str, override: str | None) -> str:
    if not who.strip():
        raise UsageError("実施者（--as）を指定してください。")
    if override is not None and not override.strip():
        raise UsageError("--override には、合わないまま締める理由を書いてください。")
    return who.strip()


@contextmanager
def _at_the_books(rooms: Rooms) -> Iterator[Connection]:
    """A transaction in which nobody else judges receipts, moves yen by an act or closes days: all of them hold ``reconcile``."""
    with rooms.store.together() as connection:
        rooms.store.serialise(connection, "reconcile")
        bills.hold_states(connection)
        yield connection


def _sheets(rooms: Rooms, connection: Connection, day: str, municipality: str | None) -> Iterator[Sheet]:
    found = days.newest(connection, day, municipality)
    waiting = closing.receipts_without_outcome(connection)
    if not found or waiting:
        raise ProblemError([problem("FL-DAY-005", count=waiting) if waiting else problem("FL-DAY-002", place=day)])
    for code in sorted({row.municipality_code for row in found}):
        yield sheet_of(rooms, connection, code, day)


def sheet_of(rooms: Rooms, connection: Connection, municipality_code: str, day: str) -> Sheet:
    """The sheet of one municipality and day that is not behind its last close; a day behind it has no books any more."""
    funds = days.newest(connection, day, municipality_code)
    window = books.open_window(connection, municipality_code, day)
    empty = Sheet(municipality_code, day, funds, window, [], [], [])
    if empty.is_closed:
        return empty
    if day <= window.previous_day:
        return empty._replace(stops=[problem("FL-DAY-010", place=day, day=window.previous_day)])
    earlier = closing.days_before(connection, day, municipality_code, after=window.previous_day)
    return empty._replace(
        books=books_of(rooms, connection, window),
        stops=[problem("FL-DAY-003", detail="、".join(earlier))] if earlier else [],
        untied=[
            problem("FL-DAY-004", fund=row.fund_code or "（不明）", state=in_japanese(row.state, DAY_STATES), state_en=row.state)
            for row in funds
            if row.state not in ("tied", "closed")
        ],
    )


def _refusals(sheet: Sheet, override: str | None) -> list[Problem]:
    return sheet.stops or ([] if override else sheet.untied)


def _reason(sheet: Sheet, override: str | None) -> str:
    return (override or "").strip() if sheet.untied else ""


def _not_as_prepared(rooms: Rooms, connection: Connection, sheet: Sheet, by: tuple[Close | None, str]) -> list[Problem]:
    step, who = by
    if sheet.stops:
        return sheet.stops
    if step is None or step.step != "prepared":
        return [problem("FL-DAY-011", place=sheet.day)]
    if same_person(step.by, who):
        return [problem("FL-DAY-012")]
    people.another(rooms, connection, (step.by, who), "day", sheet.municipality_code)
    if (step.books_sha256, step.sheet_sha256) != (sheet.books_sha256, sheet.sheet_sha256):
        return [problem("FL-DAY-013", place=sheet.day)]
    return [] if step.reason else sheet.untied


def _told(sheet: Sheet, why: list[Problem]) -> list[dict[str, Any]]:
    return [{"municipality_code": sheet.municipality_code, **one.as_json()} for one in why]


def _closed_funds(sheet: Sheet) -> int:
    return sum(row.state == "closed" for row in sheet.funds)


def _close_or_tell(rooms: Rooms, connection: Connection, told: dict[str, Any], act: tuple[Sheet, list[Problem], str, str]) -> None:
    sheet, why, who, reason = act
    told["already_closed"] += _closed_funds(sheet)
    if why:
        told["refused"] += _told(sheet, why)
    elif not sheet.is_closed:
        _freeze(rooms, connection, sheet, ("approved", who, reason))
        code = sheet.municipality_code
        told["closed"] += [{"municipality_code": code, "fund_code": row.fund_code, "receipts_yen": row.receipts_yen} for row in sheet.funds]
        late = [row for row in sheet.books if row.value_on < sheet.day]
        told["books"].append(
            {
                "municipality_code": code,
                "sha256": sheet.books_sha256,
                "rows": len(sheet.books),
                "compensations": len(late),
                "reason": reason,
            }
        )


def _freeze(rooms: Rooms, connection: Connection, sheet: Sheet, act: tuple[str, str, str]) -> None:
    """Keep the books and the close; its funds are closed, and with them earlier days whose revision these books have taken in."""
    _step(rooms, connection, sheet, act)
    books.load_enterprise_funds(connection, enterprise_funds(rooms))
    books.freeze(connection, sheet.municipality_code, sheet.day, sheet.books)
    closing.close(connection, [*_taken_in(rooms, connection, sheet), *sheet.funds], rooms.now())


def _taken_in(rooms: Rooms, connection: Connection, sheet: Sheet) -> list[DayRow]:
    """Earlier days whose revision is in the books now and that tie again; their money has come, so their slips are settled."""
    found = [
        row._replace(state="tied", differences=[])
        for row in days.newest(connection, municipality_code=sheet.municipality_code)
        if row.day <= sheet.window.previous_day and REVISED in row.differences and row.state == "difference" and _ties(row)
    ]
    if found:
        before = days.newest_id(connection)
        days.record(connection, found, rooms.now())
        days.settle_slips(connection, PAYING, after=before, at=rooms.now())
    return [row._replace(differences=[REVISED]) for row in found]


def _ties(row: DayRow) -> bool:
    return row.receipts_yen == row.settled_yen == row.credited_yen + row.fee_yen


def _step(rooms: Rooms, connection: Connection, sheet: Sheet, act: tuple[str, str, str]) -> None:
    step, who, reason = act
    hashes = (sheet.books_sha256, sheet.sheet_sha256)
    books.add_step(connection, Close(0, sheet.municipality_code, sheet.day, step, who, *hashes, reason, rooms.now(), sheet.window.until))


def _hashes(told: list[dict[str, Any]]) -> dict[str, str]:
    return {one["municipality_code"]: one["books_sha256"] for one in told}


def _detail(told: dict[str, Any]) -> dict[str, Any]:
    return {
        "closed": len(told["closed"]),
        "refused": len(told["refused"]),
        "books": {one["municipality_code"]: one["sha256"] for one in told["books"]},
        "override": {one["municipality_code"]: one["reason"] for one in told["books"] if one["reason"]},
    }
