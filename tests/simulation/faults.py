"""The faults of one run: which there are, how often each strikes in this seed, and how often it was hit.

Used by every part of the simulation. Each seed draws its own odds (some faults never strike in it, some often), so that rare
mixtures come up; nothing here knows what a fault does.
"""

from __future__ import annotations

from collections import Counter
from random import Random

FAULTS: dict[str, str] = {
    "T01": "the gateway takes a message, its answer is lost",
    "T02": "a message is lost before the gateway",
    "T03": "the answer comes after our timeout: something else happens before we ask again",
    "T04": "an inquiry is lost, or says absent although the message is there",
    "T05": "a file is offered twice, or its records once more in another file",
    "T06": "files come in another order than their numbers",
    "T07": "files come hours to days late",
    "T08": "half a file comes, the whole one later",
    "T09": "bits of a file are flipped, on the way or at the source",
    "T10": "a notice says another yen figure, its totals agreeing with it; the bank pays less, and the rest days later",
    "T11": "503 and 429 in bursts",
    "T12": "HTML, an empty, an unsigned or a negative answer",
    "T13": "an answer that takes longer than the timeout",
    "T14": "TLS refused: no connection",
    "T15": "the name is not found: no connection",
    "T16": "hours of maintenance",
    "T17": "the gateway forgets messages it has not answered (restored from a backup)",
    "T18": "the gateway lets one message take effect twice (its bug)",
    "T19": "the clock steps by an hour, back over midnight, or the day is 1 April, 1 June or a leap day",
    "T20": "the clocks of two machines differ by ten minutes",
    "T21": "the process is killed before or after a commit, or between two steps",
    "T24": "the connection breaks after COMMIT: it happened, and nobody says so",
    "T25": "serialization failure, the whole transaction taken back",
    "T26": "no connection to be had from the pool",
    "T27": "disk full in a statement or at COMMIT",
    "T28": "disk full or read-only while a file is written",
    "T29": "I/O error at the sync of a commit: it may or may not be there",
    "T30": "a file is in its place, and the call that put it there fails",
    "T35": "two workers go on with one job",
    "T36": "killed while a file is handed over, half of it written, or between that and noting it",
    "T37": "a core system changes or cancels a bill that is paid",
    "T38": "a day is closed while its receipts arrive",
    "T39": "killed or cut off while a day is closed",
    "T45": "links stop one by one and come back in another order",
    "T47": "a file or an answer that is right in everything but its seal: of another document, by another key, of a stranger",
}
ODDS = (0.0, 0.0, 0.03, 0.08, 0.2)


class Faults:
    """The dice of one seed."""

    def __init__(self, seed: int, without: frozenset[str] = frozenset()) -> None:
        self._rng = Random(f"faults {seed}")
        self._odds = {name: self._rng.choice(ODDS) for name in FAULTS} | dict.fromkeys(without, 0.0)
        self.on = True
        self.hits: Counter[str] = Counter()

    def strikes(self, name: str, share: float = 1.0) -> bool:
        """Whether this fault strikes now; ``share`` makes it rarer at places that are passed often."""
        if not self.draws(name, share):
            return False
        self.hits[name] += 1
        return True

    def draws(self, name: str, share: float = 1.0) -> bool:
        """The same where nothing has happened yet: what comes of it is noted when it does."""
        return self.on and self._rng.random() < self._odds[name] * share

    def note(self, name: str) -> None:
        """A fault that came about by itself."""
        self.hits[name] += 1
