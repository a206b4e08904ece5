"""What a reader yields, and the one loop that turns cells into chunks of records and problems.

The forms (delimited, fixed, xml, xlsx, ndjson) are sources of ``(line, cells, taker)``; the pipeline consumes chunks. Memory does not
grow with the file. Never decides what happens to a rejected row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from fundlink.domain.problems import Problem
from fundlink.formats.rows import Taker

Sourced = Iterator[tuple[int, list[str], Taker]]


class Chunk(NamedTuple):
    """Rows of one stretch of a file: accepted ones, all their problems, the lines and readable yen of rejected ones."""

    rows: list[tuple[int, Any]]
    problems: list[Problem]
    rejected: list[tuple[int, int]]
    read: int


class Balance(NamedTuple):
    """The balance of an account before and after a group of entries, as header and trailer state it."""

    account: str
    first_on: str | None
    last_on: str | None
    opening_yen: int
    closing_yen: int


class Reader:
    """An iterable of chunks. ``header`` is filled before the first chunk is yielded, ``problems`` are file-level warnings.

    ``balances`` is complete at the end.
    """

    def __init__(self, source: Callable[[Reader], Sourced], chunk_rows: int) -> None:
        self.header: dict[str, Any] = {}
        self.problems: list[Problem] = []
        self.balances: list[Balance] = []
        self.placing: Callable[[Problem], Problem] | None = None
        self._source = source
        self._chunk_rows = chunk_rows

    def __iter__(self) -> Iterator[Chunk]:
        rows: list[tuple[int, Any]] = []
        problems: list[Problem] = []
        rejected: list[tuple[int, int]] = []
        read, size = 0, self._chunk_rows
        for line, cells, taker in self._source(self):
            read += 1
            record = taker.accept(cells)
            if record is not None:
                rows.append((line, record))
                if taker.doubts:
                    problems += self._placed(taker.taken_doubts(line))
            else:
                self._thorough((line, cells, taker), rows, (problems, rejected))
            if read == size:
                yield Chunk(rows, problems, rejected, read)
                rows, problems, rejected, read = [], [], [], 0
        if read:
            yield Chunk(rows, problems, rejected, read)

    def _thorough(
        self, given: tuple[int, list[str], Taker], rows: list[tuple[int, Any]], told: tuple[list[Problem], list[tuple[int, int]]]
    ) -> None:
        line, cells, taker = given
        answer = taker.examine(cells, line)
        told[0].extend(self._placed(answer.problems))
        if answer.record is None:
            told[1].append((line, answer.yen))
        else:
            rows.append((line, answer.record))

    def _placed(self, problems: list[Problem]) -> list[Problem]:
        """Problems with the place only this form knows (XPath, JSON pointer, record number)."""
        return problems if self.placing is None else [self.placing(found) for found in problems]
