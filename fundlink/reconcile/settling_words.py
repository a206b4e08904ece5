"""What a settling says: the equation of a group as text, and for a settlement without one what a person may decide, best first.

Called by pipeline.settle and desk. Pure; nothing here matches anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from fundlink.reconcile.settling import RULES, Credit, Found, Group, Settlement, by_name, day_number
from fundlink.reconcile.settling_search import APART, NETTED
from fundlink.reconcile.suggestions import distance

MOST = 10
_LOOSE = str.maketrans("ｧｨｩｪｫｬｭｮｯ－―ー‐", "ｱｲｳｴｵﾔﾕﾖﾂｰｰｰｰ", " 　.")


class Given(NamedTuple):
    """The facts a group is told with."""

    settlements: Mapping[str, Settlement]
    credits: Mapping[int, Credit]


class Suggestion(NamedTuple):
    """A group a person may choose. Only one without a difference can be accepted."""

    name: str
    group: Group
    difference_yen: int
    reasons: tuple[str, ...]


def target(settlement: Settlement, fee: str) -> int:
    """The yen that credits have to reach: net, or gross where the fee is charged apart."""
    return settlement.gross_yen if fee == APART else settlement.net_yen


def difference(group: Group, given: Given) -> int:
    """What is due minus what was credited."""
    due = sum(target(given.settlements[key], group.fee) for key in group.settlements)
    return due - sum(given.credits[number].yen for number in group.credits)


def equation(group: Group, given: Given) -> str:
    """The group as one line.

    >>> one = Settlement("S1", "2026-11-20", "2026-11-26", 1000, 3, 997)
    >>> equation(Group("SE-04", ("S1",), (7,)), Given({"S1": one}, {7: Credit(7, "2026-11-26", 997, inquiry_number="12")}))
    'S1 997 = 入金 2026-11-26#12 997（手数料 3 円は差引き済み）'
    """
    due = [(key, target(given.settlements[key], group.fee)) for key in group.settlements]
    came = [(f"{credit.booked_on}#{credit.inquiry_number}", credit.yen) for credit in (given.credits[number] for number in group.credits)]
    fee_yen = sum(given.settlements[key].fee_yen for key in group.settlements)
    told = f"（手数料 {fee_yen:,} 円は{'別払い' if group.fee == APART else '差引き済み'}）" if fee_yen else ""
    total = f" = {sum(yen for _, yen in due):,}" if len(due) > 1 and len(came) > 1 else ""
    gap = difference(group, given)
    sign = "=" if not gap else "≠"
    return f"{_added(due) or '0'}{total} {sign} 入金 {_added(came)}{told}" + (f"（差 {gap:,} 円）" if gap else "")


def _added(parts: Iterable[tuple[str, int]]) -> str:
    return " + ".join(f"{name} {yen:,}" for name, yen in parts)


def name_of(group: Group, given: Given) -> str:
    """A short name of a group that does not change with what else is known."""
    came = sorted((given.credits[number] for number in group.credits), key=_stable)
    text = "\n".join([group.fee, *sorted(group.settlements), *(repr(_stable(credit)) for credit in came)])
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _stable(credit: Credit) -> tuple[str, str, str, int, str]:
    return credit.account, credit.booked_on, credit.inquiry_number, credit.yen, credit.reference


def suggest(key: str, found: Found, given: Given) -> list[Suggestion]:
    """What may pay a settlement that has no group: answers that all fit, credits with its yen or nearly its name; ten at most."""
    used = {item for group in found.groups for item in group.items}
    if key in used:
        return []
    left = [credit for number, credit in given.credits.items() if number not in used and not credit.cancels]
    named = by_name(given.settlements.values(), left)
    rivals = [group for group in found.answers if key in group.settlements]
    told: dict[str, Suggestion] = {}
    for group in (*rivals, *_together(rivals), *_whole_day(key, used, left, given), *_alone(key, named, left, given)):
        if group.fee == APART and not any(given.settlements[one].fee_yen for one in group.settlements):
            continue  # without a fee the two ways are one
        known = group._replace(rule="SE-09")
        one = Suggestion(name_of(known, given), known, difference(known, given), tuple(_reasons(key, known, found.answers, given)))
        if one.reasons and (not one.difference_yen or any("参照番号" in reason for reason in one.reasons)):
            told.setdefault(one.name, one)
    return sorted(told.values(), key=_rank)[:MOST]


def _rank(one: Suggestion) -> tuple[bool, int, int, str]:
    return one.difference_yen != 0, -len(one.reasons), len(one.group.settlements) + len(one.group.credits), one.name


def _together(rivals: Sequence[Group]) -> Iterator[Group]:
    """All rivals as one: whoever is mistaken for whom, the sums are the same."""
    if len(rivals) > 1 and len({group.fee for group in rivals}) == 1:
        settlements = sorted({key for group in rivals for key in group.settlements})
        yield Group("", tuple(settlements), tuple(sorted({number for group in rivals for number in group.credits})), rivals[0].fee)


def _whole_day(key: str, used: set[str | int], left: Sequence[Credit], given: Given) -> Iterator[Group]:
    """All settlements of its transfer date against one credit, or against all of one day."""
    day = given.settlements[key].transfer_on
    keys = tuple(sorted(one.key for one in given.settlements.values() if one.transfer_on == day and one.key not in used))
    by_day: dict[str, list[int]] = {}
    for credit in left:
        by_day.setdefault(credit.booked_on, []).append(credit.number)
    for fee in (NETTED, APART):
        if len(keys) > 1:
            yield from (Group("", keys, (credit.number,), fee) for credit in left)
            yield from (Group("", keys, tuple(numbers), fee) for numbers in by_day.values())


def _alone(key: str, named: Mapping[str, list[Credit]], left: Sequence[Credit], given: Given) -> Iterator[Group]:
    own = tuple(credit.number for credit in named.get(key, ()))
    others = [credit for credit in left if credit.number not in own]
    if own:
        yield Group("", (key,), own)
    for fee in (NETTED, APART):
        yield from (Group("", (key,), (*own, credit.number), fee) for credit in others if credit.reference not in given.settlements)


def _reasons(key: str, group: Group, answers: Sequence[Group], given: Given) -> Iterator[str]:
    settlement = given.settlements[key]
    came = [given.credits[number] for number in group.credits]
    if not difference(group, given):
        yield "金額が 1 円まで合う"
    for credit in came:
        if credit.reference == key:
            yield "参照番号がこの払込"
        elif credit.reference and (slips := distance(credit.reference.strip(), key)) <= 3:
            yield f"参照番号が {slips} か所違い"
        elif len(credit.reference.strip()) >= 6 and key.startswith(credit.reference.strip()):
            yield "参照番号が途中で切れている"
    if came and all(credit.booked_on == settlement.transfer_on for credit in came):
        yield "送金日の入金"
    elif came and not difference(group, given):
        away = max(abs(day_number(credit.booked_on) - day_number(settlement.transfer_on)) for credit in came)
        yield f"送金日から {away} 日離れている"
    payers = {_loosely(credit.remitter) for credit in given.credits.values() if credit.reference in given.settlements}
    if came and all(credit.remitter and _loosely(credit.remitter) in payers for credit in came):
        yield "振込依頼人が、ほかの払込の入金と同じ"
    count = sum(bool(other.items & group.items) for other in answers)
    if count > 1:
        yield f"合う組合せが {count} 通りある"


def _loosely(name: str) -> str:
    """A kana name without what differs from bank to bank."""
    return name.translate(_LOOSE)


def in_words(rule: str) -> str:
    """The sentence of a rule."""
    return RULES.get(rule, rule)
