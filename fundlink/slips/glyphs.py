"""Which characters a font has, read from its cmap table: a character without a glyph is named before anything is printed.

Called by ``printer``. Reads TrueType and OpenType files, formats 4 and 12, which every font for Japanese carries; never draws.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_FORMATS = (12, 4)


class NotAFontError(ValueError):
    """The file is no TrueType or OpenType font with a Unicode cmap."""


@cache
def characters(path: Path) -> frozenset[int]:
    """The code points that a font file has a glyph for; NotAFontError for anything else."""
    data = path.read_bytes()
    try:
        start = _table(data, b"cmap")
        count = struct.unpack_from(">H", data, start + 2)[0]
        places = {start + struct.unpack_from(">HHL", data, start + 4 + 8 * number)[2] for number in range(count)}
        found: set[int] = set()
        for at in places:
            found |= _subtable(data, at)
    except struct.error as error:
        raise NotAFontError(path.name) from error
    if not found:
        raise NotAFontError(path.name)
    return frozenset(found)


def _table(data: bytes, wanted: bytes) -> int:
    if data[:4] not in (b"\x00\x01\x00\x00", b"OTTO", b"true"):
        raise NotAFontError(data[:4].hex())
    for number in range(struct.unpack_from(">H", data, 4)[0]):
        tag, _, offset, _ = struct.unpack_from(">4sLLL", data, 12 + 16 * number)
        if tag == wanted:
            return int(offset)
    raise NotAFontError(wanted.decode())


def _subtable(data: bytes, at: int) -> set[int]:
    form = struct.unpack_from(">H", data, at)[0]
    if form not in _FORMATS:
        return set()
    return _groups(data, at) if form == 12 else _segments(data, at)


def _groups(data: bytes, at: int) -> set[int]:
    """Format 12: stretches of code points with glyphs one after another."""
    found: set[int] = set()
    for number in range(struct.unpack_from(">L", data, at + 12)[0]):
        first, last, glyph = struct.unpack_from(">LLL", data, at + 16 + 12 * number)
        found.update(range(first + (glyph == 0), last + 1))
    return found


def _segments(data: bytes, at: int) -> set[int]:
    """Format 4: segments, each with a shift or a list of glyphs; glyph 0 is the box that must not be printed."""
    size = struct.unpack_from(">H", data, at + 6)[0] // 2
    ends, starts, shifts, offsets = (struct.unpack_from(f">{size}H", data, at + 14 + part * 2 * size + 2 * (part > 0)) for part in range(4))
    place = at + 16 + 6 * size  # of the first offset: an offset counts from where it stands
    found: set[int] = set()
    for number, (first, last, shift, offset) in enumerate(zip(starts, ends, shifts, offsets, strict=True)):
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = code if offset == 0 else struct.unpack_from(">H", data, place + 2 * number + offset + 2 * (code - first))[0]
            if (offset == 0 or glyph) and (glyph + shift) & 0xFFFF:
                found.add(code)
    return found


def missing(texts: Iterable[str], fonts: Iterable[Path]) -> list[str]:
    """The characters that none of the fonts has, each once, in the order they stand."""
    held: list[frozenset[int]] = [characters(path) for path in fonts]
    wanted = dict.fromkeys(character for text in texts for character in text)
    return [character for character in wanted if not any(ord(character) in known for known in held)]


def family(path: Path) -> str:
    """The family name of a font file, as a template names it."""
    data = path.read_bytes()
    start = _table(data, b"name")
    count, words = struct.unpack_from(">HH", data, start + 2)
    named: dict[int, str] = {}
    for number in range(count):
        platform, _, language, name, size, offset = struct.unpack_from(">6H", data, start + 6 + 12 * number)
        if (platform, language) == (3, 0x409):  # Windows, English: what every font carries
            at = start + words + offset
            named[name] = data[at : at + size].decode("utf-16-be")
    found = named.get(16) or named.get(1)
    if not found:
        raise NotAFontError(path.name)
    return found
