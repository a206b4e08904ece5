"""Which transactions reconcile has to judge in this run: those that something arrived for, and all that rank with them.

Called by pipeline.reconcile. Every statement starts from what arrived and reaches history through an index, a few rows each;
nothing here reads more because more is stored. Fills ``touched`` (one receipt a transaction) and ``judged`` (with its slip).
"""

from __future__ import annotations

from sqlalchemy.engine import Connection

from fundlink.store import bulk, marks
from fundlink.store.receipts import WAITING

# the receipt a transaction is judged by: the confirmation, else the preliminary statement, else what there is
_OF_STAGE = "(SELECT x.id FROM receipt x WHERE x.transaction_key = q.transaction_key AND x.stage = '{}')"
_DECISIVE = f"""CASE WHEN q.stage = 'confirmed' THEN q.id
    ELSE COALESCE({_OF_STAGE.format("confirmed")}, {_OF_STAGE.format("preliminary")}, q.id) END"""
# a confirmation that arrives between two statements must not bring its transaction in twice; it has its turn next time
_NOT_YET = """NOT EXISTS (SELECT 1 FROM receipt y CROSS JOIN touched d
                WHERE y.transaction_key = q.transaction_key AND d.receipt_id = y.id)"""
_BEFORE = "before_outcome TEXT, before_receipt_id BIGINT, before_slip_id BIGINT, before_bill_id BIGINT"
_LINED_UP = f"""receipt_id BIGINT, transaction_key TEXT, institution_code TEXT, case_key TEXT, confirmation_number TEXT, amount_yen BIGINT,
    paid_on TEXT, withdrawn INTEGER, {_BEFORE}"""
_JUDGED = f"""receipt_id BIGINT, transaction_key TEXT, institution_code TEXT, case_key TEXT, amount_yen BIGINT, paid_on TEXT,
    withdrawn INTEGER, slip_id BIGINT, bill_id BIGINT, issue_count INTEGER, number_right INTEGER, {_BEFORE}"""


_KNOWN = "slips beside unknown payments of "


def touch(connection: Connection, at: str) -> int:
    """Fill ``judged``: pending transactions, unknown ones whose bill has come since, and all others that now rank with them.

    A transaction whose statements name two bills touches both: it leaves the one and joins the other.
    """
    bulk.prepare_set_work(connection)
    bulk.fresh_temporary(connection, "picked", "id BIGINT PRIMARY KEY, received_id BIGINT, after_id BIGINT, last_id BIGINT")
    bulk.run(
        connection, "INSERT INTO picked (id, received_id, after_id, last_id) SELECT id, received_id, after_id, last_id FROM pending_receipt"
    )
    bulk.analyze(connection, "picked")
    bulk.fresh_temporary(connection, "touched", "receipt_id BIGINT PRIMARY KEY, turn INTEGER")
    bulk.fresh_temporary(connection, "judged", _JUDGED)
    touched = _touch_arrived(connection) + _touch_known_since(connection, at)
    if touched:
        _look_up(connection, turn=1)
        if others := _touch_rivals(connection) + _touch_bills(connection):
            _look_up(connection, turn=2)
            touched += others
    return touched


def _touch_arrived(connection: Connection) -> int:
    return bulk.run(
        connection,
        f"""INSERT INTO touched (receipt_id, turn) SELECT {_DECISIVE}, 1 FROM picked p CROSS JOIN receipt q
            WHERE {WAITING.format("q", "p")} ON CONFLICT (receipt_id) DO NOTHING""",
    )


def _touch_known_since(connection: Connection, at: str) -> int:
    """Payments of unknown bills are few, and the only ones of history that a new slip can change: looked at when there are new slips.

    Within a municipality slips are numbered in the order in which they take effect, so a mark says which are new.
    """
    newest = bulk.rows(
        connection,
        """SELECT m.code, (SELECT MAX(s.id) FROM slip s WHERE s.municipality_code = m.code),
                  (SELECT k.until_id FROM mark k WHERE k.name = :name || m.code ORDER BY k.id DESC LIMIT 1) FROM municipality m""",
        name=_KNOWN,
    )
    numbered = [(str(code), int(since or 0), int(last)) for code, last, since in newest if int(last or 0) > int(since or 0)]
    if not numbered:
        return 0
    bulk.fresh_temporary(connection, "numbered", "code TEXT PRIMARY KEY, since BIGINT, last BIGINT")
    bulk.insert_rows(connection, "numbered", ("code", "since", "last"), numbered)
    bulk.analyze(connection, "numbered")
    for code, _, last in numbered:
        marks.move(connection, _KNOWN + code, last, at)
    return bulk.run(
        connection,
        f"""INSERT INTO touched (receipt_id, turn) SELECT {_DECISIVE}, 1
            FROM outcome o CROSS JOIN receipt q CROSS JOIN slip s CROSS JOIN numbered u
            WHERE o.outcome = 'unknown_bill' AND q.id = o.receipt_id AND s.institution_code = q.institution_code AND s.case_key = q.case_key
              AND u.code = s.municipality_code AND s.id > u.since AND s.id <= u.last
              AND o.id = (SELECT MAX(n.id) FROM outcome n WHERE n.transaction_key = o.transaction_key) AND {_NOT_YET}
            ON CONFLICT (receipt_id) DO NOTHING""",
    )


def _look_up(connection: Connection, turn: int) -> None:
    """Lay each touched receipt beside its slip and its outcome so far.

    In the order of the slips, so that whatever is looked up by slip or bill from here on lies side by side.
    """
    bulk.analyze(connection, "touched")
    bulk.fresh_temporary(connection, "lined_up", _LINED_UP)
    bulk.run(
        connection,
        """INSERT INTO lined_up
           SELECT r.id, r.transaction_key, r.institution_code, r.case_key, r.confirmation_number, r.amount_yen, r.paid_on,
                  CASE WHEN EXISTS (SELECT 1 FROM receipt c WHERE c.transaction_key = r.transaction_key AND c.stage = 'cancelled')
                    THEN 1 ELSE 0 END,
                  o.outcome, o.receipt_id, o.slip_id, o.bill_id
           FROM touched t CROSS JOIN receipt r
           LEFT JOIN outcome o ON o.id = (SELECT MAX(n.id) FROM outcome n WHERE n.transaction_key = r.transaction_key)
           WHERE t.turn = :turn AND r.id = t.receipt_id ORDER BY r.institution_code, r.case_key""",
        turn=turn,
    )
    bulk.analyze(connection, "lined_up")
    bulk.run(
        connection,
        """INSERT INTO judged
           SELECT q.receipt_id, q.transaction_key, q.institution_code, q.case_key, q.amount_yen, q.paid_on, q.withdrawn,
                  s.id, s.bill_id, s.issue_count, CASE WHEN q.confirmation_number = s.confirmation_number THEN 1 ELSE 0 END,
                  q.before_outcome, q.before_receipt_id, q.before_slip_id, q.before_bill_id
           FROM lined_up q LEFT JOIN slip s ON s.institution_code = q.institution_code AND s.case_key = q.case_key""",
    )
    bulk.analyze(connection, "judged")


def _touch_rivals(connection: Connection) -> int:
    """Other payments by the same slip."""
    return bulk.run(
        connection,
        f"""INSERT INTO touched (receipt_id, turn) SELECT q.id, 2 FROM judged j CROSS JOIN receipt q
            WHERE q.institution_code = j.institution_code AND q.case_key = j.case_key AND q.id <> j.receipt_id AND j.slip_id IS NOT NULL
              AND q.id = {_DECISIVE} AND {_NOT_YET} ON CONFLICT (receipt_id) DO NOTHING""",
    )


def _touch_bills(connection: Connection) -> int:
    """Other payments of bills that have several slips, and of those a payment has moved away from."""
    bulk.fresh_temporary(connection, "wider_bill", "bill_id BIGINT PRIMARY KEY")
    found = bulk.run(
        connection,
        """INSERT INTO wider_bill (bill_id)
           SELECT n.bill_id FROM judged j CROSS JOIN slip n WHERE n.bill_id = j.bill_id AND n.issue_count > 1
           UNION SELECT j.before_bill_id FROM judged j WHERE j.before_bill_id <> COALESCE(j.bill_id, 0)""",
    )
    if not found:
        return 0
    bulk.analyze(connection, "wider_bill")
    return bulk.run(
        connection,
        f"""INSERT INTO touched (receipt_id, turn) SELECT q.id, 2 FROM wider_bill b CROSS JOIN slip s CROSS JOIN receipt q
            WHERE s.bill_id = b.bill_id AND q.institution_code = s.institution_code AND q.case_key = s.case_key
              AND q.id = {_DECISIVE} AND {_NOT_YET} ON CONFLICT (receipt_id) DO NOTHING""",
    )
