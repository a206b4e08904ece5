"""What should have come and has not: a slot a business day, and whether everything up to a cut-off is in and posted.

Called by pipeline.absence and pipeline.unpaid with what the store knows. Pure: no I/O, no dates but those handed in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from fundlink.domain.calendar import CalendarProfile, ExpectedFile
from fundlink.domain.problems import Problem, problem

STATES: tuple[tuple[str, str], ...] = (
    ("in", "受信済み"),
    ("expected", "予定"),
    ("late", "遅れ"),
    ("missing", "未着"),
    ("waived", "到着しない"),
)
"""A file that has not come is expected up to its day, late through the days of grace, missing after them."""


class Arrival(NamedTuple):
    """What came of one kind for one business day."""

    files: int  # applied, with something new in them or with nothing to tell
    records: int
    quarantined: int
    first_at: str  # instant of the first applied one, or ""
    waived: bool  # two persons declared that nothing more is to come


NOTHING = Arrival(0, 0, 0, "", waived=False)
Arrivals = Mapping[tuple[str, str], Arrival]
"""By (kind, business day)."""


class Slot(NamedTuple):
    """One expected file: which, when it was due, what became of it."""

    municipality_code: str
    kind: str
    ja: str
    business_day: str
    due_on: str  # the day on which it should have come
    missing_after: str  # the last day of grace
    state: str
    files: int
    records: int
    quarantined: int
    received_at: str
    blocks: bool

    @property
    def is_settled(self) -> bool:
        """Nothing is waited for any more."""
        return self.state in ("in", "waived")


class Town(NamedTuple):
    """A municipality and the first day for which files are expected of it."""

    municipality_code: str
    since: str


def slots(profile: CalendarProfile, town: Town, arrivals: Arrivals, *, until: str, today: str, first: str = "") -> list[Slot]:
    """Every expected file of a municipality for business days up to ``until`` (from ``first`` on), oldest first."""
    begin = max(first, town.since)
    found = [
        _slot(profile, (town, row, day), arrivals.get((row.kind, day), NOTHING), today)
        for row in profile.expected_of(town.municipality_code)
        for day in _days(profile, row, begin, until)
    ]
    order = {row.kind: at for at, row in enumerate(profile.expected)}
    return sorted(found, key=lambda slot: (slot.business_day, order[slot.kind]))


def _days(profile: CalendarProfile, row: ExpectedFile, first: str, until: str) -> Iterator[str]:
    begin = max(first, row.since) if row.since else first
    end = min(until, row.until) if row.until else until
    return profile.calendar.business_days(begin, end)


def _slot(profile: CalendarProfile, which: tuple[Town, ExpectedFile, str], arrival: Arrival, today: str) -> Slot:
    town, row, day = which
    due_on = profile.calendar.after(day, row.lag_days)
    missing_after = profile.calendar.after(due_on, row.grace_days)
    return Slot(
        town.municipality_code, row.kind, row.ja, day, due_on, missing_after, _state(arrival, due_on, missing_after, today),
        arrival.files, arrival.records, arrival.quarantined, arrival.first_at, row.blocks,
    )  # fmt: skip


def _state(arrival: Arrival, due_on: str, missing_after: str, today: str) -> str:
    if arrival.files:
        return "in"
    if arrival.waived:
        return "waived"
    return "expected" if today <= due_on else "late" if today <= missing_after else "missing"


class Obstacles(NamedTuple):
    """What stands in the way beside files that have not come."""

    unposted: int  # receipts that reconcile has not looked at
    quarantined: Sequence[tuple[str, str, str]]  # (kind, business day, name) of files that were not applied
    gaps: Sequence[tuple[int, int]]  # numbers of the gateway's list that were never seen, first and last of each gap


class Watermark(NamedTuple):
    """Whether all that can tell of payments up to a cut-off is in, applied and posted."""

    municipality_code: str
    until: str  # the cut-off asked for
    needed_until: str  # the business day whose files tell of it
    since: str
    complete_until: str  # every blocking file is in up to this business day; "" when there is none
    given: bool
    reasons: tuple[Problem, ...]
    days: tuple[str, ...]  # business days it rests on


def judge(profile: CalendarProfile, town: Town, found: tuple[Arrivals, Obstacles], *, until: str, today: str) -> Watermark:
    """Whether the watermark of a municipality stands at ``until``, and every reason why it does not.

    A payment of a closed day is told in the file of the next business day, so that one is needed too.
    """
    arrivals, obstacles = found
    needed_until = profile.calendar.on_or_after(until)
    needed = [slot for slot in slots(profile, town, arrivals, until=needed_until, today=today) if slot.blocks]
    reasons = [*_nothing_expected(town, until, needed), *map(_absent, filter(lambda slot: not slot.is_settled, needed))]
    reasons += [
        problem("FL-WTM-003", place=name, kind=_kind_ja(profile, kind), kind_en=kind, day=day) for kind, day, name in obstacles.quarantined
    ]
    reasons += [problem("FL-WTM-004", first=first, last=last) for first, last in obstacles.gaps]
    reasons += [problem("FL-WTM-002", count=obstacles.unposted)] if obstacles.unposted else []
    return Watermark(
        town.municipality_code, until, needed_until, town.since, _complete_until(needed), not reasons, tuple(reasons),
        tuple(slot.business_day for slot in needed),
    )  # fmt: skip


def _nothing_expected(town: Town, until: str, needed: Sequence[Slot]) -> list[Problem]:
    """Silence is no proof: a day for which nothing was expected cannot be complete."""
    return [] if needed else [problem("FL-WTM-005", until=until, since=town.since)]


def _absent(slot: Slot) -> Problem:
    state = dict(STATES)[slot.state]
    return problem("FL-WTM-001", kind=slot.ja, kind_en=slot.kind, day=slot.business_day, due=slot.due_on, state=state, state_en=slot.state)


def _kind_ja(profile: CalendarProfile, kind: str) -> str:
    return next((row.ja for row in profile.expected if row.kind == kind), kind)


def _complete_until(needed: Sequence[Slot]) -> str:
    """The last business day before the first one that something is waited for."""
    open_days = {slot.business_day for slot in needed if not slot.is_settled}
    complete = [slot.business_day for slot in needed if not open_days or slot.business_day < min(open_days)]
    return max(complete, default="")
