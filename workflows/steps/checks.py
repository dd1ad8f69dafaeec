"""Waits until the health checks of a machine were collected again after its start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from bot.domain.health import CheckResult, CheckStatus
from bot.engine.api import Retry, verb
from bot.ports import World
from workflows.steps.jobs import until

Read = Callable[[], Awaitable[Sequence[CheckResult]]]


async def what_still_fails(
    world: World, read: Read, since: datetime | None, names: Sequence[str]
) -> str:
    """Wait until these checks were collected after a moment, and say which does not pass.

    Nothing makes them run afresh: CloudStack collects them every few minutes.
    """

    async def all_fresh() -> str | None:
        checks = {one.name: one for one in await read()}
        fresh = [checks[n] for n in names if n in checks and checks[n].updated is not None]
        fresh = [one for one in fresh if one.is_since(since)]
        bad = [one for one in fresh if one.status is CheckStatus.FAILED]
        if len(fresh) < len(names):
            return None
        return f"{bad[0].name} still fails: {bad[0].details or 'no details'}" if bad else ""

    said = await until(world, world.pace.checks_deadline_s, all_fresh, world.pace.checks_every_s)
    return "its checks were not collected again" if said is None else said


@verb(retry=Retry(attempts=1), timeout_s=3600.0)
async def ilb_checked_again(world: World, vm_id: str, names: Sequence[str]) -> str:
    """Wait until these checks of an ILB VM were collected after its last start; say what fails."""
    events = await world.cloud.events(
        resource_id=vm_id, resource_type="InternalLbVm", event_type="INTERNALLBVM.START", limit=1
    )
    since = events[0].created if events else None
    return await what_still_fails(world, lambda: world.cloud.ilb_checks(vm_id), since, names)
