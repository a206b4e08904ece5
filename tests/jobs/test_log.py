"""What the engine's log lets through: warnings, sparingly, and no values."""

from __future__ import annotations

import logging

import pytest

from fundlink.jobs import engine


def _line(words: str, at: int) -> logging.LogRecord:
    return logging.LogRecord("dbos", logging.WARNING, "queue.py", at, words, (), None)


def test_a_line_that_comes_again_and_again_is_told_once_in_a_while_with_how_often_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("fundlink.jobs.engine.time.monotonic", lambda: now[0])
    sparing = engine._Sparing()
    assert sparing.filter(_line("away", 1))
    for _ in range(5):
        now[0] += 1
        assert not sparing.filter(_line("away", 1))
    assert sparing.filter(_line("another", 2))
    now[0] += engine._Sparing.EVERY_S
    again = _line("away", 1)
    assert sparing.filter(again)
    assert again.getMessage() == "away (+5)"


def test_statements_and_their_values_stay_out_of_the_log() -> None:
    told = _line("connection failed\n[SQL: INSERT …]\n[parameters: {'name': '見本 太郎'}]", 3)
    assert engine._Sparing().filter(told)
    assert told.getMessage() == "connection failed"


def test_it_is_set_up_once() -> None:
    engine.quieten()
    engine.quieten()
    assert [type(one) for one in logging.getLogger("dbos").filters].count(engine._Sparing) == 1
