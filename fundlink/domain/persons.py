"""Who does something and who approves it: when two names mean one person. Called by desk and by verify's tests; standard library only."""

from __future__ import annotations

import unicodedata


def same_person(one: str, other: str) -> bool:
    """Whether two names are the same but for width, case and space around them.

    >>> same_person("Sato ", "ＳＡＴＯ"), same_person("佐藤", "佐籐")
    (True, False)
    """
    return folded(one) == folded(other)


def folded(name: str) -> str:
    """A name as it is compared; the one as written is what is kept.

    >>> folded("　Ｓａｔｏ ")
    'sato'
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).strip().casefold())
