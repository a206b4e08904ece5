"""Reading the 255 digits of an eL-QR, by this side's own code.

Called by the payer pages. It reads and checks; it never writes a payload, and it leaves the two-digit check digits alone (no public algorithm).
"""

from typing import NamedTuple, NoReturn

TEMPLATE = (("00", 2), ("01", 2), ("27", 96), ("54", 11), ("62", 26), ("80", 85), ("63", 5))
MERCHANT = (("00", 5), ("01", 83))
LENGTH = 255


class UnreadableQRError(Exception):
    """The payload is not an eL-QR; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ELQR(NamedTuple):
    """What a payer's app needs of a payload."""

    institution_code: str
    case_key: str
    confirmation_number: str
    fund_code: str
    amount_yen: int


def decode(payload: str) -> ELQR:
    """The eL number and the amount, once length, check value, tags and the two amounts agree."""
    if len(payload) != LENGTH or not payload.isascii() or not payload.isdigit():
        _unreadable("qr_length")
    if payload[-5:] != f"{crc16(payload[:-5].encode()):05d}":
        _unreadable("qr_crc")
    fields = _split(payload, TEMPLATE)
    slip = _split(fields["27"], MERCHANT)["01"]
    if slip[13:24] != fields["54"]:
        _unreadable("qr_content")
    return ELQR(slip[68:73], slip[41:61], slip[61:67], slip[31:34], int(fields["54"]))


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, not reflected."""
    value = 0xFFFF
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value


def _split(text: str, template: tuple[tuple[str, int], ...]) -> dict[str, str]:
    fields, at = {}, 0
    for tag, width in template:
        if text[at : at + 4] != f"{tag}{width:02d}":
            _unreadable("qr_content")
        fields[tag] = text[at + 4 : at + 4 + width]
        at += 4 + width
    return fields


def _unreadable(code: str) -> NoReturn:
    raise UnreadableQRError(code)
