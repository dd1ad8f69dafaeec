"""Switches the internal LB provider of a physical network on, and off again as the undo."""

from __future__ import annotations

from bot.engine.api import Retry, Run, Settled, StepFailed, verb
from bot.errors import Permanent
from bot.ports import World
from workflows.steps.jobs import PATIENT, end_of, taken, until

ENABLED = "Enabled"
DISABLED = "Disabled"
TRIES = 3


async def _state(world: World, provider_id: str) -> str:
    found = next((one for one in await world.cloud.providers() if one.id == provider_id), None)
    if found is None:
        raise Permanent(f"look at provider {provider_id}: CloudStack no longer has it")
    return found.state


async def _element_taken(world: World, provider_id: str) -> Settled[str] | None:
    async def shows() -> bool:
        element = await world.cloud.ilb_element(provider_id)
        return element is not None and element[1]

    return await taken(world, shows)


@verb(settle=_element_taken, retry=PATIENT)
async def submit_element(world: World, provider_id: str) -> str:
    """Submit that its element exists and is enabled: a provider without one is never ready."""
    element = await world.cloud.ilb_element(provider_id)
    if element is None:
        return (await world.cloud.create_ilb_element(provider_id)).job_id
    element_id, is_enabled = element
    return "" if is_enabled else await world.cloud.configure_ilb_element(element_id)


async def _state_taken(world: World, provider_id: str, state: str) -> Settled[str] | None:
    async def shows() -> bool:
        return await _state(world, provider_id) == state

    return await taken(world, shows)


@verb(settle=_state_taken, retry=PATIENT)
async def submit_state(world: World, provider_id: str, state: str) -> str:
    """Submit the state of the provider and return the job id, `""` where it has it."""
    if await _state(world, provider_id) == state:
        return ""
    return await world.cloud.set_provider(provider_id, state)


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
async def has_state(world: World, provider_id: str, state: str, *, waits: bool) -> bool:
    """Say whether the provider has the state; with `waits`, give it until the deadline."""

    async def shows() -> bool | None:
        return await _state(world, provider_id) == state or None

    return await until(world, world.pace.settle_deadline_s * waits, shows) or False


async def enable(run: Run, provider_id: str) -> None:
    """Enable the element, then the provider, in the order CloudStack asks for."""
    for _ in range(TRIES):  # an element that was only just created has to be enabled as well
        job = await run.step(submit_element, provider_id)
        if not job:
            break
        await end_of(run, job)
    await set_state(run, provider_id, ENABLED)


async def set_state(run: Run, provider_id: str, state: str) -> None:
    """Bring the provider to a state; what counts is what CloudStack says of it afterwards."""
    job = await run.step(submit_state, provider_id, state)
    end = await end_of(run, job)
    if not await run.step(has_state, provider_id, state, waits=not end.is_refused):
        text = f"set provider InternalLbVm to {state}: {end.text}"
        raise StepFailed("provider", "permanent", text, in_doubt=not end.is_known)
