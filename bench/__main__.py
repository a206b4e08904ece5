"""``python -m bench``: one figure a command, printed as one JSON object; ``all`` for the whole table; ``report`` for the page."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bench import book, serving
from bench.comparators import together
from bench.databases import databases
from bench.inputs import FORMS
from bench.receipts import Rate, receipts
from bench.recovery import recovery
from bench.serving import Pressure
from bench.stages import Bed
from bench.verbs import VERBS, Asked

UPLOAD_ROWS = 200_000
STEADY = 300
PARTS = ("intake", "submit", "collect", "compare", "reconcile", "export", "incremental", "api", "upload")
"""Parts of the table in the order in which they are measured."""
STAGES = {
    "intake": ("empty", "bills"), "submit": ("bills", "submitted"), "collect": ("registered", "collected"),
    "compare": ("empty", "bills", "registered", "collected"), "reconcile": ("registered", "collected", "reconciled"),
    "export": ("reconciled",), "incremental": ("bills", "known"), "api": ("bills", "known"),
}  # fmt: skip
Result = dict[str, Any]


def main() -> None:
    """Read the command line and do what it says."""
    for name in [name for name in os.environ if name.startswith("FUNDLINK_")]:
        del os.environ[name]  # no setting of this machine reaches a figure
    asked = _parser().parse_args()
    asked.act(asked)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in (*VERBS, "api", "upload", "compare"):
        command = commands.add_parser(name, help=f"the figure of {name}")
        _shared(command)
        command.set_defaults(act=_one, name=name)
    _running(commands)
    whole = commands.add_parser("all", help="every figure on both databases, into a results file")
    _shared(whole)
    whole.add_argument("--out", type=Path, required=True, help="results file; figures of the same kind in it are replaced")
    whole.add_argument("--on", default="sqlite,postgresql", help="databases, joined by commas")
    whole.add_argument("--only", default=",".join(PARTS), help=f"parts of the table, joined by commas: {' '.join(PARTS)}")
    whole.add_argument("--resume", action="store_true", help="leave out what the results file holds already for these rows")
    whole.set_defaults(act=_all)
    merging = commands.add_parser("merge", help="take the figures of one results file into another")
    merging.add_argument("source", type=Path)
    merging.add_argument("target", type=Path)
    merging.set_defaults(act=lambda asked: book.merge(asked.source, asked.target))
    report = commands.add_parser("report", help="make the page from a results file")
    report.add_argument("results", type=Path)
    report.add_argument("page", type=Path)
    report.set_defaults(act=lambda asked: asked.page.write_text(book.page(book.load(asked.results)), encoding="utf-8"))
    return parser


def _running(commands: Any) -> None:
    """Figures of the product as it runs: each prints its own object and has no floor."""
    steady = commands.add_parser("receipts", help="receipts at a steady rate, each durable within a second")
    killed = commands.add_parser("recovery", help="killed among many bills: seconds until it is ready and has done what it had in hand")
    for command in (steady, killed):
        command.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
        command.add_argument("--server", help="a PostgreSQL server to use instead of starting one")
        command.add_argument("--workers", type=int, default=2, help="PostgreSQL: worker processes")
        command.add_argument("--work", type=Path, help="where homes and files are made")
    steady.add_argument("--rate", type=int, default=1_200, help="receipts a second")
    steady.add_argument("--seconds", type=int, default=60)
    steady.add_argument("--interval", type=float, default=0.25, help="FUNDLINK_INTERVAL_S of the product")
    steady.set_defaults(act=_steady)
    killed.add_argument("--bills", type=int, default=1_000_000)
    killed.add_argument("--receipts", type=int, default=100_000, help="receipts that it is at work on when it is killed")
    killed.set_defaults(act=_killed)


def _steady(asked: argparse.Namespace) -> None:
    rate = Rate(asked.rate, asked.seconds, asked.interval, asked.workers)
    with _bed(asked, rate.rows, asked.database) as bed:
        _print(receipts(bed, rate))


def _killed(asked: argparse.Namespace) -> None:
    with _bed(asked, asked.bills, asked.database) as bed:
        _print(recovery(bed, asked.receipts, asked.workers))


def _print(found: Result) -> None:
    print(json.dumps(book.dated(found), ensure_ascii=False))


def _shared(command: argparse.ArgumentParser) -> None:
    command.add_argument("--rows", type=int, default=10_000)
    command.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    command.add_argument("--server", help="a PostgreSQL server to use instead of starting one: postgresql://…/postgres")
    command.add_argument("--runs", type=int, default=5)
    command.add_argument("--form", choices=tuple(FORMS), default="utf-8", help="intake: the form of the file")
    command.add_argument("--profile", action="store_true", help="one more run under cProfile, its top lines in the result")
    command.add_argument(
        "--bills", type=int, nargs="+", help="incremental, api: bills stored (default: rows); incremental compares several"
    )
    command.add_argument("--connections", type=int, default=Pressure().connections)
    command.add_argument("--requests", type=int, default=Pressure().requests)
    command.add_argument("--limit", type=float, default=Pressure().limit_s, help="api: seconds at most")
    command.add_argument("--rate", type=int, default=0, help="api: writes a second (0: as fast as it goes)")
    command.add_argument("--processes", type=int, help="api: server processes (default 1, on PostgreSQL 2)")
    command.add_argument("--work", type=Path, help="where homes and files are made (default: the folder for temporary files)")


@contextmanager
def _bed(asked: argparse.Namespace, rows: int, kind: str) -> Iterator[Bed]:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=asked.work) as folder, databases(kind, asked.server) as made:
        yield Bed(Path(folder), rows, made)


def _how(asked: argparse.Namespace, form: str | None = None) -> Asked:
    return Asked(asked.runs, asked.profile, form or asked.form)


def _pressure(asked: argparse.Namespace, kind: str, rate: int) -> Pressure:
    processes = asked.processes or (2 if kind == "postgresql" else 1)
    return Pressure(asked.requests, asked.limit, asked.connections, rate, processes)


def _one(asked: argparse.Namespace) -> None:
    found: Result
    if asked.name == "incremental":
        found = _compared([_incremental(asked, bills, asked.database) for bills in sorted(asked.bills or [asked.rows])])
    else:
        rows = asked.bills[0] if asked.name == "api" and asked.bills else asked.rows
        with _bed(asked, rows, asked.database) as bed:
            found = _figure(asked, bed)
    _print(found)


def _figure(asked: argparse.Namespace, bed: Bed) -> Result:
    if asked.name == "api":
        return serving.api(bed, _how(asked), _pressure(asked, asked.database, asked.rate))
    if asked.name == "upload":
        return serving.upload(bed, _how(asked))
    if asked.name == "compare":
        return {"bench": "compare", "rows": asked.rows, "results": together.compare(bed, _how(asked))}
    return VERBS[asked.name](bed, _how(asked))


def _incremental(asked: argparse.Namespace, bills: int, kind: str) -> Result:
    with _bed(asked, bills, kind) as bed:
        return VERBS["incremental"](bed, _how(asked))


def _compared(found: list[Result]) -> Result:
    """The figure among most bills, with how many seconds more it took than among fewest."""
    if len(found) == 1:
        return found[0]
    more = found[-1]["seconds"]["median"] - found[0]["seconds"]["median"]
    return {**found[-1], "seconds_more": round(more, 4), "compared_with": found[:-1]}


def _all(asked: argparse.Namespace) -> None:
    unknown = set(asked.only.split(",")) - set(PARTS)
    if unknown:
        raise SystemExit(f"--only: {', '.join(sorted(unknown))}?  ({' '.join(PARTS)})")
    told, started = Told(asked.out, resumed=asked.resume), time.monotonic()
    for kind in asked.on.split(","):
        _table(asked, kind, told)
    _say(f"all done in {time.monotonic() - started:,.0f} s: {told.made} made, {told.left_out} left out, {told.failed} failed")
    if told.failed:
        raise SystemExit(1)


class Told:
    """Puts figures into the results file as they are made, and says on stderr what is going on."""

    def __init__(self, out: Path, *, resumed: bool) -> None:
        self._out, self._resumed = out, resumed
        self.made = self.left_out = self.failed = 0

    def figure(self, about: Result, act: Callable[[], Any]) -> None:
        """One figure or several of a kind; one that fails is told and the others go on: hours must not be lost."""
        name = " ".join(str(value) for value in about.values())
        if self._resumed and book.holds(self._out, about):
            self.left_out += 1
            _say(f"{name}: left out, the file holds it")
            return
        _say(f"{name} …")
        started = time.monotonic()
        try:
            found = act()
        except Exception as error:  # noqa: BLE001
            self.failed += 1
            _say(f"{name}: {type(error).__name__}: {error}")
            return
        for one in found if isinstance(found, list) else [found]:
            book.add(self._out, book.dated(one))
            print(json.dumps(one, ensure_ascii=False), flush=True)
        self.made += 1
        _say(f"{name}: {_short(found)}, whole {time.monotonic() - started:,.0f} s")


def _say(words: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {words}", file=sys.stderr, flush=True)


def _short(found: Any) -> str:
    if isinstance(found, list):
        return f"{len(found)} figures"
    ratio = f", {found['ratio']} × floor" if found.get("ratio") is not None else ""
    return f"{found['seconds']['median']:.2f} s{ratio}, {found['peak_mib']:.0f} MiB"


def _table(asked: argparse.Namespace, kind: str, told: Told) -> None:
    """The wanted figures on one database, in the order in which each leaves the stage of the next."""
    wanted = asked.only.split(",")
    with _bed(asked, asked.rows, kind) as bed:
        for name in [name for name in PARTS if name in wanted and name != "upload"]:
            for about, act in _acts(asked, kind, name, bed):
                told.figure(about, act)
            bed.keep(_needed([later for later in PARTS[PARTS.index(name) + 1 :] if later in wanted]))
    if "upload" in wanted:
        rows = min(asked.rows, UPLOAD_ROWS)
        with _bed(asked, rows, kind) as bed:
            told.figure({"bench": "upload", "database": kind, "rows": rows}, partial(serving.upload, bed, _how(asked)))
    for bills in (asked.bills or []) if "incremental" in wanted else []:
        told.figure({"bench": "incremental", "database": kind, "bills": bills}, partial(_incremental, asked, bills, kind))


def _acts(asked: argparse.Namespace, kind: str, name: str, bed: Bed) -> Iterator[tuple[Result, Callable[[], Any]]]:
    about: Result = {"bench": name, "database": kind, "rows": asked.rows}
    if name == "intake":
        for form in ("utf-8", "cp932", "fixed"):
            yield {**about, "form": form}, partial(VERBS["intake"], bed, _how(asked, form))
    elif name == "api":
        for rate in (0, STEADY):
            mode = {"bench": "api", "database": kind, "bills": asked.rows, "mode": f"{rate}/s" if rate else "saturation"}
            yield mode, partial(serving.api, bed, Asked(1), _pressure(asked, kind, rate))
    elif name == "compare":
        if kind == "sqlite" and (asked.rows <= together.LARGE or asked.only == "compare"):  # an ORM a row takes an hour a million
            yield {**about, "bench": "comparator"}, partial(together.compare, bed, _how(asked))
    elif name == "incremental":
        yield {"bench": name, "database": kind, "bills": asked.rows}, partial(VERBS[name], bed, _how(asked))
    else:
        yield about, partial(VERBS[name], bed, _how(asked))


def _needed(later: list[str]) -> set[str]:
    """The stages that the parts still to come start from."""
    return {stage for name in later for stage in STAGES.get(name, ())}


if __name__ == "__main__":
    main()
