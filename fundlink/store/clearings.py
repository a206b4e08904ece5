"""What is handed back to core systems: clearing entries composed from outcomes, and the files that carry them.

Called by pipeline.export and api. An entry is written once and never changed; what was handed over and turned out otherwise
is withdrawn by a new entry.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.domain.scope import Scope
from fundlink.store import bulk, scoped
from fundlink.store.bills import slip_state_of
from fundlink.store.outcomes import words

FALLBACK_PROFILE = "standard"


class Entry(NamedTuple):
    """A clearing entry with the facts it rests on; bill columns are None where no bill is known for certain."""

    entry_number: int
    stage: str
    outcome: str
    transaction_key: str
    channel: str
    amount_yen: int
    paid_on: str
    booked_on: str
    settled_on: str | None
    institution_code: str
    case_key: str
    confirmation_number: str
    municipality_code: str
    fund_code: str
    levy_year: int | None
    relevant_year: int | None
    fiscal_year: int | None
    notice_number: str | None
    installment: str | None
    subject_code: str | None
    child_number: str | None
    addressee_number: str | None
    department_code: str | None
    charge_yen: int | None
    reminder_fee_yen: int | None
    late_charge_yen: int | None
    due_on: str | None
    payable_until: str | None
    core_key: str | None


def compose(connection: Connection, *, attached: Sequence[str], at: str) -> int:
    """Turn the outcomes recorded since the last time into entries; how many entries were made."""
    last = int(bulk.scalar(connection, "SELECT last_outcome_id FROM export_mark ORDER BY id DESC LIMIT 1") or 0)
    newest = bulk.scalar(connection, "SELECT MAX(id) FROM outcome")
    if newest is None or int(newest) == last:
        return 0
    _list_changed(connection, last)
    first = int(bulk.scalar(connection, "SELECT COALESCE(MAX(entry_number), 0) FROM clearing_entry"))
    made = bulk.run(
        connection,
        f"""INSERT INTO clearing_entry (entry_number, transaction_key, outcome_id, stage, municipality_code, profile, at)
            SELECT CAST(:first AS BIGINT) + ROW_NUMBER() OVER (ORDER BY n.place, n.stage DESC),
                   n.transaction_key, n.outcome_id, n.stage, n.municipality_code, n.profile, CAST(:at AS TEXT)
            FROM ({_WITHDRAWN} UNION ALL {_handed_over(attached)}) n""",
        first=first, at=at,
    )  # fmt: skip
    _mark(connection, int(newest), _handed_until(connection), at)
    return made


def _mark(connection: Connection, last_outcome_id: int, handed_until: int, at: str) -> None:
    bulk.insert_rows(connection, "export_mark", ("last_outcome_id", "handed_until", "at"), [(last_outcome_id, handed_until, at)])


def _handed_until(connection: Connection) -> int:
    return int(bulk.scalar(connection, "SELECT handed_until FROM export_mark ORDER BY id DESC LIMIT 1") or 0)


def _list_changed(connection: Connection, last: int) -> None:
    """Transactions with a newer outcome, beside the entry that stands for them so far (none after a withdrawal).

    What acts have spread over bills stays as it was told until an act takes it back: the change makes those acts a case.
    """
    bulk.fresh_temporary(
        connection, "changed",
        """transaction_key TEXT, outcome_id BIGINT, outcome TEXT, stage TEXT, municipality_code TEXT, bill_id BIGINT,
           before_outcome_id BIGINT, before_outcome TEXT, before_stage TEXT, before_municipality TEXT, before_profile TEXT, moved INTEGER""",
    )  # fmt: skip
    bulk.run(
        connection,
        """INSERT INTO changed
           SELECT o.transaction_key, o.id, o.outcome, CASE WHEN r.stage = 'preliminary' THEN '0' ELSE '1' END, r.municipality_code, o.bill_id,
                  e.outcome_id, p.outcome, e.stage, e.municipality_code, e.profile,
                  CASE WHEN COALESCE(p.slip_id, 0) = COALESCE(o.slip_id, 0) AND u.amount_yen = r.amount_yen
                         AND e.municipality_code = r.municipality_code THEN 0 ELSE 1 END
           FROM outcome o JOIN receipt r ON r.id = o.receipt_id
           LEFT JOIN clearing_entry e ON e.stage <> '9' AND e.entry_number = (
             SELECT MAX(x.entry_number) FROM clearing_entry x WHERE x.transaction_key = o.transaction_key)
           LEFT JOIN outcome p ON p.id = e.outcome_id LEFT JOIN receipt u ON u.id = p.receipt_id
           WHERE o.id > :last AND o.id = (SELECT MAX(y.id) FROM outcome y WHERE y.transaction_key = o.transaction_key)
             AND NOT EXISTS (SELECT 1 FROM moved_entry a WHERE a.entry_number = e.entry_number)""",
        last=last,
    )
    bulk.analyze(connection, "changed")


# what stands and is wrong now: another outcome, or the confirmation named another slip or amount than was told before it
_WITHDRAWN = """
    SELECT outcome_id AS place, transaction_key, before_outcome_id AS outcome_id, '9' AS stage,
           before_municipality AS municipality_code, before_profile AS profile
    FROM changed WHERE before_outcome_id IS NOT NULL AND (before_outcome <> outcome OR moved = 1)"""


def _handed_over(attached: Sequence[str]) -> str:
    """New entries, in the profile the bill first came in; receipts without a certain bill go in the fallback profile."""
    return f"""
        SELECT c.outcome_id, c.transaction_key, c.outcome_id, c.stage, c.municipality_code,
               CASE WHEN c.outcome IN ({words(attached)}) THEN f.profile ELSE '{FALLBACK_PROFILE}' END
        FROM changed c LEFT JOIN bill b ON b.id = c.bill_id LEFT JOIN file f ON f.id = b.file_id
        WHERE c.outcome <> 'withdrawn'
          AND (c.before_outcome_id IS NULL OR c.before_outcome <> c.outcome OR c.moved = 1 OR c.before_stage <> c.stage)"""


def entries(connection: Connection, *, attached: Sequence[str], after: int = 0, limit: int | None = None, where: str = "TRUE", **values: Any) -> Generator[Entry]:  # fmt: skip
    """Entries with their facts in ascending number, streamed. ``where`` may name ``e`` (clearing_entry)."""
    bill = f"CASE WHEN a.version_id IS NOT NULL OR o.outcome IN ({words(attached)}) THEN w.{{}} END"
    names = (
        "levy_year", "relevant_year", "fiscal_year", "notice_number", "installment", "subject_code", "child_number", "addressee_number",
        "department_code", "charge_yen", "reminder_fee_yen", "late_charge_yen", "due_on", "payable_until", "core_key",
    )  # fmt: skip
    statement = f"""
        SELECT e.entry_number, e.stage, COALESCE(a.outcome, o.outcome), e.transaction_key, r.channel, COALESCE(a.yen, r.amount_yen),
               r.paid_on, r.booked_on,
               t.transfer_on,
               r.institution_code, r.case_key, r.confirmation_number, r.municipality_code, r.fund_code, {", ".join(map(bill.format, names))}
        FROM clearing_entry e JOIN outcome o ON o.id = e.outcome_id JOIN receipt r ON r.id = o.receipt_id
        LEFT JOIN moved_entry a ON a.entry_number = e.entry_number
        LEFT JOIN bill_version w ON w.id = COALESCE(a.version_id, o.version_id)
        LEFT JOIN (SELECT business_day, municipality_code, fund_code, MAX(transfer_on) AS transfer_on FROM settlement
                   GROUP BY business_day, municipality_code, fund_code) t
          ON t.business_day = r.booked_on AND t.municipality_code = r.municipality_code AND t.fund_code = r.fund_code
        WHERE e.entry_number > :after AND {where} ORDER BY e.entry_number {"LIMIT :limit" if limit is not None else ""}"""
    bound = {"after": after, **({"limit": limit} if limit is not None else {}), **values}
    new = tuple.__new__
    for row in bulk.stream(connection, statement, **bound):
        yield new(Entry, row)


def entries_in(connection: Connection, scope: Scope, *, where: str = "TRUE", **more: Any) -> Generator[Entry]:
    """The same of a scope; an entry without a bill belongs to no department."""
    inside, held = scoped.within(scope, "e.municipality_code", "w.department_code")
    return entries(connection, where=where + inside, **more, **held)


# all entries up to the mark stand in files: the history is not searched again
_NOT_HANDED = "e.entry_number > :mark AND COALESCE((SELECT 1 FROM clearing_handover h WHERE h.entry_number = e.entry_number), 0) = 0"


def entry_groups(connection: Connection) -> list[tuple[str, str, int, int, int, int]]:
    """Entries not yet in a file: (municipality, profile, first, last, count, yen with withdrawals counted negative)."""
    found = bulk.rows(
        connection,
        f"""SELECT e.municipality_code, e.profile, MIN(e.entry_number), MAX(e.entry_number), COUNT(*),
                   SUM(CASE WHEN e.stage = '9' THEN -COALESCE(a.yen, r.amount_yen) ELSE COALESCE(a.yen, r.amount_yen) END)
            FROM clearing_entry e JOIN outcome o ON o.id = e.outcome_id JOIN receipt r ON r.id = o.receipt_id
            LEFT JOIN moved_entry a ON a.entry_number = e.entry_number
            WHERE {_NOT_HANDED} GROUP BY e.municipality_code, e.profile ORDER BY e.municipality_code, e.profile""",
        mark=_handed_until(connection),
    )
    return [(str(a), str(b), int(c), int(d), int(n), int(y)) for a, b, c, d, n, y in found]


def entries_of_group(connection: Connection, group: tuple[str, str, int], *, attached: Sequence[str]) -> Generator[Entry]:
    """The entries of a group (municipality, profile, last number) of ``entry_groups``, streamed."""
    code, profile, last = group
    mark = _handed_until(connection)
    return entries(connection, attached=attached, where=_IN_GROUP, code=code, profile=profile, last=last, mark=mark)


_IN_GROUP = f"e.municipality_code = :code AND e.profile = :profile AND e.entry_number <= :last AND {_NOT_HANDED}"


def hand_over(connection: Connection, export_file_id: int, group: tuple[str, str, int]) -> int:
    """Mark the entries of a group (municipality, profile, last number) as standing in that file."""
    code, profile, last = group
    return bulk.run(
        connection,
        f"""INSERT INTO clearing_handover (entry_number, export_file_id)
            SELECT e.entry_number, CAST(:file AS BIGINT) FROM clearing_entry e WHERE {_IN_GROUP} ORDER BY e.entry_number""",
        file=export_file_id, code=code, profile=profile, last=last, mark=_handed_until(connection),
    )  # fmt: skip


def mark_handed(connection: Connection, at: str) -> None:
    """Note up to which number all entries stand in files; the mark stays behind an entry that could not be written."""
    mark = _handed_until(connection)
    waiting = bulk.scalar(connection, f"SELECT MIN(e.entry_number) FROM clearing_entry e WHERE {_NOT_HANDED}", mark=mark)
    newest = bulk.scalar(connection, "SELECT MAX(entry_number) FROM clearing_entry")
    until = int(newest or 0) if waiting is None else int(waiting) - 1
    if until > mark:
        last = bulk.scalar(connection, "SELECT last_outcome_id FROM export_mark ORDER BY id DESC LIMIT 1")
        _mark(connection, int(last or 0), until, at)


def clear_slips(connection: Connection, export_file_id: int, *, paying: Sequence[str], before: Sequence[str], at: str) -> int:
    """Slips whose confirmed, paying entry stands in that file and is still believed are cleared: only now was it handed over.

    An entry is believed when none of its transaction is newer and the newest outcome says the same of the same slip.
    """
    first, last = bulk.rows(connection, "SELECT first_entry, last_entry FROM export_file WHERE id = :file", file=export_file_id)[0]
    return bulk.run(
        connection,
        f"""INSERT INTO slip_state (slip_id, state, event, cause, at)
            SELECT o.slip_id, 'cleared', 'clear', 'export', CAST(:at AS TEXT)
            FROM clearing_entry e JOIN clearing_handover h ON h.entry_number = e.entry_number JOIN outcome o ON o.id = e.outcome_id
            WHERE e.entry_number >= :first AND e.entry_number <= :last AND h.export_file_id = :file AND e.stage = '1'
              AND o.outcome IN ({words(paying)}) AND {slip_state_of("o.slip_id")} IN ({words(before)})
              AND NOT EXISTS (SELECT 1 FROM clearing_entry x WHERE x.transaction_key = e.transaction_key AND x.entry_number > e.entry_number)
              AND NOT EXISTS (SELECT 1 FROM moved_entry a WHERE a.entry_number = e.entry_number AND a.bill_id IS NOT NULL)
              AND EXISTS (SELECT 1 FROM outcome y WHERE y.outcome = o.outcome AND y.slip_id = o.slip_id
                            AND y.id = (SELECT MAX(z.id) FROM outcome z WHERE z.transaction_key = o.transaction_key))
            ORDER BY e.entry_number""",
        file=export_file_id, first=first, last=last, at=at,
    )  # fmt: skip


def add_export_file(connection: Connection, values: dict[str, Any]) -> int:
    """Note a file handed over (kind, name, municipality_code, profile, raw_id, records, yen, at, its entries if any); its id."""
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    added = int(bulk.scalar(connection, f"INSERT INTO export_file ({names}) VALUES ({marks}) RETURNING id", **values))
    bulk.insert_rows(connection, "open_export", ("export_file_id",), [(added,)])
    return added


def undelivered(connection: Connection, municipality_code: str | None = None) -> list[tuple[int, str, str, int]]:
    """Files that are not delivered yet, of all or of one municipality: (id, kind, name, raw id), oldest first, as they are delivered."""
    waiting = sorted(int(row[0]) for row in bulk.rows(connection, "SELECT export_file_id FROM open_export"))
    wanted = sa.text("SELECT f.id, f.kind, f.name, f.raw_id, f.municipality_code FROM export_file f WHERE f.id IN :ids").bindparams(
        sa.bindparam("ids", expanding=True)
    )
    found = [row for at in range(0, len(waiting), 500) for row in connection.execute(wanted, {"ids": waiting[at : at + 500]})]
    return [
        (int(number), str(kind), str(name), int(raw))
        for number, kind, name, raw, code in sorted(found)
        if municipality_code in (None, code)
    ]


def mark_delivered(connection: Connection, export_file_id: int, at: str) -> None:
    """Note that a file lies at its place."""
    bulk.insert_rows(connection, "export_delivery", ("export_file_id", "at"), [(export_file_id, at)])
    bulk.run(connection, "DELETE FROM open_export WHERE export_file_id = :file", file=export_file_id)
