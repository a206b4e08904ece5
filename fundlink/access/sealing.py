"""Seals small secrets that must be read again (those of second factors) with AES-256-GCM, bound to the place they stand in. Called by desk."""

from __future__ import annotations

import base64
import os

_NONCE_BYTES = 12


def seal(key: bytes, secret: str, place: str) -> str:
    """A secret as it is stored; it opens only in this place."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    nonce = os.urandom(_NONCE_BYTES)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, secret.encode(), place.encode())).decode()


def opened(key: bytes, sealed: str, place: str) -> str | None:
    """The secret; None when key, place or bytes are not those it was sealed with."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    try:
        raw = base64.b64decode(sealed, validate=True)
        return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.encode()).decode()
    except (InvalidTag, ValueError):
        return None
