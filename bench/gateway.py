"""A gateway made of two folders: keys, and files it has to offer. Speaks the protocol of connectors.gateway without a network.

Used by roads and stages. What the other side would do in its own process is timed apart (``own_seconds``) and taken out of
the road's figures; it never judges anything: every slip is taken.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fundlink.connectors import envelope, identity
from fundlink.connectors.gateway import RemoteFile
from fundlink.domain.values import municipality_check_digit

_SLIP = re.compile(rb"<Operation>([a-z]+)</Operation><CaseKey>([0-9]{20})</CaseKey>.*?<AmountYen>([0-9]+)</AmountYen>")
_HEADER = re.compile(rb"<MessageId>([^<]+)</MessageId>.*?<InstitutionCode>([0-9]{5})</InstitutionCode>")
_HEAD = (
    '<AcknowledgementFile xmlns="urn:fundlink:gateway:1" version="1"><Header><MessageId>A-{id}</MessageId><InReplyTo>{id}</InReplyTo>'
    "<MunicipalityCode>{code}</MunicipalityCode><InstitutionCode>{institution}</InstitutionCode>"
    "<CreatedAt>2026-11-24T09:00:00+09:00</CreatedAt><Status>processed</Status>"
    "<RecordCount>{count}</RecordCount><TotalYen>{total}</TotalYen></Header>"
)
_ANSWER = "<Answer><CaseKey>{}</CaseKey><Result>{}</Result><AmountYen>{}</AmountYen></Answer>"
_TAKEN = {"register": "registered", "update": "updated", "cancel": "cancelled"}
_KEY, _CERTIFICATE, _LIST = "key.pem", "certificate.pem", "files.json"


def make_keys(folder: Path) -> None:
    """A demo identity of the same kind as that of the in-memory twin, unless there is one."""
    if not (folder / _KEY).exists():
        folder.mkdir(parents=True, exist_ok=True)
        key, certificate = identity.make_demo_identity("bench gateway")
        (folder / _CERTIFICATE).write_bytes(certificate)
        (folder / _KEY).write_bytes(key)


class FolderGateway:
    """The other side; ``files`` may be a folder that is not there, then it has nothing to offer."""

    name = "bench"

    def __init__(self, keys: Path, files: Path) -> None:
        self._certificate = (keys / _CERTIFICATE).read_bytes()
        self._signer = identity.Signer((keys / _KEY).read_bytes(), self._certificate)
        self.folder = files
        listed = json.loads((files / _LIST).read_text()) if (files / _LIST).exists() else []
        self._files = {remote.file_id: remote for remote in (RemoteFile(*row) for row in listed)}
        self.own_seconds = 0.0

    @contextmanager
    def _apart(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.own_seconds += time.perf_counter() - start

    def submit(self, message_id: str, body: bytes) -> bytes:
        """Take every slip of a message."""
        with self._apart():
            return self._answered(message_id, body)

    def inquire(self, message_id: str, institution_code: str) -> bytes:
        """Nobody asks here: no answer is ever lost."""
        raise NotImplementedError(message_id, institution_code)

    def files(self, institution_code: str, after: int) -> list[RemoteFile]:
        """A page of what there is."""
        mine = [remote for remote in self._files.values() if remote.sequence > after and remote.name.startswith(institution_code)]
        return sorted(mine, key=lambda remote: remote.sequence)[:100]

    def fetch(self, file_id: str) -> bytes:
        """The bytes of one file."""
        with self._apart():
            return (self.folder / file_id).read_bytes()

    def certificate(self) -> bytes:
        """This side's certificate."""
        return self._certificate

    def enrol(self, institution_code: str, certificate_pem: bytes) -> None:
        """Everybody is welcome."""

    def close(self) -> None:
        """There is nothing to give back."""

    def put(self, institution_code: str, business_day: str, pieces: Iterable[bytes]) -> None:
        """Sign a receipt file and offer it."""
        number = len(self._files) + 1
        file_id = f"receipt-{number}"
        self.folder.mkdir(parents=True, exist_ok=True)
        body = b"".join(envelope.seal(pieces, self._signer))
        (self.folder / file_id).write_bytes(body)
        digest = hashlib.sha256(body).hexdigest()
        self._files[file_id] = RemoteFile(file_id, number, "receipt", f"{institution_code}-{file_id}", business_day, digest, len(body))

    def save(self) -> None:
        """Write the list of files."""
        (self.folder / _LIST).write_text(json.dumps([list(remote) for remote in self._files.values()]))

    def _answered(self, message_id: str, body: bytes) -> bytes:
        head = _HEADER.search(body)
        assert head is not None
        institution = head[2].decode()
        slips = [(match[1].decode(), match[2].decode(), int(match[3])) for match in _SLIP.finditer(body)]
        told = _HEAD.format(
            id=message_id, code=institution + municipality_check_digit(institution), institution=institution, count=len(slips),
            total=sum(yen for _, _, yen in slips),
        )  # fmt: skip
        answers = "".join(_ANSWER.format(key, _TAKEN[operation], yen) for operation, key, yen in slips)
        return b"".join(envelope.seal([told.encode(), answers.encode(), b"</AcknowledgementFile>"], self._signer))
