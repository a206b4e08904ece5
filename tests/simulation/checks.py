"""What must hold after every event: the product's invariants, and the product against the books of the other sides.

Called by the world. The other sides' books are the fake gateway's register and offers, the core systems' postings and the
reference ledger; nothing is compared with a number that the product told about itself.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tests.simulation.invariants import Invariants
from tests.simulation.ledger import Ledger, Statement

if TYPE_CHECKING:
    from tests.simulation.world import World

_RECEIPTS = """SELECT r.id, r.transaction_key, r.stage, r.institution_code, r.case_key, r.confirmation_number, r.fund_code, r.channel,
    r.amount_yen, r.paid_on, r.booked_on, r.municipality_code, f.remote_id FROM receipt r JOIN received_file f ON f.id = r.received_id
    WHERE r.id > {} ORDER BY r.id"""
_BILLS = """SELECT b.bill_key, b.municipality_code, v.charge_yen, v.reminder_fee_yen, v.total_yen, v.due_on, v.payable_until,
    COALESCE((SELECT r.effect FROM revision r WHERE r.bill_id = b.id AND r.effect <> 'conflict' ORDER BY r.id DESC LIMIT 1), 'created')
    FROM bill b JOIN bill_version v ON v.id = COALESCE((SELECT r.version_id FROM revision r WHERE r.bill_id = b.id
      AND r.effect <> 'conflict' ORDER BY r.id DESC LIMIT 1), b.id)"""
_SLIPS = """SELECT b.bill_key, s.institution_code, s.case_key, s.confirmation_number, s.municipality_code, b.municipality_code
    FROM slip s JOIN bill b ON b.id = s.bill_id ORDER BY s.bill_id, s.issue_count"""
_OUTCOMES = """SELECT o.transaction_key, o.outcome FROM outcome o
    WHERE o.id = (SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = o.transaction_key)"""
_PAIRS = (
    ("intake.accept", "SELECT COUNT(*) FROM file_event WHERE event = 'accepted'"),
    ("intake.quarantine", "SELECT COUNT(*) FROM file_event WHERE event = 'quarantined'"),
    ("submit.compose", "SELECT COUNT(*) FROM message"),
    ("submit.acknowledge", "SELECT COUNT(*) FROM message_event WHERE event = 'answered'"),
    ("submit.reject", "SELECT COUNT(*) FROM message_event WHERE event = 'rejected'"),
    ("collect.apply", "SELECT COUNT(*) FROM received_file WHERE state = 'applied'"),
    ("collect.quarantine", "SELECT COUNT(*) FROM received_file WHERE state = 'quarantined'"),
    ("export.clearing", "SELECT COUNT(*) FROM export_delivery d JOIN export_file f ON f.id = d.export_file_id WHERE f.kind = 'clearing'"),
    ("export.slips", "SELECT COUNT(*) FROM export_delivery d JOIN export_file f ON f.id = d.export_file_id WHERE f.kind = 'slips'"),
    (
        "desk.reissue",
        """SELECT COUNT(*) FROM slip s WHERE s.issue_count > 1 AND NOT EXISTS (SELECT 1 FROM bill_version v
        WHERE v.case_key = s.case_key AND v.municipality_code = s.municipality_code)""",
    ),
    ("unpaid.list", "SELECT COUNT(*) FROM unpaid_list"),
)
"""What the trail must tell, once for each fact."""


class Checks:
    """All checks of one run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.invariants = Invariants(world.store)
        self.ledger = Ledger()
        self._files = self._received = self._receipts = 0
        self.applied: set[str] = set()
        self._told: dict[str, str] = {}

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        """Rows of a query of ours, on either database."""
        if self.invariants.glass is not None:
            return self.invariants.glass.rows(text)
        with self._world.store.read() as connection:
            return [tuple(row) for row in connection.execute(sa.text(text.replace(":", "\\:")))]

    def after_event(self, *, everything: bool = False) -> list[str]:
        """What is wrong after an event; nothing is looked at again that cannot have changed."""
        written = self._world.storage.written
        self._world.storage.written = set()
        found = [*self._world.register.wrong, *(told for core in self._world.cores for told in core.wrong)]
        if not written and not everything:
            return found
        plain = self._world.store.is_sqlite and not everything
        found += self.follow()
        found += self.invariants.broken(written if plain else None)
        if everything or not plain or written & {"bill", "revision", "bill_version", "slip"}:
            found += self._bills()
        if everything or not plain or written & {"outcome", "pending_receipt"}:
            found += self._outcomes()
        found += self._trail()
        if everything or not plain or written & {"slip_state", "message_event"}:
            found += self._messages()
        return found

    def follow(self) -> list[str]:
        """Feed the reference ledger with what took effect since the last time, in the order in which it did."""
        found = self._new_receipts()
        for event_id, sha256, summary, code in self.rows(
            f"""SELECT e.id, f.sha256, e.summary, e.municipality_code FROM file_event e JOIN file f ON f.id = e.file_id
                WHERE e.event = 'accepted' AND e.id > {self._files} ORDER BY e.id"""
        ):
            self._files = int(event_id)
            file = self._world.sent.get(str(sha256))
            if file is None or not file.good:
                found.append("I-15 a file that cannot be trusted was accepted")
                continue
            self._slips()
            counts = self.ledger.accept(file.rows)
            told = {name: json.loads(summary)[name] for name in counts}
            if told != counts:
                found.append(f"I-14 {file.name} of {code}: {told} should be {counts}")
            self._world.note_conflicts(counts["conflicts"])
        self._slips()
        return found

    def _slips(self) -> None:
        for key, institution, case_key, number, *_ in self.rows(_SLIPS):
            self.ledger.number(str(key), (str(institution), str(case_key), str(number)))

    def _new_receipts(self) -> list[str]:
        found = []
        for row in self.rows(_RECEIPTS.format(self._receipts)):
            self._receipts, key, stage = int(row[0]), str(row[1]), str(row[2])
            payment = self._world.register.payments.get(key)
            if payment is None or stage not in payment.stages:
                found.append(f"I-10 receipt {key} {stage} was never sent")
                continue
            sent = (
                payment.institution, payment.case_key, payment.number, payment.fund, payment.channel, payment.yen, payment.paid_on,
                payment.booked_on,
            )  # fmt: skip
            if tuple(row[3:11]) != sent or type(row[8]) is not int:
                found.append(f"I-16 receipt {key} {stage} is not as it was sent")
            if str(row[11])[:5] != payment.institution:
                found.append(f"I-24 receipt {key} lies with {row[11]}")
            offer = self._world.offers.files.get(str(row[12]).split("#")[0])
            if offer is None or not offer.good or (key, stage) not in offer.says:
                found.append(f"I-10 receipt {key} {stage} rests on a file that does not say so")
            self.ledger.receive(Statement(key, stage, str(row[3]), str(row[4]), str(row[5]), int(row[8]), str(row[9])))
        return found

    def _bills(self) -> list[str]:
        stored = {str(row[0]): row for row in self.rows(_BILLS)}
        if stored.keys() != self.ledger.bills.keys():
            return [f"I-08 bills differ: {sorted(stored.keys() ^ self.ledger.bills.keys())[:3]}"]
        found = []
        for key, bill in self.ledger.bills.items():
            _, code, charge, reminder, total, due, until, effect = stored[key]
            if (charge, reminder, total) != (bill.row.charge, bill.row.reminder, bill.row.yen) or (due, until) != bill.row[5:7]:
                found.append(f"I-04 bill {key} stands at {total}, should be {bill.row.yen}")
            if (effect == "cancelled") != bill.cancelled:
                found.append(f"I-04 bill {key} is {effect}")
            if code != bill.row.code:
                found.append(f"I-24 bill {key} lies with {code}")
        numbered = [(str(r[1]), str(r[2])) for r in self.rows(_SLIPS)]
        if len(set(numbered)) != len(numbered) or any(str(r[4])[:5] != r[1] or r[4] != r[5] for r in self.rows(_SLIPS)):
            found.append("I-24 an eL number is not its municipality's alone")
        return found

    def _outcomes(self) -> list[str]:
        if self.rows("SELECT 1 FROM pending_receipt LIMIT 1"):
            return []
        stored = {str(key): str(outcome) for key, outcome in self.rows(_OUTCOMES)}
        wanted = {key: outcome for key, (outcome, _) in self.ledger.outcomes().items()}
        wrong = sorted(key for key in stored.keys() | wanted.keys() if stored.get(key) != wanted.get(key))
        return [f"I-01 {key} is {stored.get(key)}, should be {wanted.get(key)}" for key in wrong[:3]]

    def _trail(self) -> list[str]:
        told = dict(self.rows("SELECT act, COUNT(*) FROM audit GROUP BY act"))
        found = []
        for act, query in _PAIRS:
            facts = self.rows(query)[0][0]
            if int(told.get(act, 0)) != int(facts):
                found.append(f"I-25 {act}: {told.get(act, 0)} entries for {facts} facts")
        recorded = sum(json.loads(row[0])["recorded"] for row in self.rows("SELECT detail FROM audit WHERE act = 'reconcile.classify'"))
        if recorded != self.rows("SELECT COUNT(*) FROM outcome")[0][0]:
            found.append("I-25 outcomes without an entry")
        latest = {str(r[0]): str(r[1]) for r in self.rows("SELECT act, MAX(at) FROM audit GROUP BY act")}
        ahead = self._world.clock.latest()
        if any(at[:19] > ahead for at in latest.values()):
            found.append("I-34 an entry is of a time that has not come")
        return found

    def _messages(self) -> list[str]:
        """What we call answered was answered; what we call registered is in the gateway's register."""
        register = self._world.register
        found = []
        for message_id, raw in self.rows("SELECT message_id, raw_id FROM message_event WHERE event = 'answered'"):
            if message_id not in register.messages and message_id not in register.forgotten:
                found.append(f"I-05 {message_id} was never answered")
            if raw is None:
                found.append(f"I-09 the answer to {message_id} was not kept")
        registered = """SELECT s.institution_code, s.case_key, b.municipality_code FROM slip_state t JOIN slip s ON s.id = t.slip_id
            JOIN bill b ON b.id = s.bill_id WHERE t.event = 'acknowledge'"""
        for institution, case_key, _ in self.rows(registered):
            if (institution, case_key) not in register.slips and not register.forgotten:
                found.append(f"I-05 {case_key} is called registered")
        return found

    def before_submit(self, message_id: str, body: bytes) -> list[str]:
        """A message leaves: it must stand under its id, with these bytes, and be noted as sent."""
        kept = self.rows(
            f"""SELECT w.sha256, (SELECT COUNT(*) FROM message_event e WHERE e.message_id = m.id AND e.event = 'sent')
                FROM message m JOIN raw w ON w.id = m.raw_id WHERE m.id = '{message_id}'"""
        )
        if not kept or not int(kept[0][1]):
            return [f"I-06 {message_id} is sent before it is stored"]
        return [] if kept[0][0] == hashlib.sha256(body).hexdigest() else [f"I-06 {message_id} is sent with other bytes than were stored"]

    def submitted(self, unknown: int) -> list[str]:
        """What a submit says has no answer has none, whichever of its steps were killed and gone on with."""
        open_slips = int(self.rows("SELECT COALESCE(SUM(m.records), 0) FROM message m JOIN open_message o ON o.message_id = m.id")[0][0])
        return [] if unknown == open_slips else [f"submit says {unknown} slips are unknown, {open_slips} have no answer"]

    def acknowledged(self, sha256: str, told: dict[str, Any]) -> list[str]:
        """A core system was told about its file; that must have happened."""
        events = [str(row[0]) for row in self.rows(f"SELECT e.event FROM file_event e JOIN file f ON f.id = e.file_id WHERE f.sha256 = '{sha256}'")]  # fmt: skip
        file = self._world.sent[sha256]
        if told.get("quarantined"):
            return ([] if "quarantined" in events else [f"I-08 {file.name}: quarantine not kept"]) + (
                [f"I-14 {file.name} was quarantined and is good"] if file.good else []
            )
        if "accepted" not in events:
            return [f"I-08 {file.name}: acknowledged and not there"]
        return []
