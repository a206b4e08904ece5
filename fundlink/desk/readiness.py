"""Getting ready (導入準備): what has to stand before a municipality takes its first payment, what does, and who said so.

Called by console. The items are rows of ``readiness.toml``; what the database knows is derived each time it is asked
for, the rest is declared by a person, with an audit entry. As a paper it is what a progress survey asks of a municipality.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.access import roles
from fundlink.connectors import core_files
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.problems import problem
from fundlink.formats.papers import Column, Paper, Written
from fundlink.pipeline import people
from fundlink.pipeline.people import Needs
from fundlink.pipeline.rooms import Rooms
from fundlink.store import access_persons, audit, bank_accounts, files, months, readiness
from fundlink.store.readiness import Declared

DECLARED = "declared"


class Item(NamedTuple):
    """One thing that has to stand."""

    name: str
    ja: str
    en: str
    per: str
    source: str


class Asked(NamedTuple):
    """What somebody declares: of a municipality or one of its departments ('' for the municipality), which item, whether it is done."""

    municipality_code: str
    department_code: str
    item: str
    done: bool
    note: str = ""


@cache
def items() -> tuple[Item, ...]:
    """The rows of the table; one that names no fact there is stops here."""
    read = tomllib.loads((Path(__file__).parent / "readiness.toml").read_text(encoding="utf-8"))["item"]
    found = tuple(Item(**row) for row in read)
    assert all(one.source == DECLARED or one.source in FACTS for one in found)
    return found


def shown(rooms: Rooms, municipality: str | None = None) -> dict[str, Any]:
    """Every item of a municipality and of each of its departments: done or not, by what, since when."""
    with rooms.store.read() as connection:
        code, name = _town(connection, municipality)
        said = {(row.department_code, row.item): row for row in readiness.declared(connection, code)}
        places = sorted({*readiness.departments(connection, code), *(place for place, _ in said if place)})
        own = [_own(rooms, connection, code, item, said.get(("", item.name))) for item in items() if item.per == "municipality"]
    departments = [{"department_code": place, **_progress([_declared(item, said.get((place, item.name))) for item in items() if item.per == "department"])} for place in places]  # fmt: skip
    whole = own + [row for one in departments for row in one["items"]]
    return {"municipality_code": code, "name": name, "at": rooms.now(), **_progress(own), "departments": departments, "all_done": sum(row["done"] for row in whole), "all": len(whole)}  # fmt: skip


def _town(connection: Connection, municipality: str | None) -> tuple[str, str]:
    known = {code: name for code, name, _ in files.municipalities(connection)}
    if municipality is None and len(known) != 1:
        raise ProblemError([problem("FL-PAP-001", count=len(known))])
    code = municipality or next(iter(known))
    if code not in known:
        raise ProblemError([problem("FL-MUN-003", actual=code)])
    return code, known[code]


def _progress(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"items": rows, "done": sum(row["done"] for row in rows), "of": len(rows)}


def _own(rooms: Rooms, connection: Connection, code: str, item: Item, said: Declared | None) -> dict[str, Any]:
    if item.source == DECLARED:
        return _declared(item, said)
    evidence = FACTS[item.source](rooms, connection, code)
    return {**_words(item), "done": bool(evidence), "evidence": evidence, "by": "", "at": ""}


def _declared(item: Item, said: Declared | None) -> dict[str, Any]:
    told = said or Declared("", item.name, 0, "", "", "")
    return {**_words(item), "done": bool(told.done), "evidence": told.note, "by": told.by, "at": told.at}


def _words(item: Item) -> dict[str, Any]:
    return {"item": item.name, "ja": item.ja, "en": item.en, "declared": item.source == DECLARED}


def _file(_rooms: Rooms, connection: Connection, code: str) -> str:
    return readiness.first_accepted(connection, code)[:10]


def _funds(rooms: Rooms, connection: Connection, code: str) -> str:
    words = rooms.codes("fund_codes")
    found = sorted({row.fund_code for row in months.totals(connection, code, ("billed",))})
    return "、".join(words.get(fund, fund) for fund in found)


def _calendar(rooms: Rooms, _connection: Connection, code: str) -> str:
    return f"届くはずのファイル {len(found)} 種" if (found := rooms.calendar().expected_of(code)) else ""


def _roles(_rooms: Rooms, connection: Connection, code: str) -> str:
    """Two persons of whom one may prepare a close and another approve it."""
    active = {one.person_id: one for one in access_persons.everybody(connection) if one.is_active and one.scope.covers(code)}
    prepare = {name for name, one in active.items() if roles.may(one.roles, "day.prepare")}
    approve = {name for name, one in active.items() if roles.may(one.roles, "day.approve")}
    return f"準備 {len(prepare)} 人、承認 {len(approve)} 人" if prepare and approve and len(prepare | approve) > 1 else ""


def _account(_rooms: Rooms, connection: Connection, code: str) -> str:
    found = bank_accounts.listed(connection, code)
    return f"{len(found)} 口座" if found else ""


def _connection(_rooms: Rooms, connection: Connection, code: str) -> str:
    return readiness.first_answered(connection, code)[:10]


FACTS: Mapping[str, Callable[[Rooms, Connection, str], str]] = {
    "file": _file, "funds": _funds, "calendar": _calendar, "roles": _roles, "account": _account, "connection": _connection,
}  # fmt: skip
"""What the database knows: each gives its evidence in words, '' where there is none."""


def declare(rooms: Rooms, asked: Asked, who: str) -> dict[str, Any]:
    """A person says that an item is done, or is not (any more)."""
    item = next((one for one in items() if one.name == asked.item and one.source == DECLARED), None)
    per = "department" if asked.department_code else "municipality"
    digits = asked.department_code
    if item is None or item.per != per or not who.strip() or (digits and not (digits.isascii() and digits.isdigit() and len(digits) == 3)):
        raise UsageError("項目、課所（課所ごとの項目は 3 桁のコード、団体の項目は空）、申告者を確かめてください。")
    with rooms.store.together() as connection:
        code, _ = _town(connection, asked.municipality_code)
        by = people.one(rooms, connection, who, Needs("readiness.declare", code, digits or None))
        readiness.declare(connection, code, Declared(digits, item.name, int(asked.done), asked.note.strip(), by, rooms.now()))
        detail = {"department": digits, "item": item.name, "done": asked.done, "note": asked.note.strip()}
        audit.append(connection, audit.Entry(by, "readiness.declare", f"municipality:{code}", detail, rooms.now()))
    return {"municipality_code": code, **detail, "by": by}


_COLUMNS = (
    Column("municipality_code", "団体コード"), Column("municipality", "団体"), Column("department_code", "課所コード"), Column("ja", "項目"), Column("state", "状況"),
    Column("evidence", "根拠"), Column("how", "確かめ方"), Column("by", "申告者"), Column("at", "申告日時"),
)  # fmt: skip


def write(rooms: Rooms, municipality: str | None, *, form: str, out: Path) -> dict[str, Any]:
    """Write the list to a file."""
    told = shown(rooms, municipality)
    places = [("", told["items"]), *((one["department_code"], one["items"]) for one in told["departments"])]
    lines = [
        (told["municipality_code"], told["name"], place, row["ja"], "済み" if row["done"] else "まだ", row["evidence"], "申告" if row["declared"] else "記録", row["by"], row["at"])
        for place, rows in places for row in rows
    ]  # fmt: skip
    written = Written(Paper("readiness", "導入準備", {"municipality_code": told["municipality_code"], "at": told["at"]}, _COLUMNS, lines))
    core_files.put(out, written.pieces(form))
    return {"municipality_code": told["municipality_code"], "form": form, "out": str(out), "rows": written.count}
