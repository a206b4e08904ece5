"""Registered slips that are handed to their core system once: which wait, what a record says, how far that was looked at.

Called by pipeline.export. A slip is handed over by the row that says in which file; nothing here decides what a profile asks for.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk, marks
from fundlink.store.bills import DEAD, SLIP_STATE, current_effect_of, current_version_of


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


_NOT_GIVEN = "COALESCE((SELECT 1 FROM slip_handover h WHERE h.slip_id = s.id), 0) = 0"
_NEWEST_ISSUE = "s.issue_count = (SELECT MAX(n.issue_count) FROM slip n WHERE n.bill_id = s.bill_id)"
# known to the gateway, not handed over, and still the slip by which this bill is to be paid
_SLIP_WAITS = f"""
    {_NOT_GIVEN} AND {SLIP_STATE} IN ('registered', 'paid', 'settled', 'cleared')
    AND w.total_yen > 0 AND {current_effect_of("s.bill_id")} <> 'cancelled' AND {_NEWEST_ISSUE}"""
_SLIPS_GIVEN = "slips handed over:"
# laid out before anything is looked up: conditions with lookups in them make every way to join seem equally dear
_LAID_OUT = """
    laid_out AS MATERIALIZED (
      SELECT g.id, g.bill_id, g.issue_count, g.municipality_code, f.profile, q.state_id
      FROM newly_registered q CROSS JOIN slip g CROSS JOIN bill b CROSS JOIN file f
      WHERE g.id = q.slip_id AND b.id = g.bill_id AND f.id = b.file_id AND f.profile IN (SELECT profile FROM asked_profile))"""


def list_slip_groups(connection: Connection, profiles: Sequence[str]) -> list[tuple[str, str, int, int]]:
    """Fill ``waiting_slip`` with slips of these profiles that were registered since the last time and are not handed over yet.

    (municipality, profile, count, yen) of each group.
    """
    bulk.fresh_temporary(connection, "waiting_slip", "slip_id BIGINT PRIMARY KEY, version_id BIGINT, municipality_code TEXT, profile TEXT")
    if _list_newly_registered(connection, profiles, newest_state(connection)):
        bulk.run(
            connection,
            f"""INSERT INTO waiting_slip (slip_id, version_id, municipality_code, profile)
                WITH {_LAID_OUT} SELECT s.id, w.id, s.municipality_code, s.profile
                FROM laid_out s CROSS JOIN bill_version w WHERE w.id = {current_version_of("s.bill_id")} AND {_SLIP_WAITS}""",
        )
    bulk.analyze(connection, "waiting_slip")
    found = bulk.rows(
        connection,
        """SELECT l.municipality_code, l.profile, COUNT(*), SUM(w.total_yen) FROM waiting_slip l JOIN bill_version w ON w.id = l.version_id
           GROUP BY l.municipality_code, l.profile ORDER BY l.municipality_code, l.profile""",
    )
    return [(str(a), str(b), int(n), int(y)) for a, b, n, y in found]


def _list_newly_registered(connection: Connection, profiles: Sequence[str], until: int) -> bool:
    """Fill ``newly_registered`` (slip, its first such state) and ``asked_profile``; False when there is nothing newer than the mark.

    A payment proves the registration of a slip, also where we never heard of it.
    A table with a key: whatever a planner thinks of the conditions on slips, it reaches these by an index.
    """
    bulk.fresh_temporary(connection, "asked_profile", "profile TEXT PRIMARY KEY")
    bulk.insert_rows(connection, "asked_profile", ("profile",), [(profile,) for profile in profiles])
    bulk.fresh_temporary(connection, "newly_registered", "slip_id BIGINT PRIMARY KEY, state_id BIGINT")
    since = _slips_given(connection, profiles)
    if since >= until:
        return False
    bulk.run(
        connection,
        """INSERT INTO newly_registered (slip_id, state_id) SELECT st.slip_id, MIN(st.id) FROM slip_state st
           WHERE st.id > :since AND st.id <= :until AND (st.state = 'registered' OR st.state = 'paid' AND NOT EXISTS (
             SELECT 1 FROM slip_state g WHERE g.slip_id = st.slip_id AND g.state = 'registered')) GROUP BY st.slip_id ORDER BY st.slip_id""",
        since=since, until=until,
    )  # fmt: skip
    bulk.analyze(connection, "asked_profile", "newly_registered")
    return True


def newest_state(connection: Connection) -> int:
    """The newest step of any slip: what an export begun now looks at."""
    return bulk.newest_id(connection, "slip_state")


def _slips_given(connection: Connection, profiles: Sequence[str]) -> int:
    """Up to which state no slip of these profiles waits any more."""
    return min((marks.until(connection, _SLIPS_GIVEN + profile) for profile in profiles), default=newest_state(connection))


def note_given(connection: Connection, profiles: Sequence[str], until: int, at: str) -> None:
    """The slips of these profiles are handed over as far as that state, but for those that may still have to be, which stay in front.

    A slip whose bill is cancelled for now is one: it comes back when the cancellation is taken back before the gateway hears of it.
    """
    if not _list_newly_registered(connection, profiles, until):
        return
    left = bulk.scalar(
        connection,
        f"""WITH {_LAID_OUT} SELECT MIN(s.state_id) FROM laid_out s
            WHERE {_NOT_GIVEN} AND {SLIP_STATE} NOT IN {DEAD} AND {_NEWEST_ISSUE}""",
    )
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
