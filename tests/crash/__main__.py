"""``python -m tests.crash --kills N --database sqlite|postgresql``: ends with one JSON line, and with 1 when anything is wrong."""

from __future__ import annotations

import argparse
import json
import sys

from tests.crash.programme import crashed


def main() -> int:
    """Run what was asked for."""
    asked = argparse.ArgumentParser(prog="python -m tests.crash")
    asked.add_argument("--kills", type=int, default=2000)
    asked.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    report, faults = crashed(given.database, given.kills, given.seed)
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    sys.stdout.write(json.dumps(report) + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
