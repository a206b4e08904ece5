"""The search behind settling: which settlements add up to which credits, to the yen, and whether that is the only answer.

Called by settling. Pure, whole numbers only. Every group up to a size is looked at, or none: where the combinations pass the
bound the search says so, and nothing that might belong to the groups it did not see is matched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from itertools import combinations
from math import comb
from typing import NamedTuple

NETTED, APART = "netted", "apart"
"""The fee was kept back (credit = net), or is charged apart (credit = gross)."""


class Bounds(NamedTuple):
    """How far the search goes. Days: how long before and after its transfer date a settlement may be credited."""

    size: int = 24  # settlements or credits of one group
    combinations: int = 1 << 17  # subsets of one side
    pairs: int = 1 << 22  # subsets of one side times subsets of the other one, where both have several members
    answers: int = 2_000
    days_before: int = 1
    days_after: int = 10


BOUNDS = Bounds()
LEAST = 3
"""A search that cannot even look at all groups of three is none."""


class Due(NamedTuple):
    """A settlement as far as no credit names it: the yen still to come if the fee is kept back, and if it is not."""

    key: str
    day: int
    net: int
    gross: int


class Money(NamedTuple):
    """A credit that names no settlement; a debit is negative."""

    number: int
    day: int
    yen: int
    remitter: str


class Tie(NamedTuple):
    """Settlements and credits that add up."""

    dues: frozenset[str]
    credits: frozenset[int]
    fee: str

    @property
    def items(self) -> set[str | int]:
        """All that it takes."""
        return {*self.dues, *self.credits}


class Round(NamedTuple):
    """What one round of the search found: the smallest ties, and what it could not look at because of the bound."""

    ties: list[Tie]
    unseen: set[str | int]


Fits = Callable[[int, int], bool]
"""Whether a settlement of this transfer day may be credited on that day."""


class TooManyError(Exception):
    """The combinations pass the bound."""


def reach(count: int, bounds: Bounds, least: int = LEAST) -> int:
    """The size up to which all subsets of ``count`` things are within the bound; TooManyError when that is too small to be of use.

    Where it is less than all, groups of all but so many are looked at too: a credit that pays a whole day is found however many.

    >>> reach(10, BOUNDS), reach(42, BOUNDS)
    (10, 4)
    """
    size, seen = 0, 1
    while size < min(count, bounds.size) and seen + comb(count, size + 1) <= bounds.combinations:
        size += 1
        seen += comb(count, size)
    if size < min(count, least):
        raise TooManyError
    return size


def fees(dues: Iterable[Due]) -> tuple[str, ...]:
    """The ways a fee may have been taken."""
    return (NETTED, APART) if any(due.net != due.gross for due in dues) else (NETTED,)


def one_sided(dues: Sequence[Due], moneys: Sequence[Money], fits: Fits, *, bounds: Bounds = BOUNDS) -> Round:
    """All ties with one credit, or with one settlement, or of settlements alone (what one was short the other had too much)."""
    found: set[Tie] = set()
    unseen: set[str | int] = set()
    for near, wanted in _by_what_is_near(dues, moneys, fits):
        try:
            found |= _in_one(near, wanted, bounds)
        except TooManyError:
            unseen |= {*(money.number for money in wanted), *(due.key for due in near)}
    for due in dues:
        for payers in _by_remitter(money for money in moneys if fits(due.day, money.day)):
            try:
                found |= _in_several(due, payers, bounds)
            except TooManyError:
                unseen |= {due.key, *(money.number for money in payers)}
        near = [other for other in dues if due.net < 0 and _same_time(due, other, fits)]
        try:
            found |= _carried(due, near, bounds)
        except TooManyError:
            unseen |= {other.key for other in near}
    return _smallest(found, unseen, bounds)


def _by_what_is_near(dues: Sequence[Due], moneys: Sequence[Money], fits: Fits) -> Iterator[tuple[list[Due], list[Money]]]:
    """Credits with the settlements they may belong to, those together that have the same ones."""
    days: dict[int, list[Money]] = {}
    for money in moneys:
        days.setdefault(money.day, []).append(money)
    for day, wanted in days.items():
        near = [due for due in dues if fits(due.day, day)]
        most = max(money.yen for money in wanted)
        if all(due.net > 0 for due in near):  # nothing makes up for one that alone is more than any credit
            near = [due for due in near if due.net <= most]
        yield near, wanted


def _in_one(near: Sequence[Due], wanted: Sequence[Money], bounds: Bounds) -> set[Tie]:
    by_yen: dict[int, list[int]] = {}
    for money in wanted:
        by_yen.setdefault(money.yen, []).append(money.number)
    found = set()
    for fee in fees(near):
        for yen, places in _hits([_target(due, fee) for due in near], reach(len(near), bounds), by_yen):
            keys = frozenset(near[place].key for place in places)
            found |= {Tie(keys, frozenset((number,)), fee) for number in by_yen[yen]}
    return found


def _hits(values: Sequence[int], size: int, wanted: Container[int]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """(sum, places) of all choices of at most ``size`` values that have a wanted sum, and of all but at most ``size`` values."""
    if size == len(values):
        sums = [0]
        for value in values:
            sums += [sum_yen + value for sum_yen in sums]
        for chosen, sum_yen in enumerate(sums):
            if chosen and sum_yen in wanted:
                yield sum_yen, tuple(place for place in range(size) if chosen >> place & 1)
        return
    whole = sum(values)
    for count in range(size + 1):
        for places in combinations(range(len(values)), count):
            sum_yen = sum([values[place] for place in places])
            if count and sum_yen in wanted:
                yield sum_yen, places
            if whole - sum_yen in wanted and count + size < len(values):
                yield whole - sum_yen, tuple(place for place in range(len(values)) if place not in places)


def _target(due: Due, fee: str) -> int:
    return due.net if fee == NETTED else due.gross


def _by_remitter(moneys: Iterable[Money]) -> list[list[Money]]:
    """Credits of one group come from one remitter."""
    found: dict[str, list[Money]] = {}
    for money in moneys:
        found.setdefault(money.remitter, []).append(money)
    return list(found.values())


def _in_several(due: Due, moneys: Sequence[Money], bounds: Bounds) -> set[Tie]:
    if all(money.yen > 0 for money in moneys):
        moneys = [money for money in moneys if money.yen < due.gross]
    fee = {due.gross: APART, due.net: NETTED}
    hits = _hits([money.yen for money in moneys], reach(len(moneys), bounds), fee)
    return {
        Tie(frozenset((due.key,)), frozenset(moneys[place].number for place in places), fee[yen]) for yen, places in hits if len(places) > 1
    }


def _same_time(one: Due, other: Due, fits: Fits) -> bool:
    return one.key == other.key or fits(one.day, other.day) or fits(other.day, one.day)


def _carried(due: Due, near: Sequence[Due], bounds: Bounds) -> set[Tie]:
    """Settlements that were credited too much and too little by the same yen; ``due`` is one that had too much."""
    others = [other for other in near if other.key != due.key]
    found = set()
    for fee in fees(near):
        for _, places in _hits([_target(other, fee) for other in others], reach(len(others), bounds), (-_target(due, fee),)):
            found.add(Tie(frozenset((due.key, *(others[place].key for place in places))), frozenset(), fee))
    return found


def many_sided(dues: Sequence[Due], moneys: Sequence[Money], fits: Fits, *, bounds: Bounds = BOUNDS) -> Round:
    """All ties of several settlements with several credits of one remitter."""
    found: set[Tie] = set()
    unseen: set[str | int] = set()
    for some, theirs in _components(dues, moneys, fits):
        try:
            if len(some) > 1:
                for payers in _by_remitter(theirs):
                    found |= _many(some, payers, fits, bounds)
        except TooManyError:
            unseen |= {*(due.key for due in some), *(money.number for money in theirs)}
    return _smallest(found, unseen, bounds)


def _components(dues: Sequence[Due], moneys: Sequence[Money], fits: Fits) -> Iterator[tuple[list[Due], list[Money]]]:
    """Settlements and credits that can have to do with each other, by their days."""
    days: dict[int, tuple[list[Due], list[Money]]] = {}
    for due in dues:
        days.setdefault(due.day, ([], []))[0].append(due)
    booked = sorted({money.day for money in moneys})
    while days:
        reached, fresh = set[int](), {min(days)}
        seen = set[int]()
        while fresh:
            reached |= fresh
            seen |= {day for day in booked if any(fits(due_day, day) for due_day in fresh)}
            fresh = {due_day for due_day in days if due_day not in reached and any(fits(due_day, day) for day in seen)}
        some = [due for day in sorted(reached) for due in days.pop(day)[0]]
        yield some, [money for money in moneys if money.day in seen]


def _many(dues: Sequence[Due], moneys: Sequence[Money], fits: Fits, bounds: Bounds) -> set[Tie]:
    if len(moneys) < 2:
        return set()
    sizes = _balanced(len(dues), len(moneys), bounds)
    by_sum: dict[int, list[tuple[Money, ...]]] = {}
    for count in range(2, sizes[1] + 1):
        for money in combinations(moneys, count):
            by_sum.setdefault(sum(one.yen for one in money), []).append(money)
    found = set()
    for count in range(2, sizes[0] + 1):
        for chosen in combinations(dues, count):
            days = {due.day for due in chosen}
            for fee in fees(chosen):
                for money in by_sum.get(sum(_target(due, fee) for due in chosen), ()):
                    if all(fits(day, one.day) for day in days for one in money):
                        found.add(Tie(frozenset(due.key for due in chosen), frozenset(one.number for one in money), fee))
                if len(found) > bounds.answers:
                    raise TooManyError
    return found


def _balanced(dues: int, moneys: int, bounds: Bounds) -> tuple[int, int]:
    """Sizes of both sides: as large as the bound on pairs of subsets lets them be, at least two."""
    sizes = reach(dues, bounds, 2), reach(moneys, bounds, 2)
    while _subsets(dues, sizes[0]) * _subsets(moneys, sizes[1]) > bounds.pairs:
        larger = max(sizes)
        sizes = sizes[0] - (sizes[0] == larger), sizes[1] - (sizes[1] == larger)
        if min(sizes) < 2:
            raise TooManyError
    return sizes


def _subsets(count: int, size: int) -> int:
    return sum(comb(count, chosen) for chosen in range(2, size + 1))


def _smallest(found: set[Tie], unseen: set[str | int], bounds: Bounds) -> Round:
    """Without ties that hold a smaller one: what is left of them ties as well, so they say nothing new."""
    if len(found) > bounds.answers:
        return Round([], unseen | {item for tie in found for item in tie.items})
    plain = {tie for tie in found if tie.fee == NETTED or tie._replace(fee=NETTED) not in found}  # without a fee the two are one
    kept: list[Tie] = []
    for tie in sorted(plain, key=lambda one: (len(one.dues) + len(one.credits), sorted(one.dues), sorted(one.credits), one.fee)):
        if not any(less.fee == tie.fee and less.dues <= tie.dues and less.credits <= tie.credits for less in kept):
            kept.append(tie)
    return Round(kept, unseen)


def only_answers(found: Round) -> tuple[list[Tie], list[Tie]]:
    """Ties that share nothing with another one, nor with what was not looked at; and all others."""
    held: Counter[str | int] = Counter(item for tie in found.ties for item in tie.items)
    alone: list[Tie] = []
    others: list[Tie] = []
    for tie in found.ties:
        only = all(held[item] == 1 for item in tie.items) and not tie.items & found.unseen
        (alone if only else others).append(tie)
    return alone, others
