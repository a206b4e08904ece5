"""What the fake gateway and the bank offer for fetching: files with numbers, late, twice, in halves, with flipped bits.

Driven by the world, read through the wire. Knows which file can be trusted, and what stands in it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import NamedTuple

from mock_eltax import bank, documents
from tests.simulation.faults import Faults
from tests.simulation.register import Payment, check_digit
from tests.simulation.seals import FORGERIES, Pair, forge, seal

SECOND_PART = 1_000_000
"""What the number of the rest of a credit is higher by."""


@dataclass
class Offer:
    """One file in the list of an institution."""

    file_id: str
    institution: str
    sequence: int
    kind: str
    day: str
    body: bytes
    visible_at: dt.datetime
    good: bool
    says: list[tuple[str, ...]] = field(default_factory=list)  # receipts (key, stage), settlements (key, edition), credits (number,)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass
class Notice:
    """One line of a settlement, as the gateway believes it."""

    key: str
    edition: int
    institution: str
    fund: str
    day: str
    count: int
    gross: int
    fee: int
    transfer_on: str
    credit_number: int

    @property
    def net(self) -> int:
        return self.gross - self.fee


class Owed(NamedTuple):
    """What the bank pays in for a line of a settlement, whole or in two parts."""

    on: str
    institution: str
    key: str
    yen: int
    number: int


class Offers:
    """All files of all institutions."""

    def __init__(self, rng: Random, faults: Faults, own: Pair, now: Callable[[], dt.datetime]) -> None:
        self._rng, self._faults, self._own, self._now = rng, faults, own, now
        self.files: dict[str, Offer] = {}
        self.notices: dict[tuple[str, int], Notice] = {}
        self._owed: list[Owed] = []
        self._opening = {"": 0}

    def listed(self, institution: str, after: int) -> list[Offer]:
        """What may be seen now, by number."""
        found = [f for f in self.files.values() if f.institution == institution and f.sequence > after and f.visible_at <= self._now()]
        return sorted(found, key=lambda offer: offer.sequence)[:100]

    def all_at_once(self) -> None:
        """Faults are over: what was late is there."""
        for offer in self.files.values():
            offer.visible_at = min(offer.visible_at, self._now())

    def _put(self, institution: str, about: tuple[str, str], body: bytes, says: list[tuple[str, ...]]) -> None:
        """Offer a file, with what goes wrong on this side of the wire."""
        kind, day = about
        late = dt.timedelta()
        if self._faults.strikes("T06"):
            late = dt.timedelta(hours=self._rng.randrange(2, 30))
        if self._faults.strikes("T07"):
            late = dt.timedelta(hours=self._rng.randrange(8, 120))
        if says and self._faults.strikes("T08"):
            self._add(institution, about, body[: self._rng.randrange(len(body) // 3, len(body) - 60)], late, good=False)
            late += dt.timedelta(hours=self._rng.randrange(1, 30))
        if says and self._faults.strikes("T09", 0.5):
            self._add(institution, about, self._flipped(kind, body), late, good=False)
            late += dt.timedelta(hours=self._rng.randrange(1, 30))
        self._add(institution, (kind, day), body, late, good=True, says=says)
        while self._faults.strikes("T05"):
            self._add(institution, about, body, late + dt.timedelta(hours=self._rng.randrange(1, 60)), good=True, says=says)

    def _add(
        self,
        institution: str,
        about: tuple[str, str],
        body: bytes,
        late: dt.timedelta,
        *,
        good: bool,
        says: list[tuple[str, ...]] | None = None,
    ) -> None:
        number = 1 + sum(offer.institution == institution for offer in self.files.values())
        file_id = f"{institution}-{number:04d}"
        self.files[file_id] = Offer(file_id, institution, number, about[0], about[1], body, self._now() + late, good, says or [])

    def _flipped(self, kind: str, body: bytes) -> bytes:
        if kind == "bank_credit":  # a bank file has totals and no seal: a digit of an amount
            at = 202 + 35
            return body[:at] + bytes([48 + (body[at] - 48 + 1 + self._rng.randrange(8)) % 10]) + body[at + 1 :]
        spoiled = bytearray(body)
        for _ in range(self._rng.choice((1, 2, 64))):
            at = self._rng.randrange(len(spoiled))
            spoiled[at] ^= 1 << self._rng.randrange(8)
        return bytes(spoiled) if bytes(spoiled) != body else b"?" + body

    def _header(self, institution: str, about: tuple[str, str], count: int, yen: int) -> list[tuple[str, str | int]]:
        letter, day = about
        return [
            ("MessageId", f"{letter}-{institution}-{len(self.files) + 1}"), ("MunicipalityCode", institution + check_digit(institution)),
            ("InstitutionCode", institution), ("BusinessDay", day), ("CreatedAt", self._now().isoformat(timespec="seconds")),
            ("RecordCount", count), ("TotalYen", yen),
        ]  # fmt: skip

    def receipts(self, institution: str, day: str, told: list[tuple[Payment, str]]) -> None:
        """Receipts of a day (payment, stage) in one file, or in two with some records in both."""
        parts = [told]
        if len(told) > 2 and self._faults.strikes("T05"):
            middle = len(told) // 2
            parts = [told[:middle], told[self._rng.randrange(middle) :]]
        for part in parts:
            if part and self._faults.strikes("T47"):  # a payment more than there was
                self._forged(institution, ("receipt", day), self._receipt_file(institution, day, [*part, _invented(part)]))
            body = seal(self._receipt_file(institution, day, part), self._own)
            self._put(institution, ("receipt", day), body, [(p.key, stage) for p, stage in part])
        for payment, stage in told:
            payment.stages += [stage] if stage not in payment.stages else []

    def _receipt_file(self, institution: str, day: str, told: list[tuple[Payment, str]]) -> bytes:
        rows = [
            documents.record(
                "Receipt",
                [
                    ("TransactionKey", p.key), ("Stage", stage), ("CaseKey", p.case_key), ("ConfirmationNumber", p.number),
                    ("FundCode", p.fund), ("Channel", p.channel), ("AmountYen", p.yen), ("PaidOn", p.paid_on), ("BookedOn", p.booked_on),
                ],
            )
            for p, stage in told
        ]  # fmt: skip
        return documents.write("ReceiptFile", self._header(institution, ("R", day), len(rows), sum(p.yen for p, _ in told)), rows)

    def _forged(self, institution: str, about: tuple[str, str], document: bytes) -> None:
        """Somebody on the way offers a file of his own; nothing of it may ever count."""
        self._add(institution, about, forge(document, self._own, self._rng.choice(FORGERIES)), dt.timedelta(), good=False)

    def settlements(self, institution: str, day: str, sums: dict[str, tuple[int, int]]) -> list[Notice]:
        """The notice of a day: (count, gross) by fund. What has to be put right later comes back."""
        transfer = (dt.date.fromisoformat(day) + dt.timedelta(days=3)).isoformat()
        true = [
            Notice(
                f"S{institution}{fund}{day.replace('-', '')[2:]}", 1, institution, fund, day, count, gross, count * 3, transfer,
                len(self.notices) + at,
            )
            for at, (fund, (count, gross)) in enumerate(sorted(sums.items()), 1)
        ]  # fmt: skip
        said, wrong = [], []
        for notice in true:
            self.notices[notice.key, 1] = notice
            self._owed.append(Owed(transfer, institution, notice.key, notice.net, notice.credit_number))
            if self._faults.strikes("T10"):
                false = Notice(**{**vars(notice), "gross": notice.gross + 10 ** self._rng.randrange(4)})
                self.notices[notice.key, 1] = false
                wrong.append(Notice(**{**vars(notice), "edition": 2}))
                said.append(false)
            else:
                said.append(notice)
        self.notice(institution, day, said)
        return wrong

    def notice(self, institution: str, day: str, lines: list[Notice]) -> None:
        """Send lines of a notice."""
        for line in lines:
            self.notices[line.key, line.edition] = line
        if lines and self._faults.strikes("T47"):
            more = Notice(**{**vars(lines[0]), "key": lines[0].key[:-1] + "X"})
            self._forged(institution, ("settlement", day), self._settlement_file(institution, day, [*lines, more]))
        body = seal(self._settlement_file(institution, day, lines), self._own)
        self._put(institution, ("settlement", day), body, [(n.key, str(n.edition)) for n in lines])

    def _settlement_file(self, institution: str, day: str, lines: list[Notice]) -> bytes:
        rows = [
            documents.record(
                "Settlement",
                [
                    ("SettlementKey", n.key), ("Edition", n.edition), ("FundCode", n.fund), ("BusinessDay", n.day), ("ReceiptCount", n.count),
                    ("GrossYen", n.gross), ("FeeYen", n.fee), ("NetYen", n.net), ("TransferOn", n.transfer_on),
                ],
            )
            for n in lines
        ]  # fmt: skip
        return documents.write("SettlementFile", self._header(institution, ("S", day), len(rows), sum(n.gross for n in lines)), rows)

    def statement(self, institution: str, day: str) -> None:
        """The bank's file of a day, if money came. The bank errs too: it pays less, and the rest some days later."""
        came = [self._paid(owed) for owed in self._owed if owed.on <= day and owed.institution == institution]
        if not came:
            return
        self._owed = [owed for owed in self._owed if not (owed.on <= day and owed.institution == institution)]
        self._owed += [rest for _, rest in came if rest is not None]
        movements = [bank.Credit(owed.key, owed.yen, owed.number) for owed, _ in came]
        opening = self._opening.get(institution, 10**6)
        self._opening[institution] = opening + sum(credit.yen for credit in movements)
        body = bank.write_statement(bank.Statement(dt.date.fromisoformat(day), opening, movements, institution.zfill(7)))
        self._put(institution, ("bank_credit", day), body, [(str(owed.number),) for owed, _ in came])

    def _paid(self, owed: Owed) -> tuple[Owed, Owed | None]:
        """What is paid in of it today, and what is left for later."""
        if owed.yen < 2 or not self._faults.strikes("T10"):
            return owed, None
        short = min(10 ** self._rng.randrange(4), owed.yen - 1)
        later = (dt.date.fromisoformat(owed.on) + dt.timedelta(days=self._rng.randrange(1, 4))).isoformat()
        return owed._replace(yen=owed.yen - short), owed._replace(on=later, yen=short, number=owed.number + SECOND_PART)


def _invented(told: list[tuple[Payment, str]]) -> tuple[Payment, str]:
    """A payment that nobody made, in the words of one that somebody did."""
    payment, _ = told[-1]
    return replace(payment, key=payment.key[:-1] + "X", yen=payment.yen + 1000), "confirmed"
