"""Twins in the pretend cloud without the minutes that pairing takes, and how they stand."""

from __future__ import annotations

from bot.sandbox.cloud.build import Builder
from bot.sandbox.cloud.model import Host, Kind, Machine, Rule, ServiceOffering
from tests.workflows.harness import House

VM = "b-31-VM"
VIP = "10.20.1.10"
TWIN = "10.20.1.4"
NAME = "app.shop.internal"


def paired(home: House) -> None:
    """Two equal ILBs behind one name, both at the old version, on different hosts."""
    tier, model = home.tier("app-tier"), home.cloud.machine(VM)
    build = Builder(home.cloud, home.cloud.at - 86_400.0)
    for rule in [one for one in home.cloud.rules_of(tier) if one.vip == VIP]:
        twin = build.rule(
            tier, f"{rule.name}-twin", TWIN, (rule.source_port, rule.instance_port),
            list(rule.members), rule.algorithm,
        )  # fmt: skip
        twin.tags |= rule.tags | {"ilbot.twin": VIP}
        rule.tags["ilbot.twin"] = TWIN
    machine = build.ilb_vm(tier, TWIN, disk=model.disk)
    machine.host = next(one for one in home.cloud.all(Host) if one is not model.host)
    home.nameserver.zone.set_record(NAME, 5, "A", VIP, TWIN)


def drifted(home: House) -> None:
    """Twins of which one got another offering, and another algorithm on one of its rules."""
    paired(home)
    home.vm(home.vm_at(TWIN)).offering = home.cloud.one(ServiceOffering, "ILB large")
    rules = [one for one in home.cloud.all(Rule) if one.vip == TWIN]
    next(one for one in rules if one.source_port == 80).algorithm = "source"


def are_equal(home: House) -> bool:
    """Whether both do the same with traffic, on machines of one offering."""
    tier = home.tier("app-tier")
    mine, its = (
        {
            (rule.source_port, rule.instance_port, rule.algorithm)
            for rule in home.cloud.rules_of(tier)
            if rule.vip == vip
        }
        for vip in (VIP, TWIN)
    )
    machines = [home.cloud.ilb_vm_at(tier, vip) for vip in (VIP, TWIN)]
    return mine == its and len({one.offering.name for one in machines if one}) == 1


def is_served(home: House, tier: str, vip: str) -> bool:
    """Whether the ILB VM of an address runs."""
    vm = home.cloud.ilb_vm_at(home.tier(tier), vip)
    return vm is not None and vm.state == "Running"


def published(home: House) -> list[str]:
    """Return what the name leads to."""
    return sorted(home.nameserver.zone.record(NAME)[1])


def answers(home: House, vip: str) -> bool:
    """Whether an ILB serves both ports of the app tier, with all members."""
    rules = [one for one in home.cloud.rules_of(home.tier("app-tier")) if one.vip == vip]
    good = [one for one in rules if one.state == "Active" and len(one.members) == 3]
    return len(good) == 2 and is_served(home, "app-tier", vip)


def is_gone(home: House, vip: str) -> bool:
    """Whether nothing of an ILB is left."""
    tier = home.tier("app-tier")
    there = [one for one in home.cloud.rules_of(tier) if one.vip == vip]
    return not there and home.cloud.ilb_vm_at(tier, vip) is None


def is_paired(home: House) -> bool:
    """Whether both are there, serve and are published."""
    return published(home) == [VIP, TWIN] and answers(home, VIP) and answers(home, TWIN)


def is_single(home: House) -> bool:
    """Whether it serves alone, and nothing of a twin is left."""
    return published(home) == [VIP] and answers(home, VIP) and is_gone(home, TWIN)


def leads_to_what_answers(home: House) -> bool:
    """Whether clients of the name are served, whatever else is left to do."""
    return bool(published(home)) and all(answers(home, one) for one in published(home))


def routers_of(home: House, vpc: str) -> list[Machine]:
    """Return the routers of a VPC."""
    return [
        one for one in home.cloud.machines(Kind.ROUTER)
        if one.tier.vpc is not None and one.tier.vpc.name == vpc
    ]  # fmt: skip


def has_one_primary(home: House) -> bool:
    """Whether both routers of shop-prod run, in one role each."""
    pair = routers_of(home, "shop-prod")
    states = {(one.redundant_state, one.state) for one in pair}
    return states == {("PRIMARY", "Running"), ("BACKUP", "Running")}
