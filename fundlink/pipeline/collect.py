"""Collect: receipts, settlements and bank files come in, are kept, opened, read and stored, each once however often it is sent.

Steps: fetch, retry. A file that cannot be trusted or read is quarantined as a whole, with its bytes and the reason.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from typing import Any, NamedTuple

from fundlink.connectors import core_files, envelope
from fundlink.connectors.gateway import RemoteFile
from fundlink.domain.errors import OutcomeUnknownError, ProblemError
from fundlink.domain.problems import problem
from fundlink.domain.records import BankCreditRecord
from fundlink.formats.message import Message
from fundlink.formats.reading import Reader
from fundlink.pipeline import balances, tellings
from fundlink.pipeline.balances import Stated
from fundlink.pipeline.rooms import GATEWAY_PROFILE, Rooms, Ticket, Verb
from fundlink.pipeline.tellings import NOTHING_TOLD
from fundlink.reconcile.sequence import judge_gateway_file, order_of
from fundlink.store import audit, bills, files, receipts, statements, streams, vault

SOURCE, BANK = "gateway", "bank_credit"
_PLURAL = {"receipt": "receipts", "settlement": "settlements", "bank_credit": "bank_credits"}
# the type code in the first record of a bank file says which of the shipped layouts it has
_BANK_PROFILES = {b"101": "bank-zengin-01", b"103": "bank-zengin-03"}


class _Taken(NamedTuple):
    """A file whose bytes are kept: what is noted of it, the bytes, and who must have signed them."""

    noted: dict[str, Any]
    body: bytes
    pinned: bytes


class Rows(NamedTuple):
    """What was read of a file: rows for the store, their yen, and the business day that it states itself."""

    rows: list[tuple[Any, ...]]
    yen: int
    business_day: str | None
    form: str = ""  # of a bank file: the profile it was read by
    balances: tuple[Stated, ...] = ()


def fetch(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Take every file the gateway holds for a registered municipality and that was not taken before.

    While one file is stored, a second thread reads the next one: parsing and validating need no Python.
    """
    counts: Ticket = {**dict.fromkeys(_PLURAL.values(), 0), "duplicates": 0, "quarantined": 0, "problems": []}
    with rooms.store.read() as connection:
        codes = [row[0] for row in files.municipalities(connection) if ticket.get("municipality") in (None, "", row[0])]
    with ThreadPoolExecutor(1, "read") as reading:
        waiting: list[tuple[_Taken, Future[Rows]]] = []
        for taken in _taken(rooms, codes, counts):
            waiting.append((taken, reading.submit(_read, rooms, taken)))
            if len(waiting) > 1:
                _take_in(rooms, *waiting.pop(0), counts)
        for taken, rows in waiting:
            _take_in(rooms, taken, rows, counts)
    return counts


def _taken(rooms: Rooms, codes: list[str], counts: Ticket) -> Iterator[_Taken]:
    """The new files of these municipalities, each kept before anything is read from it."""
    try:
        for code in codes:
            pinned = rooms.trust.pinned(code[:5])
            for remote in _new_files(rooms, code):
                try:
                    body = _keep(rooms, remote, counts)
                except ProblemError as error:  # this file is not to be had now; the others are
                    counts["problems"] += [told._replace(place=told.place or remote.name).as_json() for told in error.problems]
                    continue
                if body is not None:
                    yield _Taken(_noted(rooms, code, remote, body[1]), body[0], pinned)
    except OutcomeUnknownError:
        counts["problems"].append(problem("FL-GTW-003").as_json())


def _new_files(rooms: Rooms, code: str) -> Iterator[RemoteFile]:
    after = 0
    while page := rooms.gateway.files(code[:5], after):
        with rooms.store.read() as connection:
            known = receipts.known(connection, SOURCE, [remote.file_id for remote in page])
        yield from (remote for remote in page if remote.file_id not in known)
        after = page[-1].sequence


def _keep(rooms: Rooms, remote: RemoteFile, counts: Ticket) -> tuple[bytes, int] | None:
    """Bytes first, then meaning: the bytes of a file and the id they are kept under; None when they were damaged on the way."""
    body = rooms.gateway.fetch(remote.file_id)
    if hashlib.sha256(body).hexdigest() != remote.sha256:
        counts["quarantined"] += 1
        counts["problems"].append(problem("FL-FIL-005", place=remote.name).as_json())
        return None  # not noted as taken, so the next run fetches it again
    with rooms.store.write() as connection:
        kept = vault.keep(connection, [body], direction="in", kind=remote.kind, name=remote.name, at=rooms.now())
    core_files.put(rooms.folder / "inbox" / _safe(remote), [body])
    return body, kept.raw_id


def _noted(rooms: Rooms, code: str, remote: RemoteFile, raw_id: int) -> dict[str, Any]:
    return {
        "source": SOURCE, "remote_id": remote.file_id, "kind": remote.kind, "name": remote.name, "municipality_code": code,
        "business_day": remote.business_day, "raw_id": raw_id, "sequence": remote.sequence, "at": rooms.now(),
    }  # fmt: skip


def _take_in(rooms: Rooms, taken: _Taken, read: Future[Rows], counts: Ticket) -> None:
    """Store what was read, or quarantine the file with the reason."""
    noted = taken.noted
    try:
        apply(rooms, noted, read.result(), counts)
    except ProblemError as error:
        detail = {"name": noted["name"], "codes": sorted({told.code for told in error.problems})}
        entry = audit.Entry(SOURCE, "collect.quarantine", f"received:{noted['remote_id']}", detail, rooms.now())
        with rooms.store.write() as connection:
            bills.hold(connection, noted["municipality_code"])
            if _is_taken(connection, noted):
                return
            values = {**noted, "state": "quarantined", "sequence_order": _order(connection, noted)}
            receipts.add_received(connection, values, error.problems)
            audit.append(connection, entry)
        counts["quarantined"] += 1
        counts["problems"] += [told._replace(place=told.place or noted["name"]).as_json() for told in error.problems[:20]]
    rooms.progress("collect", counts["receipts"], None)


def retry(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Read quarantined files once more from their kept bytes, where asked: the reason may have been on our side."""
    if not ticket.get("retry"):
        return {}
    counts = {name: ticket[name] for name in (*_PLURAL.values(), "duplicates", "quarantined", "problems")}
    with rooms.store.read() as connection:
        waiting = [row for row in receipts.quarantined(connection, SOURCE) if ticket.get("municipality") in (None, "", row[3])]
    with ThreadPoolExecutor(1, "read") as reading:
        for noted in _quarantined(rooms, waiting):
            with rooms.store.read() as connection:
                body = vault.kept_bytes(connection, noted["raw_id"])
            taken = _Taken(noted, body, rooms.trust.pinned(noted["municipality_code"][:5]))
            _take_in(rooms, taken, reading.submit(_read, rooms, taken), counts)
    return counts


def _quarantined(rooms: Rooms, waiting: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for remote_id, kind, name, code, business_day, raw_id, sequence in waiting:
        yield {
            "source": SOURCE, "remote_id": f"{remote_id.split('#')[0]}#{uuid.uuid4().hex}", "kind": kind, "name": name,
            "municipality_code": code, "business_day": business_day, "raw_id": raw_id, "sequence": sequence, "at": rooms.now(),
        }  # fmt: skip


def _safe(remote: RemoteFile) -> str:
    """A file name of our own: what the other side calls it never becomes a path."""
    kind = "".join(c for c in remote.kind if c.isalnum() or c == "_")
    return f"{remote.sequence:08d}-{kind}-{remote.sha256[:16]}" + (".txt" if remote.kind == "bank_credit" else ".xml")


def _read(rooms: Rooms, taken: _Taken) -> Rows:
    """Rows for the store (position, municipality, record …) and their yen; a row with an error quarantines the file."""
    code, kind = taken.noted["municipality_code"], taken.noted["kind"]
    if kind == BANK:
        profile = _BANK_PROFILES.get(taken.body[:3])
        if profile is None:
            raise ProblemError([problem("FL-FIX-006", line=1, detail="種別 01 / 03")])
        message = rooms.profile(profile).message(kind)
        return bank_rows(message.reader(BytesIO(taken.body)), message, code, form=profile)
    message, octets = _opened(rooms, kind, taken)
    reader = message.reader(BytesIO(octets))
    found = rows_of(reader, message, code)
    _check_owner(reader, code)
    return found


def rows_of(reader: Reader, message: Message, code: str) -> Rows:
    """All records of a file as the store takes them, and their yen; ProblemError with every problem of the first bad stretch."""
    rows: list[tuple[Any, ...]] = []
    for chunk in reader:
        errors = [told for told in chunk.problems if told.severity == "error"]
        if errors:
            raise ProblemError(errors)
        rows += [(line, code, *record) for line, record in chunk.rows]
    yen = sum(row[2 + message.record._fields.index("gross_yen" if message.kind == "settlement" else "amount_yen")] for row in rows)
    return Rows(rows, yen, reader.header.get("business_day"))


def bank_rows(reader: Reader, message: Message, code: str, *, form: str) -> Rows:
    """The same of a bank file, with the balances that it states."""
    found = rows_of(reader, message, code)
    entries = [(line, BankCreditRecord._make(record)) for line, _, *record in found.rows]
    return found._replace(form=form, balances=tuple(balances.stated(reader, entries)))


def _opened(rooms: Rooms, kind: str, taken: _Taken) -> tuple[Message, bytes]:
    if kind not in _PLURAL:
        raise ProblemError([problem("FL-FIL-003", detail=kind)])
    return rooms.profile(GATEWAY_PROFILE).message(kind), envelope.open_sealed(taken.body, taken.pinned)


def _check_owner(reader: Reader, code: str) -> None:
    if reader.header["municipality_code"] != code or reader.header["institution_code"] != code[:5]:
        raise ProblemError([problem("FL-RCP-005")])


def _order(connection: Any, noted: dict[str, Any]) -> str:
    """How a file's number in the gateway's list stands to those taken before."""
    code, sequence = noted["municipality_code"], noted["sequence"]
    return order_of(streams.highest_sequence(connection, code), sequence, known=streams.is_taken(connection, code, sequence))


def _check_age(rooms: Rooms, connection: Any, noted: dict[str, Any], stated: str | None) -> str:
    """The business day a file is of; an old or replayed one is refused, unless the very same bytes were applied: they change nothing."""
    code, announced = noted["municipality_code"], noted["business_day"]
    newest = streams.newest_day(connection, code, noted["kind"])
    refused = judge_gateway_file(newest, announced, stated, today=rooms.today(), guards=rooms.calendar().guards)
    if refused is not None and not streams.is_known_content(connection, code, noted["raw_id"]):
        raise ProblemError([refused])
    return stated or str(announced)


def _placed(rooms: Rooms, connection: Any, noted: dict[str, Any], read: Rows) -> dict[str, Any]:
    """The day of a file and its place in the gateway's list; what a person hands over stands in no list and may be of any day."""
    if noted["source"] != SOURCE:
        return {}
    return {"business_day": _check_age(rooms, connection, noted, read.business_day), "sequence_order": _order(connection, noted)}


def _is_taken(connection: Any, noted: dict[str, Any]) -> bool:
    """Whether another collector, who took this one for dead, took the file meanwhile; the bills of its municipality are held."""
    return receipts.received_as(connection, noted["source"], noted["remote_id"]) is not None


def apply(rooms: Rooms, noted: dict[str, Any], read: Rows, counts: Ticket) -> None:
    """Store the records of one file and that it was applied; adds to ``counts`` what was new. ProblemError for contradictions."""
    kind, rows, yen = noted["kind"], read.rows, read.yen
    with rooms.store.write() as connection:
        bills.hold(connection, noted["municipality_code"])  # a bill is paid from here on, or was not until here
        if _is_taken(connection, noted):
            return
        place = _placed(rooms, connection, noted, read)
        if kind == BANK:
            rows = tellings.placed(rooms, connection, noted, read.rows, read.form)
        arrival = receipts.stage(connection, kind, rows)
        if arrival.contradictions:
            code = "FL-RCP-002" if kind == "receipt" else "FL-SET-001"
            raise ProblemError([problem(code, line=position, place=key) for position, key in arrival.contradictions[:1000]])
        repeated = statements.repeated_accounts(connection) if read.balances and arrival.duplicates else set()
        values = {**noted, **place, "state": "applied", "records": len(rows), "duplicates": arrival.duplicates, "yen": yen}
        received_id = receipts.add_received(connection, values)
        receipts.store_arrivals(connection, kind, received_id)
        told = tellings.compare(rooms, connection, received_id) if kind == BANK and arrival.new else NOTHING_TOLD
        doubts = balances.store(connection, (noted["municipality_code"], received_id, read.form), list(read.balances), repeated)
        detail = {"kind": kind, "records": len(rows), "new": arrival.new, "yen": yen, **(told._asdict() if any(told) else {})}
        audit.append(connection, audit.Entry(noted["source"], "collect.apply", f"received:{noted['remote_id']}", detail, rooms.now()))
    counts[_PLURAL[kind]] += max(arrival.new - told.fewer, 0)
    counts["duplicates"] += arrival.duplicates + max(told.fewer - told.unsure, 0)
    if told.unsure:
        doubts.append(problem("FL-BNK-009", count=told.unsure))
    counts["problems"] += [doubt._replace(place=doubt.place or noted["name"]).as_json() for doubt in doubts]


COLLECT: Verb = (("fetch", fetch), ("retry", retry))
