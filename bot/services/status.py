"""Turns a snapshot of the fleet into the table people read and the document programs read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.domain.cloud import LbRule, Tier, VmState
from bot.domain.fleet import Ilb, Snapshot, Use, tier_names
from bot.domain.page import Code, Mark, Row, Section, Strong, duration
from bot.domain.spelling import goes_by, nearest, quoted
from bot.domain.topology import IlbTarget
from bot.domain.zone import Router
from bot.errors import Refused

SHOWN_ILBS = 40
DETAILED_ILBS = 3
"""So many ILBs or fewer are shown with their rules and members."""
_WELL, _UNWELL = Mark("large_green_circle", "+ "), Mark("large_orange_circle", "! ")
_USES = {Use.NO_MEMBER: "no active rule with a member", Use.UNKNOWN: "no visible rule: use unknown"}


@dataclass(frozen=True, slots=True)
class Selection:
    """What of the fleet somebody asked about; all of it where `about` is empty."""

    about: str
    ilbs: tuple[Ilb, ...]
    routers: tuple[Router, ...]


def selection(snapshot: Snapshot, about: str) -> Selection:
    """Return what goes by that name: a zone, VPC, tier, ILB or router; `Refused` for nothing."""
    if not about.strip():
        return Selection("", snapshot.ilbs, snapshot.routers)
    ilbs = tuple(ilb for ilb in snapshot.ilbs if goes_by(about, _ilb_names(ilb)))
    routers = tuple(router for router in snapshot.routers if goes_by(about, _router_names(router)))
    if ilbs or routers:
        return Selection(about.strip(), ilbs, routers)
    if any(goes_by(about, _tier_and_above(tier)) for tier in snapshot.tiers):
        raise Refused(f"There is no internal load balancer in {quoted(about)}.")
    known = (_ilb_names(ilb) for ilb in snapshot.ilbs)
    others = (_router_names(router) for router in snapshot.routers)
    near = nearest(about, {name for names in (*known, *others) for name in names})
    hint = f"Did you mean `{near}`?" if near else "`status` lists every ILB."
    raise Refused(f"No zone, VPC, tier, ILB or router is called {quoted(about)}.", instead=hint)


def fleet_sections(snapshot: Snapshot, age_s: float, shown: Selection) -> tuple[Section, ...]:
    """Return two short rows for each ILB, which a phone shows without breaking a table.

    Routers are listed where something was asked about, else only those that are not well.
    """
    routers = [one for one in shown.routers if shown.about or not _router_is_well(one)]
    heading = f"Routers ({len(routers)})" if shown.about else f"Routers not well ({len(routers)})"
    rows = tuple(row for router in routers[:SHOWN_ILBS] for row in _router_rows(router))
    return (
        _ilb_section(age_s, shown, snapshot.trouble),
        Section(heading, (*rows, *_more(len(routers)))),
        Section("Not known", tuple(_not_known(snapshot))),
    )


def status_document(snapshot: Snapshot, age_s: float, shown: Selection) -> dict[str, object]:
    """Return the same as one JSON document; its field names are kept (docs/FLEET.md)."""
    return {
        "read_at": datetime.fromtimestamp(snapshot.read_at, UTC).isoformat(timespec="seconds"),
        "age_s": round(age_s, 1),
        "trouble": snapshot.trouble,
        "not_read": list(snapshot.not_read),
        "cloudstack_version": snapshot.version,
        "about": shown.about,
        "ilbs": [_ilb_document(ilb) for ilb in shown.ilbs],
        "routers": [_router_document(router) for router in shown.routers],
        "providers": [
            {"physical_network_id": one.physical_network_id, "state": one.state}
            for one in snapshot.providers
        ],
    }


def _ilb_section(age_s: float, shown: Selection, trouble: str) -> Section:
    place = f" of {shown.about}" if shown.about else ""
    rows: list[Row] = [_age_row(age_s, trouble)]
    ordered = sorted(shown.ilbs, key=lambda ilb: ilb.is_well)
    for ilb in ordered[:SHOWN_ILBS]:
        rows += _ilb_rows(ilb)
        if shown.about and len(ordered) <= DETAILED_ILBS:
            rows += [_rule_row(rule) for rule in ilb.rules]
    rows += _more(len(ordered))
    if not ordered:
        rows.append(("There is none.",))
    return Section(f"Internal load balancers{place} ({len(ordered)})", tuple(rows))


def _age_row(age_s: float, trouble: str) -> Row:
    read = "Read just now." if age_s < 1 else f"Read {duration(age_s)} ago."
    if not trouble:
        return (read,)
    return (Mark("warning", "! "), " They cannot be read now: ", trouble, f" {read}")


def _ilb_rows(ilb: Ilb) -> tuple[Row, Row]:
    vm, mark = ilb.vm, _WELL if ilb.is_well else _UNWELL
    first: Row = (mark, " ", Strong(f"{ilb.tier.vpc_name}/{ilb.tier.name}"), f" {ilb.vip}")
    also = [_USES[ilb.use]] if ilb.use in _USES else []
    also += [] if ilb.tier.is_implemented else [f"tier {ilb.tier.state}"]
    if vm is None:
        return first, ("    " + " · ".join(["no ILB VM has this address", *also]),)
    said = [str(vm.state), f"version {vm.version or 'not reported'}"]
    said += ["needs update"] * vm.requires_upgrade
    said += ["health check fails"] * vm.health_checks_failed
    twin = IlbTarget(ilb).twin
    said += [f"twin of {twin}"] if twin else []
    return first, ("    ", Code(vm.name), " · " + " · ".join([*said, *also]))


def _rule_row(rule: LbRule) -> Row:
    members = "1 member" if len(rule.members) == 1 else f"{len(rule.members)} members"
    ports = f"{rule.source_port} → {rule.member_port}"
    return (f"    {rule.name}: {ports}, {rule.algorithm}, {rule.state}, {members}",)


def _router_rows(router: Router) -> tuple[Row, Row]:
    mark = _WELL if _router_is_well(router) else _UNWELL
    said = [str(router.state), f"version {router.version or 'not reported'}"]
    said += [router.role.value] * router.is_redundant
    said += ["needs update"] * router.requires_upgrade
    said += ["health check fails"] * router.health_checks_failed
    place = router.vpc_name or router.network_name
    return (
        (mark, " ", Strong(place), " router" + " of a pair" * router.is_redundant),
        ("    ", Code(router.name), " · " + " · ".join(said)),
    )


def _router_is_well(router: Router) -> bool:
    return (
        router.state is VmState.RUNNING
        and not router.requires_upgrade
        and not router.health_checks_failed
    )


def _more(found: int) -> tuple[Row, ...]:
    return ((f"… and {found - SHOWN_ILBS} more",),) if found > SHOWN_ILBS else ()


def _not_known(snapshot: Snapshot) -> Iterable[Row]:
    for one in snapshot.providers:
        if one.state != "Enabled":
            where = f"physical network {one.physical_network_id}"
            yield (Mark("warning", "! "), f" The internal LB provider of {where} is {one.state}.")
    for told in snapshot.not_read:
        yield (Mark("warning", "! "), " Not read: ", told)


def _tier_and_above(tier: Tier) -> frozenset[str]:
    above = (tier.zone_id, tier.zone_name, tier.vpc_id, tier.vpc_name)
    return tier_names(tier) | frozenset(above)


def _ilb_names(ilb: Ilb) -> frozenset[str]:
    return ilb.names | _tier_and_above(ilb.tier)


def _router_names(router: Router) -> frozenset[str]:
    own = (
        router.id, router.name, router.zone_id, router.zone_name, router.vpc_id, router.vpc_name,
    )  # fmt: skip
    place = () if router.vpc_id else (router.network_id, router.network_name)
    return frozenset(name for name in (*own, *place) if name)


def _ilb_document(ilb: Ilb) -> dict[str, object]:
    vm, tier = ilb.vm, ilb.tier
    return {
        "name": ilb.name,
        "id": vm.id if vm else None,
        "vip": ilb.vip,
        "state": ilb.state,
        "is_well": ilb.is_well,
        "use": ilb.use.value,
        "twin": IlbTarget(ilb).twin or None,
        "version": vm.version if vm else None,
        "template": vm.template_name if vm else None,
        "offering": vm.offering_name if vm else None,
        "host": vm.host_name if vm else None,
        "needs_update": vm.requires_upgrade if vm else None,
        "health_check_fails": (vm is not None and vm.health_checks_failed) or None,
        "tier": {"id": tier.id, "name": tier.name, "state": tier.state},
        "vpc": {"id": tier.vpc_id, "name": tier.vpc_name},
        "zone": {"id": tier.zone_id, "name": tier.zone_name},
        "rules": [_rule_document(rule) for rule in ilb.rules],
    }


def _rule_document(rule: LbRule) -> dict[str, object]:
    return {
        "id": rule.id,
        "name": rule.name,
        "port": rule.source_port,
        "member_port": rule.member_port,
        "algorithm": rule.algorithm,
        "state": rule.state,
        "members": [
            {"id": one.id, "name": one.name, "address": one.address} for one in rule.members
        ],
    }


def _router_document(router: Router) -> dict[str, object]:
    return {
        "name": router.name,
        "id": router.id,
        "state": router.state.value,
        "is_well": _router_is_well(router),
        "role": router.role.value if router.is_redundant else None,
        "version": router.version,
        "offering": router.offering_name,
        "host": router.host_name or None,
        "needs_update": router.requires_upgrade,
        "health_check_fails": router.health_checks_failed or None,
        "vpc": {"id": router.vpc_id, "name": router.vpc_name} if router.vpc_id else None,
        "network": {"id": router.network_id, "name": router.network_name},
        "zone": {"id": router.zone_id, "name": router.zone_name},
    }
