"""Changes and cancellations that the gateway refused because the slip was paid: told again when the payment is taken back.

Called by pipeline.answers (a refusal came) and pipeline.reconcile (a payment was taken back), whichever is later, with the states of
slips held, so that neither misses the other. A payment that was taken back has a slip told again once, so there is an end to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.bills import DEAD, SLIP_STATE

_NEWEST = "(SELECT x.message_id FROM message_item x WHERE x.slip_id = s.id ORDER BY x.last_change_id DESC, x.message_id DESC LIMIT 1)"
# the last word about the slip was that refusal, and a payment with its number is withdrawn; each step reaches the next by an index
_LOST_ITS_GROUND = f"""
    INSERT INTO groundless (slip_id, transaction_key, message_id, municipality_code)
    SELECT DISTINCT s.id, r.transaction_key, q.message_id, s.municipality_code
    FROM doubtful d CROSS JOIN slip s CROSS JOIN refused_slip q CROSS JOIN receipt r
    WHERE s.id = d.slip_id AND q.slip_id = s.id AND q.message_id = {_NEWEST} AND q.reason_code IN (SELECT p.code FROM paid_reason p)
      AND r.institution_code = s.institution_code AND r.case_key = s.case_key AND r.confirmation_number = s.confirmation_number
      AND r.stage = 'cancelled' AND {SLIP_STATE} NOT IN {DEAD}
      AND EXISTS (SELECT 1 FROM outcome o WHERE o.transaction_key = r.transaction_key AND o.outcome = 'withdrawn')
      AND NOT EXISTS (SELECT 1 FROM told_again t WHERE t.slip_id = s.id AND t.transaction_key = r.transaction_key)"""


def after_refusal(connection: Connection, message_id: str, reasons: Sequence[str], at: str) -> int:
    """Slips that were just refused in a message although a payment of theirs was taken back before; how many are told again."""
    refused = "SELECT q.slip_id FROM refused_slip q WHERE q.message_id = :message_id"
    return _tell(connection, (refused, {"message_id": message_id}), reasons, at)


def after_withdrawal(connection: Connection, reasons: Sequence[str], at: str) -> int:
    """Slips of ``finding`` whose payment was taken back just now, where a change was refused because of it; how many are told again."""
    taken_back = "SELECT DISTINCT f.slip_id FROM finding f WHERE f.outcome = 'withdrawn' AND f.slip_id IS NOT NULL"
    return _tell(connection, (taken_back, {}), reasons, at)


def _tell(connection: Connection, slips: tuple[str, dict[str, str]], reasons: Sequence[str], at: str) -> int:
    bulk.fresh_temporary(connection, "doubtful", "slip_id BIGINT PRIMARY KEY")
    if not bulk.run(connection, f"INSERT INTO doubtful (slip_id) {slips[0]}", **slips[1]):
        return 0
    bulk.fresh_temporary(connection, "paid_reason", "code TEXT PRIMARY KEY")
    bulk.insert_rows(connection, "paid_reason", ("code",), [(reason,) for reason in reasons])
    bulk.fresh_temporary(connection, "groundless", "slip_id BIGINT, transaction_key TEXT, message_id TEXT, municipality_code TEXT")
    bulk.analyze(connection, "doubtful", "paid_reason")
    if not bulk.run(connection, _LOST_ITS_GROUND):
        return 0
    bulk.run(
        connection,
        """INSERT INTO told_again (slip_id, transaction_key, message_id, at)
           SELECT g.slip_id, g.transaction_key, g.message_id, CAST(:at AS TEXT) FROM groundless g ORDER BY g.slip_id, g.transaction_key""",
        at=at,
    )
    return bulk.run(
        connection,
        """INSERT INTO change (slip_id, municipality_code)
           SELECT DISTINCT g.slip_id, g.municipality_code FROM groundless g ORDER BY g.slip_id""",
    )
