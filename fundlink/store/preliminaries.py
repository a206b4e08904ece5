"""Preliminary statements that nobody has confirmed: a list that grows and shrinks with what arrives, so that nobody looks at all there ever were.

Called by outcomes when what arrived has been judged; read by cases. A work list and no fact: whether a statement is confirmed is
asked of the statements themselves, also of those on the list.
"""

from __future__ import annotations

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.receipts import WAITING

NARROW = "/* of these cases alone */"
"""Where the queue puts the condition that lets it look at single cases."""
_CONFIRMED = """
    EXISTS (SELECT 1 FROM receipt x WHERE x.transaction_key = p.transaction_key AND x.stage IN ('confirmed', 'cancelled'))"""
_ARRIVED = f"{WAITING.format('p', 'k')} AND COALESCE(p.stage, '') = 'preliminary'"
# what arrived is reached by its ids: without COALESCE a planner may take an index of all preliminary statements
UNCONFIRMED = f"""
    SELECT p.transaction_key, p.municipality_code, p.fund_code, p.booked_on, p.amount_yen
    FROM late_preliminary l CROSS JOIN receipt p WHERE l.booked_on < :confirm_before AND p.id = l.receipt_id AND NOT {_CONFIRMED} {NARROW}
    UNION ALL
    SELECT p.transaction_key, p.municipality_code, p.fund_code, p.booked_on, p.amount_yen
    FROM pending_receipt k CROSS JOIN receipt p WHERE {_ARRIVED} AND COALESCE(p.booked_on, '') < :confirm_before AND NOT {_CONFIRMED}
      AND NOT EXISTS (SELECT 1 FROM late_preliminary n WHERE n.receipt_id = p.id) {NARROW}"""
"""Statements booked before ``confirm_before`` that nobody has confirmed: those on the list, and those that were not judged yet."""


def keep_list(connection: Connection) -> None:
    """What was picked joins the list where nothing confirms it; what was confirmed since leaves it."""
    bulk.run(
        connection,
        f"""INSERT INTO late_preliminary (receipt_id, municipality_code, booked_on)
            SELECT p.id, p.municipality_code, p.booked_on FROM picked k CROSS JOIN receipt p WHERE {_ARRIVED} AND NOT {_CONFIRMED}
            ON CONFLICT (receipt_id) DO NOTHING""",
    )
    bulk.run(
        connection,
        f"DELETE FROM late_preliminary WHERE receipt_id IN (SELECT l.receipt_id FROM late_preliminary l CROSS JOIN receipt p WHERE p.id = l.receipt_id AND {_CONFIRMED})",
    )
