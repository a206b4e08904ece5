"""The XML documents of the gateway protocol: a hardened parser, the schemas, and writers that put down canonical XML.

Called by `inbound` (read, validate) and by `answers` and `day` (write). It never signs, and never reads anything but `schemas/`.
"""

from collections.abc import Iterable
from pathlib import Path

from lxml import etree

NAMESPACE = "urn:fundlink:gateway:1"
Fields = Iterable[tuple[str, str | int]]


class NotADocumentError(Exception):
    """The bytes are no XML document of the kind we take."""


def schema_folder() -> Path:
    """`schemas/` of the checkout, or where the wheel puts it."""
    around = Path(__file__).resolve().parent.parent
    candidates = (around / "schemas", around / "fundlink" / "_schemas")
    return next(folder for folder in candidates if (folder / "payment.xsd").exists())


def load_schema(name: str) -> etree.XMLSchema:
    """One compiled schema."""
    return etree.XMLSchema(etree.parse(str(schema_folder() / f"{name}.xsd"), _parser()))


def parse(body: bytes) -> etree._Element:
    """The root of a document without doctype, entities, comments or processing instructions."""
    if b"<!DOCTYPE" in body:  # the encoding is forced below, so no other spelling of these bytes can hide one
        raise NotADocumentError("doctype")
    try:
        root = etree.fromstring(body, _parser())
    except (etree.XMLSyntaxError, ValueError) as fault:
        raise NotADocumentError("not well-formed") from fault
    around = root.getprevious() is not None or root.getnext() is not None
    if around or next(root.iter(etree.Comment, etree.ProcessingInstruction, etree.Entity), None) is not None:
        raise NotADocumentError("comment, processing instruction or entity")
    return root


def write(root: str, header: Fields, records: Iterable[str]) -> bytes:
    """A document in canonical form. Values need no escaping: every one has passed a pattern without markup characters."""
    lines = "".join(records)
    return f'<{root} xmlns="{NAMESPACE}" version="1">{record("Header", header)}{lines}</{root}>'.encode()


def record(name: str, fields: Fields) -> str:
    """One element with its fields in order."""
    return f"<{name}>{''.join(f'<{field}>{value}</{field}>' for field, value in fields)}</{name}>"


def template(name: str, fields: Iterable[str]) -> str:
    """The %-template of one record, for writing ten thousand of them."""
    return record(name, ((field, "%s") for field in fields))


def _parser() -> etree.XMLParser:
    return etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False)
