"""One word for one thing in everything that people read in Japanese: pages, commands and their help, problems, guides, README.

The words stand as data in one_word.toml; what the house says is docs/glossary.md.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house.sources import ROOT

ROWS: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "one_word.toml").read_text(encoding="utf-8"))["rows"]
GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
GUIDES = (
    ROOT / "README.md", ROOT / "CHANGELOG.md",
    *(path for path in sorted((ROOT / "docs").rglob("*.md")) if "decisions" not in path.parts and path.name != "formats.md"),
)  # fmt: skip
"""formats.md is made from the tables of layouts, whose field names are those of others; decisions are for engineers."""


def read() -> Iterator[tuple[str, str]]:
    """(place, text) of everything that is read."""
    for path in GUIDES:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            yield f"{path.relative_to(ROOT)}:{number}", line
    for path in sorted((ROOT / "fundlink").rglob("*")):
        if path.suffix in (".html", ".typ", ".toml"):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                yield f"{path.relative_to(ROOT)}:{number}", line
        elif path.suffix == ".py":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


TEXTS = [(place, text) for place, text in read() if re.search("[ぁ-んァ-ヶ一-龥]", text)]


def test_something_is_read() -> None:
    assert len(TEXTS) > 2000
    assert any(place.startswith("fundlink/domain/problems.py") for place, _ in TEXTS)
    assert any(place.startswith("fundlink/cli/") for place, _ in TEXTS)


@pytest.mark.parametrize("row", ROWS, ids=[row["never"] for row in ROWS])
def test_no_other_word_stands_for_what_has_one(row: dict[str, Any]) -> None:
    spared = "|".join(map(re.escape, row.get("but", ()))) or "(?!)"
    found = [f"{place}: {text.strip()[:80]}" for place, text in TEXTS if re.search(row["never"], re.sub(spared, "", text))]
    assert found == [], f"write {row['write']}"


def test_the_words_of_the_house_are_those_of_the_glossary() -> None:
    """Each that is one word of the trade has its line there."""
    trade = [word for row in ROWS for word in row["write"].split("、") if re.fullmatch("[一-龥]{2,}", word)]
    known = [word for word in trade if word in GLOSSARY]
    assert len(known) > 12
    assert {"払込通知", "消込", "公金種目", "過誤納", "還付", "課所", "収納率", "案件"} <= set(known)
