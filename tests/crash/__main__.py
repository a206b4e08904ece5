"""``python -m tests.crash --kills N --database sqlite|postgresql``: ends with one JSON line, and with 1 when anything is wrong.

``--faults sync|write|order`` fails the disk instead of killing (SQLite, needs strace).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from tests.crash.faults import Sweep
from tests.crash.programme import crashed, installed


def main() -> int:
    """Run what was asked for."""
    asked = argparse.ArgumentParser(prog="python -m tests.crash")
    asked.add_argument("--kills", type=int, default=2000)
    asked.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument(
        "--seconds", type=float, default=float("inf"), help="stop after so long; points that nobody died at then count as faults"
    )
    asked.add_argument("--faults", choices=("sync", "write", "order"))
    asked.add_argument("--days", type=int, default=10, help="--faults order: how many days are looked at")
    given = asked.parse_args()
    report, faults = _failed(given.faults, given.days) if given.faults else crashed(given.database, given.kills, given.seed, given.seconds)
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    sys.stdout.write(json.dumps(report) + "\n")
    return 1 if faults else 0


def _failed(kind: str, days: int) -> tuple[dict[str, Any], list[str]]:
    began = time.monotonic()
    with installed("sqlite") as (base, folder):
        sweep = Sweep(base, folder)
        if kind == "order":
            sweep.order(days)
        else:
            sweep.run(kind)
    return {"fault": kind, **sweep.report(), "seconds": round(time.monotonic() - began, 1)}, sweep.faults


if __name__ == "__main__":
    sys.exit(main())
