"""The day's road on small data: what the client does one after the other, and what the other side holds for it at each act.

Used by journey. The client is outside of the system: it has its files, its keys, and what it can look at before it repeats an act
that is no idempotent one (a person looks whether a slip was issued anew before asking for it again).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from fundlink import bootstrap
from fundlink.config import Settings
from fundlink.connectors.in_memory import InMemoryGateway
from fundlink.domain.records import BillingRecord, ReceiptRecord, SettlementRecord
from fundlink.formats.profiles import Profile
from fundlink.store.engine import Store
from tests.builders import CODE, DAY, INSTITUTION, bill, bills, receipt
from tests.crash.child import Request, Work, aside

NEXT = "2026-11-24"
NOW = f"{NEXT}T09:00:00+09:00"


class Place(NamedTuple):
    """Where a journey happens."""

    home: Path
    twin: InMemoryGateway
    url: str

    def sees(self, statement: str) -> Any:
        """The first value that a query finds, or None; from a process of its own."""
        return aside(lambda: look(self.url, statement))

    @property
    def files(self) -> Path:
        """The client's own files."""
        return self.home.parent / "client"

    @property
    def drop(self) -> Path:
        """The drop folder of the standard profile."""
        return self.home / "drop" / "standard"

    @property
    def core(self) -> Path:
        """Where the core system fetches what is handed over."""
        return self.home.parent / "core"


def look(url: str, statement: str) -> Any:
    """The first value that a query finds, or None."""
    store = Store(url)
    try:
        with store.read() as connection:
            return connection.execute(sa.text(statement)).scalar()
    finally:
        store.close()


class Act(NamedTuple):
    """One thing the client asks for. ``before`` is done once; where ``done`` finds a row, a person sees that nothing is to be repeated."""

    name: str
    work: Callable[[Place], Work]
    before: Callable[[Place], None] = lambda _place: None
    done: str = ""


@cache
def profile(name: str) -> Profile:
    """A profile as the client's own software knows it."""
    return bootstrap.profile_loader(Settings())(name)


def billing(rows: Sequence[BillingRecord]) -> bytes:
    """A file of bills."""
    return b"".join(profile("standard").message("billing").writer(rows, {}))


FILES: dict[str, Sequence[BillingRecord]] = {
    "a.csv": [*bills(10), bill(3), bill(11), bill(11, charge_yen=1), bill(12, addressee_number="12345")],
    "b.csv": [bill(1, charge_yen=700), bill(2, action="9"), bill(3), bill(13)],
    "c.csv": bills(34)[26:],
}
SENT = billing(bills(26)[21:])


def place_files(place: Place) -> None:
    """The client's files before the day begins."""
    place.files.mkdir()
    for name, rows in FILES.items():
        (place.files / name).write_bytes(billing(rows))


def calls(_place: Place) -> Work:
    """Two bills one by one, and a file."""
    return (
        *(Request("PUT", f"/v1/bills/{bill(n).bill_key}", f"put-{n}", "application/json", as_json(bill(n))) for n in (20, 21)),
        Request("POST", "/v1/intakes?profile=standard", "file-1", "text/csv", SENT),
    )


def as_json(one: BillingRecord) -> bytes:
    return json.dumps({name: value for name, value in one._asdict().items() if value not in ("", 0, None)}).encode()


def _drop(place: Place) -> None:
    place.drop.mkdir(parents=True)
    (place.drop / "c.csv").write_bytes((place.files / "c.csv").read_bytes())
    (place.drop / "c.csv.done").touch()


def _paid(place: Place, number: int, key: str, **more: Any) -> ReceiptRecord:
    """A payment of the newest slip that the gateway knows for a bill, which it tells apart by its amount."""
    wanted = bill(number).total_yen
    slip = [one for one in place.twin.slips.values() if one["AmountYen"] == str(more.get("amount_yen", wanted)) and one["state"] == "registered"][-1]  # fmt: skip
    return receipt(key, slip["CaseKey"], slip["ConfirmationNumber"], **{"amount_yen": wanted, **more})


def _header(letter: str, count: int, total: int) -> dict[str, Any]:
    return {
        "message_id": f"{letter}-{count}-{total}", "municipality_code": CODE, "institution_code": INSTITUTION, "business_day": DAY,
        "created_at": f"{DAY}T23:59:00+09:00", "record_count": count, "total_yen": total,
    }  # fmt: skip


def _offer(place: Place, kind: str, rows: Sequence[Any], total: int) -> None:
    written = profile("gateway").message(kind).writer(rows, _header(kind[0].upper(), len(rows), total))
    place.twin.put(INSTITUTION, kind, DAY, pieces=written)


def _receipts(place: Place, rows: Sequence[ReceiptRecord]) -> None:
    _offer(place, "receipt", rows, sum(row.amount_yen for row in rows))


def _early(place: Place) -> None:
    """Payments of every kind: said early, confirmed, twice, nobody's, and the same one sent again."""
    first = [_paid(place, 1, "T1", amount_yen=700, stage="preliminary"), _paid(place, 3, "T3"), _paid(place, 20, "T20")]
    _receipts(place, [*first, receipt("T9", "9" * 20, "123456", amount_yen=77)])
    _receipts(place, [_paid(place, 3, "T3"), _paid(place, 3, "T4"), _paid(place, 23, "T23"), _paid(place, 28, "T28")])


def _late(place: Place) -> None:
    """The confirmation, a cancelled payment, and what the gateway settles (all of it its fee, so that no bank is needed)."""
    _receipts(place, [_paid(place, 1, "T1", amount_yen=700), _paid(place, 28, "T28", stage="cancelled")])
    gross = 700 + 2 * bill(3).total_yen + bill(20).total_yen + bill(23).total_yen + 77
    _offer(place, "settlement", [SettlementRecord("S1", 1, INSTITUTION, "601", DAY, 6, gross, gross, 0, "2026-11-26")], gross)


def _words(*words: str) -> Callable[[Place], Work]:
    """A command; ``{files}``, ``{home}`` and the like stand for its place."""
    return lambda place: tuple(word.format(files=place.files, drop=place.drop, core=place.core) for word in words)


def _approve(place: Place) -> Work:
    """Another person approves what lies there; a database may leave numbers out."""
    return "act", "approve", str(place.sees("SELECT MAX(id) FROM act")), "--as", "b"


_APPROVED = f"SELECT 1 FROM day_close WHERE step = 'approved' AND day = '{DAY}'"
_ACTS: tuple[Act, ...] = (
    Act("intake", _words("intake", "{files}/a.csv")),
    Act("api", calls),
    Act("drop", _words("intake", "--folder", "{drop}"), _drop),
    Act("submit", _words("submit")),
    Act("reissue", _words("reissue", bill(4).bill_key, "--as", "a", "--approved-by", "b"), done="SELECT 1 FROM slip WHERE issue_count = 2"),
    Act("change", _words("intake", "{files}/b.csv")),
    Act("submit again", _words("submit")),
    Act("collect", _words("collect"), _early),
    Act("reconcile", _words("reconcile")),
    Act("export", _words("export", "--out", "{core}")),
    Act(
        "prepare",
        _words("act", "prepare", "accept", "--case", "transaction:T4", "--as", "a", "--reason", "確認済み"),
        done="SELECT 1 FROM act",
    ),
    Act("approve", _approve, done="SELECT 1 FROM act_event"),
    Act("collect again", _words("collect"), _late),
    Act("reconcile again", _words("reconcile")),
    Act("close", _words("close", DAY, "--as", "a", "--approved-by", "b"), done=_APPROVED),
    Act("export again", _words("export", "--out", "{core}")),
    Act("backup", _words("backup", "--out", "{files}/backup.zip")),
)


def road() -> Iterator[Act]:
    """All acts of the day."""
    yield from _ACTS
