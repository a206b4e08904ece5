"""The list of unpaid bills (for reminders): refused until every receipt file up to the cut-off is in, applied and posted.

Called by jobs. Judged and written in one transaction that no receipt can come into, so that nobody who paid is on the list because
a file lay somewhere. A payment of the cut-off day that is known now counts, whenever its file came.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from fundlink.connectors import core_files
from fundlink.domain.errors import ProblemError
from fundlink.domain.states import in_japanese
from fundlink.pipeline import absence
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile.outcomes import PAYING, RULES, UNDETERMINED
from fundlink.store import audit, bills, unpaid, vault
from fundlink.store.unpaid import Given, UnpaidBill

BLOCK = 1_000
HEADER = (
    "団体コード", "公金種目コード", "賦課年度", "相当年度", "会計年度", "通知書番号", "期別", "科目コード", "児童宛名番号", "宛名番号",
    "課所コード", "料額", "督促手数料", "延滞金", "合計額", "納期限", "支払期限", "連携キー", "納付書の状態", "締切後の納付日",
    "注意", "注意の金額",
)  # fmt: skip
_DOUBTS = {rule.outcome: rule.ja for rule in (*RULES, UNDETERMINED)}


def list_unpaid(rooms: Rooms, ticket: dict[str, Any]) -> dict[str, Any]:
    """Bills of ``municipality`` due and not paid at ``until``, a CSV a fund in ``out``; ProblemError with every reason when refused."""
    code, until = ticket["municipality"], ticket["until"]
    with rooms.store.write() as connection:
        bills.hold(connection, code)
        bills.hold_states(connection)
        (town,) = absence.towns(rooms, connection, code)
        mark = absence.judged(rooms, connection, town, until)
        if not mark.given:
            raise ProblemError(mark.reasons)
        unpaid.gather(connection, code, until, PAYING)
        seen = _Seen(rooms)
        found = unpaid.due_and_unpaid(connection, code, until)
        given = [_keep(rooms, connection, (code, fund, until), seen.watch(rows)) for fund, rows in groupby(found, _fund)]
        list_id = unpaid.add_list(connection, code, until, days=mark.days, files=given, at=rooms.now())
        unattached, unattached_yen = unpaid.unattached(connection, code)
        detail = {"until": until, "bills": seen.bills, "yen": seen.yen, "funds": len(given)}
        audit.append(connection, audit.Entry("fundlink", "unpaid.list", f"unpaid:{list_id}", detail, rooms.now()))
    return {
        "ok": True, "list_id": list_id, "municipality_code": code, "until": until, "needed_until": mark.needed_until, "bills": seen.bills,
        "yen": seen.yen, "paid_later": seen.paid_later, "doubtful": seen.doubtful, "unattached": unattached,
        "unattached_yen": unattached_yen, "files": [_delivered(rooms, Path(ticket["out"]), file, (code, until)) for file in given],
    }  # fmt: skip


def _fund(bill: UnpaidBill) -> str:
    return bill.fund_code


class _Seen:
    """Counts what streams past."""

    def __init__(self, rooms: Rooms) -> None:
        self.bills = self.yen = self.paid_later = self.doubtful = 0
        self._rooms = rooms

    def watch(self, found: Iterable[UnpaidBill]) -> Iterator[UnpaidBill]:
        for bill in found:
            self.bills, self.yen = self.bills + 1, self.yen + bill.total_yen
            self.paid_later += bill.paid_later_on is not None
            self.doubtful += bill.doubt is not None
            if self.bills % BLOCK == 0:
                self._rooms.progress("unpaid", self.bills, None)
            yield bill


def _keep(rooms: Rooms, connection: Any, about: tuple[str, str, str], found: Iterable[UnpaidBill]) -> Given:
    """Keep the bytes of one fund's list before anybody sees them."""
    fund, count, yen = about[1], 0, 0

    def counted() -> Iterator[UnpaidBill]:
        nonlocal count, yen
        for bill in found:
            count, yen = count + 1, yen + bill.total_yen
            yield bill

    kept = vault.keep(connection, lines(counted()), direction="out", kind="unpaid", name=_name(*about), at=rooms.now())
    return Given(fund, kept.raw_id, count, yen)


def _name(code: str, fund: str, until: str) -> str:
    return f"unpaid-{code}-{fund}-{until.replace('-', '')}.csv"


def _delivered(rooms: Rooms, folder: Path, file: Given, about: tuple[str, str]) -> dict[str, Any]:
    path = folder / _name(about[0], file.fund_code, about[1])
    stream = vault.open_kept(rooms.store, file.raw_id)
    core_files.put(path, iter(lambda: stream.read(vault.PIECE_BYTES), b""))
    return {"fund_code": file.fund_code, "path": str(path), "bills": file.bills, "yen": file.yen}


def lines(found: Iterable[UnpaidBill]) -> Iterator[bytes]:
    """The CSV, streamed: UTF-8 with BOM, CRLF, identifiers as they are."""
    yield "\ufeff".encode()
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\r\n")
    writer.writerow(HEADER)
    for number, bill in enumerate(found, 1):
        writer.writerow(_cells(bill))
        if number % BLOCK == 0:
            yield held.getvalue().encode()
            held.seek(0)
            held.truncate()
    yield held.getvalue().encode()


def _cells(bill: UnpaidBill) -> tuple[Any, ...]:
    doubt = "" if bill.doubt is None else _DOUBTS.get(bill.doubt, bill.doubt)
    return (*bill[:18], in_japanese(bill.slip_state), bill.paid_later_on or "", doubt, bill.doubt_yen or "")
