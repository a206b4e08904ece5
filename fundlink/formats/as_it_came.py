"""Lines of a file as they came, for people to look at: decoded in the encoding of the profile, control characters made visible.

Called by desk. Reads a stream piece by piece and keeps only the lines that were asked for; nothing is repaired, and a byte that is not
in the encoding is shown as one. Forms without lines (xlsx, xml) have none to show.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection, Iterator
from typing import BinaryIO

from fundlink.formats.message import Message

PIECE_BYTES = 1 << 20
LONGEST = 2_000
"""Characters of a line that are shown."""
_AS_NUMBERS = "fundlink_as_numbers"
"""How the decoder is told to write bytes that are none of the encoding's."""
WITH_LINES = ("delimited", "fixed", "json")


def has_lines(message: Message) -> bool:
    """Whether a file of this form has lines that can be shown."""
    return message.form in WITH_LINES


def lines(stream: BinaryIO, message: Message, wanted: Collection[int]) -> dict[int, str]:
    """The wanted lines by their number; the reading ends with the last of them."""
    if not wanted or not has_lines(message):
        return {}
    last, found = max(wanted), {}
    for number, line in enumerate(_records(stream, message), 1):
        if number in wanted:
            found[number] = shown(line, message.encoding)
        if number >= last:
            break
    return found


def _records(stream: BinaryIO, message: Message) -> Iterator[bytes]:
    if message.form == "fixed" and message.declared.newline == "none":
        width = sum(row.width for row in message.fields if row.record == "data")
        yield from iter(lambda: stream.read(width), b"")
        return
    held = b""
    while piece := stream.read(PIECE_BYTES):
        *whole, held = (held + piece).split(b"\n")
        yield from whole
    if held:
        yield held


def shown(line: bytes, encoding: str) -> str:
    r"""A line as it can be shown: every control character and every byte that cannot be read stands as a picture or as its number.

    >>> shown(b"a\tb\x00\r", "utf-8"), shown("金額".encode("cp932") + b"\x81", "cp932")
    ('a␉b␀␍', '金額<81>')
    """
    codec = "cp932" if encoding == "cp932" else "utf-8-sig"
    text = line[: LONGEST * 4].decode(codec, _AS_NUMBERS)[:LONGEST]
    return "".join(_visible(letter) for letter in text)


def _visible(letter: str) -> str:
    code = ord(letter)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return letter if letter.isprintable() or letter == "\u3000" or 0xE000 <= code <= 0xF8FF else f"<U+{code:04X}>"


def _numbers(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(f"<{byte:02X}>" for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_AS_NUMBERS, _numbers)
