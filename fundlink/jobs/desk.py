"""What people at the desk do and look at, as work: each act holds its stream, each look only reads.

The other half of ``Jobs``; see verbs. Called by cli, api, console and demo. It decides nothing: the rules stand in desk and pipeline.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from fundlink import desk
from fundlink.connectors import core_files
from fundlink.desk import acts, bank_accounts, proposals, queue
from fundlink.desk import sending as desk_sending
from fundlink.desk import settling as desk_settling
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.jobs.streams import Streams
from fundlink.pipeline import Ticket, absence, closing, glance, papers, printing, unpaid
from fundlink.pipeline.days import show_day
from fundlink.pipeline.papers import Asked
from fundlink.store.day_rows import Place


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

    def explain(self, transaction_key: str) -> Ticket:
        """Why a payment has its outcome; reads only."""
        return desk.explain_payment(self.rooms, transaction_key)

    def explain_settlement(self, key: str) -> Ticket:
        """Which credits pay a settlement, or what may; reads only."""
        return {**desk_settling.explain_settlement(self.rooms, key), "proposal": proposals.standing(self.rooms, key)}

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

    def proposed_settlements(self) -> list[Ticket]:
        """Proposals that wait for another person; reads only."""
        return proposals.waiting(self.rooms)

    def propose_settlement(self, key: str, suggestion: str, *, reason: str, who: str) -> Ticket:
        """One person says what pays a settlement."""
        with self._stream("reconcile"):
            return proposals.propose(self.rooms, key, suggestion, reason=reason, who=who)

    def accept_proposal(self, key: str, proposal: str, *, who: str) -> Ticket:
        """Another one accepts it."""
        with self._stream("reconcile"):
            return proposals.accept(self.rooms, key, proposal, who=who)

    def drop_proposal(self, key: str, *, who: str) -> Ticket:
        """Take a proposal off the table."""
        with self._stream("reconcile"):
            return proposals.drop(self.rooms, key, who=who)

    def reissue(self, bill: str, who: str, approved_by: str) -> Ticket:
        """A new eL number for a bill."""
        with self._stream("desk"):
            return desk.reissue(self.rooms, bill, who, approved_by)

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

    def fund_rows(self, place: Place, *, after: int = 0, every: bool = False) -> Ticket:
        """The rows behind one fund of a day; reads only."""
        return glance.fund_rows(self.rooms, place, after=after, every=every)

    def shown_paper(self, asked: Asked) -> Ticket:
        """A paper as a screen shows it; reads only."""
        return papers.shown(self.rooms, asked)

    def paper(self, asked: Asked, form: str, out: Path) -> Ticket:
        """Write a paper of the treasurer's office to a file; reads only."""
        return papers.write(self.rooms, asked, form, out)

    def print_slip(self, bill: str, municipality: str | None, out: Path) -> Ticket:
        """The payment slip of one bill into a file; reads only."""
        found = desk.find_bill(self.rooms, bill, municipality)
        core_files.put(out, [printing.print_one(self.rooms, found)], mode=0o600)
        return {"files": [str(out)], "slips": 1, "yen": found.total_yen, "skipped": 0, "not_printed": 0, "problems": []}

    def print_fund(self, fund_code: str, municipality: str | None, out: Path) -> Ticket:
        """The payment slips of a fund into files of a folder; reads only."""
        return printing.print_fund(self.rooms, printing.Asked(fund_code, municipality), out)

    def roll_back(self, file_id: int, who: str, approved_by: str) -> Ticket:
        """Take back what a file did."""
        with self._stream("desk"):
            return desk.roll_back(self.rooms, file_id, who, approved_by)

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
            return desk.waive(self.rooms, ticket)

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

    def case_counts(self, municipality: str | None = None, *, kind: str | None = None, without: str | None = None) -> dict[str, int]:
        """Open cases by kind (of one only, or without one); reads only."""
        return queue.counts(self.rooms, municipality, kind=kind, without=without)

    def waiting_acts(self) -> list[Ticket]:
        """Acts that one person prepared and another has to look at, oldest first; reads only."""
        return queue.waiting(self.rooms)

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
