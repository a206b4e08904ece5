"""Plays all scenarios of the tables in one database, day by day, through the public face, and remembers what each saw at its end.

Used by the cases. A day is: bill files, acts of staff, submit, what arrives, collect, reconcile, export, closes. In the second
playing the same facts arrive in another order, in pieces, and more than once.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from fundlink.domain.errors import ProblemError
from fundlink.domain.records import BankCreditRecord, BillingRecord, ReceiptRecord, SettlementRecord
from fundlink.jobs import Jobs
from tests.builders import World, bill, receipt
from tests.builders import world as build_world
from tests.scenarios.exchange import Exchange
from tests.scenarios.places import Place, assign
from tests.scenarios.tables import Event, Scenario, iso

TOKYO = dt.timezone(dt.timedelta(hours=9))
_STAGES = {"pay": "confirmed", "prelim": "preliminary", "back": "cancelled"}
_KINDS = {"pay": "receipt", "prelim": "receipt", "back": "receipt", "settle": "settlement", "credit": "bank_credit"}
_FILES = ("bill", "cancel")


class Due(NamedTuple):
    """An event of a scenario on the day it happens."""

    scenario: Scenario
    place: Place
    event: Event


class Stage:
    """One database with all scenarios on it."""

    def __init__(self, folder: Path, database_url: str, scenarios: Sequence[Scenario], *, shuffled: bool) -> None:
        self.scenarios, self.shuffled = scenarios, shuffled
        self.places = assign(scenarios)
        self.seen: dict[str, dict[str, list[str]]] = {}
        self._today = dt.datetime(2026, 11, 16, 9, tzinfo=TOKYO)
        built = build_world(folder, database_url, gateway=Exchange)
        rooms = dataclasses.replace(built.jobs.rooms, clock=lambda: self._today)
        self.world = World(Jobs(rooms, owned=True), built.twin, folder)
        self._files: dict[str, list[tuple[Path, int]]] = defaultdict(list)
        self._acts: dict[str, list[str]] = defaultdict(list)
        self._slips: dict[tuple[str, int], tuple[str, str]] = {}
        self._put = 0
        self._days: list[dict[str, Any]] = []

    @property
    def twin(self) -> Exchange:
        """The other side."""
        assert isinstance(self.world.twin, Exchange)
        return self.world.twin

    def play(self) -> None:
        """Every day on which something happens, in order."""
        calendar: dict[str, list[Due]] = defaultdict(list)
        for scenario in self.scenarios:
            events = turned(scenario) if self.shuffled else scenario.events
            for event in events:
                calendar[event.on].append(Due(scenario, self.places[scenario.name], event))
            calendar[scenario.seen].append(Due(scenario, self.places[scenario.name], Event(scenario.seen, "look", (), {})))
        for day in sorted(calendar):
            self._day(day, calendar[day])
        self.world.jobs.rooms.close()

    def _day(self, day: str, due: list[Due]) -> None:
        self._today = dt.datetime.fromisoformat(f"{day}T18:00:00+09:00")
        self._bill_files(day, [one for one in due if one.event.verb in _FILES])
        for one in due:
            if one.event.verb in ("again", "reissue", "rollback", "lose", "counter", "returned"):
                self._act(one)
        early = [one for one in due if "unposted" in one.event.more]
        self.world.jobs.submit()
        self._slips = {(key, count): (case, number) for key, count, case, number in self.world.sql(_SLIPS)}
        facts = [one for one in due if one.event.is_fact]
        for one in due:
            if one.event.verb == "stale":
                self._act(one)
        for number, part in enumerate(pieces(facts) if self.shuffled else [facts]):
            self._deliver(day, part)
            self._settle_down([] if number else early)
        for one in due:
            if one.event.verb in ("close", "unpaid") and one not in early:
                self._act(one)
        if any(one.event.verb == "close" for one in due):
            self._days = self.world.jobs.reconcile()["days"]
        ending = [scenario for scenario in self.scenarios if scenario.seen == day]
        if ending:
            self._look(ending)

    def _settle_down(self, early: list[Due]) -> None:
        self.world.jobs.collect()
        for one in early:  # receipts are in, and nobody has looked at them yet
            self._act(one)
        self._days = self.world.jobs.reconcile()["days"]
        self.world.jobs.export(self.world.folder / "out")

    def _bill_files(self, day: str, due: list[Due]) -> None:
        message = self.world.jobs.rooms.profile("standard").message("billing")
        for code, group in groupby(sorted(due, key=lambda one: one.place.code), key=lambda one: one.place.code):
            rows = [_bill(one) for one in group]
            path = self.world.folder / f"{code}-{day}.csv"
            path.write_bytes(b"".join(message.writer(rows, {})))
            taken = self.world.jobs.intake(path, "standard")
            assert (taken["quarantined"], taken["rejected"]) == (False, 0), (code, taken["problems"])
            self._files[code].append((path, int(taken["file_id"])))

    def _act(self, one: Due) -> None:
        """An act of staff; what came of it is told in one word, or by the code of the problem."""
        try:
            told = _ACTS[one.event.verb](self, one)
        except ProblemError as error:
            told = " ".join(sorted({problem.code for problem in error.problems}))
        if told:
            self._acts[one.scenario.name].append(told)

    def _again(self, one: Due) -> str:
        path, _ = self._files[one.place.code][int(one.event.about[0]) - 1]
        taken = self.world.jobs.intake(path, "standard")
        if taken["duplicate_of"] is not None:
            return "duplicate"
        self._files[one.place.code].append((path, int(taken["file_id"])))
        return "taken"

    def _reissue(self, one: Due) -> str:
        self.world.jobs.reissue(bill_key(one.place, one.event.about[0], one.event), "担当", "係長")
        return "reissued"

    def _roll_back(self, one: Due) -> str:
        _, file_id = self._files[one.place.code][int(one.event.about[0]) - 1]
        self.world.jobs.roll_back(file_id, "担当", "係長")
        return "taken back"

    def _lose(self, one: Due) -> str:
        self.twin.losses.setdefault(one.place.institution, []).extend(one.event.about)
        return ""

    def _counter(self, one: Due) -> str:
        """A payer pays there; we hear of it when its receipt comes."""
        self.twin.tills.setdefault(one.place.institution, []).append(self._slip(one, one.event.about[0])[0])
        return ""

    def _returned(self, one: Due) -> str:
        """A payment is taken back there."""
        self.twin.tills[one.place.institution].remove(self._slip(one, one.event.about[0])[0])
        return ""

    def _close(self, one: Due) -> str:
        told = self.world.jobs.close_day(one.place.day(one.event.about[0]), "担当", "会計管理者")
        refused = [row["code"] for row in told["refused"] if row["municipality_code"] == one.place.code]
        closed = [row for row in told["closed"] if row["municipality_code"] == one.place.code]
        return " ".join(sorted(set(refused))) or ("closed" if closed else "closed before")

    def _unpaid(self, one: Due) -> str:
        told = self.world.jobs.unpaid(iso(one.event.about[0]), one.place.code, self.world.folder / "unpaid")
        return f"{told['bills']} unpaid"

    def _stale(self, one: Due) -> str:
        """The gateway sends the file of a day long past: a payment for the first bill, as true as any other but for its day."""
        day, paid = one.event.about
        case_key, number = self._slip(one._replace(event=one.event._replace(more={**one.event.more, "of": "601"})), paid)
        row = receipt(
            f"{one.place.institution}-{one.place.serial:03d}-OLD", case_key, number, institution_code=one.place.institution,
            fund_code=one.place.funds["601"], amount_yen=1000, paid_on=iso(day), booked_on=iso(day),
        )  # fmt: skip
        header = {
            "message_id": f"stale-{one.place.serial}", "municipality_code": one.place.code, "institution_code": one.place.institution,
            "business_day": iso(day), "created_at": f"{iso(day)}T17:00:00+09:00", "record_count": 1, "total_yen": row.amount_yen,
        }  # fmt: skip
        message = self.world.jobs.rooms.profile("gateway").message("receipt")
        self.twin.put(one.place.institution, "receipt", iso(day), pieces=message.writer(iter([row]), header))
        return ""

    def _deliver(self, day: str, facts: list[Due]) -> None:
        """One file a municipality and kind."""
        ordered = sorted(enumerate(facts), key=lambda pair: (pair[1].place.code, _KINDS[pair[1].event.verb], pair[0]))
        for (code, kind), group in groupby((one for _, one in ordered), key=lambda one: (one.place.code, _KINDS[one.event.verb])):
            self._put += 1
            if kind == "bank_credit":
                self._tell_credits(day, code, list(group))
                continue
            rows = [self._record(kind, one, at) for at, one in enumerate(group, 1)]
            yen = sum(row.gross_yen if isinstance(row, SettlementRecord) else row.amount_yen for row in rows)
            header = {
                "message_id": f"{kind}-{self._put}", "municipality_code": code, "institution_code": code[:5], "business_day": day,
                "created_at": f"{day}T17:00:00+09:00", "record_count": len(rows), "total_yen": yen,
            }  # fmt: skip
            message = self.world.jobs.rooms.profile("gateway").message(kind)
            self.twin.put(code[:5], kind, day, pieces=message.writer(iter(rows), header))

    def _record(self, kind: str, one: Due, at: int) -> Any:
        return {"receipt": self._receipt, "settlement": self._settlement, "bank_credit": self._credit}[kind](one, at)

    def _receipt(self, one: Due, _at: int) -> ReceiptRecord:
        place, more = one.place, one.event.more
        name, paid = one.event.about
        case_key, number = self._slip(one, paid)
        if "wrong" in more:
            number = f"{(int(number) + 1) % 1_000_000:06d}"
        return receipt(
            f"{place.institution}-{place.serial:03d}-{name}", case_key, number, stage=_STAGES[one.event.verb],
            institution_code=place.institution, fund_code=place.funds[more["fund"]], amount_yen=int(more["yen"]), paid_on=more["on"],
            booked_on=place.day(more["booked"]),
        )  # fmt: skip

    def _slip(self, one: Due, paid: str) -> tuple[str, str]:
        """Case key and confirmation number of the slip that is paid: the newest unless the table names another; ``?`` is nobody's."""
        if paid.startswith("?"):
            return f"9{one.place.serial:06d}{paid[1:] or '0':0>13}", "000000"
        key = bill_key(one.place, paid, one.event)
        counts = [count for known, count in self._slips if known == key]
        return self._slips[key, int(one.event.more.get("slip", max(counts)))]

    def _settlement(self, one: Due, _at: int) -> SettlementRecord:
        place, more = one.place, one.event.more
        name, day, gross = one.event.about
        fee = int(more.get("fee", 0))
        return SettlementRecord(
            settlement_key(place, name), int(more.get("edition", 1)), place.institution, place.funds[more.get("fund", "601")],
            place.day(day), int(more.get("count", 1)), int(gross), fee, int(gross) - fee, iso(more.get("transfer", "11-26")),
        )  # fmt: skip

    def _credit(self, one: Due, at: int) -> BankCreditRecord:
        more = one.event.more
        reference = settlement_key(one.place, more["for"]) if "for" in more else ""
        booked = one.place.day(more["on"])
        # the bank's own number of the movement: the same one whenever the same movement is reported
        number = f"{one.place.serial:04d}{int(more['no']):04d}"[-6 if more.get("as") == "zengin-01" else 0 :]
        direction = "2" if "out" in more else "1"
        return BankCreditRecord(
            "",
            number,
            booked,
            iso(more["value"]) if "value" in more else booked,
            int(one.event.about[0]),
            direction,
            "0",
            "0000013800",
            "ﾁﾎｳｾﾞｲｷﾖｳﾄﾞｳｷｺｳ",
            reference,
            "ｺｳｷﾝ ﾊﾗｲｺﾐ",
        )

    def _tell_credits(self, day: str, code: str, told: list[Due]) -> None:
        """One file a form; a CSV is handed over by a person, what is Zengin comes through the gateway."""
        forms: dict[str, list[BankCreditRecord]] = defaultdict(list)
        for at, one in enumerate(told, 1):
            forms[one.event.more.get("as", "zengin-03")].append(self._credit(one, at))
        for form, rows in forms.items():
            body = self._bank_file(day, rows, (f"bank-{form}", code[:5]))
            if form == "csv":
                path = self.world.folder / f"{code}-{self._put}.csv"
                path.write_bytes(body)
                taken = self.world.jobs.intake_bank(path, "bank-csv", code)
                assert not taken["quarantined"], taken["problems"]
            else:
                self.twin.put_bytes(code[:5], "bank_credit", day, body=body)

    def _bank_file(self, day: str, rows: list[BankCreditRecord], about: tuple[str, str]) -> bytes:
        """A file of this form (profile, account); the three forms write the account each in their way."""
        profile, account = about
        change = sum(row.amount_yen if row.direction == "1" else -row.amount_yen for row in rows)
        header = {
            "file_created_on": day, "period_from": min(row.booked_on for row in rows), "period_to": max(row.booked_on for row in rows), "bank_code": "9999", "branch_code": "001", "account_type": "1",
            "account_number": account.zfill(7 if profile == "bank-zengin-01" else 10), "opening_sign": "1", "opening_balance_yen": 10**9, "closing_sign": "1",
            "closing_balance_yen": 10**9 + change,
        }  # fmt: skip
        if profile == "bank-csv":
            rows = [row._replace(account=f"9999-1-普通-{account}") for row in rows]
        return b"".join(self.world.jobs.rooms.profile(profile).message("bank_credit").writer(iter(rows), header))

    def _look(self, ending: list[Scenario]) -> None:
        """What stands now for the scenarios that end today, in the words of the tables."""
        found = {name: self.world.sql(statement) for name, statement in _LOOKS.items()}
        for scenario in ending:
            self.seen[scenario.name] = _told(self, scenario, found)

    def days_of(self, scenario: Scenario) -> list[str]:
        """The days of a scenario as the table writes them."""
        place = self.places[scenario.name]
        days = {theirs: mine for mine, theirs in place.days.items()}
        funds = {theirs: mine for mine, theirs in place.funds.items()}
        if place.is_alone:
            funds[""] = "-"
        rows = [row for row in self._days if row["municipality_code"] == place.code and row["fund_code"] in funds]
        return [_day(row, days, funds) for row in sorted(rows, key=lambda row: (row["day"], row["fund_code"]))]

    def acts_of(self, scenario: Scenario) -> list[str]:
        """What came of the acts of a scenario, in order."""
        return self._acts[scenario.name]


_ACTS: dict[str, Callable[[Stage, Due], str]] = {
    "again": Stage._again, "reissue": Stage._reissue, "rollback": Stage._roll_back, "lose": Stage._lose, "counter": Stage._counter, "returned": Stage._returned, "close": Stage._close, "unpaid": Stage._unpaid,
    "stale": Stage._stale,
}  # fmt: skip
_SLIPS = "SELECT b.bill_key, s.issue_count, s.case_key, s.confirmation_number FROM slip s JOIN bill b ON b.id = s.bill_id"
_LOOKS = {
    "outcomes": """SELECT o.transaction_key, o.outcome FROM outcome o
        WHERE o.id = (SELECT MAX(x.id) FROM outcome x WHERE x.transaction_key = o.transaction_key) ORDER BY o.transaction_key""",
    "slips": """SELECT b.bill_key, s.issue_count, COALESCE((SELECT t.state FROM slip_state t WHERE t.id =
          (SELECT MAX(x.id) FROM slip_state x WHERE x.slip_id = s.id)), 'issued'), s.institution_code, s.case_key
        FROM slip s JOIN bill b ON b.id = s.bill_id ORDER BY b.bill_key, s.issue_count""",
    "entries": """SELECT e.transaction_key, e.stage, o.outcome, r.amount_yen FROM clearing_entry e JOIN outcome o ON o.id = e.outcome_id
        JOIN receipt r ON r.id = o.receipt_id ORDER BY e.transaction_key, e.entry_number""",
    "effects": "SELECT b.bill_key, r.effect FROM revision r JOIN bill b ON b.id = r.bill_id ORDER BY b.bill_key, r.id",
    "problems": "SELECT municipality_code, problems FROM received_file WHERE state = 'quarantined' ORDER BY id",
}


def _told(stage: Stage, scenario: Scenario, found: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[str]]:
    place = stage.places[scenario.name]
    mark = f"{place.institution}-{place.serial:03d}-"
    bills = {bill_key(place, event.about[0], event): event.about[0] for event in scenario.events if event.verb in _FILES}
    slips = [row for row in found["slips"] if row[0] in bills]
    register = stage.twin.registers.get(place.institution, {})
    known = [(_named(bills, row), register[row[4]]) for row in slips if row[4] in register]
    return {
        "outcomes": [f"{key[len(mark):]} {outcome}" for key, outcome in found["outcomes"] if key.startswith(mark)],
        "slips": [f"{_named(bills, row)} {row[2]}" for row in slips],
        "days": stage.days_of(scenario),
        "entries": [f"{key[len(mark):]} {step} {outcome} {yen}" for key, step, outcome, yen in found["entries"] if key.startswith(mark)],
        "effects": [f"{bills[key]} {effect}" for key, effect in found["effects"] if key in bills],
        "acts": stage.acts_of(scenario),
        "problems": sorted({told["code"] for code, text in found["problems"] if code == place.code for told in json.loads(text)}),
        "gateway": [f"{name} {slip['state']} {slip['AmountYen']}" for name, slip in known],
    }  # fmt: skip


def _named(bills: dict[str, str], row: tuple[Any, ...]) -> str:
    return bills[row[0]] if row[1] == 1 else f"{bills[row[0]]}#{row[1]}"


def _day(row: dict[str, Any], days: dict[str, str], funds: dict[str, str]) -> str:
    fund = funds[row["fund_code"]]
    day = days.get(row["day"], row["day"])
    empty = row["state"] == "tied" and not any(row[name] for name in ("receipts_yen", "settled_yen", "credited_yen"))
    several = len(set(funds.values()) - {"-"}) > 1
    words = [day[5:] if iso(day[5:]) == day else day, *([fund] if several or fund == "-" else []), "empty" if empty else row["state"]]
    return " ".join([*words, *([str(row["difference_yen"])] if row["difference_yen"] else []), *row["differences"]])


def bill_key(place: Place, name: str, event: Event) -> str:
    """The key of the bill that the table calls so."""
    fund = place.funds[event.more["of"]]
    return "~".join((place.code, fund, "2026", "2026", _notice(place, name), "01", "", ""))


def _notice(place: Place, name: str) -> str:
    return f"{place.serial:06d}{name}"


def settlement_key(place: Place, name: str) -> str:
    """The key of the settlement that the table calls so; it fits into the reference of a bank record."""
    return f"S{place.institution}{place.serial:03d}{name}"


def _bill(one: Due) -> BillingRecord:
    place, more = one.place, one.event.more
    name = one.event.about[0]
    amount = more["yen"] if one.event.verb == "cancel" else one.event.about[1]
    charge, reminder, late = (*map(int, amount.split("+")), 0, 0)[:3]
    until = iso(more.get("until", "12-31"))
    dates: dict[str, Any] = {"due_on": iso(more["due"]) if "due" in more else min(until, iso("11-30")), "payable_until": until}
    if charge + reminder + late == 0:
        dates = {"due_on": None, "payable_until": None}
    return bill(1)._replace(
        municipality_code=place.code, fund_code=place.funds[more.get("fund", "601")], notice_number=_notice(place, name), charge_yen=charge,
        reminder_fee_yen=reminder, late_charge_yen=late, action="9" if one.event.verb == "cancel" else "1",
        core_key=f"{place.serial:03d}{name}", **dates,
    )  # fmt: skip


def turned(scenario: Scenario) -> list[Event]:
    """The same events with the facts between two acts in reverse order; acts keep their day."""
    if scenario.ordered:
        return list(scenario.events)
    found: list[Event] = []
    for is_fact, group in groupby(scenario.events, key=lambda event: event.is_fact):
        run = list(group)
        found += [fact._replace(on=slot.on) for slot, fact in zip(run, reversed(run), strict=True)] if is_fact else run
    return found


def pieces(facts: list[Due]) -> Iterator[list[Due]]:
    """The facts of a day in several deliveries: bank, notices, receipts in two halves, and half of everything once more."""
    ordered = [one for one in facts if one.scenario.ordered]
    free = [one for one in facts if not one.scenario.ordered]
    receipts = [one for one in reversed(free) if _KINDS[one.event.verb] == "receipt"]
    others = {kind: [one for one in free if _KINDS[one.event.verb] == kind] for kind in ("bank_credit", "settlement")}
    yield ordered + others["bank_credit"] + receipts[1::2]
    yield others["settlement"] + receipts[0::2] + receipts[1::4] + others["bank_credit"][::2]
