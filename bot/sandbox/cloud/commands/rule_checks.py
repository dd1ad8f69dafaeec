"""Check what createLoadBalancer is asked for, and make the rule that passes.

Follows ApplicationLoadBalancerManagerImpl.createApplicationLoadBalancer: all of it happens on
submit, so each refusal is the HTTP answer and not a failed job.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Network

from bot.sandbox.cloud.addresses import next_free, taken
from bot.sandbox.cloud.frame import NOT_YOURS, ApiError
from bot.sandbox.cloud.model import Kind, Rule, Tier
from bot.sandbox.cloud.request import Request

ALGORITHMS = ("roundrobin", "leastconn", "source")


def checked_rule(request: Request) -> Rule:
    state = request.state
    name, scheme = request.required("name"), request.required("scheme")
    tier = request.required_entity("networkid", Tier)
    vip_tier = request.required_entity("sourceipaddressnetworkid", Tier)
    source, instance = _port(request, "source"), _port(request, "instance")
    algorithm = request.required("algorithm")
    if not request.may_change(tier):
        raise ApiError(531, NOT_YOURS, cserrorcode=4365)
    require_internal(scheme)
    if algorithm.lower() not in ALGORITHMS:
        raise ApiError(431, f"Invalid algorithm: {algorithm}", cserrorcode=4350)
    _require_lb(request, tier)
    _require_not_stats_port(request, tier, source)
    vip = _acquire(request, vip_tier)
    _require_free(request, vip, source)
    return Rule(
        **state.identity("rule"),
        account=tier.account,
        project=tier.project,
        name=name,
        description=request.text("description"),
        tier=tier,
        vip_tier=vip_tier,
        vip=vip,
        source_port=source,
        instance_port=instance,
        algorithm=algorithm,
        display=request.boolean("fordisplay") is not False,
    )


def _port(request: Request, which: str) -> int:
    port = request.required_integer(f"{which}port")
    if not 0 <= port <= 65535:
        raise ApiError(431, f"Invalid value for {which} port: {port}", cserrorcode=4350)
    return port


def require_internal(scheme: str) -> None:
    if scheme.lower() != "internal":
        text = "Invalid value for scheme. Supported value is internal"
        raise ApiError(431, text, cserrorcode=4350)


def _require_lb(request: Request, tier: Tier) -> None:
    if tier.offering.lb_provider is None:
        raise ApiError(
            431,
            "LB service is not supported in specified network id",
            cserrorcode=4350,
            uuids=[(tier.id, "networkId")],
        )
    if tier.offering.lb_provider != "InternalLbVm":
        offering = tier.offering
        raise ApiError(
            431,
            "Scheme Internal is not supported by the network offering Network Offering "
            f'{{"id":{offering.number},"name":"{offering.name}","uuid":"{offering.id}"}}',
            cserrorcode=4350,
        )


def _require_not_stats_port(request: Request, tier: Tier, port: int) -> None:
    """Refuse HAProxy's stats port, which CloudStack does only once the tier has an ILB VM."""
    stats = request.state.setting("network.loadbalancer.haproxy.stats.port")
    has_vm = any(one.tier is tier for one in request.state.machines(Kind.ILB))
    if has_vm and str(port) == stats:
        raise ApiError(431, "LB service provider cannot support this rule", cserrorcode=4350)


def _acquire(request: Request, tier: Tier) -> str:
    """Return the VIP: the one asked for, also where rules share it already, or the next free."""
    asked, subnet = request.text("sourceipaddress"), IPv4Network(tier.cidr)
    if asked is None:
        free = next_free(request.state, tier)
        if free is None:
            raise _no_address(tier)
        return free
    try:
        address = IPv4Address(asked)
    except AddressValueError:
        raise (_no_address(tier) if asked.count(".") == 3 else _not_a_number()) from None
    if address not in subnet:
        text = "The requested IP is not in the network's CIDR subnet."
        raise ApiError(431, text, cserrorcode=4350)
    if asked in taken(request.state, tier):
        raise _no_address(tier)
    return asked


def _no_address(tier: Tier) -> ApiError:
    return ApiError(
        533,
        f"Unable to acquire IP address for network {tier.described}",
    )


def _not_a_number() -> ApiError:
    return ApiError(530, "Incorrect number")


def _require_free(request: Request, vip: str, port: int) -> None:
    for one in request.state.all(Rule):
        if one.vip == vip and one.source_port == port:
            raise ApiError(
                537,
                f"The range specified, {port}-{port}, conflicts with rule "
                f'ApplicationLoadBalancerRule {{"name":"{one.name}","id":{one.number},'
                f'"purpose":"LoadBalancing","state":"{one.state}","uuid":"{one.id}"}} '
                f"which has {port}-{port}",
            )
