"""Looks again at a busy machine: is it ours, does it run, is it busy now, and who is beside it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from bot.domain.cloud import IlbVm, VmState
from bot.domain.demand import HostLoad
from bot.domain.detect import Busy, Edge, Moment, Rule, crowd
from bot.domain.load import CpuSample
from bot.domain.plan import in_words
from bot.domain.policy import Scope
from bot.domain.zone import Router
from bot.errors import Refused
from bot.ports import Clock, CloudReader
from bot.services.audit import Entry
from bot.services.cpu_notes import CpuNotes, called, utc
from bot.services.journal import Journal

HOST = "host hot"
_HOSTS_LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class Hosts:
    """When busy machines are a matter of their host: so many, become busy within one window."""

    enough: int = 3
    window_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Case:
    """One incident to decide on: its machine and CloudStack's newest samples, as just read.

    `beside` are the busy machines of its host, itself among them, where the host is the matter.
    """

    edge: Edge
    machine: IlbVm | Router
    samples: tuple[CpuSample, ...]
    beside: tuple[Busy, ...] = ()

    @property
    def now_percent(self) -> float:
        """How busy CloudStack says it is."""
        return self.samples[-1].cpu_percent

    @property
    def host_id(self) -> str:
        """What its host is known by."""
        return self.machine.host_id or self.machine.host_name

    @property
    def target_id(self) -> str:
        """What operations on it are about: an ILB VM, or the place whose router it is."""
        machine = self.machine
        return machine.id if isinstance(machine, IlbVm) else machine.vpc_id or machine.network_id

    @property
    def numbers(self) -> tuple[str, ...]:
        """What is known of it, for people."""
        percents = [one.cpu_percent for one in self.samples]
        of_late = "in CloudStack's only sample of late"
        if len(percents) > 1:
            low, high = f"{min(percents):.0f}", f"{max(percents):.0f}"
            between = high if low == high else f"{low} to {high}"
            of_late = f"{between} % in the last {len(percents)} samples of CloudStack"
        told = [
            f"CPU now {self.now_percent:.0f} %, {of_late}",
            f"busy since {utc(self.edge.since)}",
        ]
        if self.beside:
            beside = in_words([f"{one.target_name} {one.cpu_percent:.0f} %" for one in self.beside])
            told.append(f"busy on host {self.machine.host_name}: {beside}")
        return tuple(told)

    @property
    def scope(self) -> Scope:
        """What policies look at: the ids of the machine and of where it is."""
        machine = self.machine
        if isinstance(machine, IlbVm):
            ids, tier = {machine.id, machine.tier_id, machine.vpc_id}, machine.tier_name
        elif machine.vpc_id:
            ids, tier = {machine.id, machine.vpc_id}, ""
        else:
            ids, tier = {machine.id, machine.network_id}, machine.network_name
        return Scope(frozenset(ids - {""}), machine.vpc_name, tier)


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Why nothing is proposed for a machine."""

    name: str
    why: str


class SecondLook:
    """Reads what incidents are decided on; what CloudStack raises comes through."""

    def __init__(
        self, cloud: CloudReader, clock: Clock, journal: Journal, rule: Rule, hosts: Hosts
    ) -> None:
        self._cloud = cloud
        self._clock = clock
        self._journal = journal
        self._rule = rule
        self._hosts = hosts
        self._notes = CpuNotes(journal)

    async def at(self, edge: Edge) -> Case | LeftAlone:
        """Read the machine of an incident, and how busy CloudStack says it is."""
        machine = await self._machine(edge.target_id)
        if machine is None:
            return LeftAlone(called(edge), "no ILB VM or router of that id or name")
        if machine.state is not VmState.RUNNING:
            return LeftAlone(machine.name, f"it is {machine.state.value}")
        samples = await self._samples(machine.id)
        if not samples:
            return LeftAlone(machine.name, "CloudStack has no CPU sample of late to confirm it")
        case = Case(edge, machine, samples)
        if case.now_percent <= self._rule.exit_percent:
            return LeftAlone(
                machine.name, f"by CloudStack its CPU is at {case.now_percent:.0f} % now"
            )
        return case

    async def beside(self, case: Case) -> tuple[Busy, ...]:
        """Return the busy machines of its host, itself among them, where the host is the matter.

        They must be enough, and the host full. Where they run is read now: a machine that was
        moved is busy elsewhere.
        """
        opened = await self._notes.open()
        if len(opened) < self._hosts.enough:
            return ()
        every = await machines_of(self._cloud)
        machines = {one.id: one for one in every} | {one.name: one for one in every}
        newest = {one.target_id: one.cpu_percent for one in await self._samples()}
        busy: dict[str, Busy] = {}
        for note in opened.values():
            machine = machines.get(str(note.data["id"]))
            percent = newest.get(machine.id, 0.0) if machine else 0.0
            if machine and percent > self._rule.exit_percent:
                since = float(note.data["since"])
                one = Busy(machine.id, machine.name, machine.host_name, since, percent)
                busy.setdefault(machine.id, one)
        host, hosts = case.machine.host_name, self._hosts
        found = crowd(busy.values(), host, hosts.window_s, hosts.enough)
        others = tuple(one.target_name for one in found if one.target_id != case.machine.id)
        is_matter = len(others) < len(found) and await self._may_be_full(case.machine, others)
        return found if is_matter else ()

    async def _may_be_full(self, machine: IlbVm | Router, others: tuple[str, ...]) -> bool:
        """Whether its host gives less than they ask for: on one with room each is its own matter.

        Where CloudStack does not show how busy the host is, so many busy machines are a sign.
        """
        use = None
        if machine.host_id:
            with suppress(Refused):  # the key may not list hosts
                use = await self._cloud.host_use(machine.host_id)
        if use is None or use.cpu_percent is None:
            return True
        return HostLoad(machine.host_name, use.cpu_percent, busy=others).is_full

    async def of_host(self, case: Case, beside: tuple[Busy, ...]) -> str:
        """Return the id of the host's incident: one that is open already, or a new one."""
        opened = {str(note.data["id"]) for note in (await self._notes.open()).values()}
        for note in await self._journal.newest_notes(HOST, limit=_HOSTS_LOOKED_AT):
            if note.data["host"] == case.host_id and opened & set(note.data["machines"]):
                return note.operation
        incident = f"host:{case.host_id}:{utc(min(one.since for one in beside))}"
        machines = [one.target_id for one in beside]
        data = {"host": case.host_id, "target": case.machine.host_name, "machines": machines}
        await self._journal.note(incident, "", HOST, data)
        return incident

    async def at_busiest(self, case: Case, beside: tuple[Busy, ...]) -> Case:
        """Return the case of the busiest, which is the one to be helped."""
        busiest, here = beside[0], replace(case, beside=beside)
        if busiest.target_id == case.machine.id:
            return here
        edge = Edge(
            Moment.DUE, busiest.target_id, busiest.target_name, busiest.host, busiest.since,
            case.edge.at, busiest.cpu_percent,
        )  # fmt: skip
        found = await self.at(edge)
        return replace(found, beside=beside) if isinstance(found, Case) else here

    async def gone(self, opened: Iterable[Entry]) -> frozenset[str]:
        """Return the incidents whose machines are no longer there; none where nothing is seen."""
        every = await machines_of(self._cloud)
        known = {text for one in every for text in (one.id, one.name)}
        if not known:
            return frozenset()
        return frozenset(one.operation for one in opened if str(one.data["id"]) not in known)

    async def _machine(self, named: str) -> IlbVm | Router | None:
        if vms := await self._cloud.ilb_vms(vm_id=named):
            return vms[0]
        if routers := await self._cloud.routers(router_id=named):
            return routers[0]
        return next((one for one in await machines_of(self._cloud) if one.name == named), None)

    async def _samples(self, vm_id: str = "") -> tuple[CpuSample, ...]:
        since = self._clock.now() - self._rule.silence_s
        return await self._cloud.cpu_samples(since=since, vm_id=vm_id)


async def machines_of(cloud: CloudReader) -> list[IlbVm | Router]:
    """Return every ILB VM and every router."""
    return [*await cloud.ilb_vms(), *await cloud.routers()]
