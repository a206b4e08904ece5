"""The mock's own HTTP side: slips, payments, scenarios, the close of a day, the books.

Called by `app`. Translates between HTTP and the acts; decides nothing.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from mock_eltax import books, clock, day, faults, payments
from mock_eltax.fields import CaseKey, Channel, ConfirmationNumber, Day, FundCode, InstitutionCode, TransactionKey, Yen
from mock_eltax.ledger import STATE
from mock_eltax.pages import scenario_page
from mock_eltax.play import play
from mock_eltax.problems import ProblemError
from mock_eltax.routes_gateway import world_of
from mock_eltax.scenarios import ROLES, SCENARIOS
from mock_eltax.world import World

router = APIRouter()

SLIPS = f"""
SELECT s.institution_code, s.case_key, s.confirmation_number, s.fund_code, s.amount_yen, s.due_on, s.payable_until, {STATE} AS state
FROM slips s WHERE (:institution IS NULL OR s.institution_code = :institution) AND s.case_key > :after ORDER BY s.institution_code, s.case_key
LIMIT :limit"""


class PayBody(BaseModel):
    """One payment; the amount only when the slip is unknown or on purpose wrong."""

    institution_code: InstitutionCode
    case_key: CaseKey
    confirmation_number: ConfirmationNumber
    fund_code: FundCode
    channel: Channel
    paid_on: Day
    amount_yen: Yen | None = None


class CancelBody(BaseModel):
    """The payment to take back."""

    transaction_key: TransactionKey


class DayBody(BaseModel):
    """The day to close."""

    day: Day | None = None
    institution_code: InstitutionCode | None = None


class ScenarioBody(BaseModel):
    """The scenario to play; what is left out comes from the start of the process."""

    name: str | None = None
    seed: str | int | None = None
    institution_code: InstitutionCode | None = None
    day: Day | None = None


@router.get("/healthz")
def healthz(request: Request) -> dict[str, str]:
    """Alive, and its ledger answers."""
    with world_of(request).ledger.reading() as connection:
        connection.execute("SELECT 1")
    return {"status": "ok", "service": "mock_eltax"}


@router.get("/slips")
def slips(
    request: Request,
    institution_code: InstitutionCode | None = None,
    after: str = "",
    limit: Annotated[int | None, Query(ge=1, le=10**9)] = None,
) -> StreamingResponse:
    """Slips in case key order, streamed; `after` is a case key."""
    asked = {"institution": institution_code, "after": after, "limit": -1 if limit is None else limit}
    return StreamingResponse(_slips(world_of(request), asked), media_type="application/json")


@router.post("/pay")
def pay(request: Request, body: PayBody) -> dict[str, str]:
    """Take a payment, whatever it is for."""
    fields = body.model_dump(exclude={"amount_yen", "paid_on"})
    payment = payments.Payment(**fields, amount_yen=0, paid_on=body.paid_on.isoformat())
    try:
        return {"transaction_key": payments.pay(world_of(request), payment, body.amount_yen)}
    except payments.UnknownAmountError as fault:
        raise ProblemError(422, "amount_required") from fault


@router.post("/cancel")
def cancel(request: Request, body: CancelBody) -> dict[str, str]:
    """Take a payment back before its day closes."""
    outcome = payments.withdraw(world_of(request), body.transaction_key)
    if outcome == "unknown":
        raise ProblemError(404, "unknown_transaction", body.transaction_key)
    if outcome == "closed":
        raise ProblemError(409, "day_closed", body.transaction_key)
    return {"transaction_key": body.transaction_key, "state": outcome}


@router.post("/close-day")
def close(request: Request, body: DayBody) -> dict[str, Any]:
    """Close a business day."""
    return day.close_day(world_of(request), (body.day or clock.default_day()).isoformat(), body.institution_code)


@router.get("/scenarios")
def scenarios(request: Request) -> Response:
    """The scenarios there are; browsers get the page, programs the table."""
    if "text/html" in request.headers.get("accept", ""):
        return scenario_page(request)
    rows = [{"name": row.name, "ja": row.ja, "en": row.en, "transport": row.transport} for row in SCENARIOS.values()]
    return JSONResponse({"scenarios": rows, "roles": ROLES})


@router.post("/scenario")
def scenario(request: Request, body: ScenarioBody) -> dict[str, Any]:
    """Play a scenario."""
    world = world_of(request)
    name = body.name or world.scenario
    if name not in SCENARIOS:
        raise ProblemError(404, "unknown_scenario", name)
    seed = world.seed if body.seed is None else str(body.seed)
    on = (body.day or clock.default_day()).isoformat()
    return play(world, name, seed=seed, day=on, institution_code=body.institution_code)


class FaultBody(BaseModel):
    """The fault that the next calls have."""

    name: str
    times: Annotated[int, Field(ge=0, le=10_000)] = 1
    asked_s: Annotated[float, Field(ge=0, le=86_400)] = 30.0


@router.get("/faults")
def faults_there_are(request: Request) -> dict[str, Any]:
    """The faults that can be armed, and those that wait for their call."""
    return {"faults": [row.name for row in faults.FAULTS], "waiting": faults.waiting(world_of(request))}


@router.post("/faults")
def arm_fault(request: Request, body: FaultBody) -> dict[str, Any]:
    """Arm a fault for the next calls; `times` 0 takes it back."""
    if body.name not in faults.BY_NAME:
        raise ProblemError(404, "unknown_fault", body.name)
    faults.arm(world_of(request), body.name, times=body.times, asked_s=body.asked_s)
    return {"waiting": faults.waiting(world_of(request))}


@router.get("/books")
def open_books(request: Request, day: Day | None = None, institution_code: InstitutionCode | None = None, detail: bool = False) -> Response:
    """What this side believes."""
    asked = (world_of(request), day.isoformat() if day else None, institution_code)
    if detail:
        return StreamingResponse(books.stream_details(*asked), media_type="application/json")
    return JSONResponse(books.open_books(*asked))


def _slips(world: World, asked: dict[str, Any]) -> Iterator[str]:
    connection = world.ledger.connect()
    try:
        yield '{"slips": ['
        yield from books.json_rows(connection.execute(SLIPS, asked))
        yield "]}"
    finally:
        connection.close()
