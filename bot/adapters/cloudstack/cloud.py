"""Turns the bot's reads and changes into CloudStack commands: the `Cloud` port over the API."""

from __future__ import annotations

from bot.adapters.cloudstack.answers import (
    Capabilities,
    EventRow,
    IlbVmRow,
    JobRow,
    ManagementServer,
    NetworkRow,
    PendingJobRow,
    RuleRow,
    SettingRow,
    TemplateRow,
)
from bot.adapters.cloudstack.calls import (
    EVERYTHING,
    PARAM_ERROR,
    given,
    unique,
)
from bot.adapters.cloudstack.client import Call
from bot.adapters.cloudstack.failures import ApiFailed, ApiRefused
from bot.adapters.cloudstack.routers import RouterCalls
from bot.adapters.cloudstack.site import SiteCalls
from bot.adapters.cloudstack.zone_answers import (
    HostRow,
    HostUseRow,
    OfferingRow,
    ProviderRow,
    ZoneRow,
)
from bot.domain.cloud import CloudEvent, IlbVm, Job, LbRule, PendingJob, Template, Tier
from bot.domain.zone import Host, HostUse, Offering, Provider, Zone
from bot.errors import Permanent

# Where `findRoutingTemplate` (`VMTemplateDaoImpl`) looks for the template of a new VM, in order.
_SYSTEM_TEMPLATE_TYPES = ("ROUTING", "SYSTEM")


class CloudStackCloud(SiteCalls, RouterCalls):
    """The cloud as one CloudStack API shows it; it changes nothing without a write key."""

    async def version(self) -> str:
        """Return the version; `listCapabilities` fails where a plugin it asks is left out."""
        call = Call("ask for the CloudStack version", "listCapabilities")
        try:
            answer = await self._client.read(call, Capabilities)
        except (ApiRefused, ApiFailed):
            return await self._version_of_a_server()
        return answer.capability.cloudstackversion or await self._version_of_a_server()

    async def tiers(self) -> tuple[Tier, ...]:
        """Return all VPC tiers, those of projects included."""
        call = Call("list the VPC tiers", "listNetworks", {**EVERYTHING, "forvpc": "true"})
        rows = await self._client.rows(call, NetworkRow)
        found = {row.id: row.value() for row in rows if row.vpcid}
        self._remember({tier.id: tier.name for tier in found.values()})
        return tuple(found.values())

    async def ilb_vms(self, *, tier_id: str = "", vm_id: str = "") -> tuple[IlbVm, ...]:
        """Return ILB VMs; none for an id that CloudStack does not know (any more)."""
        what = f"look at ILB VM {self._named(vm_id)}" if vm_id else self._of("ILB VMs", tier_id)
        wanted = given(networkid=tier_id, id=vm_id)
        rows = await self._rows_of(what, "listInternalLoadBalancerVMs", wanted, IlbVmRow)
        found = {row.id: row.value() for row in rows}
        self._remember({vm.id: vm.name for vm in found.values()})
        return tuple(found.values())

    async def rules(self, *, tier_id: str = "") -> tuple[LbRule, ...]:
        """Return visible internal LB rules; none for a tier that CloudStack does not know.

        The filters by source address are broken on the server: it fails with 530.
        """
        wanted = given(networkid=tier_id)
        what = self._of("LB rules", tier_id)
        rows = await self._rows_of(what, "listLoadBalancers", wanted, RuleRow)
        found = {row.id: row.value() for row in rows}
        self._remember({rule.id: rule.name for rule in found.values()})
        return tuple(found.values())

    async def zones(self) -> tuple[Zone, ...]:
        """Return all zones."""
        rows = await self._client.rows(Call("list the zones", "listZones"), ZoneRow)
        return unique(row.value() for row in rows)

    async def hosts(self) -> tuple[Host, ...]:
        """Return the hypervisor hosts, without secondary storage and console proxy hosts."""
        call = Call("list the hosts", "listHosts", {"type": "Routing", "details": "min"})
        return unique(row.value() for row in await self._client.rows(call, HostRow))

    async def host_use(self, host_id: str) -> HostUse | None:
        """Return how busy one host is, None where it is not shown."""
        wanted = {"id": host_id, "type": "Routing", "details": "stats"}
        call = Call(f"read the statistics of host {host_id}", "listHosts", wanted)
        return next((row.value() for row in await self._client.rows(call, HostUseRow)), None)

    async def system_offerings(self) -> tuple[Offering, ...]:
        """Return the service offerings for system VMs, of every type."""
        call = Call("list the system offerings", "listServiceOfferings", {"issystem": "true"})
        return unique(row.value() for row in await self._client.rows(call, OfferingRow))

    async def providers(self) -> tuple[Provider, ...]:
        """Return the internal LB provider of each physical network."""
        what, named = "list the internal LB providers", {"name": "InternalLbVm"}
        call = Call(what, "listNetworkServiceProviders", named)
        return unique(row.value() for row in await self._client.rows(call, ProviderRow))

    async def system_templates(self) -> tuple[Template, ...]:
        """Return the templates that system VMs are made of, ready if they are so in each zone."""
        found: dict[str, Template] = {}
        for kind in _SYSTEM_TEMPLATE_TYPES:
            params = {"templatefilter": "all", "templatetype": kind, "listall": "true"}
            call = Call("list the system VM templates", "listTemplates", params)
            # A version that does not know the filter ignores it.
            for row in await self._client.rows(call, TemplateRow):
                if row.templatetype in _SYSTEM_TEMPLATE_TYPES:
                    known = found.get(row.id)
                    ready = row.isready and (known is None or known.is_ready)
                    found[row.id] = Template(row.id, row.name, ready)
        return tuple(found.values())

    async def events(
        self,
        *,
        resource_id: str = "",
        resource_type: str = "",
        event_type: str = "",
        limit: int = 50,
    ) -> tuple[CloudEvent, ...]:
        """Return events, newest first, the system account's included.

        CloudStack 4.22 gives the newest page first, but within a page the oldest row first,
        and times have whole seconds: within one page (up to 500 rows), those of one second
        keep the order they happened in.
        """
        wanted = given(resourceid=resource_id, resourcetype=resource_type, type=event_type)
        what = f"of {self._named(resource_id)}" if resource_id else event_type
        call = Call(f"list events {what}".rstrip(), "listEvents", {**EVERYTHING, **wanted})
        found = [row.value() for row in await self._client.rows(call, EventRow, limit=limit)]
        if found and found[0].created <= found[-1].created:
            found.reverse()
        return tuple(sorted(found, key=lambda event: event.created, reverse=True))

    async def setting(self, name: str, *, zone_id: str = "") -> str | None:
        """Return the value of a setting, None where there is none or it is empty."""
        call = Call(
            f"read the setting {name}",
            "listConfigurations",
            {"name": name} | given(zoneid=zone_id),
        )
        rows = await self._client.rows(call, SettingRow)
        return next((row.value for row in rows if row.name == name), None)

    async def pending_jobs(self) -> tuple[PendingJob, ...]:
        """Return unfinished jobs of all accounts that the read key may see."""
        call = Call("list pending jobs", "listAsyncJobs", {"listall": "true"})
        rows = await self._client.rows(call, PendingJobRow)
        return tuple({row.jobid: row.value() for row in rows}.values())

    async def job(self, job_id: str) -> Job:
        """Poll one job with the write key; a job id that CloudStack does not know is `Permanent`.

        Whether another account may poll it is not documented: only its submitter asks.
        """
        call = Call(f"look at job {job_id}", "queryAsyncJobResult", {"jobid": job_id})
        try:
            return (await self._client.read_as_writer(call, JobRow)).value()
        except ApiRefused as refused:
            if refused.code != PARAM_ERROR:
                raise
            raise Permanent(
                f"look at job {job_id}: CloudStack knows no such job (431), so how it ended "
                "cannot be told from it. Look at the target itself."
            ) from refused

    async def stop_ilb_vm(self, vm_id: str) -> str:
        """Submit a plain stop and return the job id; stopping a stopped one succeeds."""
        act = f"stop ILB VM {self._named(vm_id)}"
        return await self._client.submit(Call(act, "stopInternalLoadBalancerVM", {"id": vm_id}))

    async def start_ilb_vm(self, vm_id: str) -> str:
        """Submit a start and return the job id; starting a running one succeeds."""
        act = f"start ILB VM {self._named(vm_id)}"
        return await self._client.submit(Call(act, "startInternalLoadBalancerVM", {"id": vm_id}))

    async def restart_tier(self, tier_id: str) -> str:
        """Submit `restartNetwork cleanup=false`: redeploys missing ILB VMs, starts stopped ones."""
        act = f"restart tier {self._named(tier_id)} without clean-up"
        params = {"id": tier_id, "cleanup": "false"}
        return await self._client.submit(Call(act, "restartNetwork", params))

    async def _version_of_a_server(self) -> str:
        call = Call("ask for the CloudStack version", "listManagementServers")
        try:
            servers = await self._client.rows(call, ManagementServer)
        except (ApiRefused, ApiFailed):
            return ""
        return next((server.version for server in servers if server.version), "")
