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

from fundlink import desk
from fundlink.domain.errors import BusyError, OutcomeUnknownError, ProblemError
from fundlink.pipeline import Rooms, closing, unpaid
from fundlink.store.engine import Store
from tests.simulation import ending, ground, storage
from tests.simulation.checks import Checks
from tests.simulation.clock import TOKYO, Clock
from tests.simulation.core import BillFile, Core
from tests.simulation.faults import Faults
from tests.simulation.offers import Notice, Offers
from tests.simulation.register import CHANNELS, Payment, Register
from tests.simulation.seals import pair
from tests.simulation.storage import RUNNING, Killed, OutOfRoom, Storage
from tests.simulation.wire import Wire
from tests.simulation.workers import Worker, Workers

INSTITUTIONS = {"99001": "standard", "99002": "host-fixed"}
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


def _work(world: World) -> str:
    idle = world.workers.staff if not world.depth else [w for w in world.workers.staff if w.job is None]
    if not idle:
        return "all at work"
    worker = world.rng.choice(idle)
    return f"{worker.name} {world.workers.move(worker)}"


def _bills(world: World) -> str:
    core = world.rng.choice(world.cores)
    if len(core.waiting) > 3:
        return _work(world)
    core.write(12)
    return f"{core.code} writes {core.waiting[-1].name} {len(core.waiting[-1].rows)} rows"


def _pay(world: World) -> str:
    register, rng, today = world.register, world.rng, world.clock.today()
    slips = list(register.slips.items())
    if not slips:
        return _work(world)
    (institution, case_key), slip = rng.choice(slips)
    if register.is_paid(institution, case_key) and rng.random() < 0.7:
        return _work(world)
    number, yen, fund = slip.told["ConfirmationNumber"], slip.yen, slip.told["FundCode"]
    draw = rng.random()
    if draw < 0.05:
        number = f"{(int(number) + 1) % 10**6:06d}"
    elif draw < 0.1:
        yen += 100
    elif draw < 0.13:
        case_key = f"8{rng.randrange(10**18):019d}"
    paid_on = today - dt.timedelta(days=rng.choice((0, 0, 0, 0, 0, 1, 3)))
    key = f"T{institution}-{len(register.payments) + 1:05d}"
    channel = rng.choice(CHANNELS)
    register.payments[key] = Payment(
        key, institution, case_key, number, fund, channel, yen, paid_on.isoformat(), today.isoformat()
    )  # fmt: skip
    return f"{key} {yen} for {case_key[-6:]}"


def _preliminary(world: World) -> str:
    today = world.clock.today().isoformat()
    institution = world.rng.choice(sorted(INSTITUTIONS))
    fresh = [p for p in world.register.payments.values() if p.institution == institution and p.booked_on == today and not p.stages]
    told = [(p, "preliminary") for p in fresh if world.rng.random() < 0.6]
    if told:
        world.offers.receipts(institution, today, told)
        return f"{len(told)} of {institution}"
    return _work(world)


def _take_back(world: World) -> str:
    today = world.clock.today().isoformat()
    open_ones = [p for p in world.register.payments.values() if p.booked_on == today and not p.cancelled]
    if not open_ones:
        return _work(world)
    payment = world.rng.choice(open_ones)
    payment.cancelled = True
    return payment.key


def _hours(world: World) -> str:
    world.pass_time(dt.timedelta(minutes=world.rng.choice((5, 20, 60, 240))))
    return "pass"


def _night(world: World) -> str:
    morning = (world.clock.true + dt.timedelta(days=1)).replace(hour=8, minute=30)
    world.pass_time(morning - world.clock.true)
    if (morning.month, morning.day) in ((4, 1), (6, 1), (2, 29)):
        world.faults.note("T19")
    return morning.date().isoformat()


def _pick_up(world: World) -> str:
    if "core" in world.stopped or not any(world.out.iterdir()):
        return _work(world)
    return str(sum(core.pick_up(world.out) for core in world.cores))


def _reissue(world: World) -> str:
    keys = sorted(world.checks.ledger.bills)
    if not keys:
        return _work(world)
    key = world.rng.choice(keys)
    return world.staff_act("reissue", lambda rooms: desk.reissue(rooms, key, "担当", "係長")["issue_count"])


def _close(world: World) -> str:
    core, override = world.rng.choice(world.cores), "月末のため" if world.rng.random() < 0.5 else None
    day = _next_to_close(world, core)
    if not day:
        return _work(world)
    late = [o for o in world.offers.files.values() if o.day <= day and o.institution == core.institution and o.file_id not in world.taken()]
    draw = world.rng.randrange(3)
    acts: tuple[Callable[[Rooms], Any], ...] = (
        lambda rooms: closing.close_day(rooms, day, "担当", approved_by="会計管理者", municipality=core.code, override=override),
        lambda rooms: closing.prepare(rooms, day, "担当", municipality=core.code, override=override),
        lambda rooms: closing.approve(rooms, day, "会計管理者", municipality=core.code),
    )

    def act(rooms: Rooms) -> str:
        told = acts[draw](rooms)
        if told.get("closed") and late:
            world.faults.note("T38")
        return f"{day} {core.code} {sorted({one['code'] for one in told['refused']})}"

    return world.staff_act("close", act)


def _next_to_close(world: World, core: Core) -> str:
    """The oldest day that is not closed, now and then another one; "" while there is none."""
    found = world.checks.rows(
        f"""SELECT MIN(d.day) FROM day_state d WHERE d.municipality_code = '{core.code}' AND d.day > COALESCE(
              (SELECT MAX(c.day) FROM day_close c WHERE c.municipality_code = '{core.code}' AND c.step = 'approved'), '')"""
    )[0][0]
    other = (world.clock.today() - dt.timedelta(days=world.rng.randrange(1, 6))).isoformat()
    return "" if not found else other if world.rng.random() < 0.2 else str(found)


def _unpaid(world: World) -> str:
    until = (world.clock.today() - dt.timedelta(days=world.rng.randrange(1, 4))).isoformat()
    core = world.rng.choice(world.cores)
    ticket = {"until": until, "municipality": core.code, "out": str(world.folder / "unpaid")}

    def act(rooms: Rooms) -> str:
        told = unpaid.list_unpaid(rooms, ticket)
        world.violations += ending.dunned_early(world, core, until)
        return f"{until} {told['bills']}"

    return world.staff_act("unpaid", act)


def _step_clock(world: World) -> str:
    if not world.faults.strikes("T19", 3):
        return _work(world)
    hours = world.rng.choice((-1, 1, 0, -(world.clock.true.hour + 1)))
    world.clock.step = dt.timedelta(hours=hours)
    return f"stepped by {hours} h"


def _gateway_ails(world: World) -> str:
    told = []
    if world.faults.strikes("T16", 2):
        until = world.clock.now() + dt.timedelta(hours=world.rng.randrange(1, 30))
        for worker in world.workers.staff:
            worker.wire.closed_until = until
        told.append("maintenance")
    if world.faults.strikes("T17", 4) and world.register.forget(world.rng):
        told.append("forgets")
    return " ".join(told) or _work(world)


def _links(world: World) -> str:
    if world.stopped and world.rng.random() < 0.7:
        back = world.rng.choice(sorted(world.stopped))
        world.stopped.discard(back)
        return f"{back} is back"
    if not world.faults.strikes("T45", 3):
        return _work(world)
    link = world.rng.choice(("gateway", "core", "db"))
    world.stopped.add(link)
    return f"{link} stops"


EVENTS_OF: dict[str, tuple[int, Callable[[World], str]]] = {
    "work": (110, _work), "bills": (12, _bills), "pay": (34, _pay), "preliminary": (7, _preliminary), "take back": (6, _take_back),
    "hours": (12, _hours), "night": (9, _night), "pick up": (6, _pick_up), "reissue": (3, _reissue), "close": (12, _close),
    "unpaid": (3, _unpaid), "clock": (3, _step_clock), "gateway": (5, _gateway_ails), "links": (6, _links),
}  # fmt: skip
