"""A file that is wrong in exactly one place is told exactly there, for every field of every shipped layout."""

from __future__ import annotations

import pytest

from tests.formats.shelf import MESSAGES, message, read

FIELDS = [(name, kind, field) for name, kind in MESSAGES for field in message(name, kind).spoilable()]


@pytest.mark.parametrize(("name", "kind", "field"), FIELDS)
def test_one_wrong_value(name: str, kind: str, field: str) -> None:
    given = message(name, kind)
    outcome = read(given, given.spoiled(field, 5))
    bare = field.rpartition("/")[2]
    if outcome.quarantined:
        assert _told_for_the_file(given.form, bare, outcome.quarantined)
        return
    assert [problem.field for problem in outcome.problems] == [bare]
    assert len(outcome.rejected) == 1
    assert len(outcome.records) == 2


def _told_for_the_file(form: str, field: str, problems: list) -> bool:  # type: ignore[type-arg]
    """Control values, leading constants and everything that a schema, a sum or a balance speaks of quarantine the file."""
    if form == "xml":
        return bool(problems[0].place)
    structural = {"FL-FIX-001", "FL-FIX-005", "FL-FIX-006"}
    tied = {"cancelled", "direction", "closing_balance_yen", "opening_balance_yen", "opening_sign", "closing_sign"}
    return field in {problem.field for problem in problems} or problems[0].code in structural or field in tied


def test_every_shipped_field_has_a_spoiled_file() -> None:
    assert len(FIELDS) > 200
