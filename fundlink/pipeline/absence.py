"""Absence: which expected file has not come, whether the watermark stands, what has waited too long. Reads only, but for a waiver.

Called by jobs and by pipeline.unpaid. The calendar profile says what is expected, the store what came, reconcile.absence judges.
"""

from __future__ import annotations

from typing import Any

from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.problems import problem
from fundlink.pipeline import balances
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile.absence import NOTHING, STATES, Arrival, Obstacles, Slot, Town, Watermark, judge, slots
from fundlink.store import absence, ageing, audit

Arrivals = dict[tuple[str, str], Arrival]


def towns(rooms: Rooms, connection: Any, municipality_code: str | None = None) -> list[Town]:
    """Every municipality, or the one named (FL-MUN-003 when it is not registered), with the first day files are expected of it."""
    found = absence.towns(connection, municipality_code)
    if municipality_code and not found:
        raise ProblemError([problem("FL-MUN-003", actual=municipality_code)])
    profile = rooms.calendar()
    told = []
    for code, registered, first in found:
        own = [row.since for row in profile.expected if row.since and row.municipality_code == code]
        told.append(Town(code, min(own) if own else min(registered, first or registered)))
    return told


def arrivals_of(connection: Any, municipality_code: str) -> Arrivals:
    """What came of each kind and business day, and what two persons declared will not come."""
    waived = absence.waived(connection, municipality_code)
    found = {
        (kind, day): Arrival(files, records, quarantined, at, waived=(kind, day) in waived)
        for kind, day, files, records, quarantined, at in absence.arrivals(connection, municipality_code)
    }
    return {**{key: NOTHING._replace(waived=True) for key in waived}, **found}


def expected(rooms: Rooms, ticket: dict[str, Any]) -> dict[str, Any]:
    """Every expected file of ``day``, or of business days up to ``until`` (default today): those waited for, or all with ``all``."""
    today = rooms.today()
    until, first = ticket.get("day") or ticket.get("until") or today, ticket.get("day") or ""
    found: list[Slot] = []
    gaps: list[dict[str, Any]] = []
    breaks: list[dict[str, Any]] = []
    with rooms.store.read() as connection:
        for town in towns(rooms, connection, ticket.get("municipality")):
            seen = arrivals_of(connection, town.municipality_code)
            found += slots(rooms.calendar(), town, seen, until=until, today=today, first=first)
            missing = absence.sequence_gaps(connection, town.municipality_code)
            gaps += [{"municipality_code": town.municipality_code, "first": first, "last": last} for first, last in missing]
            breaks += balances.breaks_json(connection, town.municipality_code)
    counts = {state: sum(slot.state == state for slot in found) for state, _ in STATES}
    shown = [slot for slot in found if ticket.get("all") or first or not slot.is_settled or slot.quarantined]
    return {"until": until, "counts": counts, "files": [slot_json(slot) for slot in shown], "gaps": gaps, "balance_breaks": breaks}


def slot_json(slot: Slot) -> dict[str, Any]:
    """One expected file as commands show it."""
    return {**slot._asdict(), "state_ja": dict(STATES)[slot.state]}


def judged(rooms: Rooms, connection: Any, town: Town, until: str) -> Watermark:
    """The watermark of a municipality, on an open connection: true as long as nobody writes beside it."""
    code = town.municipality_code
    needed_until = rooms.calendar().calendar.on_or_after(until)
    blocking = {row.kind for row in rooms.calendar().expected_of(code) if row.blocks}
    # a file nobody could read may tell of any day: it counts by what was announced, and an unknown kind counts as well
    others = {row.kind for row in rooms.calendar().expected_of(code)} - blocking
    quarantined = [
        (kind, day, name)
        for kind, day, name in absence.open_quarantine(connection, code)
        if kind not in others and (day <= needed_until or kind not in blocking)
    ]
    obstacles = Obstacles(absence.unposted(connection, code), quarantined, absence.sequence_gaps(connection, code))
    return judge(rooms.calendar(), town, (arrivals_of(connection, code), obstacles), until=until, today=rooms.today())


def watermark(rooms: Rooms, ticket: dict[str, Any]) -> dict[str, Any]:
    """Of every municipality (or one): whether all is in, applied and posted up to ``until`` (default the last business day), and why not."""
    until = ticket.get("until") or rooms.calendar().calendar.previous_business_day(rooms.today())
    with rooms.store.read() as connection:
        found = [judged(rooms, connection, town, until) for town in towns(rooms, connection, ticket.get("municipality"))]
        breaks = {mark.municipality_code: balances.breaks_json(connection, mark.municipality_code) for mark in found}
    shown = [{**mark_json(mark), "balance_breaks": breaks[mark.municipality_code]} for mark in found]
    return {"ok": all(mark.given for mark in found), "until": until, "municipalities": shown}


def mark_json(mark: Watermark) -> dict[str, Any]:
    """A watermark as commands show it."""
    told = mark._asdict()
    del told["days"]
    return {**told, "reasons": [reason.as_json() for reason in mark.reasons]}


def aged(rooms: Rooms, ticket: dict[str, Any]) -> dict[str, Any]:
    """Everything that stands in a state longer than its limit: counted, with the oldest examples and what to do."""
    profile, today = rooms.calendar(), rooms.today()
    rows = []
    with rooms.store.read() as connection:
        for limit in [row for row in profile.limits if ticket.get("subjects") is None or row.subject in ticket["subjects"]]:
            before = profile.over_limit_before(limit, today)
            found = ageing.over_limit(connection, (limit.subject, limit.state), before, ticket.get("municipality"))
            told = {**limit._asdict(), "before": before, "count": found.number, "yen": found.yen}
            names = ("name", "municipality_code", "since", "yen")
            rows.append({**told, "oldest": [dict(zip(names, example, strict=True)) for example in found.oldest]})
    return {"today": today, "count": sum(row["count"] for row in rows), "states": rows}


def waited_for(rooms: Rooms, connection: Any, ticket: dict[str, Any]) -> dict[str, Any]:
    """Whether a file of a kind and business day is waited for, and whether one lies in quarantine. Ticket: municipality, kind, day."""
    code, kind, day = ticket["municipality"], ticket["kind"], ticket["day"]
    (town,) = towns(rooms, connection, code)
    expected_ones = slots(rooms.calendar(), town, arrivals_of(connection, code), until=day, today=rooms.today(), first=day)
    return {
        "file": any(slot.kind == kind and not slot.is_settled for slot in expected_ones),
        "quarantined": any(found[:2] == (kind, day) for found in absence.open_quarantine(connection, code)),
    }


def waive(rooms: Rooms, ticket: dict[str, Any]) -> dict[str, Any]:
    """Two persons declare that no (further) file of a kind comes for a business day. Ticket: municipality, kind, day, reason, who, approved_by."""
    if not str(ticket["reason"]).strip():
        raise UsageError("理由を書いてください。")
    code, kind, day = ticket["municipality"], ticket["kind"], ticket["day"]
    with rooms.store.together() as connection:
        rooms.store.serialise(connection, f"bills:{code}")
        waiting = waited_for(rooms, connection, ticket)
        if not any(waiting.values()):
            raise ProblemError([problem("FL-WTM-006", kind=_kind_ja(rooms, kind), kind_en=kind, day=day)])
        values = {
            "municipality_code": code, "kind": kind, "business_day": day, "reason": ticket["reason"], "by": ticket["who"],
            "approved_by": ticket["approved_by"], "at": rooms.now(),
        }  # fmt: skip
        absence.add_waiver(connection, values)
        detail = {"kind": kind, "approved_by": ticket["approved_by"], "reason": ticket["reason"]}
        audit.append(connection, audit.Entry(ticket["who"], "desk.waive", f"day:{code}:{day}", detail, rooms.now()))
    return {"municipality_code": code, "kind": kind, "day": day, **waiting}


def _kind_ja(rooms: Rooms, kind: str) -> str:
    return next((row.ja for row in rooms.calendar().expected if row.kind == kind), kind)
