"""The trail of acts is whole, and every act that needs an entry has one: I-25, by SQL of its own.

Called by ``store.verify``. A chain whose end was cut off, or that was emptied, is still a chain: what shows it here is that the facts
are there whose entries are not. Never says who did it; the kept head of the chain does (``audit verify --head``).
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fundlink.store import audit


def _each(act: str, fact: str) -> str:
    """Subjects of facts that no entry of that act names."""
    return f"SELECT COUNT(*) FROM ({fact} EXCEPT SELECT subject FROM audit WHERE act LIKE '{act}') x"


def _as_many(acts: str, facts: str) -> str:
    """Facts beyond the number of entries, where an entry names its subject in words of its own."""
    return f"""SELECT CASE WHEN f.n > a.n THEN f.n - a.n ELSE 0 END FROM (SELECT COUNT(*) AS n FROM {facts}) f,
        (SELECT COUNT(*) AS n FROM audit WHERE act IN ({acts})) a"""


_NEEDS = (
    _each("intake.accept", "SELECT 'file:' || CAST(file_id AS VARCHAR) FROM file_event WHERE event = 'accepted'"),
    _each("desk.rollback", "SELECT 'file:' || CAST(file_id AS VARCHAR) FROM file_event WHERE event = 'rolled_back'"),
    _each("submit.compose", "SELECT 'message:' || id FROM message"),
    _each("collect.apply", "SELECT 'received:' || remote_id FROM received_file WHERE state = 'applied'"),
    _each("export.%", "SELECT 'export:' || CAST(export_file_id AS VARCHAR) FROM export_delivery"),
    _each("unpaid.list", "SELECT 'unpaid:' || CAST(id AS VARCHAR) FROM unpaid_list"),
    _each(
        "account.add", "SELECT 'account:' || account FROM bank_account WHERE \"by\" <> 'fundlink'"
    ),  # an upgrade and a trial enter those they met
    _each("act.prepare", "SELECT 'act:' || CAST(id AS VARCHAR) FROM act"),
    _each("act.carried_out", "SELECT 'act:' || CAST(act_id AS VARCHAR) FROM act_event WHERE event = 'carried_out'"),
    _each("desk.close", "SELECT 'day:' || day FROM day_close WHERE step = 'approved'"),
    _as_many("'desk.settle', 'desk.unsettle'", "settling WHERE approved_by <> ''"),
    _as_many("'desk.waive'", "absence_waiver"),
)


def trail(connection: Connection) -> tuple[int, int]:
    """I-25: the chain of entries holds, and no fact that a person or a verb made is without its entry."""
    result = audit.verify(connection)
    broken = sum(int(connection.scalar(sa.text(query)) or 0) for query in _NEEDS)
    return int(result["entries"]), broken + (0 if result["ok"] else 1)


WALKS = (("I-25", "操作の記録の連鎖が切れておらず、記録の要る処理にはすべて記録がある", trail),)
