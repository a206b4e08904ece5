"""The register of the municipality's bank accounts: one person of the treasury proposes an account, another one approves it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fundlink.console.view import away, jobs_of, posted, refusal, show
from fundlink.console.visitor import require, sees, signature, visitor
from fundlink.desk.proposals import Wanted
from fundlink.domain.errors import ProblemError, UsageError

KIND = "account"
SPELLINGS = 20
"""Of one account: more are a mistake."""
FIELDS = ("municipality", "account", "holder", "funds", "written_as")


def register(request: Request) -> Response:
    """Every account in scope, and those that wait for approval."""
    require(request, "files.read")
    return _register(request, 200, [], {})


def _register(request: Request, status: int, problems: list[dict[str, Any]], given: dict[str, str]) -> Response:
    jobs = jobs_of(request)
    return show(
        request, "bank_accounts.html", status=status, problems=problems, given={**dict.fromkeys(FIELDS, ""), **given},
        accounts=[row for row in jobs.accounts()["accounts"] if sees(request, row["municipality_code"])],
        waiting=jobs.proposals(scope=visitor(request).scope, kind=KIND),
        towns=[town for town in jobs.towns() if sees(request, town["code"])],
    )  # fmt: skip


def propose(request: Request, form: FormData) -> Response:
    """Propose an account as it was written on the page: codes of funds and the bank's spellings in any number."""
    require(request, "account.prepare", money=True)
    given = {name: str(form.get(name, "")).strip() for name in FIELDS}
    asked = {
        "municipality": given["municipality"], "holder": given["holder"],
        "funds": re.findall(r"\w+", unicodedata.normalize("NFKC", given["funds"])),
        "written_as": [line.strip() for line in given["written_as"].splitlines() if line.strip()],
    }  # fmt: skip
    try:
        _checked(asked["written_as"])
        told = jobs_of(request).propose(Wanted(KIND, given["account"], signature(request), asked=asked))
    except (ProblemError, UsageError) as error:
        return _register(request, 422, refusal(error), given)
    return away(request, f"proposals/{told['proposal_id']}?done=act")


def _checked(spellings: Sequence[str]) -> None:
    if len(spellings) > SPELLINGS:
        raise UsageError(f"明細での書き方は {SPELLINGS} 行までです。")


ROUTES = (
    Route("/bank-accounts", register),
    Route("/bank-accounts/propose", posted(propose), methods=["POST"]),
)
