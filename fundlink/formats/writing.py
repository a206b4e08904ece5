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
    """A function from a record and its number to its checked cells; ProblemError names every field that cannot be written.

    A record is first written the quick way: its values in the order of the cells, converted where a kind says so. When the row's
    expression takes that, it is right beyond doubt; when not, every cell writes for itself and says what is wrong.
    """
    getters = [getter(row, cell.row.name if cell.row.kept else "", header) for cell in row.cells]
    quick = _quick(row, getters)
    match, join = row.match, SEP.join

    def cells_of(record: Any, number: int) -> list[str]:
        try:
            cells = quick(record)
            if match(join(cells)) is not None:
                return cells
        except (Unfit, TypeError):  # TypeError: no text where the quick way takes the value as it is
            pass
        return _thorough(row, getters, record, number)

    return cells_of


def _quick(row: Row, getters: Sequence[Callable[[Any], Any]]) -> Callable[[Any], list[str]]:
    """A function from a record to its cells, not checked yet; raises Unfit for what a kind cannot write."""
    names = row.spec.record._fields
    constants: list[str | None] = []
    places: list[int] = []
    plan: list[tuple[int, Callable[[Any], str]]] = []
    derived: list[tuple[int, Callable[[Any], str]]] = []
    for at, (cell, get) in enumerate(zip(row.cells, getters, strict=True)):
        name = cell.row.name if cell.row.kept else ""
        if name in names:
            places.append(names.index(name))
            convert = cell.quick_text()
            plan += [] if convert is None else [(at, convert)]
            continue
        places.append(len(names) + len(constants))
        constants.append(None if name in row.spec.derived else _constant(cell, get(None)))
        derived += [(at, _composed(cell.write, get))] if name in row.spec.derived else []
    pick, rest = itemgetter(*places, 0), tuple(constants)  # the 0 makes it a tuple also for a single field

    def cells(record: Any) -> list[str]:
        found = list(pick(record + rest))
        del found[-1]
        for at, convert in plan:
            found[at] = convert(found[at])
        for at, make in derived:
            found[at] = make(record)
        return found

    return cells


def _composed(write: Callable[[Any], str], get: Callable[[Any], Any]) -> Callable[[Any], str]:
    return lambda record: write(get(record))


def _constant(cell: Cell, value: Any) -> str | None:
    """The text of what is the same in every record of a file; None when it cannot be written, which each record then tells."""
    try:
        return cell.write(value)
    except Unfit:
        return None


def _thorough(row: Row, getters: Sequence[Callable[[Any], Any]], record: Any, number: int) -> list[str]:
    """The cells of a record written one by one; raises for what cannot be."""
    try:
        cells = [cell.write(get(record)) for cell, get in zip(row.cells, getters, strict=True)]
    except Unfit:
        refuse(row.cells, [get(record) for get in getters], number)
        raise
    if row.match(SEP.join(cells)) is None:
        recheck(row.cells, cells, number)
    return cells


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
