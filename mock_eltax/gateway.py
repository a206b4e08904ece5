"""The gateway's acts: enrol an institution, take a message once, say what became of it, list and hand out files.

Called by the HTTP routes. Every act is one transaction; the answer to a message is stored with its effect, so a retry gets the same bytes.
"""

import hashlib
import threading
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from mock_eltax import faults, registry
from mock_eltax.answers import Verdict, acknowledge
from mock_eltax.inbound import RejectedError, Sealed, read_slips, unseal
from mock_eltax.world import Desk, World

ONE_AT_A_TIME = threading.Lock()
"""A message of ten thousand slips takes tens of megabytes while it is read; two at once would take twice that."""


class Reply(NamedTuple):
    """What goes back: the signed answer, and the fault that befalls it on the way."""

    answer: bytes
    fault: str = ""
    asked_s: float = 30.0


def enrol(world: World, institution_code: str, certificate_pem: str) -> int:
    """Pin a certificate: 201 the first time, 200 for the same one, 409 for another. ValueError when it is none."""
    der = x509.load_pem_x509_certificate(certificate_pem.encode()).public_bytes(serialization.Encoding.DER)
    with world.ledger.writing() as connection:
        query = "SELECT certificate FROM institutions WHERE institution_code = ?"
        pinned = connection.execute(query, (institution_code,)).fetchone()
        if pinned is not None:
            return 200 if pinned["certificate"] == der else 409
        connection.execute("INSERT INTO institutions VALUES(?, ?)", (institution_code, der))
        return 201


def take(world: World, message_id: str, body: bytes) -> Reply:
    """Take a message: the stored answer for bytes seen before, otherwise judge, apply and answer."""
    armed = faults.draw_armed(world, "send")
    if armed is not None and not armed.fault.taken:
        return Reply(b"", armed.fault.name, armed.asked_s)
    with ONE_AT_A_TIME:
        if armed is not None and armed.fault.name == "takes_twice":
            _double(world, message_id, body)
        reply = _take(world, message_id, body)
    if armed is None:
        return reply
    if armed.fault.name == "forgets":
        _forget(world, message_id, body, reply.answer)
    return Reply(faults.damaged(armed.fault.name, reply.answer), armed.fault.name, armed.asked_s)


def _double(world: World, message_id: str, body: bytes) -> None:
    """A message that was taken before counts once more in the books: the gateway's own mistake."""
    row = (message_id, hashlib.sha256(body).hexdigest())
    with world.ledger.writing() as connection:
        connection.execute("UPDATE messages SET registered = registered * 2 WHERE message_id = ? AND sha256 = ?", row)


def _forget(world: World, message_id: str, body: bytes, answer: bytes) -> None:
    with world.ledger.writing() as connection:
        faults.forget(connection, unseal(connection, body).institution_code, message_id, answer)


def _take(world: World, message_id: str, body: bytes) -> Reply:
    sha256 = hashlib.sha256(body).hexdigest()
    with world.ledger.reading() as connection:
        query = "SELECT answer FROM messages WHERE message_id = ? AND sha256 = ?"
        known = connection.execute(query, (message_id, sha256)).fetchone()
        if known is not None:
            return Reply(known["answer"])
        try:
            sealed = unseal(connection, body)
        except RejectedError as fault:  # nobody we know said this, so nothing is remembered under the id
            return Reply(acknowledge(world, message_id, Verdict(fault.institution_code, "rejected", fault.reason_code)))
    with world.ledger.writing() as connection:
        return _take_once(Desk(world, connection, sealed.institution_code), _Envelope(message_id, sha256, sealed))


def inquire(world: World, institution_code: str, message_id: str) -> Reply:
    """The stored answer to a message, or a signed word that it never arrived."""
    armed = faults.draw_armed(world, "inquire")
    if armed is not None and armed.fault.name == "lies":
        return Reply(acknowledge(world, message_id, Verdict(institution_code, "absent")))
    return Reply(_known(world, institution_code, message_id), armed.fault.name if armed else "")


def _known(world: World, institution_code: str, message_id: str) -> bytes:
    with world.ledger.reading() as connection:
        query = "SELECT answer FROM messages WHERE institution_code = ? AND message_id = ?"
        known = connection.execute(query, (institution_code, message_id)).fetchone()
    return bytes(known["answer"]) if known else acknowledge(world, message_id, Verdict(institution_code, "absent"))


def list_files(world: World, institution_code: str, after: int, limit: int) -> list[dict[str, Any]]:
    """Files of an institution after a sequence number."""
    query = """SELECT file_id, sequence, kind, name, business_day, sha256, bytes FROM files
      WHERE institution_code = ? AND sequence > ? ORDER BY sequence LIMIT ?"""
    with world.ledger.reading() as connection:
        return [dict(row) for row in connection.execute(query, (institution_code, after, limit))]


def read_file(world: World, file_id: str) -> tuple[str, bytes] | None:
    """Kind and bytes of one file."""
    with world.ledger.reading() as connection:
        row = connection.execute("SELECT kind, body FROM files WHERE file_id = ?", (file_id,)).fetchone()
    return None if row is None else (row["kind"], row["body"])


class _Envelope(NamedTuple):
    message_id: str
    sha256: str
    sealed: Sealed


def _take_once(desk: Desk, envelope: _Envelope) -> Reply:
    institution, message_id = desk.institution_code, envelope.message_id
    query = "SELECT sha256, answer FROM messages WHERE institution_code = ? AND message_id = ?"
    known = desk.connection.execute(query, (institution, message_id)).fetchone()
    if known is not None:  # looked at again here: the same bytes may have come twice at the same moment
        if known["sha256"] == envelope.sha256:
            return Reply(known["answer"])
        return Reply(acknowledge(desk.world, message_id, Verdict(institution, "rejected", "R005")))
    try:
        slips = read_slips(desk.world, envelope.sealed, message_id)
    except RejectedError as refused:
        return Reply(_keep(desk, envelope, Verdict(institution, "rejected", refused.reason_code)))
    fault = faults.draw_once(desk, message_id, slips)
    if fault is not None and not fault.taken:
        return Reply(b"", fault.name)
    verdict = Verdict(institution, "processed", "", registry.apply(desk, slips))
    answer = _keep(desk, envelope, verdict)
    if fault is None:
        return Reply(answer)
    if fault.name == "forgets":
        faults.forget(desk.connection, institution, message_id, answer)
    return Reply(faults.damaged(fault.name, answer), fault.name)


def _keep(desk: Desk, envelope: _Envelope, verdict: Verdict) -> bytes:
    answer = acknowledge(desk.world, envelope.message_id, verdict)
    registered = sum(1 for _, operation, reason, _ in verdict.answers if operation == "register" and not reason)
    row = (desk.institution_code, envelope.message_id, envelope.sha256, registered, verdict.refused, answer)
    desk.connection.execute("INSERT INTO messages VALUES(?, ?, ?, ?, ?, ?)", row)
    return answer
