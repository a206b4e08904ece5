"""Everything that can be wrong with what we receive: one permanent code a row, with words and a next step.

Wrong input is a value (``Problem``), collected and handed on; the sentence is looked up here only when it is shown.
Read by every room. Codes are retired but never reused. Personal values never enter a sentence: ``args`` carries
numbers, names of fields, expected widths and the like.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Severity = Literal["error", "warning"]


class Meaning(NamedTuple):
    """What a code means: its severity, the sentence and the next step in Japanese and English."""

    severity: Severity
    ja: str
    en: str
    next_ja: str
    next_en: str


class Problem(NamedTuple):
    """One thing wrong at one place. ``line`` counts physical lines (records in flat files) from 1, ``column`` fields from 1."""

    code: str
    line: int | None = None
    column: int | None = None
    field: str | None = None
    ja: str | None = None
    args: tuple[tuple[str, str | int], ...] = ()
    place: str | None = None  # XPath, JSON pointer, "byte 123" or "layout.csv:7" where line and column do not say it

    @property
    def severity(self) -> Severity:
        """``error`` or ``warning``, from the catalogue."""
        return CATALOGUE[self.code].severity

    def as_json(self) -> dict[str, Any]:
        """The object that commands and answers print."""
        meaning = CATALOGUE[self.code]
        named = _Lenient(self.args)
        return {
            "code": self.code,
            "severity": meaning.severity,
            "line": self.line,
            "column": self.column,
            "field": self.field,
            "ja": self.ja,
            "place": self.place,
            "message": meaning.ja.format_map(named),
            "message_en": meaning.en.format_map(named),
            "next": meaning.next_ja.format_map(named),
        }


class _Lenient(dict[str, Any]):
    """Leaves a name without a value readable instead of failing while a failure is being told."""

    def __missing__(self, key: str) -> str:
        return "?"


def problem(code: str, /, **given: Any) -> Problem:
    """Build a Problem; known places go to their attribute, everything else into ``args``.

    >>> problem("FL-CTL-001", line=9, expected=3, actual=2).as_json()["message"]
    '管理レコードの値がデータと合いません（記載 3、実際 2）。'
    """
    places = {name: given.pop(name) for name in ("line", "column", "field", "ja", "place") if name in given}
    return Problem(code, args=tuple(sorted(given.items())), **places)


def _error(ja: str, en: str, next_ja: str, next_en: str) -> Meaning:
    return Meaning("error", ja, en, next_ja, next_en)


def _warning(ja: str, en: str, next_ja: str, next_en: str) -> Meaning:
    return Meaning("warning", ja, en, next_ja, next_en)


_FIX_ROW = (
    "元のシステムでこの行を直し、同じファイル名でもう一度渡してください。",
    "Correct the row in the core system and hand the file over again.",
)
_SEND_AGAIN = ("ファイルを作り直して、もう一度渡してください。", "Make the file again and hand it over once more.")
_CHECK_PROFILE = ("プロファイルの指定とファイルの様式を確かめてください。", "Check that the profile named is the one of this file.")
_ASK_SENDER = ("送信元に知らせ、正しい電文の再送を求めてください。", "Tell the sender and ask for a correct message.")
_FIX_PROFILE = (
    "示された行を直し、`fundlink profile check` をもう一度行ってください。",
    "Correct the line shown and run `fundlink profile check` again.",
)
_FIX_REQUEST = ("要求を直して送り直してください。", "Correct the request and send it again.")
_LOOK = ("内容を確かめ、必要なら元のシステムで直してください。", "Look at it; correct it in the core system if needed.")

CATALOGUE: dict[str, Meaning] = {
    # --- delimited files
    "FL-CSV-001": _error("ファイルにデータがありません（0件）。", "The file holds no data record.", *_SEND_AGAIN),
    "FL-CSV-002": _error(
        "文字コードが様式と違います（{expected} のはずです）。",
        "The bytes are not in the encoding of the profile ({expected}).",
        *_SEND_AGAIN,
    ),
    "FL-CSV-003": _error("引用符が閉じていません。", "A quote is never closed.", *_SEND_AGAIN),
    "FL-CSV-004": _error(
        "項目の数が違います（{expected} のところ {actual}）。", "Wrong number of columns ({expected} expected, {actual} found).", *_FIX_ROW
    ),
    "FL-CSV-005": _error(
        "見出し行が様式と違います（{detail}）。", "The header line is not that of the profile ({detail}).", *_CHECK_PROFILE
    ),
    "FL-CSV-006": _error(
        "表計算ソフトで壊れた値のようです（先頭の0や桁が失われています）。",
        "The value looks damaged by a spreadsheet (zeros or digits lost).",
        "表計算ソフトで開かずに、元のシステムから出し直してください。",
        "Export it from the core system again without opening it in a spreadsheet.",
    ),
    "FL-CSV-007": _error(
        "1行が長すぎるか、項目が多すぎます（上限 {expected}）。",
        "A line is too long or has too many columns (limit {expected}).",
        *_SEND_AGAIN,
    ),
    # --- fixed-length files
    "FL-FIX-001": _error(
        "レコード長が違います（{expected} バイトのところ {actual} バイト）。",
        "Wrong record length ({expected} bytes expected, {actual} found).",
        *_SEND_AGAIN,
    ),
    "FL-FIX-002": _error("項目の境目で全角文字が切れています。", "A multi-byte character is cut by the edge of a field.", *_FIX_ROW),
    "FL-FIX-003": _warning("カナ項目に、許された文字以外があります。", "A kana field holds a character outside its set.", *_LOOK),
    "FL-FIX-004": _warning(
        "改行の有無または種類が様式と違います（{actual}として読みました）。",
        "Line ends differ from the profile (read as {actual_en}).",
        *_CHECK_PROFILE,
    ),
    "FL-FIX-005": _error(
        "必要なレコードがないか、終わりの後に続きがあります（{detail}）。",
        "A record is missing or follows the end ({detail}).",
        *_SEND_AGAIN,
    ),
    "FL-FIX-006": _error("レコードの並び順が違います（{detail}）。", "Records are out of order ({detail}).", *_SEND_AGAIN),
    "FL-FIX-007": _error("数字項目が数字だけで埋まっていません。", "A numeric field is not filled with digits.", *_FIX_ROW),
    "FL-FIX-008": _error(
        "ファイルが途中で切れています（最後のレコードが {expected} バイト中 {actual} バイト）。",
        "The file is cut in the middle of a record ({actual} of {expected} bytes).",
        "送り手の転送が終わってから、もう一度渡してください。",
        "Wait until the transfer is complete and hand it over again.",
    ),
    # --- control totals
    "FL-CTL-001": _error(
        "管理レコードの値がデータと合いません（記載 {expected}、実際 {actual}）。",
        "A control total does not agree (stated {expected}, actual {actual}).",
        "欠けや重なりがないか確かめ、ファイルを作り直してください。何も取り込んでいません。",
        "Nothing was applied. Check for missing or repeated rows and make the file again.",
    ),
    "FL-CTL-002": _error(
        "管理レコードの件数が桁あふれしています（記載 {expected}、実際 {actual}）。",
        "A control count has wrapped (stated {expected}, actual {actual}).",
        "ファイルを分けて作り直してください。",
        "Split the file and make it again.",
    ),
    # --- values
    "FL-VAL-001": _error("必須の項目が空です。", "A required field is empty.", *_FIX_ROW),
    "FL-VAL-002": _error("項目の形が違います（{expected}）。", "The value has the wrong shape ({expected}).", *_FIX_ROW),
    "FL-VAL-003": _error("桁数が多すぎます（{expected} まで）。", "The value is too long (at most {expected}).", *_FIX_ROW),
    "FL-AMT-001": _error(
        "金額が数字だけになっていません。",
        "The amount is not digits only.",
        "符号・カンマ・円記号・小数点・全角を付けず、半角数字だけにしてください。",
        "Write half-width digits only: no sign, comma, currency mark or decimal point.",
    ),
    "FL-AMT-002": _error(
        "金額が範囲外です（0 円以上 {expected} 円以下）。", "The amount is out of range (0 to {expected} yen).", *_FIX_ROW
    ),
    "FL-DATE-001": _error("暦にない日付、または様式と違う日付です。", "Not a calendar date in the form of the profile.", *_FIX_ROW),
    "FL-DATE-002": _error(
        "納期限がありません（金額が 0 円でない行には必要です）。", "The due date is missing though the total is above zero.", *_FIX_ROW
    ),
    "FL-DATE-003": _error("支払期限が納期限より前です。", "The payment limit lies before the due date.", *_FIX_ROW),
    "FL-CODE-001": _error(
        "コード表にない値です（使える値: {expected}）。",
        "The code is not in the list (allowed: {expected}).",
        "コード表を確かめるか、プロファイルに読み替えを加えてください。",
        "Check the code list or map the code in the profile.",
    ),
    "FL-CHK-001": _error("団体コードの検査数字が違います。", "Wrong check digit of the municipality code.", *_FIX_ROW),
    "FL-CHK-002": _warning(
        "宛名番号の検査数字が合いません（古い番号なら問題ありません）。",
        "The addressee number fails its check digit (fine for old numbers).",
        *_LOOK,
    ),
    "FL-CHR-001": _error("使えない制御文字があります。", "The value holds a control character.", *_FIX_ROW),
    "FL-CHR-002": _warning(
        "外字または●が含まれています。",
        "The value holds a private-use character or a substitute mark.",
        "正しい文字を確かめてください。番号と金額は取り込みました。",
        "Check the character; the row was accepted.",
    ),
    "FL-CHR-003": _error(
        "見えない制御文字だけ、または文字の向きを変える文字があります。",
        "The value holds only invisible characters or one that changes the direction of text.",
        *_FIX_ROW,
    ),
    "FL-CHR-004": _error(
        "相手の文字コード（{expected}）にない文字です。",
        "The character does not exist in the target encoding ({expected}).",
        "代わりの文字を決めて元のシステムで直してください。",
        "Choose a replacement in the core system.",
    ),
    "FL-CHR-005": _warning(
        "カナ項目に、カナ・英数字以外の文字があります。", "A kana field holds something other than kana, letters and digits.", *_LOOK
    ),
    "FL-DUP-001": _error(
        "同じキーで内容の違う行が同じファイルにあります（行 {lines}）。",
        "Rows with the same key but different content in one file (lines {lines}).",
        "どちらが正しいかを確かめ、1行にして渡し直してください。",
        "Decide which one is right and hand over a single row.",
    ),
    "FL-DUP-002": _warning(
        "同じ内容のファイルは取込済みです（受付 {file_id}）。何も変えていません。",
        "The same bytes were taken before (file {file_id}); nothing was changed.",
        "何もする必要はありません。",
        "Nothing to do.",
    ),
    "FL-DUP-003": _warning(
        "同じ行が重なっています（最初は {first} 行目）。1件として扱いました。",
        "The same row stands twice (first at line {first}); counted once.",
        *_LOOK,
    ),
    "FL-BIL-001": _warning(
        "納付済みの請求への変更です。人が確かめるまで反映しません。",
        "A change of a bill that is already paid; a person decides.",
        "過誤納・追加徴収のどちらにするかを担当の課所で決めてください。",
        "Decide between refund and additional charge.",
    ),
    "FL-BIL-002": _warning("取消の対象となる請求がありません。", "There is no bill to cancel.", *_LOOK),
    "FL-BIL-003": _error(
        "この請求は再発行できません（状態: {state}）。",
        "The bill cannot be re-issued (state: {state_en}).",
        "収納・取消の状態を確かめてください。",
        "Check whether it is paid or cancelled.",
    ),
    "FL-BIL-004": _error(
        "該当する請求がありません。", "No such bill.", "請求キーまたは連携キーを確かめてください。", "Check the bill key or core key."
    ),
    "FL-BIL-005": _error(
        "この請求は取り消せません（状態: {state}）。",
        "The bill cannot be cancelled (state: {state_en}).",
        "収納の状態を確かめてください。",
        "Check whether it is paid.",
    ),
    "FL-BIL-006": _error(
        "その連携キーに当たる請求が {count} 件あります。",
        "{count} bills carry this core key.",
        "請求キーで指定してください。",
        "Name the bill by its bill key.",
    ),
    "FL-BIL-007": _error(
        "請求キーの形が違います（8 項目を ~ でつなぎます。空の項目も ~ を付けます）。",
        "This is no bill key: it is eight parts joined by ~, an empty part included.",
        "団体コード~公金種目~賦課年度~相当年度~通知書番号~期別~科目~児童宛名番号 の形に直してください。",
        "Write municipality~fund~levy year~relevant year~notice number~installment~subject~child number.",
    ),
    "FL-BIL-008": _error(
        "この請求には、いま払える納付書がありません（取消済みか、0 円です）。",
        "The bill has no slip that can be paid now: it is cancelled, or of 0 yen.",
        "請求の状態を確かめてください。",
        "Look at the state of the bill.",
    ),
    "FL-MUN-001": _error(
        "別の団体のファイルです（{expected} のはずが {actual}）。",
        "The file is of another municipality ({expected} expected, {actual} found).",
        "渡し先を確かめてください。何も取り込んでいません。",
        "Check the destination; nothing was applied.",
    ),
    "FL-MUN-002": _error(
        "ファイルの団体（{expected}）と違う団体の行です。", "The row is of another municipality than its file ({expected}).", *_FIX_ROW
    ),
    "FL-MUN-003": _error(
        "登録されていない団体です（{actual}）。",
        "The municipality is not registered ({actual}).",
        "`fundlink municipality add` で登録してください。",
        "Register it with `fundlink municipality add`.",
    ),
    # --- XML and signature
    "FL-XML-001": _error("DOCTYPE のある XML は受け取りません。", "XML with a DOCTYPE is refused.", *_ASK_SENDER),
    "FL-XML-002": _error(
        "処理命令または XInclude のある XML は受け取りません。", "XML with a processing instruction or XInclude is refused.", *_ASK_SENDER
    ),
    "FL-XML-003": _error("同梱の目録にないスキーマは使いません。", "Only schemas of the bundled catalogue are used.", *_FIX_PROFILE),
    "FL-XML-004": _error("XML が深すぎるか大きすぎます。", "The XML is too deep or too large.", *_ASK_SENDER),
    "FL-XML-006": _error("注釈を含む XML は受け取りません。", "XML with comments is refused.", *_ASK_SENDER),
    "FL-XML-007": _error("名前空間または要素が様式と違います。", "A namespace or element is not that of the layout.", *_ASK_SENDER),
    "FL-XML-008": _error("宣言された文字コードと中身が違います。", "The bytes are not in the declared encoding.", *_ASK_SENDER),
    "FL-XML-009": _error(
        "XML として読めません（途中切れ、余分なデータなど）。", "Not well-formed XML (truncated, trailing bytes …).", *_ASK_SENDER
    ),
    "FL-XML-010": _error("XML ではないデータです。", "The bytes are not XML at all.", *_ASK_SENDER),
    "FL-XML-011": _error("xsi:nil / xsi:type は受け取りません。", "xsi:nil and xsi:type are refused.", *_ASK_SENDER),
    "FL-XML-012": _error("スキーマに合いません（{detail}）。", "Not valid against the schema ({detail}).", *_ASK_SENDER),
    "FL-SIG-001": _error("署名が本文を覆っていません。", "The signature does not cover the document.", *_ASK_SENDER),
    "FL-SIG-002": _error("署名の構造が決められた形と違います。", "The structure of the signature is not the agreed one.", *_ASK_SENDER),
    "FL-SIG-003": _error(
        "信頼していない証明書による署名です。",
        "Signed with a certificate that is not the pinned one.",
        "相手の証明書が替わったかを確かめ、`fundlink keys` で登録してください。",
        "Check whether the other side changed its certificate; pin it with `fundlink keys`.",
    ),
    "FL-SIG-004": _error("許していない署名方式です。", "An algorithm that is not allowed.", *_ASK_SENDER),
    "FL-SIG-005": _error(
        "署名が合いません。改ざんまたは破損のおそれがあります。", "The signature or digest does not verify.", *_ASK_SENDER
    ),
    "FL-SIG-006": _error("署名がありません。", "There is no signature.", *_ASK_SENDER),
    "FL-SEM-001": _error(
        "件数または合計額が明細と合いません（記載 {expected}、実際 {actual}）。",
        "Count or total does not agree with the lines (stated {expected}, actual {actual}).",
        *_ASK_SENDER,
    ),
    "FL-SEM-002": _error("この電文への答えではありません（{detail}）。", "Not an answer to this message ({detail}).", *_ASK_SENDER),
    "FL-VER-001": _error(
        "新しい版の電文です（{actual}）。",
        "A message of a newer version ({actual}).",
        "fundlink を更新してください。受信データは保管しています。",
        "Update fundlink; the bytes are kept.",
    ),
    # --- receipts and settlements
    "FL-RCP-002": _error(
        "同じ取引番号で内容の違う収納が届きました。先の記録を残しています。",
        "A receipt with a known transaction key but other content; the first one is kept.",
        *_ASK_SENDER,
    ),
    "FL-RCP-004": _error(
        "その取引番号の収納は届いていません。",
        "No receipt with this transaction key has arrived.",
        "取引番号を確かめ、`fundlink collect` のあとでもう一度試してください。",
        "Check the transaction key, run `fundlink collect` and try again.",
    ),
    "FL-RCP-005": _error("別の団体の収納です。", "A receipt of another municipality.", *_ASK_SENDER),
    "FL-SET-001": _error(
        "同じ版の払込通知で内容の違うものが届きました。先の記録を残しています。",
        "A settlement line with a known key and edition but other content; the first one is kept.",
        *_ASK_SENDER,
    ),
    "FL-SET-102": _error(
        "その番号の払込通知は届いていません。",
        "No settlement with this key has arrived.",
        "`fundlink explain-settlement` で、清算されていない払込の番号を確かめてください。",
        "See the keys of open settlements with `fundlink explain-settlement`.",
    ),
    "FL-SET-103": _error(
        "その候補はありません（ほかの知らせが届いて変わったか、もう清算されています）。",
        "There is no such suggestion (something else arrived, or it is settled by now).",
        "`fundlink explain-settlement` で候補をもう一度見てください。",
        "Look at the suggestions again with `fundlink explain-settlement`.",
    ),
    "FL-SET-104": _error(
        "払込と入金の合計が {difference} 円違うので、この候補は選べません。",
        "Settlements and credits differ by {difference} yen; this suggestion cannot be chosen.",
        "差額に当たる入金を探すか、指定金融機関に照会してください。",
        "Look for the credit that makes up the difference, or ask the bank.",
    ),
    "FL-SET-105": _error(
        "2 人で決めた清算は、この払込にはありません。",
        "Nothing was decided by two persons for this settlement.",
        "`fundlink explain-settlement` で清算の経緯を確かめてください。",
        "See its history with `fundlink explain-settlement`.",
    ),
    "FL-SET-106": _error(
        "締めた日（{detail}）が、この清算によっています。",
        "A closed day ({detail}) rests on this settling.",
        "締めた日の数字は変えられません。訂正の手順に従ってください。",
        "A closed day does not change; follow the procedure for corrections.",
    ),
    "FL-SET-107": _error(
        "承認を待つ提案がありません（取り下げられたか、別の提案に変わったか、もう清算されています）。",
        "No proposal waits here (it was taken back, replaced by another one, or the settlement is settled by now).",
        "候補をもう一度見て、必要なら提案し直してください。",
        "Look at the suggestions again and propose once more if needed.",
    ),
    "FL-BNK-002": _error(
        "勘定日が、ファイルの見出しの期間（{expected}）の外です。",
        "The booking date lies outside the period of the file ({expected}).",
        "金融機関に確かめ、ファイルを出し直してもらってください。何も取り込んでいません。",
        "Ask the bank for the file again; nothing was applied.",
    ),
    "FL-BNK-003": _error(
        "様式 {profile} は入金のファイルの様式ではありません。",
        "The profile {profile} carries no bank credits.",
        "`fundlink profile list` で bank_credit のある様式を確かめてください。",
        "See `fundlink profile list` for profiles with bank_credit.",
    ),
    "FL-BNK-004": _error(
        "入金と出金の金額が 1 行に両方あります。",
        "A row has both an amount paid in and one paid out.",
        "金融機関に確かめ、ファイルを出し直してもらってください。",
        "Ask the bank for the file again.",
    ),
    "FL-BNK-001": _error(
        "残高が明細と合いません（記載 {expected}、計算 {actual}）。",
        "The balance does not follow from the entries (stated {expected}, computed {actual}).",
        "金融機関に確かめてください。",
        "Ask the bank.",
    ),
    "FL-BNK-005": _error(
        "この口座は登録されていません。",
        "The account is not registered.",
        "`fundlink account add` で登録し（銀行の書き方が違うときは --written-as）、ファイルを渡し直すか `fundlink collect --retry` を行ってください。"
        "ファイルは保管してあります。",
        "Register it with `fundlink account add` (with --written-as where the bank writes it otherwise), then hand the file in again or"
        " run `fundlink collect --retry`; the file is kept.",
    ),
    "FL-BNK-006": _error(
        "この口座は別の団体（{owner}）の口座です。",
        "The account belongs to another municipality ({owner}).",
        "ファイルの宛先と、`fundlink account list` の登録を確かめてください。何も取り込んでいません。",
        "Check whose file it is and `fundlink account list`; nothing was applied.",
    ),
    "FL-BNK-007": _warning(
        "残高が前の行から続きません。",
        "The balance does not follow from the row before.",
        "抜けた明細がないか金融機関に確かめてください。読めた明細は取り込みました。",
        "Ask the bank whether an entry is missing; what could be read was applied.",
    ),
    "FL-BNK-008": _warning(
        "{before} までの残高 {expected} 円と、{after} からの前残高 {actual} 円がつながりません。",
        "The balance until {before} ({expected}) and the one {after} begins with ({actual}) do not meet.",
        "間のファイルが届いていないか、金融機関に確かめてください（`fundlink expected` にも出ます）。",
        "Ask the bank for the file between the two; see also `fundlink expected`.",
    ),
    "FL-BNK-009": _warning(
        "別の様式で知らされた入金と同じものか決められない入金が {count} 件あります。",
        "{count} entries may be credits that another form had told.",
        "`fundlink cases --kind credit` で見て、同じ入金か別の入金かを 2 人で決めてください。それまで数えません。",
        "See `fundlink cases --kind credit` and decide; until then they do not count.",
    ),
    "FL-BNK-010": _error(
        "口座は 銀行コード-支店コード-預金種目-口座番号（例 0001-001-1-1234567）で指定してください。",
        "An account is bank-branch-kind-number (such as 0001-001-1-1234567).",
        "預金種目は 1 普通、2 当座、4 貯蓄です。",
        "Kinds: 1 ordinary, 2 current, 4 savings.",
    ),
    "FL-BNK-011": _error(
        "この口座またはその書き方は、すでに登録されています。",
        "The account, or how it is written, is registered already.",
        "`fundlink account list` で確かめてください。",
        "See `fundlink account list`.",
    ),
    # --- gateway
    "FL-GTW-001": _error(
        "ゲートウェイが電文を受け付けませんでした（{reason}）。",
        "The gateway refused the message ({reason}).",
        "理由を確かめてください。納付書は登録されていません。",
        "Look at the reason; nothing was registered.",
    ),
    "FL-GTW-002": _error(
        "ゲートウェイの答えが分かりません。次の実行で照会します。",
        "The gateway's answer is unknown; the next run inquires.",
        "`fundlink submit` をもう一度行ってください。",
        "Run `fundlink submit` again.",
    ),
    "FL-GTW-003": _error(
        "ゲートウェイにつながりません。",
        "The gateway cannot be reached.",
        "接続先（FUNDLINK_GATEWAY_URL）と、相手が動いているかを確かめてください。",
        "Check FUNDLINK_GATEWAY_URL and that the other side runs.",
    ),
    "FL-GTW-004": _error(
        "ゲートウェイへの送信を {until} まで止めています（{reason}）。",
        "Nothing is sent to the gateway until {until} ({reason}).",
        "待てば自動で再開します。続くときは、相手の状況と `fundlink messages` を確かめてください。",
        "It resumes by itself; if it lasts, look at the other side and at `fundlink messages`.",
    ),
    "FL-GTW-005": _error(
        "決められた回数と時間まで試しましたが、電文の結果が分かりません。",
        "The message was tried as often and as long as may be; its outcome is not known.",
        "`fundlink case show message:電文番号` を見て、もう一度照会する・送り直す・打ち切るのどれかを決めてください。",
        "Look at `fundlink case show message:ID`, then inquire again, resend or give up.",
    ),
    "FL-GTW-006": _error(
        "ゲートウェイの答えが、保管した前の答えと違います（{told}）。",
        "The gateway's answer is another one than the one kept ({told}).",
        "ゲートウェイの担当に確かめてください。受け付けた電文が失われたのなら、2 人で送り直します（`fundlink resend`）。",
        "Ask the gateway's operator; if accepted work was lost there, two persons resend it.",
    ),
    "FL-GTW-007": _error(
        "この電文には、いまはその操作ができません（状態: {state}）。",
        "That cannot be done about this message now (state: {state_en}).",
        "`fundlink messages` で状態を確かめてください。",
        "Look at its state with `fundlink messages`.",
    ),
    "FL-GTW-008": _error(
        "その番号の電文はありません。",
        "There is no message with that id.",
        "電文番号を確かめてください（`fundlink messages`）。",
        "Check the message id.",
    ),
    # --- files for the core system
    "FL-EXP-001": _error(
        "様式 {profile} では書けない記録があります（{who}、項目「{item}」: {why}）。この様式のファイルは作っていません。",
        "The profile {profile} cannot write a record ({who}, {item}: {why}); its file was not made, all others were.",
        "プロファイルの桁数やコードの読み替えを直し、もう一度引き渡してください。ほかの様式の分は引き渡しました。",
        "Correct widths or code maps of the profile and export again; the files of other profiles were handed over.",
    ),
    # --- eL-QR
    "FL-SLP-001": _error(
        "納付書のフォントにない文字があります（{characters}）。",
        "The fonts of the slip lack these characters ({characters}).",
        "元のシステムで別の字にするか、その字のあるフォントを FUNDLINK_SLIP_FONT に指定してください。",
        "Choose another character in the core system, or set FUNDLINK_SLIP_FONT to a font that has it.",
    ),
    "FL-SLP-002": _error(
        "この請求の納付書は印刷できません（状態: {state}）。",
        "No slip can be printed for this bill (state: {state_en}).",
        "ゲートウェイに登録された未納の請求だけを印刷します。送信前なら `fundlink submit` のあとで印刷してください。",
        "Only bills that the gateway knows and nobody paid are printed; run `fundlink submit` first if it was not sent.",
    ),
    "FL-SLP-003": _error(
        "取り込んだファイルから氏名・住所を読み直せません。",
        "Name and address cannot be read from the kept file again.",
        "取り込んだときの様式（プロファイル）を戻してから印刷してください。",
        "Put the profile that the file was read with back.",
    ),
    "FL-SLP-004": _error(
        "支払期限を過ぎているため、納付書を印刷できません。",
        "The payment limit has passed: no slip can be printed.",
        "新しい支払期限で請求を出し直してください。",
        "Send the bill again with a new payment limit.",
    ),
    "FL-ELQ-001": _error(
        "255 桁の数字ではありません（{actual} 桁）。", "Not 255 digits ({actual} found).", "読み取り直してください。", "Scan it again."
    ),
    "FL-ELQ-002": _error(
        "CRC が合いません。",
        "The CRC does not agree.",
        "読み取り直すか、手入力の誤りを確かめてください。",
        "Scan it again or look for a typing error.",
    ),
    "FL-ELQ-003": _error(
        "タグまたは長さが違います。",
        "A tag or length is not that of an eL-QR.",
        "eL-QR であることを確かめてください。",
        "Check that it is an eL-QR.",
    ),
    "FL-ELQ-004": _error("日付が暦にありません。", "A date is not a calendar date.", "読み取り直してください。", "Scan it again."),
    "FL-ELQ-005": _error("2 か所の金額が一致しません。", "The two amounts differ.", "読み取り直してください。", "Scan it again."),
    "FL-ELQ-006": _error(
        "eL-QR の項目の値が正しくありません。",
        "A value cannot stand in an eL-QR.",
        "値の桁数と種類を確かめてください。",
        "Check digits and width of the value.",
    ),
    "FL-ELQ-007": _error(
        "eL-QR の固定値が違います。",
        "A fixed value of the eL-QR differs.",
        "eL-QR であることを確かめてください。",
        "Check that it is an eL-QR.",
    ),
    "FL-ELQ-008": _error(
        "支払期限が納期限より前なので、eL-QR を作れません。",
        "No eL-QR is made: the payment limit lies before the due date.",
        "支払期限に、納期限と同じ日か、それより後の日を指定してください。",
        "Give a payment limit on the due date or after it.",
    ),
    # --- REST
    "FL-API-001": _error("JSON として読めません。", "The body is not JSON.", *_FIX_REQUEST),
    "FL-API-002": _error("同じ名前の項目が 2 回あります。", "A name stands twice in the object.", *_FIX_REQUEST),
    "FL-API-003": _error("知らない項目、または変えられない項目です。", "An unknown member, or one that may not be set.", *_FIX_REQUEST),
    "FL-API-004": _error("内容の種類または文字コードを受け付けません。", "This content type or charset is not accepted.", *_FIX_REQUEST),
    "FL-API-005": _error("JSON が深すぎます。", "The JSON is nested too deeply.", *_FIX_REQUEST),
    "FL-API-006": _error("limit または cursor が正しくありません。", "limit or cursor is not valid.", *_FIX_REQUEST),
    "FL-API-007": _error(
        "本文が大きすぎます（上限 {expected} バイト）。", "The body is too large (limit {expected} bytes).", *_FIX_REQUEST
    ),
    "FL-API-008": _error("見つかりません。", "Not found.", "URL を確かめてください。", "Check the URL."),
    "FL-API-009": _error(
        "このメソッドは使えません。", "Method not allowed.", "URL とメソッドを確かめてください。", "Check URL and method."
    ),
    "FL-API-010": _error("ヘッダーに使えない文字があります。", "A header holds a character that is not allowed.", *_FIX_REQUEST),
    "FL-API-011": _error(
        "ただいま処理できません。",
        "Temporarily unavailable.",
        "しばらくして同じ Idempotency-Key で送り直してください。",
        "Send it again later with the same Idempotency-Key.",
    ),
    "FL-API-012": _error(
        "内部の誤りです。", "Internal error.", "相関番号 correlation_id を添えて問い合わせてください。", "Report the correlation_id."
    ),
    "FL-IDM-001": _error("Idempotency-Key がありません。", "Idempotency-Key is missing.", *_FIX_REQUEST),
    "FL-IDM-002": _error(
        "同じ Idempotency-Key で違う内容が送られました。",
        "The Idempotency-Key was used with another body.",
        "新しい Idempotency-Key を使ってください。",
        "Use a new Idempotency-Key.",
    ),
    "FL-IDM-003": _error(
        "同じ Idempotency-Key の処理中です。",
        "A request with this Idempotency-Key is in flight.",
        "少し待って同じ要求を送り直してください。",
        "Wait and send the same request again.",
    ),
    "FL-IDM-004": _error(
        "Idempotency-Key の形が正しくありません（1〜255 字の印字可能な ASCII）。",
        "Idempotency-Key is not valid (1 to 255 printable ASCII characters).",
        *_FIX_REQUEST,
    ),
    # --- workbooks
    "FL-XLS-001": _error(
        "マクロを含むブックは受け取れません。",
        "A workbook with macros is not taken.",
        "Excel ブック（.xlsx）として保存し直してください。",
        "Save it as an Excel workbook (.xlsx).",
    ),
    "FL-XLS-002": _error(
        "セルが #REF! などの誤りになっています。",
        "The cell holds an error such as #REF!.",
        "計算式をやめて、値をそのまま書いてください。",
        "Write the value itself instead of the formula.",
    ),
    "FL-XLS-003": _error(
        "計算式の結果が保存されていません。",
        "The result of the formula was not saved.",
        "Excel で開いて保存し直すか、値をそのまま書いてください。",
        "Open and save it in Excel, or write the value itself.",
    ),
    "FL-XLS-004": _error(
        "結合されたセルです。どの行の値か分かりません。",
        "The cell is merged: it is not clear which row its value belongs to.",
        "結合を解除し、行ごとに値を書いてください。",
        "Unmerge it and write the value in every row.",
    ),
    "FL-XLS-005": _warning(
        "見えない行または列があります。そこに書いてある請求も読みます。",
        "There are hidden rows or columns; what they hold is read too.",
        "再表示するか、絞込みを外して、内容を確かめてください。",
        "Show them, or clear the filter, and look at them.",
    ),
    "FL-XLS-006": _warning(
        "見えないシートが {count} 枚あります。読むのは先頭のシートだけです。",
        "There are {count} hidden sheets; only the first sheet is read.",
        "請求が先頭のシートにすべてあるか、確かめてください。",
        "Check that the first sheet holds all bills.",
    ),
    "FL-XLS-007": _error(
        "シートが大きすぎます（上限 {expected}）。",
        "The sheet is too large (limit {expected}).",
        "離れた所に書いた値を消すか、ファイルを分けてください。",
        "Remove values that stand far away, or split the file.",
    ),
    "FL-XLS-008": _error(
        "先頭のシートが見えなくなっています。",
        "The first sheet is hidden.",
        "請求のシートを先頭に移し、再表示して保存し直してください。",
        "Show the sheet of bills, put it first and save again.",
    ),
    "FL-XLS-009": _error(
        "納付書に印刷できない字があります（{characters}）。",
        "The slip cannot print these characters ({characters}).",
        "別の字にするか、その字のあるフォントを入れるよう管理者に頼んでください。",
        "Choose another character, or ask the administrator for a font that has it.",
    ),
    "FL-XLS-010": _warning(
        "{line_number} 行目と同じ氏名・金額・納期限です。",
        "Name, amount and due date are those of line {line_number}.",
        "同じ請求を二度書いていないか、確かめてください。",
        "Check that one bill was not written twice.",
    ),
    "FL-XLS-011": _error(
        "このブックは、もう受け入れたか、取りやめています。",
        "This workbook was accepted or dropped already.",
        "「小口の公金」の一覧で確かめてください。",
        "See the list of small funds.",
    ),
    "FL-XLS-012": _error(
        "直すところが残っているため、受け入れられません。",
        "It cannot be accepted while there is something to correct.",
        "示されたセルを直し、もう一度選んでください。",
        "Correct the cells shown and choose the file again.",
    ),
    "FL-XLS-013": _error(
        "このブックは、まだ請求になっていません。",
        "The bills of this workbook do not count yet.",
        "直すところをなくし、受け入れてから印刷してください。",
        "Correct it and accept it before printing.",
    ),
    # --- files, locks, configuration
    "FL-FIL-001": _error(
        "このファイル名は受け取れません。",
        "This file name cannot be taken.",
        "名前を変えて渡し直してください。",
        "Rename it and hand it over again.",
    ),
    "FL-FIL-002": _error(
        "通常のファイルではありません。", "Not a regular file.", "ファイルそのものを渡してください。", "Hand over the file itself."
    ),
    "FL-FIL-003": _error(
        "ファイルの様式を読めません（{detail}）。", "The file cannot be read in the form of the profile ({detail}).", *_CHECK_PROFILE
    ),
    "FL-FIL-005": _error("受信した内容のハッシュが通知と違います。", "The bytes received do not have the announced hash.", *_ASK_SENDER),
    "FL-LCK-001": _error(
        "ほかの実行が進行中です。",
        "Another run is in progress.",
        "終わってからもう一度行ってください。",
        "Run it again when the other one has ended.",
    ),
    "FL-LCK-002": _error(
        "この名前の作業係はすでに動いています。",
        "A worker of this name is running already.",
        "FUNDLINK_WORKER に別の名前を付けるか、動いているほうを止めてください。",
        "Give FUNDLINK_WORKER another name, or stop the one that runs.",
    ),
    "FL-STO-001": _error(
        "データを読み書きできません（{detail}）。",
        "Data cannot be read or written ({detail}).",
        "空き容量・権限・接続を確かめ、同じコマンドをもう一度行ってください。確定した分は残っています。",
        "Check space, rights and connection and run the same command again; what was committed is kept.",
    ),
    "FL-UPG-001": _error(
        "データベースはこのプログラムより新しい版のものです（データベース {actual}、プログラム {expected}）。",
        "The database belongs to a later version (database {actual}, program {expected}).",
        "新しい版のプログラムを使ってください。前の版に戻すときは、その版で取ったバックアップを空のデータベースに復元します。",
        "Use the later version; to go back, restore a backup of the earlier version into an empty database.",
    ),
    "FL-UPG-002": _error(
        "移行または復元のあとに、参照先のない行が残ります。",
        "Rows would be left without the rows they refer to.",
        "何も変えていません。バックアップを保管し、問い合わせてください。",
        "Nothing was changed. Keep the backup and report it.",
    ),
    "FL-BAK-001": _error(
        "バックアップとして読めません（{detail}）。",
        "The file cannot be read as a backup ({detail}).",
        "別のバックアップを使ってください。何も変えていません。",
        "Use another backup; nothing was changed.",
    ),
    "FL-BAK-002": _error(
        "新しい版で取ったバックアップです（バックアップ {actual}、プログラム {expected}）。",
        "The backup was taken by a later version (backup {actual}, program {expected}).",
        "その版以降のプログラムで復元してください。",
        "Restore it with that version or a later one.",
    ),
    "FL-BAK-003": _error(
        "復元先のデータベースが空ではありません。",
        "The database to restore into is not empty.",
        "空の FUNDLINK_HOME または空のデータベースを指定してください。",
        "Name an empty FUNDLINK_HOME or an empty database.",
    ),
    "FL-BAK-004": _error(
        "ここにある鍵は、バックアップを取ったときの鍵ではありません（必要な証明書 SHA-256 {expected}、ここにあるもの {actual}）。",
        "The keys here are not those of the backup (certificate wanted {expected}, found {actual}).",
        "keys フォルダーを空にするか、元の鍵を置いてから、もう一度行ってください。",
        "Empty the keys folder or put the original keys there, then try again.",
    ),
    "FL-BAK-005": _error(
        "復元した台帳の値が、バックアップに記した値と違います。",
        "The restored ledger does not have the hash that the backup states.",
        "何も変えていません。別のバックアップを使い、このファイルは保管して問い合わせてください。",
        "Nothing was changed. Use another backup, keep this one and report it.",
    ),
    "FL-CFG-001": _error(
        "設定が正しくありません（{detail}）。",
        "The configuration is wrong ({detail}).",
        "README の設定表を確かめてください。",
        "See the table of settings in the README.",
    ),
    "FL-CFG-002": _error(
        "安全でない設定です（{detail}）。",
        "The configuration is unsafe ({detail}).",
        "本番環境で許される設定にしてください。",
        "Use a setting that is allowed in production.",
    ),
    "FL-CFG-003": _error(
        "鍵または証明書が使えません（{detail}）。",
        "A key or certificate cannot be used ({detail}).",
        "`fundlink keys` で確かめてください。",
        "Check with `fundlink keys`.",
    ),
    # --- calendars, streams of files, what has not come
    "FL-CAL-001": _error(
        "暦の誤り: {detail}",
        "Fault in the calendar: {detail}",
        "示された行を直してください（FUNDLINK_CALENDAR のフォルダー）。",
        "Correct the line shown in the folder of FUNDLINK_CALENDAR.",
    ),
    "FL-CAL-002": _error(
        "暦 {name} に {year} 年の祝日がありません。",
        "The calendar {name} has no holidays for {year}.",
        "暦の祝日の表にその年を加えてください。",
        "Add that year to the holidays of the calendar.",
    ),
    "FL-SEQ-001": _error(
        "ファイルの連番が進んでいません（{actual}、取込済みは {newest} まで）。古いファイルの渡し直しのおそれがあります。",
        "The file sequence does not advance ({actual}; taken up to {newest}): perhaps an old file again.",
        "渡すファイルを確かめてください。正しい内容なら、次の連番で作り直してください。何も取り込んでいません。",
        "Check the file; if it is right, make it again with the next number. Nothing was applied.",
    ),
    "FL-SEQ-002": _warning(
        "ファイルの連番が飛んでいます（次は {expected} のはずが {actual}）。取り込みました。",
        "The file sequence has a gap ({expected} expected, {actual} found); the file was taken.",
        "間のファイルがないか送り元に確かめてください。あれば、次の連番で作り直してもらいます。",
        "Ask the sender for the files between; they have to be made again with the next number.",
    ),
    "FL-SEQ-003": _error(
        "古い業務日のファイルです（{day}、届いている最新は {newest}）。",
        "A file of an old business day ({day}; the newest is {newest}).",
        "前のファイルを渡していないか、送り元に確かめてください。何も反映していません。",
        "Check whether an old file was handed over. Nothing was applied.",
    ),
    "FL-SEQ-004": _error(
        "業務日が古すぎるファイルです（{day}、今日は {today}、限度は {limit} 日）。",
        "The business day is too old ({day}; today is {today}, the limit {limit} days).",
        "前年などの古いファイルでないか、送り元に確かめてください。正しいときは暦の guards を直してから渡し直します。何も反映していません。",
        "Check whether it is a file of last year; if it is right, change guards in the calendar. Nothing was applied.",
    ),
    "FL-SEQ-005": _error(
        "ファイルの中の業務日（{stated}）が、通知された業務日（{announced}）と違います。",
        "The business day in the file ({stated}) is not the announced one ({announced}).",
        *_ASK_SENDER,
    ),
    "FL-SEQ-006": _warning(
        "ファイルの連番が 1 から振り直されています（前は {newest}）。取り込みました。",
        "The file sequence starts again from 1 (it was {newest}); the file was taken.",
        "年度替わりなど、振り直しの理由を送り元に確かめてください。",
        "Ask the sender why the numbers start again.",
    ),
    "FL-SEQ-007": _error(
        "業務日が先すぎるファイルです（{day}、今日は {today}、限度は {limit} 日）。",
        "The business day lies too far ahead ({day}; today is {today}, the limit {limit} days).",
        "日付の誤りでないか、送り元に確かめてください。何も反映していません。",
        "Ask the sender whether the date is right. Nothing was applied.",
    ),
    "FL-CTL-003": _error(
        "団体 {code} の収納が、消込と別段預りの合計と合いません（収納 {receipts} 件 {receipts_yen} 円、合計 {parts} 件 {parts_yen} 円）。",
        "Receipts of {code} are not the sum of matched and suspense ({receipts}, {receipts_yen} yen; sum {parts}, {parts_yen} yen).",
        "`fundlink verify` を行い、結果を添えて問い合わせてください。",
        "Run `fundlink verify` and report what it says.",
    ),
    "FL-CTL-004": _error(
        "団体 {code} の公金種目 {fund} で、発番した納付書が、収納済・未納・取消・期限切れの合計と合いません（発番 {registered}、収納済 {paid}、未納 {unpaid}、取消 {cancelled}、期限切れ {expired}）。",
        "Slips of {code}, fund {fund}, are not the sum of their parts (registered {registered}; paid {paid}, unpaid {unpaid}, cancelled {cancelled}, expired {expired}).",
        "`fundlink verify` を行い、結果を添えて問い合わせてください。",
        "Run `fundlink verify` and report what it says.",
    ),
    "FL-WTM-001": _error(
        "{day} の{kind}ファイルが届いていません（{state}、予定は {due}）。",
        "The {kind_en} file of {day} is not in ({state_en}; due {due}).",
        "`fundlink collect` を行い、届かないときは送り手に確かめてください。",
        "Run `fundlink collect`; ask the sender if it does not come.",
    ),
    "FL-WTM-002": _error(
        "まだ突き合わせていない収納が {count} 件あります。",
        "{count} receipts are not posted.",
        "`fundlink reconcile` を行ってください。",
        "Run `fundlink reconcile`.",
    ),
    "FL-WTM-003": _error(
        "{day} の{kind}ファイルが隔離されたままです。",
        "A {kind_en} file of {day} is quarantined.",
        "原因を直して `fundlink collect --retry` を行うか、正しいファイルが届いたあとで `fundlink waive` を行ってください。",
        "Remove the cause and run `fundlink collect --retry`, or `fundlink waive` once the right file is in.",
    ),
    "FL-WTM-004": _error(
        "ゲートウェイの一覧で、受け取っていない番号があります（{first}〜{last}）。",
        "Files {first} to {last} of the gateway's list were never seen.",
        "`fundlink collect` を行い、続くときは相手に確かめてください。",
        "Run `fundlink collect`; ask the other side if it stays.",
    ),
    "FL-WTM-005": _error(
        "{until} までに届くはずのファイルがありません（予定は {since} から）。届いたと言い切れません。",
        "No file is expected up to {until} (expected since {since}), so nothing proves that all is in.",
        "日付を確かめるか、暦の expected.csv に始まりの日を書いてください。",
        "Check the day, or write the first day into expected.csv of the calendar.",
    ),
    "FL-WTM-006": _error(
        "その日の{kind}ファイルは待っていません（{day}）。",
        "No {kind_en} file of {day} is waited for.",
        "`fundlink expected` で、届いていないファイルを確かめてください。",
        "See `fundlink expected` for what has not come.",
    ),
    # --- days and files taken back
    "FL-DAY-002": _error(
        "その日の収納・払込・入金の記録がありません。", "Nothing is recorded for that day.", "日付を確かめてください。", "Check the day."
    ),
    "FL-DAY-003": _error(
        "前の営業日（{detail}）がまだ締まっていません。",
        "An earlier day ({detail}) is not closed yet.",
        "古い日から順に締めてください。",
        "Close days in order.",
    ),
    "FL-DAY-004": _error(
        "公金種目 {fund} が合っていません（状態: {state}）。",
        "Fund {fund} does not tie (state: {state_en}).",
        "`fundlink reconcile --day` で差を確かめてください。",
        "Look at the difference with `fundlink reconcile --day`.",
    ),
    "FL-DAY-005": _error(
        "まだ突き合わせていない収納が {count} 件あります。",
        "{count} receipts have not been reconciled.",
        "`fundlink reconcile` を行ってから締めてください。",
        "Run `fundlink reconcile` first.",
    ),
    "FL-DAY-010": _error(
        "この日は {day} までの締めで確定しています。",
        "This day lies behind the close of {day}.",
        "あとから分かったことは、次に締める日の帳簿に訂正として入ります。`fundlink day --diff` で確かめてください。",
        "What came later enters the books of the next day that is closed; see `fundlink day --diff`.",
    ),
    "FL-DAY-011": _error(
        "締めの準備がされていません。",
        "The close has not been prepared.",
        "先に `fundlink close prepare` を行ってください。",
        "Run `fundlink close prepare` first.",
    ),
    "FL-DAY-012": _error(
        "準備した人は承認できません。",
        "The person who prepared cannot approve.",
        "別の人が承認してください。",
        "Another person has to approve.",
    ),
    "FL-DAY-013": _error(
        "準備のあとで帳簿が変わりました。",
        "The books have changed since they were prepared.",
        "内容を確かめて、もう一度 `fundlink close prepare` から行ってください。",
        "Look at them and start again with `fundlink close prepare`.",
    ),
    "FL-PAP-001": _error(
        "どの団体の帳票かが決まりません（{count} 団体あります）。",
        "It is not clear whose paper is wanted (there are {count} municipalities).",
        "--municipality で団体コードを指定してください。",
        "Name one with --municipality.",
    ),
    "FL-PAP-002": _error(
        "{count} 行を超える帳票は Excel にできません。",
        "A paper of more than {count} rows does not fit into a workbook.",
        "--form csv で出してください。",
        "Use --form csv.",
    ),
    "FL-FIL-006": _error(
        "受付 {file_id} のファイルはありません。", "There is no file {file_id}.", "受付番号を確かめてください。", "Check the file number."
    ),
    "FL-FIL-007": _error(
        "受付 {file_id} は取り消せる状態ではありません（{state}）。",
        "File {file_id} cannot be taken back (state: {state_en}).",
        "取り込み済みのファイルだけを取り消せます。",
        "Only an accepted file can be taken back.",
    ),
    "FL-FIL-008": _error(
        "この行にはもう続きがあるため、ファイルを取り消せません（{why}）。",
        "Something later depends on this row ({why}).",
        "続きの方を先に取り消すか、請求ごとに直してください。",
        "Take the later one back first, or correct bill by bill.",
    ),
    "FL-FIL-009": _error(
        "ファイルが大きすぎます（上限 {expected} MiB）。",
        "The file is too large (limit {expected} MiB).",
        "ファイルを分けて渡すか、投入フォルダー（drop）に置いてください。",
        "Hand it over in parts, or put it into the drop folder.",
    ),
    # --- acts of staff on cases
    "FL-ACT-001": _error(
        "処理 {act_id} はありません。", "There is no act {act_id}.", "処理番号を確かめてください。", "Check the number of the act."
    ),
    "FL-ACT-002": _error(
        "処理 {act_id} は承認待ちではありません（{state}）。",
        "Act {act_id} does not wait for approval ({state_en}).",
        "`fundlink case show` で経過を確かめてください。",
        "See what happened with `fundlink case show`.",
    ),
    "FL-ACT-003": _error(
        "準備した人は承認も却下もできません。",
        "Who prepared an act can neither approve nor refuse it.",
        "別の人が承認してください。取りやめるときは withdraw を使います。",
        "Let another person approve it, or withdraw it.",
    ),
    "FL-ACT-004": _error(
        "準備したあとで前提が変わったため、承認できません。",
        "The facts changed since the act was prepared, so it is not carried out.",
        "処理を取りやめ（withdraw）、いまの状態からもう一度準備してください。",
        "Withdraw the act and prepare it again from what is known now.",
    ),
    "FL-ACT-005": _error(
        "その案件はないか、もう片付いています。",
        "There is no such case, or it is settled.",
        "`fundlink cases` で一覧を確かめてください。",
        "See the list with `fundlink cases`.",
    ),
    "FL-ACT-006": _error(
        "この案件に「{verb}」は使えません（使えるもの: {allowed}）。",
        "{verb_en} is not for this kind of case ({allowed_en}).",
        "使えるものから選んでください。",
        "Choose one of those allowed.",
    ),
    "FL-ACT-007": _error(
        "速報だけの納付は処理できません。",
        "A payment that is only preliminary cannot be acted on.",
        "確報が届くのを待ってください（wait）。",
        "Wait for its confirmation.",
    ),
    "FL-ACT-008": _error(
        "「{verb}」に使える金額がありません（求めた額 {expected} 円、使える額 {actual} 円）。",
        "There is not enough money for {verb_en} ({expected} yen asked for, {actual} there).",
        "`fundlink case show` で金額を確かめてください。",
        "Look at the balances with `fundlink case show`.",
    ),
    "FL-ACT-009": _error(
        "請求の残りと合いません（残り {expected} 円、当てる額 {actual} 円）。",
        "That is not what is left to pay on the bill ({expected} yen left, {actual} asked for).",
        "残りまでを当て、余りは split で過誤納に分けてください。",
        "Use what is left and split the rest off as an overpayment.",
    ),
    "FL-ACT-010": _error(
        "分けた額の合計が納付の額と合いません（納付 {expected} 円、合計 {actual} 円）。",
        "The parts do not add up to the payment ({expected} yen, parts {actual}).",
        "1 円まで合わせてください。",
        "Let them add up to the yen.",
    ),
    "FL-ACT-011": _error(
        "別の団体または公金種目の請求には当てられません（納付 {expected}、請求 {actual}）。",
        "The bill is of another municipality or fund ({expected} paid, bill {actual}).",
        "同じ公金種目の請求を選ぶか、還付してください。",
        "Choose a bill of the same fund, or refund.",
    ),
    "FL-ACT-012": _error(
        "不納欠損の理由コードが一覧にありません（使える値: {expected}）。",
        "The reason code of the write-off is not in its list (allowed: {expected}).",
        "`--code` に一覧の値を指定してください。",
        "Give one of the list with `--code`.",
    ),
    "FL-ACT-013": _error(
        "待つ期日は {expected} より後の日にしてください。",
        "The day to wait until must lie after {expected}.",
        "`--until` に先の日付を指定してください。",
        "Give a later day with `--until`.",
    ),
    "FL-ACT-014": _error(
        "この案件には承認待ちの処理 {act_id} があります。",
        "Act {act_id} on this case waits for its approval.",
        "先にそれを承認・却下するか、取りやめてください。",
        "Approve, refuse or withdraw that one first.",
    ),
    "FL-ACT-015": _error(
        "まだ突き合わせていない収納が {count} 件あります。",
        "{count} receipts have not been reconciled.",
        "`fundlink reconcile` を行ってからもう一度試してください。",
        "Run `fundlink reconcile` first and try again.",
    ),
    "FL-ACT-016": _error(
        "充当できる請求がありません。",
        "There is no bill to set off against.",
        "`--to 請求=金額` で指定するか、`--payer` に宛名番号を指定してください。",
        "Name bills with `--to BILL=YEN`, or the payer with `--payer`.",
    ),
    "FL-ACT-017": _error(
        "処理 {act_id} の内容が、準備したときのものと違います。",
        "The content of act {act_id} is not what was prepared.",
        "何も行っていません。`fundlink verify` を行い、運用担当に知らせてください。",
        "Nothing was done. Run `fundlink verify` and tell operations.",
    ),
    "FL-ACT-018": _error(
        "この処理は取り消せません（すでに取り消されたか、お金がその先へ動いています）。",
        "The act cannot be reversed: it was already, or its money has moved on.",
        "あとの処理から順に取り消してください。",
        "Reverse the later acts first.",
    ),
    "FL-ACT-019": _error(
        "取りやめられるのは、準備した人だけです。",
        "Only who prepared an act can withdraw it.",
        "準備した人に取りやめてもらうか、理由を付けて却下（refuse）してください。",
        "Ask who prepared it, or refuse it with a reason.",
    ),
    "FL-AUTH-001": _error(
        "認証されていません（鍵やログインがない、誤っている、または期限が切れています）。",
        "Not authenticated: no key or login, a wrong one, or one that has ended.",
        "正しい API キーを付けるか、ログインし直してください。",
        "Send a valid API key, or log in again.",
    ),
    "FL-AUTH-002": _error(
        "利用者名・パスワード・確認コードのどれかが違います。",
        "Login, password or code is wrong.",
        "入力を確かめてください。確認コードは 1 回だけ使えます。",
        "Check what you entered; a code is good once.",
    ),
    "FL-AUTH-003": _error(
        "この操作の権限がありません。",
        "You are not permitted to do this.",
        "権限のある人に頼むか、管理者に役割を確かめてください。",
        "Ask somebody who is, or ask an administrator about your roles.",
    ),
    "FL-AUTH-004": _error(
        "「{who}」という利用者は登録されていないか、停止されています。",
        "There is no active person called {who}.",
        "登録された利用者名か職員番号を指定してください（`fundlink users list`）。",
        "Name a registered login or staff number (`fundlink users list`).",
    ),
    "FL-AUTH-005": _error(
        "この組合せの役割は与えられません（管理・監査は、ほかの役割と兼ねられません）。",
        "These roles exclude each other: admin and audit stand alone.",
        "役割を分けて、別の人に与えてください。",
        "Give them to different persons.",
    ),
    "FL-AUTH-006": _error(
        "このパスワードは使えません: {detail}",
        "The password cannot be used: {detail}",
        "長い語句（15 文字以上）にしてください。",
        "Use a long phrase of 15 characters or more.",
    ),
    "FL-AUTH-007": _error(
        "見本の利用者は本番では使えません（{detail}）。",
        "Throw-away accounts of the demo are refused in production ({detail}).",
        "空のデータ置き場で始め、`fundlink users first-admin` から登録してください。",
        "Start with an empty database and `fundlink users first-admin`.",
    ),
    "FL-AUTH-008": _error(
        "最初の管理者はすでに登録されています。",
        "The first administrator is registered already.",
        "その管理者が `fundlink users add` で登録してください。",
        "Let that administrator use `fundlink users add`.",
    ),
    "FL-AUTH-009": _error(
        "利用者「{who}」は登録済みか、見つかりません。",
        "{who} is registered already, or not found.",
        "`fundlink users list` で確かめてください。",
        "See `fundlink users list`.",
    ),
    "FL-AUTH-010": _error(
        "ログインの失敗が続いたため、{seconds} 秒お待ちください。",
        "Too many failed logins: wait {seconds} seconds.",
        "時間をおいてやり直すか、管理者に解除を頼んでください。",
        "Try later, or ask an administrator to unlock.",
    ),
    "FL-AUTH-011": _error(
        "この画面の送信を受け付けられません（画面が古いか、ほかのサイトから送られています）。",
        "The form was refused: it is stale, or comes from another site.",
        "画面を開き直してからもう一度行ってください。",
        "Open the page again and retry.",
    ),
    "FL-AUTH-012": _error(
        "この操作の前に、確認コードの入力が要ります。",
        "Enter the code of your second factor before this.",
        "確認コードを入力してください。",
        "Enter the code.",
    ),
    "FL-AUTH-013": _error(
        "設定用の合言葉が違うか、期限が切れています。",
        "The set-up secret is wrong or has ended.",
        "管理者に再発行（`fundlink users reset`）を頼んでください。",
        "Ask an administrator to reset the account.",
    ),
    "FL-AUTH-014": _error(
        "API キーが見つからないか、すでに失効しています。",
        "There is no such API key, or it was revoked already.",
        "`fundlink users key list` で確かめてください。",
        "See `fundlink users key list`.",
    ),
    "FL-AUTH-015": _error(
        "実際の利用者が登録されたデータ置き場では、デモを動かせません。",
        "The demo does not run where real persons are registered.",
        "別の `FUNDLINK_HOME`（空のフォルダー）を指定してください。",
        "Name another, empty `FUNDLINK_HOME`.",
    ),
    "FL-4EY-001": _error(
        "準備した人と承認する人が同じ職員です。",
        "The one who prepared it and the one who approves it are one person.",
        "別の職員が承認してください。",
        "Let another person approve it.",
    ),
    "FL-4EY-002": _error(
        "準備のあとで内容が変わったため、承認は無効です。",
        "The content changed after it was prepared: the approval is void.",
        "もう一度準備してから承認を受けてください。",
        "Prepare it again and have it approved.",
    ),
    "FL-4EY-003": _error(
        "利用者が登録されているため、1 回の操作で 2 人分は行えません。",
        "Persons are registered, so one call cannot stand for two of them.",
        "1 人が `--approved-by` を付けずに行って準備し、別の人が `fundlink proposal approve`（利用者は `fundlink users approve`）か画面で承認してください。",
        "Let one person do it without `--approved-by`, which prepares it, and another one approve it with `fundlink proposal approve` (persons: `fundlink users approve`) or at the console.",
    ),
    "FL-PRP-001": _error(
        "提案 {proposal_id} はありません。",
        "There is no proposal {proposal_id}.",
        "`fundlink proposal list` で番号を確かめてください。",
        "See the numbers with `fundlink proposal list`.",
    ),
    "FL-PRP-002": _error(
        "提案 {proposal_id} は承認待ちではありません（{state}）。",
        "Proposal {proposal_id} does not wait for approval ({state_en}).",
        "`fundlink proposal show` で経過を確かめてください。",
        "See what became of it with `fundlink proposal show`.",
    ),
    "FL-PRP-003": _error(
        "同じものに、承認待ちの提案 {proposal_id} があります。",
        "Proposal {proposal_id} about the same thing waits for its approval.",
        "先にそれを承認・却下するか、取り下げてください。",
        "Approve, refuse or withdraw that one first.",
    ),
    "FL-PRP-004": _error(
        "提案のあとで前提が変わったため、承認は無効です。",
        "The facts changed since it was proposed: the approval is void.",
        "取り下げ、いまの状態からもう一度提案してください。何も行っていません。",
        "Withdraw it and propose it again from what is known now. Nothing was done.",
    ),
    "FL-PRP-005": _error(
        "取り下げられるのは、提案した人だけです。",
        "Only who proposed it can withdraw it.",
        "提案した人に取り下げてもらうか、理由を付けて却下してください。",
        "Ask who proposed it, or refuse it with a reason.",
    ),
    "FL-PRP-006": _error(
        "提案 {proposal_id} の内容が、提案したときのものと違います。",
        "The content of proposal {proposal_id} is not what was proposed.",
        "何も行っていません。`fundlink verify` を行い、運用担当に知らせてください。",
        "Nothing was done. Run `fundlink verify` and tell operations.",
    ),
    "FL-VER-002": _error(
        "見ていた内容が古くなっています。",
        "What you were looking at is out of date.",
        "開き直して、いまの内容を確かめてください。",
        "Open it again and look at its present content.",
    ),
    "FL-API-013": _error(
        "要求が多すぎます。",
        "Too many requests.",
        "Retry-After の秒数だけ待ってから送り直してください。",
        "Wait as many seconds as Retry-After says.",
    ),
    "FL-API-014": _error(
        "multipart/form-data の本文が途中で切れているか、file という部品が 1 つではありません。",
        "The multipart/form-data body is cut, or does not hold exactly one part named file.",
        "file という名前の部品にファイルを 1 つ入れて、終わりの境界まで送ってください。",
        "Send one file as a part named file, up to the closing boundary.",
    ),
    "FL-SCH-001": _error(
        "金額または日を読み取れません。",
        "The amount or the day cannot be read.",
        "金額は 1 円以上の数字、日は YYYY-MM-DD で入力してください。",
        "Enter an amount of one yen or more, and a day as YYYY-MM-DD.",
    ),
    "FL-AUD-001": _error(
        "記録の先頭値ファイルを確かめられません（{detail}）。",
        "The head file of the audit trail cannot be verified ({detail}).",
        "`fundlink audit head --out` で作ったファイルを、そのまま指定してください。",
        "Give a file made by `fundlink audit head --out`, unchanged.",
    ),
    "FL-INT-001": _error(
        "内部の誤りです（{detail}）。",
        "Internal error ({detail}).",
        "データフォルダーの errors.log を添えて問い合わせてください。確定した分は残っています。",
        "Report it with errors.log of the data folder; what was committed is kept.",
    ),
    "FL-PRF-001": _error(
        "プロファイルが見つかりません（{detail}）。",
        "The profile was not found ({detail}).",
        "`fundlink profile list` で名前を確かめてください。",
        "See `fundlink profile list`.",
    ),
    "FL-PRF-002": _error("プロファイルの誤り: {detail}", "Fault in the profile: {detail_en}", *_FIX_PROFILE),
    "FL-PRF-003": _warning("プロファイルの注意: {detail}", "Remark on the profile: {detail_en}", *_FIX_PROFILE),
    "FL-PRF-004": _error("このプロファイルに {detail} の様式はありません。", "The profile carries no {detail}.", *_CHECK_PROFILE),
    "FL-PRF-005": _error(
        "プロファイル {profile} の今の内容は、まだ承認されていません。",
        "The profile {profile} is not approved as it is now.",
        "管理者が `fundlink profile adopt` か画面で準備し、別の管理者が承認してください。渡されたものには何もしていません。",
        "One administrator proposes with `fundlink profile adopt` or in the console, another one approves. What was handed over is untouched.",
    ),
    "FL-PRF-006": _error(
        "プロファイル {profile} は製品に付いているものです。承認は要りません。",
        "The profile {profile} came with the product and needs no approval.",
        "変えて使うときは、`FUNDLINK_PROFILES` のフォルダーに同じ名前で写し、それを採用してください。",
        "To use another form of it, copy it under the same name into the folder of `FUNDLINK_PROFILES` and adopt that.",
    ),
}
