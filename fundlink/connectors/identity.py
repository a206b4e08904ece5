"""Keys and certificates: what signs our messages, and how people compare what they trust.

Used by the envelope, bootstrap and tests. It never decides whom to trust.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.x509.oid import NameOID

from fundlink.domain.errors import ConfigurationError
from fundlink.domain.problems import problem

RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"


class Signer:
    """A private key with its certificate: RSA (2048 bits or more) or ECDSA on P-256."""

    def __init__(self, key_pem: bytes, certificate_pem: bytes) -> None:
        try:
            key = _private(key_pem)
            certificate = x509.load_pem_x509_certificate(certificate_pem)
        except (ValueError, TypeError):
            raise ConfigurationError([problem("FL-CFG-003", detail="PEM")]) from None
        if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)) or not _usable(key.public_key()):
            raise ConfigurationError([problem("FL-CFG-003", detail="RSA >= 2048, P-256")])
        if key.public_key() != certificate.public_key():
            raise ConfigurationError([problem("FL-CFG-003", detail="key != certificate")])
        self._key = key
        self.method = RSA_SHA256 if isinstance(key, rsa.RSAPrivateKey) else ECDSA_SHA256
        self.certificate_der = certificate.public_bytes(serialization.Encoding.DER)

    def sign(self, octets: bytes) -> bytes:
        """The signature value as XML-DSig wants it: for ECDSA r and s side by side, not DER."""
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self._key.sign(octets, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def verifies(self, octets: bytes, signature: bytes) -> bool:
        """Whether a signature value is one of this key over these octets."""
        public = self._key.public_key()
        try:
            if isinstance(public, rsa.RSAPublicKey):
                public.verify(signature, octets, padding.PKCS1v15(), hashes.SHA256())
            else:
                r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
                public.verify(encode_dss_signature(r, s), octets, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True

    def fingerprint(self) -> str:
        """SHA-256 of its certificate as people compare it, lower-case hex."""
        return hashlib.sha256(self.certificate_der).hexdigest()


@functools.lru_cache(maxsize=16)
def _private(pem: bytes) -> object:
    """Whether an RSA key is one takes 40 ms to tell: once a key and process, however often the work begins anew."""
    return serialization.load_pem_private_key(pem, password=None)


def _usable(key: object) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= 2048
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)


def make_demo_identity(common_name: str, *, at: dt.datetime | None = None) -> tuple[bytes, bytes]:
    """A fresh RSA key and its self-signed certificate, both PEM, valid for ten years from the day before ``at`` (default now)."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    start = (at or dt.datetime.now(dt.UTC)) - dt.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=3_653))
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key_pem, certificate.public_bytes(serialization.Encoding.PEM)


def fingerprint(certificate_pem: bytes) -> str:
    """SHA-256 of a certificate as people compare it, lower-case hex."""
    return x509.load_pem_x509_certificate(certificate_pem).fingerprint(hashes.SHA256()).hex()
