"""What goes wrong at the HTTP surface, as JSON with a code and a sentence; never a traceback.

Called by `app`, which installs the handlers, and by routes, which raise `ProblemError`.
"""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

WORDS = {
    "invalid_input": "入力の形が正しくありません",
    "not_found": "見つかりません",
    "unknown_scenario": "そのシナリオはありません",
    "unknown_fault": "その名前の障害はありません",
    "unavailable": "ただいま受け付けていません",
    "unknown_transaction": "その取引はありません",
    "day_closed": "その取引の日は締められています",
    "amount_required": "納付書が登録されていないため amount_yen が必要です",
    "other_certificate": "別の証明書が登録されています",
    "invalid_certificate": "証明書を読み取れません",
    "too_large": "電文が大きすぎます",
    "method_not_allowed": "その操作はできません",
    "internal_error": "模擬環境の内部で問題が起きました",
}


class ProblemError(Exception):
    """A refusal that the caller can read."""

    def __init__(self, status: int, code: str, detail: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(code)
        self.status, self.code, self.detail, self.retry_after_s = status, code, detail, retry_after_s


def install(app: FastAPI) -> None:
    """Every error leaves as {"code", "detail"}."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _internal)


def _body(status: int, code: str, detail: str = "") -> JSONResponse:
    return JSONResponse({"code": code, "detail": f"{WORDS[code]}{': ' + detail if detail else ''}"}, status_code=status)


async def _problem(_request: Request, fault: Exception) -> JSONResponse:
    assert isinstance(fault, ProblemError)
    told = _body(fault.status, fault.code, fault.detail)
    if fault.retry_after_s is not None:
        told.headers["Retry-After"] = str(round(fault.retry_after_s))
    return told


async def _invalid(_request: Request, fault: Exception) -> JSONResponse:
    assert isinstance(fault, RequestValidationError)
    where = (".".join(str(part) for part in error["loc"]) + " " + error["msg"] for error in fault.errors())
    return _body(422, "invalid_input", "; ".join(where))


async def _http(_request: Request, fault: Exception) -> JSONResponse:
    assert isinstance(fault, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(fault.status_code, "invalid_input")
    return _body(fault.status_code, code)


async def _internal(_request: Request, _fault: Exception) -> JSONResponse:
    return _body(500, "internal_error")
