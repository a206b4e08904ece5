"""Prints sheets: a list of slips becomes one PDF, a page each, with its fonts inside.

Called by pipeline.printing. One compiler a thread, for a shared one refuses to work twice at once. The look is the template, a file
that may be replaced by one of the same name in a folder of the installation; what is printed reaches it as data, never as markup.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

import typst

from fundlink.slips import glyphs
from fundlink.slips.sheet import MOST_SHEETS, Sheet

HERE = Path(__file__).resolve().parent
FONTS = HERE / "fonts"
TEMPLATE = HERE / "template" / "slip.typ"
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
        return glyphs.missing(sheet.free_texts, self._fonts)

    def pdf(self, sheets: Sequence[Sheet]) -> bytes:
        """One PDF, one page a sheet."""
        assert 0 < len(sheets) <= MOST_SHEETS
        told = {"sheets": [sheet._asdict() for sheet in sheets], "fonts": [*FAMILIES, *self._families]}
        return bytes(self._compiler().compile(format="pdf", sys_inputs={"slips": json.dumps(told, ensure_ascii=False)}))

    def _compiler(self) -> typst.Compiler:
        held: typst.Compiler | None = getattr(self._own, "compiler", None)
        if held is None:
            folders = [FONTS, *([self._second.parent] if self._second else [])]
            held = typst.Compiler(str(self._template), root=str(self._template.parent), font_paths=folders, ignore_system_fonts=True)  # type: ignore[list-item]
            self._own.compiler = held
        return held
