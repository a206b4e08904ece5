"""The mock's memory: one SQLite file, and how to open it for reading and for writing.

Called by every module that reads or changes state. Never decides anything; rules live with their subjects, queries stand next to their use.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS memory(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS institutions(institution_code TEXT PRIMARY KEY, certificate BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts(institution_code TEXT PRIMARY KEY, balance_yen INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages(
  institution_code TEXT NOT NULL, message_id TEXT NOT NULL, sha256 TEXT NOT NULL, registered INTEGER NOT NULL, refused INTEGER NOT NULL,
  answer BLOB NOT NULL, PRIMARY KEY(institution_code, message_id));
CREATE INDEX IF NOT EXISTS messages_by_bytes ON messages(message_id, sha256);
CREATE TABLE IF NOT EXISTS faults(
  institution_code TEXT NOT NULL, message_id TEXT NOT NULL, fault TEXT NOT NULL, PRIMARY KEY(institution_code, message_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS armed(serial INTEGER PRIMARY KEY, call TEXT NOT NULL, fault TEXT NOT NULL, asked_s REAL NOT NULL);
CREATE TABLE IF NOT EXISTS slips(
  institution_code TEXT NOT NULL, case_key TEXT NOT NULL, confirmation_number TEXT NOT NULL, fund_code TEXT NOT NULL, office_code TEXT NOT NULL,
  levy_year TEXT NOT NULL, relevant_year TEXT NOT NULL, fiscal_year TEXT NOT NULL, installment TEXT NOT NULL, amount_yen INTEGER NOT NULL,
  due_on TEXT NOT NULL, payable_until TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'registered', replaced_by TEXT,
  PRIMARY KEY(institution_code, case_key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS slips_gone ON slips(institution_code, state, case_key) WHERE state <> 'registered';
CREATE TABLE IF NOT EXISTS payments(
  serial INTEGER PRIMARY KEY, transaction_key TEXT NOT NULL UNIQUE, institution_code TEXT NOT NULL, case_key TEXT NOT NULL,
  confirmation_number TEXT NOT NULL, fund_code TEXT NOT NULL, channel TEXT NOT NULL, amount_yen INTEGER NOT NULL, paid_on TEXT NOT NULL,
  withdrawn INTEGER NOT NULL DEFAULT 0, booked_on TEXT);
CREATE INDEX IF NOT EXISTS payments_by_slip ON payments(institution_code, case_key);
CREATE INDEX IF NOT EXISTS payments_open ON payments(institution_code, paid_on) WHERE booked_on IS NULL;
CREATE INDEX IF NOT EXISTS payments_by_day ON payments(institution_code, booked_on);
CREATE TABLE IF NOT EXISTS days(institution_code TEXT NOT NULL, day TEXT NOT NULL, receipts INTEGER NOT NULL, receipts_yen INTEGER NOT NULL,
  PRIMARY KEY(institution_code, day)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settlements(
  settlement_key TEXT PRIMARY KEY, institution_code TEXT NOT NULL, day TEXT NOT NULL, fund_code TEXT NOT NULL, receipts INTEGER NOT NULL,
  gross_yen INTEGER NOT NULL, fee_yen INTEGER NOT NULL, net_yen INTEGER NOT NULL, credited_yen INTEGER NOT NULL, transfer_on TEXT NOT NULL)
  WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files(
  sequence INTEGER NOT NULL, file_id TEXT NOT NULL UNIQUE, institution_code TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  business_day TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY(institution_code, sequence));
CREATE INDEX IF NOT EXISTS files_by_day ON files(institution_code, business_day);
CREATE TABLE IF NOT EXISTS plays(
  institution_code TEXT NOT NULL, day TEXT NOT NULL, name TEXT NOT NULL, seed TEXT NOT NULL, story TEXT NOT NULL,
  PRIMARY KEY(institution_code, day, name, seed)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS courses(
  institution_code TEXT NOT NULL, day TEXT NOT NULL, name TEXT NOT NULL, seed TEXT NOT NULL, PRIMARY KEY(institution_code, day)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unconfirmed(transaction_key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS later(
  serial INTEGER PRIMARY KEY, institution_code TEXT NOT NULL, due_on TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  business_day TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS editions(
  settlement_key TEXT NOT NULL, edition INTEGER NOT NULL, institution_code TEXT NOT NULL, fund_code TEXT NOT NULL, day TEXT NOT NULL,
  receipts INTEGER NOT NULL, gross_yen INTEGER NOT NULL, fee_yen INTEGER NOT NULL, net_yen INTEGER NOT NULL, transfer_on TEXT NOT NULL,
  due_on TEXT NOT NULL, told_on TEXT, PRIMARY KEY(settlement_key, edition)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revisions(
  serial INTEGER PRIMARY KEY, institution_code TEXT NOT NULL, due_on TEXT NOT NULL, settlement_key TEXT NOT NULL, transaction_key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS movements(
  serial INTEGER PRIMARY KEY, institution_code TEXT NOT NULL, bank_day TEXT NOT NULL, due_on TEXT NOT NULL, yen INTEGER NOT NULL,
  reference TEXT NOT NULL, told_on TEXT);
CREATE TABLE IF NOT EXISTS shares(movement INTEGER NOT NULL, settlement_key TEXT NOT NULL, yen INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS carried(institution_code TEXT NOT NULL, fund_code TEXT NOT NULL, settlement_key TEXT NOT NULL, yen INTEGER NOT NULL,
  PRIMARY KEY(institution_code, fund_code)) WITHOUT ROWID;
"""

PAID = """EXISTS(SELECT 1 FROM payments p WHERE p.institution_code = s.institution_code AND p.case_key = s.case_key AND p.withdrawn = 0
  AND p.confirmation_number = s.confirmation_number)"""
"""A slip counts as paid while a payment that is not withdrawn carries its confirmation number."""

STATE = f"CASE WHEN s.state <> 'registered' THEN s.state WHEN {PAID} THEN 'paid' ELSE 'registered' END"


class Ledger:
    """The file of one mock. Readers never wait; writers stand in one line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._one_writer = threading.Lock()
        with self.reading() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(SCHEMA)

    def connect(self) -> sqlite3.Connection:
        """A connection for whoever must keep one open, such as a streamed answer."""
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent look."""
        connection = self.connect()
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: everything inside takes effect together or not at all."""
        with self._one_writer, self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


def recall(connection: sqlite3.Connection, name: str) -> str | None:
    """A remembered setting."""
    row = connection.execute("SELECT value FROM memory WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row["value"])


def remember(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Keep a setting over a restart."""
    connection.execute("INSERT INTO memory VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value", (name, value))
