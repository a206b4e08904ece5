"""read(write(r)) == r for every shipped message, whatever the texts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fundlink.formats.profiles import Message
from tests.formats.shelf import MESSAGES, message, read

LETTERS = "表ソ能予申十～－―∥￠髙﨑①千代田　ｱｶﾞｰABCabc019 .,()'\"/"


def _with_texts(given_message: Message, record: Any, texts: list[str]) -> Any:
    """The record with drawn texts, each cut to what its field can hold."""
    changes = {}
    cells = [cell for cell in given_message.row.cells if cell.row.kept and cell.row.kind == "text" and not cell.row.required]
    for cell, text in zip(cells, texts, strict=False):
        if cell.row.name in record._fields:
            changes[cell.row.name] = cell.fit(text.strip(" 　'"), None)  # type: ignore[arg-type]
    return record._replace(**changes)


@pytest.mark.parametrize(("name", "kind"), MESSAGES)
@settings(max_examples=12)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 4), texts=st.lists(st.text(LETTERS, max_size=40), min_size=3, max_size=3))
def test_what_is_written_is_read_again(name: str, kind: str, seed: int, rows: int, texts: list[str]) -> None:
    given_message = message(name, kind)
    records = [_with_texts(given_message, record, texts) for record in given_message.sample(seed, rows)]
    raw = b"".join(given_message.writer(records, given_message.sample_header(seed)))
    outcome = read(given_message, raw)
    assert outcome.quarantined == []
    assert outcome.problems == []
    assert outcome.records == records


@pytest.mark.parametrize(("name", "kind"), MESSAGES)
def test_quick_and_thorough_ways_agree(name: str, kind: str) -> None:
    row = message(name, kind).row
    header = message(name, kind).sample_header(3)
    taker = row.taker(header)
    for record in message(name, kind).sample(3, 20):
        values = record._asdict()
        if row.spec.kind == "bank_credit":
            values |= header | {name: make(record) for name, make in row.spec.derived.items()}
        cells = row.texts(values)
        if message(name, kind).form == "fixed":
            cells = [text.ljust(cell.width) for cell, text in zip(row.cells, cells, strict=True)]
        assert taker.accept(cells) is not None
        assert taker.accept(cells) == taker.examine(cells, 1).record


@pytest.mark.parametrize(("name", "kind"), [("standard", "clearing"), ("host-fixed", "clearing"), ("core-standard", "clearing")])
def test_an_entry_without_a_bill_is_written_and_read(name: str, kind: str) -> None:
    given_message = message(name, kind)
    entry = given_message.sample(1, 1)[0]
    bare = {"fund_code": "", "levy_year": None, "relevant_year": None, "fiscal_year": None, "notice_number": "", "installment": ""}
    unknown = entry._replace(**bare, charge_yen=None, due_on=None, payable_until=None, action="")
    outcome = read(given_message, b"".join(given_message.writer([unknown], given_message.sample_header(1))))
    assert outcome.codes == []
    assert outcome.records[0].levy_year is None
    assert outcome.records[0].notice_number == ""


def test_wave_dash_of_unicode_becomes_the_same_jis_character() -> None:
    given_message = message("host-fixed")
    record = given_message.sample(1, 1)[0]._replace(payer_name="〜−‖")
    outcome = read(given_message, b"".join(given_message.writer([record], given_message.sample_header(1))))
    assert outcome.records[0].payer_name == "～－∥"
