"""Code lists (``codes/*.csv``) and inline maps (``1=601;2=602``, theirs=ours) of a layout.

Read by kinds when a field is bound and by profile checks. Never guesses: a code that is not listed is a problem of its row.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import NamedTuple

COLUMNS = ("code", "ja", "en", "valid_from", "valid_to", "note")


class Code(NamedTuple):
    """One code with its words and its validity."""

    code: str
    ja: str
    en: str
    valid_from: str
    valid_to: str
    note: str


def read_code_list(path: Path) -> list[Code]:
    """The rows of a list; raises ValueError with a sentence when the file is not one."""
    try:
        rows = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path.name}: {error}") from error
    if not rows or tuple(rows[0]) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows if row):
        raise ValueError(f"{path.name}: columns must be {','.join(COLUMNS)}")
    return [Code(*row) for row in rows[1:] if row]


def inline_map(codes: str) -> dict[str, str]:
    """Theirs to ours; raises ValueError on a pair without ``=`` or a repeated code of theirs.

    >>> inline_map("1=601;2=602")
    {'1': '601', '2': '602'}
    """
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in codes.split(";"))):
        theirs, equals, ours = pair.partition("=")
        if not equals or theirs.strip() in found:
            raise ValueError(pair)
        found[theirs.strip()] = ours.strip()
    return found


def theirs_to_ours(codes: str, folder: Path) -> dict[str, str]:
    """The map a field uses: inline, or a list in ``folder`` that maps each code to itself."""
    if "=" in codes:
        return inline_map(codes)
    if not codes or "/" in codes or "\\" in codes:
        raise ValueError(codes or "codes")
    path = folder / f"{codes.removesuffix('.csv')}.csv"
    if not path.is_file():
        raise ValueError(path.name)
    return {row.code: row.code for row in read_code_list(path)}
