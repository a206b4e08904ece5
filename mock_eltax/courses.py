"""The table of courses: how the papers and the money of a business day travel when something goes wrong. A new trouble is a new row.

Read by `scenarios` (whose programs name them), `travel` (which plays them) and `books`. Data only.
"""

from typing import NamedTuple


class Course(NamedTuple):
    """One way the papers of a day travel. Days are business days after the day they are usual on."""

    name: str
    ja: str
    en: str
    confirmed_after: int = 0
    """The file of confirmed receipts comes so many days later."""
    notice_after: int = 0
    """The settlement notice comes so many days later."""
    bank_after: int = 0
    """The bank tells of the money so many days after it arrived."""
    parts: int = 1
    """In how many movements the money of a line arrives."""
    apart: int = 0
    """Days between two parts."""
    together: bool = False
    """All funds of the day arrive in one movement."""
    held: bool = False
    """The money of the day waits and arrives with that of the next one."""
    referenced: bool = True
    """Whether the bank passes the reference on."""
    carries_fee: bool = False
    """The fee is not taken from this transfer but from the next one of the fund."""
    short_edition: bool = False
    """The first edition of the notice leaves one receipt out; the next day a second one puts it right."""
    fee_edition_after: int = 0
    """So many days later a new edition raises the fee by a yen a receipt, and the bank takes it back."""
    taken_back_after: int = 0
    """So many days later one payment is taken back: its cancellation, a new edition, and money that leaves."""
    unconfirmed: int = 0
    """So many payments are stated as preliminary and never again, and never settled."""
    transport: str = "clean"
    """`lossy`: messages and answers get lost until the next day is played."""


COURSES = {
    row.name: row
    for row in (
        Course("plain", "ふつうに届く日", "Everything comes when it should"),
        Course("split", "一つの払込が三つの入金に分かれる", "One settlement in three credits", parts=3),
        Course("split-days", "一つの払込が二日に分かれて入金される", "One settlement in two credits on two days", parts=2, apart=1),
        Course("combined", "その日の全科目が一つの入金にまとまる", "All funds of a day in one credit", together=True),
        Course("held", "二日分が一つの入金にまとまる", "Two days in one credit", held=True),
        Course("carried-fee", "手数料が次の払込から引かれる", "The fee is taken from the next transfer", carries_fee=True),
        Course("late-receipts", "確報のファイルが一日遅れる", "Confirmed receipts a day late", confirmed_after=1),
        Course("late-notice", "払込通知が二日遅れる", "The notice two days late", notice_after=2),
        Course("late-bank", "入金明細が二日遅れる", "The bank file two days late", bank_after=2),
        Course("missing-notice", "払込通知が届かず、五日後にようやく届く", "The notice is missing for five days", notice_after=5),
        Course("missing-bank", "入金明細が届かず、五日後にようやく届く", "The bank file is missing for five days", bank_after=5),
        Course(
            "short-edition", "払込通知の初版に一件の漏れ、翌日に新しい版", "A first edition with a receipt left out", short_edition=True
        ),
        Course("fee-edition", "締めた後に手数料が改まる", "The fee changes after the close", fee_edition_after=6),
        Course("taken-back", "締めた後に納付が取り消される", "A payment is taken back after the close", taken_back_after=6),
        Course("no-references", "入金明細に払込番号がない", "The bank names no references", referenced=False),
        Course("never-confirmed", "速報のまま確報の来ない納付", "Preliminary payments that never confirm", unconfirmed=2),
        Course("lost-answers", "電文や受付結果が失われる", "Messages and answers get lost", transport="lossy"),
    )
}

MONTH = (
    "plain", "split", "late-receipts", "short-edition", "lost-answers", "late-notice", "split-days", "plain", "late-bank", "split",
    "missing-bank", "plain", "missing-notice", "short-edition", "late-receipts", "plain", "lost-answers", "split-days", "taken-back",
    "fee-edition", "plain", "no-references", "combined", "held", "plain", "carried-fee", "plain", "never-confirmed", "split", "plain",
)  # fmt: skip
"""Thirty business days with every course."""
