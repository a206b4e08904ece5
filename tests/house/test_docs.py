"""The documents say what the code does: settings, commands, codes, words, decisions, versions, links."""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import typer.main

from fundlink import __version__
from fundlink.config import PREFIX, Settings
from fundlink.domain.problems import CATALOGUE
from fundlink.domain.states import STATES
from fundlink.reconcile.outcomes import OUTCOMES, RULES, UNDETERMINED
from tests.house.sources import ROOT, sources

README = (ROOT / "README.md").read_text(encoding="utf-8")
GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
DAY_WORDS = (
    "open", "tied", "difference", "closed", "receipt_without_settlement", "settlement_without_receipt", "settlement_without_credit",
    "credit_without_settlement", "amount_difference", "revised_after_close",
)  # fmt: skip


def written(value: object) -> str:
    """A default as the table shows it."""
    return "—" if value in (None, "") else str(value)


def test_the_table_of_settings_is_that_of_the_code() -> None:
    rows = re.findall(rf"^\| `{PREFIX}([A-Z_]+)` \| (\S+) \| ([^|]+) \| ([^|]+) \|$", README, re.MULTILINE)
    shown = {name.lower(): default.strip("`") for name, default, _, _ in rows}
    assert shown == {name: written(field.default) for name, field in Settings.model_fields.items()}
    assert len(rows) == len(Settings.model_fields), "a setting stands twice"


def test_no_page_names_a_setting_that_does_not_exist() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for page in PAGES:
        named = set(re.findall(rf"\b{PREFIX}[A-Z_]+\b", page.read_text(encoding="utf-8")))
        assert named <= known, (page.name, named - known)


class Call(NamedTuple):
    """A command as a page writes it: words before the first option, options."""

    words: list[str]
    options: list[str]


def calls(text: str) -> Iterator[Call]:
    """Every ``fundlink …`` in code blocks and code spans of a page."""
    blocks = [body for kind, body in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE) if kind in ("", "sh")]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in (*lines, *spans):
        for part in re.split(r"&&|;|\s#", line):
            found = re.match(r"(?:\w+=\S+ )*fundlink(?: +(.+))?$", part.partition("…")[0].strip())
            if found:
                words = (found[1] or "").split()
                first = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
                yield Call(words[:first], [word.split("=")[0] for word in words if word.startswith("--")])


@cache
def commands() -> dict[str, set[str]]:
    """Every command of the program with its options; a group has those of its own."""
    from fundlink.cli import app

    root = typer.main.get_command(app)
    found: dict[str, set[str]] = {}

    def walk(prefix: str, command: object) -> None:
        found[prefix] = {name for parameter in getattr(command, "params", []) for name in parameter.opts} | {"--help"}
        for name, inner in getattr(command, "commands", {}).items():
            walk(f"{prefix} {name}".strip(), inner)

    walk("", root)
    return found


def wrong(call: Call) -> str | None:
    """What is wrong with a call as written, or None."""
    if not call.words:
        return None if set(call.options) <= {"--help", "--json"} else "options without a command"
    if not call.words[0].isascii():
        return None  # fundlink コマンド名: a placeholder
    one = call.words[0]
    name = next((named for size in (3, 2, 1) if (named := " ".join(call.words[:size])) in commands()), "")
    if not name:
        return f"no command {one}"
    if len(call.words) > len(name.split()) and any(other.startswith(name + " ") for other in commands()):
        return f"no command {' '.join(call.words[: len(name.split()) + 1])}"
    unknown = set(call.options) - commands()[name]
    return f"{name} has no {sorted(unknown)}" if unknown else None


def test_every_command_in_a_page_exists() -> None:
    found = [
        f"{page.name}: fundlink {' '.join(call.words)}: {why}"
        for page in PAGES
        for call in calls(page.read_text(encoding="utf-8"))
        if (why := wrong(call)) is not None
    ]
    assert not found, "\n".join(found)


def targets(text: str) -> set[str]:
    """Every ``make …`` in code blocks and code spans of a page."""
    fenced = "\n".join(re.findall(r"^```\w*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    parts = (part.strip() for line in (*fenced.splitlines(), *spans) for part in re.split(r"&&|;|\s#", line))
    return {found[1] for part in parts if (found := re.match(r"make ([a-z][a-z-]*)(?:\s|$)", part))}


def test_every_target_in_a_page_exists() -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    unknown = {page.name: targets(page.read_text(encoding="utf-8")) - known for page in PAGES}
    assert not {name: names for name, names in unknown.items() if names}
    assert targets("`make nothing`\n```sh\nmake venv && x   # y\n```\n") == {"nothing", "venv"}


def test_every_command_that_the_program_advises_exists() -> None:
    """What a problem tells to do next, and what the demo and the pages say, is a command as it can be typed."""
    said = {code: f"{meaning.ja} {meaning.next_ja} {meaning.en} {meaning.next_en}" for code, meaning in CATALOGUE.items()}
    said |= {source.path: source.text for source in sources("fundlink")}
    said |= {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "ops").glob("*.yml")}
    found = [
        f"{where}: fundlink {' '.join(call.words)}: {why}" for where, text in said.items() for call in calls(text) if (why := wrong(call))
    ]
    assert not found, "\n".join(found)


def test_every_command_stands_in_a_page() -> None:
    named = {call.words[0] for page in PAGES for call in calls(page.read_text(encoding="utf-8")) if call.words}
    missing = {name.split()[0] for name in commands() if name} - named
    assert not missing


@pytest.mark.parametrize(
    "text", ["`fundlink nothing`", "`fundlink keys nothing`", "```sh\nfundlink submit --fast\n```", "`X=1 fundlink elqr eat`"]
)
def test_a_planted_command_is_found(text: str) -> None:
    assert [call for call in calls(text) if wrong(call)]


def test_the_words_of_commands_are_understood() -> None:
    assert {"intake", "submit", "collect", "reconcile", "export", "keys", "keys show", "profile check"} <= set(commands())
    assert "--dry-run" in commands()["intake"]
    assert [call for call in calls("`fundlink intake a.csv --profile standard`") if wrong(call)] == []


def test_every_problem_code_that_is_used_is_in_the_catalogue() -> None:
    code = re.compile(r"FL-[A-Z0-9]{3,4}-\d{3}")
    texts = [(s.path, s.text) for s in sources("fundlink")] + [(p.name, p.read_text(encoding="utf-8")) for p in PAGES]
    unknown = [f"{path}: {found}" for path, text in texts for found in code.findall(text) if found not in CATALOGUE]
    assert not unknown, "\n".join(unknown)


@pytest.mark.parametrize("code", list(CATALOGUE))
def test_every_problem_says_what_and_what_next_in_two_languages(code: str) -> None:
    meaning = CATALOGUE[code]
    assert re.fullmatch(r"FL-[A-Z0-9]{3,4}-\d{3}", code)
    assert meaning.severity in ("error", "warning")
    assert all(text.strip() for text in meaning[1:])
    assert re.search(r"[ぁ-ん]", meaning.ja)
    assert re.search(r"[ぁ-ん]", meaning.next_ja)
    assert meaning.en.isascii() or "…" in meaning.en
    named = [{name.removesuffix("_en") for _, name, _, _ in string.Formatter().parse(text) if name} for text in (meaning.ja, meaning.en)]
    assert named[0] == named[1], "the two sentences tell different things"


def glossary_rows() -> dict[str, str]:
    """English term to Japanese word of every row with one term."""
    rows = re.findall(r"^\| ([^|]+) \| `([a-z_]+)` \| ([^|]+) \|$", GLOSSARY, re.MULTILINE)
    assert all(meaning.strip().endswith("。") for _, _, meaning in rows)
    return {term: ja.strip() for ja, term, _ in rows}


def test_every_state_and_outcome_is_in_the_glossary() -> None:
    rows = glossary_rows()
    for term, ja in (*STATES, *((rule.outcome, rule.ja) for rule in (*RULES, UNDETERMINED))):
        assert rows.get(term) == ja, term
    assert set(DAY_WORDS) <= set(rows)


def test_the_code_list_of_outcomes_is_that_of_the_rules() -> None:
    listed = (ROOT / "schemas/codes/outcomes.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert sorted(line.split(",")[0] for line in listed) == sorted(OUTCOMES)


def test_decisions_are_numbered_without_gaps_and_say_three_things() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    index = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {page.name[:4]}. ")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], page.name
        assert f"({page.name})" in index


def test_lock_files_name_no_host() -> None:
    for name in ("requirements.lock", "requirements-all.lock"):
        assert "://" not in (ROOT / name).read_text(encoding="utf-8"), name


def test_the_changelog_has_the_version() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert declared == __version__
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[([^\]]+)\]", changes, re.MULTILINE)[0] == __version__


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_example_of_the_vendors_guide_loads(tmp_path: Path) -> None:
    from fundlink.formats.profiles import check_profile, load_profile

    guide = (ROOT / "docs/guides/vendors.md").read_text(encoding="utf-8")
    files = re.findall(r"\*\*`([\w.-]+)`\*\*\n\n```\w+\n(.*?)```", guide, re.DOTALL)
    assert [name for name, _ in files] == ["profile.toml", "billing.csv", "clearing.csv"]
    for name, text in files:
        (tmp_path / name).write_text(text, encoding="utf-8")
    codes = ROOT / "schemas/codes"
    assert [told.as_json()["message"] for told in check_profile(tmp_path, codes)] == []
    sample = load_profile(tmp_path, codes).message("billing").sample_file(1, 3)
    assert [len(line) for line in sample.split(b"\r\n")[:-1]] == [120] * 5


def test_no_page_claims_what_it_is_not() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"公式(版|の|に|な)|(?<!no )\bofficial (adapter|implementation|version)", text, re.IGNORECASE), page.name
