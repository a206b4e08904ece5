"""Cursors: where a page ended, as one opaque word that a client hands back unchanged.

Called by the listing routes. A cursor carries a check value and the listing it belongs to, so a changed or borrowed one is
refused instead of skipping rows. It is no secret and grants nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem

_CHECK_BYTES = 8


def make(listing: str, after: Any, **filters: str | None) -> str:
    """The cursor behind ``after`` (a number or a list of texts) in a listing with these filters.

    >>> read("bills", make("bills", 7, fund_code="601"), fund_code="601")
    7
    """
    body = json.dumps(after, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_check(listing, filters, body) + body).decode().rstrip("=")


def read(listing: str, cursor: str | None, **filters: str | None) -> Any:
    """What stands in a cursor (None without one); ProblemError FL-API-006 when it is not one of this listing."""
    if cursor is None:
        return None
    try:
        # only the spelling we wrote is accepted: base64 readers forgive too much
        held = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        check, body = held[:_CHECK_BYTES], held[_CHECK_BYTES:]
        after = json.loads(body) if check == _check(listing, filters, body) else None
    except (binascii.Error, ValueError):
        after = None
    if after is None or make(listing, after, **filters) != cursor:
        raise ProblemError([problem("FL-API-006", place="cursor")])
    return after


def _check(listing: str, filters: dict[str, str | None], body: bytes) -> bytes:
    named = json.dumps([listing, sorted((name, value or "") for name, value in filters.items())]).encode()
    return hashlib.blake2b(body, key=hashlib.sha256(named).digest(), digest_size=_CHECK_BYTES, person=b"fundlink-cursor").digest()
