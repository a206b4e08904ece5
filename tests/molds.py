"""Databases that take long to make: made once a test process, with the folder around them, and copied for each test.

Used by the fixtures. What makes one is a function of (empty folder, address of an empty database) that leaves nothing open.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from fundlink.store import migrate
from fundlink.store.engine import Store
from tests import postgresql

Make = Callable[[Path, str], Any]
FILE = "fundlink.db"


def schema(_folder: Path, url: str) -> None:
    """The newest schema and nothing in it."""
    store = Store(url)
    migrate.upgrade(store)
    store.close()


class Molds:
    """What was made so far, by what makes it and the kind of database."""

    def __init__(self, folder: Path, server: Callable[[], tuple[str, ExitStack]]) -> None:
        """``server``: the address of one, and what is left before it stops."""
        self._folder, self._server = folder, server
        self._made: dict[tuple[Make, str], tuple[Path, str, Any]] = {}

    def made(self, make: Make, kind: str) -> Any:
        """What the function gave back when it was called, which it is now at the latest."""
        return self._of(make, kind)[2]

    @contextmanager
    def poured(self, make: Make | None, kind: str, folder: Path) -> Iterator[str]:
        """A copy in ``folder``, by the address of its database; an empty one where nothing makes it. It is gone after the block."""
        template = ""
        if make is not None:
            made, template, _ = self._of(make, kind)
            shutil.copytree(made, folder, dirs_exist_ok=True)
        if kind == "sqlite":
            yield _file(folder)
            return
        with postgresql.database(self._server()[0], f"t{uuid.uuid4().hex}", template) as url:
            yield url

    def _of(self, make: Make, kind: str) -> tuple[Path, str, Any]:
        if (make, kind) not in self._made:
            folder, name = self._folder / uuid.uuid4().hex, f"m{uuid.uuid4().hex}"
            folder.mkdir()
            url = _file(folder) if kind == "sqlite" else self._on_server(name)
            self._made[make, kind] = (folder, name, make(folder, url))
        return self._made[make, kind]

    def _on_server(self, name: str) -> str:
        address, held = self._server()
        return held.enter_context(postgresql.database(address, name))


def _file(folder: Path) -> str:
    return f"sqlite:///{folder / FILE}"
