"""The envelope with itself and with two other implementations: what we seal they verify, what they sign we open."""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import os
import shutil
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from signxml.algorithms import CanonicalizationMethod
from signxml.signer import XMLSigner

from fundlink.connectors import envelope, identity
from fundlink.domain.errors import ConfigurationError, ProblemError
from tests.connectors import envelope_builders as b

PEER = b.identity("peer")


def seal_in(pieces: list[bytes], who: b.Identity = PEER) -> bytes:
    return b"".join(envelope.seal(pieces, who.signer))


@pytest.mark.parametrize("who", [b.identity("peer"), b.ec_identity()])
def test_what_is_sealed_opens_to_the_same_octets(who: b.Identity) -> None:
    document = b.body()
    data = b.sealed(document, who)
    assert envelope.open_sealed(data, who.certificate_pem) == document
    assert b.by_signxml(data, who) == document


@given(st.lists(st.integers(0, 2_000), max_size=40))
@settings(max_examples=60)
def test_the_cut_into_pieces_does_not_matter(cuts: list[int]) -> None:
    document = b.body(7)
    edges = [0, *sorted(min(cut, len(document)) for cut in cuts), len(document)]
    pieces = [document[start:end] for start, end in itertools.pairwise(edges)]
    assert seal_in(pieces) == seal_in([document])


def test_the_whole_output_is_canonical() -> None:
    data = b.sealed()
    assert b.c14n(etree.fromstring(data)) == data


def test_sealing_holds_back_only_the_end() -> None:
    record = b"<Slip><CaseKey>1</CaseKey></Slip>"
    seen = 0
    for number, _ in enumerate(envelope.seal(iter([b'<P xmlns="u">', *[record] * 100, b"</P>"]), PEER.signer)):
        seen = number
    assert seen >= 99
    tracemalloc.start()
    total = sum(len(piece) for piece in envelope.seal((record for record in [b"<P>", *[record] * 100_000, b"</P>"]), PEER.signer))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > 3_000_000
    assert peak < 1_700_000  # twice the list of references to the pieces


@pytest.mark.parametrize("pieces", [[], [b""], [b"<a>"], [b"<a></a>\n"], [b"<a/>"], [b"text"]])
def test_pieces_without_a_closing_root_are_a_wrong_program(pieces: list[bytes]) -> None:
    with pytest.raises(ValueError, match="closing tag"):
        seal_in(pieces)


def test_an_empty_root_is_sealed() -> None:
    document = b'<P xmlns="urn:u"></P>'
    data = seal_in([document])
    assert envelope.open_sealed(data, PEER.certificate_pem) == document
    assert b.by_signxml(data, PEER) == document


def test_xmlsec1_verifies_what_we_seal(tmp_path: Path) -> None:
    for name, who in (("rsa", PEER), ("ec", b.ec_identity())):
        document, certificate = tmp_path / f"{name}.xml", tmp_path / f"{name}.pem"
        certificate.write_bytes(who.certificate_pem)
        document.write_bytes(b.sealed(None, who))
        run = b.xmlsec1("--verify", "--trusted-pem", certificate, "--enabled-key-data", "x509", document)
        assert run.returncode == 0, run.stderr
        document.write_bytes(b.sealed(None, who).replace(b">1001<", b">9001<"))
        assert b.xmlsec1("--verify", "--trusted-pem", certificate, "--enabled-key-data", "x509", document).returncode != 0


TEMPLATE = f"""<Signature xmlns="{b.DS}">
  <SignedInfo>
    <CanonicalizationMethod Algorithm="{b.EXCLUSIVE}"/>
    <SignatureMethod Algorithm="{b.RSA_SHA256}"/>
    <Reference URI=""><Transforms><Transform Algorithm="{b.ENVELOPED}"/><Transform Algorithm="{b.EXCLUSIVE}"/></Transforms>
      <DigestMethod Algorithm="{b.SHA256}"/><DigestValue/></Reference>
  </SignedInfo>
  <SignatureValue/>
  <KeyInfo><X509Data><X509Certificate/></X509Data></KeyInfo>
</Signature>
"""


def test_what_xmlsec1_signs_is_opened(tmp_path: Path) -> None:
    pretty = b.body().replace(b"><", b">\n  <").replace(b"</PaymentFile>", TEMPLATE.encode() + b"</PaymentFile>")
    template, key, certificate, output = (tmp_path / name for name in ("t.xml", "k.pem", "c.pem", "o.xml"))
    template.write_bytes(b'<?xml version="1.0" encoding="UTF-8"?>\n' + pretty)
    key.write_bytes(PEER.key_pem)
    certificate.write_bytes(PEER.certificate_pem)
    run = b.xmlsec1("--sign", "--privkey-pem", f"{key},{certificate}", "--output", output, template)
    assert run.returncode == 0, run.stderr
    octets = envelope.open_sealed(output.read_bytes(), PEER.certificate_pem)
    assert octets == b.by_signxml(output.read_bytes(), PEER)
    assert octets.count(b"<Slip>") == 3
    assert b"Signature" not in octets


def test_the_absence_of_xmlsec1_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.delenv("CI_NO_SKIP", raising=False)
    with pytest.raises(pytest.skip.Exception):
        b.xmlsec1("--version")
    monkeypatch.setitem(os.environ, "CI_NO_SKIP", "1")
    with pytest.raises(pytest.fail.Exception):
        b.xmlsec1("--version")


@pytest.mark.parametrize("prefix", ["ds", "x", None])
def test_what_signxml_signs_is_opened(prefix: str | None) -> None:
    signer = XMLSigner(c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0)
    namespaces: Any = {prefix: b.DS}
    signer.namespaces = namespaces
    root = signer.sign(etree.fromstring(b.body()), key=PEER.key_pem, cert=PEER.certificate_pem.decode())
    for pretty in (False, True):
        data = etree.tostring(root, xml_declaration=pretty, encoding="UTF-8")
        assert envelope.open_sealed(data, PEER.certificate_pem) == b.body()


@pytest.mark.parametrize("who", [b.identity("peer"), b.ec_identity()])
@pytest.mark.parametrize("prefix", ["ds", "s", ""])
@pytest.mark.parametrize("gap", ["", "\n  "])
def test_X22_other_writings_of_the_profile_open_to_the_canonical_octets(who: b.Identity, prefix: str, gap: str) -> None:
    method = b.RSA_SHA256 if who is PEER else b.ECDSA_SHA256
    document = b.body()
    twin = document.replace(
        b'<PaymentFile xmlns="urn:fundlink:gateway:1" version="1">', b"<PaymentFile  version='1'\n xmlns='urn:fundlink:gateway:1' >"
    )
    twin = b'<?xml version="1.0"?>\n' + twin.replace(b"<FundCode>601", b"<FundCode>6&#48;<![CDATA[1]]>") + b"\n"
    data = b.craft(twin, who, b.Craft(prefix=prefix, gap=gap, method=method))
    assert envelope.open_sealed(data, who.certificate_pem) == document
    assert b.by_signxml(data, who) == document


def test_text_behind_the_signature_belongs_to_the_document() -> None:
    spaced = b.body().replace(b"</PaymentFile>", b"\n  @</PaymentFile>")
    data = b.craft(spaced, PEER)
    head, block, tail = data.partition(b"<s:Signature")[0], data[data.index(b"<s:Signature") :], b"\n</PaymentFile>"
    moved = head.replace(b"\n  @", b"\n ") + block.replace(b"</PaymentFile>", tail)
    with pytest.raises(ProblemError, match="FL-SIG-005"):
        envelope.open_sealed(moved, PEER.certificate_pem)
    data = b.craft(b.body().replace(b"</PaymentFile>", b"\n \n</PaymentFile>"), PEER)
    split = data.replace(b"\n \n<s:Signature", b"\n <s:Signature").replace(b"</s:Signature>", b"</s:Signature>\n")
    octets = envelope.open_sealed(split, PEER.certificate_pem)
    assert octets == b.by_signxml(split, PEER)
    assert octets.endswith(b"</Slip>\n \n</PaymentFile>")


def test_both_ways_give_the_same_octets(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b.sealed()
    quick = envelope.open_sealed(data, PEER.certificate_pem)
    monkeypatch.setattr(envelope, "_open_own_writing", lambda *_: None)
    assert envelope.open_sealed(data, PEER.certificate_pem) == quick == b.body()


def test_our_own_writing_is_opened_without_a_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "_open_thoroughly", lambda *_: pytest.fail("the slow way was taken"))
    assert envelope.open_sealed(b.sealed(), PEER.certificate_pem) == b.body()


def test_the_pinned_certificate_may_be_pem_der_or_several() -> None:
    other, data = b.identity("other"), b.sealed()
    for pinned in (
        PEER.certificate_pem,
        PEER.certificate_der,
        other.certificate_pem + PEER.certificate_pem,
        [other.certificate_der, PEER.certificate_pem],
    ):
        assert envelope.open_sealed(data, pinned) == b.body()
    nothing: list[bytes] = []
    for wrong in (other.certificate_pem, other.certificate_der, nothing):
        with pytest.raises(ProblemError, match="FL-SIG-003"):
            envelope.open_sealed(data, wrong)
    with pytest.raises(ConfigurationError, match="FL-CFG-003"):
        envelope.open_sealed(data, b"no certificate")


def test_validity_is_looked_at_when_an_instant_is_given() -> None:
    data, certificate = b.sealed(), x509.load_pem_x509_certificate(PEER.certificate_pem)
    day = dt.timedelta(days=1)
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    assert envelope.open_sealed(data, PEER.certificate_pem, at=start + day) == b.body()
    for at in (start - day, end + day):
        for written in (data, b.craft(b.body(), PEER)):
            with pytest.raises(ProblemError, match="FL-SIG-003"):
                envelope.open_sealed(written, PEER.certificate_pem, at=at)


def test_the_demo_identity_is_a_2048_bit_key_for_ten_years() -> None:
    at = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
    key_pem, certificate_pem = identity.make_demo_identity("デモ市", at=at)
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    assert certificate.subject.rfc4514_string() == "CN=デモ市"
    assert certificate.not_valid_before_utc < at
    assert certificate.not_valid_after_utc.year == 2036
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 2048
    assert identity.Signer(key_pem, certificate_pem).method.endswith("#rsa-sha256")


def pem_of(key: Any) -> bytes:
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem


@pytest.mark.parametrize(
    ("key", "certificate"),
    [
        (b"", PEER.certificate_pem),
        (PEER.key_pem, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        (b.identity("other").key_pem, PEER.certificate_pem),
        (pem_of(rsa.generate_private_key(65_537, 1024)), PEER.certificate_pem),
        (pem_of(ec.generate_private_key(ec.SECP384R1())), PEER.certificate_pem),
    ],
)
def test_an_unusable_key_is_a_configuration_fault(key: bytes, certificate: bytes) -> None:
    with pytest.raises(ConfigurationError, match="FL-CFG-003"):
        identity.Signer(key, certificate)


def test_ten_thousand_records_cost_little() -> None:
    filler = b"<Note>" + b"x" * 1_150 + b"</Note></Slip>"
    document = b.body(10_000).replace(b"</Slip>", filler)
    assert len(document) > 13_000_000
    started = time.perf_counter()
    data = b"".join(envelope.seal((document[n : n + 65_536] for n in range(0, len(document), 65_536)), PEER.signer))
    sealing = time.perf_counter() - started
    tracemalloc.start()
    started = time.perf_counter()
    octets = envelope.open_sealed(data, PEER.certificate_pem)
    opening = time.perf_counter() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert octets == document
    assert peak < 1.2 * len(data)
    assert sealing < 2
    assert opening < 2


def test_a_document_without_canonical_form_is_refused_in_words() -> None:
    data = b.sealed(b'<P xmlns="relative"></P>')
    with pytest.raises(ProblemError, match="FL-XML-007"):
        envelope.open_sealed(data.replace(b"<P ", b"<P  "), PEER.certificate_pem)


def test_base64_of_the_certificate_is_on_one_line() -> None:
    assert base64.b64encode(PEER.certificate_der) in b.sealed()
