"""Says in which respects a tier is no longer as ilbot left it: pure, and nothing is put back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.domain.comparison import Comparison, Difference, Verdict
from bot.domain.reconcile import compare
from bot.domain.reconcile_acl import is_drifted
from bot.domain.rule_state import state_of
from bot.domain.site import Site
from bot.domain.spec import IlbSpec, RuleSpec, ServiceSpec, Spec
from bot.errors import Refused

_MISSING = {Verdict.CREATE: "is gone", Verdict.REPAIR: "is half done"}


@dataclass(frozen=True, slots=True)
class Applied:
    """A spec that was brought about, the VIPs that its ILBs got, and the diff that was approved.

    `vips` is empty where that was not kept.
    """

    spec: Spec
    vips: tuple[str, ...] = ()
    diff: tuple[str, ...] = ()


def drift_from(applied: Sequence[Applied], site: Site) -> tuple[str, ...]:
    """Say what differs from the specs that were applied to a tier, newest first, a line each.

    What the approved diffs left alone is no drift. Of what no spec names, the tags of ilbot tell.
    Raises `Refused` where the tier cannot be compared at all.
    """
    spec, left = in_force(applied), {text for one in applied for text in one.diff}
    try:
        return _lines(compare(site, spec), site, left)
    except Refused:
        possible, impossible = _possible(site, spec)
        if not impossible:
            raise
        return (*impossible, *_lines(compare(site, possible), site, left))


def after_moves(one: Applied, moves: Mapping[tuple[str, int], str]) -> Applied:
    """Return what was applied as changes of ours left it that moved places (VIP, port) to VIPs."""
    ilbs: list[IlbSpec] = []
    vips: list[str] = []
    for number, ilb in enumerate(one.spec.ilbs):
        vip = ilb.vip or (one.vips[number] if one.vips else "")
        ports = [rule.port for service in ilb.services for rule in service.rules]
        for to in dict.fromkeys(moves.get((vip, port), vip) for port in ports):
            others = {port for port in ports if moves.get((vip, port), vip) != to}
            ilbs.append(IlbSpec(tuple(_without(ilb, others)), ilb.vip if to == vip else to))
            vips.append(to)
    return replace(one, spec=replace(one.spec, ilbs=tuple(ilbs)), vips=tuple(vips))


def in_force(applied: Sequence[Applied]) -> Spec:
    """Return all that these specs say of a tier, newest first: each place goes by the newest."""
    on: dict[str, list[ServiceSpec]] = {}
    somewhere: list[IlbSpec] = []
    taken: set[tuple[str, int]] = set()
    for one in applied:
        said: set[tuple[str, int]] = set()
        for number, ilb in enumerate(one.spec.ilbs):
            vip = ilb.vip or (one.vips[number] if one.vips else "")
            if not vip:
                somewhere.append(ilb)
                continue
            on.setdefault(vip, []).extend(_without(ilb, {p for v, p in taken if v == vip}))
            said |= {(vip, rule.port) for service in ilb.services for rule in service.rules}
        taken |= said
    ilbs = (IlbSpec(tuple(services), vip) for vip, services in on.items() if services)
    acl = next((one.spec.acl for one in applied if one.spec.acl is not None), None)
    return replace(applied[0].spec, ilbs=(*ilbs, *somewhere), acl=acl)


def _without(ilb: IlbSpec, ports: Collection[int]) -> list[ServiceSpec]:
    left = (
        replace(service, rules=tuple(rule for rule in service.rules if rule.port not in ports))
        for service in ilb.services
    )
    return [service for service in left if service.rules]


def _possible(site: Site, spec: Spec) -> tuple[Spec, tuple[str, ...]]:
    """Return the spec without what cannot be any more (a member is gone), and a line for each."""
    lines: list[str] = []

    def can_be(ilb: IlbSpec, service: ServiceSpec, rule: RuleSpec) -> bool:
        alone = IlbSpec((replace(service, rules=(rule,)),), ilb.vip)
        try:
            return rule.is_absent or bool(compare(site, Spec(spec.tier, (alone,))).vips)
        except Refused as no:
            lines.append(no.why)
            return False

    ilbs = []
    for ilb in spec.ilbs:
        services = (
            replace(one, rules=tuple(rule for rule in one.rules if can_be(ilb, one, rule)))
            for one in ilb.services
        )
        kept = tuple(service for service in services if service.rules)
        ilbs += [replace(ilb, services=kept)] if kept else []
    return replace(spec, ilbs=tuple(ilbs)), tuple(dict.fromkeys(lines))


def _lines(found: Comparison, site: Site, left: Collection[str]) -> tuple[str, ...]:
    signs = _signs(site)
    named = {one.what for one in found.differences if one.verdict is not Verdict.OTHER}
    others = (one for one in found.of(Verdict.OTHER) if one.text not in left)
    return (
        *(_line(one) for one in found.differences if one.is_change or one.verdict is Verdict.DRIFT),
        *(_line(one) for one in others if one.what not in signs),
        *(line for what, line in signs.items() if what not in named),
    )


def drift_by_signs(site: Site) -> tuple[str, ...]:
    """Say what its own tags show to be changed; without its spec nobody can say into what."""
    return tuple(_signs(site).values())


def _line(one: Difference) -> str:
    missing = f" {_MISSING[one.verdict]}" if one.verdict in _MISSING else ""
    return f"{one.what}{missing}: {one.detail}"


def _signs(site: Site) -> dict[str, str]:
    """Return a line for each place or list that does not fit its tag, by what it is about."""
    lines = {}
    for rule in sorted(site.rules, key=lambda one: (one.vip, one.source_port)):
        at, state = f"{rule.vip}:{rule.source_port}", state_of(rule, site.stickiness_of(rule))
        if rule.is_half_done:
            lines[at] = f"{at} is half done: {rule.state}"
        elif state.applied and not state.is_ours:
            lines[at] = f"{at}: somebody changed it since ilbot applied it"
    if site.acl is not None and is_drifted(site.acl):
        about = f"ACL {site.acl.name}"
        lines[about] = f"{about}: somebody changed it since ilbot made it"
    return lines
