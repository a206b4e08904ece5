"""Files of core systems: read a handed-over file in pieces, take what is complete from a drop folder, put results atomically.

Called by pipeline and bootstrap. It never looks into a file and never opens anything but a regular file.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.problems import problem

_PIECE = 1 << 20
_OURS, _BEGUN = ".fundlink-", ".tmp"
_UNFINISHED = (".tmp", ".part", ".filepart", ".crdownload", ".done", ".result.csv")


def pieces(path: Path) -> Iterator[bytes]:
    """The bytes of a regular file; a link, a device or a folder is refused before it is opened."""
    check_regular(path)
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            yield piece


def shown(name: Path | str) -> str:
    """A name as it may be kept and printed: what is no printable text in it is replaced.

    >>> shown("bills" + chr(10) + ".csv") == "bills" + chr(0xFFFD) + ".csv"
    True
    """
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(name))


def check_regular(path: Path) -> None:
    """Raise UsageError for what is not there or is a folder, ProblemError (FL-FIL-002) for what is not a regular file."""
    try:
        mode = path.lstat().st_mode
    except (OSError, ValueError) as error:
        raise UsageError(f"ファイルがありません: {shown(path)}") from error
    if stat.S_ISDIR(mode):
        raise UsageError(f"フォルダーではなくファイルを指定してください: {shown(path)}")
    if not stat.S_ISREG(mode):
        raise ProblemError([problem("FL-FIL-002")])


def waiting(folder: Path, still_s: float, now_s: float) -> list[Path]:
    """Complete files of a drop folder, oldest name first: not hidden, not marked unfinished, unchanged for ``still_s`` or marked ``.done``."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith(".") or path.name.endswith(_UNFINISHED) or not stat.S_ISREG(path.lstat().st_mode):
            continue
        done = path.with_name(path.name + ".done").exists()
        if done or now_s - path.lstat().st_mtime >= still_s:
            found.append(path)
    return found


def move(path: Path, folder: Path) -> Path:
    """Move a taken file to a folder beside it; a name that is there already gets a number."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    number = 1
    while target.exists():
        target = folder / f"{path.name}.{number}"
        number += 1
    path.rename(target)
    path.with_name(path.name + ".done").unlink(missing_ok=True)
    return target


def put(path: Path, content: Iterable[bytes], *, mode: int = 0o640) -> None:
    """Write a file so that a reader sees all of it or nothing; it is on the disk, under its name, when this returns."""
    new = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = _begun(path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            for piece in content:
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
            Path(name).chmod(mode)
            Path(name).replace(path)  # while the file is locked: once it is not, it may be swept
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    for folder in (path.parent, *(folder.parent for folder in new)):
        _sync(folder)


def _begun(folder: Path) -> tuple[int, str]:
    """A hidden file of ours to write to, locked for as long as it is open: so everybody can see whether its writer lives."""
    while True:
        handle, name = tempfile.mkstemp(dir=folder, prefix=_OURS, suffix=_BEGUN)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody sweeps and was faster; this one will be gone
            os.close(handle)
            continue
        except OSError:  # a file system without locks, on which nobody can sweep either
            return handle, name
        if os.fstat(handle).st_nlink:
            return handle, name
        os.close(handle)


def sweep(folder: Path) -> int:
    """Take away what writers of ours left half written when they were killed; how many files. One that is being written is locked, and stays."""
    swept = 0
    for path in folder.glob(f"{_OURS}*{_BEGUN}"):
        try:
            handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:  # it has come to its name meanwhile, or is none of ours
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
            swept += 1
        except OSError:  # its writer lives, or nobody can know
            continue
        finally:
            os.close(handle)
    return swept


def _sync(folder: Path) -> None:
    """A name is on the disk only when its folder is."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
