"""Which entries of different forms are one credit: the pure judgement, whatever the order."""

from __future__ import annotations

import random

import pytest

from fundlink.reconcile.balances import Statement, Step, follow, gaps
from fundlink.reconcile.tellings import SAME, STANDS, UNSURE, Told, judge

DAY, NEXT = "2026-11-26", "2026-11-27"


def told(number: int, form: str = "z", **more: object) -> Told:
    return Told(number, form, DAY, DAY, 500, False, "", str(number), "")._replace(**more)  # type: ignore[arg-type]


CASES: dict[str, tuple[list[Told], list[str]]] = {
    "two of one form are two": ([told(1), told(2)], [STANDS, STANDS]),
    "one of each form is one": ([told(1), told(2, "c")], [STANDS, SAME]),
    "the one that says more stands": ([told(1), told(2, "c", reference="S1")], [SAME, STANDS]),
    "two and two are two": ([told(1), told(2), told(3, "c"), told(4, "c")], [STANDS, STANDS, SAME, SAME]),
    "two and one are two": ([told(1), told(2), told(3, "c")], [STANDS, STANDS, SAME]),
    "three forms": ([told(1), told(2, "c"), told(3, "a")], [STANDS, SAME, SAME]),
    "equal references meet": (
        [told(1, reference="S1"), told(2, reference="S2"), told(3, "c", reference="S2"), told(4, "c", reference="S1")],
        [STANDS, STANDS, SAME, SAME],
    ),
    "one without a reference leaves its place to one with": (
        [told(1, reference="S1"), told(2), told(3, "c"), told(4, "c", reference="S2")],
        [STANDS, SAME, SAME, STANDS],
    ),
    "other references wait": ([told(1, reference="S1"), told(2, "y", reference="S2")], [UNSURE, STANDS]),
    "other value days wait": ([told(1, value_on="2026-11-25"), told(2, "y", value_on="2026-11-24")], [UNSURE, STANDS]),
    "a form without value days agrees": ([told(1, value_on="2026-11-25"), told(2, "c")], [STANDS, SAME]),
    "the same value day booked on two days waits": ([told(1), told(2, "c", booked_on=NEXT)], [STANDS, UNSURE]),
    "booked on two days by one form are two": ([told(1), told(2, booked_on=NEXT)], [STANDS, STANDS]),
    "what is settled for good stands": ([told(1, fixed=True), told(2, "c", reference="S1")], [STANDS, SAME]),
    "what is settled for good does not wait": ([told(1, fixed=True, reference="S1"), told(2, "a", reference="S2")], [STANDS, UNSURE]),
    "two persons said another one": ([told(1, reference="S1"), told(2, "y", reference="S2", decided=STANDS)], [STANDS, STANDS]),
    "two persons said the same": (
        [told(1, reference="S1"), told(2, "y", reference="S2", decided=SAME, decided_for=1)],
        [STANDS, SAME],
    ),
    "what is the same leaves no room": (
        [told(1, reference="S1"), told(2, "y", reference="S2", decided=SAME, decided_for=1), told(3, "y", inquiry_number="1")],
        [STANDS, SAME, STANDS],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_judgement_in_any_order(name: str) -> None:
    entries, states = CASES[name]
    wanted = dict(zip([one.id for one in entries], states, strict=True))
    for seed in range(6):
        mixed = random.Random(seed).sample(entries, len(entries))
        found = judge(mixed)
        assert {number: verdict.state for number, verdict in found.items()} == wanted, mixed
        for verdict in found.values():
            assert (verdict.stands_for is None) == (verdict.state == STANDS)


def test_as_many_stand_as_the_form_with_most_tells() -> None:
    """Without references the answer is a matter of counting, and every entry that is covered is covered by one that stands."""
    rng = random.Random(7)
    for _ in range(300):
        counts = {form: rng.randrange(4) for form in "abc"}
        entries = [told(100 * at + n, form) for at, form in enumerate(counts, 1) for n in range(counts[form])]
        found = judge(rng.sample(entries, len(entries)))
        standing = {number for number, verdict in found.items() if verdict.state == STANDS}
        assert len(standing) == max(counts.values())
        assert {verdict.stands_for for verdict in found.values() if verdict.state == SAME} <= standing


def test_balances_lead_from_entry_to_entry() -> None:
    right = [Step(2, DAY, 100, 1100), Step(3, DAY, -30, None), Step(4, NEXT, 50, 1120)]
    assert follow(right) == (DAY, NEXT, 1000, 1120, None)
    assert follow(right[::-1]) == (DAY, NEXT, 1000, 1120, None)  # the newest entry first
    wrong = [*right[:2], right[2]._replace(balance_yen=1121)]
    found = follow(wrong)
    assert found is not None
    assert (found.broken_at, found.closing_yen) == (4, 1121)
    assert follow([Step(2, DAY, 1, None)]) is None


def _statement(number: int, day: str, opening: int, closing: int, **more: object) -> Statement:
    built = Statement(number, number, "A", "csv", day, day, opening, closing, overlaps=False, broken_at=None)
    return built._replace(**more)  # type: ignore[arg-type]


def test_a_missing_file_is_a_gap_until_it_comes() -> None:
    first, second, third = _statement(1, "2026-11-24", 0, 10), _statement(2, "2026-11-26", 15, 20), _statement(3, "2026-11-25", 10, 15)
    assert [(gap.before.id, gap.after.id) for gap in gaps([first, second])] == [(1, 2)]
    assert gaps([second, third, first]) == []
    assert gaps([first, _statement(4, "2026-11-24", 10, 12), second._replace(opening_yen=12)]) == []  # two files of one day, in any order
    assert gaps([first, second._replace(form="zengin")]) == []  # another form has a chain of its own
    assert gaps([first, second._replace(overlaps=True)]) == []
