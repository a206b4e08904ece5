"""Who may import whom, read from the syntax trees; shares nothing with the import contract in pyproject.toml."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.house.sources import PRODUCT, Source, imports, parse, sources

# floors from the roof down; a room may import rooms on lower floors only
FLOORS: tuple[frozenset[str], ...] = tuple(
    frozenset(f"fundlink.{room}" for room in floor.split())
    for floor in (
        "cli",
        "api demo console",
        "jobs",
        "bootstrap",
        "pipeline desk",
        "formats connectors reconcile store access slips",
        "domain",
    )
)
GROUND = ("fundlink.config", "fundlink.logs", "fundlink.safe_xml")
NEIGHBOURS = {
    frozenset({"fundlink.pipeline", "fundlink.desk"}), frozenset({"fundlink.api", "fundlink.demo"}), frozenset({"fundlink.api", "fundlink.console"}),
}  # fmt: skip
"""Rooms of one floor that may talk to each other."""
_FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}


def breaches(source: Source) -> Iterator[str]:
    """Every import of a file that the house forbids."""
    for line, name in imports(source):
        package, room = name.split(".")[0], ".".join(name.split(".")[:2])
        if (why := _why_not(source, package, room)) is not None:
            yield f"{source.path}:{line} {name}: {why}"


def _why_not(source: Source, package: str, room: str) -> str | None:
    own = source.module.split(".")[0]
    if package in PRODUCT and package != own:
        return "the product and the other side never meet"
    if own != "fundlink":
        return None
    if package == "fundlink":
        return _climbs(source.room, room)
    if source.room == "fundlink.domain" and package not in sys.stdlib_module_names:
        return "domain imports the standard library only"
    return None


def _climbs(mine: str, theirs: str) -> str | None:
    if mine == theirs or theirs not in (*_FLOOR, *GROUND):
        return None  # a name of the package itself, such as __version__
    if mine in GROUND:
        return "the ground imports nothing of ours"
    if theirs in GROUND:
        return "domain imports the standard library only" if mine == "fundlink.domain" else None
    if mine not in _FLOOR:
        return None
    if _FLOOR[theirs] < _FLOOR[mine]:
        return "arrows never climb"
    if _FLOOR[theirs] == _FLOOR[mine] and frozenset({mine, theirs}) not in NEIGHBOURS:
        return "siblings of one floor never meet"
    return None


def test_nobody_breaks_the_rules() -> None:
    found = [told for source in sources(*PRODUCT) for told in breaches(source)]
    assert not found, "\n".join(found)


def test_every_room_has_its_floor() -> None:
    rooms = {source.room for source in sources("fundlink")} - {"fundlink"}
    assert rooms <= {*_FLOOR, *GROUND}, f"a new room needs a floor: {sorted(rooms - set(_FLOOR) - set(GROUND))}"


def test_only_bootstrap_reads_settings_and_only_config_the_environment() -> None:
    readers = [f"{s.path}:{line}" for s in sources("fundlink") for line, name in imports(s) if name == "fundlink.config.read_settings"]
    assert all(place.startswith("fundlink/bootstrap.py:") for place in readers), readers
    assert readers
    environ = [s.path for s in sources("fundlink") if "os.environ" in s.text or "os.getenv" in s.text]
    assert environ == ["fundlink/config.py"]


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("fundlink.domain.values", "import lxml"),
        ("fundlink.domain.values", "from fundlink.config import TOKYO"),
        ("fundlink.domain.values", "def late():\n    import fundlink.store.tables"),
        ("fundlink.formats.rows", "from fundlink.store import bulk"),
        ("fundlink.store.bulk", "from fundlink import reconcile"),
        ("fundlink.store.bulk", "from ..connectors import eltax"),
        ("fundlink.pipeline.intake", "from fundlink.jobs import Jobs"),
        ("fundlink.jobs", "from fundlink.api import door"),
        ("fundlink.config", "from fundlink.domain import values"),
        ("fundlink.safe_xml", "from fundlink.domain.problems import problem"),
        ("fundlink.demo.play", "import mock_eltax.day"),
        ("mock_eltax.day", "from fundlink.domain import values"),
    ],
)
def test_a_planted_breach_is_found(module: str, text: str) -> None:
    assert list(breaches(parse(module, text)))


def test_what_is_allowed_passes() -> None:
    text = (
        "import re\nimport lxml\nfrom fundlink import __version__, domain\nfrom fundlink.formats import rows\nfrom fundlink import pipeline"
    )
    assert not list(breaches(parse("fundlink.desk", text)))
