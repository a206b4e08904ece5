"""The core systems: they write bill files, take back what is refused, and post the clearings they are handed.

Driven by the world. One writes CSV (profile ``standard``), one a host file with sequence and totals (``host-fixed``). What they
were told is acknowledged, and what they posted, is kept here, outside the product.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.simulation.faults import Faults
from tests.simulation.register import check_digit

INSTITUTIONS = {"99001": "standard", "99002": "host-fixed"}
"""The municipalities, and the profile of each one's core system."""
ROOT = Path(__file__).parents[2] / "schemas" / "profiles"


class Row(NamedTuple):
    """One line of a bill file."""

    code: str
    fund: str
    notice: str
    charge: int
    reminder: int
    due: str
    until: str
    cancel: bool
    broken: str = ""  # what is wrong with it; such a line is refused

    @property
    def key(self) -> str:
        return f"{self.code}~{self.fund}~2026~2026~{self.notice}~01~~"

    @property
    def yen(self) -> int:
        return self.charge + self.reminder

    @property
    def content(self) -> tuple[int, int, str, str]:
        return self.charge, self.reminder, self.due, self.until


@dataclass
class BillFile:
    """A file on its way: its rows, and whether it can be taken at all."""

    name: str
    body: bytes
    rows: list[Row]
    good: bool
    told: dict[str, int] | None = None  # what intake acknowledged

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass
class Core:
    """One municipality's core system."""

    institution: str
    profile: str
    rng: Random
    faults: Faults
    today: Callable[[], dt.date]
    wanted: dict[str, Row] = field(default_factory=dict)
    waiting: list[BillFile] = field(default_factory=list)
    sent: list[BillFile] = field(default_factory=list)
    postings: dict[int, dict[str, str]] = field(default_factory=dict)
    seen: dict[str, bytes] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    number: int = 0
    bills: int = 0
    newest_day: str = ""

    @property
    def code(self) -> str:
        return self.institution + check_digit(self.institution)

    def write(self, most: int) -> None:
        """The next file: new bills, changed ones, cancelled ones, and lines that are wrong."""
        rows = [self._new() for _ in range(self.rng.randrange(1, 5) if len(self.wanted) < most else 0)]
        changing = [key for key in sorted(self.wanted) if self.rng.random() < 0.15]
        rows += [self._changed(self.wanted[key]) for key in changing]
        if not rows:
            rows.append(self._changed(self.rng.choice(sorted(self.wanted.values()))))
        if self.rng.random() < 0.15:
            rows.append(rows[0])  # the same line twice counts once
        if self.rng.random() < 0.15:
            kinds = ("amount", "due", "foreign") if self.profile == "standard" else ("due",)
            rows.append(self._new()._replace(broken=self.rng.choice(kinds)))
        if self.rng.random() < 0.1:
            twin = self._new()
            rows += [twin, twin._replace(charge=twin.charge + 7)]  # two contents of one key: both are refused
        self._send(rows)

    def change(self, key: str) -> None:
        """A file with nothing but one bill, which is cancelled, or raised, or comes back."""
        row = self.wanted[key]
        self._send(
            [row._replace(cancel=not row.cancel) if self.rng.random() < 0.6 else row._replace(charge=row.charge + 500, cancel=False)]
        )

    def _send(self, rows: list[Row]) -> None:
        self.number += 1
        self.newest_day = max(self.newest_day, self.today().isoformat())
        name = f"{self.code}-{self.number:03d}"
        body = self._csv(rows) if self.profile == "standard" else self._host(rows, self.number, self.newest_day)
        if self.profile != "standard" and self.faults.strikes("T08"):
            self.waiting.append(BillFile(f"{name}h.txt", self._half(body), [], good=False))
        if self.faults.strikes("T09"):
            at = self.rng.randrange(1, 10)
            spoiled = body[:at] + bytes([body[at] ^ 0x80]) + body[at + 1 :]
            self.waiting.append(BillFile(f"{name}x.txt", spoiled, [], good=False))
        self.waiting.append(BillFile(f"{name}.txt", body, rows, good=True))
        if self.faults.strikes("T05"):
            self.waiting.append(BillFile(f"{name}d.txt", body, rows, good=True))  # the same bytes once more
        if self.profile != "standard" and self.number > 1 and self.faults.strikes("T06", 2):
            stale = self._host([self._new()], self.number - 1, self.newest_day)
            self.waiting.append(BillFile(f"{name}s.txt", stale, [], good=False))
        for row in rows:
            if not row.broken:
                self.wanted[row.key] = row

    def _half(self, body: bytes) -> bytes:
        """A file that lost its end, or a line in the middle."""
        lines = body.split(b"\r\n")
        if self.rng.random() < 0.5:
            return b"\r\n".join([lines[0], *lines[2:]])
        return b"\r\n".join(lines[: self.rng.randrange(2, len(lines) - 2)]) + b"\r\n"

    def _new(self) -> Row:
        self.bills += 1
        due = self.today() + dt.timedelta(days=self.rng.randrange(1, 20))
        until = due + dt.timedelta(days=self.rng.choice((0, 1, 40)))
        notice = f"{self.institution}{self.bills:08d}"
        charge = self.rng.randrange(1, 40) * 500
        reminder = self.rng.choice((0, 0, 100))
        return Row(self.code, self.rng.choice(("601", "651")), notice, charge, reminder, due.isoformat(), until.isoformat(), cancel=False)

    def _changed(self, row: Row) -> Row:
        draw = self.rng.random()
        if draw < 0.25:
            return row._replace(cancel=not row.cancel)
        if draw < 0.4:
            return row  # said again
        return row._replace(charge=row.charge + 500 * self.rng.randrange(1, 4), cancel=False)

    def _csv(self, rows: list[Row]) -> bytes:
        columns = _names(self.profile, "billing")
        held = io.StringIO()
        writer = csv.writer(held, lineterminator="\r\n")
        writer.writerow([ja for _, ja in columns])
        for row in rows:
            values = self._values(row)
            writer.writerow([values.get(name, "") for name, _ in columns])
        return held.getvalue().encode()

    def _values(self, row: Row) -> dict[str, str]:
        values = {
            "municipality_code": row.code, "fund_code": row.fund, "levy_year": "2026", "relevant_year": "2026", "fiscal_year": "2026",
            "notice_number": row.notice, "installment": "01", "charge_yen": str(row.charge), "reminder_fee_yen": str(row.reminder),
            "due_on": row.due, "payable_until": row.until, "action": "9" if row.cancel else "1", "core_key": f"K{row.notice}",
        }  # fmt: skip
        if row.broken == "amount":
            values["charge_yen"] = "12a"
        if row.broken == "due":
            values["due_on"] = "2026-02-30"
        if row.broken == "foreign":
            values["municipality_code"] = "131016"
        return values

    def _host(self, rows: list[Row], sequence: int, day: str) -> bytes:
        head = "1SEIK" + self.code + _era(day) + f"{sequence:06d}" + _era(day) + " " * 423
        lines, total = [head], 0
        for row in rows:
            due = "5080230" if row.broken == "due" else _era(row.due)
            total += row.yen
            lines.append(
                f"2{row.fund}202620262026{row.notice:<20}01{'':4}{'':15}{'':15}000{row.charge:011d}{row.reminder:011d}{0:011d}{due}{_era(row.until)}"
                f"{'':60}{'':80}{'':7}{'':120}{'9' if row.cancel else '1'}{'K' + row.notice:<64}"
            )
        lines += [f"8{len(rows):08d}{total:014d}{'':431}", f"9{len(rows) + 3:08d}{'':445}"]
        assert {len(line) for line in lines} == {454}
        return b"".join(line.encode("cp932") + b"\r\n" for line in lines)

    def pick_up(self, folder: Path) -> int:
        """Read every clearing file that lies there and post it; a name that came before must bring the same bytes."""
        taken = 0
        for path in sorted(folder.glob(f"clearing-{self.code}-*")):
            body = path.read_bytes()
            path.unlink()
            before = self.seen.setdefault(path.name, body)
            if before != body:
                self.wrong.append(f"I-29 {path.name} came twice with other bytes")
            for posting in self._entries(path.name, body):
                self._post(posting)
            taken += 1
        return taken

    def _entries(self, name: str, body: bytes) -> list[dict[str, str]]:
        if "-standard-" in name:
            columns = {ja: name for name, ja in _names("standard", "clearing")}
            found = csv.DictReader(io.StringIO(body.decode()))
            return [{columns[ja]: value for ja, value in row.items()} for row in found]
        widths = _widths(self.profile, "clearing")
        told = []
        for line in body.split(b"\r\n"):
            if line.startswith(b"2"):
                at, values = 0, {}
                for field, width in widths:
                    values[field] = line[at : at + width].decode("cp932").strip()
                    at += width
                told.append(values)
        return told

    def _post(self, posting: dict[str, str]) -> None:
        number = int(posting["entry_number"])
        known = self.postings.setdefault(number, posting)
        if known != posting:
            self.wrong.append(f"I-29 entry {number} came twice and says something else")


def _era(day: str) -> str:
    return f"5{int(day[:4]) - 2018:02d}{day[5:7]}{day[8:]}"


def _layout(profile: str, message: str) -> list[dict[str, str]]:
    with (ROOT / profile / f"{message}.csv").open(encoding="utf-8") as sheet:
        return [row for row in csv.DictReader(sheet) if row["record"] == "data"]


_SHEETS: dict[tuple[str, str], list[dict[str, str]]] = {}


def _sheet(profile: str, message: str) -> list[dict[str, str]]:
    return _SHEETS.setdefault((profile, message), _layout(profile, message))


def _names(profile: str, message: str) -> list[tuple[str, str]]:
    return [(row["name"], row["ja"]) for row in _sheet(profile, message)]


def _widths(profile: str, message: str) -> list[tuple[str, int]]:
    return [(row["name"], int(row["width"])) for row in _sheet(profile, message)]
