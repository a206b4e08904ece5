"""Intake of bank files that a person hands over: a statement of the designated bank in the form of a profile.

Called by jobs (command and drop folder). The bytes are kept first; the file is applied whole or quarantined, like one from the
gateway. Equal bytes that were applied before change nothing.
"""

from __future__ import annotations

import uuid
from io import BytesIO
from pathlib import Path
from typing import Any

from fundlink.connectors import core_files
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.domain.records import BankCreditRecord
from fundlink.formats.message import Message
from fundlink.pipeline.collect import apply, bank_rows
from fundlink.pipeline.rooms import Rooms, Ticket
from fundlink.store import audit, files, receipts, vault

SOURCE, KIND = "bank", "bank_credit"
_BOOKED_ON = 2 + BankCreditRecord._fields.index("booked_on")
"""Where the booking day of a row stands."""


def intake_bank(rooms: Rooms, path: Path, profile: str, municipality_code: str) -> Ticket:
    """Take one bank file for a registered municipality: file, bank_credits (new), duplicates, duplicate_of, quarantined, problems."""
    message = statement_of(rooms, profile)
    with rooms.store.read() as connection:
        if municipality_code not in {code for code, *_ in files.municipalities(connection)}:
            raise ProblemError([problem("FL-MUN-003", actual=municipality_code)])
    with rooms.store.write() as connection:
        name = core_files.shown(path.name)
        kept = vault.keep(connection, core_files.pieces(path), direction="in", kind=KIND, name=name, at=rooms.now())
    told: Ticket = {
        "file": {"name": name, "sha256": kept.sha256, "bytes": kept.size}, "profile": profile, "municipality_code": municipality_code,
        "read": 0, "bank_credits": 0, "duplicates": 0, "duplicate_of": None, "quarantined": False, "problems": [],
    }  # fmt: skip
    remote_id = f"{municipality_code}/{profile}/{kept.sha256}"
    with rooms.store.read() as connection:
        before = receipts.received_as(connection, SOURCE, remote_id)
        body = vault.kept_bytes(connection, kept.raw_id)
    if before is not None:
        return {**told, "duplicate_of": before, "problems": [problem("FL-DUP-002", file_id=before).as_json()]}
    noted = {
        "source": SOURCE, "remote_id": remote_id, "kind": KIND, "name": name, "municipality_code": municipality_code,
        "business_day": rooms.today(), "raw_id": kept.raw_id, "at": rooms.now(),
    }  # fmt: skip
    try:
        read = bank_rows(message.reader(BytesIO(body)), message, municipality_code, form=profile)
        counts: Ticket = {"bank_credits": 0, "duplicates": 0, "problems": []}
        newest = max((row[_BOOKED_ON] for row in read.rows), default=rooms.today())
        apply(rooms, {**noted, "business_day": newest}, read, counts)
    except ProblemError as error:
        _quarantine(rooms, noted, error.problems)
        return {**told, "quarantined": True, "problems": [one.as_json() for one in error.problems[:1000]]}
    return {**told, "read": len(read.rows), **counts}


def statement_of(rooms: Rooms, profile: str) -> Message:
    """The bank file of a profile; ProblemError FL-BNK-003 when it carries none."""
    found = rooms.profile(profile).messages.get(KIND)
    if found is None:
        raise ProblemError([problem("FL-BNK-003", profile=profile)])
    return found


def _quarantine(rooms: Rooms, noted: dict[str, Any], problems: list[Problem]) -> None:
    noted = {**noted, "remote_id": f"{noted['remote_id']}#{uuid.uuid4().hex}", "state": "quarantined"}
    detail = {"name": noted["name"], "codes": sorted({told.code for told in problems})}
    with rooms.store.write() as connection:
        receipts.add_received(connection, noted, problems)
        audit.append(connection, audit.Entry(SOURCE, "collect.quarantine", f"received:{noted['remote_id']}", detail, rooms.now()))
