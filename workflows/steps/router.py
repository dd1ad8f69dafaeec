"""Stops, starts and looks at routers; what counts is state and role afterwards, no job's word.

A reboot is a stop and a start: how CloudStack's own `rebootRouter` ended shows nowhere but in its
job, so that one in doubt could neither be repeated nor left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from bot.domain.cloud import VmState
from bot.domain.health import CheckResult, failing
from bot.domain.offerings import ROUTER_TYPE
from bot.domain.version import is_same
from bot.domain.zone import Role, Router
from bot.engine.api import Retry, Run, Settled, verb
from bot.errors import Permanent, Refused, Transient
from bot.ports import World
from workflows.steps import power
from workflows.steps.checks import what_still_fails
from workflows.steps.jobs import PATIENT, at_rest, until
from workflows.steps.power import Power

STOP = "ROUTER.STOP"
START = "ROUTER.START"
ROLE_POLL = "router.check.interval"


async def _router(world: World, router_id: str) -> Router:
    found = await world.cloud.routers(router_id=router_id)
    if not found:
        raise Permanent(f"look at router {router_id}: CloudStack no longer has it")
    return found[0]


async def _last_event(world: World, router_id: str, event_type: str) -> str:
    events = await world.cloud.events(
        resource_id=router_id, resource_type="DomainRouter", event_type=event_type, limit=1
    )
    return events[0].id if events else ""


async def _taken(
    world: World, router_id: str, event_type: str, since: str, states: frozenset[VmState]
) -> Settled[str] | None:
    router = await _router(world, router_id)
    if router.state in states or await _last_event(world, router_id, event_type) != since:
        return Settled("")
    return None


async def _stop_taken(world: World, router_id: str, since: str) -> Settled[str] | None:
    states = frozenset({VmState.STOPPING, VmState.STOPPED})
    return await _taken(world, router_id, STOP, since, states)


async def _start_taken(world: World, router_id: str, since: str) -> Settled[str] | None:
    states = frozenset({VmState.STARTING, VmState.RUNNING})
    return await _taken(world, router_id, START, since, states)


@verb(retry=PATIENT)
async def newest_of_router(world: World, router_id: str, event_type: str) -> str:
    """Return the id of the newest such event, by which an act of ours is told from older ones."""
    return await _last_event(world, router_id, event_type)


@verb(settle=_stop_taken, retry=PATIENT)
async def submit_router_stop(world: World, router_id: str, since: str) -> str:
    """Submit a plain stop and return its job id, `""` where it is Stopped or was taken before."""
    router = await _router(world, router_id)
    if router.state is VmState.STOPPED:
        return ""
    if router.state not in {VmState.RUNNING, VmState.STOPPING}:
        raise Refused(f"stop router {router.name}: it is {router.state}, not Running")
    return await world.cloud.stop_router(router_id)


@verb(settle=_start_taken, retry=PATIENT)
async def submit_router_start(world: World, router_id: str, since: str) -> str:
    """Submit a start and return its job id, `""` where it runs or CloudStack is starting it."""
    router = await _router(world, router_id)
    if router.state in {VmState.RUNNING, VmState.STARTING}:
        return ""
    if router.state is not VmState.STOPPED:
        raise Refused(f"start router {router.name}: it is {router.state}, not Stopped")
    return await world.cloud.start_router(router_id)


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
async def router_settled(world: World, router_id: str, wanted: str) -> VmState:
    """Wait until it is in the wanted state, or at rest in another, or the deadline passed."""

    async def state() -> VmState:
        return (await _router(world, router_id)).state

    return await at_rest(world, state, wanted)


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
async def graced(world: World, router_id: str) -> VmState:
    """Give CloudStack the time it takes to start a dead router by itself; return the state then."""

    async def running() -> VmState | None:
        return VmState.RUNNING if (await _state(world, router_id)) is VmState.RUNNING else None

    stuck = await _state(world, router_id) is VmState.STOPPING
    wait_s = world.pace.power_sync_s if stuck else world.pace.grace_s
    return await until(world, wait_s, running) or await _state(world, router_id)


async def _state(world: World, router_id: str) -> VmState:
    return (await _router(world, router_id)).state


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
async def role_seen(world: World, router_id: str, role: str) -> str:
    """Wait until a router shows a role for longer than a role poll; `Permanent` at the deadline.

    CloudStack asks routers for their roles at intervals, and a role outlives its machine until
    then: one read proves nothing (`VirtualNetworkApplianceManagerImpl`, `router.check.interval`).
    """
    every_s = await role_poll_s(world)
    deadline = world.clock.now() + world.pace.settle_deadline_s + 2 * every_s
    since: float | None = None
    while True:
        try:
            router = await _router(world, router_id)
        except Transient as away:
            said = str(away)  # a read that is lost says nothing of the role
        else:
            said = f"{router.name} is {router.role} ({router.state})"
            if (router.role, router.state) != (role, VmState.RUNNING):
                since = None
            elif since is None:
                since = world.clock.now()
            elif world.clock.now() - since > every_s:
                return role
        if world.clock.now() >= deadline:
            raise Permanent(f"look at the role of router {router_id}: not seen as {role}: {said}")
        await world.clock.sleep(min(world.pace.again_s, every_s))


async def role_poll_s(world: World) -> float:
    """Return how often CloudStack asks routers for their roles, in seconds."""
    try:
        value = await world.cloud.setting(ROLE_POLL) or ""
    except (Transient, Refused):
        value = ""
    return float(value) if value.isdecimal() else world.pace.role_poll_s


@verb(retry=PATIENT)
async def expect_standby(world: World, router_id: str, version: str, empty: bool) -> str:
    """Fail unless a router is a Running BACKUP without failing checks, on that version if given.

    What was collected before its last start says nothing of it now. `empty` is a place where no
    tenant's VM runs, whose checks of DHCP and DNS have nothing to find.
    """
    router = await _router(world, router_id)
    what = f"look at standby {router.name}"
    if (router.state, router.role) != (VmState.RUNNING, Role.BACKUP):
        raise Permanent(f"{what}: it is {router.role} ({router.state}), not a Running BACKUP")
    if version and not is_same(router.version, version):
        has = router.version or "none"
        raise Permanent(f"{what}: it reports version {has} and not {version}")
    since = await _last_start(world, router_id)
    checks = [one for one in await world.cloud.router_checks(router_id) if one.is_since(since)]
    if bad := failing(checks, is_backup=True, is_empty=empty):
        raise Permanent(f"{what}: {bad[0].name} fails: {bad[0].details or 'no details'}")
    return router.version


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
async def checked_again(world: World, router_id: str, names: Sequence[str]) -> str:
    """Wait until these checks were collected after its last start and pass; say what does not."""
    since = await _last_start(world, router_id)
    read = partial(world.cloud.router_checks, router_id)
    return await what_still_fails(world, read, since, names)


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
async def failing_since(world: World, router_id: str, empty: bool) -> tuple[str, ...]:
    """Wait until the checks of a lone router were collected after its last start; name what fails.

    Nothing makes them run afresh: at the deadline those count that were collected by then. `empty`
    is a place where no tenant's VM runs, as in `expect_standby`.
    """
    since = await _last_start(world, router_id)
    fresh: list[CheckResult] = []

    async def all_fresh() -> bool | None:
        every = [one for one in await world.cloud.router_checks(router_id) if one.updated]
        fresh[:] = [one for one in every if one.is_since(since)]
        return True if every and len(fresh) == len(every) else None

    await until(world, world.pace.checks_deadline_s, all_fresh, world.pace.checks_every_s)
    return tuple(one.name for one in failing(fresh, is_empty=empty))


async def _last_start(world: World, router_id: str) -> datetime | None:
    events = await world.cloud.events(
        resource_id=router_id, resource_type="DomainRouter", event_type=START, limit=1
    )
    return events[0].created if events else None


POWER = Power(
    "router", ROUTER_TYPE, STOP, START,
    newest_of_router, submit_router_stop, submit_router_start, router_settled,
)  # fmt: skip


async def stop(run: Run, router_id: str, name: str) -> None:
    """Bring a router to Stopped."""
    await power.stop(run, POWER, router_id, name)


async def start(run: Run, router_id: str, name: str) -> None:
    """Bring a router to Running."""
    await power.start(run, POWER, router_id, name)


async def put_back(run: Run, router_id: str, name: str) -> None:
    """Undo a stop of a router, also one that is still under way."""
    await power.put_back(run, POWER, router_id, name)


@verb(retry=PATIENT)
async def expect_router_version(world: World, router_id: str, version: str) -> str:
    """Fail unless the guest reports that template version: a job's success says nothing of it."""
    router = await _router(world, router_id)
    if not is_same(router.version, version):
        raise Permanent(
            f"roll router {router.name}: CloudStack's jobs succeeded, but it still reports version "
            f"{router.version or 'none'} and not {version}; its disk was not renewed"
        )
    return router.version


async def reboot(run: Run, router_id: str, name: str) -> None:
    """Stop a router and start it, which renews its disk where its template is a newer one."""
    await stop(run, router_id, name)
    await start(run, router_id, name)


async def bring_back(run: Run, router_id: str, name: str) -> None:
    """Bring a router to Running that CloudStack has not started by itself within its grace."""
    state = await run.step(graced, router_id)
    if state is VmState.STOPPING:
        await stop(run, router_id, name)
    if state is not VmState.RUNNING:
        await start(run, router_id, name)


async def expect_role(run: Run, router_id: str, role: Role) -> None:
    """Expect a router to show a role in reads that are more than a role poll apart."""
    await run.step(role_seen, router_id, role.value)


async def standby_proven(run: Run, router_id: str, version: str = "", *, empty: bool) -> None:
    """Expect a Running BACKUP, seen as one for a role poll, whose checks do not fail."""
    await expect_role(run, router_id, Role.BACKUP)
    await run.step(expect_standby, router_id, version, empty)


async def hand_over(run: Run, primary_id: str, name: str, standby_id: str) -> None:
    """Reboot the primary, so that its proven standby takes over, and see both in their roles."""
    await reboot(run, primary_id, name)
    await roles_swapped(run, primary_id, standby_id)


async def roles_swapped(run: Run, primary_id: str, standby_id: str) -> None:
    """See the one that was PRIMARY as BACKUP, and its standby as PRIMARY."""
    await expect_role(run, standby_id, Role.PRIMARY)
    await expect_role(run, primary_id, Role.BACKUP)
