"""Turns moments of busy machines into stored decisions, and perhaps into a wish.

A sample is a hint. Before anything is proposed the machine is looked up, whether it is ours and
runs, and CloudStack is asked how busy it is now. Each incident leads to one decision, which is
stored under the incident's own id before the sample counts as settled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from bot.domain.cloud import IlbVm, VmState
from bot.domain.detect import Busy, Edge, Moment, Rule, crowd
from bot.domain.load import CpuSample, Load, Proposal
from bot.domain.operation import Source, Wish
from bot.domain.plan import in_words
from bot.domain.policy import IncidentKind, Scope
from bot.domain.zone import Router
from bot.errors import Permanent, Refused, Transient
from bot.ports import CloudReader
from bot.services.cpu_notes import CpuNotes, utc
from bot.services.incidents import Desk

log = structlog.get_logger(__name__)
_TRIES = 5
HOST, ADVICE, DECIDED = "host hot", "cpu advice", "decided"


class Advisor(Protocol):
    """Chooses what to do about a busy machine."""

    async def advise(self, target_id: str, load: Load) -> Proposal:
        """Return one proposal; one without a runbook changes nothing."""
        ...


class NoAdvisor:
    """Proposes nothing."""

    async def advise(self, target_id: str, load: Load) -> Proposal:
        """Say that nobody advises; the numbers are told all the same."""
        return Proposal("", "no advisor: what to do about it is for a person to say")


@dataclass(frozen=True, slots=True)
class Hosts:
    """When busy machines are a matter of their host: so many, become busy within one window."""

    enough: int = 3
    window_s: float = 300.0


@dataclass(frozen=True, slots=True)
class _Case:
    """One incident to decide on: what is known of it, and its machine as just read."""

    edge: Edge
    machine: IlbVm | Router
    samples: tuple[CpuSample, ...]
    beside: tuple[Busy, ...] = ()

    @property
    def now_percent(self) -> float:
        return self.samples[-1].cpu_percent


class Saturation:
    """Who is told of incidents of the CPU, from Kafka or from looking.

    `advised` is called when there is an advice that no operation's card will tell.
    """

    def __init__(
        self,
        desk: Desk,
        advisor: Advisor,
        rule: Rule,
        source: Source,
        advised: Callable[[], None],
        hosts: Hosts | None = None,
    ) -> None:
        self._desk = desk
        self._advisor = advisor
        self._rule = rule
        self._source = source
        self._advised = advised
        self._hosts = hosts or Hosts()
        self._failures = Counter[str]()
        self._notes = CpuNotes(desk.journal)

    async def opened(self) -> Mapping[str, float]:
        """Return the incidents that are open: target ids, and since when in unix seconds."""
        found: dict[str, float] = {}
        for note in (await self._notes.open()).values():
            found.setdefault(str(note.data["id"]), float(note.data["since"]))
        return found

    async def hear(self, edge: Edge) -> None:
        """Take a moment of an incident; it is stored when this returns, and stored once."""
        match edge.moment:
            case Moment.ENTERED:
                await self._notes.busy(edge)
            case Moment.DUE:
                await self._notes.busy(edge)
                await self._decide(edge)
            case Moment.SILENT:
                await self._notes.unknown(edge)
            case Moment.LEFT | Moment.LOST:
                await self._notes.over(edge)

    async def _decide(self, edge: Edge) -> None:
        if await self._desk.journal.has_note(edge.incident, "", DECIDED):
            return
        called = edge.target_name or edge.target_id
        try:
            name, decision, numbers = await self._decision(edge)
        except Refused as no:
            # A key that may not look must be mended; the hint waits for that and is not lost.
            raise Transient(f"decide on busy {called}: {no}") from no
        except Permanent as error:
            # CloudStack answers 530 to a mistake of its own and to a moment's trouble alike.
            self._failures[edge.incident] += 1
            if self._failures[edge.incident] < _TRIES:
                raise Transient(f"decide on busy {called}: {error}") from error
            name, decision, numbers = called, f"left alone: it cannot be looked at: {error}", ()
        self._failures.pop(edge.incident, None)
        hint = f"CPU at {edge.cpu_percent:.0f} %, busy since {utc(edge.since)}"
        data = {"target": name, "hint": hint, "decision": decision, "numbers": list(numbers)}
        if await self._desk.journal.note(edge.incident, "", DECIDED, data):
            log.info("cpu_decided", incident=edge.incident, target=name, decision=decision)

    async def _decision(self, edge: Edge) -> tuple[str, str, tuple[str, ...]]:
        """Return the machine's name, what is decided and on which numbers."""
        name = edge.target_name or edge.target_id
        machine = await self._machine(edge)
        if machine is None:
            return name, "left alone: no ILB VM or router of that id or name", ()
        if machine.state is not VmState.RUNNING:
            return machine.name, f"left alone: it is {machine.state.value}", ()
        since = self._desk.clock.now() - self._rule.silence_s
        samples = await self._desk.cloud.cpu_samples(since=since, vm_id=machine.id)
        if not samples:
            return (
                machine.name,
                "left alone: CloudStack has no CPU sample of late to confirm it",
                (),
            )
        case = _Case(edge, machine, samples)
        if case.now_percent <= self._rule.exit_percent:
            now = f"{case.now_percent:.0f} %"
            return machine.name, f"left alone: by CloudStack its CPU is at {now} now", ()
        decision, numbers = await self._answer(case)
        return machine.name, decision, numbers

    async def _machine(self, edge: Edge) -> IlbVm | Router | None:
        cloud, named = self._desk.cloud, edge.target_id
        if vms := await cloud.ilb_vms(vm_id=named):
            return vms[0]
        if routers := await cloud.routers(router_id=named):
            return routers[0]
        return next((one for one in await machines_of(cloud) if one.name == named), None)

    async def _answer(self, case: _Case) -> tuple[str, tuple[str, ...]]:
        beside = await self._beside(case)
        if not beside:
            return await self._propose(IncidentKind.CPU_SATURATED, case, case.edge.incident)
        host_incident = await self._host_incident(case, beside)
        if await self._desk.journal.has_note(host_incident, "", DECIDED):
            return f"part of the incident of host {case.machine.host_name}", ()
        busiest = await self._case_of(case, beside)
        decision, numbers = await self._propose(IncidentKind.HOST_HOT, busiest, host_incident)
        names = in_words(sorted(one.target_name for one in beside))
        data = {
            "target": case.machine.host_name, "hint": f"{names} became busy together",
            "decision": decision, "numbers": list(numbers),
        }  # fmt: skip
        await self._desk.journal.note(host_incident, "", DECIDED, data)
        return f"host {case.machine.host_name} is the matter: {decision}", numbers

    async def _beside(self, case: _Case) -> tuple[Busy, ...]:
        """Return the busy machines of its host, itself among them, where they are enough.

        Where they run is read now: a machine that was moved is busy elsewhere.
        """
        opened = await self._notes.open()
        if len(opened) < self._hosts.enough:
            return ()
        cloud = self._desk.cloud
        every = await machines_of(cloud)
        machines = {one.id: one for one in every} | {one.name: one for one in every}
        newest = {
            one.target_id: one.cpu_percent
            for one in await cloud.cpu_samples(since=self._desk.clock.now() - self._rule.silence_s)
        }
        busy = [
            Busy(machine.id, machine.name, machine.host_name, float(note.data["since"]), percent)
            for note in opened.values()
            if (machine := machines.get(str(note.data["id"]))) is not None
            and (percent := newest.get(machine.id, 0.0)) > self._rule.exit_percent
        ]
        found = crowd(busy, case.machine.host_name, self._hosts.window_s, self._hosts.enough)
        return found if any(one.target_id == case.machine.id for one in found) else ()

    async def _host_incident(self, case: _Case, beside: tuple[Busy, ...]) -> str:
        """Return the id of the host's incident: one that is open already, or a new one."""
        host = case.machine.host_id or case.machine.host_name
        opened = {str(note.data["id"]) for note in (await self._notes.open()).values()}
        for note in await self._desk.journal.newest_notes(HOST, limit=100):
            if note.data["host"] == host and opened & set(note.data["machines"]):
                return note.operation
        since = min(one.since for one in beside)
        incident = f"host:{host}:{utc(since)}"
        machines = [one.target_id for one in beside]
        data = {"host": host, "target": case.machine.host_name, "machines": machines}
        await self._desk.journal.note(incident, "", HOST, data)
        return incident

    async def _case_of(self, case: _Case, beside: tuple[Busy, ...]) -> _Case:
        """Return the case of the busiest, which is the one to be helped."""
        busiest = beside[0]
        if busiest.target_id == case.machine.id:
            return _Case(case.edge, case.machine, case.samples, beside)
        edge = Edge(
            Moment.DUE, busiest.target_id, busiest.target_name, busiest.host, busiest.since,
            case.edge.at, busiest.cpu_percent,
        )  # fmt: skip
        machine = await self._machine(edge)
        since = self._desk.clock.now() - self._rule.silence_s
        samples = await self._desk.cloud.cpu_samples(since=since, vm_id=busiest.target_id)
        if machine is None or not samples:
            return _Case(case.edge, case.machine, case.samples, beside)
        return _Case(edge, machine, samples, beside)

    async def _propose(
        self, kind: IncidentKind, case: _Case, incident: str
    ) -> tuple[str, tuple[str, ...]]:
        policies = self._desk.policies()
        if kind not in policies.incidents:
            return f"no policy for {kind.value}", _numbers(case)
        load = Load(
            target_name=case.machine.name,
            host=case.machine.host_name,
            since=case.edge.since,
            enter_percent=self._rule.enter_percent,
            exit_percent=self._rule.exit_percent,
            samples=tuple((one.at, one.cpu_percent) for one in case.samples),
            busy_beside=tuple(
                one.target_name for one in case.beside if one.target_id != case.machine.id
            ),
        )
        proposal = await self._advisor.advise(case.machine.id, load)
        numbers = (*_numbers(case), *proposal.numbers)
        if not proposal.runbook:
            return await self._advise(kind, case, incident, proposal.reason, numbers), numbers
        policy = policies.for_advice(kind, proposal.runbook, _scope(case.machine))
        if policy is None:
            only = policies.incidents[kind].runbook
            reason = f"{proposal.runbook} is advised, and the policy allows only {only}"
            return await self._advise(kind, case, incident, reason, numbers), numbers
        wish = Wish(proposal.runbook, case.machine.id, proposal.parameters, because=proposal.reason)
        evidence = {
            "incident": kind.value, "cause": proposal.reason,
            "hint": f"CPU at {case.now_percent:.0f} %", "mode": f"the policy says {policy.mode}",
            "evidence": list(numbers), "policy": policies.version,
        }  # fmt: skip
        try:
            opened, is_new = await self._desk.operations.open_for_incident(
                wish, self._source, policy.mode, dedupe=incident, evidence=evidence
            )
        except Refused as no:
            reason = f"{proposal.runbook} is advised and cannot be opened: {no}"
            return await self._advise(kind, case, incident, reason, numbers), numbers
        found = "opened" if is_new else "same incident as"
        return f"{found} operation {opened.id}: {proposal.reason}", numbers

    async def _advise(
        self, kind: IncidentKind, case: _Case, incident: str, reason: str, numbers: tuple[str, ...]
    ) -> str:
        """Keep an advice for the channel, where nothing is opened that would tell it."""
        data = {
            "incident": kind.value, "target": case.machine.name, "host": case.machine.host_name,
            "reason": reason, "numbers": list(numbers), "since": case.edge.since,
        }  # fmt: skip
        if await self._desk.journal.note(incident, "", ADVICE, data):
            self._advised()
        return f"advice only: {reason}"


async def machines_of(cloud: CloudReader) -> list[IlbVm | Router]:
    """Return every ILB VM and every router."""
    return [*await cloud.ilb_vms(), *await cloud.routers()]


def _numbers(case: _Case) -> tuple[str, ...]:
    percents = [one.cpu_percent for one in case.samples]
    told = [
        f"CPU now {case.now_percent:.0f} %, {min(percents):.0f} to {max(percents):.0f} % in the"
        f" last {len(percents)} samples of CloudStack",
        f"busy since {utc(case.edge.since)}",
    ]
    if case.beside:
        beside = in_words([f"{one.target_name} {one.cpu_percent:.0f} %" for one in case.beside])
        told.append(f"busy on host {case.machine.host_name}: {beside}")
    return tuple(told)


def _scope(machine: IlbVm | Router) -> Scope:
    """Return what policies look at: the ids of the machine and of where it is."""
    if isinstance(machine, IlbVm):
        ids, tier = {machine.id, machine.tier_id, machine.vpc_id}, machine.tier_name
    elif machine.vpc_id:
        ids, tier = {machine.id, machine.vpc_id}, ""
    else:
        ids, tier = {machine.id, machine.network_id}, machine.network_name
    return Scope(frozenset(ids - {""}), machine.vpc_name, tier)
