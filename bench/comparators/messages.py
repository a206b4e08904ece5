"""Messages by other means: xsdata's classes, pydantic-xml models, and elements built one by one as sepaxml does.

Each reads the stored slips from the same SQLite file and writes XML files of 10,000, synced and held against the schema with lxml.
Nothing is signed and nothing stored in the database, which is in their favour.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import GenericAlias
from typing import Any
from xml.etree import ElementTree as ET

from bench.child import Clock, Told, Values

NAMESPACE = "urn:fundlink:gateway:1"
TAGS = (
    "Operation", "CaseKey", "ConfirmationNumber", "FundCode", "OfficeCode", "LevyYear", "RelevantYear", "FiscalYear", "Installment",
    "AmountYen", "DueOn", "PayableUntil",
)  # fmt: skip
HEADER = ("MessageId", "MunicipalityCode", "InstitutionCode", "CreatedAt", "RecordCount", "TotalYen")
FILE_RECORDS = 10_000
_SLIPS = """
    SELECT 'register', s.case_key, s.confirmation_number, v.fund_code, v.department_code, v.levy_year, v.relevant_year, v.fiscal_year,
           v.installment, v.total_yen, v.due_on, v.payable_until FROM slip s JOIN bill_version v ON v.id = s.bill_id ORDER BY s.id"""
Rows = Sequence[tuple[Any, ...]]


def _written(values: Values, build: Callable[[dict[str, str], Rows], bytes]) -> Told:
    """All slips in files that ``build`` makes of a header and rows."""
    etree = import_module("lxml.etree")
    connection, clock, count = sqlite3.connect(Path(values["home"]) / "fundlink.db"), Clock(), 0
    with clock.running():
        schema = etree.XMLSchema(etree.parse(values["xsd"]))
        cursor = connection.execute(_SLIPS)
        for number, rows in enumerate(_groups(cursor), 1):
            total = sum(row[9] for row in rows)
            texts = (f"B-{number:06d}", "990019", "99001", "2026-11-24T09:00:00+09:00", str(len(rows)), str(total))
            body = build(dict(zip(HEADER, texts, strict=True)), rows)
            _put(Path(values["home"]) / f"comparator-{number:06d}.xml", body)
            schema.assertValid(etree.fromstring(body))
            count += len(rows)
    return {"rows": count, "seconds": clock.seconds}


def _groups(cursor: sqlite3.Cursor) -> Iterator[Rows]:
    while rows := cursor.fetchmany(FILE_RECORDS):
        yield rows


def _put(path: Path, body: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(body)
        stream.flush()
        os.fsync(stream.fileno())


def elements(values: Values) -> Told:
    """xml.etree SubElement for every field, as sepaxml builds its files."""

    def build(header: dict[str, str], rows: Rows) -> bytes:
        root = ET.Element("PaymentFile", xmlns=NAMESPACE, version="1")
        top = ET.SubElement(root, "Header")
        for tag, text in header.items():
            ET.SubElement(top, tag).text = text
        for row in rows:
            slip = ET.SubElement(root, "Slip")
            for tag, value in zip(TAGS, row, strict=True):
                ET.SubElement(slip, tag).text = str(value)
        written: bytes = ET.tostring(root, encoding="utf-8")
        return written

    return _written(values, build)


def xsdata_classes(values: Values) -> Told:
    """Classes generated from the schema by xsdata, written by its XmlSerializer on lxml."""
    formats = import_module("xsdata.formats.dataclass.serializers")
    models = _generated(Path(values["home"]), values["xsd"])
    names = [_snake(tag) for tag in TAGS]
    serializer = formats.XmlSerializer()
    operation = models.OperationType

    def build(header: dict[str, str], rows: Rows) -> bytes:
        top = models.Header(**{_snake(tag): text for tag, text in header.items()})
        slips = [
            models.Slip(**{name: str(value) for name, value in zip(names[1:], row[1:], strict=True)}, operation=operation(row[0]))
            for row in rows
        ]
        written: str = serializer.render(models.PaymentFile(header=top, slip=slips), ns_map={None: NAMESPACE})
        return written.encode()

    return _written(values, build)


def _generated(folder: Path, xsd: str) -> Any:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it formats what it writes with ruff
    command = [sys.executable, "-m", "xsdata", "generate", xsd, "--package", "generated_payment"]
    subprocess.run(command, check=True, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True)
    sys.path.insert(0, str(folder))
    return import_module("generated_payment")


def _snake(tag: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in tag).lstrip("_")


def pydantic_models(values: Values) -> Told:
    """pydantic-xml models, validated and written by to_xml."""
    library = import_module("pydantic_xml")
    spaces = {"": NAMESPACE}

    def model(name: str, tags: Sequence[str]) -> Any:
        fields = {_snake(tag): (str, library.element(tag=tag)) for tag in tags}
        return library.create_model(name, __tag__=name, __nsmap__=spaces, **fields)

    header_model, slip_model = model("Header", HEADER), model("Slip", TAGS)
    file_model = library.create_model(
        "PaymentFile", __tag__="PaymentFile", __nsmap__=spaces, version=(str, library.attr(name="version")),
        header=(header_model, ...), slips=(GenericAlias(list, slip_model), ...),
    )  # fmt: skip
    names = [_snake(tag) for tag in TAGS]

    def build(header: dict[str, str], rows: Rows) -> bytes:
        top = header_model(**{_snake(tag): text for tag, text in header.items()})
        slips = [slip_model(**{name: str(value) for name, value in zip(names, row, strict=True)}) for row in rows]
        written: bytes = file_model(version="1", header=top, slips=slips).to_xml()
        return written

    return _written(values, build)
