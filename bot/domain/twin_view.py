"""One of twins that may need a repair: itself in full, and what is around it right now."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.cloud import VmState
from bot.domain.names import DirectoryKind, Record
from bot.domain.plan import Fact, Plan, Target, changes
from bot.domain.service_view import marks_of
from bot.domain.site import names_in
from bot.domain.twins import Move
from bot.domain.view import View
from bot.domain.zone import Offering


@dataclass(frozen=True, slots=True)
class TwinView:
    """An ILB, its twin, and the names that lead to them.

    Plans rely on the ILB and the marks on its rules, and on nothing around it: where both twins
    are repaired, each repair changes what the other one saw, and neither must be stale for that.
    `twin` is without machine and rules where it is gone. `records` are those of the names on its
    rules; none were read where there is `trouble`. Where it has no machine, a new one comes with
    `default_offering`, None where that is not shown.
    """

    ilb: View
    twin: View
    directory: DirectoryKind = DirectoryKind.NONE
    records: tuple[Record, ...] = ()
    trouble: str = ""
    default_offering: Offering | None = None
    vantage_points: tuple[str, ...] = ()

    @property
    def target(self) -> Target:
        """The ILB as the target of a plan."""
        return self.ilb.target

    @property
    def names(self) -> tuple[str, ...]:
        """The names on its rules that can be changed, each once."""
        return () if self.directory is DirectoryKind.NONE else names_in(self.ilb.rules)

    @property
    def twin_serves(self) -> bool:
        """Whether its twin runs and has rules that carry traffic."""
        vm = self.twin.vm
        return (
            vm is not None
            and vm.state is VmState.RUNNING
            and any(rule.is_active for rule in self.twin.rules)
        )

    @property
    def leads_to_it(self) -> tuple[str, ...]:
        """The names that lead to it now."""
        return tuple(one.name for one in self.records if self.ilb.vip in one.addresses)

    @property
    def leads_only_to_its_twin(self) -> tuple[str, ...]:
        """The names from which it is withdrawn: they lead to its twin, and not to it."""
        found = publications(self.records, self.ilb.vip, self.twin.vip)
        return tuple(move.after.name for move in found)

    def facts(self) -> tuple[Fact, ...]:
        """What a plan for it relies on."""
        return (
            *self.ilb.facts(),
            *marks_of(self.ilb),
            Fact("twin", self.twin.vip),
            Fact("directory", self.directory),
        )

    def changes(self, planned: Plan) -> tuple[str, ...]:
        """Say in words which facts of a plan are no longer so."""
        return changes(planned.facts, self.facts())


def withdrawals(records: tuple[Record, ...], vip: str, twin_vip: str) -> tuple[Move, ...]:
    """Return what takes an address out of the names that lead to its twin as well.

    A name that does not lead to the twin keeps it: no name loses its last address.
    """
    return tuple(
        Move(one, one.without(vip))
        for one in records
        if vip in one.addresses and twin_vip in one.addresses
    )


def publications(records: tuple[Record, ...], vip: str, twin_vip: str) -> tuple[Move, ...]:
    """Return what publishes an address under the names that lead to its twin and not to it."""
    return tuple(
        Move(one, one.with_one(vip))
        for one in records
        if twin_vip in one.addresses and vip not in one.addresses
    )
