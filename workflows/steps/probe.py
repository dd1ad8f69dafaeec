"""Watches services while they are changed, and says whether their traffic came through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.counted import Drain
from bot.domain.page import duration
from bot.domain.plan import Plan, PlannedStep
from bot.domain.probing import Watched
from bot.domain.service_view import ServiceView
from bot.engine.api import Retry, Run, verb
from bot.errors import Permanent
from bot.ports import World
from bot.services import proof
from workflows.steps.directory import pieces
from workflows.steps.jobs import PATIENT, until

DRAIN_S = "drain_s"
"""The parameter of a plan that says how long the clients of an address get to go."""


@verb(retry=PATIENT, waits=True)
async def watched(world: World, run_id: str, places: tuple[Watched, ...]) -> int:
    """Watch just these from now on; return from how many vantage points.

    Each of them tells of whole seconds only: until then this waits.
    """
    return await proof.begin_to_watch(world, run_id, places)


@verb(retry=PATIENT)
async def looked_at(world: World, run_id: str, places: tuple[Watched, ...]) -> bool:
    """Watch just these from now on, and wait for nobody to look: what is next is urgent."""
    await world.probe.watch(run_id, places)
    return True


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
async def answered(world: World, run_id: str, vip: str) -> bool:
    """Wait until enough attempts in a row were answered at every port of a VIP, from everywhere.

    Where nobody looks nothing is waited for; who has looked during this run is, since after a
    restart of ours an agent comes back by itself.
    """

    async def enough() -> bool | None:
        row = await world.probe.answered_in_a_row(run_id, vip)
        return row >= world.proof.in_a_row or None

    has_looked = (await world.probe.evidence(run_id)).vantage_points
    if not has_looked and not await world.probe.vantage_points():
        return False
    return await until(world, world.proof.deadline_s, enough) or False


@verb(retry=PATIENT, waits=True)
async def budget_kept(world: World, run_id: str) -> int:
    """Fail where more connections were lost than may be; return how many were.

    What a prober saw while it lagged is itself, and no reason to stop.
    """
    found = await proof.evidence_until_now(world, run_id)
    if lost := proof.loss(found, world.proof):
        raise Permanent(f"go on with the change: {lost}")
    return found.lost


@verb(retry=PATIENT, waits=True)
async def budget_kept_at(world: World, run_id: str, vip: str) -> int:
    """Fail where one VIP lost more connections than may be; return how many it lost."""
    found = await proof.evidence_until_now(world, run_id)
    own = sum(one.sure for one in found.tallies if one.counts and one.vip == vip)
    if own > world.proof.budget:
        raise Permanent(f"go on with {vip} published: it lost {own} connections")
    return own


@verb(retry=PATIENT, waits=True)
async def budget_kept_of(world: World, run_id: str, ports: tuple[int, ...]) -> int:
    """Fail where these ports lost more connections than may be; return how many they lost."""
    found = await proof.evidence_until_now(world, run_id)
    own = sum(one.seen.lost for one in found.tallies if one.counts and one.port in ports)
    if own > world.proof.budget and not found.not_valid:
        told = ", ".join(str(port) for port in ports)
        raise Permanent(f"go on with the change: ports {told} lost {own} connections")
    return own


@verb(retry=PATIENT)
async def shows_clients(world: World, run_id: str, vip: str) -> bool:
    """Say whether HAProxy's stats page of a VIP was seen in this run: else nobody can tell."""
    seen = (await world.probe.evidence(run_id)).clients
    return any(one.vip == vip and one.periods for one in seen)


@verb(retry=PATIENT, timeout_s=3600.0, waits=True)
async def drained(
    world: World, run_id: str, vip: str, most_s: float, ports: tuple[int, ...] = ()
) -> Drain:
    """Wait until no other client uses a VIP, or so long; return how far they have gone by then.

    With `ports` it is just these of its ports.
    """

    async def is_quiet() -> Drain | None:
        now = await world.probe.drain(run_id, vip, ports)
        return now if now.is_quiet else None

    found = await until(world, most_s, is_quiet, every_s=1.0)
    return found or await world.probe.drain(run_id, vip, ports)


async def watch(run: Run, places: Sequence[Watched]) -> None:
    """Watch just these from now on; what does not count is tried too, and loses nothing."""
    await run.step(watched, run.id, tuple(places))


async def quiet(
    run: Run, planned: Plan, vip: str, places: Sequence[Watched], ports: tuple[int, ...] = ()
) -> Drain:
    """Give the clients of a withdrawn VIP the planned time to go; nothing fails where they stay.

    `places` are what is watched now, the VIP's among them. It is left alone meanwhile, so that
    nobody there is us; what else is watched goes on. A long wait is cut, so that a stop is heard.
    With `ports` only these of its ports were withdrawn.
    """

    def is_left(one: Watched) -> bool:
        return one.vip == vip and (not ports or one.port in ports)

    run.stage(f"Wait until {_places(vip, ports)} is quiet")
    found = Drain()
    if not await run.step(shows_clients, run.id, vip):
        return found
    await watch(run, [replace(one, tried=one.tried and not is_left(one)) for one in places])
    for piece_s in pieces(float(planned.parameter(DRAIN_S) or 0.0)):
        found = await run.step(drained, run.id, vip, piece_s, ports)
        if found.is_quiet:
            break
    await watch(run, places)
    return found


def _places(vip: str, ports: tuple[int, ...]) -> str:
    return f"{vip}:{','.join(str(port) for port in ports)}" if ports else vip


def quiet_step(seen: ServiceView, vip: str) -> tuple[PlannedStep, ...]:
    """Plan `quiet`, where somebody looks who may see it."""
    if not seen.vantage_points:
        return ()
    text = (
        f"Wait until no other client uses {vip}, {duration(seen.drain_s)} at most, where HAProxy's "
        "stats page shows it; who is still connected then is cut"
    )
    return (PlannedStep(text),)


async def proven(run: Run, vip: str) -> bool:
    """Say whether a VIP that is watched was seen to serve; False is unproven, not broken.

    It is False too where nobody looks: then there is nothing to claim.
    """
    return await run.step(answered, run.id, vip)


async def within_budget(run: Run) -> None:
    """Stop the change here (`StepFailed`) where it has lost more connections than it may."""
    await run.step(budget_kept, run.id)


@verb(retry=PATIENT)
async def bake_s(world: World) -> float:
    """Return for how long a change is watched afterwards: 0 where nobody looks."""
    return world.proof.bake_s if await world.probe.vantage_points() else 0.0


async def bake(run: Run) -> None:
    """Go on looking for a while, where somebody looks, and stop where it lost more than it may."""
    await run.sleep(await run.step(bake_s))
    await within_budget(run)


async def bake_at(run: Run, vip: str) -> None:
    """Go on looking as `bake` does, and stop only for what one VIP lost since it counts."""
    await run.sleep(await run.step(bake_s))
    await run.step(budget_kept_at, run.id, vip)
