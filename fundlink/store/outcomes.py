"""The set work of reconcile: evidence of every touched transaction as bits in one join, outcome by the loaded table.

Called by pipeline.reconcile, which hands in the bits and the rules: no rule of the trade is written in this SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.bills import CURRENT_EFFECT, CURRENT_VERSION, SLIP_STATE

# receipt q is the one its transaction is judged by: the confirmation, else the preliminary statement, else what there is
_DECISIVE = """q.id = (SELECT x.id FROM receipt x WHERE x.transaction_key = q.transaction_key
                ORDER BY CASE x.stage WHEN 'confirmed' THEN 1 WHEN 'preliminary' THEN 2 ELSE 3 END LIMIT 1)"""
NEWEST_OUTCOME = "o.id = (SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = o.transaction_key)"


def load_rules(connection: Connection, rules: Iterable[tuple[int, str, str]]) -> None:
    """Make the table from evidence to outcome the one of this program."""
    wanted = list(rules)
    stored = [tuple(row) for row in bulk.rows(connection, "SELECT evidence, outcome, rule FROM outcome_rule ORDER BY evidence")]
    if stored != wanted:
        bulk.run(connection, "DELETE FROM outcome_rule")
        bulk.insert_rows(connection, "outcome_rule", ("evidence", "outcome", "rule"), wanted)


def touch(connection: Connection) -> int:
    """Fill ``touched``: pending transactions, unknown ones whose bill has come since, and all others that now rank with them.

    A transaction whose statements name two bills touches both: it leaves the one and joins the other.
    """
    bulk.fresh_temporary(connection, "picked", "id BIGINT PRIMARY KEY, transaction_key TEXT")
    bulk.run(connection, "INSERT INTO picked (id, transaction_key) SELECT id, transaction_key FROM pending_receipt")
    bulk.fresh_temporary(connection, "touched", "transaction_key TEXT PRIMARY KEY")
    bulk.run(connection, "INSERT INTO touched (transaction_key) SELECT DISTINCT transaction_key FROM picked")
    _touch_known_since(connection)
    bulk.analyze(connection, "picked", "touched")
    bulk.fresh_temporary(connection, "touched_bill", "bill_id BIGINT PRIMARY KEY")
    bulk.run(
        connection,
        """INSERT INTO touched_bill (bill_id)
           SELECT DISTINCT s.bill_id FROM touched t JOIN receipt r ON r.transaction_key = t.transaction_key
           JOIN slip s ON s.institution_code = r.institution_code AND s.case_key = r.case_key""",
    )
    bulk.analyze(connection, "touched_bill")
    bulk.run(
        connection,
        f"""INSERT INTO touched (transaction_key)
            SELECT q.transaction_key FROM touched_bill b JOIN slip s ON s.bill_id = b.bill_id
            JOIN receipt q ON q.institution_code = s.institution_code AND q.case_key = s.case_key
            WHERE {_DECISIVE} ON CONFLICT (transaction_key) DO NOTHING""",
    )
    bulk.analyze(connection, "touched")
    return int(bulk.scalar(connection, "SELECT COUNT(*) FROM touched"))


def _touch_known_since(connection: Connection) -> None:
    bulk.run(
        connection,
        f"""INSERT INTO touched (transaction_key)
            SELECT DISTINCT o.transaction_key FROM outcome o JOIN receipt r ON r.id = o.receipt_id
            JOIN slip s ON s.institution_code = r.institution_code AND s.case_key = r.case_key
            WHERE o.outcome = 'unknown_bill' AND {NEWEST_OUTCOME} ON CONFLICT (transaction_key) DO NOTHING""",
    )


def gather_evidence(connection: Connection, bits: Mapping[str, int]) -> None:
    """Fill ``finding``: one row a touched transaction with its decisive receipt, slip, bill, version and evidence bits."""
    bulk.fresh_temporary(connection, "transaction_fact", "transaction_key TEXT PRIMARY KEY, withdrawn INTEGER, receipt_id BIGINT")
    bulk.run(
        connection,
        f"""INSERT INTO transaction_fact (transaction_key, withdrawn, receipt_id)
            SELECT q.transaction_key,
                   CASE WHEN EXISTS (SELECT 1 FROM receipt c WHERE c.transaction_key = q.transaction_key AND c.stage = 'cancelled') THEN 1 ELSE 0 END,
                   q.id
            FROM touched t JOIN receipt q ON q.transaction_key = t.transaction_key WHERE {_DECISIVE}""",
    )
    bulk.analyze(connection, "transaction_fact")
    bulk.fresh_temporary(
        connection,
        "finding",
        "transaction_key TEXT PRIMARY KEY, receipt_id BIGINT, slip_id BIGINT, bill_id BIGINT, version_id BIGINT, evidence INTEGER",
    )
    bulk.run(connection, _FINDINGS.format(**bits))
    bulk.run(connection, "CREATE INDEX finding_by_slip ON finding (slip_id)")
    bulk.analyze(connection, "finding")


_FINDINGS = f"""
    INSERT INTO finding (transaction_key, receipt_id, slip_id, bill_id, version_id, evidence)
    SELECT e.transaction_key, e.receipt_id, e.slip_id, e.bill_id, e.version_id,
           CASE WHEN e.withdrawn = 1 THEN {{WITHDRAWN}} ELSE 0 END
         + CASE WHEN e.slip_id IS NULL THEN 0 ELSE {{SLIP_KNOWN}}
             + CASE WHEN e.number_right = 1 THEN {{NUMBER_RIGHT}} ELSE 0 END
             + CASE WHEN e.effect = 'cancelled' OR e.total_yen = 0 THEN {{CANCELLED}} ELSE 0 END
             + CASE WHEN e.superseded = 1 THEN {{SUPERSEDED}} ELSE 0 END
             + CASE WHEN e.number_right = 1 AND e.withdrawn = 0 AND e.place = 1 THEN {{FIRST}} ELSE 0 END
             + CASE WHEN e.amount_yen = e.total_yen THEN {{AMOUNT_EQUAL}} ELSE 0 END
             + CASE WHEN e.payable_until IS NULL OR e.paid_on <= e.payable_until THEN {{IN_TIME}} ELSE 0 END END
    FROM (
      SELECT c.*, ROW_NUMBER() OVER (
               PARTITION BY c.bill_id, c.number_right, c.withdrawn ORDER BY c.paid_on, c.transaction_key) AS place
      FROM (
        SELECT f.transaction_key, f.receipt_id, f.withdrawn, r.amount_yen, r.paid_on, s.id AS slip_id, s.bill_id, w.id AS version_id,
               CASE WHEN r.confirmation_number = s.confirmation_number THEN 1 ELSE 0 END AS number_right,
               CASE WHEN EXISTS (SELECT 1 FROM slip n WHERE n.bill_id = s.bill_id AND n.issue_count > s.issue_count) THEN 1 ELSE 0 END AS superseded,
               {CURRENT_EFFECT} AS effect, w.total_yen, w.payable_until
        FROM transaction_fact f JOIN receipt r ON r.id = f.receipt_id
        LEFT JOIN slip s ON s.institution_code = r.institution_code AND s.case_key = r.case_key
        LEFT JOIN bill b ON b.id = s.bill_id
        LEFT JOIN bill_version w ON w.id = {CURRENT_VERSION}
      ) c
    ) e"""


def record_outcomes(connection: Connection, at: str) -> int:
    """Append the outcomes that are new or have changed (or rest on another receipt) and take them off the work list; how many."""
    recorded = bulk.run(
        connection,
        """INSERT INTO outcome (transaction_key, receipt_id, slip_id, bill_id, version_id, outcome, evidence, at)
           SELECT f.transaction_key, f.receipt_id, f.slip_id, f.bill_id, f.version_id, k.outcome, f.evidence, :at
           FROM finding f JOIN outcome_rule k ON k.evidence = f.evidence
           LEFT JOIN outcome o ON o.id = (SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = f.transaction_key)
           WHERE o.id IS NULL OR o.outcome <> k.outcome OR o.receipt_id <> f.receipt_id ORDER BY f.transaction_key""",
        at=at,
    )
    # only what was picked: a receipt that arrived meanwhile has a row of its own and its turn next time
    bulk.run(connection, "DELETE FROM pending_receipt WHERE id IN (SELECT id FROM picked)")
    bulk.grown(connection, recorded, "outcome", "pending_receipt")
    return recorded


def advance_slips(connection: Connection, *, paying: Sequence[str], pay_from: Sequence[str], withdraw_from: Sequence[str], at: str) -> None:
    """Slips of touched transactions become paid when a paying outcome stands, and registered again when it was taken back."""
    bulk.fresh_temporary(connection, "touched_slip", "slip_id BIGINT PRIMARY KEY, pays INTEGER, state TEXT")
    bulk.run(
        connection,
        f"""INSERT INTO touched_slip (slip_id, pays, state)
            SELECT s.id, CASE WHEN EXISTS (SELECT 1 FROM finding f JOIN outcome_rule k ON k.evidence = f.evidence
                                           WHERE f.slip_id = s.id AND k.outcome IN ({words(paying)})) THEN 1 ELSE 0 END, {SLIP_STATE}
            FROM touched_bill b JOIN slip s ON s.bill_id = b.bill_id""",
    )
    for pays, before, state, event in ((1, pay_from, "paid", "pay"), (0, withdraw_from, "registered", "withdraw")):
        bulk.run(
            connection,
            f"""INSERT INTO slip_state (slip_id, state, event, cause, at)
                SELECT slip_id, CAST(:state AS TEXT), CAST(:event AS TEXT), 'reconcile', CAST(:at AS TEXT) FROM touched_slip
                WHERE pays = :pays AND state IN ({words(before)}) ORDER BY slip_id""",
            state=state, event=event, at=at, pays=pays,
        )  # fmt: skip


def words(values: Sequence[str]) -> str:
    """Words of our own closed lists as SQL literals."""
    assert all(value.replace("_", "").isalpha() for value in values)
    return ", ".join(f"'{value}'" for value in values)


def count_outcomes(connection: Connection, day: str | None, municipality_code: str | None = None) -> list[tuple[str, int, int]]:
    """(outcome, transactions, yen) as they stand now, of one business day or of all."""
    found = bulk.rows(
        connection,
        f"""SELECT o.outcome, COUNT(*), SUM(r.amount_yen) FROM outcome o JOIN receipt r ON r.id = o.receipt_id
            WHERE {NEWEST_OUTCOME} {"AND r.booked_on = :day" if day else ""} {"AND r.municipality_code = :code" if municipality_code else ""}
            GROUP BY o.outcome ORDER BY o.outcome""",
        **({"day": day} if day else {}), **({"code": municipality_code} if municipality_code else {}),
    )  # fmt: skip
    return [(str(name), int(count), int(yen)) for name, count, yen in found]
