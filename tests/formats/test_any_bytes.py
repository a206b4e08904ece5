"""Whatever bytes arrive, a reader answers with records and problems and never with another exception."""

from __future__ import annotations

from random import Random

import pytest

from tests.formats.shelf import MESSAGES, message, read

PIECES = (
    b"\x00",
    b"\r",
    b"\n",
    b'"',
    b",",
    b"\xff",
    b"\x81",
    b"\x1f",
    b"\x1a",
    b" ",
    b"0",
    b"9",
    b"-",
    b"<",
    b"&",
    b"{",
    b"\\",
    b"\xef\xbb\xbf",
    b"",
)


def damaged(raw: bytes, rng: Random) -> bytes:
    """Some bytes replaced, inserted, dropped, or a stretch moved."""
    for _ in range(rng.randrange(1, 4)):
        at, stop = sorted(rng.randrange(len(raw) + 1) for _ in range(2))
        piece = rng.choice((*PIECES, raw[at : at + rng.randrange(40)]))
        raw = raw[:at] + piece + raw[rng.choice((at, at + len(piece), stop if rng.random() < 0.1 else at + 1)) :]
    return raw


@pytest.mark.parametrize(("name", "kind"), MESSAGES)
def test_damaged_files_never_crash(name: str, kind: str) -> None:
    given = message(name, kind)
    right = given.sample_file(11, 3)
    for seed in range(60):
        outcome = read(given, damaged(right, Random(seed)), chunk_rows=2)
        assert outcome.read >= len(outcome.records) + len(outcome.rejected)
        for found in (*outcome.quarantined, *outcome.problems):
            assert "?" not in found.as_json()["message"].replace("?）", "")


@pytest.mark.parametrize("cut", [1, 7, 100, 333])
@pytest.mark.parametrize(("name", "kind"), MESSAGES)
def test_cut_files_never_crash(name: str, kind: str, cut: int) -> None:
    given = message(name, kind)
    right = given.sample_file(11, 3)
    outcome = read(given, right[: max(len(right) - cut, 0)])
    assert outcome.codes or outcome.read == 3
