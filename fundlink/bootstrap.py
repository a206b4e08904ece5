"""Composition root: the only place that reads Settings and chooses implementations. Called by jobs, cli and api."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import random
import sqlite3
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from fundlink import safe_xml
from fundlink.config import TOKYO, Settings, SettingsError, read_settings
from fundlink.connectors import core_files
from fundlink.connectors.eltax import EltaxGateway
from fundlink.connectors.gateway import Gateway
from fundlink.connectors.identity import Signer, fingerprint, make_demo_identity
from fundlink.desk import throwaway
from fundlink.domain.calendar import CalendarProfile
from fundlink.domain.errors import BusyError, ConfigurationError, ProblemError
from fundlink.domain.problems import problem
from fundlink.formats.calendars import load_calendar
from fundlink.formats.codelists import read_code_list
from fundlink.formats.profiles import Profile, find_profile, load_profile
from fundlink.pipeline.adopted import Adopted
from fundlink.pipeline.rooms import Found, Progress, Rooms, Shelf
from fundlink.slips.sheet import Printer
from fundlink.store import ageing, migrate
from fundlink.store.engine import Store

SCHEMAS = safe_xml.SCHEMAS


def settings() -> Settings:
    """Settings from the environment; a wrong or unsafe one is a ConfigurationError naming every fault."""
    try:
        found = read_settings()
    except SettingsError as error:
        raise ConfigurationError([problem("FL-CFG-001", detail=fault) for fault in error.faults]) from None
    if found.environment == "production":
        faults = list(_unsafe(found))
        if faults:
            raise ConfigurationError([problem("FL-CFG-002", detail=fault) for fault in faults])
    return found


def _unsafe(found: Settings) -> Iterator[str]:
    if found.seed is not None:
        yield "FUNDLINK_SEED"
    if not found.gateway_url.startswith("https://"):
        yield "FUNDLINK_GATEWAY_URL: https"
    if found.gateway_certificate is None:
        yield "FUNDLINK_GATEWAY_CERTIFICATE"
    if found.now is not None:
        yield "FUNDLINK_NOW"
    if found.plain_http:
        yield "FUNDLINK_PLAIN_HTTP"


def profile_roots(found: Settings) -> list[Path]:
    """Folders that hold profiles, the extra one first."""
    return [*([found.profiles] if found.profiles else []), SCHEMAS / "profiles"]


def codes_folder() -> Path:
    """The code lists."""
    return SCHEMAS / "codes"


@cache
def code_words(name: str) -> Mapping[str, str]:
    """A code list: code to Japanese word."""
    return {row.code: row.ja for row in read_code_list(codes_folder() / f"{name}.csv")}


def profile_shelf(found: Settings) -> Shelf:
    """Profiles as their folders are now."""

    def read(name: str) -> Found:
        folder = find_profile(name, profile_roots(found))
        return Found(load_profile(folder, codes_folder()), found.profiles is not None and folder.parent == found.profiles)

    def own() -> list[str]:
        return sorted(path.parent.name for path in found.profiles.glob("*/profile.toml")) if found.profiles else []

    return Shelf(read, own)


def profile_loader(found: Settings) -> Callable[[str], Profile]:
    """Profiles by name, each read and compiled once, asking nobody: for what reads and writes no business data."""
    shelf = profile_shelf(found)
    return cache(lambda name: shelf.read(name).profile)


def calendar_loader(found: Settings) -> Callable[[], CalendarProfile]:
    """The calendar profile, read when it is first asked for."""
    folder = found.calendar or SCHEMAS / "calendars" / "standard"
    return cache(lambda: load_calendar(folder, ageing.SUBJECTS))


def build(found: Settings, *, gateway: Gateway | None = None, progress: Progress | None = None, migrated: bool = True) -> Rooms:
    """The rooms of one process; the first call in an empty home makes folder, database and demo keys.

    Without ``migrated`` the database is left as it is: what a backup is restored into gets the schema of the backup first.
    """
    folder = _home(found)
    store = Store(found.url)
    with ExitStack() as undone:  # whoever is refused leaves no session behind
        undone.callback(store.close)
        if migrated:
            _migrated(store)
        rooms = _rooms(found, folder, store, gateway, progress or _silent)
        throwaway.refuse_in_production(rooms)
        undone.pop_all()
    return rooms


def _rooms(found: Settings, folder: Path, store: Store, gateway: Gateway | None, progress: Progress) -> Rooms:
    chosen = gateway or EltaxGateway(found.gateway_url, timeout_s=found.gateway_timeout_s, attempts=found.gateway_attempts)
    production, shelf = found.environment == "production", profile_shelf(found)
    keys = Keys(folder / "keys", production=production)
    return Rooms(
        store=store,
        profile=Adopted(store, shelf.read, production=production),
        profiles=shelf,
        calendar=calendar_loader(found),
        codes=code_words,
        gateway=chosen,
        signer=keys.signer,
        trust=GatewayTrust(chosen, keys, found.gateway_certificate),
        sealing_key=cache(lambda: _sealing_key(folder / "keys")),
        clock=_clock(found),
        confirmation_numbers=_numbers(found.seed),
        printer=cache(lambda: _printer(found)),
        lot=random.Random(found.seed).random if found.seed is not None else random.SystemRandom().random,  # noqa: S311  (asked for)
        folder=folder,
        production=production,
        chunk_rows=found.chunk_rows,
        message_records=found.message_records,
        progress=progress,
    )


def _silent(label: str, done: int, total: int | None) -> None:
    """No progress is shown."""


def _home(found: Settings) -> Path:
    try:
        found.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError([problem("FL-CFG-001", detail=f"FUNDLINK_HOME: {error.strerror}")]) from None
    return found.folder


def _migrated(store: Store) -> None:
    try:
        migrate.upgrade(store)
    except (sa.exc.OperationalError, sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        cause = str(getattr(error, "orig", error)).splitlines()[0]
        if _disk_fails(error):
            raise ProblemError([problem("FL-STO-001", detail=cause)]) from None
        raise ConfigurationError([problem("FL-CFG-001", detail=f"FUNDLINK_DATABASE_URL: {cause}")]) from None


def _disk_fails(error: Exception) -> bool:
    """SQLite found its disk full or failing, which no setting mends."""
    code = int(getattr(getattr(error, "orig", None), "sqlite_errorcode", 0) or 0)
    return code & 0xFF in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


def _printer(found: Settings) -> Printer:
    """What prints slips; a font or a template that is not there is told by the name of its setting."""
    from fundlink.slips.glyphs import NotAFontError  # noqa: PLC0415 - only those who print pay for it
    from fundlink.slips.printer import TypstPrinter  # noqa: PLC0415

    if found.slip_template is not None and not found.slip_template.is_file():
        raise ConfigurationError([problem("FL-CFG-001", detail=f"FUNDLINK_SLIP_TEMPLATE: {found.slip_template}")])
    try:
        return TypstPrinter(found.slip_template, found.slip_font)
    except (OSError, NotAFontError) as error:
        raise ConfigurationError([problem("FL-CFG-001", detail=f"FUNDLINK_SLIP_FONT: {found.slip_font}")]) from error


def _clock(found: Settings) -> Callable[[], dt.datetime]:
    fixed = found.now
    return lambda: (fixed or dt.datetime.now(TOKYO)).astimezone(TOKYO)


def _numbers(seed: int | None) -> Callable[[int], Sequence[str]]:
    """Confirmation numbers, six digits each: from the system's generator, or from a seed for demo and simulation."""
    if seed is not None:
        source = random.Random(seed)  # noqa: S311  (asked for: the same numbers again)
        return lambda size: [f"{source.randrange(1_000_000):06d}" for _ in range(size)]
    return lambda size: [f"{number % 1_000_000:06d}" for number in struct.unpack(f"{size}Q", os.urandom(8 * size))]


class Keys:
    """The adapter's key and certificate, and the gateway's pinned one, as files that only their owner reads."""

    def __init__(self, folder: Path, *, production: bool) -> None:
        self.folder, self._production = folder, production
        self.key, self.certificate, self.gateway = folder / "adapter.key.pem", folder / "adapter.cert.pem", folder / "gateway.cert.pem"
        self._signer: Signer | None = None

    def signer(self) -> Signer:
        """Our signing key, made on first use outside production."""
        if self._signer is None:
            if not self.key.exists():
                self.make()
            if self.key.stat().st_mode & 0o077:
                raise ConfigurationError([problem("FL-CFG-003", detail=f"{self.key.name}: chmod 600")])
            self._signer = Signer(self.key.read_bytes(), self.certificate.read_bytes())
        return self._signer

    def describe(self) -> dict[str, str]:
        """Where keys and certificates lie and what their fingerprints (SHA-256) are; "" for what is not there."""
        return {
            "key": str(self.key) if self.key.exists() else "",
            "certificate": str(self.certificate) if self.certificate.exists() else "",
            "certificate_sha256": _fingerprint(self.certificate),
            "gateway_certificate": str(self.gateway) if self.gateway.exists() else "",
            "gateway_certificate_sha256": _fingerprint(self.gateway),
        }

    def make(self) -> None:
        """A demo identity; production brings its own."""
        if self._production:
            raise ConfigurationError([problem("FL-CFG-003", detail=str(self.key))])
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / "make.lock").open("a") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)  # two processes in a new home make one pair
            if self.key.exists():
                return
            key, certificate = make_demo_identity("fundlink demo adapter")
            core_files.put(self.certificate, [certificate])
            core_files.put(self.key, [key], mode=0o600)


def _sealing_key(folder: Path) -> bytes:
    """The key that second factors are sealed with, made on first use; a file that only its owner reads."""
    path = folder / "sealing.key"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "make.lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not path.exists():
            core_files.put(path, [os.urandom(32)], mode=0o600)
    key = path.read_bytes()
    if path.stat().st_mode & 0o077 or len(key) != 32:
        raise ConfigurationError([problem("FL-CFG-003", detail=f"{path.name}: chmod 600, 32 bytes")])
    return key


def _fingerprint(path: Path) -> str:
    return fingerprint(path.read_bytes()) if path.exists() else ""


class GatewayTrust:
    """The gateway's certificate: configured in production; outside it pinned at first contact, both sides made known."""

    def __init__(self, gateway: Gateway, keys: Keys, configured: Path | None) -> None:
        self._gateway, self._keys, self._configured = gateway, keys, configured
        self._enrolled: set[str] = set()

    def pinned(self, institution_code: str) -> bytes:
        """The PEM certificate that the gateway's messages must carry."""
        if self._configured is not None:
            try:
                return self._configured.read_bytes()
            except OSError as error:
                raise ConfigurationError([problem("FL-CFG-003", detail=f"{self._configured}: {error.strerror}")]) from None
        if institution_code not in self._enrolled:
            self._keys.signer()
            if not self._keys.gateway.exists():
                core_files.put(self._keys.gateway, [self._gateway.certificate()])
            self._gateway.enrol(institution_code, self._keys.certificate.read_bytes())
            self._enrolled.add(institution_code)
        return self._keys.gateway.read_bytes()


@contextmanager
def owner(rooms: Rooms) -> Iterator[None]:
    """On SQLite one process at a time works in a data folder; BusyError for the second one. PostgreSQL has locks of its own."""
    if not rooms.store.is_sqlite:
        yield
        return
    with (rooms.folder / "owner.lock").open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BusyError("owner") from None
        yield
