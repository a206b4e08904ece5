"""Whose bill a case is about: the department, asked for only where somebody's scope is limited to some. Called by cases and desk.

What is of the municipality as a whole (a day, a file, a payment whose bill nobody knows) has none, and no single department sees it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from fundlink.store import bulk
from fundlink.store.bills import CURRENT_VERSION, current_version_of

_KEY = "SUBSTR(z.name, LENGTH(z.kind) + 2)"
DEPARTMENT = f"""
    (CASE WHEN z.kind IN ('transaction', 'cancellation', 'preliminary') THEN
       (SELECT w.department_code FROM outcome o JOIN bill_version w ON w.id = {current_version_of("o.bill_id")}
        WHERE o.transaction_key = {_KEY} AND o.id = (SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = o.transaction_key))
     WHEN z.kind = 'conflict' THEN
       (SELECT w.department_code FROM revision v JOIN bill_version w ON w.id = v.version_id WHERE v.id = CAST({_KEY} AS BIGINT))
     WHEN z.kind = 'bill' THEN
       (SELECT w.department_code FROM bill b JOIN bill_version w ON w.id = {CURRENT_VERSION} WHERE b.bill_key = {_KEY}) END)"""
"""Of the row ``z`` with the name of a case and its kind; NULL for what is of no single department."""


def departments_of(connection: Connection, names: Sequence[str]) -> dict[str, str]:
    """The departments whose bills these cases are about, whether they are open or not; those of no single one are left out."""
    fit = [name for name in names if not name.startswith("conflict:") or (name[9:].isascii() and name[9:].isdigit() and len(name) < 28)]
    if not fit:
        return {}
    values = {f"name{at}": name for at, name in enumerate(fit)} | {f"kind{at}": name.partition(":")[0] for at, name in enumerate(fit)}
    named = " UNION ALL ".join(f"SELECT CAST(:name{at} AS TEXT) AS name, CAST(:kind{at} AS TEXT) AS kind" for at in range(len(fit)))
    found = bulk.rows(connection, f"SELECT z.name, {DEPARTMENT} FROM ({named}) z", **values)
    return {str(name): str(department) for name, department in found if department is not None}
