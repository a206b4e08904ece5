"""Answers of the API: JSON as given, or a problem (RFC 9457) with our codes; which status a code has is one table.

Called by every other module of this room. Never shows a traceback, and never a value that came in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from fundlink.domain.problems import CATALOGUE, Problem

PROBLEM_TYPE = "application/problem+json"
JSON_TYPE = "application/json"
RETRY_AFTER_S = "2"

STATUS: dict[str, int] = {
    "FL-API-001": 400,
    "FL-API-002": 400,
    "FL-API-003": 422,
    "FL-API-004": 415,
    "FL-API-005": 400,
    "FL-API-006": 422,
    "FL-API-007": 413,
    "FL-API-008": 404,
    "FL-API-009": 405,
    "FL-API-010": 400,
    "FL-API-011": 503,
    "FL-API-012": 500,
    "FL-4EY-001": 403,
    "FL-4EY-002": 409,
    "FL-4EY-003": 403,
    "FL-PRP-001": 404,
    "FL-PRP-002": 409,
    "FL-PRP-003": 409,
    "FL-PRP-004": 409,
    "FL-PRP-005": 403,
    "FL-PRP-006": 409,
    "FL-ACT-003": 403,
    "FL-API-013": 429,
    "FL-API-014": 400,
    "FL-AUTH-001": 401,
    "FL-AUTH-003": 403,
    "FL-AUTH-004": 403,
    "FL-AUTH-007": 403,
    "FL-SLP-002": 409,
    "FL-SLP-003": 409,
    "FL-SLP-004": 409,
    "FL-VER-002": 412,
    "FL-BIL-001": 409,
    "FL-BIL-002": 404,
    "FL-BIL-003": 409,
    "FL-BIL-004": 404,
    "FL-BIL-005": 409,
    "FL-BIL-006": 409,
    "FL-BIL-008": 409,
    "FL-GTW-003": 503,
    "FL-IDM-001": 400,
    "FL-IDM-002": 422,
    "FL-IDM-003": 409,
    "FL-IDM-004": 400,
    "FL-LCK-001": 503,
}
"""Codes that are not listed are a content that cannot be taken: 422."""

_RETRY = {"FL-API-011", "FL-IDM-003", "FL-LCK-001", "FL-GTW-003"}


_NEXT = {
    CATALOGUE["FL-VAL-001"].next_ja: CATALOGUE["FL-API-003"].next_ja,
    CATALOGUE["FL-PRF-001"].next_ja: "GET /v1/profiles で名前を確かめ、?profile= で指定してください。",
}
"""A vendor at the API has neither a file with rows nor our command line: the same advice in words of HTTP."""


class Answer(NamedTuple):
    """A finished answer; ``lasting`` when it tells of an effect and is therefore stored under its Idempotency-Key."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    media_type: str = JSON_TYPE
    lasting: bool = False

    def stored(self) -> str:
        """The answer as text, for the store."""
        return json.dumps([self.body.decode(), self.headers, self.media_type], ensure_ascii=False)


def restored(status: int, text: str) -> Answer:
    """A stored answer as it was given, marked as a repeat."""
    body, headers, media_type = json.loads(text)
    marked = (*((name, value) for name, value in headers), ("Idempotent-Replayed", "true"))
    return Answer(status, body.encode(), marked, media_type)


def json_answer(status: int, value: Any, headers: Mapping[str, str] | None = None, *, lasting: bool = False) -> Answer:
    """Any JSON value as an answer."""
    return Answer(status, _dumped(value), tuple((headers or {}).items()), lasting=lasting)


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def pointer_of(shown: Mapping[str, Any]) -> str | None:
    """The JSON pointer of a problem as shown, where it has one."""
    place = shown.get("place")
    if isinstance(place, str) and place.startswith("/"):
        return place
    return f"/{shown['field']}" if shown.get("field") else None


def _next(shown: Mapping[str, Any]) -> str:
    return _NEXT.get(str(shown["next"]), str(shown["next"]))


def problem_answer(problems: Sequence[Problem], correlation_id: str, *, lasting: bool = False) -> Answer:
    """Problems as one answer: the first one gives code, status and words, all of them follow when there are several."""
    return shown_answer([told.as_json() for told in problems], correlation_id, lasting=lasting)


def shown_answer(shown: Sequence[Mapping[str, Any]], correlation_id: str, *, lasting: bool = False) -> Answer:
    """The same for problems that are JSON already."""
    first = shown[0]
    code = str(first["code"])
    status = STATUS.get(code, 422)
    body: dict[str, Any] = {
        "type": f"urn:fundlink:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": first["message"],
        "detail_en": first["message_en"],
        "next": _next(first),
        "pointer": pointer_of(first),
        "place": first["place"],
        "correlation_id": correlation_id,
    }
    if len(shown) > 1:
        body["problems"] = [{**told, "next": _next(told), "pointer": pointer_of(told)} for told in shown]
    headers = {"Retry-After": RETRY_AFTER_S} if code in _RETRY else {}
    return Answer(status, _dumped(body), tuple(headers.items()), PROBLEM_TYPE, lasting)


assert set(STATUS) <= set(CATALOGUE)
