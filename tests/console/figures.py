"""How long every page and list of the console takes on the server: ``python -m tests.console.figures [--bills 1000000] [--rounds 7]``.

Prints one JSON object: milliseconds by page and database: the processor time of one request (``work_ms``, with that of the database server), and
what the clock said (shortest, middle and longest of the rounds), which on a machine that does other work as well is the longer. The database is a made-up year of two
municipalities, all bills registered, half of them paid and each payment stated twice (preliminary, confirmed); one payment in a
hundred waits for a decision, and one preliminary statement in five hundred was never confirmed. Nothing is kept between runs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from fastapi.testclient import TestClient

from fundlink.api.app import create_app
from fundlink.config import Settings
from fundlink.pipeline import printing
from tests import postgresql
from tests.books.days import settled
from tests.builders import CODE, DAY, World, bill, receipt, world
from tests.console.persons import CLERK, Desk, Staffed, register
from tests.store import grown

BUSY_DAY = "2026-09-12"
"""A day of the made-up year, with a hundred and sixtieth of its payments."""
SLOW_MS = 300
_SERIES = "WITH RECURSIVE g (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < {})"
_RECEIPT = ("INSERT INTO receipt (received_id, position, municipality_code, transaction_key, stage, institution_code, case_key, confirmation_number, "
            "fund_code, channel, amount_yen, paid_on, booked_on)")  # fmt: skip
EXTRA = (
    # each payment was stated before it was confirmed
    f"""{_RECEIPT} SELECT received_id, position, municipality_code, transaction_key, 'preliminary', institution_code, case_key,
        confirmation_number, fund_code, channel, amount_yen, paid_on, booked_on FROM receipt WHERE stage = 'confirmed'""",
    # a second payment of a bill
    f"""{_RECEIPT} SELECT received_id, position, municipality_code, 'DUP' || id, 'confirmed', institution_code, case_key,
        confirmation_number, fund_code, channel, amount_yen, paid_on, booked_on FROM receipt WHERE stage = 'confirmed' AND id % 100 = 0""",
    """INSERT INTO outcome (transaction_key, receipt_id, slip_id, bill_id, version_id, outcome, evidence, at)
       SELECT r.transaction_key, r.id, s.id, s.bill_id, s.bill_id, 'duplicate_payment', 0, r.booked_on || 'T09:00:00+09:00'
       FROM receipt r JOIN slip s ON s.institution_code = r.institution_code AND s.case_key = r.case_key WHERE r.transaction_key LIKE 'DUP%'""",
    # never confirmed
    f"""{_RECEIPT} SELECT received_id, position, municipality_code, 'LATE' || id, 'preliminary', institution_code, case_key,
        confirmation_number, fund_code, channel, amount_yen, paid_on, booked_on FROM receipt WHERE stage = 'confirmed' AND id % 500 = 0""",
    f"""INSERT INTO day_state (day, municipality_code, fund_code, receipts, receipts_yen, settled_yen, fee_yen, credited_yen, difference_yen,
        state, differences, at) SELECT booked_on, municipality_code, fund_code, COUNT(*), SUM(amount_yen), 0, 0, 0, SUM(amount_yen), 'difference',
        '["receipt_without_settlement"]', '{grown.AT}' FROM receipt WHERE stage = 'confirmed' GROUP BY booked_on, municipality_code, fund_code""",
)
"""What a year brings beside the smooth road that ``grown`` lays out."""


def pages(found: World) -> dict[str, str]:
    """Every list and page by what it is."""
    own = bill(1).bill_key
    old = str(found.sql("SELECT bill_key FROM bill WHERE municipality_code = :code ORDER BY id LIMIT 1", code=CODE)[0][0])
    view = found.jobs.find_bill(old)
    case = str(found.sql("SELECT transaction_key FROM outcome WHERE outcome = 'duplicate_payment' ORDER BY id LIMIT 1")[0][0])
    filters = ("kind=transaction", "kind=preliminary", "kind=day", "kind=message", "kind=conflict", "kind=received", "owner=-", "fund=601", "age=30",
               "yen=1000", f"municipality={CODE}", "kind=transaction&fund=601&age=30&yen=1000&owner=-")  # fmt: skip
    return {
        "home": "", "home: preliminary statements": f"later/{CODE}", "day": f"days/{DAY}/{CODE}", "busy day": f"days/{BUSY_DAY}/{CODE}",
        "fund rows, open": f"days/{BUSY_DAY}/{CODE}/funds/601", "fund rows, all": f"days/{BUSY_DAY}/{CODE}/funds/601?rows=all",
        "close": f"days/{DAY}/{CODE}/close", "day sheet": f"days/{DAY}/{CODE}/sheet", "payment": "payments/T2", "settlement": f"settlements/S{DAY}601",
        "cases": "cases", **{f"cases, {one}": f"cases?{one}" for one in filters}, "case": f"cases/transaction:{case}",
        "case of a preliminary": "cases/preliminary:LATE500", "approvals": "approvals", "readiness": f"readiness/{CODE}",
        **{f"report {name}": f"reports/{name}/{CODE}" for name in ("collection", "channels", "ageing", "spans")},
        "bill": f"bills/{own}", "bill of the year": f"bills/{old}", "search, empty": "search",
        "search, eL number": f"search?q={view.institution_code}{view.case_key}000000", "search, notice number": f"search?q={view.notice_number}x",
        "search, notice number found": f"search?q={view.notice_number}", "search, core key": f"search?q={view.core_key}",
        "search, eL-QR": f"search?q={printing.payload_of(found.jobs.rooms, view)}", "search, transaction": "search?q=OLD1000",
        "search, nothing": "search?q=99999999999999999999", "search, amount and booked day": f"search?yen=1000&by=booked&day={BUSY_DAY}",
        "search, amount and paid day": f"search?yen=1000&by=paid&day={BUSY_DAY}", "search, amount and limit": "search?yen=1000&by=limit&day=2027-01-09",
        "search, amount that is not there": "search?yen=987654&by=limit&day=2027-01-09", "files": "files", "file": f"files/{found.sql('SELECT MAX(id) FROM file')[0][0]}",
        "streams": "files/streams", "upload": "upload", "small funds": "small-funds",
    }  # fmt: skip


def filled(found: World, bills: int) -> None:
    """The year, and one small day of today that took the whole road."""
    grown.fill(found, (bills, bills // 2))
    with found.jobs.rooms.store.engine.begin() as connection:
        for statement in EXTRA:
            connection.execute(sa.text(statement))
    found.intake([bill(number) for number in range(1, 31)])
    found.jobs.submit()
    found.receive([*(found.paid(number, f"T{number}") for number in range(1, 21)), receipt("TU", "9" * 20, "000000")])
    found.jobs.reconcile()
    settled(found, 20_000)
    grown.analyze(found)


@contextmanager
def seated(found: World) -> Iterator[Desk]:
    """A clerk at the console."""
    staffed = Staffed(found, register(found.at("2026-11-09T07:00:00").jobs.rooms))
    app = create_app(found.jobs.rooms, Settings(home=found.folder / "home", rate_per_s=100_000))
    with TestClient(app, base_url="http://127.0.0.1/console/", follow_redirects=False) as client:
        desk = Desk(client, staffed)
        desk.sit(CLERK)
        yield desk


def work_ms(found: World) -> float:
    """Milliseconds of processor time so far: of this process, and of the database server where it is another one."""
    mine = time.process_time() * 1000
    if found.jobs.rooms.store.is_sqlite:
        return mine
    server = _stat(int(found.sql("SELECT pg_backend_pid()")[0][0]))[1]
    ticks = sum(_ticks(int(one.name), server) for one in Path("/proc").iterdir() if one.name.isdigit())
    return mine + ticks * 1000 / os.sysconf("SC_CLK_TCK")


def _stat(process: int) -> list[str]:
    """What Linux says of a process, from its state on."""
    return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()


def _ticks(process: int, server: str) -> int:
    """The processor time of one process of that server, 0 for any other and for one that has ended."""
    try:
        told = _stat(process)
    except OSError:
        return 0
    return int(told[11]) + int(told[12]) if told[1] == server else 0


def measured(found: World, rounds: int, only: str = "") -> dict[str, dict[str, Any]]:
    """Milliseconds of each page: the shortest, the middle one and the longest of the rounds. The first request of a page is not counted."""
    told: dict[str, dict[str, Any]] = {}
    with seated(found) as desk:
        for name, path in pages(found).items():
            if only not in name:
                continue
            desk.get(path)
            times, status, worked = [], 0, work_ms(found)
            for _ in range(rounds):
                began = time.perf_counter()
                status = desk.get(path).status_code
                times.append(round((time.perf_counter() - began) * 1000, 1))
            worked = work_ms(found) - worked
            told[name] = {
                "work_ms": round(worked / rounds, 1),
                "min_ms": min(times),
                "p50_ms": statistics.median(times),
                "max_ms": max(times),
                "status": status,
            }
    return told


@contextmanager
def databases(wanted: str) -> Iterator[Iterator[tuple[str, str]]]:
    """(kind, address) of each database that is asked for."""

    def each() -> Iterator[tuple[str, str]]:
        if "sqlite" in wanted:
            yield "sqlite", ""
        if "postgresql" in wanted:
            with postgresql.server() as server, postgresql.database(server, "figures") as url:
                yield "postgresql", url

    yield each()


def as_page(told: dict[str, Any]) -> str:
    """The figures as a page of the documentation."""
    kinds = sorted({kind for took in told["pages"].values() for kind in took})
    lines = [
        "# 画面の応答 / How long the console takes",
        "",
        f"`python -m tests.console.figures --bills {told['bills']} --rounds {told['rounds']} --page docs/performance-console.md` が書いたページです",
        f"（コミット {told['commit']}）。請求 {told['bills']:,} 件、その半分が納付済みで、どの納付にも速報と確報があり、100 件に 1 件が判断を待つ 1 年分の",
        f"データベースで、各ページを {told['rounds']} 回ずつ開いた値です。**仕事**は 1 回に使った処理時間（データベースの分を含む）、**中央・最長**は時計の値です。",
        f"仕事と中央の小さいほうが {SLOW_MS} ミリ秒を超えたもの: {'、'.join(told['slow']) or 'ありません'}。",
        "",
        f"| ページ | {' | '.join(f'{kind}: 仕事 ms | 中央 ms | 最長 ms' for kind in kinds)} |",
        f"|---|{'---:|' * 3 * len(kinds)}",
    ]
    for name, took in told["pages"].items():
        cells = (
            f"{took[kind]['work_ms']} | {took[kind]['p50_ms']} | {took[kind]['max_ms']}" if kind in took else "- | - | -" for kind in kinds
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.console.figures", description=__doc__)
    parser.add_argument("--bills", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--on", default="sqlite,postgresql")
    parser.add_argument("--only", default="", help="pages whose name holds this")
    parser.add_argument("--page", type=Path, help="write the table into this file as well")
    asked = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    told: dict[str, Any] = {"bills": asked.bills, "rounds": asked.rounds, "commit": commit, "pages": {}, "slow": []}
    with databases(asked.on) as wanted:
        for kind, url in wanted:
            with tempfile.TemporaryDirectory() as folder:
                found = world(Path(folder), url)
                filled(found, asked.bills)
                for name, took in measured(found, asked.rounds, asked.only).items():
                    told["pages"].setdefault(name, {})[kind] = took
                    told["slow"] += [f"{name} ({kind})"] if min(took["work_ms"], took["p50_ms"]) > SLOW_MS else []
                found.jobs.rooms.close()
    if asked.page:
        asked.page.write_text(as_page(told), encoding="utf-8")
    sys.stdout.write(json.dumps(told, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
