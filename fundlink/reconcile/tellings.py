"""Which entries of different bank files are one credit told again, and which are two. Pure; called by pipeline.tellings.

A bank tells a credit in several forms: 入出金取引明細, 振込入金通知, CSV. Within one form equal entries are as many credits as there
are entries; between forms each entry of one form is the telling of at most one entry of another. The answer depends on the
entries alone, not on the order they came in. Where it cannot be told, one of them waits for two persons and counts nothing.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

STANDS, SAME, UNSURE = "stands", "same", "unsure"


class Told(NamedTuple):
    """One entry as one form tells it; ``yen`` as the account sees it. ``decided``: what two persons said, '' where none did."""

    id: int
    form: str
    booked_on: str
    value_on: str
    yen: int
    cancelled: bool
    reference: str
    inquiry_number: str
    remitter: str
    fixed: bool = False  # a settling rests on it that does not change any more
    decided: str = ""
    decided_for: int | None = None

    @property
    def number(self) -> str:
        """The bank's own number, however many zeros a form puts before it."""
        return self.inquiry_number.lstrip("0")

    @property
    def value(self) -> str:
        """The value day where it says more than the booking day; a form that has none repeats that one."""
        return self.value_on if self.value_on != self.booked_on else ""


class Verdict(NamedTuple):
    """What an entry is: it stands, or is the same as (perhaps the same as) another one that stands."""

    state: str
    stands_for: int | None = None


class Credit:
    """One credit with the entries that tell it, at most one a form."""

    def __init__(self, *told: Told) -> None:
        self.told = list(told)

    @property
    def forms(self) -> set[str]:
        """The forms that have told it."""
        return {one.form for one in self.told}

    @property
    def reference(self) -> str:
        """Its reference, as far as any form has it."""
        return next((one.reference for one in self.told if one.reference), "")

    @property
    def certain(self) -> bool:
        """Two persons said that it is a credit of its own."""
        return any(one.decided == STANDS for one in self.told)

    @property
    def fixed(self) -> bool:
        """A settling that does not change rests on it."""
        return any(one.fixed for one in self.told)

    @property
    def stander(self) -> Told:
        """The entry that stands for all of them: one that must, else the one that says most."""
        said = [one for one in self.told if one.decided != SAME]
        return min(said, key=lambda one: (not one.fixed, not one.cancelled, not one.reference, not one.remitter, one.id))

    @property
    def order(self) -> tuple[bool, str, str, str, str]:
        """Which of two comes first, whatever came in first."""
        one = self.stander
        return (not self.fixed, one.booked_on, one.form, one.inquiry_number, one.reference)

    def agrees(self, other: Credit) -> bool:
        """Whether nothing that both state differs."""
        mine, theirs = ({one.value for one in credit.told} - {""} for credit in (self, other))
        return not (
            self.forms & other.forms
            or (self.reference and other.reference and self.reference != other.reference)
            or (mine and theirs and mine != theirs)
        )


def judge(told: Sequence[Told]) -> dict[int, Verdict]:
    """A verdict for every entry on one account with the same yen; what two persons decided stays as it is.

    >>> told = Told(1, "csv", "2026-11-26", "2026-11-26", 500, False, "", "1", "")
    >>> judge([told, told._replace(id=2, form="zengin", reference="S1")])
    {1: Verdict(state='same', stands_for=2), 2: Verdict(state='stands', stands_for=None)}
    """
    standing: list[Credit] = []
    unsure: dict[int, Credit] = {}  # by the identity of the credit that waits: the one it may be
    days: dict[str, list[Told]] = defaultdict(list)
    for one in sorted(told, key=lambda one: (one.booked_on, one.form, one.inquiry_number, one.id)):
        days[one.booked_on].append(one)
    for entries in days.values():
        found, rivals = _of_day(entries)
        standing += found
        for pair in rivals:
            _doubt(unsure, pair)
    for pair in _neighbours(standing):
        _doubt(unsure, pair)
    verdicts: dict[int, Verdict] = {}
    for credit in standing:
        verdicts |= _verdicts(credit, unsure.get(id(credit)))
    return dict(sorted(verdicts.items()))


def _verdicts(credit: Credit, rival: Credit | None) -> Iterator[tuple[int, Verdict]]:
    stander = credit.stander
    for one in credit.told:
        if one.id != stander.id and not one.fixed:
            yield one.id, Verdict(SAME, stander.id)
        elif rival is not None and not one.fixed:
            yield one.id, Verdict(UNSURE, rival.stander.id)
        else:
            yield one.id, Verdict(STANDS)


def _of_day(entries: Sequence[Told]) -> tuple[list[Credit], list[tuple[Credit, Credit]]]:
    """The credits of one booking day, form by form, the one with most entries first; and pairs that may be one credit told differently."""
    forms: dict[str, list[Credit]] = defaultdict(list)
    joined: dict[int | None, list[Told]] = defaultdict(list)  # what two persons said is the same comes with the other one
    for one in entries:
        if one.decided == SAME:
            joined[one.decided_for].append(one)
    for one in entries:
        if one.decided != SAME:
            forms[one.form].append(Credit(one, *joined[one.id]))
    standing: list[Credit] = []
    rivals: list[tuple[Credit, Credit]] = []
    for form in sorted(forms, key=lambda form: (-len(forms[form]), form)):
        left = _matched(forms[form], standing)
        rivals += _rivals(left, [credit for credit in standing if form not in credit.forms])
        standing += left
    return standing, rivals


def _rivals(left: Sequence[Credit], missing: list[Credit]) -> Iterator[tuple[Credit, Credit]]:
    """Entries that found no credit beside credits that their form has not told: one and one may be one, told differently."""
    for credit in left:
        other = next((one for one in missing if not one.certain and not credit.certain and not one.forms & credit.forms), None)
        if other is not None:
            missing.remove(other)
            yield credit, other


def _matched(entries: Sequence[Credit], standing: list[Credit]) -> list[Credit]:
    """Give each entry of a form its credit: by reference, then number, then remitter, then any that agrees. Those without one.

    An entry with a reference of its own comes before those without, which may go anywhere.
    """
    rest = _by_key(entries, standing, lambda one: one.reference)
    left: list[Credit] = []
    for some in ([one for one in rest if one.reference], [one for one in rest if not one.reference]):
        for key in _ALIKE:
            some = _by_key(some, standing, key)  # noqa: PLW2901  (what one round leaves over goes into the next)
        left += some
    return left


_ALIKE: tuple[Callable[[Told], str], ...] = (lambda one: one.number, lambda one: one.remitter, lambda _one: "any")


def _by_key(entries: Iterable[Credit], standing: list[Credit], key: Callable[[Told], str]) -> list[Credit]:
    """One round: entries find a credit that has the same word and agrees with all that they state."""
    waiting: dict[str, deque[Credit]] = defaultdict(deque)
    for credit in standing:
        for word in sorted({key(one) for one in credit.told} - {""}):
            waiting[word].append(credit)
    left = []
    for entry in entries:
        there = waiting.get(key(entry.told[0]), deque())
        found = None if entry.certain else next((credit for credit in there if credit.agrees(entry)), None)
        if found is None:
            left.append(entry)
            continue
        found.told += entry.told
        there.remove(found)
    return left


def _neighbours(standing: Sequence[Credit]) -> Iterator[tuple[Credit, Credit]]:
    """Credits of the same value day that two forms book on different days."""
    days: dict[str, list[Credit]] = defaultdict(list)
    for credit in standing:
        for day in sorted({one.value_on for one in credit.told}):
            days[day].append(credit)
    for some in days.values():
        if len({credit.told[0].booked_on for credit in some}) > 1:
            for one, other in combinations(some, 2):
                if one.told[0].booked_on != other.told[0].booked_on and _only_days_differ(one, other):
                    yield one, other


def _only_days_differ(one: Credit, other: Credit) -> bool:
    apart = one.forms & other.forms or (one.reference and other.reference and one.reference != other.reference)
    return not apart and not one.certain and not other.certain


def _doubt(unsure: dict[int, Credit], pair: tuple[Credit, Credit]) -> None:
    """The later one waits, unless one of the two waits already or both cannot change."""
    first, later = sorted(pair, key=lambda credit: credit.order)
    if not later.fixed and id(first) not in unsure and id(later) not in unsure:
        unsure[id(later)] = first
