"""A vendor's client: it knows addresses, keys and JSON, and looks at nothing but answers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from fastapi.testclient import TestClient

from tests.builders import CODE, World, bill

KEY = bill(1).bill_key
_numbers = itertools.count(1)


class Told(NamedTuple):
    """What an answer said: status, body and headers."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """The problem code."""
        return str(self.body["code"])


class Vendor(NamedTuple):
    """A client of one adapter."""

    client: TestClient
    world: World

    def call(self, method: str, address: str, **more: Any) -> Told:
        """One request; its body is read as JSON where the answer says it is."""
        answer = self.client.request(method, address, **more)
        is_json = "json" in answer.headers.get("content-type", "")
        return Told(answer.status_code, answer.json() if is_json else answer.content, answer.headers)

    def get(self, address: str, **more: Any) -> Told:
        """Read."""
        return self.call("GET", address, **more)

    def write(self, method: str, address: str, body: Any = None, *, key: str | None = None, **headers: str) -> Told:
        """Write, with a fresh key unless one is given; a value that is not bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"Idempotency-Key": key or f"k{next(_numbers)}", "Content-Type": "application/json", **headers}
        return self.call(method, address, content=content, headers=sent)

    def put(self, body: Any, *, name: str = KEY, key: str | None = None) -> Told:
        """Put one bill."""
        return self.write("PUT", f"/v1/bills/{name}", body, key=key)

    def send(self, body: bytes, query: str = "profile=standard", *, key: str | None = None, media_type: str = "text/csv") -> Told:
        """Send a file."""
        return self.write("POST", f"/v1/intakes?{query}", body, key=key, **{"Content-Type": media_type})

    def billing_file(self, count: int, **changed: Any) -> bytes:
        """A file of the standard profile with bills 1 to ``count``."""
        rows = [bill(number, **changed) for number in range(1, count + 1)]
        return b"".join(self.world.jobs.rooms.profile("standard").message("billing").writer(rows))


def content(number: int = 1, /, **changed: Any) -> dict[str, Any]:
    """A bill as JSON, complete; None leaves a member out."""
    shown = {name: value for name, value in bill(number)._asdict().items() if value not in ("", 0, None)}
    return {name: value for name, value in {**shown, **changed}.items() if value is not None}


__all__ = ["CODE", "KEY", "Told", "Vendor", "content"]
