"""Answer createNetwork and deployVirtualMachine: enough to make a tier and members for an ILB.

Follows NetworkServiceImpl.createGuestNetwork, VpcManagerImpl.validateNtwkOffForNtwkInVpc and
UserVmManagerImpl.
"""

from __future__ import annotations

from ipaddress import IPv4Network

from bot.sandbox.cloud import balancing, machines
from bot.sandbox.cloud.addresses import next_free
from bot.sandbox.cloud.commands.user_vms import submit_vm_job
from bot.sandbox.cloud.frame import ApiError, Body
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
