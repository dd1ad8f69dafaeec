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
    "listNetworks": Coverage("admin.network.ListNetworksCmdByAdmin", "networks outside VPCs"),
    "listNetworkOfferings": Coverage("user.network.ListNetworkOfferingsCmd", "most filters"),
    "restartNetwork": Coverage("user.network.RestartNetworkCmd", "makeredundant, livepatch"),
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
}
