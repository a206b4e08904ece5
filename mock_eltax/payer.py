"""What a payer can do at the payment site: find a slip by its eL number, see why it cannot be paid, pay it.

Called by the pages. Unlike `POST /pay`, which is the counter that takes everything, the site refuses what a site would refuse.
"""

from typing import Any, NamedTuple

from mock_eltax import clock, payments
from mock_eltax.elqr import UnreadableQRError, decode
from mock_eltax.ledger import STATE
from mock_eltax.world import World

WORDS = {
    "incomplete": "4つの番号をすべて数字で入力してください（5桁・20桁・6桁・3桁）。",
    "qr_length": "eL-QRの数字は255桁です。もう一度読み取るか、eL番号を入力してください。",
    "qr_crc": "eL-QRを正しく読み取れませんでした（検査値が合いません）。もう一度読み取るか、eL番号を入力してください。",
    "qr_content": "このQRコードは納付書のeL-QRではないようです。納付書のeLマークの近くにあるQRコードをお使いください。",
    "unknown": "入力された番号の納付書が見つかりません。納付書のeL番号をもう一度お確かめください。",
    "paid": "この納付書はすでに納付されています。二重に納付する必要はありません。",
    "late": "支払期限を過ぎているため、ここでは納付できません。納付書を発行した自治体へお問い合わせください。",
    "cancelled": "この納付書は取り消されています。納付の必要はありません。くわしくは自治体へお問い合わせください。",
    "superseded": "この納付書は新しい納付書に差し替えられています。新しい納付書で納付してください。",
    "channel": "お支払い方法を選んでください。",
}
STATES = {"registered": "未納", "paid": "納付済み", "cancelled": "取消済み", "superseded": "差替え済み"}
WIDTHS = {"institution_code": 5, "case_key": 20, "confirmation_number": 6, "fund_code": 3}

FIND = f"""SELECT s.*, {STATE} AS standing FROM slips s WHERE s.institution_code = :institution_code AND s.case_key = :case_key
  AND s.confirmation_number = :confirmation_number AND s.fund_code = :fund_code"""
RECEIPT = """SELECT p.*, p.booked_on IS NOT NULL AS closed FROM payments p WHERE p.transaction_key = ?"""


class RefusalError(Exception):
    """The site says no; `code` is a key of WORDS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Number(NamedTuple):
    """The four parts of an eL number as typed."""

    institution_code: str
    case_key: str
    confirmation_number: str
    fund_code: str


def read_number(form: dict[str, str]) -> Number:
    """The number from a form: the payload when there is one, otherwise the four parts. Blanks and hyphens are forgiven."""
    typed = {name: _digits(form.get(name, "")) for name in (*WIDTHS, "payload")}
    if typed["payload"]:
        try:
            found = decode(typed["payload"])
        except UnreadableQRError as fault:
            raise RefusalError(fault.code) from fault
        return Number(found.institution_code, found.case_key, found.confirmation_number, found.fund_code)
    if any(len(typed[name]) != width or not typed[name].isdecimal() for name, width in WIDTHS.items()):
        raise RefusalError("incomplete")
    return Number(*(typed[name] for name in WIDTHS))


def find(world: World, number: Number) -> dict[str, Any]:
    """The slip with its state in words, and in `obstacle` why it cannot be paid here."""
    with world.ledger.reading() as connection:
        row = connection.execute(FIND, number._asdict()).fetchone()
    if row is None:
        raise RefusalError("unknown")
    standing = row["standing"]
    late = standing == "registered" and clock.now().date().isoformat() > row["payable_until"]
    obstacle = "late" if late else "" if standing == "registered" else standing
    fund = world.funds.get(row["fund_code"], "公金")
    return {**dict(row), "fund": fund, "state_ja": STATES[standing], "obstacle": WORDS.get(obstacle, "")}


def pay_here(world: World, number: Number, channel: str) -> str:
    """Pay a slip at the site, today."""
    slip = find(world, number)
    if slip["obstacle"]:
        raise RefusalError("")
    if channel not in payments.CHANNELS:
        raise RefusalError("channel")
    yen, today = slip["amount_yen"], clock.now().date().isoformat()
    return payments.pay(world, payments.Payment(*number, channel=channel, amount_yen=yen, paid_on=today), yen)


def receipt(world: World, transaction_key: str) -> dict[str, Any] | None:
    """What the confirmation page shows of a payment."""
    with world.ledger.reading() as connection:
        row = connection.execute(RECEIPT, (transaction_key,)).fetchone()
    if row is None:
        return None
    return {**dict(row), "fund": world.funds.get(row["fund_code"], "公金"), "channel_ja": payments.CHANNELS[row["channel"]]}


def _digits(text: str) -> str:
    plain = "".join(text.split()).replace("-", "").replace("－", "").replace("‐", "")
    return plain.translate({ord("０") + digit: str(digit) for digit in range(10)})
