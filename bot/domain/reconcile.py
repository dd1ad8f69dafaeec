"""Compares what is wanted of a tier with what it has: pure, and nothing of it is done here.

What somebody else changed since ilbot applied it is shown and left alone, unless it may be
overwritten; and no comparison takes the last rule of a VIP away, since CloudStack destroys the
ILB VM with it (`InternalLoadBalancerElement.applyLBRules`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bot.domain.cloud import LbRule
from bot.domain.comparison import Comparison, Difference, RuleChange, Verdict
from bot.domain.members import members_of
from bot.domain.plan import in_words
from bot.domain.reconcile_acl import compare_acl
from bot.domain.rule_state import RuleState, is_keeper, state_of
from bot.domain.rule_words import delta_words, hidden_words, rule_words
from bot.domain.site import Site, twin_in
from bot.domain.spec import (
    NAME_TAG,
    SERVICE_TAG,
    TWIN_TAG,
    IlbSpec,
    RuleSpec,
    ServiceSpec,
    Spec,
)
from bot.domain.tier_acts import refuse_without_internal_lb
from bot.domain.vips import vip_of
from bot.errors import Refused

_KEEPER_PORTS = range(64999, 64000, -1)


def compare(site: Site, spec: Spec, *, overwrite: bool = False) -> Comparison:
    """Return everything that differs; `Refused` for what cannot be, with what can."""
    _refuse_offering(site, spec)
    provider, provider_line = _provider(site)
    differences, changes, notes = [provider_line], [], []
    given, vips = {ilb.vip for ilb in spec.ilbs if ilb.vip}, list[str]()
    for ilb in spec.ilbs:
        vip = vip_of(site, ilb, given | set(vips))
        vips.append(vip)
        lines, found = _ilb(site, ilb, vip, overwrite)
        differences += lines
        changes += found
        notes += [*_hidden_rules(site, found), *_stopped_members(site, found)]
    acl_line, acl, acl_notes = compare_acl(site, spec, overwrite=overwrite)
    differences += acl_line
    return Comparison(
        tuple(differences), tuple(changes), acl, provider, (*notes, *acl_notes), tuple(vips)
    )


def _refuse_offering(site: Site, spec: Spec) -> None:
    tier = site.tier
    if spec.offering and tier.offering_name and spec.offering != tier.offering_name:
        raise Refused(
            f"Tier {tier.name} has the network offering {tier.offering_name}, not {spec.offering}, "
            "and the offering of a tier in use is not changed here.",
            instead="Make a tier with that offering, or name the one it has.",
        )
    refuse_without_internal_lb(tier)


def _provider(site: Site) -> tuple[str, Difference]:
    """An enabled provider is no change; what the key may not see is not touched."""
    what = "provider InternalLbVm"
    if site.provider is None:
        return "", Difference(Verdict.LEAVE, what, "its state is not shown to this key")
    if site.provider.state == "Enabled":
        return "", Difference(Verdict.LEAVE, what, "enabled")
    detail = f"{site.provider.state} → Enabled, for the whole physical network"
    return site.provider.id, Difference(Verdict.CHANGE, what, detail)


def _ilb(
    site: Site, ilb: IlbSpec, vip: str, overwrite: bool
) -> tuple[list[Difference], list[RuleChange]]:
    lines: list[Difference] = []
    changes: list[RuleChange] = []
    named: set[int] = set()
    for service in ilb.services:
        for rule in service.rules:
            named.add(rule.port)
            line, change = _rule(site, vip, service, rule, overwrite)
            lines += [line] if line else []
            changes += [change] if change else []
    for other in site.rules_on(vip):
        if other.source_port not in named:
            line, change = _other(site, other)
            lines.append(line)
            changes += [change] if change else []
    _refuse_last(site, vip, changes)
    return lines, _in_order(site, vip, changes)


def _other(site: Site, rule: LbRule) -> tuple[Difference, RuleChange | None]:
    """A rule that the spec does not name is left alone, but for what a change of ours left."""
    what = f"{rule.vip}:{rule.source_port}"
    if is_keeper(rule):
        gone = RuleChange(
            rule.vip, rule.source_port, state_of(rule, site.stickiness_of(rule)), None
        )
        return Difference(Verdict.REPAIR, what, "it held the VIP for a change; taken away"), gone
    half = f"; half done ({rule.state})" if rule.is_half_done else ""
    return Difference(Verdict.OTHER, what, f"{rule.name}, not in the spec{half}"), None


def _rule(
    site: Site, vip: str, service: ServiceSpec, rule: RuleSpec, overwrite: bool
) -> tuple[Difference | None, RuleChange | None]:
    what, found = f"{vip}:{rule.port}", site.rule_at(vip, rule.port)
    before = state_of(found, site.stickiness_of(found)) if found else None
    if rule.is_absent:
        if found is None:
            return None, None
        gone = RuleChange(vip, rule.port, before, None, found.is_half_done)
        return Difference(Verdict.REMOVE, what, found.name), gone
    _refuse_stats_port(site, vip, rule.port)
    after = _wanted(site, vip, service, rule, found)
    if found is None or before is None:
        created = RuleChange(vip, rule.port, None, after.signed())
        return Difference(Verdict.CREATE, what, rule_words(site, after)), created
    if found.is_half_done:
        was = None if found.state == "Deleting" else before
        detail = f"half done ({found.state}): {rule_words(site, after)}"
        change = RuleChange(vip, rule.port, was, after.signed(), is_broken=True)
        return Difference(Verdict.REPAIR, what, detail), change
    return _differing(site, RuleChange(vip, rule.port, before, after), overwrite)


def _differing(
    site: Site, change: RuleChange, overwrite: bool
) -> tuple[Difference, RuleChange | None]:
    """Compare a whole rule with the wanted one."""
    what, before, after = f"{change.vip}:{change.port}", change.before, change.after
    assert before is not None and after is not None
    if before.is_like(after):
        return Difference(Verdict.LEAVE, what, rule_words(site, before)), None
    if not before.is_ours and not overwrite:
        who = "somebody else changed it" if before.applied else "ilbot did not make it"
        return Difference(Verdict.DRIFT, what, f"{who}: {delta_words(site, after, before)}"), None
    taken = "" if before.is_ours else "overwrites what ilbot did not set: "
    verdict = Verdict.REPLACE if change.is_replaced else Verdict.CHANGE
    detail = taken + delta_words(site, before, after)
    return Difference(verdict, what, detail), replace(change, after=after.signed())


def _refuse_stats_port(site: Site, vip: str, port: int) -> None:
    if port == site.stats_port:
        raise Refused(
            f"Port {port} of {vip} is that of HAProxy's stats page "
            "(network.loadbalancer.haproxy.stats.port), which CloudStack refuses as soon as an "
            "ILB VM exists.",
            instead="Another port.",
        )


def _wanted(
    site: Site, vip: str, service: ServiceSpec, rule: RuleSpec, found: LbRule | None
) -> RuleState:
    """A spec says nothing of twins: a rule keeps its mark, and a new one gets that of its VIP."""
    twin = twin_in([found]) if found else site.twin_of(vip)
    tags = [(SERVICE_TAG, service.name), (NAME_TAG, service.fqdn), (TWIN_TAG, twin)]
    what = f"{vip}:{rule.port}"
    return RuleState(
        rule.name or f"{service.name or 'ilb'}-{rule.port}",
        rule.to,
        rule.algorithm.value,
        tuple(vm.id for vm in members_of(site, rule.members, what)),
        rule.stickiness,
        tuple(sorted((key, value) for key, value in tags if value)),
    )


def _refuse_last(site: Site, vip: str, changes: Iterable[RuleChange]) -> None:
    gone = {change.port for change in changes if change.after is None}
    made = {change.port for change in changes if change.after is not None}
    there = {rule.source_port for rule in site.rules_on(vip)}
    if there and gone and not (there - gone) | made:
        raise Refused(
            f"That would take the last rule of {vip} away, and CloudStack destroys the ILB VM "
            "with it and gives the address back.",
            instead="Keep one rule on it.",
        )


def _in_order(site: Site, vip: str, changes: list[RuleChange]) -> list[RuleChange]:
    """Creations first, removals last: there is always a rule that holds the VIP."""
    created = [one for one in changes if one.before is None and not one.is_broken]
    removed = [one for one in changes if one.after is None]
    between = [one for one in changes if one not in created and one not in removed]
    kept = {change.port for change in created if change.after and change.after.members}
    active = {rule.source_port for rule in site.rules_on(vip) if rule.is_active} | kept
    busy = {rule.source_port for rule in site.rules_on(vip)} | {one.port for one in changes}
    spare = (port for port in _KEEPER_PORTS if port not in busy | {site.stats_port})
    held = [_held(one, active, next(spare)) if _goes_away(one) else one for one in between]
    return [*created, *held, *removed]


def _goes_away(change: RuleChange) -> bool:
    """Whether its rule is deleted on the way to what is wanted."""
    return change.is_replaced or (change.is_broken and change.before is None)


def _held(change: RuleChange, active: set[int], keeper: int) -> RuleChange:
    if active - {change.port}:
        return change
    return replace(change, keeper=keeper)


def _hidden_rules(site: Site, changes: Iterable[RuleChange]) -> list[str]:
    made = {one.vip for one in changes if one.before is None and not one.is_broken}
    return [
        f"{hidden_words(vm)}; CloudStack refuses a port that one of them has (537)."
        for vm in site.unexplained()
        if vm.vip in made
    ]


def _stopped_members(site: Site, changes: Iterable[RuleChange]) -> list[str]:
    wanted = {vm_id for change in changes if change.after for vm_id in change.after.members}
    stopped = [vm.name for vm in site.machines if vm.id in wanted and vm.state != "Running"]
    return [f"Not running now: {in_words(stopped)}."] if stopped else []
