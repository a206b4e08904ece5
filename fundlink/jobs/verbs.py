"""The verbs as work: each holds its stream, runs its steps and gives the numbers that commands and answers print.

Called by cli, api and demo, and by the engine for one step at a time: a verb is a list of named idempotent steps with a ticket
that JSON can hold. It never imports the engine; who wants files to be taken in by workers gives it something that asks them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from fundlink import bootstrap, desk, pipeline
from fundlink.connectors import core_files
from fundlink.desk import acts, bank_accounts, proposals, queue
from fundlink.desk import sending as desk_sending
from fundlink.desk import settling as desk_settling
from fundlink.domain.errors import BusyError, ConfigurationError
from fundlink.domain.problems import Problem
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.domain.values import is_municipality_code
from fundlink.jobs.tasks import Task, Workers
from fundlink.pipeline import Rooms, Ticket, absence, bank, closing, glance, papers, printing, unpaid
from fundlink.pipeline.days import show_day
from fundlink.pipeline.papers import Asked
from fundlink.store import vault
from fundlink.store.day_rows import Place

_INTAKE_KEYS = (
    "file", "read", "accepted", "created", "updated", "unchanged", "cancelled", "conflicts", "rejected", "accepted_yen", "rejected_yen",
    "duplicate_of", "quarantined", "problems", "result_file", "file_id",
)  # fmt: skip
STILL_S = 5.0
TURN_S = 60.0
"""How long a thread waits for another one of this process in the same stream before it is told that it is busy."""
REPORT = ("report", pipeline.intake_report)
"""What ends an intake, whatever became of the file."""


class Jobs:
    """All verbs over one set of rooms. ``owned``: this process already owns the data folder (serve, work, demo)."""

    def __init__(self, rooms: Rooms, *, owned: bool = False, workers: Workers | None = None) -> None:
        self.rooms, self._owned, self._workers = rooms, owned, workers
        self._turns: dict[str, threading.Lock] = {}

    @contextmanager
    def _stream(self, name: str, part: str = "") -> Iterator[None]:
        """A stream, or on PostgreSQL the part of a municipality in it: two workers serve two of them at once."""
        turn = name if self.rooms.store.is_sqlite else f"{name}:{part}"
        with self._turn(turn), nullcontext() if self._owned else bootstrap.owner(self.rooms), self.rooms.store.stream_lock(name, part):
            yield

    def step(self, verb: str, name: str, ticket: Ticket) -> Ticket:
        """One named step of a verb, for the engine; BusyError while somebody else is in the stream of its municipality."""
        with self._stream(verb, ticket.get("municipality") or ""):
            return dict((*pipeline.VERBS[verb], REPORT))[name](self.rooms, ticket)

    @contextmanager
    def _turn(self, name: str) -> Iterator[None]:
        """Threads of one process (worker and API share one Jobs) take turns in a stream."""
        lock = self._turns.setdefault(name, threading.Lock())
        if not lock.acquire(timeout=TURN_S):
            raise BusyError(name)
        try:
            yield
        finally:
            lock.release()

    def intake(self, path: Path, profile: str, *, municipality: str | None = None, dry_run: bool = False, channel: str = "file") -> Ticket:
        """Take one file; the numbers of contract section 1. With ``dry_run`` the same numbers and no trace."""
        core_files.check_regular(path)
        if self._workers is not None and not dry_run:
            told = {"name": core_files.shown(path.name), "profile": profile, "municipality": municipality or "", "channel": channel}
            return self._chosen(self.handed(core_files.pieces(path), told))
        ticket = {"path": str(path), "profile": profile, "municipality": municipality or "", "channel": channel, "dry_run": dry_run}
        with self._stream("intake"), self._rehearsed(dry_run):
            return self._intake(ticket)

    def intake_sent(self, pieces: Iterable[bytes], ticket: Ticket) -> Ticket:
        """Take bytes that came over HTTP: kept first, then the same road. The ticket carries name, profile, municipality, dry_run."""
        if self._workers is not None and not ticket["dry_run"] and self._workers.anybody():
            return self._chosen(self.handed(pieces, {**ticket, "channel": "api"}))
        with self._stream("intake"), self.rooms.store.rehearsal() if ticket["dry_run"] else nullcontext():
            return self._intake({**ticket, **self._kept(pieces, ticket["name"]), "channel": "api"})

    def bills(self, rows: Sequence[bytes], profile: str) -> Ticket:
        """Take bills that were sent one by one and waited together, inside the transaction that the caller opened: one batch, one line each."""
        ticket = {**self._kept(rows, "bill.json"), "name": "bill.json", "profile": profile, "channel": "api-bill"}
        return pipeline.run(self.rooms, pipeline.INTAKE, ticket)

    def handed(self, pieces: Iterable[bytes], ticket: Ticket) -> Ticket:
        """Bytes and their intake are kept in one transaction with the task that asks a worker to take them; what the worker says."""
        assert self._workers is not None
        with self.rooms.store.together() as connection:
            ticket = {**ticket, **self._kept(pieces, ticket["name"])}
            ticket = {**ticket, **dict(pipeline.INTAKE)["keep"](self.rooms, ticket)}
            task = Task("intake", f"{ticket.get('file_id')}-{ticket['raw_id']}", ticket.get("municipality") or "", ticket)
            asked = bool(ticket.get("end")) or self._workers.ask_within(connection, task)
        if ticket.get("end"):
            return {**ticket, **pipeline.intake_report(self.rooms, ticket)}
        if not asked:
            self._workers.ask(task)
        return self._workers.answer(task)

    def asking(self, workers: Workers) -> Jobs:
        """The same verbs, files being taken in by workers."""
        other = Jobs(self.rooms, owned=self._owned, workers=workers)
        other._turns = self._turns
        return other

    def _kept(self, pieces: Iterable[bytes], name: str) -> Ticket:
        with self.rooms.store.write() as connection:
            kept = vault.keep(connection, pieces, direction="in", kind="billing", name=name, at=self.rooms.now())
        return {"raw_id": kept.raw_id, "sha256": kept.sha256, "bytes": kept.size}

    def _intake(self, ticket: Ticket) -> Ticket:
        done = pipeline.run(self.rooms, pipeline.INTAKE, ticket)
        return self._chosen({**done, **pipeline.intake_report(self.rooms, done)})

    def _chosen(self, done: Ticket) -> Ticket:
        return {key: done.get(key) for key in _INTAKE_KEYS}

    def intake_folder(self, folder: Path, profile: str, *, municipality: str | None = None, still_s: float = STILL_S) -> list[Ticket]:
        """Take every complete file of a drop folder; taken ones move to ``done``, quarantined ones to ``error``."""
        results = []
        for path in core_files.waiting(folder, still_s, time.time()):
            result = self.intake(path, profile, municipality=municipality, channel="folder")
            core_files.move(path, folder / ("error" if result["quarantined"] else "done"))
            results.append(result)
        return results

    def intake_bank(self, path: Path, profile: str, municipality: str) -> Ticket:
        """Take one bank file that a person hands over."""
        core_files.check_regular(path)
        with self._stream("collect"):
            return bank.intake_bank(self.rooms, path, profile, municipality)

    def _intake_bank_folders(self, folder: Path, still_s: float = STILL_S) -> list[Ticket]:
        """Bank files of a drop folder: a folder below it a municipality, named by its code."""
        results = []
        for own in sorted(path for path in folder.iterdir() if path.is_dir() and is_municipality_code(path.name)):
            for path in core_files.waiting(own, still_s, time.time()):
                results.append(self.intake_bank(path, folder.name, own.name))
                core_files.move(path, own / ("error" if results[-1]["quarantined"] else "done"))
        return results

    def submit(self) -> Ticket:
        """Tell the gateway what it does not know yet."""
        keys = ("messages", "slips", "registered", "refused", "unknown", "waiting", "person", "next_try_at", "problems")
        return self._verb("submit", {}, keys)

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

    def collect(self, *, retry: bool = False) -> Ticket:
        """Fetch receipts, settlements and bank files; with ``retry`` read quarantined ones once more."""
        return self._verb("collect", {"retry": retry}, ("receipts", "settlements", "bank_credits", "duplicates", "quarantined", "problems"))

    def reconcile(self, day: str | None = None, municipality: str | None = None, *, dry_run: bool = False) -> Ticket:
        """Classify what came and tie the days. With ``dry_run`` the same report and no trace."""
        keys = ("outcomes", "outcomes_yen", "days", "control", "problems")
        return self._verb("reconcile", {"day": day, "municipality": municipality}, keys, dry_run=dry_run)

    def export(self, out: Path) -> Ticket:
        """Hand clearing entries and issued slips to the core systems' folder."""
        return self._verb("export", {"out": str(out)}, ("files", "entries", "yen", "slips", "paths", "problems"))

    def _verb(self, name: str, ticket: Ticket, keys: tuple[str, ...], *, dry_run: bool = False) -> Ticket:
        with self._stream(name), self._rehearsed(dry_run):
            done = pipeline.run(self.rooms, pipeline.VERBS[name], ticket)
        return {key: done[key] for key in keys}

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

    def _rehearsed(self, dry_run: bool) -> AbstractContextManager[None]:
        """With ``dry_run`` everything happens and is taken back."""
        return self.rooms.store.rehearsal() if dry_run else nullcontext()

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

    def drop_folders(self) -> dict[str, list[Ticket]]:
        """Take what lies in the drop folders, a folder a profile."""
        told: dict[str, list[Ticket]] = {"intake": [], "intake_bank": []}
        drop = self.rooms.folder / "drop"
        for folder in sorted(drop.iterdir()) if drop.is_dir() else []:
            if folder.is_dir() and not folder.name.startswith("."):
                told["intake_bank"] += self._intake_bank_folders(folder)
                told["intake"] += self.intake_folder(folder, folder.name)
        return told

    def round(self) -> dict[str, Any]:
        """One turn of the worker: drop folders, then the four verbs that need nobody."""
        told: dict[str, Any] = {**self.drop_folders()}
        told["submit"] = self.submit()
        told["collect"] = self.collect()
        told["reconcile"] = self.reconcile()
        told["export"] = self.export(self.rooms.folder / "outbox" / "core")
        told["absent"] = self.absent()
        return told

    def absent(self) -> dict[str, Any]:
        """How many expected files are late or missing; a calendar that cannot tell stops nothing else."""
        try:
            counts = self.expected({})["counts"]
        except ConfigurationError as error:
            return {"problems": problems_json(error.problems)}
        return {state: counts[state] for state in ("late", "missing")}


def problems_json(problems: list[Problem]) -> list[dict[str, Any]]:
    """Problems as printed."""
    return [told.as_json() for told in problems]
