"""Variants of a flat data record, told by its bytes: ``bytes 129-152 are digits`` or ``bytes 1-2 = 21``.

Read by profile checks and the fixed form.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_WHEN = re.compile(r"bytes (\d+)-(\d+) (?:are (digits|spaces|zeros)|= ?(.+))")
_CLASSES: dict[str, Callable[[bytes], bool]] = {
    "digits": bytes.isdigit,
    "spaces": lambda cut: not cut.strip(b" "),
    "zeros": lambda cut: not cut.strip(b"0"),
}


def parse_when(when: str) -> Callable[[bytes], bool] | None:
    """A test on the bytes of one record; None when the words are not understood.

    >>> parse_when("bytes 2-3 are digits")(b"x12y"), parse_when("bytes 1-1 = x")(b"x12y"), parse_when("always")
    (True, True, None)
    """
    found = _WHEN.fullmatch(when.strip())
    if found is None or not 0 < int(found[1]) <= int(found[2]):
        return None
    cut = slice(int(found[1]) - 1, int(found[2]))
    if found[3]:
        right = _CLASSES[found[3]]
        return lambda record: right(record[cut])
    wanted = found[4].encode("cp932", "replace")
    return lambda record: record[cut] == wanted
