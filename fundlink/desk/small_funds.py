"""Small funds (小口の公金): a template for a department without any system, and the workbook it comes back as, looked at before it counts.

Called by jobs.sheets, console and cli. A workbook is kept as a draft with all that was found in it; the bills come only with the one
road, which jobs.sheets takes. Names and addresses stay in the kept bytes, here as everywhere.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from fundlink.domain.errors import ConfigurationError, ProblemError, UsageError
from fundlink.domain.problems import Problem, problem
from fundlink.domain.scope import Scope
from fundlink.domain.values import is_municipality_code
from fundlink.formats import marking, xlsx
from fundlink.formats.hints import hint
from fundlink.formats.message import Message
from fundlink.formats.template import Wanted, template
from fundlink.pipeline import people
from fundlink.pipeline.people import Needs
from fundlink.pipeline.rooms import Rooms
from fundlink.store import audit, files, sheets, vault
from fundlink.store.sheets import Draft, Series

PROFILE = "excel"
MOST_ROWS = 3_000
"""What somebody writes by hand; more comes from a system and goes by its own profile."""
MOST_BYTES = 4 << 20
MOST_NUMBERS = 2_000
SHOWN_ROWS = 60


class Asked(NamedTuple):
    """What a template is wanted for."""

    municipality_code: str
    fund_code: str
    levy_year: int
    department_code: str = "000"
    lines: int = 100


class Sent(NamedTuple):
    """A workbook as it came."""

    name: str
    raw: bytes


def message_of(rooms: Rooms) -> Message:
    """The layout of small funds."""
    return rooms.profile(PROFILE).message("billing")


def make_template(rooms: Rooms, asked: Asked, who: str) -> bytes:
    """A workbook to fill in; the notice numbers of its lines are nobody else's from now on."""
    funds = rooms.codes("fund_codes")
    _judge(asked, funds.keys())
    message = message_of(rooms)
    with rooms.store.together() as connection:
        by = people.one(rooms, connection, who, Needs("bills.write", asked.municipality_code, asked.department_code))
        names = {code: name for code, name, _ in files.municipalities(connection)}
        if asked.municipality_code not in names and rooms.production:
            raise ProblemError([problem("FL-MUN-003", actual=asked.municipality_code)])
        series = Series(asked.municipality_code, asked.fund_code, asked.levy_year)
        first = sheets.draw_numbers(connection, series, asked.lines, (by, rooms.now()))
        numbers = [numbered(message.declared.numbers, serial) for serial in range(first, first + asked.lines)]
        detail = {"fund_code": asked.fund_code, "levy_year": asked.levy_year, "first": first, "size": asked.lines}
        audit.append(connection, audit.Entry(by, "template.make", f"municipality:{asked.municipality_code}", detail, rooms.now()))
    town, fund = names.get(asked.municipality_code, ""), funds[asked.fund_code]
    words = {"municipality_code": town, "fund_code": fund, "levy_year": "年度"}
    return template(message, Wanted(f"{town} {fund}".strip(), asked._asdict(), words, numbers, rooms.now()))


def _judge(asked: Asked, funds: Any) -> None:
    digits = asked.department_code
    if not is_municipality_code(asked.municipality_code):
        raise UsageError("団体コードは検査数字を含む 6 桁で指定してください。")
    if asked.fund_code not in funds:
        raise UsageError("公金種目コードが一覧にありません。")
    if not (digits.isascii() and digits.isdigit() and len(digits) == 3):
        raise UsageError("課所コードは 3 桁の数字で指定してください。")
    if not (1900 <= asked.levy_year < 2200 and 0 < asked.lines <= MOST_NUMBERS):
        raise UsageError(f"年度は西暦 4 桁、行数は 1 から {MOST_NUMBERS:,} で指定してください。")


def numbered(rule: str, serial: int) -> str:
    """A notice number by the rule of the profile.

    >>> numbered("F######", 12), numbered("A-#####", 123456)
    ('F000012', 'A-123456')
    """
    digits = rule.count("#")
    return f"{rule[:-digits]}{serial:0{digits}d}"


def found_in(rooms: Rooms, raw: bytes, told: dict[str, Any]) -> dict[str, Any]:
    """What a rehearsed intake said of a workbook, and what only its slips would show."""
    header, more = _looked_at(rooms, raw)
    numbers = {name: told[name] for name in _NUMBERS}
    held = {name: header.get(name, "") for name in ("municipality_code", "fund_code", "department_code")}
    return {
        **numbers,
        "header": held,
        "duplicate_of": told["duplicate_of"],
        "problems": [*told["problems"], *(one.as_json() for one in more)],
    }


_NUMBERS = ("read", "accepted", "created", "updated", "unchanged", "cancelled", "conflicts", "rejected", "accepted_yen")


def keep(rooms: Rooms, sent: Sent, found: dict[str, Any], person: tuple[str, Scope]) -> int:
    """Keep a workbook with what was found in it; its draft. ``person``: who, and their scope."""
    who, scope = person
    header = found["header"]
    code, department = str(header.get("municipality_code", "")), str(header.get("department_code") or "000")
    if code and not scope.covers(code, department):
        raise ProblemError([problem("FL-AUTH-003")])
    with rooms.store.together() as connection:
        by = people.one(rooms, connection, who, Needs("bills.write", code, department)) if code else who
        kept = vault.keep(connection, [sent.raw], direction="in", kind="sheet", name=sent.name, at=rooms.now())
        values = {"raw_id": kept.raw_id, "name": sent.name, "municipality_code": code, "fund_code": str(header.get("fund_code", "")),
                  "department_code": department, "found": found, "by": by, "at": rooms.now()}  # fmt: skip
        return sheets.add_draft(connection, values)


def _looked_at(rooms: Rooms, raw: bytes) -> tuple[dict[str, Any], list[Problem]]:
    """What holds for all rows, and what is wrong with a workbook beyond what an intake asks for: unprintable names, bills written twice."""
    reader = message_of(rooms).reader(io.BytesIO(raw))
    found: list[Problem] = []
    try:
        rows = [row for chunk in reader for row in chunk.rows]
        if len(rows) > MOST_ROWS:
            found.append(problem("FL-XLS-007", expected=f"{MOST_ROWS:,} 件"))
        else:
            columns = head_of(message_of(rooms), xlsx.shown(raw))[1]
            found += [*_unprintable(rooms, rows, columns), *_written_twice(rows, columns)]
    except (ProblemError, ConfigurationError):  # told by the rehearsal
        pass
    return reader.header, found


def _unprintable(rooms: Rooms, rows: Sequence[tuple[int, Any]], columns: dict[str, int]) -> Iterator[Problem]:
    for line, record in rows:
        for name, ja in (("payer_name", "氏名"), ("payer_address", "住所"), ("notice_number", "通知書番号")):
            lacking = rooms.printer().lacking([str(getattr(record, name))])
            if lacking:
                characters = "、".join(f"{one} U+{ord(one):04X}" for one in lacking)
                yield problem("FL-XLS-009", line=line, column=columns.get(name), field=name, ja=ja, characters=characters)


def _written_twice(rows: Sequence[tuple[int, Any]], columns: dict[str, int]) -> Iterator[Problem]:
    seen: dict[tuple[Any, ...], tuple[int, str]] = {}
    for line, record in rows:
        first, number = seen.setdefault(
            (record.payer_name, record.total_yen, record.due_on, record.installment), (line, record.notice_number)
        )
        if first != line and number != record.notice_number and record.action == "1":
            yield problem("FL-XLS-010", line=line, column=columns.get("payer_name"), field="payer_name", ja="氏名", line_number=first)


def head_of(message: Message, grid: Sequence[Sequence[str]]) -> tuple[int, dict[str, int]]:
    """The header line of a workbook and where its fields stand, by name; (0, {}) where there is none."""
    names = {cell.row.ja: cell.row.name for cell in message.row.cells}
    for line, texts in enumerate(grid[: xlsx.MOST_OPENING_LINES + 1], 1):
        found = {names[text]: column for column, text in enumerate(texts, 1) if text in names}
        if len(found) > 1:
            return line, found
    return 0, {}


def find(rooms: Rooms, draft_id: int, scope: Scope, who: str) -> Draft:
    """A draft in scope; one that names no municipality is its sender's. FL-FIL-006 where there is none."""
    with rooms.store.read() as connection:
        draft = sheets.find_draft(connection, draft_id)
    if draft is not None and (scope.covers(draft.municipality_code, draft.department_code) if draft.municipality_code else draft.by == who):
        return draft
    raise ProblemError([problem("FL-FIL-006", file_id=draft_id)])


def listed(rooms: Rooms, scope: Scope) -> list[Draft]:
    """The newest workbooks in scope."""
    with rooms.store.read() as connection:
        return sheets.drafts(connection, scope)


def bytes_of(rooms: Rooms, draft: Draft) -> bytes:
    """The workbook as it came."""
    with rooms.store.read() as connection:
        return vault.kept_bytes(connection, draft.raw_id)


def is_ready(draft: Draft) -> bool:
    """Whether nothing is left to correct."""
    return (
        draft.found["duplicate_of"] is None
        and draft.found["read"] > 0
        and not any(one["severity"] == "error" for one in draft.found["problems"])
    )


def hints(rooms: Rooms) -> dict[str, str]:
    """How each field is written, by name."""
    message = message_of(rooms)
    return {cell.row.name: hint(cell) for cell in (*message.row.cells, *message.cells("header"))}


def following(told: dict[str, Any], known: dict[str, str]) -> str:
    """What to do about a problem of a cell: how the field is written; what the catalogue says where it is not about the writing."""
    is_about_writing = not told["code"].startswith(("FL-XLS", "FL-DUP", "FL-BIL", "FL-SLP", "FL-MUN"))
    return known[told["field"]] if is_about_writing and told.get("field") in known else told["next"]


def marked(rooms: Rooms, raw: bytes, problems: Sequence[dict[str, Any]]) -> bytes:
    """Their workbook with everything that was found on its cells; what is about a whole row stands on its first cell."""
    known = hints(rooms)
    marks = [
        marking.Mark(told["line"], told["column"] or 1, told["severity"], f"{told['message']}→ {following(told, known)}（{told['code']}）")
        for told in problems if told["line"]
    ]  # fmt: skip
    return marking.marked(raw, marks)


class Line(NamedTuple):
    """A line as a page shows it: its number, its cells, what is wrong with them by column (0: with the row)."""

    number: int
    cells: list[str]
    problems: dict[int, list[dict[str, Any]]]


class Shown(NamedTuple):
    """A workbook on a page: its columns that say anything, their names, lines, how many lines are left out, problems that are on no cell."""

    columns: list[int]
    names: list[str]
    lines: list[Line]
    left_out: int
    others: list[dict[str, Any]]


def shown(rooms: Rooms, draft: Draft) -> Shown:
    """The sheet with its problems; of a long one the lines that have problems, first."""
    known = hints(rooms)
    by_line: dict[int, dict[int, list[dict[str, Any]]]] = {}
    others = []
    for told in ({**one, "next": following(one, known)} for one in draft.found["problems"]):
        if told["line"]:
            by_line.setdefault(told["line"], {}).setdefault(told["column"] or 0, []).append(told)
        else:
            others.append(told)
    try:
        grid = xlsx.shown(bytes_of(rooms, draft))
    except ProblemError:
        return Shown([], [], [], 0, others)
    head, places = head_of(message_of(rooms), grid)
    width, example = max(places.values(), default=3), message_of(rooms).declared.example
    wanted = [line for line in range(1, len(grid) + 1) if line in by_line or (line > head > 0 and _says_something(grid[line - 1], example))]
    chosen = sorted(sorted(wanted, key=lambda line: (line not in by_line, line))[:SHOWN_ROWS])
    lines = [Line(line, _padded(grid[line - 1], width), by_line.get(line, {})) for line in chosen]
    columns = [at for at in range(1, width + 1) if any(line.cells[at - 1] or at in line.problems for line in lines)]
    names = _padded(grid[head - 1], width) if head else [""] * width
    kept = [line._replace(cells=[line.cells[at - 1] for at in columns]) for line in lines]
    return Shown(columns, [names[at - 1] for at in columns], kept, len(wanted) - len(chosen), others)


def _says_something(texts: Sequence[str], example: Sequence[str]) -> bool:
    return sum(bool(text) for text in texts) > 1 and list(texts[: len(example)]) != list(example)


def _padded(texts: Sequence[str], width: int) -> list[str]:
    return [*texts[:width], *[""] * (width - len(texts))]


def note_content(rooms: Rooms, draft: Draft, who: str) -> None:
    """Enter that somebody took the content of a workbook away; ProblemError where this person may not."""
    with rooms.store.together() as connection:
        needs = Needs("files.content", draft.municipality_code, draft.department_code)
        by = people.one(rooms, connection, who, needs) if draft.municipality_code else who
        audit.append(connection, audit.Entry(by, "sheet.content", f"sheet:{draft.draft_id}", {"name": draft.name}, rooms.now()))


def end(rooms: Rooms, draft: Draft, what: tuple[str, int | None], who: str) -> bool:
    """A draft is accepted as a file, or dropped; False when it had an end already. What counts is said by the file's own entries."""
    with rooms.store.together() as connection:
        needs = Needs("bills.write", draft.municipality_code, draft.department_code)
        by = people.one(rooms, connection, who, needs) if draft.municipality_code else who
        if not sheets.end_draft(connection, draft.draft_id, what, (by, rooms.now())):
            return False
        detail = {"file_id": what[1], "name": draft.name}
        audit.append(connection, audit.Entry(by, f"sheet.{what[0]}", f"sheet:{draft.draft_id}", detail, rooms.now()))
    return True
