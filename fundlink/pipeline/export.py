"""Export: outcomes become clearing entries, entries become files in the shape the bills came in; then, and only then, cleared.

Steps: compose (entries), write_clearings and write_slips (files, kept with the fact of what stands in them), deliver (to
their place, and the slips are cleared). Run again after a crash, each goes on where it stopped; nothing is handed over twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fundlink.connectors import core_files
from fundlink.domain.errors import ProblemError
from fundlink.domain.records import ClearingEntry, SlipRecord
from fundlink.formats import elqr
from fundlink.formats.message import Message
from fundlink.formats.profiles import Profile
from fundlink.pipeline.reconcile import states_before
from fundlink.pipeline.rooms import Rooms, Ticket, Verb
from fundlink.reconcile.allocation import allocate
from fundlink.reconcile.outcomes import ATTACHED, PAYING
from fundlink.store import audit, clearings, vault
from fundlink.store.clearings import Entry, IssuedSlip


def compose(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Turn every outcome recorded since the last time into entries."""
    with rooms.store.write() as connection:
        rooms.store.serialise(connection, "export")
        clearings.compose(connection, attached=ATTACHED, at=rooms.now())
    return {"files": 0, "entries": 0, "yen": 0, "slips": 0, "paths": []}


def write_clearings(rooms: Rooms, ticket: Ticket) -> Ticket:
    """One file a municipality and profile with all entries not yet in a file, and the fact that they stand in it."""
    entries = yen = 0
    with rooms.store.read() as connection:
        groups = clearings.entry_groups(connection)
    for code, profile, first, last, count, group_yen in groups:
        with rooms.store.write() as connection:
            rooms.store.serialise(connection, "export")
            message, shape = _message(rooms, profile, "clearing")
            name = f"clearing-{code}-{shape}-{first:010d}-{last:010d}{message_suffix(message)}"
            found = clearings.entries(
                connection, attached=ATTACHED, where=clearings.group_condition(), code=code, profile=profile, last=last
            )  # fmt: skip
            header = {**_header(rooms, code, first), "record_count": count}
            totals = _Totals()
            body = message.writer(totals.watch(clearing_entry(entry) for entry in found), header)
            file_id = _keep(rooms, connection, body, {"kind": "clearing", "name": name, "municipality_code": code, "profile": shape, "records": count, "yen": group_yen})  # fmt: skip
            assert clearings.hand_over(connection, file_id, (code, profile, last)) == totals.records == count
        entries, yen = entries + count, yen + group_yen
        rooms.progress("export", entries, None)
    return {"entries": ticket["entries"] + entries, "yen": ticket["yen"] + yen}


def write_slips(rooms: Rooms, ticket: Ticket) -> Ticket:
    """納付書発行情報: the eL numbers of newly registered slips, for core systems whose profile asks for them."""
    slips = 0
    with rooms.store.write() as connection:
        rooms.store.serialise(connection, "export")
        for code, profile, count, group_yen in clearings.list_slip_groups(connection):
            shape = rooms.profile(profile)
            if "slips" not in shape.messages:
                continue
            message = shape.message("slips")
            day = rooms.today().replace("-", "")
            records = (
                slip_record(shape, slip, serial) for serial, slip in enumerate(clearings.waiting_slips(connection, code, profile), 1)
            )
            header = {**_header(rooms, code, 1), "record_count": count, "total_yen": group_yen}
            values = {"kind": "slips", "name": "", "municipality_code": code, "profile": profile, "records": count, "yen": group_yen}
            values["name"] = f"slips-{code}-{profile}-{day}-{{id:08d}}{message_suffix(message)}"
            file_id = _keep(rooms, connection, message.writer(records, header), values)
            assert clearings.hand_over_slips(connection, file_id, code, profile) == count
            slips += count
    return {"slips": ticket["slips"] + slips}


def deliver(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Put every file that is not delivered yet where the core system fetches it, then clear its slips."""
    with rooms.store.read() as connection:
        waiting = clearings.undelivered(connection)
    paths = []
    for file_id, kind, name, raw_id in waiting:
        path = Path(ticket["out"]) / name
        core_files.put(path, _pieces(rooms, raw_id))
        with rooms.store.write() as connection:
            clearings.mark_delivered(connection, file_id, rooms.now())
            if kind == "clearing":
                clearings.clear_slips(connection, file_id, paying=PAYING, before=states_before("clear"), at=rooms.now())
            audit.append(
                rooms.store, connection, audit.Entry("fundlink", f"export.{kind}", f"export:{file_id}", {"name": name}, rooms.now())
            )
        paths.append(str(path))
    return {"files": ticket["files"] + len(paths), "paths": paths}


def _pieces(rooms: Rooms, raw_id: int) -> Iterator[bytes]:
    stream = vault.open_kept(rooms.store, raw_id)
    while piece := stream.read(vault.PIECE_BYTES):
        yield piece


def _message(rooms: Rooms, profile: str, kind: str) -> tuple[Message, str]:
    """The layout of a profile for something, or that of the standard profile where it has none."""
    try:
        found = rooms.profile(profile)
        if kind in found.messages:
            return found.message(kind), profile
    except ProblemError:  # the profile was taken away since the bills came; nobody's clearing is held up by that
        pass
    return rooms.profile(clearings.FALLBACK_PROFILE).message(kind), clearings.FALLBACK_PROFILE


def message_suffix(message: Message) -> str:
    """The usual ending of a file of this form."""
    return {"fixed": ".txt", "xml": ".xml", "xlsx": ".xlsx", "json": ".ndjson"}.get(message.form, ".csv")


def _header(rooms: Rooms, code: str, sequence: int) -> dict[str, Any]:
    today = rooms.today()
    return {
        "municipality_code": code, "institution_code": code[:5], "created_at": rooms.now(), "file_created_on": today,
        "file_business_day": today, "business_day": today, "file_sequence": str(sequence), "message_id": f"C{code}-{sequence:010d}",
    }  # fmt: skip


def _keep(rooms: Rooms, connection: Any, body: Iterator[bytes], values: dict[str, Any]) -> int:
    kept = vault.keep(connection, body, direction="out", kind=values["kind"], name=values["name"], at=rooms.now())
    values = {**values, "name": values["name"].format(id=kept.raw_id)}
    return clearings.add_export_file(connection, {**values, "raw_id": kept.raw_id, "at": rooms.now()})


class _Totals:
    """Counts what streams past."""

    def __init__(self) -> None:
        self.records = 0

    def watch(self, records: Iterator[ClearingEntry]) -> Iterator[ClearingEntry]:
        for record in records:
            self.records += 1
            yield record


def clearing_entry(entry: Entry) -> ClearingEntry:
    """The entry as a core system gets it: the yen spread over 料, 督促 and 延滞, bill attributes where a bill is certain."""
    parts = allocate(
        entry.amount_yen, charge_yen=entry.charge_yen or 0, reminder_fee_yen=entry.reminder_fee_yen or 0, late_charge_yen=entry.late_charge_yen or 0
    )  # fmt: skip
    return ClearingEntry(
        entry.entry_number, entry.stage, entry.outcome, entry.transaction_key, entry.channel, entry.amount_yen,
        parts.charge_yen, parts.reminder_fee_yen, parts.late_charge_yen, entry.paid_on, entry.booked_on, entry.settled_on,
        entry.institution_code, entry.case_key, entry.confirmation_number, entry.municipality_code, entry.fund_code,
        entry.levy_year, entry.relevant_year, entry.fiscal_year, entry.notice_number or "", entry.installment or "",
        entry.subject_code or "", entry.child_number or "", entry.addressee_number or "", entry.department_code or "",
        entry.charge_yen, entry.reminder_fee_yen, entry.late_charge_yen, entry.due_on, entry.payable_until,
        "", "", "", "", "", entry.core_key or "",
    )  # fmt: skip


def slip_record(profile: Profile, slip: IssuedSlip, serial: int) -> SlipRecord:
    """The 納付書発行 record of a slip, with its eL number and the QR payload derived."""
    return SlipRecord(
        slip.municipality_code, slip.fund_code, slip.levy_year, slip.relevant_year, slip.fiscal_year, slip.notice_number, slip.installment,
        slip.subject_code, slip.child_number, slip.addressee_number, slip.department_code, slip.charge_yen, slip.reminder_fee_yen,
        slip.late_charge_yen, slip.due_on, slip.payable_until, "", "", "", "", "1", slip.core_key,
        slip.institution_code, slip.case_key, slip.confirmation_number, slip.issue_count, serial, slip.total_yen,
        qr_payload(profile, slip),
    )  # fmt: skip


def qr_payload(profile: Profile, slip: IssuedSlip) -> str:
    """The 255 digits of a slip's eL-QR; derived, never stored."""
    assert slip.due_on is not None and slip.payable_until is not None  # noqa: PT018  (a slip exists only with something to pay)
    fields = elqr.ElqrFields(
        slip.total_yen, slip.institution_code, slip.case_key, slip.confirmation_number, slip.fund_code, slip.department_code,
        slip.levy_year, slip.relevant_year, slip.installment, slip.due_on, slip.payable_until,
    )  # fmt: skip
    return elqr.encode(fields, profile.check_digits)


EXPORT: Verb = (
    ("compose", compose),
    ("write_clearings", write_clearings),
    ("write_slips", write_slips),
    ("deliver", deliver),
)
