"""Which credits pay which settlements: what is still to be settled, what was found, what was taken back.

Called by pipeline.settle and desk. Rows are appended; a settling stands until a later row withdraws it. One that two persons
decided, or that holds a day which was closed, is fixed: what else arrives does not change it, unless its own facts change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection

from fundlink.store import bulk, marks

STANDS = "NOT EXISTS (SELECT 1 FROM settling w WHERE w.withdraws = {}.settling_id)"
"""A line whose settling was not withdrawn, by the alias of the line."""
SIGNED = "CASE WHEN (c.direction = '1') = (c.cancelled <> '1') THEN c.amount_yen ELSE -c.amount_yen END"
"""Yen of a bank credit ``c`` as the account sees it."""
COUNTS = """COALESCE((SELECT k.state FROM credit_telling k WHERE k.credit_id = {0}.id ORDER BY k.id DESC LIMIT 1), 'stands') = 'stands'"""
"""An entry that counts as a credit, by its alias: not what another form had told, and not what waits for two persons."""
NEWEST = "t.edition = (SELECT MAX(x.edition) FROM settlement x WHERE x.settlement_key = t.settlement_key)"
FIXED = """
    fixed AS (
      SELECT s.id FROM settling s
      WHERE {} AND s.withdraws IS NULL AND NOT EXISTS (SELECT 1 FROM settling w WHERE w.withdraws = s.id)
        AND (s.decided_by <> '' OR EXISTS (
          SELECT 1 FROM settling_line l JOIN settlement t ON t.settlement_key = l.settlement_key JOIN day_state d ON d.day = t.business_day
          WHERE l.settling_id = s.id AND l.settlement_key <> ''
            AND d.municipality_code = t.municipality_code AND d.fund_code = t.fund_code AND d.state = 'closed')))"""
"""Settlings that no rule changes any more, of the municipalities that a condition on ``s`` names."""
FIXED_HERE = FIXED.format("s.municipality_code = :code")
_MARKED = ("settlement", "bank_credit", "settling", "credit_telling")


class OpenSettlement(NamedTuple):
    """A settlement in its newest edition that no fixed settling holds."""

    key: str
    edition: int
    business_day: str
    transfer_on: str
    fund_code: str
    gross_yen: int
    fee_yen: int
    net_yen: int


class OpenCredit(NamedTuple):
    """An entry on the account that is not settled for good, or that a cancellation may mean (``fixed_in``: its settling)."""

    id: int
    booked_on: str
    yen: int
    reference: str
    remitter: str
    account: str
    inquiry_number: str
    cancels: bool
    fixed_in: int | None


class Line(NamedTuple):
    """One settlement or one credit of a settling."""

    settlement_key: str
    edition: int
    credit_id: int | None
    yen: int


class Standing(NamedTuple):
    """A settling that stands and is not fixed."""

    id: int
    rule: str
    fee: str
    lines: list[Line]


class Fresh(NamedTuple):
    """A settling to record."""

    rule: str
    fee: str
    equation: str
    lines: Sequence[Line]


class Withdrawal(NamedTuple):
    """A settling that stands no more, and why: new_edition | credit_cancelled | other_answer | by_hand."""

    id: int
    reason: str


class Decision(NamedTuple):
    """Who decided and who approved; both empty where a rule did."""

    decided_by: str = ""
    approved_by: str = ""
    reason: str = ""


BY_RULE = Decision()


def touched(connection: Connection) -> list[str]:
    """Municipalities for which a settlement, a credit or an act came since the marks were moved."""
    parts = " UNION ".join(f"SELECT municipality_code FROM {name} WHERE id > :{name}" for name in _MARKED)
    after = {name: marks.until(connection, f"settling of {name}") for name in _MARKED}
    return [str(row[0]) for row in bulk.rows(connection, f"{parts} ORDER BY 1", **after)]


def move_marks(connection: Connection, at: str) -> None:
    """All that is stored now was looked at."""
    for name in _MARKED:
        marks.move(connection, f"settling of {name}", bulk.newest_id(connection, name), at)


def outdated(connection: Connection, code: str) -> list[int]:
    """Fixed settlings with a settlement whose newest edition has other yen."""
    found = bulk.rows(
        connection,
        f"""WITH {FIXED_HERE} SELECT DISTINCT s.id FROM fixed f JOIN settling s ON s.id = f.id JOIN settling_line l ON l.settling_id = s.id
            JOIN settlement t ON t.settlement_key = l.settlement_key
            WHERE {NEWEST} AND t.edition <> l.edition AND l.yen <> CASE s.fee WHEN 'apart' THEN t.gross_yen ELSE t.net_yen END ORDER BY 1""",
        code=code,
    )
    return [int(row[0]) for row in found]


def open_settlements(connection: Connection, code: str) -> list[OpenSettlement]:
    """Settlements of a municipality that no fixed settling holds, by key."""
    found = bulk.rows(
        connection,
        f"""WITH {FIXED_HERE}
            SELECT t.settlement_key, t.edition, t.business_day, t.transfer_on, t.fund_code, t.gross_yen, t.fee_yen, t.net_yen
            FROM settlement t WHERE t.municipality_code = :code AND {NEWEST} AND NOT EXISTS (
              SELECT 1 FROM settling_line l JOIN fixed f ON f.id = l.settling_id
              WHERE l.settlement_key = t.settlement_key AND l.settlement_key <> '')
            ORDER BY t.settlement_key""",
        code=code,
    )
    return [OpenSettlement._make(row) for row in found]


def open_credits(connection: Connection, code: str) -> list[OpenCredit]:
    """Credits of a municipality that no fixed settling holds, and those that a cancellation may mean, by account and day.

    A credit that names the settlement of a fixed settling is not open: it is more than was due there, which the day tells.
    Money that goes out is there where it names a settlement or somebody.
    """
    found = bulk.rows(
        connection,
        f"""WITH {FIXED_HERE}
            SELECT c.id, c.booked_on, {SIGNED}, c.reference, TRIM(c.remitter_code || ' ' || c.remitter_name), c.account, c.inquiry_number,
                   c.cancelled = '1', h.settling_id
            FROM bank_credit c LEFT JOIN (
              SELECT l.credit_id, l.settling_id FROM fixed f JOIN settling_line l ON l.settling_id = f.id WHERE l.credit_id IS NOT NULL
            ) h ON h.credit_id = c.id
            WHERE c.municipality_code = :code AND {COUNTS.format("c")}
              AND (c.direction = '1' OR c.cancelled = '1' OR c.reference <> '' OR c.remitter_code || c.remitter_name <> '')
              AND ((h.settling_id IS NULL AND NOT EXISTS (
                SELECT 1 FROM settling_line k JOIN fixed g ON g.id = k.settling_id
                WHERE k.settlement_key = c.reference AND k.settlement_key <> ''))
              OR EXISTS (SELECT 1 FROM bank_credit x WHERE x.cancelled = '1' AND x.account = c.account AND x.amount_yen = c.amount_yen
                         AND x.direction = c.direction AND {COUNTS.format("x")}))
            ORDER BY c.account, c.booked_on, c.inquiry_number, c.id""",
        code=code,
    )
    return [OpenCredit._make((*row[:7], bool(row[7]), row[8])) for row in found]


def standing(connection: Connection, code: str) -> list[Standing]:
    """Settlings that a rule found, that stand and are not fixed."""
    found = bulk.rows(
        connection,
        f"""WITH {FIXED_HERE} SELECT s.id, s.rule, s.fee, l.settlement_key, l.edition, l.credit_id, l.yen
            FROM settling s JOIN settling_line l ON l.settling_id = s.id
            WHERE s.municipality_code = :code AND {STANDS.format("l")} AND NOT EXISTS (SELECT 1 FROM fixed f WHERE f.id = s.id)
            ORDER BY s.id, l.position""",
        code=code,
    )
    groups: dict[int, Standing] = {}
    for ident, rule, fee, *line in found:
        groups.setdefault(ident, Standing(ident, rule, fee, [])).lines.append(Line._make(line))
    return list(groups.values())


def record(connection: Connection, code: str, fresh: Sequence[Fresh], at: str, *, decision: Decision = BY_RULE) -> list[int]:
    """Append settlings with their lines; their ids."""
    ids = _append(connection, code, [(one.rule, one.fee, one.equation, None, decision) for one in fresh], at)
    lines = [(ident, number, *line) for ident, one in zip(ids, fresh, strict=True) for number, line in enumerate(one.lines, 1)]
    bulk.insert_rows(connection, "settling_line", ("settling_id", "position", *Line._fields), lines)
    return ids


def withdraw(connection: Connection, code: str, gone: Iterable[Withdrawal], at: str, *, decision: Decision = BY_RULE) -> None:
    """Append that these settlings stand no more."""
    rows = [("", "", "", one.id, decision._replace(reason=decision.reason or one.reason)) for one in gone]
    _append(connection, code, rows, at)


def _append(connection: Connection, code: str, rows: Sequence[tuple[str, str, str, int | None, Decision]], at: str) -> list[int]:
    """The ids of the appended rows, in their order; only one writer at a time comes here (``serialise``)."""
    before = bulk.newest_id(connection, "settling")
    columns = ("municipality_code", "rule", "fee", "equation", "withdraws", *Decision._fields, "at")
    bulk.insert_rows(connection, "settling", columns, [(code, *row[:4], *row[4], at) for row in rows])
    return [int(row[0]) for row in bulk.rows(connection, "SELECT id FROM settling WHERE id > :before ORDER BY id", before=before)]
