"""Export: outcomes become clearing entries, entries become files in the shape the bills came in; then, and only then, cleared.

Steps: compose (entries), write_clearings and write_slips (files, kept with the fact of what stands in them), deliver (to
their place, and the slips are cleared). Run again after a crash, each goes on where it stopped; nothing is handed over twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from fundlink.connectors import core_files
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.domain.records import ClearingEntry, SlipRecord
from fundlink.domain.states import states_before
from fundlink.formats import elqr
from fundlink.formats.message import Message
from fundlink.formats.profiles import Profile
from fundlink.pipeline.adopted import NotAdoptedError
from fundlink.pipeline.rooms import Rooms, Ticket, Verb
from fundlink.reconcile.allocation import allocate
from fundlink.reconcile.outcomes import ATTACHED, PAYING
from fundlink.store import audit, bills, clearings, files, issued, retelling, vault
from fundlink.store.clearings import Entry
from fundlink.store.issued import IssuedSlip

_Record = TypeVar("_Record", ClearingEntry, SlipRecord)


def compose(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Turn every outcome recorded since the last time into entries."""
    with rooms.store.write() as connection:
        rooms.store.serialise(connection, "export")
        clearings.compose(connection, attached=ATTACHED, at=rooms.now())
    return {"files": 0, "entries": 0, "yen": 0, "slips": 0, "paths": [], "problems": []}


def write_clearings(rooms: Rooms, ticket: Ticket) -> Ticket:
    """One file a municipality and profile with all entries not yet in a file, and the fact that they stand in it."""
    entries, yen, refused = ticket["entries"], ticket["yen"], list(ticket["problems"])
    with rooms.store.read() as connection:
        groups = [group for group in clearings.entry_groups(connection) if _asked(ticket, group[0])]
    for group in groups:
        seen = _Seen()
        try:
            _write_clearing(rooms, group, seen)
        except ProblemError as error:
            refused += _unwritable(error, group[1], seen.last)
            continue
        entries, yen = entries + group[4], yen + group[5]
        rooms.progress("export", entries, sum(group[4] for group in groups))
    if groups:
        with rooms.store.write() as connection:
            rooms.store.serialise(connection, "export")
            clearings.mark_handed(connection, rooms.now())
    return {"entries": entries, "yen": yen, "problems": refused}


def _write_clearing(rooms: Rooms, group: tuple[str, str, int, int, int, int], seen: _Seen) -> None:
    code, profile, first, last, count, yen = group
    with rooms.store.write() as connection:
        rooms.store.serialise(connection, f"export:{code}")
        message, shape = _message(rooms, profile, "clearing")
        name = f"clearing-{code}-{shape}-{first:010d}-{last:010d}{message_suffix(message)}"
        header = {**_header(rooms, code, first), "record_count": count}
        values = {
            "kind": "clearing", "name": name, "municipality_code": code, "profile": shape, "records": count, "yen": yen,
            "first_entry": first, "last_entry": last,
        }  # fmt: skip
        with closing(clearings.entries_of_group(connection, (code, profile, last), attached=ATTACHED)) as found:
            body = message.writer(seen.watch(map(clearing_entry, found)), header)
            file_id = _keep(rooms, connection, body, values)
        assert clearings.hand_over(connection, file_id, (code, profile, last)) == seen.records == count


def write_slips(rooms: Rooms, ticket: Ticket) -> Ticket:
    """納付書発行情報: the eL numbers of newly registered slips, for core systems whose profile asks for them."""
    slips, refused = ticket["slips"], list(ticket["problems"])
    with rooms.store.read() as connection:
        newest = issued.newest_state(connection)
        profiles = [profile for profile in files.used_profiles(connection) if _asks_for_slips(rooms, profile)]
        groups = [group for group in issued.list_slip_groups(connection, profiles) if _asked(ticket, group[0])]
    for code, profile, _count, _yen in groups:
        seen = _Seen()
        try:
            slips += _write_slips_of(rooms, code, profile, seen)
        except ProblemError as error:
            refused += _unwritable(error, profile, seen.last)
    if profiles:
        with rooms.store.write() as connection:
            rooms.store.serialise(connection, "export")
            issued.note_given(connection, profiles, newest, rooms.now())
    return {"slips": slips, "problems": refused}


def _asked(ticket: Ticket, code: str) -> bool:
    return ticket.get("municipality") in (None, "", code)


def _asks_for_slips(rooms: Rooms, profile: str) -> bool:
    """True also for a profile that cannot be read now: its slips wait, and whoever exports is told when there are any."""
    try:
        return "slips" in rooms.profile(profile).messages
    except ProblemError:
        return True


def _write_slips_of(rooms: Rooms, code: str, profile: str, seen: _Seen) -> int:
    shape = rooms.profile(profile)
    message, day = shape.message("slips"), rooms.today().replace("-", "")
    with rooms.store.write() as connection:
        rooms.store.serialise(connection, f"export:{code}")
        group = next((found for found in issued.list_slip_groups(connection, [profile]) if found[:2] == (code, profile)), None)
        if group is None:
            return 0
        count, yen = group[2:]
        header = {**_header(rooms, code, 1), "record_count": count, "total_yen": yen}
        name = f"slips-{code}-{profile}-{day}-{{id:08d}}{message_suffix(message)}"
        values = {"kind": "slips", "name": name, "municipality_code": code, "profile": profile, "records": count, "yen": yen}
        with closing(issued.waiting_slips(connection, code, profile)) as waiting:
            records = seen.watch(slip_record(shape, slip, serial) for serial, slip in enumerate(waiting, 1))
            file_id = _keep(rooms, connection, message.writer(records, header), values)
        assert issued.hand_over_slips(connection, file_id, code, profile) == seen.records == count
    return count


def _unwritable(error: ProblemError, profile: str, record: ClearingEntry | SlipRecord | None) -> list[dict[str, Any]]:
    """What of a record its profile cannot say; that file waits for the profile to be corrected or approved, all others go out."""
    if isinstance(error, NotAdoptedError):
        return [told.as_json() for told in error.problems]
    who = f"取引 {record.transaction_key}" if isinstance(record, ClearingEntry) else f"案件特定キー {record.case_key}" if record else "-"
    place = f"{profile}/{who.rsplit(maxsplit=1)[-1]}"
    return [
        problem("FL-EXP-001", field=told.field, ja=told.ja, column=told.column, place=place, profile=profile, who=who, item=told.ja or told.code, why=told.as_json()["message"])
        .as_json()
        for told in error.problems
    ]  # fmt: skip


def deliver(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Put every file that is not delivered yet where the core system fetches it (``out``, or ``core_folder``), then clear its slips."""
    with rooms.store.read() as connection:
        waiting = clearings.undelivered(connection, ticket.get("municipality") or None)
    folder = Path(ticket["out"]) if ticket.get("out") else core_folder(rooms)
    if waiting:  # what was being delivered when a process was killed is among them, and half of it may lie there
        core_files.sweep(folder)
    paths = []
    for file_id, kind, name, raw_id in waiting:
        path = folder / name
        core_files.put(path, _pieces(rooms, raw_id))
        with rooms.store.write() as connection:
            bills.hold_states(connection)
            clearings.mark_delivered(connection, file_id, rooms.now())
            if kind == "clearing":
                clearings.clear_slips(connection, file_id, paying=PAYING, before=states_before("clear"), at=rooms.now())
                retelling.clear_bills(connection, file_id, before=states_before("clear"), at=rooms.now())
            audit.append(connection, audit.Entry("fundlink", f"export.{kind}", f"export:{file_id}", {"name": name}, rooms.now()))
        paths.append(str(path))
    return {"files": ticket["files"] + len(paths), "paths": paths}


def core_folder(rooms: Rooms) -> Path:
    """Where core systems fetch what a worker hands over by itself: in the folder of whichever worker does it."""
    return rooms.folder / "outbox" / "core"


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
    except NotAdoptedError:
        raise
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


class _Seen:
    """Counts what streams past and knows the last one: the one that could not be written, when one could not."""

    def __init__(self) -> None:
        self.records = 0
        self.last: ClearingEntry | SlipRecord | None = None

    def watch(self, records: Iterator[_Record]) -> Iterator[_Record]:
        for record in records:
            self.records, self.last = self.records + 1, record
            yield record


def clearing_entry(entry: Entry) -> ClearingEntry:
    """The entry as a core system gets it: the yen spread over 料, 督促 and 延滞, bill attributes where a bill is certain."""
    paid, charge, reminder, late = entry.amount_yen, entry.charge_yen or 0, entry.reminder_fee_yen or 0, entry.late_charge_yen or 0
    parts: tuple[int, int, int] = (charge, reminder, late)
    if charge + reminder + late != paid:  # else paid as billed, so every part is
        parts = allocate(paid, charge_yen=charge, reminder_fee_yen=reminder, late_charge_yen=late)
    keys = entry[17:23] if entry.notice_number is not None else ("",) * 6
    # in the order of ClearingEntry: the facts, the parts, the bill; a million of these are made
    return tuple.__new__(
        ClearingEntry, (*entry[:6], *parts, *entry[6:17], *keys, *entry[23:28], "", "", "", "", "", entry.core_key or "")
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
