"""The gateway's own key and self-signed certificate, made once in the state folder.

Called at start. Never hands out the private key, and never trusts anyone: pinned certificates of institutions live in the ledger.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID


class Identity(NamedTuple):
    """Who signs: key and certificate."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        """The certificate for others to pin."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        """The certificate as it stands in a signature."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def sign(self, data: bytes) -> bytes:
        """RSA-SHA256, PKCS#1 v1.5: deterministic, so one document has one signature."""
        return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def load_identity(folder: Path) -> Identity:
    """The identity in the folder; the first call makes it."""
    key_path, certificate_path = folder / "gateway.key", folder / "gateway.crt"
    if not key_path.exists() or not certificate_path.exists():
        _create(key_path, certificate_path)
    key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{key_path}: not an RSA key")
    return Identity(key, x509.load_pem_x509_certificate(certificate_path.read_bytes()))


def _create(key_path: Path, certificate_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with os.fdopen(os.open(key_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(private)
    certificate_path.write_bytes(_self_signed(key).public_bytes(serialization.Encoding.PEM))


def _self_signed(key: rsa.RSAPrivateKey) -> x509.Certificate:
    # The long validity is on purpose: demos set the clock to any day.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mock_eltax gateway (demo)")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2049, 12, 31, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
