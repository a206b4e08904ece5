"""What a message may carry: its record, the attributes a layout may name, its rules and its totals.

The types that one file a message (billing, payment …) fills in; read by rows, samples, profile checks and the book.
It never reads or writes a byte.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any, NamedTuple


class Attribute(NamedTuple):
    """One thing a layout may carry. ``type`` is text, yen, number, year or date; ``exact`` the only width an identifier has."""

    name: str
    ja: str
    type: str = "text"
    default: Any = ""
    exact: int = 0


class Breach(NamedTuple):
    """What a rule found: the problem code, the field to show it at, and its words."""

    code: str
    field: str
    args: tuple[tuple[str, str | int], ...] = ()


Rule = Callable[[Any], Breach | None]


@dataclass(frozen=True)
class Terms:
    """What a profile settles once for all its messages."""

    payable_days: int = 40
    era: str = "5"

    @cached_property
    def limits(self) -> Limits:
        """Payment limit of a due date, worked out once a day."""
        return Limits(self.payable_days)


class Limits(dict[str, str]):
    """due_on to payable_until."""

    def __init__(self, days: int) -> None:
        super().__init__()
        self.days = dt.timedelta(days=days)

    def __missing__(self, due_on: str) -> str:
        limit = self[due_on] = (dt.date.fromisoformat(due_on) + self.days).isoformat()
        return limit


def _as_it_is(_values: list[Any], _terms: Terms) -> bool:
    """Nothing to fill in, no rule to break."""
    return True


@dataclass(frozen=True)
class Spec:
    """One message. ``complete`` fills attributes that follow from others, in a list ordered like ``names``.

    It answers True when no rule can complain; on False the rules say what is wrong. It runs once a row.
    """

    kind: str
    ja: str
    record: Any
    attributes: tuple[Attribute, ...]
    invent: Callable[[Random, int], dict[str, Any]]
    # inputs that are no attribute of the record but build one (the parts of an account)
    extras: tuple[Attribute, ...] = ()
    # written from the record, ignored when read
    derived: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    # the same over all inputs of a row by name, extras and what the header holds for it included
    inputs: Mapping[str, Rule] = field(default_factory=dict)
    complete: Callable[[list[Any], Terms], bool] = _as_it_is
    # alternatives for 料+督促+延滞: the first one a layout carries is what a control sum means
    totals: tuple[tuple[str, ...], ...] = ()
    required: tuple[str, ...] = ()
    # attributes whose amount stands in more than one field of a layout
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # a statement of an account: opening balance + in - out = closing balance
    balanced: bool = False
    warn: Mapping[str, tuple[str, Callable[[str], bool]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert tuple(attribute.name for attribute in self.attributes) == self.record._fields

    @cached_property
    def named(self) -> dict[str, Attribute]:
        """Attributes and extras by name, in the order of a list of values."""
        return {attribute.name: attribute for attribute in (*self.attributes, *self.extras)}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The order of a list of values: the record, then the extras."""
        return tuple(self.named)


FILE_ATTRIBUTES = {
    attribute.name: attribute
    for attribute in (
        Attribute("message_id", "電文番号"),
        Attribute("in_reply_to", "応答先電文番号"),
        Attribute("municipality_code", "団体コード", exact=6),
        Attribute("institution_code", "共通納税機関コード", exact=5),
        Attribute("business_day", "業務日", "date", None),
        Attribute("created_at", "作成日時"),
        Attribute("status", "処理結果"),
        Attribute("reason_code", "理由コード"),
        Attribute("record_count", "件数", "number", 0),
        Attribute("total_yen", "合計額", "yen", 0),
        Attribute("file_sequence", "ファイル連番"),
        Attribute("file_business_day", "ファイル業務日", "date", None),
        Attribute("file_created_on", "ファイル作成日", "date", None),
        Attribute("opening_balance_yen", "取引前残高", "yen", 0),
        Attribute("opening_sign", "取引前貸越区分", default="1"),
        Attribute("closing_balance_yen", "取引後残高", "yen", 0),
        Attribute("closing_sign", "取引後貸越区分", default="1"),
        Attribute("period_from", "勘定日自", "date", None),
        Attribute("period_to", "勘定日至", "date", None),
    )
}
"""What a header, trailer or end record (or the Header of an XML message) may say about the whole file."""
