"""Answer what makes a tier and members for an ILB, and what takes tiers and VPCs away.

Follows NetworkServiceImpl.createGuestNetwork, VpcManagerImpl.validateNtwkOffForNtwkInVpc and
UserVmManagerImpl.
"""

from __future__ import annotations

from ipaddress import IPv4Network

from bot.sandbox.cloud import balancing, machines
from bot.sandbox.cloud.addresses import next_free
from bot.sandbox.cloud.commands.submitting import Shown, event, submit_job
from bot.sandbox.cloud.commands.user_vms import submit_vm_job
from bot.sandbox.cloud.frame import ApiError, Body, JobFailed
from bot.sandbox.cloud.machine_views import user_machine
from bot.sandbox.cloud.model import (
    AclList,
    Kind,
    Machine,
    NetworkOffering,
    Pod,
    ServiceOffering,
    Template,
    Tier,
    Vpc,
    Zone,
)
from bot.sandbox.cloud.processes import Work, in_turn
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.roles import routers_of
from bot.sandbox.cloud.state import stable_id
from bot.sandbox.cloud.views import network as network_view

ISOLATED_CIDR = "10.1.1.0/24"


def create_network(request: Request) -> Body:
    """Make a tier of a VPC, or with no VPC an isolated network. It is Allocated until used."""
    state, name = request.state, request.required("name")
    request.required_entity("zoneid", Zone)
    offering = request.required_entity("networkofferingid", NetworkOffering)
    vpc = request.entity("vpcid", Vpc)
    if vpc is None and offering.for_vpc:
        raise _refusal("Network offering can be used for VPC networks only")
    subnet = _subnet(request, vpc)
    tier = state.add(
        Tier(
            **state.identity("tier"),
            account=vpc.account if vpc else request.caller,
            project=vpc.project if vpc else None,
            name=name,
            vpc=vpc,
            cidr=str(subnet),
            gateway=str(subnet[1]),
            netmask=str(subnet.netmask),
            offering=offering,
            created=state.at,
            vlan=1200 + state.number("vlan"),
            state="Allocated",
            acl=_acl(request) if vpc else None,
            redundant=vpc is None and offering.redundant,
        )
    )
    state.effect("tier.created", tier.name, id=tier.id)
    return {"network": network_view(state, tier)}


def delete_network(request: Request) -> Body:
    """Take a network away with its rules and ILB VMs; one that a VM is still in stays."""
    state, tier = request.state, request.required_entity("id", Tier)

    def work() -> Work:
        if any(one.tier is tier for one in state.machines(Kind.USER)):
            raise JobFailed(530, "Failed to delete network")
        for machine in [one for one in state.machines(Kind.ILB) if one.tier is tier]:
            yield from machines.destroy(state, machine)
        for rule in state.rules_of(tier):
            rule.removed = True
        yield state.latencies.rule_s
        tier.removed = True
        state.effect("tier.deleted", tier.name, id=tier.id)
        return {"success": True}

    action = event("NETWORK.DELETE", tier, "Network", f"Deleting network: {tier.id}")
    return submit_job(request, work(), action, Shown("Network"))


def delete_vpc(request: Request) -> Body:
    """Take a VPC away with its routers and ACL lists; one that has tiers stays."""
    state, vpc = request.state, request.required_entity("id", Vpc)

    def work() -> Work:
        tiers = [one for one in state.all(Tier) if one.vpc is vpc]
        if tiers:
            text = f"Can't delete VPC {vpc.name} as its used by {len(tiers)} networks"
            raise JobFailed(431, text)
        for router in routers_of(state, vpc):
            yield from machines.destroy(state, router)
        for acl in [one for one in state.all(AclList) if one.vpc is vpc]:
            acl.removed = True
        yield state.latencies.rule_s
        vpc.removed = True
        state.effect("vpc.deleted", vpc.name, id=vpc.id)
        return {"success": True}

    action = event("VPC.DELETE", vpc, "Vpc", f"Deleting VPC. Id: {vpc.id}")
    return submit_job(request, work(), action, Shown("Vpc"))


def deploy_machine(request: Request) -> Body:
    """Make a tenant's VM in one network and start it; the network comes up with it."""
    state = request.state
    request.required_entity("zoneid", Zone)
    template = request.required_entity("templateid", Template)
    offering = request.required_entity("serviceofferingid", ServiceOffering)
    tier = request.required_entity("networkids", Tier)
    number = state.number("machine")
    shown = request.text("displayname") or request.text("name") or f"VM-{number}"
    machine = state.add(
        Machine(
            id=stable_id(f"machine/{number}"),
            number=number,
            account=tier.account,
            project=tier.project,
            name=f"i-{tier.account.number}-{number}-VM",
            display_name=shown,
            kind=Kind.USER,
            tier=tier,
            pod=next(state.all(Pod)),
            template=template,
            disk=template,
            offering=offering,
            address=next_free(state, tier) or tier.gateway,
            mac=machines.mac(number),
            created=state.at,
        )
    )

    def work() -> Work:
        if tier.state == "Allocated":
            yield from balancing.implement(state, tier, machine)
        yield from in_turn(state.processes, machine.id, machines.deploy(state, machine))
        return {"virtualmachine": user_machine(state, machine)}

    return {"id": machine.id} | submit_vm_job(request, machine, work(), "VM.CREATE", "deploy")


def _subnet(request: Request, vpc: Vpc | None) -> IPv4Network:
    gateway, netmask = request.text("gateway"), request.text("netmask")
    if gateway is None or netmask is None:
        if vpc is not None:
            raise _refusal("Gateway/netmask are required when create network for VPC")
        return IPv4Network(ISOLATED_CIDR)
    subnet = IPv4Network(f"{gateway}/{netmask}", strict=False)
    if vpc is None:
        return subnet
    limit = int(request.state.setting("vpc.max.networks"))
    tiers = [one for one in request.state.all(Tier) if one.vpc is vpc]
    if len(tiers) >= limit:
        text = f"Number of networks per VPC cannot surpass [{limit}]."
        raise ApiError(530, text, cserrorcode=4250)
    if not subnet.subnet_of(IPv4Network(vpc.cidr)):
        raise _refusal(f"Network cidr {subnet} is not within vpc cidr {vpc.cidr}")
    if any(subnet.overlaps(IPv4Network(one.cidr)) for one in tiers):
        raise _refusal(f"Network cidr {subnet} crosses other network cidr in the vpc")
    return subnet


def _acl(request: Request) -> AclList:
    return request.entity("aclid", AclList) or request.state.one(AclList, "default_deny")


def _refusal(text: str) -> ApiError:
    return ApiError(431, text, cserrorcode=4350)
