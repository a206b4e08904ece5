"""What staff may do about a case: one closed verb a row, with the accounts it moves yen between and what must hold before it.

Called by desk, for preparing and again for nothing else: what was prepared is carried out as it stands. Pure: facts in,
moves and problems out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from fundlink.domain.books import PAYMENT_ACCOUNTS
from fundlink.domain.problems import Problem, problem
from fundlink.reconcile.accounts import NOWHERE, Move, balanced
from fundlink.reconcile.case_kinds import KINDS
from fundlink.reconcile.offsetting import Debt

_ALL = tuple(kind.name for kind in KINDS)
_NO_MONEY = ("cancellation", "preliminary", "received", "message", "day")


class Verb(NamedTuple):
    """One verb: the kinds of case it is for, accounts it takes from (in this order) and gives to, what it needs told, what must hold."""

    verb: str
    ja: str
    kinds: tuple[str, ...]
    takes: tuple[str, ...]
    gives: str
    needs: str  # what the preparer has to say beside the reason: bill | parts | code | until | ''
    requires: tuple[str, ...]  # names of PRECONDITIONS


_MONEY = ("confirmed", "funded")
VERBS: tuple[Verb, ...] = (
    Verb("accept", "過誤納とする", ("transaction", "conflict"), ("suspense",), "overpaid", "", _MONEY),
    Verb("refund", "還付する", ("transaction",), ("overpaid", "suspense"), "refunded", "", _MONEY),
    Verb("offset", "充当する", ("transaction",), ("overpaid",), "collected", "", (*_MONEY, "named", "same_books", "fits")),
    Verb("attach", "請求に結び付ける", ("transaction",), ("suspense",), "collected", "bill", (*_MONEY, "same_books", "fits")),
    Verb("split", "分ける", ("transaction",), ("suspense",), "collected", "parts", (*_MONEY, "exact", "same_books", "fits")),
    Verb("suspend", "別段に移す", ("transaction", "conflict"), ("overpaid",), "suspense", "", ("confirmed", "afloat")),
    Verb("write_off", "不納欠損とする", ("bill",), (NOWHERE,), "written_off", "code", ("owed", "reasoned")),
    Verb("wait", "期日まで待つ", _ALL, (), "", "until", ("later",)),
    Verb("dismiss", "処理不要とする", ("cancellation", "conflict", "received", "file", "message"), (), "", "", ()),
    Verb("same", "同じ入金とする", ("credit",), (), "", "", ()),
    Verb("separate", "別の入金とする", ("credit",), (), "", "", ()),
    Verb("reverse", "処理を取り消す", ("act",), (), "", "", ("standing",)),
)
BY_NAME: dict[str, Verb] = {row.verb: row for row in VERBS}
TARGETS = ("overpaid", "suspense")
"""Beside bills, where a part of a split may go."""


class Payment(NamedTuple):
    """A payment as acts see it: its outcome, and where its yen lies now."""

    transaction_key: str
    outcome_id: int
    outcome: str
    stage: str
    municipality_code: str
    fund_code: str
    amount_yen: int
    value_on: str
    bill_key: str | None
    balances: Mapping[str, int]


class Facts(NamedTuple):
    """All that an act rests on. ``excess_yen`` of a conflict: what lies on the bill beyond its new amount; ``done``: the act to be reversed."""

    payments: Mapping[str, Payment]
    debts: Mapping[str, Debt]
    held: tuple[tuple[str, int], ...] = ()  # conflict: (transaction, yen) that lie on its bill, newest first
    excess_yen: int = 0
    done: tuple[Move, ...] = ()
    credit: Mapping[str, Any] = MappingProxyType({})  # an entry of a bank file and the one it may be, as both are told


class Wanted(NamedTuple):
    """What the preparer asks for. ``parts``: (bill key or one of TARGETS, yen)."""

    verb: str
    today: str
    yen: int | None = None
    parts: tuple[tuple[str, int], ...] = ()
    code: str = ""
    codes: tuple[str, ...] = ()  # the code list of write-offs
    until: str = ""


class Plan(NamedTuple):
    """What would be carried out, and what speaks against it."""

    moves: tuple[Move, ...]
    problems: tuple[Problem, ...]


def verbs_for(kind: str) -> tuple[Verb, ...]:
    """The verbs of a kind of case.

    >>> [row.verb for row in verbs_for("day")]
    ['wait']
    """
    return tuple(row for row in VERBS if kind in row.kinds)


def is_at_hand(verb: Verb, kind: str, facts: Facts) -> bool:
    """Whether a payment has anything on the accounts that a verb takes from: what cannot be done is not offered.

    >>> is_at_hand(BY_NAME["offset"], "transaction", Facts({}, {})), is_at_hand(BY_NAME["wait"], "transaction", Facts({}, {}))
    (False, True)
    """
    if kind != "transaction" or not verb.takes:
        return True
    return any(payment.balances.get(account, 0) > 0 for payment in facts.payments.values() for account in verb.takes)


def plan(kind: str, facts: Facts, wanted: Wanted) -> Plan:
    """The moves of a verb and every precondition that does not hold."""
    verb = BY_NAME[wanted.verb]
    if kind not in verb.kinds:
        allowed = "・".join(row.ja for row in verbs_for(kind))
        return Plan((), (problem("FL-ACT-006", verb=verb.ja, allowed=allowed, verb_en=verb.verb, allowed_en=kind),))
    moves = tuple(_moves(verb, kind, facts, wanted))
    problems = [found for name in verb.requires for found in PRECONDITIONS[name](verb, facts, wanted, moves)]
    return Plan(moves, tuple(problems))


def _moves(verb: Verb, kind: str, facts: Facts, wanted: Wanted) -> Iterator[Move]:
    if verb.verb == "reverse":
        yield from (move.reversed() for move in reversed(facts.done))
    elif verb.verb == "write_off":
        yield from (
            Move("", NOWHERE, "written_off", debt.outstanding_yen, key) for key, debt in facts.debts.items() if debt.outstanding_yen > 0
        )
    elif kind == "conflict":
        yield from _off_the_bill(verb, facts, wanted)
    elif verb.gives:
        for payment in facts.payments.values():
            yield from _spent(verb, payment, wanted)


def _off_the_bill(verb: Verb, facts: Facts, wanted: Wanted) -> Iterator[Move]:
    """What the bill no longer asks for leaves it, from its newest payment on."""
    left = min(facts.excess_yen, wanted.yen) if wanted.yen is not None else facts.excess_yen
    bill = next(iter(facts.debts))
    for transaction_key, yen in facts.held if verb.gives else ():
        part = min(left, yen)
        if part > 0:
            yield Move(transaction_key, "collected", verb.gives, part, bill)
            left -= part


def _spent(verb: Verb, payment: Payment, wanted: Wanted) -> Iterator[Move]:
    """Yen of a payment leave the accounts of the verb, one after the other, for each part that was asked for."""
    there = {account: payment.balances[account] for account in verb.takes}
    whole = sum(there.values()) if wanted.yen is None else wanted.yen
    for target, asked in wanted.parts or ((verb.gives, whole),):
        to_account, bill = (target, payment.bill_key) if target in dict(PAYMENT_ACCOUNTS) else ("collected", target)
        left = asked
        for account, held in there.items():
            part = min(left, held)
            if part > 0:
                there[account] -= part
                left -= part
                if account != to_account:
                    yield Move(payment.transaction_key, account, to_account, part, bill)


_Check = Callable[[Verb, Facts, Wanted, Sequence[Move]], Iterator[Problem]]


def _confirmed(_verb: Verb, facts: Facts, _wanted: Wanted, _moves: Sequence[Move]) -> Iterator[Problem]:
    for payment in facts.payments.values():
        if payment.stage != "confirmed":
            yield problem("FL-ACT-007", place=payment.transaction_key)


def _funded(verb: Verb, facts: Facts, wanted: Wanted, moves: Sequence[Move]) -> Iterator[Problem]:
    """There is yen in the accounts of the verb, and enough of it for what was asked."""
    there = facts.excess_yen if facts.held or not facts.payments else sum(
        payment.balances[account] for payment in facts.payments.values() for account in verb.takes
    )  # fmt: skip
    asked = sum(yen for _, yen in wanted.parts) if wanted.parts else wanted.yen
    if there <= 0 or (asked is not None and not 0 < asked <= there) or not moves:
        yield problem("FL-ACT-008", verb=verb.ja, verb_en=verb.verb, expected=asked if asked is not None else 1, actual=max(there, 0))


def _afloat(verb: Verb, facts: Facts, wanted: Wanted, moves: Sequence[Move]) -> Iterator[Problem]:
    """Money that lies in suspense already stays there: then the act only says that it was decided so."""
    there = sum(payment.balances["suspense"] for payment in facts.payments.values()) if not facts.held else 0
    if there <= 0:
        yield from _funded(verb, facts, wanted, moves)


def _named(_verb: Verb, _facts: Facts, wanted: Wanted, _moves: Sequence[Move]) -> Iterator[Problem]:
    if not wanted.parts:
        yield problem("FL-ACT-016")


def _same_books(_verb: Verb, facts: Facts, _wanted: Wanted, moves: Sequence[Move]) -> Iterator[Problem]:
    """Bills of the same municipality and fund: another fund has books of its own."""
    for move in moves:
        debt, payment = facts.debts.get(move.bill_key or ""), facts.payments[move.transaction_key]
        if move.to_account == "collected" and debt and debt[1:3] != (payment.municipality_code, payment.fund_code):
            yield problem("FL-ACT-011", place=debt.bill_key, expected=payment.fund_code, actual=debt.fund_code)


def _fits(_verb: Verb, facts: Facts, wanted: Wanted, _moves: Sequence[Move]) -> Iterator[Problem]:
    """No bill gets more than is left to pay on it."""
    asked: dict[str, int] = {}
    for target, yen in wanted.parts:
        asked[target] = asked.get(target, 0) + yen
    for key, yen in asked.items():
        if key in facts.debts and not 0 < yen <= max(facts.debts[key].outstanding_yen, 0):
            yield problem("FL-ACT-009", place=key, expected=max(facts.debts[key].outstanding_yen, 0), actual=yen)


def _exact(verb: Verb, facts: Facts, wanted: Wanted, _moves: Sequence[Move]) -> Iterator[Problem]:
    there = sum(payment.balances[account] for payment in facts.payments.values() for account in verb.takes)
    asked = sum(yen for _, yen in wanted.parts)
    if asked != there or any(yen <= 0 for _, yen in wanted.parts):
        yield problem("FL-ACT-010", expected=there, actual=asked)


def _owed(verb: Verb, facts: Facts, _wanted: Wanted, moves: Sequence[Move]) -> Iterator[Problem]:
    if not moves:
        yield from (problem("FL-ACT-008", verb=verb.ja, verb_en=verb.verb, place=key, expected=1, actual=0) for key in facts.debts)


def _reasoned(_verb: Verb, _facts: Facts, wanted: Wanted, _moves: Sequence[Move]) -> Iterator[Problem]:
    if wanted.code not in wanted.codes:
        yield problem("FL-ACT-012", expected="・".join(wanted.codes))


def _later(_verb: Verb, _facts: Facts, wanted: Wanted, _moves: Sequence[Move]) -> Iterator[Problem]:
    if wanted.until <= wanted.today:
        yield problem("FL-ACT-013", expected=wanted.today)


def _standing(_verb: Verb, facts: Facts, _wanted: Wanted, moves: Sequence[Move]) -> Iterator[Problem]:
    """The yen still lie where the act put them."""
    if not moves and not facts.credit:
        yield problem("FL-ACT-018")
    for key, payment in facts.payments.items():
        mine = [move for move in moves if move.transaction_key == key]
        after = balanced(payment.balances, mine)
        if any(after[move.from_account] < 0 for move in mine):
            yield problem("FL-ACT-018", place=key)


PRECONDITIONS: dict[str, _Check] = {
    "confirmed": _confirmed,  # the gateway confirmed the payment; a preliminary one waits
    "funded": _funded,
    "afloat": _afloat,
    "named": _named,  # there is a bill to set off against
    "same_books": _same_books,
    "fits": _fits,
    "exact": _exact,  # the parts are the payment, to the yen
    "owed": _owed,
    "reasoned": _reasoned,  # the reason code stands in its list
    "later": _later,
    "standing": _standing,
}
