"""Parts of a soak, each a line that ``soak`` printed, added up to one line. Called by ``python -m tests.simulation merge``.

A part says which seeds it ran; seeds that two parts have run are an error, since their faults would count twice.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.simulation.faults import FAULTS
from tests.simulation.soak import SHOWN, rates


def read(paths: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The soaks that stand in these files; other lines are passed over, and so is what was cut off while it was written."""
    for path in paths:
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict) and found.get("seeds") and "faults" in found:
                yield found


def merge(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """One object in the words of ``soak``, and the stretches of seeds that it is about."""
    ordered = sorted(parts, key=lambda part: int(part["first"]))
    for one, following in pairwise(ordered):
        if _behind(one) > following["first"]:
            raise SystemExit(f"seeds {following['first']}-{min(_behind(one), _behind(following)) - 1} stand in two parts")
    total: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for part in ordered:
        total.update({name: part[name] for name in ("seeds", "events", "violations", "listed")})
        hits.update(part["faults"])
    seconds, cpu_s = sum(part["seconds"] for part in ordered), sum(map(_cpu_s, ordered))
    return {
        "seeds": total["seeds"], "first": ordered[0]["first"] if ordered else 1, "spans": list(_spans(ordered)), "events": total["events"],
        "violations": total["violations"], "wrong": [one for part in ordered for one in part["wrong"]][:SHOWN],
        "faults": {name: hits[name] for name in FAULTS}, "never": [name for name in FAULTS if not hits[name]], "listed": total["listed"],
        **rates(total["events"], seconds, cpu_s), "processes": max((part["processes"] for part in ordered), default=0), "parts": len(ordered),
        "commit": "、".join(dict.fromkeys(part["commit"] for part in ordered if part.get("commit"))),
    }  # fmt: skip


def _behind(part: dict[str, Any]) -> int:
    return int(part["first"]) + int(part["seeds"])


def _cpu_s(part: dict[str, Any]) -> float:
    """Seconds of CPU; older parts told only the rate."""
    return float(part.get("cpu_s") or part["events"] / max(part["events_per_cpu_s"], 0.001))


def _spans(ordered: list[dict[str, Any]]) -> Iterator[list[int]]:
    """Unbroken stretches of seeds: first and last of each."""
    begin = end = None
    for part in ordered:
        if end is not None and part["first"] != end:
            yield [begin, end - 1]  # type: ignore[list-item]
            begin = None
        begin = part["first"] if begin is None else begin
        end = _behind(part)
    if begin is not None and end is not None:
        yield [begin, end - 1]
