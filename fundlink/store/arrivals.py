"""Everything that arrived, newest first: intakes of bills, and files of the gateway and the banks. Called by desk.arrived.

Two tables are walked backwards by their keys and merged by the instant, so that a page costs the same however much there is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.store import bulk, scoped
from fundlink.store.bills import LINE_BITS


class Arrival(NamedTuple):
    """One file as lists show it. ``number``: of its table; ``kind``: billing, or the kind of a received file."""

    number: int
    kind: str
    source: str
    name: str
    municipality_code: str
    state: str
    size: int
    at: str
    summary: dict[str, Any]
    raw_id: int
    sha256: str


class Place(NamedTuple):
    """The numbers that the last page ended with; None at the beginning, 0 where there is nothing more."""

    intake: int | None = None
    received: int | None = None


SINGLE = "api-bill"
"""Bills that were sent one by one: no files, and shown only where they are asked for."""
_NEWEST = "e.id = (SELECT MAX(x.id) FROM file_event x WHERE x.file_id = e.file_id)"
_WHERE_OF_A_FILE = "COALESCE(NULLIF(e.municipality_code, ''), f.municipality_wanted)"


def intakes(
    connection: Connection, asked: Mapping[str, str], before: int | None, limit: int, *, scope: Scope = EVERYWHERE
) -> list[Arrival]:
    """Intakes in scope, newest first. ``asked``: source, state, day, municipality; what is not asked for is not looked at."""
    inside, held = scoped.within(scope, _WHERE_OF_A_FILE)
    conditions = {
        "source": "f.channel = :source", "state": "e.event = :state", "municipality": f"{_WHERE_OF_A_FILE} = :municipality",
        "day": "f.received_at >= :day AND f.received_at < :until",
    }  # fmt: skip
    chosen = [words for name, words in conditions.items() if asked.get(name)]
    chosen += [] if asked.get("source") == SINGLE else [f"f.channel <> '{SINGLE}'"]
    found = bulk.rows(
        connection,
        f"""SELECT f.id, 'billing', f.channel, f.name, {_WHERE_OF_A_FILE}, e.event, r.size, f.received_at, e.summary, f.raw_id, f.sha256
            FROM file f JOIN file_event e ON e.file_id = f.id AND {_NEWEST} JOIN raw r ON r.id = f.raw_id
            WHERE f.id < :before AND {" AND ".join(chosen or ["1 = 1"])}{inside} ORDER BY f.id DESC LIMIT :limit""",
        before=_HIGHEST if before is None else before, limit=limit, **_values(asked, conditions), **held,
    )  # fmt: skip
    return [_arrival(row) for row in found]


_HIGHEST = (1 << 62) - 1


def _values(asked: Mapping[str, str], conditions: Mapping[str, str]) -> dict[str, str]:
    values = {name: asked[name] for name in conditions if asked.get(name)}
    return {**values, "until": f"{values['day']}~"} if "day" in values else values


def received(
    connection: Connection, asked: Mapping[str, str], before: int | None, limit: int, *, scope: Scope = EVERYWHERE
) -> list[Arrival]:
    """Files of the gateway and of banks in scope, newest first; the same words."""
    inside, held = scoped.within(scope, "f.municipality_code")
    conditions = {
        "source": "f.source = :source", "state": "f.state = :state", "municipality": "f.municipality_code = :municipality",
        "day": "f.at >= :day AND f.at < :until",
    }  # fmt: skip
    chosen = [words for name, words in conditions.items() if asked.get(name)]
    found = bulk.rows(
        connection,
        f"""SELECT f.id, f.kind, f.source, f.name, f.municipality_code, f.state, r.size, f.at,
                   f.records, f.duplicates, f.yen, f.business_day, f.sequence, f.problems, f.raw_id, r.sha256
            FROM received_file f JOIN raw r ON r.id = f.raw_id
            WHERE f.id < :before AND f.source <> '' AND {" AND ".join(chosen or ["1 = 1"])}{inside} ORDER BY f.id DESC LIMIT :limit""",
        before=_HIGHEST if before is None else before, limit=limit, **_values(asked, conditions), **held,
    )  # fmt: skip
    return [_received(row) for row in found]


def _arrival(row: Any) -> Arrival:
    return Arrival._make([*row[:8], json.loads(row[8]), *row[9:]])


def _received(row: Any) -> Arrival:
    names = ("records", "duplicates", "yen", "business_day", "sequence")
    summary = {**dict(zip(names, row[8:13], strict=True)), "problems": json.loads(row[13])}
    return Arrival._make([*row[:8], summary, row[14], row[15]])


def find_intake(connection: Connection, number: int, scope: Scope = EVERYWHERE) -> Arrival | None:
    """One intake in scope; also of bills that were sent one by one. A department sees a file all of whose bills are its own."""
    inside, held = scoped.within(scope, _WHERE_OF_A_FILE)
    if scope.departments is not None:
        own, codes = scoped.within(Scope(None, scope.departments), "v.municipality_code", "v.department_code")
        of_file = "SELECT 1 FROM bill_version v WHERE v.id >= :low AND v.id < :high"
        inside += f" AND EXISTS ({of_file}) AND NOT EXISTS ({of_file} AND NOT (1 = 1{own}))"
        held = {**held, **codes, "low": number << LINE_BITS, "high": (number + 1) << LINE_BITS}
    found = bulk.rows(
        connection,
        f"""SELECT f.id, 'billing', f.channel, f.name, {_WHERE_OF_A_FILE}, e.event, r.size, f.received_at, e.summary, f.raw_id, f.sha256
            FROM file f JOIN file_event e ON e.file_id = f.id AND {_NEWEST} JOIN raw r ON r.id = f.raw_id WHERE f.id = :id{inside}""",
        id=number, **held,
    )  # fmt: skip
    return _arrival(found[0]) if found else None


def find_received(connection: Connection, number: int, scope: Scope = EVERYWHERE) -> Arrival | None:
    """One file of the gateway or a bank in scope."""
    found = received(connection, {}, number + 1, 1, scope=scope)
    return found[0] if found and found[0].number == number else None


def streams(connection: Connection, municipality_code: str) -> list[tuple[str, int | None, str | None, str]]:
    """Where each source stands: (stream or kind, highest number, newest business day, instant of the newest), bills first."""
    bills = bulk.rows(
        connection,
        """SELECT p.stream, p.sequence, p.business_day, p.at FROM file_position p
           WHERE p.id IN (SELECT MAX(x.id) FROM file_position x WHERE x.stream LIKE :of GROUP BY x.stream) ORDER BY p.stream""",
        of=f"%:{municipality_code}",
    )
    others = bulk.rows(
        connection,
        """SELECT f.kind, MAX(f.sequence), MAX(f.business_day), MAX(f.at) FROM received_file f
           WHERE f.municipality_code = :code AND f.state = 'applied' GROUP BY f.kind ORDER BY f.kind""",
        code=municipality_code,
    )
    return [(str(name).rpartition(":")[0] or str(name), sequence, day, str(at)) for name, sequence, day, at in (*bills, *others)]


def rows_with_problems(connection: Connection, file_id: int, above: int, limit: int) -> list[int]:
    """The next lines after ``above`` about which something is wrong or odd."""
    found = bulk.rows(
        connection,
        "SELECT DISTINCT line FROM row_problem WHERE file_id = :file AND line > :above ORDER BY line LIMIT :limit",
        file=file_id, above=above, limit=limit,
    )  # fmt: skip
    return [int(row[0]) for row in found]
