"""What core systems are told when an act spreads a payment over bills: what stood is withdrawn, and each part is an entry of its own.

Called by desk inside the transaction of the act, with everything due composed before. Entries keep their rules: written once,
numbered without a gap, withdrawn only by a further one; the yen that stand for a payment are those of the payment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.acts import debts
from fundlink.store.bills import slip_state_of
from fundlink.store.clearings import FALLBACK_PROFILE
from fundlink.store.outcomes import NEWEST_OUTCOME, words

PART, COMPLETE = "amount_mismatch", "matched"
"""The outcome under which a core system hears of a part that leaves something to pay on the bill, and of one that does not."""


class _Line(NamedTuple):
    """An entry to be written; ``moved`` (bill, version, outcome, yen) where it does not speak for its whole payment."""

    outcome_id: int
    stage: str
    municipality_code: str
    profile: str
    moved: tuple[int | None, int | None, str, int] | None


def tell_anew(connection: Connection, transaction_key: str, act_id: int, *, attached: Sequence[str], paying: Sequence[str], at: str) -> int:
    """Withdraw the entries that stand for a payment and write those of its parts; how many. None when no bill is concerned."""
    parts = _parts(connection, transaction_key, paying)
    standing = _standing(connection, transaction_key)
    if not parts and not any(line.moved for line in standing):
        return 0
    lines = [line._replace(stage="9") for line in standing]
    lines += _anew(connection, transaction_key, parts, attached)
    first = int(bulk.scalar(connection, "SELECT COALESCE(MAX(entry_number), 0) FROM clearing_entry")) + 1
    bulk.insert_rows(
        connection, "clearing_entry", ("entry_number", "transaction_key", "outcome_id", "stage", "municipality_code", "profile", "at"),
        [(number, transaction_key, *line[:4], at) for number, line in enumerate(lines, first)],
    )  # fmt: skip
    bulk.insert_rows(
        connection, "moved_entry", ("entry_number", "act_id", "bill_id", "version_id", "outcome", "yen"),
        [(number, act_id, *line.moved) for number, line in enumerate(lines, first) if line.moved],
    )  # fmt: skip
    return len(lines)


def _parts(connection: Connection, transaction_key: str, paying: Sequence[str]) -> list[tuple[int, str, int]]:
    """(bill, outcome to be told, yen) of every bill that acts put yen of this payment on."""
    found = bulk.rows(
        connection,
        """SELECT m.bill_id, b.bill_key, SUM(CASE WHEN m.to_account = 'collected' THEN m.yen ELSE -m.yen END)
           FROM act_move m JOIN bill b ON b.id = m.bill_id
           WHERE m.transaction_key = :key AND 'collected' IN (m.to_account, m.from_account)
           GROUP BY m.bill_id, b.bill_key HAVING SUM(CASE WHEN m.to_account = 'collected' THEN m.yen ELSE -m.yen END) > 0
           ORDER BY MIN(m.id)""",
        key=transaction_key,
    )
    left = {debt.bill_key: debt.total_yen - debt.collected_yen for debt in debts(connection, [row[1] for row in found], paying=paying)}
    return [(int(bill), PART if left[str(key)] > 0 else COMPLETE, int(yen)) for bill, key, yen in found]


def _standing(connection: Connection, transaction_key: str) -> list[_Line]:
    """The entries that a core system believes: the newest one, or every part since the last withdrawal."""
    found = bulk.rows(
        connection,
        """SELECT e.outcome_id, e.stage, e.municipality_code, e.profile, a.entry_number, a.bill_id, a.version_id, a.outcome, a.yen
           FROM clearing_entry e LEFT JOIN moved_entry a ON a.entry_number = e.entry_number
           WHERE e.transaction_key = :key ORDER BY e.entry_number DESC""",
        key=transaction_key,
    )
    lines = list(_until_withdrawn(found))
    return lines if lines and lines[0].moved else lines[:1]


def _until_withdrawn(found: Sequence[Any]) -> Iterator[_Line]:
    for outcome_id, stage, code, profile, number, *moved in found:
        if stage == "9":
            return
        yield _Line(int(outcome_id), str(stage), str(code), str(profile), None if number is None else (*moved,))


def _anew(connection: Connection, transaction_key: str, parts: list[tuple[int, str, int]], attached: Sequence[str]) -> Iterator[_Line]:
    outcome_id, outcome, bill_id, code, yen, stage = bulk.rows(
        connection,
        f"""SELECT o.id, o.outcome, o.bill_id, r.municipality_code, r.amount_yen, CASE WHEN r.stage = 'preliminary' THEN '0' ELSE '1' END
            FROM outcome o JOIN receipt r ON r.id = o.receipt_id WHERE o.transaction_key = :key AND {NEWEST_OUTCOME}""",
        key=transaction_key,
    )[0]
    for bill, told, part in parts:
        version, profile = _bill(connection, bill)
        yield _Line(int(outcome_id), "1", str(code), profile, (bill, version, told, part))
    rest = int(yen) - sum(part for *_, part in parts)
    if outcome != "withdrawn" and rest > 0:
        profile = _bill(connection, int(bill_id))[1] if outcome in attached and bill_id is not None else FALLBACK_PROFILE
        yield _Line(int(outcome_id), str(stage), str(code), profile, (None, None, str(outcome), rest) if parts else None)


def _bill(connection: Connection, bill_id: int) -> tuple[int, str]:
    """The current version of a bill and the profile it first came in by."""
    version, profile = bulk.rows(
        connection,
        """SELECT COALESCE((SELECT r.version_id FROM revision r WHERE r.bill_id = b.id AND r.effect <> 'conflict' ORDER BY r.id DESC LIMIT 1), b.id),
                  f.profile FROM bill b JOIN file f ON f.id = b.file_id WHERE b.id = :bill""",
        bill=bill_id,
    )[0]
    return int(version), str(profile)


def clear_bills(connection: Connection, export_file_id: int, *, before: Sequence[str], at: str) -> int:
    """Slips of bills that acts paid are cleared when the part that completes them stands in that file and was not withdrawn since."""
    first, last = bulk.rows(connection, "SELECT first_entry, last_entry FROM export_file WHERE id = :file", file=export_file_id)[0]
    return bulk.run(
        connection,
        f"""INSERT INTO slip_state (slip_id, state, event, cause, at)
            SELECT s.id, 'cleared', 'clear', 'export', CAST(:at AS TEXT)
            FROM moved_entry a JOIN clearing_entry e ON e.entry_number = a.entry_number
            JOIN clearing_handover h ON h.entry_number = a.entry_number JOIN slip s ON s.bill_id = a.bill_id
            WHERE a.entry_number >= :first AND a.entry_number <= :last AND h.export_file_id = :file AND e.stage = '1'
              AND a.outcome = '{COMPLETE}' AND s.issue_count = (SELECT MAX(n.issue_count) FROM slip n WHERE n.bill_id = a.bill_id)
              AND {slip_state_of("s.id")} IN ({words(before)})
              AND NOT EXISTS (SELECT 1 FROM moved_entry y JOIN clearing_entry z ON z.entry_number = y.entry_number
                              WHERE y.bill_id = a.bill_id AND y.entry_number > a.entry_number AND z.stage = '9'
                                AND z.transaction_key = e.transaction_key)
            ORDER BY s.id""",
        file=export_file_id, first=first, last=last, at=at,
    )  # fmt: skip
