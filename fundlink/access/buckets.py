"""Rate limits: a bucket of tokens a client, in this process. Called by api; forgets clients whose bucket is full again."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

MOST_CLIENTS = 10_000


class Buckets:
    """One bucket a client: ``per_s`` tokens flow in each second, at most ``burst`` stay."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._held: dict[str, tuple[float, float]] = {}
        self._guard = threading.Lock()

    def wait_s(self, client: str) -> int:
        """0 and one token taken, or the whole seconds until there is one."""
        now = self._clock()
        with self._guard:
            tokens, at = self._held.get(client, (float(self._burst), now))
            tokens = min(float(self._burst), tokens + (now - at) * self._per_s)
            if tokens < 1:
                return max(1, math.ceil((1 - tokens) / self._per_s))
            if len(self._held) >= MOST_CLIENTS:
                self._forget(now)
            self._held[client] = (tokens - 1, now)
            return 0

    def _forget(self, now: float) -> None:
        full_again = [client for client, (tokens, at) in self._held.items() if tokens + (now - at) * self._per_s >= self._burst]
        for client in full_again or list(self._held)[: MOST_CLIENTS // 10]:  # the oldest ones, where all are busy
            del self._held[client]
