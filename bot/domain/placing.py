"""One machine and where it may run: its host, those that would take it, whom it must not join."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.cloud import CloudEvent, IlbVm, VmState
from bot.domain.plan import Fact, Plan, Target, changes
from bot.domain.router_view import RouterView
from bot.domain.view import View, event_in_words
from bot.domain.zone import Host, HostChoice, Router

Machine = IlbVm | Router


@dataclass(frozen=True, slots=True)
class Placing:
    """An ILB VM or one router of a place, with what decides where it may move.

    `machine` is None where an ILB has none. `peers` are its twin, or the other router of its place.
    `choices` are what `findHostsForMigration` names, none where it does not run. `hosts` are those
    of its zone, none where the read key may not see them.
    """

    view: View | RouterView
    machine: Machine | None
    peers: tuple[Machine, ...] = ()
    choices: tuple[HostChoice, ...] = ()
    hosts: tuple[Host, ...] = ()

    @property
    def target(self) -> Target:
        """The ILB, or the place whose router it is: what a change there is one change of."""
        return self.view.target

    @property
    def is_running(self) -> bool:
        """Whether there is a machine that runs."""
        return self.machine is not None and self.machine.state is VmState.RUNNING

    def host(self, host_id: str) -> Host | None:
        """Return a host of its zone by id."""
        return next((one for one in self.hosts if one.id == host_id), None)

    def peer_on(self, host_id: str) -> str:
        """Name the twin or peer that runs on a host, `""` where none does."""
        return next((one.name for one in self.peers if one.host_id == host_id), "")

    def why_not(self, choice: HostChoice) -> str:
        """Say why it is not moved to a host, `""` where it may be."""
        host = self.host(choice.id)
        if peer := self.peer_on(choice.id):
            return f"{peer} runs there"
        if host is not None and not host.takes_machines:
            return f"it is {host.state} and {host.resource_state}"
        if choice.moves_storage:
            return "its disk would have to be copied as well"
        return "" if choice.is_suitable else "CloudStack finds no room or no match for it there"

    @property
    def open_choices(self) -> tuple[HostChoice, ...]:
        """The hosts that it may be moved to: the least busy first, else by name."""
        free = (one for one in self.choices if not self.why_not(one))
        return tuple(sorted(free, key=_by_room))

    def facts(self) -> tuple[Fact, ...]:
        """What a move relies on: nothing of what the machine serves."""
        one = self.machine
        return (
            Fact("machine", f"{one.name} {one.id}" if one else "none"),
            Fact("state", one.state.value if one else "missing"),
            Fact("host", f"{one.host_name} {one.host_id}".strip() if one else ""),
            *(Fact(f"host of {peer.name}", f"{peer.host_name} {peer.host_id}".strip())
              for peer in self.peers),
            Fact("last start or stop", event_in_words(self._last_move)),
            Fact("checks that recreate routers", self.view.recreate_checks),
        )  # fmt: skip

    @property
    def _last_move(self) -> CloudEvent | None:
        """Every start of a machine places it anew."""
        if isinstance(self.view, RouterView):
            router = self.machine if isinstance(self.machine, Router) else None
            return self.view.last_move(router) if router else None
        return self.view.last_move

    def changes(self, planned: Plan) -> tuple[str, ...]:
        """Say in words which facts of a plan are no longer so."""
        return changes(planned.facts, self.facts())


def _by_room(one: HostChoice) -> tuple[float, str]:
    return 100.0 if one.cpu_percent is None else one.cpu_percent, one.name
