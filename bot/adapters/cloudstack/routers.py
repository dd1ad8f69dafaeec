"""Turns reads and changes of routers, and of where system VMs run, into CloudStack commands."""

from __future__ import annotations

from bot.adapters.cloudstack.calls import Calls, given, unique
from bot.adapters.cloudstack.client import Call
from bot.adapters.cloudstack.health_answers import CheckedRow
from bot.adapters.cloudstack.zone_answers import (
    HostChoiceRow,
    IsolatedNetworkRow,
    RouterRow,
    VpcRow,
)
from bot.domain.health import CheckResult
from bot.domain.zone import HostChoice, Network, Router, Vpc
from bot.errors import Refused

_VPCS_PER_PAGE = 50


class RouterCalls(Calls):
    """The part of the `Cloud` port that is about routers and about where system VMs run."""

    async def vpcs(self, *, vpc_id: str = "") -> tuple[Vpc, ...]:
        """Return VPCs, in small pages: each row brings all its networks, unasked."""
        what = f"look at VPC {self._named(vpc_id)}" if vpc_id else "list the VPCs"
        rows = await self._rows_of(what, "listVPCs", given(id=vpc_id), VpcRow, _VPCS_PER_PAGE)
        found = unique(row.value() for row in rows)
        self._remember({vpc.id: vpc.name for vpc in found})
        return found

    async def isolated_networks(self, *, network_id: str = "") -> tuple[Network, ...]:
        """Return isolated networks outside VPCs; none for the id of a VPC tier."""
        named = self._named(network_id)
        what = f"look at network {named}" if network_id else "list the isolated networks"
        wanted = {"forvpc": "false", "type": "Isolated"} | given(id=network_id)
        rows = await self._rows_of(what, "listNetworks", wanted, IsolatedNetworkRow)
        own = (row.value() for row in rows if row.type == "Isolated" and not row.vpcid)
        found = unique(own)
        self._remember({network.id: network.name for network in found})
        return found

    async def routers(
        self, *, vpc_id: str = "", network_id: str = "", router_id: str = ""
    ) -> tuple[Router, ...]:
        """Return routers: the command fixes the role, so that ILB VMs never appear."""
        what = f"look at router {self._named(router_id)}" if router_id else "list the routers"
        wanted = given(vpcid=vpc_id, networkid=network_id, id=router_id)
        rows = await self._rows_of(what, "listRouters", wanted, RouterRow)
        found = unique(row.value() for row in rows)
        self._remember({router.id: router.name for router in found})
        return found

    async def router_checks(self, router_id: str = "") -> tuple[CheckResult, ...]:
        """Return the results that `listRouters` brings along, of one router or of all.

        `getRouterHealthCheckResults` answers 530 where there are none yet, as it does to its own
        failures, and can make fresh ones: results that fail may restart the VPC
        (`VirtualNetworkApplianceManagerImpl`).
        """
        what = f"router {self._named(router_id)}" if router_id else "all routers"
        return await self._checks(what, "listRouters", router_id)

    async def ilb_checks(self, vm_id: str = "") -> tuple[CheckResult, ...]:
        """Return the results of an ILB VM, or of all: no other command shows them."""
        what = f"ILB VM {self._named(vm_id)}" if vm_id else "all ILB VMs"
        return await self._checks(what, "listInternalLoadBalancerVMs", vm_id)

    async def hosts_for_migration(self, vm_id: str) -> tuple[HostChoice, ...]:
        """Return the hosts that a running machine may move to; its own is never among them."""
        call = Call(
            f"list the hosts that {self._named(vm_id)} can move to",
            "findHostsForMigration",
            {"virtualmachineid": vm_id},
        )
        return unique(row.value() for row in await self._client.rows(call, HostChoiceRow))

    async def migrate(self, vm_id: str, host_id: str) -> str:
        """Submit a migration to a named host: without one CloudStack chooses for itself."""
        act = f"migrate {self._named(vm_id)}"
        params = {"virtualmachineid": vm_id, "hostid": host_id}
        return await self._client.submit(Call(act, "migrateSystemVm", params))

    async def change_offering(self, vm_id: str, offering_id: str) -> None:
        """Change the offering at once; a machine that is not Stopped is refused (431)."""
        act = f"change the offering of {self._named(vm_id)}"
        params = {"id": vm_id, "serviceofferingid": offering_id}
        await self._client.change(Call(act, "changeServiceForRouter", params))

    async def stop_router(self, router_id: str) -> str:
        """Submit a plain stop; stopping a stopped one succeeds."""
        act = f"stop router {self._named(router_id)}"
        return await self._client.submit(Call(act, "stopRouter", {"id": router_id}))

    async def start_router(self, router_id: str) -> str:
        """Submit a start; starting a running one succeeds."""
        act = f"start router {self._named(router_id)}"
        return await self._client.submit(Call(act, "startRouter", {"id": router_id}))

    async def restart_vpc_redundant(self, vpc_id: str, *, cleanup: bool = False) -> str:
        """Submit that a VPC gets a pair of routers, and nothing else of `restartVPC`."""
        act = f"make the routers of VPC {self._named(vpc_id)} a pair"
        params = {"id": vpc_id, "makeredundant": "true"} | ({"cleanup": "true"} if cleanup else {})
        return await self._client.submit(Call(act, "restartVPC", params))

    async def restart_network_redundant(self, network_id: str) -> str:
        """Submit that an isolated network gets a pair of routers; a VPC tier is `Refused` here.

        CloudStack's guard for tiers looks at `cleanup` before `makeredundant` sets it
        (`NetworkServiceImpl.restartNetwork`), and would replace every router of the VPC, ILB VMs
        among them.
        """
        act = f"make the routers of network {self._named(network_id)} a pair"
        if not await self.isolated_networks(network_id=network_id):
            raise Refused(
                f"{act}: it is no isolated network outside a VPC, or the read key cannot see it.",
                instead="Of a VPC the routers of the whole VPC are made a pair.",
            )
        params = {"id": network_id, "makeredundant": "true"}
        return await self._client.submit(Call(act, "restartNetwork", params))

    async def _checks(self, what: str, command: str, machine_id: str) -> tuple[CheckResult, ...]:
        wanted = given(id=machine_id) | {"fetchhealthcheckresults": "true"}
        act = f"read the health checks of {what}"
        rows = await self._rows_of(act, command, wanted, CheckedRow)
        return tuple(check for row in rows for check in row.values())
