"""Answers of the gateway: read and proved, then applied to the slips of their message, once.

Called by pipeline.sending inside its transactions. A second answer about the same message has no effect; where it differs from the
first one, a person is told. Nothing is sent from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any, NamedTuple

from fundlink.connectors import envelope
from fundlink.connectors.gateway import PAID, REASONS
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.domain.records import AcknowledgementRecord
from fundlink.domain.states import states_before
from fundlink.pipeline.rooms import GATEWAY_PROFILE, Rooms, Ticket
from fundlink.store import acknowledgements, audit, messages, told_again
from fundlink.store.attempts import Ending
from fundlink.store.messages import OpenMessage
from fundlink.store.vault import Kept

# what the gateway may say to what was asked
_ANSWERS = {"register": ("registered", "refused"), "update": ("updated", "refused"), "cancel": ("cancelled", "refused")}


class Read(NamedTuple):
    """An answer whose signature, form, totals and slips hold."""

    status: str
    reason_code: str
    answers: list[AcknowledgementRecord]


class Outcome(NamedTuple):
    """What an answer came to: for the log, and for the report."""

    ending: Ending
    counts: Ticket


def read(rooms: Rooms, message: OpenMessage, answer: bytes) -> Read:
    """What an answer says; ProblemError when it cannot be trusted or is about something else."""
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
        problems += _strange(rooms, message, found)
    if problems:
        raise ProblemError(problems)
    return Read(str(header["status"]), str(header.get("reason_code") or ""), found)


def _strange(rooms: Rooms, message: OpenMessage, found: list[AcknowledgementRecord]) -> Iterator[Problem]:
    """Each slip of the message has one answer, about itself and about what was asked; anything else is no answer."""
    with rooms.store.read() as connection:
        asked = acknowledgements.operations(connection, message.message_id)
    if len(found) != len(asked):
        yield problem("FL-SEM-001", expected=len(asked), actual=len(found))
    if {item.case_key for item in found} != set(asked):
        yield problem("FL-SEM-002", detail="CaseKey")
    elif any(item.result not in _ANSWERS[asked[item.case_key]] for item in found):
        yield problem("FL-SEM-002", detail="Result")


def apply(rooms: Rooms, connection: Any, message: OpenMessage, told: Read, kept: Kept) -> Outcome:
    """The first answer: the slips take their steps, or the message goes again, or its slips go under another id."""
    if told.status == "absent":
        return _absent(rooms, connection, message, kept)
    if told.status == "rejected":
        return _rejected(rooms, connection, message, told, kept)
    triples = [(item.case_key, item.result, item.reason_code) for item in told.answers]
    taken, refused = acknowledgements.apply_acknowledgement(connection, message.message_id, triples, before=states_before, at=rooms.now())
    messages.add_event(connection, message.message_id, "answered", at=rooms.now(), raw_id=kept.raw_id)
    again = told_again.after_refusal(connection, message.message_id, PAID, rooms.now()) if refused else 0
    detail = {"registered": taken, "refused": refused, "sha256": kept.sha256, **({"told_again": again} if again else {})}
    audit.append(connection, audit.Entry("gateway", "submit.acknowledge", f"message:{message.message_id}", detail, rooms.now()))
    counts = {"messages": 1, "slips": message.records, "registered": taken, "refused": refused}
    return Outcome(Ending("processed", raw_id=kept.raw_id), counts)


def _absent(rooms: Rooms, connection: Any, message: OpenMessage, kept: Kept) -> Outcome:
    """The gateway says it never had this message: the same bytes go again under the same id, counted when they are sent."""
    messages.add_event(connection, message.message_id, "stored", at=rooms.now(), raw_id=kept.raw_id, detail="absent at the gateway")
    return Outcome(Ending("absent", rooms.now(), raw_id=kept.raw_id), {})


def _rejected(rooms: Rooms, connection: Any, message: OpenMessage, read: Read, kept: Kept) -> Outcome:
    """A negative answer for the whole message: only now may its slips go under a new id, and they do in the next run."""
    reason = read.reason_code
    messages.add_event(connection, message.message_id, "rejected", at=rooms.now(), raw_id=kept.raw_id, detail=reason)
    slips = acknowledgements.ask_again(connection, message.message_id, rooms.now())
    detail = {"slips": slips, "reason": reason}
    audit.append(connection, audit.Entry("gateway", "submit.reject", f"message:{message.message_id}", detail, rooms.now()))
    told = problem("FL-GTW-001", place=message.message_id, reason=f"{reason} {REASONS.get(reason, '')}".strip()).as_json()
    counts = {"messages": 1, "slips": message.records, "refused": message.records, "problems": [told]}
    return Outcome(Ending("rejected", raw_id=kept.raw_id, detail=reason), counts)


def join(rooms: Rooms, connection: Any, message: OpenMessage, kept: Kept, status: str = "") -> Outcome:
    """A later answer about a message that has its end: the very same bytes are no news, anything else is for a person."""
    if messages.kept_answer(connection, message.message_id) == kept.sha256:
        return Outcome(Ending("agrees", raw_id=kept.raw_id), {})
    word = "absent" if status == "absent" else "differs"
    messages.add_event(connection, message.message_id, "contradicted", at=rooms.now(), raw_id=kept.raw_id, detail=word)
    entry = audit.Entry("gateway", "submit.contradict", f"message:{message.message_id}", {"told": word, "sha256": kept.sha256}, rooms.now())
    audit.append(connection, entry)
    told = "届いていない" if word == "absent" else "別の内容"
    return Outcome(Ending(word, raw_id=kept.raw_id), {"problems": [problem("FL-GTW-006", place=message.message_id, told=told).as_json()]})
