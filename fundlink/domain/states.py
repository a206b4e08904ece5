"""The life of a slip as rows: a step that is not in TRANSITIONS cannot happen.

Called by pipeline and desk, and loaded into the store for the set work. The newest row of ``slip_state`` is the state;
a slip without a row is ``issued``, a bill without a slip is ``draft``.
"""

from __future__ import annotations

from typing import NamedTuple

STATES: tuple[tuple[str, str], ...] = (
    ("draft", "作成中"),
    ("issued", "発番済"),
    ("registered", "登録済"),
    ("paid", "収納済"),
    ("settled", "払込済"),
    ("cleared", "消込済"),
    ("refused", "登録不可"),
    ("cancelled", "取消"),
    ("superseded", "差替え"),
    ("expired", "期限切れ"),
    ("unknown", "結果不明"),
)

DAY_STATES: tuple[tuple[str, str], ...] = (("open", "未了"), ("tied", "一致"), ("difference", "不一致"), ("closed", "締め済み"))
MESSAGE_EVENTS: tuple[tuple[str, str], ...] = (
    ("stored", "送信待ち"),
    ("sent", "送信済み（応答待ち）"),
    ("unknown", "結果不明"),
    ("answered", "回答受領"),
    ("rejected", "電文不可"),
    ("exhausted", "試行終了（人の判断待ち）"),
    ("contradicted", "回答の食い違い"),
    ("asked", "照会の指示あり"),
    ("resent", "別の電文で送り直し"),
    ("given_up", "打切り"),
)
FILE_EVENTS: tuple[tuple[str, str], ...] = (
    ("received", "取込の途中"),
    ("accepted", "取込済み"),
    ("quarantined", "隔離"),
    ("rolled_back", "取消済み"),
)


def in_japanese(name: str, table: tuple[tuple[str, str], ...] = STATES) -> str:
    """The word a clerk reads for a state; the name itself when the table does not know it.

    >>> in_japanese("paid"), in_japanese("tied", DAY_STATES)
    ('収納済', '一致')
    """
    return dict(table).get(name, name)


class Transition(NamedTuple):
    """One allowed step: from a state, by a named event, to a state."""

    before: str
    event: str
    after: str


_UNPAID = ("issued", "registered", "refused", "unknown", "expired")

TRANSITIONS: tuple[Transition, ...] = (
    Transition("draft", "number", "issued"),
    Transition("issued", "acknowledge", "registered"),
    Transition("issued", "refuse", "refused"),
    Transition("issued", "lose", "unknown"),
    Transition("unknown", "acknowledge", "registered"),
    Transition("unknown", "refuse", "refused"),
    # two persons decided that it goes under another message id
    Transition("unknown", "release", "issued"),
    Transition("refused", "acknowledge", "registered"),
    Transition("refused", "lose", "unknown"),
    Transition("registered", "expire", "expired"),
    *(Transition(state, "cancel", "cancelled") for state in _UNPAID),
    *(Transition(state, "supersede", "superseded") for state in _UNPAID),
    # a payment proves the registration, whatever we had heard of it
    *(Transition(state, "pay", "paid") for state in _UNPAID),
    Transition("paid", "settle", "settled"),
    # clearing and money are two tracks with no order between them; handing over ends the life of the slip
    Transition("paid", "clear", "cleared"),
    Transition("settled", "clear", "cleared"),
    *(Transition(state, "withdraw", "registered") for state in ("paid", "settled", "cleared")),
)


def next_state(before: str, event: str) -> str | None:
    """The state after an event, or None when that step is not allowed.

    >>> next_state("issued", "acknowledge"), next_state("cancelled", "acknowledge")
    ('registered', None)
    """
    return _STEPS.get((before, event))


def states_before(event: str) -> list[str]:
    """The states from which an event may happen.

    >>> states_before("clear")
    ['paid', 'settled']
    """
    return [step.before for step in TRANSITIONS if step.event == event]


_STEPS = {(step.before, step.event): step.after for step in TRANSITIONS}


SLIP_PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("unpaid", ("issued", "registered", "refused", "unknown")),
    ("cancelled", ("cancelled", "superseded")),
    ("expired", ("expired",)),
)
"""What a slip that no payment pays is counted as, in ``registered = paid + unpaid + cancelled + expired``."""


def part_of(state: str) -> str:
    """The part that a state is counted in; '' where a payment or an act has to answer for it.

    >>> part_of("refused"), part_of("superseded"), part_of("cleared")
    ('unpaid', 'cancelled', '')
    """
    return next((part for part, states in SLIP_PARTS if state in states), "")


def crossing_events() -> list[str]:
    """Events that may take a slip from one part to another; all others stay within one.

    >>> crossing_events()
    ['cancel', 'expire', 'pay', 'supersede', 'withdraw']
    """
    return sorted({step.event for step in TRANSITIONS if step.before != "draft" and part_of(step.before) != part_of(step.after)})
