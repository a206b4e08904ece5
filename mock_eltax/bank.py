"""The designated bank's file: account movements as Zengin records of type 03, 200 bytes each, CRLF, cp932.

Called by `day` after a settlement. Writes only; every account, bank and branch in it is invented.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from mock_eltax.clock import era_ymd

MOST_YEN = 10**12 - 1
"""What the twelve digits of one movement hold."""

BANK = ("9999", "ﾓｹﾞﾝｷﾞﾝｺｳ", "001", "ﾎﾝﾃﾝ", "1", "ﾓｹﾞﾝｼ ｶｲｹｲｶﾝﾘｼﾔ")
REMITTER = "ﾁﾎｳｾﾞｲｷﾖｳﾄﾞｳｷｺｳ"
REMITTER_CODE = "0000013800"

Field = tuple[str, int, str]
"""Kind, width and value: N right-aligned with zeros, C left-aligned with blanks."""


class Credit(NamedTuple):
    """Money that arrives, or leaves where the yen are negative, with the reference the bank passes on."""

    reference: str
    yen: int
    number: int = 0
    """The bank's own number of the movement; counted within the file unless told."""


class Statement(NamedTuple):
    """One account over one day."""

    day: date
    opening_yen: int
    credits: Sequence[Credit]
    account: str = "1234567"


def write_statement(statement: Statement) -> bytes:
    """Header, one record a movement, trailer, end."""
    movements = [part for credit in statement.credits for part in _split(credit)]
    change = sum(credit.yen for credit in movements)
    records = [_header(statement)]
    records += [_movement(serial, credit, statement.day) for serial, credit in enumerate(movements, 1)]
    records += [_trailer(movements, statement.opening_yen + change), _end(len(movements) + 3)]
    return b"".join(line.encode("cp932") + b"\r\n" for line in records)


def _split(credit: Credit) -> Iterator[Credit]:
    # A net above twelve digits comes in several movements under one key, as banks do it.
    sign, left = (1, credit.yen) if credit.yen > 0 else (-1, -credit.yen)
    while left > 0:
        yield credit._replace(yen=sign * min(left, MOST_YEN))
        left -= MOST_YEN


def _header(statement: Statement) -> str:
    day = era_ymd(statement.day)
    bank, bank_name, branch, branch_name, account_kind, holder = BANK
    dates: list[Field] = [("N", 6, day), ("N", 6, day), ("N", 6, day)]
    place: list[Field] = [("N", 4, bank), ("C", 15, bank_name), ("N", 3, branch), ("C", 15, branch_name), ("N", 3, "")]
    owner: list[Field] = [("N", 1, account_kind), ("N", 10, statement.account), ("C", 40, holder), ("N", 1, "1"), ("N", 1, "1")]
    opening: Field = ("N", 14, str(statement.opening_yen))
    return _line([("N", 1, "1"), ("N", 2, "03"), ("N", 1, "0"), *dates, *place, *owner, opening, ("C", 71, "")])


def _movement(serial: int, credit: Credit, day: date) -> str:
    ymd = era_ymd(day)
    money: list[Field] = [("N", 1, "1" if credit.yen > 0 else "2"), ("N", 2, "11"), ("N", 12, str(abs(credit.yen))), ("N", 12, "")]
    cheque: list[Field] = [("N", 6, ""), ("N", 6, ""), ("N", 1, ""), ("N", 7, ""), ("N", 3, "")]
    remitter: list[Field] = [("N", 10, REMITTER_CODE), ("C", 48, REMITTER), ("C", 15, "ﾓｹﾞﾝｷﾞﾝｺｳ"), ("C", 15, "ﾎﾝﾃﾝ")]
    note: list[Field] = [("C", 20, "ｺｳｷﾝ ﾊﾗｲｺﾐ"), ("C", 20, credit.reference), ("C", 1, "")]
    return _line([("N", 1, "2"), ("N", 8, str(credit.number or serial)), ("N", 6, ymd), ("N", 6, ymd), *money, *cheque, *remitter, *note])


def _trailer(movements: Sequence[Credit], closing_yen: int) -> str:
    came, went = [credit.yen for credit in movements if credit.yen > 0], [-credit.yen for credit in movements if credit.yen < 0]
    incoming: list[Field] = [("N", 6, str(len(came))), ("N", 13, str(sum(came)))]
    outgoing: list[Field] = [("N", 6, str(len(went))), ("N", 13, str(sum(went)))]
    balance: list[Field] = [("N", 1, "1"), ("N", 14, str(closing_yen)), ("N", 7, str(len(movements)))]
    return _line([("N", 1, "8"), *incoming, *outgoing, *balance, ("C", 139, "")])


def _end(records: int) -> str:
    return _line([("N", 1, "9"), ("N", 10, str(records)), ("N", 5, "1"), ("C", 184, "")])


def _line(fields: Sequence[Field]) -> str:
    line = "".join(value.rjust(width, "0") if kind == "N" else value.ljust(width) for kind, width, value in fields)
    if len(line.encode("cp932")) != 200:
        raise ValueError(f"bank record of {len(line)} bytes")
    return line
