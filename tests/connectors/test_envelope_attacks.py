"""The envelope under attack: wrapping (X10-X17), structure, keys, algorithms (X18-X20), split text and twins (X21-X23), mutation.

Two things hold for every document here: it is refused with its code, or the octets are exactly the ones that were signed;
and the envelope never opens what a strict verification by another implementation refuses.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from fundlink.connectors import envelope
from fundlink.domain.errors import ProblemError
from tests.connectors import envelope_builders as b

PEER, ATTACKER = b.identity("peer"), b.identity("attacker")
DOCUMENT = b.body()
SEALED = b.sealed()
OTHER_WRITING = b.craft(DOCUMENT.replace(b"><", b">\n<"), PEER, b.Craft(prefix="", gap=" "))
OTHER_OCTETS = DOCUMENT.replace(b"><", b">\n<")
WITH_ID = DOCUMENT.replace(b"<PaymentFile ", b'<PaymentFile Id="m" ', 1)
SIGNED_BY_ID = b.craft(WITH_ID, PEER, b.Craft(uri="#m"))
EVIL = DOCUMENT.replace(b"<AmountYen>1001<", b"<AmountYen>9999999<").replace(b">M1<", b">M2<")
G = f"{{{b.GATEWAY}}}"
SIGNATURE = f"{{{b.DS}}}Signature"


def outcome(data: bytes, pinned: bytes = PEER.certificate_pem) -> str | bytes:
    try:
        return envelope.open_sealed(data, pinned)
    except ProblemError as refusal:
        (found,) = refusal.problems
        return found.code


def agrees(data: bytes) -> None:
    """Accepted here means accepted by the other implementation, with the same octets."""
    opened = outcome(data)
    if isinstance(opened, bytes):
        assert opened == b.by_signxml(data, PEER)


class Parts:
    """A signed document taken apart: its root, its signature, and an evil twin of the document."""

    def __init__(self, signed: bytes) -> None:
        self.whole = etree.fromstring(signed)
        self.unsigned = etree.fromstring(signed)
        self.unsigned.remove(self.unsigned[-1])
        self.evil = etree.fromstring(EVIL)
        (self.signature,) = [child for child in etree.fromstring(signed) if child.tag == SIGNATURE]

    def in_object(self, *things: etree._Element) -> etree._Element:
        holder = etree.SubElement(self.signature, f"{{{b.DS}}}Object")
        holder.extend(things)
        return self.signature


def xsw1(p: Parts) -> etree._Element:
    p.evil.append(p.in_object(p.unsigned))
    return p.evil


def xsw2(p: Parts) -> etree._Element:
    p.evil.extend([p.signature, p.unsigned])
    return p.evil


def xsw3(p: Parts) -> etree._Element:
    p.evil.append(p.whole)
    return p.evil


def xsw4(p: Parts) -> etree._Element:
    p.evil[1].append(p.whole)
    return p.evil


def xsw5(p: Parts) -> etree._Element:
    p.evil[1].append(p.signature)
    p.evil.append(p.unsigned)
    return p.evil


def xsw6(p: Parts) -> etree._Element:
    p.evil[1].append(p.in_object(p.unsigned))
    return p.evil


def xsw7(p: Parts) -> etree._Element:
    etree.SubElement(p.evil, G + "Extensions").append(p.whole)
    return p.evil


def xsw8(p: Parts) -> etree._Element:
    slips = list(p.unsigned)
    p.evil.append(p.in_object(*slips))
    return p.evil


VARIANTS: dict[str, Callable[[Parts], etree._Element]] = {
    "X10": xsw1,
    "X11": xsw2,
    "X12": xsw3,
    "X13": xsw4,
    "X14": xsw5,
    "X15": xsw6,
    "X16": xsw7,
    "X17": xsw8,
}


@pytest.mark.parametrize("signed", [SEALED, OTHER_WRITING, SIGNED_BY_ID])
@pytest.mark.parametrize("name", VARIANTS)
def test_X10_X17_wrapping(name: str, signed: bytes) -> None:
    wrapped = VARIANTS[name](Parts(signed))
    for data in (etree.tostring(wrapped), b.c14n(wrapped), etree.tostring(wrapped, xml_declaration=True, encoding="UTF-8")):
        assert outcome(data) == "FL-SIG-001"
        agrees(data)


def test_X10_X17_content_beside_the_signed_one_breaks_the_digest() -> None:
    """With the whole document as reference, original and evil content side by side under one signature cannot verify."""
    parts = Parts(SEALED)
    parts.evil.extend([parts.unsigned, parts.signature])
    assert outcome(b.c14n(parts.evil)) == "FL-SIG-005"
    textual = SEALED.replace(b"<Slip>", b"<Slip><AmountYen>1</AmountYen></Slip><Slip>", 1)
    assert outcome(textual) == "FL-SIG-005"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("duplicate Id", b.craft(WITH_ID.replace(b"<Slip>", b'<Slip Id="m">', 1), PEER, b.Craft(uri="#m"))),
        ("Reference not root", SIGNED_BY_ID),
        ("Reference not root", b.craft(WITH_ID.replace(b"<Slip>", b'<Slip Id="s">', 1), PEER, b.Craft(uri="#s"))),
        ("xpointer", b.craft(DOCUMENT, PEER, b.Craft(uri="#xpointer(/)"))),
        ("remote reference", b.craft(DOCUMENT, PEER, b.Craft(uri="http://127.0.0.1/x"))),
        ("no URI", b.craft(DOCUMENT, PEER, b.Craft(uri=None))),
        ("no Reference", b.craft(DOCUMENT, PEER, b.Craft(references=0))),
        ("two References", b.craft(DOCUMENT, PEER, b.Craft(references=2))),
        ("Id on the signature", b.craft(DOCUMENT, PEER, b.Craft(attributes=' Id="x"'))),
        ("foreign attribute", b.craft(DOCUMENT, PEER, b.Craft(attributes=' xml:lang="ja"'))),
        ("HMACOutputLength", b.craft(DOCUMENT, PEER, b.Craft(method_child="<s:HMACOutputLength>1</s:HMACOutputLength>"))),
        ("stray text", b.craft(DOCUMENT, PEER, b.Craft(gap=" evil ", prefix=""))),
        ("two Signatures", b.craft(SEALED, PEER)),
        ("two Signatures", SEALED.replace(b"</PaymentFile>", SEALED[SEALED.index(b"<ds:Signature ") :])),
    ],
)
def test_X18_structure(kind: str, data: bytes) -> None:
    assert outcome(data) == "FL-SIG-002", kind
    agrees(data)


def test_X18_a_second_signature_below_is_refused_although_it_is_signed() -> None:
    inner = SEALED[SEALED.index(b"<ds:Signature ") : SEALED.rindex(b"</PaymentFile>")]
    document = DOCUMENT.replace(b"<Header>", b"<Header>" + inner)
    assert outcome(b.sealed(document)) == "FL-SIG-002"


KEY = "<{p}X509Data><{p}X509Certificate>{certificate}</{p}X509Certificate></{p}X509Data>"
VALUE = "<{p}KeyValue><{p}RSAKeyValue><{p}Modulus>AQAB</{p}Modulus><{p}Exponent>AQAB</{p}Exponent></{p}RSAKeyValue></{p}KeyValue>"


@pytest.mark.parametrize(
    "data",
    [
        b.sealed(EVIL, ATTACKER),
        b.craft(EVIL, ATTACKER),
        b.craft(EVIL, ATTACKER, b.Craft(key_info=VALUE)),
        b.craft(DOCUMENT, PEER, b.Craft(key_info=VALUE)),
        b.craft(DOCUMENT, PEER, b.Craft(key_info=KEY + VALUE)),
        b.craft(DOCUMENT, PEER, b.Craft(key_info=KEY + KEY)),
        b.craft(DOCUMENT, PEER, b.Craft(key_info="")),
        b.craft(DOCUMENT, PEER, b.Craft(key_info="<{p}KeyName>peer</{p}KeyName>")),
        b.craft(DOCUMENT, PEER, b.Craft(key_info='<{p}RetrievalMethod URI="http://127.0.0.1/k"/>')),
        b.craft(DOCUMENT, PEER, b.Craft(key_info=KEY + '<{p}RetrievalMethod URI="#k"/>')),
        b.craft(DOCUMENT, PEER, b.Craft(key_info=KEY.replace("{certificate}", "AAAA{certificate}"))),
    ],
)
def test_X19_keys_that_came_along(data: bytes) -> None:
    assert outcome(data) == "FL-SIG-003"
    agrees(data)


def test_X19_the_pinned_certificate_over_a_foreign_signature() -> None:
    der = base64.b64encode(PEER.certificate_der)
    for data in (b.sealed(EVIL, ATTACKER), b.craft(EVIL, ATTACKER)):
        assert outcome(data.replace(base64.b64encode(ATTACKER.certificate_der), der)) == "FL-SIG-005"


XSLT = '<x:stylesheet xmlns:x="http://www.w3.org/1999/XSL/Transform" version="1.0"/>'
ALG = "http://www.w3.org/2001/04/xmldsig-more#"


@pytest.mark.parametrize(
    "how",
    [
        b.Craft(method=b.DS + "hmac-sha1"),
        b.Craft(method=ALG + "hmac-sha256", method_child="<s:HMACOutputLength>1</s:HMACOutputLength>"),
        b.Craft(method=b.DS + "rsa-sha1"),
        b.Craft(method=ALG + "rsa-sha512"),
        b.Craft(method=""),
        b.Craft(method=b.ECDSA_SHA256),  # allowed, but not with an RSA key
        b.Craft(digest_method=b.DS + "sha1"),
        b.Craft(c14n_method="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        b.Craft(c14n_method=b.EXCLUSIVE + "WithComments"),
        b.Craft(transforms=(b.ENVELOPED, b.EXCLUSIVE + "WithComments")),
        b.Craft(transforms=(b.ENVELOPED, "http://www.w3.org/TR/1999/REC-xslt-19991116"), transform_child=XSLT),
        b.Craft(transforms=(b.ENVELOPED, "http://www.w3.org/TR/1999/REC-xpath-19991116"), transform_child="<s:XPath>self::x</s:XPath>"),
        b.Craft(transforms=(b.ENVELOPED, "http://www.w3.org/2002/06/xmldsig-filter2")),
        b.Craft(transforms=(b.ENVELOPED, b.DS + "base64")),
        b.Craft(transforms=(b.EXCLUSIVE, b.ENVELOPED)),
        b.Craft(transforms=(b.EXCLUSIVE, b.EXCLUSIVE)),
    ],
)
def test_X20_algorithms(how: b.Craft) -> None:
    data = b.craft(DOCUMENT, PEER, how)
    assert outcome(data) == "FL-SIG-004"


def test_X20_hmac_with_the_public_key_as_secret() -> None:
    data = b.craft(EVIL, ATTACKER, b.Craft(method=ALG + "hmac-sha256"))
    (signed_info,) = etree.fromstring(data).iter(f"{{{b.DS}}}SignedInfo")
    code = hmac.HMAC(PEER.certificate_der, hashes.SHA256())
    code.update(b.c14n(signed_info))
    root = etree.fromstring(data.replace(base64.b64encode(ATTACKER.certificate_der), base64.b64encode(PEER.certificate_der)))
    (value,) = root.iter(f"{{{b.DS}}}SignatureValue")
    value.text = base64.b64encode(code.finalize()).decode()
    assert outcome(etree.tostring(root)) == "FL-SIG-004"


def test_X20_an_inclusive_prefix_list_is_not_of_the_profile() -> None:
    inner = f'<i:InclusiveNamespaces xmlns:i="{b.EXCLUSIVE}" PrefixList="a"/>'
    assert outcome(b.craft(DOCUMENT, PEER, b.Craft(transform_child=inner))) == "FL-SIG-001"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b">1001<", b">1<!---->001<", "FL-XML-006"),
        (b">1001<", b">1<?x?>001<", "FL-XML-002"),
        (b"<PaymentFile", b"<!DOCTYPE PaymentFile [<!ENTITY x '1'>]><PaymentFile", "FL-XML-001"),
        (b'"></ds:Transform>', b'"><!-- --></ds:Transform>', "FL-XML-006"),
        (b"</PaymentFile>", b"</PaymentFile><x/>", "FL-XML-009"),
        (b"</PaymentFile>", b"</PaymentFile>x", "FL-XML-009"),
        (b"</PaymentFile>", b"", "FL-XML-009"),
        (b">1001<", b">&#49;001<x/><", "FL-SIG-005"),
        (b">1001<", b">\xff<", "FL-XML-008"),
    ],
)
def test_X21_text_is_never_split_between_verifier_and_reader(old: bytes, new: bytes, code: str) -> None:
    for data in (SEALED, b.craft(DOCUMENT, PEER, b.Craft(prefix="ds"))):
        assert outcome(data.replace(old, new, 1)) == code


def test_X21_other_spellings_of_the_same_text_give_the_signed_octets() -> None:
    for spelling in (b">1<![CDATA[00]]>1<", b">&#49;0&#x30;1<"):
        data = SEALED.replace(b">1001<", spelling)
        assert outcome(data) == DOCUMENT == b.by_signxml(data, PEER)


def test_X22_a_twin_in_another_writing_gives_the_signed_octets() -> None:
    twins = [
        SEALED.replace(b'xmlns="urn:fundlink:gateway:1" version="1"', b"version='1'  xmlns='urn:fundlink:gateway:1'"),
        b'<?xml version="1.0"?>' + SEALED + b"\n",
        SEALED.replace(b"></ds:Transform>", b" />"),
        SEALED.replace(b"</Slip>", b"</Slip >"),
    ]
    for twin in twins:
        assert outcome(twin) == DOCUMENT == b.by_signxml(twin, PEER)
    for prefixed in (SEALED.replace(b"ds:", b"sd:").replace(b":ds=", b":sd="), SEALED.replace(b"<Slip>", b"\n<Slip>")):
        assert outcome(prefixed) == "FL-SIG-005"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b'xmlns:ds="http://www.w3.org/2000/09/xmldsig#"', b'xmlns:ds="http://www.w3.org/2000/09/xmldsig"', "FL-SIG-006"),
        (b'xmlns="urn:fundlink:gateway:1"', b'xmlns="urn:fundlink:gateway:2"', "FL-SIG-005"),
        (b"<Slip>", b'<Slip xmlns="">', "FL-SIG-005"),
        (b"<ds:SignedInfo>", b'<ds:SignedInfo xmlns:ds="urn:x">', "FL-SIG-001"),
    ],
)
def test_X23_wrong_namespaces(old: bytes, new: bytes, code: str) -> None:
    data = SEALED.replace(old, new)
    assert outcome(data) == code
    agrees(data)


@pytest.mark.parametrize("data", [DOCUMENT, b"<a/>", DOCUMENT.replace(b"<Header>", b"<Header>ds:Signature ")])
def test_no_signature(data: bytes) -> None:
    assert outcome(data) == "FL-SIG-006"


@pytest.mark.parametrize("data", [b"", b"{}", b"<", b"\x1f\x8b\x08", b"<a>" * 100_000, b"<!DOCTYPE a><a/>", SEALED[:-30]])
def test_what_is_no_document_is_refused_in_words(data: bytes) -> None:
    assert str(outcome(data)).startswith("FL-XML-")


def test_a_refusal_says_where_and_quotes_nothing() -> None:
    with pytest.raises(ProblemError) as caught:
        envelope.open_sealed(SEALED.replace(b"<Slip>", b"\n<Slip><?secret?>", 1), PEER.certificate_pem)
    (found,) = caught.value.problems
    assert (found.code, found.line) == ("FL-XML-002", 2)
    assert "secret" not in str(found.as_json())


# --- mutation
WRITINGS = [(SEALED, DOCUMENT), (OTHER_WRITING, OTHER_OCTETS)]


def test_every_byte_of_a_sealed_document_counts() -> None:
    for at in range(0, len(SEALED), 3):
        for flip in (0x01, 0x20):
            data = SEALED[:at] + bytes([SEALED[at] ^ flip]) + SEALED[at + 1 :]
            opened = outcome(data)
            assert isinstance(opened, str) or opened == DOCUMENT, at


@given(st.sampled_from(WRITINGS), st.data())
@settings(max_examples=300)
def test_mutated_documents_open_to_the_signed_octets_or_not_at_all(writing: tuple[bytes, bytes], data: Any) -> None:
    signed, octets = writing
    at = data.draw(st.integers(0, len(signed) - 1))
    end = at + data.draw(st.sampled_from([0, 1, 1, 1, 2, 10, 300]))
    text = data.draw(st.binary(max_size=3) | st.sampled_from([b" ", b"\n", b"\t", b"&#32;", b"<x/>", b"<![CDATA[]]>", signed[at:end] * 2]))
    mutated = signed[:at] + text + signed[end:]
    opened = outcome(mutated)
    assert isinstance(opened, str) or opened == octets
    agrees(mutated)


def test_the_other_implementation_accepts_the_good_ones() -> None:
    for signed, octets in WRITINGS:
        assert outcome(signed) == octets == b.by_signxml(signed, PEER)


@given(st.binary(max_size=300))
@example(b"<ds:Signature ")
@settings(max_examples=200)
def test_any_bytes_are_refused_in_words(data: bytes) -> None:
    assert isinstance(outcome(data), str)
