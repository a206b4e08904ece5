"""The words of the pages in Japanese and English, by key; and how days, instants and yen are written in each.

Read by view and the templates. Every sentence stands once, in ``words.toml``; the words for states, outcomes and the like are
those of the rooms that own them, and in English they are the terms of the glossary.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from fundlink.access.roles import ROLES
from fundlink.bootstrap import code_words
from fundlink.desk.deeds import DEEDS
from fundlink.domain.attempts import RESULTS
from fundlink.domain.books import ACCOUNTS, YEAR_KINDS
from fundlink.domain.states import DAY_STATES, FILE_EVENTS, MESSAGE_EVENTS, STATES
from fundlink.reconcile.absence import STATES as FILE_STATES
from fundlink.reconcile.case_kinds import BILL, KINDS, REASONS
from fundlink.reconcile.outcomes import RULES, UNDETERMINED
from fundlink.reconcile.verbs import VERBS

LANGUAGES = ("ja", "en")
_TERMS: Mapping[str, Mapping[str, str]] = {
    "day": dict(DAY_STATES),
    "file": dict(FILE_STATES),
    "bill": dict(STATES),
    "message": dict(MESSAGE_EVENTS),
    "result": dict(RESULTS),
    "outcome": {rule.outcome: rule.ja for rule in (*RULES, UNDETERMINED)},
    "difference": REASONS,
    "case": {kind.name: kind.ja for kind in (*KINDS, BILL)},
    "verb": {row.verb: row.ja for row in VERBS},
    "account": dict(ACCOUNTS),
    "year_kind": dict(YEAR_KINDS),
    "deed": {deed.kind: deed.ja for deed in DEEDS},
    "intake": dict(FILE_EVENTS),
    "role": {role.name: role.ja for role in ROLES},
}

_ORDER = ("name", "file", "event", "state", "read", "accepted", "accepted_yen", "created", "updated", "cancelled", "issue_count", "case_key", "superseded_case_key", "total_yen")  # fmt: skip
_FACTS = {"event": ("intake", "message"), "state": ("bill", "message")}
"""Facts of proposals that are states: of what each may be one."""


@cache
def table() -> Mapping[str, tuple[str, str]]:
    """Key to (Japanese, English)."""
    read = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
    return {key: (ja, en) for key, (ja, en) in read.items()}


class Words:
    """All that a page says, in one language."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else LANGUAGES[0]
        self._at = LANGUAGES.index(self.language)

    def say(self, key: str, /, **given: object) -> str:
        """A sentence by its key; a key that there is not is an error of ours."""
        return table()[key][self._at].format(**given)

    def knows(self, key: str) -> bool:
        """Whether there is a sentence of this key."""
        return key in table()

    def term(self, kind: str, name: str) -> str:
        """A word of the trade: a state, an outcome, a kind of difference."""
        ja = _TERMS[kind].get(name)
        return name.replace("_", " ") if self._at or ja is None else ja

    def code(self, table_name: str, code: str) -> str:
        """The Japanese word of a code list, or the code."""
        return code_words(table_name).get(code, code)

    def yen(self, amount: int) -> str:
        """Money.

        >>> Words("ja").yen(1234), Words("en").yen(-5)
        ('1,234 円', '−¥5')
        """
        sign, plain = ("−" if amount < 0 else ""), f"{abs(amount):,}"
        return f"{sign}¥{plain}" if self._at else f"{sign}{plain} 円"

    def count(self, number: int) -> str:
        """A number of things.

        >>> Words("ja").count(1234), Words("en").count(1234)
        ('1,234 件', '1,234')
        """
        return f"{number:,}" if self._at else f"{number:,} 件"

    def measure(self, value: int, unit: str) -> str:
        """A number of a report.

        >>> Words("ja").measure(987, "permille"), Words("ja").measure(35, "tenths"), Words("en").measure(1200, "count")
        ('98.7%', '3.5 日', '1,200')
        """
        if unit == "count":
            return self.count(value)
        tenths = f"{value // 10}.{value % 10}"
        return f"{tenths}%" if unit == "permille" else f"{tenths} days" if self._at else f"{tenths} 日"

    def size(self, octets: int) -> str:
        """A number of bytes.

        >>> Words("ja").size(512), Words("en").size(1536), Words("ja").size(5 << 20), Words("ja").size(2 << 30)
        ('512 B', '1.5 kB', '5.0 MB', '2.0 GB')
        """
        if octets < 1 << 10:
            return f"{octets} B"
        unit, shift = next((unit, shift) for unit, shift in (("GB", 30), ("MB", 20), ("kB", 10)) if octets >> shift)
        return f"{octets / (1 << shift):,.1f} {unit}"

    def facts(self, told: Mapping[str, object]) -> list[tuple[str, object]]:
        """Facts of a proposal in the order in which people read them; what only a machine compares is left out.

        >>> Words("ja").facts({"created": 1, "version_id": 9, "name": "a.csv"})
        [('name', 'a.csv'), ('created', 1)]
        """
        names = [name for name in told if name != "version_id"]
        return [(name, told[name]) for name in sorted(names, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))]

    def fact(self, name: str, value: object) -> str:
        """One fact of a proposal: yen, counts, states and yes or no in words, everything else as it is.

        >>> Words("ja").fact("total_yen", 1200), Words("ja").fact("same_id", True), Words("en").fact("created", 3), Words("ja").fact("funds", ["601"])
        ('1,200 円', 'はい', '3', '601')
        """
        if isinstance(value, bool):
            return self.say("fact.yes" if value else "fact.no")
        if isinstance(value, int):
            return self.yen(value) if name.endswith("_yen") else self.count(value)
        if isinstance(value, list):
            return "・".join(self.say(f"kind.{one}") if f"kind.{one}" in table() else str(one) for one in value)
        if name == "kind" and f"kind.{value}" in table():
            return self.say(f"kind.{value}")
        kind = next((kind for kind in _FACTS.get(name, ()) if value in _TERMS[kind]), "")
        return self.term(kind, str(value)) if kind else str(value)

    def date(self, day: str) -> str:
        """A day as people say it.

        >>> Words("ja").date("2026-11-20"), Words("en").date("2026-11-20")
        ('11月20日（金）', 'Fri 20 Nov')
        """
        found = dt.date.fromisoformat(day)
        if self._at:
            return f"{found:%a} {found.day} {found:%b}"
        return f"{found.month}月{found.day}日（{'月火水木金土日'[found.weekday()]}）"

    def short(self, day: str) -> str:
        """A day where there is little room.

        >>> Words("ja").short("2026-11-20"), Words("en").short("2026-11-20")
        ('11/20（金）', 'Fri 20/11')
        """
        found = dt.date.fromisoformat(day)
        if self._at:
            return f"{found:%a} {found.day}/{found.month}"
        return f"{found.month}/{found.day}（{'月火水木金土日'[found.weekday()]}）"

    def full_date(self, day: str) -> str:
        """A day with its year.

        >>> Words("ja").full_date("2026-11-20"), Words("en").full_date("2026-11-20")
        ('2026年11月20日（金）', 'Fri 20 Nov 2026')
        """
        return f"{self.date(day)} {day[:4]}" if self._at else f"{day[:4]}年{self.date(day)}"

    def instant(self, at: str) -> str:
        """A moment, to the minute.

        >>> Words("ja").instant("2026-11-24T09:05:00+09:00")
        '11月24日（火）9:05'
        """
        moment = dt.datetime.fromisoformat(at)
        return f"{self.date(at[:10])}{' ' if self._at else ''}{moment.hour}:{moment:%M}"
