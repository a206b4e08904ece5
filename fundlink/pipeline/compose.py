"""Compose: slips that the gateway does not know as they are now become signed messages, stored under their ids before anything is sent.

The first half of submit; called by pipeline.submit. Never sends: what leaves is byte for byte what was stored here.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from fundlink.connectors import envelope
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import Problem
from fundlink.domain.records import PaymentRecord
from fundlink.domain.states import states_before
from fundlink.pipeline.rooms import GATEWAY_PROFILE, Rooms, Ticket
from fundlink.store import audit, bills, messages, vault
from fundlink.store.messages import PendingSlip

_MESSAGES_HELD = 4  # messages a transaction: enough to keep the checking thread at work, few enough to let others in


def compose(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Write, seal, check and store messages of at most ``message_records`` slips, some messages a transaction."""
    with rooms.store.read() as connection:
        codes = [code for code in messages.municipalities_with_pending(connection) if ticket.get("municipality") in (None, "", code)]
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
