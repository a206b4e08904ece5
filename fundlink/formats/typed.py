"""What somebody typed or pasted to find a bill: an eL number, the digits of an eL-QR, a bill key, or a number of any other kind.

Called by desk. It looks at the text alone and never guesses: what is wrong with a payload is told, and nothing is searched by it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from fundlink.domain.problems import Problem
from fundlink.domain.records import BILL_KEY_PARTS
from fundlink.formats import elqr

MOST_TYPED = 1_000
INSTITUTION, CASE, CONFIRMATION, FUND = 5, 20, 6, 3
_EL_NUMBERS = (INSTITUTION + CASE, INSTITUTION + CASE + CONFIRMATION, INSTITUTION + CASE + CONFIRMATION + FUND)
_PAYLOAD_LIKE = 60
"""More digits than any number that people write down: somebody pasted what a reader saw."""
_BETWEEN = re.compile(r"[\s\-‐‑‒–—―−ー・./]+")


class Typed(NamedTuple):
    """What was typed: its kind (payload, el_number, bill_key, number, '' for nothing) and its parts; '' where a part was not given."""

    kind: str
    text: str = ""
    institution_code: str = ""
    case_key: str = ""
    confirmation_number: str = ""
    fund_code: str = ""
    amount_yen: int | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def bare(self) -> str:
        """The text without what people put between digits."""
        return _BETWEEN.sub("", self.text)


def recognised(typed: str) -> Typed:
    """What a text is.

    >>> recognised("１３１０１ 60120260000000000001-123456").kind, recognised("13101 6012026000000000-0001")[:4]
    ('el_number', ('el_number', '13101 6012026000000000-0001', '13101', '60120260000000000001'))
    >>> recognised(" 0012-345 ").bare, recognised("990019~601~2026~2026~1~01~~").kind, recognised("　").kind
    ('0012345', 'bill_key', '')
    >>> [one.code for one in recognised("0002" + "1" * 251).problems][:1]
    ['FL-ELQ-007']
    """
    text = unicodedata.normalize("NFKC", typed[:MOST_TYPED]).strip()
    if not text:
        return Typed("")
    if text.count("~") == len(BILL_KEY_PARTS) - 1:
        return Typed("bill_key", text)
    bare = _BETWEEN.sub("", text)
    if bare.isascii() and bare.isdigit():
        if len(bare) >= _PAYLOAD_LIKE:
            return _payload(bare)
        if len(bare) in _EL_NUMBERS:
            return _el_number(text, bare)
    return Typed("number", text)


def _payload(digits: str) -> Typed:
    read = elqr.decode(digits)
    if read.fields is None:
        return Typed("payload", digits, problems=read.problems)
    told = read.fields
    return Typed("payload", digits, told.institution_code, told.case_key, told.confirmation_number, told.fund_code, told.amount_yen)


def _el_number(text: str, digits: str) -> Typed:
    at = INSTITUTION + CASE
    end = at + CONFIRMATION
    return Typed("el_number", text, digits[:INSTITUTION], digits[INSTITUTION:at], digits[at:end], digits[end : end + FUND])


def yen_of(typed: str) -> int | None:
    """Yen as people type them; None for what is none.

    >>> yen_of("１２，３４５円"), yen_of("¥1,000"), yen_of("0"), yen_of("1.5"), yen_of("")
    (12345, 1000, None, None, None)
    """
    plain = re.sub(r"[,\s円¥]", "", unicodedata.normalize("NFKC", typed[:MOST_TYPED]))
    return int(plain) if plain.isascii() and plain.isdigit() and len(plain) <= len("99999999999") and int(plain) else None
