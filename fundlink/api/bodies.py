"""Bodies: which types are taken, small JSON as bytes, uploads spooled to an unnamed file beside the data.

Used by the write routes as dependencies. The door counts the bytes; here nothing is kept longer than its request and nothing
but 1 MiB of an upload is in memory. What an upload means is not asked here.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from email.message import Message
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from anyio import to_thread
from fastapi import Request

from fundlink.api.multipart import FilePart
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem

PIECE_BYTES = 1 << 20
NDJSON = "application/x-ndjson"
MULTIPART = "multipart/form-data"
JSON_TYPES: dict[str, tuple[str, ...]] = {"application/json": ("utf-8",)}
_FILE_CHARSETS = ("utf-8", "shift_jis", "windows-31j", "cp932")
UPLOAD_TYPES: dict[str, tuple[str, ...]] = {
    NDJSON: ("utf-8",),
    MULTIPART: ("utf-8",),
    "text/csv": _FILE_CHARSETS,
    "text/plain": _FILE_CHARSETS,
    "application/vnd.ms-excel": _FILE_CHARSETS,  # what Windows calls a CSV file
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (),
    "application/octet-stream": (),
}
"""Media types and the charsets each may name; the profile says what the bytes are."""


def media_type(request: Request, taken: dict[str, tuple[str, ...]]) -> str:
    """The media type of a request; FL-API-004 when it or its charset is not taken."""
    named, charset = _content_type(request.headers.get("content-type", ""))
    if named not in taken or (charset is not None and charset not in taken[named]):
        raise ProblemError([problem("FL-API-004", place="Content-Type")])
    return named


@lru_cache(256)
def _content_type(text: str) -> tuple[str, str | None]:
    """Media type and charset of a header; vendors send the same few over and over."""
    head = Message()
    head["Content-Type"] = text
    charset = head.get_param("charset")
    return head.get_content_type() if text else "", None if charset is None else str(charset).lower()


async def json_body(request: Request) -> bytes:
    """The bytes of a JSON body, within the limit that the door watches."""
    media_type(request, JSON_TYPES)
    return await request.body()


async def optional_json_body(request: Request) -> bytes:
    """The same for a route that also works without a body."""
    body = await request.body()
    if body:
        media_type(request, JSON_TYPES)
    return body


class Spool:
    """An upload on its way: bytes go to an unnamed file, their digest and number are known at the end."""

    def __init__(self, folder: Path) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (closed by ``close``)
        self._digest, self._held = hashlib.sha256(), bytearray()
        self.size, self.name = 0, ""

    async def take(self, request: Request, boundary: bytes | None) -> None:
        """Read the body to its end; of a multipart one only the part named ``file``."""
        part = FilePart(boundary) if boundary is not None else None
        async for piece in request.stream():
            self._held += piece if part is None else part.feed(piece)
            if len(self._held) >= PIECE_BYTES:
                await to_thread.run_sync(self._flush)
        await to_thread.run_sync(self._flush)
        if part is not None:
            self.name = part.finish()

    def _flush(self) -> None:
        self._digest.update(self._held)
        self.size += len(self._held)
        self._file.write(self._held)
        self._held.clear()

    @property
    def sha256(self) -> str:
        """SHA-256 of what was taken."""
        return self._digest.hexdigest()

    def pieces(self) -> Iterator[bytes]:
        """The bytes again, from the first one."""
        self._file.seek(0)
        while piece := self._file.read(PIECE_BYTES):
            yield piece

    def close(self) -> None:
        """The file is gone."""
        self._file.close()


def strict_object(body: bytes, names: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, str]:
    """A JSON object of texts with exactly these names allowed, all but the ``optional`` ones required; every fault as a ProblemError."""
    given = _parsed(body or b"{}")
    if not isinstance(given, dict):
        raise ProblemError([problem("FL-API-001", place="byte 1")])
    faults = [problem("FL-API-003", place=_pointer(name)) for name in given if name not in (*names, *optional)]
    faults += [problem("FL-VAL-002", place=_pointer(name), expected="JSON string") for name in given if not isinstance(given[name], str)]
    faults += [
        problem("FL-CHR-001", place=_pointer(name)) for name in given if isinstance(given[name], str) and not given[name].isprintable()
    ]
    faults += [problem("FL-VAL-001", place=f"/{name}") for name in names if name not in given]
    if faults:
        raise ProblemError(faults)
    return given


def _parsed(body: bytes) -> Any:
    try:
        # what a number says does not matter here: none is wanted, and a long one costs nothing this way
        return json.loads(body.decode(), object_pairs_hook=_pairs, parse_int=_no_text, parse_float=_no_text, parse_constant=_no_text)
    except UnicodeDecodeError as error:
        raise ProblemError([problem("FL-CHR-001", place=f"byte {error.start + 1}")]) from None
    except json.JSONDecodeError as error:
        place = f"byte {len(error.doc[: error.pos].encode()) + 1}"
        raise ProblemError([problem("FL-API-001", place=place)]) from None
    except RecursionError:
        raise ProblemError([problem("FL-API-005")]) from None


def _no_text(_number: str) -> None:
    return None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise ProblemError([problem("FL-API-002", place=_pointer(twice))])
    return found


def _pointer(name: str) -> str:
    """A JSON pointer to a member, cut to a harmless length and alphabet: the name came from outside."""
    shown = "".join(letter for letter in name[:64] if letter.isprintable())
    return "/" + shown.replace("~", "~0").replace("/", "~1")
