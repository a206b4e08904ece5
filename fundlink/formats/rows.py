"""One record of a layout, compiled: a quick way for rows that are right and a thorough one that says what is wrong.

Called by every form (delimited, fixed, xml, xlsx, ndjson) and by samples. Both ways come from the same cells, so they cannot
disagree on what a field may hold. Never touches bytes or files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from fundlink.domain.problems import Problem
from fundlink.formats.catalogue import Attribute, Spec, Terms
from fundlink.formats.cells import Cell, Note, Unfit

SEP = "\x1f"
"""Joins the cells of a row for the one expression; no cell that is right can hold it."""

Accept = Callable[[list[str]], Any]


class Unreadable(list[str]):
    """Stands where the cells of a row should be when they could not even be told apart; carries what is wrong."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__()
        self.problems = list(problems)


class Undecoded(str):
    """A cell of a flat record whose bytes are no text; NUL inside, so that no expression takes it."""

    __slots__ = ("code",)
    code: str

    @classmethod
    def at(cls, code: str) -> Undecoded:
        """The cell, with the code of what is wrong."""
        cell = cls("\x00")
        cell.code = code
        return cell


def read_cell(cell: Cell, text: str, notes: list[Note]) -> Any:
    """The value of a cell, also of one whose bytes were no text; raises Unfit."""
    if isinstance(text, Undecoded) and not cell.takes_anything:
        raise Unfit(text.code, expected=cell.setting.encoding)
    return cell.read(text, notes)


class Examined(NamedTuple):
    """The thorough answer for one row; ``record`` is None when it is rejected."""

    record: Any
    problems: list[Problem]
    yen: int


class Row:
    """The compiled data record of a layout (or of a variant of it)."""

    def __init__(self, spec: Spec, cells: Sequence[Cell], terms: Terms) -> None:
        self.spec = spec
        self.cells = tuple(cells)
        self.terms = terms
        self.count = len(self.cells)
        self.match = re.compile(SEP.join(cell.pattern() for cell in self.cells)).fullmatch
        self.index = {cell.row.name: number for number, cell in enumerate(self.cells)}
        self.defaults = [attribute.default for attribute in spec.named.values()]
        self.problem_places = [(cell.row.number, cell.row.name, cell.row.ja) for cell in self.cells]
        self._bind()

    def _bind(self) -> None:
        places = [self.index.get(name, self.count + at) for at, name in enumerate(self.spec.names)]
        self.pick = itemgetter(*places)
        quick = ((at, self.cells[place].quick()) for at, place in enumerate(places) if place < self.count)
        self.converters = [(at, convert) for at, convert in quick if convert is not None]
        watched = ((name, code, right) for name, (code, right) in self.spec.warn.items() if name in self.index)
        self.doubts = [(self.spec.names.index(name), self.index[name], code, right) for name, code, right in watched]
        total = next((names for names in self.spec.totals if any(name in self.index for name in names)), ())
        self.total_names = tuple(name for name in total if name in self.index)

    def taker(self, given: Mapping[str, Any] | None = None, columns: Sequence[int] | None = None) -> Taker:
        """This row with what a header record holds for it, and with the columns where its fields stand in the file."""
        constants = list(self.defaults)
        for at, name in enumerate(self.spec.names):
            if given and given.get(name) not in (None, "") and name not in self.index:
                constants[at] = given[name]
        return Taker(self, constants, columns)

    def acceptor(self, constants: list[Any], note: Callable[[int, str], None]) -> Accept:
        """A function from cells to a record, or None when the row needs the thorough way."""
        match, pick, converters = self.match, self.pick, self.converters
        complete, terms, doubts, size = self.spec.complete, self.terms, self.doubts, len(self.spec.record._fields)
        record_type, join, new = self.spec.record, SEP.join, tuple.__new__
        whole = size == len(self.spec.names)

        def accept(cells: list[str]) -> Any:
            if match(join(cells)) is None:
                return None
            values = list(pick(cells + constants))
            try:
                for at, convert in converters:
                    values[at] = convert(values[at])
            except (KeyError, ValueError):
                return None
            if not complete(values, terms):
                return None
            for at, place, code, right in doubts:
                if values[at] and not right(values[at]):
                    note(place, code)
            return new(record_type, values if whole else values[:size])

        return accept

    def problem(self, code: str, at: int, words: Mapping[str, Any] | None = None) -> Problem:
        """A problem of one field, still without its line."""
        number, name, ja = self.problem_places[at]
        return Problem(code, column=number, field=name, ja=ja, args=tuple(sorted((words or {}).items())))

    def examine(self, cells: Sequence[str], constants: list[Any]) -> Examined:
        """Look at every field; every problem of the row is told, not only the first."""
        if len(cells) != self.count:
            return Examined(None, [Problem("FL-CSV-004", args=(("actual", len(cells)), ("expected", self.count)))], 0)
        values, problems, wrong = self._values(cells, constants)
        yen = sum(values[self.spec.names.index(name)] or 0 for name in self.total_names if name not in wrong)
        if not wrong:
            self.spec.complete(values, self.terms)
            record = tuple.__new__(self.spec.record, values[: len(self.spec.record._fields)])
            problems += self._breaches(record, dict(zip(self.spec.names, values, strict=True)))
            if not any(found.severity == "error" for found in problems):
                return Examined(record, problems, yen)
        return Examined(None, problems, yen)

    def _values(self, cells: Sequence[str], constants: list[Any]) -> tuple[list[Any], list[Problem], set[str]]:
        values = list(constants)
        problems: list[Problem] = []
        wrong: set[str] = set()
        places = {name: at for at, name in enumerate(self.spec.names)}
        for at, (cell, text) in enumerate(zip(self.cells, cells, strict=True)):
            notes: list[Note] = []
            try:
                value = read_cell(cell, text, notes)
            except Unfit as unfit:
                problems.append(self.problem(unfit.code, at, unfit.words))
                wrong.add(cell.row.name)
                continue
            if cell.row.name in places and cell.row.kept:
                values[places[cell.row.name]] = value
            problems += [self.problem(code, at, dict(words)) for code, words in notes]
        for at, place, code, right in self.doubts:
            if self.cells[place].row.name not in wrong and values[at] and not right(values[at]):
                problems.append(self.problem(code, place))
        return values, problems, wrong

    def _breaches(self, record: Any, values: Mapping[str, Any]) -> list[Problem]:
        found = []
        for breach in (*(rule(record) for rule in self.spec.rules.values()), *(rule(values) for rule in self.spec.inputs.values())):
            if breach is not None and breach.field in self.index:
                found.append(self.problem(breach.code, self.index[breach.field], dict(breach.args)))
            elif breach is not None:
                attribute: Attribute = self.spec.named[breach.field]
                found.append(Problem(breach.code, field=breach.field, ja=attribute.ja, args=breach.args))
        return found

    def texts(self, values: Mapping[str, Any]) -> list[str]:
        """The cells of one record; raises Unfit for a value a field cannot say."""
        return [cell.write(values.get(cell.row.name)) for cell in self.cells]


class Taker:
    """A row bound to one file: what its header holds, where its columns stand, and the warnings of the row at hand."""

    def __init__(self, row: Row, constants: list[Any], columns: Sequence[int] | None) -> None:
        self.row = row
        self.constants = constants
        self.columns = columns
        self.doubts: list[tuple[int, str]] = []
        self.accept: Accept = row.acceptor(constants, lambda place, code: self.doubts.append((place, code)))

    def taken_doubts(self, line: int) -> list[Problem]:
        """The warnings of the row just accepted."""
        found = [self._placed(self.row.problem(code, place), line) for place, code in self.doubts]
        self.doubts.clear()
        return found

    def examine(self, cells: Sequence[str], line: int) -> Examined:
        """The thorough way, with line and column of the file."""
        self.doubts.clear()
        if isinstance(cells, Unreadable):
            return Examined(None, [found._replace(line=line) for found in cells.problems], 0)
        answer = self.row.examine(cells, self.constants)
        return answer._replace(problems=[self._placed(found, line) for found in answer.problems])

    def _placed(self, found: Problem, line: int) -> Problem:
        column = found.column
        if column is not None and self.columns is not None:
            column = self.columns[column - 1]
        return found._replace(line=line, column=column)
