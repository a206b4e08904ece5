"""The files of the house, parsed once: what every test of this folder looks at."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("fundlink", "mock_eltax")


class Source(NamedTuple):
    """One Python file: its dotted name, its path from the root, its text and its tree."""

    module: str
    path: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """``fundlink.store`` of ``fundlink.store.bills``; the package itself for what lies directly in it."""
        return ".".join(self.module.split(".")[:2])


def parse(module: str, text: str, path: str = "planted.py") -> Source:
    """A source from text, for planting faults."""
    return Source(module, path, text, ast.parse(text))


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """All Python files below some folders of the root."""
    return tuple(_read(path) for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))


@cache
def _read(path: Path) -> Source:
    inside = path.relative_to(ROOT)
    parts = inside.with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return parse(module, path.read_text(encoding="utf-8"), inside.as_posix())


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything a file imports, wherever in the file; ``from a import b`` gives ``a.b``."""
    package = source.module if source.path.endswith("__init__.py") else source.module.rpartition(".")[0]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            climbed = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*climbed, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def functions(source: Source) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
    """(qualified name, node, is a method) of every function, nested ones too."""
    yield from _functions(source.tree, "", inside_class=False)


def _functions(node: ast.AST, prefix: str, *, inside_class: bool) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, child, inside_class
            yield from _functions(child, f"{prefix}{child.name}.", inside_class=False)
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.", inside_class=True)
        else:
            yield from _functions(child, prefix, inside_class=inside_class)
