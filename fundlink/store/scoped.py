"""A scope as conditions of a query, so that what somebody may not see never leaves the database. Called by the other modules of this room."""

from __future__ import annotations

from typing import Any

from fundlink.domain.scope import Scope


def within(scope: Scope, municipality: str, department: str | None = None) -> tuple[str, dict[str, Any]]:
    """`` AND …`` over these columns with its values; empty for a scope without limits.

    >>> within(Scope(frozenset({"990019"})), "b.municipality_code")
    (' AND b.municipality_code IN (:within_m0)', {'within_m0': '990019'})
    >>> within(Scope(frozenset()), "b.municipality_code"), within(Scope(), "b.municipality_code")
    ((' AND 1 = 0', {}), ('', {}))
    """
    condition, values = _among(scope.municipalities, municipality, "within_m")
    if department is None:
        return condition, values
    more, others = _among(scope.departments, department, "within_d")
    return condition + more, {**values, **others}


def _among(codes: frozenset[str] | None, column: str, name: str) -> tuple[str, dict[str, Any]]:
    if codes is None:
        return "", {}
    values = {f"{name}{at}": code for at, code in enumerate(sorted(codes))}
    return (f" AND {column} IN ({', '.join(f':{one}' for one in values)})" if values else " AND 1 = 0"), values
