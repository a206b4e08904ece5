"""Keys and seals of the simulated sides: always the same key, always the same signature, so that a seed gives the same bytes.

Used by the fake gateway and for the adapter's own key. Shares no code with the product: documents of the adapter are opened
by the mock's checker.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from functools import cache
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from fundlink.connectors.identity import Signer

_DS = 'xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'
_INFO = (
    "<ds:SignedInfo{declared}>"
    '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod>'
    '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"></ds:SignatureMethod>'
    '<ds:Reference URI=""><ds:Transforms>'
    '<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>'
    '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform></ds:Transforms>'
    '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>'
    "<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
)


class Pair(NamedTuple):
    """A key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    pem: bytes
    der: bytes

    def sign(self, data: bytes) -> bytes:
        """r and s side by side, always the same for the same data."""
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@cache
def pair(name: str) -> Pair:
    """The pair of a name; a key that anybody can compute, worth nothing outside a simulation."""
    secret = int.from_bytes(hashlib.sha256(f"simulated {name}".encode()).digest(), "big") >> 1
    key = ec.derive_private_key(secret, ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"simulated {name}")])
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1 + len(name))
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2049, 1, 1, tzinfo=dt.UTC))
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    return Pair(key, certificate.public_bytes(serialization.Encoding.PEM), certificate.public_bytes(serialization.Encoding.DER))


def seal(document: bytes, own: Pair) -> bytes:
    """A document in canonical form with its signature as the last child of the root."""
    return _sealed(document, signed=document, key=own, shown=own)


def forge(document: bytes, claimed: Pair, kind: str) -> bytes:
    """A document with a seal that does not hold: of another document, by a stranger's key, or a stranger's altogether.

    Everything else about it is right, so nothing but the proof of the seal can tell.
    """
    stranger = pair("stranger")
    if kind == "of another document":
        return _sealed(document, signed=document + b" ", key=claimed, shown=claimed)
    return _sealed(document, signed=document, key=stranger, shown=claimed if kind == "by another key" else stranger)


FORGERIES = ("of another document", "by another key", "of a stranger")


def _sealed(document: bytes, *, signed: bytes, key: Pair, shown: Pair) -> bytes:
    digest = base64.b64encode(hashlib.sha256(signed).digest()).decode()
    value = base64.b64encode(key.sign(_INFO.format(declared=f" {_DS}", digest=digest).encode())).decode()
    signature = (
        f"<ds:Signature {_DS}>{_INFO.format(declared='', digest=digest)}<ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo>"
        f"<ds:X509Data><ds:X509Certificate>{base64.b64encode(shown.der).decode()}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>"
    )
    head, slash, tail = document.rpartition(b"</")
    return head + signature.encode() + slash + tail


class SteadySigner(Signer):
    """The adapter's signer with a signature that is the same on every run."""

    def __init__(self, own: Pair) -> None:
        key = own.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        super().__init__(key, own.pem)
        self._own = own

    def sign(self, octets: bytes) -> bytes:
        return self._own.sign(octets)
