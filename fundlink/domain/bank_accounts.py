"""An account of a bank and the many ways to write it: one spelling that everything is compared by. Standard library only.

Called by pipeline and desk. What cannot be read as bank, branch, kind and number stays a text of its own; nothing is guessed.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

_KINDS = {"普通": "1", "普通預金": "1", "当座": "2", "当座預金": "2", "貯蓄": "4", "貯蓄預金": "4"}
_PARTS = re.compile(r"([0-9]{1,4})-([0-9]{1,3})-([0-9]|普通預金|普通|当座預金|当座|貯蓄預金|貯蓄)-([0-9]{1,10})").fullmatch


class BankAccount(NamedTuple):
    """銀行コード 4 digits, 支店コード 3, 預金種目 1, 口座番号 10, all text with their zeros."""

    bank_code: str
    branch_code: str
    account_type: str
    number: str

    def __str__(self) -> str:
        """The one spelling."""
        return "-".join(self)


def read_account(text: str) -> BankAccount | None:
    """The account that a text of four parts names, None when it is no such text.

    >>> str(read_account("９９９９-1-普通-1234567"))
    '9999-001-1-0001234567'
    >>> read_account("本店 普通 1234567") is None
    True
    """
    found = _PARTS(folded(text))
    if found is None:
        return None
    bank, branch, kind, number = found.groups()
    return BankAccount(bank.zfill(4), branch.zfill(3), _KINDS.get(kind, kind), number.zfill(10))


def folded(text: str) -> str:
    """A text as accounts are compared: width, dashes and spaces do not matter.

    >>> folded("本店　普通 １２３－４")
    '本店普通123-4'
    """
    plain = unicodedata.normalize("NFKC", text)
    return re.sub(r"\s", "", re.sub("[‐‑–—―−ー](?=[0-9])", "-", plain))


def spelling(text: str) -> str:
    """How an account is known by: its four parts where it states them, else the folded text.

    >>> spelling("9999-001-1-1234567"), spelling("本店 普通 7")
    ('9999-001-1-0001234567', '本店普通7')
    """
    return str(read_account(text) or folded(text))
