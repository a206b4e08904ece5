"""What verify must see: planted corruptions of acts, each found by the invariant that names it; and an honest day, which is sound.

Each is planted in a transaction that is taken back, so that one town serves them all.
"""

from __future__ import annotations

import sqlalchemy as sa

from fundlink.pipeline.reconcile import classify
from tests.builders import World, bill
from tests.desk.cases import act, broken, town


def _acted(world: World) -> World:
    """An attachment, an offset of a duplicate, a refund, a write-off, and a matched bill in peace."""
    town(world)
    act(world, "attach", "transaction:T3", bill="K2")
    act(world, "accept", "transaction:T2")
    act(world, "offset", "transaction:T2", parts=((bill(5).bill_key, 1000),))
    act(world, "refund", "transaction:T2")
    act(world, "write_off", f"bill:{bill(6).bill_key}", code="waived")
    return world


_MOVE = """INSERT INTO act_move (act_id, day, value_on, municipality_code, fund_code, fiscal_year, transaction_key, bill_id, from_account, to_account, yen)
           SELECT act_id, day, value_on, municipality_code, fund_code, fiscal_year, {key}, bill_id, {of}, {to}, {yen} FROM act_move WHERE {which}"""


CORRUPTIONS: dict[str, tuple[str, set[str]]] = {
    "more-than-was-paid": ("UPDATE act_move SET yen = 1003 WHERE from_account = 'suspense' AND transaction_key = 'T3'", {"I-01", "I-04", "I-23"}),
    "refunded-twice-over": ("UPDATE act_move SET yen = 2 WHERE to_account = 'refunded'", {"I-01", "I-23"}),
    "a-move-made-twice": (_MOVE.format(key="transaction_key", of="from_account", to="to_account", yen="yen", which="to_account = 'refunded'"), {"I-01", "I-23"}),
    "yen-from-nowhere": (_MOVE.format(key="'T4'", of="''", to="'overpaid'", yen="1", which="to_account = 'refunded'"), {"I-01", "I-23"}),
    "an-account-that-is-none": ("UPDATE act_move SET to_account = 'pocket' WHERE to_account = 'refunded'", {"I-01", "I-23"}),
    "a-payment-that-never-was": ("UPDATE act_move SET transaction_key = 'T0' WHERE to_account = 'refunded'", {"I-01", "I-23"}),
    "a-debt-of-nobody": ("UPDATE act_move SET bill_id = NULL WHERE to_account = 'written_off'", {"I-01"}),
    "more-written-off-than-owed": ("UPDATE act_move SET yen = 1007 WHERE to_account = 'written_off'", {"I-04", "I-23"}),
    "on-a-bill-that-is-paid": ("UPDATE act_move SET bill_id = (SELECT o.bill_id FROM outcome o WHERE o.transaction_key = 'T1') WHERE yen = 1000", {"I-04"}),
    "approved-by-the-preparer": ("UPDATE act_event SET \"by\" = '佐藤　' WHERE act_id = 1", {"I-23"}),
    "prepared-by-the-approver": ("UPDATE act SET prepared_by = '鈴木' WHERE id = 2", {"I-23"}),
    "another-content": ("UPDATE act SET content = REPLACE(content, '1002', '1001') WHERE id = 1", {"I-23"}),
    "another-digest": ("UPDATE act SET content_sha256 = 'x' WHERE id = 3", {"I-23"}),
    "a-move-that-is-gone": ("DELETE FROM act_move WHERE to_account = 'refunded'", {"I-23"}),
    "moved-without-approval": ("DELETE FROM act_event WHERE act_id = 4", {"I-23"}),
    "a-part-too-small": ("UPDATE moved_entry SET yen = yen - 1 WHERE outcome = 'matched'", {"I-29"}),
    "a-step-that-is-none": ("INSERT INTO slip_state (slip_id, state, event, cause, at) SELECT MAX(slip_id), 'cancelled', 'cancel', 'x', 'x' FROM slip_state WHERE state = 'paid'", {"I-22"}),
}  # fmt: skip


def _planted(world: World, statement: str) -> set[str]:
    """Ids of the invariants that do not hold while the corruption stands."""
    with world.jobs.rooms.store.rehearsal(), world.jobs.rooms.store.write() as connection:
        assert connection.execute(sa.text(statement)).rowcount > 0, statement
        return set(broken(world))


def test_every_planted_corruption_is_found_and_an_honest_town_is_sound(world: World) -> None:
    _acted(world)
    assert broken(world) == []
    found = {name: _planted(world, statement) for name, (statement, _) in CORRUPTIONS.items()}
    assert {name: wanted - found[name] for name, (_, wanted) in CORRUPTIONS.items() if not wanted <= found[name]} == {}
    assert broken(world) == []


def test_a_close_approved_by_its_own_author_is_found(world: World) -> None:
    town(world)
    found = _planted(
        world,
        """INSERT INTO audit (seq, at, actor, act, subject, detail, previous, hash)
           SELECT MAX(seq) + 1, 'x', 'Sato', 'desk.close', 'day:x', '{"approved_by"\\: "ＳＡＴＯ"}', 'x', 'x' FROM audit""",
    )
    assert found == {"I-23", "I-25"}


def test_a_day_is_not_held_against_outcomes_that_it_has_not_been_told(world: World) -> None:
    """Between two steps of reconcile, where a run may be cut, nothing is wrong; a wrong sum is, before and after."""
    world.intake([bill(1), bill(2)])
    world.receive([world.paid(1, "T1")])
    world.jobs.reconcile()
    world.receive([world.paid(2, "T2")])
    classify(world.jobs.rooms, {})
    assert broken(world) == []
    world.jobs.reconcile()
    assert broken(world) == []
    assert "I-02" in _planted(world, "UPDATE day_state SET receipts_yen = receipts_yen + 1 WHERE id = (SELECT MAX(id) FROM day_state)")
