"""What a planner of many targets may look at: each as its own planner sees it, all at one moment.

Views are made of one snapshot, which is read in bulk: what only a look at one target tells (its
events, free addresses, checks) is not in them. Its own change looks again before it does anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bot.domain.cloud import IlbVm, LbRule
from bot.domain.fleet import MINIMUM_VERSION, RECREATE_CHECKS, Ilb, Snapshot
from bot.domain.names import DirectoryKind, Record
from bot.domain.plan import FLEET, Fact, Plan, Target, changes, in_words
from bot.domain.router_view import RouterView
from bot.domain.service_view import ServiceView
from bot.domain.site import Site, names_in, twin_in
from bot.domain.spelling import goes_by, nearest
from bot.domain.topology import RouterTarget, targets
from bot.domain.view import View
from bot.domain.zone import Router
from bot.errors import Refused

VPC, ZONE = "vpc", "zone"


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a wish for many targets goes: one VPC, or one zone. Never everything."""

    kind: str
    id: str
    name: str
    zone_id: str
    zone_name: str

    @property
    def words(self) -> str:
        """Name it: `VPC shop-prod`."""
        return f"{'VPC' if self.kind == VPC else 'zone'} {self.name}"

    @property
    def target(self) -> Target:
        """The fleet of it as the target of a plan."""
        is_vpc = self.kind == VPC
        return Target(
            kind=FLEET,
            id=f"{FLEET}/{self.id}",
            name=self.words,
            zone=self.zone_name,
            vpc=self.name if is_vpc else "",
            vpc_id=self.id if is_vpc else "",
            tier="",
            tier_id="",
        )

    def holds(self, vpc_id: str, zone_id: str) -> bool:
        """Whether something of that VPC and zone is within it."""
        return vpc_id == self.id if self.kind == VPC else zone_id == self.id


@dataclass(frozen=True, slots=True)
class Past:
    """What our own operations say of a target.

    `outages_s` were measured, newest first. `busy_with` is being carried out on it now; after
    `parked` a person must look. Both `""` for none.
    """

    outages_s: tuple[float, ...] = ()
    busy_with: str = ""
    parked: str = ""


_NOTHING = Past()


@dataclass(frozen=True, slots=True)
class Around:
    """What is known beside the snapshot; `pasts` go by the id of a target."""

    directory: DirectoryKind = DirectoryKind.NONE
    records: tuple[Record, ...] = ()
    vantage_points: tuple[str, ...] = ()
    pasts: Mapping[str, Past] = field(default_factory=dict)

    def past(self, target_id: str) -> Past:
        """Return what is known of a target."""
        return self.pasts.get(target_id, _NOTHING)


@dataclass(frozen=True, slots=True)
class FleetView:
    """Every target within a reach; twins are one, and so are the routers of one place.

    `parked` are ids of targets and the operation after which a person must look.
    """

    reach: Reach
    views: tuple[ServiceView | RouterView, ...]
    parked: tuple[tuple[str, str], ...] = ()

    @property
    def target(self) -> Target:
        """The fleet as the target of a plan."""
        return self.reach.target

    @property
    def is_watched(self) -> bool:
        """Whether somebody looks at traffic, so that something can be proven."""
        return any(one.vantage_points for one in self.views if isinstance(one, ServiceView))

    def facts(self) -> tuple[Fact, ...]:
        """What every plan about it relies on: what each target is, and no more."""
        views = sorted(self.views, key=lambda one: (one.target.name, one.target.id))
        return tuple(Fact(name, text) for view in views for name, text in _machines_in_words(view))

    def changes(self, planned: Plan) -> tuple[str, ...]:
        """Say in words which facts of a plan are no longer so."""
        return changes(planned.facts, self.facts())


def reach_of(planned: Plan) -> str:
    """Return how the reach of a plan is said, by id: names may come twice."""
    target = planned.target
    return f"{VPC if target.vpc_id else ZONE}={target.id.removeprefix(f'{FLEET}/')}"


def find_reach(snapshot: Snapshot, text: str) -> Reach:
    """Return what `vpc=NAME` or `zone=NAME` means, by name or id; `Refused` otherwise."""
    kind, _, named = text.partition("=")
    if kind not in {VPC, ZONE} or not named:
        raise Refused(
            f"“{text}” does not say which fleet.", instead="Say `vpc=NAME` or `zone=NAME`."
        )
    every = {one.id: one for one in (_vpcs if kind == VPC else _zones)(snapshot)}
    hits = [one for one in every.values() if goes_by(named, (one.id, one.name))]
    if len(hits) == 1:
        return hits[0]
    word = "VPC" if kind == VPC else "zone"
    if hits:
        choices = in_words([f"`{kind}={one.id}` (zone {one.zone_name})" for one in hits[:8]])
        raise Refused(
            f"{len(hits)} {word}s go by the name “{named}”.", instead=f"Say which one: {choices}."
        )
    near = nearest(named, [one.name for one in every.values()])
    hint = f"Did you mean `{kind}={near}`?" if near else "`status` lists what there is."
    raise Refused(f"No {word} is called “{named}”.", instead=hint)


def _vpcs(snapshot: Snapshot) -> Iterator[Reach]:
    for tier in snapshot.tiers:
        yield Reach(VPC, tier.vpc_id, tier.vpc_name, tier.zone_id, tier.zone_name)
    for vpc in snapshot.vpcs:
        yield Reach(VPC, vpc.id, vpc.name, vpc.zone_id, vpc.zone_name)


def _zones(snapshot: Snapshot) -> Iterator[Reach]:
    for tier in snapshot.tiers:
        yield Reach(ZONE, tier.zone_id, tier.zone_name, tier.zone_id, tier.zone_name)
    for zone in snapshot.zones:
        yield Reach(ZONE, zone.id, zone.name, zone.id, zone.name)


def ilbs_within(snapshot: Snapshot, reach: Reach) -> tuple[Ilb, ...]:
    """Return the ILBs within a reach; of twins the one with the lower address."""
    inside = (one for one in snapshot.ilbs if reach.holds(one.tier.vpc_id, one.tier.zone_id))
    in_tier: dict[str, dict[str, Ilb]] = {}
    for ilb in inside:
        in_tier.setdefault(ilb.tier.id, {})[ilb.vip] = ilb
    return tuple(one for tier in in_tier.values() for one in _one_of_twins(tier))


def _one_of_twins(tier: Mapping[str, Ilb]) -> Iterator[Ilb]:
    """An ILB that another one names as its twin is told with that one, even where it does not name
    it back: its own planner then says what is wrong with the two."""
    twins = {vip: twin_in(ilb.rules) for vip, ilb in tier.items()}
    for vip, ilb in tier.items():
        named_by = [other for other, twin in twins.items() if twin == vip]
        told_with = [one for one in named_by if twins[vip] != one or one < vip]
        if not told_with:
            yield ilb


def routers_within(snapshot: Snapshot, reach: Reach) -> tuple[RouterTarget, ...]:
    """Return the routers within a reach, place by place."""
    return tuple(
        one
        for one in targets(snapshot)
        if isinstance(one, RouterTarget)
        and reach.holds(one.routers[0].vpc_id, one.routers[0].zone_id)
    )


def place_id(target: RouterTarget) -> str:
    """Return the id of the VPC or network of routers, by which plans name them."""
    return target.routers[0].vpc_id or target.routers[0].network_id


def names_of(ilbs: Iterable[Ilb]) -> tuple[str, ...]:
    """Return the names that clients use, each once."""
    return names_in(rule for ilb in ilbs for rule in ilb.rules)


def service_view(snapshot: Snapshot, ilb: Ilb, around: Around) -> ServiceView:
    """Show one ILB with its twin as its own planner sees it, as far as the snapshot tells."""
    own = _view(snapshot, ilb, around)
    twin_vip = twin_in(ilb.rules)
    twin = None
    if twin_vip:
        there = (o for o in snapshot.ilbs if (o.tier.id, o.vip) == (ilb.tier.id, twin_vip))
        twin = _view(snapshot, next(there, Ilb(ilb.tier, twin_vip, None)), around)
    site = Site(
        read_at=snapshot.read_at, tier=ilb.tier, tiers=(ilb.tier,), rules=own.tier_rules,
        vms=own.tier_vms, recreate_checks=own.recreate_checks, busy_with=own.busy_with,
    )  # fmt: skip
    own_names = names_of((ilb,))
    return ServiceView(
        ilb=own,
        site=site,
        twin=twin,
        hosts=snapshot.hosts,
        directory=around.directory,
        records=tuple(one for one in around.records if one.name in own_names),
        vantage_points=around.vantage_points,
    )


def router_view(snapshot: Snapshot, target: RouterTarget, around: Around) -> RouterView:
    """Show the routers of one place as their own planner sees them, without their checks."""
    zone_id, past = target.routers[0].zone_id, around.past(place_id(target))
    return RouterView(
        read_at=snapshot.read_at,
        vpc=target.vpc,
        network=target.network,
        routers=target.routers,
        tiers=target.tiers,
        templates=snapshot.templates,
        hosts=tuple(one for one in snapshot.hosts if one.zone_id == zone_id),
        minimum_version=snapshot.setting(MINIMUM_VERSION, zone_id),
        recreate_checks=target.recreate_checks,
        version=snapshot.version,
        own_outages_s=past.outages_s,
        busy_with=past.busy_with,
    )


def _view(snapshot: Snapshot, ilb: Ilb, around: Around) -> View:
    tier, past = ilb.tier, around.past(ilb.target_id)
    here = [one for one in snapshot.ilbs if one.tier.id == tier.id]
    rules: tuple[LbRule, ...] = tuple(rule for one in here for rule in one.rules)
    return View(
        read_at=snapshot.read_at,
        tier=tier,
        vip=ilb.vip,
        vm=ilb.vm,
        tier_vms=tuple(one.vm for one in here if one.vm),
        tier_rules=rules,
        templates=snapshot.templates,
        minimum_version=snapshot.setting(MINIMUM_VERSION, tier.zone_id),
        recreate_checks=snapshot.setting(RECREATE_CHECKS, tier.zone_id),
        own_outages_s=past.outages_s,
        busy_with=past.busy_with,
    )


def _machines_in_words(view: ServiceView | RouterView) -> Iterator[tuple[str, str]]:
    if isinstance(view, RouterView):
        for one in view.routers:
            yield one.name, f"{one.role}, {_words(one)}"
        return
    for ilb in (view.ilb, view.twin):
        if ilb is not None:
            name = f"{ilb.vm.name} ({ilb.vip})" if ilb.vm else ilb.name
            yield name, _words(ilb.vm) if ilb.vm else "missing"


def _words(one: IlbVm | Router) -> str:
    """Whatever decides over its change; which host it runs on is none of it."""
    return (
        f"{one.state}, version {one.version or 'none'}, template {one.template_name or 'none'} "
        f"({one.id})"
    )
