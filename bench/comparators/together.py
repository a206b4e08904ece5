"""Comparators and the road in turn on the same stage (SQLite). Called by the command line.

A comparator runs in ``.venv-bench`` (make bench-comparators); what is not installed is told as missing.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench import inputs
from bench.child import Values
from bench.measure import ROOT, Failed, Run, run
from bench.stages import Bed, Place
from bench.verbs import Asked
from fundlink.bootstrap import SCHEMAS

PYTHON = ROOT / ".venv-bench" / "bin" / "python"
MOST_RUNS, LARGE = 3, 200_000


class Comparator(NamedTuple):
    """One other way to do a verb's job."""

    verb: str
    name: str
    task: str
    about: str


COMPARATORS: tuple[Comparator, ...] = (
    Comparator("reconcile", "pandas merge", "matching:pandas_merge", "read_sql, one merge, numpy.select, outcomes stored; no states, no days"),
    Comparator("reconcile", "datacompy", "matching:datacompy_compare", "PandasCompare of first payments and slips, outcomes stored"),
    Comparator("reconcile", "splink, exact rule", "matching:splink_exact", "deterministic_link in DuckDB, numpy.select, outcomes stored"),
    Comparator(
        "reconcile", "rule loop like Tryton's, ORM", "matching:rule_loop_orm",
        "our re-creation of statement rules through SQLAlchemy's ORM: search move lines by exact amount and reference one by one",
    ),
    Comparator(
        "reconcile", "rule loop like Tryton's, bare SQL", "matching:rule_loop",
        "the same loop without any ORM, a lower bound; no confirmation numbers, states, days, evidence or audit",
    ),
    Comparator("submit", "xsdata", "messages:xsdata_classes", "classes from the schema, XmlSerializer, checked with lxml; not signed, not stored"),
    Comparator("submit", "elements like sepaxml's", "messages:elements", "xml.etree SubElement a field, checked with lxml; not signed, not stored"),
    Comparator("submit", "pydantic models", "messages:pydantic_models", "pydantic-xml to_xml, checked with lxml; not signed, not stored"),
    Comparator("intake", "sqlmodel add_all", "storing:add_all", "one model a row of the CSV file, stored; nothing checked, nothing numbered"),
)  # fmt: skip
_STAGES = {"reconcile": "collected", "submit": "bills", "intake": "empty"}


def compare(bed: Bed, asked: Asked) -> list[dict[str, Any]]:
    """Every comparator with its time and that of the road, from the same stage in the same run."""
    if bed.databases.kind != "sqlite":
        raise SystemExit("comparators run on SQLite")
    runs = 1 if bed.rows > LARGE else min(asked.runs, MOST_RUNS)
    return [told for verb in _STAGES for told in _of_verb(bed, verb, runs)]


def _of_verb(bed: Bed, verb: str, runs: int) -> list[dict[str, Any]]:
    mine = [comparator for comparator in COMPARATORS if comparator.verb == verb]
    roads: list[Run] = []
    found: dict[str, list[Run | str]] = {comparator.name: [] for comparator in mine}
    for _ in range(runs):
        with bed.copied(_STAGES[verb]) as place:
            roads.append(run(f"bench.roads:{verb}", _values(bed, place, verb)))
        for comparator in mine:
            with bed.copied(_STAGES[verb]) as place:
                found[comparator.name].append(_tried(comparator, _values(bed, place, verb)))
    road = median(one.seconds for one in roads)
    return [_told(comparator, found[comparator.name], bed.rows, road) for comparator in mine]


def _values(bed: Bed, place: Place, verb: str) -> Values:
    _, expected = bed.receipts(bed.rows, "registered") if verb == "reconcile" else (None, {})
    layout = SCHEMAS / "profiles" / "standard" / "billing.csv"
    return bed.values(
        place, rows=bed.rows, expected=expected, xsd=str(SCHEMAS / "payment.xsd"), layout=str(layout),
        path=str(bed.bills_file()), form_profile=inputs.FORMS["utf-8"],
    )  # fmt: skip


def _tried(comparator: Comparator, values: Values) -> Run | str:
    """The run, or why there is none."""
    if not Path(PYTHON).exists():
        return "not installed"
    try:
        return run(f"bench.comparators.{comparator.task}", values, python=str(PYTHON))
    except Failed as failed:
        return "not installed" if "ModuleNotFoundError" in str(failed) else str(failed)[-300:]


def _told(comparator: Comparator, found: list[Run | str], rows: int, road: float) -> dict[str, Any]:
    runs = [one for one in found if isinstance(one, Run)]
    about = {
        "bench": "comparator", "verb": comparator.verb, "name": comparator.name, "database": "sqlite", "rows": rows,
        "about": comparator.about, "road_seconds": round(road, 4),
    }  # fmt: skip
    if not runs:
        return {**about, "runs": 0, "seconds": None, "missing": next(one for one in found if isinstance(one, str))}
    seconds = median(one.seconds for one in runs)
    return {
        **about, "runs": len(runs), "seconds": {"median": round(seconds, 4), "all": [round(one.seconds, 4) for one in runs]},
        "floor_seconds": None, "ratio": None, "times_road": round(seconds / road, 2), "rows_per_s": round(rows / seconds),
        "peak_mib": max(one.peak_mib for one in runs), "processed": runs[-1].rows,
    }  # fmt: skip
