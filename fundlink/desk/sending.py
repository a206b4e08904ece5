"""What persons do about messages: see which wait, ask again, send again, give up. Called by jobs.

Asking has no effect and needs one person. Sending anew or letting go needs two, a reason, and is audited; the calls themselves are
made by pipeline.sending, which writes them down as all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.attempts import MOST_ATTEMPTS, RESULTS
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.problems import problem
from fundlink.domain.states import MESSAGE_EVENTS, in_japanese
from fundlink.pipeline import breaker, people, sending
from fundlink.pipeline.people import Needs
from fundlink.pipeline.rooms import Rooms
from fundlink.store import acknowledgements, attempts, audit, messages
from fundlink.store.attempts import Listed, Standing
from fundlink.store.messages import OpenMessage

STATES: tuple[tuple[str, str], ...] = (("waiting", "送信待ち"), ("unknown", "結果不明"), ("person", "人の判断待ち"))
_PERSONS = ("exhausted", "contradicted")
_UNKNOWN = ("sent", "unknown", "asked")


class Decided(NamedTuple):
    """An act of two persons: who, who approved, and why."""

    who: str
    approved_by: str
    reason: str


def listed(rooms: Rooms, state: str | None = None) -> dict[str, Any]:
    """Messages that are not at their end, with their attempts and when they are tried next; and whether the gateway is left alone."""
    if state is not None and state not in dict(STATES):
        raise UsageError(f"--state は {'・'.join(dict(STATES))} のどれかです。")
    with rooms.store.read() as connection:
        waiting = attempts.listed(connection)
        standings = attempts.open_standings(connection)
        pause = attempts.pause(connection, rooms.gateway.name)
    told = [_words(row, standings.get(row.message_id)) for row in waiting]
    counts = {name: sum(1 for row in told if row["state"] == name) for name, _ in STATES}
    shut = pause is not None and bool(pause.until_at)
    return {
        "messages": [row for row in told if state in (None, row["state"])],
        "counts": counts,
        "gateway": {
            "name": rooms.gateway.name, "paused_until": pause.until_at if pause is not None and shut else None,
            "reason_ja": dict(RESULTS).get(pause.reason, pause.reason) if pause is not None and shut else "",
        },
    }  # fmt: skip


def _state(event: str) -> str:
    return "person" if event in _PERSONS else "unknown" if event in _UNKNOWN else "waiting"


def _words(row: Listed, now: Standing | None) -> dict[str, Any]:
    state = _state(row.event)
    return {
        "message_id": row.message_id, "municipality_code": row.municipality_code, "records": row.records, "yen": row.yen,
        "created_at": row.created_at, "state": state, "state_ja": dict(STATES)[state], "event": row.event,
        "event_ja": in_japanese(row.event, MESSAGE_EVENTS), "since": row.event_at,
        "attempts": now.counted if now else 0, "most_attempts": MOST_ATTEMPTS, "round": now.round if now else 1,
        "last_try_at": now.tried_at if now else None, "last_result": now.result if now else "",
        "last_result_ja": dict(RESULTS).get(now.result, "") if now else "", "http_status": now.http_status if now else None,
        "next_try_at": now.next_try_at if now and state != "person" else None,
    }  # fmt: skip


def inquire(rooms: Rooms, message_id: str, who: str) -> dict[str, Any]:
    """Ask the gateway about a message now. About one that was answered, hold the answer against the one that is kept."""
    if not who.strip():
        raise UsageError("実施者（--as）を指定してください。")
    message = found(rooms, message_id)
    _reachable(rooms)
    confirms = message.event in ("answered", "contradicted")
    if not confirms:
        _allowed(message, ("sent", "unknown", "asked", "exhausted"))
    with rooms.store.write() as connection:
        who = people.one(rooms, connection, who, Needs("resend.prepare", message.municipality_code))
        if not confirms:
            messages.add_event(connection, message_id, "asked", at=rooms.now(), detail=who)
        audit.append(connection, audit.Entry(who, "desk.inquire", f"message:{message_id}", {"before": message.event}, rooms.now()))
    if confirms:
        return _told(rooms, message_id, sending.confirm(rooms, message))
    counts = sending.nothing()
    sending.add(counts, sending.inquire(rooms, message))
    _put_back(rooms, message)
    return _told(rooms, message_id, counts)


def _put_back(rooms: Rooms, asked: OpenMessage) -> None:
    """Where nobody could be asked, the message is what it was: who waits for a person would else be on nobody's list."""
    with rooms.store.write() as connection:
        now = messages.find(connection, asked.message_id)
        if now is not None and now.event == "asked" and asked.event != "asked":
            messages.add_event(connection, asked.message_id, asked.event, at=rooms.now(), detail="unreachable")


def resend(rooms: Rooms, message_id: str, decided: Decided) -> dict[str, Any]:
    """Two persons send a message again, both named in one call."""
    with _by_two(rooms, message_id, decided) as (connection, names):
        return resend_message(rooms, connection, message_id, names)


def resend_message(rooms: Rooms, connection: Connection, message_id: str, decided: Decided) -> dict[str, Any]:
    """Send a message again, by persons who may do it.

    What the gateway has forgotten goes as it is under its own id, which cannot double it. Where no answer is to be had, its slips are
    let go and the next submit tells them under a new id; what the first message did at the gateway is for the persons to know.
    """
    message = _open(rooms, connection, message_id)
    same = message.event == "contradicted"
    slips = message.records
    if same:
        messages.reopen(connection, message_id)
        messages.add_event(connection, message_id, "asked", at=rooms.now(), detail=decided.who)
        messages.add_event(connection, message_id, "stored", at=rooms.now(), detail="resent by two persons")
    else:
        messages.add_event(connection, message_id, "resent", at=rooms.now(), detail=decided.reason)
        slips = acknowledgements.release(connection, message_id, rooms.now())
    _note(rooms, connection, message, ("desk.resend", decided, {"same_id": same, "slips": slips}))
    return {"message_id": message_id, "state": "stored" if same else "resent", "same_id": same, "slips": slips}


def give_up(rooms: Rooms, message_id: str, decided: Decided) -> dict[str, Any]:
    """Two persons end a message, both named in one call."""
    with _by_two(rooms, message_id, decided) as (connection, names):
        return give_message_up(rooms, connection, message_id, names)


def give_message_up(rooms: Rooms, connection: Connection, message_id: str, decided: Decided) -> dict[str, Any]:
    """End a message, by persons who may do it: nothing is asked or sent any more, and its slips stay as they are until something else is told of them."""
    message = _open(rooms, connection, message_id)
    messages.add_event(connection, message_id, "given_up", at=rooms.now(), detail=decided.reason)
    _note(rooms, connection, message, ("desk.give_up", decided, {"slips": message.records}))
    return {"message_id": message_id, "state": "given_up", "slips": message.records}


def _open(rooms: Rooms, connection: Connection, message_id: str) -> OpenMessage:
    """A message that two persons may decide about, held until the transaction ends."""
    message = found(rooms, message_id)
    decidable(message)
    sending.hold(connection, message)
    newest = messages.find(connection, message_id)
    assert newest is not None
    _allowed(newest, (message.event,))  # nothing happened to it since it was looked at
    return newest


def _note(rooms: Rooms, connection: Connection, message: OpenMessage, act: tuple[str, Decided, dict[str, Any]]) -> None:
    name, decided, more = act
    detail = {"approved_by": decided.approved_by.strip(), "reason": decided.reason, "before": message.event, **more}
    audit.append(connection, audit.Entry(decided.who.strip(), name, f"message:{message.message_id}", detail, rooms.now()))


@contextmanager
def _by_two(rooms: Rooms, message_id: str, decided: Decided) -> Iterator[tuple[Connection, Decided]]:
    """One transaction, and the two persons as they are recorded."""
    people.two_names(decided.who, decided.approved_by)
    if not decided.reason.strip():
        raise UsageError("理由を書いてください。")
    message = found(rooms, message_id)
    decidable(message)
    with rooms.store.together() as connection:
        names = people.at_once(rooms, connection, (decided.who, decided.approved_by), "resend", message.municipality_code)
        yield connection, Decided(*names, decided.reason)


def decidable(message: OpenMessage) -> None:
    """FL-GTW-007 for a message that two persons do not decide about."""
    _allowed(message, ("sent", "unknown", "asked", "exhausted", "contradicted"))


def found(rooms: Rooms, message_id: str) -> OpenMessage:
    """The message, or FL-GTW-008."""
    with rooms.store.read() as connection:
        known = messages.find(connection, message_id)
    if known is None:
        raise ProblemError([problem("FL-GTW-008", place=message_id)])
    return known


def _allowed(message: OpenMessage, events: tuple[str, ...]) -> None:
    if message.event not in events:
        words = in_japanese(message.event, MESSAGE_EVENTS)
        raise ProblemError([problem("FL-GTW-007", place=message.message_id, state=words, state_en=message.event)])


def _reachable(rooms: Rooms) -> None:
    """A person's question respects the pause as well: the gateway asked for it, or cannot answer anyway."""
    closed = breaker.shut(rooms)
    if closed is not None:
        raise ProblemError([problem("FL-GTW-004", until=closed.until_at, reason=closed.reason)])


def _told(rooms: Rooms, message_id: str, counts: dict[str, Any]) -> dict[str, Any]:
    event = found(rooms, message_id).event
    return {"message_id": message_id, "state": event, "state_ja": in_japanese(event, MESSAGE_EVENTS), **counts}
