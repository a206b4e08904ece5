"""What a soak printed as rows of a table for docs/reliability.md. Called by ``python -m tests.simulation page < soak.json``."""

from __future__ import annotations

import json

from tests.simulation.faults import FAULTS
from tests.simulation.plants import DEFECTS


def rows(told: str) -> str:
    """Markdown: one row a run of soak or defects, and the faults of a soak with how often each was hit."""
    lines = []
    for found in (json.loads(line) for line in told.splitlines() if line.startswith("{")):
        if "planted" in found:
            lines.append(f"{found['caught']}/{found['planted']}, {found['most_seeds']}")
            lines += [f"| `{name}` | {DEFECTS[name].words} | {seed or '—'} |" for name, seed in found["defects"].items()]
            continue
        spans = found.get("spans", [[found["first"], found["first"] + found["seeds"] - 1]])
        span = "、".join(f"{first}–{last}" for first, last in spans)
        cells = (
            span,
            f"{found['seeds']:,}",
            f"{found['events']:,}",
            found["violations"],
            found["events_per_cpu_s"],
            found.get("commit") or "—",
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
        lines += [f"| {name} | {FAULTS[name]} | {count:,} |" for name, count in found["faults"].items()]
    return "\n".join(lines)
