"""Files for people: what arrived, what became of each of its rows with the line as it came, where the streams stand. Called by jobs.

Reads only, but for the note that somebody took the bytes away: they hold personal data, and who saw them is in the trail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from fundlink.domain.errors import ConfigurationError, ProblemError
from fundlink.domain.problems import problem
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.formats import as_it_came
from fundlink.pipeline import people
from fundlink.pipeline.intake_results import RESULT_WORDS
from fundlink.pipeline.people import Needs
from fundlink.pipeline.rooms import Rooms
from fundlink.store import arrivals, audit, files, vault
from fundlink.store.arrivals import Arrival, Place

PAGE = 50
RECEIVED = "received"
"""In an address: a file of the gateway or a bank; everything else is an intake of bills."""


def arrived(rooms: Rooms, asked: Mapping[str, str], place: Place, *, scope: Scope = EVERYWHERE) -> dict[str, Any]:
    """A page of all that arrived, newest first, and the place at which the next one begins."""
    with rooms.store.read() as connection:
        ours = arrivals.intakes(connection, asked, place.intake, PAGE + 1, scope=scope)
        theirs = arrivals.received(connection, asked, place.received, PAGE + 1, scope=scope)
    page = list(islice(_merged(ours, theirs), PAGE))
    return {"files": [_words(one) for one in page], "next": _following(page, place) if len(ours) + len(theirs) > PAGE else None}


def _merged(ours: list[Arrival], theirs: list[Arrival]) -> Iterator[Arrival]:
    """Both by the instant, and each in the order of its numbers whatever a clock did, so that the next page skips nothing."""
    at, beside = 0, 0
    while at < len(ours) or beside < len(theirs):
        if beside == len(theirs) or (at < len(ours) and ours[at].at >= theirs[beside].at):
            yield ours[at]
            at += 1
        else:
            yield theirs[beside]
            beside += 1


def _following(page: list[Arrival], place: Place) -> Place:
    shown = [min((one.number for one in page if (one.kind == "billing") is ours), default=None) for ours in (True, False)]
    return Place(*(before if last is None else last for last, before in zip(shown, place, strict=True)))


def _words(one: Arrival) -> dict[str, Any]:
    is_ours, told = one.kind == "billing", one.summary
    numbers = {
        "rows": told.get("read") if is_ours else told["records"], "accepted": told.get("accepted", 0) if is_ours else told["records"],
        "unchanged": told.get("unchanged", 0) if is_ours else told["duplicates"], "rejected": told.get("rejected", 0),
    }  # fmt: skip
    return {
        "name": one.name, "kind": one.kind, "source": one.source, "municipality_code": one.municipality_code, "state": one.state,
        "size": one.size, "at": one.at, "sha256": one.sha256, "number": one.number,
        "address": str(one.number) if is_ours else f"{RECEIVED}/{one.number}", **numbers, "summary": told,
    }  # fmt: skip


def show(rooms: Rooms, number: int, after: int, *, every: bool, lines: bool, scope: Scope = EVERYWHERE) -> dict[str, Any]:
    """One intake: its numbers, what is wrong with all of it, and the next rows after a line, with the line as it came where it may be seen.

    ``every``: all rows; otherwise those about which something is to be told.
    """
    with rooms.store.read() as connection:
        found = arrivals.find_intake(connection, number, scope)
        if found is None:
            raise ProblemError([problem("FL-FIL-006", file_id=number)])
        state = files.find_file(connection, number)
        whole = [
            one.as_json() for one in files.problems_of_file(connection, number, PAGE) if one.line is None or found.state == "quarantined"
        ]
        rows = [] if found.state == "quarantined" else _rows(connection, number, after, every=every)
    assert state is not None
    shown = sorted({row["line"] for row in rows})[:PAGE]
    page = [row for row in rows if row["line"] in shown]
    wanted = set(shown) | {one["line"] for one in whole if one["line"]}
    came = _lines(rooms, state, wanted) if lines else {}
    return {
        **_words(found), "file_id": number, "profile": state.profile, "problems": whole, "rows_shown": page, "lines": came,
        "next": shown[-1] if len({row["line"] for row in rows}) > PAGE else None,
    }  # fmt: skip


def _rows(connection: Any, number: int, after: int, *, every: bool) -> list[dict[str, Any]]:
    """One more line than a page holds, so that it is known whether there are more."""
    if every:
        return [_row(row) for row in files.results_after(connection, number, after, PAGE + 1)]
    lines = arrivals.rows_with_problems(connection, number, after, PAGE + 1)
    return [_row(row) for row in files.results_of(connection, number, lines)]


def _row(row: files.RowResult) -> dict[str, Any]:
    line, result, bill_key, core_key, told = row
    words = None if told is None else told.as_json()
    return {"line": line, "result": result, "result_ja": RESULT_WORDS[result], "bill_key": bill_key, "core_key": core_key, "problem": words}


def _lines(rooms: Rooms, state: files.FileState, wanted: set[int]) -> dict[int, str]:
    try:
        message = rooms.profile(state.profile).message("billing")
    except (ProblemError, ConfigurationError):
        return {}  # a profile that is gone tells no encoding
    with vault.open_kept(rooms.store, state.raw_id) as kept:
        return as_it_came.lines(kept, message, wanted)


def show_received(rooms: Rooms, number: int, *, scope: Scope = EVERYWHERE) -> dict[str, Any]:
    """One file of the gateway or a bank, with what was wrong with it."""
    with rooms.store.read() as connection:
        found = arrivals.find_received(connection, number, scope)
    if found is None:
        raise ProblemError([problem("FL-FIL-006", file_id=number)])
    return {**_words(found), "problems": found.summary["problems"]}


def taken_away(rooms: Rooms, where: tuple[str, int], who: str, *, scope: Scope = EVERYWHERE) -> tuple[str, Iterator[bytes]]:
    """The bytes of a file as they came, for a person who may see them; noted in the trail before the first byte goes out. ``where``: table, number."""
    table, number = where
    with rooms.store.together() as connection:
        look = arrivals.find_received if table == RECEIVED else arrivals.find_intake
        found = look(connection, number, scope)
        if found is None:
            raise ProblemError([problem("FL-FIL-006", file_id=number)])
        by = people.one(rooms, connection, who, Needs("files.content", found.municipality_code))
        detail = {"sha256": found.sha256, "bytes": found.size}
        audit.append(connection, audit.Entry(by, "files.download", f"file:{table}:{number}", detail, rooms.now()))
    return found.name, _pieces(rooms, found.raw_id)


def _pieces(rooms: Rooms, raw_id: int) -> Iterator[bytes]:
    with vault.open_kept(rooms.store, raw_id) as kept:
        while piece := kept.read(vault.PIECE_BYTES):
            yield piece


def streams(rooms: Rooms, municipality_code: str) -> list[dict[str, Any]]:
    """Where each source of a municipality stands: its highest number and its newest day."""
    names = ("source", "sequence", "business_day", "at")
    with rooms.store.read() as connection:
        return [dict(zip(names, row, strict=True)) for row in arrivals.streams(connection, municipality_code)]
