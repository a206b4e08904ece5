"""The queue of cases, derived from facts each time it is asked for, and who owns them. Called by desk; nothing of it is kept twice.

Every part starts from an index that holds little but what is open, and leaves out what was decided since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.store import bulk, preliminaries, scoped
from fundlink.store.bills import CURRENT_EFFECT, CURRENT_VERSION, SLIP_STATE
from fundlink.store.case_departments import DEPARTMENT
from fundlink.store.moves import signed


class CaseRow(NamedTuple):
    """One open case: why it is one (a word, or several joined by commas), since when, the yen at stake, who owns it."""

    name: str
    kind: str
    municipality_code: str
    fund_code: str
    since: str
    reason: str
    yen: int
    owner: str


_NARROW = preliminaries.NARROW
_MOVED = f"""
    (SELECT mv.transaction_key, SUM({signed(("overpaid",), "mv")}) AS overpaid, SUM({signed(("suspense",), "mv")}) AS suspense
     FROM act_move mv WHERE mv.transaction_key <> '' GROUP BY mv.transaction_key)"""
_NEWEST = "o.id = (SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = o.transaction_key)"
_OPEN = "o.outcome NOT IN ('matched', 'paid_after_limit')"
_CARRIED_OUT = "JOIN act_event ae ON ae.act_id = a.id AND ae.event = 'carried_out'"
_REVERSED = f"EXISTS (SELECT 1 FROM act a {_CARRIED_OUT} WHERE a.subject = 'act:' || {{}} AND a.verb = 'reverse')"
# an act other than waiting was carried out on the case of that name, and was not undone
_DECIDED = f"""EXISTS (SELECT 1 FROM act d JOIN act_event f ON f.act_id = d.id AND f.event = 'carried_out'
                       WHERE d.subject = {{}} AND d.verb <> 'wait' AND NOT {_REVERSED.format("d.id")})"""

_TRANSACTIONS = f"""
    SELECT 'transaction:' || q.transaction_key AS name, 'transaction' AS kind, q.municipality_code, q.fund_code, q.at AS since,
           CASE WHEN q.overpaid > 0 THEN 'overpaid' ELSE q.outcome END AS reason, q.overpaid + q.suspense AS yen
    FROM (SELECT o.transaction_key, o.outcome, o.at, r.municipality_code, r.fund_code, COALESCE(v.overpaid, 0) AS overpaid,
                 r.amount_yen + COALESCE(v.suspense, 0) AS suspense
          FROM outcome o JOIN receipt r ON r.id = o.receipt_id LEFT JOIN {_MOVED} v ON v.transaction_key = o.transaction_key
          WHERE {_OPEN} AND o.outcome <> 'withdrawn' AND {_NEWEST} {_NARROW}) q
    WHERE q.overpaid + q.suspense > 0"""
# a payment that is right in itself, part of whose yen an act took off its bill
_TAKEN_OFF = f"""
    SELECT 'transaction:' || o.transaction_key, 'transaction', r.municipality_code, r.fund_code, o.at,
           CASE WHEN v.overpaid > 0 THEN 'overpaid' ELSE 'suspense' END, v.overpaid + v.suspense
    FROM {_MOVED} v JOIN outcome o ON o.transaction_key = v.transaction_key JOIN receipt r ON r.id = o.receipt_id
    WHERE {_NEWEST} AND o.outcome IN ('matched', 'paid_after_limit') AND v.overpaid + v.suspense > 0 {_NARROW}"""
_CANCELLATIONS = f"""
    SELECT 'cancellation:' || o.transaction_key, 'cancellation', r.municipality_code, r.fund_code, o.at, 'cancelled_first', r.amount_yen
    FROM outcome o JOIN receipt r ON r.id = o.receipt_id
    WHERE {_OPEN} AND o.outcome = 'withdrawn' AND {_NEWEST}
      AND NOT EXISTS (SELECT 1 FROM receipt x WHERE x.transaction_key = o.transaction_key AND x.stage <> 'cancelled')
      AND NOT {_DECIDED.format("'cancellation:' || o.transaction_key")} {_NARROW}"""
_PRELIMINARIES = f"""
    SELECT 'preliminary:' || u.transaction_key, 'preliminary', u.municipality_code, u.fund_code, u.booked_on, 'not_confirmed', u.amount_yen
    FROM ({preliminaries.UNCONFIRMED}) u"""
_CONFLICTS = f"""
    SELECT 'conflict:' || v.id, 'conflict', b.municipality_code, w.fund_code, f.received_at,
           CASE WHEN w.action = '9' THEN 'cancelled_after_payment' ELSE 'changed_after_payment' END,
           ABS(c.total_yen - CASE WHEN w.action = '9' THEN 0 ELSE w.total_yen END)
    FROM revision v JOIN bill b ON b.id = v.bill_id JOIN bill_version w ON w.id = v.version_id JOIN file f ON f.id = v.file_id
    JOIN bill_version c ON c.id = {CURRENT_VERSION}
    WHERE v.effect = 'conflict' AND NOT EXISTS (SELECT 1 FROM revision n WHERE n.bill_id = v.bill_id AND n.id > v.id AND n.effect <> 'readdressed')
      AND {CURRENT_EFFECT} <> 'cancelled' AND NOT {_DECIDED.format("'conflict:' || v.id")} {_NARROW}"""
_RECEIVED = f"""
    SELECT 'received:' || q.id, 'received', q.municipality_code, '', q.at, 'quarantined', q.yen
    FROM received_file q WHERE q.state = 'quarantined'
      AND NOT EXISTS (SELECT 1 FROM received_file x WHERE x.raw_id = q.raw_id AND x.id > q.id AND x.source = q.source)
      AND NOT {_DECIDED.format("'received:' || q.id")} {_NARROW}"""
_LATER_ANSWER = """
    EXISTS (SELECT 1 FROM message_item j JOIN message_event g ON g.message_id = j.message_id
            WHERE j.slip_id = i.slip_id AND j.last_change_id > i.last_change_id AND g.event = 'answered'
              AND NOT EXISTS (SELECT 1 FROM refused_slip y WHERE y.message_id = j.message_id AND y.slip_id = j.slip_id))"""
_ALIVE = f"{SLIP_STATE} NOT IN ('cancelled', 'superseded')"
# its newest event is no answer, and of a rejected one some slip was not taken in a later message
_MESSAGES = f"""
    SELECT 'message:' || m.id, 'message', m.municipality_code, '', e.at, e.event, m.yen
    FROM message_event e JOIN message m ON m.id = e.message_id
    WHERE e.event IN ('unknown', 'rejected', 'exhausted', 'contradicted')
      AND e.id = (SELECT MAX(x.id) FROM message_event x WHERE x.message_id = m.id)
      AND (e.event <> 'rejected' OR EXISTS (SELECT 1 FROM message_item i JOIN slip s ON s.id = i.slip_id
             WHERE i.message_id = m.id AND {_ALIVE} AND NOT {_LATER_ANSWER}))
      AND NOT {_DECIDED.format("'message:' || m.id")} {_NARROW}"""
_REFUSED = f"""
    SELECT 'message:' || m.id, 'message', m.municipality_code, '', e.at, 'refused', SUM(w.total_yen)
    FROM refused_slip q CROSS JOIN message_item i CROSS JOIN slip s CROSS JOIN message m CROSS JOIN bill_version w CROSS JOIN message_event e
    WHERE i.slip_id = q.slip_id AND i.message_id = q.message_id AND s.id = q.slip_id AND m.id = q.message_id AND w.id = i.version_id
      AND e.message_id = q.message_id AND e.event = 'answered' AND {_ALIVE} AND NOT {_LATER_ANSWER}
      AND NOT EXISTS (SELECT 1 FROM refused_slip n JOIN message_item k ON k.message_id = n.message_id AND k.slip_id = n.slip_id
                      WHERE n.slip_id = q.slip_id AND k.last_change_id > i.last_change_id)
      AND NOT {_DECIDED.format("'message:' || m.id")} {_NARROW}
    GROUP BY m.id, m.municipality_code, e.at"""
_DAYS = """
    SELECT 'day:' || d.day || '/' || d.municipality_code || '/' || d.fund_code, 'day', d.municipality_code, d.fund_code, d.at,
           REPLACE(REPLACE(REPLACE(REPLACE(d.differences, '[', ''), ']', ''), '"', ''), ', ', ','), ABS(d.difference_yen)
    FROM day_state d WHERE d.state = 'difference' AND d.id = (
      SELECT MAX(x.id) FROM day_state x WHERE x.day = d.day AND x.municipality_code = d.municipality_code AND x.fund_code = d.fund_code)"""
# the account that an outcome opens
_ACCOUNT = "CASE WHEN {0} IN ('matched', 'paid_after_limit') THEN 'c' WHEN {0} = 'withdrawn' THEN '' ELSE 's' END"
_OVERTAKEN = f"""
    SELECT 'act:' || d.id, 'act', d.municipality_code, r.fund_code, MAX(o.at), 'overtaken', SUM(r.amount_yen)
    FROM act_ground g JOIN act d ON d.id = g.act_id JOIN outcome p ON p.id = g.outcome_id JOIN receipt q ON q.id = p.receipt_id
    JOIN outcome o ON o.transaction_key = g.transaction_key JOIN receipt r ON r.id = o.receipt_id
    WHERE {_NEWEST} AND o.id <> p.id AND ({_ACCOUNT.format("o.outcome")} <> {_ACCOUNT.format("p.outcome")} OR q.amount_yen <> r.amount_yen)
      AND NOT {_REVERSED.format("d.id")} {_NARROW}
    GROUP BY d.id, d.municipality_code, r.fund_code"""

# what came again in the same form, whatever became of it, takes its place; a single write over the API was answered at once
_FILES = f"""
    SELECT 'file:' || n.id, 'file', e.municipality_code, '', e.at, 'quarantined', CAST(0 AS BIGINT)
    FROM file_event e CROSS JOIN file n
    WHERE e.event = 'quarantined' AND n.id = e.file_id AND n.channel <> 'api-bill'
      AND NOT EXISTS (SELECT 1 FROM file_event x WHERE x.file_id = e.file_id AND x.id > e.id)
      AND NOT EXISTS (SELECT 1 FROM file g WHERE g.sha256 = n.sha256 AND g.profile = n.profile AND g.id > n.id)
      AND NOT {_DECIDED.format("'file:' || n.id")} {_NARROW}"""
_CREDITS = f"""
    SELECT 'credit:' || k.credit_id, 'credit', k.municipality_code, '', k.at, 'told_differently', c.amount_yen
    FROM credit_telling k JOIN bank_credit c ON c.id = k.credit_id
    WHERE k.state = 'unsure' AND k.id = (SELECT MAX(x.id) FROM credit_telling x WHERE x.credit_id = k.credit_id) {_NARROW}"""

_PARTS: Mapping[str, tuple[str, ...]] = {
    "transaction": (_TRANSACTIONS, _TAKEN_OFF), "cancellation": (_CANCELLATIONS,), "preliminary": (_PRELIMINARIES,),
    "conflict": (_CONFLICTS,), "received": (_RECEIVED,), "file": (_FILES,), "message": (_MESSAGES, _REFUSED), "credit": (_CREDITS,), "day": (_DAYS,), "act": (_OVERTAKEN,),
}  # fmt: skip
_KEYS: Mapping[str, tuple[str, bool]] = {
    "transaction": ("o.transaction_key", False), "cancellation": ("o.transaction_key", False), "preliminary": ("p.transaction_key", False),
    "conflict": ("v.id", True), "received": ("q.id", True), "file": ("n.id", True), "message": ("m.id", False), "credit": ("k.credit_id", True),
    "act": ("d.id", True),
}  # fmt: skip
"""The column that the name of a case stands for in the parts of its kind, and whether it is a number; a day has none."""
FILTERS: Mapping[str, str] = {
    "municipality_code": "z.municipality_code = :municipality_code", "owner": "z.owner = :owner", "fund_code": "z.fund_code = :fund_code",
    "before": "z.since < :before", "least_yen": "z.yen >= :least_yen",
}  # fmt: skip
"""What the queue can be narrowed to beside a kind; ``before`` is an instant or a day."""
_OWNER = "COALESCE((SELECT c.owner FROM case_owner c WHERE c.case_name = q.name ORDER BY c.id DESC LIMIT 1), '')"


class _Named(NamedTuple):
    """Conditions that let each part look only at the cases of some names; ``values`` are what they compare with."""

    conditions: Mapping[str, str]
    values: dict[str, Any]


_EVERY = _Named({}, {})


def _named(names: Sequence[str]) -> _Named:
    """The keys of cases by their kinds. A key that cannot be one of its kind names nothing."""
    conditions: dict[str, str] = {}
    values: dict[str, Any] = {}
    for kind, (column, is_number) in _KEYS.items():
        keys = [name.partition(":")[2] for name in names if name.startswith(f"{kind}:")]
        fit = [key for key in keys if not is_number or (key.isascii() and key.isdigit() and len(key) < 19)]
        held = {f"{kind}_{at}": int(key) if is_number else key for at, key in enumerate(fit)}
        values |= held
        conditions[kind] = f"AND {column} IN ({', '.join(f':{one}' for one in held)})" if held else "AND 1 = 0"
    return _Named(conditions, values)


def _queue(kinds: tuple[str, ...], named: _Named = _EVERY) -> str:
    # the first part names the columns; with no row in it, it is there whatever was asked for
    first = "SELECT '' AS name, '' AS kind, '' AS municipality_code, '' AS fund_code, '' AS since, '' AS reason, CAST(0 AS BIGINT) AS yen WHERE 1 = 0"
    narrowed = (part.replace(_NARROW, named.conditions.get(kind, "")) for kind in kinds for part in _PARTS[kind])
    return " UNION ALL ".join((first, *narrowed))


def page(
    connection: Connection,
    filters: Mapping[str, str | None],
    *,
    after: tuple[str, str] | None,
    limit: int,
    confirm_before: str,
    scope: Scope = EVERYWHERE,
) -> list[CaseRow]:
    """Open cases in scope, the oldest first, behind (since, name). ``filters``: kind, and those of FILTERS; ``without``: a kind left out."""
    kinds = _kinds(filters.get("kind"), filters.get("without"))
    asked = {name: filters[name] for name in FILTERS if filters.get(name) is not None}
    conditions = [FILTERS[name] for name in asked if name != "owner"]
    values: dict[str, Any] = {name: int(given or 0) if name.endswith("_yen") else given for name, given in asked.items()}
    if after is not None:
        conditions.append("(z.since > :since OR (z.since = :since AND z.name > :name))")
        values |= {"since": after[0], "name": after[1]}
    inside, held = scoped.within(scope, "z.municipality_code", DEPARTMENT)
    chosen = f"SELECT z.* FROM ({_queue(kinds)}) z WHERE {' AND '.join(conditions or ['1 = 1'])}{inside}"
    if "owner" in asked:  # only then is the owner of more than a page asked for
        wanted = f"SELECT z.* FROM ({_owned(chosen)}) z WHERE {FILTERS['owner']} {_OLDEST}"
    else:
        wanted = f"SELECT z.* FROM ({_owned(f'{chosen} {_OLDEST}')}) z ORDER BY z.since, z.name"
    return _rows(connection, wanted, kinds, {**values, **held, "limit": limit, "confirm_before": confirm_before})


_OLDEST = "ORDER BY z.since, z.name LIMIT :limit"


def _owned(chosen: str) -> str:
    """Rows of the queue with their owners."""
    return f"SELECT q.name, q.kind, q.municipality_code, q.fund_code, q.since, q.reason, q.yen, {_OWNER} AS owner FROM ({chosen}) q"


def _kinds(kind: str | None, without: str | None) -> tuple[str, ...]:
    return (kind,) if kind else tuple(name for name in _PARTS if name != without)


def find(connection: Connection, kind: str, name: str, confirm_before: str) -> CaseRow | None:
    """One case, None when it is not open (any more)."""
    if kind not in _PARTS or not name.startswith(f"{kind}:"):
        return None
    found = find_all(connection, [name], confirm_before)
    return found[0] if found else None


def find_all(connection: Connection, names: Sequence[str], confirm_before: str) -> list[CaseRow]:
    """Those of these cases that are open, in one look."""
    kinds = tuple(kind for kind in _PARTS if any(name.startswith(f"{kind}:") for name in names))
    if not kinds:
        return []
    named = _named([name for name in names if name.partition(":")[0] in kinds])
    values: dict[str, Any] = {f"name{at}": name for at, name in enumerate(names)}
    chosen = f"SELECT z.* FROM ({_queue(kinds, named)}) z WHERE z.name IN ({', '.join(f':{one}' for one in values)})"
    held = {**values, **named.values, "confirm_before": confirm_before}
    return _rows(connection, _owned(chosen), kinds, held)


def _rows(connection: Connection, wanted: str, kinds: tuple[str, ...], values: dict[str, Any]) -> list[CaseRow]:
    if "preliminary" not in kinds:
        del values["confirm_before"]
    found = bulk.rows(connection, wanted, **values)
    return [CaseRow._make([*row[:6], int(row[6]), row[7]]) for row in found]


def count(
    connection: Connection,
    confirm_before: str,
    *,
    kinds: tuple[str | None, str | None] = (None, None),
    municipality_code: str | None = None,
    scope: Scope = EVERYWHERE,
) -> dict[str, int]:
    """How many cases of each kind are open in scope. ``kinds``: the only one, or one that is left out."""
    chosen = _kinds(*kinds)
    values = {"confirm_before": confirm_before} if "preliminary" in chosen else {}
    values |= {"code": municipality_code} if municipality_code else {}
    only = "AND z.municipality_code = :code" if municipality_code else ""
    inside, held = scoped.within(scope, "z.municipality_code", DEPARTMENT)
    found = bulk.rows(
        connection, f"SELECT z.kind, COUNT(*) FROM ({_queue(chosen)}) z WHERE 1 = 1 {only}{inside} GROUP BY z.kind ORDER BY z.kind",
        **values, **held,
    )  # fmt: skip
    return {str(kind): int(number) for kind, number in found}


def ages(connection: Connection, municipality_code: str, edges: tuple[str, str, str], without: str) -> list[tuple[str, int, int, int]]:
    """(kind, age, cases, yen): open cases of a municipality by age, 0 for those since the first of the days ``edges`` or later, 3 for the oldest."""
    age = "CASE WHEN SUBSTR(k.since, 1, 10) >= :a THEN 0 WHEN SUBSTR(k.since, 1, 10) >= :b THEN 1 WHEN SUBSTR(k.since, 1, 10) >= :c THEN 2 ELSE 3 END"
    found = bulk.rows(
        connection,
        f"""SELECT q.kind, q.age, COUNT(*), COALESCE(SUM(q.yen), 0) FROM (
              SELECT k.kind, {age} AS age, k.yen FROM ({_queue(_kinds(None, without))}) k WHERE k.municipality_code = :code) q
            GROUP BY q.kind, q.age ORDER BY q.kind, q.age""",
        code=municipality_code, a=edges[0], b=edges[1], c=edges[2],
    )  # fmt: skip
    return [(str(kind), int(age), int(count), int(yen)) for kind, age, count, yen in found]


def assign(connection: Connection, name: str, owner: str, *, by: str, at: str) -> None:
    """Give a case to somebody; an empty owner gives it back."""
    bulk.insert_rows(connection, "case_owner", ("case_name", "owner", "assigned_by", "at"), [(name, owner, by, at)])
