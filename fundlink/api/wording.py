"""What the description of the API says about each route: one row a route, in Japanese, with the shapes of its answers.

Used by the routes (``described``) and by openapi. The shapes themselves are made in openapi from records and layouts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fundlink.api.answers import PROBLEM_TYPE
from fundlink.api.bodies import UPLOAD_TYPES

_ALWAYS = (400, 401, 403, 422, 429, 500, 503)
_WRITE = (409, 413, 415)
_WORDS = {
    400: "要求が読めない、または Idempotency-Key がない",
    401: "API キーがない、誤っている、または失効している",
    403: "権限がない",
    404: "見つからない",
    409: "いまの状態ではできない、または同じ Idempotency-Key の処理中",
    413: "本文が大きすぎる",
    415: "内容の種類・文字コード・圧縮を受け付けない",
    422: "内容に誤りがある（pointer と problems が場所を示す）",
    429: "要求が多すぎる（Retry-After の後で送り直す）",
    500: "内部の誤り（correlation_id を添えて問い合わせる）",
    503: "ただいま処理できない（Retry-After の後、同じ Idempotency-Key で送り直す）",
}


class Row(NamedTuple):
    """One route: its summary, what follows it, its good answers (status, words, shape) and its particular failures."""

    summary: str
    more: str
    good: tuple[tuple[int, str, str], ...]
    bad: tuple[int, ...] = ()


_BILL = "請求キー（`~` 区切りの 8 項目）または連携キーで指定する。連携キーが複数の団体にあるときは municipality_code を添える。"
ROUTES: dict[str, Row] = {
    "intake_sent": Row(
        "ファイルまたは NDJSON を取り込む",
        "本文はファイルそのもの。誤りのある行だけを除いて取り込み、様式や合計が合わないファイルは全体を保留（quarantined）にする。"
        "同じ内容のファイルは何も変えず、最初の受付を示す。dry_run=true は同じ結果を返すだけで何も残さない。",
        ((202, "受け付けた（保留・重複を含む）", "IntakeResult"), (200, "dry_run の結果", "IntakeResult")),
        (404, *_WRITE),
    ),
    "intakes": Row("受付の一覧（新しい順）", "", ((200, "一覧", "IntakePage"),)),
    "intake": Row("受付の状態と件数、はじめの誤り", "", ((200, "受付", "IntakeDetail"),), (404,)),
    "intake_result": Row(
        "行ごとの結果（CSV）", "UTF-8（BOM 付き）。1 追加・2 更新・3 取消・7 警告・9 誤り。", ((200, "CSV", "text/csv"),), (404,)
    ),
    "bill_put": Row(
        "請求を 1 件登録・更新・取消する",
        _BILL + "URL の請求キーにある項目は本文で省ける。書くなら一致しなければならない。異動区分 9 は取消。"
        "納付済みの請求への変更は 409（FL-BIL-001）で、人の判断を待つ記録として残る。",
        ((201, "登録した", "BillWritten"), (200, "更新・取消した、または変更なし", "BillWritten")),
        (404, *_WRITE),
    ),
    "bill_cancel": Row("請求を取り消す", _BILL + "取消済みなら何もしない。", ((200, "取消済みの請求", "BillWritten"),), (404, *_WRITE)),
    "bill_reissue": Row(
        "新しい eL 番号での再発行を準備する",
        _BILL + "承認者を書かなければ提案として残り、別の人が画面か `fundlink proposal approve` で承認したときに再発行する。"
        "承認者を書けば 1 回で行う（実施者と承認者は別の人）。利用者が登録されていると、1 回では行えない（FL-4EY-003）。",
        ((200, "新しい番号", "Reissued"), (202, "承認を待つ提案", "Proposed")),
        (404, *_WRITE),
    ),
    "bills": Row("請求の一覧", "", ((200, "一覧", "BillPage"),)),
    "bill": Row("請求の状態・eL 番号・QR の内容・発行の履歴", _BILL, ((200, "請求", "BillDetail"),), (404, 409)),
    "bill_qr_png": Row("eL-QR（PNG）", _BILL, ((200, "画像", "image/png"),), (404, 409)),
    "bill_qr_svg": Row("eL-QR（SVG）", _BILL, ((200, "画像", "image/svg+xml"),), (404, 409)),
    "bill_slip_pdf": Row(
        "納付書（PDF）",
        _BILL + "ゲートウェイに登録された未納の請求だけを印刷する。フォントにない文字があれば、その文字を示して断る。",
        ((200, "納付書", "application/pdf"),),
        (404, 409),
    ),
    "clearings": Row(
        "消込の連続取得",
        "entry_number の昇順。next を保存し、次回 after に渡す。どの next からでも何度でもやり直せる。",
        ((200, "消込", "ClearingPage"),),
    ),
    "days": Row("日・公金種目ごとの突合", "", ((200, "一覧", "DayPage"),)),
    "day": Row("1 日の突合と収納結果", "", ((200, "1 日分", "Day"),)),
    "cases": Row("人の判断を待つ案件の一覧（古い順）", "処理の準備と承認は `fundlink act` で行う。", ((200, "一覧", "CasePage"),)),
    "proposals": Row(
        "承認を待つ提案の一覧（古い順）", "承認は人が画面か `fundlink proposal approve` で行う。", ((200, "一覧", "ProposalList"),)
    ),
    "proposal": Row("提案 1 件の前後と経過", "", ((200, "提案", "Proposed"),), (404,)),
    "profiles": Row("使えるプロファイル", "", ((200, "一覧", "Profiles"),)),
    "healthz": Row("プロセスが動いている", "", ((200, "動いている", "Health"),)),
    "readyz": Row(
        "要求を受けられる",
        "データベースに書け、版が合い、鍵が使え、空きがあり、（SQLite では）作業係が動いている。受けられないときは 503 で、checks に理由を示す。",
        ((200, "受けられる", "Ready"),),
    ),
}


def described(name: str) -> dict[str, Any]:
    """Keyword arguments for a route."""
    row = ROUTES[name]
    good = {status: {"description": words, "content": _content(shape)} for status, words, shape in row.good}
    bad = {status: {"description": _WORDS[status], "content": {PROBLEM_TYPE: _shape("Problem")}} for status in sorted({*_ALWAYS, *row.bad})}
    return {"summary": row.summary, "description": row.more or row.summary, "responses": {**good, **bad}, "operation_id": name}


def _shape(name: str) -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{name}"}}


def _content(shape: str) -> dict[str, Any]:
    if "/" in shape:  # a media type: bytes, not JSON
        return {shape: {"schema": {"type": "string", "format": "binary"}}}
    return {"application/json": _shape(shape)}


def _sends(content: dict[str, Any]) -> dict[str, Any]:
    key = {
        "name": "Idempotency-Key", "in": "header", "required": True,
        "description": "この書込みに付ける一意の値。同じ値の送り直しには同じ答えを返す。",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    }  # fmt: skip
    return {"parameters": [key], **({"requestBody": {"required": True, "content": content}} if content else {})}


def intake_sent() -> dict[str, Any]:
    """The body of an intake: a file in any of the types, NDJSON, or a form with a part ``file``."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    content: dict[str, Any] = dict.fromkeys(UPLOAD_TYPES, binary)
    content["application/x-ndjson"] = {"schema": {"$ref": "#/components/schemas/BillRow"}}
    form = {"type": "object", "required": ["file"], "properties": {"file": binary["schema"]}}
    content["multipart/form-data"] = {"schema": form}
    return _sends(content)


def bill_sent() -> dict[str, Any]:
    """The body of a bill."""
    return _sends({"application/json": _shape("BillPut")})


def cancel_sent() -> dict[str, Any]:
    """Cancelling needs a key and no body."""
    return _sends({})


def reissue_sent() -> dict[str, Any]:
    """Who re-issues, and who approved it."""
    return _sends({"application/json": _shape("ReissueRequest")})
