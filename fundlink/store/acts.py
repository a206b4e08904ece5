"""Acts on money: what was prepared, what became of it, the yen it moved, and the facts it rests on.

Called by desk only. An act is prepared once and never changed; what it did is ``act_move`` rows, and an act that undoes it adds
rows the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.bills import CURRENT_EFFECT, CURRENT_VERSION, SLIP_STATE
from fundlink.store.moves import net_on_bill
from fundlink.store.outcomes import NEWEST_OUTCOME, words

_ACT = (
    "id", "verb", "municipality_code", "subject", "content", "content_sha256", "reason", "before", "prepared_by", "prepared_at",
)  # fmt: skip
_MOVE = (
    "act_id", "day", "value_on", "municipality_code", "fund_code", "fiscal_year", "transaction_key", "bill_id", "from_account",
    "to_account", "yen",
)  # fmt: skip


class ActRow(NamedTuple):
    """An act and the newest thing that became of it (event '' while it waits for its approval)."""

    act_id: int
    verb: str
    municipality_code: str
    subject: str
    content: str
    content_sha256: str
    reason: str
    before: str
    prepared_by: str
    prepared_at: str
    event: str
    event_by: str
    note: str
    after: str
    event_at: str


class PaymentRow(NamedTuple):
    """A payment by its newest outcome. ``bill_*`` None where no bill is known."""

    transaction_key: str
    outcome_id: int
    outcome: str
    stage: str
    municipality_code: str
    fund_code: str
    amount_yen: int
    booked_on: str
    bill_key: str | None
    bill_id: int | None
    fiscal_year: int | None
    addressee_number: str | None


class DebtRow(NamedTuple):
    """A bill with what lies on it; the first columns are those of ``reconcile.offsetting.Debt``."""

    bill_key: str
    municipality_code: str
    fund_code: str
    fiscal_year: int
    levy_year: int
    installment: str
    due_on: str
    addressee_number: str
    state: str
    total_yen: int
    collected_yen: int
    written_off_yen: int
    bill_id: int
    slip_id: int | None


class ConflictRow(NamedTuple):
    """A change of a paid bill that waits for a person: its bill, what it would cost now."""

    bill_key: str
    municipality_code: str
    total_yen: int


def add(connection: Connection, values: Mapping[str, Any]) -> int:
    """Store an act as prepared (all columns but its id); its id."""
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    return int(bulk.scalar(connection, f"INSERT INTO act ({names}) VALUES ({marks}) RETURNING id", **values))


def add_event(connection: Connection, act_id: int, values: Mapping[str, Any]) -> None:
    """Append what became of an act (event, by, note, after, at)."""
    bulk.insert_rows(connection, "act_event", ("act_id", *(f'"{n}"' for n in values)), [(act_id, *values.values())])


_NEWEST_EVENT = "e.id = (SELECT MAX(x.id) FROM act_event x WHERE x.act_id = a.id)"
_SEEN = f"""
    SELECT {", ".join("a." + name for name in _ACT)}, COALESCE(e.event, ''), COALESCE(e."by", ''), COALESCE(e.note, ''),
           COALESCE(e.after, '{{}}'), COALESCE(e.at, '')
    FROM act a LEFT JOIN act_event e ON e.act_id = a.id AND {_NEWEST_EVENT}"""


def find(connection: Connection, act_id: int) -> ActRow | None:
    """One act."""
    found = bulk.rows(connection, f"{_SEEN} WHERE a.id = :id", id=act_id)
    return ActRow(*found[0]) if found else None


def of_subjects(connection: Connection, subjects: Sequence[str]) -> list[ActRow]:
    """Every act on these cases, oldest first."""
    if not subjects:
        return []
    wanted = sa.text(f"{_SEEN} WHERE a.subject IN :subjects ORDER BY a.id").bindparams(sa.bindparam("subjects", expanding=True))
    return [ActRow(*row) for row in connection.execute(wanted, {"subjects": list(subjects)})]


def waiting(connection: Connection) -> list[ActRow]:
    """Acts that nothing has become of yet, oldest first."""
    return [ActRow(*row) for row in bulk.rows(connection, f"{_SEEN} WHERE e.id IS NULL ORDER BY a.id")]


def payments(connection: Connection, transaction_keys: Iterable[str]) -> list[PaymentRow]:
    """Payments by their newest outcome, in the order of their keys; one without an outcome is not among them."""
    keys = sorted(set(transaction_keys))
    if not keys:
        return []
    wanted = sa.text(
        f"""SELECT o.transaction_key, o.id, o.outcome, r.stage, r.municipality_code, r.fund_code, r.amount_yen, r.booked_on,
                   b.bill_key, b.id, w.fiscal_year, w.addressee_number
            FROM outcome o JOIN receipt r ON r.id = o.receipt_id LEFT JOIN bill b ON b.id = o.bill_id
            LEFT JOIN bill_version w ON w.id = o.version_id
            WHERE o.transaction_key IN :keys AND {NEWEST_OUTCOME} ORDER BY o.transaction_key"""
    ).bindparams(sa.bindparam("keys", expanding=True))
    return [PaymentRow(*row) for row in connection.execute(wanted, {"keys": keys})]


def moved(connection: Connection, transaction_keys: Iterable[str]) -> list[tuple[str, str, str, int]]:
    """(transaction, from, to, yen) of every move of these payments."""
    keys = sorted(set(transaction_keys))
    if not keys:
        return []
    wanted = sa.text(
        "SELECT transaction_key, from_account, to_account, yen FROM act_move WHERE transaction_key IN :keys ORDER BY id"
    ).bindparams(sa.bindparam("keys", expanding=True))
    return [(str(key), str(a), str(b), int(yen)) for key, a, b, yen in connection.execute(wanted, {"keys": keys})]


def _own_collected(paying: Sequence[str]) -> str:
    """What the outcomes of its payments put on bill b."""
    return f"""
        COALESCE((SELECT SUM(r.amount_yen) FROM slip p JOIN receipt r ON r.institution_code = p.institution_code AND r.case_key = p.case_key
                  JOIN outcome o ON o.transaction_key = r.transaction_key AND o.receipt_id = r.id
                  WHERE p.bill_id = b.id AND o.bill_id = b.id AND {NEWEST_OUTCOME} AND o.outcome IN ({words(paying)})), 0)"""


def _debts(paying: Sequence[str]) -> str:
    state = f"CASE WHEN {CURRENT_EFFECT} = 'cancelled' THEN 'cancelled' WHEN s.id IS NULL THEN 'draft' ELSE {SLIP_STATE} END"
    return f"""
        SELECT b.bill_key, b.municipality_code, w.fund_code, w.fiscal_year, w.levy_year, w.installment, COALESCE(w.due_on, ''),
               w.addressee_number, {state}, CASE WHEN {CURRENT_EFFECT} = 'cancelled' THEN 0 ELSE w.total_yen END,
               {_own_collected(paying)} + {net_on_bill(("collected",))}, {net_on_bill(("written_off",))},
               b.id, s.id
        FROM bill b JOIN bill_version w ON w.id = {CURRENT_VERSION}
        LEFT JOIN slip s ON s.bill_id = b.id AND s.issue_count = (SELECT MAX(n.issue_count) FROM slip n WHERE n.bill_id = b.id)"""


def debts(connection: Connection, bill_keys: Iterable[str], *, paying: Sequence[str]) -> list[DebtRow]:
    """These bills, in the order of their keys."""
    keys = sorted(set(bill_keys))
    if not keys:
        return []
    wanted = sa.text(f"{_debts(paying)} WHERE b.bill_key IN :keys ORDER BY b.bill_key").bindparams(sa.bindparam("keys", expanding=True))
    return [_debt(row) for row in connection.execute(wanted, {"keys": keys})]


def debts_of_payer(connection: Connection, municipality_code: str, addressee_number: str, *, paying: Sequence[str]) -> list[DebtRow]:
    """The bills of a payer that are not paid, of any fund: those that any version of was the payer's, found by the index on payers."""
    if not addressee_number:
        return []
    found = bulk.rows(
        connection,
        f"""{_debts(paying)}
            WHERE b.bill_key IN (SELECT v.bill_key FROM bill_version v
                                 WHERE v.municipality_code = :code AND v.addressee_number = :payer AND v.addressee_number <> '')
              AND b.municipality_code = :code AND w.addressee_number = :payer AND w.total_yen > 0
            ORDER BY b.bill_key""",
        code=municipality_code, payer=addressee_number,
    )  # fmt: skip
    return [_debt(row) for row in found]


def _debt(row: Any) -> DebtRow:
    return DebtRow._make([*row[:9], *map(int, row[9:13]), row[13]])


def conflict(connection: Connection, revision_id: int) -> ConflictRow | None:
    """A conflict by the id of its revision."""
    found = bulk.rows(
        connection,
        """SELECT b.bill_key, b.municipality_code, CASE WHEN w.action = '9' THEN 0 ELSE w.total_yen END
           FROM revision v JOIN bill b ON b.id = v.bill_id JOIN bill_version w ON w.id = v.version_id
           WHERE v.id = :id AND v.effect = 'conflict'""",
        id=revision_id,
    )
    return ConflictRow(str(found[0][0]), str(found[0][1]), int(found[0][2])) if found else None


def lying_on(connection: Connection, bill_key: str, *, paying: Sequence[str]) -> list[tuple[str, int]]:
    """(transaction, yen) of the payments that lie on a bill, by their own outcome or by acts; the newest receipt first."""
    found = bulk.rows(
        connection,
        f"""SELECT q.transaction_key, SUM(q.yen) FROM (
              SELECT r.transaction_key, r.amount_yen AS yen, r.id FROM bill b JOIN slip p ON p.bill_id = b.id
              JOIN receipt r ON r.institution_code = p.institution_code AND r.case_key = p.case_key
              JOIN outcome o ON o.transaction_key = r.transaction_key AND o.receipt_id = r.id AND o.bill_id = b.id
              WHERE b.bill_key = :key AND {NEWEST_OUTCOME} AND o.outcome IN ({words(paying)})
              UNION ALL
              SELECT m.transaction_key, CASE WHEN m.to_account = 'collected' THEN m.yen ELSE -m.yen END, 0
              FROM bill b JOIN act_move m ON m.bill_id = b.id WHERE b.bill_key = :key AND 'collected' IN (m.to_account, m.from_account)) q
            GROUP BY q.transaction_key HAVING SUM(q.yen) > 0 ORDER BY MAX(q.id) DESC, q.transaction_key""",
        key=bill_key,
    )
    return [(str(key), int(yen)) for key, yen in found]


def newest_closed_day(connection: Connection, municipality_code: str) -> str:
    """The latest day of a municipality that is closed, '' when none is."""
    found = bulk.scalar(
        connection, "SELECT MAX(day) FROM day_state WHERE municipality_code = :code AND state = 'closed'", code=municipality_code
    )
    return str(found or "")


def bill_ids(connection: Connection, bill_keys: Iterable[str]) -> dict[str, int]:
    """Ids of bills by key."""
    keys = sorted(set(bill_keys))
    if not keys:
        return {}
    wanted = sa.text("SELECT bill_key, id FROM bill WHERE bill_key IN :keys").bindparams(sa.bindparam("keys", expanding=True))
    return {str(key): int(ident) for key, ident in connection.execute(wanted, {"keys": keys})}


def add_moves(connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
    """Append moves, each in the order of the columns of ``act_move``."""
    bulk.insert_rows(connection, "act_move", _MOVE, rows)


def add_grounds(connection: Connection, act_id: int, grounds: Mapping[str, int]) -> None:
    """Note the outcomes that an act rests on, by payment."""
    bulk.insert_rows(
        connection, "act_ground", ("act_id", "transaction_key", "outcome_id"), [(act_id, *pair) for pair in sorted(grounds.items())]
    )


def is_reversed(connection: Connection, act_id: int) -> bool:
    """Whether another act undid this one."""
    found = bulk.scalar(
        connection,
        """SELECT 1 FROM act a JOIN act_event e ON e.act_id = a.id AND e.event = 'carried_out'
           WHERE a.subject = :subject AND a.verb = 'reverse' LIMIT 1""",
        subject=f"act:{act_id}",
    )
    return found is not None
