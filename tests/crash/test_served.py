"""The answers of a server on a real socket leave after the sync; and a server that does not sync is seen."""

from __future__ import annotations

from tests.crash import served
from tests.crash.needs import needs_strace

ROUNDS = 5
_LOOSE = """
from fundlink.store import engine
engine.SQLITE_PRAGMAS = tuple(one.replace("synchronous=FULL", "synchronous=OFF") for one in engine.SQLITE_PRAGMAS)
"""


@needs_strace
def test_every_answer_leaves_after_the_sync() -> None:
    said = served.answers(ROUNDS)
    assert sum(one.after_writes for one in said) == 4 * ROUNDS
    assert [one for one in said if one.unsynced] == []


@needs_strace
def test_a_server_that_does_not_sync_is_seen() -> None:
    said = served.answers(1, _LOOSE)
    assert any("fundlink.db-wal" in path for one in said for path in one.unsynced)
