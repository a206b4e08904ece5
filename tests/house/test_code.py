"""Habits that can be read from the syntax tree: money is int, XML has one parser, modules say what they are."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

import pytest

from tests.house.sources import PRODUCT, Source, parse, sources

MONEY = ("fundlink/reconcile/", "fundlink/store/", "fundlink/pipeline/", "fundlink/formats/", "fundlink/domain/")
NOT_MONEY = {
    "fundlink/formats/xlsx.py": "a spreadsheet hands numbers over as float; they are checked and become int here",
    "fundlink/store/checkpoints.py": "seconds of a thread that knows no yen",
    "fundlink/store/seats.py": "seconds between two signs of life of a worker",
}
PARSERS = {
    "fundlink/safe_xml.py": "the one XML parser of the product",
    "mock_eltax/documents.py": "the other side's own parser, hardened likewise",
}
MAY_PRINT = ("fundlink/cli/", "fundlink/api/server.py")  # the server says one line when it listens
MAY_SLEEP = {
    "tests/postgresql.py": "waits for the lock of the database server",
    "tests/crash/journey.py": "comes again until the database has seen that its client is gone",
    "tests/jobs/stage.py": "asks processes of their own, again and again, whether something is true yet",
    "tests/crash/cut.py": "a database that runs for some time, and is away for some time",
    "tests/crash/served.py": "sees that a server of its own has come to rest",
}
_INEXACT = {"float", "Decimal", "round"}
_PARSE = {"parse", "fromstring", "fromstringlist", "iterparse", "XML", "XMLPullParser", "XMLID"}


def inexact(source: Source) -> Iterator[str]:
    """Calls and values that are not whole yen: float(), Decimal(), round(), a float literal, a true division."""
    if not source.path.startswith(MONEY) or source.path in NOT_MONEY:
        return
    for node in ast.walk(source.tree):
        told = ""
        if isinstance(node, ast.Call) and _name(node.func) in _INEXACT:
            told = f"{_name(node.func)}()"
        elif isinstance(node, ast.Constant) and isinstance(node.value, float):
            told = f"float {node.value}"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div) and not _is_no_amount(node):
            told = "true division"
        if told:
            yield f"{source.path}:{getattr(node, 'lineno', 0)} {told}"


def _name(function: ast.expr) -> str:
    """``round`` of round(…), ``Decimal`` of decimal.Decimal(…); methods of our own are other things."""
    if isinstance(function, ast.Name):
        return function.id
    dotted = ast.unparse(function)
    return dotted.removeprefix("decimal.") if dotted.startswith("decimal.") else ""


def _is_no_amount(node: ast.BinOp | ast.AugAssign) -> bool:
    """Paths are joined by a slash, and the pixels of a QR are divided."""
    words = ast.unparse(node)
    return any(mark in words for mark in ("'", "Path(", "folder", "root", "path", ".name", "scale"))


def bare_parsers(source: Source) -> Iterator[str]:
    """Calls of lxml's or the standard library's XML parsers."""
    if source.path in PARSERS:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _PARSE:
            owner = ast.unparse(node.func.value)
            if owner in ("etree", "lxml.etree", "ET", "ElementTree", "objectify"):
                yield f"{source.path}:{node.lineno} {owner}.{node.func.attr}"


def prints(source: Source) -> Iterator[str]:
    """Calls of print outside the commands."""
    if source.path.startswith(MAY_PRINT):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"{source.path}:{node.lineno} print()"


def sleeps(source: Source) -> Iterator[str]:
    """Calls of sleep: a test that waits is slow on a good day and fails on a bad one."""
    if source.path in MAY_SLEEP:
        return
    for node in ast.walk(source.tree):
        called = node.func if isinstance(node, ast.Call) else None
        if (isinstance(called, ast.Attribute) and called.attr == "sleep") or (isinstance(called, ast.Name) and called.id == "sleep"):
            yield f"{source.path}:{called.lineno} sleep()"


def silent_modules(source: Source) -> Iterator[str]:
    """Modules without a docstring."""
    if source.text.strip() and not ast.get_docstring(source.tree):
        yield f"{source.path}: no docstring"


RULES: dict[str, tuple[Callable[[Source], Iterator[str]], tuple[str, ...]]] = {
    "money is int": (inexact, PRODUCT),
    "one XML parser": (bare_parsers, PRODUCT),
    "only commands print": (prints, PRODUCT),
    "no test sleeps": (sleeps, ("tests",)),
    "modules say what they are": (silent_modules, (*PRODUCT, "tests")),
}


@pytest.mark.parametrize("rule", list(RULES))
def test_the_house_keeps_it(rule: str) -> None:
    check, folders = RULES[rule]
    found = [told for source in sources(*folders) for told in check(source)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("money is int", "x = float(a)"),
        ("money is int", "x = decimal.Decimal(a)"),
        ("money is int", "x = round(a)"),
        ("money is int", "x = 0.1"),
        ("money is int", "x = total_yen / 2"),
        ("one XML parser", "etree.parse(f)"),
        ("one XML parser", "from xml.etree import ElementTree as ET\nET.fromstring(f)"),
        ("only commands print", "print(1)"),
        ("no test sleeps", "time.sleep(1)"),
        ("modules say what they are", "x = 1"),
    ],
)
def test_a_planted_fault_is_found(rule: str, text: str) -> None:
    assert list(RULES[rule][0](parse("fundlink.store.planted", text, "fundlink/store/planted.py")))


def test_every_exception_is_still_needed() -> None:
    held = {source.path: source for source in sources(*PRODUCT, "tests")}
    for path in PARSERS:
        assert any(f"etree.{name}" in held[path].text for name in _PARSE), path
    assert all("sleep(" in held[path].text for path in MAY_SLEEP)
