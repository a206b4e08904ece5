"""Submit: slips that the gateway does not know as they are now become signed messages; its answers advance the slips.

Steps: clear_up (inquire about messages whose answer was lost), compose (in a module of its own), send. A lost answer is
``unknown`` until an inquiry tells; the same bytes go again under the same id, never new ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

from fundlink.connectors import core_files, envelope
from fundlink.connectors.eltax import UnreachableError
from fundlink.connectors.gateway import REASONS
from fundlink.domain.errors import OutcomeUnknownError, ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.domain.records import AcknowledgementRecord
from fundlink.domain.states import states_before
from fundlink.pipeline.compose import compose
from fundlink.pipeline.rooms import GATEWAY_PROFILE, Rooms, Ticket, Verb
from fundlink.store import audit, bills, messages, vault
from fundlink.store.messages import OpenMessage

# what the gateway may say to what was asked
_ANSWERS = {"register": ("registered", "refused"), "update": ("updated", "refused"), "cancel": ("cancelled", "refused")}
_COUNTS = ("messages", "slips", "registered", "refused", "unknown")


def clear_up(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Ask about every message that was sent and has no answer; what never arrived goes again as it is."""
    counts: Ticket = {**dict.fromkeys(_COUNTS, 0), "problems": []}
    with rooms.store.read() as connection:
        waiting = [message for message in messages.open_messages(connection) if message.event != "stored"]
    for message in waiting:
        _add(counts, _inquire(rooms, message))
    return counts


def send(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Send every stored message once and take in the answers."""
    counts = {name: ticket[name] for name in (*_COUNTS, "problems")}
    with rooms.store.read() as connection:
        waiting = [message for message in messages.open_messages(connection) if message.event == "stored"]
    for done, message in enumerate(waiting, 1):
        _add(counts, _send(rooms, message))
        rooms.progress("submit", done, len(waiting))
    return counts


def _add(counts: Ticket, more: Ticket) -> None:
    for name, value in more.items():
        counts[name] = counts[name] + value


def _send(rooms: Rooms, message: OpenMessage) -> Ticket:
    institution = message.municipality_code[:5]
    try:
        rooms.trust.pinned(institution)
    except OutcomeUnknownError:
        return _unreached(message)
    with rooms.store.write() as connection:
        body = vault.kept_bytes(connection, message.raw_id)
        messages.add_event(connection, message.message_id, "sent", at=rooms.now())
    core_files.put(rooms.folder / "outbox" / f"{message.message_id}.xml", [body])
    try:
        answer = rooms.gateway.submit(message.message_id, body)
    except UnreachableError:
        with rooms.store.write() as connection:  # nothing left this machine, so it is still only stored
            messages.add_event(connection, message.message_id, "stored", at=rooms.now(), detail="unreachable")
        return _unreached(message)
    except (OutcomeUnknownError, ProblemError) as error:
        return _lost(rooms, message, str(error))
    return _take_answer(rooms, message, answer)


def _inquire(rooms: Rooms, message: OpenMessage) -> Ticket:
    try:
        rooms.trust.pinned(message.municipality_code[:5])
        answer = rooms.gateway.inquire(message.message_id, message.municipality_code[:5])
    except UnreachableError:
        return _unreached(message)
    except (OutcomeUnknownError, ProblemError) as error:
        return _lost(rooms, message, str(error))
    return _take_answer(rooms, message, answer)


def _unreached(message: OpenMessage) -> Ticket:
    return {"messages": 1, "slips": message.records, "unknown": message.records, "problems": [problem("FL-GTW-003").as_json()]}


def _hold(connection: Any, message: OpenMessage) -> None:
    """The slips of a message take a step: nobody else changes them or their bills meanwhile."""
    bills.hold(connection, message.municipality_code)
    bills.hold_states(connection)


def _lost(rooms: Rooms, message: OpenMessage, why: str, raw_id: int | None = None) -> Ticket:
    with rooms.store.write() as connection:
        _hold(connection, message)
        messages.add_event(connection, message.message_id, "unknown", at=rooms.now(), raw_id=raw_id, detail=why[:200])
        lost = messages.lose_slips(connection, message.message_id, rooms.now())
        if lost:
            entry = audit.Entry("fundlink", "submit.lose", f"message:{message.message_id}", {"slips": lost}, rooms.now())
            audit.append(connection, entry)
    told = problem("FL-GTW-002", place=message.message_id).as_json()
    return {"messages": 1, "slips": message.records, "unknown": message.records, "problems": [told]}


def _take_answer(rooms: Rooms, message: OpenMessage, answer: bytes) -> Ticket:
    """Keep the bytes, then read them; an answer that cannot be trusted leaves the outcome unknown."""
    with rooms.store.write() as connection:
        kept = vault.keep(
            connection, [answer], direction="in", kind="acknowledgement", name=f"{message.message_id}.ack.xml", at=rooms.now()
        )
    core_files.put(rooms.folder / "inbox" / f"{message.message_id}.ack.xml", [answer])
    try:
        header, answers = _read_answer(rooms, message, answer)
    except ProblemError as error:
        return _lost(rooms, message, str(error), kept.raw_id)
    if header["status"] == "absent":
        return _resend(rooms, message, kept.raw_id)
    if header["status"] == "rejected":
        return _rejected(rooms, message, header, kept.raw_id)
    with rooms.store.write() as connection:
        _hold(connection, message)
        triples = [(item.case_key, item.result, item.reason_code) for item in answers]
        taken, refused = messages.apply_acknowledgement(connection, message.message_id, triples, before=states_before, at=rooms.now())
        messages.add_event(connection, message.message_id, "answered", at=rooms.now(), raw_id=kept.raw_id)
        detail = {"registered": taken, "refused": refused, "sha256": kept.sha256}
        audit.append(connection, audit.Entry("gateway", "submit.acknowledge", f"message:{message.message_id}", detail, rooms.now()))
    return {"messages": 1, "slips": message.records, "registered": taken, "refused": refused, "problems": []}


def _read_answer(rooms: Rooms, message: OpenMessage, answer: bytes) -> tuple[dict[str, Any], list[AcknowledgementRecord]]:
    institution = message.municipality_code[:5]
    octets = envelope.open_sealed(answer, rooms.trust.pinned(institution))
    reader = rooms.profile(GATEWAY_PROFILE).message("acknowledgement").reader(BytesIO(octets))
    found: list[AcknowledgementRecord] = []
    problems: list[Problem] = []
    for chunk in reader:
        found += [record for _, record in chunk.rows]
        problems += [told for told in chunk.problems if told.severity == "error"]
    header = reader.header
    if header["in_reply_to"] != message.message_id or header["institution_code"] != institution:
        problems.append(problem("FL-SEM-002", detail="InReplyTo"))
    if header["status"] == "processed":
        problems += _strange_answers(rooms, message, found)
    if problems:
        raise ProblemError(problems)
    return header, found


def _strange_answers(rooms: Rooms, message: OpenMessage, found: list[AcknowledgementRecord]) -> Iterator[Problem]:
    """Each slip of the message has one answer, about itself and about what was asked; anything else is no answer."""
    with rooms.store.read() as connection:
        asked = messages.operations(connection, message.message_id)
    if len(found) != len(asked):
        yield problem("FL-SEM-001", expected=len(asked), actual=len(found))
    if {item.case_key for item in found} != set(asked):
        yield problem("FL-SEM-002", detail="CaseKey")
    elif any(item.result not in _ANSWERS[asked[item.case_key]] for item in found):
        yield problem("FL-SEM-002", detail="Result")


def _resend(rooms: Rooms, message: OpenMessage, raw_id: int) -> Ticket:
    """The gateway says it never had this message: the same bytes go again under the same id."""
    with rooms.store.write() as connection:
        messages.add_event(connection, message.message_id, "stored", at=rooms.now(), raw_id=raw_id, detail="absent at the gateway")
    return {"problems": []}  # counted when it is sent, a step later


def _rejected(rooms: Rooms, message: OpenMessage, header: dict[str, Any], raw_id: int) -> Ticket:
    """A negative answer for the whole message: only now may its slips go under a new id, and they do in the next run."""
    reason = str(header.get("reason_code") or "")
    with rooms.store.write() as connection:
        _hold(connection, message)
        messages.add_event(connection, message.message_id, "rejected", at=rooms.now(), raw_id=raw_id, detail=reason)
        slips = messages.ask_again(connection, message.message_id, rooms.now())
        detail = {"slips": slips, "reason": reason}
        audit.append(connection, audit.Entry("gateway", "submit.reject", f"message:{message.message_id}", detail, rooms.now()))
    told = problem("FL-GTW-001", place=message.message_id, reason=f"{reason} {REASONS.get(reason, '')}".strip()).as_json()
    return {"messages": 1, "slips": message.records, "refused": message.records, "problems": [told]}


SUBMIT: Verb = (("clear_up", clear_up), ("compose", compose), ("send", send))
