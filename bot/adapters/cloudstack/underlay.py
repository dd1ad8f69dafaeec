"""Turns `listPhysicalNetworks` into what the networks of a zone are laid on."""

from __future__ import annotations

from bot.adapters.cloudstack.answers import Answer
from bot.adapters.cloudstack.client import Call, Client
from bot.domain.zone import PhysicalNetwork


class PhysicalNetworkRow(Answer):
    """`PhysicalNetworkResponse`; the methods are one text with commas."""

    id: str
    name: str = ""
    zonename: str = ""
    isolationmethods: str = ""

    def value(self) -> PhysicalNetwork:
        """Return the network."""
        methods = (method.strip() for method in self.isolationmethods.split(","))
        return PhysicalNetwork(
            self.id, self.name, self.zonename, tuple(method for method in methods if method)
        )


async def physical_networks(client: Client) -> tuple[PhysicalNetwork, ...]:
    """Return the physical networks of all zones."""
    call = Call("list the physical networks", "listPhysicalNetworks")
    rows = await client.rows(call, PhysicalNetworkRow)
    return tuple({row.id: row.value() for row in rows}.values())
