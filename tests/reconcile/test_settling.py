"""Settlements against bank credits: tables of cases, and tens of thousands of small ones against an enumerator that shares no code."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, combinations, permutations
from random import Random
from typing import Any, NamedTuple

import pytest

from fundlink.reconcile.settling import Credit, Group, Settlement, find
from fundlink.reconcile.settling_search import BOUNDS, Bounds, TooManyError, reach

DAY = "2026-11-26"
LATER = "2026-11-27"


def due(key: str, net: int, fee: int = 0, on: str = DAY) -> Settlement:
    return Settlement(key, "2026-11-20", on, net + fee, fee, net)


def credit(number: int, yen: int, on: str = DAY, **more: Any) -> Credit:
    return Credit(number, on, yen, inquiry_number=str(number), account="A", **more)


class Case(NamedTuple):
    settlements: list[Settlement]
    credits: list[Credit]
    groups: list[tuple[str, str, str, str]]  # rule, settlements, credits, fee
    answers: int = 0


A, B, C = due("SA", 500), due("SB", 300), due("SC", 200)
CASES = {
    "the reference names it": Case([A], [credit(1, 500, reference="SA")], [("SE-02", "SA", "1", "netted")]),
    "the reference names it on any day": Case([A], [credit(1, 500, "2027-02-01", reference="SA")], [("SE-02", "SA", "1", "netted")]),
    "two credits name it": Case([A], [credit(1, 400, reference="SA"), credit(2, 100, reference="SA")], [("SE-02", "SA", "1 2", "netted")]),
    "the reference binds although another one has the amount": Case(
        [A, due("SX", 400)], [credit(1, 400, reference="SA")], []
    ),
    "named, fee charged apart": Case([due("SA", 497, 3)], [credit(1, 500, reference="SA")], [("SE-03", "SA", "1", "apart")]),
    "one to one": Case([A], [credit(1, 500)], [("SE-04", "SA", "1", "netted")]),
    "one to one, a week late": Case([A], [credit(1, 500, "2026-12-03")], [("SE-04", "SA", "1", "netted")]),
    "one to one, too late to be sure": Case([A], [credit(1, 500, "2026-12-07")], []),
    "one to one, gross": Case([due("SA", 497, 3)], [credit(1, 500)], [("SE-04", "SA", "1", "apart")]),
    "one in several": Case([A], [credit(1, 200), credit(2, 300)], [("SE-05", "SA", "1 2", "netted")]),
    "one in several, of which one is named": Case([A], [credit(1, 200, reference="SA"), credit(2, 300)], [("SE-05", "SA", "1 2", "netted")]),
    "several remitters are not one payment": Case([A], [credit(1, 200, remitter="X"), credit(2, 300, remitter="Y")], []),
    "several in one": Case([A, B, C], [credit(1, 1000)], [("SE-06", "SA SB SC", "1", "netted")]),
    "several in one, gross": Case([due("SA", 497, 3), due("SB", 296, 4)], [credit(1, 800)], [("SE-06", "SA SB", "1", "apart")]),
    "several in one that names one of them": Case([A, B], [credit(1, 800, reference="SA")], [("SE-08", "SA SB", "1", "netted")]),
    "several in several": Case([A, B], [credit(1, 450), credit(2, 350)], [("SE-07", "SA SB", "1 2", "netted")]),
    "short and made good": Case(
        [A, due("SB", 300, on=LATER)],
        [credit(1, 490, reference="SA"), credit(2, 310, LATER, reference="SB")], [("SE-08", "SA SB", "1 2", "netted")],
    ),
    "short and made good, nothing named": Case(
        [A, due("SB", 300, on=LATER)], [credit(1, 490), credit(2, 310, LATER)], [("SE-08", "SA SB", "1 2", "netted")],
    ),
    "an even exchange of two": Case([A, B], [credit(1, 500), credit(2, 300)], [("SE-04", "SA", "1", "netted"), ("SE-04", "SB", "2", "netted")]),
    "on the day goes before a day later": Case(
        [A, due("SB", 500, on=LATER)], [credit(1, 500, LATER)], [("SE-04", "SB", "1", "netted")]
    ),
    "two settlements of one amount": Case([A, due("SB", 500)], [credit(1, 500)], [], 2),
    "two credits of one amount": Case([A], [credit(1, 500), credit(2, 500)], [], 2),
    "one, or two others together": Case([A, B, C], [credit(1, 500)], [], 2),
    "net of one, gross of another": Case([due("SA", 500), due("SB", 490, 10)], [credit(1, 500)], [], 2),
    "short by what two others had too much": Case(
        [A, B, C],
        [credit(1, 490, reference="SA"), credit(2, 310, reference="SB"), credit(3, 210, reference="SC")], [], 2,
    ),
    "a damaged reference is for a person": Case([A], [credit(1, 500, reference="SB")], []),
    "a cut reference is for a person": Case([due("S99001261120601", 500)], [credit(1, 500, reference="S99001261")], []),
    "words are no reference": Case([due("S99001261120601", 500)], [credit(1, 500, reference="ｺｳｷﾝ ﾊﾗｲｺﾐ")], [("SE-04", "S99001261120601", "1", "netted")]),
    "a credit taken back": Case([A], [credit(1, 500), Credit(2, LATER, -500, account="A", inquiry_number="1", cancels=True)], [("SE-01", "", "1 2", "")]),
    "taken back, and paid again": Case(
        [A],
        [credit(1, 500, reference="SA"), Credit(2, LATER, -500, account="A", reference="SA", cancels=True), credit(3, 500, LATER)],
        [("SE-01", "", "1 2", ""), ("SE-04", "SA", "3", "netted")],
    ),
    "taken back, but which one": Case([], [credit(1, 500, remitter="X"), credit(2, 500, LATER), Credit(3, LATER, -500, account="A", cancels=True)], []),
    "nothing to take back": Case([], [Credit(3, DAY, -500, account="A", cancels=True), credit(1, 500, LATER)], []),
    "a debit to somebody else takes nothing back": Case(
        [A], [credit(1, 510, remitter="X", reference="SA"), credit(2, -10, LATER, remitter="Y")], []
    ),
    "a debit takes back what was too much": Case(
        [A], [credit(1, 510, remitter="X", reference="SA"), credit(2, -10, LATER, remitter="X")], [("SE-05", "SA", "1 2", "netted")]
    ),
}  # fmt: skip


def shown(groups: list[Group]) -> list[tuple[str, str, str, str]]:
    return [(one.rule, " ".join(one.settlements), " ".join(map(str, one.credits)), one.fee) for one in groups]


@pytest.mark.parametrize("name", CASES)
def test_cases(name: str) -> None:
    case = CASES[name]
    found = find(case.settlements, case.credits)
    assert sorted(shown(found.groups)) == sorted(case.groups)
    assert len(found.answers) == case.answers
    assert not found.exhausted


@pytest.mark.parametrize("name", CASES)
def test_the_order_of_the_facts_does_not_matter(name: str) -> None:
    case = CASES[name]
    told = {
        (tuple(sorted(shown(found.groups))), tuple(sorted(shown(found.answers))))
        for settlements in permutations(case.settlements)
        for came in permutations(case.credits)
        for found in [find(settlements, came)]
    }
    assert len(told) == 1


# --- the enumerator: every choice of settlements with every choice of credits, by the words of docs/guides/finance.md


class Answer(NamedTuple):
    keys: frozenset[str]
    numbers: frozenset[int]
    fee: str

    @property
    def items(self) -> frozenset[str | int]:
        return self.keys | self.numbers


def every(things: list[Any]) -> Iterator[tuple[Any, ...]]:
    return chain.from_iterable(combinations(things, count) for count in range(len(things) + 1))


def enumerated(settlements: list[Settlement], came: list[Credit]) -> tuple[set[Answer], set[Answer]]:
    """(matched, undecided): ties of the plainest kind first; what has any answer of a kind takes no part in the next kinds."""
    named = {one.key: sum(c.yen for c in came if c.reference == one.key) for one in settlements}
    touched = {one.key for one in settlements if any(c.reference == one.key for c in came)}
    matched, undecided = set[Answer](), set[Answer]()
    left: list[Settlement] = []
    for one in settlements:
        if one.key in touched and named[one.key] in (one.net_yen, one.gross_yen):
            fee = "netted" if named[one.key] == one.net_yen else "apart"
            matched.add(Answer(frozenset((one.key,)), frozenset(), fee))
        else:
            left.append(one)
    payers = {c.remitter for c in came if c.yen > 0}
    ties = list(_all_ties(left, [c for c in came if not c.reference and c.remitter in payers], named))
    used = set[str | int]()
    for kind in ("one sided today", "one sided", "many sided today", "many sided"):
        mine = [answer for answer, kinds in ties if kind in kinds and not answer.items & used]
        least = [a for a in mine if not any(b != a and b.fee == a.fee and b.keys <= a.keys and b.numbers <= a.numbers for b in mine)]
        for answer in least:
            rivals = [other for other in least if other != answer and other.items & answer.items]
            (undecided if rivals else matched).add(answer)
            used |= answer.items
    return matched, undecided


def _all_ties(settlements: list[Settlement], came: list[Credit], named: dict[str, int]) -> Iterator[tuple[Answer, set[str]]]:
    for some in every(settlements):
        for theirs in every(came):
            if some and len({c.remitter for c in theirs}) <= 1:
                sums = {"netted": sum(s.net_yen - named[s.key] for s in some), "apart": sum(s.gross_yen - named[s.key] for s in some)}
                fee = next((fee for fee in ("netted", "apart") if sums[fee] == sum(c.yen for c in theirs)), "")
                if fee and (kinds := _kinds(some, theirs, named)):
                    yield Answer(frozenset(s.key for s in some), frozenset(c.number for c in theirs), fee), kinds


def _kinds(some: tuple[Settlement, ...], theirs: tuple[Credit, ...], named: dict[str, int]) -> set[str]:
    shape = "one sided" if len(some) == 1 or len(theirs) < 2 else "many sided"
    if theirs:
        gaps = [int(c.booked_on[-2:]) - int(s.transfer_on[-2:]) for s in some for c in theirs]
        today, near = set(gaps) == {0}, all(-1 <= gap <= 10 for gap in gaps)
    else:  # all near one that had too much
        days = [int(s.transfer_on[-2:]) for s in some]
        longs = [int(s.transfer_on[-2:]) for s in some if s.net_yen < named[s.key]]
        today, near = bool(longs) and len(set(days)) == 1, any(all(abs(day - long) <= 10 for day in days) for long in longs)
    return {kind for kind, there in ((shape, near), (f"{shape} today", near and today)) if there}


def drawn(seed: int) -> tuple[list[Settlement], list[Credit]]:
    """A small world: amounts so small that sums meet often, days on both edges of what is near."""
    rng = Random(seed)
    days = [f"2026-11-{rng.choice((1, 2, 11, 12)):02d}" for _ in range(2)]
    most = rng.choice((4, 9, 30, 200))
    settlements = [due(f"K{at}", rng.randint(1, most), rng.choice((0, 0, 1, 2)), rng.choice(days)) for at in range(rng.randint(1, 4))]
    came = []
    for number in range(rng.randint(1, 4)):
        planned = rng.sample(settlements, rng.randint(1, len(settlements)))
        yen = rng.choice((sum(one.net_yen for one in planned), sum(one.gross_yen for one in planned), rng.randint(1, most), -1))
        name = planned[0].key if rng.random() < 0.2 else ""
        came.append(credit(number, yen + rng.choice((0, 0, 0, 1, -1)) or 1, rng.choice(days), reference=name, remitter=rng.choice("XXXY")))
    return settlements, came


@pytest.mark.parametrize("block", range(12))
def test_the_search_agrees_with_the_enumerator(block: int) -> None:
    """24,000 worlds; each half of the answers (matched, undecided) is met thousands of times."""
    seen = [0, 0]
    for seed in range(block * 2000, block * 2000 + 2000):
        settlements, came = drawn(seed)
        found = find(settlements, came)
        named = {c.number for c in came if c.reference}
        matched = {Answer(frozenset(g.settlements), frozenset(g.credits) - named, g.fee) for g in found.groups}
        undecided = {Answer(frozenset(g.settlements), frozenset(g.credits) - named, g.fee) for g in found.answers}
        assert (matched, undecided) == enumerated(settlements, came), seed
        assert not found.exhausted
        seen = [seen[0] + len(matched), seen[1] + len(undecided)]
    assert min(seen) > 500, seen


@pytest.mark.parametrize("seed", range(300))
def test_every_group_adds_up_and_nothing_is_used_twice(seed: int) -> None:
    settlements, came = drawn(seed)
    yen = {c.number: c.yen for c in came}
    by_key = {s.key: s for s in settlements}
    groups = find(settlements, came).groups
    for group in groups:
        due_yen = sum(by_key[key].net_yen if group.fee == "netted" else by_key[key].gross_yen for key in group.settlements)
        assert due_yen == sum(yen[number] for number in group.credits)
    keys, numbers = [k for g in groups for k in g.settlements], [n for g in groups for n in g.credits]
    assert len(keys) == len(set(keys))
    assert len(numbers) == len(set(numbers))


# --- the bound


def test_a_day_of_many_funds_is_searched_whole() -> None:
    rng = Random(1)
    funds = [due(f"S{at:02d}", rng.randint(10**5, 10**8), 30) for at in range(14)]
    assert len(find(funds, [credit(1, sum(one.net_yen for one in funds))]).groups[0].settlements) == 14
    assert len(find(funds, [credit(1, sum(one.net_yen for one in funds[:9]))]).groups[0].settlements) == 9


@pytest.mark.parametrize("left_out", [0, 1, 3])
def test_a_credit_for_a_whole_day_is_found_however_many_funds_it_has(left_out: int) -> None:
    rng = Random(3)
    funds = [due(f"S{at:02d}", rng.randint(10**7, 10**10), 30) for at in range(40)]
    found = find(funds, [credit(1, sum(one.net_yen for one in funds[left_out:]))])
    assert [len(one.settlements) for one in found.groups] == [40 - left_out]


def test_forty_credits_without_a_name_find_their_settlements() -> None:
    rng = Random(2)
    funds = [due(f"S{at:02d}", rng.randint(10**6, 10**9), 30) for at in range(42)]
    found = find(funds, [credit(at, one.net_yen) for at, one in enumerate(funds)])
    assert [one.rule for one in found.groups] == ["SE-04"] * 42


def test_a_search_that_hits_its_bound_matches_nothing_and_says_so() -> None:
    funds = [due(f"S{at:02d}", 1000 + at * at) for at in range(12)]
    came = [credit(at, one.net_yen) for at, one in enumerate(funds)]
    tight = Bounds(combinations=100)
    found = find(funds, came, tight)
    assert (found.groups, found.answers, found.exhausted) == ([], [], frozenset(one.key for one in funds))
    assert len(find(funds, came).groups) == 12
    apart = due("SX", 77, on="2026-10-01")  # what lies elsewhere is found all the same
    assert shown(find([*funds, apart], [*came, credit(99, 77, "2026-10-01")], tight).groups) == [("SE-04", "SX", "99", "netted")]
    assert find(funds, [credit(1, 1000, reference="S00")], tight).groups[0].rule == "SE-02"


def test_equal_amounts_without_end_match_nothing() -> None:
    funds = [due(f"S{at:02d}", 100) for at in range(14)]
    found = find(funds, [credit(at, 100) for at in range(14)])
    assert found.groups == []
    assert found.answers or found.exhausted


def test_how_far_the_search_reaches() -> None:
    assert [reach(count, BOUNDS) for count in (0, 1, 17, 18, 42)] == [0, 1, 17, 8, 4]
    with pytest.raises(TooManyError):
        reach(200, BOUNDS)
