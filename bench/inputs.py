"""What goes in: bills and receipts, the same in every run, streamed to disk by the product's own profiles.

Used by stages. Names, numbers and the municipality are invented.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.gateway import FolderGateway
from fundlink.bootstrap import SCHEMAS
from fundlink.domain.records import BillingRecord, ReceiptRecord
from fundlink.domain.values import addressee_check_digit
from fundlink.formats.message import Message

CODE = "990019"
INSTITUTION = CODE[:5]
NOW = "2026-11-24T09:00:00+09:00"
DAYS = tuple(f"2026-11-{day:02d}" for day in range(2, 22))
CHANNELS = ("counter", "card", "internet_banking", "direct_debit", "pay_easy", "app")
FUNDS = ("601",) * 14 + ("602",) * 5 + ("611",)
FILE_RECORDS = 10_000
CP932_PROFILE = "standard-cp932"
FORMS = {"utf-8": "standard", "cp932": CP932_PROFILE, "fixed": "host-fixed", "ndjson": "api"}
"""Forms of the intake and the profile each is read by."""

_NAMES = ("見本　太郎", "佐藤　花子", "髙橋　一", "山﨑　美咲", "渡邊　健", "十文字　さくら", "能登　陽子", "小林　翔")
_KANA = ("ﾐﾎﾝ ﾀﾛｳ", "ｻﾄｳ ﾊﾅｺ", "ﾀｶﾊｼ ﾊｼﾞﾒ", "ﾔﾏｻﾞｷ ﾐｻｷ", "ﾜﾀﾅﾍﾞ ｹﾝ", "ｼﾞﾕｳﾓﾝｼﾞ ｻｸﾗ", "ﾉﾄ ﾖｳｺ", "ｺﾊﾞﾔｼ ｼﾖｳ")


class Payable(NamedTuple):
    """What a payer needs of a slip."""

    case_key: str
    confirmation_number: str
    fund_code: str
    total_yen: int


def bill(number: int) -> BillingRecord:
    """The ``number``-th bill: right in everything, different from all others."""
    who, addressee = number % len(_NAMES), f"{number:014d}"
    return BillingRecord(
        municipality_code=CODE, fund_code=FUNDS[number % len(FUNDS)], levy_year=2026, relevant_year=2026, fiscal_year=2026,
        notice_number=f"{number:016d}", installment=f"{number % 10 + 1:02d}", subject_code="", child_number="",
        addressee_number=addressee + addressee_check_digit(addressee), department_code="000", charge_yen=(number % 800 + 12) * 100,
        reminder_fee_yen=100 if number % 25 == 0 else 0, late_charge_yen=number % 90 * 100 if number % 50 == 0 else 0,
        due_on="2026-11-30", payable_until="2027-01-09", payer_name=_NAMES[who], payer_kana=_KANA[who], payer_postal_code="9990001",
        payer_address="見本県見本市表町１－２－３", action="1", core_key=f"K{number:010d}",
    )  # fmt: skip


def bills(count: int) -> Iterator[BillingRecord]:
    """Bills 1 to ``count``."""
    return (bill(number) for number in range(1, count + 1))


def write_profiles(folder: Path) -> Path:
    """A folder with the standard profile in CP932, made from the shipped one."""
    place = folder / CP932_PROFILE
    place.mkdir(parents=True, exist_ok=True)
    for path in (SCHEMAS / "profiles" / "standard").iterdir():
        text = path.read_text(encoding="utf-8")
        if path.name == "profile.toml":
            text = text.replace('name = "standard"', f'name = "{CP932_PROFILE}"').replace('encoding = "utf-8"', 'encoding = "cp932"')
        (place / path.name).write_text(text, encoding="utf-8")
    return folder


def write_bills(path: Path, message: Message, count: int) -> None:
    """The first ``count`` bills as a file of a profile."""
    total = sum(record.total_yen for record in bills(count)) if message.form == "fixed" else 0
    header = {
        "municipality_code": CODE, "file_created_on": DAYS[0], "file_business_day": DAYS[0], "file_sequence": "1",
        "record_count": count, "total_yen": total,
    }  # fmt: skip
    with path.open("wb") as stream:
        stream.writelines(message.writer(bills(count), header))


def receipts(slips: Sequence[Payable], count: int) -> Iterator[tuple[str, ReceiptRecord]]:
    """(expected outcome, receipt): 97 in 100 exact, 1 a second payment, 1 with a wrong amount, 1 for an unknown number.

    The slips are paid in no order, as people do.
    """
    stride = next(step for step in range(611_953, 700_000) if math.gcd(step, len(slips)) == 1)
    for at in range(count):
        kind, day = at % 100, DAYS[at // FILE_RECORDS % len(DAYS)]
        slip = slips[(at - (kind == 1)) * stride % len(slips)]  # number 1 pays what number 0 has paid
        amount, case_key, outcome = slip.total_yen, slip.case_key, "duplicate_payment" if kind == 1 else "matched"
        if kind == 2:
            amount, outcome = amount + 1, "amount_mismatch"
        elif kind == 3:
            case_key, outcome = f"{10**20 - 1 - at}", "unknown_bill"
        yield outcome, ReceiptRecord(
            f"T{at:015d}", "confirmed", INSTITUTION, case_key, slip.confirmation_number, slip.fund_code, CHANNELS[at % len(CHANNELS)],
            amount, day, day,
        )  # fmt: skip


def write_receipts(gateway: FolderGateway, message: Message, made: Iterable[tuple[str, ReceiptRecord]]) -> dict[str, int]:
    """Signed files of 10,000 receipts in the gateway's folder; how many of each outcome they must give."""
    expected: Counter[str] = Counter()
    for number, group in enumerate(_groups(made)):
        expected.update(outcome for outcome, _ in group)
        records = [record for _, record in group]
        day = records[0].booked_on
        header = {
            "message_id": f"R-{number:06d}", "municipality_code": CODE, "institution_code": INSTITUTION, "business_day": day,
            "created_at": f"{day}T23:59:00+09:00", "record_count": len(records), "total_yen": sum(record.amount_yen for record in records),
        }  # fmt: skip
        gateway.put(INSTITUTION, day, message.writer(records, header))
    gateway.save()
    return dict(sorted(expected.items()))


def _groups(made: Iterable[tuple[str, ReceiptRecord]]) -> Iterator[list[tuple[str, ReceiptRecord]]]:
    rest = iter(made)
    for first in rest:
        yield [first, *(row for _, row in zip(range(FILE_RECORDS - 1), rest, strict=False))]


def pairs(count: int, *, first: int) -> Iterator[tuple[str, BillingRecord]]:
    """(name in the address, bill) of bills that no stage has stored."""
    return ((record.bill_key, record) for record in map(bill, range(first, first + count)))
