"""What the tests of this room share: the shipped profiles and a way to read bytes to the end."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import Problem
from fundlink.formats.profiles import Message, Profile, load_profile

ROOT = Path(__file__).resolve().parents[2]
PROFILES = ROOT / "schemas" / "profiles"
CODES = ROOT / "schemas" / "codes"
SHIPPED = sorted(path.parent.name for path in PROFILES.glob("*/profile.toml"))


@lru_cache(maxsize=32)
def profile(name: str) -> Profile:
    return load_profile(PROFILES / name, CODES)


def message(name: str, kind: str = "billing") -> Message:
    return profile(name).message(kind)


MESSAGES = [(name, kind) for name in SHIPPED for kind in profile(name).messages]


class Outcome(NamedTuple):
    """Everything a reader said about a file."""

    records: list[Any]
    lines: list[int]
    problems: list[Problem]
    rejected: list[tuple[int, int]]
    read: int
    header: dict[str, Any]
    quarantined: list[Problem]
    warnings: list[Problem]

    @property
    def codes(self) -> list[str]:
        return [problem.code for problem in (*self.quarantined, *self.problems)]


def read(given: Message, raw: bytes, chunk_rows: int = 10_000) -> Outcome:
    reader = given.reader(io.BytesIO(raw), chunk_rows=chunk_rows)
    records: list[Any] = []
    lines: list[int] = []
    problems: list[Problem] = []
    rejected: list[tuple[int, int]] = []
    count, quarantined = 0, []
    try:
        for chunk in reader:
            records += [record for _line, record in chunk.rows]
            lines += [line for line, _record in chunk.rows]
            problems += chunk.problems
            rejected += chunk.rejected
            count += chunk.read
    except ProblemError as error:
        quarantined = error.problems
    return Outcome(records, lines, problems, rejected, count, reader.header, quarantined, reader.problems)


HEADER = (
    "団体コード,公金種目コード,賦課年度,相当年度,会計年度,通知書番号,期別,科目コード,児童宛名番号,宛名番号,課所コード,料額,督促手数料,延滞金,"
    "納期限,支払期限,氏名,カナ氏名,郵便番号,住所,異動区分,連携キー"
)
RIGHT = {
    "団体コード": "131016",
    "公金種目コード": "601",
    "賦課年度": "2026",
    "通知書番号": "N0001",
    "期別": "01",
    "料額": "12000",
    "納期限": "2026-06-30",
}


def row(**changes: str) -> str:
    """One right line of the standard profile, but for the changes (by Japanese name)."""
    values = {**RIGHT, **changes}
    return ",".join(values.get(name, "") for name in HEADER.split(","))


def standard(*rows: str, header: str = HEADER, newline: str = "\r\n") -> bytes:
    return newline.join((header, *rows, "")).encode()
