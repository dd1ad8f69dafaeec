"""One change and one read, for tests of what becomes of any call."""

from __future__ import annotations

from bot.adapters.cloudstack.answers import NetworkRow
from bot.adapters.cloudstack.client import Call, Client

STOP = Call("stop ILB VM b-31-VM", "stopInternalLoadBalancerVM", {"id": "vm-1"})
LOOK = Call("list the VPC tiers", "listNetworks")


async def look(client: Client) -> list[NetworkRow]:
    return await client.rows(LOOK, NetworkRow)
