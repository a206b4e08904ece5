"""Cuts the bytes of a fixed-length file into records, told by their leading constants.

Called by fixed_reader. Bounded memory; wrong lengths quarantine the file with record number and byte. Never looks into a record.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.formats.fixed_shape import NEWLINES, FixedPlan

BLOCK = 1 << 18
_REST = b"\x1a\r\n"
"""What may follow the last record: line ends and the end-of-file mark of old hosts."""


_NEWLINES_JA = {"crlf": "CR LF", "lf": "LF だけ", "none": "改行なし"}


class Raw(NamedTuple):
    """One record as it stands in the file."""

    number: int
    kind: str
    content: bytes


class Records:
    """An iterable of raw records; ``warnings`` is filled before the first one."""

    def __init__(self, plan: FixedPlan, stream: BinaryIO) -> None:
        self.plan = plan
        self.stream = stream
        self.buffer = b""
        self.position = 0
        self.start = 0  # where the buffer begins in the file
        self.number = 0
        self.newline = b""
        self.last = ""  # kind of the record before
        self.warnings: list[Problem] = []
        self.lengths = {record: shape.length for record, shape in plan.shapes.items()}
        self.longest = max(self.lengths.values()) + 2

    def _fill(self, wanted: int) -> None:
        """Make the buffer hold ``wanted`` bytes from the position on, unless the file ends before."""
        if len(self.buffer) - self.position >= wanted:
            return
        parts = [self.buffer[self.position :]]
        self.start += self.position
        have = len(parts[0])
        while have < wanted:
            block = self.stream.read(BLOCK)
            if not block:
                break
            parts.append(block)
            have += len(block)
        self.buffer, self.position = b"".join(parts), 0

    def __iter__(self) -> Iterator[Raw]:
        self._fill(BLOCK)
        if not self.buffer.strip(_REST):
            raise ProblemError([problem("FL-CSV-001")])
        self._detect_newline()
        kind_of, lengths = self.plan.kind_of, self.lengths
        while True:
            self._fill(self.longest)
            if len(self.buffer) - self.position < self.longest and not self.buffer[self.position :].strip(_REST):
                return
            self.number += 1
            kind = kind_of(self.buffer[self.position : self.position + self.longest])
            if kind is None:
                raise ProblemError([self._unknown()])
            length = lengths[kind]
            content = self.buffer[self.position : self.position + length]
            newline = self.newline
            as_before = newline and self.buffer.startswith(newline, self.position + length) and b"\n" not in content
            gap = len(newline) if as_before else self._gap(self.position + length, length)
            self.last = kind
            yield Raw(self.number, kind, content)
            self.position += length + gap  # looking for the gap may have moved the buffer

    def _detect_newline(self) -> None:
        """What stands after the first record decides; the profile only says what was expected."""
        declared = self.plan.newline
        kind = self.plan.kind_of(self.buffer)
        length = self.lengths[kind] if kind else max(self.lengths.values())
        after = self.buffer[length : length + 2]
        if after == b"\r\n" or after[:1] == b"\n":
            self.newline = b"\r\n" if after == b"\r\n" else b"\n"
        elif declared != "none" and b"\n" in self.buffer and after:
            self.newline = b"\r\n" if b"\r\n" in self.buffer else b"\n"
        elif not after:
            self.newline = NEWLINES.get(declared, b"")
        found = {b"\r\n": "crlf", b"\n": "lf", b"": "none"}[self.newline]
        if declared not in ("auto", found):
            self.warnings.append(problem("FL-FIX-004", actual=_NEWLINES_JA[found], actual_en=found))

    def _gap(self, end: int, length: int) -> int:
        """Bytes between this record and the next; ProblemError when the record has another length."""
        start, size = self.position, len(self.buffer)
        if self.newline:
            early = self.buffer.find(b"\n", start, min(end, size))
            if early >= 0:
                actual = len(self.buffer[start:early].removesuffix(b"\r"))
                raise ProblemError([self._wrong("FL-FIX-001", expected=length, actual=actual)])
        if size < end:
            raise ProblemError([self._wrong("FL-FIX-008", expected=length, actual=len(self.buffer[start:].rstrip(b"\x1a")))])
        if not self.newline:
            return 0
        after = self.buffer[end : end + 2]
        if after == b"\r\n":
            return 2
        if after[:1] == b"\n":
            if self.newline == b"\r\n" and self.buffer[end - 1 : end] == b"\r":
                raise ProblemError([self._wrong("FL-FIX-001", expected=length, actual=length - 1)])
            return 1
        return len(after) if not after.strip(_REST) else self._padding(length)

    def _padding(self, length: int) -> int:
        """A record that goes on: spaces up to the line end where the profile allows them."""
        self._fill(length + BLOCK)
        end = self.position + length
        stop = self.buffer.find(b"\n", end)
        stop = stop if stop >= 0 else len(self.buffer)
        more = self.buffer[end:stop].removesuffix(b"\r")
        if not self.plan.padded or more.strip(b" "):
            raise ProblemError([self._wrong("FL-FIX-001", expected=length, actual=length + len(more))])
        return stop - end + 1

    def _unknown(self) -> Problem:
        """No record begins like this: the one before was of another length, or this is another file altogether."""
        line = self.buffer[self.position : self.position + 4096].split(b"\n")[0].removesuffix(b"\r")
        lengths = set(self.lengths.values())
        if self.newline and len(line) not in lengths and len(lengths) == 1:
            return self._wrong("FL-FIX-001", expected=max(lengths), actual=len(line))
        if not self.newline and self.number > 1:
            if self.last == "end":
                return self._wrong("FL-FIX-005", detail="エンドの後に続きがあります")
            shift = self._shift(lengths)
            if shift:  # the record before this one is the longer or shorter one
                self.number, self.position = self.number - 1, self.position - max(lengths)
                return self._wrong("FL-FIX-001", expected=max(lengths), actual=max(lengths) + shift)
        code = "FL-FIX-005" if self.number == 1 and "header" in self.lengths else "FL-FIX-006"
        return self._wrong(code, detail=f"レコード {self.number} の種別が分かりません")

    def _shift(self, lengths: set[int]) -> int:
        """By how many bytes all that follows stands off: the length of one record was not kept. 0 when only its kind is unknown."""
        if len(lengths) != 1:
            return 0
        length, rest = max(lengths), self.buffer[self.position :]
        size = len(rest)
        while block := self.stream.read(BLOCK):
            size, rest = size + len(block), block
        off = (size - len(rest) + len(rest.rstrip(_REST))) % length
        return off if off <= length // 2 else off - length

    def other_length(self) -> Problem | None:
        """FL-FIX-001 of the record just given, when what follows shows that it is longer or shorter than it should be."""
        lengths = set(self.lengths.values())
        shift = 0 if self.newline else self._shift(lengths)
        return self._wrong("FL-FIX-001", expected=max(lengths), actual=max(lengths) + shift) if shift else None

    def _wrong(self, code: str, **words: Any) -> Problem:
        return problem(code, line=self.number, place=f"byte {self.start + self.position + 1}", **words)
