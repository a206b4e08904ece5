"""Shapes of answers that are not a record: problems, pages, numbers of an intake. Used by openapi only."""

from __future__ import annotations

from typing import Any

from fundlink.domain.states import STATES

Shape = dict[str, Any]
_TEXT: Shape = {"type": "string"}
_WHOLE: Shape = {"type": "integer"}
_TRUTH: Shape = {"type": "boolean"}
_FREE: Shape = {"type": "object", "additionalProperties": True}
_ANY_TEXT: Shape = {"type": ["string", "null"]}
_ANY_WHOLE: Shape = {"type": ["integer", "null"]}
_NUMBERS = ("read", "accepted", "created", "updated", "unchanged", "cancelled", "conflicts", "rejected", "accepted_yen", "rejected_yen")


def _object(*left_out: str, **properties: Shape) -> Shape:
    return {"type": "object", "properties": properties, "required": [name for name in properties if name not in left_out]}


def _list(shape: Shape | str) -> Shape:
    return {"type": "array", "items": _ref(shape) if isinstance(shape, str) else shape}


def _ref(name: str) -> Shape:
    return {"$ref": f"#/components/schemas/{name}"}


def _page(name: str, shape: str, **more: Shape) -> Shape:
    return _object(**{name: _list(shape)}, next={**_ANY_TEXT, "description": "続きを取るための値。なければ null"}, **more)


_FOUND = _object(
    "pointer", code=_TEXT, severity={"enum": ["error", "warning"]}, line=_ANY_WHOLE, column=_ANY_WHOLE, field=_ANY_TEXT, ja=_ANY_TEXT,
    place=_ANY_TEXT, message=_TEXT, message_en=_TEXT, next=_TEXT, pointer=_ANY_TEXT,
)  # fmt: skip
_INTAKE: dict[str, Shape] = {
    "id": _WHOLE, "state": {"enum": ["received", "accepted", "quarantined"]}, "name": _TEXT, "sha256": _TEXT, "profile": _TEXT,
    "channel": _TEXT, "municipality_code": _TEXT, "received_at": {"type": "string", "format": "date-time"}, "summary": {"type": "object"},
    "result_file": _TEXT,
}  # fmt: skip
_NUMBER: dict[str, Shape] = {"institution_code": _TEXT, "case_key": _TEXT, "confirmation_number": _TEXT}

SHAPES: dict[str, Shape] = {
    "Problem": {
        **_object(
            "problems", type=_TEXT, title=_TEXT, status=_WHOLE, code=_TEXT, detail=_TEXT, detail_en=_TEXT, next=_TEXT, pointer=_ANY_TEXT,
            place=_ANY_TEXT, correlation_id=_TEXT, problems=_list("FoundProblem"),
        ),
        "example": {
            "type": "urn:fundlink:problem:FL-BIL-004", "title": "Not Found", "status": 404, "code": "FL-BIL-004",
            "detail": "該当する請求がありません。", "detail_en": "No such bill.", "next": "請求キーまたは連携キーを確かめてください。",
            "pointer": None, "place": None, "correlation_id": "0f8c6d1e5b7a4c2f9e3d1a0b8c7d6e5f",
        },
    },
    "FoundProblem": _FOUND,
    "IntakeResult": {
        **_object(
            id=_ANY_WHOLE, file=_object(name=_TEXT, sha256=_TEXT, bytes=_WHOLE), **dict.fromkeys(_NUMBERS, _WHOLE), duplicate_of=_ANY_WHOLE,
            quarantined=_TRUTH, problems=_list("FoundProblem"), result_file=_ANY_TEXT,
        ),
        "example": {
            "id": 12, "file": {"name": "billing.csv", "sha256": "5f…", "bytes": 18342}, "read": 100, "accepted": 99, "created": 99,
            "updated": 0, "unchanged": 0, "cancelled": 0, "conflicts": 0, "rejected": 1, "accepted_yen": 1980000, "rejected_yen": 20000,
            "duplicate_of": None, "quarantined": False, "problems": [], "result_file": "/v1/intakes/12/result",
        },
    },
    "Intake": _object(**_INTAKE),
    "IntakeDetail": _object(**_INTAKE, problems=_list("FoundProblem")),
    "IntakePage": _page("intakes", "Intake"),
    "BillState": _object(
        state={"enum": [name for name, _ in STATES]}, is_paid=_TRUTH, el_number={"anyOf": [_ref("ElNumber"), {"type": "null"}]},
        issue_count=_ANY_WHOLE, qr_payload={**_ANY_TEXT, "description": "eL-QR の 255 桁。納めるものがなければ null"},
    ),
    "BillSlips": _object(slips=_list("Slip")),
    "Slip": _object(issue_count=_WHOLE, **_NUMBER, state=_TEXT, issued_at={"type": "string", "format": "date-time"}),
    "BillEffect": _object(
        effect={"enum": ["created", "updated", "cancelled", "unchanged"]}, intake_id=_ANY_WHOLE, warnings=_list("FoundProblem"),
    ),
    "BillPage": _page("bills", "Bill"),
    "ReissueRequest": {
        **_object(by=_TEXT, approved_by=_TEXT, reason=_TEXT), "required": ["by"], "additionalProperties": False,
        "example": {"by": "収納担当", "reason": "紛失の届出"},
    },
    "Proposed": _object(
        proposal_id=_WHOLE, kind=_TEXT, kind_ja=_TEXT, kind_en=_TEXT, pair=_TEXT, municipality_code=_TEXT, subject=_TEXT, reason=_TEXT,
        asked=_FREE, before=_FREE, after=_FREE, sha256=_TEXT, state=_TEXT, state_ja=_TEXT, prepared_by=_TEXT, prepared_at=_TEXT, by=_TEXT,
        note=_TEXT, at=_TEXT,
    ),
    "Reissued": _object(bill_key=_TEXT, issue_count=_WHOLE, **_NUMBER, superseded_case_key=_TEXT),
    "ProposalList": _object(proposals=_list("Proposed")),
    "ClearingPage": _page("clearings", "ClearingEntry", more={**_TRUTH, "description": "いま続きがある"}),
    "DayPage": _page("days", "DayFund"),
    "Day": _object(
        day={"type": "string", "format": "date"}, outcomes={"type": "object", "additionalProperties": _WHOLE},
        outcomes_yen={"type": "object", "additionalProperties": _WHOLE}, days=_list("DayFund"),
    ),
    "CasePage": _page("cases", "Case"),
    "Case": _object(
        case=_TEXT, kind=_TEXT, kind_ja=_TEXT, municipality_code=_TEXT, fund_code=_TEXT, since=_TEXT, age_days=_WHOLE, reason=_TEXT,
        reason_ja=_TEXT, yen=_WHOLE, owner=_TEXT, waits_until=_ANY_TEXT, pending_act=_ANY_WHOLE, next=_TEXT, verbs=_list(_TEXT),
    ),
    "Profiles": _object(profiles=_list(_object(name=_TEXT, label=_TEXT, edition=_TEXT, messages=_list(_TEXT)))),
    "Health": _object(ok=_TRUTH),
    "Ready": _object(ok=_TRUTH, checks=_list("ReadyCheck")),
    "ReadyCheck": _object(name=_TEXT, ok=_TRUTH, detail=_TEXT),
}  # fmt: skip
