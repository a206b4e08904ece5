"""The list of planted defects: one line of words each, and what is done to the product.

Read by defects. Each is a mistake that somebody could make in an afternoon; none of them is visible in a type or a test of form.
"""

from __future__ import annotations

import datetime as dt
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography import x509

from fundlink import pipeline, store
from fundlink.connectors import core_files, envelope
from fundlink.formats import fixed_reader
from fundlink.pipeline import absence, closing, collect, intake, places, reconcile, sending
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile import totals
from fundlink.reconcile.sequence import Verdict
from fundlink.store import audit, bills, clearings, engine, messages, receipts, vault
from fundlink.store import closing as store_closing

if TYPE_CHECKING:
    from tests.simulation.defects import Plant


class Defect(NamedTuple):
    """What is wrong, in words, and how it is planted."""

    words: str
    plant: Callable[[Plant], None]


def _quiet(act: str) -> Callable[[Plant], None]:
    """An act that leaves no entry."""

    def silent(honest: Any, connection: Any, entry: audit.Entry) -> None:
        if entry.act != act:
            honest(connection, entry)

    return lambda plant: plant.wrap(audit, "append", silent)


def _sql(old: str, new: str) -> Callable[[Plant], None]:
    return lambda plant: plant.words(old, new)


def _instead(place: Any, name: str, told: Any) -> Callable[[Plant], None]:
    """A function that always says the same."""
    return lambda plant: plant.wrap(place, name, lambda _honest, *_a, **_k: told)


def _forgotten(plant: Plant) -> None:
    """Neither who lists files knows the old ones, nor who stores them: either alone is caught by the other."""
    _instead(receipts, "known", set())(plant)
    _instead(receipts, "received_as", None)(plant)


def _rows(change: Callable[[tuple[Any, ...], str], tuple[Any, ...] | None], kind: str = "receipt") -> Callable[[Plant], None]:
    """Records of a received file are not as they were read: (position, municipality, record …)."""

    def spoiled(honest: Any, reader: Any, message: Any, code: str) -> Any:
        found = honest(reader, message, code)
        if message.kind != kind:
            return found
        return found._replace(rows=[row for one in found.rows if (row := change(one, code)) is not None])

    return lambda plant: plant.wrap(collect, "rows_of", spoiled)


def _early_acknowledgement(plant: Plant) -> None:
    """Intake says yes before its transaction is kept, and does not hear that it was not."""
    honest = dict(pipeline.INTAKE)["accept"]

    def accept(rooms: Rooms, ticket: dict[str, Any]) -> dict[str, Any]:
        plant.reached = True
        try:
            return honest(rooms, ticket)
        except Exception:  # noqa: BLE001  (that is the defect)
            return {}

    steps = tuple((name, accept if name == "accept" else step) for name, step in pipeline.INTAKE)
    plant.put(pipeline, "VERBS", {**pipeline.VERBS, "intake": steps})


def _deaf_commit(plant: Plant) -> None:
    def commit(honest: Any, transaction: Any) -> None:
        try:
            honest(transaction)
        except Exception:  # noqa: BLE001  (that is the defect)
            plant.reached = True

    plant.wrap(engine, "_commit", commit)


def _new_id_after_timeout(plant: Plant) -> None:
    """What was lost is told anew under another id."""
    plant.put(messages, "FINAL", (*messages.FINAL, "unknown"))

    def lose(honest: Any, connection: Any, message_id: str, at: str) -> Any:
        told = honest(connection, message_id, at)
        _home_of("ask_again").ask_again(connection, message_id, at)
        return told

    plant.wrap(_home_of("lose_slips"), "lose_slips", lose)


def _event(change: Callable[[str, dict[str, Any]], tuple[str, dict[str, Any]] | None]) -> Callable[[Plant], None]:
    """What is noted of a message is not what happened."""

    def noted(honest: Any, connection: Any, message_id: str, event: str, **more: Any) -> None:
        found = change(event, more)
        if found is not None:
            honest(connection, message_id, found[0], **found[1])

    return lambda plant: plant.wrap(messages, "add_event", noted)


def _home_of(function: str) -> Any:
    """The module of the store that has this function now."""
    rooms = (importlib.import_module(f"fundlink.store.{found.name}") for found in pkgutil.iter_modules(store.__path__))
    return next(room for room in rooms if getattr(getattr(room, function, None), "__module__", "") == room.__name__)


class _Agreeable(str):
    """A digest that agrees with every other."""

    __slots__ = ()

    def __ne__(self, _other: object) -> bool:
        return False

    __hash__ = str.__hash__


def _unchecked_bytes(plant: Plant) -> None:
    plant.reached = True
    plant.put(collect, "hashlib", SimpleNamespace(sha256=lambda _body: SimpleNamespace(hexdigest=lambda: _Agreeable("")), md5=None))


def _only_higher_numbers(plant: Plant) -> None:
    """Files are asked for behind the highest number taken: what comes late is never seen."""

    def new_files(_honest: Any, rooms: Rooms, code: str) -> Iterator[Any]:
        with rooms.store.read() as connection:
            found = connection.exec_driver_sql(f"SELECT MAX(sequence) FROM received_file WHERE municipality_code = '{code}'").scalar()
        yield from rooms.gateway.files(code[:5], int(found or 0))

    plant.wrap(collect, "_new_files", new_files)


def _after(honest: Any, chunk: Any, line: int) -> Any:
    return honest(chunk, line + 1)


def _next_day(row: tuple[Any, ...], _code: str) -> tuple[Any, ...]:
    return (*row[:-1], (dt.date.fromisoformat(row[-1]) + dt.timedelta(days=1)).isoformat())


def _given(honest: Any, *arguments: Any, **named: Any) -> Any:
    return honest(*arguments, **named)._replace(given=True)


def _shown(_honest: Any, claim: Any, _trusted: Any, _at: Any) -> Any:
    return x509.load_der_x509_certificate(claim.certificate)


def _other_bytes(honest: Any, connection: Any, raw_id: int) -> bytes:
    return bytes(honest(connection, raw_id)) + b"\n"


def _serials(honest: Any, connection: Any, *arguments: Any) -> int:
    return max(1, int(honest(connection, *arguments)) - 1)


_YEN = -3  # the amount in a receipt row: …, channel, amount, paid_on, booked_on

DEFECTS: dict[str, Defect] = {
    "receipt_dedupe_dropped": Defect("a resend of a receipt is stored again", _sql(" ON CONFLICT (transaction_key, stage) DO NOTHING", "")),
    "known_files_forgotten": Defect("files taken before are taken again", _forgotten),
    "late_files_unseen": Defect("the list of files is read behind the highest number", _only_higher_numbers),
    "acknowledged_before_commit": Defect("intake says yes although nothing was kept", _early_acknowledgement),
    "failed_commit_unheard": Defect("an error of COMMIT is swallowed", _deaf_commit),
    "float_yen": Defect("amounts pass through floating point", _rows(lambda row, _: (*row[:_YEN], row[_YEN] * 1.0000001, *row[_YEN + 1 :]))),
    "booked_a_day_late": Defect("the booking day is off by one", _rows(_next_day)),
    "limit_off_by_a_day": Defect("paid on the last day is too late", _sql("j.paid_on <= w.payable_until", "j.paid_on < w.payable_until")),
    "tenant_swapped": Defect("receipts go to the other municipality", _rows(lambda row, code: (row[0], {"990019": "990027"}.get(code, "990019"), *row[2:]))),
    "cancellation_unread": Defect("records of stage cancelled are passed over", _rows(lambda row, _: None if row[3] == "cancelled" else row)),
    "withdrawn_ignored": Defect("a cancelled payment still counts", _sql("CASE WHEN j.withdrawn = 1 THEN 1 ELSE 0 END", "0")),
    "withdrawn_ranks": Defect("a cancelled payment is still the first", _sql("AND j.withdrawn = 0 AND j.bill_id IN", "AND j.bill_id IN")),
    "first_by_arrival": Defect("the first payment is the one that arrived first", _sql("ORDER BY j.paid_on, j.transaction_key)", "ORDER BY j.receipt_id)")),
    "overpayment_matched": Defect("more than the amount is as good as the amount", _sql("j.amount_yen = w.total_yen", "j.amount_yen >= w.total_yen")),
    "number_not_compared": Defect("any confirmation number will do", _sql("q.confirmation_number = s.confirmation_number", "s.id IS NOT NULL")),
    "superseded_ignored": Defect("an old slip pays like the new one", _sql("s.issue_count > j.issue_count", "s.issue_count < 0")),
    "rivals_untouched": Defect("a later arrival does not re-rank", _sql("AND q.id <> j.receipt_id AND j.slip_id IS NOT NULL", "AND q.id < 0")),
    "collect_not_audited": Defect("applied files leave no entry", _quiet("collect.apply")),
    "reissue_not_audited": Defect("a re-issue leaves no entry", _quiet("desk.reissue")),
    "acceptance_not_audited": Defect("accepted files leave no entry", _quiet("intake.accept")),
    "new_id_after_timeout": Defect("a lost answer lets the slips go under a new id", _new_id_after_timeout),
    "sent_not_noted": Defect("a message leaves before it is noted as sent", _event(lambda event, more: None if event == "sent" else (event, more))),
    "other_bytes_on_retry": Defect("what is sent is not what was stored", lambda plant: plant.wrap(vault, "kept_bytes", _other_bytes)),
    "answer_not_kept": Defect("an answer is noted without its bytes", _event(lambda event, more: (event, {**more, "raw_id": None}))),
    "unknown_taken_as_yes": Defect("a lost answer counts as registered", _sql("'unknown', 'lose'", "'registered', 'acknowledge'")),
    "absent_taken_as_yes": Defect(
        "a message that never arrived counts as answered",
        _event(lambda event, more: ("answered" if event == "stored" and "absent" in str(more.get("detail")) else event, more)),
    ),
    "rejected_not_told_again": Defect("slips of a rejected message are never sent again", lambda plant: plant.wrap(_home_of("ask_again"), "ask_again", lambda *_a, **_k: 0)),
    "adopted_submit_forgets": Defect("a submit that is gone on with after a kill does not count what the killed one sent", _instead(sending, "_unanswered", {})),
    "update_not_told": Defect("a changed amount is not told to the gateway", _sql("l.effect IN ('updated', 'cancelled') AND", "l.effect IN ('cancelled') AND")),
    "lost_cancel": Defect("a cancellation has no effect", _sql("WHEN v.action = '9' THEN 'cancelled'", "WHEN v.action = '9' THEN 'unchanged'")),
    "paid_bill_changed": Defect("a paid bill is changed without a word", _sql("THEN 'conflict'", "THEN 'updated'")),
    "change_not_seen": Defect("a changed row counts as unchanged", _sql("AND v.content = (SELECT w.content", "AND v.content <> (SELECT '' || w.content")),
    "refused_for_ever": Defect("what was refused because of a payment is not told again when that is taken back", _sql("AND r.stage = 'cancelled' AND", "AND 1 = 0 AND")),
    "old_slip_lives_on": Defect(
        "a re-issue does not take the old slip out",
        lambda plant: plant.wrap(bills, "reissue", _reissued_quietly),
    ),
    "bill_sequence_dropped": Defect("an old bill file is applied", _instead(places, "judge_bill_file", Verdict(""))),
    "totals_not_checked": Defect("counts and sums of a flat file are not held against its rows", _instead(fixed_reader.Walk, "_agree", None)),
    "seal_not_proved": Defect("a seal that does not hold is believed", _instead(envelope, "_prove", None)),
    "any_key_will_do": Defect("a seal is proved by the key that came along with it", lambda plant: plant.wrap(envelope, "_certificate_of", _shown)),
    "bytes_not_compared": Defect("half a file is taken for the file", _unchecked_bytes),
    "resume_skips_a_line": Defect("a killed intake goes on one line too far", lambda plant: plant.wrap(intake, "_after", _after)),
    "resume_forgotten": Defect("a killed intake begins anew over its own rows", _instead(bills, "staged_up_to", 0)),
    "serials_overlap": Defect("serial numbers are given twice", lambda plant: plant.wrap(bills, "next_serials", _serials)),
    "withdrawal_not_handed": Defect("what was handed over wrongly is not taken back", _sql("AND (before_outcome <> outcome OR moved = 1)", "AND 1 = 0")),
    "entry_lost_at_the_mark": Defect("the export mark is off by one", _sql("WHERE o.id > :last AND", "WHERE o.id > :last + 1 AND")),
    "delivered_for_ever": Defect("a delivered file is not noted", _instead(clearings, "mark_delivered", None)),
    "halves_left_behind": Defect("what a killed process left half written stays with the core system", _instead(core_files, "sweep", 0)),
    "first_edition_counts": Defect("a corrected settlement does not count", _sql("t.edition = (SELECT MAX(x.edition)", "t.edition = (SELECT MIN(x.edition)")),
    "credit_doubled": Defect("a credit counts twice", _sql("l.yen + COALESCE(", "l.yen + l.yen + COALESCE(")),
    "bank_not_compared": Defect("a day ties without its money", _instead(totals, "_against_bank", [])),
    "closed_without_tie": Defect("a day is closed that does not tie", lambda plant: plant.wrap(closing, "_refusals", lambda _h, sheet, _o: sheet.stops)),
    "closed_out_of_order": Defect("a day is closed before an earlier one", _instead(store_closing, "days_before", [])),
    "dunned_before_receipts": Defect("the list of unpaid bills does not wait for receipts", lambda plant: plant.wrap(absence, "judged", _given)),
    "clock_of_another_zone": Defect(
        "instants are nine hours ahead",
        lambda plant: plant.wrap(Rooms, "now", lambda _h, rooms: (rooms.clock() + dt.timedelta(hours=9)).isoformat(timespec="seconds")),
    ),
    "any_state_can_be_paid": Defect(
        "a slip steps from any state to paid",
        lambda plant: plant.wrap(reconcile, "states_before", lambda honest, event: [*honest(event), "paid", "settled", "cleared"] if event == "pay" else honest(event)),
    ),
}  # fmt: skip


def _reissued_quietly(_honest: Any, connection: Any, bill_id: int, numbers: tuple[str, str], at: str) -> int:
    return int(
        connection.exec_driver_sql(
            f"""INSERT INTO slip (bill_id, issue_count, municipality_code, institution_code, case_key, confirmation_number, issued_at)
                SELECT s.bill_id, s.issue_count + 1, s.municipality_code, s.institution_code, '{numbers[0]}', '{numbers[1]}', '{at}' FROM slip s
                WHERE s.bill_id = {bill_id} ORDER BY s.issue_count DESC LIMIT 1 RETURNING issue_count"""
        ).scalar()
    )
