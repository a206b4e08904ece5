"""Which characters a text may hold, and how far it goes in an encoding.

Called by kinds (reading and writing). Never replaces a character by a mark: what cannot be written is a problem.
"""

from __future__ import annotations

import re
import unicodedata

# line and paragraph separators and lone surrogates break logs and encodings just as control characters do
CONTROL = "\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff\\ufffe\\uffff"
BIDI = "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069"
ZERO_WIDTH = "\\u00ad\\u180e\\u200b-\\u200d\\u2060\\ufeff"
DOUBTFUL = "●\\ufffd\\ue000-\\uf8ff\\U000f0000-\\U0010ffff"
PLAIN = f"[^{CONTROL}{BIDI}{ZERO_WIDTH}{DOUBTFUL}]"
"""One character of a text that needs no second look."""

KANA = {
    "half": " -~｡-ﾟ",
    "full": "゠-ヿ　！-～、。「」￥",
    "": " -~｡-ﾟ゠-ヿ　！-～、。「」￥",
}
"""Characters of a kana field by form: kana with letters, digits and signs, as real data have them."""

has_control = re.compile(f"[{CONTROL}]").search
has_control_in_line = re.compile(f"(?![\\t\\r\\n])[{CONTROL}]").search
has_bidi = re.compile(f"[{BIDI}]").search
has_doubtful = re.compile(f"[{DOUBTFUL}]").search
is_invisible = re.compile(f"[{ZERO_WIDTH}\\s]*[{ZERO_WIDTH}][{ZERO_WIDTH}\\s]*").fullmatch

# One JIS character with two Unicode readings: the code page knows the second only. Same character, so no loss.
_CP932_PAIRS = str.maketrans("〜−‖—¢£¬", "～－∥―￠￡￢")

_WIDE = {unicodedata.normalize("NFKC", chr(half)): chr(half) for half in range(0xFF61, 0xFFA0)}
_WIDE.update({chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)})
_WIDE |= {"　": " ", "ー": "ｰ", "゛": "ﾞ", "゜": "ﾟ"}


def encoded(text: str, encoding: str) -> bytes:
    r"""The bytes of a text; raises UnicodeEncodeError for a character the encoding lacks.

    >>> encoded("〜", "cp932"), encoded("～", "cp932")
    (b'\x81`', b'\x81`')
    """
    if encoding != "cp932":
        return text.encode("utf-8")
    try:
        return text.encode("cp932")
    except UnicodeEncodeError:
        return text.translate(_CP932_PAIRS).encode("cp932")


def encoded_or_empty(text: str, encoding: str) -> bytes:
    """The bytes of a text, or nothing where it cannot be written: for guesses, never for output."""
    try:
        return encoded(text, encoding)
    except UnicodeEncodeError:
        return b""


def half_width(text: str) -> str:
    """Katakana, letters and digits in half width, everything else as it is.

    >>> half_width("ガッコウ　Ａ１")
    'ｶﾞｯｺｳ A1'
    """
    if all(" " <= character <= "~" or "｡" <= character <= "ﾟ" for character in text):
        return text
    parts = []
    for character in text:
        split = unicodedata.normalize("NFD", character) if "゠" <= character <= "ヿ" else character
        marks = split.replace("\u3099", "゛").replace("\u309a", "゜")
        known = all(mark in _WIDE for mark in marks)
        parts.append("".join(_WIDE[mark] for mark in marks) if known else character)
    return "".join(parts)


_FULL_ASCII = {0x20: 0x3000, **{code: code + 0xFEE0 for code in range(0x21, 0x7F)}}


def full_width(text: str) -> str:
    """Half-width katakana, letters, digits, signs and spaces in full width; everything else as it is.

    >>> full_width("ｶﾞｯｺｳ (A1)")
    'ガッコウ　（Ａ１）'
    """
    return re.sub("[｡-ﾟ]+", lambda found: unicodedata.normalize("NFKC", found[0]), text).translate(_FULL_ASCII)
