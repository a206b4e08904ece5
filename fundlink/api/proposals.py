"""What waits for another person, to read: a machine proposes and sees what became of it. Nothing is approved over this face: a key is nobody."""

from __future__ import annotations

from fastapi import APIRouter, Response

from fundlink.api.answers import json_answer
from fundlink.api.callers import Who
from fundlink.api.context import Here, sent
from fundlink.api.wording import described
from fundlink.domain.errors import ProblemError
from fundlink.domain.problems import problem

routes = APIRouter(prefix="/v1", tags=["proposals"])


@routes.get("/proposals", **described("proposals"))
def list_proposals(api: Here, who: Who) -> Response:
    """Proposals that wait, oldest first: few, and told whole."""
    return sent(json_answer(200, {"proposals": api.jobs.proposals(scope=who.scope)}))


@routes.get("/proposals/{proposal_id}", **described("proposal"))
def get_proposal(api: Here, who: Who, proposal_id: int) -> Response:
    """One proposal, and what became of it."""
    try:
        found = api.jobs.proposal(proposal_id, scope=who.scope)
    except ProblemError:  # what belongs to others is told in the words of what is not there
        raise ProblemError([problem("FL-API-008")]) from None
    return sent(json_answer(200, {name: value for name, value in found.items() if name != "changed"}))
