"""What the bot needs of CloudStack: looking, and the few changes that runbooks make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.domain.cloud import CloudEvent, IlbVm, Job, LbRule, PendingJob, Template, Tier
from bot.domain.health import CheckResult
from bot.domain.servers import Server
from bot.domain.site import AclList, AclRule, UserVm
from bot.domain.spec import Stickiness
from bot.domain.zone import (
    Host,
    HostChoice,
    HostUse,
    Network,
    Offering,
    Provider,
    Router,
    Vpc,
    Zone,
)


class CloudReader(Protocol):
    """Everything that looks and changes nothing; it works with the read key alone."""

    async def version(self) -> str:
        """Return the management server's version, `""` where it does not tell."""
        ...

    async def tiers(self) -> tuple[Tier, ...]:
        """Return all VPC tiers, those of projects included."""
        ...

    async def ilb_vms(self, *, tier_id: str = "", vm_id: str = "") -> tuple[IlbVm, ...]:
        """Return ILB VMs, all of them or those of one tier or the one with that id."""
        ...

    async def rules(self, *, tier_id: str = "") -> tuple[LbRule, ...]:
        """Return visible internal LB rules with their members, of one tier or of all."""
        ...

    async def zones(self) -> tuple[Zone, ...]:
        """Return all zones."""
        ...

    async def vpcs(self, *, vpc_id: str = "") -> tuple[Vpc, ...]:
        """Return VPCs, all of them (those of projects included) or the one with that id."""
        ...

    async def isolated_networks(self, *, network_id: str = "") -> tuple[Network, ...]:
        """Return isolated networks outside VPCs, all of them or the one with that id."""
        ...

    async def routers(
        self, *, vpc_id: str = "", network_id: str = "", router_id: str = ""
    ) -> tuple[Router, ...]:
        """Return virtual routers, of all or of one place; an ILB VM is never among them."""
        ...

    async def router_checks(self, router_id: str = "") -> tuple[CheckResult, ...]:
        """Return the health checks of a router, or of all, as last collected.

        Nothing makes them run afresh.
        """
        ...

    async def ilb_checks(self, vm_id: str = "") -> tuple[CheckResult, ...]:
        """Return the health checks of an ILB VM, or of all, as last collected."""
        ...

    async def hosts_for_migration(self, vm_id: str) -> tuple[HostChoice, ...]:
        """Return the other hosts that a running system VM may move to."""
        ...

    async def hosts(self) -> tuple[Host, ...]:
        """Return the hypervisor hosts."""
        ...

    async def host_use(self, host_id: str) -> HostUse | None:
        """Return how busy one host is, None where it is not shown."""
        ...

    async def system_offerings(self) -> tuple[Offering, ...]:
        """Return the service offerings for system VMs, of every type."""
        ...

    async def providers(self) -> tuple[Provider, ...]:
        """Return the internal LB provider of each physical network."""
        ...

    async def system_templates(self) -> tuple[Template, ...]:
        """Return the registered system VM templates."""
        ...

    async def events(
        self,
        *,
        resource_id: str = "",
        resource_type: str = "",
        event_type: str = "",
        limit: int = 50,
    ) -> tuple[CloudEvent, ...]:
        """Return events, newest first, the system account's included."""
        ...

    async def setting(self, name: str, *, zone_id: str = "") -> str | None:
        """Return the value of a global (or zone-scoped) setting, None where there is none."""
        ...

    async def tier_vms(self, tier_id: str) -> tuple[UserVm, ...]:
        """Return the tenants' VMs with an address in a tier, those of projects included."""
        ...

    async def acl_lists(self, vpc_id: str) -> tuple[AclList, ...]:
        """Return the network ACL lists of a VPC and the built-in ones, without their rules."""
        ...

    async def acl_rules(self, acl_id: str) -> tuple[AclRule, ...]:
        """Return the entries of a network ACL list, by number."""
        ...

    async def stickiness(self, rule_id: str) -> tuple[str, Stickiness] | None:
        """Return the id and the value of a rule's stickiness policy, None where it has none."""
        ...

    async def ilb_element(self, provider_id: str) -> tuple[str, bool] | None:
        """Return the id of a provider's element and whether it is enabled, None without one."""
        ...

    async def pending_jobs(self) -> tuple[PendingJob, ...]:
        """Return unfinished jobs that are bound to a resource type."""
        ...


class CloudServers(Protocol):
    """Looks at what serves the API rather than at what is served."""

    async def servers(self) -> tuple[Server, ...]:
        """Return the management servers as far as the read key may see; `Away` without answer."""
        ...


class Cloud(CloudReader, Protocol):
    """Reading, and the few changes that runbooks make; changes need the write key."""

    async def job(self, job_id: str) -> Job:
        """Poll one job, with the key that submits; an unknown job id is `Permanent`."""
        ...

    async def stop_ilb_vm(self, vm_id: str) -> str:
        """Submit a plain stop and return the job id. Not sticky: see `restart_tier`."""
        ...

    async def start_ilb_vm(self, vm_id: str) -> str:
        """Submit a start and return the job id; starting a running one succeeds."""
        ...

    async def restart_tier(self, tier_id: str) -> str:
        """Submit `restartNetwork cleanup=false`: redeploys missing ILB VMs, starts stopped ones."""
        ...

    async def migrate(self, vm_id: str, host_id: str) -> str:
        """Submit the move of a running system VM to that host and return the job id."""
        ...

    async def change_offering(self, vm_id: str, offering_id: str) -> None:
        """Change the offering of a Stopped system VM; done when it returns.

        CloudStack takes any system offering for any system VM: its type is ours to check.
        """
        ...

    async def stop_router(self, router_id: str) -> str:
        """Submit a plain stop of a router and return the job id.

        A reboot is this and a start: how `rebootRouter` ended shows nowhere but in its job.
        """
        ...

    async def start_router(self, router_id: str) -> str:
        """Submit the start of a router and return the job id; a running one succeeds."""
        ...

    async def restart_vpc_redundant(self, vpc_id: str, *, cleanup: bool = False) -> str:
        """Submit that a VPC gets a pair of routers and return the job id. There is no way back.

        It replaces the routers and puts the VPC on the built-in redundant offering. On a VPC that
        is redundant already it does so with `cleanup` alone, and else only fills the pair up.
        """
        ...

    async def restart_network_redundant(self, network_id: str) -> str:
        """Submit that an isolated network gets a pair of routers and return the job id.

        There is no way back. `Refused` for a tier of a VPC.
        """
        ...

    async def create_rule(
        self, tier_id: str, *, vip: str, port: int, to: int, algorithm: str, name: str
    ) -> Created:
        """Submit an internal LB rule on a VIP of the tier; its ILB VM comes with a member."""
        ...

    async def delete_rule(self, rule_id: str) -> str:
        """Submit a deletion and return the job id; the last rule of a VIP takes the ILB VM."""
        ...

    async def assign(self, rule_id: str, vm_ids: Sequence[str]) -> str:
        """Submit new members and return the job id; all of them are taken, or none."""
        ...

    async def remove(self, rule_id: str, vm_ids: Sequence[str]) -> str:
        """Submit the removal of members and return the job id; a stranger is a success."""
        ...

    async def create_tags(self, rule_id: str, tags: Mapping[str, str]) -> str:
        """Submit tags of an LB rule and return the job id; a key that exists fails (530)."""
        ...

    async def delete_tags(self, rule_id: str, keys: Sequence[str]) -> str:
        """Submit the removal of tags by their keys and return the job id."""
        ...

    async def stick(self, rule_id: str, name: str, wanted: Stickiness) -> Created:
        """Submit a stickiness policy; it replaces the one the rule has."""
        ...

    async def unstick(self, policy_id: str) -> str:
        """Submit the deletion of a stickiness policy and return the job id."""
        ...

    async def create_acl_list(self, vpc_id: str, name: str, description: str) -> Created:
        """Submit an empty network ACL list of a VPC; names may be there twice."""
        ...

    async def create_acl_rule(self, acl_id: str, rule: AclRule) -> Created:
        """Submit one entry of a network ACL list; a built-in list takes none (431)."""
        ...

    async def replace_acl_list(self, tier_id: str, acl_id: str) -> str:
        """Submit that a tier gets another network ACL list and return the job id."""
        ...

    async def delete_acl_list(self, acl_id: str) -> str:
        """Submit the deletion of a network ACL list, which fails while a tier uses it."""
        ...

    async def create_ilb_element(self, provider_id: str) -> Created:
        """Submit an element for an internal LB provider that has none."""
        ...

    async def configure_ilb_element(self, element_id: str) -> str:
        """Submit that an internal LB element is enabled and return the job id."""
        ...

    async def set_provider(self, provider_id: str, state: str) -> str:
        """Submit the state of a provider, `Enabled` or `Disabled`, and return the job id."""
        ...


@dataclass(frozen=True, slots=True)
class Created:
    """What a submitted creation answers at once: the new thing's id, and the job to follow."""

    id: str
    job_id: str
