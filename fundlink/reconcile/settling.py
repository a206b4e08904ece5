"""Which bank credits pay which settlements: one to one, one in several, several in one, several in several, to the yen.

Called by pipeline.settle and desk with the open settlements and credits of one municipality. Pure. The answer depends on the
facts alone, never on the order they came in. Where two answers fit, or the search hits its bound, nothing is matched: a person decides.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from fundlink.reconcile.settling_search import APART, BOUNDS, NETTED, Bounds, Due, Money, Round, Tie, many_sided, one_sided, only_answers
from fundlink.reconcile.suggestions import distance


class Settlement(NamedTuple):
    """One line of a settlement notice in its newest edition; yen."""

    key: str
    business_day: str
    transfer_on: str
    gross_yen: int
    fee_yen: int
    net_yen: int


class Credit(NamedTuple):
    """One entry on the account; a debit is negative, and so is an entry that takes an earlier credit back."""

    number: int
    booked_on: str
    yen: int
    reference: str = ""
    remitter: str = ""
    account: str = ""
    inquiry_number: str = ""
    cancels: bool = False
    settled: bool = False  # in a group that stands whatever else comes; only a cancellation can still take it back


class Group(NamedTuple):
    """Settlements and the credits that pay them. ``fee``: netted (credits = net), apart (credits = gross), or nothing."""

    rule: str
    settlements: tuple[str, ...]
    credits: tuple[int, ...]
    fee: str = NETTED

    @property
    def items(self) -> set[str | int]:
        """All that it takes."""
        return {*self.settlements, *self.credits}


class Found(NamedTuple):
    """What was found: groups; answers of which more than one fits; settlements whose search hit the bound."""

    groups: list[Group]
    answers: list[Group]
    exhausted: frozenset[str]


RULES: dict[str, str] = {
    "SE-01": "取消の記録と、それが取り消した入金",
    "SE-02": "参照番号が払込を名指し、合計が払込額（手数料差引き後）と同じ",
    "SE-03": "参照番号が払込を名指し、合計が手数料を引く前の額と同じ（手数料は別払い）",
    "SE-04": "払込 1 件と入金 1 件が同じ額",
    "SE-05": "払込 1 件が入金数件に分かれた",
    "SE-06": "払込数件が入金 1 件にまとまった",
    "SE-07": "払込数件と入金数件の合計が同じ",
    "SE-08": "ある払込の不足（過剰）を、別の払込の入金で清算した",
    "SE-09": "2 人の確認で決めた組合せ",
}


def find(settlements: Sequence[Settlement], came: Sequence[Credit], bounds: Bounds = BOUNDS) -> Found:
    """The groups that tie and have no rival. Credits whose reference names a settlement bind to it before anything is searched.

    >>> find([Settlement("S1", "2026-11-20", "2026-11-26", 1000, 3, 997)], [Credit(1, "2026-11-26", 997)]).groups
    [Group(rule='SE-04', settlements=('S1',), credits=(1,), fee='netted')]
    """
    pairs = pair(came)
    gone = {number for group in pairs for number in group.credits}
    left = [credit for credit in came if credit.number not in gone and not credit.cancels and not credit.settled]
    named = by_name(settlements, left)
    groups, dues = [*pairs], list[Due]()
    for settlement in settlements:
        theirs = named.get(settlement.key, [])
        sum_yen = sum(credit.yen for credit in theirs)
        if theirs and sum_yen in (settlement.net_yen, settlement.gross_yen):
            rule, fee = ("SE-02", NETTED) if sum_yen == settlement.net_yen else ("SE-03", APART)
            groups.append(Group(rule, (settlement.key,), _numbers(sorted(theirs, key=_natural)), fee))
        elif theirs or settlement.net_yen:
            dues.append(
                Due(settlement.key, day_number(settlement.transfer_on), settlement.net_yen - sum_yen, settlement.gross_yen - sum_yen)
            )
    bound = {credit.number for theirs in named.values() for credit in theirs}
    # money that goes out counts only to somebody who also pays in: then it may be a part that is taken back
    payers = {credit.remitter for credit in left if credit.yen > 0}
    moneys = [credit for credit in left if credit.number not in bound and (credit.yen > 0 or credit.remitter in payers)]
    searched = _search(dues, free(moneys, [one.key for one in settlements]), bounds)
    told = {settlement.key: settlement for settlement in settlements}
    taken = {credit.number: credit for credit in left}
    ties, answers = ([_group(tie, named, (told, taken)) for tie in some] for some in searched[:2])
    return Found(groups + ties, answers, searched[2])


def pair(came: Sequence[Credit]) -> list[Group]:
    """Entries that take a credit back, each with the earlier credit: same account and yen, then same number, reference or remitter."""
    waiting = sorted((credit for credit in came if credit.cancels), key=_natural)
    there = sorted((credit for credit in came if not credit.cancels), key=_natural)
    found: list[Group] = []
    for alike in _ALIKE:
        for cancellation in list(waiting):
            fits = [
                credit
                for credit in there
                if credit.account == cancellation.account and credit.yen == -cancellation.yen and credit.booked_on <= cancellation.booked_on
            ]
            fits = [credit for credit in fits if alike(credit, cancellation)]
            if fits and len({(credit.booked_on, credit.reference, credit.remitter) for credit in fits}) == 1:
                there.remove(fits[0])
                waiting.remove(cancellation)
                found.append(Group("SE-01", (), (fits[0].number, cancellation.number), ""))
    return found


_ALIKE: tuple[Callable[[Credit, Credit], bool], ...] = (
    lambda credit, other: bool(credit.inquiry_number) and credit.inquiry_number == other.inquiry_number,
    lambda credit, other: bool(credit.reference) and credit.reference == other.reference,
    lambda credit, other: bool(credit.remitter) and credit.remitter == other.remitter,
    lambda _credit, _other: True,
)


def _natural(credit: Credit) -> tuple[str, str, str, int, str]:
    """An order that does not depend on when a credit arrived."""
    return credit.account, credit.booked_on, credit.inquiry_number, credit.yen, credit.reference


def by_name(settlements: Iterable[Settlement], came: Iterable[Credit]) -> dict[str, list[Credit]]:
    """The credits whose reference is the key of a settlement."""
    found: dict[str, list[Credit]] = {}
    keys = {settlement.key for settlement in settlements}
    for credit in came:
        if credit.reference in keys:
            found.setdefault(credit.reference, []).append(credit)
    return found


def free(came: Iterable[Credit], keys: Collection[str]) -> list[Credit]:
    """Credits that a search may use: none whose reference looks like the key of a settlement, damaged or not known yet."""
    shapes = {_shape(key) for key in keys}
    return [credit for credit in came if not resembles(credit.reference, keys, shapes)]


def resembles(reference: str, keys: Collection[str], shapes: Collection[str]) -> bool:
    """Whether a reference is meant as a key: of the same shape, the beginning of one, or one or two slips of the hand away."""
    bare = reference.strip()
    if not bare:
        return False
    if _shape(bare) in shapes or (len(bare) >= 6 and any(key.startswith(bare) or key in bare for key in keys)):
        return True
    return any(abs(len(key) - len(bare)) <= 2 and distance(bare, key) <= 2 for key in keys)


def _shape(text: str) -> str:
    return re.sub("[A-Za-z]", "a", re.sub("[0-9]", "0", text))


def day_number(day: str) -> int:
    """A date as a number of days; 0 for none."""
    return dt.date.fromisoformat(day).toordinal() if day else 0


def _search(dues: list[Due], came: list[Credit], bounds: Bounds) -> tuple[list[Tie], list[Tie], frozenset[str]]:
    """Round by round, from the plainest answers to the widest; what has an answer in one round takes no part in the next ones."""
    moneys = [Money(credit.number, day_number(credit.booked_on), credit.yen, credit.remitter) for credit in came]
    ties: list[Tie] = []
    answers: list[Tie] = []
    exhausted: set[str | int] = set()
    spoken_for: set[str | int] = set()
    for look, within in ((one_sided, False), (one_sided, True), (many_sided, False), (many_sided, True)):

        def fits(transfer: int, booked: int, *, wide: bool = within) -> bool:
            return -bounds.days_before <= booked - transfer <= bounds.days_after if wide else booked == transfer

        open_dues = [due for due in dues if due.key not in spoken_for and due.day]
        found: Round = look(open_dues, [money for money in moneys if money.number not in spoken_for], fits, bounds=bounds)
        alone, others = only_answers(found)
        ties, answers, exhausted = ties + alone, answers + others, exhausted | found.unseen
        spoken_for |= found.unseen | {item for tie in found.ties for item in tie.items}
    return ties, answers, frozenset(due.key for due in dues if due.key in exhausted)


def _group(tie: Tie, named: dict[str, list[Credit]], given: tuple[dict[str, Settlement], dict[int, Credit]]) -> Group:
    """A tie with the credits that name its settlements, under the rule that describes it."""
    settlements = sorted((given[0][key] for key in tie.dues), key=lambda one: (one.transfer_on, one.key))
    bound = [credit for one in settlements for credit in named.get(one.key, ())]
    came = sorted((*bound, *(given[1][number] for number in tie.credits)), key=lambda one: (one.booked_on, one.inquiry_number, one.number))
    if len(settlements) > 1 and (bound or _one_a_day(settlements, came)):
        rule = "SE-08"
    else:
        rule = {(True, True): "SE-04", (True, False): "SE-05", (False, True): "SE-06"}.get((len(settlements) == 1, len(came) == 1), "SE-07")
    return Group(rule, tuple(one.key for one in settlements), _numbers(came), tie.fee)


def _one_a_day(settlements: Sequence[Settlement], came: Sequence[Credit]) -> bool:
    """Each settlement has a credit on its own day, only not of its amount."""
    days = [one.transfer_on for one in settlements]
    return len(set(days)) == len(days) and days == [credit.booked_on for credit in came]


def _numbers(came: Iterable[Credit]) -> tuple[int, ...]:
    return tuple(credit.number for credit in came)


def carried(group: Group, settlements: dict[str, Settlement], came: dict[int, Credit]) -> Iterator[tuple[str, int]]:
    """(settlement, yen its own credits were short of or, negative, above what was due) of a group with carried differences."""
    by_day = {came[number].booked_on: came[number] for number in group.credits}
    for key in group.settlements if group.rule == "SE-08" else ():
        one = settlements[key]
        own = [came[number].yen for number in group.credits if came[number].reference == key]
        if not own and one.transfer_on in by_day and not by_day[one.transfer_on].reference:
            own = [by_day[one.transfer_on].yen]
        yield key, (one.net_yen if group.fee == NETTED else one.gross_yen) - sum(own)
