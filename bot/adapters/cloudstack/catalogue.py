"""Turns a command's name into what calling it does, which role may, and who says so.

A command that is not here cannot be called at all. A read that makes CloudStack act (fresh
health checks run scripts in the guest and may recreate a router) belongs here as a change.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.errors import Refused


class Effect(StrEnum):
    """Whether a call leaves the cloud as it was."""

    READ = "read"
    CHANGE = "change"


class Role(StrEnum):
    """The least role that may call a command under CloudStack's default rules."""

    USER = "User"
    DOMAIN_ADMIN = "Domain admin"
    ROOT_ADMIN = "Root admin"


@dataclass(frozen=True, slots=True)
class Command:
    """One API command; `source` is its class under `org.apache.cloudstack.api.command`."""

    name: str
    effect: Effect
    role: Role
    source: str


_ALL = (
    Command("listCapabilities", Effect.READ, Role.USER, "user.config.ListCapabilitiesCmd"),
    Command("listManagementServers", Effect.READ, Role.ROOT_ADMIN, "admin.management.ListMgmtsCmd"),
    Command("listNetworks", Effect.READ, Role.USER, "user.network.ListNetworksCmd"),
    Command(
        "listInternalLoadBalancerVMs",
        Effect.READ,
        Role.ROOT_ADMIN,
        "admin.internallb.ListInternalLBVMsCmd",
    ),
    Command(
        "listLoadBalancers",
        Effect.READ,
        Role.USER,
        "user.loadbalancer.ListApplicationLoadBalancersCmd",
    ),
    Command("listRouters", Effect.READ, Role.DOMAIN_ADMIN, "admin.router.ListRoutersCmd"),
    Command(
        "findHostsForMigration",
        Effect.READ,
        Role.ROOT_ADMIN,
        "admin.host.FindHostsForMigrationCmd",
    ),
    Command(
        "listSystemVmsUsageHistory",
        Effect.READ,
        Role.ROOT_ADMIN,
        "ListSystemVMsUsageHistoryCmd",
    ),
    Command("listVPCs", Effect.READ, Role.USER, "user.vpc.ListVPCsCmd"),
    Command("listZones", Effect.READ, Role.USER, "user.zone.ListZonesCmd"),
    Command("listHosts", Effect.READ, Role.ROOT_ADMIN, "admin.host.ListHostsCmd"),
    Command(
        "listServiceOfferings",
        Effect.READ,
        Role.USER,
        "user.offering.ListServiceOfferingsCmd",
    ),
    Command(
        "listNetworkServiceProviders",
        Effect.READ,
        Role.ROOT_ADMIN,
        "admin.network.ListNetworkServiceProvidersCmd",
    ),
    Command(
        "listPhysicalNetworks",
        Effect.READ,
        Role.ROOT_ADMIN,
        "admin.network.ListPhysicalNetworksCmd",
    ),
    Command("listTemplates", Effect.READ, Role.USER, "user.template.ListTemplatesCmd"),
    Command("listEvents", Effect.READ, Role.USER, "user.event.ListEventsCmd"),
    Command("listConfigurations", Effect.READ, Role.DOMAIN_ADMIN, "admin.config.ListCfgsByCmd"),
    Command("listVirtualMachines", Effect.READ, Role.USER, "user.vm.ListVMsCmd"),
    Command("listNetworkACLLists", Effect.READ, Role.USER, "user.network.ListNetworkACLListsCmd"),
    Command("listNetworkACLs", Effect.READ, Role.USER, "user.network.ListNetworkACLsCmd"),
    Command(
        "listLBStickinessPolicies",
        Effect.READ,
        Role.USER,
        "user.loadbalancer.ListLBStickinessPoliciesCmd",
    ),
    Command(
        "listInternalLoadBalancerElements",
        Effect.READ,
        Role.DOMAIN_ADMIN,
        "admin.internallb.ListInternalLoadBalancerElementsCmd",
    ),
    Command("listAsyncJobs", Effect.READ, Role.USER, "user.job.ListAsyncJobsCmd"),
    Command("queryAsyncJobResult", Effect.READ, Role.USER, "user.job.QueryAsyncJobResultCmd"),
    Command(
        "stopInternalLoadBalancerVM",
        Effect.CHANGE,
        Role.ROOT_ADMIN,
        "admin.internallb.StopInternalLBVMCmd",
    ),
    Command(
        "startInternalLoadBalancerVM",
        Effect.CHANGE,
        Role.ROOT_ADMIN,
        "admin.internallb.StartInternalLBVMCmd",
    ),
    Command("stopRouter", Effect.CHANGE, Role.DOMAIN_ADMIN, "admin.router.StopRouterCmd"),
    Command("startRouter", Effect.CHANGE, Role.DOMAIN_ADMIN, "admin.router.StartRouterCmd"),
    Command(
        "changeServiceForRouter",
        Effect.CHANGE,
        Role.DOMAIN_ADMIN,
        "admin.router.UpgradeRouterCmd",
    ),
    Command("migrateSystemVm", Effect.CHANGE, Role.ROOT_ADMIN, "admin.systemvm.MigrateSystemVMCmd"),
    Command("restartVPC", Effect.CHANGE, Role.USER, "user.vpc.RestartVPCCmd"),
    Command("restartNetwork", Effect.CHANGE, Role.USER, "user.network.RestartNetworkCmd"),
    Command(
        "createLoadBalancer",
        Effect.CHANGE,
        Role.USER,
        "user.loadbalancer.CreateApplicationLoadBalancerCmd",
    ),
    Command(
        "deleteLoadBalancer",
        Effect.CHANGE,
        Role.USER,
        "user.loadbalancer.DeleteApplicationLoadBalancerCmd",
    ),
    Command(
        "assignToLoadBalancerRule",
        Effect.CHANGE,
        Role.USER,
        "user.loadbalancer.AssignToLoadBalancerRuleCmd",
    ),
    Command(
        "removeFromLoadBalancerRule",
        Effect.CHANGE,
        Role.USER,
        "user.loadbalancer.RemoveFromLoadBalancerRuleCmd",
    ),
    Command("createTags", Effect.CHANGE, Role.USER, "user.tag.CreateTagsCmd"),
    Command("deleteTags", Effect.CHANGE, Role.USER, "user.tag.DeleteTagsCmd"),
    Command(
        "createLBStickinessPolicy",
        Effect.CHANGE,
        Role.USER,
        "user.loadbalancer.CreateLBStickinessPolicyCmd",
    ),
    Command(
        "deleteLBStickinessPolicy",
        Effect.CHANGE,
        Role.USER,
        "user.loadbalancer.DeleteLBStickinessPolicyCmd",
    ),
    Command(
        "createNetworkACLList", Effect.CHANGE, Role.USER, "user.network.CreateNetworkACLListCmd"
    ),
    Command("createNetworkACL", Effect.CHANGE, Role.USER, "user.network.CreateNetworkACLCmd"),
    Command(
        "replaceNetworkACLList", Effect.CHANGE, Role.USER, "user.network.ReplaceNetworkACLListCmd"
    ),
    Command(
        "deleteNetworkACLList", Effect.CHANGE, Role.USER, "user.network.DeleteNetworkACLListCmd"
    ),
    Command(
        "createInternalLoadBalancerElement",
        Effect.CHANGE,
        Role.DOMAIN_ADMIN,
        "admin.internallb.CreateInternalLoadBalancerElementCmd",
    ),
    Command(
        "configureInternalLoadBalancerElement",
        Effect.CHANGE,
        Role.DOMAIN_ADMIN,
        "admin.internallb.ConfigureInternalLoadBalancerElementCmd",
    ),
    Command(
        "updateNetworkServiceProvider",
        Effect.CHANGE,
        Role.ROOT_ADMIN,
        "admin.network.UpdateNetworkServiceProviderCmd",
    ),
)

COMMANDS = {command.name: command for command in _ALL}

# The submitter polls its own jobs (see `CloudStackCloud.job`).
_POLL = "queryAsyncJobResult"


def reader_commands() -> tuple[Command, ...]:
    """Return what the role of the read key must be allowed."""
    return tuple(c for c in _ALL if c.effect is Effect.READ and c.name != _POLL)


def writer_commands() -> tuple[Command, ...]:
    """Return what the role of the write key must be allowed."""
    return tuple(c for c in _ALL if c.effect is Effect.CHANGE or c.name == _POLL)


def effect_of(name: str) -> Effect:
    """Return what calling the command does; a command we do not list is `Refused`."""
    if name not in COMMANDS:
        raise Refused(f"{name}: not among the CloudStack commands that this bot calls.")
    return COMMANDS[name].effect
