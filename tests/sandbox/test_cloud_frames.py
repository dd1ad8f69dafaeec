"""Signatures and envelopes that need a request made by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bot.sandbox.cloud.commands.table import COMMANDS
from bot.sandbox.cloud.coverage import COVERAGE
from bot.sandbox.cloud.seed import ADMIN
from tests.sandbox.cloud_caller import Caller, demo_cloud, signed

PLAIN = {"command": "listZones", "response": "json", "apikey": ADMIN.api_key}


@pytest.fixture
async def cloud() -> AsyncIterator[Caller]:
    async with demo_cloud() as caller:
        yield caller


def expiring(moment: float) -> dict[str, str]:
    text = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
    return PLAIN | {"signatureversion": "3", "expires": text}


async def test_a_signature_holds_until_it_expires(cloud: Caller) -> None:
    sent = signed(expiring(cloud.clock.now + 60.0), ADMIN.secret_key)
    assert (await cloud.http.post("/client/api", data=sent)).status_code == 200
    cloud.clock.now += 61.0
    late = await cloud.http.post("/client/api", data=sent)
    assert late.status_code == 401
    assert "x-description" not in late.headers
    assert late.json() == {
        "listzonesresponse": {
            "uuidList": [],
            "errorcode": 401,
            "errortext": "unable to verify user credentials and/or request signature",
        }
    }


async def test_a_changed_parameter_breaks_the_signature(cloud: Caller) -> None:
    sent = signed(PLAIN | {"name": "fra-1"}, ADMIN.secret_key) | {"name": "fra-2"}
    assert (await cloud.http.post("/client/api", data=sent)).status_code == 401


@pytest.mark.parametrize("value", ["~tilde", "a b+c&d=e", "käse", "*-._", "%7E"])
async def test_odd_values_are_signed_as_java_encodes_them(cloud: Caller, value: str) -> None:
    response = await cloud.send("listZones", keyword=value)
    assert (response.status_code, response.json()) == (200, {"listzonesresponse": {}})


async def test_parameters_half_in_the_query_are_signed_together(cloud: Caller) -> None:
    sent = signed(PLAIN | {"name": "fra-1"}, ADMIN.secret_key)
    query = {"command": sent.pop("command")}
    response = await cloud.http.post("/client/api", params=query, data=sent)
    assert response.status_code == 200
    unsigned = await cloud.http.post("/client/api", params=PLAIN, data={})
    assert unsigned.status_code == 401


async def test_without_response_json_the_answer_is_xml(cloud: Caller) -> None:
    response = await cloud.http.get("/client/api", params={"command": "listZones"})
    assert (response.status_code, response.headers["content-type"]) == (
        401,
        "text/xml;charset=utf-8",
    )
    assert response.text == (
        '<?xml version="1.0" encoding="UTF-8"?><listzonesresponse><errorcode>401</errorcode>'
        "<errortext>unable to verify user credentials and/or request signature</errortext>"
        "</listzonesresponse>"
    )


async def test_no_command_at_all(cloud: Caller) -> None:
    response = await cloud.http.get("/client/api", params={"response": "json"})
    assert (response.status_code, list(response.json())) == (401, ["null"])


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_other_methods_are_refused_without_a_body(cloud: Caller, method: str) -> None:
    response = await cloud.http.request(method, "/client/api", params=PLAIN)
    assert (response.status_code, response.text) == (405, "")


async def test_an_empty_required_value_is_not_a_missing_one(cloud: Caller) -> None:
    missing = await cloud.refused("stopInternalLoadBalancerVM")
    empty = await cloud.refused("stopInternalLoadBalancerVM", id="")
    assert missing[1].endswith("due to missing parameter id")
    assert empty == (431, "Invalid value provided for API arg: id")


def test_every_command_names_the_class_it_follows() -> None:
    assert set(COMMANDS) == set(COVERAGE)
    assert all(one.follows.split(".")[-1][0].isupper() for one in COVERAGE.values())


async def test_listapis_names_what_is_answered(cloud: Caller) -> None:
    body = await cloud.call("listApis")
    assert {one["name"] for one in body["api"]} == set(COMMANDS)


@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if one.startswith("list") and one != "listTemplates"]
)
async def test_every_list_is_answered_with_nothing_given_or_says_what_it_needs(
    cloud: Caller, command: str
) -> None:
    response = await cloud.send(command, listall="true")
    [(wrapper, body)] = response.json().items()
    assert wrapper.endswith("response")
    assert response.status_code == 200 or "missing parameter" in body["errortext"]
