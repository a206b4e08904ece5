"""The gateway's twin for many institutions at once: a register and a letter box for each. Used by the stage only."""

from __future__ import annotations

from fundlink import safe_xml
from fundlink.connectors.gateway import RemoteFile
from fundlink.connectors.in_memory import InMemoryGateway

_CODE = "{urn:fundlink:gateway:1}Header/{urn:fundlink:gateway:1}InstitutionCode"


class Exchange(InMemoryGateway):
    """Case keys are unique in an institution only; a file is listed until somebody has looked at the list."""

    def __init__(self, pair: tuple[bytes, bytes]) -> None:
        super().__init__(pair)
        self.registers: dict[str, dict[str, dict[str, str]]] = {}
        self.losses: dict[str, list[str]] = {}
        self.tills: dict[str, list[str]] = {}
        self._listed: dict[str, list[RemoteFile]] = {}

    def submit(self, message_id: str, body: bytes) -> bytes:
        """Take a message with the faults that wait for its institution."""
        institution = safe_xml.parse(body).findtext(_CODE) or ""
        self.slips = self.registers.setdefault(institution, {})
        self.faults = self.losses.setdefault(institution, [])
        self.paid = self.tills.setdefault(institution, [])
        return super().submit(message_id, body)

    def files(self, institution_code: str, after: int) -> list[RemoteFile]:
        """Files put in since the last look."""
        return self._listed.pop(institution_code, [])

    def put_bytes(self, institution_code: str, kind: str, business_day: str, *, body: bytes) -> str:
        """Offer these bytes once."""
        file_id = super().put_bytes(institution_code, kind, business_day, body=body)
        self._listed.setdefault(institution_code, []).append(self._files[file_id][0])
        return file_id
