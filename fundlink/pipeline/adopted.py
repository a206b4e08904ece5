"""Profiles by name, as every verb reads and writes with them: one of the municipality's own must be what two persons approved.

Built in bootstrap. What came with the product needs no approval, and before a person is registered nothing does (always in production).
A profile is compiled once; a process goes on with the one it holds until it ends, which was approved when it was taken up.
"""

from __future__ import annotations

from collections.abc import Callable

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.formats.profiles import Profile
from fundlink.pipeline.rooms import Found
from fundlink.store import access_persons, proposals
from fundlink.store.engine import Store

KIND = "profile"
"""The kind of proposal by which a profile is adopted."""


class NotAdoptedError(ProblemError):
    """Two persons have to look first; nothing else stands in for such a profile."""


class Adopted:
    """The profiles of one process. FL-PRF-005 for one that nobody approved as it is now."""

    def __init__(self, store: Store, read: Callable[[str], Found], *, production: bool) -> None:
        self._store, self._read, self._production = store, read, production
        self._found: dict[str, Found] = {}
        self._held: dict[str, Profile] = {}

    def __call__(self, name: str) -> Profile:
        """The profile of that name."""
        held = self._held.get(name)
        return held if held is not None else self._taken_up(name)

    def _taken_up(self, name: str) -> Profile:
        found = self._found.get(name) or self._read(name)
        self._found[name] = found
        if found.is_own:
            with self._store.read() as connection:
                bound = self._production or access_persons.any_real(connection)
                wanted = proposals.adopted(connection, KIND, name) if bound else ""
            if not bound:
                return found.profile  # asked again next time: persons may be registered by then
            if wanted != found.profile.digest:
                found = self._found[name] = self._read(name)
            if wanted != found.profile.digest:
                raise NotAdoptedError([problem("FL-PRF-005", profile=name)])
        self._held[name] = found.profile
        return found.profile
