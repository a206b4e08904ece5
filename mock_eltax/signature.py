"""The enveloped XML signature of the gateway protocol: seal our documents, check theirs. One strict profile, nothing else.

Called by `inbound` (check) and by everything that writes a signed document (seal). It never looks for a key: the caller brings the pinned
certificate, and the tree that `check` leaves behind is exactly the tree whose digest was verified.
"""

import base64
import binascii
import hashlib
import io
from typing import Any, NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree

from mock_eltax.identity import Identity

DS = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
SIGNATURE = f"{{{DS}}}Signature"

SIGNED_INFO = (
    f'<SignedInfo{{namespace}}><CanonicalizationMethod Algorithm="{EXCLUSIVE}"></CanonicalizationMethod>'
    f'<SignatureMethod Algorithm="{RSA_SHA256}"></SignatureMethod><Reference URI=""><Transforms><Transform Algorithm="{ENVELOPED}"></Transform>'
    f'<Transform Algorithm="{EXCLUSIVE}"></Transform></Transforms><DigestMethod Algorithm="{SHA256}"></DigestMethod>'
    "<DigestValue>{digest}</DigestValue></Reference></SignedInfo>"
)
"""SignedInfo in canonical form, so that the text signed and the text in the document differ only in the namespace declaration."""


class WrongSignatureError(Exception):
    """The document has no signature of the one accepted form, or it does not hold."""


def seal(document: bytes, identity: Identity) -> bytes:
    """A document in canonical form, with its signature as the last child of the root."""
    digest = _text(hashlib.sha256(document).digest())
    value = _text(identity.sign(SIGNED_INFO.format(namespace=f' xmlns="{DS}"', digest=digest).encode()))
    signature = (
        f'<Signature xmlns="{DS}">{SIGNED_INFO.format(namespace="", digest=digest)}<SignatureValue>{value}</SignatureValue>'
        f"<KeyInfo><X509Data><X509Certificate>{_text(identity.der)}</X509Certificate></X509Data></KeyInfo></Signature>"
    )
    head, slash, tail = document.rpartition(b"</")
    return head + signature.encode() + slash + tail


def signer(root: etree._Element) -> bytes:
    """The certificate (DER) that a document names, once its signature has the one accepted form."""
    return _bytes(_parts(_signature(root))[2])


def check(root: etree._Element, pinned: bytes) -> None:
    """Verify against the pinned certificate (DER) and take the signature out of the tree."""
    signature = _signature(root)
    info, value, shown = _parts(signature)
    if _bytes(shown) != pinned:
        _wrong("certificate is not the pinned one")
    _verify(pinned, info[1].get("Algorithm"), _bytes(value), etree.tostring(info, method="c14n", exclusive=True, with_comments=False))
    promised = _bytes(info[2][2])
    _take_out(signature)
    if _digest(root) != promised:
        _wrong("digest")


class _Hashing(io.RawIOBase):
    """A file that keeps nothing of what is written but its SHA-256."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def write(self, data: Any, /) -> int:
        self.sha256.update(data)
        return len(data)


def _digest(root: etree._Element) -> bytes:
    # written through a hash instead of into memory: the canonical text of a full message takes megabytes
    sink = _Hashing()
    etree.ElementTree(root).write_c14n(sink, exclusive=True, with_comments=False)  # type: ignore[call-arg, arg-type]  # the stubs are behind
    return sink.sha256.digest()


def _signature(root: etree._Element) -> etree._Element:
    found = list(root.iter(SIGNATURE))
    if len(found) != 1 or len(root) == 0 or root[-1] is not found[0]:
        _wrong("not exactly one signature as the last child")
    return found[0]


def _parts(signature: etree._Element) -> tuple[etree._Element, etree._Element, etree._Element]:
    """SignedInfo, SignatureValue and X509Certificate of a signature that has exactly the accepted shape."""
    info, value, key_info = _children(signature, "SignedInfo", "SignatureValue", "KeyInfo")
    canonical, method, reference = _children(info, "CanonicalizationMethod", "SignatureMethod", "Reference")
    transforms, digest, _ = _children(reference, "Transforms", "DigestMethod", "DigestValue")
    first, second = _children(transforms, "Transform", "Transform")
    if reference.items() != [("URI", "")]:
        _wrong("reference")
    for element, allowed in (
        (canonical, (EXCLUSIVE,)),
        (method, (RSA_SHA256, ECDSA_SHA256)),
        (first, (ENVELOPED,)),
        (second, (EXCLUSIVE,)),
        (digest, (SHA256,)),
    ):
        if len(element) or element.attrib.keys() != ["Algorithm"] or element.get("Algorithm") not in allowed:
            _wrong(f"algorithm of {etree.QName(element).localname}")
    (data,) = _children(key_info, "X509Data")
    (certificate,) = _children(data, "X509Certificate")
    return info, value, certificate


def _children(element: etree._Element, *names: str) -> list[etree._Element]:
    children = list(element)
    if [child.tag for child in children] != [f"{{{DS}}}{name}" for name in names]:
        _wrong(f"content of {etree.QName(element).localname}")
    return children


def _take_out(signature: etree._Element) -> None:
    # The transform removes the element, not the text after it; lxml's remove() would take both.
    parent, before = signature.getparent(), signature.getprevious()
    assert parent is not None
    if signature.tail and before is not None:
        before.tail = (before.tail or "") + signature.tail
    elif signature.tail:
        parent.text = (parent.text or "") + signature.tail
    parent.remove(signature)


def _verify(certificate: bytes, method: str | None, value: bytes, data: bytes) -> None:
    key = x509.load_der_x509_certificate(certificate).public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and method == RSA_SHA256:
            key.verify(value, data, padding.PKCS1v15(), hashes.SHA256())
            return
        if isinstance(key, ec.EllipticCurvePublicKey) and method == ECDSA_SHA256 and len(value) == 64:
            pair = encode_dss_signature(int.from_bytes(value[:32]), int.from_bytes(value[32:]))
            key.verify(pair, data, ec.ECDSA(hashes.SHA256()))
            return
    except InvalidSignature:
        _wrong("value")
    _wrong("key and algorithm do not agree")


def _bytes(element: etree._Element) -> bytes:
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        _wrong("base64")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _wrong(why: str) -> NoReturn:
    raise WrongSignatureError(why)
