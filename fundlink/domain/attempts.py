"""How often and when something is tried again at the gateway, and when it pauses for everybody: numbers and pure rules.

Called by pipeline.sending, pipeline.breaker and desk. It never looks at a clock or draws a lot itself: both are handed in, so that
a simulation repeats byte for byte.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Final, NamedTuple

MOST_ATTEMPTS: Final = 8
"""Attempts a message and round, inquiries included; a person may begin another round."""
WITHIN_S: Final = 24 * 3600
"""A message that may have arrived is tried no longer than this after the first attempt of the round."""
_FIRST_WAIT_S, _GROWTH, _LONGEST_WAIT_S = 60, 4, 4 * 3600
_LONGEST_ASKED_S: Final = 12 * 3600
"""What the other side asks for by Retry-After is honoured up to this."""

RESULTS: Final[tuple[tuple[str, str], ...]] = (
    ("processed", "回答あり"),
    ("rejected", "電文不可の回答"),
    ("absent", "届いていないとの回答"),
    ("unreachable", "つながらない"),
    ("busy", "受付休止"),
    ("error", "相手の内部の誤り"),
    ("lost", "応答なし"),
    ("unusable", "信用できない応答"),
    ("cut", "中断"),
    ("agrees", "控えと一致"),
    ("differs", "控えと不一致"),
)
ANSWERED: Final = frozenset({"processed", "rejected", "absent", "agrees", "differs"})
"""Results that are a signed word of the gateway; every other one is a failure."""
UNSENT: Final = "unreachable"
"""No connection was made, so the gateway cannot have taken anything: it uses up neither attempts nor hours."""
BOUND_TO_HOURS: Final = frozenset({"busy", UNSENT})
"""Results after which nobody has to hurry: the gateway said "not now", or nothing left this machine."""


class Tried(NamedTuple):
    """What a message has behind it in this round."""

    counted: int
    """Attempts that may have reached the gateway."""
    failures: int
    first_at: str | None
    """When it was first tried in a way that leaves its outcome open."""


def wait_s(failures: int, lot: float, asked_s: float | None = None) -> int:
    """Seconds until the next attempt: none after the first failure (the inquiry), then full jitter under a growing ceiling.

    ``lot`` lies in 0..1; ``asked_s`` is what the other side asked for, and comes on top.

    >>> wait_s(1, 1), wait_s(2, 1), wait_s(3, 0.5), wait_s(9, 1), wait_s(1, 1, 29.5), wait_s(1, 0, 10**9)
    (0, 60, 120, 14400, 90, 43200)
    """
    if asked_s is not None:
        return _asked(asked_s) + math.ceil(lot * _ceiling_s(max(failures, 2)))
    return math.ceil(lot * _ceiling_s(failures))


def _asked(seconds: float) -> int:
    """What the other side asks for, in whole seconds and within reason."""
    return min(max(math.ceil(seconds), 0), _LONGEST_ASKED_S)


def _ceiling_s(failures: int) -> int:
    return 0 if failures <= 1 else min(_LONGEST_WAIT_S, _FIRST_WAIT_S * _GROWTH ** min(failures - 2, 10))


def later(at: str, seconds: int) -> str:
    """An instant so many seconds after another.

    >>> later("2026-11-24T09:00:00+09:00", 60)
    '2026-11-24T09:01:00+09:00'
    """
    return (dt.datetime.fromisoformat(at) + dt.timedelta(seconds=seconds)).isoformat(timespec="seconds")


def has_come(at: str | None, now: str) -> bool:
    """Whether an instant (None: any) lies behind or is now.

    >>> has_come("2026-11-24T00:00:00+00:00", "2026-11-24T09:00:00+09:00"), has_come(None, "2026-11-24T09:00:00+09:00")
    (True, True)
    """
    return at is None or dt.datetime.fromisoformat(at) <= dt.datetime.fromisoformat(now)


def is_exhausted(tried: Tried, next_try_at: str) -> bool:
    """Whether a person has to look, because another attempt would be one too many or too late.

    >>> is_exhausted(Tried(8, 8, None), "2026-11-24T09:00:00+09:00")
    True
    >>> is_exhausted(Tried(2, 2, "2026-11-24T09:00:00+09:00"), "2026-11-25T09:00:01+09:00")
    True
    >>> is_exhausted(Tried(2, 2, "2026-11-24T09:00:00+09:00"), "2026-11-25T09:00:00+09:00")
    False
    """
    if tried.counted >= MOST_ATTEMPTS:
        return True
    return tried.first_at is not None and not has_come(next_try_at, later(tried.first_at, WITHIN_S))


OPENS_AFTER: Final = 8
"""Failures one after another, of whatever message, after which the gateway is left alone."""
OPENS_AFTER_UNSENT: Final = 3
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 60, 900


def opens(newest: Sequence[str]) -> bool:
    """Whether the newest results (newest first) are reason enough to leave the gateway alone.

    >>> opens(["lost"] * 7), opens(["lost"] * 8), opens(["unreachable"] * 3 + ["processed"]), opens(["lost"] * 7 + ["processed"])
    (False, True, True, False)
    """
    failing = 0
    for result in newest:
        if result in ANSWERED:
            break
        failing += 1
    unsent = len(newest) >= OPENS_AFTER_UNSENT and all(result == UNSENT for result in newest[:OPENS_AFTER_UNSENT])
    return unsent or failing >= OPENS_AFTER


def pause_s(reopened: int, lot: float, asked_s: float | None = None) -> int:
    """Seconds for which nobody calls the gateway: doubling, half of it by lot, never less than the other side asked for.

    >>> pause_s(0, 1), pause_s(1, 0), pause_s(9, 1), pause_s(0, 0, 3600)
    (60, 60, 900, 3600)
    """
    full = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S << min(reopened, 10))
    return max((full + math.ceil(full * lot)) // 2, _asked(asked_s or 0))
