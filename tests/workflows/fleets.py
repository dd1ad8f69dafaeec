"""Small fleets of any shape, sown into the pretend cloud, and what counts of them afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from bot.sandbox.cloud.build import Builder
from bot.sandbox.cloud.model import (
    Host,
    Kind,
    Machine,
    NetworkOffering,
    Rule,
    Stickiness,
    Template,
    Vpc,
)
from tests.workflows.harness import House

TIER = "any-tier"
VIP, TWIN, OTHER = "10.20.9.10", "10.20.9.11", "10.20.9.12"
NAME = "any.shop.internal"
PORTS = (80, 443, 8443, 9090)
STICKY = ("SourceBased", {"expire": "20m"})


@dataclass(frozen=True, slots=True)
class Line:
    """One rule of an ILB; `members` are numbers of machines."""

    port: int
    to: int
    algorithm: str
    members: tuple[int, ...]
    is_sticky: bool


@dataclass(frozen=True, slots=True)
class Fleet:
    """One tier with an ILB, maybe its twin, maybe another one; `hosts` of the four take machines.

    `same_host` puts the twins on one host, `stopped` is a member that does not run.
    """

    lines: tuple[Line, ...]
    is_named: bool
    is_paired: bool
    has_neighbour: bool
    same_host: bool
    hosts: int
    stopped: int | None


_lines = st.builds(
    Line,
    port=st.sampled_from(PORTS),
    to=st.sampled_from((8080, 8443)),
    algorithm=st.sampled_from(("roundrobin", "leastconn", "source")),
    members=st.sets(st.integers(1, 3), min_size=1).map(lambda some: tuple(sorted(some))),
    is_sticky=st.booleans(),
)


def any_lines() -> st.SearchStrategy[tuple[Line, ...]]:
    """One to three rules on different ports."""
    return st.lists(_lines, min_size=1, max_size=3, unique_by=lambda line: line.port).map(tuple)


def fleets(*, paired: bool | None = None) -> st.SearchStrategy[Fleet]:
    """Fleets of any shape, or only those with or without twins."""
    return st.builds(
        Fleet,
        lines=any_lines(),
        is_named=st.booleans(),
        is_paired=st.booleans() if paired is None else st.just(paired),
        has_neighbour=st.booleans(),
        same_host=st.booleans(),
        hosts=st.integers(1, 4),
        stopped=st.none() | st.integers(1, 3),
    )


def sow(home: House, fleet: Fleet) -> None:
    """Add a fleet to the demo's cloud, and its name to the zone."""
    build = Builder(home.cloud, home.cloud.at - 86_400.0)
    vpc, offering = home.cloud.one(Vpc, "shop-prod"), home.cloud.one(
        NetworkOffering, "tier-with-internal-lb"
    )  # fmt: skip
    tier = build.tier(vpc, TIER, "10.20.9.0/24", offering)
    members = [
        build.member(tier, f"any-{n}", 20 + n, running=n != fleet.stopped) for n in (1, 2, 3)
    ]
    vips = [VIP, TWIN] if fleet.is_paired else [VIP]
    for vip, twin in zip(vips, reversed(vips), strict=True):
        for line in fleet.lines:
            rule = _rule(home, build, line, vip, members)
            rule.tags |= {"ilbot.name": NAME} if fleet.is_named else {}
            rule.tags |= {"ilbot.twin": twin} if fleet.is_paired else {}
    if fleet.has_neighbour:
        build.rule(tier, "other", OTHER, (80, 80), members[:1])
    old = home.cloud.one(Template, "systemvm-kvm-4.20.0-x86_64")
    machines = [build.ilb_vm(tier, vip, disk=old) for vip in vips]
    if fleet.has_neighbour:
        build.ilb_vm(tier, OTHER, disk=old)
    _place(home, fleet, machines)
    if fleet.is_named:
        home.nameserver.zone.set_record(NAME, 5, "A", *vips)


def _rule(home: House, build: Builder, line: Line, vip: str, members: list[Machine]) -> Rule:
    own, ports = [members[n - 1] for n in line.members], (line.port, line.to)
    name = f"any-{line.port}" + ("-twin" if vip == TWIN else "")
    rule = build.rule(home.tier(TIER), name, vip, ports, own, line.algorithm)
    if line.is_sticky:
        method, parameters = STICKY
        identity = home.cloud.identity("stickiness", f"{vip}/{line.port}")
        home.cloud.add(
            Stickiness(
                **identity, rule=rule, name="sticky", method=method, parameters=dict(parameters)
            )
        )
    return rule


def _place(home: House, fleet: Fleet, machines: list[Machine]) -> None:
    """Let only some hosts take machines; the first one runs the ILB, and its twin if they share."""
    hosts = list(home.cloud.all(Host))
    for host in hosts[fleet.hosts :]:
        host.resource_state = "Disabled"
    for number, machine in enumerate(machines):
        machine.host = hosts[0 if fleet.same_host else number]


def spec_of(lines: tuple[Line, ...]) -> str:
    """Return a spec that wants these rules on the ILB."""
    text = f"tier: shop-prod/{TIER}\nilbs:\n  - vip: {VIP}\n    services:\n"
    for line in lines:
        members = ", ".join(f"any-{n}" for n in line.members)
        method, parameters = STICKY
        values = ", ".join(f"{key}: {value}" for key, value in parameters.items())
        sticky = f", stickiness: {{method: {method}, parameters: {{{values}}}}}"
        text += (
            f"      - name: s{line.port}\n        members: [{members}]\n        rules:\n"
            f"          - {{port: {line.port}, to: {line.to}, algorithm: {line.algorithm}"
            f"{sticky if line.is_sticky else ''}}}\n"
        )
    return text


def as_it_stands(home: House) -> dict[str, object]:
    """Return what clients and tenants have of a fleet: ids, names and versions aside."""
    tier = home.tier(TIER)
    sticky = {one.rule: (one.method, one.parameters) for one in home.cloud.all(Stickiness)}
    return {
        "rules": sorted(
            (
                rule.vip, rule.source_port, rule.instance_port, rule.algorithm, rule.state,
                sorted(one.display_name for one in rule.members), str(sticky.get(rule)),
                sorted(pair for pair in rule.tags.items() if pair[0].startswith("ilbot.")),
            )
            for rule in home.cloud.rules_of(tier)
        ),
        "machines": sorted(
            (one.address, one.state, one.offering.name)
            for one in home.cloud.machines(Kind.ILB) if one.tier is tier
        ),
        "name": sorted(home.nameserver.zone.record(NAME)[1]),
    }  # fmt: skip


def vips_with_a_rule(home: House) -> frozenset[str]:
    """Return the VIPs of a fleet that have a rule now."""
    return frozenset(rule.vip for rule in home.cloud.rules_of(home.tier(TIER)))


def hosts_of_twins(home: House) -> list[str]:
    """Return the hosts of the ILB and of its twin, those of other ILBs not."""
    tier = home.tier(TIER)
    machines = [home.cloud.ilb_vm_at(tier, vip) for vip in _twin_vips(home)]
    return [one.host.name for one in machines if one and one.host]


def _twin_vips(home: House) -> tuple[str, ...]:
    rules = home.cloud.rules_of(home.tier(TIER))
    twin = next((rule.tags.get("ilbot.twin") for rule in rules if rule.vip == VIP), None)
    return (VIP, twin) if twin else (VIP,)
