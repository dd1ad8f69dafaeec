"""Name each command the pretend CloudStack answers and the upstream class it follows."""

from __future__ import annotations

from dataclasses import dataclass

PACKAGE = "org.apache.cloudstack.api.command"


@dataclass(frozen=True, slots=True)
class Coverage:
    """`follows` is the command class below `PACKAGE`; `leaves_out` what a caller would miss."""

    follows: str
    leaves_out: str = ""

    @property
    def java(self) -> str:
        """Return the full class name, which is also the `cmd` of a job."""
        return f"{PACKAGE}.{self.follows}"


COVERAGE: dict[str, Coverage] = {
    "listZones": Coverage("admin.zone.ListZonesCmdByAdmin", "filters but id and name"),
    "listPods": Coverage("admin.pod.ListPodsByCmd", "address ranges, filters"),
    "listHosts": Coverage("admin.host.ListHostsCmd", "GPU fields, details, most filters"),
    "listTemplates": Coverage("admin.template.ListTemplatesCmdByAdmin", "download details"),
    "listServiceOfferings": Coverage("admin.offering.ListServiceOfferingsCmdByAdmin"),
    "listManagementServers": Coverage("admin.management.ListMgmtsCmd", "service details"),
    "listCapabilities": Coverage(
        "user.config.ListCapabilitiesCmd", "the recorded server refused it: fields from its class"
    ),
    "listApis": Coverage("user.discovery.ListApisCmd", "response fields, related, param lists"),
    "listVPCs": Coverage("admin.vpc.ListVPCsCmdByAdmin", "filters but id, name and zone"),
    "listNetworks": Coverage(
        "admin.network.ListNetworksCmdByAdmin", "shared and L2 networks, most filters"
    ),
    "listNetworkOfferings": Coverage("user.network.ListNetworkOfferingsCmd", "most filters"),
    "restartNetwork": Coverage("user.network.RestartNetworkCmd", "livepatch"),
    "listInternalLoadBalancerVMs": Coverage("admin.internallb.ListInternalLBVMsCmd"),
    "startInternalLoadBalancerVM": Coverage("admin.internallb.StartInternalLBVMCmd"),
    "stopInternalLoadBalancerVM": Coverage("admin.internallb.StopInternalLBVMCmd"),
    "listRouters": Coverage("admin.router.ListRoutersCmd"),
    "rebootRouter": Coverage("admin.router.RebootRouterCmd"),
    "destroyRouter": Coverage("admin.router.DestroyRouterCmd"),
    "startRouter": Coverage("admin.router.StartRouterCmd"),
    "stopRouter": Coverage("admin.router.StopRouterCmd"),
    "changeServiceForRouter": Coverage("admin.router.UpgradeRouterCmd"),
    "listLoadBalancers": Coverage("user.loadbalancer.ListApplicationLoadBalancersCmd"),
    "listLoadBalancerRuleInstances": Coverage(
        "admin.loadbalancer.ListLoadBalancerRuleInstancesCmdByAdmin", "applied"
    ),
    "createLoadBalancer": Coverage("user.loadbalancer.CreateApplicationLoadBalancerCmd"),
    "deleteLoadBalancer": Coverage("user.loadbalancer.DeleteApplicationLoadBalancerCmd"),
    "assignToLoadBalancerRule": Coverage(
        "user.loadbalancer.AssignToLoadBalancerRuleCmd", "secondary addresses"
    ),
    "removeFromLoadBalancerRule": Coverage("user.loadbalancer.RemoveFromLoadBalancerRuleCmd"),
    "listVirtualMachines": Coverage("admin.vm.ListVMsCmdByAdmin", "most filters, metrics"),
    "startVirtualMachine": Coverage("admin.vm.StartVMCmdByAdmin", "placement parameters"),
    "stopVirtualMachine": Coverage("admin.vm.StopVMCmdByAdmin"),
    "queryAsyncJobResult": Coverage("user.job.QueryAsyncJobResultCmd"),
    "listAsyncJobs": Coverage("user.job.ListAsyncJobsCmd", "startdate"),
    "listEvents": Coverage("user.event.ListEventsCmd", "duration, entrytime, startid, archived"),
    "listAlerts": Coverage("admin.resource.ListAlertsCmd"),
    "listConfigurations": Coverage("admin.config.ListCfgsByCmd", "account and domain scopes"),
    "updateConfiguration": Coverage("admin.config.UpdateCfgCmd", "account and domain scopes"),
    "createTags": Coverage("user.tag.CreateTagsCmd", "type FirewallRule"),
    "deleteTags": Coverage("user.tag.DeleteTagsCmd", "type FirewallRule"),
    "listTags": Coverage("user.tag.ListTagsCmd"),
    "resetConfiguration": Coverage("admin.config.ResetCfgCmd", "account and domain scopes"),
    "createNetworkOffering": Coverage(
        "admin.network.CreateNetworkOfferingCmd", "services but Lb and redundant SourceNat"
    ),
    "updateNetworkOffering": Coverage("admin.network.UpdateNetworkOfferingCmd", "domains, zones"),
    "createNetwork": Coverage(
        "admin.network.CreateNetworkCmdByAdmin", "shared and L2 networks, IPv6, public LB"
    ),
    "deleteNetwork": Coverage("user.network.DeleteNetworkCmd", "forced; texts are not recorded"),
    "deleteVPC": Coverage("user.vpc.DeleteVPCCmd", "texts are not recorded"),
    "deployVirtualMachine": Coverage(
        "admin.vm.DeployVMCmdByAdmin", "everything but one network, a template and an offering"
    ),
    "createVPC": Coverage(
        "admin.vpc.CreateVPCCmdByAdmin", "its routers come with the first tier, not with the VPC"
    ),
    "restartVPC": Coverage("user.vpc.RestartVPCCmd", "livepatch succeeds and changes nothing"),
    "listVPCOfferings": Coverage(
        "user.vpc.ListVPCOfferingsCmd", "all but the two that can be used"
    ),
    "listPhysicalNetworks": Coverage("admin.network.ListPhysicalNetworksCmd", "filters"),
    "listNetworkServiceProviders": Coverage("admin.network.ListNetworkServiceProvidersCmd"),
    "updateNetworkServiceProvider": Coverage("admin.network.UpdateNetworkServiceProviderCmd"),
    "listInternalLoadBalancerElements": Coverage(
        "admin.internallb.ListInternalLoadBalancerElementsCmd"
    ),
    "createInternalLoadBalancerElement": Coverage(
        "admin.internallb.CreateInternalLoadBalancerElementCmd"
    ),
    "configureInternalLoadBalancerElement": Coverage(
        "admin.internallb.ConfigureInternalLoadBalancerElementCmd"
    ),
    "migrateSystemVm": Coverage("admin.systemvm.MigrateSystemVMCmd", "storage migration"),
    "scaleSystemVm": Coverage("admin.systemvm.ScaleSystemVMCmd", "scaling of a running VM"),
    "upgradeRouterTemplate": Coverage("admin.router.UpgradeRouterTemplateCmd"),
    "listSystemVms": Coverage("admin.systemvm.ListSystemVMsCmd", "console proxies, storage VMs"),
    "changeServiceForSystemVm": Coverage("admin.systemvm.UpgradeSystemVMCmd", "all but refusals"),
    "startSystemVm": Coverage("admin.systemvm.StartSystemVMCmd", "all but refusals"),
    "stopSystemVm": Coverage("admin.systemvm.StopSystemVmCmd", "all but refusals"),
    "rebootSystemVm": Coverage("admin.systemvm.RebootSystemVmCmd", "all but refusals"),
    "destroySystemVm": Coverage("admin.systemvm.DestroySystemVmCmd", "all but refusals"),
    "patchSystemVm": Coverage("admin.systemvm.PatchSystemVMCmd", "all but refusals"),
    "getRouterHealthCheckResults": Coverage(
        "admin.router.GetRouterHealthCheckResultsCmd", "fresh checks: the stored ones are shown"
    ),
    "runDiagnostics": Coverage("admin.diagnostics.RunDiagnosticsCmd", "a ping that fails"),
    "getDiagnosticsData": Coverage("admin.diagnostics.GetDiagnosticsDataCmd", "the file itself"),
    "updateLoadBalancer": Coverage("user.loadbalancer.UpdateApplicationLoadBalancerCmd"),
    "updateLoadBalancerRule": Coverage("user.loadbalancer.UpdateLoadBalancerRuleCmd"),
    "deleteLoadBalancerRule": Coverage("user.loadbalancer.DeleteLoadBalancerRuleCmd"),
    "listLoadBalancerRules": Coverage(
        "user.loadbalancer.ListLoadBalancerRulesCmd", "public rules: there are none"
    ),
    "createLBStickinessPolicy": Coverage("user.loadbalancer.CreateLBStickinessPolicyCmd"),
    "deleteLBStickinessPolicy": Coverage("user.loadbalancer.DeleteLBStickinessPolicyCmd"),
    "listLBStickinessPolicies": Coverage("user.loadbalancer.ListLBStickinessPoliciesCmd"),
    "createLBHealthCheckPolicy": Coverage("user.loadbalancer.CreateLBHealthCheckPolicyCmd"),
    "listLBHealthCheckPolicies": Coverage("user.loadbalancer.ListLBHealthCheckPoliciesCmd"),
    "assignCertToLoadBalancer": Coverage(
        "user.loadbalancer.AssignCertToLoadBalancerCmd", "certificates: there are none"
    ),
    "removeCertFromLoadBalancer": Coverage("user.loadbalancer.RemoveCertFromLoadBalancerCmd"),
    "listNetworkACLLists": Coverage("user.network.ListNetworkACLListsCmd"),
    "createNetworkACLList": Coverage("user.network.CreateNetworkACLListCmd"),
    "deleteNetworkACLList": Coverage("user.network.DeleteNetworkACLListCmd"),
    "replaceNetworkACLList": Coverage("user.network.ReplaceNetworkACLListCmd", "gateways"),
    "listNetworkACLs": Coverage("user.network.ListNetworkACLsCmd"),
    "createNetworkACL": Coverage("user.network.CreateNetworkACLCmd"),
    "updateNetworkACLItem": Coverage("user.network.UpdateNetworkACLItemCmd", "customid"),
    "deleteNetworkACL": Coverage("user.network.DeleteNetworkACLCmd"),
    "moveNetworkAclItem": Coverage("user.network.MoveNetworkAclItemCmd", "the consistency hash"),
    "createServiceOffering": Coverage(
        "admin.offering.CreateServiceOfferingCmd", "everything but CPUs, MHz, memory and its type"
    ),
    "rebootVirtualMachine": Coverage("admin.vm.RebootVMCmdByAdmin"),
    "destroyVirtualMachine": Coverage("admin.vm.DestroyVMCmdByAdmin", "expunges at once"),
    "migrateVirtualMachine": Coverage("admin.vm.MigrateVMCmd", "storage migration"),
    "findHostsForMigration": Coverage("admin.host.FindHostsForMigrationCmd", "storage motion"),
    "listHostsMetrics": Coverage("ListHostsMetricsCmd", "thresholds"),
    "listVirtualMachinesMetrics": Coverage("ListVMsMetricsCmdByAdmin", "disks and network"),
    "createWebhook": Coverage("user.CreateWebhookCmd", "webhooks: every URL is refused"),
    "listWebhooks": Coverage("user.ListWebhooksCmd", "webhooks: there are none"),
    "listWebhookDeliveries": Coverage("user.ListWebhookDeliveriesCmd", "there are none"),
    "listSystemVmsUsageHistory": Coverage(
        "ListSystemVMsUsageHistoryCmd", "other dates, samples of stopped machines"
    ),
}
