"""What part of the data somebody may see: municipalities and departments. Read by access, store, desk and every face; standard library only."""

from __future__ import annotations

from typing import NamedTuple


class Scope(NamedTuple):
    """Municipalities and departments by their codes; None means all of them.

    >>> Scope(frozenset({"990019"})).covers("990019"), Scope(frozenset({"990019"})).covers("990027"), EVERYWHERE.covers("990019")
    (True, False, True)
    """

    municipalities: frozenset[str] | None = None
    departments: frozenset[str] | None = None

    def covers(self, municipality_code: str, department_code: str | None = None) -> bool:
        """Whether a thing of this municipality (and department, where it has one) lies inside. "" stands for all municipalities at once."""
        here = self.municipalities is None or municipality_code in self.municipalities
        return here and (department_code is None or self.departments is None or department_code in self.departments)

    def written(self) -> tuple[str, str]:
        """Both parts as they are stored: ``*`` for all, else codes joined by commas."""
        return _written(self.municipalities), _written(self.departments)


EVERYWHERE = Scope()


def read_scope(municipalities: str, departments: str) -> Scope:
    """A scope from its stored parts.

    >>> read_scope("990019,990027", "*").written(), read_scope("", "*").covers("990019")
    (('990019,990027', '*'), False)
    """
    return Scope(_read(municipalities), _read(departments))


def _read(text: str) -> frozenset[str] | None:
    return None if text == "*" else frozenset(code for code in text.split(",") if code)


def _written(codes: frozenset[str] | None) -> str:
    return "*" if codes is None else ",".join(sorted(codes))
