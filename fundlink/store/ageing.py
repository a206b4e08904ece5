"""What stands in a state for too long: one query a subject and state, counted, with the oldest examples. Called by pipeline.absence.

The limits are data of the calendar profile; a query here only knows since when something stands as it does.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.bills import CURRENT_EFFECT, CURRENT_VERSION, SLIP_STATE
from fundlink.store.outcomes import NEWEST_OUTCOME
from fundlink.store.receipts import WAITING
from fundlink.store.settlings import COUNTS, STANDS

EXAMPLES = 5
_SLIP = """SELECT b.bill_key AS name, s.municipality_code AS code, SUBSTR(COALESCE((SELECT t.at FROM slip_state t WHERE t.slip_id = s.id
             ORDER BY t.id DESC LIMIT 1), s.issued_at), 1, 10) AS since, w.total_yen AS yen
           FROM slip s JOIN bill b ON b.id = s.bill_id JOIN bill_version w ON w.id = {version} WHERE {state} = '{wanted}'"""
_NEWEST_DAY = """d.id = (SELECT MAX(x.id) FROM day_state x
                 WHERE x.day = d.day AND x.municipality_code = d.municipality_code AND x.fund_code = d.fund_code)"""
_NEWEST_EDITION = "t.edition = (SELECT MAX(x.edition) FROM settlement x WHERE x.settlement_key = t.settlement_key)"


def _slip(wanted: str) -> str:
    return _SLIP.format(version=CURRENT_VERSION, state=SLIP_STATE, wanted=wanted)


def _day(state: str) -> str:
    return f"""SELECT d.day || ' ' || d.fund_code AS name, d.municipality_code AS code, d.day AS since, d.difference_yen AS yen
               FROM day_state d WHERE {_NEWEST_DAY} AND d.state = '{state}'"""


def _file(event: str) -> str:
    return f"""SELECT f.name AS name, e.municipality_code AS code, SUBSTR(e.at, 1, 10) AS since, 0 AS yen
               FROM file f JOIN file_event e ON e.file_id = f.id AND e.id = (SELECT MAX(x.id) FROM file_event x WHERE x.file_id = f.id)
               WHERE e.event = '{event}' AND f.channel <> 'api-bill' AND NOT EXISTS (
                 SELECT 1 FROM file g JOIN file_event h ON h.file_id = g.id AND h.event = 'accepted'
                 WHERE g.sha256 = f.sha256 AND g.profile = f.profile)"""


# (name, municipality, day since when it stands so, yen) of everything in that state, whatever its age
_STANDING: dict[tuple[str, str], str] = {
    ("slip", "issued"): f"""{_slip("issued")} AND w.total_yen > 0 AND {CURRENT_EFFECT} <> 'cancelled' AND NOT EXISTS (
        SELECT 1 FROM slip n WHERE n.bill_id = s.bill_id AND n.issue_count > s.issue_count)""",
    ("slip", "refused"): _slip("refused"),
    ("slip", "unknown"): _slip("unknown"),
    ("slip", "expired_candidate"): f"""
        SELECT b.bill_key AS name, s.municipality_code AS code, w.payable_until AS since, w.total_yen AS yen
        FROM slip s JOIN bill b ON b.id = s.bill_id JOIN bill_version w ON w.id = {CURRENT_VERSION}
        WHERE w.payable_until IS NOT NULL AND {SLIP_STATE} = 'registered' AND {CURRENT_EFFECT} <> 'cancelled'""",
    ("message", "unknown"): """
        SELECT m.id AS name, m.municipality_code AS code, SUBSTR(m.created_at, 1, 10) AS since, m.yen AS yen
        FROM open_message o JOIN message m ON m.id = o.message_id""",
    ("receipt", "unposted"): f"""
        SELECT r.transaction_key AS name, r.municipality_code AS code, SUBSTR(f.at, 1, 10) AS since, r.amount_yen AS yen
        FROM pending_receipt p CROSS JOIN receipt r JOIN received_file f ON f.id = r.received_id
        WHERE {WAITING.format("r", "p")}""",
    ("receipt", "preliminary"): """
        SELECT r.transaction_key AS name, r.municipality_code AS code, r.booked_on AS since, r.amount_yen AS yen
        FROM receipt r WHERE r.stage = 'preliminary' AND NOT EXISTS (
          SELECT 1 FROM receipt x WHERE x.transaction_key = r.transaction_key AND x.stage <> 'preliminary')""",
    ("receipt", "suspense"): f"""
        SELECT o.transaction_key AS name, r.municipality_code AS code, r.booked_on AS since, r.amount_yen AS yen
        FROM outcome o JOIN receipt r ON r.id = o.receipt_id
        WHERE {NEWEST_OUTCOME} AND o.outcome NOT IN ('matched', 'paid_after_limit', 'withdrawn')""",
    ("settlement", "uncredited"): f"""
        SELECT t.settlement_key AS name, t.municipality_code AS code, t.transfer_on AS since, t.net_yen AS yen
        FROM settlement t WHERE t.net_yen > 0 AND {_NEWEST_EDITION} AND NOT EXISTS (
          SELECT 1 FROM bank_credit c WHERE c.reference = t.settlement_key AND c.municipality_code = t.municipality_code AND {COUNTS.format("c")})
          AND NOT EXISTS (SELECT 1 FROM settling_line l WHERE l.settlement_key = t.settlement_key AND {STANDS.format("l")})
          AND NOT EXISTS (SELECT 1 FROM day_state d WHERE d.day = t.business_day AND d.municipality_code = t.municipality_code
                          AND d.fund_code = t.fund_code AND d.state IN ('tied', 'closed') AND {_NEWEST_DAY})""",
    ("bank_credit", "unsettled"): f"""
        SELECT c.account || ' ' || c.inquiry_number AS name, c.municipality_code AS code, c.booked_on AS since, c.amount_yen AS yen
        FROM bank_credit c WHERE c.direction = '1' AND c.cancelled <> '1' AND {COUNTS.format("c")} AND NOT EXISTS (
          SELECT 1 FROM settlement t WHERE t.settlement_key = c.reference AND t.municipality_code = c.municipality_code)
          AND NOT EXISTS (SELECT 1 FROM settling_line l WHERE l.credit_id = c.id AND l.credit_id IS NOT NULL AND {STANDS.format("l")})""",
    ("day", "open"): _day("open"),
    ("day", "difference"): _day("difference"),
    ("received_file", "quarantined"): """
        SELECT q.name AS name, q.municipality_code AS code, SUBSTR(q.at, 1, 10) AS since, 0 AS yen
        FROM received_file q WHERE q.state = 'quarantined' AND NOT EXISTS (
          SELECT 1 FROM received_file a WHERE a.raw_id = q.raw_id AND a.id > q.id AND a.source = q.source)
          AND NOT EXISTS (SELECT 1 FROM absence_waiver w WHERE w.municipality_code = q.municipality_code AND w.kind = q.kind
                          AND w.business_day = q.business_day AND w.received_until >= q.id)""",
    ("file", "quarantined"): _file("quarantined"),
    ("file", "received"): _file("received"),
}
SUBJECTS: tuple[tuple[str, str], ...] = tuple(_STANDING)
"""What a limit of a calendar profile may name."""


class Aged(NamedTuple):
    """How much has stood in a state for too long, and the oldest of it: (name, municipality, since, yen)."""

    number: int
    yen: int
    oldest: list[tuple[str, str, str, int]]


def over_limit(connection: Connection, subject: tuple[str, str], before: str, municipality_code: str | None = None) -> Aged:
    """What stands in a state since a day before ``before``."""
    only = " AND x.code = :code" if municipality_code else ""
    values = {"before": before, **({"code": municipality_code} if municipality_code else {})}
    over = f"FROM ({_STANDING[subject]}) x WHERE x.since < :before{only}"
    counted = bulk.rows(connection, f"SELECT COUNT(*), COALESCE(SUM(x.yen), 0) {over}", **values)
    if not counted[0][0]:
        return Aged(0, 0, [])
    oldest = bulk.rows(connection, f"SELECT x.name, x.code, x.since, x.yen {over} ORDER BY x.since, x.name LIMIT {EXAMPLES}", **values)
    return Aged(int(counted[0][0]), int(counted[0][1]), [(str(a), str(b), str(c), int(d)) for a, b, c, d in oldest])
