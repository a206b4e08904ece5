"""Passwords: the rules for a new one, and Argon2id hashes of them. Called by desk; never keeps or logs one.

A hash takes 64 MiB and a fifth of a second, so only a few are made at a time; callers are threads of a pool.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

REQUIRED, RECOMMENDED, LONGEST = 12, 15, 128
AT_ONCE = 2
_TURN = threading.BoundedSemaphore(AT_ONCE)
_FREQUENT = Path(__file__).with_name("frequent_passwords.txt")
_RUNS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb")
_SHORTEST_WORD = 4


def folded(password: str) -> str:
    """A password as it is hashed: one form for each character, whatever keyboard wrote it."""
    return unicodedata.normalize("NFKC", password)


def faults(password: str, known: Iterable[str] = ()) -> list[str]:
    """Why a password cannot be used, in words; ``known`` holds names of the person that must not be in it. No rule asks for a kind of character.

    >>> faults("Kumo no ue ni wa sora")
    []
    >>> faults("short"), faults("password1234")
    (['12 文字以上にしてください（15 文字以上を推奨）。'], ['よく使われる文字列や単純な並びは使えません。'])
    """
    return list(_faults(folded(password), [folded(word).casefold() for word in known if len(word) >= _SHORTEST_WORD]))


def _faults(text: str, known: list[str]) -> Iterator[str]:
    plain = text.casefold()
    if len(text) < REQUIRED:
        yield f"{REQUIRED} 文字以上にしてください（{RECOMMENDED} 文字以上を推奨）。"
    elif len(text) > LONGEST:
        yield f"{LONGEST} 文字以内にしてください。"
    elif _is_frequent(plain):
        yield "よく使われる文字列や単純な並びは使えません。"
    if any(word in plain for word in known):
        yield "利用者名・職員番号・氏名を含めることはできません。"


def _is_frequent(plain: str) -> bool:
    """On the list, a few characters repeated, or pieces of a keyboard and an alphabet and little else."""
    bare = "".join(character for character in plain if character.isalnum())
    stem = bare.rstrip("0123456789")
    repeated = any(plain == (plain[:size] * len(plain))[: len(plain)] for size in range(1, 5))
    return (
        plain in frequent()
        or bare in frequent()
        or stem in frequent()
        or len(set(plain)) < 5
        or repeated
        or len(_without_runs(bare)) < _SHORTEST_WORD
    )


def _without_runs(text: str) -> str:
    """What is left of a text without runs of four or more along a row of keys or of the alphabet, either way."""
    for row in (way for run in _RUNS for way in (run, run[::-1])):
        for size in range(len(row), 3, -1):
            for at in range(len(row) - size + 1):
                text = text.replace(row[at : at + size], "")
    return text


@cache
def frequent() -> frozenset[str]:
    """The offline list of passwords that are tried first everywhere."""
    lines = _FREQUENT.read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip().casefold() for line in lines if line.strip() and not line.startswith("#"))


@cache
def _hasher() -> Any:
    from pwdlib import PasswordHash  # noqa: PLC0415  (commands that need no password load none of it)
    from pwdlib.hashers.argon2 import Argon2Hasher  # noqa: PLC0415

    return PasswordHash((Argon2Hasher(),))


@cache
def _nobody() -> str:
    """The hash of a password nobody has: an unknown login takes as long as a known one."""
    import secrets  # noqa: PLC0415

    return hashed(secrets.token_urlsafe(24))


def hashed(password: str) -> str:
    """The Argon2id hash of a password, with its parameters and salt."""
    with _TURN:
        return str(_hasher().hash(folded(password)))


def matches(password: str, stored: str | None) -> bool:
    """Whether a password is the one that was hashed; takes the same time without a stored hash."""
    against = stored or _nobody()
    with _TURN:
        fits = bool(_hasher().verify(folded(password)[: LONGEST * 4], against))
    return fits and stored is not None
