"""Payments: money handed over at a counter or through a channel, and taken back before the day closes.

Called by the HTTP routes, the payer pages and the scenarios. `pay` never refuses, as a bank counter does not; what a payment is worth is
decided by `books`, and it reaches the adapter when `day` closes.
"""

import hashlib
import sqlite3
from collections.abc import Iterable
from itertools import count
from typing import NamedTuple

from mock_eltax.world import World

CHANNELS = {
    "counter": "金融機関窓口",
    "card": "クレジットカード",
    "internet_banking": "インターネットバンキング",
    "direct_debit": "口座振替（ダイレクト方式）",
    "pay_easy": "ペイジー番号",
    "app": "スマートフォン決済アプリ",
}


class Payment(NamedTuple):
    """One payment as the payer made it."""

    institution_code: str
    case_key: str
    confirmation_number: str
    fund_code: str
    channel: str
    amount_yen: int
    paid_on: str
    withdrawn: int = 0


class UnknownAmountError(Exception):
    """No amount was given and no slip says one."""


def pay(world: World, payment: Payment, amount_yen: int | None) -> str:
    """Take one payment; without an amount it is the slip's."""
    with world.ledger.writing() as connection:
        yen = amount_yen or _slip_yen(connection, payment)
        return store(connection, world, [payment._replace(amount_yen=yen)])


def store(connection: sqlite3.Connection, world: World, payments: Iterable[Payment]) -> str:
    """Number and keep payments in the order given; the last transaction key comes back."""
    first = int(connection.execute("SELECT COALESCE(MAX(serial), 0) + 1 FROM payments").fetchone()[0])
    key = ""

    def rows() -> Iterable[tuple[int | str, ...]]:
        nonlocal key
        for serial, payment in zip(count(first), payments, strict=False):
            key = transaction_key(world.seed, payment.institution_code, serial)
            yield (serial, key, *payment)

    connection.executemany("INSERT INTO payments VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)", rows())
    return key


def transaction_key(seed: str, institution_code: str, serial: int) -> str:
    """Unique by its institution and serial; the digest between them keeps the order of keys apart from the order of arrival."""
    return f"T{institution_code}-{hashlib.sha256(f'{seed}:{serial}'.encode()).hexdigest()[:10].upper()}-{serial:08d}"


def withdraw(world: World, transaction_key: str) -> str:
    """Cancel a payment before its day closes: `withdrawn`, `unknown`, or `closed` when it is too late. A repeat changes nothing."""
    with world.ledger.writing() as connection:
        query = "SELECT booked_on, withdrawn FROM payments WHERE transaction_key = ?"
        row = connection.execute(query, (transaction_key,)).fetchone()
        if row is None:
            return "unknown"
        if row["withdrawn"]:
            return "withdrawn"
        if row["booked_on"] is not None:
            return "closed"
        connection.execute("UPDATE payments SET withdrawn = 1 WHERE transaction_key = ?", (transaction_key,))
        return "withdrawn"


def _slip_yen(connection: sqlite3.Connection, payment: Payment) -> int:
    query = "SELECT amount_yen FROM slips WHERE institution_code = ? AND case_key = ?"
    row = connection.execute(query, (payment.institution_code, payment.case_key)).fetchone()
    if row is None:
        raise UnknownAmountError
    return int(row["amount_yen"])
