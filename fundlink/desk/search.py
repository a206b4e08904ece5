"""Finding a bill: one field that knows what was typed, or an amount with a day. Reads only; called by jobs for the console."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.scope import Scope
from fundlink.formats.typed import Typed, recognised
from fundlink.pipeline.rooms import Rooms
from fundlink.store import bill_search, lookup
from fundlink.store.bill_search import Hit, Pair

PAGE = 50


class Sought(NamedTuple):
    """What is looked for: a text, or a pair; ``after`` is the cursor of the page before."""

    text: str = ""
    pair: Pair | None = None
    after: int = 0


def search(rooms: Rooms, sought: Sought, *, scope: Scope) -> dict[str, Any]:
    """What is found in scope: ``kind`` (what the text was taken for), ``hits``, ``next``, ``differs``, ``problems``.

    ``differs`` names what was typed beside an eL number and is not so: the field and what it really is.
    """
    if sought.pair is not None:
        return _pair(rooms, sought, sought.pair, scope)
    typed = recognised(sought.text)
    if not typed.kind or typed.problems:
        first = {found.code: found for found in reversed(typed.problems)}  # a text that is no eL-QR breaks a rule many times
        return _told(typed.kind, [], problems=[found.as_json() for found in reversed(first.values())])
    with rooms.store.read() as connection:
        if typed.kind == "bill_key":
            return _by_key(connection, typed, scope)
        if typed.kind == "number":
            return _by_number(connection, typed, sought.after, scope)
        return _by_el_number(connection, typed, scope)


def _told(kind: str, hits: list[Hit], **more: Any) -> dict[str, Any]:
    page = hits[:PAGE]
    following = page[-1].cursor if len(hits) > PAGE else None
    return {"kind": kind, "hits": [hit._asdict() for hit in page], "next": following, "differs": [], "problems": [], **more}


def _pair(rooms: Rooms, sought: Sought, pair: Pair, scope: Scope) -> dict[str, Any]:
    with rooms.store.read() as connection:
        return _told("pair", bill_search.by_pair(connection, pair, scope, after=sought.after, limit=PAGE + 1))


def _by_key(connection: Connection, typed: Typed, scope: Scope) -> dict[str, Any]:
    found = lookup.bill_by_key(connection, typed.text)
    if found is None or not scope.covers(found.municipality_code, found.department_code):
        return _told("bill_key", [])
    hit = Hit(
        found.bill_id, found.bill_key, found.municipality_code, found.fund_code, found.notice_number, found.installment, found.total_yen,
        found.due_on, found.payable_until, found.state, None, None, None, None,
    )  # fmt: skip
    return _told("bill_key", [hit])


def _by_number(connection: Connection, typed: Typed, after: int, scope: Scope) -> dict[str, Any]:
    texts = (typed.text, typed.bare)
    paid = bill_search.by_transaction(connection, texts, scope) if not after else []
    found = bill_search.by_number(connection, texts, scope, after=after, limit=PAGE + 1)
    return _told("number", [*paid, *found] if paid and len(found) < PAGE - len(paid) else found or paid)


def _by_el_number(connection: Connection, typed: Typed, scope: Scope) -> dict[str, Any]:
    found = bill_search.by_el_number(connection, typed.institution_code, typed.case_key, scope)
    if found is None:
        return _told(typed.kind, [])
    hit, confirmation_number = found
    really = {"confirmation_number": confirmation_number, "fund_code": hit.fund_code, "amount_yen": hit.yen}
    said = {name: getattr(typed, name) for name in really}
    differs = [{"field": name, "actual": really[name]} for name in really if said[name] not in ("", None) and said[name] != really[name]]
    return _told(typed.kind, [hit], differs=differs)
