"""The places a figure starts from: homes and databases with bills stored, slips registered, receipts collected and so on.

Used by verbs. A stage is made once by the road itself and copied for every run, so that all runs start from the same bytes; what
a measured run has made becomes the next stage, unless there is one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from bench import inputs
from bench.child import Values
from bench.databases import Databases
from bench.gateway import FolderGateway, make_keys
from fundlink import bootstrap
from fundlink.config import Settings
from fundlink.jobs import Jobs

BEFORE = {"bills": "empty", "submitted": "bills", "registered": "submitted", "collected": "registered", "reconciled": "collected"}
"""Every stage and the one it is made from; ``known`` is made from ``bills`` by a short cut."""


class Place(NamedTuple):
    """A home with its database."""

    home: Path
    url: str


def open_jobs(values: Values) -> tuple[Jobs, FolderGateway]:
    """The verbs over a place, with the folder gateway on the other side. ``values``: home, url, keys, files, profiles."""
    settings = Settings(home=Path(values["home"]), database_url=values["url"], now=inputs.NOW, profiles=Path(values["profiles"]))  # type: ignore[arg-type]
    gateway = FolderGateway(Path(values["keys"]), Path(values["files"]))
    return Jobs(bootstrap.build(settings, gateway=gateway)), gateway


class Bed:
    """All stages of one number of bills on one kind of database."""

    def __init__(self, folder: Path, rows: int, databases: Databases) -> None:
        self.folder, self.rows, self.databases = folder, rows, databases
        self.profiles, self.keys = inputs.write_profiles(folder / "profiles"), folder / "keys"
        self._stages: dict[str, Place] = {}
        self._receipts: dict[int, tuple[Path, dict[str, int]]] = {}
        self._number = 0
        make_keys(self.keys)

    def values(self, place: Place, files: Path | None = None, **more: Any) -> Values:
        """What a task needs to work in a place."""
        shared = {"profiles": str(self.profiles), "keys": str(self.keys), "files": str(files or self.folder / "nothing")}
        return {**shared, "home": str(place.home), "url": place.url, "database": self.databases.kind, **more}

    def stage(self, name: str) -> Place:
        """A stage to copy from; never work in it."""
        if name not in self._stages:
            self._stages[name] = self._made(name)
        return self._stages[name]

    def adopt(self, name: str, place: Place) -> None:
        """What a run has made becomes a stage, or is dropped when there is one."""
        if name in self._stages:
            self.drop(place)
        else:
            self._stages[name] = place

    def copy(self, name: str) -> Place:
        """A place of its own with what a stage holds."""
        source = self.stage(name)
        place = self._home()
        shutil.copytree(source.home, place)
        return Place(place, self.databases.copy(source.url))

    def keep(self, needed: set[str]) -> None:
        """Stages that nothing to come starts from go: at a million rows each takes a gigabyte or more.

        What makes a needed stage is kept with it, as far as it is not made yet.
        """
        wanted = set(needed)
        for name in needed - set(self._stages):
            while (name := "bills" if name == "known" else BEFORE.get(name, "")) and name not in self._stages:
                pass
            wanted.add(name)
        for name in set(self._stages) - wanted:
            self.drop(self._stages.pop(name))

    @contextmanager
    def copied(self, name: str) -> Iterator[Place]:
        """The same, gone after the block."""
        place = self.copy(name)
        try:
            yield place
        finally:
            self.drop(place)

    def drop(self, place: Place) -> None:
        """Home and database are gone."""
        shutil.rmtree(place.home, ignore_errors=True)
        self.databases.drop(place.url)

    def bills_file(self, form: str = "utf-8") -> Path:
        """The bills as a file of a form of ``inputs.FORMS``."""
        path = self.folder / f"bills-{form}"
        if not path.exists():
            settings = Settings(home=self.folder, profiles=self.profiles)
            message = bootstrap.profile_loader(settings)(inputs.FORMS[form]).message("billing")
            inputs.write_bills(path, message, self.rows)
        return path

    def receipts(self, count: int, stage: str) -> tuple[Path, dict[str, int]]:
        """A folder of signed receipt files for slips of a stage, and the outcomes they must give."""
        if count not in self._receipts:
            folder = self.folder / f"receipts-{count}"
            jobs, _ = open_jobs(self.values(self.stage(stage)))
            slips = payables(jobs, max(self.rows // count, 1), count)
            message = jobs.rooms.profile("gateway").message("receipt")
            expected = inputs.write_receipts(FolderGateway(self.keys, folder), message, inputs.receipts(slips, count))
            jobs.rooms.close()
            self._receipts[count] = folder, expected
        return self._receipts[count]

    def _home(self) -> Path:
        self._number += 1
        return self.folder / f"home-{self._number}"

    def _made(self, name: str) -> Place:
        if name == "empty":
            place = Place(self._home(), self.databases.create())
            jobs, _ = open_jobs(self.values(place))
            jobs.rooms.trust.pinned(inputs.INSTITUTION)  # keys are made once in the life of an installation, not in a figure
            jobs.rooms.close()
            return place
        place = self.copy("bills" if name == "known" else BEFORE[name])
        files = self.receipts(self.rows, "registered")[0] if name == "collected" else None
        jobs, _ = open_jobs(self.values(place, files))
        _MAKING[name](jobs, self)
        jobs.rooms.close()
        return place


def _take_bills(jobs: Jobs, bed: Bed) -> None:
    assert jobs.intake(bed.bills_file(), inputs.FORMS["utf-8"])["created"] == bed.rows


def _submit(jobs: Jobs, bed: Bed) -> None:
    assert jobs.submit()["registered"] == bed.rows


def _hand_slips_over(jobs: Jobs, bed: Bed) -> None:
    assert jobs.export(bed.folder / "slips")["slips"] == bed.rows


def _collect(jobs: Jobs, bed: Bed) -> None:
    assert jobs.collect()["receipts"] == bed.rows


def _reconcile(jobs: Jobs, _bed: Bed) -> None:
    assert jobs.reconcile()["outcomes"]


def _make_known(jobs: Jobs, bed: Bed) -> None:
    """Short cut for millions of bills that are only the background: all slips registered and handed over, by one statement each.

    Then one run of the verbs that count on from run to run: they have seen all this before, as in operation.
    """
    at = jobs.rooms.now()
    with jobs.rooms.store.write() as connection:
        for statement in _KNOWN:
            connection.execute(sa.text(statement), {"at": at, "code": inputs.CODE} if ":at" in statement else {})
    with jobs.rooms.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    jobs.reconcile()
    assert jobs.export(bed.folder / "slips")["slips"] == 0


_KNOWN = (
    "INSERT INTO raw (sha256, size, direction, kind, name, kept_at) VALUES ('', 0, 'out', 'bench', 'bench', :at)",
    """INSERT INTO message (id, municipality_code, raw_id, records, yen, created_at)
       SELECT 'bench', :code, MAX(id), 0, 0, CAST(:at AS TEXT) FROM raw""",
    "INSERT INTO message_event (message_id, event, detail, at) VALUES ('bench', 'answered', '', :at)",
    """INSERT INTO message_item (message_id, position, slip_id, version_id, operation, last_change_id)
       SELECT 'bench', s.id, s.id, s.bill_id, 'register', 0 FROM slip s ORDER BY s.id""",
    """INSERT INTO slip_state (slip_id, state, event, cause, at)
       SELECT s.id, 'registered', 'acknowledge', 'bench', CAST(:at AS TEXT) FROM slip s ORDER BY s.id""",
    """INSERT INTO export_file (kind, name, municipality_code, profile, raw_id, records, yen, at)
       SELECT 'slips', 'bench', :code, 'standard', MAX(id), 0, 0, CAST(:at AS TEXT) FROM raw""",
    "INSERT INTO export_delivery (export_file_id, at) SELECT MAX(id), CAST(:at AS TEXT) FROM export_file",
    "INSERT INTO slip_handover (slip_id, export_file_id) SELECT s.id, (SELECT MAX(id) FROM export_file) FROM slip s ORDER BY s.id",
)
_MAKING: dict[str, Any] = {
    "bills": _take_bills, "submitted": _submit, "registered": _hand_slips_over, "collected": _collect, "reconciled": _reconcile,
    "known": _make_known,
}  # fmt: skip


def payables(jobs: Jobs, step: int, limit: int) -> list[inputs.Payable]:
    """Every ``step``-th slip, as far as ``limit``."""
    statement = """SELECT s.case_key, s.confirmation_number, v.fund_code, v.total_yen FROM slip s JOIN bill_version v ON v.id = s.bill_id
                   WHERE s.id % :step = 0 ORDER BY s.id LIMIT :limit"""
    with jobs.rooms.store.read() as connection:
        return [inputs.Payable(*row) for row in connection.execute(sa.text(statement), {"step": step, "limit": limit})]
