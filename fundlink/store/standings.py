"""How the slips of each fund stand: registered = paid + unpaid + cancelled + expired, counted on from run to run.

Called by pipeline.control. ``registered`` comes from the slips themselves, ``paid`` from outcomes and acts, the rest from the states:
three records that grow apart from each other. Only what is new since the last run is read; verify counts anew (I-11).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk, marks
from fundlink.store.outcomes import NEWEST_OUTCOME, words

_STATES, _OUTCOMES = "control of slip_state", "control of outcome"
_KEY = ("municipality_code", "fund_code", "part")
Key = tuple[str, str, str]  # municipality, fund, part


class Rules(NamedTuple):
    """What the trade says of states and outcomes: the outcomes that pay, states by part, events that cross parts."""

    paying: Sequence[str]
    parts: Mapping[str, Sequence[str]]
    crossing: Sequence[str]


class Standing(NamedTuple):
    """The slips of one fund."""

    municipality_code: str
    fund_code: str
    registered: int
    paid: int
    unpaid: int
    cancelled: int
    expired: int

    @property
    def ties(self) -> bool:
        """Every slip is in exactly one part."""
        return self.registered == self.paid + self.unpaid + self.cancelled + self.expired


def standings(connection: Connection, rules: Rules, at: str) -> list[Standing]:
    """Count what came since the last run and give every fund as it stands. The caller holds the states (``bills.hold_states``)."""
    known = _newest(connection)
    counted = {key: slips for key, (slips, _) in known.items()}
    until: dict[str, int] = {}
    for (code, *_), (_, last) in known.items():
        until[code] = max(until.get(code, 0), last)
    moved = _numbered(connection, until)
    for found in (_stepped(connection, rules, at), _paid(connection, rules, at)):
        moved.update(found)  # a sum of counters would lose what is below zero
    fresh = {key: counted.get(key, 0) + count for key, count in sorted(moved.items()) if count}
    last = bulk.newest_id(connection, "slip_total")
    bulk.insert_rows(connection, "slip_total", (*_KEY, "slips", "until_id"), [(*key, slips, until[key[0]]) for key, slips in fresh.items()])
    bulk.keep_newest(connection, "slip_total", _KEY, after=last)
    return _told({**counted, **fresh}, _paid_by_acts(connection, rules))


def _told(counted: Mapping[Key, int], by_acts: Mapping[Key, int]) -> list[Standing]:
    funds = sorted({key[:2] for key in (*counted, *by_acts)})
    return [
        Standing(*fund, *(counted.get((*fund, part), 0) + by_acts.get((*fund, part), 0) for part in Standing._fields[2:])) for fund in funds
    ]


def _newest(connection: Connection) -> dict[Key, tuple[int, int]]:
    found = bulk.rows(
        connection,
        """SELECT t.municipality_code, t.fund_code, t.part, t.slips, t.until_id FROM slip_total t
           WHERE t.id IN (SELECT MAX(x.id) FROM slip_total x GROUP BY x.municipality_code, x.fund_code, x.part)""",
    )
    return {(str(code), str(fund), str(part)): (int(slips), int(last)) for code, fund, part, slips, last in found}


def _numbered(connection: Connection, until: dict[str, int]) -> Counter[Key]:
    """Slips given out since; they begin unpaid. Within a municipality they are numbered in the order in which they take effect."""
    moved: Counter[Key] = Counter()
    newest = bulk.rows(connection, "SELECT m.code, (SELECT MAX(s.id) FROM slip s WHERE s.municipality_code = m.code) FROM municipality m")
    for code, last in newest:
        since = until.setdefault(code, 0)
        if last is None or last <= since:
            continue
        until[code] = int(last)
        found = bulk.rows(
            connection,
            """SELECT v.fund_code, COUNT(*) FROM slip s CROSS JOIN bill_version v
               WHERE s.municipality_code = :code AND s.id > :since AND s.id <= :last AND v.id = s.bill_id GROUP BY v.fund_code""",
            code=code, since=since, last=last,
        )  # fmt: skip
        for fund, count in found:
            moved[code, fund, "registered"] += int(count)
            moved[code, fund, "unpaid"] += int(count)
    return moved


def _stepped(connection: Connection, rules: Rules, at: str) -> Counter[Key]:
    """Steps since that took a slip from one part to another."""
    moved: Counter[Key] = Counter()
    since, last = _span(connection, "slip_state", _STATES)
    before = (
        """COALESCE((SELECT q.state FROM slip_state q WHERE q.slip_id = t.slip_id AND q.id < t.id ORDER BY q.id DESC LIMIT 1), 'issued')"""
    )
    found = bulk.rows(
        connection,
        f"""SELECT y.code, y.fund, y.before_part, y.after_part, COUNT(*) FROM (
              SELECT s.municipality_code AS code, v.fund_code AS fund, {_part(before, rules)} AS before_part, {_part("t.state", rules)} AS after_part
              FROM slip_state t CROSS JOIN slip s CROSS JOIN bill_version v
              WHERE t.id > :since AND t.id <= :last AND t.event IN ({words(rules.crossing)}) AND s.id = t.slip_id AND v.id = s.bill_id) y
            WHERE y.before_part <> y.after_part GROUP BY y.code, y.fund, y.before_part, y.after_part""",
        since=since, last=last,
    )  # fmt: skip
    for code, fund, left, joined, count in found:
        moved[code, fund, left] -= int(count)
        moved[code, fund, joined] += int(count)
    marks.move(connection, _STATES, last, at)
    return Counter({key: count for key, count in moved.items() if key[2]})


def _part(state: str, rules: Rules) -> str:
    cases = " ".join(f"WHEN {state} IN ({words(states)}) THEN '{part}'" for part, states in rules.parts.items())
    return f"CASE {cases} ELSE '' END"


def _paid(connection: Connection, rules: Rules, at: str) -> Counter[Key]:
    """Payments since that pay, less those that did until then."""
    moved: Counter[Key] = Counter()
    since, last = _span(connection, "outcome", _OUTCOMES)
    # what stood before is looked up first: joined by a subquery, PostgreSQL goes through all outcomes for it
    found = bulk.rows(
        connection,
        f"""WITH followed AS MATERIALIZED (
              SELECT (SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = o.transaction_key AND x.id < o.id) AS before_id
              FROM outcome o WHERE o.id > :since AND o.id <= :last)
            SELECT v.municipality_code, v.fund_code, COUNT(*) FROM outcome o CROSS JOIN bill_version v
            WHERE o.id > :since AND o.id <= :last AND o.outcome IN ({words(rules.paying)}) AND v.id = o.version_id
            GROUP BY v.municipality_code, v.fund_code
            UNION ALL
            SELECT v.municipality_code, v.fund_code, -COUNT(*) FROM followed f CROSS JOIN outcome p CROSS JOIN bill_version v
            WHERE p.id = f.before_id AND p.outcome IN ({words(rules.paying)}) AND v.id = p.version_id
            GROUP BY v.municipality_code, v.fund_code""",
        since=since, last=last,
    )  # fmt: skip
    for code, fund, count in found:
        moved[code, fund, "paid"] += int(count)
    marks.move(connection, _OUTCOMES, last, at)
    return moved


def _span(connection: Connection, table: str, mark: str) -> tuple[int, int]:
    return marks.until(connection, mark), bulk.newest_id(connection, table)


def _paid_by_acts(connection: Connection, rules: Rules) -> dict[Key, int]:
    """Slips that stand as paid because acts put other money on their bill, or wrote it off; acts are few, so all of them are read."""
    counted = [state for states in rules.parts.values() for state in states]
    state = "COALESCE((SELECT t.state FROM slip_state t WHERE t.slip_id = s.id ORDER BY t.id DESC LIMIT 1), 'issued')"
    found = bulk.rows(
        connection,
        f"""SELECT s.municipality_code, v.fund_code, COUNT(*)
            FROM (SELECT m.bill_id FROM act_move m WHERE m.bill_id IS NOT NULL GROUP BY m.bill_id
                  HAVING SUM(CASE WHEN m.to_account IN ('collected', 'written_off') THEN m.yen ELSE 0 END
                           - CASE WHEN m.from_account IN ('collected', 'written_off') THEN m.yen ELSE 0 END) > 0) a
            CROSS JOIN slip s CROSS JOIN bill_version v
            WHERE s.bill_id = a.bill_id AND v.id = s.bill_id AND {state} NOT IN ({words(counted)}) AND NOT EXISTS (
              SELECT 1 FROM receipt r JOIN outcome o ON o.transaction_key = r.transaction_key AND o.receipt_id = r.id
              WHERE r.institution_code = s.institution_code AND r.case_key = s.case_key AND o.slip_id = s.id
                AND {NEWEST_OUTCOME} AND o.outcome IN ({words(rules.paying)}))
            GROUP BY s.municipality_code, v.fund_code""",
    )
    return {(str(code), str(fund), "paid"): int(count) for code, fund, count in found}
