"""Map every command's name to what answers it and to the name its response carries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.sandbox.cloud.commands import (
    apis,
    configuration,
    events,
    ilb_vms,
    inventory,
    jobs,
    networks,
    routers,
    rules,
    tags,
    user_vms,
)
from bot.sandbox.cloud.frame import Body
from bot.sandbox.cloud.model import Role
from bot.sandbox.cloud.request import Request

RANKS = (Role.USER, Role.DOMAIN_ADMIN, Role.ROOT_ADMIN)


@dataclass(frozen=True, slots=True)
class Command:
    """`stem` is the response name without "response"; it is not always the command's name."""

    name: str
    stem: str
    answer: Callable[[Request], Body]
    least: Role

    def is_open_to(self, role: Role) -> bool:
        """Tell whether CloudStack's default roles allow it (dynamic roles, 432 otherwise)."""
        if role is Role.READ_ONLY:
            return self.name.startswith(("list", "get", "query", "find"))
        return RANKS.index(role) >= RANKS.index(self.least)


def _command(
    name: str,
    answer: Callable[[Request], Body],
    *,
    stem: str | None = None,
    least: Role = Role.USER,
) -> Command:
    return Command(name, stem or name.lower(), answer, least)


COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        _command("listZones", inventory.list_zones),
        _command("listPods", inventory.list_pods, least=Role.ROOT_ADMIN),
        _command("listHosts", inventory.list_hosts, least=Role.ROOT_ADMIN),
        _command("listTemplates", inventory.list_templates),
        _command("listServiceOfferings", inventory.list_service_offerings),
        _command("listManagementServers", inventory.list_management_servers, least=Role.ROOT_ADMIN),
        _command("listCapabilities", inventory.list_capabilities),
        _command("listApis", apis.list_apis),
        _command("listVPCs", networks.list_vpcs),
        _command("listNetworks", networks.list_networks),
        _command("listNetworkOfferings", networks.list_network_offerings),
        _command("restartNetwork", networks.restart_network),
        _command(
            "listInternalLoadBalancerVMs",
            ilb_vms.list_ilb_vms,
            stem="listinternallbvms",
            least=Role.ROOT_ADMIN,
        ),
        _command(
            "startInternalLoadBalancerVM",
            ilb_vms.start_ilb_vm,
            stem="startinternallbvm",
            least=Role.ROOT_ADMIN,
        ),
        _command(
            "stopInternalLoadBalancerVM",
            ilb_vms.stop_ilb_vm,
            stem="stopinternallbvm",
            least=Role.ROOT_ADMIN,
        ),
        _command("listRouters", routers.list_routers, least=Role.DOMAIN_ADMIN),
        _command("rebootRouter", routers.reboot_router, least=Role.DOMAIN_ADMIN),
        _command("destroyRouter", routers.destroy_router, least=Role.DOMAIN_ADMIN),
        _command("startRouter", routers.start_router, least=Role.DOMAIN_ADMIN),
        _command("stopRouter", routers.stop_router, least=Role.DOMAIN_ADMIN),
        _command("changeServiceForRouter", routers.change_service, least=Role.DOMAIN_ADMIN),
        _command("listLoadBalancers", rules.list_rules),
        _command("listLoadBalancerRuleInstances", rules.list_members),
        _command("createLoadBalancer", rules.create_rule),
        _command("deleteLoadBalancer", rules.delete_rule),
        _command("assignToLoadBalancerRule", rules.assign),
        _command("removeFromLoadBalancerRule", rules.remove),
        _command("listVirtualMachines", user_vms.list_machines),
        _command("startVirtualMachine", user_vms.start_machine),
        _command("stopVirtualMachine", user_vms.stop_machine),
        _command("queryAsyncJobResult", jobs.query_job),
        _command("listAsyncJobs", jobs.list_jobs),
        _command("listEvents", events.list_events),
        _command("listAlerts", events.list_alerts, least=Role.ROOT_ADMIN),
        _command("listConfigurations", configuration.list_settings, least=Role.DOMAIN_ADMIN),
        _command("updateConfiguration", configuration.update_setting, least=Role.ROOT_ADMIN),
        _command("createTags", tags.create_tags),
        _command("deleteTags", tags.delete_tags),
        _command("listTags", tags.list_tags),
    )
}
