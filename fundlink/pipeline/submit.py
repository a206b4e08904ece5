"""Submit: slips that the gateway does not know as they are now become signed messages; its answers advance the slips.

Steps: clear_up (inquire about messages whose answer was lost), compose (messages stored under their ids before anything is
sent), send. A lost answer is ``unknown`` until an inquiry tells; the same bytes go again under the same id, never new ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from typing import Any, NamedTuple

from fundlink.connectors import core_files, envelope
from fundlink.connectors.eltax import UnreachableError
from fundlink.connectors.gateway import REASONS
from fundlink.domain.errors import OutcomeUnknownError, ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.domain.records import AcknowledgementRecord, PaymentRecord
from fundlink.domain.states import states_before
from fundlink.pipeline.rooms import Rooms, Ticket, Verb
from fundlink.store import audit, bills, messages, vault
from fundlink.store.messages import OpenMessage, PendingSlip

GATEWAY_PROFILE = "gateway"
_MESSAGES_HELD = 4  # messages a transaction: enough to keep the checking thread at work, few enough to let others in
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


def compose(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Write, seal, check and store messages of at most ``message_records`` slips, some messages a transaction."""
    with rooms.store.read() as connection:
        codes = messages.municipalities_with_pending(connection)
    for code in codes:
        after, done = 0, 0
        while after is not None:
            after, count = _compose_some(rooms, code, after)
            done += count
            rooms.progress("compose", done, None)
    return {}


def _compose_some(rooms: Rooms, code: str, after: int) -> tuple[Any, int]:
    """Some messages of a municipality; the slip id to go on after (None at the end) and the number of slips.

    While one thread holds a message against its schema (libxml2 works without the interpreter's lock), this one writes the
    next. All of them stand in one transaction that holds the municipality, so nothing that a message says can change between
    choosing its slips and storing it; a message is stored only when it proved to be valid, and the transaction is bounded.
    A message that is not valid takes the ones before it in the transaction back: nothing was sent, and they are made anew.
    """
    at: int | None = after
    done = 0
    with rooms.store.write() as connection, ThreadPoolExecutor(1) as checking:
        bills.hold(connection, code)
        prefix = messages.message_prefix(code, rooms.today().replace("-", ""))
        number = messages.next_message_number(connection, prefix)
        waiting: _Chosen | None = None
        for _ in range(_MESSAGES_HELD):
            found = messages.list_pending(connection, code, at or 0, rooms.message_records)
            chosen = _choose(rooms, connection, checking, code, f"{prefix}{number:06d}") if found else None
            if waiting is not None:
                _store_chosen(rooms, connection, code, waiting)
            waiting = chosen
            if chosen is None:
                at = None
                break
            at, done, number = chosen.last, done + len(chosen.told), number + bool(chosen.told)
        if waiting is not None:
            _store_chosen(rooms, connection, code, waiting)
        messages.note_numbered(connection, prefix, number - 1, rooms.now())
        if at is None:
            messages.note_told(connection, code, rooms.now())
    return at, done


class _Chosen(NamedTuple):
    """The slips of a message, written and being checked, and those that nobody has to be told about."""

    message_id: str
    last: int
    told: list[tuple[PendingSlip, str]]
    dead: list[tuple[int, str]]
    body: bytes
    check: Future[list[Problem]] | None


def _choose(rooms: Rooms, connection: Any, checking: ThreadPoolExecutor, code: str, message_id: str) -> _Chosen:
    """The slips listed, their message written and sealed, its check under way."""
    pending = messages.pending_slips(connection)
    told = [(slip, operation) for slip in pending if (operation := _operation(slip)) is not None]
    dead = [(slip.slip_id, slip.wanted) for slip in pending if slip.wanted != "live" and not slip.at_gateway]
    if not told:
        return _Chosen(message_id, pending[-1].slip_id, told, dead, b"", None)
    header = {
        "message_id": message_id, "municipality_code": code, "institution_code": code[:5], "created_at": rooms.now(),
        "record_count": len(told), "total_yen": sum(slip.total_yen for slip, _ in told),
    }  # fmt: skip
    message = rooms.profile(GATEWAY_PROFILE).message("payment")
    body = b"".join(envelope.seal(message.writer(_payments(told), header), rooms.signer()))
    return _Chosen(message_id, pending[-1].slip_id, told, dead, body, checking.submit(message.schema_check, body))


def _store_chosen(rooms: Rooms, connection: Any, code: str, chosen: _Chosen) -> None:
    if chosen.check is not None:
        faults = chosen.check.result()
        if faults:
            raise ProblemError(faults)  # our own table and the XSD disagree: nothing leaves
        _store_message(rooms, connection, code, chosen)
    if chosen.dead:
        _drop(rooms, connection, code, chosen.dead)


def _drop(rooms: Rooms, connection: Any, code: str, dead: list[tuple[int, str]]) -> None:
    """Cancelled or superseded before the gateway heard of them: there is nobody to be told."""
    bills.hold_states(connection)
    dropped = messages.drop_dead_slips(connection, dead, before=states_before("cancel"), at=rooms.now())
    audit.append(connection, audit.Entry("fundlink", "submit.drop", f"municipality:{code}", {"slips": dropped}, rooms.now()))


def _operation(slip: PendingSlip) -> str | None:
    """What the gateway has to do so that it knows the slip as it is now; None when it has to do nothing."""
    if slip.wanted != "live":
        return "cancel" if slip.at_gateway else None
    return "update" if slip.at_gateway else "register"


def _store_message(rooms: Rooms, connection: Any, code: str, chosen: _Chosen) -> None:
    message_id, told = chosen.message_id, chosen.told
    total = sum(slip.total_yen for slip, _ in told)
    kept = vault.keep(connection, [chosen.body], direction="out", kind="payment", name=f"{message_id}.xml", at=rooms.now())
    values = {
        "id": message_id, "municipality_code": code, "raw_id": kept.raw_id, "records": len(told), "yen": total, "created_at": rooms.now(),
    }  # fmt: skip
    items = [(at, slip.slip_id, slip.version_id, operation, slip.last_change_id) for at, (slip, operation) in enumerate(told, 1)]
    messages.add_message(connection, values, items)
    detail = {"records": len(told), "yen": total, "sha256": kept.sha256}
    audit.append(connection, audit.Entry("fundlink", "submit.compose", f"message:{message_id}", detail, rooms.now()))


def _payments(told: list[tuple[PendingSlip, str]]) -> Iterator[PaymentRecord]:
    for slip, operation in told:
        assert slip.due_on is not None and slip.payable_until is not None  # noqa: PT018  (intake refuses a total without a due date)
        yield PaymentRecord(
            operation, slip.institution_code, slip.case_key, slip.confirmation_number, slip.fund_code, slip.department_code,
            slip.levy_year, slip.relevant_year, slip.fiscal_year, slip.installment, slip.total_yen, slip.due_on, slip.payable_until,
            slip.replaced_by if operation == "cancel" else "",
        )  # fmt: skip


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
