"""The circuit breaker of a gateway: when it fails again and again, or asks for it, nobody calls it for a while; then one probe tells.

Called by pipeline.sending. What it knows is in the store (the log of attempts, the newest pause), so several workers and the next
process know it too. The probe is a question without effect, so no message uses up an attempt while the other side is away.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.connectors.gateway import NoAnswerError
from fundlink.domain.attempts import ANSWERED, OPENS_AFTER, RESULTS, has_come, later, opens, pause_s
from fundlink.domain.errors import OutcomeUnknownError, ProblemError
from fundlink.pipeline.rooms import Rooms
from fundlink.store import attempts
from fundlink.store.attempts import Pause


class Shut(NamedTuple):
    """The gateway is left alone: until when, and why in words."""

    until_at: str
    reason: str


def shut(rooms: Rooms) -> Shut | None:
    """Whether the gateway is to be left alone now; where the time is over, a probe says."""
    with rooms.store.read() as connection:
        word = attempts.pause(connection, rooms.gateway.name)
    if word is None or not word.until_at:
        return None
    if not has_come(word.until_at, rooms.now()):
        return Shut(word.until_at, dict(RESULTS).get(word.reason, word.reason))
    return _probe(rooms, word)


def _probe(rooms: Rooms, word: Pause) -> Shut | None:
    """Half open: one cheap question. An answer of any kind opens the way; silence shuts it for longer."""
    result, asked_s = "", None
    try:
        rooms.gateway.certificate()
    except NoAnswerError as error:
        result, asked_s = error.result, error.asked_s
    except OutcomeUnknownError:
        result = "unreachable"
    except ProblemError:
        result = ""
    with rooms.store.write() as connection:
        if not result:
            attempts.add_pause(connection, rooms.gateway.name, word._replace(until_at="", at=rooms.now()))
            return None
        return _shut(rooms, connection, (result, asked_s), word.reopened + 1)


def note(rooms: Rooms, connection: Connection, result: str, asked_s: float | None = None) -> None:
    """A call ended so, and stands in the log: shut the gateway where that is reason enough."""
    if result in ANSWERED:
        return
    name = rooms.gateway.name
    newest = attempts.newest_results(connection, name, OPENS_AFTER)
    if not (opens(newest) or (result == "busy" and asked_s)):
        return
    word = attempts.pause(connection, name)
    _shut(rooms, connection, (result, asked_s), word.reopened + 1 if word is not None and not ANSWERED & set(newest) else 0)


def _shut(rooms: Rooms, connection: Connection, why: tuple[str, float | None], reopened: int) -> Shut:
    result, asked_s = why
    until = later(rooms.now(), pause_s(reopened, rooms.lot(), asked_s))
    attempts.add_pause(connection, rooms.gateway.name, Pause(until, reopened, result, rooms.now()))
    return Shut(until, dict(RESULTS)[result])
