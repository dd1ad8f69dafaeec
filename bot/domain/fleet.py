"""The fleet read at one time as one value, and what in it a person means by a name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.cloud import IlbVm, LbRule, Template, Tier, VmState
from bot.domain.plan import in_words
from bot.domain.spelling import goes_by, nearest, quoted
from bot.domain.zone import Host, Network, Offering, Provider, Router, Vpc, Zone
from bot.errors import Refused

MINIMUM_VERSION = "minreq.sysvmtemplate.version"
RECREATE_CHECKS = "router.health.checks.failures.to.recreate.vr"


class Use(StrEnum):
    """What an ILB is used for, as far as its visible rules tell.

    CloudStack leaves a rule with `fordisplay=false` out of every listing by network, so that no
    visible rule is no proof of no rule: such an ILB is never called unused.
    """

    SERVES = "serves"
    NO_MEMBER = "no member"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Ilb:
    """An ILB as found: a tier and a VIP, the machine where there is one, its visible rules."""

    tier: Tier
    vip: str
    vm: IlbVm | None
    rules: tuple[LbRule, ...] = ()

    @property
    def name(self) -> str:
        """What people call it: the machine, or the address where there is none."""
        return self.vm.name if self.vm else self.vip

    @property
    def target_id(self) -> str:
        """The id by which plans name it: the machine's, or `tier/vip`."""
        return self.vm.id if self.vm else self.place

    @property
    def place(self) -> str:
        """The id by which plans name it while its machine is missing."""
        return f"{self.tier.id}/{self.vip}"

    @property
    def state(self) -> str:
        """The machine's state, `missing` where there is none."""
        return self.vm.state.value if self.vm else "missing"

    @property
    def use(self) -> Use:
        """What it is used for; never "unused"."""
        if not self.rules:
            return Use.UNKNOWN
        active = any(rule.is_active for rule in self.rules)
        return Use.SERVES if active else Use.NO_MEMBER

    @property
    def is_well(self) -> bool:
        """Whether its machine runs, on a new enough template, and no check is said to fail.

        CloudStack 4.22 leaves `healthchecksfailed` false beside failing results: false is no proof.
        """
        vm = self.vm
        return (
            vm is not None
            and vm.state is VmState.RUNNING
            and not vm.requires_upgrade
            and not vm.health_checks_failed
        )

    @property
    def names(self) -> frozenset[str]:
        """What it may be called; its tier's names are those of all ILBs there."""
        own = {self.vip, f"{self.tier.id}/{self.vip}", *tier_names(self.tier)}
        return frozenset(own | {self.vm.id, self.vm.name} if self.vm else own)

    def words(self) -> str:
        """Name it so that it can be typed back."""
        where = f"tier {self.tier.name} of VPC {self.tier.vpc_name}"
        return f"`{self.name}` ({self.vip}, {where})"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as it is in force in a zone; empty where it has no value."""

    name: str
    zone_id: str
    value: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the bot knows about, read in one go that began at `read_at` (unix seconds).

    What refers was read before what it refers to, so nothing in it dangles but what was being
    removed, and that is left out. `not_read` says which lists the read key may not see, and why;
    `trouble` why no newer snapshot could be had.
    """

    read_at: float
    tiers: tuple[Tier, ...]
    ilbs: tuple[Ilb, ...]
    version: str = ""
    zones: tuple[Zone, ...] = ()
    vpcs: tuple[Vpc, ...] = ()
    networks: tuple[Network, ...] = ()
    routers: tuple[Router, ...] = ()
    hosts: tuple[Host, ...] = ()
    offerings: tuple[Offering, ...] = ()
    templates: tuple[Template, ...] = ()
    providers: tuple[Provider, ...] = ()
    settings: tuple[Setting, ...] = ()
    not_read: tuple[str, ...] = ()
    trouble: str = ""

    def age_s(self, now: float) -> float:
        """Return how old its oldest list may be, in seconds."""
        return max(0.0, now - self.read_at)

    def setting(self, name: str, zone_id: str) -> str:
        """Return the value of a setting in a zone, `""` where it has none."""
        values = (one.value for one in self.settings if (one.name, one.zone_id) == (name, zone_id))
        return next(values, "")


def ilbs_of(
    tiers: Iterable[Tier], vms: Iterable[IlbVm], rules: Iterable[LbRule]
) -> tuple[Ilb, ...]:
    """Return every ILB, by VPC, tier and VIP: machines, and VIPs whose machine is missing.

    An ILB VM is its VIP: there is one per tier and address
    (CloudStack `InternalLoadBalancerVMManagerImpl`).
    """
    by_id = {tier.id: tier for tier in tiers}
    on: dict[tuple[str, str], list[LbRule]] = {}
    for rule in rules:
        on.setdefault((rule.tier_id, rule.vip), []).append(rule)
    machines = [(vm.tier_id, vm.vip, vm) for vm in vms]
    missing = [(*at, None) for at in on.keys() - {(vm.tier_id, vm.vip) for _, _, vm in machines}]
    found = (
        Ilb(by_id[tier_id], vip, vm, _by_port(on.get((tier_id, vip), ())))
        for tier_id, vip, vm in (*machines, *missing)
        if tier_id in by_id
    )
    return tuple(sorted(found, key=lambda ilb: (ilb.tier.vpc_name, ilb.tier.name, ilb.vip)))


def find_ilb(ilbs: Iterable[Ilb], tiers: Iterable[Tier], named: str) -> Ilb:
    """Resolve what a person typed to exactly one ILB; `Refused` with the choices otherwise.

    Takes an ILB VM's name or id, a VIP, a tier's name or id, or `vpc/tier`.
    """
    every = tuple(ilbs)
    hits = [ilb for ilb in every if goes_by(named, ilb.names)]
    if len(hits) == 1:
        return hits[0]
    if hits:
        choices = in_words([hit.words() for hit in hits[:8]])
        raise Refused(
            f"{len(hits)} ILBs go by the name {quoted(named)}.",
            instead=f"Say which one: {choices}.",
        )
    if any(goes_by(named, tier_names(tier)) for tier in tiers):
        raise Refused(f"Tier {quoted(named)} has no internal load balancer.")
    near = nearest(named, {name for ilb in every for name in ilb.names})
    hint = f"Did you mean `{near}`?" if near else "`status` lists every ILB."
    raise Refused(f"No ILB, tier or VIP is called {quoted(named)}.", instead=hint)


def find_tier(tiers: Iterable[Tier], named: str) -> Tier:
    """Resolve what a person typed to exactly one tier; `Refused` with the choices otherwise.

    Takes a tier's id, its name, or `vpc/tier`.
    """
    every = tuple(tiers)
    hits = [tier for tier in every if goes_by(named, tier_names(tier))]
    if len(hits) == 1:
        return hits[0]
    if hits:
        choices = in_words([f"`{tier.vpc_name}/{tier.name}` ({tier.id})" for tier in hits[:8]])
        raise Refused(
            f"{len(hits)} tiers go by the name {quoted(named)}.",
            instead=f"Say which one: {choices}.",
        )
    near = nearest(named, {name for tier in every for name in tier_names(tier)})
    hint = f"Did you mean `{near}`?" if near else "`status` lists every tier with an ILB."
    raise Refused(f"No tier is called {quoted(named)}.", instead=hint)


def tier_names(tier: Tier) -> frozenset[str]:
    """Return what a tier may be called."""
    return frozenset({tier.id, tier.name, f"{tier.vpc_name}/{tier.name}"})


def _by_port(rules: Iterable[LbRule]) -> tuple[LbRule, ...]:
    return tuple(sorted(rules, key=lambda rule: rule.source_port))
