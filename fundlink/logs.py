"""One stream of log records for everything in the process: ours, the web server's, the database layer's, the engine's.

Configured by the commands that stay (serve, work); imports nothing of ours. One line a record, as JSON or as text. What an
exception says may quote what came in, so of an exception only its kind and the places in the code are written; a record that holds
a line break is still one line.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

_CORRELATION: ContextVar[str] = ContextVar("fundlink_correlation_id", default="")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_LIBRARIES = ("uvicorn", "uvicorn.error", "uvicorn.access", "sqlalchemy", "dbos", "alembic", "httpx2")


@contextlib.contextmanager
def correlated(correlation_id: str) -> Iterator[None]:
    """Records of this task or thread carry this id: of a request, of a turn of the worker."""
    token = _CORRELATION.set(correlation_id)
    try:
        yield
    finally:
        _CORRELATION.reset(token)


def way_to(error: BaseException) -> str:
    """The kind of an exception and the places in the code that it came by; nothing of what it says."""
    return " < ".join((type(error).__name__, *(_place(frame) for frame in reversed(traceback.extract_tb(error.__traceback__)))))


def _place(frame: traceback.FrameSummary) -> str:
    return f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}"


def configure(form: str, level: str, stream: Any = None) -> None:
    """From now on every record goes to ``stream`` (stderr) as ``json`` or ``text``; the last call counts."""
    renderer: Processor = structlog.processors.JSONRenderer(ensure_ascii=False) if form == "json" else _text
    handler = logging.StreamHandler(stream or sys.stderr)
    # a record of a library and one of ours go through the same steps
    handler.setFormatter(ProcessorFormatter(processors=[*_STEPS, renderer], keep_exc_info=True, keep_stack_info=False))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.NOTSET if name.startswith("uvicorn") else max(logging.WARNING, root.level))


def _named(_logger: WrappedLogger, _method: str, told: EventDict) -> EventDict:
    record: logging.LogRecord = told["_record"]
    head = {"level": record.levelname.lower(), "logger": record.name}
    correlation_id = _CORRELATION.get()
    return {**head, **({"correlation_id": correlation_id} if correlation_id else {}), **told}


def _without_values(_logger: WrappedLogger, _method: str, told: EventDict) -> EventDict:
    """An exception becomes its kind and its way through the code."""
    failed = told.pop("exc_info", None)
    record: logging.LogRecord = told["_record"]
    found = record.exc_info if failed is None or failed is True else failed
    if isinstance(found, BaseException):
        found = (type(found), found, found.__traceback__)
    if found and found[0] is not None:
        told["exception"] = found[0].__name__
        told["at"] = [_place(frame) for frame in traceback.extract_tb(found[2])]
        record.exc_info = record.exc_text = None
    if _TRACE.search(str(told.get("event", ""))):  # a library that wrote a traceback, and with it the words of an exception, itself
        told["event"] = _TRACE.split(str(told["event"]))[0].strip() or "Traceback"
    return told


_TRACE = re.compile(r"Traceback \(most recent call last\)")


def _one_line(_logger: WrappedLogger, _method: str, told: EventDict) -> EventDict:
    return {name: _CONTROL.sub(" ", value) if isinstance(value, str) else value for name, value in told.items()}


def _text(_logger: WrappedLogger, _method: str, told: EventDict) -> str:
    head = " ".join(str(told.pop(name, "")) for name in ("timestamp", "level", "logger"))
    rest = " ".join(f"{name}={_CONTROL.sub(' ', str(value))}" for name, value in told.items() if name != "event")
    return f"{head} {told.get('event', '')} {rest}".rstrip()


_STEPS: tuple[Processor, ...] = (
    _named,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _without_values,
    ProcessorFormatter.remove_processors_meta,
    _one_line,
)
