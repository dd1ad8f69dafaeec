"""Chooses and checks the address of an ILB: given, already serving, or the next free one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from ipaddress import ip_address, ip_network

from bot.domain.plan import in_words
from bot.domain.site import Site
from bot.domain.spec import SERVICE_TAG, IlbSpec
from bot.errors import Refused


def vip_of(site: Site, ilb: IlbSpec, others: Collection[str]) -> str:
    """Return the VIP of an ILB; `others` are those that other ILBs of the spec have or got."""
    if ilb.vip:
        check_vip(site, ilb.vip)
        return ilb.vip
    names = {service.name for service in ilb.services} - {""}
    serving = {
        rule.vip for rule in site.rules for key, value in rule.tags
        if key == SERVICE_TAG and value in names
    }  # fmt: skip
    if len(serving) > 1:
        raise Refused(
            f"{in_words(sorted(names))} of tier {site.tier.name} are served by "
            f"{in_words(sorted(serving))}.",
            instead="Say which one is meant with `vip:`.",
        )
    if serving:
        return _not_twice(site, serving.pop(), names, others)
    return next_free(site, others)


def _not_twice(site: Site, vip: str, names: Iterable[str], others: Collection[str]) -> str:
    if vip in others:
        raise Refused(
            f"{vip} of tier {site.tier.name} serves {in_words(sorted(names))}, and another ILB of "
            "the spec has it too; an ILB is its VIP.",
            instead="Write both as one ILB, or give this one a `vip:` of its own.",
        )
    return vip


def next_free(site: Site, others: Iterable[str] = ()) -> str:
    """Return the lowest address of the tier that nothing is known to have; `Refused` without."""
    used = {*site.addresses(), *others}
    free = (str(host) for host in ip_network(site.tier.cidr, strict=False).hosts())
    found = next((address for address in free if address not in used), None)
    if found is None:
        raise Refused(
            f"No address of {site.tier.cidr} is free in tier {site.tier.name}.",
            instead="Name the `vip:` of an ILB that is there, or free an address.",
        )
    return found


def check_vip(site: Site, vip: str) -> None:
    """Refuse an address that no ILB of the tier can have, or that something else has."""
    network, tier = ip_network(site.tier.cidr, strict=False), site.tier
    address = ip_address(vip)
    if address not in network:
        # CloudStack takes another tier's address where sourceipaddressnetworkid says so.
        raise Refused(
            f"The VIP {vip} is not in {tier.cidr}, the addresses of tier {tier.name}.",
            instead=f"Leave `vip:` out for the next free one ({next_free(site)}).",
        )
    ends = (network.network_address, network.broadcast_address)
    if vip in site.vips():
        return
    if address in ends or vip in site.addresses():
        why = "an end of its range" if address in ends else _who_has(site, vip)
        raise Refused(
            f"The VIP {vip} of tier {tier.name} is taken: it is {why}.",
            instead=f"The next free address is {next_free(site)}.",
        )


def _who_has(site: Site, vip: str) -> str:
    if vip == site.tier.gateway:
        return "its gateway"
    vm = next((vm for vm in site.machines if vm.address == vip), None)
    return f"the address of VM {vm.name}" if vm else "the address of a router"
