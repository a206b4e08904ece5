"""Prints sheets: a list of slips becomes one PDF, a page each, with its fonts inside.

Called by pipeline.printing and, for reports, by desk. One compiler a thread, for a shared one refuses to work twice at once. The look is the template, a file
that may be replaced by one of the same name in a folder of the installation; what is printed reaches it as data, never as markup.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typst

from fundlink.slips import glyphs
from fundlink.slips.sheet import MOST_SHEETS, Sheet

HERE = Path(__file__).resolve().parent
FONTS = HERE / "fonts"
TEMPLATE = HERE / "template" / "slip.typ"
REPORT = HERE / "template" / "report.typ"
FAMILIES = ("BIZ UDPGothic", "BIZ UDGothic")


class TypstPrinter:
    """Prints with the shipped fonts and, where a name needs it, with one more font of the installation."""

    def __init__(self, template: Path | None = None, second_font: Path | None = None) -> None:
        self._template, self._second = template or TEMPLATE, second_font
        self._own = threading.local()
        self._families = [glyphs.family(second_font)] if second_font else []
        self._fonts = [FONTS / "BIZUDPGothic-Regular.ttf", *([second_font] if second_font else [])]

    def missing(self, sheet: Sheet) -> list[str]:
        """The characters of a sheet that would be printed as boxes."""
        return self.lacking(sheet.free_texts)

    def lacking(self, texts: Sequence[str]) -> list[str]:
        """The characters of some texts that would be."""
        return glyphs.missing(texts, self._fonts)

    def pdf(self, sheets: Sequence[Sheet]) -> bytes:
        """One PDF, one page a sheet."""
        assert 0 < len(sheets) <= MOST_SHEETS
        told = {"sheets": [sheet._asdict() for sheet in sheets], "fonts": [*FAMILIES, *self._families]}
        made = self._compiler(self._template).compile(format="pdf", sys_inputs={"slips": json.dumps(told, ensure_ascii=False)})
        assert isinstance(made, bytes)  # a list only where pages are asked for one by one
        return made

    def report(self, told: Mapping[str, Any]) -> bytes:
        """One report as PDF: its picture, its table, its notes, as finished words (``desk.report_pages``)."""
        content = json.dumps({**told, "fonts": [*FAMILIES, *self._families]}, ensure_ascii=False)
        made = self._compiler(REPORT).compile(format="pdf", sys_inputs={"report": content})
        assert isinstance(made, bytes)
        return made

    def _compiler(self, template: Path) -> typst.Compiler:
        held: dict[Path, typst.Compiler] = self._own.__dict__.setdefault("compilers", {})
        if template not in held:
            folders = [FONTS, *([self._second.parent] if self._second else [])]
            held[template] = typst.Compiler(str(template), root=str(template.parent), font_paths=folders, ignore_system_fonts=True)  # type: ignore[misc]
        return held[template]
