"""What of a bill's row is stored and compared with the row before it: its key, its content, a mark of its payer.

Called by intake. No word about a payer leaves this module: what is kept is a digest under a key of the installation, different for every
bill, so that the table alone confirms no guess of a name or address. It decides nothing: which row changes what is said in store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.domain.records import BillingRecord
from fundlink.formats.message import Message
from fundlink.pipeline.rooms import Rooms
from fundlink.store import bills

PayerMark = Callable[[str, str], str]
"""From the key of a bill and the words about its payer to what is kept of them."""
_NOBODY = "\x1f\x1f\x1f"


def payer_mark(rooms: Rooms, message: Message) -> PayerMark:
    """How the rows of this message are marked; a layout that has no field for payers says nothing of them."""
    if not any(field.name.startswith("payer_") for field in message.fields):
        return lambda _key, _payer: bills.PAYER_UNSAID
    secret, digest = rooms.sealing_key(), hashlib.blake2b

    def mark(key: str, payer: str) -> str:
        if payer == _NOBODY:
            return bills.NO_PAYER
        return digest(f"{key}\x1e{payer}".encode(), digest_size=12, key=secret, person=b"bill payer").hexdigest()

    return mark


def version_rows(
    file_id: int, rows: Sequence[tuple[int, BillingRecord]], first: int, *, numbers: Iterable[str], mark: PayerMark
) -> Iterator[tuple[Any, ...]]:
    """Rows of bill_version: key, content with the mark of the payer, the numbers that a new bill would get from ``first`` on."""
    base = file_id << bills.LINE_BITS
    if rows and rows[-1][0] > bills.MAX_LINE:
        line = next(line for line, _ in rows if line > bills.MAX_LINE)
        raise ProblemError([problem("FL-CSV-007", line=line, expected=bills.MAX_LINE)])
    digest = hashlib.blake2b
    for serial, ((line, r), number) in enumerate(zip(rows, numbers, strict=True), first):
        (
            code,
            fund,
            levy,
            relevant,
            fiscal,
            notice,
            part,
            subject,
            child,
            payer,
            office,
            charge,
            fee,
            late,
            due,
            until,
            name,
            kana,
            postal_code,
            address,
            action,
            core,
        ) = r
        key = f"{code}~{fund}~{levy}~{relevant}~{notice}~{part}~{subject}~{child}"
        shown = f"{fiscal}\x1f{payer}\x1f{office}\x1f{charge}\x1f{fee}\x1f{late}\x1f{due}\x1f{until}\x1f{core}"
        content = digest(shown.encode(), digest_size=bills.CONTENT_BYTES).hexdigest()
        content += mark(key, f"{name}\x1f{kana}\x1f{postal_code}\x1f{address}")
        yield (
            base + line, file_id, line, key, content, code, fund, levy, relevant, fiscal, notice, part, subject, child, payer, office,
            charge, fee, late, charge + fee + late, due, until, action, core, f"{fund}{levy:04d}{serial:013d}", number,
        )  # fmt: skip
