"""``python -m tests.simulation``: soak (many seeds), merge (the lines of several soaks into one), replay (one seed, its trace), defects
(planted faults, each to be caught), differential (SQLite and PostgreSQL end in the same ledger), page (rows for docs/reliability.md).
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from tests.simulation import defects, differential, page, parts, soak
from tests.simulation.plants import DEFECTS
from tests.simulation.world import EVENTS


def _soak(asked: argparse.Namespace) -> int:
    told = soak.soak(asked.seeds, first=asked.first, events=asked.events, processes=asked.processes, seconds=asked.seconds)
    print(soak.as_line(told))
    return _judged(told)


def _judged(told: dict[str, Any]) -> int:
    """Violations are wrong, and so is a long run in which some fault never struck: it has shown less than it says."""
    return 1 if told["violations"] or (told["seeds"] >= 100 and told["never"]) else 0


def _merge(asked: argparse.Namespace) -> int:
    told = parts.merge(parts.read(asked.names))
    print(soak.as_line(told))
    return _judged(told)


def _replay(asked: argparse.Namespace) -> int:
    run = soak.replay(asked.replay, asked.events)
    print("\n".join(run.trace))
    print(f"trace {run.digest} ledger {run.ledger or '-'} violations {run.violations}")
    return 1 if run.violations else 0


def _defects(asked: argparse.Namespace) -> int:
    told = defects.hunt(asked.names or list(DEFECTS), most=asked.seeds, first=asked.first, processes=asked.processes)
    print(soak.as_line(told))
    return 0 if told["caught"] == told["planted"] else 1


def _differential(asked: argparse.Namespace) -> int:
    told = differential.compare(range(asked.first, asked.first + asked.seeds), asked.events)
    print(soak.as_line(told))
    return 1 if told["different"] or told["violations"] else 0


def _page(asked: argparse.Namespace) -> int:
    print(page.rows(sys.stdin.read()))
    return 0


def main() -> int:
    """Read the words of the call and do it."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--replay", type=int, metavar="SEED", help="print the trace of one seed")
    parser.add_argument("what", nargs="?", choices=("soak", "merge", "defects", "differential", "page"), default="soak")
    parser.add_argument("names", nargs="*", help="only these defects; the files to be merged")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1e9, help="soak: begin no seed after so long, and tell what was done")
    asked = parser.parse_args()
    if asked.replay is not None:
        return _replay(asked)
    return {"soak": _soak, "merge": _merge, "defects": _defects, "differential": _differential, "page": _page}[asked.what](asked)


if __name__ == "__main__":
    sys.exit(main())
