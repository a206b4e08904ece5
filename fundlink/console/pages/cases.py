"""The queue of cases: narrowed, given to somebody, acted on one by one or several at once; and the page of one case.

What is done here only prepares: another person approves on the page of the act or of the proposal. Asking the gateway changes nothing.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.bootstrap import code_words
from fundlink.console.view import away, jobs_of, posted, refusal, show
from fundlink.console.visitor import found, require, signature, visitor
from fundlink.desk.acts import Asked
from fundlink.desk.proposals import Wanted
from fundlink.domain.errors import ProblemError, UsageError
from fundlink.domain.values import iso_date
from fundlink.reconcile.case_kinds import KINDS
from fundlink.reconcile.offsetting import ORDERS
from fundlink.reconcile.verbs import BY_NAME, verbs_for

ROWS = 50
LATER = "preliminary"
"""Costs a look at every preliminary statement, so it is shown when it is asked for by its kind."""
BULK = ("", "until")
"""What a verb may need to be told to be used on several cases at once: nothing, or a day."""
PARTS = 4
OF_A_MESSAGE = ("resend", "give_up")
"""What two persons may decide about a message without an answer."""
STEPS = {"act": ("act.prepare", True), "inquire": ("resend.prepare", False), **dict.fromkeys(OF_A_MESSAGE, ("resend.prepare", True))}
"""What may be done on the page of a case: who may, and whether it is about money. Everything else gives the case to somebody."""
ASKED = ("kind", "municipality", "owner", "fund", "age", "yen")
NOBODY = "-"


def cases(request: Request) -> Response:
    """The queue."""
    require(request, "cases.read")
    return _cases(request, 200, [])


def _cases(request: Request, status: int, problems: list[dict[str, Any]]) -> Response:
    jobs, who = jobs_of(request), visitor(request)
    asked = {name: request.query_params.get(name, "").strip() for name in ASKED}
    after = (request.query_params["since"], request.query_params.get("name", "")) if "since" in request.query_params else None
    filters = _filters(request, asked)
    told = jobs.cases(filters, after, ROWS, scope=who.scope)
    rest = {name: value for name, value in asked.items() if value}
    following = urlencode({**rest, "since": told["next"][0], "name": told["next"][1]}) if told["next"] else ""
    template = "cases_rows.html" if request.headers.get("hx-request") else "cases.html"
    return show(
        request, template, status=status, cases=told["cases"], next=following, asked=asked, problems=problems, kinds=[kind.name for kind in KINDS],
        funds=list(code_words("fund_codes")), verbs=_verbs_of_all(told["cases"], asked["kind"]), nobody=NOBODY, me=signature(request),
        again=urlencode(rest), count=request.query_params.get("count", ""),
    )  # fmt: skip


def _filters(request: Request, asked: dict[str, str]) -> dict[str, str | None]:
    """What was typed as the queue takes it; what cannot be is a page that there is not."""
    asked = {**asked, **{name: _digits(asked[name]) for name in ("age", "yen")}}
    if any(asked[name] and not (asked[name].isascii() and asked[name].isdigit() and len(asked[name]) < 16) for name in ("age", "yen")):
        raise HTTPException(404)
    if asked["kind"] and asked["kind"] not in [kind.name for kind in KINDS]:
        raise HTTPException(404)
    owner = asked["owner"] or None
    before = None
    if asked["age"]:
        before = (dt.date.fromisoformat(jobs_of(request).rooms.today()) - dt.timedelta(days=min(int(asked["age"]), 36_500) - 1)).isoformat()
    return {
        "kind": asked["kind"] or None, "without": None if asked["kind"] else LATER, "municipality_code": asked["municipality"] or None,
        "owner": "" if owner == NOBODY else owner, "fund_code": asked["fund"] or None, "before": before, "least_yen": asked["yen"] or None,
    }  # fmt: skip


def _verbs_of_all(rows: list[dict[str, Any]], kind: str) -> list[str]:
    """Verbs that every case shown allows and that need nothing of a single case."""
    kinds = {kind} if kind else {row["kind"] for row in rows}
    allowed = [{verb.verb for verb in verbs_for(name) if verb.needs in BULK and verb.verb != "offset"} for name in kinds]
    return [verb for verb in BY_NAME if allowed and all(verb in each for each in allowed)]


def several(request: Request, form: FormData) -> Response:
    """Give the chosen cases to somebody, or prepare the same act on each of them."""
    require(request, "cases.assign")
    names = [str(name) for name in form.getlist("case")][:ROWS]
    step = str(form.get("step", ""))
    who = signature(request)
    if step not in ("mine", "back", "give", "act") or not names:
        return _cases(request, 422, [_unchosen()])
    if step != "act":
        owner = {"mine": who, "back": ""}.get(step, str(form.get("to", "")))
        return _tried(request, names, lambda name: None if name else jobs_of(request).assign_cases(names, owner, who), step)
    require(request, "act.prepare", money=True)
    verb = str(form.get("verb", ""))
    if verb not in _verbs_of_all([{"kind": name.partition(":")[0]} for name in names], ""):
        return _cases(request, 422, [_unchosen()])
    asked = Asked(verb, "", who, str(form.get("reason", "")), until=str(form.get("until", "")))
    return _tried(request, names, lambda name: jobs_of(request).prepare_act(asked._replace(case=name)) if name else None, "prepare")


def _unchosen() -> dict[str, Any]:
    words = "案件と、そのすべてに当てはまる処理を選んでください。"
    return {"code": "", "message": words, "message_en": "Choose cases, and an act that fits all of them.", "next": ""}


def _tried(request: Request, names: list[str], act: Callable[[str], Any], step: str) -> Response:
    """Each case in a transaction of its own ('' stands for all of them at once); what is refused is told, case by case."""
    problems: list[dict[str, Any]] = []
    done = 0
    for name in ("", *names):
        try:
            done += act(name) is not None
        except (ProblemError, UsageError) as error:
            told = refusal(error)
            problems += [{**one, "message": f"{name} {one['message']}", "message_en": f"{name} {one['message_en']}"} for one in told]
            if not name or isinstance(error, UsageError):
                break
    if problems:
        return _cases(request, 422, problems)
    query = urlencode({"done": "act" if step == "prepare" else "assign", "count": done if step == "prepare" else len(names)})
    return away(request, f"cases?{query}" + (f"&{request.url.query}" if request.url.query else ""))


def case(request: Request) -> Response:
    """One case with what may be done about it."""
    require(request, "cases.read")
    return _case(request, 200, [], {})


def _case(request: Request, status: int, problems: list[dict[str, Any]], given: dict[str, str]) -> Response:
    told = found(jobs_of(request).case, str(request.path_params["name"]), scope=visitor(request).scope)
    return show(
        request, "case.html", status=status, told=told, problems=problems, given=defaultdict(str, given), parts=range(PARTS), orders=list(ORDERS),
        codes=list(code_words("write_off_reasons")), me=signature(request), takes={verb.verb: verb.takes for verb in BY_NAME.values()},
        message=_message(request, told["case"]),
    )  # fmt: skip


def _message(request: Request, case: str) -> dict[str, Any] | None:
    """The message a case is about, as long as persons decide about it, with what was proposed already."""
    kind, _, message_id = case.partition(":")
    jobs = jobs_of(request)
    rows = jobs.messages()["messages"] if kind == "message" else []
    row = next((row for row in rows if row["message_id"] == message_id and row["state"] in ("person", "unknown")), None)
    if row is None:
        return None
    waiting = [told for deed in OF_A_MESSAGE if (told := jobs.standing_proposal(deed, message_id)) is not None]
    return {**row, "waiting": waiting, "deeds": OF_A_MESSAGE}


def one(request: Request, form: FormData) -> Response:
    """Prepare an act on this case, or give it to somebody."""
    require(request, "cases.read")
    name, step = str(request.path_params["name"]), str(form.get("step", "act"))
    jobs, who = jobs_of(request), signature(request)
    found(jobs.case, name, scope=visitor(request).scope)
    given = {key: value.strip() for key, value in form.items() if isinstance(value, str)}
    permission, money = STEPS.get(step, ("cases.assign", False))
    require(request, permission, money=money)
    try:
        if step == "act":
            act = jobs.prepare_act(_asked(name, who, given))
            return away(request, f"acts/{act['act_id']}?done=act")
        if step in STEPS:
            return _decided(request, name, step, given)
        jobs.assign_case(name, {"mine": who, "back": ""}.get(step, given.get("to", "")), who)
    except (ProblemError, UsageError) as error:
        return _case(request, 422, refusal(error), given)
    return away(request, f"cases/{name}?done=assign")


def _decided(request: Request, name: str, step: str, given: dict[str, str]) -> Response:
    """Ask the gateway about the message of a case, or propose what becomes of it."""
    jobs, who, (kind, _, message_id) = jobs_of(request), signature(request), name.partition(":")
    if kind != "message":
        raise HTTPException(404)
    if step in OF_A_MESSAGE:
        told = jobs.propose(Wanted(step, message_id, who, given.get("reason", "")))
        return away(request, f"proposals/{told['proposal_id']}?done=act")
    told = jobs.inquire(message_id, who)
    if told["problems"]:
        return _case(request, 422, told["problems"], {})
    if told["state"] == "answered" and not told["refused"]:
        return away(request, "cases?kind=message&done=answered")
    if told["state"] == "stored":
        return away(request, "cases?kind=message&done=absent")
    done = {"answered": "refusals", "rejected": "refusals", "contradicted": "same"}.get(told["state"], "asked")
    return away(request, f"cases/{name}?done={done}")


def _asked(name: str, who: str, given: dict[str, str]) -> Asked:
    parts = tuple((given[f"target{at}"], _yen(given.get(f"yen{at}", ""))) for at in range(PARTS) if given.get(f"target{at}"))
    whole = given.get("yen", "")
    until = given.get("until", "")
    return Asked(
        given.get("verb", ""), name, who, given.get("reason", ""), bill=given.get("bill", ""), parts=parts, code=given.get("code", ""),
        yen=_yen(whole) if whole else None, until=until if iso_date(until) else "", order=given.get("order") or next(iter(ORDERS)),
    )  # fmt: skip


def _digits(text: str) -> str:
    """A number as people type it, with or without commas, in half or full width: the digits alone, or what else it was."""
    return unicodedata.normalize("NFKC", text).replace(",", "").replace("円", "").strip()


def _yen(text: str) -> int:
    """Yen as people type them."""
    plain = _digits(text)
    if not (plain.isascii() and plain.isdigit() and len(plain) < 12 and int(plain) > 0):
        raise UsageError(f"金額は 1 円以上の数字で入力してください（{text[:20]}）。")
    return int(plain)


ROUTES = (
    Route("/cases", cases),
    Route("/cases", posted(several), methods=["POST"]),
    Route("/cases/{name:path}", case),
    Route("/cases/{name:path}", posted(one), methods=["POST"]),
)
