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


@dataclass(frozen=True, slots=True)
class Command:
    """`stem` is the response name without "response"; it is not always the command's name."""

    name: str
    stem: str
    answer: Callable[[Request], Body]
    root_only: bool

    def is_open_to(self, role: Role) -> bool:
        """Tell whether CloudStack's default roles allow it (dynamic roles, 432 otherwise)."""
        if role is Role.ROOT_ADMIN:
            return True
        if role is Role.READ_ONLY:
            return self.name.startswith(("list", "get", "query", "find"))
        return not self.root_only


def _command(
    name: str, answer: Callable[[Request], Body], *, stem: str | None = None, root: bool = False
) -> Command:
    return Command(name, stem or name.lower(), answer, root)


COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        _command("listZones", inventory.list_zones),
        _command("listPods", inventory.list_pods, root=True),
        _command("listHosts", inventory.list_hosts, root=True),
        _command("listTemplates", inventory.list_templates),
        _command("listServiceOfferings", inventory.list_service_offerings),
        _command("listManagementServers", inventory.list_management_servers, root=True),
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
            root=True,
        ),
        _command(
            "startInternalLoadBalancerVM",
            ilb_vms.start_ilb_vm,
            stem="startinternallbvm",
            root=True,
        ),
        _command(
            "stopInternalLoadBalancerVM", ilb_vms.stop_ilb_vm, stem="stopinternallbvm", root=True
        ),
        _command("listRouters", routers.list_routers),
        _command("rebootRouter", routers.reboot_router),
        _command("destroyRouter", routers.destroy_router),
        _command("startRouter", routers.start_router),
        _command("stopRouter", routers.stop_router),
        _command("changeServiceForRouter", routers.change_service),
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
        _command("listAlerts", events.list_alerts, root=True),
        _command("listConfigurations", configuration.list_settings, root=True),
        _command("updateConfiguration", configuration.update_setting, root=True),
        _command("createTags", tags.create_tags),
        _command("deleteTags", tags.delete_tags),
        _command("listTags", tags.list_tags),
    )
}
