"""The paths of a free XML layout: which element is the root, which one the record, where each field stands.

Called by xml_free and by profile checks. Knows nothing of documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from fundlink.formats.layout import Field

PATH = re.compile(r"/?(?:[^\W\d][\w.-]*/)+@?[^\W\d][\w.-]*").fullmatch


class Paths(NamedTuple):
    """Where everything stands, below the root. ``root`` is empty where the paths leave it open."""

    root: str
    record: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]  # by place of the row in its layout
    known: frozenset[tuple[str, ...]]

    def of(self, row: Field) -> tuple[str, ...]:
        """The steps of a field below the root."""
        return self.fields[row.place]

    def below_record(self, row: Field) -> tuple[str, ...]:
        """The steps of a data field below its record."""
        return self.of(row)[len(self.record) :]


def plan(rows: Sequence[Field], root: str = "") -> Paths:
    """Root, record and the place of each field; ValueError says what cannot be told.

    The record is the longest path that all data fields share; its first step is the root, unless the record stands alone.
    """
    steps = {row.place: tuple(row.path.strip("/").split("/")) for row in rows}
    shared = _shared([steps[row.place][:-1] for row in rows if row.record == "data"])
    if root and all(path[0] == root for path in steps.values()):
        top = root
    else:
        top = shared[0] if not root and len(shared) > 1 and all(path[0] == shared[0] for path in steps.values()) else ""
    cut = 1 if top else 0
    fields = {place: path[cut:] for place, path in steps.items()}
    record = shared[cut:]
    if not record:
        raise ValueError("record")
    if len(set(fields.values())) < len(fields):
        raise ValueError("twice")
    inner = {path[:depth] for path in fields.values() for depth in range(len(path))}
    holding = {path[:depth] for path in fields.values() for depth in range(len(path) - path[-1].startswith("@"))}
    if holding & set(fields.values()):  # an attribute may stand beside the text of its element
        raise ValueError("nested")
    outside = (path for row in rows if row.record != "data" for path in (fields[row.place],))
    if any(path[: len(record)] == record for path in outside):
        raise ValueError("inside")
    elements = {path for path in fields.values() if not path[-1].startswith("@")}
    return Paths(top or root, record, fields, frozenset(inner | elements))


def _shared(paths: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    shared: tuple[str, ...] | None = None
    for path in paths:
        same = path if shared is None else tuple(one for one, _ in _while_equal(shared, path))
        shared = same
    return shared or ()


def _while_equal(one: tuple[str, ...], other: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    for pair in zip(one, other, strict=False):
        if pair[0] != pair[1]:
            return
        yield pair


class Branch:
    """An element to be written: its own text or what stands below it. One that is empty and not required is left out."""

    def __init__(self, tag: str, *, required: bool) -> None:
        self.tag, self.required = tag, required
        self.at: int | None = None
        self.attributes: list[tuple[str, int]] = []
        self.children: dict[str, Branch] = {}

    def add(self, steps: Sequence[str], at: int, required: bool) -> None:
        """A field below this element."""
        self.required = self.required or required
        if not steps:
            self.at = at
        elif steps[0].startswith("@"):
            self.attributes.append((steps[0][1:], at))
        else:
            self.children.setdefault(steps[0], Branch(steps[0], required=False)).add(steps[1:], at, required)

    def written(self, texts: Sequence[str]) -> str:
        """The element with these texts."""
        marks = "".join(f' {name}="{quoted(texts[at])}"' for name, at in self.attributes if texts[at])
        inner = escaped(texts[self.at]) if self.at is not None else "".join(child.written(texts) for child in self.children.values())
        return f"<{self.tag}{marks}>{inner}</{self.tag}>" if inner or marks or self.required else ""


def escaped(text: str) -> str:
    """Text between tags.

    >>> escaped("a&b<c>")
    'a&amp;b&lt;c&gt;'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")


def quoted(text: str) -> str:
    """Text of an attribute.

    >>> quoted('a"b')
    'a&quot;b'
    """
    return escaped(text).replace('"', "&quot;").replace("\n", "&#xA;").replace("\t", "&#x9;")
