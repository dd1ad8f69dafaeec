"""An ILB with its twin, the names clients use, the hosts, and who can watch it, at one moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.counted import Load
from bot.domain.names import DirectoryKind, Record
from bot.domain.page import duration
from bot.domain.plan import Fact, Plan, Target, changes
from bot.domain.site import Site, names_in
from bot.domain.topology import IlbTarget, target_of
from bot.domain.view import View
from bot.domain.zone import Host, Offering

LONG_TTL_S = 300
"""From here a plan says how long the TTL of a name that it moves is."""


@dataclass(frozen=True, slots=True)
class ServiceView:
    """What runbooks look at that move traffic from one address to another.

    `twin` is the ILB that its rules name as its twin, None where they name none; one that is named
    and gone is a view without machine and rules. `site` is the tier without its ACL. `records` are
    what the directory publishes for the names on its rules. Without `vantage_points` nothing can
    be proven. A new ILB VM comes with `default_offering`, None where that is not shown;
    `offerings` are the system offerings there are, read where one is chosen. An address that is
    withdrawn is left to its clients for at most `drain_s`. `loads` are what its clients do by port,
    empty where nobody counted them; no plan relies on their being the same.
    """

    ilb: View
    site: Site
    twin: View | None = None
    hosts: tuple[Host, ...] = ()
    default_offering: Offering | None = None
    offerings: tuple[Offering, ...] = ()
    directory: DirectoryKind = DirectoryKind.NONE
    records: tuple[Record, ...] = ()
    vantage_points: tuple[str, ...] = ()
    drain_s: float = 60.0
    loads: tuple[Load, ...] = ()

    @property
    def target(self) -> Target:
        """The ILB as the target of a plan."""
        return self.ilb.target

    @property
    def topology(self) -> IlbTarget:
        """What the platform lets be done to it."""
        return target_of(self.ilb)

    @property
    def spare_hosts(self) -> tuple[Host, ...]:
        """Hosts of its zone that take machines, without its own."""
        own = self.ilb.vm.host_id if self.ilb.vm else ""
        return tuple(
            one for one in self.hosts
            if one.takes_machines and one.id != own and one.zone_id == self.ilb.tier.zone_id
        )  # fmt: skip

    @property
    def names(self) -> tuple[str, ...]:
        """The names on its rules, each once."""
        return names_in(self.ilb.rules)

    @property
    def nameless_ports(self) -> tuple[int, ...]:
        """Ports whose clients have nothing but the address."""
        return tuple(rule.source_port for rule in self.ilb.rules if not names_in((rule,)))

    def record(self, name: str) -> Record:
        """Return what is published for a name."""
        return next((one for one in self.records if one.name == name), Record(name))

    def slow(self, names: Iterable[str]) -> tuple[str, ...]:
        """Say which names are remembered so long that whoever approves a move of them must know."""
        wanted = set(names)
        return tuple(
            f"The TTL of {one.name} is {duration(one.ttl_s)}: each move of it waits as long, "
            "and so does its way back."
            for one in self.records
            if one.name in wanted and one.addresses and one.ttl_s >= LONG_TTL_S
        )

    def facts(self) -> tuple[Fact, ...]:
        """What every plan about it relies on; which host it runs on is none of it."""
        twin = self.twin
        return (
            *self.ilb.facts(),
            *(Fact(f"twin's {fact.name}", fact.value) for fact in (twin.facts() if twin else ())
              if fact.name not in _OF_THE_TIER),
            *marks_of(self.ilb),
            *(Fact(f"name {one.name}", ", ".join(one.addresses)) for one in self.records),
            Fact("directory", self.directory),
        )  # fmt: skip

    def changes(self, planned: Plan) -> tuple[str, ...]:
        """Say in words which facts of a plan are no longer so."""
        return changes(planned.facts, self.facts())


_OF_THE_TIER = frozenset({"tier state", "minimum template version", "checks that recreate routers"})


def marks_of(ilb: View) -> tuple[Fact, ...]:
    """Return what our tags on its rules say, by port."""
    return tuple(Fact(f"marks of port {rule.source_port}", _marks(rule.tags)) for rule in ilb.rules)


def _marks(tags: tuple[tuple[str, str], ...]) -> str:
    return " ".join(f"{key}={value}" for key, value in sorted(tags) if key.startswith("ilbot."))
