"""Tiers with any load balancing at all, and specs for them, by hypothesis."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from bot.domain.cloud import LbRule, Member, Tier
from bot.domain.comparison import RuleChange
from bot.domain.rule_state import RuleState
from bot.domain.site import AclList, AclRule, Site, UserVm
from bot.domain.spec import (
    APPLIED_TAG,
    KEEPER_TAG,
    NAME_TAG,
    SERVICE_TAG,
    TWIN_TAG,
    AclEntry,
    AclSpec,
    Algorithm,
    IlbSpec,
    MemberBy,
    MemberRef,
    RuleSpec,
    ServiceSpec,
    Spec,
    Stickiness,
)
from bot.domain.zone import Provider

TIER = Tier(
    "t-1", "app-tier", "Implemented", "10.20.1.0/24", "v-1", "shop", "z-1", "fra-1",
    gateway="10.20.1.1", offering_name="internal", acl_id="a-1", lb_provider="InternalLbVm",
)  # fmt: skip
OTHER = replace(TIER, id="t-2", name="web-tier", cidr="10.20.2.0/24", gateway="10.20.2.1")
VMS = tuple(
    UserVm(f"u-{n}", f"app-{n}", f"i-2-{n}-VM", "Running", f"10.20.1.{20 + n}") for n in range(4)
)
VIPS = ("10.20.1.10", "10.20.1.11")
PORTS = (80, 81, 443)
STICKY = Stickiness("SourceBased", (("expire", "20m"),))

_sticky = st.sampled_from([None, None, STICKY, Stickiness("LbCookie", (("cookie-name", "c"),))])
_odd_sticky = st.sampled_from(
    [Stickiness("AppCookie", (("length", "52"),)), Stickiness("SourceBased", (("holdtime", "1"),))]
)
_algorithms = st.sampled_from(Algorithm)
_names = st.sampled_from(["web", "", "it's: {odd}", "two\nlines: &a *b", "größe ☂", "\x85\u2028"])


def member(vm: UserVm) -> Member:
    return Member(vm.id, vm.name, vm.address)


@st.composite
def rules(
    draw: st.DrawFn, vip: str, port: int, *, broken: bool
) -> tuple[LbRule, Stickiness | None]:
    """Any rule on a place, ours or somebody's, in any state."""
    found = draw(st.sets(st.sampled_from(VMS)))
    members = tuple(member(vm) for vm in sorted(found, key=lambda vm: vm.id))
    healthy = "Active" if members else "Add"
    state = draw(st.sampled_from([healthy, healthy, "Add", "Deleting"])) if broken else healthy
    service = draw(st.sampled_from(["", "orders", "users"]))
    sticky = draw(st.one_of(_sticky, _sticky, _sticky, _odd_sticky))
    rule = LbRule(
        f"r-{vip}-{port}", draw(_names), TIER.id, vip, port, draw(st.sampled_from([port, 8080])),
        draw(_algorithms).value, state, members,
    )  # fmt: skip
    seen = RuleState(
        rule.name, rule.member_port, rule.algorithm, tuple(one.id for one in members), sticky
    )
    tags = {SERVICE_TAG: service} if service else {}
    if name := draw(st.sampled_from(["", "", "orders.shop.internal", "users.shop", "no name"])):
        tags[NAME_TAG] = name
    mark = draw(st.sampled_from(["", seen.digest, "somebody-else"]))
    tags |= {APPLIED_TAG: mark} if mark else {}
    tags |= draw(st.sampled_from([{}, {TWIN_TAG: "10.20.1.99"}]))
    if broken and draw(st.integers(0, 9)) == 0:
        tags[KEEPER_TAG] = "true"
    return replace(rule, tags=tuple(sorted(tags.items()))), sticky


_entries = st.builds(
    AclRule,
    id=st.just("e"),
    number=st.integers(1, 5),
    protocol=st.sampled_from(["tcp", "udp", "all", "icmp", "6"]),
    cidrs=st.lists(
        st.sampled_from(["0.0.0.0/0", "10.20.0.0/16", "10.20.2.7/24", "10.20.2.5/32", "fd00::/8"]),
        min_size=1, max_size=2, unique=True,
    ).map(tuple),
    is_ingress=st.booleans(),
    allow=st.booleans(),
)  # fmt: skip


@st.composite
def acl_rules(draw: st.DrawFn) -> tuple[AclRule, ...]:
    """Any entries, each number once."""
    found = draw(st.lists(_entries, max_size=5, unique_by=lambda one: one.number))
    return tuple(_with_ports(draw, one) for one in found)


def _with_ports(draw: st.DrawFn, rule: AclRule) -> AclRule:
    if draw(st.integers(0, 9)) == 0:
        return replace(rule, protocol="ah")  # CloudStack keeps what older versions took
    if rule.protocol == "icmp":
        return replace(rule, icmp_type=-1, icmp_code=-1)
    if rule.protocol not in {"tcp", "udp"} or draw(st.booleans()):
        return rule
    start = draw(st.sampled_from(PORTS))
    return replace(rule, start_port=start, end_port=draw(st.sampled_from([start, start + 1])))


@st.composite
def sites(draw: st.DrawFn, *, broken: bool = True) -> Site:
    """Any tier; without `broken` nothing in it is half done."""
    places = st.sets(st.tuples(st.sampled_from(VIPS), st.sampled_from(PORTS)), max_size=5)
    found = [draw(rules(vip, port, broken=broken)) for vip, port in sorted(draw(places))]
    own = AclList("a-1", "own", "v-1", rules=draw(acl_rules()))
    allow = AclList("a-0", "default_allow", "")
    acl = draw(st.sampled_from([own, allow, None]))
    return Site(
        read_at=0.0,
        tier=TIER,
        tiers=(TIER, OTHER),
        rules=tuple(rule for rule, _ in found),
        machines=VMS,
        taken=("10.20.1.1", "10.20.1.2"),
        stickiness=tuple((rule.id, sticky) for rule, sticky in found if sticky),
        provider=draw(st.sampled_from([None, Provider("p-1", "InternalLbVm", "n-1", "Enabled")])),
        acl=acl,
        acl_lists=(own, allow),
    )


_refs = st.sets(st.sampled_from(VMS), max_size=3).map(
    lambda vms: tuple(sorted(MemberRef(MemberBy.NAME, vm.name) for vm in vms))
)


@st.composite
def rule_specs(draw: st.DrawFn, port: int) -> RuleSpec:
    if draw(st.integers(0, 4)) == 0:
        return RuleSpec(port, port, is_absent=True)
    return RuleSpec(
        port, draw(st.sampled_from([port, 8080])), draw(_algorithms), draw(_refs), draw(_sticky)
    )


@st.composite
def ilb_specs(draw: st.DrawFn, vip: str, name: str) -> IlbSpec:
    """One ILB whose ports are split over one or two services."""
    ports = sorted(draw(st.sets(st.sampled_from(PORTS), min_size=1)))
    cut = draw(st.integers(0, len(ports) - 1))
    groups = [group for group in (ports[:cut], ports[cut:]) if group]
    services = tuple(
        ServiceSpec(
            tuple(draw(rule_specs(port)) for port in group),
            f"{name}-{number}",
            draw(st.sampled_from(["", f"{name}-{number}.shop.internal"])),
        )
        for number, group in enumerate(groups)
    )
    return IlbSpec(services, vip)


_acl_entries = st.builds(
    AclEntry,
    allow=st.booleans(),
    protocol=st.just("tcp"),
    sources=st.lists(
        st.sampled_from(["0.0.0.0/0", "web-tier", "10.20.2.5/32"]), min_size=1, unique=True
    ).map(tuple),
    ports=st.sampled_from([None, (80, 80), (80, 443)]),
    is_ingress=st.booleans(),
    reason=st.sampled_from(["", "clients"]),
)


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """Any spec of the tier that the file format can say."""
    given = draw(st.sets(st.sampled_from([*VIPS, ""]), min_size=1))
    ilbs = [draw(ilb_specs(vip, f"s{number}")) for number, vip in enumerate(sorted(given))]
    acl = draw(
        st.one_of(
            st.none(),
            st.just(AclSpec("default_allow")),
            st.lists(_acl_entries, max_size=3).map(lambda found: AclSpec("", tuple(found))),
        )
    )
    return Spec("shop/app-tier", tuple(ilbs), acl=acl)


def after(site: Site, change: RuleChange) -> Site:
    """The tier when one change was made, as CloudStack would have it."""
    kept = [r for r in site.rules if (r.vip, r.source_port) != (change.vip, change.port)]
    sticky = [one for one in site.stickiness if one[0] in {rule.id for rule in kept}]
    if change.after is not None:
        wanted, vms = change.after, {vm.id: vm for vm in site.machines}
        made = LbRule(
            f"r-{change.vip}-{change.port}", wanted.name, site.tier.id, change.vip, change.port,
            wanted.to, wanted.algorithm, "Active" if wanted.members else "Add",
            tuple(member(vms[one]) for one in wanted.members), wanted.tags,
        )  # fmt: skip
        kept.append(made)
        sticky += [(made.id, wanted.stickiness)] if wanted.stickiness else []
    return replace(site, rules=tuple(kept), stickiness=tuple(sticky))
