"""One bill, a page of bills: what vendors and staff look up. Called by desk and api; reads only."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.scope import EVERYWHERE, Scope
from fundlink.store import bulk, scoped
from fundlink.store.bills import BILL_IS_PAID, CURRENT_EFFECT, CURRENT_VERSION, LINE_BITS, SLIP_STATE


class BillView(NamedTuple):
    """A bill with its current content and its newest slip (None where nothing is to pay)."""

    bill_id: int
    bill_key: str
    profile: str
    version_id: int
    effect: str  # created | updated | readdressed | cancelled: what the newest effective row did
    is_paid: int
    municipality_code: str
    fund_code: str
    levy_year: int
    relevant_year: int
    fiscal_year: int
    notice_number: str
    installment: str
    subject_code: str
    child_number: str
    addressee_number: str
    department_code: str
    charge_yen: int
    reminder_fee_yen: int
    late_charge_yen: int
    total_yen: int
    due_on: str | None
    payable_until: str | None
    core_key: str
    slip_id: int | None
    issue_count: int | None
    institution_code: str | None
    case_key: str | None
    confirmation_number: str | None
    slip_state: str | None

    @property
    def state(self) -> str:
        """The state of its newest slip; ``draft`` without one, ``cancelled`` as soon as the core system said so."""
        if self.effect == "cancelled" and self.slip_state not in ("paid", "settled", "cleared"):
            return "cancelled"
        return self.slip_state or "draft"


_COLUMNS = (
    "municipality_code", "fund_code", "levy_year", "relevant_year", "fiscal_year", "notice_number", "installment", "subject_code",
    "child_number", "addressee_number", "department_code", "charge_yen", "reminder_fee_yen", "late_charge_yen", "total_yen", "due_on",
    "payable_until", "core_key",
)  # fmt: skip
_SEEN = f"""b.id, b.bill_key, f.profile, w.id, {CURRENT_EFFECT}, CASE WHEN {BILL_IS_PAID} THEN 1 ELSE 0 END,
           {", ".join("w." + name for name in _COLUMNS)},
           s.id, s.issue_count, s.institution_code, s.case_key, s.confirmation_number, CASE WHEN s.id IS NOT NULL THEN {SLIP_STATE} END"""
_JOINED = f"""
    JOIN bill_version w ON w.id = {CURRENT_VERSION} JOIN file f ON f.id = b.file_id
    LEFT JOIN slip s ON s.bill_id = b.id AND s.issue_count = (SELECT MAX(n.issue_count) FROM slip n WHERE n.bill_id = b.id)"""
_VIEW = f"SELECT {_SEEN} FROM bill b {_JOINED}"
_DONE = """
    CASE WHEN x.id = b.id THEN 'created' ELSE COALESCE((SELECT CASE WHEN r.effect = 'readdressed' THEN 'updated' ELSE r.effect END
                                                               FROM revision r WHERE r.version_id = x.id ORDER BY r.id LIMIT 1), 'unchanged') END"""


def bill_by_key(connection: Connection, bill_key: str) -> BillView | None:
    """The bill with this key (parts joined by ``~``)."""
    found = _bills(connection, "b.bill_key = :key", key=bill_key)
    return found[0] if found else None


def bills_by_core_key(
    connection: Connection, core_key: str, municipality_code: str | None = None, scope: Scope = EVERYWHERE
) -> list[BillView]:
    """Bills in scope whose current version carries this 連携キー; ten at most."""
    condition = """b.id IN (SELECT x.id FROM bill x JOIN bill_version v ON v.bill_key = x.bill_key WHERE v.core_key = :core AND v.core_key <> '')
                   AND w.core_key = :core"""
    inside, held = scoped.within(scope, "b.municipality_code", "w.department_code")
    condition += inside
    values: dict[str, Any] = {"core": core_key, **held}
    if municipality_code:
        condition += " AND b.municipality_code = :code"
        values["code"] = municipality_code
    return _bills(connection, f"{condition} ORDER BY b.id LIMIT 10", **values)


def bills_of_file(connection: Connection, file_id: int) -> dict[int, tuple[str, BillView]]:
    """What each row of a small file did (created, updated, unchanged, cancelled, conflict) and its bill, by line."""
    found = bulk.rows(
        connection,
        f"""SELECT x.line, {_DONE}, {_SEEN} FROM bill_version x JOIN bill b ON b.bill_key = x.bill_key {_JOINED}
            WHERE x.id >= :low AND x.id < :high""",
        low=file_id << LINE_BITS, high=(file_id + 1) << LINE_BITS,
    )  # fmt: skip
    return {int(line): (str(effect), BillView(*rest)) for line, effect, *rest in found}


def same_core_key(connection: Connection, file_id: int) -> dict[int, int]:
    """How many bills of its municipality carry the 連携キー of each row of a small file now, by line."""
    found = bulk.rows(
        connection,
        f"""SELECT x.line, COUNT(DISTINCT b.id) FROM bill_version x JOIN bill_version v ON v.core_key = x.core_key AND v.core_key <> ''
            JOIN bill b ON b.bill_key = v.bill_key AND b.municipality_code = x.municipality_code
            JOIN bill_version w ON w.id = {CURRENT_VERSION} AND w.core_key = x.core_key
            WHERE x.id >= :low AND x.id < :high GROUP BY x.line""",
        low=file_id << LINE_BITS, high=(file_id + 1) << LINE_BITS,
    )  # fmt: skip
    return {int(line): int(count) for line, count in found}


def bill_by_el_number(connection: Connection, institution_code: str, case_key: str) -> BillView | None:
    """The bill one of whose slips, present or former, carries this eL number."""
    condition = "b.id = (SELECT x.bill_id FROM slip x WHERE x.institution_code = :institution AND x.case_key = :case)"
    found = _bills(connection, condition, institution=institution_code, case=case_key)
    return found[0] if found else None


def page_of_bills(connection: Connection, *, after: int, limit: int, municipality_code: str | None = None, fund_code: str | None = None, scope: Scope = EVERYWHERE) -> list[BillView]:  # fmt: skip
    """Bills in scope after a bill id in the order they came, at most ``limit``."""
    inside, held = scoped.within(scope, "b.municipality_code", "w.department_code")
    condition, values = f"b.id > :after{inside}", {"after": after, "limit": limit, **held}
    if municipality_code:
        condition += " AND b.municipality_code = :code"
        values["code"] = municipality_code
    if fund_code:
        condition += " AND w.fund_code = :fund"
        values["fund"] = fund_code
    return _bills(connection, f"{condition} ORDER BY b.id LIMIT :limit", **values)


def _bills(connection: Connection, condition: str, **values: Any) -> list[BillView]:
    return [BillView(*row) for row in bulk.rows(connection, f"{_VIEW} WHERE {condition}", **values)]


def slips_of_bill(connection: Connection, bill_id: int) -> list[dict[str, Any]]:
    """Every slip of a bill, first issue first, with its state."""
    found = bulk.rows(
        connection,
        f"""SELECT s.issue_count, s.institution_code, s.case_key, s.confirmation_number, {SLIP_STATE}, s.issued_at
            FROM slip s WHERE s.bill_id = :bill ORDER BY s.issue_count""",
        bill=bill_id,
    )
    names = ("issue_count", "institution_code", "case_key", "confirmation_number", "state", "issued_at")
    return [dict(zip(names, row, strict=True)) for row in found]
