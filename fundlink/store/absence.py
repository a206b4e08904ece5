"""What came and what did not, a row a kind and business day; what two persons declared will not come. Called by pipeline.absence.

The judgement is reconcile.absence's; here are only the facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.receipts import WAITING

# read again since, whatever came of it, or covered by what two persons declared after it came
_OPEN_QUARANTINE = """
    q.state = 'quarantined'
    AND NOT EXISTS (SELECT 1 FROM received_file a WHERE a.raw_id = q.raw_id AND a.id > q.id AND a.source = q.source
                    AND a.municipality_code = q.municipality_code)
    AND NOT EXISTS (SELECT 1 FROM absence_waiver w WHERE w.municipality_code = q.municipality_code AND w.kind = q.kind
                    AND w.business_day = q.business_day AND w.received_until >= q.id)"""


def towns(connection: Connection, municipality_code: str | None = None) -> list[tuple[str, str, str | None]]:
    """(code, day of registration, business day of the first file that came or None) of every municipality, or of one."""
    only = "WHERE m.code = :code" if municipality_code else ""
    found = bulk.rows(
        connection,
        f"""SELECT m.code, SUBSTR(m.registered_at, 1, 10),
                   (SELECT MIN(f.business_day) FROM received_file f WHERE f.municipality_code = m.code AND f.state = 'applied')
            FROM municipality m {only} ORDER BY m.code""",
        **({"code": municipality_code} if municipality_code else {}),
    )
    return [(str(code), str(registered), first) for code, registered, first in found]


def arrivals(connection: Connection, municipality_code: str) -> list[tuple[str, str, int, int, int, str]]:
    """(kind, business day, files, records, quarantined files, instant of the first) of all that came for a municipality.

    A file with nothing new in it is no arrival: the same content under another day would hide that this day's is missing.
    """
    counts = "f.state = 'applied' AND (f.records = 0 OR f.duplicates < f.records)"
    found = bulk.rows(
        connection,
        f"""SELECT f.kind, f.business_day, SUM(CASE WHEN {counts} THEN 1 ELSE 0 END), SUM(CASE WHEN {counts} THEN f.records ELSE 0 END),
                   SUM(CASE WHEN f.state = 'quarantined' THEN 1 ELSE 0 END), MIN(CASE WHEN {counts} THEN f.at END)
            FROM received_file f WHERE f.municipality_code = :code GROUP BY f.kind, f.business_day""",
        code=municipality_code,
    )
    return [(str(k), str(d), int(n), int(r), int(q), str(at or "")) for k, d, n, r, q, at in found]


def waived(connection: Connection, municipality_code: str) -> set[tuple[str, str]]:
    """(kind, business day) for which two persons declared that nothing is to come."""
    found = bulk.rows(connection, "SELECT kind, business_day FROM absence_waiver WHERE municipality_code = :code", code=municipality_code)
    return {(str(kind), str(day)) for kind, day in found}


def unposted(connection: Connection, municipality_code: str) -> int:
    """Receipts of a municipality that reconcile has not looked at."""
    return int(
        bulk.scalar(
            connection,
            f"""SELECT COUNT(*) FROM pending_receipt p CROSS JOIN receipt r
                WHERE {WAITING.format("r", "p")} AND r.municipality_code = :code""",
            code=municipality_code,
        )
    )


def open_quarantine(connection: Connection, municipality_code: str) -> list[tuple[str, str, str]]:
    """(kind, business day, name) of received files that were quarantined and neither read again nor declared done with."""
    found = bulk.rows(
        connection,
        f"""SELECT q.kind, q.business_day, q.name FROM received_file q
            WHERE q.municipality_code = :code AND {_OPEN_QUARANTINE} ORDER BY q.business_day, q.id""",
        code=municipality_code,
    )
    return [(str(kind), str(day), str(name)) for kind, day, name in found]


def sequence_gaps(connection: Connection, municipality_code: str) -> list[tuple[int, int]]:
    """First and last of every run of numbers in the gateway's list that was never taken; the files of an institution count from 1."""
    found = bulk.rows(
        connection,
        """SELECT x.before + 1, x.sequence - 1 FROM (
             SELECT f.sequence, LAG(f.sequence, 1, 0) OVER (ORDER BY f.sequence) AS before FROM received_file f
             WHERE f.municipality_code = :code AND f.sequence IS NOT NULL) x
           WHERE x.sequence > x.before + 1 ORDER BY x.sequence""",
        code=municipality_code,
    )
    return [(int(first), int(last)) for first, last in found]


def add_waiver(connection: Connection, values: dict[str, Any]) -> None:
    """Note a declaration. ``values``: municipality_code, kind, business_day, reason, by, approved_by, at."""
    columns = ("municipality_code", "kind", "business_day", "received_until", "reason", "by", "approved_by", "at")
    newest = bulk.newest_id(connection, "received_file")
    bulk.insert_rows(
        connection, "absence_waiver", _quoted(columns), [tuple({**values, "received_until": newest}[name] for name in columns)]
    )


def _quoted(columns: Sequence[str]) -> list[str]:
    """``by`` is a word of SQL."""
    return [f'"{name}"' if name == "by" else name for name in columns]
