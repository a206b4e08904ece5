"""What an act on a case rests on: the case, payments with their balances, bills with what is left to pay. Reads only.

Called by queue and acts. Looked at when an act is prepared and again when it is approved; both must give the same words.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem
from fundlink.pipeline.rooms import Rooms
from fundlink.reconcile.accounts import Move, balanced, opening
from fundlink.reconcile.case_kinds import CONFIRM_WITHIN_DAYS, kind_of
from fundlink.reconcile.offsetting import Debt
from fundlink.reconcile.outcomes import PAYING
from fundlink.reconcile.verbs import Facts, Payment
from fundlink.store import acts, cases, tellings
from fundlink.store.acts import ActRow, PaymentRow
from fundlink.store.cases import CaseRow


class Ground(NamedTuple):
    """A case as it stands. ``case`` is None where the name is that of a bill or of an act that nothing overtook."""

    name: str
    kind: str
    municipality_code: str
    case: CaseRow | None
    facts: Facts
    rows: dict[str, PaymentRow]

    def words(self) -> str:
        """All of it as canonical JSON: equal words, equal facts."""
        return canonical(
            {
                "case": None if self.case is None else {"reason": self.case.reason, "yen": self.case.yen},
                "payments": {key: _payment_words(payment) for key, payment in self.facts.payments.items()},
                "bills": {key: debt_words(debt) for key, debt in self.facts.debts.items()},
                **({"credit": dict(self.facts.credit)} if self.facts.credit else {}),
                **({"excess_yen": self.facts.excess_yen} if self.kind == "conflict" else {}),
            }
        )


def canonical(value: Any) -> str:
    """JSON in one spelling."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _payment_words(payment: Payment) -> dict[str, Any]:
    return {
        "outcome": payment.outcome, "outcome_id": payment.outcome_id, "stage": payment.stage, "amount_yen": payment.amount_yen,
        "balances": {account: yen for account, yen in payment.balances.items() if yen},
    }  # fmt: skip


def debt_words(debt: Debt) -> dict[str, Any]:
    """A bill as it stands before and after an act."""
    shown = ("total_yen", "collected_yen", "written_off_yen", "outstanding_yen", "state")
    return {name: getattr(debt, name) for name in shown}


def confirm_before(rooms: Rooms) -> str:
    """Preliminary statements booked before this day are late."""
    return (dt.date.fromisoformat(rooms.today()) - dt.timedelta(days=CONFIRM_WITHIN_DAYS)).isoformat()


def look(rooms: Rooms, connection: Connection, name: str, *, bill_keys: Iterable[str] = ()) -> Ground:
    """The case of that name with all it rests on, and these bills beside it; FL-ACT-005 when there is none."""
    kind = kind_of(name)
    if kind is None:
        raise ProblemError([problem("FL-ACT-005", place=name)])
    key = name.partition(":")[2]
    case = cases.find(connection, kind.name, name, confirm_before(rooms))
    if kind.name == "act":
        return _act(connection, name, key, case)
    if kind.name == "bill":
        owed = debts(connection, [key, *bill_keys])
        if key not in owed:
            raise ProblemError([problem("FL-BIL-004")])
        return Ground(name, kind.name, owed[key].municipality_code, None, Facts({}, owed), {})
    if case is None:
        raise ProblemError([problem("FL-ACT-005", place=name)])
    if kind.name == "conflict":
        return _conflict(connection, case, key)
    if kind.name == "credit":
        return Ground(name, kind.name, case.municipality_code, case, Facts({}, {}, credit=_credit(connection, int(key))), {})
    keys = [key] if kind.name == "transaction" else []
    paid, rows = _payments(connection, keys)
    return Ground(name, kind.name, case.municipality_code, case, Facts(paid, debts(connection, bill_keys)), rows)


def _conflict(connection: Connection, case: CaseRow, key: str) -> Ground:
    found = acts.conflict(connection, int(key))
    assert found is not None
    owed = debts(connection, [found.bill_key])
    held = tuple(acts.lying_on(connection, found.bill_key, paying=PAYING))
    paid, rows = _payments(connection, [transaction for transaction, _ in held])
    excess = owed[found.bill_key].collected_yen - found.total_yen
    return Ground(case.name, "conflict", found.municipality_code, case, Facts(paid, owed, held, excess), rows)


def _credit(connection: Connection, credit_id: int) -> dict[str, Any]:
    """An entry of a bank file and the one it may be, each in the words of its file."""
    found = tellings.doubt(connection, credit_id)
    assert found is not None
    return {
        "credit_id": found.credit_id, "stands_for": found.stands_for, "state": found.state, "told": dict(zip(tellings.TOLD, found.mine, strict=True)),
        "beside": dict(zip(tellings.TOLD, found.theirs, strict=True)),
    }  # fmt: skip


def _act(connection: Connection, name: str, key: str, case: CaseRow | None) -> Ground:
    act = acts.find(connection, int(key)) if key.isascii() and key.isdigit() else None
    if act is None or act.event != "carried_out":
        raise ProblemError([problem("FL-ACT-005", place=name)])
    done = () if acts.is_reversed(connection, act.act_id) else moves_of(act)
    paid, rows = _payments(connection, [move.transaction_key for move in done])
    owed = debts(connection, [move.bill_key for move in done if move.bill_key])
    judged = json.loads(act.content).get("credit")
    credit = {} if judged is None or acts.is_reversed(connection, act.act_id) else _credit(connection, judged["credit_id"])
    return Ground(name, "act", act.municipality_code, case, Facts(paid, owed, done=done, credit=credit), rows)


def moves_of(act: ActRow) -> tuple[Move, ...]:
    """The moves that an act says it makes."""
    return tuple(Move(**{name: move[name] for name in Move._fields}) for move in json.loads(act.content)["moves"])


def _payments(connection: Connection, keys: Iterable[str]) -> tuple[dict[str, Payment], dict[str, PaymentRow]]:
    wanted = [key for key in keys if key]
    rows = {found.transaction_key: found for found in acts.payments(connection, wanted)}
    moved: dict[str, list[Move]] = {}
    for row in acts.moved(connection, wanted):
        moved.setdefault(row[0], []).append(Move(*row))
    return {
        key: Payment(*row[:7], row.booked_on, row.bill_key, balanced(opening(row.outcome, row.amount_yen), moved.get(key, ())))
        for key, row in rows.items()
    }, rows


def payments(connection: Connection, keys: Iterable[str]) -> dict[str, Payment]:
    """These payments with their balances as they are now."""
    return _payments(connection, keys)[0]


def debts(connection: Connection, keys: Iterable[str]) -> dict[str, Debt]:
    """These bills as they are now."""
    return {row.bill_key: Debt(*row[:12]) for row in acts.debts(connection, keys, paying=PAYING)}


def debts_of_payer(connection: Connection, municipality_code: str, fund_code: str, payer: str) -> list[Debt]:
    """What a payer still owes of a fund."""
    found = (Debt(*row[:12]) for row in acts.debts_of_payer(connection, municipality_code, payer, paying=PAYING))
    return [debt for debt in found if debt.fund_code == fund_code and debt.outstanding_yen > 0]
