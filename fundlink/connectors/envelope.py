"""The envelope: signs the messages we send and opens the ones we receive, in the one agreed profile of XML-DSig.

Called by the pipeline around the gateway connector. What `open_sealed` returns are exactly the octets whose digest was
signed, and callers read those octets only, never the bytes that arrived. Never resolves a reference or a key location, never
trusts a certificate because it came along, never accepts an algorithm, element or attribute outside the profile
(docs/gateway.md, "Signature").

Writing is one pass over canonical bytes with no parser. Opening has two ways to the same answer: a textual one for
documents in our own writing, where the octets need no canonicalization, and a thorough one for every other formatting.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree

from fundlink import safe_xml
from fundlink.connectors.identity import ECDSA_SHA256, RSA_SHA256, Signer
from fundlink.domain.errors import ConfigurationError, ProblemError
from fundlink.domain.problems import problem

DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
_ENVELOPED: Final = DSIG + "enveloped-signature"

# Written as canonical XML already: double quotes, no empty-element tags, no white space. SignedInfo is canonicalized on
# its own, so there it carries the namespace declaration that its parent carries in the document (first %b).
_SIGNED_INFO: Final = (
    b"<ds:SignedInfo%b>"
    b'<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod>'
    b'<ds:SignatureMethod Algorithm="%b"></ds:SignatureMethod>'
    b'<ds:Reference URI=""><ds:Transforms>'
    b'<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>'
    b'<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform></ds:Transforms>'
    b'<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>'
    b"<ds:DigestValue>%b</ds:DigestValue></ds:Reference></ds:SignedInfo>"
)
_DECLARED: Final = b' xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'
_SIGNATURE: Final = (
    b'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">%b<ds:SignatureValue>%b</ds:SignatureValue>'
    b"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>%b</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>"
)
_METHODS = b"(" + b"|".join(re.escape(uri.encode()) for uri in (RSA_SHA256, ECDSA_SHA256)) + b")"
_OWN_WRITING = re.compile(
    re.escape(_SIGNATURE)
    % (
        re.escape(_SIGNED_INFO) % (b"", _METHODS, rb"([A-Za-z0-9+/]{43}=)"),
        rb"([A-Za-z0-9+/]{80,1400}={0,2})",
        rb"([A-Za-z0-9+/]{80,8000}={0,2})",
    )
    + rb"(</[^<>\s]{1,200}>)"
)
_TAIL_BYTES: Final = 16_384
_CLOSING_TAG = re.compile(rb"</[^<>\s]{1,200}>")

# The whole Signature element: depth, name, attributes. Document order and depth together fix the tree.
_AGREED_SHAPE: Final = (
    (0, "Signature", ()),
    (1, "SignedInfo", ()),
    (2, "CanonicalizationMethod", ("Algorithm",)),
    (2, "SignatureMethod", ("Algorithm",)),
    (2, "Reference", ("URI",)),
    (3, "Transforms", ()),
    (4, "Transform", ("Algorithm",)),
    (4, "Transform", ("Algorithm",)),
    (3, "DigestMethod", ("Algorithm",)),
    (3, "DigestValue", ()),
    (1, "SignatureValue", ()),
    (1, "KeyInfo", ()),
    (2, "X509Data", ()),
    (3, "X509Certificate", ()),
)
_ALLOWED: Final = {
    "CanonicalizationMethod": {_EXCLUSIVE},
    "SignatureMethod": {RSA_SHA256, ECDSA_SHA256},
    "Transform": {_ENVELOPED, _EXCLUSIVE},
    "DigestMethod": {_SHA256},
}
_WITH_TEXT: Final = frozenset({"DigestValue", "SignatureValue", "X509Certificate"})


class _Claim(NamedTuple):
    """What a signature says, still to be proved."""

    signed_info: bytes
    method: str
    digest: bytes
    signature: bytes
    certificate: bytes


def seal(pieces: Iterable[bytes], signer: Signer) -> Iterator[bytes]:
    """The document with its signature as last child of the root, piece by piece in flat memory.

    ``pieces`` are the document as canonical XML (our writer's). Only what follows the last ``</`` is held back, since it
    may turn out to be the closing tag of the root.
    """
    digest = hashlib.sha256()
    held = b""
    for piece in pieces:
        held += piece
        cut = held.rfind(b"</")
        if cut > 0:
            digest.update(held[:cut])
            yield held[:cut]
            held = held[cut:]
    if not _CLOSING_TAG.fullmatch(held):
        raise ValueError("the pieces do not end with the closing tag of the root")
    digest.update(held)
    yield _signature(digest.digest(), signer) + held


def _signature(digest: bytes, signer: Signer) -> bytes:
    method, value = signer.method.encode(), base64.b64encode(digest)
    signature = signer.sign(_SIGNED_INFO % (_DECLARED, method, value))
    written = _SIGNED_INFO % (b"", method, value)
    return _SIGNATURE % (written, base64.b64encode(signature), base64.b64encode(signer.certificate_der))


def open_sealed(data: bytes, pinned: bytes | Iterable[bytes], *, at: dt.datetime | None = None) -> bytes:
    """The verified octets: the document without its signature, exactly as it was signed. Read nothing else.

    ``pinned`` is the other side's certificate, PEM (several may stand in one) or DER, or several of them while it changes
    its key. With ``at`` (aware) the certificate must be valid at that instant. Raises ProblemError: FL-XML-…, FL-SIG-….
    """
    trusted = _certificates(pinned)
    try:
        safe_xml.check_bytes(data)
        octets = _open_own_writing(data, trusted, at)
        return _open_thoroughly(data, trusted, at) if octets is None else octets
    except safe_xml.UnsafeXml as refused:
        told = problem(refused.code, line=refused.line, place=refused.place, detail=refused.place or "")
        raise ProblemError([told]) from None


def _certificates(pinned: bytes | Iterable[bytes]) -> dict[bytes, x509.Certificate]:
    found: list[x509.Certificate] = []
    try:
        for blob in [pinned] if isinstance(pinned, bytes) else pinned:
            pem = b"-----BEGIN" in blob
            found += x509.load_pem_x509_certificates(blob) if pem else [x509.load_der_x509_certificate(blob)]
    except ValueError:
        raise ConfigurationError([problem("FL-CFG-003", detail="certificate")]) from None
    return {certificate.public_bytes(serialization.Encoding.DER): certificate for certificate in found}


def _open_own_writing(data: bytes, trusted: dict[bytes, x509.Certificate], at: dt.datetime | None) -> bytes | None:
    """The octets of a document in our own writing; None for any doubt at all, the thorough way then says what is wrong.

    Cutting text is safe here because the result must have the very digest the pinned key signed.
    """
    start = data.rfind(b"<ds:Signature ", max(len(data) - _TAIL_BYTES, 0))
    match = _OWN_WRITING.fullmatch(data, start) if start > 0 else None
    if match is None or data.find(DSIG.encode(), 0, start) >= 0:
        return None
    method, digest, signature, certificate, closing = match.groups()
    octets = b"".join((memoryview(data)[:start], closing))
    signed_info = _SIGNED_INFO % (_DECLARED, method, digest)
    try:
        claim = _Claim(signed_info, method.decode(), _decoded(digest), _decoded(signature), _decoded(certificate))
        _prove(claim, octets, _certificate_of(claim, trusted, at))
    except ProblemError:
        return None
    return octets


def _open_thoroughly(data: bytes, trusted: dict[bytes, x509.Certificate], at: dt.datetime | None) -> bytes:
    """The same for any other formatting: one signature, in its one place, of the one shape; then canonicalize and prove."""
    root = safe_xml.parse(data)
    signature = _only_signature(root)
    _check_shape(signature)
    claim = _read_claim(signature)
    certificate = _certificate_of(claim, trusted, at)
    _take_out(signature)
    octets = _canonical(root)
    _prove(claim, octets, certificate)
    return octets


def _wrong(code: str) -> ProblemError:
    return ProblemError([problem(code, place="Signature")])


def _only_signature(root: etree._Element) -> etree._Element:
    found = list(root.iter(f"{{{DSIG}}}Signature"))
    if not found:
        raise _wrong("FL-SIG-006")
    if len(found) > 1:
        raise _wrong("FL-SIG-002")
    if found[0].getparent() is not root or root[-1] is not found[0]:
        raise _wrong("FL-SIG-001")
    return found[0]


def _check_shape(signature: etree._Element) -> None:
    """Element by element the agreed structure; algorithms first, because a foreign one often brings foreign children."""
    elements = list(signature.iter())
    names = [etree.QName(element) for element in elements]
    for name, element in zip(names, elements, strict=True):
        if name.localname in _ALLOWED and element.get("Algorithm") not in _ALLOWED[name.localname]:
            raise _wrong("FL-SIG-004")
    if any(name.namespace != DSIG or name.localname == "Object" for name in names):
        raise _wrong("FL-SIG-001")  # somebody's document inside the signature
    shape = [_row(element, signature) for element in elements]
    key_at = next((number for number, row in enumerate(shape) if row[1] == "KeyInfo"), len(shape))
    if tuple(shape[:key_at]) != _AGREED_SHAPE[:-3] or elements[4].get("URI") != "":
        raise _wrong("FL-SIG-002")
    if [element.get("Algorithm") for element in elements[6:8]] != [_ENVELOPED, _EXCLUSIVE]:
        raise _wrong("FL-SIG-004")
    if tuple(shape[key_at:]) != _AGREED_SHAPE[-3:]:
        raise _wrong("FL-SIG-003")
    if _has_stray_text(elements):
        raise _wrong("FL-SIG-002")


def _row(element: etree._Element, top: etree._Element) -> tuple[int, str, tuple[str, ...]]:
    depth, above = 0, element
    while above is not top:
        above = above.getparent()  # type: ignore[assignment]
        depth += 1
    return depth, etree.QName(element).localname, tuple(str(name) for name in element.attrib)


def _has_stray_text(elements: list[etree._Element]) -> bool:
    texts = [element.text for element in elements if etree.QName(element).localname not in _WITH_TEXT]
    return any(text and text.strip() for text in [*texts, *(element.tail for element in elements[1:])])


def _read_claim(signature: etree._Element) -> _Claim:
    def text(name: str) -> bytes:
        return _decoded((signature.findtext(f".//{{{DSIG}}}{name}") or "").encode())

    signed_info, method = signature[0], signature[0][1]
    return _Claim(
        _canonical(signed_info), method.get("Algorithm") or "", text("DigestValue"), text("SignatureValue"), text("X509Certificate")
    )


def _canonical(element: etree._Element) -> bytes:
    try:
        octets: bytes = etree.tostring(element, method="c14n", exclusive=True, with_comments=False)
    except etree.C14NError:  # a relative namespace name has no canonical form
        raise ProblemError([problem("FL-XML-007")]) from None
    return octets


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        raise _wrong("FL-SIG-002") from None


def _take_out(signature: etree._Element) -> None:
    """Remove the element but keep the text behind it, which belongs to the document and is signed."""
    before, parent, tail = signature.getprevious(), signature.getparent(), signature.tail or ""
    assert parent is not None
    if before is None:
        parent.text = (parent.text or "") + tail
    else:
        before.tail = (before.tail or "") + tail
    parent.remove(signature)


def _certificate_of(claim: _Claim, trusted: dict[bytes, x509.Certificate], at: dt.datetime | None) -> x509.Certificate:
    certificate = trusted.get(claim.certificate)
    if certificate is None:
        raise _wrong("FL-SIG-003")
    if at is not None and not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise _wrong("FL-SIG-003")
    return certificate


def _prove(claim: _Claim, octets: bytes, certificate: x509.Certificate) -> None:
    if hashlib.sha256(octets).digest() != claim.digest:
        raise _wrong("FL-SIG-005")
    key = certificate.public_key()
    try:
        if claim.method == RSA_SHA256 and isinstance(key, rsa.RSAPublicKey):
            key.verify(claim.signature, claim.signed_info, padding.PKCS1v15(), hashes.SHA256())
        elif claim.method == ECDSA_SHA256 and isinstance(key, ec.EllipticCurvePublicKey) and len(claim.signature) == 64:
            r, s = (int.from_bytes(half, "big") for half in (claim.signature[:32], claim.signature[32:]))
            key.verify(encode_dss_signature(r, s), claim.signed_info, ec.ECDSA(hashes.SHA256()))
        else:
            raise _wrong("FL-SIG-004")
    except InvalidSignature:
        raise _wrong("FL-SIG-005") from None
