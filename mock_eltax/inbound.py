"""What arrives: bytes become a payment message whose sender, form and totals are known, or a reason why not.

Called by `gateway`. Decides R001 to R004; never touches slips.
"""

import sqlite3
from typing import NamedTuple

from lxml import etree

from mock_eltax import signature
from mock_eltax.documents import NAMESPACE, NotADocumentError, parse
from mock_eltax.world import World

SLIP = f"{{{NAMESPACE}}}Slip"


class RejectedError(Exception):
    """The whole message is refused."""

    def __init__(self, reason_code: str, institution_code: str = "00000") -> None:
        super().__init__(reason_code)
        self.reason_code = reason_code
        self.institution_code = institution_code


class Sealed(NamedTuple):
    """A document whose signature holds: nobody has looked at its content yet."""

    institution_code: str
    root: etree._Element


class Slip(NamedTuple):
    """One slip as written in a message."""

    operation: str
    case_key: str
    confirmation_number: str
    fund_code: str
    office_code: str
    levy_year: str
    relevant_year: str
    fiscal_year: str
    installment: str
    amount_yen: int
    due_on: str
    payable_until: str
    replaced_by: str | None


def unseal(connection: sqlite3.Connection, body: bytes) -> Sealed:
    """The document of an enrolled institution, verified against its pinned certificate."""
    root = _root(body)
    institution = _header(root, "InstitutionCode")
    if len(institution) != 5 or not institution.isascii() or not institution.isdigit():
        raise RejectedError("R002")
    pinned = connection.execute("SELECT certificate FROM institutions WHERE institution_code = ?", (institution,)).fetchone()
    if pinned is None or _header(root, "MunicipalityCode") != municipality_code(institution):
        raise RejectedError("R004", institution)
    try:
        signature.check(root, pinned["certificate"])
    except signature.WrongSignatureError as fault:
        raise RejectedError(_signed_by_another(connection, body, institution), institution) from fault
    return Sealed(institution, root)


def read_slips(world: World, sealed: Sealed, message_id: str) -> list[Slip]:
    """The slips of a document that is valid, carries the id it was sent under, and adds up."""
    if not world.payment_schema.validate(sealed.root) or _header(sealed.root, "MessageId") != message_id:
        raise RejectedError("R002", sealed.institution_code)
    written = (_header(sealed.root, "RecordCount"), _header(sealed.root, "TotalYen"))
    slips = [_slip(element) for element in sealed.root.iterchildren(SLIP)]
    sealed.root.clear()  # the tree is several times larger than what was read from it
    if len({slip.case_key for slip in slips}) != len(slips):
        raise RejectedError("R002", sealed.institution_code)
    if written != (str(len(slips)), str(sum(slip.amount_yen for slip in slips))):
        raise RejectedError("R003", sealed.institution_code)
    return slips


def municipality_code(institution_code: str) -> str:
    """The six-digit code of a municipality: the five digits and their check digit."""
    weighted = sum(int(digit) * weight for digit, weight in zip(institution_code, (6, 5, 4, 3, 2), strict=True))
    return f"{institution_code}{(11 - weighted % 11) % 10}"


def _root(body: bytes) -> etree._Element:
    try:
        root = parse(body)
    except NotADocumentError as fault:
        raise RejectedError("R002") from fault
    if root.tag != f"{{{NAMESPACE}}}PaymentFile":
        raise RejectedError("R002")
    return root


def _header(root: etree._Element, field: str) -> str:
    return (root.findtext(f"{{{NAMESPACE}}}Header/{{{NAMESPACE}}}{field}") or "").strip()


def _slip(element: etree._Element) -> Slip:
    # strip: the schema collapses blanks around dates before it looks at them
    texts = [(child.text or "").strip() for child in element]
    replaced_by = texts[12] if len(texts) == 13 else None
    operation, case_key, number, fund, office, levy, relevant, fiscal, installment, yen, due_on, payable_until = texts[:12]
    return Slip(
        operation, case_key, number, fund, office, levy, relevant, fiscal, installment, int(yen), due_on, payable_until, replaced_by
    )


def _signed_by_another(connection: sqlite3.Connection, body: bytes, institution: str) -> str:
    """R004 when the certificate belongs to another institution that we know, otherwise R001."""
    try:
        certificate = signature.signer(parse(body))
    except signature.WrongSignatureError:
        return "R001"
    query = "SELECT 1 FROM institutions WHERE certificate = ? AND institution_code <> ?"
    own = "SELECT 1 FROM institutions WHERE certificate = ? AND institution_code = ?"
    if connection.execute(own, (certificate, institution)).fetchone():
        return "R001"
    return "R004" if connection.execute(query, (certificate, institution)).fetchone() else "R001"
