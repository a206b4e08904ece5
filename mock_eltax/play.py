"""Playing a scenario: payers decide, in case key order, by a lot that only the seed knows.

Called by the HTTP routes and the pages. Writes payments and nothing else; the same scenario on the same day a second time changes nothing.
"""

import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from mock_eltax.clock import shifted
from mock_eltax.courses import COURSES, Course
from mock_eltax.ledger import PAID, remember
from mock_eltax.payments import CHANNELS, Payment, store
from mock_eltax.scenarios import SCENARIOS, Scenario
from mock_eltax.world import Desk, World

GUARANTEE_FROM = 12
"""From this many slips on, every role of the scenario is played at least once."""
MOST_YEN = 99_999_999_999
CHANNEL_NAMES = list(CHANNELS)
CHANNEL_WEIGHTS = [35, 20, 10, 5, 5, 25]

COLUMNS = "s.case_key, s.confirmation_number, s.fund_code, s.amount_yen, s.payable_until, s.replaced_by"
OPEN = f"SELECT {COLUMNS} FROM slips s WHERE s.institution_code = ? AND s.state = 'registered' AND NOT {PAID} ORDER BY s.case_key"
GONE = f"SELECT {COLUMNS} FROM slips s WHERE s.institution_code = ? AND s.state = ? AND NOT {PAID} ORDER BY s.case_key"
LATE = f"""SELECT s.case_key FROM slips s
  WHERE s.institution_code = ? AND s.state = 'registered' AND s.payable_until < ? AND NOT {PAID} ORDER BY s.case_key"""


class Play(NamedTuple):
    """One scenario in one institution on one day, with its lot and its tally of roles."""

    desk: Desk
    scenario: Scenario
    day: str
    seed: str
    lot: random.Random
    tally: dict[str, int]


def play(world: World, name: str, **choice: str | None) -> dict[str, Any]:
    """Play a scenario for one institution or all. `seed`, `day` and `institution_code` name the choice; KeyError for an unknown scenario."""
    scenario, day, seed, wanted = SCENARIOS[name], str(choice["day"]), str(choice["seed"]), choice.get("institution_code")
    with world.ledger.writing() as connection:
        codes = [row[0] for row in connection.execute("SELECT institution_code FROM institutions ORDER BY 1")]
        scenes = [_scene(Desk(world, connection, code), scenario, (day, seed)) for code in codes if wanted in (None, code)]
        stories = [_story(scene) for scene in scenes]
        remember(connection, "transport", next((row.transport for row in map(_set_course, scenes) if row), scenario.transport))
    payments, yen = (sum(story[key] for story in stories) for key in ("payments", "payments_yen"))
    return {"name": name, "seed": seed, "day": day, "payments": payments, "payments_yen": yen, "institutions": stories}


def _scene(desk: Desk, scenario: Scenario, when: tuple[str, str]) -> Play:
    day, seed = when
    lot = random.Random(f"{seed}:{desk.institution_code}:{scenario.name}:{day}")  # noqa: S311  # a game, no secret
    return Play(desk, scenario, day, seed, lot, {})


def _set_course(scene: Play) -> Course | None:
    """The course of this day: the program of the scenario, one step further every day it is played on."""
    program, code = scene.scenario.program, scene.desk.institution_code
    if not program:
        return None
    query = "SELECT COUNT(*) FROM plays WHERE institution_code = ? AND name = ? AND seed = ? AND day < ?"
    number = int(scene.desk.connection.execute(query, (code, scene.scenario.name, scene.seed, scene.day)).fetchone()[0])
    name = program[number % len(program)]
    scene.desk.connection.execute("INSERT OR IGNORE INTO courses VALUES(?, ?, ?, ?)", (code, scene.day, name, scene.seed))
    return COURSES[name]


def _story(scene: Play) -> dict[str, Any]:
    connection, code = scene.desk.connection, scene.desk.institution_code
    which = (code, scene.day, scene.scenario.name, scene.seed)
    query = "SELECT story FROM plays WHERE institution_code = ? AND day = ? AND name = ? AND seed = ?"
    told = connection.execute(query, which).fetchone()
    if told is not None:
        return dict(json.loads(told[0]))
    before = int(connection.execute("SELECT COALESCE(MAX(serial), 0) FROM payments").fetchone()[0])
    store(connection, scene.desk.world, _payments(scene))
    query = "SELECT COUNT(*), COALESCE(SUM(amount_yen), 0) FROM payments WHERE serial > ?"
    number, yen = connection.execute(query, (before,)).fetchone()
    story = {"institution_code": code, "payments": number, "payments_yen": yen, "roles": dict(sorted(scene.tally.items()))}
    connection.execute("INSERT INTO plays VALUES(?, ?, ?, ?, ?)", (*which, json.dumps(story)))
    return story


def _payments(scene: Play) -> Iterator[Payment]:
    # Read and written in the same transaction: the slips are read to the end of a page before the payments of that page are stored.
    given = _on_old_slips(scene)
    given_roles = given.roles
    yield from given.payments
    guaranteed, count = _guarantees(scene, given_roles)
    free = -1
    for slip in _slips(scene, OPEN, (scene.desk.institution_code,)):
        role = given_roles.get(slip["case_key"])
        if role is None:
            free += 1
            role = guaranteed.get(free) or _drawn(scene)
        yield from _by_role(scene, role, slip)
    yield from _unknown(scene, count)


def _slips(scene: Play, query: str, values: tuple[str, ...]) -> Iterator[sqlite3.Row]:
    """Slips by pages of case keys, so that payments written meanwhile never disturb the reading."""
    last = ""
    paged = query.replace("ORDER BY", "AND s.case_key > ? ORDER BY") + " LIMIT 2000"
    while page := scene.desk.connection.execute(paged, (*values, last)).fetchall():
        yield from page
        last = page[-1]["case_key"]


class _Given(NamedTuple):
    payments: list[Payment]
    roles: dict[str, str]


def _on_old_slips(scene: Play) -> _Given:
    """Payments on cancelled and superseded slips, and what that means for the successors: three of four stay unpaid, the fourth is paid too."""
    given = _Given([], {})
    for state, share in (("cancelled", scene.scenario.cancelled), ("superseded", scene.scenario.superseded)):
        old = list(_slips(scene, GONE, (scene.desk.institution_code, state))) if share else []
        chosen = sorted(scene.lot.sample(range(len(old)), min(len(old), max(1, round(len(old) * share))))) if old else []
        for number, index in enumerate(chosen):
            given.payments.append(_payment(scene, old[index], paid_on=_in_time(scene, old[index])))
            scene.tally[f"{state}_paid"] = scene.tally.get(f"{state}_paid", 0) + 1
            if old[index]["replaced_by"]:
                given.roles[old[index]["replaced_by"]] = "exact" if number % 4 == 3 else "unpaid"
    return given


def _guarantees(scene: Play, given: dict[str, str]) -> tuple[dict[int, str], int]:
    """Positions among the free slips that have a role for certain, and how many slips are open. A late slip is chosen first, it must qualify."""
    query = f"SELECT COUNT(*) FROM ({OPEN})"
    count = int(scene.desk.connection.execute(query, (scene.desk.institution_code,)).fetchone()[0])
    roles = [role for role, share in scene.scenario.shares.items() if share > 0 and role != "late"]
    if count < GUARANTEE_FROM:
        return {}, count
    if "late" in scene.scenario.shares:
        overdue = [row[0] for row in scene.desk.connection.execute(LATE, (scene.desk.institution_code, scene.day)) if row[0] not in given]
        if overdue:
            given[scene.lot.choice(overdue)] = "late"
    fixed = json.dumps(list(given))
    still = f"SELECT COUNT(*) FROM ({OPEN}) WHERE case_key NOT IN (SELECT value FROM json_each(?))"
    free = int(scene.desk.connection.execute(still, (scene.desk.institution_code, fixed)).fetchone()[0])
    positions = scene.lot.sample(range(free), min(free, len(roles) + 1))
    return dict(zip(positions, [*roles, "exact"], strict=False)), count


def _drawn(scene: Play) -> str:
    point = scene.lot.random()
    for role, share in scene.scenario.shares.items():
        if point < share:
            return role
        point -= share
    return "exact"


def _by_role(scene: Play, role: str, slip: sqlite3.Row) -> list[Payment]:
    if role == "late" and slip["payable_until"] >= scene.day:
        role = "exact"
    scene.tally[role] = scene.tally.get(role, 0) + 1
    return ACTS[role](scene, slip)


def _payment(scene: Play, slip: sqlite3.Row, paid_on: str) -> Payment:
    channel = scene.lot.choices(CHANNEL_NAMES, CHANNEL_WEIGHTS)[0]
    number = slip["confirmation_number"]
    return Payment(scene.desk.institution_code, slip["case_key"], number, slip["fund_code"], channel, slip["amount_yen"], paid_on)


def _in_time(scene: Play, slip: sqlite3.Row) -> str:
    """The day itself, now and then a little earlier, never after the last payable day."""
    latest = min(scene.day, slip["payable_until"])
    return shifted(latest, -scene.lot.choice((0, 0, 0, 0, 0, 0, 0, 0, 1, 2)))


def _exact(scene: Play, slip: sqlite3.Row) -> list[Payment]:
    return [_payment(scene, slip, _in_time(scene, slip))]


def _unpaid(_scene: Play, _slip: sqlite3.Row) -> list[Payment]:
    return []


def _twice(scene: Play, slip: sqlite3.Row) -> list[Payment]:
    return [_payment(scene, slip, _in_time(scene, slip)), _payment(scene, slip, _in_time(scene, slip))]


def _wrong_amount(scene: Play, slip: sqlite3.Row) -> list[Payment]:
    right = slip["amount_yen"]
    less = (scene.lot.random() < 0.5 and right > 1) or right == MOST_YEN
    change = scene.lot.randint(1, min(right - 1, 1000)) if less else min(scene.lot.randint(1, 1000), MOST_YEN - right)
    return [_payment(scene, slip, _in_time(scene, slip))._replace(amount_yen=right - change if less else right + change)]


def _late(scene: Play, slip: sqlite3.Row) -> list[Payment]:
    earliest = shifted(slip["payable_until"], 1)
    return [_payment(scene, slip, max(earliest, shifted(scene.day, -scene.lot.choice((0, 0, 1)))))]


def _wrong_number(scene: Play, slip: sqlite3.Row) -> list[Payment]:
    wrong = f"{(int(slip['confirmation_number']) + 1 + scene.lot.randrange(999_998)) % 1_000_000:06d}"
    return [_payment(scene, slip, _in_time(scene, slip))._replace(confirmation_number=wrong)]


def _withdrawn(scene: Play, slip: sqlite3.Row) -> list[Payment]:
    return [_payment(scene, slip, _in_time(scene, slip))._replace(withdrawn=1)]


ACTS: dict[str, Callable[[Play, sqlite3.Row], list[Payment]]] = {
    "exact": _exact,
    "unpaid": _unpaid,
    "twice": _twice,
    "wrong_amount": _wrong_amount,
    "late": _late,
    "wrong_number": _wrong_number,
    "withdrawn": _withdrawn,
}


def _unknown(scene: Play, count: int) -> Iterator[Payment]:
    """Payments on numbers that no slip has, begun with a real fund's code and asked for in one query."""
    wanted = max(1, round(count * scene.scenario.unknown)) if scene.scenario.unknown and count else 0
    funds = sorted(scene.desk.world.funds)
    keys = [f"{scene.lot.choice(funds)}{scene.lot.randrange(10**17):017d}" for _ in range(wanted)]
    query = "SELECT case_key FROM slips WHERE institution_code = ? AND case_key IN (SELECT value FROM json_each(?))"
    taken = {row[0] for row in scene.desk.connection.execute(query, (scene.desk.institution_code, json.dumps(keys)))}
    for key in keys:
        if key not in taken:
            scene.tally["unknown"] = scene.tally.get("unknown", 0) + 1
            number, yen = f"{scene.lot.randrange(10**6):06d}", scene.lot.randrange(1000, 30_000, 100)
            yield Payment(scene.desk.institution_code, key, number, key[:3], scene.lot.choice(CHANNEL_NAMES), yen, scene.day)
