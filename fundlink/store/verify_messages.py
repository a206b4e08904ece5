"""What was sent takes effect once, and nothing goes out anew before the answer: I-05, I-06 and the keys of writes, I-07.

Called by ``store.verify``. Reads messages, their events and items by SQL of its own; never asks the gateway, whose own books are
compared by the tests of the mock. Each check gives how many things it looked at and how many break it.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

# items of answered messages that the gateway did not refuse: what took effect there
_EFFECTIVE = """message_item i WHERE EXISTS (SELECT 1 FROM message_event e WHERE e.message_id = i.message_id AND e.event = 'answered')
    AND NOT EXISTS (SELECT 1 FROM refused_slip x WHERE x.message_id = i.message_id AND x.slip_id = i.slip_id)"""
_LIVES = """SELECT message_id, MIN(id) AS first_id, MAX(id) AS last_id,
           MIN(CASE WHEN event IN ('answered', 'rejected', 'resent', 'given_up') THEN id END) AS final_id
    FROM message_event GROUP BY message_id"""
_MOST, _WITHIN_HOURS = 8, 24


def once(connection: Connection) -> tuple[int, int]:
    """I-05: one registration a slip, no change told twice, messages hold the slips they say, and what is registered was answered so."""
    registered_twice = (
        f"SELECT COUNT(*) FROM (SELECT i.slip_id FROM {_EFFECTIVE} AND i.operation = 'register' GROUP BY i.slip_id HAVING COUNT(*) > 1) x"
    )
    told_twice = f"""SELECT COUNT(*) FROM (SELECT i.slip_id FROM {_EFFECTIVE} AND i.operation <> 'register'
                     GROUP BY i.slip_id, i.operation, i.last_change_id HAVING COUNT(*) > 1) x"""
    other_count = """SELECT COUNT(*) FROM message m LEFT JOIN (SELECT message_id, COUNT(*) AS n FROM message_item GROUP BY message_id) i
                     ON i.message_id = m.id WHERE m.records <> COALESCE(i.n, 0)"""
    unanswered = """SELECT COUNT(*) FROM slip_state t WHERE t.event = 'acknowledge' AND NOT EXISTS (
                      SELECT 1 FROM message_event e JOIN message_item i ON i.message_id = e.message_id
                      WHERE e.message_id = t.cause AND e.event = 'answered' AND i.slip_id = t.slip_id)"""
    return _count(connection, "SELECT COUNT(*) FROM message_item"), _sum(connection, registered_twice, told_twice, other_count, unanswered)


def answer_first(connection: Connection) -> tuple[int, int]:
    """I-06: a slip goes into another message only after the one before has a final answer, which rests on kept bytes."""
    too_early = f"""SELECT COUNT(*) FROM (
                      SELECT l.first_id, LAG(l.first_id) OVER w AS earlier, LAG(l.final_id) OVER w AS answered
                      FROM message_item i JOIN ({_LIVES}) l ON l.message_id = i.message_id
                      WHERE i.slip_id IN (SELECT y.slip_id FROM message_item y GROUP BY y.slip_id HAVING COUNT(*) > 1)
                      WINDOW w AS (PARTITION BY i.slip_id ORDER BY l.first_id)) x
                    WHERE x.earlier IS NOT NULL AND (x.answered IS NULL OR x.answered > x.first_id)"""
    never_stored = """SELECT COUNT(*) FROM message m WHERE COALESCE((
                        SELECT e.event FROM message_event e WHERE e.message_id = m.id ORDER BY e.id LIMIT 1), '') <> 'stored'"""
    no_bytes = """SELECT COUNT(*) FROM message_event e LEFT JOIN raw r ON r.id = e.raw_id WHERE e.event IN ('answered', 'rejected')
                  AND (r.id IS NULL OR r.direction <> 'in' OR r.kind <> 'acknowledgement')"""
    never_sent = """SELECT COUNT(*) FROM message_event e WHERE e.event IN ('answered', 'rejected') AND NOT EXISTS (
                      SELECT 1 FROM message_event b WHERE b.message_id = e.message_id AND b.event = 'sent' AND b.id < e.id)"""
    # waits for an answer and stands on no work list: nobody would ever ask
    forgotten = f"""SELECT COUNT(*) FROM ({_LIVES}) l JOIN message_event e ON e.id = l.last_id
                    LEFT JOIN open_message o ON o.message_id = l.message_id
                    WHERE (e.event IN ('answered', 'rejected', 'resent', 'given_up', 'contradicted')) = (o.message_id IS NOT NULL)"""
    return (
        _count(connection, "SELECT COUNT(*) FROM message"),
        _sum(connection, too_early, never_stored, no_bytes, never_sent, forgotten, *_log(connection)),
    )


def _log(connection: Connection) -> tuple[str, ...]:
    """What the log of attempts says of I-06 and of the bounds (N25): a round ends after so many attempts and hours, and persons begin the next."""
    between = (
        "(julianday({1}) - julianday({0})) * 24"
        if connection.dialect.name == "sqlite"
        else "EXTRACT(EPOCH FROM CAST({1} AS TIMESTAMPTZ) - CAST({0} AS TIMESTAMPTZ)) / 3600"
    )
    rounds = """SELECT a.message_id, a.round, SUM(CASE WHEN COALESCE(r.result, 'cut') <> 'unreachable' THEN 1 ELSE 0 END) AS tries,
                  MIN(CASE WHEN COALESCE(r.result, 'cut') NOT IN ('unreachable', 'busy') THEN a.at END) AS began,
                  MAX(CASE WHEN COALESCE(r.result, 'cut') <> 'unreachable' THEN a.at END) AS ended
                FROM message_attempt a LEFT JOIN attempt_result r ON r.attempt_id = a.id
                WHERE a.kind <> 'confirm' GROUP BY a.message_id, a.round"""
    too_often = f"SELECT COUNT(*) FROM ({rounds}) x WHERE x.tries > {_MOST}"
    # a second's grace: instants are kept to the second
    too_long = (
        f"SELECT COUNT(*) FROM ({rounds}) x WHERE x.began IS NOT NULL AND {between.format('x.began', 'x.ended')} > {_WITHIN_HOURS} + 0.001"
    )
    nobody_asked = """SELECT COUNT(*) FROM (SELECT message_id, MAX(round) AS n FROM message_attempt GROUP BY message_id) x
                      WHERE x.n > 1 + (SELECT COUNT(*) FROM message_event e WHERE e.message_id = x.message_id AND e.event = 'asked')"""
    # another id, or no more questions, is the decision of two persons, and stands in the audit trail with both
    decided_alone = """SELECT COUNT(*) FROM message_event e WHERE e.event IN ('resent', 'given_up') AND NOT EXISTS (
                         SELECT 1 FROM audit u WHERE u.subject = 'message:' || e.message_id AND u.detail LIKE '%"approved_by"%'
                           AND u.act = CASE e.event WHEN 'resent' THEN 'desk.resend' ELSE 'desk.give_up' END)"""
    # where the gateway's word ended a message, an attempt has brought it
    from_nowhere = """SELECT COUNT(*) FROM message_event e WHERE e.event IN ('answered', 'rejected')
                      AND EXISTS (SELECT 1 FROM message_attempt a WHERE a.message_id = e.message_id AND a.kind <> 'confirm' AND a.at <= e.at)
                      AND NOT EXISTS (SELECT 1 FROM message_attempt a JOIN attempt_result r ON r.attempt_id = a.id
                                      WHERE a.message_id = e.message_id AND r.raw_id = e.raw_id AND r.result IN ('processed', 'rejected'))"""
    return too_often, too_long, nobody_asked, decided_alone, from_nowhere


def keys(connection: Connection) -> tuple[int, int]:
    """I-07: a key has one answer, complete, together with the SHA-256 of the request it was given to."""
    twice = "SELECT COUNT(*) - COUNT(DISTINCT key) FROM idempotency"
    incomplete = """SELECT COUNT(*) FROM idempotency WHERE LENGTH(request_sha256) <> 64 OR TRIM(request_sha256, '0123456789abcdef') <> ''
                    OR status < 200 OR status > 599 OR SUBSTR(answer, 1, 2) <> '["'"""
    return _count(connection, "SELECT COUNT(*) FROM idempotency"), _sum(connection, twice, incomplete)


def _sum(connection: Connection, *queries: str) -> int:
    return sum(_count(connection, query) for query in queries)


def _count(connection: Connection, query: str) -> int:
    return int(connection.scalar(sa.text(query)) or 0)


WALKS = (
    ("I-05", "送った登録・変更は 1 度だけ効き、登録済の納付書には応答がある", once),
    ("I-06", "応答のない電文の納付書は別の電文で送らず、試行は 1 巡 8 回・24 時間まで", answer_first),
    ("I-07", "1 つの冪等キーに、要求の SHA-256 と回答が 1 つずつある", keys),
)
