"""Raw bytes first: everything received or sent is kept in pieces with its SHA-256 before anything is read from it.

Called by pipeline, api and verify. Bytes are never changed and never whole in memory unless the caller asks for it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.engine import Store

PIECE_BYTES = 1 << 20


class Kept(NamedTuple):
    """A kept object: its id, its SHA-256 (hex) and its size in bytes."""

    raw_id: int
    sha256: str
    size: int


def keep(connection: Connection, pieces: Iterable[bytes], *, direction: str, kind: str, name: str, at: str) -> Kept:
    """Store bytes piece by piece in this transaction."""
    raw_id = int(
        bulk.scalar(
            connection,
            "INSERT INTO raw (sha256, size, direction, kind, name, kept_at) VALUES ('', 0, :direction, :kind, :name, :at) RETURNING id",
            direction=direction, kind=kind, name=name, at=at,
        )
    )  # fmt: skip
    digest, size = hashlib.sha256(), 0
    for seq, piece in enumerate(_even(pieces)):
        digest.update(piece)
        size += len(piece)
        bulk.insert_rows(connection, "raw_piece", ("raw_id", "seq", "data"), [(raw_id, seq, piece)])
    # the row is completed inside the transaction that makes it; once visible it never changes
    bulk.run(connection, "UPDATE raw SET sha256 = :sha256, size = :size WHERE id = :id", sha256=digest.hexdigest(), size=size, id=raw_id)
    return Kept(raw_id, digest.hexdigest(), size)


def _even(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Regroup a stream into pieces of PIECE_BYTES."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= PIECE_BYTES:
            yield bytes(held[:PIECE_BYTES])
            del held[:PIECE_BYTES]
    if held:
        yield bytes(held)


class KeptStream(io.RawIOBase):
    """Kept bytes as a readable stream, one piece in memory at a time."""

    def __init__(self, store: Store, raw_id: int) -> None:
        super().__init__()
        self._store, self._raw_id, self._seq, self._piece = store, raw_id, 0, b""
        self.taken = 0  # bytes read from the store so far

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill the buffer from the current piece; 0 at the end."""
        if not self._piece:
            self._piece = self._next_piece()
        size = min(len(buffer), len(self._piece))
        buffer[:size] = self._piece[:size]
        self._piece = self._piece[size:]
        return size

    def _next_piece(self) -> bytes:
        with self._store.read() as connection:
            found = bulk.scalar(
                connection, "SELECT data FROM raw_piece WHERE raw_id = :raw_id AND seq = :seq", raw_id=self._raw_id, seq=self._seq
            )
        self._seq += 1
        self.taken += len(found) if found is not None else 0
        return bytes(found) if found is not None else b""


def open_kept(store: Store, raw_id: int) -> io.BufferedReader:
    """Kept bytes as a buffered binary file object; its ``raw`` knows how many were ``taken``."""
    return io.BufferedReader(KeptStream(store, raw_id), buffer_size=PIECE_BYTES)


def kept_bytes(connection: Connection, raw_id: int) -> bytes:
    """All bytes of a small object (a message, an acknowledgement)."""
    pieces = bulk.rows(connection, "SELECT data FROM raw_piece WHERE raw_id = :raw_id ORDER BY seq", raw_id=raw_id)
    return b"".join(bytes(row[0]) for row in pieces)


def kept_as(connection: Connection, sha256: str, kind: str) -> bytes | None:
    """A small object of a kind by its SHA-256; None when nothing of that content was kept."""
    found = bulk.scalar(connection, "SELECT MIN(id) FROM raw WHERE sha256 = :sha256 AND kind = :kind", sha256=sha256, kind=kind)
    return None if found is None else kept_bytes(connection, int(found))
