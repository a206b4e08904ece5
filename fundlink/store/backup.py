"""A database as one file: every table as COPY text in a ZIP, with a manifest that says what must be in it. Called by desk.backup.

``dump`` reads one snapshot while others write; ``manifest_of`` looks at all of a file before anything is done with it. Files are
written and read in pieces, so memory does not grow with the database. What a backup means for the ledger is for its caller.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.store import copied, migrate
from fundlink.store.tables import METADATA

FORMAT = 1
MANIFEST = "manifest.json"
_PIECE = 1 << 20
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError, NotImplementedError)


class TableRecord(NamedTuple):
    """One table of a backup, in an order in which rows come after those they refer to."""

    name: str
    columns: list[str]
    rows: int
    sha256: str

    @property
    def member(self) -> str:
        """Its name inside the file."""
        return f"tables/{self.name}.copy"


class Manifest(NamedTuple):
    """What a backup holds; ``about`` is what its maker says of it."""

    revision: str
    tables: list[TableRecord]
    about: dict[str, Any]


class _Sink:
    """Takes what the ZIP writer writes, until it is fetched."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep it."""
        self._held.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back here."""

    def taken(self) -> bytes:
        """All that was written since the last time."""
        held, self._held = self._held, []
        return b"".join(held)


def dump(connection: Connection, about: Mapping[str, Any], files: Mapping[str, bytes]) -> Iterator[bytes]:
    """The bytes of a backup of what this connection sees, with ``files`` beside the tables."""
    revision = migrate.current(connection)  # the first query: what comes after it sees the same state
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as container:  # type: ignore[call-overload]
        records = []
        for table in METADATA.sorted_tables:
            names = [column.name for column in table.columns]
            record = TableRecord(table.name, names, 0, "")
            digest, rows = hashlib.sha256(), 0
            with container.open(record.member, "w", force_zip64=True) as member:
                for block in copied.blocks(connection, table.name, names):
                    digest.update(block)
                    rows += block.count(b"\n")
                    member.write(block)
                    yield sink.taken()
            records.append(record._replace(rows=rows, sha256=digest.hexdigest()))
        for name, content in files.items():
            container.writestr(name, content)
        told = {"format": FORMAT, "revision": revision, "about": dict(about), "tables": [record._asdict() for record in records]}
        container.writestr(MANIFEST, json.dumps(told, ensure_ascii=False, indent=1))
    yield sink.taken()


def manifest_of(path: Path) -> Manifest:
    """The manifest of a backup, after every byte of its tables was compared with it (FL-BAK-001, FL-BAK-002)."""
    with opened(path) as container:
        told = json.loads(container.read(MANIFEST))
        if told["format"] > FORMAT or not migrate.is_known(str(told["revision"])):
            raise ProblemError([problem("FL-BAK-002", actual=str(told["revision"]), expected=migrate.HEAD)])
        found = Manifest(str(told["revision"]), [TableRecord(**record) for record in told["tables"]], dict(told["about"]))
        for record in found.tables:
            digest, rows = hashlib.sha256(), 0
            for piece in pieces(container, record.member):
                digest.update(piece)
                rows += piece.count(b"\n")
            if (rows, digest.hexdigest()) != (record.rows, record.sha256):
                raise ProblemError([problem("FL-BAK-001", detail=record.name)])
    return found


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The file as a container; whatever shows that it is none is FL-BAK-001."""
    try:
        with zipfile.ZipFile(path) as container:
            yield container
    except _DAMAGED as error:
        raise ProblemError([problem("FL-BAK-001", detail=type(error).__name__)]) from None


def pieces(container: zipfile.ZipFile, member: str) -> Iterator[bytes]:
    """The bytes of a member, 1 MiB at a time."""
    with container.open(member) as stream:
        while piece := stream.read(_PIECE):
            yield piece
