"""The invariants of closed days and their books, by SQL of its own: I-03, I-17, I-18, I-19.

Called by ``store.verify``. Shares no query with the code that closes; only the form of the hash is the same. Each check gives
how many things it looked at and how many break it.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.domain.books import digest

_ACCOUNT = "CASE WHEN o.outcome IN ('matched', 'paid_after_limit') THEN 'collected' ELSE 'suspense' END"
_DEPARTMENT = "COALESCE(NULLIF(v.department_code, ''), '000')"
# what a close had seen: its receipts, each by its newest outcome up to the mark
_SEEN = """JOIN receipt r ON r.municipality_code = c.municipality_code
    JOIN outcome o ON o.transaction_key = r.transaction_key AND o.receipt_id = r.id AND o.outcome <> 'withdrawn'
      AND o.id = (SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = r.transaction_key AND x.id <= c.until_outcome_id)
    LEFT JOIN bill_version v ON v.id = o.version_id"""
_LAST_CLOSE = """c.step = 'approved' AND c.id = (
    SELECT MAX(y.id) FROM day_close y WHERE y.municipality_code = c.municipality_code AND y.step = 'approved')"""


def ties(connection: Connection) -> tuple[int, int]:
    """I-03: a day that is called tied, and the books of every day closed without a reason, tie three ways."""
    looked_at = _count(connection, "SELECT COUNT(*) FROM day_state WHERE state = 'tied'")
    looked_at += _count(connection, "SELECT COUNT(*) FROM day_close WHERE step = 'approved' AND reason = ''")
    broken = _count(
        connection,
        """SELECT COUNT(*) FROM day_state WHERE state = 'tied'
           AND (receipts_yen <> settled_yen OR settled_yen <> credited_yen + fee_yen OR difference_yen <> 0)""",
    )
    broken += _count(
        connection,
        """SELECT COUNT(*) FROM (
             SELECT b.municipality_code, b.day, b.fund_code, SUM(CASE WHEN b.source = 'receipt' THEN b.yen ELSE 0 END) AS received,
                    SUM(CASE WHEN b.account = 'settled' THEN b.yen ELSE 0 END) AS settled,
                    SUM(CASE WHEN b.account IN ('fee', 'credited') THEN b.yen ELSE 0 END) AS at_bank
             FROM day_book b JOIN day_close c ON c.municipality_code = b.municipality_code AND c.day = b.day
             WHERE c.step = 'approved' AND c.reason = '' AND b.value_on = b.day
             GROUP BY b.municipality_code, b.day, b.fund_code) t WHERE t.received <> t.settled OR t.settled <> t.at_bank""",
    )
    return looked_at, broken


def immutable(connection: Connection) -> tuple[int, int]:
    """I-17: every closed day still has its hash, and frozen rows with their compensations are the facts that the last close had seen."""
    closes = connection.execute(
        sa.text("SELECT municipality_code, day, books_sha256 FROM day_close WHERE step = 'approved' ORDER BY municipality_code, day")
    ).all()
    broken = sum(digest(code, day, _rows(connection, code, day)) != sha256 for code, day, sha256 in closes)
    orphans = "SELECT COUNT(*) FROM day_book b WHERE NOT EXISTS (SELECT 1 FROM day_close c WHERE c.municipality_code = b.municipality_code AND c.day = b.day AND c.step = 'approved')"  # fmt: skip
    broken += _count(connection, orphans)
    broken += sum(_count(connection, _UNEQUAL.format(facts=facts, source=source)) for source, facts in _FACTS)
    return len(closes), broken


def _rows(connection: Connection, code: str, day: str) -> list[list[object]]:
    found = connection.execute(
        sa.text(
            """SELECT fund_code, department_code, fiscal_year, year_kind, source, account, value_on, transactions, yen FROM day_book
               WHERE municipality_code = :code AND day = :day"""
        ),
        {"code": code, "day": day},
    )
    return [list(row) for row in found]


_UNEQUAL = """
    SELECT COUNT(*) FROM (
      SELECT q.code, q.value_on, q.fund, q.department, q.account FROM (
        SELECT b.municipality_code AS code, b.value_on, b.fund_code AS fund, CASE WHEN b.source = 'receipt' THEN b.department_code ELSE '' END AS department,
               b.account, b.transactions AS n, b.yen FROM day_book b WHERE b.source = '{source}'
        UNION ALL {facts}) q
      GROUP BY q.code, q.value_on, q.fund, q.department, q.account HAVING SUM(q.n) <> 0 OR SUM(q.yen) <> 0) z"""
_MONEY = """SELECT d.municipality_code, d.day, d.fund_code, '', '{0}', 0, -d.{0}_yen FROM day_close c
    JOIN day_state d ON d.municipality_code = c.municipality_code AND d.day <= c.day
      AND d.id = (SELECT MAX(x.id) FROM day_state x WHERE x.day = d.day AND x.municipality_code = d.municipality_code
                  AND x.fund_code = d.fund_code AND x.id <= c.until_state_id)
    WHERE {1}"""
_MOVED = """SELECT m.municipality_code, m.value_on, m.fund_code, '', m.{0}_account, 0, {1}m.yen FROM day_close c
    JOIN act_move m ON m.municipality_code = c.municipality_code AND m.day <= c.day AND m.id <= c.until_move_id
    WHERE m.{0}_account <> '' AND {2}"""
_FACTS = (
    (
        "receipt",
        f"""SELECT r.municipality_code, r.booked_on, r.fund_code, {_DEPARTMENT}, {_ACCOUNT}, -1, -r.amount_yen
            FROM day_close c {_SEEN} WHERE r.booked_on <= c.day AND {_LAST_CLOSE}""",
    ),
    ("money", " UNION ALL ".join(_MONEY.format(name, _LAST_CLOSE) for name in ("settled", "fee", "credited"))),
    ("act", f"{_MOVED.format('to', '-', _LAST_CLOSE)} UNION ALL {_MOVED.format('from', '', _LAST_CLOSE)}"),
)


def in_order(connection: Connection) -> tuple[int, int]:
    """I-18: days close one after the other, once, prepared and approved by two persons for the same books, tied or with a reason."""
    looked_at = _count(connection, "SELECT COUNT(*) FROM day_close WHERE step = 'approved'")
    backwards = """SELECT COUNT(*) FROM (SELECT day, LAG(day) OVER (PARTITION BY municipality_code ORDER BY id) AS earlier
                   FROM day_close WHERE step = 'approved') t WHERE t.earlier >= t.day"""
    left_open = """SELECT COUNT(*) FROM day_close c WHERE c.step = 'approved' AND EXISTS (
                     SELECT 1 FROM day_state d WHERE d.municipality_code = c.municipality_code AND d.day < c.day AND d.id <= c.until_state_id
                       AND d.day > COALESCE((SELECT MAX(p.day) FROM day_close p WHERE p.municipality_code = c.municipality_code
                                             AND p.step = 'approved' AND p.id < c.id), ''))"""
    one_person = """SELECT COUNT(*) FROM day_close c WHERE c.step = 'approved' AND NOT EXISTS (
                      SELECT 1 FROM day_close p WHERE p.municipality_code = c.municipality_code AND p.day = c.day AND p.step = 'prepared'
                        AND p.id < c.id AND p."by" <> c."by" AND p.books_sha256 = c.books_sha256 AND p.sheet_sha256 = c.sheet_sha256
                        AND p.reason = c.reason)"""
    no_close = """SELECT COUNT(*) FROM day_state d WHERE d.state = 'closed' AND NOT EXISTS (
                    SELECT 1 FROM day_close c WHERE c.municipality_code = d.municipality_code AND c.day >= d.day AND c.step = 'approved')"""
    untied = f"""SELECT COUNT(*) FROM day_close c JOIN day_state d ON d.municipality_code = c.municipality_code AND d.day = c.day
                 WHERE c.step = 'approved' AND c.reason = '' AND d.id = ({_STATE_AT_CLOSE}) AND d.state NOT IN ('tied', 'closed')"""
    return looked_at, sum(_count(connection, query) for query in (backwards, left_open, one_person, no_close, untied))


_STATE_AT_CLOSE = """SELECT MAX(x.id) FROM day_state x WHERE x.day = d.day AND x.municipality_code = d.municipality_code
    AND x.fund_code = d.fund_code AND x.id <= c.until_state_id"""


def attributed(connection: Connection) -> tuple[int, int]:
    """I-19: every receipt stands in the books under its fiscal year, and nothing enters a year after it has closed."""
    looked_at = _count(connection, "SELECT COUNT(*) FROM day_book")
    too_late = """SELECT COUNT(*) FROM day_book b WHERE b.year_kind NOT IN ('current', 'carried_over') OR b.day > CAST(b.fiscal_year + 1 AS TEXT)
                  || CASE WHEN b.fund_code IN (SELECT e.fund_code FROM enterprise_fund e) THEN '-03-31' ELSE '-05-31' END"""
    return looked_at, _count(connection, too_late) + _count(connection, _OTHER_YEAR)


# the year of the calendar (April to March), and whether the bill's own year is still open on the day
_CALENDAR = "CAST(SUBSTR(r.booked_on, 1, 4) AS INTEGER) - CASE WHEN SUBSTR(r.booked_on, 6, 2) < '04' THEN 1 ELSE 0 END"
_OWN_YEAR = f"""(v.fiscal_year >= {_CALENDAR} OR (v.fiscal_year = {_CALENDAR} - 1 AND SUBSTR(r.booked_on, 6, 2) IN ('04', '05')
    AND r.fund_code NOT IN (SELECT e.fund_code FROM enterprise_fund e)))"""
_OTHER_YEAR = f"""
    SELECT COUNT(*) FROM (
      SELECT q.code, q.day, q.fund, q.department, q.fiscal_year, q.kind, q.account FROM (
        SELECT b.municipality_code AS code, b.day, b.fund_code AS fund, b.department_code AS department, b.fiscal_year, b.year_kind AS kind,
               b.account, b.transactions AS n, b.yen FROM day_book b WHERE b.source = 'receipt' AND b.value_on = b.day
        UNION ALL
        SELECT r.municipality_code, r.booked_on, r.fund_code, {_DEPARTMENT}, CASE WHEN {_OWN_YEAR} THEN v.fiscal_year ELSE {_CALENDAR} END,
               CASE WHEN v.fiscal_year IS NULL OR {_OWN_YEAR} THEN 'current' ELSE 'carried_over' END, {_ACCOUNT}, -1, -r.amount_yen
        FROM day_close c {_SEEN} WHERE c.step = 'approved' AND r.booked_on = c.day) q
      GROUP BY q.code, q.day, q.fund, q.department, q.fiscal_year, q.kind, q.account HAVING SUM(q.n) <> 0 OR SUM(q.yen) <> 0) z"""


def _count(connection: Connection, query: str) -> int:
    return int(connection.scalar(sa.text(query)) or 0)


WALKS = (
    ("I-03", "一致とした日と、理由なしに締めた日の帳簿は、収納＝払込＝入金＋手数料", ties),
    ("I-17", "締めた日の帳簿は変わらず、帳簿と訂正の合計が締めたときの事実と等しい", immutable),
    ("I-18", "日は古い順に、一致したか理由があるときだけ、2 人で締める", in_order),
    ("I-19", "すべての収納に会計年度があり、閉鎖した年度には何も入らない", attributed),
)
