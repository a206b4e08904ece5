"""Account templates as pages. Used by account and refusals."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

BASE = "account/_base.html"
"""The frame of the account pages; the console's own frame takes its place."""
TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def shown(name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A template with these values."""
    given = {"base": BASE, "visitor": None, "problems": [], "csrf": "", "root": "/console", **values}
    return HTMLResponse(_environment().get_template(name).render(given), status_code=status)
