"""The words of the house: English nouns of the field, never romaji, never a name that says nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.house.sources import PRODUCT, Source, parse, sources

ROMAJI = (
    "kokin", "koukin", "nofu", "noufu", "shuno", "shunou", "shunyu", "keshikomi", "haraikomi", "nyukin", "nyuukin", "chotei", "choutei",
    "atena", "kibetsu", "noki", "nouki", "entaikin", "tokusoku", "kampu", "kanpu", "juto", "juutou", "zeimoku", "dantai", "jichitai",
    "kikan", "ryoshu", "torikeshi", "saihakko", "shiteikin", "toriatsukai", "hokenryo", "shiyoryo", "senyoryo", "kaikei",
)  # fmt: skip
"""Words of the trade that have an English term in docs/glossary.md."""

EMPTY = ("utils", "util", "helper", "helpers", "common", "manager", "managers", "misc", "stuff")
"""Names that say nothing of what is inside."""

KNOWN = {"common_name": "what X.509 calls the name of a certificate's subject"}

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def words_of(name: str) -> list[str]:
    """``paidOn`` and ``paid_on`` are the words paid and on."""
    return [part.lower() for part in _PARTS.findall(name)]


def names(source: Source) -> Iterator[tuple[int, str]]:
    """(line, name) of everything a file names: itself, classes, functions, arguments, variables, attributes."""
    yield from ((1, part) for part in PurePosixPath(source.path).with_suffix("").parts)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def forbidden(source: Source) -> Iterator[str]:
    """Names that hold a forbidden word."""
    for line, name in names(source):
        bad = [word for word in words_of(name) if word in ROMAJI or word in EMPTY]
        if bad and name not in KNOWN:
            yield f"{source.path}:{line} {name}"


def test_no_forbidden_word_in_a_name() -> None:
    found = [told for source in sources(*PRODUCT, "tests", "bench") for told in forbidden(source)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text", ["shuno_yen = 1", "class KokinFile: ...", "def nofu(): ...", "def f(dantai_code): ...", "class BillManager: ..."]
)
def test_a_planted_word_is_found(text: str) -> None:
    assert list(forbidden(parse("fundlink.x", text)))


def test_a_planted_file_name_is_found() -> None:
    assert list(forbidden(parse("fundlink.store.helpers", "", "fundlink/store/helpers.py")))


def test_words_are_cut_where_people_cut_them() -> None:
    assert words_of("paidOn2_XMLFile") == ["paid", "on", "xml", "file"]
    assert not list(forbidden(parse("fundlink.x", "notify_yen = commonly = nokia = 1")))
