"""What can happen next, and how often: workers, payers, staff, nights, links that fail. One function an event.

Called by the world, which draws the name. Where there is nothing to do, a worker goes on instead.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fundlink.desk import taking_back
from fundlink.pipeline import VERBS, Rooms, closing, unpaid
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
    if register.is_paid(institution, case_key) and rng.random() < 0.7 and (institution, case_key) not in register.doubled:
        return _work(world)
    if (institution, case_key) in register.kept_back and rng.random() < 0.9:
        return _work(world)  # who takes a payment back because the bill is no more seldom pays it again
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
    kept_back = [p for p in open_ones if (p.institution, p.case_key) in world.register.kept_back]
    payment = world.rng.choice(kept_back if kept_back and world.rng.random() < 0.8 else open_ones)
    payment.cancelled = True
    return payment.key


def _regret(world: World) -> str:
    """A bill that was paid today, which we have not heard of, is changed or cancelled in haste; the payer may take it back at that."""
    today, ledger = world.clock.today().isoformat(), world.checks.ledger
    paid = [p for p in world.register.payments.values() if p.booked_on == today and not p.cancelled and not p.stages]
    keys = sorted({key for p in paid if (key := ledger.by_slip.get((p.institution, p.case_key))) is not None})
    if world.depth or not keys:
        return _work(world)
    key = world.rng.choice(keys)
    core = next(core for core in world.cores if key.startswith(core.code))
    core.change(key)
    told = f"{core.code} changes {key[-18:-6]}: {_hurry(world, 'intake')}, {_hurry(world, 'submit')}"
    for payment in (one for one in paid if not one.stages):  # the night may have passed meanwhile, and its files told of them
        if (payment.institution, payment.case_key) in world.register.kept_back and world.rng.random() < 0.5:
            payment.cancelled, told = True, f"{told}, {payment.key} is taken back"
    return told


def _hurry(world: World, verb: str) -> str:
    """Somebody who has nothing to do does one verb to its end, if it comes to one."""
    idle = [worker for worker in world.workers.staff if worker.job is None]
    if not idle or verb in world.workers.held or world.stopped:
        return "later"
    worker, told = idle[0], ""
    worker.job = world.workers.new_job(verb)
    if worker.job is not None:
        world.workers.held[verb] = worker.name
    while worker.job is not None and not told.startswith("!"):
        told = world.workers.step(worker)
    return told or "nothing"


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
    return world.staff_act("reissue", lambda rooms: taking_back.reissue(rooms, key, "担当", "係長")["issue_count"])


def _post(rooms: Rooms) -> str:
    for _, step in VERBS["reconcile"]:
        step(rooms, {"day": None, "municipality": None})
    return "done"


def _close(world: World) -> str:
    cores = [core for core in world.cores if _open_days(world, core)]
    if not cores:
        return _work(world)
    if world.rng.random() < 0.5:
        cores = [core for core in cores if _under_way(world, core, _open_days(world, core)[0])] or cores
    core, override = world.rng.choice(cores), "月末のため" if world.rng.random() < 0.7 else None
    day = _day_to_close(world, core)
    acts: tuple[Callable[[Rooms], Any], ...] = (
        lambda rooms: closing.close_day(rooms, day, "担当", approved_by="会計管理者", municipality=core.code, override=override),
        lambda rooms: closing.prepare(rooms, day, "担当", municipality=core.code, override=override),
        lambda rooms: closing.approve(rooms, day, "会計管理者", municipality=core.code),
    )
    chosen = acts[world.rng.choice((0, 0, 0, 1, 2))]
    posted = ""
    if world.rng.random() < 0.7 and "reconcile" not in world.workers.held:  # as a person would: what has come is posted first
        posted = world.staff_act("post", _post) + " | "

    def act(rooms: Rooms) -> str:
        told = chosen(rooms)
        if told.get("closed") and _under_way(world, core, day):
            world.faults.note("T38")
        return f"{day} {core.code} {sorted({one['code'] for one in told['refused']})}"

    return posted + world.staff_act("close", act)


def _under_way(world: World, core: Core, day: str) -> bool:
    """Whether receipts of that day or of earlier ones exist and are not all in: on offer, late, or being fetched at this moment."""
    taken = world.taken()
    of_it = [o for o in world.offers.files.values() if o.institution == core.institution and o.kind == "receipt" and o.day <= day]
    return any(offer.good and offer.says and offer.file_id not in taken for offer in of_it)


def _open_days(world: World, core: Core) -> list[str]:
    """The days behind the last closed one of which anything is known, oldest first."""
    found = world.checks.rows(
        f"""SELECT DISTINCT d.day FROM day_state d WHERE d.municipality_code = '{core.code}' AND d.day > COALESCE(
              (SELECT MAX(c.day) FROM day_close c WHERE c.municipality_code = '{core.code}' AND c.step = 'approved'), '') ORDER BY d.day"""
    )
    return [str(row[0]) for row in found]


def _day_to_close(world: World, core: Core) -> str:
    """The oldest open day; now and then a later one, which is out of order, or one of which nothing is known."""
    days, draw = _open_days(world, core), world.rng.random()
    if draw < 0.2 and len(days) > 1:
        return world.rng.choice(days[1:])
    return days[0] if draw < 0.95 else (world.clock.today() - dt.timedelta(days=world.rng.randrange(1, 6))).isoformat()


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
    "work": (110, _work), "bills": (12, _bills), "pay": (34, _pay), "preliminary": (7, _preliminary), "take back": (8, _take_back),
    "hours": (12, _hours), "night": (9, _night), "pick up": (6, _pick_up), "reissue": (3, _reissue), "close": (14, _close),
    "regret": (5, _regret), "unpaid": (3, _unpaid), "clock": (3, _step_clock), "gateway": (5, _gateway_ails), "links": (6, _links),
}  # fmt: skip
