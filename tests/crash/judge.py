"""What must be true of an adapter after any crash, seen from outside: the client's journal against the database, the folders, the gateway.

Used by journey and by the tests of full disks and failing syncs. It says what was lost (acknowledged and not there), what was
doubled, and which invariants are broken; it opens the database anew, in a process that was not killed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from fundlink.connectors.in_memory import InMemoryGateway
from fundlink.domain.errors import ProblemError
from fundlink.store import backup, verify
from fundlink.store.engine import Store
from fundlink.store.ledger import ledger_hash


class Said(NamedTuple):
    """One acknowledgement that left the system: its kind (a row of WITNESSES), what it was about, and what it said."""

    kind: str
    subject: str
    words: str = ""


class Verdict(NamedTuple):
    """What was found wrong; nothing, one hopes."""

    lost: list[str]
    doubled: list[str]
    broken: list[str]

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.broken)


Find = Callable[[str], bool]


def _accepted(find: Callable[..., bool], said: Said) -> bool:
    return find("SELECT 1 FROM file f JOIN raw r ON r.id = f.raw_id JOIN file_event e ON e.file_id = f.id AND e.event = 'accepted' WHERE r.sha256 = :a", said.subject)  # fmt: skip


def _exported(_find: Callable[..., bool], said: Said) -> bool:
    path = Path(said.subject)
    return path.exists() and digest(path) == said.words


def _readable(_find: Callable[..., bool], said: Said) -> bool:
    try:
        backup.manifest_of(Path(said.subject))
    except (ProblemError, OSError):
        return False
    return True


WITNESSES: dict[str, Callable[[Callable[..., bool], Said], bool]] = {
    "file": _accepted,
    "answer": lambda find, said: find("SELECT 1 FROM idempotency WHERE key LIKE '%' || :a AND status = :b", said.subject, int(said.words)),
    "message": lambda find, said: find("SELECT 1 FROM message WHERE id = :a", said.subject),
    "collected": lambda find, said: find("SELECT 1 FROM received_file WHERE remote_id = :a AND state = 'applied'", said.subject),
    "exported": _exported,
    "backup": _readable,
    "did": lambda find, said: find(said.subject),
}

_DOUBLES = (
    ("file taken twice", "SELECT r.sha256 FROM file f JOIN raw r ON r.id = f.raw_id JOIN file_event e ON e.file_id = f.id AND e.event = 'accepted' GROUP BY r.sha256 HAVING COUNT(*) > 1"),
    ("two live slips", "SELECT s.bill_id FROM slip s WHERE (SELECT t.state FROM slip_state t WHERE t.slip_id = s.id ORDER BY t.id DESC LIMIT 1) IN ('registered', 'paid', 'settled', 'cleared') GROUP BY s.bill_id HAVING COUNT(*) > 1"),
    ("receipt twice", "SELECT transaction_key FROM receipt GROUP BY transaction_key, stage HAVING COUNT(*) > 1"),
    ("entry handed over twice", "SELECT entry_number FROM clearing_handover GROUP BY entry_number HAVING COUNT(*) > 1"),
    ("entry made twice", "SELECT outcome_id FROM clearing_entry WHERE stage <> '9' AND entry_number NOT IN (SELECT entry_number FROM moved_entry) GROUP BY outcome_id, stage HAVING COUNT(*) > 1"),
)  # fmt: skip


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def judged(url: str, journal: list[Said], twin: InMemoryGateway) -> Verdict:
    """Look at everything that was said."""
    store = Store(url)
    try:
        with store.read() as connection:

            def find(statement: str, *values: Any) -> bool:
                return connection.execute(sa.text(statement), dict(zip("ab", values, strict=False))).first() is not None

            lost = [f"{said.kind} {said.subject}" for said in journal if not WITNESSES[said.kind](find, said)]
            doubled = [f"{name}: {row[0]}" for name, sql in _DOUBLES for row in connection.execute(sa.text(sql))]
        broken = [f"{told['id']}: {told['detail']}" for told in verify.verify(store)["invariants"] if not told["ok"]]
    finally:
        store.close()
    doubled += [f"gateway {call} {key}: {count}" for (key, call), count in twin.effects.items() if count > 1]
    return Verdict(lost, doubled, broken)


def end_of(url: str, twin: InMemoryGateway, core: Path) -> dict[str, Any]:
    """What a whole journey ends with, whichever way it took: the ledger, and how much of everything there is."""
    store = Store(url)
    try:
        with store.read() as connection:
            counts = {table: connection.execute(sa.text(f"SELECT COUNT(*) FROM {table}")).scalar() for table in _COUNTED}
            ledger = ledger_hash(connection)
    finally:
        store.close()
    told = Counter((call, count) for (_, call), count in twin.effects.items())
    rows = Counter(path.name.split("-")[0] for path in core.glob("[!.]*") for _ in path.read_bytes().splitlines())
    return {"ledger": ledger, **counts, "told": sorted(told.items()), "core": dict(rows)}


_COUNTED = (
    "bill", "bill_version", "revision", "slip", "file_event", "row_problem", "rejected_row", "received_file", "receipt", "settlement",
    "outcome", "clearing_entry", "clearing_handover", "slip_handover", "export_file", "act", "act_event", "act_move", "day_close",
    "day_book", "idempotency",
)  # fmt: skip


def shown(verdict: Verdict) -> Iterator[str]:
    """One line a fault."""
    for name, found in verdict._asdict().items():
        yield from (f"{name}: {one}" for one in found)
