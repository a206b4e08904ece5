"""The audit trail from outside: its head, signed with the adapter's key, and the check of the trail against such a head.

Called by cli. The chain alone cannot tell that its end was cut off; a head that was kept elsewhere can.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.pipeline.rooms import Rooms
from fundlink.store import audit

_PURPOSE = b"fundlink audit head\n"
_SIGNED = ("seq", "hash", "at")


def head(rooms: Rooms) -> dict[str, Any]:
    """The newest entry's number and hash, the instant, our certificate's fingerprint, and the signature over the three."""
    with rooms.store.read() as connection:
        seq, newest = audit.head(connection)
    told = {"seq": seq, "hash": newest, "at": rooms.now()}
    signer = rooms.signer()
    signature = base64.b64encode(signer.sign(_octets(told))).decode()
    return {**told, "certificate_sha256": signer.fingerprint(), "signature": signature}


def _octets(told: dict[str, Any]) -> bytes:
    return _PURPOSE + json.dumps([told[name] for name in _SIGNED], separators=(",", ":")).encode()


def verify(rooms: Rooms, kept: bytes | None = None) -> dict[str, Any]:
    """Walk the chain; with a head that was kept, also that it is still part of it: ``ok``, ``entries``, ``first_bad``."""
    stated = None if kept is None else _read(rooms, kept)
    with rooms.store.read() as connection:
        return audit.verify(connection, stated)


def _read(rooms: Rooms, kept: bytes) -> tuple[int, str]:
    """Number and hash of a head of ours; FL-AUD-001 for anything else."""
    try:
        told = json.loads(kept)
        signature = base64.b64decode(told["signature"], validate=True)
        seq, newest = int(told["seq"]), str(told["hash"])
        signed = _octets(told)
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise ProblemError([problem("FL-AUD-001", detail="JSON")]) from None
    if not rooms.signer().verifies(signed, signature):
        raise ProblemError([problem("FL-AUD-001", detail="signature")])
    return seq, newest
