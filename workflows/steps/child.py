"""Opens changes of single targets as parts of a change of many, and waits until they have ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.operation import Wish
from bot.domain.waves import Ended, Lot
from bot.engine.api import Run, verb
from bot.errors import Permanent
from bot.ports import World
from bot.services.children import TOPIC
from workflows.steps.jobs import PATIENT


@dataclass(frozen=True, slots=True)
class Seen:
    """Those of a wave that ended, those that did not, and how long there still is for these."""

    ended: tuple[Ended, ...]
    open: tuple[str, ...]
    left_s: float


@verb(retry=PATIENT)
async def hosts_apart(world: World, wave: tuple[Lot, ...]) -> tuple[str, ...]:
    """Return the numbers of those of a wave that may be changed together now.

    Machines may have been moved since they were planned. The first one always may; a machine of
    which nobody says where it runs stands where any other one does.
    """
    if len(wave) < 2:
        return tuple(one.number for one in wave)
    vms = {one.id: one.host_id for one in await world.cloud.ilb_vms()}
    missing = {machine for one in wave for machine in one.machines} - vms.keys()
    routers = await world.cloud.routers() if missing else ()
    hosts = vms | {one.id: one.host_id for one in routers}
    taken: set[str] = set()
    together = []
    for one in wave:
        own = {hosts.get(machine, "") for machine in one.machines}
        if taken.isdisjoint(own):
            together.append(one.number)
            taken |= own
    return tuple(together)


@verb(retry=PATIENT)
async def open_child(world: World, run_id: str, number: str, wish: Wish, name: str) -> str:
    """Open the change of one target; return its number."""
    await world.children.open(run_id, number, wish, name)
    return number


@verb(retry=PATIENT)
async def children_seen(world: World, run_id: str, numbers: tuple[str, ...]) -> Seen:
    """Look which of them have ended."""
    found = await world.children.standing(run_id, numbers)
    left_s = max(0.0, found.deadline_at - world.clock.now()) if found.open else 0.0
    return Seen(found.ended, found.open, left_s)


@verb()
async def end_here(world: World, what: str, why: str) -> str:
    """End a change that does not go on; never returns."""
    raise Permanent(f"{what}: {why}")


async def carried_out(run: Run, wishes: Sequence[tuple[Lot, Wish]]) -> tuple[Ended, ...]:
    """Open a change for each lot by its wish, and wait until all of them have ended.

    One that has not ended when everybody who could end it should have is told without an outcome.
    """
    for lot, wish in wishes:
        await run.step(open_child, run.id, lot.number, wish, lot.name)
    numbers = tuple(lot.number for lot, _ in wishes)
    while True:
        seen = await run.step(children_seen, run.id, numbers)
        if not seen.open or not seen.left_s:
            late = (Ended(one, None, "") for one in seen.open)
            return tuple(sorted((*seen.ended, *late), key=lambda one: one.number))
        await run.wait_for(TOPIC, seen.left_s)
