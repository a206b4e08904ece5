"""The other side's books err where they are told to, and nowhere else."""

from __future__ import annotations

import datetime as dt
from random import Random

from tests.simulation.register import Message, Register, Slip
from tests.simulation.seals import pair

KEY = "60120260000000000006"


def test_what_is_forgotten_is_of_the_institution_whose_message_it_was() -> None:
    """Seeds 1930 and 3491: both institutions had a slip of this number, and the first one lost it to the other's message."""
    register = Register(pair("gateway"), pair("adapter"), lambda: dt.datetime(2026, 11, 24, tzinfo=dt.UTC))
    register.slips = {(code, KEY): Slip({"AmountYen": "600"}) for code in ("99001", "99002")}
    register.messages["M1"] = Message(b"", b"", [("99001", KEY)], "processed", heard=True, undo={("99001", KEY): None})
    register.messages["M2"] = Message(b"", b"", [("99002", KEY)], "processed", undo={("99002", KEY): None})
    assert any(register.forget(Random(seed)) for seed in range(9))
    assert list(register.slips) == [("99001", KEY)]
    assert (list(register.messages), register.forgotten) == (["M1"], {"M2"})
    assert not register.forget(Random(1)), "whose answer was heard is not forgotten"
