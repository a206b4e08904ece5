"""Bills and payments by what people have in their hands: a number, or an amount and a day. Called by desk; reads only.

Every search starts from an index and stays inside a scope within the query; lists go by a cursor, so that a page costs a page
however many bills there are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.domain.scope import Scope
from fundlink.store import bulk, scoped
from fundlink.store.bills import BILL_IS_PAID, CURRENT_EFFECT, CURRENT_VERSION, SLIP_STATE
from fundlink.store.outcomes import NEWEST_OUTCOME


class Hit(NamedTuple):
    """One line of what was found: a bill as it is now, or a payment with its bill (None where none is known)."""

    cursor: int
    bill_key: str | None
    municipality_code: str
    fund_code: str
    notice_number: str | None
    installment: str | None
    yen: int
    due_on: str | None
    payable_until: str | None
    state: str | None
    transaction_key: str | None
    outcome: str | None
    paid_on: str | None
    booked_on: str | None


class Pair(NamedTuple):
    """An amount and a day of one municipality; ``by``: booked | paid | limit."""

    municipality_code: str
    yen: int
    day: str
    by: str


_STATE = f"""
    CASE WHEN {CURRENT_EFFECT} = 'cancelled' AND NOT {BILL_IS_PAID} THEN 'cancelled'
         ELSE COALESCE((SELECT {SLIP_STATE} FROM slip s WHERE s.bill_id = b.id ORDER BY s.issue_count DESC LIMIT 1), 'draft') END"""
_BILL = f"""b.bill_key, b.municipality_code, w.fund_code, w.notice_number, w.installment, w.total_yen, w.due_on, w.payable_until, {_STATE},
            CAST(NULL AS TEXT), CAST(NULL AS TEXT), CAST(NULL AS TEXT), CAST(NULL AS TEXT)"""


def by_el_number(connection: Connection, institution_code: str, case_key: str, scope: Scope) -> tuple[Hit, str] | None:
    """The bill one of whose slips carries this number, and that slip's confirmation number."""
    inside, held = scoped.within(scope, "b.municipality_code", "w.department_code")
    found = bulk.rows(
        connection,
        f"""SELECT b.id, {_BILL}, x.confirmation_number FROM slip x JOIN bill b ON b.id = x.bill_id JOIN bill_version w ON w.id = {CURRENT_VERSION}
            WHERE x.institution_code = :institution AND x.case_key = :case{inside}""",
        institution=institution_code, case=case_key, **held,
    )  # fmt: skip
    return (Hit._make(found[0][:-1]), str(found[0][-1])) if found else None


def by_number(connection: Connection, texts: tuple[str, str], scope: Scope, *, after: int, limit: int) -> list[Hit]:
    """Bills whose notice number or 連携キー is one of these, or whose slip has it as its case key; after a bill id."""
    inside, held = scoped.within(scope, "b.municipality_code", "w.department_code")
    # ids first, each by its own index: with a condition that knows three ways no planner finds one; and from the ids to the bills,
    # in this order: SQLite would rather read every bill behind the cursor
    found = connection.execute(
        sa.text(
            f"""WITH hit AS MATERIALIZED (
                  SELECT v.id AS bill_id FROM bill_version v WHERE v.notice_number IN (:one, :two)
                  UNION SELECT x.id FROM bill_version v JOIN bill x ON x.bill_key = v.bill_key WHERE v.core_key IN (:one, :two) AND v.core_key <> ''
                  UNION SELECT m.bill_id FROM municipality t CROSS JOIN slip m
                        WHERE m.institution_code = t.institution_code AND m.case_key IN (:one, :two))
                SELECT b.id, {_BILL} FROM hit h CROSS JOIN bill b CROSS JOIN bill_version w
                WHERE b.id = h.bill_id AND w.id = {CURRENT_VERSION} AND h.bill_id > :after AND (w.notice_number IN (:one, :two) OR w.core_key IN (:one, :two)
                  OR EXISTS (SELECT 1 FROM slip y WHERE y.bill_id = b.id AND y.case_key IN (:one, :two))){inside}
                ORDER BY b.id LIMIT :limit"""
        ),
        {"one": texts[0], "two": texts[1], "after": after, "limit": limit, **held},
    )
    return [Hit._make(row) for row in found]


_SHOWN = f"""
    SELECT r.id, b.bill_key, r.municipality_code, r.fund_code, w.notice_number, w.installment, r.amount_yen, w.due_on, w.payable_until,
           CASE WHEN b.id IS NOT NULL THEN {_STATE} END, r.transaction_key, o.outcome, r.paid_on, r.booked_on"""
_WITH_BILL = f"""
    LEFT JOIN outcome o ON o.transaction_key = r.transaction_key AND {NEWEST_OUTCOME}
    LEFT JOIN slip p ON p.institution_code = r.institution_code AND p.case_key = r.case_key
    LEFT JOIN bill b ON b.id = p.bill_id LEFT JOIN bill_version w ON w.id = {CURRENT_VERSION}"""
# of several statements of one payment the one that counts; before reconcile has looked at it, each
_COUNTS = "(o.receipt_id IS NULL OR o.receipt_id = r.id)"


def by_transaction(connection: Connection, keys: tuple[str, str], scope: Scope) -> list[Hit]:
    """The payment of this transaction key."""
    inside, held = scoped.within(scope, "r.municipality_code", "w.department_code")
    found = bulk.rows(
        connection,
        # ids first: among all payments of a municipality, the scope would look like the better condition to SQLite
        f"""WITH hit AS MATERIALIZED (SELECT y.id FROM receipt y WHERE y.transaction_key IN (:one, :two))
            {_SHOWN} FROM hit h CROSS JOIN receipt r {_WITH_BILL} WHERE r.id = h.id AND {_COUNTS}{inside} ORDER BY r.id LIMIT 10""",
        one=keys[0],
        two=keys[1],
        **held,
    )
    return [Hit._make(row) for row in found]


_BY_DAY = {"booked": "r.booked_on", "paid": "r.paid_on"}


def by_pair(connection: Connection, pair: Pair, scope: Scope, *, after: int, limit: int) -> list[Hit]:
    """Payments of an amount by their day, or bills of an amount by the last day they can be paid on; after a receipt id or version id."""
    values: dict[str, Any] = {"code": pair.municipality_code, "yen": pair.yen, "day": pair.day, "after": after, "limit": limit}
    if pair.by == "limit":
        return _by_limit(connection, values, scope)
    inside, held = scoped.within(scope, "r.municipality_code", "w.department_code")
    found = bulk.rows(
        connection,
        f"""{_SHOWN} FROM receipt r {_WITH_BILL} WHERE r.municipality_code = :code AND {_BY_DAY[pair.by]} = :day AND r.amount_yen = :yen AND r.id > :after
            AND {_COUNTS}{inside} ORDER BY r.id LIMIT :limit""",
        **values, **held,
    )  # fmt: skip
    return [Hit._make(row) for row in found]


def _by_limit(connection: Connection, values: dict[str, Any], scope: Scope) -> list[Hit]:
    # a flat fee with one last day is that of a whole fund: versions are taken from their index a page at a time, and only then joined,
    # because a planner that expects one row of them reads and sorts them all
    inside, held = scoped.within(scope, "v.municipality_code", "v.department_code")
    page = f"""SELECT v.id, v.bill_key FROM bill_version v
               WHERE v.municipality_code = :code AND v.payable_until = :day AND v.total_yen = :yen AND v.id > :after{inside}
               ORDER BY v.id LIMIT :limit"""
    found: list[Hit] = []
    asked = {**values, **held}
    while len(found) < values["limit"]:
        seen = bulk.rows(connection, page, **asked)
        if seen:
            rows = bulk.rows(
                connection,
                f"""WITH page AS MATERIALIZED ({page})
                    SELECT w.id, {_BILL} FROM page g CROSS JOIN bill b CROSS JOIN bill_version w
                    WHERE b.bill_key = g.bill_key AND w.id = g.id AND w.id = {CURRENT_VERSION} ORDER BY w.id""",
                **asked,
            )
            found += [Hit._make(row) for row in rows]
        if len(seen) < values["limit"]:
            break
        asked["after"] = seen[-1][0]
    return found[: values["limit"]]
