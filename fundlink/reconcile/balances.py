"""Running balances of an account: whether a file's entries lead from one to the next, and whether files follow on each other. Pure.

Called by pipeline.balances. A break is told with its place; it refuses nothing, because the money in the file is there all the same.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple


class Step(NamedTuple):
    """One entry in the order of the file; the balance after it where the bank states one."""

    line: int
    booked_on: str
    yen: int
    balance_yen: int | None


class Followed(NamedTuple):
    """What the entries of a file say of an account. ``broken_at``: the first line whose balance does not follow."""

    first_on: str
    last_on: str
    opening_yen: int
    closing_yen: int
    broken_at: int | None


class Statement(NamedTuple):
    """A stored statement, as files are held against each other."""

    id: int
    received_id: int
    account: str
    form: str
    first_on: str
    last_on: str
    opening_yen: int
    closing_yen: int
    overlaps: bool
    broken_at: int | None


class Gap(NamedTuple):
    """Between two statements something is missing: one ends with another balance than the next one begins with."""

    before: Statement
    after: Statement


def yen_of(text: str) -> int | None:
    """A balance as banks write it; None for blank, and for what is no amount.

    >>> yen_of("2,001,495"), yen_of("▲330"), yen_of("-5"), yen_of(""), yen_of("残高")
    (2001495, -330, -5, None, None)
    """
    plain = unicodedata.normalize("NFKC", text).translate(str.maketrans("", "", ", ¥\\円+")).replace("▲", "-").replace("△", "-")
    sign, digits = (-1, plain[1:]) if plain.startswith("-") else (1, plain)
    return sign * int(digits) if digits.isascii() and digits.isdigit() else None


def follow(steps: Sequence[Step]) -> Followed | None:
    """Walk from balance to balance, from the oldest entry or, where the file begins with the newest, back; None without any balance.

    >>> follow([Step(3, "2026-11-27", -330, 1165), Step(2, "2026-11-26", 1495, 1495)])
    Followed(first_on='2026-11-26', last_on='2026-11-27', opening_yen=0, closing_yen=1165, broken_at=None)
    """
    if all(step.balance_yen is None for step in steps):
        return None
    forward, back = _walk(steps), _walk(list(reversed(steps)))
    return forward if forward.broken_at is None or back.broken_at is not None else back


def _walk(steps: Sequence[Step]) -> Followed:
    opening = sum_yen = 0
    running: int | None = None
    broken: int | None = None
    for step in steps:
        sum_yen += step.yen
        if running is None and step.balance_yen is not None:
            running, opening = step.balance_yen, step.balance_yen - sum_yen
            continue
        if running is not None:
            running += step.yen
        if step.balance_yen is not None and step.balance_yen != running:
            broken = step.line if broken is None else broken
            running = step.balance_yen
    days = [step.booked_on for step in steps]
    return Followed(min(days), max(days), opening, running or 0, broken)


def gaps(statements: Iterable[Statement]) -> list[Gap]:
    """Where the chain of an account is broken, told by one form, whatever order the files came in."""
    ordered = sorted(statements, key=lambda one: (one.account, one.form, one.first_on, one.last_on, one.id))
    return [gap for _, chain in groupby(ordered, key=lambda one: (one.account, one.form)) for gap in _of_chain(list(chain))]


def _of_chain(chain: list[Statement]) -> Iterator[Gap]:
    before: Statement | None = None
    for _, same_day in groupby(chain, key=lambda one: one.first_on):
        waiting = list(same_day)
        while waiting:
            after = next((one for one in waiting if before and one.opening_yen == before.closing_yen), None)
            after = after or next((one for one in waiting if one.overlaps), waiting[0])
            if before and not after.overlaps and after.opening_yen != before.closing_yen:
                yield Gap(before, after)
            waiting.remove(after)
            before = after
