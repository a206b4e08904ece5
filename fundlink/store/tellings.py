"""Entries of bank files that may tell one credit: what lies beside the entries of a file, and what was found of them.

Called by pipeline.tellings and desk. ``credit_telling`` rows are appended; the newest of an entry counts, and one that two persons
made is never followed by another one of the program.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.settlings import FIXED, SIGNED


class Entry(NamedTuple):
    """An entry with what counts of it now; ``decided`` '' where no person said anything."""

    id: int
    form: str
    booked_on: str
    value_on: str
    yen: int
    cancelled: bool
    reference: str
    inquiry_number: str
    remitter: str
    fixed: bool
    decided: str
    decided_for: int | None
    account: str
    municipality_code: str
    state: str
    stands_for: int | None


class Row(NamedTuple):
    """What an entry was found to be."""

    credit_id: int
    municipality_code: str
    state: str
    stands_for: int | None
    act_id: int | None
    at: str


_NEIGHBOURS = """
    INSERT INTO alike (account, booked_on, amount_yen)
    SELECT DISTINCT c.account, c.booked_on, c.amount_yen
    FROM (SELECT DISTINCT n.account, n.value_on, n.amount_yen FROM {source}) q
    JOIN bank_credit c ON c.account = q.account AND c.value_on = q.value_on AND c.amount_yen = q.amount_yen
    WHERE NOT EXISTS (SELECT 1 FROM alike a WHERE a.account = c.account AND a.booked_on = c.booked_on AND a.amount_yen = c.amount_yen)"""
_ALIKE = "alike a JOIN bank_credit n ON n.account = a.account AND n.booked_on = a.booked_on AND n.amount_yen = a.amount_yen"


def beside(connection: Connection, received_id: int) -> list[Entry]:
    """The entries of a file, and all that another form may have told of the same credits: same account and yen, day by day."""
    bulk.fresh_temporary(connection, "alike", "account TEXT, booked_on TEXT, amount_yen BIGINT")
    bulk.run(
        connection,
        """INSERT INTO alike (account, booked_on, amount_yen)
           SELECT DISTINCT n.account, n.booked_on, n.amount_yen FROM bank_credit n WHERE n.received_id = :received""",
        received=received_id,
    )
    while bulk.run(connection, _NEIGHBOURS.format(source=_ALIKE)):
        pass  # what lies beside a neighbour may be a neighbour too
    bulk.analyze(connection, "alike")
    found = bulk.rows(
        connection,
        f"""WITH {FIXED.format("s.municipality_code IN (SELECT r.municipality_code FROM received_file r WHERE r.id = :received)")}
            SELECT n.id, n.form, n.booked_on, n.value_on, {SIGNED.replace("c.", "n.")}, n.cancelled = '1', n.reference, n.inquiry_number,
                   TRIM(n.remitter_code || ' ' || n.remitter_name),
                   EXISTS (SELECT 1 FROM settling_line l JOIN fixed f ON f.id = l.settling_id WHERE l.credit_id = n.id AND l.credit_id IS NOT NULL),
                   COALESCE(d.state, ''), d.stands_for, n.account, n.municipality_code, COALESCE(k.state, 'stands'), k.stands_for
            FROM {_ALIKE}
            LEFT JOIN credit_telling k ON k.id = (SELECT MAX(x.id) FROM credit_telling x WHERE x.credit_id = n.id)
            LEFT JOIN credit_telling d ON d.id = (SELECT MAX(x.id) FROM credit_telling x WHERE x.credit_id = n.id AND x.act_id IS NOT NULL)
              AND d.state <> 'unsure'
            ORDER BY n.account, n.amount_yen, n.booked_on, n.id""",
        received=received_id,
    )
    return [Entry._make((*row[:5], bool(row[5]), *row[6:9], bool(row[9]), *row[10:])) for row in found]


def record(connection: Connection, rows: Sequence[Row]) -> None:
    """Append what was found."""
    bulk.insert_rows(connection, "credit_telling", Row._fields, rows)


class Doubt(NamedTuple):
    """An entry that waits, or that two persons judged, and the one that it may be; what both say."""

    credit_id: int
    stands_for: int
    state: str
    act_id: int | None
    municipality_code: str
    mine: tuple[str, ...]
    theirs: tuple[str, ...]


TOLD = ("form", "account", "booked_on", "value_on", "amount_yen", "direction", "cancelled", "inquiry_number", "reference", "remitter_name", "summary")  # fmt: skip


def doubt(connection: Connection, credit_id: int) -> Doubt | None:
    """What stands of an entry now, with both tellings; None when nothing was ever found of it."""
    sides = ", ".join(f"{alias}.{name}" for alias in ("c", "o") for name in TOLD)
    found = bulk.rows(
        connection,
        f"""SELECT k.credit_id, k.stands_for, k.state, k.act_id, k.municipality_code, {sides}
            FROM credit_telling k JOIN bank_credit c ON c.id = k.credit_id JOIN bank_credit o ON o.id = k.stands_for
            WHERE k.id = (SELECT MAX(x.id) FROM credit_telling x WHERE x.credit_id = :id)""",
        id=credit_id,
    )
    if not found:
        return None
    head, words = found[0][:5], tuple(str(word) for word in found[0][5:])
    return Doubt._make([*head, words[: len(TOLD)], words[len(TOLD) :]])
