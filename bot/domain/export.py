"""Turns what a tier has into the spec of it: provisioning that spec again finds nothing to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_network

from bot.domain.cloud import LbRule
from bot.domain.plan import in_words
from bot.domain.rule_state import is_keeper, state_of
from bot.domain.site import AclList, AclRule, Site
from bot.domain.spec import (
    NAME_TAG,
    SERVICE_TAG,
    AclEntry,
    AclSpec,
    Algorithm,
    IlbSpec,
    MemberBy,
    MemberRef,
    RuleSpec,
    ServiceSpec,
    Spec,
)
from bot.errors import Refused


def spec_of(site: Site) -> Spec:
    """Return the spec of a tier with all its visible rules and its network ACL list.

    Raises `Refused` for a tier without a rule, and for one in which something is half done: a
    spec of something broken would ask for it.
    """
    tier = site.tier
    _refuse_half_done(site)
    vips = sorted({rule.vip for rule in site.rules if not is_keeper(rule)})
    if not vips:
        raise Refused(
            f"Tier {tier.name} of VPC {tier.vpc_name} has no visible internal LB rule, so there "
            "is nothing to write down.",
            instead="`provision` builds its first ILB.",
        )
    return Spec(
        tier=f"{tier.vpc_name}/{tier.name}",
        offering=tier.offering_name,
        ilbs=tuple(IlbSpec(_services(site, vip), vip) for vip in vips),
        acl=_acl(site.acl) if site.acl else None,
    )


def first_spec(site: Site) -> Spec:
    """Return a spec to start from for a tier in which nothing is balanced: its VMs on port 80."""
    members = tuple(MemberRef(MemberBy.NAME, vm.name) for vm in site.machines)
    rule = RuleSpec(port=80, to=80, members=members)
    return Spec(
        tier=f"{site.tier.vpc_name}/{site.tier.name}",
        ilbs=(IlbSpec((ServiceSpec((rule,), name="web"),)),),
    )


def _refuse_half_done(site: Site) -> None:
    broken = [f"{r.vip}:{r.source_port} ({r.state})" for r in site.rules if r.is_half_done]
    broken += [f"{r.vip}:{r.source_port} (only holds the VIP)" for r in site.rules if is_keeper(r)]
    if broken:
        raise Refused(
            f"Half done in tier {site.tier.name}: {in_words(broken)}; a spec of that would ask "
            "for it.",
            instead="`provision` with the spec that is meant repairs it.",
        )


def _services(site: Site, vip: str) -> tuple[ServiceSpec, ...]:
    groups: dict[tuple[str, str], list[RuleSpec]] = {}
    for rule in site.rules_on(vip):
        tags = dict(rule.tags)
        of = (tags.get(SERVICE_TAG, ""), tags.get(NAME_TAG, ""))
        groups.setdefault(of, []).append(_rule(site, rule))
    return tuple(
        ServiceSpec(tuple(rules), name, fqdn) for (name, fqdn), rules in sorted(groups.items())
    )


def _rule(site: Site, rule: LbRule) -> RuleSpec:
    state = state_of(rule, site.stickiness_of(rule))
    return RuleSpec(
        port=rule.source_port,
        to=state.to,
        algorithm=Algorithm(state.algorithm),
        members=_members(site, state.members),
        stickiness=state.stickiness,
        name=rule.name,
    )


def _members(site: Site, ids: Iterable[str]) -> tuple[MemberRef, ...]:
    """By name where no other VM of the tier has it: names may be there twice."""
    times = Counter(vm.name for vm in site.machines)
    names = {vm.id: vm.name for vm in site.machines if times[vm.name] == 1 and vm.name}
    refs = (
        MemberRef(MemberBy.NAME, names[one]) if one in names else MemberRef(MemberBy.ID, one)
        for one in ids
    )
    return tuple(sorted(refs))


def _acl(acl: AclList) -> AclSpec:
    if acl.is_built_in:
        return AclSpec(acl.name)
    ordered = sorted(acl.rules, key=lambda rule: rule.number)
    return AclSpec(acl.name, tuple(_entry(rule) for rule in ordered))


def _entry(rule: AclRule) -> AclEntry:
    ports = None
    if rule.start_port is not None:
        ports = (rule.start_port, rule.start_port if rule.end_port is None else rule.end_port)
    icmp = None
    if rule.icmp_type is not None:
        icmp = (rule.icmp_type, -1 if rule.icmp_code is None else rule.icmp_code)
    return AclEntry(
        allow=rule.allow,
        protocol=rule.protocol,
        sources=tuple(str(ip_network(cidr, strict=False)) for cidr in rule.cidrs),
        ports=ports,
        is_ingress=rule.is_ingress,
        icmp=icmp,
        reason=rule.reason,
    )
