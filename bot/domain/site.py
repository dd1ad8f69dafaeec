"""Everything a planner may look at about one tier and its load balancing, read at one moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.cloud import IlbVm, LbRule, Tier
from bot.domain.names import as_recorded
from bot.domain.plan import Fact, Plan, Target, changes, digest
from bot.domain.spec import NAME_TAG, TWIN_TAG, Stickiness
from bot.domain.zone import Provider


@dataclass(frozen=True, slots=True)
class UserVm:
    """A tenant's VM with its address in the tier.

    `name` is what people chose and may be there twice; `instance` is CloudStack's internal name,
    empty where the role of the key may not see it.
    """

    id: str
    name: str
    instance: str
    state: str
    address: str
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AclRule:
    """One entry of a network ACL list; the lowest `number` that matches decides.

    `protocol` is lower case; ports are None where all match (or the protocol has none).
    """

    id: str
    number: int
    protocol: str
    cidrs: tuple[str, ...]
    is_ingress: bool
    allow: bool
    start_port: int | None = None
    end_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    reason: str = ""
    state: str = "Active"


@dataclass(frozen=True, slots=True)
class AclList:
    """A network ACL list; the built-in ones belong to no VPC and cannot be edited (431)."""

    id: str
    name: str
    vpc_id: str
    description: str = ""
    rules: tuple[AclRule, ...] = ()

    @property
    def is_built_in(self) -> bool:
        """Whether it is `default_allow`, `default_deny` or another list of no VPC."""
        return not self.vpc_id


@dataclass(frozen=True, slots=True)
class Site:
    """One tier as found.

    `tiers` are all tiers of its VPC, itself among them. `machines` are the VMs with an address in
    the tier, `taken` those addresses that something of the tier has beside them (gateway, routers).
    `stickiness` goes by the id of a rule. `acl` is the list in force, `acl_lists` are those of the
    VPC and the built-in ones. `provider` and `acl` are None where there is
    none or the key may not see it. `busy_with` names an open operation of ours on it.
    """

    read_at: float
    tier: Tier
    tiers: tuple[Tier, ...]
    rules: tuple[LbRule, ...]
    vms: tuple[IlbVm, ...] = ()
    machines: tuple[UserVm, ...] = ()
    taken: tuple[str, ...] = ()
    stickiness: tuple[tuple[str, Stickiness], ...] = ()
    provider: Provider | None = None
    acl: AclList | None = None
    acl_lists: tuple[AclList, ...] = ()
    stats_port: int = 8081
    recreate_checks: str = ""
    busy_with: str = ""

    @property
    def target(self) -> Target:
        """The tier as the target of a plan."""
        tier = self.tier
        return Target(
            kind="tier",
            id=tier.id,
            name=tier.name,
            zone=tier.zone_name,
            vpc=tier.vpc_name,
            vpc_id=tier.vpc_id,
            tier=tier.name,
            tier_id=tier.id,
        )

    def facts(self) -> tuple[Fact, ...]:
        """What every plan about this tier relies on; ids of rules and machines among it."""
        return (
            Fact("tier state", self.tier.state),
            Fact("offering", self.tier.offering_name),
            Fact("provider", self.provider.state if self.provider else ""),
            Fact("ACL", (self.acl and f"{self.acl.name} ({_digest(self.acl)})") or ""),
            Fact("checks that recreate routers", self.recreate_checks),
            *(Fact(f"rule on {rule.vip}:{rule.source_port}", self._in_words(rule))
              for rule in sorted(self.rules, key=lambda one: (one.vip, one.source_port))),
            *(Fact(f"ILB VM of {vm.vip}", f"{vm.name} {vm.state}")
              for vm in sorted(self.vms, key=lambda one: one.vip)),
        )  # fmt: skip

    def changes(self, planned: Plan) -> tuple[str, ...]:
        """Say in words which facts of a plan are no longer so."""
        return changes(planned.facts, self.facts())

    def _in_words(self, rule: LbRule) -> str:
        sticky = self.stickiness_of(rule)
        tags = " ".join(f"{key}={value}" for key, value in sorted(rule.tags))
        return (
            f"{rule.name} to port {rule.member_port}, {rule.algorithm}, {rule.state}: "
            + (", ".join(sorted(one.name for one in rule.members)) or "no member")
            + (f", {sticky.method}" if sticky else "")
            + (f", {tags}" if tags else "")
            + f" ({rule.id[:8]})"
        )

    def rules_on(self, vip: str) -> tuple[LbRule, ...]:
        """Return the visible rules of a VIP, by port."""
        own = (rule for rule in self.rules if rule.vip == vip)
        return tuple(sorted(own, key=lambda rule: rule.source_port))

    def rule_at(self, vip: str, port: int) -> LbRule | None:
        """Return the rule on a VIP and port; CloudStack allows one (537)."""
        return next((rule for rule in self.rules_on(vip) if rule.source_port == port), None)

    def stickiness_of(self, rule: LbRule) -> Stickiness | None:
        """Return a rule's stickiness policy; there is one at most (a second replaces it)."""
        return dict(self.stickiness).get(rule.id)

    def addresses(self) -> frozenset[str]:
        """Return every address of the tier that is known to be in use, VIPs included."""
        return frozenset(
            {*self.taken, *(vm.address for vm in self.machines), *self.vips(), self.tier.gateway}
        )

    def vips(self) -> frozenset[str]:
        """Return every VIP of the tier, with a machine or with rules only."""
        return frozenset({*(vm.vip for vm in self.vms), *(rule.vip for rule in self.rules)})

    def unexplained(self) -> tuple[IlbVm, ...]:
        """Return the ILB VMs that show no rule, by VIP.

        CloudStack destroys one with its last rule, and lists no rule with `fordisplay=false`.
        """
        explained = {rule.vip for rule in self.rules}
        own = (vm for vm in self.vms if vm.vip not in explained)
        return tuple(sorted(own, key=lambda vm: vm.vip))

    def twin_of(self, vip: str) -> str:
        """Return the VIP of an ILB's twin, `""` where it has none."""
        return twin_in(self.rules_on(vip))

    def ilb_at(self, vip: str) -> IlbVm | None:
        """Return the ILB VM of a VIP."""
        return next((vm for vm in self.vms if vm.vip == vip), None)


def twin_in(rules: Iterable[LbRule]) -> str:
    """Return the address that the rules of an ILB name as its twin's, `""` where none does."""
    return next((value for rule in rules for key, value in rule.tags if key == TWIN_TAG), "")


def names_in(rules: Iterable[LbRule]) -> tuple[str, ...]:
    """Return the names on rules as they are recorded, each once, however tags spell them."""
    tags = (tag for rule in rules for tag in rule.tags)
    return tuple(sorted({as_recorded(value) for key, value in tags if key == NAME_TAG and value}))


def _digest(acl: AclList) -> str:
    in_order = sorted(acl.rules, key=lambda one: one.number)
    return digest([
        [one.number, one.protocol, one.cidrs, one.allow, one.is_ingress,
         one.start_port, one.end_port, one.icmp_type, one.icmp_code] for one in in_order
    ])[:12]  # fmt: skip


def by_tier_name(tiers: Iterable[Tier]) -> dict[str, Tier]:
    """Return the tiers of one VPC by lower-case name; names are unique within a VPC."""
    return {tier.name.casefold(): tier for tier in tiers}
