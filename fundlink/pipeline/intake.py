"""Intake: bytes of a core system become bills with their eL numbers, or a list of what is wrong with them.

Steps: keep (raw bytes first), load (read, check, number, stage in chunks), accept (the whole file takes effect at once).
A file, a drop folder and an API body take this same road; only the way the bytes get in differs.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fundlink.connectors import core_files
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.formats.reading import Chunk, Reader
from fundlink.pipeline.contents import PayerMark, payer_mark, version_rows
from fundlink.pipeline.places import judge_place, note_place
from fundlink.pipeline.rooms import Rooms, Ticket, Verb
from fundlink.store import audit, bill_effects, bills, files, vault
from fundlink.store.vault import Kept


def keep(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Keep the bytes of the file at ``path`` (unless ``raw_id`` came with the ticket) and open, resume or end its intake."""
    profile = rooms.profile(ticket["profile"])
    profile.message("billing")
    if "raw_id" in ticket:
        kept = Kept(ticket["raw_id"], ticket["sha256"], ticket["bytes"])
        return _open_intake(rooms, ticket, kept)
    path = Path(ticket["path"])
    ticket = {**ticket, "name": core_files.shown(path.name)}
    sha256, size = _fingerprint(path)
    with rooms.store.read() as connection:
        known = _known(rooms, connection, ticket, sha256)
    if known is not None:
        return {**_described(ticket, sha256, size), **known}
    with rooms.store.together() as connection:  # the bytes and their intake, or neither: no bytes that belong to nothing
        kept = vault.keep(connection, core_files.pieces(path), direction="in", kind="billing", name=ticket["name"], at=rooms.now())
        return _open_intake(rooms, ticket, kept)


def _fingerprint(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for piece in core_files.pieces(path):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def _described(ticket: Ticket, sha256: str, size: int) -> Ticket:
    name = ticket.get("name") or core_files.shown(Path(ticket["path"]).name)
    return {"file": {"name": name, "sha256": sha256, "bytes": size}}


def _known(rooms: Rooms, connection: Any, ticket: Ticket, sha256: str) -> Ticket | None:
    """What the same bytes came to before: an accepted file ends the verb, a killed run of this very intake is gone on with.

    A run that was asked for another municipality, or read with another edition of the profile, is not this intake. A single
    bill over HTTP is no file: the same words may be said again after others.
    """
    if ticket.get("channel") == "api-bill":
        return None
    same = [file for file in files.files_with_content(connection, sha256, ticket["profile"]) if file.channel != "api-bill"]
    only = ticket.get("municipality") or ""  # a file of somebody else is refused as such, not called taken
    taken = next((file.file_id for file in same if file.event == "accepted" and only in ("", file.municipality_code)), None)
    if taken is not None:
        return {"duplicate_of": taken, "end": True}
    wanted = (ticket.get("municipality") or "", rooms.profile(ticket["profile"]).digest)
    begun = [file.file_id for file in same if file.event == "received" and (file.municipality_wanted, file.profile_digest) == wanted]
    return {"duplicate_of": None, "file_id": begun[0]} if begun else None


def _open_intake(rooms: Rooms, ticket: Ticket, kept: Kept) -> Ticket:
    described = _described(ticket, kept.sha256, kept.size)
    with rooms.store.write() as connection:
        known = _known(rooms, connection, ticket, kept.sha256)
        if known is not None:
            return {**described, **known}
        values = {
            "raw_id": kept.raw_id, "sha256": kept.sha256, "profile": ticket["profile"],
            "profile_digest": rooms.profile(ticket["profile"]).digest, "name": described["file"]["name"],
            "channel": ticket.get("channel", "file"), "municipality_wanted": ticket.get("municipality") or "", "at": rooms.now(),
        }  # fmt: skip
        return {**described, "file_id": files.add_file(connection, values), "duplicate_of": None}


def load(rooms: Rooms, ticket: Ticket) -> Ticket:
    """Read, check and stage all rows in chunks; a whole-file fault quarantines the file and ends the verb."""
    file_id = int(ticket["file_id"])
    with rooms.store.read() as connection:
        state = files.find_file(connection, file_id)
        resume_after = bills.staged_up_to(connection, file_id)
    assert state is not None
    message = rooms.profile(ticket["profile"]).message("billing")
    loading = _Loading(rooms, file_id, ticket.get("municipality") or "", resume_after, mark=payer_mark(rooms, message))
    try:
        kept = vault.open_kept(rooms.store, state.raw_id)
        reader = message.reader(kept, chunk_rows=rooms.chunk_rows)
        size = int(ticket["file"]["bytes"])
        loading.take(reader, lambda rows: rows * size // max(kept.raw.taken, 1))  # type: ignore[attr-defined]
    except ProblemError as error:
        return _quarantine(rooms, file_id, error.problems, loading.municipality_code)
    stated = {name: reader.header.get(name) or None for name in ("file_sequence", "file_business_day")}
    return {"read": loading.read, "municipality_code": loading.municipality_code, **stated}


@contextmanager
def _collector_waiting() -> Iterator[Callable[[int], int]]:
    """Rows hold no cycles, yet the collector looks for some among them again and again: it runs once a chunk instead."""
    mine = gc.isenabled()
    gc.disable()
    try:
        yield gc.collect
    finally:
        if mine:
            gc.enable()


class _Loading:
    """One pass over a file: keeps count, knows the municipality, stages what has not been staged before."""

    def __init__(self, rooms: Rooms, file_id: int, wanted: str, resume_after: int, *, mark: PayerMark) -> None:
        self.rooms, self.file_id, self.wanted, self.resume_after = rooms, file_id, wanted, resume_after
        self.read, self.municipality_code, self.mark = 0, wanted, mark

    def take(self, reader: Reader, expected: Callable[[int], int]) -> None:
        """Stage every chunk of a reader; ``expected`` tells how many rows there may be in all, by those read so far."""
        with _collector_waiting() as collect:
            for chunk in reader:
                self.read += chunk.read
                self.rooms.progress("intake", self.read, max(expected(self.read), self.read))
                self._stage(self._of_one_municipality(chunk))
                collect(1)
        with self.rooms.store.write() as connection:
            bills.stage_file_problems(connection, self.file_id, reader.problems)

    def _of_one_municipality(self, chunk: Chunk) -> Chunk:
        """One file, one municipality: the one asked for, or that of its first row."""
        rows = chunk.rows
        if rows and not self.municipality_code:
            self.municipality_code = rows[0][1].municipality_code
        foreign = [(line, row) for line, row in rows if row[0] != self.municipality_code]
        if not foreign:
            return chunk
        if len(foreign) == len(rows) and self.wanted and self.read == chunk.read:
            raise ProblemError([problem("FL-MUN-001", expected=self.wanted, actual=foreign[0][1].municipality_code)])
        told = [
            problem("FL-MUN-002", line=line, field="municipality_code", ja="団体コード", expected=self.municipality_code)
            for line, _ in foreign
        ]
        own = [(line, row) for line, row in rows if row.municipality_code == self.municipality_code]
        return chunk._replace(
            rows=own, problems=[*chunk.problems, *told], rejected=[*chunk.rejected, *((line, row.total_yen) for line, row in foreign)]
        )

    def _stage(self, chunk: Chunk) -> None:
        new = _after(chunk, self.resume_after) if self.resume_after else chunk
        if not (new.rows or new.problems or new.rejected):
            return
        rooms, file_id = self.rooms, self.file_id
        with rooms.store.write() as connection:
            if new.rows:
                first = bills.next_serials(connection, self.municipality_code, len(new.rows), file_id)
                numbers = rooms.confirmation_numbers(len(new.rows))
                bills.stage_versions(connection, list(version_rows(file_id, new.rows, first, numbers=numbers, mark=self.mark)))
            bills.stage_problems(connection, file_id, new.problems)
            bills.stage_rejected(connection, file_id, new.rejected)


def _after(chunk: Chunk, line: int) -> Chunk:
    """What of a chunk a killed run had not staged yet."""
    return chunk._replace(
        rows=[row for row in chunk.rows if row[0] > line],
        problems=[p for p in chunk.problems if p.line is None or p.line > line],
        rejected=[row for row in chunk.rejected if row[0] > line],
    )


def _quarantine(rooms: Rooms, file_id: int, problems: list[Problem], code: str) -> Ticket:
    """Nothing of the file counts; its bytes and the reason stay."""
    with rooms.store.write() as connection:
        bills.stage_problems(connection, file_id, problems)
        summary = {"quarantined": True}  # nothing of it was read, as far as numbers go
        files.add_event(connection, file_id, "quarantined", at=rooms.now(), municipality_code=code, summary=summary)
        detail = {"file_id": file_id, "codes": sorted({p.code for p in problems})}
        audit.append(connection, audit.Entry("fundlink", "intake.quarantine", f"file:{file_id}", detail, rooms.now()))
    return {"quarantined": True, "end": True}


def accept(rooms: Rooms, ticket: Ticket) -> Ticket:
    """The one moment at which a file takes effect: bills, revisions, eL numbers, and the fact itself, in one transaction."""
    file_id, code = int(ticket["file_id"]), str(ticket["municipality_code"])
    with rooms.store.write() as connection:
        bills.hold(connection, code)
        state = files.find_file(connection, file_id)
        assert state is not None
        if state.event == "accepted":
            return {}
        known = code in {row[0] for row in files.municipalities(connection)}
        verdict = judge_place(rooms, connection, ticket)
        refused = problem("FL-MUN-003", actual=code) if rooms.production and code and not known else verdict.refusal
        if refused is None:
            note_place(rooms, connection, ticket, verdict)
            _take_effect(rooms, connection, file_id, ticket)
    if refused is not None:
        return _quarantine(rooms, file_id, [refused], code)
    return {}


def _take_effect(rooms: Rooms, connection: Any, file_id: int, ticket: Ticket) -> None:
    code, at = str(ticket["municipality_code"]), rooms.now()
    if code:
        files.add_municipality(connection, code, "", at)
    files.add_used_profile(connection, ticket["profile"])
    effects = bill_effects.accept(connection, file_id, at)
    rejected = files.count_rejected(connection, file_id)
    accepted_yen, rejected_yen = files.yen_of_file(connection, file_id)
    summary = {
        "read": ticket["read"], "accepted": sum(effects), **effects._asdict(), "rejected": rejected,
        "accepted_yen": accepted_yen, "rejected_yen": rejected_yen, "quarantined": False,
    }  # fmt: skip
    files.add_event(connection, file_id, "accepted", at=at, municipality_code=code, summary=summary)
    audit.append(connection, audit.Entry("fundlink", "intake.accept", f"file:{file_id}", summary, at))


INTAKE: Verb = (("keep", keep), ("load", load), ("accept", accept))
