"""Reconcile by other means: pandas merge, datacompy, splink's exact rule, and Tryton-like rules line by line.

Each reads receipts and slips from the same SQLite file, gives every receipt an outcome and stores the outcomes in that file,
durably. Outcomes must be the expected ones.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.child import Clock, Told, Values

_RECEIPTS = "SELECT id AS receipt_id, transaction_key, case_key, confirmation_number, amount_yen, paid_on FROM receipt ORDER BY id"
_SLIPS = """SELECT s.id AS slip_id, s.case_key, s.confirmation_number AS number, v.total_yen, v.payable_until
            FROM slip s JOIN bill_version v ON v.id = s.bill_id"""
_STORED = "CREATE TABLE comparator_outcome (receipt_id INTEGER PRIMARY KEY, outcome TEXT)"


def _opened(values: Values) -> sqlite3.Connection:
    connection = sqlite3.connect(Path(values["home"]) / "fundlink.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _store(connection: sqlite3.Connection, outcomes: Iterable[tuple[Any, Any]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(_STORED)
    connection.executemany("INSERT INTO comparator_outcome (receipt_id, outcome) VALUES (?, ?)", outcomes)
    connection.execute("COMMIT")


def _told(connection: sqlite3.Connection, clock: Clock, values: Values) -> Told:
    found = Counter(outcome for (outcome,) in connection.execute("SELECT outcome FROM comparator_outcome"))
    assert dict(sorted(found.items())) == values["expected"], found
    return {"rows": found.total(), "seconds": clock.seconds}


def _judged(pandas: Any, merged: Any) -> Any:
    """Outcomes of receipts that have their slip beside them: vectorised, first payment by day and key."""
    numpy = import_module("numpy")
    ranked = merged.sort_values(["paid_on", "transaction_key"], kind="stable").groupby("slip_id").cumcount()
    first = ranked.reindex(merged.index).fillna(0) == 0
    conditions = [
        merged["slip_id"].isna(), merged["number"] != merged["confirmation_number"], ~first,
        merged["amount_yen"] != merged["total_yen"], merged["paid_on"] > merged["payable_until"],
    ]  # fmt: skip
    names = ["unknown_bill", "wrong_confirmation_number", "duplicate_payment", "amount_mismatch", "paid_after_limit"]
    return pandas.Series(numpy.select(conditions, names, "matched"), index=merged.index)


def _frames(pandas: Any, connection: sqlite3.Connection) -> tuple[Any, Any]:
    return pandas.read_sql(_RECEIPTS, connection), pandas.read_sql(_SLIPS, connection)


def pandas_merge(values: Values) -> Told:
    """Two frames, one left merge, numpy.select."""
    pandas = import_module("pandas")
    connection, clock = _opened(values), Clock()
    with clock.running():
        receipts, slips = _frames(pandas, connection)
        merged = receipts.merge(slips, on="case_key", how="left")
        _store(connection, zip(merged["receipt_id"].tolist(), _judged(pandas, merged).tolist(), strict=True))
    return _told(connection, clock, values)


def datacompy_compare(values: Values) -> Told:
    """First payments compared with the slips by datacompy; what it says of each row becomes its outcome."""
    pandas, datacompy = import_module("pandas"), import_module("datacompy")
    connection, clock = _opened(values), Clock()
    with clock.running():
        receipts, slips = _frames(pandas, connection)
        receipts = receipts.sort_values(["paid_on", "transaction_key"], kind="stable")
        again = receipts.duplicated("case_key")
        ours = slips.rename(columns={"number": "confirmation_number", "total_yen": "amount_yen"})
        compared = datacompy.PandasCompare(
            receipts[~again][["case_key", "confirmation_number", "amount_yen"]],
            ours[["case_key", "confirmation_number", "amount_yen"]], join_columns="case_key", df1_name="receipts", df2_name="slips",
        )  # fmt: skip
        both = compared.intersect_rows
        wrong = set(both.loc[~both["amount_yen_match"], "case_key"])
        unknown = set(compared.df1_unq_rows["case_key"])
        names = receipts["case_key"].map(dict.fromkeys(wrong, "amount_mismatch") | dict.fromkeys(unknown, "unknown_bill")).fillna("matched")
        names[again] = "duplicate_payment"
        _store(connection, zip(receipts["receipt_id"].tolist(), names.tolist(), strict=True))
    return _told(connection, clock, values)


def splink_exact(values: Values) -> Told:
    """splink's deterministic link on the case key (DuckDB), then numpy.select."""
    pandas, splink = import_module("pandas"), import_module("splink")
    duckdb = import_module("splink.backends.duckdb")
    connection, clock = _opened(values), Clock()
    with clock.running():
        receipts, slips = _frames(pandas, connection)
        api = duckdb.DuckDBAPI()
        left = receipts.rename(columns={"receipt_id": "unique_id"})[["unique_id", "case_key"]]
        right = slips.rename(columns={"slip_id": "unique_id"})[["unique_id", "case_key"]]
        given = [api.register(left, dataset_display_name="a_receipts"), api.register(right, dataset_display_name="b_slips")]
        settings = splink.SettingsCreator(link_type="link_only", blocking_rules_to_generate_predictions=[splink.block_on("case_key")])
        linked = splink.Linker(given, settings, log_level=None).inference.deterministic_link().as_pandas_dataframe()
        links = linked[["unique_id_l", "unique_id_r"]].set_axis(["receipt_id", "slip_id"], axis=1)
        merged = receipts.merge(links, on="receipt_id", how="left").merge(slips.drop(columns="case_key"), on="slip_id", how="left")
        _store(connection, zip(merged["receipt_id"].tolist(), _judged(pandas, merged).tolist(), strict=True))
    return _told(connection, clock, values)


def rule_loop(values: Values) -> Told:
    """For each statement line: search the open move line of its exact amount and reference, then by reference alone; one insert each."""
    connection, clock = _opened(values), Clock()
    with clock.running():
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_STORED)
        connection.execute("CREATE TEMPORARY TABLE move_line (id INTEGER PRIMARY KEY, reference TEXT, amount INTEGER, reconciled INTEGER)")
        connection.execute(f"INSERT INTO move_line SELECT slip_id, case_key, total_yen, 0 FROM ({_SLIPS})")
        connection.execute("CREATE INDEX move_line_by_reference ON move_line (reference, amount)")
        for line in connection.execute(_RECEIPTS).fetchall():
            connection.execute("INSERT INTO comparator_outcome (receipt_id, outcome) VALUES (?, ?)", (line[0], _searched(connection, line)))
        connection.execute("COMMIT")
    return _told(connection, clock, values)


def _searched(connection: sqlite3.Connection, line: tuple[Any, ...]) -> str:
    exact = "SELECT id, reconciled FROM move_line WHERE reference = ? AND amount = ?"
    found = connection.execute(exact, (line[2], line[4])).fetchone()
    if found is None:
        other = connection.execute("SELECT reconciled FROM move_line WHERE reference = ?", (line[2],)).fetchone()
        return "unknown_bill" if other is None else "amount_mismatch"
    if found[1]:
        return "duplicate_payment"
    connection.execute("UPDATE move_line SET reconciled = 1 WHERE id = ?", (found[0],))
    return "matched"


class _MoveLine:
    """A line that waits for its payment, as a mapped object."""

    id: int
    reconciled: int


class _StatementLine:
    """What became of a line of the statement, as a mapped object."""

    def __init__(self, receipt_id: int, outcome: str) -> None:
        self.receipt_id, self.outcome = receipt_id, outcome


def rule_loop_orm(values: Values) -> Told:
    """The same rules through an ORM, as Tryton runs them: objects searched, changed and added one by one, one commit."""
    sa, orm = import_module("sqlalchemy"), import_module("sqlalchemy.orm")
    connection, clock = _opened(values), Clock()
    connection.execute("CREATE TABLE comparator_move_line (id INTEGER PRIMARY KEY, reference TEXT, amount INTEGER, reconciled INTEGER)")
    connection.execute(_STORED)
    engine = sa.create_engine(f"sqlite:///{Path(values['home']) / 'fundlink.db'}")
    found = sa.MetaData()
    for mapped, name in ((_MoveLine, "comparator_move_line"), (_StatementLine, "comparator_outcome")):
        orm.registry().map_imperatively(mapped, sa.Table(name, found, autoload_with=engine))
    with clock.running(), orm.Session(engine) as session:
        session.execute(sa.text(f"INSERT INTO comparator_move_line SELECT slip_id, case_key, total_yen, 0 FROM ({_SLIPS})"))
        session.execute(sa.text("CREATE INDEX comparator_by_reference ON comparator_move_line (reference, amount)"))
        for line in session.execute(sa.text(_RECEIPTS)).all():
            session.add(_StatementLine(line[0], _searched_orm(session, sa.select(_MoveLine), line)))
        session.commit()
    return _told(connection, clock, values)


def _searched_orm(session: Any, moves: Any, line: Any) -> str:
    found = session.scalars(moves.filter_by(reference=line[2], amount=line[4])).first()
    if found is None:
        other = session.scalars(moves.filter_by(reference=line[2])).first()
        return "unknown_bill" if other is None else "amount_mismatch"
    if found.reconciled:
        return "duplicate_payment"
    found.reconciled = 1
    return "matched"
