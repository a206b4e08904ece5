"""Rows that waited together take the road as one batch, and each gets the answer of its own line.

Used by bill_writes, in the transaction that keeps the answers. What a row does is decided in store; here it becomes a status. A
row that must be taken back raises: alone it is refused then, among others it makes all of them be taken one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from fundlink.api.answers import Answer, json_answer, shown_answer
from fundlink.api.bill_rows import PROFILE, Row, is_bill_key
from fundlink.api.context import Api
from fundlink.api.views import bill_address, bill_json
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.store import files, lookup
from fundlink.store.lookup import BillView

SHOWN = 1000
_MOST_PROBLEMS = 100_000
_SEVERAL = 10
_DOUBLES = {"FL-DUP-001", "FL-DUP-003"}


class _Apart(Exception):  # noqa: N818 - nothing is wrong; these rows cannot be judged in one batch
    """Rows that must be taken one by one."""


def take(api: Api, connection: Connection, rows: Sequence[Row]) -> list[Answer]:
    """Let the rows take the road and tell what each did."""
    told = api.jobs.bills([row.line for row in rows], PROFILE)
    file_id = int(told["file_id"])
    found = files.problems_of_file(connection, file_id, _MOST_PROBLEMS)
    if len(rows) > 1 and (told.get("quarantined") or any(one.code in _DOUBLES for one in found)):
        raise _Apart
    if told.get("quarantined"):
        return [shown_answer(_shown(found), rows[0].correlation)]
    done = lookup.bills_of_file(connection, file_id)
    named = any(not is_bill_key(row.name) for row in rows)
    _refuse_shared_names(rows, lookup.same_core_key(connection, file_id) if named else {})
    return [
        _answer(api, row, done.get(line), {"intake_id": file_id, "warnings": _shown(one for one in found if one.line in (line, None))})
        for line, row in enumerate(rows, 1)
    ]


def _shown(found: Iterable[Problem]) -> list[dict[str, Any]]:
    """Problems of one row as it was sent, which is one line."""
    return [(one if one.line is None else one._replace(line=1)).as_json() for one in found][:SHOWN]


def _refuse_shared_names(rows: Sequence[Row], counts: Mapping[int, int]) -> None:
    for line, row in enumerate(rows, 1):
        if counts.get(line, 0) > 1 and not is_bill_key(row.name):
            raise ProblemError([problem("FL-BIL-006", count=min(counts[line], _SEVERAL))])


def _answer(api: Api, row: Row, done: tuple[str, BillView] | None, beside: dict[str, Any]) -> Answer:
    problems: list[dict[str, Any]] = beside["warnings"]
    if done is None and any(shown["severity"] == "error" or shown["code"] == "FL-BIL-002" for shown in problems):
        return shown_answer(problems, row.correlation)  # the bytes and the reason are kept; there is no effect to be stored
    if done is not None and done[0] == "conflict":
        return shown_answer(problems, row.correlation, lasting=True)
    if done is None or row.name != (done[1].bill_key if is_bill_key(row.name) else done[1].core_key):
        raise ProblemError([problem("FL-API-003", place="/")])  # takes the row back: it was about another bill than the address
    effect, bill = done
    return shown_bill(api, bill, {"effect": effect, **beside}, status=201 if effect == "created" else 200)


def shown_bill(api: Api, bill: BillView, beside: Mapping[str, Any], *, status: int = 200) -> Answer:
    """A bill that was written."""
    body = {**bill_json(api.rooms, bill), **beside}
    return json_answer(status, body, {"Location": bill_address(bill.bill_key)} if status == 201 else None, lasting=True)
