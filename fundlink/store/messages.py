"""Payment messages: which slips have to be told to the gateway, what was sent, what it said.

Called by pipeline.compose and pipeline.submit. A message is stored under its id before it is sent; its newest event is its state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.store import bulk, marks
from fundlink.store.bills import CURRENT_EFFECT, CURRENT_VERSION, DEAD, SLIP_STATE
from fundlink.store.moves import SETTLING, net_on_bill
from fundlink.store.outcomes import words

# a message whose outcome is not known keeps its slips to itself until it is
_IN_FLIGHT = """
    EXISTS (SELECT 1 FROM message_item i JOIN message_event e ON e.message_id = i.message_id
            WHERE i.slip_id = s.id AND e.id = (SELECT MAX(x.id) FROM message_event x WHERE x.message_id = i.message_id)
              AND e.event NOT IN ('answered', 'rejected', 'resent', 'given_up'))"""


# written as a scalar, it is looked up in the index row by row; as NOT EXISTS it tempts PostgreSQL into a scan a row
_NEVER_SENT = "COALESCE((SELECT 1 FROM message_item i WHERE i.slip_id = s.id LIMIT 1), 0) = 0"


# change c of slip s is in no message yet, and the slip has not come to its end
_OPEN_CHANGE = f"""
    NOT EXISTS (SELECT 1 FROM message_item i WHERE i.slip_id = c.slip_id AND i.last_change_id >= c.id) AND {SLIP_STATE} NOT IN {DEAD}"""


# the version of slip s that the newest message about it carried
_TOLD_VERSION = "(SELECT i.version_id FROM message_item i WHERE i.slip_id = s.id ORDER BY i.last_change_id DESC LIMIT 1)"


# acts paid or wrote off all of bill b
_LIFTED = f"{net_on_bill(SETTLING)} >= w.total_yen"


# the gateway said so, or a payment that was taken back since; that an act was undone proves nothing
_PROVEN = """
    EXISTS (SELECT 1 FROM slip_state g WHERE g.slip_id = s.id AND g.state = 'registered' AND NOT (g.event = 'withdraw' AND g.cause LIKE 'act:%'))"""


# the gateway took slip s, also where an act made it paid before the answer came
_TAKEN = """
    EXISTS (SELECT 1 FROM message_item i JOIN message_event e ON e.message_id = i.message_id AND e.event = 'answered'
            WHERE i.slip_id = s.id AND i.operation = 'register'
              AND NOT EXISTS (SELECT 1 FROM refused_slip r WHERE r.message_id = i.message_id AND r.slip_id = i.slip_id))"""
FINAL = ("answered", "rejected", "resent", "given_up")
"""Events after which nothing more is done about a message by itself: the gateway's word, or that of two persons."""


class PendingSlip(NamedTuple):
    """A slip to be told to the gateway, with the content it has now."""

    slip_id: int
    version_id: int
    last_change_id: int
    state: str
    wanted: str  # live | cancelled | superseded
    at_gateway: int
    institution_code: str
    case_key: str
    confirmation_number: str
    replaced_by: str
    fund_code: str
    department_code: str
    levy_year: int
    relevant_year: int
    fiscal_year: int
    installment: str
    total_yen: int
    due_on: str | None
    payable_until: str | None


class OpenMessage(NamedTuple):
    """A message without a final answer."""

    message_id: str
    municipality_code: str
    raw_id: int
    records: int
    event: str


_SLIPS_TOLD, _CHANGES_TOLD = "slips told:", "changes told:"


def municipalities_with_pending(connection: Connection) -> list[str]:
    """Municipalities that may have slips to tell: something of theirs is newer than what was looked at last."""
    newer = """(SELECT MAX(x.id) FROM {table} x WHERE x.municipality_code = m.code) > COALESCE(
                 (SELECT k.until_id FROM mark k WHERE k.name = '{name}' || m.code ORDER BY k.id DESC LIMIT 1), 0)"""
    parts = newer.format(table="slip", name=_SLIPS_TOLD), newer.format(table="change", name=_CHANGES_TOLD)
    found = bulk.rows(connection, f"SELECT m.code FROM municipality m WHERE {' OR '.join(parts)} ORDER BY m.code")
    return [str(row[0]) for row in found]


def list_pending(connection: Connection, municipality_code: str, after: int, limit: int) -> int:
    """Put the next slips that need telling, by slip id, into the temporary table ``pending_slip``; how many there are."""
    bulk.fresh_temporary(connection, "pending_slip", "slip_id BIGINT PRIMARY KEY")
    found = bulk.run(
        connection,
        f"""INSERT INTO pending_slip (slip_id) SELECT q.id FROM (
              SELECT n.id FROM (
                SELECT s.id FROM slip s WHERE s.municipality_code = :code AND s.id > :newer
                  AND {_NEVER_SENT} AND {SLIP_STATE} NOT IN {DEAD}
                ORDER BY s.id LIMIT :limit) n
              UNION SELECT m.id FROM (
                SELECT DISTINCT s.id FROM change c JOIN slip s ON s.id = c.slip_id
                WHERE c.municipality_code = :code AND c.id > :changed AND c.slip_id > :after AND {_OPEN_CHANGE} AND NOT ({_IN_FLIGHT})
                ORDER BY s.id LIMIT :limit) m) q ORDER BY q.id LIMIT :limit""",
        code=municipality_code, after=after, limit=limit,
        newer=max(after, marks.until(connection, _SLIPS_TOLD + municipality_code)),
        changed=marks.until(connection, _CHANGES_TOLD + municipality_code),
    )  # fmt: skip
    bulk.analyze(connection, "pending_slip")
    return found


def note_told(connection: Connection, municipality_code: str, at: str) -> None:
    """All slips of a municipality are told, its bills being held: the next run looks only at what comes after.

    A change that waits for the answer to a message, or for the next run, stays in front of the mark.
    """
    newest = bulk.scalar(connection, "SELECT MAX(id) FROM slip WHERE municipality_code = :code", code=municipality_code)
    marks.move(connection, _SLIPS_TOLD + municipality_code, int(newest or 0), at)
    name = _CHANGES_TOLD + municipality_code
    waiting = bulk.scalar(
        connection,
        f"""SELECT MIN(c.id) FROM change c JOIN slip s ON s.id = c.slip_id
            WHERE c.municipality_code = :code AND c.id > :mark AND {_OPEN_CHANGE}""",
        code=municipality_code, mark=marks.until(connection, name),
    )  # fmt: skip
    last = bulk.scalar(connection, "SELECT MAX(id) FROM change WHERE municipality_code = :code", code=municipality_code)
    marks.move(connection, name, int(waiting) - 1 if waiting is not None else int(last or 0), at)


def pending_slips(connection: Connection) -> list[PendingSlip]:
    """The slips of ``pending_slip`` with what the gateway has to know, by slip id.

    Where nothing is to be paid any more, amount and dates are those the gateway was told last.
    """
    found = bulk.rows(
        connection,
        f"""SELECT s.id, w.id, COALESCE((SELECT MAX(c.id) FROM change c WHERE c.slip_id = s.id), 0), {SLIP_STATE},
                   CASE WHEN n.case_key IS NOT NULL THEN 'superseded'
                        WHEN {CURRENT_EFFECT} = 'cancelled' OR w.total_yen = 0 OR {_LIFTED} THEN 'cancelled' ELSE 'live' END,
                   CASE WHEN {_PROVEN} OR {_TAKEN} THEN 1 ELSE 0 END,
                   s.institution_code, s.case_key, s.confirmation_number, COALESCE(n.case_key, ''),
                   w.fund_code, w.department_code, w.levy_year, w.relevant_year, w.fiscal_year, w.installment,
                   {", ".join(f"CASE WHEN w.total_yen > 0 THEN w.{name} ELSE o.{name} END" for name in ("total_yen", "due_on", "payable_until"))}
            FROM pending_slip p JOIN slip s ON s.id = p.slip_id JOIN bill b ON b.id = s.bill_id
            JOIN bill_version w ON w.id = {CURRENT_VERSION} LEFT JOIN bill_version o ON o.id = {_TOLD_VERSION}
            LEFT JOIN slip n ON n.bill_id = s.bill_id AND n.issue_count > s.issue_count
              AND n.issue_count = (SELECT MAX(y.issue_count) FROM slip y WHERE y.bill_id = s.bill_id)
            ORDER BY p.slip_id""",
    )
    return [PendingSlip(*row) for row in found]


def add_message(connection: Connection, values: dict[str, Any], items: Iterable[Sequence[Any]]) -> None:
    """Store a message with its items (position, slip_id, version_id, operation, last_change_id); not sent yet."""
    message_id = values["id"]
    bulk.insert_rows(connection, "message", tuple(values), [tuple(values.values())])
    columns = ("message_id", "position", "slip_id", "version_id", "operation", "last_change_id")
    bulk.insert_rows(connection, "message_item", columns, ((message_id, *item) for item in items))
    bulk.insert_rows(connection, "open_message", ("message_id",), [(message_id,)])
    add_event(connection, message_id, "stored", at=values["created_at"])


def add_event(connection: Connection, message_id: str, event: str, *, at: str, raw_id: int | None = None, detail: str = "") -> None:
    """Append what happened to a message; an answer takes it off the list of open ones."""
    columns = ("message_id", "event", "raw_id", "detail", "at")
    bulk.insert_rows(connection, "message_event", columns, [(message_id, event, raw_id, detail, at)])
    if event in FINAL:
        bulk.run(connection, "DELETE FROM open_message WHERE message_id = :message_id", message_id=message_id)


def reopen(connection: Connection, message_id: str) -> None:
    """Put a message that had its end back on the list of open ones."""
    if bulk.scalar(connection, "SELECT 1 FROM open_message WHERE message_id = :message_id", message_id=message_id) is None:
        bulk.insert_rows(connection, "open_message", ("message_id",), [(message_id,)])


def find(connection: Connection, message_id: str) -> OpenMessage | None:
    """One message with its newest event, open or not."""
    found = bulk.rows(
        connection,
        """SELECT m.id, m.municipality_code, m.raw_id, m.records, e.event FROM message m JOIN message_event e ON e.message_id = m.id
           WHERE m.id = :message_id ORDER BY e.id DESC LIMIT 1""",
        message_id=message_id,
    )
    return OpenMessage(*found[0]) if found else None


def has_end(connection: Connection, message_id: str) -> bool:
    """Whether a message stands at its end; one that the gateway contradicts itself about does too."""
    newest = find(connection, message_id)
    return newest is not None and newest.event in (*FINAL, "contradicted")


def kept_answer(connection: Connection, message_id: str) -> str | None:
    """The SHA-256 of the answer that took effect (the latest, where two persons had it sent again)."""
    found = bulk.scalar(
        connection,
        """SELECT r.sha256 FROM message_event e JOIN raw r ON r.id = e.raw_id
           WHERE e.message_id = :message_id AND e.event IN ('answered', 'rejected') ORDER BY e.id DESC LIMIT 1""",
        message_id=message_id,
    )
    return None if found is None else str(found)


def open_messages(connection: Connection) -> list[OpenMessage]:
    """Messages whose newest event is stored, sent or unknown, oldest first."""
    waiting = [str(row[0]) for row in bulk.rows(connection, "SELECT message_id FROM open_message")]
    wanted = sa.text(
        """SELECT m.id, m.municipality_code, m.raw_id, m.records, e.event, m.created_at FROM message m JOIN message_event e ON e.message_id = m.id
           WHERE m.id IN :ids AND e.id = (SELECT MAX(x.id) FROM message_event x WHERE x.message_id = m.id)"""
    ).bindparams(sa.bindparam("ids", expanding=True))
    found = [row for at in range(0, len(waiting), 500) for row in connection.execute(wanted, {"ids": waiting[at : at + 500]})]
    return [OpenMessage(*row[:5]) for row in sorted(found, key=lambda row: (row[5], row[0]))]


def drop_dead_slips(connection: Connection, slips: Sequence[tuple[int, str]], *, before: Sequence[str], at: str) -> int:
    """Slips that were cancelled or superseded before the gateway ever heard of them: (slip_id, state); how many were dropped."""
    bulk.fresh_temporary(connection, "dead_slip", "slip_id BIGINT PRIMARY KEY, state TEXT")
    bulk.insert_rows(connection, "dead_slip", ("slip_id", "state"), slips)
    return bulk.run(
        connection,
        f"""INSERT INTO slip_state (slip_id, state, event, cause, at)
            SELECT s.id, d.state, CASE d.state WHEN 'cancelled' THEN 'cancel' ELSE 'supersede' END, 'before registration', CAST(:at AS TEXT)
            FROM dead_slip d JOIN slip s ON s.id = d.slip_id WHERE {SLIP_STATE} IN ({words(before)}) ORDER BY s.id""",
        at=at,
    )


_NUMBERED = "messages numbered:"


def next_message_number(connection: Connection, prefix: str) -> int:
    """The next running number of message ids with this prefix; the bills of its municipality are held by the caller."""
    return marks.until(connection, _NUMBERED + prefix) + 1


def note_numbered(connection: Connection, prefix: str, number: int, at: str) -> None:
    """Message ids with this prefix are given as far as this number."""
    marks.move(connection, _NUMBERED + prefix, number, at)


def leave_numbers(connection: Connection, day: str, number: int, at: str) -> None:
    """Message ids of this day (YYYYMMDD) up to this number are given to nobody: they may have left before a restore."""
    for (code,) in bulk.rows(connection, "SELECT code FROM municipality ORDER BY code"):
        note_numbered(connection, message_prefix(code, day), number, at)


def message_prefix(municipality_code: str, day: str) -> str:
    """How the message ids of a municipality and day (YYYYMMDD) begin."""
    return f"P{municipality_code}-{day}-"
