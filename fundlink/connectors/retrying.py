"""The one policy of each connector for repeats within a call, and what another side says about when to come again.

Called by the connectors that speak over a network. Within a call only a connection that was not made is repeated, at once and a few
times; everything else may have arrived, and is left to the schedule that the store keeps. It never decides about a message.
"""

from __future__ import annotations

import datetime as dt
import email.utils
from collections.abc import Mapping
from typing import NamedTuple

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_random_exponential

from fundlink.connectors.gateway import UnreachableError


class Policy(NamedTuple):
    """How a connector repeats within one call: what may be repeated, how long it waits at most, when it gives up."""

    repeats: tuple[type[Exception], ...]
    first_wait_s: float
    longest_wait_s: float
    within_s: float


POLICIES: Mapping[str, Policy] = {
    # nothing left this machine, so it may go again at once; a gateway that is away for longer is the schedule's business
    "eltax": Policy((UnreachableError,), 0.1, 1.0, 10.0),
}


def repeating(connector: str, attempts: int) -> Retrying:
    """The policy of a connector, ready to run a call."""
    policy = POLICIES[connector]
    return Retrying(
        stop=stop_after_attempt(attempts) | stop_after_delay(policy.within_s),
        wait=wait_random_exponential(multiplier=policy.first_wait_s, max=policy.longest_wait_s),
        retry=retry_if_exception_type(policy.repeats),
        reraise=True,
    )


def retry_after_s(header: str | None, now: dt.datetime) -> float | None:
    """Seconds that a Retry-After asks for: a number of them or an HTTP date; None for none, or for one that says nothing.

    >>> noon = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
    >>> retry_after_s("120", noon), retry_after_s("Tue, 24 Nov 2026 12:05:00 GMT", noon), retry_after_s("soon", noon)
    (120.0, 300.0, None)
    >>> retry_after_s("Tue, 24 Nov 2026 11:00:00 GMT", noon), retry_after_s(None, noon)
    (0.0, None)
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = when if when.tzinfo is not None else when.replace(tzinfo=dt.UTC)
    return max(0.0, (aware - now).total_seconds())
