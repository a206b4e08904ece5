"""Faults of the gateway and of the way to it: which call has one, and what it does to the answer.

Called by `gateway` and the routes. Magic case keys and lossy weather play one once per message id; armed ones are played at the next calls,
by name, as often as asked. Never decides about slips; only `forget` touches them, as a restored backup would.
"""

import json
import random
import re
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from mock_eltax.inbound import Slip
from mock_eltax.ledger import recall
from mock_eltax.world import Desk, World


class Fault(NamedTuple):
    """One way a message or its answer goes wrong."""

    name: str
    prefix: str
    taken: bool
    """Whether the gateway has taken the message although the answer does not say so."""
    call: str = "send"
    """What it befalls: a message that is sent, an inquiry, or any call."""
    status: int = 200


LOSSY = (
    Fault("answer_lost", "99910", taken=True),
    Fault("message_lost", "99911", taken=False),
    Fault("html", "99912", taken=False),
    Fault("empty", "99913", taken=True),
    Fault("unsigned", "99914", taken=True),
    Fault("unavailable", "99915", taken=False, status=503),
)
"""What lossy weather draws from; another row here would change the history of every seed."""
FAULTS = (
    *LOSSY,
    Fault("wrong_signature", "99916", taken=True),
    Fault("slow", "99917", taken=True),
    Fault("too_many", "99918", taken=False, status=429),
    Fault("server_error", "99919", taken=False, status=500),
    Fault("forgets", "99920", taken=True),
    Fault("takes_twice", "", taken=True),
    Fault("lies", "", taken=True, call="inquire"),
    Fault("inquiry_lost", "", taken=True, call="inquire"),
    Fault("maintenance", "", taken=False, call="any", status=503),
)
BY_NAME = {fault.name: fault for fault in FAULTS}
BY_PREFIX = {fault.prefix: fault for fault in FAULTS if fault.prefix}
LOSSY_SHARE = 0.5


def draw_once(desk: Desk, message_id: str, slips: Sequence[Slip]) -> Fault | None:
    """The fault of a message the first time it comes; the retry gets the truth."""
    message = (desk.institution_code, message_id)
    query = "SELECT 1 FROM faults WHERE institution_code = ? AND message_id = ?"
    if desk.connection.execute(query, message).fetchone():
        return None
    fault = _draw(desk, slips)
    if fault is not None:
        desk.connection.execute("INSERT INTO faults VALUES(?, ?, ?)", (*message, fault.name))
    return fault


def _draw(desk: Desk, slips: Sequence[Slip]) -> Fault | None:
    """The magic fault of the lowest case key, or in lossy weather one by lot."""
    magic = min((slip.case_key for slip in slips if slip.case_key[:5] in BY_PREFIX), default=None)
    if magic is not None:
        return BY_PREFIX[magic[:5]]
    if recall(desk.connection, "transport") != "lossy":
        return None
    lot = random.Random(f"{desk.world.seed}:{desk.institution_code}:faults:{_messages_so_far(desk)}")  # noqa: S311  # a game, no secret
    return lot.choice(LOSSY) if lot.random() < LOSSY_SHARE else None


def _messages_so_far(desk: Desk) -> int:
    # Message ids are random outside the demo, so the lot goes by the ordinal, which one history repeats.
    query = """SELECT (SELECT COUNT(*) FROM messages WHERE institution_code = :institution)
      + (SELECT COUNT(*) FROM faults WHERE institution_code = :institution AND fault IN (SELECT value FROM json_each(:lost)))"""
    lost = json.dumps([fault.name for fault in LOSSY if not fault.taken])
    return int(desk.connection.execute(query, {"institution": desk.institution_code, "lost": lost}).fetchone()[0])


class Armed(NamedTuple):
    """A fault that waits for its call; `asked_s` is its Retry-After, or how long a slow answer takes."""

    fault: Fault
    asked_s: float


def arm(world: World, name: str, *, times: int, asked_s: float) -> None:
    """The next `times` calls of its kind have this fault; 0 takes back what is still waiting. KeyError for an unknown name."""
    fault = BY_NAME[name]
    with world.ledger.writing() as connection:
        if not times:
            connection.execute("DELETE FROM armed WHERE fault = ?", (name,))
        connection.executemany("INSERT INTO armed(call, fault, asked_s) VALUES(?, ?, ?)", [(fault.call, name, asked_s)] * times)


def waiting(world: World) -> dict[str, int]:
    """How many calls will have which fault."""
    with world.ledger.reading() as connection:
        return {row["fault"]: row["n"] for row in connection.execute("SELECT fault, COUNT(*) AS n FROM armed GROUP BY fault")}


def draw_armed(world: World, call: str) -> Armed | None:
    """The fault that waits for a call of this kind, used up by it."""
    query = "SELECT serial, fault, asked_s FROM armed WHERE call = ? ORDER BY serial LIMIT 1"
    with world.ledger.reading() as connection:  # hardly ever is one armed: no call waits in the line of writers for nothing
        if connection.execute(query, (call,)).fetchone() is None:
            return None
    with world.ledger.writing() as connection:
        row = connection.execute(query, (call,)).fetchone()
        if row is None:
            return None
        connection.execute("DELETE FROM armed WHERE serial = ?", (row["serial"],))
        return Armed(BY_NAME[row["fault"]], row["asked_s"])


def damaged(name: str, answer: bytes) -> bytes:
    """A sealed answer without its signature, or with a wrong one; any other fault leaves it whole."""
    if name == "unsigned":
        return answer[: answer.index(b"<Signature ")] + answer[answer.rindex(b"</") :]
    if name == "wrong_signature":
        at = answer.index(b"<SignatureValue>") + len(b"<SignatureValue>")
        return answer[:at] + (b"B" if answer[at : at + 1] == b"A" else b"A") + answer[at + 1 :]
    return answer


def forget(connection: sqlite3.Connection, institution_code: str, message_id: str, answer: bytes) -> None:
    """As after restoring an older backup: the message and the slips it was about never were."""
    connection.execute("DELETE FROM messages WHERE institution_code = ? AND message_id = ?", (institution_code, message_id))
    keys = re.findall(rb"<CaseKey>(\d{20})</CaseKey>", answer)
    rows = [(institution_code, key.decode()) for key in keys]
    connection.executemany("DELETE FROM slips WHERE institution_code = ? AND case_key = ?", rows)
