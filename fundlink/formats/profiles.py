"""Profiles: folders that say how the files of one vendor look. Find, check and load them; list what there is.

Called by bootstrap, the pipeline and `fundlink profile`. Loading a profile with a fault stops with every fault, file and line.
It never reads business data.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fundlink.domain.errors import ConfigurationError, ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.domain.values import ERA_DIGITS
from fundlink.formats import checks
from fundlink.formats.catalogue import Terms
from fundlink.formats.message import Message
from fundlink.formats.reading import Chunk, Reader
from fundlink.formats.specs import SPECS

__all__ = ["Chunk", "Listed", "Message", "Profile", "Reader", "check_profile", "files_of", "find_profile", "list_profiles", "load_profile"]


@dataclass(frozen=True)
class Profile:
    """A checked profile; ``content`` is all of its files (``files_of``), ``digest`` the SHA-256 of that."""

    name: str
    label: str
    edition: str
    digest: str
    content: bytes
    messages: Mapping[str, Message]
    numbering: str = "serial"
    check_digits: str = "00"
    payable_days: int = 40
    era: str = "5"

    def message(self, kind: str) -> Message:
        """The message of a kind; FL-PRF-004 when the profile has none."""
        if kind not in self.messages:
            raise ProblemError([problem("FL-PRF-004", detail=kind)])
        return self.messages[kind]


class Listed(NamedTuple):
    """A profile that can be named, and what it carries."""

    name: str
    label: str
    edition: str
    folder: Path
    messages: tuple[str, ...]


def find_profile(name: str, roots: Sequence[Path]) -> Path:
    """The folder of a profile; the first root that holds it wins. FL-PRF-001 when none does."""
    if name and name not in (".", "..") and not set(name) & set("/\\\0"):
        for root in roots:
            if (root / name / checks.FILE).is_file():
                return root / name
    raise ProblemError([problem("FL-PRF-001", detail=name)])


def check_profile(folder: Path, codes: Path) -> list[Problem]:
    """Every fault of a profile folder, with file and line; empty when it is right."""
    found = checks.examine(folder, codes)
    return [*found.faults, *checks.remarks(found)]


def load_profile(folder: Path, codes: Path) -> Profile:
    """The profile of a folder; ConfigurationError with every fault when it has one."""
    found = checks.examine(folder, codes)
    if found.faults:
        raise ConfigurationError(found.faults)
    about, content = found.about["profile"], _content(found)
    era = ERA_DIGITS.get(about.get("era", "令和"), about.get("era", "5"))
    terms = Terms(about.get("payable_days", 40), era)
    messages = {
        kind: Message(declared, SPECS[kind], tuple(fields), terms, found.codes, tuple((when, tuple(rows)) for when, rows in variants))
        for kind, (declared, fields, variants) in found.messages.items()
    }
    return Profile(
        name=about["name"],
        label=about["label"],
        edition=about["edition"],
        digest=hashlib.sha256(content).hexdigest(),
        content=content,
        messages=messages,
        numbering=found.about["numbering"].get("rule", "serial"),
        check_digits=found.about["elqr"].get("check_digits", "00"),
        payable_days=terms.payable_days,
        era=era,
    )


def _content(found: checks.Checked) -> bytes:
    """Name, length and bytes of every file, one after the other."""
    files = [(path.name, path.read_bytes()) for path in sorted(found.files, key=lambda path: path.name)]
    return b"".join(f"{name}\0{len(body)}\0".encode() + body for name, body in files)


def files_of(content: bytes) -> dict[str, bytes]:
    """The files that the content of a profile is made of, by name; of several with one name (in two folders) each is numbered.

    >>> files_of(b"a.csv" + bytes(1) + b"3" + bytes(1) + b"x,y" + b"b.csv" + bytes(1) + b"0" + bytes(1))
    {'a.csv': b'x,y', 'b.csv': b''}
    >>> files_of(b"a.csv" + bytes(1) + b"1" + bytes(1) + b"x" + b"a.csv" + bytes(1) + b"1" + bytes(1) + b"y")
    {'a.csv': b'x', 'a.csv (2)': b'y'}
    """
    files: dict[str, bytes] = {}
    met: Counter[str] = Counter()
    while content:
        name, size, rest = content.split(b"\0", 2)
        told = name.decode()
        met[told] += 1
        files[told if met[told] == 1 else f"{told} ({met[told]})"], content = rest[: int(size)], rest[int(size) :]
    return files


def list_profiles(roots: Sequence[Path]) -> list[Listed]:
    """Every profile that can be named, by name; one that cannot be read shows no messages."""
    found: dict[str, Listed] = {}
    for root in roots:
        for path in sorted(root.glob(f"*/{checks.FILE}")):
            folder = path.parent
            seen = checks.examine(folder, root.parent / "codes")
            about = seen.about.get("profile", {})
            listed = Listed(folder.name, str(about.get("label", "")), str(about.get("edition", "")), folder, tuple(seen.messages))
            found.setdefault(folder.name, listed)
    return [found[name] for name in sorted(found)]
