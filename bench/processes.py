"""Processes of a figure: the product's own commands, and the gateway beside them. Used by serving, receipts and recovery."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import inputs
from bench.measure import ROOT, environment
from bench.stages import Bed, Place

END_S = 60.0
PRODUCT = ("-c", "from fundlink.cli import main; main()")
NOBODY = "http://127.0.0.1:9"
"""A gateway that is not there."""


class Process:
    """One process, from its first line on. ``line`` is what it said when it was ready."""

    def __init__(self, words: Sequence[str], settings: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**environment(), **{f"FUNDLINK_{name}": value for name, value in settings.items()}},
        )  # fmt: skip
        self.pid, self.line = self._process.pid, ""
        self._listening: threading.Thread | None = None

    def ready(self) -> Process:
        """Wait until it says something."""
        assert self._process.stdout is not None
        self.line = self._process.stdout.readline()
        assert self.line, "it did not start"
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()  # who says much is not to wait for a reader
        return self

    def _listen(self) -> None:
        assert self._process.stdout is not None
        while self._process.stdout.read(4096):
            pass
        self._process.stdout.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        found = re.search(r"http://\S+", self.line)
        assert found is not None, self.line
        return found[0]

    @property
    def cpu_s(self) -> float:
        """Seconds of a core that it has used so far, in all its threads."""
        words = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._gone()

    def end(self) -> None:
        """Ask it to end."""
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._gone()

    def _gone(self) -> None:
        self._process.wait()
        if self._listening is not None:
            self._listening.join(END_S)
        elif self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def ended(*processes: Process) -> Iterator[None]:
    """All of them end with the block."""
    try:
        yield
    finally:
        for process in processes:
            process.end()


def settings(bed: Bed, place: Place, gateway_url: str = NOBODY, **more: str) -> dict[str, str]:
    """Settings of the product over a place. Without more, its worker has one round at the start and none after."""
    return {
        "HOME": str(place.home), "DATABASE_URL": place.url, "PROFILES": str(bed.profiles), "NOW": inputs.NOW, "PORT": "0",
        "INTERVAL_S": "86400", "GATEWAY_URL": gateway_url, "GATEWAY_ATTEMPTS": "1", "GATEWAY_TIMEOUT_S": "1", **more,
    }  # fmt: skip


def product(command: str, given: dict[str, str]) -> Process:
    """``fundlink serve`` or ``fundlink work``, perhaps not ready yet."""
    return Process([*PRODUCT, command], given)


def gateway(bed: Bed, files: Path) -> Process:
    """The gateway that offers the files of a folder by the clock."""
    return Process(["-m", "bench.offering", str(bed.keys), str(files)], {}).ready()
