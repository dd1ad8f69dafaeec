"""Map every command's name to what answers it and to the name its response carries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.sandbox.cloud.commands import (
    acls,
    apis,
    configuration,
    events,
    health,
    ilb_vms,
    inventory,
    jobs,
    metrics,
    network_offerings,
    networks,
    providers,
    provisioning,
    routers,
    rule_updates,
    rules,
    stickiness,
    system_vms,
    tags,
    usage,
    user_vms,
    vpcs,
    webhooks,
)
from bot.sandbox.cloud.frame import Body
from bot.sandbox.cloud.model import Role
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.versions import EVER, WEBHOOKS

RANKS = (Role.USER, Role.DOMAIN_ADMIN, Role.ROOT_ADMIN)


@dataclass(frozen=True, slots=True)
class Command:
    """`wrapper` is the response's name; it is not always the command's name and "response"."""

    name: str
    wrapper: str
    answer: Callable[[Request], Body]
    least: Role
    since: str = EVER

    @property
    def stem(self) -> str:
        """What texts about its parameters call the command."""
        return self.wrapper.lower().removesuffix("response")

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
    bare: str | None = None,
    least: Role = Role.USER,
    since: str = EVER,
) -> Command:
    """Return a command whose wrapper is `bare`, or else its stem and "response"."""
    return Command(name, bare or f"{stem or name.lower()}response", answer, least, since)


def _list_apis(request: Request) -> Body:
    state, role = request.state, request.caller.role
    known = [
        one.name for one in COMMANDS.values() if state.is_since(one.since) and one.is_open_to(role)
    ]
    return apis.list_apis(request, known)


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
        _command("listApis", _list_apis),
        _command("listVPCs", networks.list_vpcs),
        _command("listNetworks", networks.list_networks),
        _command("listNetworkOfferings", network_offerings.list_network_offerings),
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
        _command("rebootVirtualMachine", user_vms.reboot_machine),
        _command("destroyVirtualMachine", user_vms.destroy_machine),
        _command("migrateVirtualMachine", user_vms.migrate_machine, least=Role.ROOT_ADMIN),
        _command("findHostsForMigration", metrics.find_hosts, least=Role.ROOT_ADMIN),
        _command("listHostsMetrics", metrics.list_host_metrics, least=Role.ROOT_ADMIN),
        _command("listVirtualMachinesMetrics", metrics.list_machine_metrics),
        _command("createServiceOffering", inventory.create_service_offering, least=Role.ROOT_ADMIN),
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
        _command("createNetworkOffering", network_offerings.create_offering, least=Role.ROOT_ADMIN),
        _command("updateNetworkOffering", network_offerings.update_offering, least=Role.ROOT_ADMIN),
        _command("createNetwork", provisioning.create_network),
        _command("deleteNetwork", provisioning.delete_network),
        _command("deleteVPC", provisioning.delete_vpc),
        _command("deployVirtualMachine", provisioning.deploy_machine),
        _command("createVPC", vpcs.create_vpc),
        _command("restartVPC", vpcs.restart_vpc),
        _command("listVPCOfferings", vpcs.list_offerings),
        _command("listPhysicalNetworks", providers.list_physical_networks, least=Role.ROOT_ADMIN),
        _command("listNetworkServiceProviders", providers.list_providers),
        _command("updateNetworkServiceProvider", providers.update_provider, least=Role.ROOT_ADMIN),
        _command("listInternalLoadBalancerElements", providers.list_elements),
        _command("createInternalLoadBalancerElement", providers.create_element),
        _command("configureInternalLoadBalancerElement", providers.configure_element),
        _command("migrateSystemVm", system_vms.migrate, least=Role.ROOT_ADMIN),
        _command(
            "scaleSystemVm",
            system_vms.scale,
            stem="changeserviceforsystemvm",
            least=Role.ROOT_ADMIN,
        ),
        _command("upgradeRouterTemplate", system_vms.upgrade_template, least=Role.ROOT_ADMIN),
        _command("listSystemVms", system_vms.list_others, least=Role.ROOT_ADMIN),
        _command(
            "changeServiceForSystemVm", system_vms.refuse_service_change, least=Role.ROOT_ADMIN
        ),
        _command("startSystemVm", system_vms.refuse_instance, least=Role.ROOT_ADMIN),
        _command("stopSystemVm", system_vms.refuse_instance, least=Role.ROOT_ADMIN),
        _command("rebootSystemVm", system_vms.refuse_instance, least=Role.ROOT_ADMIN),
        _command("destroySystemVm", system_vms.refuse_instance, least=Role.ROOT_ADMIN),
        _command("patchSystemVm", system_vms.refuse_patch, least=Role.ROOT_ADMIN),
        _command("getRouterHealthCheckResults", health.results, least=Role.DOMAIN_ADMIN),
        _command("runDiagnostics", health.run_diagnostics, least=Role.ROOT_ADMIN),
        _command("getDiagnosticsData", health.get_diagnostics_data, least=Role.ROOT_ADMIN),
        _command("listSystemVmsUsageHistory", usage.usage_history, least=Role.ROOT_ADMIN),
        _command("updateLoadBalancer", rule_updates.update_rule, least=Role.ROOT_ADMIN),
        _command("updateLoadBalancerRule", rule_updates.update_public_rule),
        _command("deleteLoadBalancerRule", rules.delete_rule),
        _command("listLoadBalancerRules", rule_updates.list_public_rules),
        _command(
            "createLBStickinessPolicy", stickiness.create_policy, bare="createLBStickinessPolicy"
        ),
        _command(
            "deleteLBStickinessPolicy",
            stickiness.delete_policy,
            bare="deleteLBstickinessrruleresponse",
        ),
        _command("listLBStickinessPolicies", stickiness.list_policies),
        _command("createLBHealthCheckPolicy", stickiness.create_health_policy),
        _command("listLBHealthCheckPolicies", stickiness.list_health_policies),
        _command("assignCertToLoadBalancer", stickiness.assign_certificate),
        _command("removeCertFromLoadBalancer", stickiness.remove_certificate),
        _command("listNetworkACLLists", acls.list_lists),
        _command("createNetworkACLList", acls.create_list),
        _command("deleteNetworkACLList", acls.delete_list),
        _command("replaceNetworkACLList", acls.replace_list),
        _command("listNetworkACLs", acls.list_items),
        _command("createNetworkACL", acls.create_item),
        _command("updateNetworkACLItem", acls.update_item, stem="createnetworkacl"),
        _command("deleteNetworkACL", acls.delete_item),
        _command("moveNetworkAclItem", acls.move_item, bare="moveNetworkAclItemResponse"),
        _command("resetConfiguration", configuration.reset_setting, least=Role.ROOT_ADMIN),
        _command("createWebhook", webhooks.create_webhook, since=WEBHOOKS),
        _command("listWebhooks", webhooks.list_webhooks, since=WEBHOOKS),
        _command("listWebhookDeliveries", webhooks.list_deliveries, since=WEBHOOKS),
    )
}
