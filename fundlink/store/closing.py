"""Closing days and taking files back: facts for the two acts, and their entries. Called by desk only.

A closed day is a further row of ``day_state``; a file taken back leaves compensating revisions, never a deletion.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.bills import BILL_IS_PAID, LINE_BITS, SLIP_STATE
from fundlink.store.days import COLUMNS, DayRow
from fundlink.store.receipts import WAITING

_EFFECTIVE = "r.effect <> 'conflict'"


def days_before(connection: Connection, day: str, municipality_code: str, *, after: str = "") -> list[str]:
    """Earlier days of a municipality, but after that one, that are not closed yet, oldest first."""
    found = bulk.rows(
        connection,
        """SELECT DISTINCT d.day FROM day_state d WHERE d.day < :day AND d.day > :after AND d.municipality_code = :code AND d.state <> 'closed'
             AND d.id = (SELECT MAX(x.id) FROM day_state x
                         WHERE x.day = d.day AND x.municipality_code = d.municipality_code AND x.fund_code = d.fund_code)
           ORDER BY d.day LIMIT 10""",
        day=day, code=municipality_code, after=after,
    )  # fmt: skip
    return [str(row[0]) for row in found]


def receipts_without_outcome(connection: Connection) -> int:
    """Statements that reconcile has not looked at yet."""
    if bulk.scalar(connection, "SELECT 1 FROM pending_receipt LIMIT 1") is None:  # no planner has to think about receipts then
        return 0
    return int(
        bulk.scalar(
            connection,
            f"SELECT COUNT(*) FROM pending_receipt p CROSS JOIN receipt r WHERE {WAITING.format('r', 'p')}",
        )
    )


def close(connection: Connection, rows: Sequence[DayRow], at: str) -> None:
    """Append the closed state of these days and funds, with the sums they tied at."""
    values = [(*row._replace(state="closed")[:-1], json.dumps(row.differences), at) for row in rows]
    bulk.insert_rows(connection, "day_state", (*COLUMNS, "at"), values)


def list_rows_of(connection: Connection, file_id: int) -> int:
    """Fill ``own_row`` with what a file did: version, bill, effect (created, updated, cancelled); how many rows."""
    bulk.fresh_temporary(connection, "own_row", "version_id BIGINT PRIMARY KEY, bill_id BIGINT, effect TEXT, revision_id BIGINT")
    bulk.run(
        connection,
        f"""INSERT INTO own_row (version_id, bill_id, effect, revision_id)
            SELECT b.id, b.id, 'created', 0 FROM bill b WHERE b.id >= :low AND b.id < :high
            UNION ALL SELECT r.version_id, r.bill_id, r.effect, r.id FROM revision r WHERE r.file_id = :file AND {_EFFECTIVE}""",
        low=file_id << LINE_BITS, high=(file_id + 1) << LINE_BITS, file=file_id,
    )  # fmt: skip
    bulk.analyze(connection, "own_row")
    return int(bulk.scalar(connection, "SELECT COUNT(*) FROM own_row"))


def what_depends_on_it(connection: Connection, file_id: int) -> list[tuple[int, str, str]]:
    """Rows that cannot be taken back any more: (line, bill key, why), at most a hundred. why: paid | changed | reissued."""
    found = bulk.rows(
        connection,
        f"""SELECT q.version_id - :base, q.bill_key, q.why FROM (
              SELECT o.version_id, b.bill_key, CASE
                WHEN o.effect <> 'readdressed' AND {BILL_IS_PAID} THEN 'paid'
                WHEN EXISTS (SELECT 1 FROM revision r WHERE r.bill_id = o.bill_id AND r.id > o.revision_id AND {_EFFECTIVE}) THEN 'changed'
                WHEN o.effect = 'created' AND EXISTS (SELECT 1 FROM slip s WHERE s.bill_id = o.bill_id AND s.issue_count > 1) THEN 'reissued'
                END AS why
              FROM own_row o JOIN bill b ON b.id = o.bill_id) q
            WHERE q.why IS NOT NULL ORDER BY q.version_id LIMIT 100""",
        base=file_id << LINE_BITS,
    )
    return [(int(line), str(key), str(why)) for line, key, why in found]


def take_back(connection: Connection) -> dict[str, int]:
    """Compensate every row of ``own_row``: created bills are cancelled, changed ones get their content before back. Counts by effect."""
    told = "CASE WHEN effect = 'readdressed' THEN 'updated' ELSE effect END"
    counts = dict(bulk.rows(connection, f"SELECT {told}, COUNT(*) FROM own_row GROUP BY {told}"))
    bulk.run(
        connection,
        """INSERT INTO revision (bill_id, version_id, file_id, effect)
           SELECT o.bill_id, o.version_id, 0, 'cancelled' FROM own_row o WHERE o.effect = 'created' ORDER BY o.version_id""",
    )
    bulk.run(connection, f"INSERT INTO revision (bill_id, version_id, file_id, effect) {_BEFORE} ORDER BY o.version_id")
    return {str(effect): int(count) for effect, count in counts.items()}


# what a changed bill was before: the effective revision before this file's, or its first version
_VERSION_BEFORE = """
      COALESCE((SELECT p.version_id FROM revision p WHERE p.bill_id = o.bill_id AND p.id < o.revision_id AND p.effect <> 'conflict'
                ORDER BY p.id DESC LIMIT 1), o.bill_id)"""
_EFFECT_BEFORE = """
      COALESCE((SELECT CASE WHEN p.effect = 'readdressed' THEN 'updated' ELSE p.effect END FROM revision p WHERE p.bill_id = o.bill_id AND p.id < o.revision_id AND p.effect <> 'conflict'
                ORDER BY p.id DESC LIMIT 1), 'updated')"""
_BEFORE = f"""
    SELECT o.bill_id, {_VERSION_BEFORE}, 0, CASE WHEN o.effect = 'readdressed' THEN o.effect ELSE {_EFFECT_BEFORE} END
    FROM own_row o WHERE o.effect <> 'created'"""


def slips_to_revive(connection: Connection) -> list[tuple[int, int, str, str, int]]:
    """Bills of ``own_row`` that come back to life without a live slip: (bill, next issue count, municipality, fund, levy year).

    A bill brought to 0 yen was cancelled at the gateway just as a cancelled one was; one that goes back to nothing to pay needs no slip.
    """
    found: Sequence[Any] = bulk.rows(
        connection,
        f"""SELECT o.bill_id, s.issue_count + 1, w.municipality_code, w.fund_code, w.levy_year
            FROM own_row o JOIN bill_version w ON w.id = {_VERSION_BEFORE}
            JOIN slip s ON s.bill_id = o.bill_id AND s.issue_count = (SELECT MAX(n.issue_count) FROM slip n WHERE n.bill_id = o.bill_id)
            WHERE o.effect <> 'created' AND {_EFFECT_BEFORE} <> 'cancelled' AND w.total_yen > 0 AND ({SLIP_STATE} = 'cancelled'
              OR EXISTS (SELECT 1 FROM message_item i WHERE i.slip_id = s.id AND i.operation = 'cancel')) ORDER BY o.bill_id""",
    )
    return [(int(a), int(b), str(c), str(d), int(e)) for a, b, c, d, e in found]


def tell_gateway(connection: Connection) -> None:
    """Every slip of the bills taken back has to be brought in line at the gateway."""
    bulk.run(
        connection,
        """INSERT INTO change (slip_id, municipality_code)
           SELECT DISTINCT s.id, s.municipality_code FROM own_row o JOIN slip s ON s.bill_id = o.bill_id
           WHERE o.effect <> 'readdressed' ORDER BY s.id""",
    )


def add_slips(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """New slips: (bill_id, issue_count, municipality_code, institution_code, case_key, confirmation_number, issued_at)."""
    columns = ("bill_id", "issue_count", "municipality_code", "institution_code", "case_key", "confirmation_number", "issued_at")
    bulk.insert_rows(connection, "slip", columns, rows)
