"""Tell which addresses of a network are taken, and which is the next free one."""

from __future__ import annotations

from ipaddress import IPv4Network

from bot.sandbox.cloud.model import Kind, Rule, Tier
from bot.sandbox.cloud.state import CloudState


def taken(state: CloudState, tier: Tier) -> set[str]:
    """Return what no VIP can be: the ends of the range, the gateway, VMs and routers."""
    subnet = IPv4Network(tier.cidr)
    users = {one.address for one in state.machines(Kind.USER) if one.tier is tier}
    routers = {
        one.address for one in state.machines(Kind.ROUTER) if one.tier.shares_routers_with(tier)
    }
    return users | routers | {str(subnet[0]), str(subnet[-1]), tier.gateway}


def next_free(state: CloudState, tier: Tier) -> str | None:
    """Return the lowest address that is neither taken nor a VIP; CloudStack takes any."""
    used = taken(state, tier) | {one.vip for one in state.all(Rule) if one.vip_tier is tier}
    return next((str(one) for one in IPv4Network(tier.cidr).hosts() if str(one) not in used), None)
