"""The end of a run: faults stop, everything late arrives, and within bounded rounds all work must be done or stand on a person's list.

Called by the world. What is compared here are the other sides' books, to the yen: gateway, bank and core systems.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING

from fundlink.store import cases
from mock_eltax.clock import is_business_day
from tests.simulation.core import Core

if TYPE_CHECKING:
    from tests.simulation.world import World

ROUNDS = 14


def rest(world: World) -> None:
    """Come to rest, then compare everything."""
    world.faults.on = False
    world.stopped.clear()
    world.clock.step = dt.timedelta()
    world.workers.orphans.clear()
    world.event("rest", _to_the_end_of_days)
    for number in range(ROUNDS):
        changed = _round(world, retry=number == 1)
        if world.violations or (not changed and number > 1 and not _unlisted(world)):
            break
    else:
        world.violations.append("I-30 there is no end of it")
    world.violations += world.checks.after_event(everything=True)
    if not world.violations:
        world.violations += [*_all_taken(world), *_gateway(world), *_core(world), *_days(world), *_queue(world)]


def _to_the_end_of_days(world: World) -> str:
    for _ in range(9):
        world.pass_time(dt.timedelta(days=1))
        world.offers.all_at_once()
    return world.clock.today().isoformat()


def _round(world: World, *, retry: bool) -> bool:
    """Everybody works until nothing is left of any verb; whether anything was written."""
    changed = False
    worker = world.workers.staff[0]
    for other in world.workers.staff:
        while other.job is not None and not world.violations:
            changed |= _once(world, lambda: f"{other.name} {world.workers.step(other)}")  # noqa: B023  (called at once)
    for verb in ("intake", "submit", "submit", "collect", "reconcile", "export"):
        while not world.violations:
            worker.job = world.workers.new_job(verb, retry=retry)
            if worker.job is None:
                break
            world.workers.held[verb] = worker.name
            while worker.job is not None and not world.violations:
                changed |= _once(world, lambda: f"{worker.name} {world.workers.step(worker)}")
            if verb != "intake":
                break
    world.event("pick up", lambda w: str(sum(core.pick_up(w.out) for core in w.cores)))
    world.pass_time(dt.timedelta(hours=5))
    world.offers.all_at_once()
    return changed


def _once(world: World, act: Callable[[], str]) -> bool:
    before = _facts(world)
    world.event("work", lambda _: act())
    return _facts(world) != before


def _facts(world: World) -> tuple[object, ...]:
    return world.checks.rows(
        """SELECT (SELECT COUNT(*) FROM file_event), (SELECT COUNT(*) FROM message_event), (SELECT COUNT(*) FROM receipt),
             (SELECT COUNT(*) FROM outcome), (SELECT COUNT(*) FROM clearing_entry), (SELECT COUNT(*) FROM export_delivery),
             (SELECT COUNT(*) FROM slip_state), (SELECT COUNT(*) FROM received_file WHERE state = 'applied'),
             (SELECT COUNT(*) FROM settling), (SELECT COUNT(*) FROM day_state)"""
    )[0]


def _all_taken(world: World) -> list[str]:
    """I-08, I-12: all that was sent is there, once."""
    found = [f"I-30 {core.code} still waits with {core.waiting[0].name}" for core in world.cores if core.waiting]
    good = [offer for offer in world.offers.files.values() if offer.good]
    for kind, query in (
        ("receipt", "SELECT transaction_key, stage FROM receipt"),
        ("settlement", "SELECT settlement_key, edition FROM settlement"),
        ("bank_credit", "SELECT inquiry_number FROM bank_credit"),
    ):
        sent = {said for offer in good if offer.kind == kind for said in offer.says}
        rows = world.checks.rows(query)
        stored = {(str(int(row[0])),) if kind == "bank_credit" else tuple(map(str, row)) for row in rows}
        if len(stored) != len(rows):
            found.append(f"I-12 a {kind} stands twice")
        if stored != sent:
            found.append(f"I-08 {kind}: {sorted(sent - stored)[:3]} lost, {sorted(stored - sent)[:3]} too much")
    wrong = [
        f"I-03 settlement {key} is not as it was sent"
        for key, edition, gross, fee, net in world.checks.rows(
            "SELECT settlement_key, edition, gross_yen, fee_yen, net_yen FROM settlement"
        )
        if (n := world.offers.notices[str(key), int(edition)]) and (n.gross, n.fee, n.net) != (gross, fee, net)
    ]
    return found + wrong


def _gateway(world: World) -> list[str]:
    """I-05: the gateway knows every slip as its bill stands, each registered once; what it does not, is on a list."""
    found, register = [], world.register
    found += [f"I-30 {name} waits for ever" for name in _unlisted(world)]
    world.listed += len(world.checks.rows(_LISTED))
    waiting = {str(row[0]) for row in world.checks.rows(_SLIPS_OF_OPEN)}
    for bill in world.checks.ledger.bills.values():
        for at, (institution, case_key, number) in enumerate(bill.slips, 1):
            slip = register.slips.get((institution, case_key))
            live = at == len(bill.slips) and not bill.cancelled
            if case_key in waiting or register.is_paid(institution, case_key):
                continue
            if live and (slip is None or slip.cancelled or slip.yen != bill.row.yen or slip.told["ConfirmationNumber"] != number):
                found.append(f"I-05 {case_key}: gateway {slip and (slip.cancelled, slip.yen)}, bill {bill.row.yen}")
            if not live and slip is not None and not slip.cancelled:
                found.append(f"I-05 {case_key} is dead and can still be paid")
    twice = {key for key, slip in register.slips.items() if slip.effects["register"] > 1}
    if twice - register.doubled and not register.forgotten:
        found.append("I-05 a slip was registered twice")
    return found


# messages that wait for a person, by the last thing that was said about them
_LISTED = """SELECT m.id FROM message m WHERE (SELECT e.event FROM message_event e WHERE e.message_id = m.id ORDER BY e.id DESC LIMIT 1)
    IN ('exhausted', 'contradicted')"""
_SLIPS_OF_OPEN = f"""SELECT s.case_key FROM message_item i JOIN slip s ON s.id = i.slip_id
    WHERE i.message_id IN (SELECT message_id FROM open_message) OR i.message_id IN ({_LISTED})
    UNION SELECT s.case_key FROM refused_slip q JOIN slip s ON s.id = q.slip_id WHERE q.reason_code <> 'E105' AND q.message_id = (
      SELECT i.message_id FROM message_item i WHERE i.slip_id = q.slip_id ORDER BY i.last_change_id DESC, i.message_id DESC LIMIT 1)"""
"""Slips that a person has to look at: of messages without an answer, and those the gateway refused when it was last told of them. What
it refused because of a payment (E105) is no excuse: when the payment was taken back, it has to be told again."""


def _unlisted(world: World) -> list[str]:
    """Messages without an answer that nobody was told of."""
    listed = {str(row[0]) for row in world.checks.rows(_LISTED)}
    return [
        str(row[0]) for row in world.checks.rows("SELECT message_id FROM open_message ORDER BY message_id") if str(row[0]) not in listed
    ]


def _queue(world: World) -> list[str]:
    """I-30: whatever needs a person stands in the queue that persons see: payments that are not right, messages at their end."""
    with world.store.read() as connection:
        found = {row.name for row in cases.page(connection, {}, after=None, limit=10**6, confirm_before="")}
    right = ("matched", "paid_after_limit", "withdrawn")
    wanted = {f"transaction:{key}" for key, (outcome, _) in world.checks.ledger.outcomes().items() if outcome not in right}
    wanted |= {f"message:{row[0]}" for row in world.checks.rows(_LISTED)}
    return [f"I-30 {name} needs a person and is in nobody's queue" for name in sorted(wanted - found)[:3]]


def _core(world: World) -> list[str]:
    """I-29: what the core systems posted is what the outcomes say, each posting once; nothing half written lies about."""
    found = [f"I-29 {path.name} was left half written" for path in sorted(world.out.glob(".*"))]
    wanted = world.checks.ledger.outcomes()
    standing: dict[str, tuple[str, str, int]] = {}
    numbers: list[int] = []
    for core in world.cores:
        for number in sorted(core.postings):
            posting = core.postings[number]
            numbers.append(number)
            payment = world.register.payments[posting["transaction_key"]]
            if payment.institution != core.institution:
                found.append(f"I-24 {core.code} was handed {posting['transaction_key']}")
            if int(posting["paid_yen"]) != payment.yen:
                found.append(f"I-29 entry {number} says {posting['paid_yen']}, paid were {payment.yen}")
            standing[posting["transaction_key"]] = (posting["outcome"], posting["stage"], number)
    if len(set(numbers)) != len(numbers) or sorted(numbers) != list(range(1, len(numbers) + 1)):
        found.append("I-21 clearing entries are lost or doubled on the way to the core systems")
    for key, (outcome, stage) in wanted.items():
        told = standing.get(key)
        if outcome == "withdrawn":
            if told is not None and told[1] != "9":
                found.append(f"I-13 {key} was taken back and still stands at the core system")
        elif told is None or told[0] != outcome or told[1] != stage:
            found.append(f"I-29 {key}: core system has {told}, should have {outcome} {stage}")
    return found


def _days(world: World) -> list[str]:
    """I-03: each day's sums are those of gateway and bank; it ties when they do."""
    found = []
    rows = world.checks.rows(
        """SELECT d.day, d.municipality_code, d.fund_code, d.receipts_yen, d.settled_yen, d.fee_yen, d.credited_yen, d.state, d.differences FROM day_state d
           WHERE d.id = (SELECT MAX(x.id) FROM day_state x WHERE x.day = d.day AND x.municipality_code = d.municipality_code
                           AND x.fund_code = d.fund_code)"""
    )
    stored = {(str(row[0]), str(row[1])[:5], str(row[2])): row[3:] for row in rows if row[2]}
    wanted: dict[tuple[str, str, str], list[int]] = {}
    for payment in world.register.payments.values():
        if not payment.cancelled:
            sums = wanted.setdefault((payment.booked_on, payment.institution, payment.fund), [0, 0])
            sums[0], sums[1] = sums[0] + 1, sums[1] + payment.yen
    for key, (count, yen) in wanted.items():
        if key not in stored:
            found.append(f"I-02 {key}: no day")
            continue
        receipts, settled, fee, credited, state, differences = stored[key]
        if (receipts, settled, fee, credited) != (yen, yen, 3 * count, yen - 3 * count):
            found.append(f"I-03 {key}: {stored[key]}, should be {yen} with a fee of {3 * count}")
        elif state not in ("tied", "closed") and "revised_after_close" not in str(differences):
            found.append(f"I-03 {key} is {state} {differences}")
    alone = sorted(key for key in stored.keys() - wanted.keys() if stored[key][0])
    return [*found, *(f"I-02 {key}: {stored[key][0]} yen from nowhere" for key in alone)]


def dunned_early(world: World, core: Core, until: str) -> list[str]:
    """RI-2: a list of unpaid bills was given out although receipts up to its day were not all in."""
    taken = world.taken()
    offers = [offer for offer in world.offers.files.values() if offer.institution == core.institution]
    highest = max((offer.sequence for offer in offers if offer.file_id in taken), default=0)
    told = {(key, stage) for key, stages in world.checks.ledger.statements.items() for stage in stages}
    world.checks.follow()
    covered = {offer.day for offer in offers if offer.kind == "receipt" and offer.file_id in taken}
    found = []
    for offer in offers:
        if offer.kind != "receipt" or not offer.good or offer.day > until or not offer.says or set(offer.says) <= told:
            continue
        day = dt.date.fromisoformat(offer.day)
        if offer.sequence < highest or (offer.day not in covered and is_business_day(day)):
            found.append(f"I-20 {core.code}: a list until {until} was given without {offer.file_id} of {offer.day}")
    return found
