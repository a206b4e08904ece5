"""`profile check` names every fault of a profile with file and line, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fundlink.domain.errors import ConfigurationError, ProblemError
from fundlink.formats.profiles import check_profile, find_profile, list_profiles, load_profile
from tests.formats import unseen
from tests.formats.shelf import CODES, PROFILES, SHIPPED, profile

BILLING = (PROFILES / "standard" / "billing.csv").read_text(encoding="utf-8")
DELIMITED = unseen.TOML.replace('"fixed"', '"delimited"').replace("chotei", "billing")
FIXED = unseen.LAYOUT


def places(folder: Path) -> list[str | None]:
    return [found.place for found in check_profile(folder, CODES) if found.code == "FL-PRF-002"]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_profiles_have_no_fault(name: str) -> None:
    assert places(PROFILES / name) == []


LAYOUT_FAULTS = [
    ("data,3,levy_year,賦課年度,year", "data,3,levy_yeer,賦課年度,year", "billing.csv:4"),
    ("通知書番号,alnum", "通知書番号,alnumm", "billing.csv:7"),
    ("通知書番号,alnum,,20", "通知書番号,alnum,zigzag,20", "billing.csv:7"),
    ("通知書番号,alnum,,20", "通知書番号,alnum,,twenty", "billing.csv:7"),
    ("alnum,,20,char", "alnum,,20,inch", "billing.csv:7"),
    ("char,due_on_when_total", "char,when_the_moon_is_full", "billing.csv:16"),
    ("required,fund_codes", "required,moon_codes", "billing.csv:3"),
    ("required,fund_codes", "required,1=601;1=602", "billing.csv:3"),
    ("required,fund_codes", "required,1=777", "billing.csv:3"),
    ("data,8,subject_code,科目コード", "data,8,notice_number,科目コード", "billing.csv:9"),
    ("data,8,subject_code,科目コード", "data,8,subject_code,通知書番号", "billing.csv:9"),
    ("料額,yen,plain", "料額,text,", "billing.csv:13"),
    ("data,12,charge_yen,料額", "data,12,_charge,料額", "billing.csv:1"),
    ("record,no,name", "record,number,name", "billing.csv:1"),
    ("data,22,core_key,連携キー,alnum,,64,char,optional,,,", "data,22,core_key,連携キー,alnum,,64,char,optional,,", "billing.csv:23"),
    ("data,22,core_key", "trailer,22,core_key", "billing.csv:23"),
    ("data,22,core_key", "tail,22,core_key", "billing.csv:23"),
]


@pytest.mark.parametrize(("right", "wrong", "place"), LAYOUT_FAULTS)
def test_fault_of_a_layout(tmp_path: Path, right: str, wrong: str, place: str) -> None:
    assert right in BILLING
    folder = unseen.write_profile(tmp_path / "p", DELIMITED, billing=BILLING.replace(right, wrong))
    assert place in places(folder)
    with pytest.raises(ConfigurationError) as caught:
        load_profile(folder, CODES)
    assert place in [found.place for found in caught.value.problems]
    assert all(place_of.split(":")[0] in found.as_json()["message"] for found in caught.value.problems if (place_of := found.place))


TOML_FAULTS = [
    ('form = "delimited"', 'form = "round"', "profile.toml:7"),
    ('encoding = "cp932"', 'encoding = "ebcdic"', "profile.toml:9"),
    ('newline = "crlf"', 'newline = "cr"', "profile.toml:10"),
    ('newline = "crlf"', 'newline = "none"', "profile.toml:10"),
    ('newline = "crlf"', "newline = 3", "profile.toml:10"),
    ('layout = "billing.csv"', 'layout = "gone.csv"', "profile.toml:8"),
    ('layout = "billing.csv"', 'layout = "../billing.csv"', "profile.toml:8"),
    ('newline = "crlf"', 'newlines = "crlf"', "profile.toml:10"),
    ("[billing]", "[biling]", "profile.toml:6"),
    ('edition = "2026-04"', 'colour = "red"', "profile.toml:4"),
    ('edition = "2026-04"', 'edition = "1"\nera = "江戸"', "profile.toml:5"),
    ('newline = "crlf"', 'newline = "crlf', "profile.toml:10"),
    ('newline = "crlf"', 'newline = "crlf"\ndelimiter = "::"', "profile.toml:11"),
    ('newline = "crlf"', 'newline = "crlf"\n[numbering]\nrule = "dice"', "profile.toml:12"),
    ('newline = "crlf"', 'newline = "crlf"\n[[billing.variant]]\nlayout = "x.csv"\nwhen = "sometimes"', "profile.toml:13"),
]


@pytest.mark.parametrize(("right", "wrong", "place"), TOML_FAULTS)
def test_fault_of_the_toml(tmp_path: Path, right: str, wrong: str, place: str) -> None:
    assert right in DELIMITED
    assert place in places(unseen.write_profile(tmp_path / "p", DELIMITED.replace(right, wrong), billing=BILLING))


FIXED_FAULTS = [
    ("氏名,text,,20,byte", "氏名,text,,,byte", "chotei.csv:19"),
    ("レコード区分,const,,1,byte,required,T", "レコード区分,const,,1,byte,required,D", "chotei.csv:22"),
    ("data,1,_rec,レコード区分,const,,1,byte,required,D", "data,1,_rec,レコード区分,digit,,1,byte,required,", "chotei.csv:8"),
    ("trailer,3,_sum,合計,sum,zero,13,digit,required,", "trailer,3,_sum,合計,sum,zero,13,digit,required,late_charge_yen", "chotei.csv:24"),
    ("trailer,2,_count,件数,count,zero,7,digit,required,", "trailer,2,_count,件数,count,zero,7,digit,required,_way=1", "chotei.csv:23"),
    ("レコード区分,const,,1,byte,required,H", "レコード区分,const,,1,byte,required,HEAD", "chotei.csv:2"),
    ("レコード区分,const,,1,byte,required,H", "レコード区分,const,,1,byte,required,", "chotei.csv:2"),
]


@pytest.mark.parametrize(("right", "wrong", "place"), FIXED_FAULTS)
def test_fault_of_a_fixed_length_layout(tmp_path: Path, right: str, wrong: str, place: str) -> None:
    assert right in FIXED
    assert place in places(unseen.write_profile(tmp_path / "p", chotei=FIXED.replace(right, wrong)))


def test_xml_of_the_gateway_needs_paths_root_namespace_and_schema(tmp_path: Path) -> None:
    toml = DELIMITED.replace("delimited", "xml").replace("[billing]", "[receipt]")
    found = places(unseen.write_profile(tmp_path / "p", toml, billing=BILLING))
    assert {"profile.toml:6", "billing.csv:2", "billing.csv:23"} <= set(found)


def test_xml_of_a_core_system_needs_its_paths_only(tmp_path: Path) -> None:
    toml = DELIMITED.replace("delimited", "xml").replace("cp932", "utf-8")
    assert {"billing.csv:2", "billing.csv:23"} == set(places(unseen.write_profile(tmp_path / "p", toml, billing=BILLING))) & {
        "profile.toml:6", "billing.csv:2", "billing.csv:23",
    }  # fmt: skip
    lines = BILLING.splitlines()
    names = [line.split(",")[2] for line in lines[1:]]
    pathed = [lines[0], *(",".join([*line.split(",")[:10], f"Bills/Bill/{name}", ""]) for line, name in zip(lines[1:], names, strict=True))]
    assert places(unseen.write_profile(tmp_path / "q", toml, billing="\n".join(pathed))) == []
    apart = [line.replace("Bills/Bill/", "A/" if at % 2 else "B/") for at, line in enumerate(pathed)]
    assert places(unseen.write_profile(tmp_path / "r", toml, billing="\n".join(apart))) == ["billing.csv:1"]
    assert places(unseen.write_profile(tmp_path / "s", toml.replace('"utf-8"', '"cp932"'), billing="\n".join(pathed))) == ["profile.toml:9"]


def test_all_faults_at_once(tmp_path: Path) -> None:
    wrong = BILLING.replace("通知書番号,alnum", "通知書番号,alnumm").replace("required,fund_codes", "required,moon_codes")
    folder = unseen.write_profile(tmp_path / "p", DELIMITED.replace("crlf", "cr"), billing=wrong)
    assert places(folder) == ["profile.toml:10", "billing.csv:7", "billing.csv:3"]


def test_a_folder_without_anything(tmp_path: Path) -> None:
    assert places(tmp_path) == ["profile.toml:1"]


def test_profiles_are_found_in_order_and_never_outside(tmp_path: Path) -> None:
    mine = unseen.write_profile(tmp_path / "standard")
    assert find_profile("standard", [tmp_path, PROFILES]) == mine
    assert find_profile("api", [tmp_path, PROFILES]) == PROFILES / "api"
    for name in ("nobody", "../profiles/api", "", ".", "a\0b"):
        with pytest.raises(ProblemError) as caught:
            find_profile(name, [tmp_path, PROFILES])
        assert caught.value.problems[0].code == "FL-PRF-001"


def test_listing_and_missing_messages() -> None:
    listed = {found.name: found.messages for found in list_profiles([PROFILES])}
    assert listed["standard"] == ("billing", "clearing", "slips")
    with pytest.raises(ProblemError) as caught:
        profile("standard").message("payment")
    assert caught.value.problems[0].code == "FL-PRF-004"


def test_the_digest_changes_with_any_file(tmp_path: Path) -> None:
    first = load_profile(unseen.write_profile(tmp_path / "a"), CODES).digest
    same = load_profile(unseen.write_profile(tmp_path / "b"), CODES).digest
    other = load_profile(unseen.write_profile(tmp_path / "c", chotei=FIXED.replace("p.1 r.1", "p.1 r.9")), CODES).digest
    assert first == same != other


def test_what_a_profile_settles(tmp_path: Path) -> None:
    toml = unseen.TOML.replace('edition = "2026-04"', 'edition = "1"\nera = "平成"\npayable_days = 10')
    given = load_profile(
        unseen.write_profile(tmp_path / "p", toml + '\n[numbering]\nrule = "notice"\n[elqr]\ncheck_digits = "77"\n'), CODES
    )
    assert (given.era, given.payable_days, given.numbering, given.check_digits) == ("4", 10, "notice", "77")


@pytest.mark.parametrize("given", ["wareki7,7,digit,required,,,p.1 r.3", "western,4,digit", "wareki7,7,digit,optional,,,p.2 r.10"])
def test_a_day_or_year_that_its_width_cannot_hold_is_a_fault(tmp_path: Path, given: str) -> None:
    form, width, rest = given.split(",", 2)
    narrow = FIXED.replace(given, f"{form},{int(width) - 1},{rest}")
    line = next(number for number, text in enumerate(narrow.splitlines(), 1) if f"{form},{int(width) - 1},{rest}" in text)
    assert places(unseen.write_profile(tmp_path / "p", chotei=narrow)) == [f"chotei.csv:{line}"]


def test_a_clearing_without_outcomes_is_a_remark_and_no_fault(tmp_path: Path) -> None:
    clearing = (PROFILES / "standard" / "clearing.csv").read_text(encoding="utf-8")
    toml = DELIMITED + '\n[clearing]\nform = "delimited"\nlayout = "clearing.csv"\n'
    whole = unseen.write_profile(tmp_path / "a", toml, billing=BILLING, clearing=clearing)
    assert check_profile(whole, CODES) == []
    lines = [line for line in clearing.splitlines() if ",outcome," not in line]
    folder = unseen.write_profile(tmp_path / "b", toml, billing=BILLING, clearing="\n".join(lines) + "\n")
    told = check_profile(folder, CODES)
    assert [(found.code, found.severity, found.place) for found in told] == [("FL-PRF-003", "warning", "clearing.csv:1")]
    assert load_profile(folder, CODES).messages
