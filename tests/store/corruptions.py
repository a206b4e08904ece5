"""The planted corruptions: what somebody does to a database behind the program's back, and exactly which invariants must find it.

Used by test_corruptions on the town of story.py. A corruption that the tables themselves refuse (a second row under a unique key)
is planted into a copy of the table without its constraints: another database, a restored dump, a lost index.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.books.days import NEXT
from tests.builders import DAY, bill


class Planted(NamedTuple):
    """One corruption: its name, the invariants that find it, what is done; ``forged``: the hashes of closed days are made to fit."""

    name: str
    found_by: str
    statements: tuple[str, ...]
    forged: bool = False


def _bare(table: str) -> tuple[str, ...]:
    """The table without its constraints and indexes."""
    return (f"CREATE TABLE bare AS SELECT * FROM {table}", f"DROP TABLE {table}", f"ALTER TABLE bare RENAME TO {table}")


_SLIP = "(SELECT s.id FROM slip s JOIN bill b ON b.id = s.bill_id WHERE b.bill_key = '{}')"
_STATE = "INSERT INTO slip_state (slip_id, state, event, cause, at) VALUES ({}, '{}', '{}', 'x', 'x')"
_MOVE = """INSERT INTO act_move (act_id, day, value_on, municipality_code, fund_code, fiscal_year, transaction_key, bill_id, from_account, to_account, yen)
           SELECT act_id, day, value_on, municipality_code, fund_code, fiscal_year, {key}, bill_id, {of}, {to}, {yen} FROM act_move WHERE {which}"""
_LATE = f"day = '{NEXT}' AND source = 'receipt' AND value_on < day"


def _slip(number: int) -> str:
    return _SLIP.format(bill(number).bill_key)


def _row(name: str, found_by: str, *statements: str, forged: bool = False) -> Planted:
    return Planted(name, found_by, statements, forged)


TABLE: tuple[Planted, ...] = (
    # --- payments, outcomes and what they add up to
    _row("an outcome that was lost", "C-01 C-02 I-01 I-02 I-08 I-11 I-17 I-19 I-35", "DELETE FROM outcome WHERE transaction_key = 'T7'"),
    _row("a receipt that nobody judges", "C-02 I-01 I-15 I-20", "INSERT INTO receipt (received_id, position, municipality_code, transaction_key, stage, institution_code, case_key, confirmation_number, fund_code, channel, amount_yen, paid_on, booked_on) SELECT received_id, position + 50, municipality_code, 'T99', stage, institution_code, case_key, confirmation_number, fund_code, channel, amount_yen, paid_on, booked_on FROM receipt WHERE transaction_key = 'T3'"),
    _row("an outcome that rests on another receipt", "C-02 I-02 I-17 I-19 I-35", "UPDATE outcome SET receipt_id = (SELECT id FROM receipt WHERE transaction_key = 'T5') WHERE transaction_key = 'T7'"),
    _row("an outcome nobody knows", "C-01 C-02 I-11 I-17 I-19 I-35", "UPDATE outcome SET outcome = 'lost' WHERE transaction_key = 'T7'"),
    _row("an outcome is changed", "C-01 I-11 I-17 I-19 I-35", "UPDATE outcome SET outcome = 'amount_mismatch' WHERE transaction_key = 'T5'"),
    _row("the sum of a day", "I-02 I-03", f"UPDATE day_state SET receipts_yen = receipts_yen + 1 WHERE day = '{NEXT}'"),
    _row("a total of outcomes", "I-35", "UPDATE outcome_total SET yen = yen + 1 WHERE outcome = 'matched' AND day <> ''"),
    _row("a total of outcomes that was lost", "I-35", "DELETE FROM outcome_total WHERE outcome = 'unknown_bill' AND day = ''"),
    _row("an amount on the way", "I-02 I-15 I-17 I-19 I-35", "UPDATE receipt SET amount_yen = amount_yen + 1 WHERE transaction_key = 'T7'"),
    _row("a second payment that counts", "I-04 I-35", "UPDATE outcome SET outcome = 'amount_mismatch' WHERE transaction_key = 'T2' AND outcome = 'duplicate_payment'"),
    _row("a resend stored as a receipt", "I-02 I-10 I-11 I-12 I-15 I-17 I-19 I-35", *_bare("receipt"), "INSERT INTO receipt SELECT * FROM receipt WHERE transaction_key = 'T7'"),
    _row("a receipt from nowhere", "I-10 I-15", "UPDATE receipt SET received_id = 9999 WHERE transaction_key = 'T7'"),
    _row("a receipt at the place of another", "I-10", "UPDATE receipt SET position = 1 WHERE transaction_key = 'T2'"),
    # --- slips and their states
    _row("paid by state alone", "C-01", _STATE.format(_slip(4), "paid", "pay")),
    _row("unpaid by state, paid by outcome", "C-01", _STATE.format(_slip(1), "registered", "withdraw")),
    _row("a state nobody knows", "C-01 I-22", _STATE.format(_slip(4), "gone", "x")),
    _row("a step that is none", "C-01 I-22", _STATE.format(_slip(1), "cancelled", "cancel")),
    _row("slips counted wrong", "I-11", "UPDATE slip_total SET slips = slips + 1 WHERE part = 'registered'"),
    _row("a part of the slips that was lost", "I-11", "DELETE FROM slip_total WHERE part = 'unpaid'"),
    _row("a slip of another municipality", "I-11 I-24", f"UPDATE slip SET municipality_code = '990027' WHERE id = {_slip(4)}"),
    _row("a slip of nobody's bill", "I-11 I-24", f"UPDATE slip SET bill_id = 1 WHERE id = {_slip(4)}"),
    # --- acts
    _row("more than was paid", "I-01 I-04 I-17 I-23", "UPDATE act_move SET yen = 1003 WHERE from_account = 'suspense' AND transaction_key = 'T3'"),
    _row("refunded twice over", "I-01 I-17 I-23", "UPDATE act_move SET yen = 2 WHERE to_account = 'refunded'"),
    _row("a move made twice", "I-01 I-23", _MOVE.format(key="transaction_key", of="from_account", to="to_account", yen="yen", which="to_account = 'refunded'")),
    _row("yen from nowhere", "I-01 I-23", _MOVE.format(key="'T4'", of="''", to="'overpaid'", yen="1", which="to_account = 'refunded'")),
    _row("an account that is none", "I-01 I-17 I-23", "UPDATE act_move SET to_account = 'pocket' WHERE to_account = 'refunded'"),
    _row("a payment that never was", "I-01 I-23", "UPDATE act_move SET transaction_key = 'T98' WHERE to_account = 'refunded'"),
    _row("a debt of nobody", "I-01", "UPDATE act_move SET bill_id = NULL WHERE to_account = 'written_off'"),
    _row("more written off than owed", "I-04 I-17 I-23", "UPDATE act_move SET yen = 1007 WHERE to_account = 'written_off'"),
    _row("on a bill that is paid", "I-04", "UPDATE act_move SET bill_id = (SELECT MAX(o.bill_id) FROM outcome o WHERE o.transaction_key = 'T1') WHERE yen = 1000"),
    _row("approved by the preparer", "I-23", "UPDATE act_event SET \"by\" = '佐藤　' WHERE act_id = 1"),
    _row("prepared by the approver", "I-23", "UPDATE act SET prepared_by = '鈴木' WHERE id = 2"),
    _row("another content", "I-23", "UPDATE act SET content = REPLACE(content, '1002', '1001') WHERE id = 1"),
    _row("another digest", "I-23", "UPDATE act SET content_sha256 = 'x' WHERE id = 3"),
    _row("a move that is gone", "I-17 I-23", "DELETE FROM act_move WHERE to_account = 'refunded'"),
    _row("moved without approval", "I-23", "DELETE FROM act_event WHERE act_id = 4"),
    _row("a close approved by its own author", "I-23 I-25", """INSERT INTO audit (seq, at, actor, act, subject, detail, previous, hash)
        SELECT MAX(seq) + 1, 'x', 'Sato', 'desk.close', 'day:x', '{"approved_by"\\: "ＳＡＴＯ"}', 'x', 'x' FROM audit"""),
    _row("an entry of the audit trail that was changed", "I-25", "UPDATE audit SET actor = 'nobody' WHERE seq = 2"),
    _row("an entry of the audit trail that was lost", "I-25", "DELETE FROM audit WHERE seq = 3"),
    _row("a trail whose end was cut off", "I-25", "DELETE FROM audit WHERE seq > (SELECT MAX(seq) - 3 FROM audit)"),
    _row("a trail that was emptied", "I-25", "DELETE FROM audit"),
    _row("an account registered by one person", "I-23 I-25", "INSERT INTO bank_account (account, municipality_code, holder, funds, \"by\", approved_by, at) VALUES ('1-1-1-1', '990019', '', '', 'Ａ', 'a', 'x')"),
    # --- clearing entries
    _row("a part too small", "I-29", "UPDATE moved_entry SET yen = yen - 1 WHERE outcome = 'matched'"),
    _row("an entry of another outcome", "I-08 I-29", "UPDATE clearing_entry SET outcome_id = (SELECT MIN(id) FROM outcome WHERE outcome = 'unknown_bill') WHERE transaction_key = 'T7'"),
    _row("a number that is missing", "I-08 I-21 I-29", "DELETE FROM clearing_entry WHERE entry_number = 2"),
    _row("a withdrawal of nothing", "I-08 I-11 I-13 I-21", "DELETE FROM clearing_entry WHERE transaction_key = 'T0' AND stage <> '9'"),
    _row("told twice", "I-11", "INSERT INTO clearing_entry SELECT (SELECT MAX(n.entry_number) FROM clearing_entry n) + 1, transaction_key, outcome_id, stage, municipality_code, profile, at FROM clearing_entry WHERE transaction_key = 'T7'"),
    # --- files, messages, bytes
    _row("raw bytes that changed", "I-09", "UPDATE raw_piece SET data = (SELECT p.data FROM raw_piece p WHERE p.raw_id = 2) WHERE raw_id = 1"),
    _row("a digest that changed", "I-09", "UPDATE raw SET sha256 = 'x' WHERE id = 1"),
    _row("an intake without its bytes", "I-08 I-09", "DELETE FROM raw_piece WHERE raw_id = (SELECT raw_id FROM file WHERE id = 3)"),
    _row("an intake that is gone", "I-08", "DELETE FROM file WHERE id = 1"),
    _row("an answer about a bill that is gone", "I-08", "UPDATE idempotency SET answer = REPLACE(answer, '0000000000000001', '0000000000000077') WHERE key = 'k2'"),
    _row("a received file without its bytes", "I-08", "UPDATE received_file SET raw_id = 9999 WHERE kind = 'settlement'"),
    _row("an answer of the gateway without its bytes", "I-06 I-08", "UPDATE message_event SET raw_id = NULL WHERE event = 'answered'"),
    _row("a message without its bytes", "I-08", "UPDATE message SET raw_id = 9999"),
    _row("a clearing file without its bytes", "I-08", "UPDATE export_file SET raw_id = 9999 WHERE kind = 'clearing'"),
    _row("a clearing file with fewer entries than told", "I-08", "DELETE FROM clearing_handover WHERE entry_number = 1"),
    _row("cleared and never handed over", "I-08", "DELETE FROM clearing_handover WHERE entry_number IN (SELECT entry_number FROM clearing_entry WHERE transaction_key = 'T7')", "UPDATE export_file SET records = records - 1 WHERE id = (SELECT MAX(id) FROM export_file WHERE kind = 'clearing' AND profile = 'host-fixed')"),
    _row("equal bytes in force twice", "I-11 I-14 I-25", "INSERT INTO file (raw_id, sha256, profile, profile_digest, name, channel, municipality_wanted, received_at) SELECT raw_id, sha256, profile, profile_digest, name, channel, municipality_wanted, received_at FROM file WHERE id = 1", "INSERT INTO file_event (file_id, event, municipality_code, summary, at) SELECT (SELECT MAX(id) FROM file), event, municipality_code, REPLACE(summary, 'x', 'x'), at FROM file_event WHERE file_id = 1 AND event = 'accepted'"),
    _row("equal bytes of the gateway that brought something new", "I-09 I-11", "UPDATE raw SET sha256 = (SELECT w.sha256 FROM received_file f JOIN raw w ON w.id = f.raw_id WHERE f.kind = 'settlement' ORDER BY f.id LIMIT 1) WHERE id = (SELECT MAX(raw_id) FROM received_file WHERE kind = 'settlement')"),
    _row("one payment in two municipalities", "I-11", "UPDATE receipt SET municipality_code = '990027' WHERE transaction_key = 'T1' AND stage = 'preliminary'"),
    _row("registered twice", "I-05 I-06", "UPDATE message_item SET slip_id = (SELECT MIN(slip_id) FROM message_item)"),
    _row("a message with fewer slips than it says", "I-05", "UPDATE message SET records = records + 1"),
    _row("a message that waits on no list", "I-05 I-06", "DELETE FROM message_event WHERE event = 'answered'"),
    _row("an answer to what was never sent", "I-06", "DELETE FROM message_event WHERE event = 'sent'"),
    _row("a key without its request", "I-07", "UPDATE idempotency SET request_sha256 = 'x' WHERE key = 'k1'"),
    _row("a row that was rejected without a reason", "I-14", "DELETE FROM row_problem WHERE severity = 'error'"),
    _row("an amount of a bill that was taken", "I-14", "UPDATE bill_version SET charge_yen = charge_yen + 1, total_yen = total_yen + 1 WHERE id = (SELECT MIN(id) FROM bill_version)"),
    _row("rejected yen", "I-14", "UPDATE rejected_row SET yen = yen + 1"),
    _row("a total of a file", "I-15", "UPDATE received_file SET yen = yen + 1 WHERE kind = 'settlement'"),
    _row("a quarantined file that has rows", "I-15", "UPDATE received_file SET state = 'quarantined' WHERE kind = 'bank_credit'"),
    _row("a bill of a file that was never accepted", "I-15", "DELETE FROM file_event WHERE event = 'accepted' AND file_id = 4"),
    _row("a gap of the gateway that is not told", "I-21", "UPDATE received_file SET sequence = sequence + 5 WHERE id = (SELECT MAX(id) FROM received_file WHERE sequence IS NOT NULL)"),
    _row("a number of a bill file that goes back", "C-03", "UPDATE file_position SET sequence = 1 WHERE sequence = 5"),
    _row("a gap of bill files that is not told", "C-03", "UPDATE file_position SET sequence = 9 WHERE sequence = 5"),
    # --- the list of unpaid bills
    _row("a list on a file that is not applied", "I-20 I-10 I-15", "UPDATE received_file SET state = 'quarantined' WHERE kind = 'receipt'"),
    _row("a list before the outcomes", "I-20", "UPDATE unpaid_list SET last_outcome_id = 1"),
    _row("a list that rests on nothing", "I-20", "DELETE FROM unpaid_list_day"),
    _row("a list with other bills", "I-20", "UPDATE unpaid_list SET bills = bills - 1"),
    # --- closed days and their books
    _row("an amount in the books", "I-03 I-17 I-19", "UPDATE day_book SET yen = yen + 1 WHERE account = 'collected' AND value_on = day AND source = 'receipt'"),
    _row("a row of the books is lost", "I-17", f"DELETE FROM day_book WHERE {_LATE}"),
    _row("a compensation is lost and the hash forged", "I-17 I-18", f"DELETE FROM day_book WHERE {_LATE}", forged=True),
    _row("money is lost and the hash forged", "I-17 I-18", f"DELETE FROM day_book WHERE day = '{NEXT}' AND source = 'money' AND value_on < day", forged=True),
    _row("a hash is changed", "I-17 I-18", "UPDATE day_close SET books_sha256 = 'x' WHERE step = 'approved'"),
    _row("books without a close", "I-17", """INSERT INTO day_book (municipality_code, day, fund_code, department_code, fiscal_year, year_kind, source, account, value_on, transactions, yen)
        VALUES ('990019', '2026-12-01', '601', '000', 2026, 'current', 'act', 'refunded', '2026-12-01', 0, 0)"""),
    _row("another year and the hash forged", "I-18 I-19", "UPDATE day_book SET fiscal_year = 2025, year_kind = 'current' WHERE source = 'receipt' AND value_on = day", forged=True),
    _row("another kind of year and the hash forged", "I-18 I-19", f"UPDATE day_book SET year_kind = 'carried_over' WHERE source = 'receipt' AND day = '{DAY}'", forged=True),
    _row("closed by the one who prepared", "I-18", "UPDATE day_close SET \"by\" = 'a'"),
    _row("never prepared", "I-18", "DELETE FROM day_close WHERE step = 'prepared'"),
    _row("a day closed by its state alone", "I-18", """INSERT INTO day_state (day, municipality_code, fund_code, receipts, receipts_yen, settled_yen, fee_yen, credited_yen, difference_yen, state, differences, at)
        VALUES ('2026-12-01', '990019', '601', 0, 0, 0, 0, 0, 0, 'closed', '[]', 'x')"""),
    _row("days closed backwards", "I-17 I-18 I-25", f"UPDATE day_close SET day = '2026-11-01' WHERE day = '{NEXT}'", f"UPDATE day_book SET day = '2026-11-01' WHERE day = '{NEXT}'", forged=True),
    _row("closed although it did not tie", "I-18", f"UPDATE day_state SET state = 'difference' WHERE day = '{DAY}' AND state = 'tied'"),
    _row("called tied although it does not", "I-03", "UPDATE day_state SET difference_yen = 5 WHERE state = 'tied'"),
    # --- money at the bank
    _row("more credited than paid", "I-36", "UPDATE settling_line SET yen = yen + 1 WHERE credit_id IS NOT NULL"),
    _row("both sides too high", "I-36", "UPDATE settling_line SET yen = yen + 1"),
    _row("an entry on the account", "I-36 I-15", "UPDATE bank_credit SET amount_yen = amount_yen + 1"),
    _row("a net that changed", "I-36", f"UPDATE settlement SET net_yen = net_yen + 1, fee_yen = 0 WHERE settlement_key = 'S{DAY}602'"),
    _row("settled twice", "I-36", "INSERT INTO settling_line SELECT settling_id, position + 9, settlement_key, edition, credit_id, yen FROM settling_line"),
    # --- credits told more than once
    _row("told again for another yen", "I-15 I-37", "UPDATE bank_credit SET amount_yen = amount_yen + 1 WHERE id = (SELECT MAX(k.credit_id) FROM credit_telling k)"),
    _row("told again on another account", "I-37", "UPDATE bank_credit SET account = 'x' WHERE id = (SELECT MAX(k.credit_id) FROM credit_telling k)"),
    _row("a telling of an entry that is gone", "I-15 I-37", "DELETE FROM bank_credit WHERE id = (SELECT MAX(k.credit_id) FROM credit_telling k)"),
    _row("the same as nothing", "I-37", "UPDATE credit_telling SET stands_for = NULL WHERE state = 'same'"),
    _row("two entries that stand for each other", "I-37", """INSERT INTO credit_telling (credit_id, municipality_code, state, stands_for, act_id, at)
        SELECT stands_for, municipality_code, 'same', credit_id, 1, at FROM credit_telling WHERE state = 'same'"""),
    _row("a finding about another municipality's entry", "I-37", "UPDATE credit_telling SET municipality_code = '990027' WHERE state = 'same'"),
    _row("an edition twice", "I-11 I-15", *_bare("settlement"), f"INSERT INTO settlement SELECT * FROM settlement WHERE settlement_key = 'S{DAY}602'"),
)  # fmt: skip
