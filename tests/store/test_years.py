"""A year can be cut out of a grown database by its indexes alone, and what is left still ties: decision 0013.

Nothing here is a verb of the product: which years may go is a matter of retention rules that a body sets. What is shown is that
the shape of the tables does not stand in the way.
"""

from __future__ import annotations

from pathlib import Path

from tests.builders import World, bill, world
from tests.store import grown
from tests.store.plans import watched

OLD_FILES = 10
"""The first files stand for the oldest year; few enough that reading a table whole would never be the cheaper way."""
OLD = f"< {(OLD_FILES + 1) << 24}"
CUT: tuple[tuple[str, str], ...] = (
    # laid out first: what belongs to the year, each found from the range of its bills
    ("old_slip (id BIGINT PRIMARY KEY, institution_code TEXT, case_key TEXT)",
     f"SELECT s.id, s.institution_code, s.case_key FROM slip s WHERE s.bill_id {OLD}"),
    ("old_receipt (id BIGINT PRIMARY KEY, transaction_key TEXT)",
     """SELECT r.id, r.transaction_key FROM old_slip s CROSS JOIN receipt r
        WHERE r.institution_code = s.institution_code AND r.case_key = s.case_key"""),
    ("old_entry (id BIGINT PRIMARY KEY)",
     "SELECT e.entry_number FROM old_receipt q CROSS JOIN clearing_entry e WHERE e.transaction_key = q.transaction_key"),
)  # fmt: skip
DELETES = (
    "DELETE FROM clearing_handover WHERE entry_number IN (SELECT id FROM old_entry)",
    "DELETE FROM clearing_entry WHERE entry_number IN (SELECT id FROM old_entry)",
    "DELETE FROM outcome WHERE transaction_key IN (SELECT transaction_key FROM old_receipt)",
    "DELETE FROM receipt WHERE id IN (SELECT id FROM old_receipt)",
    "DELETE FROM slip_handover WHERE slip_id IN (SELECT id FROM old_slip)",
    "DELETE FROM slip_state WHERE slip_id IN (SELECT id FROM old_slip)",
    "DELETE FROM message_item WHERE slip_id IN (SELECT id FROM old_slip)",
    f"DELETE FROM slip WHERE bill_id {OLD}",
    f"DELETE FROM revision WHERE bill_id {OLD}",
    f"DELETE FROM bill WHERE id {OLD}",
    f"DELETE FROM bill_version WHERE id {OLD}",
    f"DELETE FROM row_problem WHERE file_id <= {OLD_FILES}",
    f"DELETE FROM rejected_row WHERE file_id <= {OLD_FILES}",
    f"DELETE FROM file_event WHERE file_id <= {OLD_FILES}",
    f"DELETE FROM file WHERE id <= {OLD_FILES}",
    f"DELETE FROM raw_piece WHERE raw_id <= {OLD_FILES}",
)


def test_a_year_is_cut_out_by_its_indexes(tmp_path: Path, database_url: str) -> None:
    rows = OLD_FILES * grown.BILLS // grown.FILES
    found = world(tmp_path, database_url)
    grown.fill(found)
    before = _counts(found)
    with watched(grown.GROWN) as watcher, found.jobs.rooms.store.write() as connection:
        if not found.jobs.rooms.store.is_sqlite:
            # so few rows lie in a handful of pages, which are quickly read whole; of a year's millions they are not
            connection.exec_driver_sql("SET LOCAL seq_page_cost = 100")
        for table, query in CUT:
            name, _, columns = table.partition(" ")
            connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {name} {columns}")
            connection.exec_driver_sql(f"INSERT INTO {name} {query}")
            if not found.jobs.rooms.store.is_sqlite:
                connection.exec_driver_sql(f"ANALYZE {name}")
        for statement in DELETES:
            connection.exec_driver_sql(statement)
    assert watcher.explained >= len(DELETES)
    assert not watcher.scans, "\n".join(map(str, watcher.scans))
    after = _counts(found)
    assert {
        name: before[name] - after[name] for name in ("bill", "bill_version", "slip", "message_item", "slip_handover")
    } == dict.fromkeys(("bill", "bill_version", "slip", "message_item", "slip_handover"), rows)
    assert before["receipt"] - after["receipt"] == before["outcome"] - after["outcome"] > 0
    found.intake([bill(1)])  # the road goes on
    found.jobs.submit()
    found.receive([found.paid(1, "NEW1")])
    found.jobs.reconcile()
    assert found.sql("SELECT outcome FROM outcome WHERE transaction_key = 'NEW1'") == [("matched",)]
    found.jobs.rooms.close()


def _counts(found: World) -> dict[str, int]:
    return {name: int(found.sql(f"SELECT COUNT(*) FROM {name}")[0][0]) for name in grown.GROWN}
