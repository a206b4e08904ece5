"""Bills that are due and not paid at a cut-off, and the fact that a list of them was given out. Called by pipeline.unpaid.

Set work and one stream; whether a list may be given is not said here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.bills import CURRENT_EFFECT, CURRENT_VERSION, slip_state_of
from fundlink.store.moves import SETTLING, net_on_bill
from fundlink.store.outcomes import NEWEST_OUTCOME, words

_NEWEST_SLIP = "(SELECT n.id FROM slip n WHERE n.bill_id = b.id ORDER BY n.issue_count DESC LIMIT 1)"


class UnpaidBill(NamedTuple):
    """A bill that was due and not paid at the cut-off; ``paid_later_on`` and ``doubt`` say what came of it otherwise."""

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
    total_yen: int
    due_on: str
    payable_until: str | None
    core_key: str
    slip_state: str
    paid_later_on: str | None
    doubt: str | None  # the outcome of a payment that belongs to the bill and does not pay it
    doubt_yen: int | None


def gather(connection: Connection, municipality_code: str, until: str, paying: Sequence[str]) -> None:
    """Fill ``standing``: what payments that still stand say of each bill of a municipality at the cut-off."""
    pays = f"o.outcome IN ({words(paying)})"
    bulk.prepare_set_work(connection)
    bulk.fresh_temporary(
        connection, "standing", "bill_id BIGINT PRIMARY KEY, in_time INTEGER, paid_later_on TEXT, doubt TEXT, doubt_yen BIGINT"
    )
    bulk.run(
        connection,
        f"""INSERT INTO standing (bill_id, in_time, paid_later_on, doubt, doubt_yen)
            SELECT o.bill_id, MAX(CASE WHEN {pays} AND r.paid_on <= :until THEN 1 ELSE 0 END),
                   MIN(CASE WHEN {pays} AND r.paid_on > :until THEN r.paid_on END),
                   MIN(CASE WHEN NOT {pays} THEN o.outcome END), SUM(CASE WHEN NOT {pays} THEN r.amount_yen END)
            FROM outcome o JOIN receipt r ON r.id = o.receipt_id
            WHERE {NEWEST_OUTCOME} AND o.outcome <> 'withdrawn' AND o.bill_id IS NOT NULL AND r.municipality_code = :code
            GROUP BY o.bill_id""",
        until=until, code=municipality_code,
    )  # fmt: skip
    bulk.analyze(connection, "standing")


def due_and_unpaid(connection: Connection, municipality_code: str, until: str) -> Iterator[UnpaidBill]:
    """The bills, by fund and in the order they came. ``gather`` comes first."""
    for row in bulk.stream(
        connection,
        f"""SELECT w.municipality_code, w.fund_code, w.levy_year, w.relevant_year, w.fiscal_year, w.notice_number, w.installment,
                   w.subject_code, w.child_number, w.addressee_number, w.department_code, w.charge_yen, w.reminder_fee_yen,
                   w.late_charge_yen, w.total_yen, w.due_on, w.payable_until, w.core_key, {slip_state_of(_NEWEST_SLIP)},
                   t.paid_later_on, t.doubt, t.doubt_yen
            FROM bill b JOIN bill_version w ON w.id = {CURRENT_VERSION} LEFT JOIN standing t ON t.bill_id = b.id
            WHERE b.municipality_code = :code AND w.total_yen > 0 AND w.due_on <= :until AND {CURRENT_EFFECT} <> 'cancelled'
              AND COALESCE(t.in_time, 0) = 0 AND {net_on_bill(SETTLING)} < w.total_yen
            ORDER BY w.fund_code, b.id""",
        code=municipality_code, until=until,
    ):  # fmt: skip
        yield UnpaidBill(*row)


def unattached(connection: Connection, municipality_code: str) -> tuple[int, int]:
    """Payments that belong to no bill yet, and their yen: somebody on the list may have made one of them."""
    found = bulk.rows(
        connection,
        f"""SELECT COUNT(*), SUM(r.amount_yen) FROM outcome o JOIN receipt r ON r.id = o.receipt_id
            WHERE o.outcome IN ('unknown_bill', 'wrong_confirmation_number', 'undetermined') AND {NEWEST_OUTCOME}
              AND r.municipality_code = :code""",
        code=municipality_code,
    )
    return int(found[0][0]), int(found[0][1] or 0)


class Given(NamedTuple):
    """A file of one fund in a list."""

    fund_code: str
    raw_id: int
    bills: int
    yen: int


def add_list(connection: Connection, municipality_code: str, until: str, *, days: Sequence[str], files: Sequence[Given], at: str) -> int:
    """Note that a list was given out, the business days it rests on and its files; its id."""
    list_id = int(
        bulk.scalar(
            connection,
            """INSERT INTO unpaid_list (municipality_code, until, last_received_id, last_outcome_id, bills, yen, at)
               VALUES (:code, :until, COALESCE((SELECT MAX(id) FROM received_file), 0), COALESCE((SELECT MAX(id) FROM outcome), 0),
                       :bills, :yen, :at) RETURNING id""",
            code=municipality_code, until=until, bills=sum(file.bills for file in files), yen=sum(file.yen for file in files), at=at,
        )
    )  # fmt: skip
    bulk.insert_rows(connection, "unpaid_list_day", ("list_id", "business_day"), [(list_id, day) for day in days])
    bulk.insert_rows(
        connection, "unpaid_list_file", ("list_id", "fund_code", "raw_id", "bills", "yen"), [(list_id, *file) for file in files]
    )
    return list_id
