"""How large things may be. A table may be long; code may not."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.sources import PRODUCT, Source, functions, parse, sources

FUNCTION_LINES = 70
FILE_LINES = 350
POSITIONAL = 3

TABLES = {
    "fundlink/domain/problems.py": "the catalogue of problem codes",
    "fundlink/store/tables.py": "the tables of the database",
    "fundlink/store/migrations/versions/0001_the_road.py": "a migration is a list of tables",
}
"""Files that may be longer than FILE_LINES, with the reason."""

OVERGROWN: dict[str, int] = {}
"""Files that are too long and known to be: they may shrink, never grow past this. An entry leaves when its file is cut."""

HANDLES = {"self", "cls", "rooms", "store", "connection", "world", "desk"}
"""What a function works with, handed on at every call; not counted as arguments."""

WIDER = {
    "records": 4,
    "wareki_date": 4,
}
"""Public functions that take more than POSITIONAL today; the number may fall, never rise."""


def long_functions(source: Source) -> Iterator[tuple[int, str]]:
    """(lines, place) of every function that is too long; a migration's upgrade is a table."""
    for name, node, _ in functions(source):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES and source.path not in TABLES:
            yield lines, f"{source.path}:{node.lineno} {name} has {lines} lines"


def wide_functions(source: Source) -> Iterator[tuple[int, str]]:
    """(arguments, place) of every public function that must be called with many arguments by position."""
    for name, node, _ in functions(source):
        if any(part.startswith("_") for part in name.split(".")) or _is_called_by_name(node):
            continue
        count = sum(argument.arg not in HANDLES for argument in (*node.args.posonlyargs, *node.args.args))
        if count > WIDER.get(name, POSITIONAL):
            yield count, f"{source.path}:{node.lineno} {name} takes {count} by position"


def _is_called_by_name(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Commands, routes and their dependencies: typer and fastapi call them by name."""
    annotated = [ast.unparse(a.annotation) for a in (*node.args.posonlyargs, *node.args.args) if a.annotation is not None]
    routed = any(isinstance(d, ast.Call) and ast.unparse(d.func).endswith((".get", ".put", ".post")) for d in node.decorator_list)
    return routed or any(words == "Json" or words.startswith(("Annotated[", "typer.")) for words in annotated)


def test_functions_are_short() -> None:
    found = sorted((told for source in sources(*PRODUCT, "tests") for told in long_functions(source)), reverse=True)
    assert not found, "\n".join(place for _, place in found)


def test_files_are_short() -> None:
    long = {source.path: source.text.count("\n") for source in sources(*PRODUCT) if source.text.count("\n") > FILE_LINES}
    found = [f"{path} has {lines} lines" for path, lines in long.items() if path not in TABLES and lines > OVERGROWN.get(path, 0)]
    assert not found, "\n".join(found)
    assert set(TABLES) <= set(long), "a table that became short leaves the list"


def test_public_functions_take_few_arguments_by_position() -> None:
    found = sorted((told for source in sources(*PRODUCT) for told in wide_functions(source)), reverse=True)
    assert not found, "\n".join(place for _, place in found)


def test_planted_faults_are_found() -> None:
    body = "\n".join("    x = 1" for _ in range(FUNCTION_LINES))
    assert list(long_functions(parse("fundlink.x", f"def f():\n{body}\n")))
    assert list(wide_functions(parse("fundlink.x", "class C:\n    def f(self, a, b, c, d): ...")))
    assert not list(wide_functions(parse("fundlink.x", "class C:\n    def f(self, a, b, c, *, d): ...")))
    assert not list(wide_functions(parse("fundlink.x", "def _f(a, b, c, d): ...")))
