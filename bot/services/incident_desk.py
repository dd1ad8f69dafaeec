"""What every kind of incident is decided with, and how a hint becomes one stored decision."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bot.domain.cloud import IlbVm
from bot.domain.observation import Observation
from bot.domain.policy import Policies
from bot.domain.zone import Router
from bot.errors import Refused, Transient
from bot.ports import Clock, CloudReader
from bot.services.cloud_watch import CloudWatch
from bot.services.fleet import Fleet
from bot.services.journal import Journal
from bot.services.operations import Operations
from bot.services.our_machines import Known


@dataclass(frozen=True, slots=True)
class Desk:
    """What incidents are decided with.

    `health_every_s` is how often all results are read. `known` are our machines as last listed,
    None where nobody lists them.
    """

    journal: Journal
    operations: Operations
    fleet: Fleet
    cloud: CloudReader
    policies: Callable[[], Policies]
    clock: Clock
    watch: CloudWatch
    health_every_s: float = 0.0
    known: Callable[[], Known | None] = lambda: None


class _Machine(Protocol):
    @property
    def name(self) -> str: ...


M = TypeVar("M", bound=_Machine)


async def decide_once(
    desk: Desk,
    seen: Observation,
    find: Callable[[], Awaitable[M | None]],
    look: Callable[[M, str], Awaitable[str]],
) -> bool:
    """Store what a look at the machine of a hint decides, once; whether the machine is ours.

    A look that CloudStack refuses is `Transient` while the machine is there: the hint waits until
    the key is mended.
    """
    if await desk.journal.has_note(seen.dedupe, "", "decided"):
        return True
    machine = await find()
    if machine is None:
        return False  # a machine of somebody else's
    try:
        decision = await look(machine, seen.words)
    except Refused as no:
        if await find() is not None:
            raise Transient(f"decide on {machine.name}: {no}") from no
        decision = f"gone while it was looked at: {no}"
    told = {"target": machine.name, "hint": seen.words, "decision": decision}
    await desk.journal.note(seen.dedupe, "", "decided", told)
    return True


async def ilb_vm_named(cloud: CloudReader, seen: Observation) -> IlbVm | None:
    """Find the ILB VM a hint names, None where it is somebody else's.

    A key that CloudStack refuses is `Transient` here: the hint must wait until it is mended,
    and not be buried for what it does not say.
    """
    return await _named(seen, lambda vm_id: cloud.ilb_vms(vm_id=vm_id), cloud.ilb_vms)


async def router_named(cloud: CloudReader, seen: Observation) -> Router | None:
    """Find the router a hint names, as `ilb_vm_named` finds an ILB VM."""
    return await _named(seen, lambda router_id: cloud.routers(router_id=router_id), cloud.routers)


async def _named(
    seen: Observation,
    by_id: Callable[[str], Awaitable[Sequence[M]]],
    every: Callable[[], Awaitable[Sequence[M]]],
) -> M | None:
    try:
        if seen.target_id and (found := await by_id(seen.target_id)):
            return found[0]
        named = await every() if seen.target_name else ()
    except Refused as no:
        raise Transient(f"look at {seen.target_name or seen.target_id}: {no}") from no
    return next((one for one in named if one.name == seen.target_name), None)
