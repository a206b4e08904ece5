"""What a soak printed as rows of a table for docs/reliability.md. Called by ``python -m tests.simulation page < soak.json``."""

from __future__ import annotations

import json

from tests.simulation.faults import FAULTS


def rows(told: str) -> str:
    """Markdown: one row a run of soak or defects, and the faults of a soak with how often each was hit."""
    lines = []
    for found in (json.loads(line) for line in told.splitlines() if line.startswith("{")):
        if "planted" in found:
            lines.append(f"| planted defects | {found['caught']}/{found['planted']} caught, the last one at seed {found['most_seeds']} |")
            lines += [f"| `{name}` | seed {seed} |" for name, seed in found["defects"].items()]
            continue
        span = f"{found['first']}–{found['first'] + found['seeds'] - 1}"
        lines.append(
            f"| {span} | {found['seeds']:,} | {found['events']:,} | {found['violations']} | {found['processes']} | {found['events_per_s']:,} | {found['events_per_cpu_s']:,} |"
        )
        lines += [f"| {name} | {FAULTS[name]} | {count:,} |" for name, count in found["faults"].items()]
    return "\n".join(lines)
