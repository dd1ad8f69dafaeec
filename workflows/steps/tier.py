"""Re-implements a tier, which redeploys its missing ILB VMs and starts its stopped ones."""

from __future__ import annotations

from bot.domain.cloud import VmState
from bot.engine.api import Retry, Run, Settled, StepFailed, verb
from bot.ports import World
from workflows.steps.jobs import PATIENT, end_of, until

RESTART = "NETWORK.RESTART"
TRIES = 3
"""How often a restart is submitted that a restart of the management server cuts off."""


async def _restart_taken(world: World, tier_id: str, since: str) -> Settled[str] | None:
    return Settled("") if await _newest_restart(world, tier_id) != since else None


async def _newest_restart(world: World, tier_id: str) -> str:
    return await newest_restart_of(world, RESTART, tier_id)


async def newest_restart_of(world: World, event_type: str, place_id: str) -> str:
    """Return the id of the newest restart event of a VPC or network, `""` where there is none."""
    events = await world.cloud.events(event_type=event_type, limit=50)
    return next((event.id for event in events if event.resource_id == place_id), "")


@verb(retry=PATIENT)
async def newest_restart(world: World, tier_id: str) -> str:
    """Return the id of the tier's newest restart event, by which ours is told from older ones."""
    return await _newest_restart(world, tier_id)


@verb(settle=_restart_taken, retry=PATIENT)
async def submit_restart(world: World, tier_id: str, since: str) -> str:
    """Submit `restartNetwork cleanup=false` and return its job id."""
    return await world.cloud.restart_tier(tier_id)


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
async def ilb_at(world: World, tier_id: str, vip: str) -> str:
    """Wait until an ILB VM with that VIP is Running and return its id, `""` at the deadline."""

    async def running() -> str | None:
        vms = await world.cloud.ilb_vms(tier_id=tier_id)
        return next((v.id for v in vms if v.vip == vip and v.state is VmState.RUNNING), None)

    return await until(world, world.pace.settle_deadline_s, running) or ""


async def redeploy(run: Run, tier_id: str, vip: str) -> str:
    """Bring back the ILB VM of a VIP by re-implementing its tier; return the new machine's id.

    Done again where a restart of CloudStack cut it off: what it left is deployed or started then.
    """
    for _ in range(TRIES):
        since = await run.step(newest_restart, tier_id)
        job = await run.step(submit_restart, tier_id, since)
        end = await end_of(run, job)
        if vm_id := await run.step(ilb_at, tier_id, vip):
            return vm_id
        if end.is_known:
            break
    why = end.text if end.is_known else "CloudStack does not say why"
    text = f"bring back the ILB VM of {vip}: restarting its tier did not do it: {why}"
    raise StepFailed("redeploy", "permanent", text, in_doubt=not end.is_known)
