"""Which slip a damaged number may have meant: candidates by one slip of the hand, ranked; never a match by itself.

Called by desk for a payment without a slip. Pure. A case key with one digit wrong, two neighbours swapped, a digit lost or one
too many gives a few hundred keys, which the store looks up in its index: nothing is compared with millions of slips.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

DIGITS = "0123456789"
WIDTH = 20
MOST = 10


class Candidate(NamedTuple):
    """A slip that may have been meant, beside what was paid."""

    case_key: str
    confirmation_number: str
    fund_code: str
    total_yen: int
    payable_until: str | None
    state: str
    bill_key: str


class Payment(NamedTuple):
    """What the payer's side stated."""

    case_key: str
    confirmation_number: str
    fund_code: str
    amount_yen: int
    paid_on: str


class Suggestion(NamedTuple):
    """A candidate with its distance (slips of the hand) and what speaks for it."""

    candidate: Candidate
    distance: int
    reasons: tuple[str, ...]


def near_keys(key: str) -> list[str]:
    """Keys of full width that one slip of the hand turns into ``key``, itself left out.

    >>> "00000000000000000012" in near_keys("00000000000000000021"), "00000000000000000021" in near_keys("0000000000000000021")
    (True, True)
    >>> len(near_keys("60120260000000000001")) < 400
    True
    """
    if not (WIDTH - 1 <= len(key) <= WIDTH + 1 and key.isascii() and key.isdigit()):
        return []
    found = {*_changed(key), *_swapped(key), *_longer(key), *_shorter(key)}
    return sorted(near for near in found if len(near) == WIDTH and near != key)


def _changed(key: str) -> Iterable[str]:
    return (key[:at] + digit + key[at + 1 :] for at in range(len(key)) for digit in DIGITS)


def _swapped(key: str) -> Iterable[str]:
    return (key[:at] + key[at + 1] + key[at] + key[at + 2 :] for at in range(len(key) - 1))


def _longer(key: str) -> Iterable[str]:
    return (key[:at] + digit + key[at:] for at in range(len(key) + 1) for digit in DIGITS)


def _shorter(key: str) -> Iterable[str]:
    return (key[:at] + key[at + 1 :] for at in range(len(key)))


def distance(one: str, other: str) -> int:
    """Slips of the hand between two numbers: a digit changed, lost, added, or two neighbours swapped.

    >>> distance("1234", "1243"), distance("1234", "134"), distance("1234", "9934")
    (1, 1, 2)
    """
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def rank(payment: Payment, candidates: Iterable[Candidate]) -> list[Suggestion]:
    """Best first: nearest number, then confirmation number, amount, fund, and whether it was payable on that day; ten at most."""
    found = [_suggestion(payment, candidate) for candidate in candidates]
    return sorted(found, key=lambda one: (one.distance, -len(one.reasons), one.candidate.case_key))[:MOST]


def _suggestion(payment: Payment, slip: Candidate) -> Suggestion:
    limit = slip.payable_until
    speaks: Sequence[tuple[bool, str]] = (
        (payment.confirmation_number == slip.confirmation_number, "確認番号が同じ"),
        (payment.amount_yen == slip.total_yen, "金額が同じ"),
        (payment.fund_code == slip.fund_code, "公金種目が同じ"),
        (limit is None or payment.paid_on <= limit, "支払期限までの納付"),
        (slip.state == "registered", "まだ払われていない"),
    )
    return Suggestion(slip, distance(payment.case_key, slip.case_key), tuple(ja for right, ja in speaks if right))
