"""The second factor: six digits from a secret and the time (TOTP), each step of time good for one use. Called by desk; stores nothing."""

from __future__ import annotations

import datetime as dt
import hmac

STEP_S = 30
ISSUER = "fundlink"
DRIFT = 1
"""Steps that a clock may be off, either way."""


def new_secret() -> str:
    """A random secret in base 32, 160 bits."""
    import pyotp  # noqa: PLC0415  (commands that need no login load none of it)

    return pyotp.random_base32()


def address(secret: str, login: str) -> str:
    """What an authenticator reads from the QR."""
    import pyotp  # noqa: PLC0415

    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER)


def used_step(secret: str, code: str, now: dt.datetime, *, last_step: int) -> int | None:
    """The step of time that a code belongs to; None when it is wrong, or its step is not later than the last one used (replay)."""
    import pyotp  # noqa: PLC0415

    digits = "".join(code.split())
    if len(digits) != 6 or not digits.isascii() or not digits.isdigit():
        return None
    current, totp = int(now.timestamp()) // STEP_S, pyotp.TOTP(secret)
    found = None
    for step in range(current - DRIFT, current + DRIFT + 1):  # all of them, whatever matches first
        if hmac.compare_digest(totp.at(step * STEP_S), digits) and step > last_step:
            found = step
    return found
