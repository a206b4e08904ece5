"""Intakes and municipalities: what arrived, what became of it, and the row results that go back.

Called by pipeline.intake, desk and api. The newest event of a file is its state; its summary is written once, with that event.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.problems import Problem
from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.store import bulk, scoped
from fundlink.store.bills import LINE_BITS

STRETCH = 5_000
"""Lines whose results are looked up together."""
_NONE: tuple[None] = (None,)
_NEWEST = "e.id = (SELECT MAX(x.id) FROM file_event x WHERE x.file_id = e.file_id)"


class FileState(NamedTuple):
    """A file and its newest event."""

    file_id: int
    raw_id: int
    name: str
    sha256: str
    profile: str
    channel: str
    municipality_wanted: str
    event: str
    municipality_code: str
    summary: dict[str, Any]
    received_at: str
    profile_digest: str


RowResult = tuple[int, str, str, str, Problem | None]
"""A line, its result code, bill key, 連携キー, and one problem of it if it has any: made for every line of a file, so it is bare."""


def add_file(connection: Connection, values: Mapping[str, Any]) -> int:
    """Note an intake as received; its id. ``values``: raw_id, sha256, profile, profile_digest, name, channel, municipality_wanted, at."""
    file_id = int(
        bulk.scalar(
            connection,
            """INSERT INTO file (raw_id, sha256, profile, profile_digest, name, channel, municipality_wanted, received_at)
               VALUES (:raw_id, :sha256, :profile, :profile_digest, :name, :channel, :municipality_wanted, :at) RETURNING id""",
            **values,
        )
    )
    add_event(connection, file_id, "received", at=values["at"])
    return file_id


def add_event(
    connection: Connection, file_id: int, event: str, *, at: str, municipality_code: str = "", summary: Mapping[str, Any] | None = None
) -> None:
    """Append what became of a file."""
    columns = ("file_id", "event", "municipality_code", "summary", "at")
    bulk.insert_rows(
        connection, "file_event", columns, [(file_id, event, municipality_code, json.dumps(summary or {}, ensure_ascii=False), at)]
    )


def find_file(connection: Connection, file_id: int) -> FileState | None:
    """A file with its newest event."""
    found = _files(connection, "f.id = :file_id", file_id=file_id)
    return found[0] if found else None


def files_with_content(connection: Connection, sha256: str, profile: str) -> list[FileState]:
    """Files of the same bytes under the same profile, oldest first."""
    return _files(connection, "f.sha256 = :sha256 AND f.profile = :profile", sha256=sha256, profile=profile)


def _files(connection: Connection, condition: str, **values: Any) -> list[FileState]:
    found = bulk.rows(
        connection,
        f"""SELECT f.id, f.raw_id, f.name, f.sha256, f.profile, f.channel, f.municipality_wanted, e.event, e.municipality_code, e.summary, f.received_at, f.profile_digest
            FROM file f JOIN file_event e ON e.file_id = f.id AND {_NEWEST} WHERE {condition} ORDER BY f.id""",
        **values,
    )
    return [FileState._make([*row[:9], json.loads(row[9]), *row[10:]]) for row in found]


def list_files(connection: Connection, before: int | None, limit: int, scope: Scope = EVERYWHERE) -> list[FileState]:
    """Newest files in scope first, ``before`` being the id that the last page ended with."""
    inside, held = scoped.within(scope, "COALESCE(NULLIF(e.municipality_code, ''), f.municipality_wanted)")
    condition = "f.id < :before" if before is not None else "f.id >= :before"
    found = bulk.rows(
        connection,
        f"""SELECT f.id, f.raw_id, f.name, f.sha256, f.profile, f.channel, f.municipality_wanted, e.event, e.municipality_code, e.summary, f.received_at, f.profile_digest
            FROM file f JOIN file_event e ON e.file_id = f.id AND {_NEWEST} WHERE {condition}{inside} ORDER BY f.id DESC LIMIT :limit""",
        before=before or 0, limit=limit, **held,
    )  # fmt: skip
    return [FileState._make([*row[:9], json.loads(row[9]), *row[10:]]) for row in found]


def yen_of_file(connection: Connection, file_id: int) -> tuple[int, int]:
    """Accepted and rejected yen of a staged file; a repeated equal row counts nowhere."""
    low, high = file_id << LINE_BITS, (file_id + 1) << LINE_BITS
    staged = bulk.scalar(connection, "SELECT SUM(total_yen) FROM bill_version WHERE id >= :low AND id < :high", low=low, high=high)
    left_out = bulk.scalar(
        connection,
        """SELECT SUM(v.total_yen) FROM bill_version v WHERE v.id >= :low AND v.id < :high AND (
             v.line IN (SELECT r.line FROM rejected_row r WHERE r.file_id = :file)
             OR v.line IN (SELECT p.line FROM row_problem p WHERE p.file_id = :file AND p.code = 'FL-DUP-003'))""",
        low=low, high=high, file=file_id,
    )  # fmt: skip
    rejected = bulk.scalar(connection, "SELECT SUM(yen) FROM rejected_row WHERE file_id = :file", file=file_id)
    return int(staged or 0) - int(left_out or 0), int(rejected or 0)


def count_rejected(connection: Connection, file_id: int) -> int:
    """Rows of a file that were not taken."""
    return int(bulk.scalar(connection, "SELECT COUNT(*) FROM rejected_row WHERE file_id = :file", file=file_id))


def problems_of_file(connection: Connection, file_id: int, limit: int) -> list[Problem]:
    """Problems of a file, errors first, then by line."""
    found = bulk.rows(
        connection,
        """SELECT code, line, column_number, field, ja, args, place FROM row_problem WHERE file_id = :file
           ORDER BY CASE severity WHEN 'error' THEN 0 ELSE 1 END, line, id LIMIT :limit""",
        file=file_id, limit=limit,
    )  # fmt: skip
    return [_problem(row) for row in found]


def _problem(row: Any) -> Problem:
    code, line, column, field, ja, args, place = row
    return Problem(code, line, column, field, ja, tuple((name, value) for name, value in json.loads(args or "[]")), place)


def row_results(connection: Connection, file_id: int) -> Iterator[list[RowResult]]:
    """Every line of a file and what became of it, in order, a stretch of lines at a time.

    Each stretch is a few looks into one index each: a join of all that a line may have made the files without faults, nearly
    all of them, pay for faults, and let the planner choose among five tables.
    """
    for above in range(0, _last_line(connection, file_id), STRETCH):
        yield _results(connection, file_id, _Span.between(file_id, above, above + STRETCH))


def _last_line(connection: Connection, file_id: int) -> int:
    return max(
        bulk.scalar(
            connection, "SELECT MAX(line) FROM bill_version WHERE id >= :low AND id < :high", low=_id(file_id), high=_id(file_id + 1)
        )
        or 0,
        bulk.scalar(connection, "SELECT MAX(line) FROM rejected_row WHERE file_id = :file", file=file_id) or 0,
    )


def results_after(connection: Connection, file_id: int, above: int, limit: int) -> list[RowResult]:
    """The results of the next ``limit`` lines after ``above``; a line has one for each of its problems."""
    last, found = _last_line(connection, file_id), list[RowResult]()
    while above < last and len({row[0] for row in found}) < limit:
        found += _results(connection, file_id, _Span.between(file_id, above, above + 4 * limit))
        above += 4 * limit
    lines = sorted({row[0] for row in found})[:limit]
    return [row for row in found if row[0] <= lines[-1]] if lines else []


def results_of(connection: Connection, file_id: int, lines: Sequence[int]) -> list[RowResult]:
    """The results of these lines, a page of them."""
    return _results(connection, file_id, _Span.of(file_id, lines)) if lines else []


def _id(file_id: int, line: int = 0) -> int:
    return (file_id << LINE_BITS) + line


class _Span(NamedTuple):
    """Some lines of a file, as conditions on the numbers of versions and on lines, with their values."""

    ids: str
    lines: str
    id_values: dict[str, int]
    line_values: dict[str, int]

    @classmethod
    def between(cls, file_id: int, above: int, upto: int) -> _Span:
        """The lines after ``above`` up to ``upto``."""
        ids = {"low": _id(file_id, above), "high": _id(file_id, upto)}
        return cls("{0} > :low AND {0} <= :high", "line > :low AND line <= :high", ids, {"low": above, "high": upto})

    @classmethod
    def of(cls, file_id: int, lines: Sequence[int]) -> _Span:
        """These very lines."""
        ids = {f"i{at}": _id(file_id, line) for at, line in enumerate(lines)}
        numbers = {f"i{at}": line for at, line in enumerate(lines)}
        names = ", ".join(f":{name}" for name in ids)
        return cls(f"{{0}} IN ({names})", f"line IN ({names})", ids, numbers)


def _results(connection: Connection, file_id: int, span: _Span) -> list[RowResult]:
    own = {"file": file_id, **span.line_values}
    versions = bulk.rows(
        connection, f"SELECT line, id, bill_key, core_key FROM bill_version WHERE {span.ids.format('id')} ORDER BY id", **span.id_values
    )
    made = {row[0] for row in bulk.rows(connection, f"SELECT id FROM bill WHERE {span.ids.format('id')}", **span.id_values)}
    effects: dict[int, str] = {}
    if len(made) < len(versions):
        later = f"SELECT version_id, effect FROM revision WHERE {span.ids.format('version_id')} AND file_id = :file"
        effects = {row[0]: row[1] for row in bulk.rows(connection, later, **span.id_values, file=file_id)}
    where = f"file_id = :file AND {span.lines}"
    rejected = {row[0] for row in bulk.rows(connection, f"SELECT line FROM rejected_row WHERE {where}", **own)}
    problems: dict[int, list[Problem]] = {}
    told = f"SELECT code, line, column_number, field, ja, args, place FROM row_problem WHERE {where} ORDER BY line, id"
    for row in bulk.rows(connection, told, **own):
        problems.setdefault(row[1], []).append(_problem(row))
    known = {row[0]: row for row in versions}
    results: list[RowResult] = []
    for line in sorted(known.keys() | rejected) if rejected else known:
        _, version, key, core_key = known.get(line, (line, 0, "", ""))
        if line not in problems and version in made and line not in rejected:
            results.append((line, "1", key, core_key, None))
            continue
        for problem in problems.get(line, _NONE):
            code = _result_code(version in made, effects.get(version), line in rejected, problem)
            results.append((line, code, key, core_key, problem))
    return results


def _result_code(made: bool, effect: str | None, rejected: bool, problem: Problem | None) -> str:
    if rejected:
        return "9"
    if problem is not None:
        return "7"
    if made:
        return "1"
    return {"updated": "2", "readdressed": "2", "cancelled": "3", "conflict": "7"}.get(effect or "", "0")


def add_municipality(connection: Connection, code: str, name: str, at: str) -> bool:
    """Register a municipality; False when it was there."""
    return bool(
        bulk.run(
            connection,
            """INSERT INTO municipality (code, institution_code, name, registered_at) VALUES (:code, :institution, :name, :at)
               ON CONFLICT (code) DO NOTHING""",
            code=code, institution=code[:5], name=name, at=at,
        )
    )  # fmt: skip


def add_used_profile(connection: Connection, profile: str) -> None:
    """Note that bills came in by this profile."""
    bulk.run(connection, "INSERT INTO used_profile (profile) VALUES (:profile) ON CONFLICT (profile) DO NOTHING", profile=profile)


def used_profiles(connection: Connection) -> list[str]:
    """The profiles that bills came in by."""
    return [str(row[0]) for row in bulk.rows(connection, "SELECT profile FROM used_profile ORDER BY profile")]


def municipalities(connection: Connection) -> list[tuple[str, str, str]]:
    """Registered municipalities: code, name, instant of registration."""
    return [
        (str(a), str(b), str(c)) for a, b, c in bulk.rows(connection, "SELECT code, name, registered_at FROM municipality ORDER BY code")
    ]
