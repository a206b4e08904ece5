"""The words of the console: one term for one thing, those of the glossary; no sentence without a use, none without its other language."""

from __future__ import annotations

import re
import string

import pytest

from fundlink.console.view import HERE
from fundlink.console.words import Words, table
from tests.house.sources import ROOT

TEMPLATES = {path.name: path.read_text(encoding="utf-8") for path in sorted((HERE / "templates").rglob("*.html"))}
CODE = "".join(path.read_text(encoding="utf-8") for path in sorted(HERE.rglob("*.py")))
GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
TERMS = {
    "flow.receipts": "receipt", "flow.settled": "settlement", "flow.credited": "bank credit", "flow.fee": "fee_yen", "head.fund": "fund",
    "payment.outcome": "outcome", "payment.key": "transaction_key", "payment.paid_on": "paid_on", "sheet.title": "day sheet", "books.year": "fiscal_year",
    "why.stage.preliminary": "preliminary", "why.stage.confirmed": "confirmed", "payment.bill": "bill key", "settlement.state": "settling",
    "paper.breakdown": "breakdown", "home.cases": "case", "home.town": "municipality",
}  # fmt: skip
"""Words of the trade on the pages, and the English term under which the glossary has them."""
NEVER = {
    "支払い通知": "払込通知", "入金通知": "入金明細", "消し込み": "消込", "締切り": "締め", "突き合せ": "突合", "納入": "納付", "確定速報": "確報", "自治体": "団体",
    "税目": "公金種目", "エラー": "何が起きたか", "データ": "何の記録か", "ステータス": "状態", "ユーザー": "利用者", "サーバー": "—",
}  # fmt: skip
"""Words that the house does not use for what it has a word for (or that tell a clerk nothing), with what to say."""


def test_every_sentence_stands_in_both_languages_with_the_same_blanks() -> None:
    for key, (ja, en) in table().items():
        assert ja, key
        assert en, key
        blanks = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (ja, en)]
        assert blanks[0] == blanks[1], key


def test_every_key_that_is_said_exists_and_every_key_is_said() -> None:
    said = {
        key
        for text in (*TEMPLATES.values(), CODE)
        for key in re.findall(r'["\']([a-z0-9]+(?:\.[a-z0-9_-]+)+|name|skip|nav|language|footer|problems)["\']', text)
    }
    stems = {stem for text in TEMPLATES.values() for stem in re.findall(r'["\'](?:([a-z0-9.]+[.a-z])["\'] ~|([a-z]+\.)["\'])', text)}
    stems = {one for found in stems for one in found if one}
    unused = [key for key in table() if key not in said and not any(key.startswith(stem) for stem in stems)]
    assert unused == []
    for name, text in TEMPLATES.items():
        for key in re.findall(r'\bt\(\s*["\']([^"\']+)["\']\s*[,)]', text):
            assert key in table(), (name, key)


@pytest.mark.parametrize(("key", "term"), TERMS.items())
def test_the_trade_is_called_as_in_the_glossary(key: str, term: str) -> None:
    words = table()[key][0]
    rows = [line for line in GLOSSARY.splitlines() if line.startswith("| ") and re.search(rf"\b{re.escape(term)}\b", line.split("|")[2])]
    assert any(words in [cell.strip() for cell in line.split("|")[1].split("/")] or words in line.split("|")[1] for line in rows), (
        words,
        rows,
    )


def test_no_word_stands_for_what_has_another_one() -> None:
    found = [(key, word) for key, (ja, _) in table().items() for word in NEVER if word in ja]
    assert found == []


def test_templates_hold_no_sentence_of_their_own() -> None:
    """But for what is Japanese by its nature: separators, and the day sheet, which is a Japanese paper in every language."""
    for name, text in TEMPLATES.items():
        bare = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
        found = [one for one in re.findall(r"[ぁ-んァ-ヶ一-龥]+", bare) if name != "sheet.html"]
        assert found == [], (name, found)


def test_a_state_has_a_word_and_a_key_that_is_not_there_is_told() -> None:
    words = Words("ja")
    assert words.term("day", "tied") == words.say("state.tied")
    assert words.term("day", "difference") == words.say("state.difference")
    assert words.term("day", "open") == words.say("state.open")
    assert words.term("day", "closed") == words.say("state.closed")
    for state in ("in", "expected", "late", "missing", "waived"):
        assert words.term("file", state) == words.say(f"state.{state}")
    with pytest.raises(KeyError):
        words.say("nothing.of.the.kind")
