"""Results files and the page made from them. A cell without a figure says "not measured"; a missed target says so.

Called by the command line; ``python -m bench report docs/performance.json docs/performance.md`` makes the page.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import sqlite3
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Result = dict[str, Any]
SIZES = (10_000, 100_000, 1_000_000)
BILLS = (10_000, 100_000, 1_000_000, 5_000_000)
DATABASES = ("sqlite", "postgresql")
NONE = "not measured"
PEAK_MIB, GROWTH, MORE_S, STEADY = 256, 1.15, 3.0, "300/s"
FIGURES: tuple[tuple[str, str, str, float], ...] = (
    # label, bench, form, most times the floor
    ("intake, CSV UTF-8", "intake", "utf-8", 1.6),
    ("intake, CSV CP932", "intake", "cp932", 1.6),
    ("intake, fixed CP932", "intake", "fixed", 1.6),
    ("submit", "submit", "", 1.0),
    ("collect", "collect", "", 1.5),
    ("reconcile", "reconcile", "", 2.0),
    ("export", "export", "", 1.5),
    ("upload, NDJSON", "upload", "", 1.5),
)
API_TARGETS: dict[tuple[str, str], tuple[int, float]] = {("sqlite", "saturation"): (1_500, 50.0), ("postgresql", STEADY): (300, 100.0)}
"""(requests a second at least, p99 in ms at most)"""
_KEY = ("bench", "form", "database", "rows", "bills", "mode", "name")


def machine() -> dict[str, Any]:
    """What the figures were made on."""
    words = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    model = next((line.partition(":")[2].strip() for line in words if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 30)
    return {
        "cpu": model, "cores": os.cpu_count(), "memory_gib": memory, "system": platform.platform(),
        "python": platform.python_version(), "sqlite": sqlite3.sqlite_version,
    }  # fmt: skip


def dated(found: Result) -> Result:
    """A figure with its day and how busy the machine was when it ended."""
    return {**found, "made_on": dt.datetime.now(dt.UTC).date().isoformat(), "load": round(os.getloadavg()[0], 2)}


def load(path: Path) -> dict[str, Any]:
    """A results file; an empty one when there is none. Notes of a person lie beside it, so that no run touches them."""
    notes = path.with_name(f"{path.stem}-notes.toml")
    told = tomllib.loads(notes.read_text(encoding="utf-8")) if notes.exists() else {}
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"machine": {}, "results": []}
    return {**found, "notes": told}


def add(path: Path, found: Result) -> None:
    """Put a figure into a results file in place of the same one made before."""
    _save(path, load(path), machine(), [found])


def holds(path: Path, about: Result) -> bool:
    """Whether a results file has a figure of this kind."""
    return _find(load(path)["results"], **about) is not None


def merge(source: Path, target: Path) -> None:
    """Put all figures of a results file into another one."""
    given = load(source)
    _save(target, load(target), given["machine"], given["results"])


def _save(path: Path, held: dict[str, Any], made_on: dict[str, Any], found: Sequence[Result]) -> None:
    fresh = {_key(result) for result in found}
    results = [result for result in held["results"] if _key(result) not in fresh] + list(found)
    results.sort(key=lambda result: [str(part) for part in _key(result)])
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": made_on, "results": results}, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def _key(found: Result) -> tuple[Any, ...]:
    bench = found.get("bench")
    # how many writes a load got through is its finding, not its name
    return tuple(None if name == "rows" and bench in {"api", "incremental"} else found.get(name) for name in _KEY)


def page(held: dict[str, Any]) -> str:
    """The whole page."""
    results: list[Result] = held["results"]
    parts = [
        _head(held["machine"], results), _ratios(results), _growth(results), _memory(results), _increments(results), _requests(results),
        _side_by_side(results), _steps(results), _notes(held.get("notes", {})), _how(results),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _head(made_on: dict[str, Any], results: Sequence[Result]) -> str:
    days = sorted({str(result["made_on"]) for result in results if "made_on" in result})
    where = ", ".join(f"{name} {value}" for name, value in made_on.items()) if results else NONE
    when = " – ".join(dict.fromkeys((days[0], days[-1]))) if days else NONE
    runs = sorted({int(result["runs"]) for result in results if result.get("runs")})
    loads = [float(result["load"]) for result in results if "load" in result]
    busy = f", load of the machine up to {max(loads):.1f}" if loads else ""
    return f"""# 性能 / Performance

この頁は `python -m bench report docs/performance.json docs/performance.md` が作ります。手で直さないでください。測り方は末尾にあります。
(Generated; do not edit. How it was made stands at the end.)

数字は「床」（同じ行を同じデータベースに入れるとき、どのプログラムでも払う最小の時間）に対する倍率です。機械ごとに秒は違うので、倍率を見てください。
(Every figure is a multiple of its floor, measured in the same run: the least that any program must pay for the same rows.)

- Machine: {where}
- Made on: {when}; runs a figure: {", ".join(map(str, runs)) or NONE} (medians are shown){busy}
- Targets: 2 cores, median of five; met or missed is said in every cell."""


def _ratios(results: Sequence[Result]) -> str:
    sizes = _sizes(results)
    rows = []
    for label, bench, form, most in FIGURES:
        for database in DATABASES:
            cells = [_ratio(_find(results, bench=bench, form=form or None, database=database, rows=size), most) for size in sizes]
            rows.append([label, database, f"≤ {most}", *cells])
    return "## Ratio to the floor\n\n" + _table(["figure", "database", "target", *map(_number, sizes)], rows)


def _ratio(found: Result | None, most: float) -> str:
    if found is None or found.get("ratio") is None:
        return NONE
    return f"{found['ratio']:.2f} {_verdict(found['ratio'] <= most)}"


def _growth(results: Sequence[Result]) -> str:
    sizes = _sizes(results)
    rows = []
    for label, bench, form, _ in FIGURES:
        for database in DATABASES:
            found = [_find(results, bench=bench, form=form or None, database=database, rows=size) for size in sizes]
            costs = {size: result["seconds"]["median"] / size * 1e6 for size, result in zip(sizes, found, strict=True) if result}
            rows.append([label, database, *(f"{costs[size]:.1f}" if size in costs else NONE for size in sizes), _grown(costs)])
    title = f"## Cost a row: microseconds (= seconds a million), and how it grows (target: at 1,000,000 ≤ {GROWTH} × at 100,000)"
    return f"{title}\n\n" + _table(["figure", "database", *map(_number, sizes), "growth"], rows)


def _grown(costs: dict[int, float]) -> str:
    small, large = costs.get(100_000), costs.get(1_000_000)
    if small is None or large is None:
        return NONE
    return f"{large / small:.2f} {_verdict(large / small <= GROWTH)}"


def _memory(results: Sequence[Result]) -> str:
    sizes = _sizes(results)
    rows = []
    for label, bench, form, _ in FIGURES:
        for database in DATABASES:
            found = [_find(results, bench=bench, form=form or None, database=database, rows=size) for size in sizes]
            rows.append([label, database, *(_peak(result) for result in found)])
    return f"## Peak memory in MiB, workers included (target ≤ {PEAK_MIB})\n\n" + _table(["figure", "database", *map(_number, sizes)], rows)


def _peak(found: Result | None) -> str:
    return NONE if found is None else f"{found['peak_mib']:.0f} {_verdict(found['peak_mib'] <= PEAK_MIB)}"


def _increments(results: Sequence[Result]) -> str:
    rows = []
    for database in DATABASES:
        found = {bills: _find(results, bench="incremental", database=database, bills=bills) for bills in BILLS}
        base = found[100_000]
        rows.append([database, *(_increment(found[bills], base if bills > 100_000 else None) for bills in BILLS)])
    title = (
        f"## 10,000 receipts among many stored bills: seconds of collect and reconcile (target ≤ {MORE_S:.0f} s more than among 100,000)"
    )
    return f"{title}\n\n" + _table(["database", *map(_number, BILLS)], rows)


def _increment(found: Result | None, base: Result | None) -> str:
    if found is None:
        return NONE
    seconds = found["seconds"]["median"]
    if base is None:
        return f"{seconds:.2f}"
    more = seconds - base["seconds"]["median"]
    return f"{seconds:.2f} ({more:+.2f}) {_verdict(more <= MORE_S)}"


def _requests(results: Sequence[Result]) -> str:
    rows = []
    for database in DATABASES:
        for mode in ("saturation", STEADY):
            wanted = API_TARGETS.get((database, mode))
            target = f"≥ {_number(wanted[0])}/s, p99 ≤ {wanted[1]:.0f} ms" if wanted else "—"
            found = [result for result in results if (result["bench"], result["database"], result.get("mode")) == ("api", database, mode)]
            rows += [_pressed(result, [database, mode, target], wanted) for result in found] or [[database, mode, target, *[NONE] * 5]]
    head = ["database", "mode", "target", "bills stored", "processes", "requests/s", "p50 / p99 ms", ""]
    return "## Single-bill writes over HTTP, durable before the answer\n\n" + _table(head, rows)


def _pressed(found: Result, first: list[str], wanted: tuple[int, float] | None) -> list[str]:
    details = found["details"]
    # at a fixed rate the last write may be answered a moment after its second
    met = wanted is None or (found["rows_per_s"] >= wanted[0] * 0.98 and details["p99_ms"] <= wanted[1])
    shown = f"{details['p50_ms']} / {details['p99_ms']}"
    return [*first, _number(found["bills"]), str(details["processes"]), str(found["rows_per_s"]), shown, _verdict(met) if wanted else ""]


def _side_by_side(results: Sequence[Result]) -> str:
    rows = []
    for found in sorted((result for result in results if result["bench"] == "comparator"), key=lambda r: (r["verb"], r["rows"], r["name"])):
        if found.get("missing"):
            rows.append([found["verb"], _number(found["rows"]), found["name"], "not installed", "", "", found["about"]])
            continue
        times = f"{found['times_road']:.1f} ×"
        seconds = f"{found['seconds']['median']:.2f}"
        rows.append([found["verb"], _number(found["rows"]), found["name"], seconds, times, f"{found['peak_mib']:.0f}", found["about"]])
    table = _table(["verb", "rows", "what", "seconds", "of the road's time", "peak MiB", "what it did"], rows) if rows else NONE
    return f"## Beside what one would pick instead (SQLite)\n\n{table}"


def _steps(results: Sequence[Result]) -> str:
    rows = []
    for label, bench, form, _ in FIGURES:
        for database in DATABASES:
            found = [result for result in _all(results, bench=bench, form=form or None, database=database) if result.get("steps")]
            if found:
                largest = max(found, key=lambda result: int(result["rows"]))
                steps = ", ".join(f"{name} {seconds:.2f}" for name, seconds in largest["steps"].items())
                rows.append([label, database, _number(largest["rows"]), f"{largest['seconds']['median']:.2f}", steps])
    table = _table(["figure", "database", "rows", "seconds", "steps, seconds of the last run"], rows) if rows else NONE
    profiles = [_profile(result) for result in results if result.get("profile")]
    return "\n\n".join([f"## Where the time goes\n\n{table}", *profiles])


def _profile(found: Result) -> str:
    title = " ".join(str(found[name]) for name in ("bench", "form", "database", "rows") if found.get(name))
    rows = [[f"`{line['at']}`", _number(line["calls"]), f"{line['own_s']:.2f}", f"{line['s']:.2f}"] for line in found["profile"]]
    return f"### {title}: cProfile, by own time\n\n" + _table(["where", "calls", "own s", "s"], rows)


def _notes(notes: dict[str, dict[str, str]]) -> str:
    """What a person has written in docs/performance-notes.toml: why a target is missed and what was tried."""
    told = "\n\n".join(_note(name, note) for name, note in notes.items())
    return f"## Notes\n\n{told or 'None yet.'}"


def _note(name: str, note: dict[str, str]) -> str:
    return f"### {name}\n\n" + "\n".join(f"- {word}: {text}" for word, text in note.items())


def _how(results: Sequence[Result]) -> str:
    floors = dict.fromkeys(
        (f"{result['bench']} {result.get('form') or ''}".strip(), result["floor"]) for result in results if result.get("floor")
    )
    told = "\n".join(f"- {name}: {floor}" for name, floor in sorted(floors)) or f"- {NONE}"
    return f"""## How it was made

`make bench` (100,000 rows) and `make bench N=1000000`, then `python -m bench merge` and `python -m bench report`. One figure:
`python -m bench intake --rows 100000 --database postgresql --runs 5`. The table in parts, gone on with later:
`python -m bench all --rows 1000000 --runs 3 --on sqlite --only reconcile,export --resume --out FILE` (parts: intake submit collect compare
reconcile export incremental api upload). Notes stand in docs/performance-notes.toml and are kept by every run.

- Road and floor run in turn, each in a fresh process on a fresh copy of the same home and database, after a sync of the disk. A task times itself:
  starting Python, importing, opening the rooms and migrating an empty database are in no figure; loading a profile and compiling a schema are.
- Memory is VmHWM of the process that does the verb, plus that of every process it starts. That of the PostgreSQL server is not counted.
- PostgreSQL runs with its own defaults, fsync on, on the same machine and the same cores. SQLite: WAL, synchronous=FULL.
- Bills are made up: one municipality, three funds, payer data filled in, no faults. Receipts: 97 % exact, 1 % second payments, 1 % wrong amount,
  1 % unknown number; in no order; in signed files of 10,000. Outcomes are compared with what they must be in every run.
- submit: until all files are written, signed, checked and stored; the answers of the other side are in the step `send` and in no ratio. What the other
  side does itself is not counted.
- 10,000 receipts among many bills: those bills are registered by one statement each, so that only the background is short-cut.
- The floors take their connection settings from the product itself (fundlink.store.engine), so that both pay for the same durability.
- The floor is no program one could use: it checks nothing, keeps no raw bytes, numbers nothing, writes no audit.

What each floor did:

{told}"""


def _find(results: Iterable[Result], **wanted: Any) -> Result | None:
    return next(iter(_all(results, **wanted)), None)


def _all(results: Iterable[Result], **wanted: Any) -> list[Result]:
    return [result for result in results if all(result.get(name) == value for name, value in wanted.items())]


def _sizes(results: Sequence[Result]) -> list[int]:
    found = {int(result["rows"]) for result in results if result["bench"] in {figure[1] for figure in FIGURES}}
    return sorted({*SIZES, *found})


def _verdict(met: bool) -> str:
    return "met" if met else "**missed**"


def _number(value: int) -> str:
    return f"{value:,}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(head), ["---"] * len(head), *map(list, rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
