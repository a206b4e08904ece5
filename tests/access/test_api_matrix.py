"""Every route of the API, for every role, for an own, a foreign and an unknown thing: each cell is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from fundlink import desk
from fundlink.api.app import create_app
from fundlink.config import Settings
from fundlink.desk import api_keys
from fundlink.desk.proposals import Wanted
from fundlink.jobs import Jobs
from tests.access.staff import OTHER, key
from tests.api.caller import Told, Vendor, content
from tests.builders import CODE, DAY, World, bill, bills, world

ROLES = ("input", "review", "approve", "treasury", "audit", "admin", "vendor")
READERS = {"input", "review", "approve", "treasury", "audit", "vendor"}
ALLOWED: dict[str, set[str]] = {
    "profiles": {*READERS, "admin"},
    "intake_sent": {"input", "vendor"},
    "intakes": READERS,
    "intake": READERS,
    "intake_result": READERS,
    "bill_put": {"input", "vendor"},
    "bill_cancel": {"input", "vendor"},
    "bill_reissue": {"input", "treasury", "vendor"},
    "bills": READERS,
    "bill": READERS,
    "bill_qr_png": READERS,
    "bill_qr_svg": READERS,
    "bill_slip_pdf": READERS - {"audit"},  # a name and an address stand on it
    "clearings": READERS - {"input"},
    "days": READERS,
    "day": READERS,
    "cases": READERS,
    "proposals": READERS,
    "proposal": READERS,
}
"""Who may use which route, written once more on purpose: a change of the table must be meant twice."""
OPEN = {"healthz", "readyz", "metrics"}
NOT_THERE = bill(9_999).bill_key


class Place(NamedTuple):
    """Where a route is asked for: an own thing, a foreign one, one that nobody has."""

    bill: str
    intake: int
    municipality: str


class Stage(NamedTuple):
    """Two municipalities with the same data, and an adapter in production over them."""

    vendor: Vendor
    app: Any
    places: dict[str, Place]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Built once: the matrix reads, and what it writes is its own."""
    folder = tmp_path_factory.mktemp("matrix")
    found = world(folder)
    places = {"unknown": Place(NOT_THERE, 9_999, "990035")}
    for name, code in (("own", CODE), ("foreign", OTHER)):
        told = found.intake(bills(3, municipality_code=code), name=f"{code}.csv", header={"municipality_code": code})
        places[name] = Place(bill(1, municipality_code=code).bill_key, told["file_id"], code)
        assert found.jobs.propose(Wanted("rollback", str(told["file_id"]), "a"))["proposal_id"] == told["file_id"]
    found.jobs.submit()
    found.receive([found.paid(1, "T1"), found.paid(1, "T2")])
    found.jobs.reconcile()
    desk.municipalities(found.jobs.rooms)
    rooms = replace(found.jobs.rooms, production=True)
    settings = Settings(home=folder / "home", rate_per_s=100_000)
    app = create_app(rooms, settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Stage(Vendor(client, World(Jobs(rooms), found.twin, folder)), app, places)
    rooms.close()


def routes(app: Any) -> list[APIRoute]:
    """Every route of the application as it is found at run time, also those of routers inside."""
    found: list[APIRoute] = []

    def walk(held: Any) -> None:
        for route in held:
            if isinstance(route, APIRoute):
                found.append(route)
            elif hasattr(route, "original_router"):
                walk(route.original_router.routes)
            elif hasattr(route, "routes"):
                walk(route.routes)

    walk(app.routes)
    return found


def asked(stage: Stage, name: str, place: Place, shown: str | None) -> Told:
    """A route asked for at a place with a key (None: without one)."""
    headers = {} if shown is None else {"Authorization": f"Bearer {shown}"}
    vendor, where = stage.vendor, f"?municipality_code={place.municipality}"
    reads = {
        "profiles": "/v1/profiles", "intakes": "/v1/intakes", "intake": f"/v1/intakes/{place.intake}",
        "intake_result": f"/v1/intakes/{place.intake}/result", "bills": f"/v1/bills{where}", "bill": f"/v1/bills/{place.bill}",
        "bill_qr_png": f"/v1/bills/{place.bill}/qr.png", "bill_qr_svg": f"/v1/bills/{place.bill}/qr.svg",
        "bill_slip_pdf": f"/v1/bills/{place.bill}/slip.pdf",
        "clearings": f"/v1/clearings{where}", "days": f"/v1/days{where}", "day": f"/v1/days/{DAY}{where}", "cases": f"/v1/cases{where}",
        "proposals": "/v1/proposals", "proposal": f"/v1/proposals/{place.intake}",
        "healthz": "/healthz", "readyz": "/readyz", "metrics": "/metrics",
    }  # fmt: skip
    if name in reads:
        return vendor.call("GET", reads[name], headers=headers)
    if name == "bill_put":
        number = 50 if place.bill != NOT_THERE else 9_999
        given = bill(number, municipality_code=place.municipality)
        body = content(number, municipality_code=place.municipality)
        return vendor.write("PUT", f"/v1/bills/{given.bill_key}", body, **headers)
    if name == "bill_cancel":
        return vendor.write("POST", f"/v1/bills/{place.bill.replace('0000000000000001', '0000000000000003')}/cancel", **headers)
    if name == "bill_reissue":
        named = place.bill.replace("0000000000000001", "0000000000000002")
        return vendor.write("POST", f"/v1/bills/{named}/reissue", {"by": "a", "approved_by": "b"}, **headers)
    assert name == "intake_sent", f"route {name} is not asked for anywhere: write its call here"
    file = b"".join(vendor.world.jobs.rooms.profile("standard").message("billing").writer(bills(1, municipality_code=place.municipality)))
    address = f"/v1/intakes?profile=standard&dry_run=true&municipality={place.municipality}"
    return vendor.write("POST", address, file, **{"Content-Type": "text/csv", **headers})


def test_every_route_has_its_row(stage: Stage) -> None:
    found = {route.operation_id for route in routes(stage.app)}
    assert len(found) > 15
    assert found == set(ALLOWED) | OPEN, "a new route needs a row here and in api/permissions.py"


@pytest.mark.parametrize("name", sorted(ALLOWED))
@pytest.mark.parametrize("role", ROLES)
def test_a_cell(stage: Stage, role: str, name: str) -> None:
    shown = key(stage.vendor.world.jobs.rooms, role=role)
    answers = {place: asked(stage, name, stage.places[place], shown) for place in ("own", "foreign", "unknown")}
    if role not in ALLOWED[name]:
        assert {(told.status, told.body["code"]) for told in answers.values()} == {(403, "FL-AUTH-003")}
        return
    # nobody is registered in this production, so the two names of a re-issue are nobody's; and its slips are not at the gateway
    refused = {"bill_reissue": "FL-AUTH-004", "bill_slip_pdf": "FL-SLP-002"}
    assert answers["own"].status < 300 or refused.get(name) == answers["own"].code, answers["own"]
    assert answers["foreign"].status == answers["unknown"].status or (name, answers["unknown"].status) == ("bill_put", 200)
    assert OTHER not in str(answers["foreign"].body).replace(stage.places["foreign"].bill, "")
    if "json" in answers["foreign"].headers["content-type"] and name not in ("bill_put", "day"):
        bodies = [{k: v for k, v in answers[p].body.items() if k not in ("correlation_id", "next")} for p in ("foreign", "unknown")]
        assert bodies[0] == bodies[1]


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_without_a_good_key_nothing_is_told(stage: Stage, name: str) -> None:
    rooms = stage.vendor.world.jobs.rooms
    good = key(rooms)
    wrong = good[:-1] + ("A" if good[-1] != "A" else "B")
    stage.app.state.gate._failures._held.clear()
    for shown in (None, wrong, "nonsense", "flk_aaaaaaaa_" + "a" * 43):
        told = asked(stage, name, stage.places["own"], shown)
        assert (told.status, told.code) == (401, "FL-AUTH-001")
        assert told.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("name", sorted(OPEN))
def test_health_needs_no_key(stage: Stage, name: str) -> None:
    assert asked(stage, name, stage.places["own"], None).status == 200


def test_a_revoked_key_is_refused_at_once(stage: Stage) -> None:
    rooms = stage.vendor.world.jobs.rooms
    shown = key(rooms)
    assert asked(stage, "bills", stage.places["own"], shown).status == 200
    api_keys.revoke(replace(rooms, production=False), shown.split("_")[1], "anybody")  # another process, as far as the gate knows
    stage.app.state.gate._failures._held.clear()
    assert asked(stage, "bills", stage.places["own"], shown).code == "FL-AUTH-001"


def test_what_is_not_found_in_scope_and_what_is_refused_is_in_the_trail(stage: Stage) -> None:
    rooms, vendor = stage.vendor.world.jobs.rooms, stage.vendor
    shown, auditor = key(rooms), key(rooms, role="audit")
    before = vendor.world.sql("SELECT COALESCE(MAX(seq), 0) FROM audit")[0][0]
    for place in ("foreign", "unknown"):
        asked(stage, "bill", stage.places[place], shown)
    asked(stage, "bill_put", stage.places["own"], auditor)
    told = vendor.world.sql("SELECT actor, subject, detail FROM audit WHERE act = 'api.refused' AND seq > :seq ORDER BY seq", seq=before)
    names = [f"key:{one.split('_')[1]}" for one in (shown, shown, auditor)]
    assert [row[0] for row in told] == names
    assert [row[1] for row in told] == ["route:bill", "route:bill", "route:bill_put"]
    assert stage.places["foreign"].bill in told[0][2]


def test_a_key_of_a_profile_takes_no_other(stage: Stage) -> None:
    shown = key(stage.vendor.world.jobs.rooms, profile="api")
    told = asked(stage, "intake_sent", stage.places["own"], shown)
    assert (told.status, told.code) == (403, "FL-AUTH-003")


def test_the_idempotency_keys_of_one_machine_say_nothing_to_another(stage: Stage) -> None:
    rooms, vendor = stage.vendor.world.jobs.rooms, stage.vendor
    named = bill(70).bill_key
    answers = [
        vendor.write("PUT", f"/v1/bills/{named}", content(70), key="same", Authorization=f"Bearer {key(rooms)}") for _machine in range(2)
    ]
    assert [told.status for told in answers] == [201, 200]
    assert "idempotent-replayed" not in answers[1].headers


def test_too_many_requests_of_one_key_leave_others_alone(tmp_path: Path) -> None:
    found = world(tmp_path)
    settings = Settings(home=tmp_path / "home", rate_per_s=1)
    with TestClient(create_app(found.jobs.rooms, settings), raise_server_exceptions=False) as client:
        vendor, first, other = Vendor(client, found), key(found.jobs.rooms), key(found.jobs.rooms)
        told = [vendor.get("/v1/bills", headers={"Authorization": f"Bearer {first}"}) for _ in range(4)]
        assert [answer.status for answer in told][:2] == [200, 200]
        assert (told[-1].status, told[-1].code) == (429, "FL-API-013")
        assert int(told[-1].headers["retry-after"]) >= 1
        assert vendor.get("/v1/bills", headers={"Authorization": f"Bearer {other}"}).status == 200
        assert vendor.get("/v1/bills").status == 200  # a demo asks nobody
    found.jobs.rooms.close()
