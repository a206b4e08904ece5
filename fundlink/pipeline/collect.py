"""Collect: receipts, settlements and bank files come in, are kept, opened, read and stored, each once however often it is sent.

Steps: fetch, retry. A file that cannot be trusted or read is quarantined as a whole, with its bytes and the reason.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from fundlink.connectors import core_files, envelope
from fundlink.connectors.gateway import RemoteFile
from fundlink.domain.errors import OutcomeUnknownError, ProblemError
from fundlink.domain.problems import problem
from fundlink.formats.message import Message
from fundlink.formats.reading import Reader
from fundlink.pipeline.rooms import Rooms, Ticket, Verb
from fundlink.pipeline.submit import GATEWAY_PROFILE
from fundlink.store import audit, bills, files, receipts, vault

SOURCE = "gateway"
_PLURAL = {"receipt": "receipts", "settlement": "settlements", "bank_credit": "bank_credits"}
# the type code in the first record of a bank file says which of the shipped layouts it has
_BANK_PROFILES = {b"101": "bank-zengin-01", b"103": "bank-zengin-03"}


def fetch(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Take every file the gateway holds for a registered municipality and that was not taken before."""
    counts: Ticket = {**dict.fromkeys(_PLURAL.values(), 0), "duplicates": 0, "quarantined": 0, "problems": []}
    with rooms.store.read() as connection:
        codes = [row[0] for row in files.municipalities(connection)]
    try:
        for code in codes:
            for remote in _new_files(rooms, code):
                try:
                    _take(rooms, code, remote, counts)
                except ProblemError as error:  # this file is not to be had now; the others are
                    counts["problems"] += [told._replace(place=told.place or remote.name).as_json() for told in error.problems]
                rooms.progress("collect", counts["receipts"], None)
    except OutcomeUnknownError:
        counts["problems"].append(problem("FL-GTW-003").as_json())
    return counts


def _new_files(rooms: Rooms, code: str) -> Iterator[RemoteFile]:
    rooms.trust.pinned(code[:5])
    after = 0
    while page := rooms.gateway.files(code[:5], after):
        with rooms.store.read() as connection:
            known = receipts.known(connection, SOURCE, [remote.file_id for remote in page])
        yield from (remote for remote in page if remote.file_id not in known)
        after = page[-1].sequence


def _take(rooms: Rooms, code: str, remote: RemoteFile, counts: Ticket) -> None:
    """One file: bytes first, then meaning."""
    body = rooms.gateway.fetch(remote.file_id)
    if hashlib.sha256(body).hexdigest() != remote.sha256:
        counts["quarantined"] += 1
        counts["problems"].append(problem("FL-FIL-005", place=remote.name).as_json())
        return  # damaged on the way: not noted as taken, so the next run fetches it again
    with rooms.store.write() as connection:
        kept = vault.keep(connection, [body], direction="in", kind=remote.kind, name=remote.name, at=rooms.now())
    core_files.put(rooms.folder / "inbox" / _safe(remote), [body])
    noted = {
        "source": SOURCE, "remote_id": remote.file_id, "kind": remote.kind, "name": remote.name, "municipality_code": code,
        "business_day": remote.business_day, "raw_id": kept.raw_id, "at": rooms.now(),
    }  # fmt: skip
    _take_in(rooms, noted, body, counts)


def _take_in(rooms: Rooms, noted: dict[str, Any], body: bytes, counts: Ticket) -> None:
    """Read and store kept bytes, or quarantine them with the reason."""
    try:
        rows, yen = _read(rooms, noted["municipality_code"], noted["kind"], body)
        _apply(rooms, noted, rows, yen, counts)
    except ProblemError as error:
        detail = {"name": noted["name"], "codes": sorted({told.code for told in error.problems})}
        entry = audit.Entry(SOURCE, "collect.quarantine", f"received:{noted['remote_id']}", detail, rooms.now())
        with rooms.store.write() as connection:
            receipts.add_received(connection, {**noted, "state": "quarantined"}, error.problems)
            audit.append(connection, entry)
        counts["quarantined"] += 1
        counts["problems"] += [told._replace(place=told.place or noted["name"]).as_json() for told in error.problems[:20]]


def retry(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Read quarantined files once more from their kept bytes, where asked: the reason may have been on our side."""
    if not ticket.get("retry"):
        return {}
    counts = {name: ticket[name] for name in (*_PLURAL.values(), "duplicates", "quarantined", "problems")}
    with rooms.store.read() as connection:
        waiting = receipts.quarantined(connection)
    for remote_id, kind, name, code, business_day, raw_id in waiting:
        noted = {
            "source": SOURCE, "remote_id": f"{remote_id.split('#')[0]}#{uuid.uuid4().hex}", "kind": kind, "name": name,
            "municipality_code": code, "business_day": business_day, "raw_id": raw_id, "at": rooms.now(),
        }  # fmt: skip
        with rooms.store.read() as connection:
            body = vault.kept_bytes(connection, raw_id)
        _take_in(rooms, noted, body, counts)
    return counts


def _safe(remote: RemoteFile) -> str:
    """A file name of our own: what the other side calls it never becomes a path."""
    kind = "".join(c for c in remote.kind if c.isalnum() or c == "_")
    return f"{remote.sequence:08d}-{kind}-{remote.sha256[:16]}" + (".txt" if remote.kind == "bank_credit" else ".xml")


def _read(rooms: Rooms, code: str, kind: str, body: bytes) -> tuple[list[tuple[Any, ...]], int]:
    """Rows for the store (position, municipality, record …) and their yen; a row with an error quarantines the file."""
    message, octets = _opened(rooms, code, kind, body)
    reader = message.reader(BytesIO(octets))
    rows: list[tuple[Any, ...]] = []
    for chunk in reader:
        errors = [told for told in chunk.problems if told.severity == "error"]
        if errors:
            raise ProblemError(errors)
        rows += [(line, code, *record) for line, record in chunk.rows]
    _check_owner(reader, code, kind)
    yen = sum(row[2 + message.record._fields.index("gross_yen" if kind == "settlement" else "amount_yen")] for row in rows)
    return rows, yen


def _opened(rooms: Rooms, code: str, kind: str, body: bytes) -> tuple[Message, bytes]:
    if kind == "bank_credit":
        profile = _BANK_PROFILES.get(body[:3])
        if profile is None:
            raise ProblemError([problem("FL-FIX-006", line=1, detail="種別 01 / 03")])
        return rooms.profile(profile).message(kind), body
    if kind not in _PLURAL:
        raise ProblemError([problem("FL-FIL-003", detail=kind)])
    return rooms.profile(GATEWAY_PROFILE).message(kind), envelope.open_sealed(body, rooms.trust.pinned(code[:5]))


def _check_owner(reader: Reader, code: str, kind: str) -> None:
    if kind != "bank_credit" and (reader.header["municipality_code"] != code or reader.header["institution_code"] != code[:5]):
        raise ProblemError([problem("FL-RCP-005")])


def _apply(rooms: Rooms, noted: dict[str, Any], rows: list[tuple[Any, ...]], yen: int, counts: Ticket) -> None:
    kind = noted["kind"]
    with rooms.store.write() as connection:
        bills.hold(connection, noted["municipality_code"])  # a bill is paid from here on, or was not until here
        arrival = receipts.stage(connection, kind, rows)
        if arrival.contradictions:
            code = "FL-RCP-002" if kind == "receipt" else "FL-SET-001"
            raise ProblemError([problem(code, line=position, place=key) for position, key in arrival.contradictions[:1000]])
        values = {**noted, "state": "applied", "records": len(rows), "duplicates": arrival.duplicates, "yen": yen}
        receipts.store_arrivals(connection, kind, receipts.add_received(connection, values))
        detail = {"kind": kind, "records": len(rows), "new": arrival.new, "yen": yen}
        audit.append(connection, audit.Entry(SOURCE, "collect.apply", f"received:{noted['remote_id']}", detail, rooms.now()))
    counts[_PLURAL[kind]] += arrival.new
    counts["duplicates"] += arrival.duplicates


COLLECT: Verb = (("fetch", fetch), ("retry", retry))
