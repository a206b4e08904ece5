"""Control values (count, sum) of header, trailer and end records: what they speak of, and the tally they are held against.

Called by the fixed and xml forms and by profile checks. A tally works on cells as written, so rejected rows count too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fundlink.formats.catalogue import Spec
from fundlink.formats.layout import Field


class Control(NamedTuple):
    """What one count or sum speaks of. ``scope`` is data, all (records of the file) or groups."""

    sums: bool
    scope: str
    places: tuple[int, ...]
    condition: tuple[int, str, bool] | None  # place, value, must be equal
    unknown: str


def control_of(row: Field, spec: Spec, data: Sequence[Field]) -> Control:
    """Read ``codes`` of a control row: an attribute, a condition ``_direction=1`` (or ``!=``), or both with ``;``."""
    index = {field.name: at for at, field in enumerate(data)}
    amount, condition, unknown = "", None, ""
    for part in filter(None, (part.strip() for part in row.codes.split(";"))):
        name, equals, wanted = part.partition("=")
        name = name.removesuffix("!") if equals else name
        if name.strip() not in index and not (not equals and name in spec.parts):
            unknown = name
        elif equals:
            condition = (index[name.strip()], wanted.strip(), not part.partition("=")[0].endswith("!"))
        else:
            amount = name
    names = spec.parts.get(amount, (amount,)) if amount else default_total(spec, index)
    places = tuple(index[name] for name in names if name in index)
    scope = row.form if row.form in ("all", "groups") else "data"
    if row.kind == "sum" and not places and not unknown:
        unknown = "料額"
    return Control(row.kind == "sum", scope, places, condition, unknown)


def default_total(spec: Spec, index: dict[str, int]) -> tuple[str, ...]:
    """料 + 督促 + 延滞 in the words of this message."""
    return next((names for names in spec.totals if any(name in index for name in names)), ())


class Tally:
    """Counts and sums of the data records seen so far, one per control."""

    def __init__(self, controls: Sequence[Control]) -> None:
        self.values = [0] * len(controls)
        self._plan = [(at, control.sums, control.places, control.condition) for at, control in enumerate(controls)]

    def add(self, cells: Sequence[str]) -> int | None:
        """Count one data record; the place of an amount that cannot be read, or None."""
        values = self.values
        for at, sums, places, condition in self._plan:
            if condition is not None and (cells[condition[0]].strip() == condition[1]) is not condition[2]:
                continue
            if not sums:
                values[at] += 1
                continue
            for place in places:
                amount = cells[place]
                if amount.isdigit() and amount.isascii():
                    values[at] += int(amount)
                elif amount.strip(" "):
                    return place
        return None
