"""Makes a network ACL list and puts it in force on a tier, and the way back."""

from __future__ import annotations

from bot.domain.acl import same_rules
from bot.domain.comparison import AclChange
from bot.domain.site import AclRule
from bot.engine.api import Retry, Run, Settled, StepFailed, verb
from bot.errors import Permanent
from bot.ports import World
from workflows.steps.jobs import PATIENT, JobEnd, end_of, taken, until


async def _named_like(world: World, vpc_id: str, change: AclChange, known: tuple[str, ...]) -> str:
    """Return the id of a list made since: names and descriptions identify nothing, ids do."""
    wanted = (change.name, change.description)
    new = (one for one in await world.cloud.acl_lists(vpc_id) if one.id not in known)
    return next((one.id for one in new if (one.name, one.description) == wanted), "")


@verb(retry=PATIENT)
async def lists_before(world: World, vpc_id: str) -> tuple[str, ...]:
    """Return the ids of the lists there are, by which ours is told from older ones."""
    return tuple(sorted(one.id for one in await world.cloud.acl_lists(vpc_id)))


async def _list_taken(
    world: World, vpc_id: str, change: AclChange, known: tuple[str, ...]
) -> Settled[str] | None:
    made = await _named_like(world, vpc_id, change, known)
    return Settled("") if made else None


@verb(settle=_list_taken, retry=PATIENT)
async def submit_list(world: World, vpc_id: str, change: AclChange, known: tuple[str, ...]) -> str:
    """Submit the creation of an empty list and return its job id."""
    created = await world.cloud.create_acl_list(vpc_id, change.name, change.description)
    return created.job_id


@verb(retry=PATIENT)
async def made_list(world: World, vpc_id: str, change: AclChange, known: tuple[str, ...]) -> str:
    """Return the id of the list that was made, `""` where there is none."""
    return await _named_like(world, vpc_id, change, known)


async def _has_entry(world: World, list_id: str, number: int) -> bool:
    return number in {one.number for one in await world.cloud.acl_rules(list_id)}


@verb(retry=PATIENT)
async def has_entry(world: World, list_id: str, number: int) -> bool:
    """Say whether the list has an entry of this number."""
    return await _has_entry(world, list_id, number)


async def _entry_taken(world: World, list_id: str, rule: AclRule) -> Settled[str] | None:
    return Settled("") if await _has_entry(world, list_id, rule.number) else None


@verb(settle=_entry_taken, retry=PATIENT)
async def submit_entry(world: World, list_id: str, rule: AclRule) -> str:
    """Submit one entry and return its job id; its number is its place in the order."""
    return (await world.cloud.create_acl_rule(list_id, rule)).job_id


@verb(retry=PATIENT)
async def expect_entries(world: World, list_id: str, rules: tuple[AclRule, ...]) -> int:
    """Fail unless the list says just what was planned; return how many entries it has."""
    found = await world.cloud.acl_rules(list_id)
    if not same_rules(found, rules):
        raise Permanent(
            f"compare network ACL list {list_id} with the plan: it has {len(found)} entries that "
            f"are not the {len(rules)} planned, so it was not put in force"
        )
    return len(found)


async def _in_force(world: World, tier_id: str) -> str:
    found = next((tier for tier in await world.cloud.tiers() if tier.id == tier_id), None)
    if found is None:
        raise Permanent(f"look at tier {tier_id}: CloudStack no longer has it")
    return found.acl_id


async def _replace_taken(world: World, tier_id: str, list_id: str) -> Settled[str] | None:
    async def shows() -> bool:
        return await _in_force(world, tier_id) == list_id

    return await taken(world, shows)


@verb(settle=_replace_taken, retry=PATIENT)
async def submit_replace(world: World, tier_id: str, list_id: str) -> str:
    """Submit that a list is put in force on a tier; return the job id, `""` where it is."""
    if await _in_force(world, tier_id) == list_id:
        return ""
    return await world.cloud.replace_acl_list(tier_id, list_id)


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
async def in_force(world: World, tier_id: str, list_id: str, *, waits: bool) -> bool:
    """Say whether the list is in force on the tier; with `waits`, give it until the deadline."""

    async def shows() -> bool | None:
        return await _in_force(world, tier_id) == list_id or None

    return await until(world, world.pace.settle_deadline_s * waits, shows) or False


async def _is_there(world: World, vpc_id: str, list_id: str) -> bool:
    return list_id in {one.id for one in await world.cloud.acl_lists(vpc_id)}


@verb(retry=PATIENT)
async def is_there(world: World, vpc_id: str, list_id: str) -> bool:
    """Say whether the list exists."""
    return await _is_there(world, vpc_id, list_id)


async def _drop_taken(world: World, vpc_id: str, list_id: str) -> Settled[str] | None:
    async def shows() -> bool:
        return not await _is_there(world, vpc_id, list_id)

    return await taken(world, shows)


@verb(settle=_drop_taken, retry=PATIENT)
async def submit_drop(world: World, vpc_id: str, list_id: str) -> str:
    """Submit the deletion of a list and return the job id, `""` where there is none."""
    if not await _is_there(world, vpc_id, list_id):
        return ""
    return await world.cloud.delete_acl_list(list_id)


async def make(run: Run, vpc_id: str, change: AclChange) -> str:
    """Make the new list with all its entries, in force nowhere; return its id."""
    known = await run.step(lists_before, vpc_id)
    run.undo(f"delete the new ACL list {change.name}", lambda: _unmake(run, vpc_id, change, known))
    job = await run.step(submit_list, vpc_id, change, known)
    end = await end_of(run, job)
    list_id = await run.step(made_list, vpc_id, change, known)
    if not list_id:
        raise _failed(f"create network ACL list {change.name}", end)
    for rule in change.rules:
        job = await run.step(submit_entry, list_id, rule)
        end = await end_of(run, job)
        if end.is_refused and not await run.step(has_entry, list_id, rule.number):
            raise _failed(f"add entry {rule.number} to network ACL list {change.name}", end)
    await run.step(expect_entries, list_id, change.rules)
    return list_id


async def _unmake(run: Run, vpc_id: str, change: AclChange, known: tuple[str, ...]) -> None:
    if list_id := await run.step(made_list, vpc_id, change, known):
        await drop(run, vpc_id, list_id, change.name)


async def put_in_force(run: Run, tier_id: str, list_id: str, name: str) -> None:
    """Put a list in force on a tier; what counts is what the tier says afterwards."""
    job = await run.step(submit_replace, tier_id, list_id)
    end = await end_of(run, job)
    if not await run.step(in_force, tier_id, list_id, waits=not end.is_refused):
        raise _failed(f"put network ACL list {name} in force", end)


async def drop(run: Run, vpc_id: str, list_id: str, name: str) -> None:
    """Delete a list; CloudStack refuses while a tier uses it (530)."""
    job = await run.step(submit_drop, vpc_id, list_id)
    if job:
        end = await end_of(run, job)
        if end.is_refused and await run.step(is_there, vpc_id, list_id):
            raise _failed(f"delete network ACL list {name}", end)


def _failed(what: str, end: JobEnd) -> StepFailed:
    why = f"its job {end.text}" if end.succeeded else end.text
    return StepFailed("acl", "permanent", f"{what}: {why}", in_doubt=not end.is_known)
