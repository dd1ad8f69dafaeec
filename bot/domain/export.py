"""Turns what a tier has into the spec of it: provisioning that spec again finds nothing to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_network

from bot.domain.cloud import LbRule
from bot.domain.plan import in_words
from bot.domain.rule_state import is_keeper, state_of
from bot.domain.rule_words import hidden_words
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
from bot.domain.spec_limits import can_be_said, why_rule_is_unsaid
from bot.domain.tier_acts import refuse_without_internal_lb
from bot.errors import Refused

_LONGEST_NAME = 255
"""Of a tier in a spec; CloudStack's names of VPC and tier have as many each."""


def spec_of(site: Site) -> Spec:
    """Return the spec of a tier with its visible rules and its network ACL list.

    What no spec can say is left out, which provisioning leaves alone; `unsaid` names it. Raises
    `Refused` for a tier without a rule to write down, and for one in which something is half
    done: a spec of something broken would ask for it.
    """
    tier = site.tier
    _refuse_half_done(site)
    vips = sorted({rule.vip for rule in _said(site)})
    if not vips and site.rules:
        raise Refused(
            f"No rule of tier {tier.name} can be written down: {'; '.join(_rules_unsaid(site))}.",
            instead="Change that in CloudStack first.",
        )
    if not vips:
        raise _nothing_to_say(site)
    return Spec(
        tier=_tier_name(site),
        offering=tier.offering_name,
        ilbs=tuple(IlbSpec(_services(site, vip), vip) for vip in vips),
        acl=_acl(site.acl) if site.acl else None,
    )


def first_spec(site: Site) -> Spec:
    """Return a spec to start from for a tier in which nothing is balanced: its VMs on port 80."""
    members = _members(site, (vm.id for vm in site.machines))
    rule = RuleSpec(port=80, to=80, members=members)
    return Spec(
        tier=_tier_name(site),
        ilbs=(IlbSpec((ServiceSpec((rule,), name="web"),)),),
    )


def unsaid(site: Site) -> tuple[str, ...]:
    """Say what of a tier its spec leaves out, and why; provisioning leaves all of it alone."""
    lines = [f"left out, {line}" for line in _rules_unsaid(site)]
    if site.acl and not site.acl.is_built_in and not can_be_said(site.acl):
        lines.append(f"ACL list {site.acl.name} has entries that cannot be said: only its name is")
    lines += [f"left out, {hidden_words(vm)}" for vm in site.unexplained()]
    return tuple(lines)


def _nothing_to_say(site: Site) -> Refused:
    """Return why a tier has no spec: it can have no ILB, shows no rule of one, or has none yet."""
    tier = site.tier
    try:
        refuse_without_internal_lb(tier)
    except Refused as no:
        return no
    if hidden := site.unexplained():
        return Refused(
            f"{in_words([hidden_words(vm) for vm in hidden])}: there is nothing to write down.",
            instead="Show them first: updateLoadBalancer id=… fordisplay=true, as a root admin.",
        )
    return Refused(
        f"Tier {tier.name} of VPC {tier.vpc_name} has no internal LB rule, so there is nothing to "
        "write down.",
        instead="`provision` builds its first ILB.",
    )


def _rules_unsaid(site: Site) -> tuple[str, ...]:
    reasons = ((rule, _why_unsaid(site, rule)) for rule in site.rules if not is_keeper(rule))
    return tuple(f"{r.vip}:{r.source_port} ({r.name}): {why}" for r, why in reasons if why)


def _said(site: Site) -> tuple[LbRule, ...]:
    return tuple(rule for rule in site.rules if not is_keeper(rule) and not _why_unsaid(site, rule))


def _why_unsaid(site: Site, rule: LbRule) -> str:
    return why_rule_is_unsaid(state_of(rule, site.stickiness_of(rule)))


def _tier_name(site: Site) -> str:
    name = f"{site.tier.vpc_name}/{site.tier.name}"
    return name if len(name) <= _LONGEST_NAME else site.tier.id


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
    said = {rule.id for rule in _said(site)}
    for rule in (one for one in site.rules_on(vip) if one.id in said):
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
    if acl.is_built_in or not can_be_said(acl):
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
