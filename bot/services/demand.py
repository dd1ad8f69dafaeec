"""Reads what is known of a machine under load: its traffic, its size, larger ones, and its host."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from bot.domain.cloud import IlbVm, LbRule, VmState
from bot.domain.counted import Span
from bot.domain.demand import (
    HOST_WARM_PERCENT,
    Cpu,
    Demand,
    HostLoad,
    ServiceLoad,
    Size,
    cpu_of_check,
)
from bot.domain.health import CPU_CHECK, CheckResult
from bot.domain.names import DirectoryKind
from bot.domain.spec import NAME_TAG
from bot.domain.spelling import goes_by
from bot.domain.topology import IlbTarget, RouterTarget, Target
from bot.domain.zone import HostChoice, HostUse, Offering, Role, Router
from bot.errors import IlbotError, Refused
from bot.ports import CloudReader
from bot.services.service_view import DEFAULT_OFFERING, OFFERING_SETTING, Outlook

OF_ILBS, OF_ROUTERS = "internalloadbalancervm", "domainrouter"
"""System VM types of an offering (CloudStack `VirtualMachine.Type`, in lower case)."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanting:
    """A machine that may want more: what it is, what is known, and what could not be read.

    `machine` is its name: of a target that is two routers it is one of them.
    """

    target: Target
    machine: str
    demand: Demand
    not_read: tuple[str, ...] = ()


@dataclass(slots=True)
class _Notes:
    """What could not be read, as it comes up: it is missing evidence and no failure."""

    troubles: list[str] = field(default_factory=list)

    async def __call__(self, read: Callable[[], Awaitable[T]], otherwise: T) -> T:
        try:
            return await read()
        except IlbotError as error:
            self.troubles.append(str(error).rstrip("."))
            return otherwise


class DemandReader:
    """Reads one machine with what surrounds it; nothing is kept."""

    def __init__(self, cloud: CloudReader, outlook: Outlook) -> None:
        self._cloud = cloud
        self._count = outlook.probe.count
        self._names_move = outlook.directory.kind is not DirectoryKind.NONE

    async def read(
        self, target: Target, named: str, cpu: Cpu | None, busy: tuple[str, ...]
    ) -> Wanting:
        """Return what is known; `Refused` where there is no machine."""
        notes = _Notes()
        if isinstance(target, IlbTarget):
            name, demand = target.name, await self._of_ilb(target, cpu, busy, notes)
        else:
            router = _meant(target, named)
            name, demand = router.name, await self._of_router(target, router, cpu, busy, notes)
        return Wanting(target, name, demand, tuple(notes.troubles))

    async def _of_ilb(
        self, target: IlbTarget, cpu: Cpu | None, busy: tuple[str, ...], notes: _Notes
    ) -> Demand:
        ilb = target.ilb
        vm = ilb.vm
        if vm is None:
            raise Refused(
                f"The ILB at {ilb.vip} has no machine that could be busy.",
                instead=f"`recover {ilb.vip}` brings it back.",
            )
        _refuse_what_does_not_run(vm)
        twin = next((one.vm for one in target.neighbours if one.vip == target.twin), None)
        rules = [rule for rule in ilb.rules if rule.is_active]
        services, offerings, chosen, host = await asyncio.gather(
            self._services(ilb.vip, rules, notes),
            notes(self._cloud.system_offerings, None),
            notes(partial(self._cloud.setting, OFFERING_SETTING), None),
            self._host(vm, busy, twin.host_id if twin else "", notes),
        )
        new = _named(offerings, chosen or DEFAULT_OFFERING)
        demand = Demand(
            is_router=False,
            cpu=cpu or await self._checked(vm.id, notes, is_router=False),
            services=services,
            size=_own(offerings, vm.offering_id),
            larger=_others(offerings, vm.offering_id, OF_ILBS),
            host=host,
            twin=target.twin,
            names_move=self._names_move,
        )
        return demand if new is None else replace(demand, new_size=new)

    async def _of_router(
        self,
        target: RouterTarget,
        router: Router,
        cpu: Cpu | None,
        busy: tuple[str, ...],
        notes: _Notes,
    ) -> Demand:
        _refuse_what_does_not_run(router)
        peer = next((one.host_id for one in target.routers if one.id != router.id), "")
        offerings, host = await asyncio.gather(
            notes(self._cloud.system_offerings, None),
            self._host(router, busy, peer, notes),
        )
        return Demand(
            is_router=True,
            cpu=cpu or await self._checked(router.id, notes, is_router=True),
            size=_own(offerings, router.offering_id),
            larger=_others(offerings, router.offering_id, OF_ROUTERS),
            host=host,
            is_pair=target.is_pair,
            is_standby=router.role is Role.BACKUP,
        )

    async def _services(
        self, vip: str, rules: Sequence[LbRule], notes: _Notes
    ) -> tuple[ServiceLoad, ...]:
        nothing: Mapping[int, Span] = {}
        ports = [one.source_port for one in rules]
        spans = await notes(partial(self._count, vip, ports), nothing) if ports else nothing
        return tuple(_service(rule, spans.get(rule.source_port)) for rule in rules)

    async def _host(
        self, machine: IlbVm | Router, busy: tuple[str, ...], peers_host: str, notes: _Notes
    ) -> HostLoad | None:
        if not machine.host_id:
            return None
        use, choices = await asyncio.gather(
            notes(partial(self._cloud.host_use, machine.host_id), None),
            notes(partial(self._cloud.hosts_for_migration, machine.id), None),
        )
        return _host_load(machine, use, busy, _spare(choices, peers_host))

    async def _checked(self, machine_id: str, notes: _Notes, *, is_router: bool) -> Cpu | None:
        read = self._cloud.router_checks if is_router else self._cloud.ilb_checks
        nothing: tuple[CheckResult, ...] = ()
        checks = await notes(partial(read, machine_id), nothing)
        own = (one.details for one in checks if one.name == CPU_CHECK)
        return next((cpu for cpu in map(cpu_of_check, own) if cpu), None)


def _refuse_what_does_not_run(machine: IlbVm | Router) -> None:
    if machine.state is not VmState.RUNNING:
        raise Refused(
            f"{machine.name} is {machine.state}: it carries nothing that more of it would help.",
            instead=f"`recover {machine.name}` says why, and brings it back.",
        )


def _service(rule: LbRule, span: Span | None) -> ServiceLoad:
    name = dict(rule.tags).get(NAME_TAG, "")
    if span is None:
        return ServiceLoad(rule.source_port, name)
    return ServiceLoad(
        port=rule.source_port,
        name=name,
        per_s=span.per_s,
        open=span.last.open,
        bits_per_s=span.bits_per_s,
        latency=span.last.times,
        down=span.last.down,
    )


def _meant(target: RouterTarget, named: str) -> Router:
    """Return the router of that name, else the one that forwards."""
    own = [one for one in target.routers if goes_by(named, (one.id, one.name))]
    primary = [one for one in target.routers if one.role is Role.PRIMARY]
    return (*own, *primary, *target.routers)[0]


def _host_load(
    machine: IlbVm | Router, use: HostUse | None, busy: tuple[str, ...], spare: int | None
) -> HostLoad:
    if use is None:
        return HostLoad(machine.host_name, busy=busy, spare=spare)
    return HostLoad(machine.host_name, use.cpu_percent, use.mhz or None, busy, spare)


def _spare(choices: tuple[HostChoice, ...] | None, peers_host: str) -> int | None:
    """Count the hosts with room that take it as it runs, without that of its twin or peer."""
    if choices is None:
        return None
    return sum(
        one.is_suitable
        and not one.moves_storage
        and one.id != peers_host
        and (one.cpu_percent or 0.0) < HOST_WARM_PERCENT
        for one in choices
    )


def _own(offerings: tuple[Offering, ...] | None, offering_id: str) -> Size | None:
    return next((_size(one) for one in offerings or () if one.id == offering_id), None)


def _named(offerings: tuple[Offering, ...] | None, named: str) -> Size | None:
    return next((_size(one) for one in offerings or () if named in (one.id, one.name)), None)


def _others(
    offerings: tuple[Offering, ...] | None, offering_id: str, for_type: str
) -> tuple[Size, ...] | None:
    """Return the offerings of the type that have no less of anything, None where not read."""
    if offerings is None:
        return None
    own = next((one for one in offerings if one.id == offering_id), None)
    return tuple(
        _size(one)
        for one in offerings
        if one.id != offering_id
        and one.for_type.casefold() == for_type
        and (own is None or (one.cpus >= own.cpus and one.memory_mb >= own.memory_mb))
    )


def _size(one: Offering) -> Size:
    return Size(max(1, one.cpus), one.mhz, one.is_capped, one.id, one.name)
