"""Taking back a wrongly loaded file, giving a bill a new number, waiting for a file no more: what two persons do outside of cases.

Called by proposals, which says who, and by jobs for both persons in one call. What stands below ``_`` checks facts and acts, and asks
nobody who they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Connection

from fundlink.desk import find_bill
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.domain.states import FILE_EVENTS, in_japanese
from fundlink.pipeline import absence, people
from fundlink.pipeline.rooms import Rooms
from fundlink.store import audit, bills, closing, files
from fundlink.store.files import FileState
from fundlink.store.lookup import BillView

_WHY = {"paid": "納付済み", "changed": "変更済み", "reissued": "再発行済み"}
REISSUABLE = ("issued", "registered", "refused", "expired")
"""States of a bill that is not paid in which it may get a new number."""


def reissue(rooms: Rooms, name: str, who: str, approved_by: str) -> dict[str, Any]:
    """Give a bill a new eL number; the old slip is superseded and still recognised if it is paid."""
    people.two_names(who, approved_by)
    with rooms.store.together() as connection:
        bill = find_bill(rooms, name)
        names = people.at_once(
            rooms, connection, (who, approved_by), "reissue", bill.municipality_code, department_code=bill.department_code
        )
        return reissue_bill(rooms, connection, bill.bill_key, names)


def reissue_bill(rooms: Rooms, connection: Connection, bill_key: str, names: tuple[str, str]) -> dict[str, Any]:
    """The act itself, by persons who may do it."""
    bills.hold(connection, find_bill(rooms, bill_key).municipality_code)
    bill = find_bill(rooms, bill_key)
    reissuable(bill)
    serial = bills.next_serials(connection, bill.municipality_code, 1, 0)
    case_key = f"{bill.fund_code}{bill.levy_year:04d}{serial:013d}"
    number = rooms.confirmation_numbers(1)[0]
    count = bills.reissue(connection, bill.bill_id, (case_key, number), rooms.now())
    detail = {"approved_by": names[1], "before": bill.case_key, "after": case_key, "issue_count": count}
    audit.append(connection, audit.Entry(names[0], "desk.reissue", f"bill:{bill.bill_key}", detail, rooms.now()))
    return {
        "bill_key": bill.bill_key, "issue_count": count, "institution_code": bill.institution_code, "case_key": case_key,
        "confirmation_number": number, "superseded_case_key": bill.case_key,
    }  # fmt: skip


def reissuable(bill: BillView) -> None:
    """FL-BIL-003 for a bill that gets no new number."""
    if bill.is_paid or bill.state not in REISSUABLE:
        state = "paid" if bill.is_paid else bill.state
        raise ProblemError([problem("FL-BIL-003", state=in_japanese(state), state_en=state)])


def waive(rooms: Rooms, ticket: dict[str, Any]) -> dict[str, Any]:
    """Declare that no (further) file of a kind comes for a business day; the watermark no longer waits for it."""
    names = (str(ticket["who"]), str(ticket["approved_by"]))
    people.two_names(*names)
    with rooms.store.together() as connection:
        who, approved_by = people.at_once(rooms, connection, names, "waive", str(ticket["municipality"]))
        return absence.waive(rooms, {**ticket, "who": who, "approved_by": approved_by})


def roll_back(rooms: Rooms, file_id: int, who: str, approved_by: str) -> dict[str, Any]:
    """Take back what a wrongly loaded file did, by compensating entries; refused as a whole when something later depends on it."""
    people.two_names(who, approved_by)
    with rooms.store.together() as connection:
        state = found_file(connection, file_id)
        names = people.at_once(rooms, connection, (who, approved_by), "rollback", state.municipality_code)
        return roll_back_file(rooms, connection, file_id, names)


def found_file(connection: Connection, file_id: int) -> FileState:
    """The file, or FL-FIL-006."""
    state = files.find_file(connection, file_id)
    if state is None:
        raise ProblemError([problem("FL-FIL-006", file_id=file_id)])
    return state


def roll_back_file(rooms: Rooms, connection: Connection, file_id: int, names: tuple[str, str]) -> dict[str, Any]:
    """The act itself, by persons who may do it."""
    state = found_file(connection, file_id)
    if state.event != "accepted":
        words = in_japanese(state.event, FILE_EVENTS)
        raise ProblemError([problem("FL-FIL-007", file_id=file_id, state=words, state_en=state.event)])
    rooms.store.serialise(connection, f"bills:{state.municipality_code}")
    closing.list_rows_of(connection, file_id)
    later = closing.what_depends_on_it(connection, file_id)
    if later:
        raise ProblemError([problem("FL-FIL-008", line=line, place=key, why=_WHY[why]) for line, key, why in later])
    revived = closing.slips_to_revive(connection)
    counts = closing.take_back(connection)
    closing.tell_gateway(connection)
    number_again(rooms, connection, revived)
    detail = {"approved_by": names[1], **counts}
    summary = {**state.summary, "rolled_back": counts}
    files.add_event(connection, file_id, "rolled_back", at=rooms.now(), municipality_code=state.municipality_code, summary=summary)
    audit.append(connection, audit.Entry(names[0], "desk.rollback", f"file:{file_id}", detail, rooms.now()))
    return {"file_id": file_id, "file": state.name, "created": 0, "updated": 0, "cancelled": 0, **counts}


def number_again(rooms: Rooms, connection: Connection, revived: Sequence[tuple[int, int, str, str, int]]) -> None:
    """Bills that can be paid again after the gateway was told to cancel their slip: (bill, next issue count, municipality, fund, levy year)."""
    rows = []
    for bill_id, issue_count, code, fund_code, levy_year in revived:
        serial = bills.next_serials(connection, code, 1, 0)
        number = rooms.confirmation_numbers(1)[0]
        rows.append((bill_id, issue_count, code, code[:5], f"{fund_code}{levy_year:04d}{serial:013d}", number, rooms.now()))
    closing.add_slips(connection, rows)
