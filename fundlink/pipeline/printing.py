"""Payment slips on paper: one bill, or all of a fund in files of 200 pages.

Called by jobs and api; reads only. Name and address are not held beside the bill: they are read again from the kept bytes of the file
that the bill's present content came with, row by row, for as long as a page takes to print.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from fundlink.connectors import core_files
from fundlink.domain.errors import ConfigurationError, ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.domain.records import BillingRecord
from fundlink.domain.states import in_japanese
from fundlink.formats import elqr
from fundlink.formats.profiles import Profile
from fundlink.pipeline.adopted import NotAdoptedError
from fundlink.pipeline.export import qr_payload
from fundlink.pipeline.rooms import Rooms, Ticket
from fundlink.slips.sheet import MOST_SHEETS, Sheet
from fundlink.store import files, lookup, vault
from fundlink.store.bills import LINE_BITS
from fundlink.store.clearings import FALLBACK_PROFILE
from fundlink.store.issued import IssuedSlip
from fundlink.store.lookup import BillView

PAYER = ("payer_name", "payer_kana", "payer_postal_code", "payer_address")
"""What a row says of the payer."""
_OPEN_FILES = 4
_MOST_PROBLEMS = 1000


class Noted(Protocol):
    """Told of a file of slips before it is put where somebody can read it."""

    def __call__(self, asked: Asked, detail: dict[str, Any]) -> None:
        """One file of ``asked``, which names its municipality."""
        ...


class Asked(NamedTuple):
    """Which slips are wanted: those of a fund, of one municipality or of all."""

    fund_code: str
    municipality: str | None = None


def payload_of(rooms: Rooms, bill: BillView) -> str | None:
    """The 255 digits, or None where nothing is to be paid with them or the rules of their making wait for an approval."""
    if bill.slip_id is None or not bill.total_yen or bill.state == "cancelled" or bill.due_on is None or bill.payable_until is None:
        return None
    slip = IssuedSlip(**{name: getattr(bill, name) for name in IssuedSlip._fields})
    try:
        return qr_payload(_profile(rooms, bill.profile), slip)
    except NotAdoptedError:
        return None


def _profile(rooms: Rooms, name: str) -> Profile:
    try:
        return rooms.profile(name)
    except NotAdoptedError:
        raise
    except ProblemError:  # taken away since the bill came; its slip can still be drawn
        return rooms.profile(FALLBACK_PROFILE)


def payer_record(rooms: Rooms, bill: BillView) -> BillingRecord | None:
    """The row that a bill's present content came with; None where it is not readable any more."""
    return _Payers(rooms).of([bill]).get(bill.version_id)


def print_one(rooms: Rooms, bill: BillView) -> bytes:
    """The slip of one bill as PDF; ProblemError with the reason where there can be none."""
    return print_some(rooms, [bill])


def print_some(rooms: Rooms, bills: Sequence[BillView]) -> bytes:
    """The slips of some bills as one PDF, a page each, in their order; ProblemError with every reason where one cannot be printed."""
    found = _Printing(rooms).sheets(bills)
    if found.problems or not found.sheets:
        raise ProblemError(found.problems or [problem("FL-SLP-002", place="", state="", state_en="")])
    return rooms.printer().pdf(found.sheets)


def print_fund(rooms: Rooms, asked: Asked, out: Path, noted: Noted) -> Ticket:
    """Every printable slip of a fund into files of a folder; what was not printed is counted, and told where a person has to act.

    ``noted`` hears of each file before it is there: which municipality, how many slips, their yen and the digest of the file.
    """
    with rooms.store.read() as connection:
        known = [code for code, _, _ in files.municipalities(connection)]
    told: dict[str, Any] = {"files": [], "slips": 0, "yen": 0, "skipped": 0, "not_printed": 0, "problems": []}
    for code in known if asked.municipality is None else [asked.municipality]:
        _Fund(rooms, asked._replace(municipality=code), told, noted).print(out)
    return told


class _Fund:
    """The slips of one municipality's fund on their way into files."""

    def __init__(self, rooms: Rooms, asked: Asked, told: dict[str, Any], noted: Noted) -> None:
        self.rooms, self.asked, self.told, self.noted = rooms, asked, told, noted

    def print(self, out: Path) -> None:
        """All that can be printed."""
        held: list[Sheet] = []
        number = 0
        for found in _Printing(self.rooms).pages(self.asked):
            self._count(found)
            held += found.sheets
            while len(held) >= MOST_SHEETS:
                number += 1
                self._put(self._path(out, number), held[:MOST_SHEETS])
                del held[:MOST_SHEETS]
        if held:
            self._put(self._path(out, number + 1), held)

    def _path(self, out: Path, number: int) -> Path:
        return out / f"slips-{self.asked.municipality}-{self.asked.fund_code}-{number:04}.pdf"

    def _count(self, found: _Found) -> None:
        told = self.told
        told["skipped"] += found.skipped
        told["not_printed"] += len(found.problems)
        told["problems"] += [one.as_json() for one in found.problems[: _MOST_PROBLEMS - len(told["problems"])]]

    def _put(self, path: Path, sheets: Sequence[Sheet]) -> None:
        printed, yen = self.rooms.printer().pdf(sheets), sum(sheet.amount_yen for sheet in sheets)
        self.noted(self.asked, {"slips": len(sheets), "yen": yen, "sha256": hashlib.sha256(printed).hexdigest()})
        path.parent.mkdir(parents=True, exist_ok=True)
        core_files.put(path, [printed], mode=0o600)  # names and addresses: for their owner's eyes
        self.told["files"].append(str(path))
        self.told["slips"] += len(sheets)
        self.told["yen"] += yen
        self.rooms.progress("slips", self.told["slips"], None)


class _Found(NamedTuple):
    """Sheets ready to be printed, why others are not, and how many have nothing to pay any more."""

    sheets: list[Sheet]
    problems: list[Problem]
    skipped: int


class _Printing:
    """One run: knows the names, and holds a few kept files open at the row it read last."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms, self._payers = rooms, _Payers(rooms)
        self._funds = rooms.codes("fund_codes")
        with rooms.store.read() as connection:
            self._places = {code: name for code, name, _ in files.municipalities(connection)}

    def pages(self, asked: Asked) -> Iterator[_Found]:
        """The slips of a fund, a page of bills at a time."""
        after = 0
        while True:
            with self.rooms.store.read() as connection:
                page = lookup.page_of_bills(
                    connection, after=after, limit=MOST_SHEETS, municipality_code=asked.municipality, fund_code=asked.fund_code
                )  # fmt: skip
            if not page:
                return
            after = page[-1].bill_id
            open_ones = [bill for bill in page if self._refusal(bill) is None]
            yield self.sheets(open_ones)._replace(skipped=len(page) - len(open_ones))

    def sheets(self, bills: Sequence[BillView]) -> _Found:
        """The sheets of bills, and every reason why there is none; nothing is printed yet."""
        found = _Found([], [], 0)
        refused = {bill.bill_id: self._refusal(bill) for bill in bills}
        records = self._payers.of([bill for bill in bills if refused[bill.bill_id] is None])
        for bill in bills:
            refusal = refused[bill.bill_id]
            record = records.get(bill.version_id)
            if refusal is not None or record is None:
                found.problems.append(refusal or problem("FL-SLP-003", place=bill.bill_key))
                continue
            sheet = self._sheet(bill, record)
            missing = self.rooms.printer().missing(sheet)
            if missing:
                characters = "、".join(f"{one} U+{ord(one):04X}" for one in missing)
                found.problems.append(problem("FL-SLP-001", place=bill.bill_key, characters=characters))
            else:
                found.sheets.append(sheet)
        return found

    def _refusal(self, bill: BillView) -> Problem | None:
        return refusal(self.rooms, bill)

    def _sheet(self, bill: BillView, record: BillingRecord) -> Sheet:
        payload = payload_of(self.rooms, bill)
        assert payload is not None
        own = {name: getattr(bill, name) for name in Sheet._fields if hasattr(bill, name)}
        payer = {name: getattr(record, name) for name in ("payer_postal_code", "payer_address", "payer_name")}
        return Sheet(
            **own, **payer,
            municipality=self._places.get(bill.municipality_code) or bill.municipality_code,
            fund=self._funds.get(bill.fund_code, bill.fund_code),
            amount_yen=bill.total_yen, qr_svg=elqr.symbol_svg(payload),
        )  # fmt: skip


def refusal(rooms: Rooms, bill: BillView) -> Problem | None:
    """A slip that the gateway does not know could be paid by nobody; one that is paid or past its limit must not be handed out."""
    if bill.is_paid or bill.state != "registered" or not bill.total_yen:
        state = "paid" if bill.is_paid else bill.state
        return problem("FL-SLP-002", place=bill.bill_key, state=in_japanese(state), state_en=state)
    if bill.payable_until is None or bill.payable_until < rooms.today():
        return problem("FL-SLP-004", place=bill.bill_key)
    try:
        _profile(rooms, bill.profile)
    except NotAdoptedError as error:
        return error.problems[0]._replace(place=bill.bill_key)
    return None


class _Payers:
    """Rows of kept files by their lines. Bills mostly come in the order of their files, so a file is read once, not once a page."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._open: OrderedDict[int, _Rows] = OrderedDict()

    def of(self, bills: Sequence[BillView]) -> dict[int, BillingRecord]:
        """The row that each bill's present content came with, by version; a bill is absent where its row is no longer readable."""
        wanted: dict[int, dict[int, BillView]] = {}
        for bill in bills:
            wanted.setdefault(bill.version_id >> LINE_BITS, {})[bill.version_id & ((1 << LINE_BITS) - 1)] = bill
        found: dict[int, BillingRecord] = {}
        for file_id, lines in sorted(wanted.items()):
            for line, record in self._taken(file_id, sorted(lines)):
                if record.bill_key == lines[line].bill_key:  # the profile may read the file differently today
                    found[lines[line].version_id] = record
        return found

    def _taken(self, file_id: int, lines: list[int]) -> list[tuple[int, BillingRecord]]:
        rows = self._open.pop(file_id, None)
        try:
            if rows is None or rows.line > lines[0]:
                rows = _Rows(self._rooms, file_id)
            taken = list(rows.take(lines))
        except (ProblemError, ConfigurationError):
            return []
        self._open[file_id] = rows
        while len(self._open) > _OPEN_FILES:
            self._open.popitem(last=False)
        return taken


class _Rows:
    """The rows of one kept file, read forward; ``line`` is the one it stands at."""

    def __init__(self, rooms: Rooms, file_id: int) -> None:
        with rooms.store.read() as connection:
            file = files.find_file(connection, file_id)
        assert file is not None
        message = rooms.profile(file.profile).message("billing")
        reader = message.reader(vault.open_kept(rooms.store, file.raw_id), chunk_rows=rooms.chunk_rows)
        self._rows = (row for chunk in reader for row in chunk.rows)
        self._row: tuple[int, BillingRecord] | None = next(self._rows, None)

    @property
    def line(self) -> int:
        """The line it stands at; far behind the end when all are read."""
        return self._row[0] if self._row is not None else 1 << LINE_BITS

    def take(self, lines: Sequence[int]) -> Iterator[tuple[int, BillingRecord]]:
        """These lines, ascending, as far as they are there."""
        for line in lines:
            while self.line < line:
                self._row = next(self._rows, None)
            if self._row is not None and self._row[0] == line:
                yield self._row
