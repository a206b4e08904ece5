"""The invariants, checked by SQL of its own: shares no query with the code that writes.

Called by ``fundlink verify``. Each row of CHECKS counts what it looked at and what breaks the rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.domain.states import TRANSITIONS
from fundlink.store import ledger, verify_acts, verify_audit, verify_books, verify_facts, verify_files, verify_messages, verify_tellings
from fundlink.store.engine import Store


class Check(NamedTuple):
    """An invariant as two queries: how many things were looked at, how many break it."""

    id: str
    what: str
    looked_at: str
    broken: str


_LAST = "(SELECT MAX(z.id) FROM outcome z WHERE z.transaction_key = o.transaction_key)"
# something of this transaction waits for reconcile, so its outcome may be about to change
_WAITS = """EXISTS (SELECT 1 FROM receipt z JOIN pending_receipt y ON y.received_id = z.received_id AND z.id > y.after_id AND z.id <= y.last_id
                    WHERE z.transaction_key = {})"""
_SUSPENSE = """('unknown_bill', 'wrong_confirmation_number', 'paid_after_cancel', 'paid_after_supersede', 'duplicate_payment',
                'amount_mismatch', 'undetermined')"""
_STANDS = "NOT EXISTS (SELECT 1 FROM settling z WHERE z.withdraws = l.settling_id)"

CHECKS: tuple[Check, ...] = (
    Check(
        "I-01",
        "すべての収納取引にちょうど 1 つの判定があり、処理はその金額を増やしも減らしもしない",
        "SELECT COUNT(DISTINCT transaction_key) FROM receipt",
        f"""SELECT (SELECT COUNT(*) FROM (SELECT DISTINCT transaction_key FROM receipt) r
           WHERE NOT EXISTS (SELECT 1 FROM outcome o WHERE o.transaction_key = r.transaction_key)
             AND NOT EXISTS (SELECT 1 FROM receipt q JOIN pending_receipt p ON p.received_id = q.received_id
                             WHERE q.transaction_key = r.transaction_key)) + ({verify_acts.BALANCES})""",
    ),
    Check(
        "I-02",
        "日・公金種目ごとの収納額が判定ごとの合計と等しい",
        "SELECT COUNT(*) FROM day_state",
        f"""SELECT COUNT(*) FROM day_state d WHERE d.fund_code <> '' AND d.id = (SELECT MAX(y.id) FROM day_state y
              WHERE y.day = d.day AND y.municipality_code = d.municipality_code AND y.fund_code = d.fund_code)
            AND d.receipts_yen <> COALESCE((SELECT SUM(r.amount_yen) FROM outcome o JOIN receipt r ON r.id = o.receipt_id
              WHERE o.id = {_LAST} AND o.outcome <> 'withdrawn' AND r.booked_on = d.day
                AND r.municipality_code = d.municipality_code AND r.fund_code = d.fund_code), 0)
            AND NOT EXISTS (SELECT 1 FROM pending_receipt)
            AND NOT EXISTS (SELECT 1 FROM outcome o JOIN receipt r ON r.transaction_key = o.transaction_key
              WHERE o.id > COALESCE((SELECT k.until_id FROM mark k WHERE k.name = 'outcomes in days' ORDER BY k.id DESC LIMIT 1), 0)
                AND r.booked_on = d.day AND r.municipality_code = d.municipality_code)""",
    ),
    Check(
        "C-01",
        "団体・公金種目ごとに、発番＝収納済＋未納＋取消＋期限切れ（納付書 1 枚がちょうど 1 つに入る）",
        "SELECT COUNT(*) FROM slip",
        f"""SELECT COUNT(*) FROM (
              SELECT s.id, COALESCE((SELECT t.state FROM slip_state t WHERE t.slip_id = s.id ORDER BY t.id DESC LIMIT 1), 'issued') AS state,
                     COALESCE(p.payments, 0) AS payments, CASE WHEN a.yen > 0 THEN 1 ELSE 0 END AS lifted
              FROM slip s LEFT JOIN (SELECT m.bill_id, SUM(CASE WHEN m.to_account IN ('collected', 'written_off') THEN m.yen ELSE 0 END
                  - CASE WHEN m.from_account IN ('collected', 'written_off') THEN m.yen ELSE 0 END) AS yen
                FROM act_move m WHERE m.bill_id IS NOT NULL GROUP BY m.bill_id) a ON a.bill_id = s.bill_id LEFT JOIN (SELECT o.slip_id, COUNT(*) AS payments FROM outcome o WHERE o.id = {_LAST}
                AND o.outcome IN ('matched', 'paid_after_limit') GROUP BY o.slip_id) p ON p.slip_id = s.id) x
            WHERE (CASE WHEN x.payments > 0 OR (x.lifted = 1 AND x.state IN ('paid', 'settled', 'cleared')) THEN 1 ELSE 0 END)
                + (CASE WHEN x.state IN ('issued', 'registered', 'refused', 'unknown') THEN 1 ELSE 0 END)
                + (CASE WHEN x.state IN ('cancelled', 'superseded') THEN 1 ELSE 0 END)
                + (CASE WHEN x.state = 'expired' THEN 1 ELSE 0 END) <> 1
               OR x.payments > 1""",
    ),
    Check(
        "C-02",
        "団体・公金種目ごとに、収納＝消込＋別段預り（件数と円）",
        "SELECT COUNT(DISTINCT transaction_key) FROM receipt",
        f"""SELECT COUNT(*) FROM (SELECT x.code, x.fund, SUM(x.n) AS n, SUM(x.yen) AS yen FROM (
              SELECT r.municipality_code AS code, r.fund_code AS fund, 1 AS n, r.amount_yen AS yen FROM receipt r
              WHERE (r.stage = 'confirmed' OR (r.stage = 'preliminary' AND NOT EXISTS (
                       SELECT 1 FROM receipt q WHERE q.transaction_key = r.transaction_key AND q.stage = 'confirmed')))
                AND NOT EXISTS (SELECT 1 FROM receipt q WHERE q.transaction_key = r.transaction_key AND q.stage = 'cancelled')
                AND NOT {_WAITS.format("r.transaction_key")}
              UNION ALL SELECT r.municipality_code, r.fund_code, -1, -r.amount_yen FROM outcome o JOIN receipt r ON r.id = o.receipt_id
              WHERE o.id = {_LAST} AND (o.outcome IN ('matched', 'paid_after_limit') OR o.outcome IN {_SUSPENSE})
                AND NOT {_WAITS.format("o.transaction_key")}) x
            GROUP BY x.code, x.fund) y WHERE y.n <> 0 OR y.yen <> 0""",
    ),
    Check(
        "C-03",
        "取り込んだファイルの連番は進むだけで、飛びは記録してある",
        "SELECT COUNT(*) FROM file_position WHERE sequence IS NOT NULL",
        """SELECT (SELECT COUNT(*) FROM file_position p WHERE p.sequence <= (
                     SELECT q.sequence FROM file_position q JOIN file_event e ON e.file_id = q.file_id AND e.event = 'accepted'
                     WHERE q.stream = p.stream AND q.id < p.id AND q.sequence IS NOT NULL
                       AND NOT EXISTS (SELECT 1 FROM file_event b WHERE b.file_id = q.file_id AND b.event = 'rolled_back')
                     ORDER BY q.id DESC LIMIT 1) AND p.sequence_order <> 'restart'
                     AND NOT EXISTS (SELECT 1 FROM file_event b WHERE b.file_id = p.file_id AND b.event = 'rolled_back'))
                + (SELECT COUNT(*) FROM file_position p WHERE p.sequence_order = 'next' AND NOT EXISTS (
                     SELECT 1 FROM file_position q WHERE q.stream = p.stream AND q.id < p.id AND q.sequence = p.sequence - 1))
                + (SELECT COUNT(*) FROM file_position p WHERE NOT EXISTS (
                     SELECT 1 FROM file_event e WHERE e.file_id = p.file_id AND e.event = 'accepted'))""",
    ),
    Check(
        "I-20",
        "未納の一覧は、拠り所の日の収納がすべて届き、判定されたあとに出ている",
        "SELECT COUNT(*) FROM unpaid_list",
        """SELECT (SELECT COUNT(*) FROM unpaid_list_day d JOIN unpaid_list u ON u.id = d.list_id
                   WHERE NOT EXISTS (SELECT 1 FROM received_file f WHERE f.municipality_code = u.municipality_code AND f.kind = 'receipt'
                                     AND f.business_day = d.business_day AND f.state = 'applied' AND f.id <= u.last_received_id)
                     AND NOT EXISTS (SELECT 1 FROM absence_waiver w WHERE w.municipality_code = u.municipality_code
                                     AND w.kind = 'receipt' AND w.business_day = d.business_day AND w.at <= u.at))
                + (SELECT COUNT(*) FROM receipt r WHERE COALESCE(
                     (SELECT MIN(o.id) FROM outcome o WHERE o.transaction_key = r.transaction_key), 9223372036854775807) > (
                     SELECT u.last_outcome_id FROM unpaid_list u WHERE u.municipality_code = r.municipality_code
                       AND u.last_received_id >= r.received_id ORDER BY u.id LIMIT 1))
                + (SELECT COUNT(*) FROM unpaid_list u WHERE NOT EXISTS (SELECT 1 FROM unpaid_list_day d WHERE d.list_id = u.id))
                + (SELECT COUNT(*) FROM unpaid_list u WHERE u.bills <> COALESCE((SELECT SUM(f.bills) FROM unpaid_list_file f
                     WHERE f.list_id = u.id), 0) OR u.yen <> COALESCE((SELECT SUM(f.yen) FROM unpaid_list_file f WHERE f.list_id = u.id), 0))""",
    ),
    Check(
        "I-35",
        "判定ごとの合計（団体・日・公金種目）が、取引を数え直した値と等しい",
        "SELECT COUNT(*) FROM outcome_total",
        f"""SELECT COUNT(*) FROM (
              SELECT t.municipality_code AS code, t.day, t.fund_code AS fund, t.outcome, SUM(t.n) AS n, SUM(t.yen) AS yen FROM (
                SELECT t.municipality_code, t.day, t.fund_code, t.outcome, t.transactions AS n, t.yen FROM outcome_total t
                WHERE t.id = (SELECT MAX(y.id) FROM outcome_total y WHERE y.municipality_code = t.municipality_code
                              AND y.day = t.day AND y.fund_code = t.fund_code AND y.outcome = t.outcome)
                UNION ALL SELECT r.municipality_code, r.booked_on, r.fund_code, o.outcome, -1, -r.amount_yen
                FROM outcome o JOIN receipt r ON r.id = o.receipt_id WHERE o.id = {_LAST}
                UNION ALL SELECT r.municipality_code, '', '', o.outcome, -1, -r.amount_yen
                FROM outcome o JOIN receipt r ON r.id = o.receipt_id WHERE o.id = {_LAST}) t
              GROUP BY t.municipality_code, t.day, t.fund_code, t.outcome) x WHERE x.n <> 0 OR x.yen <> 0""",
    ),
    Check(
        "I-36",
        "清算の等式が成り立ち、1 つの払込・入金が 2 つの清算に入らない",
        f"SELECT COUNT(DISTINCT l.settling_id) FROM settling_line l WHERE {_STANDS}",
        f"""SELECT (SELECT COUNT(*) FROM (SELECT l.settling_id FROM settling_line l WHERE {_STANDS} GROUP BY l.settling_id
                     HAVING SUM(CASE WHEN l.credit_id IS NULL THEN l.yen ELSE -l.yen END) <> 0) a)
                 + (SELECT COUNT(*) FROM (SELECT l.settlement_key FROM settling_line l WHERE l.settlement_key <> '' AND {_STANDS}
                     GROUP BY l.settlement_key HAVING COUNT(*) > 1) b)
                 + (SELECT COUNT(*) FROM (SELECT l.credit_id FROM settling_line l WHERE l.credit_id IS NOT NULL AND {_STANDS}
                     GROUP BY l.credit_id HAVING COUNT(*) > 1) c)
                 + (SELECT COUNT(*) FROM settling_line l JOIN settling s ON s.id = l.settling_id
                     LEFT JOIN settlement t ON t.settlement_key = l.settlement_key AND t.edition = l.edition
                     WHERE l.settlement_key <> '' AND (t.id IS NULL OR t.municipality_code <> s.municipality_code
                       OR l.yen <> CASE s.fee WHEN 'apart' THEN t.gross_yen ELSE t.net_yen END))
                 + (SELECT COUNT(*) FROM settling_line l JOIN settling s ON s.id = l.settling_id LEFT JOIN bank_credit c ON c.id = l.credit_id
                     WHERE l.credit_id IS NOT NULL AND (c.id IS NULL OR c.municipality_code <> s.municipality_code
                       OR l.yen <> c.amount_yen * CASE WHEN (c.direction = '1') = (c.cancelled <> '1') THEN 1 ELSE -1 END))""",
    ),
    Check(
        "I-04",
        "1 つの請求に有効な納付は 1 つだけで、当てた額は請求額を超えない",
        "SELECT COUNT(DISTINCT bill_id) FROM outcome WHERE bill_id IS NOT NULL",
        f"""SELECT (SELECT COUNT(*) FROM (SELECT o.bill_id FROM outcome o WHERE o.id = {_LAST}
              AND o.outcome IN ('matched', 'amount_mismatch', 'paid_after_limit', 'paid_after_cancel', 'paid_after_supersede')
            GROUP BY o.bill_id HAVING COUNT(*) > 1) x) + ({verify_acts.OUTSTANDING})""",
    ),
    Check(
        "I-10",
        "すべての収納が、受信したファイルの 1 か所を指す",
        "SELECT COUNT(*) FROM receipt",
        """SELECT (SELECT COUNT(*) FROM receipt r LEFT JOIN received_file f ON f.id = r.received_id
                   WHERE f.id IS NULL OR f.state <> 'applied' OR r.position < 1)
                + (SELECT COUNT(*) FROM (SELECT received_id, position FROM receipt GROUP BY received_id, position HAVING COUNT(*) > 1) x)""",
    ),
    Check(
        "I-12",
        "再送は収納を増やさない（取引番号と段階で一意）",
        "SELECT COUNT(*) FROM receipt",
        "SELECT COUNT(*) FROM (SELECT transaction_key, stage FROM receipt GROUP BY transaction_key, stage HAVING COUNT(*) > 1) x",
    ),
    Check(
        "I-13",
        "取り消した消込は、元の消込と対になる",
        "SELECT COUNT(*) FROM clearing_entry WHERE stage = '9'",
        """SELECT COUNT(*) FROM clearing_entry w WHERE w.stage = '9' AND NOT EXISTS (
             SELECT 1 FROM clearing_entry e WHERE e.transaction_key = w.transaction_key AND e.outcome_id = w.outcome_id
               AND e.stage <> '9' AND e.entry_number < w.entry_number)""",
    ),
    Check(
        "I-21",
        "消込の番号に欠けがなく、支払サイトのファイルの連番は、飛びと重なりが記録してある",
        "SELECT COUNT(*) FROM clearing_entry",
        """SELECT (SELECT COALESCE(MAX(entry_number), 0) - COUNT(*) FROM clearing_entry) + (SELECT COUNT(*) FROM (
             SELECT f.sequence, f.sequence_order AS told, MAX(f.sequence) OVER (PARTITION BY f.municipality_code ORDER BY f.id
                      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS highest
             FROM received_file f WHERE f.sequence IS NOT NULL) x
           WHERE (x.told = 'next' AND (x.highest IS NULL OR x.sequence <> x.highest + 1)) OR (x.told = 'first' AND x.highest IS NOT NULL)
              OR (x.told = 'gap' AND (x.highest IS NULL OR x.sequence <= x.highest + 1)) OR (x.told = 'late' AND x.sequence >= x.highest)
              OR (x.told = 'again' AND x.sequence > x.highest) OR x.told IS NULL)""",
    ),
    Check(
        "I-24",
        "ある団体の記録が、別の団体の請求を指さない",
        "SELECT COUNT(*) FROM slip",
        """SELECT (SELECT COUNT(*) FROM slip s LEFT JOIN bill b ON b.id = s.bill_id
                   WHERE b.id IS NULL OR s.municipality_code <> b.municipality_code)
                + (SELECT COUNT(*) FROM outcome o JOIN receipt r ON r.id = o.receipt_id JOIN bill b ON b.id = o.bill_id
                   WHERE r.municipality_code <> b.municipality_code)""",
    ),
    Check(
        "I-29",
        "現在の判定と、引き渡した消込が食い違わない",
        "SELECT COUNT(*) FROM clearing_entry",
        f"""SELECT ({verify_acts.PARTS}) + (SELECT COUNT(*) FROM outcome o WHERE o.id = {_LAST}
              AND o.id <= COALESCE((SELECT MAX(last_outcome_id) FROM export_mark), 0) AND NOT {verify_acts.IS_SPREAD}
              AND COALESCE((SELECT CASE WHEN e.stage = '9' THEN 'withdrawn' ELSE p.outcome END FROM clearing_entry e
                   JOIN outcome p ON p.id = e.outcome_id WHERE e.transaction_key = o.transaction_key
                   ORDER BY e.entry_number DESC LIMIT 1), 'withdrawn') <> o.outcome)""",
    ),
)


def verify(store: Store) -> dict[str, Any]:
    """Run every check: ``ok``, one object an invariant, and the hash of the ledger that they were found for."""
    with store.read() as connection:
        found = [_checked(connection, check) for check in CHECKS]
        found += [_timed(connection, ident, what, check) for ident, what, check in WALKS]
        ledger_sha256 = ledger.ledger_hash(connection)
    return {"ok": all(item["ok"] for item in found), "invariants": sorted(found, key=lambda item: str(item["id"])), "ledger": ledger_sha256}


def _checked(connection: Connection, check: Check) -> dict[str, Any]:
    looked_at = int(connection.scalar(sa.text(check.looked_at)) or 0)
    broken = int(connection.scalar(sa.text(check.broken)) or 0)
    return {
        "id": check.id,
        "ok": broken == 0,
        "checked": looked_at,
        "detail": check.what if not broken else f"{check.what}: 違反 {broken} 件",
    }


def _timed(connection: Connection, ident: str, what: str, check: Callable[[Connection], tuple[int, int]]) -> dict[str, Any]:
    looked_at, broken = check(connection)
    return {"id": ident, "ok": broken == 0, "checked": looked_at, "detail": what if not broken else f"{what}: 違反 {broken} 件"}


def _raw_bytes(connection: Connection) -> tuple[int, int]:
    """Recompute every digest from the kept pieces."""
    broken = looked_at = 0
    for raw_id, sha256, size in connection.execute(sa.text("SELECT id, sha256, size FROM raw ORDER BY id")).all():
        digest, found = hashlib.sha256(), 0
        seq = 0
        while (
            piece := connection.scalar(sa.text("SELECT data FROM raw_piece WHERE raw_id = :id AND seq = :seq"), {"id": raw_id, "seq": seq})
        ) is not None:
            digest.update(piece)
            found += len(piece)
            seq += 1
        looked_at += 1
        broken += digest.hexdigest() != sha256 or found != size
    return looked_at, broken


def _transitions(connection: Connection) -> tuple[int, int]:
    """Every stored step of a slip is a step of the table, from the state before it."""
    allowed = {(step.before, step.event, step.after) for step in TRANSITIONS}
    found = connection.execute(
        sa.text(
            """SELECT COALESCE(LAG(state) OVER (PARTITION BY slip_id ORDER BY id), 'issued') AS before, event, state, COUNT(*) OVER () FROM slip_state"""
        )
    )
    looked_at = broken = 0
    for before, event, after, _ in found:
        looked_at += 1
        broken += (before, event, after) not in allowed
    return looked_at, broken


WALKS: tuple[tuple[str, str, Callable[[Connection], tuple[int, int]]], ...] = (
    ("I-09", "保管したバイトの SHA-256 が受信時と同じ", _raw_bytes),
    ("I-22", "状態の移り変わりは、決められた表のとおり", _transitions),
    ("I-23", "処理は、準備した人と別の人が、準備されたとおりに実施した", verify_acts.two_persons),
    *verify_audit.WALKS,
    *verify_books.WALKS,
    *verify_facts.WALKS,
    *verify_files.WALKS,
    *verify_messages.WALKS,
    *verify_tellings.WALKS,
)
