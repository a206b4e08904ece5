"""The trail tells what was done to it: changed, removed, added, reordered, cut off, or written anew."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from fundlink.desk import trail
from fundlink.domain.errors import ProblemError
from fundlink.store import audit, bulk
from tests.builders import World

ENTRIES, TAMPERINGS = 40, 10_000
Row = tuple[Any, ...]


def _filled(world: World, count: int = ENTRIES) -> list[Row]:
    rooms = world.jobs.rooms
    with rooms.store.write() as connection:
        for number in range(count):
            audit.append(connection, audit.Entry(f"P{number % 3}", "test.act", f"case:{number}", {"yen": number}, rooms.now()))
    return world.sql("SELECT seq, at, actor, act, subject, detail, previous, hash FROM audit ORDER BY seq")


def _walked(rows: list[Row], kept: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What verify says of these rows: the same code that reads them from the database, without the database."""
    monkeypatch.setattr(bulk, "stream", lambda _connection, _statement: iter(rows))
    return audit.verify(None, kept)  # type: ignore[arg-type]


def _tampered(rows: list[Row], chance: random.Random) -> tuple[str, list[Row], int]:
    """One of the things that can be done to a trail, and the first number that must be named."""
    at = chance.randrange(len(rows))
    kind = chance.choice(("changed", "removed", "swapped", "cut", "doubled", "rewritten"))
    if kind == "changed":
        column = chance.randrange(1, 8)
        text = str(rows[at][column])
        place = chance.randrange(len(text))
        spoiled = text[:place] + chance.choice([c for c in "0123456789abcdefX" if c != text[place]]) + text[place + 1 :]
        return kind, [*rows[:at], (*rows[at][:column], spoiled, *rows[at][column + 1 :]), *rows[at + 1 :]], at + 1
    if kind == "removed":
        return kind, [*rows[:at], *rows[at + 1 :]], at + 2 if at + 1 < len(rows) else at + 1
    if kind == "swapped":
        at = chance.randrange(len(rows) - 1)
        return kind, [*rows[:at], rows[at + 1], rows[at], *rows[at + 2 :]], at + 2
    if kind == "cut":
        return kind, rows[:at], at + 1
    if kind == "doubled":
        return kind, [*rows[: at + 1], *rows[at:]], at + 1
    return kind, _written_anew(rows, at), len(rows)


def _written_anew(rows: list[Row], at: int) -> list[Row]:
    """A whole new chain from a place on, as somebody would make it who knows how; only a head kept elsewhere tells."""
    made, previous = list(rows[:at]), rows[at][6]
    for number, row in enumerate(rows[at:]):
        values = (*row[:2], "somebody else" if number == 0 else row[2], *row[3:6], previous)
        previous = audit._link(values)
        made.append((*values, previous))
    return made


def test_every_tampering_is_found_at_its_place(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = _filled(world)
    kept = (int(rows[-1][0]), str(rows[-1][7]))
    assert _walked(rows, kept, monkeypatch) == {"ok": True, "entries": ENTRIES, "first_bad": None}
    chance, seen = random.Random(24), set()
    for _ in range(TAMPERINGS):
        kind, spoiled, first_bad = _tampered(rows, chance)
        told = _walked(spoiled, kept, monkeypatch)
        assert (told["ok"], told["first_bad"]) == (False, first_bad), kind
        seen.add(kind)
    assert seen == {"changed", "removed", "swapped", "cut", "doubled", "rewritten"}


def test_a_head_is_ours_or_refused_and_a_cut_tail_is_found(world: World) -> None:
    rooms = world.jobs.rooms
    _filled(world, 5)
    head = trail.head(rooms)
    kept = json.dumps(head).encode()
    _filled(world, 2)
    assert trail.verify(rooms, kept) == {"ok": True, "entries": 7, "first_bad": None}
    wrong: list[Any] = [{**head, "seq": 4}, {**head, "hash": "0" * 64}, {**head, "at": "x"}, {**head, "signature": "AAAA"}, {"seq": 1}, []]
    for spoiled in wrong:
        with pytest.raises(ProblemError, match="FL-AUD-001"):
            trail.verify(rooms, json.dumps(spoiled).encode())
    with rooms.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit WHERE seq > 3")
    assert trail.verify(rooms)["ok"] is True, "the chain alone cannot tell"
    assert trail.verify(rooms, kept) == {"ok": False, "entries": 3, "first_bad": 4}
