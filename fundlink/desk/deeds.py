"""What two persons may do outside of cases, as a table: one row a deed, with what there is before it and what does it.

Called by proposals. A row says whose roles are needed, which stream the deed runs in, what its ground is, and what of its answer was
approved. What the deeds do stands in the modules of their things; nobody is asked here who they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.desk import bank_accounts, find_bill, profiles, sending, settling, taking_back
from fundlink.domain.bank_accounts import read_account
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.problems import problem
from fundlink.pipeline import absence
from fundlink.pipeline.rooms import Rooms
from fundlink.store.settlings import Decision


class Ground(NamedTuple):
    """Whose thing it is, its name as it is kept, and what there is before the deed."""

    municipality_code: str
    subject: str
    before: dict[str, Any]


class Order(NamedTuple):
    """A deed to be done: to what, with what, why, and by whom (who proposed it, who approved it)."""

    subject: str
    asked: dict[str, Any]
    reason: str
    names: tuple[str, str]


class Deed(NamedTuple):
    """One row."""

    kind: str
    ja: str
    en: str
    pair: str
    """The two permissions: ``<pair>.prepare`` and ``<pair>.approve``."""
    stream: str
    needs_reason: bool
    told: tuple[str, ...]
    """What of the answer is shown before, and must come out the same when it is done."""
    ground: Callable[[Rooms, Connection, str, dict[str, Any]], Ground]
    do: Callable[[Rooms, Connection, Order], dict[str, Any]]


def _bill(rooms: Rooms, _connection: Connection, subject: str, asked: dict[str, Any]) -> Ground:
    bill = find_bill(rooms, subject, asked.get("municipality_code") or None)
    before = {name: getattr(bill, name) for name in ("state", "case_key", "issue_count", "total_yen", "version_id")}
    return Ground(bill.municipality_code, bill.bill_key, before)


def _file(_rooms: Rooms, connection: Connection, subject: str, _asked: dict[str, Any]) -> Ground:
    if not (subject.isascii() and subject.isdigit() and len(subject) < 19):
        raise ProblemError([problem("FL-FIL-006", file_id=subject)])
    state = taking_back.found_file(connection, int(subject))
    counted = {name: state.summary.get(name, 0) for name in ("read", "accepted", "created", "updated", "cancelled", "accepted_yen")}
    return Ground(state.municipality_code or state.municipality_wanted, str(state.file_id), {"name": state.name, "event": state.event, **counted})  # fmt: skip


def _day(rooms: Rooms, connection: Connection, subject: str, asked: dict[str, Any]) -> Ground:
    return Ground(
        asked["municipality"], subject, {"kind": asked["kind"], "day": asked["day"], **absence.waited_for(rooms, connection, asked)}
    )


def _message(rooms: Rooms, _connection: Connection, subject: str, _asked: dict[str, Any]) -> Ground:
    message = sending.found(rooms, subject)
    return Ground(message.municipality_code, subject, {"event": message.event, "records": message.records})


def _settlement(_rooms: Rooms, connection: Connection, subject: str, _asked: dict[str, Any]) -> Ground:
    return Ground(settling.municipality_of(connection, subject), subject, {})


def _account(_rooms: Rooms, _connection: Connection, subject: str, asked: dict[str, Any]) -> Ground:
    return Ground(asked["municipality"], str(read_account(subject) or subject), {})


def _profile(rooms: Rooms, connection: Connection, subject: str, _asked: dict[str, Any]) -> Ground:
    return Ground("", subject, profiles.before(rooms, connection, subject))


def _decided(order: Order) -> Decision:
    return Decision(*order.names, order.reason)


def _waiver(rooms: Rooms, _connection: Connection, order: Order) -> dict[str, Any]:
    named = {"who": order.names[0], "approved_by": order.names[1], "reason": order.reason}
    return absence.waive(rooms, {**order.asked, **named})


def _registered(rooms: Rooms, connection: Connection, order: Order) -> dict[str, Any]:
    asked = order.asked
    wanted = bank_accounts.Wanted(
        order.subject, asked["municipality"], *order.names, asked["holder"], tuple(asked["funds"]), tuple(asked["written_as"])
    )
    return bank_accounts.register(rooms, connection, wanted)


DEEDS = (
    Deed(
        "rollback", "ファイルの取消", "take a file back", "rollback", "desk", False, ("file", "created", "updated", "cancelled"), _file,
        lambda rooms, connection, order: taking_back.roll_back_file(rooms, connection, int(order.subject), order.names),
    ),
    Deed(
        "reissue", "納付書の再発行", "re-issue a slip", "reissue", "desk", False, ("issue_count", "superseded_case_key"), _bill,
        lambda rooms, connection, order: taking_back.reissue_bill(rooms, connection, order.subject, order.names),
    ),
    Deed("waive", "ファイルを待たない", "wait for a file no more", "waive", "desk", True, ("file", "quarantined"), _day, _waiver),
    Deed(
        "resend", "電文の送り直し", "send a message again", "resend", "submit", True, ("state", "same_id", "slips"), _message,
        lambda rooms, connection, order: sending.resend_message(rooms, connection, order.subject, sending.Decided(*order.names, order.reason)),
    ),
    Deed(
        "give_up", "電文の打切り", "give a message up", "resend", "submit", True, ("state", "slips"), _message,
        lambda rooms, connection, order: sending.give_message_up(rooms, connection, order.subject, sending.Decided(*order.names, order.reason)),
    ),
    Deed(
        "settle", "払込の清算", "settle by hand", "settle", "reconcile", True, ("equation",), _settlement,
        lambda rooms, connection, order: settling.settle(rooms, connection, (order.subject, order.asked["suggestion"]), _decided(order)),
    ),
    Deed(
        "unsettle", "清算の取下げ", "take a settling back", "settle", "reconcile", True, ("equation",), _settlement,
        lambda rooms, connection, order: settling.unsettle(rooms, connection, order.subject, _decided(order)),
    ),
    Deed(
        "profile", "プロファイルの採用", "adopt a profile", "profile", "desk", True, ("label", "edition", "digest", "messages"), _profile,
        lambda rooms, connection, order: profiles.adopt(rooms, connection, order.subject, order.names),
    ),
    Deed("account", "口座の登録", "register an account", "account", "desk", False, ("account", "holder", "funds", "written_as"), _account, _registered),
)  # fmt: skip
BY_KIND = {deed.kind: deed for deed in DEEDS}


def deed_of(kind: str) -> Deed:
    """The row of a kind."""
    if kind not in BY_KIND:
        raise UsageError(f"提案の種類は {'・'.join(BY_KIND)} のどれかです。")
    return BY_KIND[kind]
