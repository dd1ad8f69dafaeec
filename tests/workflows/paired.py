"""Twins in the pretend cloud without the minutes that pairing takes."""

from __future__ import annotations

from bot.sandbox.cloud.build import Builder
from bot.sandbox.cloud.model import Host, Rule, ServiceOffering
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
