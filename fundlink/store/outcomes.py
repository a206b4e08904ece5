"""The set work of reconcile: evidence of every judged transaction as bits in one join, outcome by the loaded table.

Called by pipeline.reconcile, which hands in the bits and the rules: no rule of the trade is written in this SQL.
What is judged is what ``store.touched`` has laid out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy.engine import Connection

from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.store import bulk, preliminaries, scoped
from fundlink.store.bills import SLIP_STATE
from fundlink.store.moves import net_on_bill

NEWEST_OUTCOME = "o.id = (SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = o.transaction_key)"
_CHANGED = "(f.before_outcome IS NULL OR f.before_outcome <> f.outcome OR f.before_receipt_id <> f.receipt_id)"


def load_rules(connection: Connection, rules: Iterable[tuple[int, str, str]]) -> None:
    """Make the table from evidence to outcome the one of this program."""
    wanted = list(rules)
    stored = [tuple(row) for row in bulk.rows(connection, "SELECT evidence, outcome, rule FROM outcome_rule ORDER BY evidence")]
    if stored != wanted:
        bulk.run(connection, "DELETE FROM outcome_rule")
        bulk.insert_rows(connection, "outcome_rule", ("evidence", "outcome", "rule"), wanted)


def gather_evidence(connection: Connection, bits: Mapping[str, int]) -> None:
    """Fill ``finding``: one row a judged transaction with slip, bill, version, evidence bits and the outcome they stand for."""
    bulk.fresh_temporary(connection, "ranked", "receipt_id BIGINT PRIMARY KEY, place BIGINT")
    bulk.run(connection, _RANKED)
    bulk.analyze(connection, "ranked")
    bulk.fresh_temporary(
        connection,
        "finding",
        """receipt_id BIGINT, transaction_key TEXT, slip_id BIGINT, bill_id BIGINT, version_id BIGINT, evidence INTEGER, outcome TEXT,
           before_outcome TEXT, before_receipt_id BIGINT, before_slip_id BIGINT""",
    )
    acted = bulk.scalar(connection, "SELECT 1 FROM act_move WHERE bill_id IS NOT NULL LIMIT 1") is not None
    bulk.run(connection, _FINDINGS.format(**bits, **(_ACTED if acted else _NOT_ACTED)))
    bulk.analyze(connection, "finding")


_RANKS = "j.bill_id IS NOT NULL AND j.number_right = 1 AND j.withdrawn = 0"
# only bills with several payments are ranked; everywhere else the only one is the first
_RANKED = f"""
    INSERT INTO ranked (receipt_id, place)
    SELECT j.receipt_id, ROW_NUMBER() OVER (PARTITION BY j.bill_id ORDER BY j.paid_on, j.transaction_key)
    FROM judged j WHERE {_RANKS} AND j.bill_id IN (SELECT j.bill_id FROM judged j WHERE {_RANKS} GROUP BY j.bill_id HAVING COUNT(*) > 1)"""

# bills that acts have paid with other payments, or written off; asked only where there are such acts at all
_ACTED = {
    name: f"{net_on_bill((account,), 'j.bill_id', 'AND m.transaction_key <> j.transaction_key')} > 0"
    for name, account in (("PAID_BY_ACT", "collected"), ("WRITTEN_OFF", "written_off"))
}
_NOT_ACTED = {"PAID_BY_ACT": "FALSE", "WRITTEN_OFF": "FALSE"}

_FINDINGS = """
    INSERT INTO finding (receipt_id, transaction_key, slip_id, bill_id, version_id, evidence, outcome,
                         before_outcome, before_receipt_id, before_slip_id)
    SELECT e.receipt_id, e.transaction_key, e.slip_id, e.bill_id, e.version_id, e.evidence, k.outcome,
           e.before_outcome, e.before_receipt_id, e.before_slip_id
    FROM (
      SELECT j.receipt_id, j.transaction_key, j.slip_id, j.bill_id, w.id AS version_id, j.before_outcome, j.before_receipt_id, j.before_slip_id,
             CASE WHEN j.withdrawn = 1 THEN {WITHDRAWN} ELSE 0 END
           + CASE WHEN j.slip_id IS NULL THEN 0 ELSE {SLIP_KNOWN}
               + CASE WHEN j.number_right = 1 THEN {NUMBER_RIGHT} ELSE 0 END
               + CASE WHEN n.effect = 'cancelled' OR w.total_yen = 0 OR {WRITTEN_OFF} THEN {CANCELLED} ELSE 0 END
               + CASE WHEN EXISTS (SELECT 1 FROM slip s WHERE s.bill_id = j.bill_id AND s.issue_count > j.issue_count AND s.issue_count > 1)
                   THEN {SUPERSEDED} ELSE 0 END
               + CASE WHEN j.number_right = 1 AND j.withdrawn = 0 AND COALESCE(v.place, 1) = 1 AND NOT {PAID_BY_ACT} THEN {FIRST} ELSE 0 END
               + CASE WHEN j.amount_yen = w.total_yen THEN {AMOUNT_EQUAL} ELSE 0 END
               + CASE WHEN w.payable_until IS NULL OR j.paid_on <= w.payable_until THEN {IN_TIME} ELSE 0 END END AS evidence
      FROM judged j LEFT JOIN ranked v ON v.receipt_id = j.receipt_id
      LEFT JOIN revision n ON n.id = (SELECT MAX(r.id) FROM revision r WHERE r.bill_id = j.bill_id AND r.effect <> 'conflict')
      LEFT JOIN bill_version w ON w.id = COALESCE(n.version_id, j.bill_id)
    ) e LEFT JOIN outcome_rule k ON k.evidence = e.evidence"""


def record_outcomes(connection: Connection, at: str) -> int:
    """Append the outcomes that are new or have changed (or rest on another receipt) and take them off the work list; how many."""
    before = bulk.newest_id(connection, "outcome")
    recorded = bulk.run(
        connection,
        f"""INSERT INTO outcome (transaction_key, receipt_id, slip_id, bill_id, version_id, outcome, evidence, at)
           SELECT f.transaction_key, f.receipt_id, f.slip_id, f.bill_id, f.version_id, f.outcome, f.evidence, :at
           FROM finding f WHERE {_CHANGED} ORDER BY f.transaction_key""",
        at=at,
    )
    preliminaries.keep_list(connection)
    # only what was picked: a receipt that arrived meanwhile has a row of its own and its turn next time
    bulk.run(connection, "DELETE FROM pending_receipt WHERE id IN (SELECT id FROM picked)")
    bulk.grown(connection, recorded, "outcome")
    if recorded:
        _add_up(connection, before)
    return recorded


def _add_up(connection: Connection, before: int) -> None:
    """Totals of day, fund and outcome follow what was recorded: the new outcome counts, the one it takes the place of no more."""
    bulk.fresh_temporary(
        connection, "moved", "municipality_code TEXT, day TEXT, fund_code TEXT, outcome TEXT, transactions BIGINT, yen BIGINT"
    )
    bulk.run(
        connection,
        f"""INSERT INTO moved (municipality_code, day, fund_code, outcome, transactions, yen)
            SELECT r.municipality_code, r.booked_on, r.fund_code, o.outcome, COUNT(*), SUM(r.amount_yen)
            FROM outcome o CROSS JOIN receipt r WHERE o.id > :before AND r.id = o.receipt_id
            GROUP BY r.municipality_code, r.booked_on, r.fund_code, o.outcome
            UNION ALL
            SELECT r.municipality_code, r.booked_on, r.fund_code, f.before_outcome, -COUNT(*), -SUM(r.amount_yen)
            FROM finding f CROSS JOIN receipt r WHERE f.before_outcome IS NOT NULL AND {_CHANGED} AND r.id = f.before_receipt_id
            GROUP BY r.municipality_code, r.booked_on, r.fund_code, f.before_outcome""",
        before=before,
    )
    bulk.analyze(connection, "moved")
    until = bulk.newest_id(connection, "outcome_total")
    for day, fund, group in (("m.day", "m.fund_code", "m.day, m.fund_code,"), ("''", "''", "")):
        bulk.run(connection, _TOTALS.format(day=day, fund=fund, group=group))
    bulk.keep_newest(connection, "outcome_total", ("municipality_code", "day", "fund_code", "outcome"), after=until)


_TOTALS = """
    INSERT INTO outcome_total (municipality_code, day, fund_code, outcome, transactions, yen)
    SELECT d.municipality_code, d.day, d.fund_code, d.outcome, d.transactions + COALESCE(t.transactions, 0), d.yen + COALESCE(t.yen, 0)
    FROM (SELECT m.municipality_code, {day} AS day, {fund} AS fund_code, m.outcome, SUM(m.transactions) AS transactions, SUM(m.yen) AS yen
          FROM moved m GROUP BY m.municipality_code, {group} m.outcome HAVING SUM(m.transactions) <> 0 OR SUM(m.yen) <> 0) d
    LEFT JOIN outcome_total t ON t.id = (
      SELECT MAX(x.id) FROM outcome_total x WHERE x.municipality_code = d.municipality_code AND x.day = d.day
        AND x.fund_code = d.fund_code AND x.outcome = d.outcome)
    ORDER BY d.municipality_code, d.day, d.fund_code, d.outcome"""


def advance_slips(connection: Connection, *, paying: Sequence[str], pay_from: Sequence[str], withdraw_from: Sequence[str], at: str) -> None:
    """Slips of judged transactions become paid when a paying outcome stands, and registered again when it was taken back."""
    pays, goes = f"f.outcome IN ({words(paying)})", f"f.before_outcome IN ({words(paying)})"
    left = f"SELECT DISTINCT f.before_slip_id AS id FROM finding f WHERE {goes} AND NOT ({pays} AND f.slip_id = f.before_slip_id)"
    # the payment it was cleared by left, and the one that pays it now is preliminary: it was handed over as nothing final
    bulk.run(
        connection,
        f"""INSERT INTO slip_state (slip_id, state, event, cause, at)
            SELECT s.id, 'registered', 'withdraw', 'reconcile', CAST(:at AS TEXT) FROM ({left}) s
            WHERE {SLIP_STATE} = 'cleared' AND s.id IN (
              SELECT f.slip_id FROM finding f
              WHERE {pays} AND COALESCE((SELECT r.stage FROM receipt r WHERE r.id = f.receipt_id), '') = 'preliminary')
            ORDER BY s.id""",
        at=at,
    )
    bulk.run(
        connection,
        f"""INSERT INTO slip_state (slip_id, state, event, cause, at)
            SELECT s.id, 'paid', 'pay', 'reconcile', CAST(:at AS TEXT) FROM (SELECT f.slip_id AS id FROM finding f WHERE {pays}) s
            WHERE {SLIP_STATE} IN ({words(pay_from)})""",
        at=at,
    )
    bulk.run(
        connection,
        f"""INSERT INTO slip_state (slip_id, state, event, cause, at)
            SELECT s.id, 'registered', 'withdraw', 'reconcile', CAST(:at AS TEXT)
            FROM ({left}) s
            WHERE {SLIP_STATE} IN ({words(withdraw_from)}) AND {_NOT_PAID.format(words(paying))} ORDER BY s.id""",
        at=at,
    )


# written as a scalar, it is looked up slip by slip; as NOT EXISTS it tempts PostgreSQL into reading all receipts once
_NOT_PAID = """
    COALESCE((SELECT 1 FROM slip p CROSS JOIN receipt r CROSS JOIN outcome o
              WHERE p.id = s.id AND r.institution_code = p.institution_code AND r.case_key = p.case_key AND o.slip_id = p.id
                AND o.id = (SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = r.transaction_key) AND o.outcome IN ({}) LIMIT 1), 0) = 0"""


def words(values: Sequence[str]) -> str:
    """Words of our own closed lists as SQL literals."""
    assert all(value.replace("_", "").isalpha() for value in values)
    return ", ".join(f"'{value}'" for value in values)


# the totals that stand, of a day by its funds ('' = all days together)
NEWEST_TOTALS = """
    t.id IN (SELECT MAX(x.id) FROM municipality m CROSS JOIN outcome_total x WHERE x.municipality_code = m.code AND {}
             GROUP BY x.municipality_code, x.day, x.fund_code, x.outcome)"""


def count_outcomes(connection: Connection, day: str | None, municipality_code: str | None = None, *, scope: Scope = EVERYWHERE) -> list[tuple[str, int, int]]:  # fmt: skip
    """(outcome, transactions, yen) as they stand now, of one business day or of all."""
    inside, held = scoped.within(scope, "m.code")
    which = f"x.day = :day{' AND m.code = :code' if municipality_code else ''}{inside}"
    found = bulk.rows(
        connection,
        f"""SELECT t.outcome, SUM(t.transactions), SUM(t.yen) FROM outcome_total t
            WHERE {NEWEST_TOTALS.format(which)} GROUP BY t.outcome HAVING SUM(t.transactions) <> 0 ORDER BY t.outcome""",
        day=day or "", **({"code": municipality_code} if municipality_code else {}), **held,
    )  # fmt: skip
    return [(str(name), int(count), int(yen)) for name, count, yen in found]
