"""NDJSON for the REST API: one strict object a line, its members named like the attributes.

Called by message. Amounts are JSON integers and nothing else; a member that stands twice or is not known is refused, because
guessing which one was meant would be a guess about money.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.domain.values import MAX_TOTAL_YEN
from fundlink.formats.amounts import Number, Yen
from fundlink.formats.cells import Cell
from fundlink.formats.days import Year
from fundlink.formats.reading import Reader, Sourced
from fundlink.formats.rows import Row, Unreadable
from fundlink.formats.writing import checked

LONGEST_LINE = 1 << 20


class _NumberText(str):
    """A JSON number as it was written."""

    __slots__ = ()


class _Twice(Exception):  # noqa: N818 - a finding, told as a problem one step further
    """A member that stands twice."""


class NdjsonForm:
    """Reads and writes NDJSON of one message."""

    def __init__(self, message: Any) -> None:
        self.row: Row = message.row
        self.names = [cell.row.name for cell in self.row.cells]

    def source(self, stream: BinaryIO, reader: Reader) -> Sourced:
        """Objects as cells in the order of the layout."""
        reader.placing = _pointed
        taker = self.row.taker()
        line = count = 0
        while raw := stream.readline(LONGEST_LINE):
            line += 1
            if len(raw) >= LONGEST_LINE and not raw.endswith(b"\n"):
                raise ProblemError([problem("FL-CSV-007", line=line, expected=f"{LONGEST_LINE} bytes")])
            if raw.strip():
                count += 1
                yield line, self.cells(raw.removeprefix(b"\xef\xbb\xbf")), taker
        if not count:
            raise ProblemError([problem("FL-CSV-001")])

    def cells(self, raw: bytes) -> list[str]:
        """The cells of one object, or what is wrong with it."""
        found = _parsed(raw)
        if isinstance(found, Problem):
            return Unreadable(found)
        unknown = [name for name in found if name not in self.row.index]
        problems = [problem("FL-API-003", place=_pointer(name)) for name in unknown]
        texts = []
        for at, cell in enumerate(self.row.cells):
            text = _text(cell, found.get(cell.row.name))
            if isinstance(text, str):
                texts.append(text)
            else:
                problems.append(self.row.problem(text[0], at, text[1]))
        return Unreadable(*problems) if problems else texts

    def written(self, records: Iterable[Any], header: Mapping[str, Any]) -> Iterator[bytes]:
        """One object a line; absent members are left out."""
        whole = {cell.row.name for cell in self.row.cells if isinstance(cell, Number | Year)}
        for cells in checked(self.row, records, header):
            pairs = zip(self.names, cells, strict=True)
            shown = {name: int(text) if name in whole else text for name, text in pairs if text}
            yield json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _parsed(raw: bytes) -> dict[str, Any] | Problem:
    try:
        found = json.loads(
            raw.decode(), object_pairs_hook=_once, parse_int=_NumberText, parse_float=_NumberText, parse_constant=_NumberText
        )
    except UnicodeDecodeError as error:
        return problem("FL-CHR-001", place=f"byte {error.start + 1}")
    except _Twice as twice:
        return problem("FL-API-002", place=_pointer(str(twice)))
    except RecursionError:
        return problem("FL-API-005")
    except json.JSONDecodeError as error:
        return problem("FL-API-001", place=f"byte {len(error.doc[: error.pos].encode(errors='replace')) + 1}")
    return found if isinstance(found, dict) else problem("FL-API-001", place="byte 1")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Twice(name)
        found[name] = value
    return found


def _text(cell: Cell, value: Any) -> str | tuple[str, dict[str, Any]]:
    """A member as a cell, or the code of what is wrong with its JSON type."""
    if value is None:
        return ""
    if isinstance(cell, Yen):
        return _amount(cell, value)
    if isinstance(cell, Year | Number) and isinstance(value, _NumberText):
        return str(value)
    if isinstance(value, str) and not isinstance(value, _NumberText):
        if isinstance(cell, Number) and not isinstance(cell, Year):
            return "FL-VAL-002", {"expected": "JSON integer"}
        return value if value or not cell.row.required else ""
    return "FL-VAL-002", {"expected": "JSON string"}


def _amount(cell: Yen, value: Any) -> str | tuple[str, dict[str, Any]]:
    digits = str(value)
    if not isinstance(value, _NumberText) or not digits.removeprefix("-").isdigit():
        return "FL-AMT-001", {}
    if digits.startswith("-") or len(digits) > cell.width:
        return "FL-AMT-002", {"expected": MAX_TOTAL_YEN}
    return digits


def _pointer(name: str) -> str:
    """A JSON pointer; the name of a member comes from outside, so it is cut and escaped."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in name[:64])
    return "/" + shown.replace("~", "~0").replace("/", "~1")


def _pointed(found: Problem) -> Problem:
    return found if found.place is not None or found.field is None else found._replace(place=_pointer(found.field))
