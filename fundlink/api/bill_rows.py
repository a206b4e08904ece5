"""From a request about one bill to the one row that takes the road: what the address says and what the body says must agree.

Used by bill_writes. It reads a body only as far as needed to compare and to fill in; whether a value is right is said by the
layout of the profile alone, so a body that cannot be read is handed on as it is.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.domain.records import BILL_KEY_PARTS, BillingRecord
from fundlink.store.lookup import BillView

PROFILE = "api"
_YEARS = ("levy_year", "relevant_year")
# one object a line: a line end between members may be any blank, and within a text a tab is refused just like a line end
_MEANT_AS_KEY = re.compile(r"[0-9]{6}~[0-9]{3}~").match
"""A name that begins like a bill key; no core key that a row may carry is refused for holding ``~`` alone."""
_ONE_LINE = bytes.maketrans(b"\r\n", b"\t\t")


class Row(NamedTuple):
    """One row on its way: the name of its bill in the address, the municipality it speaks of, its NDJSON line, who asks."""

    name: str
    municipality_code: str | None
    line: bytes
    correlation: str


def is_bill_key(name: str) -> bool:
    """True for eight parts joined by ``~`` that begin like a municipality code."""
    parts = name.split("~")
    return len(parts) == len(BILL_KEY_PARTS) and len(parts[0]) == 6 and parts[0].isdigit()


def row_of(name: str, body: bytes) -> tuple[bytes, str | None]:
    """The NDJSON line of a body, completed from the name of the bill, and the municipality it speaks of."""
    if not body.strip():
        raise ProblemError([problem("FL-API-001", place="byte 1")])
    if _MEANT_AS_KEY(name) and not is_bill_key(name):
        raise ProblemError([problem("FL-BIL-007", place="/v1/bills")])
    line = body.translate(_ONE_LINE)
    given = _members(line)
    if given is None:
        return line + b"\n", None
    wanted = dict(zip(BILL_KEY_PARTS, name.split("~"), strict=True)) if is_bill_key(name) else {"core_key": name}
    faults = [problem("FL-API-003", place=f"/{part}") for part, text in wanted.items() if part in given and _text(given[part]) != text]
    if faults:
        raise ProblemError(faults)
    missing = {part: _typed(part, text) for part, text in wanted.items() if part not in given and text}
    code = wanted.get("municipality_code") or given.get("municipality_code")
    return _with(line, missing, first=not given), code if isinstance(code, str) else None


def _members(line: bytes) -> dict[str, Any] | None:
    try:
        given = json.loads(line.removeprefix(b"\xef\xbb\xbf"), parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


def _text(value: Any) -> Any:
    return "" if value is None else value


def _typed(part: str, text: str) -> Any:
    return int(text) if part in _YEARS and text.isascii() and text.isdigit() and len(text) <= 4 else text


def _with(line: bytes, missing: dict[str, Any], *, first: bool) -> bytes:
    """The line with members added at its end, so that places within it stay what they were for the sender."""
    if not missing:
        return line + b"\n"
    added = json.dumps(missing)[1:-1].encode()
    return line.rstrip()[:-1] + (b"" if first else b",") + added + b"}\n"


def cancellation_of(bill: BillView) -> BillingRecord:
    """The current content of a bill with 異動区分 9; payer data are not kept, so there are none to repeat."""
    held = {name: getattr(bill, name) for name in BillingRecord._fields if hasattr(bill, name)}
    payer = dict.fromkeys(("payer_name", "payer_kana", "payer_postal_code", "payer_address"), "")
    return BillingRecord(**{**held, **payer, "action": "9"})
