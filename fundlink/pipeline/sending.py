"""Sending: stored messages go to the gateway, lost answers are asked for, and every call about a message is written down first.

Called by pipeline.submit and desk. A lost answer is ``unknown``; the next act is an inquiry, then the same bytes under the same id.
How often and when stands in ``domain.attempts``; what is not due is left alone, and what was tried enough waits for a person. What an
answer says is read in ``answers``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fundlink.connectors import core_files
from fundlink.connectors.gateway import NOT_KNOWN, NoAnswerError, UnreachableError
from fundlink.domain.attempts import ANSWERED, has_come, is_exhausted, later, wait_s
from fundlink.domain.errors import OutcomeUnknownError, ProblemError
from fundlink.domain.problems import problem
from fundlink.pipeline import answers, breaker
from fundlink.pipeline.rooms import Rooms, Ticket
from fundlink.store import acknowledgements, attempts, audit, bills, messages, vault
from fundlink.store.attempts import Ending, Standing
from fundlink.store.messages import OpenMessage

COUNTS = ("messages", "slips", "registered", "refused", "unknown", "waiting", "person")
_UNCHANGING = ("exhausted",)
_MOST_ASKED = 5  # messages asked about at once because of a doubt; the next refusal asks about more


def nothing() -> Ticket:
    """The counts of a run before anything happened."""
    return {**dict.fromkeys(COUNTS, 0), "next_try_at": None, "problems": []}


def clear_up(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Ask about every message that was sent and has no answer and is due; what never arrived goes again as it is."""
    counts = nothing()
    for message in _due(rooms, counts, _open(rooms, ticket, lambda event: event != "stored")):
        add(counts, inquire(rooms, message))
    return counts


def send(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Send every stored message that is due once and take in the answers."""
    counts = {name: ticket[name] for name in nothing()}
    for message in _due(rooms, counts, _open(rooms, ticket, lambda event: event == "stored")):
        add(counts, send_one(rooms, message))
    return {**counts, **_unanswered(rooms, ticket)}


def _unanswered(rooms: Rooms, ticket: Ticket) -> Ticket:
    """What has no answer now, counted from the messages and not from the calls.

    Where this step was killed and is gone on with, calls of its first life are in nobody's count: no unknown would say that the
    gateway knows every slip.
    """
    found = _open(rooms, ticket, lambda _event: True)
    return {"unknown": sum(message.records for message in found), "person": sum(message.event in _UNCHANGING for message in found)}


def add(counts: Ticket, more: Ticket) -> None:
    """Add what one message came to."""
    for name, value in more.items():
        counts[name] = _earliest(counts[name], value) if name == "next_try_at" else counts[name] + value


def _earliest(one: str | None, other: str | None) -> str | None:
    return min((found for found in (one, other) if found), default=None)


def _open(rooms: Rooms, ticket: Ticket, wanted: Callable[[str], bool]) -> list[OpenMessage]:
    """Messages without a final answer whose last event is wanted: all, or those of the municipality that the ticket names."""
    code = ticket.get("municipality")
    with rooms.store.read() as connection:
        found = messages.open_messages(connection)
    return [message for message in found if wanted(message.event) and (not code or message.municipality_code == code)]


def _due(rooms: Rooms, counts: Ticket, found: Sequence[OpenMessage]) -> Iterator[OpenMessage]:
    """The messages to be tried now, oldest first; all others are counted as what they are: waiting, or a person's."""
    with rooms.store.read() as connection:
        standings = attempts.open_standings(connection) if found else {}
    closed = breaker.shut(rooms) if any(message.event not in _UNCHANGING for message in found) else None
    told = False
    for done, message in enumerate(found, 1):
        now = standings[message.message_id]
        if message.event in _UNCHANGING:
            add(counts, {"person": 1})
        elif is_exhausted(now.tried, rooms.now()):
            add(counts, _hand_over(rooms, message))
        elif not has_come(now.next_try_at, rooms.now()):
            add(counts, _left_alone(message, now.next_try_at))
        elif closed is not None:
            add(counts, _left_alone(message, closed.until_at))
            counts["problems"] = counts["problems"] + ([] if told else [_paused(closed)])
            told = True
        else:
            yield message
            closed = breaker.shut(rooms)
        rooms.progress("submit", done, len(found))


def _paused(closed: breaker.Shut) -> dict[str, Any]:
    return problem("FL-GTW-004", until=closed.until_at, reason=closed.reason).as_json()


def _left_alone(message: OpenMessage, until: str | None) -> Ticket:
    return {"messages": 1, "slips": message.records, "unknown": message.records, "waiting": 1, "next_try_at": until}


def send_one(rooms: Rooms, message: OpenMessage) -> Ticket:
    """Send the stored bytes of a message under its id."""
    if (unmet := _meet(rooms, message, "send")) is not None:
        return unmet
    with rooms.store.write() as connection:
        body = vault.kept_bytes(connection, message.raw_id)
        messages.add_event(connection, message.message_id, "sent", at=rooms.now())
        attempt = _begin(rooms, connection, message, "send")
    core_files.put(rooms.folder / "outbox" / f"{message.message_id}.xml", [body])
    try:
        answer = rooms.gateway.submit(message.message_id, body)
    except UnreachableError as error:
        return _unreached(rooms, message, attempt, error, stored=True)
    except (OutcomeUnknownError, ProblemError) as error:
        return lost(rooms, message, attempt, error)
    return take(rooms, message, attempt, answer)


def inquire(rooms: Rooms, message: OpenMessage) -> Ticket:
    """Ask what became of a message."""
    return _ask(rooms, message, "inquire")


def _ask(rooms: Rooms, message: OpenMessage, kind: str) -> Ticket:
    if (unmet := _meet(rooms, message, kind)) is not None:
        return unmet
    with rooms.store.write() as connection:
        attempt = _begin(rooms, connection, message, kind)
    try:
        answer = rooms.gateway.inquire(message.message_id, message.municipality_code[:5])
    except UnreachableError as error:
        return _unreached(rooms, message, attempt, error)
    except (OutcomeUnknownError, ProblemError) as error:
        return lost(rooms, message, attempt, error)
    return take(rooms, message, attempt, answer)


def confirm(rooms: Rooms, message: OpenMessage) -> Ticket:
    """Ask about a message that was answered: the gateway must still say the very same. No bound of attempts is touched."""
    counts = nothing()
    add(counts, _ask(rooms, message, "confirm"))
    with rooms.store.read() as connection:
        (newest,) = attempts.newest_results(connection, rooms.gateway.name, 1)
    if newest not in ANSWERED and not counts["problems"]:
        counts["problems"] = [problem("FL-GTW-003", place=message.message_id).as_json()]
    return counts


def _meet(rooms: Rooms, message: OpenMessage, kind: str) -> Ticket | None:
    """Both sides know each other; outside production that may need the gateway, which may not be there."""
    try:
        rooms.trust.pinned(message.municipality_code[:5])
    except OutcomeUnknownError as error:
        with rooms.store.write() as connection:
            attempt = _begin(rooms, connection, message, kind)
        return _unreached(rooms, message, attempt, error)
    return None


def _begin(rooms: Rooms, connection: Any, message: OpenMessage, kind: str) -> int:
    return attempts.begin(connection, message.message_id, kind, gateway=rooms.gateway.name, at=rooms.now())


def _unreached(rooms: Rooms, message: OpenMessage, attempt: int, error: OutcomeUnknownError, *, stored: bool = False) -> Ticket:
    """Nothing of the message left this machine, so it is what it was; how soon it is tried again is the breaker's business."""
    told = (error.result, error.asked_s) if isinstance(error, NoAnswerError) else ("unreachable", None)
    with rooms.store.write() as connection:
        attempts.end(connection, attempt, Ending("unreachable", rooms.now(), detail=str(error)), at=rooms.now())
        if stored:
            messages.add_event(connection, message.message_id, "stored", at=rooms.now(), detail="unreachable")
        breaker.note(rooms, connection, *told)
    return {"messages": 1, "slips": message.records, "unknown": message.records, "problems": [problem("FL-GTW-003").as_json()]}


def hold(connection: Any, message: OpenMessage) -> None:
    """The slips of a message take a step: nobody else changes them or their bills meanwhile."""
    bills.hold(connection, message.municipality_code)
    bills.hold_states(connection)


def lost(rooms: Rooms, message: OpenMessage, attempt: int, error: Exception, *, raw_id: int | None = None) -> Ticket:
    """No answer, or one that cannot be trusted: the outcome is not known. What came instead is kept."""
    known = error if isinstance(error, NoAnswerError) else None
    result = known.result if known else "unusable" if raw_id is not None else "error" if isinstance(error, ProblemError) else "lost"
    asked_s = (known.asked_s or 0) if known and result == "busy" else None
    with rooms.store.write() as connection:
        hold(connection, message)
        if known is not None and known.body:
            raw_id = _keep(rooms, connection, message, known.body).raw_id
        ending = Ending(result, None, known.status if known else None, raw_id, str(error))
        if messages.has_end(connection, message.message_id):  # another call was answered meanwhile
            attempts.end(connection, attempt, ending, at=rooms.now())
            return {}
        next_try_at, exhausted = _schedule(rooms, connection, message, asked_s)
        attempts.end(connection, attempt, ending._replace(next_try_at=next_try_at), at=rooms.now())
        breaker.note(rooms, connection, result, asked_s)
        _lose(rooms, connection, message, raw_id, str(error))
        if exhausted:
            _give_to_person(rooms, connection, message)
    told = problem("FL-GTW-005" if exhausted else "FL-GTW-002", place=message.message_id).as_json()
    return {
        "messages": 1, "slips": message.records, "unknown": message.records, "person": int(exhausted), "next_try_at": next_try_at,
        "problems": [told],
    }  # fmt: skip


def _schedule(rooms: Rooms, connection: Any, message: OpenMessage, asked_s: float | None) -> tuple[str | None, bool]:
    """When a message is due again after the attempt that has just failed, or that it was the last one."""
    now = attempts.standing(connection, message.message_id)  # an attempt without a result counts as a failure: that is this one
    due = later(rooms.now(), wait_s(now.failures, rooms.lot(), asked_s))
    exhausted = is_exhausted(now.tried, due)
    return (None if exhausted else due), exhausted


def _lose(rooms: Rooms, connection: Any, message: OpenMessage, raw_id: int | None, why: str) -> None:
    messages.add_event(connection, message.message_id, "unknown", at=rooms.now(), raw_id=raw_id, detail=why[:200])
    slips = acknowledgements.lose_slips(connection, message.message_id, rooms.now())
    if slips:
        entry = audit.Entry("fundlink", "submit.lose", f"message:{message.message_id}", {"slips": slips}, rooms.now())
        audit.append(connection, entry)


def _hand_over(rooms: Rooms, message: OpenMessage) -> Ticket:
    with rooms.store.write() as connection:
        _give_to_person(rooms, connection, message)
    told = problem("FL-GTW-005", place=message.message_id).as_json()
    return {"messages": 1, "slips": message.records, "unknown": message.records, "person": 1, "problems": [told]}


def _give_to_person(rooms: Rooms, connection: Any, message: OpenMessage) -> None:
    now: Standing = attempts.standing(connection, message.message_id)
    detail = {"attempts": now.counted, "first_at": now.first_at, "last": now.result}
    messages.add_event(connection, message.message_id, "exhausted", at=rooms.now(), detail=now.result)
    audit.append(connection, audit.Entry("fundlink", "submit.exhaust", f"message:{message.message_id}", detail, rooms.now()))


def _keep(rooms: Rooms, connection: Any, message: OpenMessage, answer: bytes) -> vault.Kept:
    name = f"{message.message_id}.ack.xml"
    return vault.keep(connection, [answer], direction="in", kind="acknowledgement", name=name, at=rooms.now())


def take(rooms: Rooms, message: OpenMessage, attempt: int, answer: bytes) -> Ticket:
    """Keep the bytes, then read them; an answer that cannot be trusted leaves the outcome unknown."""
    with rooms.store.write() as connection:
        kept = _keep(rooms, connection, message, answer)
    core_files.put(rooms.folder / "inbox" / f"{message.message_id}.ack.xml", [answer])
    try:
        read = answers.read(rooms, message, answer)
    except ProblemError as error:
        return lost(rooms, message, attempt, error, raw_id=kept.raw_id)
    with rooms.store.write() as connection:
        hold(connection, message)
        ended = messages.has_end(connection, message.message_id)
        outcome = (
            answers.join(rooms, connection, message, kept, read.status) if ended else answers.apply(rooms, connection, message, read, kept)
        )
        attempts.end(connection, attempt, outcome.ending, at=rooms.now())
    if outcome.counts.get("refused") and outcome.ending.result == "processed":
        return _suspect(rooms, message, outcome.counts)
    return outcome.counts


def _suspect(rooms: Rooms, message: OpenMessage, counts: Ticket) -> Ticket:
    """A slip that was registered and is not known any more: the gateway is asked whether it still knows the messages that did it."""
    with rooms.store.read() as connection:
        doubtful = acknowledgements.registered_by(connection, message.message_id, NOT_KNOWN, _MOST_ASKED)
        found = [one for name in doubtful if (one := messages.find(connection, name)) is not None and one.event == "answered"]
    told = {**nothing(), **counts}
    for one in found:
        told["problems"] = told["problems"] + confirm(rooms, one)["problems"]
    return told
