"""What every verb works with: the rooms as bootstrap built them, a ticket that goes from step to step, the runner.

A step takes the rooms and the ticket and returns what it adds; tickets hold only what JSON can hold, so an engine may store
them between steps. Every step is idempotent: running it again after a crash changes nothing that was done.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from fundlink.connectors.gateway import Gateway
from fundlink.connectors.identity import Signer
from fundlink.domain.calendar import CalendarProfile
from fundlink.formats.profiles import Profile
from fundlink.slips.sheet import Printer
from fundlink.store.engine import Store

Ticket = dict[str, Any]
GATEWAY_PROFILE = "gateway"
"""The profile of the messages that go to the gateway and come from it."""


class Trust(Protocol):
    """Who we believe: the gateway's pinned certificate, made known to each other first where the environment allows it."""

    def pinned(self, institution_code: str) -> bytes:
        """The certificate (PEM) that messages for this institution must be signed with."""
        ...


class Progress(Protocol):
    """Told how far a long step is; draws a bar or writes a line a minute, or does nothing."""

    def __call__(self, label: str, done: int, total: int | None) -> None:
        """``done`` of ``total`` rows (None when not known)."""
        ...


class Found(NamedTuple):
    """A profile as its folder is now, and whether it is the municipality's own or came with the product."""

    profile: Profile
    is_own: bool


class Shelf(NamedTuple):
    """The folders of profiles, read anew at each call, approved or not."""

    read: Callable[[str], Found]
    own: Callable[[], list[str]]  # names of the municipality's own


@dataclass(frozen=True)
class Rooms:
    """All that a step may touch. Built in bootstrap only."""

    store: Store
    profile: Callable[[str], Profile]
    profiles: Shelf
    calendar: Callable[[], CalendarProfile]
    codes: Callable[[str], Mapping[str, str]]  # a code list by name: code to Japanese word
    gateway: Gateway
    signer: Callable[[], Signer]
    trust: Trust
    sealing_key: Callable[[], bytes]  # 256 bits that seal second factors and sign forms
    clock: Callable[[], dt.datetime]
    confirmation_numbers: Callable[[int], Sequence[str]]
    printer: Callable[[], Printer]  # of payment slips
    lot: Callable[[], float]  # a number in 0..1, for waits that must not fall together
    folder: Path
    production: bool
    chunk_rows: int
    message_records: int
    progress: Progress

    def now(self) -> str:
        """Business time as ISO text with offset, to the second."""
        return self.clock().isoformat(timespec="seconds")

    def today(self) -> str:
        """The business date (Asia/Tokyo)."""
        return self.clock().date().isoformat()

    def close(self) -> None:
        """Give database and gateway connections back."""
        self.store.close()
        self.gateway.close()


class Step(Protocol):
    """One named idempotent piece of a verb."""

    def __call__(self, rooms: Rooms, ticket: Ticket) -> Ticket:
        """What this step adds to the ticket."""
        ...


Verb = tuple[tuple[str, Step], ...]


def run(rooms: Rooms, verb: Verb, ticket: Ticket) -> Ticket:
    """Run the steps of a verb in order; a step that sets ``end`` ends the verb."""
    for _name, step in verb:
        ticket = {**ticket, **step(rooms, ticket)}
        if ticket.get("end"):
            break
    return ticket
