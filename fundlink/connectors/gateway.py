"""What the road needs of a gateway, as a protocol; the HTTPS connector and the in-memory twin both speak it.

Called by pipeline.submit and pipeline.collect. Bytes in, bytes out: nothing is parsed here but the list of files.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from fundlink.domain.errors import OutcomeUnknownError


class UnreachableError(OutcomeUnknownError):
    """No connection was made, so nothing was sent."""


class NoAnswerError(OutcomeUnknownError):
    """Something may have arrived, and no usable answer came: by timeout, by a broken connection, by a status that is no answer.

    ``result`` is a word of ``domain.attempts.RESULTS``, ``asked_s`` what the other side asked us to wait, ``body`` what it sent.
    """

    def __init__(
        self, why: str, result: str = "lost", *, status: int | None = None, asked_s: float | None = None, body: bytes = b""
    ) -> None:
        self.result, self.status, self.asked_s, self.body = result, status, asked_s, body
        super().__init__(why)


class RemoteFile(NamedTuple):
    """A file the gateway holds for an institution."""

    file_id: str
    sequence: int
    kind: str  # receipt | settlement | bank_credit
    name: str
    business_day: str
    sha256: str
    size: int


class Gateway(Protocol):
    """The other side. ``submit`` and ``inquire`` raise OutcomeUnknownError when no usable answer came."""

    @property
    def name(self) -> str:
        """Which gateway this is: attempts and pauses are kept under it."""
        ...

    def submit(self, message_id: str, body: bytes) -> bytes:
        """Send a message; the bytes of the acknowledgement. The same id with the same bytes has one effect."""
        ...

    def inquire(self, message_id: str, institution_code: str) -> bytes:
        """Ask for the acknowledgement of a message sent earlier; one that says ``absent`` when it never arrived."""
        ...

    def files(self, institution_code: str, after: int) -> list[RemoteFile]:
        """Files for an institution with a higher sequence, ascending, at most one page."""
        ...

    def fetch(self, file_id: str) -> bytes:
        """The bytes of one file."""
        ...

    def certificate(self) -> bytes:
        """The certificate the gateway offers (PEM); trusted only in a demo environment."""
        ...

    def enrol(self, institution_code: str, certificate_pem: bytes) -> None:
        """Make our certificate known for an institution (demo trust)."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


# how the gateway's own codes read in our words: the one place they are known
REASONS: dict[str, str] = {
    "E101": "別の内容で登録済み",
    "E102": "この団体では取り扱わない公金種目",
    "E103": "日付が受け付けられない",
    "E104": "登録されていない納付書の変更・取消",
    "E105": "納付済み",
    "E106": "取消済み",
    "E199": "その他の理由",
    "R001": "署名がない、または合わない",
    "R002": "様式に合わない",
    "R003": "件数または合計が合わない",
    "R004": "団体が登録されていない",
    "R005": "電文番号が別の内容で使用済み",
}
PAID = ("E105",)
"""Reasons that end when the payment is taken back: what was refused for one of them has to be told again then."""
NOT_KNOWN = ("E104",)
"""Reasons that say the gateway does not know a slip; about one that it registered before, it has forgotten something."""
