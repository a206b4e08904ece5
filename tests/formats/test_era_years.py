"""Era years and kana in the form their layout asks for, written and read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from fundlink.formats.profiles import load_profile
from tests.formats import unseen
from tests.formats.shelf import CODES, read

YEAR = "data,4,relevant_year,相当年度,year,wareki,2,digit"


@pytest.mark.parametrize(("unit", "text"), [("byte", b"R8 "), ("char", b"R8 "), ("digit", b"508")])
def test_an_era_year_of_three_places_follows_its_unit(tmp_path: Path, unit: str, text: bytes) -> None:
    layout = unseen.LAYOUT.replace(YEAR, f"data,4,relevant_year,相当年度,year,wareki,3,{unit}")
    layout = layout.replace("header,6,_pad,予備,filler,,90", "header,6,_pad,予備,filler,,91")
    layout = layout.replace("trailer,4,_pad,予備,filler,,94", "trailer,4,_pad,予備,filler,,95")
    layout = layout.replace("end,3,_pad,予備,filler,,107", "end,3,_pad,予備,filler,,108")
    given = load_profile(unseen.write_profile(tmp_path / "p", chotei=layout), CODES).message("billing")
    records = [record._replace(relevant_year=2026) for record in given.sample(3, 2)]
    raw = b"".join(given.writer(records, given.sample_header(3)))
    assert raw.splitlines()[1][7:10] == text
    for other in (b"R8 ", b"508"):
        back = read(given, raw.replace(b"2026" + text, b"2026" + other))
        assert (back.codes, [record.relevant_year for record in back.records]) == ([], [2026, 2026])


def test_a_sample_in_full_kana_has_nothing_to_remark(tmp_path: Path) -> None:
    layout = unseen.LAYOUT.replace("kana,half,20", "kana,full,20")
    given = load_profile(unseen.write_profile(tmp_path / "p", chotei=layout), CODES).message("billing")
    assert [found.code for found in read(given, given.sample_file(1, 20)).warnings] == []
