"""One seed, one world: clock, gateway, bank, core systems, staff and the product's workers, and what happens next.

Called by soak, replay and tests. Everything that is drawn is drawn from the seed; the real pipeline and store run in it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from fundlink.domain.errors import BusyError, OutcomeUnknownError, ProblemError
from fundlink.pipeline import Rooms
from fundlink.store.engine import Store
from tests.simulation import ending, ground, storage
from tests.simulation.checks import Checks
from tests.simulation.clock import TOKYO, Clock
from tests.simulation.core import INSTITUTIONS, BillFile, Core
from tests.simulation.faults import Faults
from tests.simulation.happenings import EVENTS_OF
from tests.simulation.offers import Notice, Offers
from tests.simulation.register import Payment, Register
from tests.simulation.seals import pair
from tests.simulation.storage import RUNNING, Killed, OutOfRoom, Storage
from tests.simulation.wire import Wire
from tests.simulation.workers import Worker, Workers

STARTS = ("2026-11-18", "2026-11-18", "2026-12-25", "2027-03-29", "2027-05-29", "2028-02-26")
EVENTS = 200


class Run(NamedTuple):
    """What came of a seed."""

    seed: int
    events: int
    violations: list[str]
    faults: dict[str, int]
    trace: list[str]
    ledger: str
    listed: int

    @property
    def digest(self) -> str:
        """The trace as one hash."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


class World:
    """All that lives in one run."""

    def __init__(self, seed: int, url: str, folder: Path, without: frozenset[str] = frozenset()) -> None:
        self.seed, self.rng, self.faults = seed, Random(f"world {seed}"), Faults(seed, without)
        start = self.rng.choice(STARTS)
        self.clock = Clock(dt.datetime.fromisoformat(f"{start}T08:30:00").replace(tzinfo=TOKYO))
        self.folder, self.out = folder, folder / "out"
        self.out.mkdir(parents=True)
        self.store = Store(url)
        storage.watch(self.store.engine)
        self.storage = Storage(Random(f"storage {seed}"), self.faults)
        self.register = Register(pair("gateway"), pair("adapter"), self.clock.now)
        self.offers = Offers(Random(f"offers {seed}"), self.faults, pair("gateway"), self.clock.now)
        self.cores = [
            Core(code, profile, Random(f"core {code} {seed}"), self.faults, self.clock.today) for code, profile in INSTITUTIONS.items()
        ]
        self.sent: dict[str, BillFile] = {}
        self.stopped: set[str] = set()
        self.storage.stopped = self.stopped
        self.violations: list[str] = []
        self.trace: list[str] = []
        self.done = self.depth = self.listed = 0
        self.closed_through = self.clock.today() - dt.timedelta(days=1)
        self.corrections: list[tuple[dt.date, str, str, list[Notice]]] = []
        self.checks = Checks(self)
        self.workers = Workers(self)
        self._hire(self.rng.choice((1, 2, 2, 3)))

    def _hire(self, count: int) -> None:
        numbers = Random(f"numbers {self.seed}")
        chunk, records = self.rng.choice((1, 3, 10_000)), self.rng.choice((1, 2, 5, 10_000))
        for number in range(count):
            name = f"w{number + 1}"
            wire = Wire(Random(f"wire {name} {self.seed}"), self.faults, self.register, self.offers)
            wire.meanwhile, wire.pass_time, wire.now = self._meanwhile, self.pass_time, self.clock.now
            wire.stopped = self.stopped
            wire.before_submit = lambda message, body: self.violations.extend(self.checks.before_submit(message, body))
            skew = dt.timedelta(minutes=self.rng.choice((-10, 10))) if number and self.faults.strikes("T20", 3) else dt.timedelta()
            rooms: Rooms = ground.rooms(self.store, wire, self.clock.of(skew), self.folder / name)
            rooms = ground.sized(rooms, chunk, records, lambda size: [f"{numbers.randrange(10**6):06d}" for _ in range(size)])
            self.workers.staff.append(Worker(name, rooms, wire))

    def run(self, events: int = EVENTS) -> Run:
        """Let things happen, then let them come to rest; what was wrong on the way."""
        RUNNING.storage, RUNNING.names = self.storage, Random(f"names {self.seed}")
        try:
            for core in self.cores:
                core.write(12)
            while self.done < events and not self.violations:
                self.happen()
            if not self.violations:
                ending.rest(self)
            told = sorted(set(self.violations))
            found = "" if told else ground.ledger_hash(self.store)
            return Run(self.seed, self.done, told, dict(sorted(self.faults.hits.items())), self.trace, found, self.listed)
        finally:
            RUNNING.storage = RUNNING.names = None
            self.checks.invariants.close()
            self.store.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def happen(self) -> None:
        """One event."""
        names = list(EVENTS_OF)
        name = self.rng.choices(names, [EVENTS_OF[name][0] for name in names])[0]
        self.event(name, EVENTS_OF[name][1])

    def event(self, name: str, act: Callable[[World], str]) -> None:
        """Do one thing, note it, and look whether everything still holds."""
        self.done += 1
        number = self.done
        try:
            told = act(self)
        except Exception as error:  # noqa: BLE001  (whatever the product did not expect itself is a violation)
            told = f"broke: {type(error).__name__} {error}".splitlines()[0]
            self.violations.append(f"{name}: {told}")
        self._look()
        self.trace.append(f"{number:04d} {'  ' * self.depth}{self.clock.now().isoformat(timespec='minutes')[:16]} {name}: {told}")

    def _look(self) -> None:
        before, self.storage.working = self.storage.working, False
        try:
            self.violations += self.checks.after_event()
        finally:
            self.storage.working = before

    def _meanwhile(self) -> None:
        """While a worker waits for the gateway, something else may happen."""
        if self.depth or not self.faults.on or self.rng.random() > 0.06:
            return
        self.depth += 1
        before, self.storage.working = self.storage.working, False
        try:
            self._look()
            self.happen()
        finally:
            self.storage.working, self.depth = before, self.depth - 1

    def pass_time(self, span: dt.timedelta) -> None:
        """Let time pass; every midnight the gateway closes its day and the bank writes its statement."""
        self.clock.true += span
        while self.closed_through < self.clock.today() - dt.timedelta(days=1):
            self.closed_through += dt.timedelta(days=1)
            self._close_gateway_day(self.closed_through.isoformat())

    def _close_gateway_day(self, day: str) -> None:
        for institution in INSTITUTIONS:
            booked = [p for p in self.register.payments.values() if p.institution == institution and p.booked_on == day]
            told: list[tuple[Payment, str]] = []
            sums: dict[str, tuple[int, int]] = {}
            for payment in booked:
                if not payment.cancelled or self.rng.random() < 0.5:
                    told.append((payment, "confirmed"))
                if payment.cancelled:
                    told.append((payment, "cancelled"))
                else:
                    count, gross = sums.get(payment.fund, (0, 0))
                    sums[payment.fund] = count + 1, gross + payment.yen
            self.rng.shuffle(told)
            self.offers.receipts(institution, day, told)
            wrong = self.offers.settlements(institution, day, sums)
            if wrong:
                self.corrections.append((self.clock.today() + dt.timedelta(days=2), institution, day, wrong))
            self.offers.statement(institution, day)
        for correction in [one for one in self.corrections if one[0] <= self.clock.today()]:
            self.corrections.remove(correction)
            self.offers.notice(correction[1], correction[2], correction[3])

    def taken(self) -> set[str]:
        """The offered files that the product has applied."""
        return {str(row[0]).split("#")[0] for row in self.checks.rows("SELECT remote_id FROM received_file WHERE state = 'applied'")}

    def note_conflicts(self, count: int) -> None:
        """A core system changed what is paid."""
        for _ in range(count):
            self.faults.note("T37")

    def staff_act(self, what: str, act: Callable[[Rooms], Any]) -> str:
        """An act of a person at the desk: done, refused with a code, or broken off."""
        worker = self.rng.choice(self.workers.staff)
        try:
            with self.storage.at_work(what):
                told = act(worker.rooms)
        except ProblemError as error:
            return f"{what} refused {error}"
        except Killed:
            return f"{what} killed"
        except (BusyError, OutcomeUnknownError, *OutOfRoom) as error:
            return f"{what} failed: {type(error).__name__}"
        return f"{what} {told}"
