"""The tables of named scenarios: what a clerk wrote, read into events and expectations.

Used by the stage that plays them and by the cases that compare. README.md in this folder explains the words of a table.
Reads files only; nothing here knows the product.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent
FIRST_DAY = "11-16"
"""The day on which the bills of a scenario are taken in and told to the gateway."""
VALUES = ("yen", "on", "booked", "slip", "fund", "until", "due", "fee", "count", "edition", "transfer", "for", "no", "as", "value")
FLAGS = ("wrong", "out", "unposted")
FACTS = ("pay", "prelim", "back", "resend", "settle", "credit")
"""What arrives from the gateway and the bank; everything else is an act of the core system or of staff."""
ACTS = ("bill", "cancel", "again", "reissue", "rollback", "lose", "close", "unpaid", "stale", "counter", "returned", "look")
EXPECTED = ("outcomes", "slips", "days", "entries", "effects", "acts", "problems", "gateway")


class Event(NamedTuple):
    """One line of a scenario: on a date, a verb with what it is about and its details."""

    on: str
    verb: str
    about: tuple[str, ...]
    more: dict[str, str]

    @property
    def is_fact(self) -> bool:
        """Whether it arrives from outside, so that its order must not matter."""
        return self.verb in FACTS


class Scenario(NamedTuple):
    """One named scenario: evidence in order and what must stand at its end."""

    name: str
    ja: str
    topic: str
    events: tuple[Event, ...]
    seen: str
    expected: dict[str, list[str]]
    alone: bool
    ordered: bool

    @property
    def funds(self) -> tuple[str, ...]:
        """The funds it touches, ascending."""
        return tuple(
            sorted({event.more.get("fund", "601") for event in self.events if event.verb not in ("close", "look", "rollback", "unpaid")})
        )

    @property
    def closes(self) -> bool:
        """Whether staff close a day in it."""
        return any(event.verb == "close" for event in self.events)


def iso(day: str) -> str:
    """``11-20`` is a day of the year of the tables; January to March belong to the next one.

    >>> iso("11-20"), iso("01-09"), iso("2025-11-20")
    ('2026-11-20', '2027-01-09', '2025-11-20')
    """
    if len(day) == 10:
        return day
    return f"{2026 if day >= '04' else 2027}-{day}"


@cache
def scenarios() -> tuple[Scenario, ...]:
    """Every scenario of every table in this folder, in the order of the files."""
    return tuple(scenario for path in sorted(FOLDER.glob("*.toml")) for scenario in _of_table(path))


def _of_table(path: Path) -> Iterator[Scenario]:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    for row in table["scenario"]:
        yield _scenario(path.stem, row)


def _scenario(topic: str, row: dict[str, Any]) -> Scenario:
    known = {"name", "ja", "bills", "events", "seen", "alone", "ordered", *EXPECTED}
    assert set(row) <= known, f"{row.get('name')}: {set(row) - known}"
    events = tuple(_with_amounts([*(_event(f"{FIRST_DAY} bill {words}") for words in row.get("bills", [])), *map(_event, row["events"])]))
    dates = [event.on for event in events]
    assert dates == sorted(dates), f"{row['name']}: events stand in the order of their dates"
    return Scenario(
        row["name"], row["ja"], topic, events, iso(row.get("seen", events[-1].on)),
        {name: list(row.get(name, [])) for name in EXPECTED if name != "gateway" or name in row},
        row.get("alone", False), row.get("ordered", False),
    )  # fmt: skip


def _event(words: str) -> Event:
    on, verb, *rest = words.split()
    assert verb in (*FACTS, *ACTS), words
    about: list[str] = []
    more: dict[str, str] = {}
    while rest:
        word = rest.pop(0)
        if word in VALUES:
            more[word] = rest.pop(0)
        elif word in FLAGS:
            more[word] = word
        else:
            about.append(word)
    return Event(iso(on), verb, tuple(about), more)


def _with_amounts(events: list[Event]) -> Iterator[Event]:
    """A payment without an amount pays what the bill said last; its fund is that of the bill; its day is that of the event."""
    yen: dict[str, int] = {}
    fund: dict[str, str] = {}
    stated: dict[str, Event] = {}
    for at, event in enumerate(events):
        told = event
        if event.verb == "bill":
            name, amount = event.about
            yen[name], fund[name] = sum(map(int, amount.split("+"))), event.more.get("fund", "601")
        if event.verb in ("bill", "cancel", "reissue", "counter", "returned"):
            name = event.about[0]
            told = event._replace(more={"fund": fund[name], "yen": str(yen[name]), **event.more, "of": fund[name]})
        elif event.verb in ("pay", "prelim", "back"):
            told = _complete(event, stated.get(event.about[0]), yen, fund)
            stated[event.about[0]] = told
        elif event.verb == "resend":
            told = stated[event.about[0]]._replace(on=event.on)
        elif event.verb == "credit":
            told = event._replace(more={"no": str(at), **event.more, "on": iso(event.more.get("on", event.on))})
        yield told


def _complete(event: Event, before: Event | None, yen: dict[str, int], fund: dict[str, str]) -> Event:
    """What a statement leaves out is as in the statement before it of the same transaction."""
    if before is not None:
        about = event.about if len(event.about) > 1 else before.about
        more = {**before.more, **event.more}
    else:
        about = event.about
        more = {"yen": str(yen.get(about[1], 1000)), "fund": fund.get(about[1], "601"), "on": event.on, "booked": event.on, **event.more}
    more |= {"of": fund.get(about[1], "601"), "on": iso(more["on"]), "booked": iso(more["booked"])}
    return event._replace(about=about, more=more)
