"""Everything a planner may look at about the routers of one VPC or network, read at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.cloud import CloudEvent, Template, Tier, VmState
from bot.domain.health import CheckResult, failing
from bot.domain.plan import Fact, Plan, Target, changes, in_words
from bot.domain.view import event_in_words, is_move
from bot.domain.zone import Host, Network, Offering, Role, Router, Vpc

VPC_ROUTERS = "vpc-routers"
NETWORK_ROUTERS = "network-routers"
STARTS = frozenset({"ROUTER.START", "ROUTER.REBOOT", "VM.START"})
ROUTER_KINDS = frozenset({VPC_ROUTERS, NETWORK_ROUTERS})
"""Kinds of target whose id is that of the VPC or network: making a pair replaces the routers."""


@dataclass(frozen=True, slots=True)
class RouterView:
    """The routers of one place, which is a VPC or an isolated network, and what surrounds them.

    Exactly one of `vpc` and `network` is there. `routers` and `tiers` are in the order of their
    names, no router where the place is idle. `checks` and `events` are those of all of them,
    events newest first; `restarts` those of the place. `is_empty` is a place where no tenant's VM
    runs. `offerings` are the system offerings there are, read where one is chosen; `hosts` those of
    the zone. `own_outages_s` are measured by earlier operations of
    ours, newest first; `busy_with` names an open operation of ours on them.
    """

    read_at: float
    vpc: Vpc | None
    network: Network | None
    routers: tuple[Router, ...]
    tiers: tuple[Tier, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    is_empty: bool = False
    templates: tuple[Template, ...] = ()
    offerings: tuple[Offering, ...] = ()
    hosts: tuple[Host, ...] = ()
    events: tuple[CloudEvent, ...] = ()
    restarts: tuple[CloudEvent, ...] = ()
    minimum_version: str = ""
    recreate_checks: str = ""
    version: str = ""
    own_outages_s: tuple[float, ...] = ()
    busy_with: str = ""

    @property
    def target(self) -> Target:
        """The place as the target of a plan."""
        place = self.place
        network = self.network
        return Target(
            kind=NETWORK_ROUTERS if network else VPC_ROUTERS,
            id=place.id,
            name=self.name,
            zone=place.zone_name,
            vpc="" if network else place.name,
            vpc_id="" if network else place.id,
            tier=network.name if network else "",
            tier_id=network.id if network else "",
        )

    @property
    def place(self) -> Vpc | Network:
        """The VPC or the network."""
        place = self.vpc or self.network
        if place is None:
            raise ValueError("a view of routers is of a VPC or of a network")
        return place

    @property
    def owner(self) -> str:
        """The VPC or the network in words: `VPC shop-prod`."""
        return f"{'VPC' if self.vpc else 'network'} {self.place.name}"

    @property
    def name(self) -> str:
        """What people call them: the place, since routers are replaced and it stays."""
        return f"the routers of {self.owner}"

    @property
    def is_redundant(self) -> bool:
        """Whether CloudStack means them to be a pair."""
        return self.place.is_redundant

    def router(self, router_id: str) -> Router | None:
        """Return one of them by id."""
        return next((one for one in self.routers if one.id == router_id), None)

    def peer_of(self, router: Router) -> Router | None:
        """Return the other one of a pair, None where there is not exactly one other."""
        others = [one for one in self.routers if one.id != router.id]
        return others[0] if len(others) == 1 else None

    def with_role(self, role: Role) -> tuple[Router, ...]:
        """Return the Running ones that report that role."""
        return tuple(
            one for one in self.routers if one.role is role and one.state is VmState.RUNNING
        )

    @property
    def is_healthy_pair(self) -> bool:
        """Whether exactly one is PRIMARY and one BACKUP, both Running."""
        primaries, backups = self.with_role(Role.PRIMARY), self.with_role(Role.BACKUP)
        return len(self.routers) == 2 and len(primaries) == len(backups) == 1

    def failing(self, router: Router) -> tuple[CheckResult, ...]:
        """Return the checks of a router, collected since its last start, that fail and mean it."""
        return failing(
            self.collected(router),
            is_backup=router.role is Role.BACKUP,
            is_empty=self.is_empty,
        )

    def collected(self, router: Router) -> tuple[CheckResult, ...]:
        """Return the checks of a router that were collected since its last start."""
        last = self.last_move(router)
        since = last.created if last is not None and last.type in STARTS else None
        own = (check for check in self.checks if check.machine_id == router.id)
        return tuple(check for check in own if check.is_since(since))

    def last_move(self, router: Router) -> CloudEvent | None:
        """Return the newest start or stop of a router that CloudStack recorded."""
        own = (event for event in self.events if event.resource_id == router.id)
        return next((event for event in own if is_move(event)), None)

    def changes(self, planned: Plan) -> tuple[str, ...]:
        """Say in words which facts of a plan are no longer so."""
        return changes(planned.facts, self.facts())

    def facts(self) -> tuple[Fact, ...]:
        """What every plan about these routers relies on."""
        place, names = self.place, in_words([f"{one.name} {one.id}" for one in self.routers])
        return (
            Fact("routers", names or "none"),
            Fact(f"state of {self.owner}", place.state),
            Fact("redundant", "yes" if place.is_redundant else "no"),
            *(fact for router in self.routers for fact in self._facts_of(router)),
            *(Fact(f"tier {tier.name}", tier.state) for tier in self.tiers),
            Fact("minimum template version", self.minimum_version),
            Fact("checks that recreate routers", self.recreate_checks),
        )

    def _facts_of(self, router: Router) -> tuple[Fact, ...]:
        checks = in_words([check.name for check in self.failing(router)])
        return (
            Fact(f"{router.name} state", router.state),
            Fact(f"{router.name} role", router.role),
            Fact(f"{router.name} version", router.version),
            Fact(f"{router.name} template", f"{router.template_name} {router.template_id}"),
            Fact(f"{router.name} offering", f"{router.offering_name} {router.offering_id}"),
            Fact(f"{router.name} failing checks", checks),
            Fact(f"{router.name} last start or stop", event_in_words(self.last_move(router))),
        )
