"""Random words that open something: API keys, session ids, set-up secrets, and the token that binds a form to its session.

Called by desk, api and console. What is stored is a SHA-256 of them: they hold 256 random bits, so nothing slower is needed.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import NamedTuple

KEY = re.compile(r"flk_([a-z0-9]{8})_([A-Za-z0-9_-]{43})").fullmatch
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


class NewKey(NamedTuple):
    """An API key as it is shown once, and the two parts that are kept."""

    shown: str
    prefix: str
    sha256: str


def new_key() -> NewKey:
    """A key of 256 random bits; its prefix names it."""
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    shown = f"flk_{prefix}_{secrets.token_urlsafe(32)}"
    return NewKey(shown, prefix, digest(shown))


def prefix_of(shown: str) -> str | None:
    """The prefix of a text that looks like a key."""
    found = KEY(shown)
    return found[1] if found else None


def new_secret() -> str:
    """A session id or a set-up secret: 256 random bits."""
    return secrets.token_urlsafe(32)


def digest(word: str) -> str:
    """What is stored of it."""
    return hashlib.sha256(word.encode()).hexdigest()


def form_token(key: bytes, bound_to: str) -> str:
    """A token for the forms of one session."""
    return str(_signer(key).dumps(digest(bound_to)[:32]))


def is_form_token(key: bytes, token: str, bound_to: str, *, max_age_s: int) -> bool:
    """Whether a token was made for this session, not longer ago than that."""
    from itsdangerous import BadData  # noqa: PLC0415

    try:
        found = _signer(key).loads(token, max_age=max_age_s)
    except BadData:
        return False
    return secrets.compare_digest(str(found), digest(bound_to)[:32])


def _signer(key: bytes):  # type: ignore[no-untyped-def]  # noqa: ANN202  (the library is loaded when a form is drawn)
    from itsdangerous import URLSafeTimedSerializer  # noqa: PLC0415

    return URLSafeTimedSerializer(key, salt="fundlink form", signer_kwargs={"digest_method": hashlib.sha256})
