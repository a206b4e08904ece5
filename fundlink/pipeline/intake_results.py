"""What came of a file, told to whoever sent it: the numbers as commands print them, and the row-result file.

Called by jobs and api after the intake. Reads only; the result file is a copy that can be made again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from fundlink.connectors import core_files
from fundlink.domain.problems import Problem, problem
from fundlink.pipeline.rooms import Rooms, Ticket
from fundlink.store import files

SHOWN_PROBLEMS = 1000
_ALL_PROBLEMS = 1_000_000
_NUMBERS = ("read", "accepted", "created", "updated", "unchanged", "cancelled", "conflicts", "rejected", "accepted_yen", "rejected_yen")
_FORMULA = frozenset("=+-@\t")
RESULT_WORDS = {"0": "変更なし", "1": "追加", "2": "更新", "3": "取消", "7": "警告", "9": "誤り"}


def report(rooms: Rooms, ticket: Ticket) -> Ticket:
    """The numbers of a file as the command prints them; writes the row-result file beside the data."""
    if ticket.get("duplicate_of") is not None:
        return {**_blank(), "problems": [problem("FL-DUP-002", file_id=ticket["duplicate_of"]).as_json()], "result_file": None}
    file_id = int(ticket["file_id"])
    with rooms.store.read() as connection:
        state = files.find_file(connection, file_id)
        assert state is not None
        told = [p.as_json() for p in files.problems_of_file(connection, file_id, SHOWN_PROBLEMS)]
    result = None if ticket.get("dry_run") else _write_result(rooms, file_id)
    return {**_blank(), **state.summary, "problems": told, "result_file": result}


def _blank() -> Ticket:
    return {**dict.fromkeys(_NUMBERS, 0), "quarantined": False}


def _write_result(rooms: Rooms, file_id: int) -> str:
    path = rooms.folder / "outbox" / "results" / f"{file_id}.result.csv"
    core_files.put(path, result_lines(rooms, file_id))
    return str(path)


def result_lines(rooms: Rooms, file_id: int) -> Iterator[bytes]:
    """The row-result file, streamed: UTF-8 with BOM, CRLF, one line a row or problem; file-level problems first.

    A quarantined file has no row results: its lines are all that is wrong with it.
    """
    yield "\ufeff".encode()
    yield _csv_lines([("行", "結果", "結果名", "請求キー", "連携キー", "コード", "項目", "桁・列", "内容", "対処")])
    with rooms.store.read() as connection:
        state = files.find_file(connection, file_id)
        quarantined = state is not None and state.event == "quarantined"
        for told in files.problems_of_file(connection, file_id, _ALL_PROBLEMS if quarantined else SHOWN_PROBLEMS):
            if told.line is None or quarantined:
                yield _csv_lines([_result_cells(told.line or "", "9" if told.severity == "error" else "7", "", "", told)])
        if quarantined:
            return
        for stretch in files.row_results(connection, file_id):
            yield _csv_lines([_result_cells(*row) for row in stretch])


def _result_cells(line: int | str, result: str, bill_key: str, core_key: str, told: Problem | None) -> Sequence[Any]:
    if told is None:
        return (line, result, RESULT_WORDS[result], bill_key, core_key and _plain(core_key), "", "", "", "", "")
    shown = told.as_json()
    cells = (shown.get("code"), shown.get("ja") or shown.get("field"), shown.get("column"), shown.get("message"), shown.get("next"))
    shown_cells = ("" if cell is None else _plain(str(cell)) for cell in cells)
    return (line, result, RESULT_WORDS[result], bill_key, _plain(core_key), *shown_cells)


def _plain(cell: str) -> str:
    """A cell that a spreadsheet would run as a formula is made plain text."""
    return "'" + cell if cell[:1] in _FORMULA else cell


def _csv_lines(lines: Iterable[Sequence[Any]]) -> bytes:
    held = io.StringIO()
    csv.writer(held, lineterminator="\r\n").writerows(lines)
    return held.getvalue().encode()
