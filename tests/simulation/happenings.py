"""What can happen next, and how often: workers, payers, staff, nights, links that fail. One function an event.

Called by the world, which draws the name. Where there is nothing to do, a worker goes on instead.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fundlink import desk
from fundlink.pipeline import Rooms, closing, unpaid
from tests.simulation import ending
from tests.simulation.core import INSTITUTIONS, Core
from tests.simulation.register import CHANNELS, Payment

if TYPE_CHECKING:
    from tests.simulation.world import World


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
