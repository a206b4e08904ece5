"""Storing by other means: SQLModel objects and ``add_all``. Only the columns of the file, no checks, no numbers, no history."""

from __future__ import annotations

import csv
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from bench.child import Clock, Told, Values

CHUNK = 10_000
_WHOLE = ("_yen", "_year")


def add_all(values: Values) -> Told:
    """csv.DictReader, one model a row, add_all and flush by the 10,000, one commit."""
    sqlmodel, pydantic = import_module("sqlmodel"), import_module("pydantic")
    names = _names(Path(values["layout"]))
    fields: dict[str, Any] = {name: (int if name.endswith(_WHOLE) else str, ...) for name in names}
    fields["id"] = (int | None, sqlmodel.Field(default=None, primary_key=True))
    model = pydantic.create_model("ComparatorBill", __base__=sqlmodel.SQLModel, __cls_kwargs__={"table": True}, **fields)
    engine = sqlmodel.create_engine(f"sqlite:///{Path(values['home']) / 'comparator.db'}")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")  # synchronous=FULL is the default
    sqlmodel.SQLModel.metadata.create_all(engine)
    clock, count = Clock(), 0
    with clock.running(), Path(values["path"]).open(encoding="utf-8", newline="") as stream, sqlmodel.Session(engine) as session:
        rows = csv.reader(stream)
        next(rows)
        while chunk := list(islice(rows, CHUNK)):
            session.add_all([model(**_typed(names, row)) for row in chunk])
            session.flush()
            session.expunge_all()
            count += len(chunk)
        session.commit()
    return {"rows": count, "seconds": clock.seconds}


def _names(layout: Path) -> list[str]:
    with layout.open(encoding="utf-8", newline="") as stream:
        return [row["name"] for row in csv.DictReader(stream) if row["record"] == "data"]


def _typed(names: list[str], row: list[str]) -> dict[str, Any]:
    return {name: int(text) if name.endswith(_WHOLE) else text for name, text in zip(names, row, strict=True)}
