"""Documents for the envelope's tests: an independent signer with a knob for every rule of the profile, and the two oracles."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.verifier import SignatureConfiguration, XMLVerifier

from fundlink.connectors import envelope
from fundlink.connectors import identity as identities

DS = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = DS + "enveloped-signature"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
GATEWAY = "urn:fundlink:gateway:1"


class Identity(NamedTuple):
    key_pem: bytes
    certificate_pem: bytes

    @property
    def certificate_der(self) -> bytes:
        return x509.load_pem_x509_certificate(self.certificate_pem).public_bytes(serialization.Encoding.DER)

    @property
    def signer(self) -> identities.Signer:
        return signer_of(self)


@cache
def signer_of(who: Identity) -> identities.Signer:
    return identities.Signer(who.key_pem, who.certificate_pem)


@cache
def identity(name: str) -> Identity:
    return Identity(*identities.make_demo_identity(name))


@cache
def ec_identity() -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    rsa_certificate = x509.load_pem_x509_certificate(identity("peer").certificate_pem)
    name = rsa_certificate.subject
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(rsa_certificate.not_valid_before_utc)
        .not_valid_after(rsa_certificate.not_valid_after_utc)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Identity(pem, certificate.public_bytes(serialization.Encoding.PEM))


def body(slips: int = 3) -> bytes:
    """Canonical bytes in the shape of a payment message, some text beyond ASCII included."""
    rows = [
        f"<Slip><CaseKey>{n:020}</CaseKey><FundCode>601</FundCode><AmountYen>{1000 + n}</AmountYen><Note>髙﨑 &amp; 𠮷 &lt;!-- &gt;</Note></Slip>"
        for n in range(slips)
    ]
    header = f"<Header><MessageId>M1</MessageId><RecordCount>{slips}</RecordCount></Header>"
    return f'<PaymentFile xmlns="{GATEWAY}" version="1">{header}{"".join(rows)}</PaymentFile>'.encode()


def sealed(document: bytes | None = None, who: Identity | None = None) -> bytes:
    return b"".join(envelope.seal([body() if document is None else document], (who or identity("peer")).signer))


def c14n(element: etree._Element) -> bytes:
    octets: bytes = etree.tostring(element, method="c14n", exclusive=True, with_comments=False)
    return octets


def sign_octets(octets: bytes, who: Identity, method: str = RSA_SHA256) -> bytes:
    key = serialization.load_pem_private_key(who.key_pem, None)
    if isinstance(key, rsa.RSAPrivateKey):
        sha1 = method.endswith("rsa-sha1")
        return key.sign(octets, padding.PKCS1v15(), hashes.SHA1() if sha1 else hashes.SHA256())
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return b"".join(part.to_bytes(32, "big") for part in decode_dss_signature(key.sign(octets, ec.ECDSA(hashes.SHA256()))))


class Craft(NamedTuple):
    """What to write into a signature; the defaults are the agreed profile."""

    prefix: str = "s"
    gap: str = ""
    uri: str | None = ""
    references: int = 1
    c14n_method: str = EXCLUSIVE
    method: str = RSA_SHA256
    digest_method: str = SHA256
    transforms: tuple[str, ...] = (ENVELOPED, EXCLUSIVE)
    transform_child: str = ""
    method_child: str = ""
    key_info: str | None = None
    attributes: str = ""
    after: str = ""


def craft(document: bytes, who: Identity, how: Craft | None = None) -> bytes:
    """Sign a document of any formatting by hand: genuine values for whatever the knobs say, so only the profile can object."""
    knobs = how or Craft()
    p = f"{knobs.prefix}:" if knobs.prefix else ""
    declared = f'xmlns:{knobs.prefix}="{DS}"' if knobs.prefix else f'xmlns="{DS}"'
    root = etree.fromstring(document)
    named = root.xpath(f"//*[@Id='{knobs.uri[1:]}']") if knobs.uri and knobs.uri.startswith("#") else None
    target = named[0] if isinstance(named, list) and named else root
    assert isinstance(target, etree._Element)
    digest = hashlib.sha1 if knobs.digest_method.endswith("#sha1") else hashlib.sha256
    value = base64.b64encode(digest(c14n(target)).digest()).decode()
    uri = "" if knobs.uri is None else f' URI="{knobs.uri}"'
    transforms = "".join(f'<{p}Transform Algorithm="{name}">{knobs.transform_child}</{p}Transform>' for name in knobs.transforms)
    reference = (
        f'<{p}Reference{uri}>{knobs.gap}<{p}Transforms>{transforms}</{p}Transforms><{p}DigestMethod Algorithm="{knobs.digest_method}"/>'
        f"<{p}DigestValue>{knobs.gap}{value}{knobs.gap}</{p}DigestValue></{p}Reference>"
    )
    certificate = base64.b64encode(who.certificate_der).decode()
    key_info = f"<{p}X509Data><{p}X509Certificate>{certificate}</{p}X509Certificate></{p}X509Data>"
    text = (
        f"<{p}Signature {declared}{knobs.attributes}>{knobs.gap}<{p}SignedInfo>{knobs.gap}"
        f'<{p}CanonicalizationMethod Algorithm="{knobs.c14n_method}"/>'
        f'<{p}SignatureMethod Algorithm="{knobs.method}">{knobs.method_child}</{p}SignatureMethod>'
        f"{reference * knobs.references}{knobs.gap}</{p}SignedInfo>{knobs.gap}<{p}SignatureValue>@@</{p}SignatureValue>{knobs.gap}"
        f"<{p}KeyInfo>{key_info if knobs.key_info is None else knobs.key_info.format(p=p, certificate=certificate)}</{p}KeyInfo>"
        f"{knobs.after}</{p}Signature>"
    )
    head, tail = document[: document.rindex(b"</")], document[document.rindex(b"</") :]
    unsigned = head + text.encode() + tail
    *_, signed_info = etree.fromstring(unsigned).iter(f"{{{DS}}}SignedInfo")
    signature = base64.encodebytes(sign_octets(c14n(signed_info), who, knobs.method)).decode().strip()
    return unsigned.replace(b"@@", signature.encode())


STRICT = SignatureConfiguration(
    location="./",
    expect_references=1,
    signature_methods=frozenset({SignatureMethod.RSA_SHA256, SignatureMethod.ECDSA_SHA256}),
    digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
)


def by_signxml(data: bytes, who: Identity) -> bytes | None:
    """The octets that the library says are signed; None when it refuses."""
    certificate = x509.load_pem_x509_certificate(who.certificate_pem)
    try:
        found: Any = XMLVerifier().verify(data, x509_cert=certificate, expect_config=STRICT)
    except Exception:  # noqa: BLE001 - whatever it raises, it refuses
        return None
    return bytes(found.signed_data)


def xmlsec1(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """The second oracle; where it must be there, its absence is a failure."""
    program = shutil.which("xmlsec1")
    if program is None:
        if os.environ.get("CI_NO_SKIP") == "1":
            pytest.fail("xmlsec1 is not installed")
        pytest.skip("xmlsec1 is not installed")
    return subprocess.run([program, *map(str, arguments)], capture_output=True, check=False, timeout=60)
