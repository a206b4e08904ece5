"""The bundled mock as its own process, and the few things a demo asks of it. Speaks HTTP only; imports nothing of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem


@contextmanager
def running(state: Path, *, seed: int, scenario: str) -> Iterator[str]:
    """Start the mock on a free port with its state in a folder; its address. It ends with the block."""
    state.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "mock_eltax", "--port", "0", "--state", str(state), "--seed", str(seed), "--scenario", scenario]
    with (state / "mock.log").open("a") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)  # noqa: S603  (our own module)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if "http://" not in line:
                raise ProblemError([problem("FL-GTW-003")])
            yield "http://" + line.split("http://")[1].strip()
        finally:
            process.terminate()
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()


class OtherSide:
    """Payers, banks and the books of the mock."""

    def __init__(self, url: str) -> None:
        self._client = httpx2.Client(base_url=url, timeout=300)

    def play(self, scenario: str, seed: int, *, institution_code: str, day: str) -> dict[str, Any]:
        """Let the payers pay as the scenario says."""
        return self._post("/scenario", {"name": scenario, "seed": seed, "institution_code": institution_code, "day": day})

    def close_day(self, day: str, institution_code: str) -> dict[str, Any]:
        """Close the business day: receipts, settlement and bank file come into being."""
        return self._post("/close-day", {"day": day, "institution_code": institution_code})

    def books(self, institution_code: str) -> dict[str, Any]:
        """What the other side believes."""
        answer = self._client.get("/books", params={"institution_code": institution_code})
        return dict(answer.json())

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.post(path, json=body)
        if answer.status_code >= 300:
            raise ProblemError([problem("FL-GTW-001", reason=f"{path} HTTP {answer.status_code}: {answer.text[:200]}")])
        return dict(answer.json())
