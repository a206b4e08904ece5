"""Payment slips: every code is read back from the printed page, and what cannot be printed is named before it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import zxingcpp

from fundlink.desk import find_bill
from fundlink.domain.errors import ProblemError
from fundlink.formats import elqr
from fundlink.jobs import Jobs
from fundlink.pipeline import printing
from tests.builders import World, bill

PAYER = {"payer_name": "髙﨑　花子", "payer_postal_code": "1000001", "payer_address": "東京都千代田区丸の内一丁目１番１号"}


def pages(pdf: bytes) -> list[tuple[str, Any]]:
    """Words and the one code of every page, the code as a reader sees it."""
    found = []
    for page in pypdfium2.PdfDocument(pdf):
        codes = zxingcpp.read_barcodes(page.render(scale=200 / 72).to_pil())
        assert len(codes) == 1
        found.append((page.get_textpage().get_text_bounded(), codes[0]))
    return found


def printed(world: World, key: str) -> bytes:
    rooms = world.jobs.rooms
    return printing.print_one(rooms, find_bill(rooms, key))


def codes(error: pytest.ExceptionInfo[ProblemError]) -> list[str]:
    return [found.code for found in error.value.problems]


def test_the_page_tells_the_bill_and_its_code_reads_back(world: World) -> None:
    world.intake([bill(1, reminder_fee_yen=100, **PAYER), bill(2)])
    world.jobs.submit()
    ((words, code),) = pages(printed(world, bill(1).bill_key))
    view = find_bill(world.jobs.rooms, bill(1).bill_key)
    assert (code.ec_level, code.extra["Version"]) == ("M", "6")
    read = elqr.decode(code.text).fields
    assert read is not None
    assert (read.amount_yen, read.case_key, read.confirmation_number) == (1101, view.case_key, view.confirmation_number)
    assert (read.institution_code, read.fund_code) == (view.institution_code, "601")
    together = words.replace(" ", "")
    for told in (
        "髙﨑　花子様".replace("　", ""),
        "〒100-0001",
        "国民健康保険料",
        "1,101円",
        str(view.case_key),
        str(view.confirmation_number),
    ):
        assert told in together.replace("　", ""), told
    assert "2026年11月30日" in together
    assert "2027年1月9日" in together


def test_the_present_row_names_the_payer_and_nothing_of_him_is_stored(world: World) -> None:
    world.intake([bill(1, **PAYER), bill(2, **PAYER)])
    world.intake([bill(2, charge_yen=5000, **{**PAYER, "payer_name": "千代田　太郎"})], name="second.csv")
    world.jobs.submit()
    assert "千代田" in pages(printed(world, bill(2).bill_key))[0][0]
    assert "髙﨑" in pages(printed(world, bill(1).bill_key))[0][0]
    columns = world.sql("SELECT * FROM bill_version")
    assert len(columns) == 3
    assert not [value for row in columns for value in row if "千代田" in str(value) or "髙﨑" in str(value)]


def test_a_character_without_a_glyph_is_named_and_its_bill_alone_stays_unprinted(world: World) -> None:
    world.intake([bill(1, **PAYER), bill(2, **{**PAYER, "payer_name": "𠮷田　花子"})])
    world.jobs.submit()
    with pytest.raises(ProblemError) as error:
        printed(world, bill(2).bill_key)
    assert codes(error) == ["FL-SLP-001"]
    told = error.value.problems[0].as_json()
    assert told["place"] == bill(2).bill_key
    assert "𠮷 U+20BB7" in told["message"]
    done = world.jobs.print_fund("601", None, world.folder / "out")
    assert (done["slips"], done["not_printed"], done["skipped"]) == (1, 1, 0)


def test_only_what_can_be_paid_is_printed(world: World) -> None:
    world.intake([bill(1), bill(2), bill(3)])
    with pytest.raises(ProblemError) as error:
        printed(world, bill(1).bill_key)
    assert codes(error) == ["FL-SLP-002"]
    world.jobs.submit()
    world.receive([world.paid(2, "T2")])
    world.jobs.reconcile()
    with pytest.raises(ProblemError) as error:
        printed(world, bill(2).bill_key)
    assert codes(error) == ["FL-SLP-002"]
    with pytest.raises(ProblemError) as error:
        printed(world.at("2027-01-10T09:00:00"), bill(1).bill_key)
    assert codes(error) == ["FL-SLP-004"]
    done = world.jobs.print_fund("601", None, world.folder / "out")
    assert (done["slips"], done["skipped"], done["not_printed"]) == (2, 1, 0)
    assert printed(world.at("2027-01-09T09:00:00"), bill(1).bill_key)  # the last day still counts


def test_a_fund_comes_in_files_of_200_pages_each_in_order(world: World) -> None:
    world.intake([*(bill(number, **PAYER) for number in range(1, 206)), bill(900, fund_code="631")])
    world.jobs.submit()
    small = Jobs(world.jobs.rooms)
    done = small.print_fund("601", None, world.folder / "out")
    assert done["slips"] == 205
    assert done["yen"] == sum(bill(number).total_yen for number in range(1, 206))
    first, second = (Path(path).read_bytes() for path in done["files"])
    assert len(pypdfium2.PdfDocument(first)) == 200
    amounts = [elqr.decode(code.text).fields.amount_yen for _, code in pages(second)]  # type: ignore[union-attr]
    assert amounts == [bill(number).total_yen for number in range(201, 206)]


def test_words_of_a_payer_are_printed_as_they_are(world: World) -> None:
    world.intake([bill(1, **{**PAYER, "payer_name": '#read("/etc/passwd") *太* $x$'})])
    world.jobs.submit()
    assert '#read("/etc/passwd")' in pages(printed(world, bill(1).bill_key))[0][0]
