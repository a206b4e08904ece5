"""The verbs as work: each holds its stream, runs its steps and gives the numbers that commands and answers print.

Called by cli, api and demo, and by the engine for one step at a time: a verb is a list of named idempotent steps with a ticket
that JSON can hold. It never imports the engine; who wants files to be taken in by workers gives it something that asks them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from fundlink import pipeline
from fundlink.connectors import core_files
from fundlink.domain.errors import ConfigurationError
from fundlink.domain.problems import Problem
from fundlink.domain.values import is_municipality_code
from fundlink.jobs.files import Files
from fundlink.jobs.tasks import Task, Workers
from fundlink.pipeline import Ticket, bank
from fundlink.pipeline.export import core_folder
from fundlink.store import vault

_INTAKE_KEYS = (
    "file", "read", "accepted", "created", "updated", "unchanged", "cancelled", "conflicts", "rejected", "accepted_yen", "rejected_yen",
    "duplicate_of", "quarantined", "problems", "result_file", "file_id",
)  # fmt: skip
STILL_S = 5.0
REPORT = ("report", pipeline.intake_report)
"""What ends an intake, whatever became of the file."""


class Jobs(Files):
    """All verbs over one set of rooms, and the acts of staff beside them."""

    def step(self, verb: str, name: str, ticket: Ticket) -> Ticket:
        """One named step of a verb, for the engine; BusyError while somebody else is in the stream of its municipality."""
        with self._stream(verb, ticket.get("municipality") or ""):
            return dict((*pipeline.VERBS[verb], REPORT))[name](self.rooms, ticket)

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
        other._turns, other._working = self._turns, self._working
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
        told["export"] = self.export(core_folder(self.rooms))
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
