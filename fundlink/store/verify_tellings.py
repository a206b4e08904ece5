"""What bank files told more than once is one credit: I-37, by SQL of its own.

Called by ``store.verify``. Reads entries and what was found of them; shares no query with the code that compares them, and does not
judge which of two entries says more. Each check gives how many things it looked at and how many break it.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

_NEWEST = "k.id = (SELECT MAX(x.id) FROM credit_telling x WHERE x.credit_id = k.credit_id)"
_SIGNED = "{0}.amount_yen * CASE WHEN ({0}.direction = '1') = ({0}.cancelled <> '1') THEN 1 ELSE -1 END"
_MOST_STEPS = 20

# an entry of the same municipality, and a word we know; two words say which other entry is meant
_ABOUT_NOTHING = """
    SELECT COUNT(*) FROM credit_telling k LEFT JOIN bank_credit c ON c.id = k.credit_id
    WHERE c.id IS NULL OR c.municipality_code <> k.municipality_code OR k.state NOT IN ('stands', 'same', 'unsure')
       OR (k.state <> 'stands' AND k.stands_for IS NULL)"""
# the other entry is on the same account for the same yen, told by another form
_OTHER_YEN = f"""
    SELECT COUNT(*) FROM credit_telling k JOIN bank_credit c ON c.id = k.credit_id LEFT JOIN bank_credit o ON o.id = k.stands_for
    WHERE k.stands_for IS NOT NULL AND (o.id IS NULL OR o.id = c.id OR o.municipality_code <> c.municipality_code OR o.account <> c.account
      OR o.form = c.form OR {_SIGNED.format("o")} <> {_SIGNED.format("c")})"""
# what the program found points at an entry that counts; only persons may have made another of that one since
_POINTS_FURTHER = f"""
    SELECT COUNT(*) FROM credit_telling k JOIN credit_telling t ON t.credit_id = k.stands_for
    WHERE {_NEWEST} AND k.state <> 'stands' AND k.act_id IS NULL AND t.act_id IS NULL
      AND t.id = (SELECT MAX(x.id) FROM credit_telling x WHERE x.credit_id = t.credit_id)
      AND (t.state = 'same' OR (k.state = 'unsure' AND t.state = 'unsure'))"""
# entries that stand for each other in a circle: their yen would count nowhere
_IN_A_CIRCLE = f"""
    WITH RECURSIVE way(start, at, steps) AS (
      SELECT k.credit_id, k.stands_for, 1 FROM credit_telling k WHERE {_NEWEST} AND k.state = 'same'
      UNION ALL
      SELECT w.start, k.stands_for, w.steps + 1 FROM way w JOIN credit_telling k ON k.credit_id = w.at
      WHERE {_NEWEST} AND k.state = 'same' AND w.steps < {_MOST_STEPS})
    SELECT COUNT(DISTINCT start) FROM way WHERE steps >= {_MOST_STEPS}"""
# one form tells a credit once
_TWICE_IN_A_FORM = f"""
    SELECT COUNT(*) FROM (SELECT k.stands_for, c.form FROM credit_telling k JOIN bank_credit c ON c.id = k.credit_id
      WHERE {_NEWEST} AND k.state = 'same' AND k.act_id IS NULL GROUP BY k.stands_for, c.form HAVING COUNT(*) > 1) x"""


def one_credit(connection: Connection) -> tuple[int, int]:
    """I-37: every entry that tells a credit again belongs to exactly one, which counts, and both say the same yen."""
    looked_at = _count(connection, "SELECT COUNT(*) FROM credit_telling")
    queries = (_ABOUT_NOTHING, _OTHER_YEN, _POINTS_FURTHER, _IN_A_CIRCLE, _TWICE_IN_A_FORM)
    return looked_at, sum(_count(connection, query) for query in queries)


def _count(connection: Connection, query: str) -> int:
    return int(connection.scalar(sa.text(query)) or 0)


WALKS = (("I-37", "重ねて届いた入金の明細は、同じ口座・同じ金額のちょうど 1 つの入金に属する", one_credit),)
