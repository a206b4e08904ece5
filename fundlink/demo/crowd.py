"""The demo played by many processes on PostgreSQL: bills go in through API servers, workers do the rest, anything may be killed.

Called by the ``demo`` command with ``--workers`` and ``--apis``. Its end is the ledger hash, which says what is true and not who
did what when: it is the same however many processes there are and whichever of them were killed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import httpx2

from fundlink import bootstrap, desk
from fundlink.config import Settings
from fundlink.connectors import core_files
from fundlink.demo import bills as made
from fundlink.demo.other_side import OtherSide
from fundlink.demo.plan import Plan, Say, business_day_before, invented_codes
from fundlink.demo.steps import counted, difference
from fundlink.demo.troupe import PATIENCE_S, Troupe
from fundlink.domain.errors import BusyError, ConfigurationError, OutcomeUnknownError, ProblemError, UsageError
from fundlink.domain.problems import problem
from fundlink.formats.profiles import Profile
from fundlink.jobs import Task
from fundlink.jobs.engine import Asker
from fundlink.pipeline import Rooms, Ticket
from fundlink.pipeline.rooms import Progress
from fundlink.store import files
from fundlink.store.ledger import ledger_hash

TOWNS = 4
"""Municipalities among which the bills are spread, however many processes there are."""
AGAIN_S = 0.5
WAITS_S = 1800.0
"""How long the product may wait for a gateway that failed again and again: it leaves it alone for a minute, then for longer."""
LOOK_S = 2.0
_Found = TypeVar("_Found")


class Crowd(NamedTuple):
    """What a demo is played with."""

    rooms: Rooms
    troupe: Troupe
    asker: Asker
    other: OtherSide
    plans: list[Plan]
    say: Say


def play(
    settings: Settings, *, asked: tuple[int, int, str], processes: tuple[int, int], say: Say, progress: Progress | None = None
) -> dict[str, Any]:
    """The whole road; the JSON of the command. ``asked``: bills, seed, scenario. ``processes``: workers, API servers."""
    if settings.environment == "production":
        raise ConfigurationError([problem("FL-CFG-002", detail="demo / FUNDLINK_ENVIRONMENT=production")])
    if settings.url.startswith("sqlite"):
        raise UsageError("--workers と --apis は PostgreSQL（FUNDLINK_DATABASE_URL）で使えます。SQLite では 1 つのプロセスで動きます。")
    bills, seed, scenario = asked
    workers, apis = processes
    with closing(bootstrap.build(settings, progress=progress)) as rooms:
        (rooms.folder / "demo").mkdir(parents=True, exist_ok=True)
        rooms.signer()  # one key pair for all processes
        plans = _plans(rooms, asked)
        with (
            Troupe(settings, workers=workers, apis=apis, world=(seed, scenario)) as troupe,
            closing(Asker(rooms)) as asker,
            closing(OtherSide(troupe.gateway)) as other,
        ):
            say(f"fundlink デモ: 作業係 {workers}  API {apis}  団体 {TOWNS}（架空）  請求 {bills:,} 件  種 {seed}")
            return {**_play(Crowd(rooms, troupe, asker, other, plans, say)), "restarts": troupe.restarts}


def _plans(rooms: Rooms, asked: tuple[int, int, str]) -> list[Plan]:
    """The remembered plans of this very demo, or new ones in made-up municipalities nobody has bills in."""
    bills, seed, scenario = asked
    path = rooms.folder / "demo" / f"crowd-{scenario}-{seed}-{bills}.json"
    if path.exists():
        return [Plan(**told) for told in json.loads(path.read_text())]
    with rooms.store.read() as connection:
        taken = {code for code, *_ in files.municipalities(connection)}
    codes = islice((code for code in invented_codes() if code not in taken), TOWNS)
    day = business_day_before(rooms.clock().date()).isoformat()
    shares = [bills // TOWNS + (number < bills % TOWNS) for number in range(TOWNS)]
    plans = [Plan(share, seed, scenario, code, day) for share, code in zip(shares, codes, strict=True)]
    core_files.put(path, [json.dumps([plan.__dict__ for plan in plans]).encode()])
    for plan in plans:
        desk.add_municipality(rooms, plan.municipality_code, "見本市（架空）")
    return plans


def _play(crowd: Crowd) -> dict[str, Any]:
    say = crowd.say
    say("1. 取込 intake: 各団体のファイルを API に送る")
    _side_by_side(crowd, _send_files)
    say("2. 送信 submit")
    _tell_gateway(crowd, "first")
    say("3. 変更: 更正・取消・再発行、二度渡し。もう一度送信")
    _side_by_side(crowd, _send_changes)
    _tell_gateway(crowd, "second")
    say("4. 向こう側（模擬）: 納付者が払い、営業日が締まる")
    for plan in crowd.plans:  # one after the other: payments are numbered in this order
        _persist(lambda plan=plan: crowd.other.play(plan.scenario, plan.seed, institution_code=plan.institution_code, day=plan.day))  # type: ignore[misc]
        _persist(lambda plan=plan: crowd.other.close_day(plan.day, plan.institution_code))  # type: ignore[misc]
    say("5. 受信 collect")
    _collect(crowd)
    say("6. 突合 reconcile")
    _ask(crowd, [Task("reconcile", _name(crowd, "once"), "", {"day": None, "municipality": None})])
    say("7. 引渡し export")
    _of_all(crowd, "export", "once", out=str(crowd.rooms.folder / "outbox" / "core"))
    return _compared(crowd)


def _side_by_side(crowd: Crowd, act: Callable[[Crowd, Plan], None]) -> None:
    """All towns at once, each in its own order: what is numbered is numbered town by town."""
    with ThreadPoolExecutor(TOWNS) as towns:
        list(towns.map(lambda plan: act(crowd, plan), crowd.plans))


def _send_files(crowd: Crowd, plan: Plan) -> None:
    for fund, count in plan.shares():
        profile = crowd.rooms.profile(fund.profile)
        _upload(
            crowd, plan, (fund.profile, f"{fund.fund_code}.{_ending(profile)}"), made.file_of(fund, count, plan.bases(), profile=profile)
        )


def _ending(profile: Profile) -> str:
    return "txt" if profile.message("billing").form == "fixed" else "csv"


def _send_changes(crowd: Crowd, plan: Plan) -> None:
    fund, count = plan.shares()[0]
    updated, cancelled, reissued = made.changes(fund, count, plan.bases())
    profile = crowd.rooms.profile(fund.profile)
    written = profile.message("billing").writer([*updated, *cancelled], {})
    _upload(crowd, plan, (fund.profile, "changes.csv"), written)
    _upload(crowd, plan, (fund.profile, "again.csv"), made.file_of(fund, count, plan.bases(), profile=profile))
    for bill in reissued:
        _post(crowd, f"/v1/bills/{bill.bill_key}/reissue", key=bill.bill_key, json={"by": "見本 担当", "approved_by": "見本 係長"})


def _upload(crowd: Crowd, plan: Plan, named: tuple[str, str], body: Iterator[bytes]) -> None:
    profile, name = named
    path = _kept(crowd, plan, name, body)
    told = _post(
        crowd, "/v1/intakes", key=f"{plan.municipality_code}-{plan.seed}-{name}", content=path.read_bytes(),
        params={"profile": profile, "municipality": plan.municipality_code, "name": name},
    )  # fmt: skip
    crowd.say(f"   {plan.municipality_code} {name}: 受入 {told['accepted']:,}  拒否 {told['rejected']:,}")


def _kept(crowd: Crowd, plan: Plan, name: str, body: Iterator[bytes]) -> Path:
    path = plan.place(crowd.rooms) / name
    core_files.put(path, body)
    return path


def _post(crowd: Crowd, path: str, *, key: str, **more: Any) -> dict[str, Any]:
    """Ask one API server after the other until one has done it; the key sees to it that it is done once."""
    servers = iter(_turns(crowd.troupe.apis, key))
    kind = {"Content-Type": "text/csv"} if "content" in more else {}

    def once() -> dict[str, Any]:
        answer = httpx2.post(next(servers) + path, headers={"Idempotency-Key": key, **kind}, timeout=PATIENCE_S, **more)
        if answer.status_code in (409, 429) or answer.status_code >= 500:
            raise BusyError(path)
        if answer.status_code >= 300:
            raise ProblemError([problem("FL-GTW-001", reason=f"{path} HTTP {answer.status_code}: {answer.text[:200]}")])
        return dict(answer.json())

    return _persist(once)


def _turns(servers: Sequence[str], key: str) -> Iterator[str]:
    at = sum(key.encode())
    while True:
        yield servers[at % len(servers)]
        at += 1


def _persist(act: Callable[[], _Found]) -> _Found:
    """Again and again while the other end is away; everything asked of it may be asked twice."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return act()
        except (httpx2.HTTPError, BusyError, OutcomeUnknownError) as error:
            if time.monotonic() > deadline:
                raise BusyError(type(error).__name__) from error
            time.sleep(AGAIN_S)


def _tell_gateway(crowd: Crowd, when: str) -> None:
    """Submit until no outcome is unknown: a lost answer is inquired about by the next run."""
    _until_done(crowd, "submit", when, lambda told: not told["unknown"])


def _collect(crowd: Crowd) -> None:
    """Collect until nothing was kept back by a line that failed."""
    _until_done(crowd, "collect", "once", lambda told: not _AWAY & {one["code"] for one in told["problems"]})


_AWAY = {"FL-GTW-001", "FL-GTW-002", "FL-GTW-003", "FL-FIL-005"}
"""What a gateway that is away, or a line that fails, is told as."""


def _until_done(crowd: Crowd, verb: str, when: str, done: Callable[[Ticket], bool]) -> None:
    deadline, attempt = time.monotonic() + WAITS_S, 0
    while not all(done(told) for told in _of_all(crowd, verb, f"{when}-{attempt}")):
        if time.monotonic() > deadline:
            raise ProblemError([problem("FL-GTW-002")])
        attempt += 1
        time.sleep(LOOK_S)


def _of_all(crowd: Crowd, verb: str, when: str, **more: str) -> list[Ticket]:
    tickets = [{"municipality": plan.municipality_code, **more} for plan in crowd.plans]
    return _ask(crowd, [Task(verb, _name(crowd, when), str(one["municipality"]), one) for one in tickets])


def _name(crowd: Crowd, when: str) -> str:
    plan = crowd.plans[0]
    return f"demo-{plan.scenario}-{plan.seed}-{plan.bills}-{when}"


def _ask(crowd: Crowd, tasks: list[Task]) -> list[Ticket]:
    for task in tasks:
        crowd.asker.ask(task)
    return [_persist(lambda task=task: crowd.asker.answer(task)) for task in tasks]  # type: ignore[misc]


def _compared(crowd: Crowd) -> dict[str, Any]:
    """Our outcomes against the books of the other side, town by town, and the hash of it all."""
    rooms, towns = crowd.rooms, []
    for plan in crowd.plans:
        books = _persist(lambda plan=plan: crowd.other.books(plan.institution_code))  # type: ignore[misc]
        towns.append({"municipality_code": plan.municipality_code, **counted(rooms, plan), **difference(rooms, plan, books)})
    with rooms.store.read() as connection:
        ledger = ledger_hash(connection)
    ok = all(town["ok"] for town in towns)
    crowd.say(f"結果: {'すべて一致しました（模擬の帳簿と件数・円まで同じ）。' if ok else '一致しません。'}")
    crowd.say(f"台帳: {ledger}")
    sums = {name: sum(town[name] for town in towns) for name in ("bills", "slips", "receipts")}
    return {"ok": ok, **sums, "ledger": ledger, "towns": towns, "home": str(rooms.folder)}
