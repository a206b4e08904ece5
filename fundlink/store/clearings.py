"""What is handed back to core systems: clearing entries composed from outcomes, slip records of registered slips.

Called by pipeline.export and api. An entry is written once and never changed; what was handed over and turned out otherwise
is withdrawn by a new entry.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk, marks
from fundlink.store.bills import CURRENT_EFFECT, CURRENT_VERSION, DEAD, SLIP_STATE, slip_state_of
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


class IssuedSlip(NamedTuple):
    """A registered slip with the bill it is for."""

    slip_id: int
    version_id: int
    municipality_code: str
    fund_code: str
    levy_year: int
    relevant_year: int
    fiscal_year: int
    notice_number: str
    installment: str
    subject_code: str
    child_number: str
    addressee_number: str
    department_code: str
    charge_yen: int
    reminder_fee_yen: int
    late_charge_yen: int
    due_on: str | None
    payable_until: str | None
    core_key: str
    institution_code: str
    case_key: str
    confirmation_number: str
    issue_count: int
    total_yen: int


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
    """Transactions with a newer outcome, beside the entry that stands for them so far (none after a withdrawal)."""
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
           WHERE o.id > :last AND o.id = (SELECT MAX(y.id) FROM outcome y WHERE y.transaction_key = o.transaction_key)""",
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
    bill = f"CASE WHEN o.outcome IN ({words(attached)}) THEN w.{{}} END"
    names = (
        "levy_year", "relevant_year", "fiscal_year", "notice_number", "installment", "subject_code", "child_number", "addressee_number",
        "department_code", "charge_yen", "reminder_fee_yen", "late_charge_yen", "due_on", "payable_until", "core_key",
    )  # fmt: skip
    statement = f"""
        SELECT e.entry_number, e.stage, o.outcome, e.transaction_key, r.channel, r.amount_yen, r.paid_on, r.booked_on,
               t.transfer_on,
               r.institution_code, r.case_key, r.confirmation_number, r.municipality_code, r.fund_code, {", ".join(map(bill.format, names))}
        FROM clearing_entry e JOIN outcome o ON o.id = e.outcome_id JOIN receipt r ON r.id = o.receipt_id
        LEFT JOIN bill_version w ON w.id = o.version_id
        LEFT JOIN (SELECT business_day, municipality_code, fund_code, MAX(transfer_on) AS transfer_on FROM settlement
                   GROUP BY business_day, municipality_code, fund_code) t
          ON t.business_day = r.booked_on AND t.municipality_code = r.municipality_code AND t.fund_code = r.fund_code
        WHERE e.entry_number > :after AND {where} ORDER BY e.entry_number {"LIMIT :limit" if limit is not None else ""}"""
    bound = {"after": after, **({"limit": limit} if limit is not None else {}), **values}
    new = tuple.__new__
    for row in bulk.stream(connection, statement, **bound):
        yield new(Entry, row)


# all entries up to the mark stand in files: the history is not searched again
_NOT_HANDED = "e.entry_number > :mark AND COALESCE((SELECT 1 FROM clearing_handover h WHERE h.entry_number = e.entry_number), 0) = 0"


def entry_groups(connection: Connection) -> list[tuple[str, str, int, int, int, int]]:
    """Entries not yet in a file: (municipality, profile, first, last, count, yen with withdrawals counted negative)."""
    found = bulk.rows(
        connection,
        f"""SELECT e.municipality_code, e.profile, MIN(e.entry_number), MAX(e.entry_number), COUNT(*),
                   SUM(CASE WHEN e.stage = '9' THEN -r.amount_yen ELSE r.amount_yen END)
            FROM clearing_entry e JOIN outcome o ON o.id = e.outcome_id JOIN receipt r ON r.id = o.receipt_id
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
              AND EXISTS (SELECT 1 FROM outcome y WHERE y.outcome = o.outcome AND y.slip_id = o.slip_id
                            AND y.id = (SELECT MAX(z.id) FROM outcome z WHERE z.transaction_key = o.transaction_key))
            ORDER BY e.entry_number""",
        file=export_file_id, first=first, last=last, at=at,
    )  # fmt: skip


def add_export_file(connection: Connection, values: dict[str, Any]) -> int:
    """Note a file handed over (kind, name, municipality_code, profile, raw_id, records, yen, at, its entries if any); its id."""
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    return int(bulk.scalar(connection, f"INSERT INTO export_file ({names}) VALUES ({marks}) RETURNING id", **values))


_NOT_GIVEN = "COALESCE((SELECT 1 FROM slip_handover h WHERE h.slip_id = s.id), 0) = 0"
_NEWEST_ISSUE = "s.issue_count = (SELECT MAX(n.issue_count) FROM slip n WHERE n.bill_id = s.bill_id)"
# known to the gateway, not handed over, and still the slip by which this bill is to be paid
_SLIP_WAITS = f"""
    {_NOT_GIVEN} AND {SLIP_STATE} IN ('registered', 'paid', 'settled', 'cleared')
    AND w.total_yen > 0 AND {CURRENT_EFFECT} <> 'cancelled' AND {_NEWEST_ISSUE}"""
_SLIPS_GIVEN = "slips handed over:"
_NEWLY_REGISTERED = "st.id > :since AND st.id <= :newest AND st.state = 'registered' AND f.profile IN (SELECT profile FROM asked_profile)"


def list_slip_groups(connection: Connection, profiles: Sequence[str]) -> list[tuple[str, str, int, int]]:
    """Fill ``waiting_slip`` with slips of these profiles that were registered since the last time and are not handed over yet.

    (municipality, profile, count, yen) of each group.
    """
    bulk.fresh_temporary(connection, "waiting_slip", "slip_id BIGINT PRIMARY KEY, version_id BIGINT, municipality_code TEXT, profile TEXT")
    bulk.fresh_temporary(connection, "asked_profile", "profile TEXT PRIMARY KEY")
    bulk.insert_rows(connection, "asked_profile", ("profile",), [(profile,) for profile in profiles])
    since, newest = _slips_given(connection, profiles), newest_state(connection)
    if since < newest:
        bulk.run(
            connection,
            f"""INSERT INTO waiting_slip (slip_id, version_id, municipality_code, profile)
                SELECT s.id, w.id, s.municipality_code, f.profile
                FROM slip_state st JOIN slip s ON s.id = st.slip_id JOIN bill b ON b.id = s.bill_id
                JOIN bill_version w ON w.id = {CURRENT_VERSION} JOIN file f ON f.id = b.file_id
                WHERE {_NEWLY_REGISTERED} AND {_SLIP_WAITS} ON CONFLICT (slip_id) DO NOTHING""",
            since=since, newest=newest,
        )  # fmt: skip
    bulk.analyze(connection, "waiting_slip")
    found = bulk.rows(
        connection,
        """SELECT l.municipality_code, l.profile, COUNT(*), SUM(w.total_yen) FROM waiting_slip l JOIN bill_version w ON w.id = l.version_id
           GROUP BY l.municipality_code, l.profile ORDER BY l.municipality_code, l.profile""",
    )
    return [(str(a), str(b), int(n), int(y)) for a, b, n, y in found]


def newest_state(connection: Connection) -> int:
    """The newest step of any slip: what an export begun now looks at."""
    return int(bulk.scalar(connection, "SELECT MAX(id) FROM slip_state") or 0)


def _slips_given(connection: Connection, profiles: Sequence[str]) -> int:
    """Up to which state no slip of these profiles waits any more."""
    return min((marks.until(connection, _SLIPS_GIVEN + profile) for profile in profiles), default=newest_state(connection))


def note_given(connection: Connection, profiles: Sequence[str], until: int, at: str) -> None:
    """The slips of these profiles are handed over as far as that state, but for those that may still have to be, which stay in front.

    A slip whose bill is cancelled for now is one: it comes back when the cancellation is taken back before the gateway hears of it.
    """
    bulk.fresh_temporary(connection, "asked_profile", "profile TEXT PRIMARY KEY")
    bulk.insert_rows(connection, "asked_profile", ("profile",), [(profile,) for profile in profiles])
    since = _slips_given(connection, profiles)
    if since >= until:
        return
    left = bulk.scalar(
        connection,
        f"""SELECT MIN(st.id) FROM slip_state st JOIN slip s ON s.id = st.slip_id JOIN bill b ON b.id = s.bill_id JOIN file f ON f.id = b.file_id
            WHERE {_NEWLY_REGISTERED} AND {_NOT_GIVEN} AND {SLIP_STATE} NOT IN {DEAD} AND {_NEWEST_ISSUE}""",
        since=since, newest=until,
    )  # fmt: skip
    for profile in profiles:
        marks.move(connection, _SLIPS_GIVEN + profile, until if left is None else int(left) - 1, at)


def waiting_slips(connection: Connection, municipality_code: str, profile: str) -> Generator[IssuedSlip]:
    """The slips of one group of ``list_slip_groups`` in the order of their eL numbers' issue, streamed."""
    names = (
        "municipality_code", "fund_code", "levy_year", "relevant_year", "fiscal_year", "notice_number", "installment", "subject_code",
        "child_number", "addressee_number", "department_code", "charge_yen", "reminder_fee_yen", "late_charge_yen", "due_on",
        "payable_until", "core_key",
    )  # fmt: skip
    result = bulk.stream(
        connection,
        f"""SELECT s.id, w.id, {", ".join("w." + name for name in names)},
                       s.institution_code, s.case_key, s.confirmation_number, s.issue_count, w.total_yen
                FROM waiting_slip l JOIN slip s ON s.id = l.slip_id JOIN bill_version w ON w.id = l.version_id
                WHERE l.municipality_code = :code AND l.profile = :profile ORDER BY s.id""",
        code=municipality_code, profile=profile,
    )  # fmt: skip
    for row in result:
        yield IssuedSlip(*row)


def hand_over_slips(connection: Connection, export_file_id: int, municipality_code: str, profile: str) -> int:
    """Mark the slips of a group as handed over in that file."""
    return bulk.run(
        connection,
        """INSERT INTO slip_handover (slip_id, export_file_id) SELECT l.slip_id, CAST(:file AS BIGINT) FROM waiting_slip l
           WHERE l.municipality_code = :code AND l.profile = :profile ORDER BY l.slip_id""",
        file=export_file_id, code=municipality_code, profile=profile,
    )  # fmt: skip


def undelivered(connection: Connection) -> list[tuple[int, str, str, int]]:
    """Files that are not delivered yet: (id, kind, name, raw id), oldest first; they are delivered in this order."""
    found = bulk.rows(
        connection,
        """SELECT f.id, f.kind, f.name, f.raw_id FROM export_file f
           WHERE f.id > COALESCE((SELECT MAX(export_file_id) FROM export_delivery), 0) ORDER BY f.id""",
    )
    return [(int(a), str(kind), str(name), int(raw)) for a, kind, name, raw in found]


def mark_delivered(connection: Connection, export_file_id: int, at: str) -> None:
    """Note that a file lies at its place."""
    bulk.insert_rows(connection, "export_delivery", ("export_file_id", "at"), [(export_file_id, at)])
