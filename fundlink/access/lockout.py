"""How long a login waits after failures: longer each time, never for good. Called by desk; a lockout for good would let anybody lock out anybody."""

from __future__ import annotations

FREE = 5
"""Failures in a row that cost nothing but the time of a hash."""
FIRST_S, LONGEST_S = 30, 3_600
ADDRESS_FREE = 30
"""Failures from one address within ADDRESS_WINDOW_S, whatever logins they named."""
ADDRESS_WINDOW_S = 900


def wait_s(failures: int) -> int:
    """Seconds to wait after so many failures in a row.

    >>> wait_s(4), wait_s(5), wait_s(6), wait_s(50)
    (0, 30, 60, 3600)
    """
    if failures < FREE:
        return 0
    return int(min(FIRST_S << min(failures - FREE, 20), LONGEST_S))
