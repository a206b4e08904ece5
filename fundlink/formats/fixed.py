"""Fixed-length files: records told by their leading constant, in groups header … data … trailer, closed by one end record.

Called by message; the parts are fixed_shape (layout), fixed_records (cutting), fixed_reader (walking), fixed_writer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from fundlink.formats.fixed_reader import Walk
from fundlink.formats.fixed_records import Records
from fundlink.formats.fixed_shape import FixedPlan
from fundlink.formats.fixed_writer import FixedWriter
from fundlink.formats.reading import Reader, Sourced


class FixedForm:
    """Reads and writes the fixed-length file of one message."""

    def __init__(self, message: Any) -> None:
        self.plan = FixedPlan(message)

    def source(self, stream: BinaryIO, reader: Reader) -> Sourced:
        """Records with their cells, held against their order and their control values."""
        return iter(Walk(self.plan, Records(self.plan, stream), reader))

    def written(self, records: Iterable[Any], header: Mapping[str, Any]) -> Iterator[bytes]:
        """The bytes of a file."""
        return FixedWriter(self.plan, header).go(records)
