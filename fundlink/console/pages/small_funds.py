"""Small funds (小口の公金): a template to fill in, the workbook with its problems on its cells, accepting it, and its slips."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.bootstrap import code_words
from fundlink.connectors import core_files
from fundlink.console.pages.sheet import MEDIA_TYPES
from fundlink.console.view import away, jobs_of, posted, refusal, show
from fundlink.console.visitor import found, may, require, signature, visitor, within
from fundlink.desk import small_funds
from fundlink.desk.payers import PERMISSION, Looker
from fundlink.desk.small_funds import Asked, Sent
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.problems import problem
from fundlink.formats.workbook import letters_of
from fundlink.jobs import sheets
from fundlink.jobs.sheets import Slip
from fundlink.store.sheets import Draft

PDF = "application/pdf"


def page(request: Request) -> Response:
    """Where it begins."""
    require(request, "bills.read")
    return _page(request, 200, [])


def _page(request: Request, status: int, problems: list[dict[str, Any]]) -> Response:
    jobs, scope = jobs_of(request), visitor(request).scope
    towns = jobs.morning(scope.municipalities)["municipalities"]
    return show(
        request, "small_funds.html", status=status, problems=problems, towns=towns, funds=code_words("fund_codes"), year=_year(request),
        departments=sorted(scope.departments or ()), drafts=small_funds.listed(jobs.rooms, scope), ready=small_funds.is_ready,
        most=small_funds.MOST_ROWS, numbers=small_funds.MOST_NUMBERS,
    )  # fmt: skip


def _year(request: Request) -> int:
    """The fiscal year of today: it begins in April."""
    year, month, _ = (int(part) for part in jobs_of(request).rooms.today().split("-"))
    return year if month > 3 else year - 1


def make(request: Request, form: FormData) -> Response:
    """A template to keep. It draws numbers, so it is asked for by a form."""
    require(request, "bills.write")
    said = {name: str(form.get(name, "")).strip() for name in ("municipality", "fund", "department", "year", "lines")}
    asked = Asked(said["municipality"], said["fund"], _number(said["year"]), said["department"] or "000", _number(said["lines"]))
    if asked.municipality_code:
        within(request, asked.municipality_code)
    try:
        _in_department(request, asked)
        made = jobs_of(request).template(asked, signature(request))
    except (ProblemError, UsageError) as error:
        return _page(request, 422, refusal(error))
    return _file(made, MEDIA_TYPES["xlsx"], f"{asked.municipality_code}-{asked.fund_code}-{asked.levy_year}.xlsx")


def _in_department(request: Request, asked: Asked) -> None:
    if not visitor(request).scope.covers(asked.municipality_code, asked.department_code):
        raise ProblemError([problem("FL-AUTH-003")])


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _file(body: bytes, media_type: str, name: str) -> Response:
    return Response(body, media_type=media_type, headers={"content-disposition": f'attachment; filename="{name}"'})


async def receive(request: Request) -> Response:
    """A workbook came, which the door has spooled."""
    return await run_in_threadpool(_receive, request, request.state.form)


def _receive(request: Request, form: FormData) -> Response:
    """Look at it; nothing of it counts yet."""
    require(request, "bills.write")
    try:
        number = sheets.look(jobs_of(request), _sent(form), signature(request), scope=visitor(request).scope)
    except (ProblemError, UsageError) as error:
        return _page(request, 422, refusal(error))
    return away(request, f"small-funds/{number}")


def _sent(form: FormData) -> Sent:
    given = form.get("file")
    if not isinstance(given, UploadFile) or not given.filename:
        raise UsageError("Excel ブックを選んでください。")
    given.file.seek(0)
    raw = given.file.read(small_funds.MOST_BYTES + 1)
    if len(raw) > small_funds.MOST_BYTES:
        raise ProblemError([problem("FL-API-007", expected=small_funds.MOST_BYTES)])
    return Sent(core_files.shown(given.filename), raw)


def workbook(request: Request) -> Response:
    """One workbook: what to correct, or that it is ready, or its slips."""
    return _workbook(request, _draft(request), 200, [])


def _draft(request: Request) -> Draft:
    require(request, "bills.read")
    return found(small_funds.find, jobs_of(request).rooms, int(request.path_params["id"]), visitor(request).scope, signature(request))


def _workbook(request: Request, draft: Draft, status: int, problems: list[dict[str, Any]]) -> Response:
    jobs = jobs_of(request)
    values: dict[str, Any] = {"draft": draft, "ready": small_funds.is_ready(draft), "fund": draft.fund_code}
    if draft.event == "accepted" and draft.file_id is not None:
        slips = sheets.slips(jobs, draft.file_id)
        refusals = {one.line: one.refusal.as_json() for one in slips if one.refusal is not None}
        waiting = sum(one.bill.state in ("issued", "unknown") for one in slips)
        return show(
            request, "small_fund_slips.html", status=status, problems=problems, slips=slips[:MOST_LISTED], refusals=refusals, waiting=waiting,
            parts=[(part[0].line, part[-1].line, len(part)) for part in sheets.parts(slips)], total=len(slips),
            yen=sum(one.bill.total_yen for one in slips), **values,
        )  # fmt: skip
    grave = sum(one["severity"] == "error" for one in draft.found["problems"])
    sheet = small_funds.shown(jobs.rooms, draft) if may(request, "files.content") else None
    return show(
        request, "small_fund.html", status=status, problems=problems, sheet=sheet, grave=grave,
        doubtful=len(draft.found["problems"]) - grave, letters=letters_of, **values,
    )  # fmt: skip


MOST_LISTED = 200
"""Bills that a page lists; all of them are in the PDFs."""


def step(request: Request, form: FormData) -> Response:
    """Accept it, drop it, or have its bills told to the gateway."""
    del form
    require(request, "bills.write")
    draft, what, jobs = _draft(request), str(request.path_params["step"]), jobs_of(request)
    try:
        if what == "accept":
            sheets.accept(jobs, draft, signature(request))
            done = "taken"
        elif what == "drop":
            small_funds.end(jobs.rooms, draft, ("dropped", None), signature(request))
            return away(request, "small-funds?done=dropped")
        elif what == "issue":
            sheets.issue(jobs, draft)
            done = "issued"
        else:
            raise HTTPException(404)
    except ProblemError as error:
        return _workbook(request, draft, 422, refusal(error))
    return away(request, f"small-funds/{draft.draft_id}?done={done}")


def marked(request: Request) -> Response:
    """Their own workbook with everything that was found on its cells."""
    require(request, "files.content")
    draft = _draft(request)
    made = sheets.marked(jobs_of(request), draft, signature(request))
    return _file(made, MEDIA_TYPES["xlsx"], f"checked-{draft.draft_id}.xlsx")


def slip(request: Request) -> Response:
    """The slip of one line."""
    return _printed(request, lambda slips, line: [one for one in slips if one.line == line], "line")


def batch(request: Request) -> Response:
    """The slips of many lines together."""
    return _printed(request, lambda slips, part: dict(enumerate(sheets.parts(slips), 1)).get(part, []), "part")


def _printed(request: Request, choose: Callable[[list[Slip], int], list[Slip]], name: str) -> Response:
    require(request, PERMISSION)
    draft, number, jobs = _draft(request), int(request.path_params["number"]), jobs_of(request)
    if draft.file_id is None:
        return _workbook(request, draft, 422, refusal(ProblemError([problem("FL-XLS-013")])))
    chosen = choose(sheets.slips(jobs, draft.file_id), number)
    if not chosen:
        raise HTTPException(404)
    try:
        made = sheets.pdf(jobs, draft, chosen, looker=Looker(signature(request)))
    except ProblemError as error:
        return _workbook(request, draft, 422, refusal(error))
    return _file(made, PDF, f"slips-{draft.draft_id}-{name}-{number}.pdf")


ROUTES = (
    Route("/small-funds", page),
    Route("/small-funds/template", posted(make), methods=["POST"]),
    Route("/small-funds/send", receive, methods=["POST"]),
    Route("/small-funds/{id:int}", workbook),
    Route("/small-funds/{id:int}/marked.xlsx", marked),
    Route("/small-funds/{id:int}/line-{number:int}.pdf", slip),
    Route("/small-funds/{id:int}/slips-{number:int}.pdf", batch),
    Route("/small-funds/{id:int}/{step:str}", posted(step), methods=["POST"]),
)
