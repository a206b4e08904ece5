"""The figures of the five verbs and of a small day among many bills: road and floor in turn, from the same stage.

Called by the command line and by tests. What each floor did is said in FLOORS and printed with the figure.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from bench import inputs
from bench.child import Values
from bench.measure import Run, result, run
from bench.stages import Bed, Place
from fundlink.bootstrap import SCHEMAS

INCREMENT = 10_000
FLOORS = {
    "intake": "csv.reader over the same bytes, then one prepared bulk insert of the file's columns into one table with an id "
    "(SQLite: executemany; PostgreSQL: COPY), one transaction, one process, same durability",
    "intake fixed": "one struct.unpack and one CP932 decoding a record of the same bytes (the csv module cannot read them), then the same bulk insert",
    "submit": "the same message files written and synced once more, then parsed and validated with lxml, one process",
    "collect": "the same files parsed and validated with lxml, canonicalized (C14N), SHA-256, records by one bulk insert, one transaction",
    "reconcile": "one join of receipts with slips and bills and one insert-select of an outcome each, in the same database",
    "export": "select of the same entries (outcome, receipt, bill) and csv.writer into one synced file",
}


class Asked(NamedTuple):
    """How to measure."""

    runs: int = 5
    profile: bool = False
    form: str = "utf-8"


class Pair(NamedTuple):
    """Road and floor of one figure: both start from copies of ``stage``; what the road leaves may become the stage ``leaves``."""

    name: str
    stage: str
    leaves: str | None
    road: Callable[[Place], Values]
    floor: Callable[[Place], Values]


def _measured(bed: Bed, asked: Asked, pair: Pair, about: dict[str, Any], floor: str) -> dict[str, Any]:
    """Road, floor, road, floor … each in a fresh process and a fresh copy."""
    roads: list[Run] = []
    floors: list[Run] = []
    for _ in range(asked.runs):
        place = bed.copy(pair.stage)
        roads.append(run(f"bench.roads:{pair.name}", bed.values(place, **pair.road(place))))
        if pair.leaves:
            bed.adopt(pair.leaves, place)
        else:
            bed.drop(place)
        with bed.copied(pair.stage) as beside:
            floors.append(run(f"bench.floors:{pair.name}", bed.values(beside, **pair.floor(beside))))
    told = result({"bench": pair.name, **about, "database": bed.databases.kind}, roads, floors, floor)
    return {**told, **_profiled(bed, asked, pair)}


def _profiled(bed: Bed, asked: Asked, pair: Pair) -> dict[str, Any]:
    """Where the time goes, from one more run under cProfile (which slows it down)."""
    if not asked.profile:
        return {}
    with bed.copied(pair.stage) as place:
        return {"profile": run(f"bench.roads:{pair.name}", bed.values(place, **pair.road(place), profile=True)).told["profile"]}


def intake(bed: Bed, asked: Asked) -> dict[str, Any]:
    """A file of bills into an empty database."""
    path, profile = bed.bills_file(asked.form), inputs.FORMS[asked.form]
    folder = bed.profiles / profile if (bed.profiles / profile).is_dir() else SCHEMAS / "profiles" / profile
    given = {"path": str(path), "rows": bed.rows, "form": asked.form, "form_profile": profile, "layout": str(folder / "billing.csv")}
    pair = Pair("intake", "empty", "bills" if asked.form == "utf-8" else None, lambda _: given, lambda _: given)
    about = {"form": asked.form, "bytes": path.stat().st_size}
    return _measured(bed, asked, pair, about, FLOORS.get(f"intake {asked.form}", FLOORS["intake"]))


def submit(bed: Bed, asked: Asked) -> dict[str, Any]:
    """Stored bills into signed, valid messages of 10,000; then the answers."""
    xsd = str(SCHEMAS / "payment.xsd")
    pair = Pair(
        "submit", "bills", "submitted", lambda _: {"rows": bed.rows},
        lambda _: {"xsd": xsd, "messages": str(bed.stage("submitted").home / "outbox")},
    )  # fmt: skip
    return _measured(bed, asked, pair, {}, FLOORS["submit"])


def collect(bed: Bed, asked: Asked) -> dict[str, Any]:
    """Signed receipt files into the database."""
    files, _ = bed.receipts(bed.rows, "registered")
    given = {"files": str(files), "rows": bed.rows, "xsd": str(SCHEMAS / "receipt.xsd")}
    pair = Pair("collect", "registered", "collected", lambda _: given, lambda _: given)
    return _measured(bed, asked, pair, {}, FLOORS["collect"])


def reconcile(bed: Bed, asked: Asked) -> dict[str, Any]:
    """As many receipts as bills, all at once."""
    _, expected = bed.receipts(bed.rows, "registered")
    pair = Pair("reconcile", "collected", "reconciled", lambda _: {"expected": expected}, lambda _: {})
    return _measured(bed, asked, pair, {}, FLOORS["reconcile"])


def export(bed: Bed, asked: Asked) -> dict[str, Any]:
    """All outcomes into clearing files."""
    pair = Pair("export", "reconciled", None, lambda place: {"rows": bed.rows, "out": str(place.home / "out")}, lambda _: {})
    return _measured(bed, asked, pair, {}, FLOORS["export"])


def incremental(bed: Bed, asked: Asked) -> dict[str, Any]:
    """One day of receipts among all bills of the bed."""
    count = min(INCREMENT, bed.rows)
    files, expected = bed.receipts(count, "known")
    roads = []
    for _ in range(asked.runs):
        with bed.copied("known") as place:
            roads.append(run("bench.roads:incremental", bed.values(place, Path(files), rows=count, expected=expected)))
    about = {"bench": "incremental", "database": bed.databases.kind, "bills": bed.rows}
    told = result(about, roads, [], "none: the same day is measured among fewer bills")
    if asked.profile:
        with bed.copied("known") as place:
            values = bed.values(place, Path(files), rows=count, expected=expected, profile=True)
            told["profile"] = run("bench.roads:incremental", values).told["profile"]
    return told


VERBS: dict[str, Callable[[Bed, Asked], dict[str, Any]]] = {
    "intake": intake, "submit": submit, "collect": collect, "reconcile": reconcile, "export": export, "incremental": incremental,
}  # fmt: skip
