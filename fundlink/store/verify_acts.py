"""What manual acts must never break, checked by SQL of its own. Called by verify; shares no query with the code that writes.

An act that later facts overtook is a case of its own and may leave an account below zero until it is reversed; every other
balance is counted.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata

import sqlalchemy as sa
from sqlalchemy.engine import Connection

_LAST = "o.id = (SELECT MAX(z.id) FROM outcome z WHERE z.transaction_key = o.transaction_key)"
_OPENED = "CASE WHEN {0} IN ('matched', 'paid_after_limit') THEN 'collected' WHEN {0} = 'withdrawn' THEN '' ELSE 'suspense' END"
_OVERTAKEN = f"""EXISTS (
    SELECT 1 FROM act_ground g JOIN outcome p ON p.id = g.outcome_id JOIN receipt q ON q.id = p.receipt_id
    JOIN outcome o ON o.transaction_key = g.transaction_key JOIN receipt r ON r.id = o.receipt_id
    WHERE g.transaction_key = x.transaction_key AND {_LAST}
      AND ({_OPENED.format("o.outcome")} <> {_OPENED.format("p.outcome")} OR q.amount_yen <> r.amount_yen))"""

BALANCES = f"""
    SELECT (SELECT COUNT(*) FROM (
              SELECT x.transaction_key, x.account FROM (
                SELECT m.transaction_key, m.to_account AS account, m.yen FROM act_move m WHERE m.transaction_key <> ''
                UNION ALL SELECT m.transaction_key, m.from_account, -m.yen FROM act_move m WHERE m.transaction_key <> ''
                UNION ALL SELECT o.transaction_key, {_OPENED.format("o.outcome")}, r.amount_yen FROM outcome o JOIN receipt r ON r.id = o.receipt_id
                WHERE {_LAST} AND o.outcome <> 'withdrawn' AND o.transaction_key IN (SELECT k.transaction_key FROM act_move k)) x
              WHERE NOT {_OVERTAKEN} GROUP BY x.transaction_key, x.account HAVING SUM(x.yen) < 0) n)
         + (SELECT COUNT(*) FROM act_move m WHERE m.transaction_key <> ''
            AND (m.from_account NOT IN ('collected', 'overpaid', 'suspense', 'refunded') OR m.to_account = m.from_account
                 OR m.to_account NOT IN ('collected', 'overpaid', 'suspense', 'refunded')
                 OR NOT EXISTS (SELECT 1 FROM receipt r WHERE r.transaction_key = m.transaction_key)))
         + (SELECT COUNT(*) FROM act_move m WHERE m.transaction_key = ''
            AND (m.bill_id IS NULL OR (m.from_account || '>' || m.to_account) NOT IN ('>written_off', 'written_off>')))"""
"""Payments whose yen were made, lost or spent twice by acts."""

_SIGN = "CASE WHEN m.to_account IN ({0}) THEN m.yen ELSE 0 END - CASE WHEN m.from_account IN ({0}) THEN m.yen ELSE 0 END"
OUTSTANDING = f"""
    SELECT COUNT(*) FROM (
      SELECT k.bill_id, k.moved, v.total_yen,
             COALESCE((SELECT SUM(r.amount_yen) FROM slip s JOIN receipt r ON r.institution_code = s.institution_code AND r.case_key = s.case_key
                       JOIN outcome o ON o.transaction_key = r.transaction_key AND o.receipt_id = r.id AND o.bill_id = k.bill_id
                       WHERE s.bill_id = k.bill_id AND {_LAST} AND o.outcome IN ('matched', 'paid_after_limit')), 0) AS own
      FROM (SELECT m.bill_id, SUM({_SIGN.format("'collected', 'written_off'")}) AS moved FROM act_move m
            WHERE m.bill_id IS NOT NULL GROUP BY m.bill_id) k
      JOIN bill_version v ON v.id = COALESCE((SELECT n.version_id FROM revision n WHERE n.id = (
        SELECT MAX(y.id) FROM revision y WHERE y.bill_id = k.bill_id AND y.effect <> 'conflict')), k.bill_id)) q
    WHERE q.own + q.moved > q.total_yen OR q.own + q.moved < 0"""
"""Bills with acts on which more lies than is charged, or less than nothing."""

_NEWEST_MOVED = """
    (SELECT e.transaction_key, e.outcome_id FROM moved_entry v JOIN clearing_entry e ON e.entry_number = v.entry_number
     WHERE e.stage <> '9' AND e.entry_number = (SELECT MAX(y.entry_number) FROM clearing_entry y WHERE y.transaction_key = e.transaction_key))"""
IS_SPREAD = f"o.transaction_key IN (SELECT n.transaction_key FROM {_NEWEST_MOVED} n)"
"""Condition on ``outcome o``: acts have spread what core systems were told of this payment."""
PARTS = f"""
    SELECT COUNT(*) FROM {_NEWEST_MOVED} n JOIN outcome p ON p.id = n.outcome_id JOIN receipt r ON r.id = p.receipt_id
    WHERE r.amount_yen <> (SELECT SUM(v.yen) FROM moved_entry v JOIN clearing_entry e ON e.entry_number = v.entry_number
      WHERE e.transaction_key = n.transaction_key AND e.stage <> '9' AND e.entry_number > COALESCE(
        (SELECT MAX(w.entry_number) FROM clearing_entry w WHERE w.transaction_key = n.transaction_key AND w.stage = '9'), 0))"""
"""Payments whose parts, as core systems believe them, are not the payment."""


def two_persons(connection: Connection) -> tuple[int, int]:
    """Acts that were carried out: by another person than prepared them, exactly as prepared; and every desk act with its approver."""
    acts = connection.execute(
        sa.text(
            """SELECT a.id, a.content, a.content_sha256, a.prepared_by, e."by" FROM act a
               JOIN act_event e ON e.act_id = a.id AND e.event = 'carried_out' ORDER BY a.id"""
        )
    ).all()
    done: dict[int, list[tuple[str, ...]]] = {}
    for act_id, *move in connection.execute(
        sa.text("SELECT act_id, transaction_key, from_account, to_account, yen, fund_code, fiscal_year, value_on FROM act_move")
    ):
        done.setdefault(act_id, []).append(tuple(map(str, move)))
    broken = len(done.keys() - {row[0] for row in acts})
    for act_id, content, sha256, prepared_by, approved_by in acts:
        said = sorted(_said(move) for move in json.loads(content)["moves"])
        wrong = _one(prepared_by) == _one(approved_by) or hashlib.sha256(content.encode()).hexdigest() != sha256
        broken += wrong or said != sorted(done.get(act_id, []))
    proposals = connection.execute(
        sa.text(
            """SELECT p.content, p.content_sha256, p.prepared_by, e."by" FROM proposal p
               JOIN proposal_end e ON e.proposal_id = p.id AND e.event = 'carried_out'"""
        )
    ).all()
    broken += sum(
        _one(one) == _one(other) or hashlib.sha256(content.encode()).hexdigest() != sha256 for content, sha256, one, other in proposals
    )
    told = connection.execute(sa.text("SELECT actor, detail FROM audit WHERE act LIKE 'desk.%'")).all()
    broken += sum(_one(actor) == _one(str(json.loads(detail).get("approved_by", ""))) for actor, detail in told)
    named = [row for query in _NAMED for row in connection.execute(sa.text(query))]
    broken += sum(_one(by) == _one(approved_by) for by, approved_by in named)
    return len(acts) + len(proposals) + len(told) + len(named), broken


# what two persons decided and the tables say so themselves; the program alone registers an account only while trying out
_NAMED = (
    """SELECT "by", approved_by FROM bank_account WHERE "by" <> 'fundlink'""",
    "SELECT decided_by, approved_by FROM settling WHERE decided_by <> ''",
    """SELECT "by", approved_by FROM absence_waiver""",
)


def _said(move: dict[str, object]) -> tuple[str, ...]:
    names = ("transaction_key", "from_account", "to_account", "yen", "fund_code", "fiscal_year", "value_on")
    return tuple(str(move[name]) for name in names)


def _one(name: str) -> str:
    """A name as it is compared, written once more on purpose."""
    return unicodedata.normalize("NFKC", name).casefold().strip()
