"""``python -m tests.crash --kills N --database sqlite|postgresql``: ends with one JSON line, and with 1 when anything is wrong.

The programme is cut into ``--parts``; ``--first`` and ``--last`` run some of them, and with ``--kept FILE`` what is done stays done.
``--stops`` stops PostgreSQL under flow. ``--faults sync|write`` fails the disk instead of killing, ``order|http`` looks at
the order of calls (SQLite, needs strace).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.crash import cut, parts, served
from tests.crash.faults import Numbers, Sweep
from tests.crash.programme import Asked, Part, installed


def _asked() -> argparse.Namespace:
    asked = argparse.ArgumentParser(prog="python -m tests.crash")
    asked.add_argument("--kills", type=int, default=2000, help="of all parts together")
    asked.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    asked.add_argument("--parts", type=int, default=20, help="into how many parts the programme is cut")
    asked.add_argument("--first", type=int, default=1)
    asked.add_argument("--last", type=int, help="the last part to run; all to the end")
    asked.add_argument("--processes", type=int, default=2)
    asked.add_argument("--kept", type=Path, help="a file with a line for each part (or day with a fault) that is done; it is not run again")
    asked.add_argument("--seconds", type=float, default=float("inf"), help="a part ends after so long; what it did not reach is a fault")
    asked.add_argument("--stops", action="store_true", help="stop PostgreSQL at once every 5 to 40 s under flow, for --seconds")
    asked.add_argument("--faults", choices=("sync", "write", "order", "http"))
    asked.add_argument("--days", type=int, default=10, help="--faults order, http: how many days (rounds of four calls) are looked at")
    asked.add_argument("--step", type=int, default=1, help="--faults sync, write: every how many-th call; --first and --last bound them")
    return asked.parse_args()


def main() -> int:
    """Run what was asked for."""
    given = _asked()
    act = _failed if given.faults else _stopped if given.stops else _killed
    report, faults = act(given)
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    sys.stdout.write(json.dumps(report) + "\n")
    return 1 if faults else 0


def _killed(given: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    last = given.last or given.parts
    wanted = [Part(number, given.parts) for number in range(given.first, last + 1)]
    kept = parts.Kept(given.kept, given.database)
    asked = Asked(-(-given.kills // given.parts), given.seconds)
    told = parts.run(kept, given.database, wanted, asked, given.processes)
    return parts.added(told), parts.faults(told, whole=len(wanted) == given.parts)


def _stopped(given: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    report, faults = cut.stopped(cut.Gaps(), lambda stops: stops.lasted_s > given.seconds, seed=given.first, flows=given.processes)
    return {**report, "commit": parts.commit()}, faults


def _failed(given: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    began = time.monotonic()
    if given.faults == "http":
        said = served.answers(given.days)
        found = [f"{one.kind} before the sync of {', '.join(one.unsynced)}" for one in said if one.unsynced]
        return {
            "fault": "http",
            "commit": parts.commit(),
            "answers": len(said),
            "faults": len(found),
            "seconds": round(time.monotonic() - began, 1),
        }, found
    with installed("sqlite") as (base, folder):
        sweep = Sweep(base, folder, given.kept)
        if given.faults == "order":
            sweep.order(given.days)
        else:
            sweep.run(given.faults, Numbers(given.first, given.last, given.step))
    return {"fault": given.faults, "commit": parts.commit(), **sweep.report(), "seconds": round(time.monotonic() - began, 1)}, sweep.faults


if __name__ == "__main__":
    sys.exit(main())
