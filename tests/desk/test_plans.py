"""The queue starts from what is open: no part of it walks through a table that grows with every bill or payment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from fundlink.store import cases
from tests.builders import world

OPEN_ONLY = (
    "outcome_open", "receipt_preliminary", "receipt_cancelled", "revision_conflict", "received_quarantined", "message_event_bad", "credit_telling_unsure", "file_event_quarantined",
    "day_state_difference", "act_move_by_transaction",
)  # fmt: skip
"""Indexes that hold little but what is open, or what staff did by hand."""
BY_HAND = {"late_preliminary", "pending_receipt", "refused_slip", "act", "act_event", "act_ground", "act_move", "v", "q"}
"""Tables of the same kind, lists of what waits, and what is made of them."""


@pytest.mark.parametrize("kind", list(cases._PARTS))
def test_no_part_of_the_queue_walks_through_what_grows(tmp_path: Path, kind: str) -> None:
    found = world(tmp_path, f"sqlite:///{tmp_path / 'x.db'}")
    for part in cases._PARTS[kind]:
        with found.jobs.rooms.store.read() as connection:
            plan = connection.execute(
                sa.text(f"EXPLAIN QUERY PLAN {part}"), {"confirm_before": "2026-01-01"} if ":confirm" in part else {}
            ).all()
        names = {alias: table for table, alias in re.findall(r"(?:FROM|JOIN)\s+(\w+)\s+(\w+)", part)}
        walks = [row[3] for row in plan if row[3].startswith("SCAN ") and not any(index in row[3] for index in OPEN_ONLY)]
        assert [step for step in walks if names.get(step.split()[1], step.split()[1]) not in BY_HAND] == [], kind
    found.jobs.rooms.close()
