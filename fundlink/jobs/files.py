"""Files for people, as work: looks, and the uploads of the console, which are tried and taken in threads while people do something else.

A part of ``Jobs``; see verbs. What an upload has come to stands in the database; how far a thread is, only here. A thread that died with
its process is begun again by whoever looks next, in any process: trying leaves no trace, and taking goes on where it was.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from fundlink import desk, pipeline
from fundlink.desk import arrived, uploads
from fundlink.domain.errors import BusyError, ConfigurationError, ProblemError
from fundlink.domain.problems import problem
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.jobs.desk import Desk
from fundlink.pipeline import Ticket
from fundlink.store.arrivals import Place
from fundlink.store.engine import Store

_LOG = logging.getLogger("fundlink.console")
NUMBERS = ("read", "accepted", "created", "updated", "unchanged", "cancelled", "conflicts", "rejected", "accepted_yen", "rejected_yen")
AT_ONCE = 2
"""Uploads that are tried or taken at the same time by one process; the others wait."""


class Working:
    """The threads of this process: how many rows each upload has come to, of how many."""

    def __init__(self) -> None:
        self._far: dict[int, tuple[int, int]] = {}
        self._guard, self._turn = threading.Lock(), threading.BoundedSemaphore(AT_ONCE)

    def begin(self, upload_id: int) -> bool:
        """Whether nobody in this process is at it; from now on somebody is."""
        with self._guard:
            if upload_id in self._far:
                return False
            self._far[upload_id] = (0, 0)
            return True

    def note(self, upload_id: int, done: int, total: int | None) -> None:
        """How far it is."""
        self._far[upload_id] = (done, total or 0)

    def far(self, upload_id: int) -> tuple[int, int]:
        """(rows, of how many); (0, 0) when it is not known here."""
        return self._far.get(upload_id, (0, 0))

    def turn(self) -> threading.BoundedSemaphore:
        """A place among those at work."""
        return self._turn

    def end(self, upload_id: int) -> None:
        """Nobody is at it any more."""
        with self._guard:
            self._far.pop(upload_id, None)


_WORKING: WeakKeyDictionary[Store, Working] = WeakKeyDictionary()


class Files(Desk):
    """Files and uploads."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        # one for all who use this store in this process: on SQLite nothing else keeps two of them from one upload
        self._working = _WORKING.setdefault(self.rooms.store, Working())

    def arrived(self, asked: Mapping[str, str], place: Place, *, scope: Scope = EVERYWHERE) -> Ticket:
        """All that arrived, newest first; reads only."""
        return arrived.arrived(self.rooms, asked, place, scope=scope)

    def file(self, number: int, after: int = 0, *, every: bool = False, lines: bool = False, scope: Scope = EVERYWHERE) -> Ticket:
        """One intake with its rows; reads only."""
        return arrived.show(self.rooms, number, after, every=every, lines=lines, scope=scope)

    def received_file(self, number: int, *, scope: Scope = EVERYWHERE) -> Ticket:
        """One file of the gateway or a bank; reads only."""
        return arrived.show_received(self.rooms, number, scope=scope)

    def bytes_of(self, where: tuple[str, int], who: str, *, scope: Scope = EVERYWHERE) -> tuple[str, Iterator[bytes]]:
        """The bytes of a file for somebody who may see them; the look is noted."""
        return arrived.taken_away(self.rooms, where, who, scope=scope)

    def file_streams(self, municipality: str) -> list[Ticket]:
        """Where each source stands; reads only."""
        return arrived.streams(self.rooms, municipality)

    def upload(self, pieces: Iterable[bytes], given: uploads.Given) -> int:
        """Keep a file that a person hands over, and begin to try it; its number."""
        number = uploads.receive(self.rooms, pieces, given)
        self._begin(number)
        return number

    def uploaded(self, number: int, *, lines: bool = False, scope: Scope = EVERYWHERE) -> Ticket:
        """How far an upload is: its state, what came of it, rows done and in all. Makes sure that somebody is at it."""
        found = uploads.look(self.rooms, number, lines=lines, scope=scope)
        if found["event"] in uploads.WORKING:
            self._begin(number)
        done, total = self._working.far(number)
        return {**found, "done": done, "total": total, "takeable": uploads.takeable(found["told"])}

    def municipalities(self) -> list[Ticket]:
        """Registered municipalities; reads only."""
        told: list[Ticket] = desk.municipalities(self.rooms)["municipalities"]
        return told

    def uploads(self, *, scope: Scope = EVERYWHERE) -> list[Ticket]:
        """The newest uploads; reads only."""
        return uploads.newest(self.rooms, scope=scope)

    def order_upload(self, number: int, step: str, who: str, *, sha256: str) -> None:
        """Take the very bytes that were tried, or drop them."""
        uploads.order(self.rooms, number, step, who, sha256=sha256)
        if step == "take":
            self._begin(number)

    def _begin(self, number: int) -> None:
        """A thread of this process goes at it, unless one of this process or of another one is."""
        if self._working.begin(number):
            threading.Thread(target=self._at_it, args=(number,), name=f"fundlink-upload-{number}", daemon=True).start()

    def _at_it(self, number: int) -> None:
        try:
            with self._working.turn(), self.rooms.store.stream_lock(f"upload:{number}"):
                found = uploads.look(self.rooms, number)
                if found["event"] in uploads.WORKING:
                    uploads.conclude(self.rooms, number, found["event"], self._done(number, found))
        except BusyError:
            _LOG.info("upload %d: somebody else is at it, or its stream is taken; whoever looks tries again", number)
        except Exception as error:  # noqa: BLE001  (whatever it is, the person who waits is told)
            _LOG.error("upload %d failed: %s", number, type(error).__name__)
            told = [problem("FL-INT-001", detail=type(error).__name__).as_json()]
            self._give_up(number, told)
        finally:
            self._working.end(number)

    def _done(self, number: int, found: Ticket) -> Ticket:
        """What came of it; what cannot be done is an answer like any other."""
        dry_run = found["event"] == "trying"
        rooms = replace(self.rooms, progress=lambda _label, done, total: self._working.note(number, done, total))
        ticket = {**uploads.ticket_of(found), "dry_run": dry_run}
        try:
            with self._stream("intake"), self._rehearsed(dry_run):
                done = pipeline.run(rooms, pipeline.INTAKE, ticket)
                told = {**done, **pipeline.intake_report(rooms, done)}
        except (ProblemError, ConfigurationError) as error:
            return {"failed": True, "problems": [one.as_json() for one in error.problems]}
        return {name: told.get(name) for name in (*NUMBERS, "duplicate_of", "quarantined", "problems", *([] if dry_run else ["file_id"]))}

    def _give_up(self, number: int, problems: list[dict[str, Any]]) -> None:
        """An error of ours: the person is told, and nothing stands still."""
        try:
            found = uploads.look(self.rooms, number)
            uploads.conclude(self.rooms, number, found["event"], {"failed": True, "problems": problems})
        except Exception as error:  # noqa: BLE001  (the database is away: whoever looks next begins again)
            _LOG.error("upload %d could not be concluded: %s", number, type(error).__name__)
