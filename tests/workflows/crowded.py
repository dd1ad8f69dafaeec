"""A crowded ILB in the pretend cloud: services with names of their own on one VIP."""

from __future__ import annotations

from bot.sandbox.cloud.build import Builder
from bot.sandbox.cloud.model import Rule
from tests.workflows.harness import House

VM = "b-31-VM"
VIP = "10.20.1.10"
NEW, THIRD = "10.20.1.4", "10.20.1.5"
APP, GRPC, ADMIN = "app.shop.internal", "grpc.shop.internal", "admin.shop.internal"
PORTS = {APP: 80, GRPC: 9090, ADMIN: 8443}


def crowded(home: House) -> None:
    """Let app-tier's ILB carry two services, app on 80 and grpc on 9090."""
    rule = home.rule("app-grpc")
    rule.tags |= {"ilbot.service": "grpc", "ilbot.name": GRPC}
    home.nameserver.zone.set_record(GRPC, 5, "A", VIP)


def more_crowded(home: House) -> None:
    """Let it carry a third one, admin on 8443."""
    crowded(home)
    tier, model = home.tier("app-tier"), home.rule("app-http")
    rule = Builder(home.cloud, home.cloud.at - 86_400.0).rule(
        tier, "app-admin", VIP, (8443, 8443), list(model.members), "source"
    )
    rule.tags |= {"ilbot.service": "admin", "ilbot.name": ADMIN}
    home.nameserver.zone.set_record(ADMIN, 5, "A", VIP)


def published(home: House, name: str) -> list[str]:
    """Return where a name leads."""
    return sorted(home.nameserver.zone.record(name)[1])


def ports_at(home: House, vip: str) -> list[int]:
    """Return the ports that an ILB serves with all its members; none where no machine runs."""
    tier = home.tier("app-tier")
    machine = home.cloud.ilb_vm_at(tier, vip)
    if machine is None or machine.state != "Running":
        return []
    rules = [one for one in home.cloud.rules_of(tier) if one.vip == vip]
    return sorted(
        one.source_port for one in rules if one.state == "Active" and len(one.members) == 3
    )


def rules_at(home: House, vip: str) -> list[tuple[object, ...]]:
    """Return all that is to be said of the rules of a VIP but their ids."""
    rules = [one for one in home.cloud.all(Rule) if one.vip == vip and not one.removed]
    return sorted(
        (one.source_port, one.instance_port, one.algorithm, one.state, one.name,
         tuple(sorted(one.tags.items())), tuple(sorted(m.display_name for m in one.members)))
        for one in rules
    )  # fmt: skip


def leads_to_what_answers(home: House) -> bool:
    """Whether clients of each name are served, whatever else is left to do."""
    names = [name for name in PORTS if home.nameserver.zone.record(name)[1]]
    return all(
        PORTS[name] in ports_at(home, vip) for name in names for vip in published(home, name)
    )


def state_of(home: House) -> tuple[object, ...]:
    """What a split that was taken back leaves as it was."""
    names = tuple((name, tuple(published(home, name))) for name in PORTS)
    tier = home.tier("app-tier")
    places = tuple(sorted((one.vip, one.source_port) for one in home.cloud.rules_of(tier)))
    return names, places, rules_at(home, VIP), ports_at(home, VIP)
