"""What people at the desk do and look at, as work: each act holds its stream, each look only reads.

The other half of ``Jobs``; see verbs. Called by cli, api, console and demo. It decides nothing: the rules stand in desk and pipeline.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from fundlink import desk
from fundlink.connectors import core_files
from fundlink.desk import acts, bank_accounts, bill_life, payers, proposals, queue, small_funds, taking_back
from fundlink.desk import sending as desk_sending
from fundlink.desk import settling as desk_settling
from fundlink.desk.deeds import deed_of
from fundlink.desk.payers import Looker
from fundlink.desk.proposals import Wanted
from fundlink.desk.search import Sought, search
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.jobs.streams import Streams
from fundlink.pipeline import Ticket, absence, closing, glance, papers, printing, unpaid
from fundlink.pipeline.days import show_day
from fundlink.pipeline.papers import Asked
from fundlink.store.day_rows import Place
from fundlink.store.lookup import BillView

OPERATOR = Looker("fundlink", is_person=False)
"""Whoever may run a command on this machine, where no person is named."""


class Desk(Streams):
    """Acts and looks of staff."""

    def messages(self, state: str | None = None) -> Ticket:
        """Messages that are not at their end, with their attempts; reads only."""
        return desk_sending.listed(self.rooms, state)

    def inquire(self, message_id: str, who: str) -> Ticket:
        """A person asks the gateway about a message now."""
        with self._stream("submit"):
            return desk_sending.inquire(self.rooms, message_id, who)

    def resend(self, message_id: str, decided: desk_sending.Decided) -> Ticket:
        """Two persons send a message again."""
        with self._stream("submit"):
            return desk_sending.resend(self.rooms, message_id, decided)

    def give_up(self, message_id: str, decided: desk_sending.Decided) -> Ticket:
        """Two persons end a message without an answer."""
        with self._stream("submit"):
            return desk_sending.give_up(self.rooms, message_id, decided)

    def explain(self, transaction_key: str, *, scope: Scope = EVERYWHERE) -> Ticket:
        """Why a payment in scope has its outcome; reads only."""
        return desk.explain_payment(self.rooms, transaction_key, scope=scope)

    def explain_settlement(self, key: str) -> Ticket:
        """Which credits pay a settlement, or what may; reads only."""
        return {**desk_settling.explain_settlement(self.rooms, key), "proposal": proposals.standing(self.rooms, "settle", key)}

    def open_settlements(self) -> Ticket:
        """Settlements that nothing settles; reads only."""
        return desk_settling.open_settlements(self.rooms)

    def accept_settlement(self, key: str, suggestion: str, *, reason: str, who: str, approved_by: str) -> Ticket:
        """Two persons choose what pays a settlement."""
        with self._stream("reconcile"):
            return desk_settling.accept_settlement(self.rooms, key, suggestion, reason=reason, who=who, approved_by=approved_by)

    def withdraw_settlement(self, key: str, *, reason: str, who: str, approved_by: str) -> Ticket:
        """Two persons take their choice back."""
        with self._stream("reconcile"):
            return desk_settling.withdraw_settlement(self.rooms, key, reason=reason, who=who, approved_by=approved_by)

    def proposals(self, *, scope: Scope = EVERYWHERE, kind: str | None = None) -> list[Ticket]:
        """Proposals in scope that wait for another person; reads only."""
        return proposals.waiting(self.rooms, scope=scope, kind=kind)

    def proposal(self, proposal_id: int, *, scope: Scope = EVERYWHERE) -> Ticket:
        """One proposal, before and after; reads only."""
        return proposals.look(self.rooms, proposal_id, scope=scope)

    def standing_proposal(self, kind: str, subject: str) -> Ticket | None:
        """The proposal that waits for a subject; reads only."""
        return proposals.standing(self.rooms, kind, subject)

    def propose(self, wanted: Wanted) -> Ticket:
        """One person proposes."""
        with self._stream(deed_of(wanted.kind).stream):
            return proposals.propose(self.rooms, wanted)

    def approve_proposal(self, proposal_id: int, who: str, *, sha256: str = "") -> Ticket:
        """Another one approves, and it is done."""
        with self._stream(proposals.stream_of(self.rooms, proposal_id)):
            return proposals.approve(self.rooms, proposal_id, who, sha256=sha256)

    def refuse_proposal(self, proposal_id: int, who: str, note: str) -> Ticket:
        """Another one says no."""
        with self._stream("desk"):
            return proposals.refuse(self.rooms, proposal_id, who, note)

    def withdraw_proposal(self, proposal_id: int, who: str, note: str = "") -> Ticket:
        """Who proposed it takes it back."""
        with self._stream("desk"):
            return proposals.withdraw(self.rooms, proposal_id, who, note)

    def reissue(self, bill: str, who: str, approved_by: str) -> Ticket:
        """A new eL number for a bill."""
        with self._stream("desk"):
            return taking_back.reissue(self.rooms, bill, who, approved_by)

    def close_day(
        self, day: str, who: str, approved_by: str, *, municipality: str | None = None, override: str | None = None, dry_run: bool = False
    ) -> Ticket:
        """Close a day that ties (or, with a reason, one that does not): both steps in one call."""
        with self._stream("reconcile"), self._rehearsed(dry_run):
            return closing.close_day(self.rooms, day, who, approved_by=approved_by, municipality=municipality, override=override)

    def prepare_close(
        self, day: str, who: str, *, municipality: str | None = None, override: str | None = None, dry_run: bool = False
    ) -> Ticket:
        """The first step of closing a day."""
        with self._stream("reconcile"), self._rehearsed(dry_run):
            return closing.prepare(self.rooms, day, who, municipality=municipality, override=override)

    def approve_close(self, day: str, who: str, *, municipality: str | None = None, dry_run: bool = False) -> Ticket:
        """The second step, by another person."""
        with self._stream("reconcile"), self._rehearsed(dry_run):
            return closing.approve(self.rooms, day, who, municipality=municipality)

    def close_report(self, municipality: str, day: str) -> Ticket:
        """What the persons who close a day look at; reads only."""
        return closing.report(self.rooms, municipality, day)

    def day(self, day: str, *, municipality: str | None = None, diff: bool = False) -> Ticket:
        """How a day stands, its books, and with ``diff`` what came after its close; reads only."""
        return show_day(self.rooms, day, municipality=municipality, diff=diff)

    def morning(self, only: Collection[str] | None = None) -> Ticket:
        """The last business days of every municipality (of ``only``), and the newest of them by its witnesses; reads only."""
        return glance.morning(self.rooms, only)

    def day_at_a_glance(self, municipality: str, day: str) -> Ticket:
        """A municipality's day by its witnesses, from kept sums; reads only."""
        return glance.day_at_a_glance(self.rooms, municipality, day)

    def fund_rows(self, place: Place, *, after: int = 0, every: bool = False, scope: Scope = EVERYWHERE) -> Ticket:
        """The rows behind one fund of a day, payments within the departments of a scope; reads only."""
        return glance.fund_rows(self.rooms, place, after=after, every=every, scope=scope)

    def shown_paper(self, asked: Asked) -> Ticket:
        """A paper as a screen shows it; reads only."""
        return papers.shown(self.rooms, asked)

    def paper(self, asked: Asked, form: str, out: Path) -> Ticket:
        """Write a paper of the treasurer's office to a file; reads only."""
        return papers.write(self.rooms, asked, form, out)

    def template(self, asked: small_funds.Asked, who: str) -> bytes:
        """A workbook for a small fund, its lines numbered."""
        with self._stream("desk"):
            return small_funds.make_template(self.rooms, asked, who)

    def print_slip(self, bill: str, municipality: str | None, out: Path, *, looker: Looker = OPERATOR) -> Ticket:
        """The payment slip of one bill into a file, entered in the trail."""
        found = desk.find_bill(self.rooms, bill, municipality)
        with self._owner():
            core_files.put(out, [self.slip_of(found, looker)], mode=0o600)
        return {"files": [str(out)], "slips": 1, "yen": found.total_yen, "skipped": 0, "not_printed": 0, "problems": []}

    def print_fund(self, fund_code: str, municipality: str | None, out: Path, *, looker: Looker = OPERATOR) -> Ticket:
        """The payment slips of a fund into files of a folder, each file entered in the trail."""
        noted = partial(payers.note_many, self.rooms, looker)
        with self._owner():
            return printing.print_fund(self.rooms, printing.Asked(fund_code, municipality), out, noted)

    def slip_of(self, bill: BillView, looker: Looker) -> bytes:
        """The payment slip of a bill as PDF, entered in the trail."""
        return payers.slip_of(self.rooms, bill, looker)

    def payer_of(self, bill: BillView, looker: Looker) -> dict[str, str]:
        """Who a bill is for, entered in the trail."""
        return payers.payer_of(self.rooms, bill, looker)

    def find_bill(self, name: str, *, scope: Scope = EVERYWHERE) -> BillView:
        """A bill in scope by its key; reads only."""
        return desk.find_bill(self.rooms, name, scope=scope)

    def bill_life(self, name: str, *, scope: Scope = EVERYWHERE) -> Ticket:
        """One bill in scope from its assessment to its clearing; reads only."""
        return bill_life.life(self.rooms, name, scope=scope)

    def search(self, sought: Sought, *, scope: Scope = EVERYWHERE) -> Ticket:
        """Bills and payments in scope by what people have in their hands; reads only."""
        return search(self.rooms, sought, scope=scope)

    def towns(self) -> list[Ticket]:
        """Registered municipalities; reads only."""
        return list(desk.municipalities(self.rooms)["municipalities"])

    def roll_back(self, file_id: int, who: str, approved_by: str) -> Ticket:
        """Take back what a file did."""
        with self._stream("desk"):
            return taking_back.roll_back(self.rooms, file_id, who, approved_by)

    def expected(self, ticket: Ticket) -> Ticket:
        """Which files should have come, and which have not; reads only. Ticket: day, until, municipality, all."""
        return absence.expected(self.rooms, ticket)

    def watermark(self, until: str | None = None, municipality: str | None = None) -> Ticket:
        """Whether everything up to a day is in, applied and posted, and why not; reads only."""
        return absence.watermark(self.rooms, {"until": until, "municipality": municipality})

    def ageing(self, municipality: str | None = None, *, subjects: Collection[str] | None = None) -> Ticket:
        """What has waited longer than its limit (only of some ``subjects``); reads only."""
        return absence.aged(self.rooms, {"municipality": municipality, "subjects": subjects})

    def unpaid(self, until: str, municipality: str, out: Path) -> Ticket:
        """The list of unpaid bills at a cut-off, refused until all that tells of payments is in."""
        with self._stream("reconcile"):
            return unpaid.list_unpaid(self.rooms, {"until": until, "municipality": municipality, "out": str(out)})

    def waive(self, ticket: Ticket) -> Ticket:
        """Two persons declare that a file will not come. Ticket: municipality, kind, day, reason, who, approved_by."""
        with self._stream("desk"):
            return taking_back.waive(self.rooms, ticket)

    def add_account(self, wanted: bank_accounts.Wanted) -> Ticket:
        """Two persons register an account of a municipality."""
        with self._stream("desk"):
            return bank_accounts.add_account(self.rooms, wanted)

    def accounts(self, municipality: str | None = None) -> Ticket:
        """Registered accounts; reads only."""
        return bank_accounts.accounts(self.rooms, municipality)

    def cases(self, filters: Mapping[str, str | None], after: tuple[str, str] | None = None, limit: int = queue.PAGE, *, scope: Scope = EVERYWHERE) -> Ticket:  # fmt: skip
        """Open cases in scope, oldest first; reads only."""
        return queue.page(self.rooms, filters, after, limit, scope=scope)

    def case(self, name: str, *, scope: Scope = EVERYWHERE) -> Ticket:
        """One case in scope with all about it; reads only."""
        return queue.show(self.rooms, name, scope=scope)

    def case_counts(self, municipality: str | None = None, *, kind: str | None = None, without: str | None = None, scope: Scope = EVERYWHERE) -> dict[str, int]:  # fmt: skip
        """Open cases in scope by kind (of one only, or without one); reads only."""
        return queue.counts(self.rooms, municipality, kind=kind, without=without, scope=scope)

    def waiting_acts(self, *, scope: Scope = EVERYWHERE) -> list[Ticket]:
        """Acts in scope that one person prepared and another has to look at, oldest first; reads only."""
        return queue.waiting(self.rooms, scope=scope)

    def assign_case(self, name: str, owner: str, who: str) -> Ticket:
        """Who looks after a case."""
        with self._stream("desk"):
            return queue.assign(self.rooms, name, owner, who)

    def assign_cases(self, names: Sequence[str], owner: str, who: str) -> list[Ticket]:
        """Who looks after several cases; all of them or none."""
        with self._stream("desk"):
            return queue.assign_all(self.rooms, names, owner, who)

    def act(self, act_id: int, *, scope: Scope = EVERYWHERE) -> Ticket:
        """One act, before and after; reads only."""
        return acts.look(self.rooms, act_id, scope=scope)

    def prepare_act(self, asked: acts.Asked) -> Ticket:
        """One person prepares."""
        with self._stream("desk"):
            return acts.prepare(self.rooms, asked)

    def approve_act(self, act_id: int, who: str, *, sha256: str = "") -> Ticket:
        """Another one approves, and it is carried out."""
        with self._stream("desk"):
            return acts.approve(self.rooms, act_id, who, sha256=sha256)

    def refuse_act(self, act_id: int, who: str, note: str) -> Ticket:
        """Another one says no."""
        with self._stream("desk"):
            return acts.refuse(self.rooms, act_id, who, note)

    def withdraw_act(self, act_id: int, who: str, note: str = "") -> Ticket:
        """Who prepared it takes it back."""
        with self._stream("desk"):
            return acts.withdraw(self.rooms, act_id, who, note)
