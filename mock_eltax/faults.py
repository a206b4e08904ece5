"""Transport faults: which message has one, and what it does to the answer. Each is played once per message id.

Called by `gateway`. Never decides about slips; a fault only changes what travels.
"""

import json
import random
from collections.abc import Sequence
from typing import NamedTuple

from mock_eltax.inbound import Slip
from mock_eltax.ledger import recall
from mock_eltax.world import Desk


class Fault(NamedTuple):
    """One way a message or its answer goes wrong."""

    name: str
    prefix: str
    taken: bool
    """Whether the gateway has taken the message although the answer does not say so."""


FAULTS = (
    Fault("answer_lost", "99910", taken=True),
    Fault("message_lost", "99911", taken=False),
    Fault("html", "99912", taken=False),
    Fault("empty", "99913", taken=True),
    Fault("unsigned", "99914", taken=True),
    Fault("unavailable", "99915", taken=False),
)
BY_PREFIX = {fault.prefix: fault for fault in FAULTS}
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
    return lot.choice(FAULTS) if lot.random() < LOSSY_SHARE else None


def _messages_so_far(desk: Desk) -> int:
    # Message ids are random outside the demo, so the lot goes by the ordinal, which one history repeats.
    query = """SELECT (SELECT COUNT(*) FROM messages WHERE institution_code = :institution)
      + (SELECT COUNT(*) FROM faults WHERE institution_code = :institution AND fault IN (SELECT value FROM json_each(:lost)))"""
    lost = json.dumps([fault.name for fault in FAULTS if not fault.taken])
    return int(desk.connection.execute(query, {"institution": desk.institution_code, "lost": lost}).fetchone()[0])
