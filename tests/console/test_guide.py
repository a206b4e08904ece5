"""The guide of finance staff and the pages say the same: pictures that are drawn, and words that stand on a page."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from fundlink.access.roles import ROLES
from fundlink.console.words import _TERMS, table
from tests.console.screens import EVERY_PAGE, SCHEMES
from tests.console.serving import WIDTHS
from tests.house.sources import ROOT

GUIDES = sorted((ROOT / "docs/guides").glob("*.md"))
FINANCE = (ROOT / "docs/guides/finance.md").read_text(encoding="utf-8")
DRAWN = {f"{name}-{width}-{scheme}.png" for name, width, scheme in product(EVERY_PAGE, WIDTHS, SCHEMES)}
MORNING = ("home", "day", "fund-short", "payment", "case", "act", "close", "day-sheet", "report-collection")
"""The pages of a morning, all of which the guide shows."""


@pytest.mark.parametrize("guide", GUIDES, ids=[path.name for path in GUIDES])
def test_a_picture_of_a_guide_exists_and_is_drawn_by_make_screens(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    for name in re.findall(r"\.\./screens/([^)]+)\)", text):
        assert name in DRAWN, name
        assert (ROOT / "docs/screens" / name).exists(), name


def test_the_guide_shows_the_morning() -> None:
    for name in MORNING:
        assert f"../screens/{name}-office-light.png" in FINANCE, name


@pytest.mark.parametrize("guide", GUIDES, ids=[path.name for path in GUIDES])
def test_a_link_within_a_guide_leads_to_a_heading(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    headings = {re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in text.splitlines() if line.startswith("#")}
    for target in re.findall(r"\]\(#([^)]+)\)", text):
        assert target in headings, target


def test_what_the_guide_quotes_of_a_page_stands_on_a_page() -> None:
    """Of the part about pages: what follows is about commands."""
    part = FINANCE[: FINANCE.index("以下は、同じことをコマンドで")]
    said = [ja for ja, _ in table().values()] + [word for words in _TERMS.values() for word in words.values()] + [role.ja for role in ROLES]
    sentences = [re.sub(r"\\\{\w+\\\}", ".{1,20}", re.escape(words)) for words in said]
    for quoted in re.findall(r"「([^」]+)」", part):
        if quoted != "朝の流れ":
            assert any(re.fullmatch(words, quoted) for words in sentences), quoted
