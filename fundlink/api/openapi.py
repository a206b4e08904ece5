"""The description of the API at /openapi.json: shapes made from the records and from the layout of the ``api`` profile.

Used by app. What may stand in a bill is written once, in the layout; here it is only translated into JSON Schema.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterable, Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

import fundlink
from fundlink.api.bill_rows import PROFILE
from fundlink.api.schemas import SHAPES
from fundlink.api.views import BILL_FIELDS, EL_NUMBER, ENTRY_FIELDS
from fundlink.domain.records import BILL_KEY_PARTS, ClearingEntry
from fundlink.domain.values import MAX_TOTAL_YEN
from fundlink.formats.layout import Field
from fundlink.formats.profiles import Message
from fundlink.formats.specs import SPECS
from fundlink.pipeline import Rooms
from fundlink.store.days import DayRow
from fundlink.store.lookup import BillView

Shape = dict[str, Any]
_ABOUT = """公金収納アダプタ fundlink の REST API。基幹業務システムのベンダー向け。

- `Authorization: Bearer <API キー>` で認証する（`fundlink users key add` で作る）。キーは 1 つの団体のもので、ほかの団体のものは「ない」と答える。
- 試用（production でない）設定では、キーなしでも使える。`serve` は本番設定では自分の機械からの接続だけを受ける（TLS は前段で終える）。
- 書込みには `Idempotency-Key` が要る。同じ値・同じ内容の送り直しには同じ答えを返し（`Idempotent-Replayed: true`）、内容が違えば 422。
- 金額は円の整数だけ。小数・文字列・指数は受け取らない。
- 誤りは `application/problem+json`。`code` は変わらない番号、`pointer` は場所、`correlation_id` は問合せ番号。
- `X-Request-ID`（英数字と `._-`、64 字まで）を付けると、それが相関番号になる。
- 一覧の続きは `next` をそのまま渡す。位置の数字ではない。
"""
_JA = {name: attribute.ja for spec in (SPECS["clearing"], SPECS["billing"]) for name, attribute in spec.named.items()}
_PLAIN: dict[Any, Shape] = {int: {"type": "integer"}, str: {"type": "string"}, list[str]: {"type": "array", "items": {"type": "string"}}}


def describe(app: FastAPI, rooms: Rooms) -> None:
    """Give the application its description; it is made when first asked for."""

    def openapi() -> Shape:
        if app.openapi_schema is None:
            made = get_openapi(title="fundlink", version=fundlink.__version__, description=_ABOUT, routes=app.routes)
            made["components"] = {"schemas": shapes(rooms.profile(PROFILE).message("billing"))}
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def shapes(bill: Message) -> Shape:
    """Every named shape."""
    view = record_shape(BillView, BILL_FIELDS)
    entry = record_shape(ClearingEntry, ENTRY_FIELDS)
    day = record_shape(DayRow, DayRow._fields)
    number = record_shape(BillView, EL_NUMBER, nullable=False)
    row = bill_shape(bill)
    required = [name for name in row["required"] if name not in BILL_KEY_PARTS]
    return {
        "BillRow": row,
        "BillPut": {**row, "required": required, "description": "URL の請求キーにある項目は省ける。"},
        **SHAPES,
        "ElNumber": number,
        "Bill": _joined(view, SHAPES["BillState"]),
        "BillDetail": _joined(view, SHAPES["BillState"], SHAPES["BillSlips"]),
        "BillWritten": _joined(view, SHAPES["BillState"], SHAPES["BillEffect"]),
        "ClearingEntry": entry,
        "DayFund": day,
    }


def _joined(*parts: Shape) -> Shape:
    properties = {name: shape for part in parts for name, shape in part["properties"].items()}
    return {"type": "object", "properties": properties, "required": list(properties)}


def record_shape(record: type, names: Iterable[str], *, nullable: bool = True) -> Shape:
    """The shape of a record as answers show it."""
    hints = get_type_hints(record)
    properties = {name: _described(_of_type(hints[name], nullable=nullable), name) for name in names}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _of_type(hint: Any, *, nullable: bool) -> Shape:
    if get_origin(hint) in (types.UnionType, Union):
        inner = dict(_PLAIN[next(part for part in get_args(hint) if part is not types.NoneType)])
        return {**inner, "type": [inner["type"], "null"]} if nullable else inner
    return dict(_PLAIN[hint])


def _described(shape: Shape, name: str) -> Shape:
    return {**shape, "description": _JA[name]} if name in _JA else shape


def bill_shape(message: Message) -> Shape:
    """What may stand in a bill, from the layout."""
    fields = [field for field in message.fields if field.record == "data" and field.kept]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {field.name: _field(field, message) for field in fields},
        "required": [field.name for field in fields if field.required],
        "example": json.loads(message.sample_file(1, 1)),
    }


def _field(field: Field, message: Message) -> Shape:
    attribute = message.attribute(field)
    exact = attribute.exact if attribute else 0
    kind = attribute.type if attribute is not None and attribute.type in ("yen", "year", "date") else field.kind
    shape = _KINDS.get(kind, _KINDS["text"])(exact or field.width, bool(exact))
    if field.kind == "code":
        codes: Mapping[str, str] = message.codes.get(field.codes, {})
        shape = {"type": "string", **({"enum": sorted(codes)} if codes else {})}
    return {**shape, "description": field.ja}


def _digits(width: int, exact: bool) -> Shape:
    return {"type": "string", "pattern": f"^[0-9]{{{width if exact else 0},{width}}}$"}


_KINDS: dict[str, Any] = {
    "yen": lambda _width, _exact: {"type": "integer", "minimum": 0, "maximum": MAX_TOTAL_YEN},
    "year": lambda _width, _exact: {"type": "integer", "minimum": 1000, "maximum": 9999},
    "date": lambda _width, _exact: {"type": "string", "format": "date"},
    "digit": _digits,
    "alnum": lambda width, _exact: {"type": "string", "maxLength": width, "pattern": "^[!-~]*$"},
    "text": lambda width, _exact: {"type": "string", "maxLength": width},
}
