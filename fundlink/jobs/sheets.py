"""Small funds step by step, as a person goes: look, accept, issue, print. Every step is the road that files of systems take.

Called by console. A workbook is rehearsed first; accepted, its bytes go through intake like any other file; issuing is submit.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from fundlink.desk import payers, small_funds
from fundlink.desk.payers import Looker
from fundlink.desk.small_funds import PROFILE, Sent
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import Problem, problem
from fundlink.domain.scope import Scope
from fundlink.jobs.verbs import Jobs
from fundlink.pipeline import Ticket, printing
from fundlink.slips.sheet import MOST_SHEETS
from fundlink.store import lookup
from fundlink.store.lookup import BillView
from fundlink.store.sheets import Draft


def look(jobs: Jobs, sent: Sent, who: str, *, scope: Scope) -> int:
    """Rehearse a workbook and keep it with what was found; its draft."""
    return small_funds.keep(jobs.rooms, sent, rehearsed(jobs, sent), (who, scope))


def rehearsed(jobs: Jobs, sent: Sent) -> Ticket:
    """What an intake of a workbook would come to, with what only its slips would show; no trace."""
    told = jobs.intake_sent([sent.raw], {"name": sent.name, "profile": PROFILE, "municipality": "", "dry_run": True})
    return small_funds.found_in(jobs.rooms, sent.raw, told)


def marked(jobs: Jobs, draft: Draft, who: str) -> bytes:
    """The kept workbook with everything that was found on its cells, entered in the trail: it names people."""
    small_funds.note_content(jobs.rooms, draft, who)
    return small_funds.marked(jobs.rooms, small_funds.bytes_of(jobs.rooms, draft), draft.found["problems"])


def accept(jobs: Jobs, draft: Draft, who: str) -> Ticket:
    """Let the bills of a workbook count. A run that was killed in between is gone on with: the same bytes are taken once."""
    if draft.event:
        raise ProblemError([problem("FL-XLS-011")])
    if not small_funds.is_ready(draft):
        raise ProblemError([problem("FL-XLS-012")])
    raw = small_funds.bytes_of(jobs.rooms, draft)
    told = jobs.intake_sent([raw], {"name": draft.name, "profile": PROFILE, "municipality": draft.municipality_code, "dry_run": False})
    if told["quarantined"]:
        raise ProblemError([problem("FL-XLS-012")])
    taken = told["duplicate_of"] if told["duplicate_of"] is not None else told["file_id"]
    if not small_funds.end(jobs.rooms, draft, ("accepted", taken), who):
        raise ProblemError([problem("FL-XLS-011")])
    return told


def issue(jobs: Jobs, draft: Draft) -> Ticket:
    """Tell the gateway what it does not know yet, the bills of this workbook among it."""
    if draft.file_id is None:
        raise ProblemError([problem("FL-XLS-013")])
    return jobs.submit()


class Slip(NamedTuple):
    """A bill of an accepted workbook: its line, its bill, why it is not printed (None where it is)."""

    line: int
    bill: BillView
    refusal: Problem | None


def slips(jobs: Jobs, file_id: int) -> list[Slip]:
    """The bills of an accepted workbook in the order of its lines."""
    with jobs.rooms.store.read() as connection:
        found = lookup.bills_of_file(connection, file_id)
    return [Slip(line, bill, printing.refusal(jobs.rooms, bill)) for line, (_, bill) in sorted(found.items())]


def parts(found: list[Slip]) -> list[list[Slip]]:
    """The printable ones, as many together as one PDF holds."""
    printable = [one for one in found if one.refusal is None]
    return [printable[at : at + MOST_SHEETS] for at in range(0, len(printable), MOST_SHEETS)]


def pdf(jobs: Jobs, draft: Draft, chosen: list[Slip], *, looker: Looker) -> bytes:
    """Slips of an accepted workbook as one PDF, a page each, entered in the trail."""
    made = printing.print_some(jobs.rooms, [one.bill for one in chosen])
    detail = {
        "sheet": draft.draft_id,
        "slips": len(chosen),
        "yen": sum(one.bill.total_yen for one in chosen),
        "sha256": hashlib.sha256(made).hexdigest(),
    }
    payers.note_many(jobs.rooms, looker, printing.Asked(draft.fund_code, draft.municipality_code), detail)
    return made
