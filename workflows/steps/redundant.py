"""Gives a VPC or an isolated network a pair of routers, which cannot be taken back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.domain.cloud import VmState
from bot.domain.plan import PlannedStep, Target
from bot.domain.zone import Role, Router
from bot.engine.api import Retry, Run, Settled, StepFailed, verb
from bot.errors import Permanent, Transient
from bot.ports import World
from workflows.steps.jobs import PATIENT, end_of, until
from workflows.steps.router import role_poll_s
from workflows.steps.tier import RESTART, newest_restart_of

VPC_RESTART = "VPC.RESTART"
TRIES = 3


@verb(retry=PATIENT)
async def newest_rebuild(world: World, vpc_id: str, network_id: str) -> str:
    """Return the id of the place's newest restart, by which ours is told from older ones."""
    return await _newest(world, vpc_id, network_id)


async def _newest(world: World, vpc_id: str, network_id: str) -> str:
    event_type = VPC_RESTART if vpc_id else RESTART
    return await newest_restart_of(world, event_type, vpc_id or network_id)


async def _is_redundant(world: World, vpc_id: str, network_id: str) -> bool:
    if vpc_id:
        return any(one.is_redundant for one in await world.cloud.vpcs(vpc_id=vpc_id))
    networks = await world.cloud.isolated_networks(network_id=network_id)
    return any(one.is_redundant for one in networks)


async def _routers(world: World, vpc_id: str, network_id: str) -> tuple[Router, ...]:
    return await world.cloud.routers(vpc_id=vpc_id, network_id=network_id)


async def _pair_runs(world: World, vpc_id: str, network_id: str) -> bool:
    if not await _is_redundant(world, vpc_id, network_id):
        return False
    routers = await _routers(world, vpc_id, network_id)
    ready = [one.is_redundant and one.state is VmState.RUNNING for one in routers]
    return ready == [True, True]  # the old one may still run beside the first new one


async def _made(world: World, vpc_id: str, network_id: str, since: str) -> Settled[str] | None:
    """CloudStack writes the flag before it replaces anything: the flag alone says too little."""
    if await _newest(world, vpc_id, network_id) != since:
        return Settled("")
    return Settled("") if await _pair_runs(world, vpc_id, network_id) else None


@verb(settle=_made, retry=PATIENT)
async def submit_pair(world: World, vpc_id: str, network_id: str, since: str) -> str:
    """Submit `makeredundant` and return its job id, `""` where a pair runs there already.

    On a place that is redundant and lacks a router it deploys the one that is missing. A restart
    that was cut off leaves the old router beside the first new one: that is replaced by asking for
    clean-up, which CloudStack adds by itself only while the flag is not set.
    """
    if await _pair_runs(world, vpc_id, network_id):
        return ""
    if vpc_id:
        routers = await _routers(world, vpc_id, network_id)
        has_a_single = any(not one.is_redundant for one in routers)
        return await world.cloud.restart_vpc_redundant(vpc_id, cleanup=has_a_single)
    return await world.cloud.restart_network_redundant(network_id)


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
async def pair_there(world: World, vpc_id: str, network_id: str) -> bool:
    """Wait until the place is redundant and two routers run there; False at the deadline."""

    async def there() -> bool | None:
        return True if await _pair_runs(world, vpc_id, network_id) else None

    return await until(world, world.pace.settle_deadline_s, there) or False


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
async def roles_settled(world: World, vpc_id: str, network_id: str) -> tuple[str, str]:
    """Wait until one is PRIMARY and one BACKUP for longer than a role poll; return their ids.

    `Permanent` at the deadline. Two primaries and two backups are known to stay
    (apache/cloudstack#11710, #8954).
    """
    every_s = await role_poll_s(world)
    deadline = world.clock.now() + world.pace.settle_deadline_s + 2 * every_s
    seen: tuple[str, str] | None = None
    since, said = 0.0, "nothing was seen of them"
    while True:
        try:
            routers = await _routers(world, vpc_id, network_id)
        except Transient as away:
            said = str(away)
        else:
            said = ", ".join(f"{one.name} is {one.role} ({one.state})" for one in routers)
            now_seen = _one_of_each(routers)
            if now_seen is None or now_seen != seen:
                seen, since = now_seen, world.clock.now()
            elif world.clock.now() - since > every_s:
                return now_seen
        if world.clock.now() >= deadline:
            raise Permanent(f"look at the roles of a pair: not one PRIMARY and one BACKUP: {said}")
        await world.clock.sleep(min(world.pace.again_s, every_s))


def _one_of_each(routers: tuple[Router, ...]) -> tuple[str, str] | None:
    running = {one.role: one.id for one in routers if one.state is VmState.RUNNING}
    if len(routers) != 2 or running.keys() != {Role.PRIMARY, Role.BACKUP}:
        return None
    return running[Role.PRIMARY], running[Role.BACKUP]


async def roles_proven(run: Run, target: Target, primary_id: str, names: Mapping[str, str]) -> None:
    """Expect this one of a pair to be its PRIMARY and the other its BACKUP, before one is stopped.

    `names` are those of both by id. A primary that died is shown as PRIMARY until the next role
    poll, and its standby then carries everything: stopping that one would cut the place off.
    """
    [standby_id] = [one for one in names if one != primary_id]
    primary, standby = names[primary_id], names[standby_id]
    vpc_id = target.vpc_id
    try:
        seen = await run.step(roles_settled, vpc_id, "" if vpc_id else target.tier_id)
    except StepFailed as failed:
        raise _not_proven(primary, standby, str(failed)) from failed
    if seen[0] != primary_id:
        said = f"{standby} is PRIMARY and {primary} is BACKUP by now"
        raise _not_proven(primary, standby, said)


def planned_look(one: Router, pair: Iterable[Router]) -> PlannedStep:
    """Return the step in which both roles are seen, before this one of the pair is stopped."""
    [peer] = [other for other in pair if other.id != one.id]
    primary, standby = (one, peer) if one.role is Role.PRIMARY else (peer, one)
    return PlannedStep(
        f"See {primary.name} as PRIMARY and {standby.name} as BACKUP for longer than a role poll"
    )


def _not_proven(primary: str, standby: str, said: str) -> StepFailed:
    text = (
        f"see {primary} as PRIMARY and {standby} as BACKUP for longer than a role poll: {said}. "
        "Neither was stopped after that: look which of them is alive, bring back what is dead "
        "(`recover`), then ask again"
    )
    return StepFailed("roles_proven", "permanent", text, in_doubt=False)


async def make_pair(run: Run, name: str, *, vpc_id: str = "", network_id: str = "") -> None:
    """Give a place a pair of routers that show one PRIMARY and one BACKUP.

    `name` is that of the place. Nothing here can be undone: `run.commit()` belongs before it.
    """
    what = f"make the routers of {name} a pair"
    for _ in range(TRIES):
        since = await run.step(newest_rebuild, vpc_id, network_id)
        job = await run.step(submit_pair, vpc_id, network_id, since)
        end = await end_of(run, job)
        if await run.step(pair_there, vpc_id, network_id):
            await run.step(roles_settled, vpc_id, network_id)
            return
        if end.is_refused:
            raise StepFailed("make_pair", "permanent", f"{what}: {end.text}", in_doubt=False)
    text = f"{what}: after {TRIES} tries there are no two running routers"
    raise StepFailed("make_pair", "permanent", text, in_doubt=True)
