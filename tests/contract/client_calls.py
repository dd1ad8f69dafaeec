"""Calls, answers and a client, for tests of what becomes of any call."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from bot.adapters.cloudstack.answers import NetworkRow
from bot.adapters.cloudstack.client import Call, Client
from bot.adapters.cloudstack.cloud import CloudStackCloud
from tests.contract.client_setup import Server, client_of, json_answer

STOP = Call("stop ILB VM b-31-VM", "stopInternalLoadBalancerVM", {"id": "vm-1"})
LOOK = Call("list the VPC tiers", "listNetworks")


async def look(client: Client) -> list[NetworkRow]:
    return await client.rows(LOOK, NetworkRow)


EMPTY = json_answer({})
UNKNOWN = json_answer(
    {"uuidList": [], "errorcode": 431, "cserrorcode": 9999, "errortext": "no entity"},
    status=431,
)


def cloud_of(server: Server, **options: object) -> CloudStackCloud:
    return CloudStackCloud(client_of(server, **options))  # type: ignore[arg-type]  # passed on


def by_command(**payloads: object) -> Callable[[dict[str, str]], httpx.Response]:
    return lambda form: json_answer(payloads.get(form["command"], {}))


def vm_row(number: int) -> dict[str, object]:
    return {"id": f"vm-{number}", "name": f"b-{number}-VM", "state": "Running"}
