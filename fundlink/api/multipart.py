"""The part named ``file`` of a multipart body, streamed; everything else in it is let pass.

Used by bodies only. It holds what one piece of the body brought and nothing more; a broken body is a Problem.
"""

from __future__ import annotations

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem

PART = "file"
_LINE_LIMIT = 2048


def boundary_of(content_type: str) -> bytes:
    """The boundary a Content-Type names."""
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not 0 < len(boundary) <= 70:  # RFC 2046
        raise ProblemError([problem("FL-API-004", place="Content-Type")])
    return boundary


class FilePart:
    """Feed it the body; it gives back the bytes of the file."""

    def __init__(self, boundary: bytes) -> None:
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._field,
                "on_header_value": self._value,
                "on_header_end": self._header,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_end": self._end,
            },
        )
        self._name, self._line, self._disposition = bytearray(), bytearray(), b""
        self._taking, self._found, self._filename, self._complete = False, 0, "", False
        self._out = bytearray()

    def feed(self, piece: bytes) -> bytes:
        """What of the file this piece of the body brought."""
        try:
            self._parser.write(piece)
        except FormParserError:
            raise _broken() from None
        given = bytes(self._out)
        self._out.clear()
        return given

    def finish(self) -> str:
        """The file name; FL-API-014 when the body was cut or did not carry exactly one file."""
        # without the closing boundary nobody knows whether the file is whole
        if not self._complete or self._found != 1:
            raise _broken()
        return self._filename

    def _begin(self) -> None:
        self._disposition, self._taking = b"", False

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._line += data[start:end]
        if len(self._line) > _LINE_LIMIT:
            raise _broken()

    def _header(self) -> None:
        if bytes(self._name).lower() == b"content-disposition":
            self._disposition = bytes(self._line)
        self._name.clear()
        self._line.clear()

    def _headers_finished(self) -> None:
        options = parse_options_header(self._disposition)[1]
        self._taking = options.get(b"name") == PART.encode()
        if self._taking:
            self._found += 1
            self._filename = options.get(b"filename", b"").decode("utf-8", "replace")

    def _end(self) -> None:
        self._complete = True

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._taking:
            self._out += data[start:end]


def _broken() -> ProblemError:
    return ProblemError([problem("FL-API-014", place=PART)])
