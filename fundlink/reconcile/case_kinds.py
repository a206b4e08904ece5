"""The kinds of case that wait for a person: what each is called, why it is one, what is to be done next. Tables, pure.

Called by desk and cli. Which cases there are is a question of facts and is answered by the store; nothing of a case is kept
but who owns it and what was done about it.
"""

from __future__ import annotations

from typing import NamedTuple

from fundlink.reconcile.outcomes import RULES, UNDETERMINED

CONFIRM_WITHIN_DAYS = 7
"""A preliminary statement older than this (days after it was booked) that nobody confirmed or took back is a case."""


class Kind(NamedTuple):
    """One kind of case; ``name`` begins the name of every such case (``transaction:T1``)."""

    name: str
    ja: str
    next_step: str


KINDS: tuple[Kind, ...] = (
    Kind("transaction", "納付", "過誤納・還付・充当・請求への結び付け・分割・別段のどれにするかを決める"),
    Kind("cancellation", "取消だけの納付", "元の収納が届くのを待つか、ゲートウェイに照会する"),
    Kind("preliminary", "確報のない速報", "ゲートウェイに照会し、確報または取消を待つ"),
    Kind("conflict", "納付後の請求の変更", "減った分を過誤納にするか、増えた分を別の請求にするかを担当の課所で決める"),
    Kind("received", "隔離した受信ファイル", "送信元に再送を求めるか、直したあとで読み直す（fundlink collect --retry）"),
    Kind("file", "隔離した請求ファイル", "理由（結果ファイル）を見て直したファイルを渡し直し、済んだら処理不要（dismiss）とする"),
    Kind("message", "結果不明・登録不可の電文", "もう一度送信（照会）し、断られた理由を確かめる"),
    Kind("credit", "別の様式と食い違う入金", "金融機関に照会し、同じ入金（same）か別の入金（separate）かを決める"),
    Kind("day", "合わない日", "差の種類を見て、ゲートウェイまたは金融機関に照会する"),
    Kind("act", "前提の変わった処理", "処理を取り消し、いまの判定からやり直す"),
)
BILL = Kind("bill", "請求", "不納欠損とする場合だけ処理する")
"""A bill is no case by itself, but it can be acted on."""

NEXT_BY_REASON: dict[str, str] = {
    "overpaid": "還付または充当の手続きをする",
    "unknown": "自動の照会を待つ。急ぐときは、いま照会する（案件の画面、または fundlink inquire）",
    "exhausted": "もう一度照会する。答えが得られなければ 2 人で、別の電文で送り直すか打ち切る（案件の画面、または fundlink inquire、fundlink resend、fundlink give-up）",
    "contradicted": "ゲートウェイの担当に確かめ、2 人で、同じ電文を送り直すか、そのままとする（案件の画面、または fundlink resend、fundlink give-up）",
}
"""Where the reason, and not the kind, says what is to be done."""

REASONS: dict[str, str] = {
    **{rule.outcome: rule.ja for rule in (*RULES, UNDETERMINED)},
    "overpaid": "過誤納（還付または充当を待つ）",
    "suspense": "別段に移した納付",
    "cancelled_first": "元の収納のない取消",
    "not_confirmed": "速報のまま確報が届かない",
    "changed_after_payment": "納付済みの請求への変更",
    "cancelled_after_payment": "納付済みの請求の取消",
    "quarantined": "信用できない、または読めないファイル",
    "unknown": "ゲートウェイの答えが分からない",
    "rejected": "ゲートウェイが電文を断った",
    "exhausted": "試せるだけ試したが答えが分からない",
    "contradicted": "ゲートウェイの答えが前と違う",
    "refused": "登録を断られた納付書がある",
    "receipt_without_settlement": "払込のない収納",
    "settlement_without_receipt": "収納のない払込",
    "settlement_without_credit": "入金のない払込",
    "credit_without_settlement": "払込のない入金",
    "amount_difference": "金額の差",
    "revised_after_close": "締め後の訂正",
    "told_differently": "別の様式で知らされた入金と同じものか分からない",
    "overtaken": "処理のあとで判定が変わった",
}


def kind_of(name: str) -> Kind | None:
    """The kind that the name of a case begins with, None for a name that is none.

    >>> kind_of("transaction:T1").ja, kind_of("T1")
    ('納付', None)
    """
    prefix, colon, key = name.partition(":")
    return next((kind for kind in (*KINDS, BILL) if kind.name == prefix and colon and key), None)


def reason_words(reason: str) -> str:
    """Why a case is one, in words; several reasons are joined by commas in the name.

    >>> reason_words("amount_difference,revised_after_close"), reason_words("shape-not-known")
    ('金額の差・締め後の訂正', 'shape-not-known')
    """
    return "・".join(REASONS.get(word, word) for word in reason.split(","))
