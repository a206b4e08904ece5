"""The reference ledger: what bills, payments and outcomes must be, computed by the simulation's own few rules.

Fed by the checks with the order in which files and receipts took effect. Shares no code with the product; every rule of the
trade stands here once more, in plain Python over small dictionaries.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.simulation.core import Row


@dataclass
class Bill:
    """One bill as it must stand."""

    row: Row
    cancelled: bool = False
    slips: list[tuple[str, str, str]] = field(default_factory=list)  # institution, case key, confirmation number; oldest first


@dataclass(frozen=True)
class Statement:
    """One receipt record as the product stored it."""

    key: str
    stage: str
    institution: str
    case_key: str
    number: str
    yen: int
    paid_on: str


class Ledger:
    """Bills and payments of all municipalities."""

    def __init__(self) -> None:
        self.bills: dict[str, Bill] = {}
        self.by_slip: dict[tuple[str, str], str] = {}
        self.statements: dict[str, dict[str, Statement]] = {}
        self.conflicts = 0

    def number(self, key: str, slip: tuple[str, str, str]) -> None:
        """A slip that the product has issued for a bill."""
        if key in self.bills and slip not in self.bills[key].slips:
            self.bills[key].slips.append(slip)
            self.by_slip[slip[:2]] = key

    def accept(self, rows: list[Row]) -> dict[str, int]:
        """A file took effect: its counts as intake must have told them."""
        counts = dict.fromkeys(("created", "updated", "unchanged", "cancelled", "conflicts", "rejected"), 0)
        contents: dict[str, set[Row]] = {}
        for row in rows:
            if not row.broken:
                contents.setdefault(row.key, set()).add(row)
        done: set[str] = set()
        for row in rows:
            if row.broken or len(contents[row.key]) > 1:
                counts["rejected"] += 1
            elif row.key in done:
                counts["unchanged"] += 1
            else:
                done.add(row.key)
                counts[self._apply(row)] += 1
        return counts

    def _apply(self, row: Row) -> str:
        known = self.bills.get(row.key)
        if known is None:
            if row.cancel:
                return "unchanged"
            self.bills[row.key] = Bill(row)
            return "created"
        if row.cancel and known.cancelled:
            return "unchanged"
        if not row.cancel and not known.cancelled and row.content == known.row.content:
            return "unchanged"
        if self._paid(known):
            self.conflicts += 1
            return "conflicts"
        known.row, known.cancelled = row, row.cancel
        return "cancelled" if row.cancel else "updated"

    def receive(self, told: Statement) -> None:
        """A receipt record was stored."""
        self.statements.setdefault(told.key, {})[told.stage] = told

    def _standing(self) -> list[Statement]:
        return [self._said(stages) for stages in self.statements.values() if "cancelled" not in stages]

    def _said(self, stages: dict[str, Statement]) -> Statement:
        return stages.get("cancelled") or stages.get("confirmed") or stages["preliminary"]

    def _paid(self, bill: Bill) -> bool:
        slips = set(bill.slips)
        return any((s.institution, s.case_key, s.number) in slips for s in self._standing())

    def outcomes(self) -> dict[str, tuple[str, str]]:
        """(outcome, stage) of every payment."""
        firsts: dict[str, Statement] = {}
        for told in self._standing():
            key = self.by_slip.get((told.institution, told.case_key))
            if key is not None and (told.institution, told.case_key, told.number) in self.bills[key].slips:
                first = firsts.get(key)
                if first is None or (told.paid_on, told.key) < (first.paid_on, first.key):
                    firsts[key] = told
        found = {}
        for transaction, stages in self.statements.items():
            told = self._said(stages)
            stage = "0" if told.stage == "preliminary" else "1"
            found[transaction] = ("withdrawn", "9") if "cancelled" in stages else (self._judge(told, firsts), stage)
        return found

    def _judge(self, told: Statement, firsts: dict[str, Statement]) -> str:
        key = self.by_slip.get((told.institution, told.case_key))
        if key is None:
            return "unknown_bill"
        bill = self.bills[key]
        slip = (told.institution, told.case_key, told.number)
        if slip not in bill.slips:
            return "wrong_confirmation_number"
        if firsts[key].key != told.key:
            return "duplicate_payment"
        if bill.cancelled:
            return "paid_after_cancel"
        if slip != bill.slips[-1]:
            return "paid_after_supersede"
        if told.yen != bill.row.yen:
            return "amount_mismatch"
        return "matched" if told.paid_on <= bill.row.until else "paid_after_limit"
