"""A query of any size is in memory some thousand rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from fundlink.store import bulk
from fundlink.store.engine import Store

ROWS, AT_ONCE = 100, 7


def test_rows_come_in_blocks_of_the_size_that_was_asked_for(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks: list[int] = []
    whole = sa.engine.CursorResult.partitions

    def watched(result: sa.engine.CursorResult[Any], size: int | None = None) -> Iterator[Any]:
        for block in whole(result, size):
            blocks.append(len(block))
            yield block

    monkeypatch.setattr(bulk, "STREAMED_ROWS", AT_ONCE)
    monkeypatch.setattr(sa.engine.CursorResult, "partitions", watched)
    store = Store(database_url)
    with store.write() as connection:
        connection.execute(sa.text("CREATE TABLE numbers (n INTEGER)"))
        connection.execute(sa.text("INSERT INTO numbers (n) VALUES (:n)"), [{"n": n} for n in range(ROWS)])
    with store.read() as connection:
        assert [row[0] for row in bulk.stream(connection, "SELECT n FROM numbers ORDER BY n")] == list(range(ROWS))
    assert blocks == [AT_ONCE] * (ROWS // AT_ONCE) + [ROWS % AT_ONCE]
    store.close()
