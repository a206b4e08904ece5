"""eL-QR: the 255 digits of a unified payment QR, written, read and drawn.

Called by the slip, the REST answers and the `elqr` commands. The payload is derived from the bill whenever it is wanted and
never stored. Reading never guesses: a payload with anything wrong is wrong as a whole, and every fault found is told. The two
check digits of the OCR lines have no published algorithm, so they are written by a named function and never verified.
Layout: EMV-like tag, length, value; all digits; the last five are CRC-16/CCITT-FALSE of everything before them.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import zint

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.domain.values import MAX_TOTAL_YEN, iso_date

PAYLOAD_DIGITS: Final = 255
QR_MODULES: Final = 41  # version 6

CheckDigits = Callable[[str, str], tuple[str, str]]
"""From the digits behind each check digit (37 of line 1, 42 of line 2) to the two check digits."""

CHECK_DIGITS: Final[dict[str, CheckDigits]] = {"00": lambda _line1, _line2: ("00", "00")}
"""Named in a profile as `check_digits`. `00` marks a code that is not certified."""


class ElqrFields(NamedTuple):
    """What a payload carries; every number but amounts and years is text, leading zeros kept."""

    amount_yen: int
    institution_code: str
    case_key: str
    confirmation_number: str
    fund_code: str
    office_code: str
    levy_year: int
    relevant_year: int
    installment: str
    due_on: str
    payable_until: str
    scheme_code: str = "13800"


class Decoded(NamedTuple):
    """What was read: ``fields`` only when nothing at all is wrong, ``problems`` (with the digit as ``at``) otherwise."""

    fields: ElqrFields | None
    check_digits: tuple[str, str] | None
    crc: tuple[str, bool] | None
    problems: tuple[Problem, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The object that `elqr decode` prints; a wrong payload shows no field that somebody might book."""
        told = [_told(found) for found in self.problems]
        crc = {"crc": {"value": self.crc[0], "ok": self.crc[1]}} if self.crc else {}
        if self.fields is None or self.check_digits is None:
            return {**crc, "problems": told}
        lines = {"line1": self.check_digits[0], "line2": self.check_digits[1], "verified": False}
        return {**self.fields._asdict(), "check_digits": lines, **crc, "problems": told}


def _place(found: Problem) -> int:
    return int(dict(found.args)["at"])


def _told(found: Problem) -> dict[str, Any]:
    return {**found.as_json(), "at": _place(found)}


class _Part(NamedTuple):
    """One stretch of the payload: a constant (with the code of its breach) or a field."""

    name: str
    width: int
    constant: str | None = None
    code: str = "FL-ELQ-003"


def _tag(digits: str) -> _Part:
    return _Part("_tag", len(digits), digits)


def _fixed(digits: str) -> _Part:
    return _Part("_fixed", len(digits), digits, "FL-ELQ-007")


_PARTS: Final = (
    *(_tag("0002"), _fixed("01")),  # version of the specification
    *(_tag("0102"), _fixed("12")),  # dynamic
    *(_tag("2796"), _tag("0005"), _Part("scheme_code", 5)),
    *(_tag("0183"), _Part("check_line1", 2), _fixed("0" * 11), _Part("line1_amount", 11), _fixed("2")),  # fee borne by the payee
    *(_Part("line1_scheme", 5), _fixed("0"), _Part("fund_code", 3), _fixed("0" * 5)),  # no stamp duty
    *(_Part("check_line2", 2), _Part("case_key", 20), _Part("confirmation_number", 6), _fixed("0")),
    *(_Part("institution_code", 5), _Part("office_code", 3), _fixed("0" * 7)),
    *(_tag("5411"), _Part("amount_yen", 11)),
    *(_tag("6226"), _Part("levy_year", 4), _Part("relevant_year", 4), _Part("installment", 2)),
    *(_Part("due_on", 8), _Part("payable_until", 8)),
    *(_tag("8085"), _fixed("0" * 85)),
    *(_tag("6305"), _Part("crc", 5)),
)
_STARTS: Final = tuple(sum(part.width for part in _PARTS[:number]) for number in range(len(_PARTS)))
_START: Final = {part.name: start for part, start in zip(_PARTS, _STARTS, strict=True)}
_TEXT_WIDTHS: Final = {
    part.name: part.width
    for part in _PARTS
    if part.name in ("institution_code", "case_key", "confirmation_number", "fund_code", "office_code", "installment", "scheme_code")
}


def _crc(digits: str) -> str:
    """CRC-16/CCITT-FALSE as five decimal digits.

    >>> _crc("123456789"), _crc("123456788")
    ('10673', '14736')
    """
    return f"{binascii.crc_hqx(digits.encode('ascii'), 0xFFFF):05}"


def encode(fields: ElqrFields, check_digits: str = "00") -> str:
    """The payload of 255 digits; a value that cannot stand in it is a ProblemError naming its field (FL-ELQ-006)."""
    faults = [problem("FL-ELQ-006", field=name) for name in _unfit(fields)]
    faults += [] if faults else _improbable(fields)
    if check_digits not in CHECK_DIGITS:
        faults.append(problem("FL-ELQ-006", field="check_digits"))
    if faults:
        raise ProblemError(faults)
    scheme = fields.scheme_code
    amount = f"{fields.amount_yen:011}"
    line1 = f"{'0' * 11}{amount}2{scheme}0{fields.fund_code}00000"
    line2 = f"{fields.case_key}{fields.confirmation_number}0{fields.institution_code}{fields.office_code}{'0' * 7}"
    check1, check2 = CHECK_DIGITS[check_digits](line1, line2)
    years = f"{fields.levy_year:04}{fields.relevant_year:04}{fields.installment}"
    dates = f"{fields.due_on}{fields.payable_until}".replace("-", "")
    body = f"00020101021227960005{scheme}0183{check1}{line1}{check2}{line2}5411{amount}6226{years}{dates}8085{'0' * 85}6305"
    return body + _crc(body)


def _unfit(fields: ElqrFields) -> list[str]:
    """The names of fields whose value has the wrong type, width or range."""
    named = fields._asdict()
    wrong = [name for name, width in _TEXT_WIDTHS.items() if not _is_digits(named[name], width)]
    wrong += [name for name in ("levy_year", "relevant_year") if not _is_whole(named[name], 9999)]
    wrong += [name for name in ("due_on", "payable_until") if not isinstance(named[name], str) or not iso_date(named[name])]
    return wrong if _is_whole(fields.amount_yen, MAX_TOTAL_YEN) else ["amount_yen", *wrong]


def _improbable(fields: ElqrFields) -> list[Problem]:
    """What a payload could carry but no bill of ours can say: a year of two digits, a limit before the due date. Writing only."""
    years = ("levy_year", "relevant_year")
    wrong = [problem("FL-ELQ-006", field=name) for name in years if not 1900 <= getattr(fields, name) < 2200]
    return wrong if fields.due_on <= fields.payable_until else [*wrong, problem("FL-ELQ-008", field="payable_until")]


def _is_digits(value: object, width: int) -> bool:
    return isinstance(value, str) and len(value) == width and value.isascii() and value.isdigit()


def _is_whole(value: object, limit: int) -> bool:
    return type(value) is int and 0 < value <= limit


def decode(payload: str) -> Decoded:
    """Read a payload; only white space around it is forgiven.

    >>> decode("00020101021" + "２" * 244).as_json()["problems"][0]["at"]
    11
    >>> decode("0" * 254).problems[0].code
    'FL-ELQ-001'
    """
    digits = payload.strip()
    foreign = re.search(r"[^0-9]", digits)
    if foreign or len(digits) != PAYLOAD_DIGITS:
        at = min(foreign.start() if foreign else len(digits), PAYLOAD_DIGITS)
        return Decoded(None, None, None, (problem("FL-ELQ-001", at=at, actual=len(digits)),))
    texts = {part.name: digits[start : start + part.width] for part, start in zip(_PARTS, _STARTS, strict=True)}
    fields = ElqrFields(**{name: _read(name, texts[name]) for name in ElqrFields._fields})
    crc = (texts["crc"], texts["crc"] == _crc(digits[:-5]))
    found = [*_broken_constants(digits), *_broken_values(fields, texts, crc[1])]
    problems = tuple(sorted(found, key=_place))
    checks = (texts["check_line1"], texts["check_line2"])
    return Decoded(None, None, crc, problems) if problems else Decoded(fields, checks, crc)


def _read(name: str, digits: str) -> Any:
    if name in ("amount_yen", "levy_year", "relevant_year"):
        return int(digits)
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if name in ("due_on", "payable_until") else digits


def _broken_constants(digits: str) -> list[Problem]:
    """Tags, lengths and fixed values that differ, each with its first wrong digit."""
    faults = []
    for part, start in zip(_PARTS, _STARTS, strict=True):
        found = digits[start : start + part.width]
        if part.constant is not None and found != part.constant:
            first = next(number for number, digit in enumerate(found) if digit != part.constant[number])
            faults.append(problem(part.code, at=start + first))
    return faults


def _broken_values(fields: ElqrFields, texts: dict[str, str], crc_ok: bool) -> list[Problem]:
    faults = [] if crc_ok else [problem("FL-ELQ-002", at=_START["crc"])]
    if texts["line1_scheme"] != fields.scheme_code:
        faults.append(problem("FL-ELQ-007", at=_START["line1_scheme"]))
    if texts["line1_amount"] != texts["amount_yen"]:
        faults.append(problem("FL-ELQ-005", at=_START["amount_yen"]))
    for name in _unfit(fields):
        code = "FL-ELQ-004" if name in ("due_on", "payable_until") else "FL-ELQ-006"
        faults.append(problem(code, field=name, at=_START[name]))
    return faults


def symbol(payload: str, *, scale: int = 4, quiet_zone: int = 4) -> bytes:
    """The QR as PNG: ``scale`` pixels a module, ``quiet_zone`` modules of white around."""
    drawn = _draw(payload, "elqr.png", quiet_zone)
    drawn.scale = scale / 2  # zint draws two pixels a module at scale 1
    return _printed(drawn)


def symbol_svg(payload: str) -> str:
    """The QR as one `<svg>` element with its quiet zone of 4 modules, ready to stand in a page."""
    text = _printed(_draw(payload, "elqr.svg", 4)).decode("utf-8")
    return text[text.index("<svg") :]


def _draw(payload: str, name: str, quiet_zone: int) -> zint.Symbol:
    """A symbol ready to be printed: version 6 at level M, which 255 digits in numeric mode fill exactly."""
    faults = decode(payload).problems
    if faults:
        raise ProblemError(faults)
    drawn = zint.Symbol()
    drawn.symbology = zint.Symbology.QRCODE
    drawn.option_1 = 2  # level M
    drawn.option_2 = 6  # version
    drawn.output_options = zint.OutputOptions.BARCODE_MEMORY_FILE
    drawn.whitespace_width = drawn.whitespace_height = quiet_zone
    drawn.outfile = name  # names the format only: the result stays in memory
    drawn.encode(payload.strip())
    assert drawn.width == QR_MODULES
    return drawn


def _printed(drawn: zint.Symbol) -> bytes:
    drawn.print()
    assert drawn.memfile is not None
    return bytes(drawn.memfile)
