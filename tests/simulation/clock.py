"""Virtual time: one true clock, and what the product's machines believe of it. Moves only when the world says so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

TOKYO = dt.timezone(dt.timedelta(hours=9), "JST")


class Clock:
    """The true instant (the other sides live by it) and the product's, which may be stepped and skewed."""

    def __init__(self, start: dt.datetime) -> None:
        self.true = start
        self.step = dt.timedelta()
        self._latest = start

    def now(self) -> dt.datetime:
        """The instant of gateway, bank and core systems."""
        return self.true

    def today(self) -> dt.date:
        """Their day."""
        return self.true.date()

    def of(self, skew: dt.timedelta) -> Callable[[], dt.datetime]:
        """The clock of one of our machines."""

        def told() -> dt.datetime:
            found = self.true + self.step + skew
            self._latest = max(self._latest, found)
            return found

        return told

    def latest(self) -> str:
        """The latest instant that anybody was told, to the second."""
        return self._latest.isoformat(timespec="seconds")[:19]
