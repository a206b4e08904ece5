"""Everything the surface needs, made once at start: ledger, identity, schema, fund names, seed.

Called by `app` and handed to every act. Holds no rules and no state of its own; state is in the ledger only.
"""

import csv
import sqlite3
from pathlib import Path
from typing import NamedTuple

from lxml import etree

from mock_eltax.documents import load_schema, schema_folder
from mock_eltax.identity import Identity, load_identity
from mock_eltax.ledger import Ledger, remember
from mock_eltax.scenarios import SCENARIOS


class World(NamedTuple):
    """One mock."""

    ledger: Ledger
    identity: Identity
    payment_schema: etree.XMLSchema
    funds: dict[str, str]
    seed: str
    scenario: str


class Desk(NamedTuple):
    """One institution's business inside one transaction."""

    world: World
    connection: sqlite3.Connection
    institution_code: str


def open_world(folder: Path, seed: str = "1", scenario: str = "everyday") -> World:
    """The mock whose state lies in the folder; a new folder is a new mock."""
    folder.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(folder / "mock.db")
    if SCENARIOS[scenario].transport == "lossy":  # messages arrive before anybody plays, so this one begins at the start
        with ledger.writing() as connection:
            remember(connection, "transport", "lossy")
    return World(ledger, load_identity(folder), load_schema("payment"), load_funds(), seed, scenario)


def load_funds() -> dict[str, str]:
    """Fund codes and their Japanese names."""
    with (schema_folder() / "codes" / "fund_codes.csv").open(encoding="utf-8", newline="") as lines:
        return {row["code"]: row["ja"] for row in csv.DictReader(lines)}
