"""What all runs of a process share: compiled profiles, the calendar, the key, and an empty database to copy.

Called by the world and by soak. Compiling takes longer than a whole run, so it is done once.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from fundlink import bootstrap
from fundlink.config import Settings
from fundlink.connectors.gateway import Gateway
from fundlink.domain.calendar import CalendarProfile
from fundlink.formats.profiles import Profile
from fundlink.pipeline import Rooms
from fundlink.store import migrate
from fundlink.store.engine import Store
from tests.simulation.seals import SteadySigner, pair
from tests.simulation.wire import PinnedTrust


@cache
def _profiles() -> Callable[[str], Profile]:
    return bootstrap.profile_loader(Settings())


@cache
def _calendar() -> Callable[[], CalendarProfile]:
    return bootstrap.calendar_loader(Settings())


@cache
def _signer() -> SteadySigner:
    return SteadySigner(pair("adapter"))


def rooms(store: Store, gateway: Gateway, clock: Callable[[], datetime], folder: Path) -> Rooms:
    """The rooms of one worker: everything real but the gateway, the clock and where random numbers come from."""
    found: dict[str, Any] = {
        "store": store, "profile": _profiles(), "profiles": bootstrap.profile_shelf(Settings()), "calendar": _calendar(), "codes": bootstrap.code_words, "gateway": gateway, "signer": _signer,
        "trust": PinnedTrust(), "clock": clock, "confirmation_numbers": lambda _size: [], "folder": folder, "production": False,
        "chunk_rows": 10_000, "message_records": 10_000, "progress": bootstrap._silent, "lot": Random(folder.name).random,
        "sealing_key": lambda: bytes(32), "printer": lambda: bootstrap._printer(Settings()),
    }  # fmt: skip
    return Rooms(**{name: value for name, value in found.items() if name in Rooms.__dataclass_fields__})


def sized(given: Rooms, chunk_rows: int, message_records: int, numbers: Callable[[int], Sequence[str]]) -> Rooms:
    """The same rooms with other sizes and another source of confirmation numbers."""
    return replace(given, chunk_rows=chunk_rows, message_records=message_records, confirmation_numbers=numbers)


@contextmanager
def shelf() -> Iterator[Path]:
    """A folder in memory (where the machine has such a place) with an empty migrated database in it."""
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="fundlink-soak-", dir=place))
    try:
        (folder / "empty.db").write_bytes(_empty())
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _empty() -> bytes:
    """A migrated database without a row."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/empty.db")
        migrate.upgrade(store)
        with store.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        store.close()
        return Path(folder, "empty.db").read_bytes()


def copy_of(folder: Path, name: str) -> tuple[str, Path]:
    """An empty database for one run: its address and the folder of the run."""
    own = folder / name
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir()
    shutil.copyfile(folder / "empty.db", own / "fundlink.db")
    return f"sqlite:///{own / 'fundlink.db'}", own


_LEDGER = (
    """SELECT b.bill_key, v.total_yen, v.due_on, v.payable_until, COALESCE((SELECT r.effect FROM revision r WHERE r.bill_id = b.id
         AND r.effect <> 'conflict' ORDER BY r.id DESC LIMIT 1), 'created') FROM bill b
       JOIN bill_version v ON v.id = COALESCE((SELECT r.version_id FROM revision r WHERE r.bill_id = b.id AND r.effect <> 'conflict'
         ORDER BY r.id DESC LIMIT 1), b.id)""",
    """SELECT b.bill_key, s.issue_count, COALESCE((SELECT t.state FROM slip_state t WHERE t.slip_id = s.id ORDER BY t.id DESC LIMIT 1), 'issued')
       FROM slip s JOIN bill b ON b.id = s.bill_id""",
    "SELECT transaction_key, stage, municipality_code, fund_code, channel, amount_yen, paid_on, booked_on FROM receipt",
    """SELECT o.transaction_key, o.outcome FROM outcome o
       WHERE o.id = (SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = o.transaction_key)""",
    """SELECT d.day, d.municipality_code, d.fund_code, d.receipts, d.receipts_yen, d.settled_yen, d.fee_yen, d.credited_yen, d.state
       FROM day_state d WHERE d.id = (SELECT MAX(x.id) FROM day_state x WHERE x.day = d.day
         AND x.municipality_code = d.municipality_code AND x.fund_code = d.fund_code)""",
    "SELECT municipality_code, day, fund_code, department_code, fiscal_year, year_kind, source, account, value_on, transactions, yen FROM day_book",
    "SELECT account, inquiry_number, booked_on, amount_yen, reference, municipality_code FROM bank_credit",
    "SELECT settlement_key, edition, gross_yen, fee_yen, net_yen, municipality_code FROM settlement",
)


def ledger_hash(store: Store) -> str:
    """The ledger by natural keys, yen, days and outcomes: no ids, no instants, no random numbers. The same on both databases."""
    digest = hashlib.sha256()
    with store.read() as connection:
        for query in _LEDGER:
            for row in sorted(tuple(map(str, row)) for row in connection.exec_driver_sql(query)):
                digest.update(repr(row).encode())
    return digest.hexdigest()
