"""A message of a profile: reader, writer, samples and spoiled files, whatever its form.

Built by profiles; used by the pipeline, which never asks for the form. It knows no other message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from fundlink.domain.problems import Problem
from fundlink.formats import delimited, fixed, ndjson, samples, spoiling, xlsx, xml, xml_free
from fundlink.formats.catalogue import FILE_ATTRIBUTES, Attribute, Spec, Terms
from fundlink.formats.cells import Cell, Setting
from fundlink.formats.kinds import bind
from fundlink.formats.layout import Field
from fundlink.formats.reading import Reader, Sourced
from fundlink.formats.rows import Row


@dataclass(frozen=True)
class Declared:
    """What ``profile.toml`` says about one message, already checked."""

    kind: str
    form: str
    layout: str
    encoding: str = "utf-8"
    newline: str = "auto"
    header: bool = True
    delimiter: str = ","
    empty_date: str | None = None
    padded: bool = False
    root: str = ""
    namespace: str = ""
    xsd: Path | None = None
    variants: tuple[tuple[str, str], ...] = ()  # layout, when
    example: tuple[str, ...] = ()  # the line of a workbook that shows how and is never read
    numbers: str = ""  # the notice numbers that a workbook is handed out with


class Form(Protocol):
    """What a form of file does for its message."""

    def source(self, stream: BinaryIO, reader: Reader) -> Sourced:
        """Lines with their cells."""

    def written(self, records: Iterable[Any], header: Mapping[str, Any]) -> Iterator[bytes]:
        """The bytes of a file."""


@dataclass(frozen=True)
class Message:
    """One message of one profile."""

    declared: Declared
    spec: Spec
    fields: tuple[Field, ...]
    terms: Terms
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    variants: tuple[tuple[str, tuple[Field, ...]], ...] = ()  # when, fields

    @property
    def kind(self) -> str:
        """What it is: billing, payment, receipt and so on."""
        return self.declared.kind

    @property
    def form(self) -> str:
        """delimited, fixed, xml, xlsx or json."""
        return self.declared.form

    @property
    def encoding(self) -> str:
        """utf-8, utf-8-sig or cp932."""
        return self.declared.encoding

    @property
    def record(self) -> Any:
        """The NamedTuple this message carries."""
        return self.spec.record

    @cached_property
    def setting(self) -> Setting:
        """What all cells of this message share."""
        given = self.declared
        return Setting(given.form, given.encoding, self.terms.era, given.empty_date, self.codes)

    def cells(self, record: str, fields: Iterable[Field] | None = None) -> list[Cell]:
        """The bound fields of one kind of record."""
        chosen = [row for row in (self.fields if fields is None else fields) if row.record == record]
        return [bind(row, self.attribute(row), self.setting) for row in chosen]

    def attribute(self, row: Field) -> Attribute | None:
        """What a field carries: of the record, or of the whole file in a control record."""
        if row.record == "data":
            return self.spec.named.get(row.name)
        return FILE_ATTRIBUTES.get(row.name) or self.spec.named.get(row.name)

    @cached_property
    def row(self) -> Row:
        """The compiled data record."""
        return Row(self.spec, self.cells("data"), self.terms)

    @cached_property
    def _form(self) -> Form:
        free = self.form == "xml" and self.declared.xsd is None
        form: Form = xml_free.FreeXmlForm(self) if free else FORMS[self.form](self)
        return form

    def reader(self, stream: BinaryIO, *, chunk_rows: int = 10_000) -> Reader:
        """Chunks of records and problems; ProblemError when the whole file cannot be taken, also after chunks."""
        return Reader(lambda reader: self._form.source(stream, reader), chunk_rows)

    def writer(self, records: Iterable[Any], header: Mapping[str, Any] | None = None) -> Iterator[bytes]:
        """The bytes of a file, streamed; ProblemError for a value that cannot be written."""
        return self._form.written(records, header or {})

    def schema_check(self, raw: bytes) -> list[Problem]:
        """What the schema of an XML message says about its bytes; empty when it is valid or has no schema."""
        return self._form.check(raw) if isinstance(self._form, xml.XmlForm) else []

    def sample_header(self, seed: int = 0) -> dict[str, Any]:
        """Header attributes of a sample file."""
        cells = [cell for record in ("header", "trailer", "end") for cell in self.cells(record)]
        return samples.header_values(cells, self.row, seed)

    def sample(self, seed: int, rows: int) -> list[Any]:
        """Made-up records that survive writing and reading."""
        return samples.records(self.row, self.sample_header(seed), seed, rows)

    def sample_file(self, seed: int, rows: int) -> bytes:
        """A made-up file."""
        return b"".join(self.writer(self.sample(seed, rows), self.sample_header(seed)))

    def spoilable(self) -> list[str]:
        """``record/name`` of every field whose value can be wrong."""
        return spoiling.spoilable(self)

    def spoiled(self, field_name: str, seed: int = 0) -> bytes:
        """A file that is right but for one wrong value in one place; ``field_name`` may be ``record/name``."""
        return spoiling.spoil(self, field_name, seed)


FORMS: dict[str, Any] = {
    "delimited": delimited.DelimitedForm,
    "fixed": fixed.FixedForm,
    "xml": xml.XmlForm,
    "xlsx": xlsx.XlsxForm,
    "json": ndjson.NdjsonForm,
}
