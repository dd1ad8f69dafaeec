"""Turns what was read of the cloud into targets: what each one is, and what a change there touches.

An ILB VM is one machine per tier and address and is never redundant (CloudStack
`InternalLoadBalancerVMManagerImpl` builds it with `isRedundantRouter=false`); only the routers of
a VPC or of an isolated network come in pairs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.cloud import Tier
from bot.domain.fleet import RECREATE_CHECKS, Ilb, Snapshot
from bot.domain.plan import in_words
from bot.domain.router_view import RouterView
from bot.domain.site import twin_in
from bot.domain.spelling import goes_by, nearest, quoted
from bot.domain.view import View
from bot.domain.zone import Network, Router, Vpc
from bot.errors import Refused


class Kind(StrEnum):
    """What a target is."""

    ILB_VM = "ILB VM"
    ILB_TWIN = "ILB twin"
    VPC_ROUTER = "VPC router"
    VPC_ROUTER_PAIR = "VPC router pair"
    ISOLATED_ROUTER = "isolated router"
    ISOLATED_ROUTER_PAIR = "isolated router pair"


@dataclass(frozen=True, slots=True)
class IlbTarget:
    """An ILB with what decides over it; `spare_hosts` is None where hosts were not read.

    `neighbours` are the other ILBs of its tier. `spare_hosts` take machines and are not its own.
    """

    ilb: Ilb
    neighbours: tuple[Ilb, ...] = ()
    recreate_checks: str = ""
    spare_hosts: int | None = None

    @property
    def kind(self) -> Kind:
        """A twin is told by the tag on its rules, which a redeploy of its machine does not lose."""
        return Kind.ILB_TWIN if self.twin else Kind.ILB_VM

    @property
    def twin(self) -> str:
        """The address of its twin, `""` where it has none."""
        return twin_in(self.ilb.rules)

    @property
    def name(self) -> str:
        """What people call it."""
        return self.ilb.name

    @property
    def where(self) -> str:
        """What it is and where, in words."""
        tier = self.ilb.tier
        return f"{self.kind} {self.ilb.vip}, tier {tier.name} of VPC {tier.vpc_name}"

    @property
    def names(self) -> frozenset[str]:
        """What it may be called."""
        return self.ilb.names

    def blast_radius(self) -> tuple[str, ...]:
        """Say what any LB change there does, on whatever address of the tier.

        CloudStack sends all internal rules of the tier again and first starts each ILB VM of it
        that is not running (`LoadBalancingRulesManagerImpl.applyLoadBalancerConfig`).
        """
        tier = self.ilb.tier
        if not tier.is_implemented:
            return (f"nothing while tier {tier.name} is {tier.state}; its next start of a VM can "
                    "hang for good",)  # fmt: skip
        others = tuple(_touched(other) for other in self.neighbours)
        return (_touched(self.ilb), *others)


@dataclass(frozen=True, slots=True)
class RouterTarget:
    """The router or the pair of a VPC or of an isolated network, with what hangs on it."""

    routers: tuple[Router, ...]
    vpc: Vpc | None
    network: Network | None
    tiers: tuple[Tier, ...] = ()
    recreate_checks: str = ""
    spare_hosts: int | None = None
    version: str = ""

    @property
    def is_pair(self) -> bool:
        """Whether CloudStack runs two that watch each other."""
        return len(self.routers) > 1 or any(router.is_redundant for router in self.routers)

    @property
    def is_of_vpc(self) -> bool:
        """Whether it serves a VPC."""
        return bool(self.routers[0].vpc_id)

    @property
    def kind(self) -> Kind:
        """What it is."""
        if self.is_of_vpc:
            return Kind.VPC_ROUTER_PAIR if self.is_pair else Kind.VPC_ROUTER
        return Kind.ISOLATED_ROUTER_PAIR if self.is_pair else Kind.ISOLATED_ROUTER

    @property
    def name(self) -> str:
        """What people call it."""
        return in_words([router.name for router in self.routers])

    @property
    def owner(self) -> str:
        """The VPC or the network it serves, by name."""
        first = self.routers[0]
        return f"VPC {first.vpc_name}" if first.vpc_id else f"network {first.network_name}"

    @property
    def where(self) -> str:
        """What it is and where, in words."""
        return f"{self.kind} of {self.owner}"

    @property
    def names(self) -> frozenset[str]:
        """What it may be called: either router, or the VPC or network they serve."""
        first = self.routers[0]
        place = (first.vpc_id, first.vpc_name) if first.vpc_id else (
            first.network_id, first.network_name
        )  # fmt: skip
        own = (text for router in self.routers for text in (router.id, router.name))
        return frozenset(text for text in (*place, *own) if text)

    def blast_radius(self) -> tuple[str, ...]:
        """Say what hangs on it: routing between tiers, and not the ILB VMs in them."""
        if not self.is_of_vpc:
            return (f"everything that enters or leaves {self.owner}",)
        tiers = in_words([tier.name for tier in self.tiers]) or "none"
        return (
            f"everything between the tiers of {self.owner} and into it (tiers: {tiers})",
            "its ILB VMs run on; clients of other tiers reach them through this router",
        )


Target = IlbTarget | RouterTarget


def target_of(view: View) -> IlbTarget:
    """Return the ILB of a view as a target, as planners see it."""
    others = (Ilb(view.tier, vm.vip, vm) for vm in view.tier_vms if vm.vip != view.vip)
    ilb = Ilb(view.tier, view.vip, view.vm, view.rules)
    return IlbTarget(ilb, tuple(others), view.recreate_checks)


def router_target_of(view: RouterView) -> RouterTarget:
    """Return the routers of a view as a target, as planners see them."""
    free = sum(host.takes_machines for host in view.hosts)
    return RouterTarget(
        view.routers, view.vpc, view.network, view.tiers, view.recreate_checks,
        max(0, free - len(view.routers)) if view.hosts else None, view.version,
    )  # fmt: skip


def targets(snapshot: Snapshot) -> tuple[Target, ...]:
    """Classify everything a change could be about: each ILB, each router or pair of routers."""
    return (*_ilb_targets(snapshot), *_router_targets(snapshot))


def find_target(snapshot: Snapshot, named: str) -> Target:
    """Resolve what a person typed to exactly one target; `Refused` with the choices otherwise.

    Takes what names an ILB, and a router's, a VPC's or an isolated network's name or id.
    """
    every = targets(snapshot)
    hits = [one for one in every if goes_by(named, one.names)]
    if len(hits) == 1:
        return hits[0]
    if hits:
        choices = in_words([f"`{typed(hit)}` ({hit.where})" for hit in hits[:8]])
        raise Refused(
            f"{len(hits)} targets go by the name {quoted(named)}.",
            instead=f"Say which one: {choices}.",
        )
    near = nearest(named, {name for one in every for name in one.names})
    hint = f"Did you mean `{near}`?" if near else "`status` lists every ILB."
    raise Refused(f"No ILB, tier, router or VPC is called {quoted(named)}.", instead=hint)


def _ilb_targets(snapshot: Snapshot) -> Iterable[IlbTarget]:
    in_tier: dict[str, list[Ilb]] = {}
    for ilb in snapshot.ilbs:
        in_tier.setdefault(ilb.tier.id, []).append(ilb)
    for ilb in snapshot.ilbs:
        zone_id = ilb.tier.zone_id
        yield IlbTarget(
            ilb,
            tuple(other for other in in_tier[ilb.tier.id] if other is not ilb),
            snapshot.setting(RECREATE_CHECKS, zone_id),
            _spare_hosts(snapshot, zone_id, 1),
        )


def _router_targets(snapshot: Snapshot) -> Iterable[RouterTarget]:
    vpcs = {vpc.id: vpc for vpc in snapshot.vpcs}
    networks = {network.id: network for network in snapshot.networks}
    served: dict[str, list[Router]] = {}
    for router in snapshot.routers:
        served.setdefault(router.vpc_id or router.network_id, []).append(router)
    for place, routers in served.items():
        zone_id = routers[0].zone_id
        yield RouterTarget(
            tuple(sorted(routers, key=lambda router: router.name)),
            vpcs.get(place),
            networks.get(place),
            tuple(tier for tier in snapshot.tiers if tier.vpc_id == place),
            snapshot.setting(RECREATE_CHECKS, zone_id),
            _spare_hosts(snapshot, zone_id, len(routers)),
            snapshot.version,
        )


def _spare_hosts(snapshot: Snapshot, zone_id: str, taken: int) -> int | None:
    if not snapshot.hosts:
        return None
    hosts = sum(host.takes_machines for host in snapshot.hosts if host.zone_id == zone_id)
    return max(0, hosts - taken)


def _touched(ilb: Ilb) -> str:
    rules = f"{len(ilb.rules)} visible rules" if len(ilb.rules) != 1 else "1 visible rule"
    also = "" if ilb.state == "Running" else ", and started"
    return f"{ilb.name} ({ilb.vip}, {ilb.state}, {rules}): its rules are sent again{also}"


def typed(target: Target) -> str:
    """Return a name by which a person can say it: one router stands for both of a pair."""
    return target.routers[0].name if isinstance(target, RouterTarget) else target.name
