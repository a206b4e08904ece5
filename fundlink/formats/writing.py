"""From records to checked cells: the part of writing that all forms share.

Called by the forms. A value that a field cannot say, or a character the encoding lacks, raises ProblemError: never a ``?``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.formats import charset
from fundlink.formats.cells import Cell, Unfit
from fundlink.formats.rows import SEP, Row

Written = Iterator[list[str]]


def first_and_rest(records: Iterable[Any]) -> tuple[Any, Iterator[Any]]:
    """The first record (or None) without losing it: header records are written before the data but may speak of it."""
    rest = iter(records)
    first = next(rest, None)
    return first, (rest if first is None else _chained(first, rest))


def _chained(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def getter(row: Row, name: str, header: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Where the value of a field comes from: the record, something derived from it, or the header attributes."""
    if name in row.spec.record._fields:
        return itemgetter(row.spec.record._fields.index(name))
    if name in row.spec.derived:
        return row.spec.derived[name]
    given = header.get(name)
    return lambda _record: given


def checked(row: Row, records: Iterable[Any], header: Mapping[str, Any]) -> Written:
    """The cells of each record, each row held against the same expression that readers use."""
    cells_of = checker(row, header)
    for number, record in enumerate(records, 1):
        yield cells_of(record, number)


def checker(row: Row, header: Mapping[str, Any]) -> Callable[[Any, int], list[str]]:
    """A function from a record and its number to its checked cells; ProblemError names every field that cannot be written."""
    getters = [getter(row, cell.row.name if cell.row.kept else "", header) for cell in row.cells]
    plan = [(cell.write, get) for cell, get in zip(row.cells, getters, strict=True)]
    match, join = row.match, SEP.join

    def cells_of(record: Any, number: int) -> list[str]:
        try:
            cells = [write(get(record)) for write, get in plan]
        except Unfit:
            refuse(row.cells, [get(record) for get in getters], number)
            raise
        if match(join(cells)) is None:
            recheck(row.cells, cells, number)
        return cells

    return cells_of


def refuse(cells: Sequence[Cell], values: Sequence[Any], number: int) -> None:
    """Raise every field of a record that cannot be written."""
    found = []
    for cell, value in zip(cells, values, strict=True):
        try:
            cell.write(value)
        except Unfit as unfit:
            found.append(_at(cell, unfit, number))
    if found:
        raise ProblemError(found)


def recheck(cells: Sequence[Cell], texts: Sequence[str], number: int) -> None:
    """Raise for cells a reader would reject; what only warns is written as it is."""
    found = []
    for cell, text in zip(cells, texts, strict=True):
        try:
            cell.read(text, [])
        except Unfit as unfit:
            found.append(_at(cell, unfit, number))
    if found:
        raise ProblemError(found)


def _at(cell: Cell, unfit: Unfit, number: int | None) -> Problem:
    return problem(unfit.code, line=number, column=cell.row.number, field=cell.row.name, ja=cell.row.ja, **unfit.words)


def refuse_unwritable(row: Row, cells: Sequence[str], encoding: str) -> None:
    """Raise for the field whose character the encoding lacks."""
    for cell, text in zip(row.cells, cells, strict=True):
        try:
            charset.encoded(text, encoding)
        except UnicodeEncodeError as error:
            unfit = Unfit("FL-CHR-004", expected=encoding)
            raise ProblemError([_at(cell, unfit, None)]) from error
