"""Pages for people: the payment site, the day as this side sees it, the scenarios.

Called by `app`. Shows and forwards; every form answers with a redirect, so reloading a page never pays twice.
"""

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.templating import Jinja2Templates

from mock_eltax import books, clock, day, payer, payments
from mock_eltax.fields import Day, TransactionKey
from mock_eltax.play import play
from mock_eltax.problems import ProblemError
from mock_eltax.routes_gateway import world_of
from mock_eltax.scenarios import ROLES, SCENARIOS
from mock_eltax.world import World

router = APIRouter(default_response_class=HTMLResponse)
templates = Jinja2Templates(directory=Path(__file__).parent / "templates")
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'",
    "cache-control": "no-store",
}

HERE = {"day.html": "day", "scenarios.html": "scenarios"}

OUTCOMES = {
    "matched": "一致",
    "paid_after_limit": "支払期限後",
    "amount_mismatch": "金額相違",
    "duplicate_payment": "二重納付",
    "paid_after_supersede": "差替え後の納付",
    "paid_after_cancel": "取消後の納付",
    "wrong_confirmation_number": "確認番号相違",
    "unknown_bill": "該当納付書なし",
    "withdrawn": "納付取消",
}
KINDS = {"receipt": "収納情報", "settlement": "払込通知", "bank_credit": "入金明細"}
OPEN = """SELECT paid_on, COUNT(*) AS payments, SUM(amount_yen) AS yen FROM payments WHERE booked_on IS NULL GROUP BY paid_on ORDER BY paid_on"""
CLOSED = "SELECT day, SUM(receipts) AS receipts, SUM(receipts_yen) AS yen FROM days GROUP BY day ORDER BY day DESC LIMIT 30"
FILES = "SELECT file_id, kind, name, bytes FROM files WHERE business_day = ? ORDER BY sequence"


async def _typed(request: Request) -> dict[str, str]:
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


Typed = Annotated[dict[str, str], Depends(_typed)]


def _yen(value: int) -> str:
    return f"{value:,}円"


def _japanese_date(text: str) -> str:
    on = date.fromisoformat(text)
    return f"{on.year}年{on.month}月{on.day}日"


templates.env.filters.update(yen=_yen, ja=_japanese_date)


@router.get("/")
def home(request: Request, problem: str = "") -> Response:
    """Type an eL number or paste an eL-QR."""
    return _page(request, "home.html", problem=payer.WORDS.get(problem, ""), typed=request.query_params)


@router.post("/lookup")
def lookup(request: Request, form: Typed) -> Response:
    """From the form to the slip, or back with a reason."""
    try:
        number = payer.read_number(form)
        payer.find(world_of(request), number)
    except payer.RefusalError as refusal:
        kept = {name: form.get(name, "")[:40] for name in payer.WIDTHS}
        return _to("/", problem=refusal.code, **kept)
    return _to("/bill", **number._asdict())


@router.get("/bill")
def bill(request: Request, problem: str = "") -> Response:
    """One slip and the ways to pay it."""
    try:
        number = payer.read_number(dict(request.query_params))
        slip = payer.find(world_of(request), number)
    except payer.RefusalError as refusal:
        return _to("/", problem=refusal.code)
    return _page(request, "bill.html", slip=slip, channels=payments.CHANNELS, problem=payer.WORDS.get(problem, ""))


@router.post("/bill/pay")
def pay(request: Request, form: Typed) -> Response:
    """Pay the slip that the page showed."""
    try:
        number = payer.read_number(form)
    except payer.RefusalError as refusal:
        return _to("/", problem=refusal.code)
    try:
        key = payer.pay_here(world_of(request), number, form.get("channel", ""))
    except payer.RefusalError as refusal:
        return _to("/bill", **number._asdict(), problem=refusal.code)
    return _to(f"/receipt/{key}")


@router.get("/receipt/{transaction_key}")
def receipt(request: Request, transaction_key: TransactionKey) -> Response:
    """The confirmation of one payment."""
    paid = payer.receipt(world_of(request), transaction_key)
    if paid is None:
        raise ProblemError(404, "unknown_transaction", transaction_key)
    return _page(request, "receipt.html", paid=paid)


@router.get("/day")
def day_page(request: Request, day: Day | None = None) -> Response:
    """What this side believes of a day, and the button that closes it."""
    world = world_of(request)
    with world.ledger.reading() as connection:
        waiting, closed = ([dict(row) for row in connection.execute(query)] for query in (OPEN, CLOSED))
        shown = day.isoformat() if day else closed[0]["day"] if closed else None
        files = [dict(row) for row in connection.execute(FILES, (shown,))]
    next_day = waiting[-1]["paid_on"] if waiting else clock.default_day().isoformat()
    page_books = books.open_books(world, shown, None) if shown else None
    words = {"outcome_words": OUTCOMES, "kind_words": KINDS, "funds": world.funds}
    return _page(
        request, "day.html", waiting=waiting, closed=closed, shown=shown, files=files, books=page_books, next_day=next_day, **words
    )


@router.post("/day/close")
def close(request: Request, day_to_close: Annotated[Day, Form(alias="day")]) -> Response:
    """Close the day."""
    day.close_day(world_of(request), day_to_close.isoformat())
    return _to("/day", day=day_to_close.isoformat())


@router.post("/scenarios/play")
def play_page(request: Request, name: Annotated[str, Form()], on: Annotated[Day, Form(alias="day")]) -> Response:
    """Play one scenario with the seed of this process."""
    world = world_of(request)
    if name not in SCENARIOS:
        raise ProblemError(404, "unknown_scenario", name)
    play(world, name, seed=world.seed, day=on.isoformat())
    return _to("/scenarios", played=name, day=on.isoformat())


def scenario_page(request: Request) -> Response:
    """The scenarios with their buttons, and what the last one played did."""
    name, on = request.query_params.get("played", ""), request.query_params.get("day", "")
    stories = _stories(world_of(request), name, on)
    shown = {"played": SCENARIOS.get(name), "stories": stories, "day": on or clock.default_day().isoformat()}
    return _page(request, "scenarios.html", scenarios=SCENARIOS.values(), roles=ROLES, **shown)


def _stories(world: World, name: str, on: str) -> list[dict[str, Any]]:
    query = "SELECT story FROM plays WHERE name = ? AND day = ? AND seed = ? ORDER BY institution_code"
    with world.ledger.reading() as connection:
        return [json.loads(row["story"]) for row in connection.execute(query, (name, on, world.seed))]


def _page(request: Request, name: str, **values: Any) -> Response:
    return templates.TemplateResponse(request, name, {"here": HERE.get(name, "pay"), **values}, headers=HEADERS)


def _to(path: str, **query: str) -> Response:
    return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, status_code=303)
