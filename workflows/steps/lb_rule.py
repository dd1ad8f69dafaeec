"""Brings the LB rule on one VIP and port to a wanted state, from whatever is there.

Every act looks first and is looked at afterwards: a job's success says little, the rule on its
place is what counts. Bringing back what was there before is the same walk to another state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.domain.comparison import RuleChange
from bot.domain.rule_state import OUR_TAGS, Place, RuleState, state_of
from bot.domain.spec import KEEPER_TAG, Stickiness
from bot.engine.api import Retry, Run, Settled, StepFailed, verb
from bot.errors import Permanent
from bot.ports import World
from workflows.steps.jobs import PATIENT, JobEnd, await_job, taken, until

TRIES = 3
"""How often a refused deletion or a half-done change of members is tried before a person is
asked."""
KEEPER_NAME = "ilbot-keeper"


@dataclass(frozen=True, slots=True)
class Found:
    """What is on a place: `state` is None where there is no rule; `policy_id` is its stickiness."""

    id: str = ""
    state: RuleState | None = None
    is_half_done: bool = False
    is_going: bool = False
    policy_id: str = ""

    def is_at_rest_with(self, members: tuple[str, ...]) -> bool:
        """Whether it has just these members and no change of them is half done."""
        return self.state is not None and self.state.members == members and not self.is_half_done


async def _look(world: World, place: Place, *, sticky: bool = False) -> Found:
    """Read the rule, and its stickiness only where that is asked for: it takes a second call."""
    rules = await world.cloud.rules(tier_id=place.tier_id)
    rule = next((r for r in rules if (r.vip, r.source_port) == (place.vip, place.port)), None)
    if rule is None:
        return Found()
    policy = await world.cloud.stickiness(rule.id) if sticky else None
    policy_id, stickiness = policy or ("", None)
    tags = tuple(tag for tag in rule.tags if tag[0] in {*OUR_TAGS, KEEPER_TAG})
    state = replace(state_of(rule, stickiness), tags=tuple(sorted(tags)))
    return Found(rule.id, state, rule.is_half_done, rule.state == "Deleting", policy_id)


async def _there(
    world: World, place: Place, what: str, *, sticky: bool = False
) -> tuple[Found, RuleState]:
    found = await _look(world, place, sticky=sticky)
    if found.state is None:
        raise Permanent(f"{what} of {place}: there is no rule on it any more")
    return found, found.state


@verb(retry=PATIENT)
async def look(world: World, place: Place) -> Found:
    """Return what is on the place now."""
    return await _look(world, place)


@verb(retry=PATIENT)
async def look_closely(world: World, place: Place) -> Found:
    """Return what is on the place now, its stickiness too."""
    return await _look(world, place, sticky=True)


@verb(retry=Retry(attempts=1), timeout_s=3600.0)
async def at_rest(world: World, place: Place) -> Found:
    """Wait until no change of the rule is half done, or the deadline passed.

    While an assign deploys an ILB VM its rule is in `Add` with the member listed for as long.
    """

    async def resting() -> Found | None:
        found = await _look(world, place)
        return None if found.is_half_done else found

    return await until(world, world.pace.settle_deadline_s, resting) or await _look(world, place)


async def _create_taken(world: World, place: Place, wanted: RuleState) -> Settled[str] | None:
    return Settled("") if (await _look(world, place)).id else None


@verb(settle=_create_taken, retry=PATIENT)
async def submit_create(world: World, place: Place, wanted: RuleState) -> str:
    """Submit the creation and return its job id, `""` where the rule is there already."""
    if (await _look(world, place)).id:
        return ""
    created = await world.cloud.create_rule(
        place.tier_id,
        vip=place.vip,
        port=place.port,
        to=wanted.to,
        algorithm=wanted.algorithm,
        name=wanted.name,
    )
    return created.job_id


async def _delete_taken(world: World, place: Place) -> Settled[str] | None:
    async def shows() -> bool:
        found = await _look(world, place)
        return not found.id or found.is_going

    return await taken(world, shows)


@verb(settle=_delete_taken, retry=PATIENT)
async def submit_delete(world: World, place: Place) -> str:
    """Submit the deletion and return its job id, `""` where there is no rule."""
    found = await _look(world, place)
    return await world.cloud.delete_rule(found.id) if found.id else ""


@verb(retry=Retry(attempts=1), timeout_s=3600.0)
async def gone(world: World, place: Place) -> bool:
    """Wait until no rule is on the place; False where one is still there at the deadline."""

    async def shows() -> bool | None:
        return not (await _look(world, place)).id or None

    return await until(world, world.pace.power_sync_s, shows) or False


async def _assign_taken(world: World, place: Place, vm_ids: tuple[str, ...]) -> Settled[str] | None:
    async def shows() -> bool:
        _, state = await _there(world, place, "assign members")
        return set(vm_ids) <= set(state.members)

    return await taken(world, shows)


@verb(settle=_assign_taken, retry=PATIENT)
async def submit_assign(world: World, place: Place, vm_ids: tuple[str, ...]) -> str:
    """Submit all new members in one call and return its job id: the ILB VM comes with the first."""
    found, _ = await _there(world, place, "assign members")
    return await world.cloud.assign(found.id, vm_ids)


async def _remove_taken(world: World, place: Place, vm_ids: tuple[str, ...]) -> Settled[str] | None:
    async def shows() -> bool:
        _, state = await _there(world, place, "remove members")
        return not set(vm_ids) & set(state.members)

    return await taken(world, shows)


@verb(settle=_remove_taken, retry=PATIENT)
async def submit_remove(world: World, place: Place, vm_ids: tuple[str, ...]) -> str:
    """Submit the removal of members and return its job id; removing a stranger succeeds."""
    found, _ = await _there(world, place, "remove members")
    return await world.cloud.remove(found.id, vm_ids)


async def _untag_taken(
    world: World, place: Place, wanted: tuple[tuple[str, str], ...]
) -> Settled[str] | None:
    async def shows() -> bool:
        _, state = await _there(world, place, "take tags")
        return not _stale(state, wanted)

    return await taken(world, shows)


@verb(settle=_untag_taken, retry=PATIENT)
async def submit_untag(world: World, place: Place, wanted: tuple[tuple[str, str], ...]) -> str:
    """Take away our tags that are not as wanted: one that exists is never overwritten (530)."""
    found, state = await _there(world, place, "take tags")
    stale = _stale(state, wanted)
    return await world.cloud.delete_tags(found.id, stale) if stale else ""


async def _tag_taken(
    world: World, place: Place, wanted: tuple[tuple[str, str], ...]
) -> Settled[str] | None:
    async def shows() -> bool:
        _, state = await _there(world, place, "tag the rule")
        return set(wanted) <= set(state.tags)

    return await taken(world, shows)


@verb(settle=_tag_taken, retry=PATIENT)
async def submit_tag(world: World, place: Place, wanted: tuple[tuple[str, str], ...]) -> str:
    """Set the tags that are missing and return the job id, `""` where none is."""
    found, state = await _there(world, place, "tag the rule")
    missing = {key: value for key, value in wanted if (key, value) not in state.tags}
    return await world.cloud.create_tags(found.id, missing) if missing else ""


async def _stick_taken(
    world: World, place: Place, wanted: Stickiness | None
) -> Settled[str] | None:
    async def shows() -> bool:
        _, state = await _there(world, place, "set the stickiness", sticky=True)
        return state.stickiness == wanted

    return await taken(world, shows)


@verb(settle=_stick_taken, retry=PATIENT)
async def submit_stickiness(world: World, place: Place, wanted: Stickiness | None) -> str:
    """Set or take away the stickiness policy; a second policy replaces the first."""
    found, state = await _there(world, place, "set the stickiness", sticky=True)
    if state.stickiness == wanted:
        return ""
    if wanted is None:
        return await world.cloud.unstick(found.policy_id)
    return (await world.cloud.stick(found.id, f"{state.name}-sticky", wanted)).job_id


@verb(retry=PATIENT)
async def expect(world: World, place: Place, wanted: RuleState) -> str:
    """Fail unless the rule is as wanted, whatever the jobs said; return its id."""
    found = await _look(world, place, sticky=True)
    if found.state is None or found.is_half_done or not found.state.is_like(wanted):
        is_ = "there is none" if found.state is None else f"it has {_in_words(found)}"
        raise Permanent(f"compare the rule on {place} with the plan: {is_}; somebody may have "
                        "changed it meanwhile")  # fmt: skip
    return found.id


async def carry_out(run: Run, tier_id: str, change: RuleChange) -> None:
    """Bring a rule from what was there to what is wanted; undone by the same walk back."""
    place = Place(tier_id, change.vip, change.port)
    words = f"{place} as it was" if change.before else f"no rule on {place}"
    run.undo(words, lambda: bring(run, place, change.before, change.keeper))
    await bring(run, place, change.after, change.keeper)


async def mark(run: Run, tier_id: str, change: RuleChange) -> None:
    """Set the tags of a rule that stays as it is; undone by setting those it had."""
    assert change.before is not None and change.after is not None
    place, before, after = Place(tier_id, change.vip, change.port), change.before, change.after
    run.undo(f"tags of {place} as they were", lambda: set_tags(run, place, before.tags))
    await set_tags(run, place, after.tags)


async def bring(run: Run, place: Place, wanted: RuleState | None, keeper: int = 0) -> None:
    """Bring the rule on a place to the wanted state, None for no rule.

    `keeper` is a port on which a second rule holds the VIP while this one is deleted and created
    again; with the last rule of a VIP CloudStack destroys its ILB VM.
    """
    now = await run.step(look, place)
    away = now.state is not None and (
        wanted is None or now.is_going or not now.state.is_made_like(wanted)
    )
    if away:
        if wanted is not None and keeper:
            await _hold(run, replace(place, port=keeper), now, wanted)
        await _delete(run, place)
    if wanted is None:
        return
    is_new = away or now.state is None
    if is_new:
        await _create(run, place, wanted)
    await _set_members(run, place, wanted.members)
    await _set_stickiness(run, place, wanted.stickiness)
    if not is_new:
        await set_tags(run, place, wanted.tags)
    if keeper:
        await _delete(run, replace(place, port=keeper))
    await run.step(expect, place, wanted)


async def _hold(run: Run, place: Place, now: Found, wanted: RuleState) -> None:
    """Put up a rule that holds the VIP; with a member, so that CloudStack counts it as Active.

    One that is there already, from the change that is being undone, serves as it is.
    """
    assert now.state is not None
    held = (await run.step(look, place)).state
    if held is None:
        holder = RuleState(KEEPER_NAME, wanted.to, wanted.algorithm, tags=((KEEPER_TAG, "true"),))
        await _create(run, place, holder)
    if held is None or not held.members:
        await _set_members(run, place, now.state.members[:1])


async def _create(run: Run, place: Place, wanted: RuleState) -> None:
    """Create and tag at once: an unfinished rule of ours must be known as ours."""
    job = await run.step(submit_create, place, wanted)
    end = await run.step(await_job, job)
    if not (await run.step(look, place)).id:
        raise _failed(f"create the rule on {place}", end)
    await set_tags(run, place, wanted.tags)


async def _delete(run: Run, place: Place) -> None:
    """Delete what is on a place; after a refusal it stays `Deleting`, and again is the repair."""
    end = JobEnd(False, False, "")
    for _ in range(TRIES):
        if not (await run.step(look, place)).id:
            return
        job = await run.step(submit_delete, place)
        end = await run.step(await_job, job)
        if (end.succeeded or not end.is_known) and await run.step(gone, place):
            return
    raise _failed(f"delete the rule on {place}", end)


async def _set_members(run: Run, place: Place, wanted: tuple[str, ...]) -> None:
    """Bring the members about: new ones before old ones go, and what is half done repaired.

    A rule in `Add` with a member listed is repaired by removing one member and assigning it
    again; the same assign again fails (LoadBalancingRulesManagerImpl).
    """
    now = Found()
    for _ in range(TRIES):
        now = await run.step(look, place)
        if now.is_half_done and now.state is not None:
            listed = now.state.members
            surplus = tuple(one for one in listed if one not in wanted)
            await _remove(run, place, surplus or listed[:1])
            now = await run.step(look, place)
        if now.state is None:
            break
        listed = now.state.members
        if new := tuple(one for one in wanted if one not in listed):
            await _assign(run, place, new)
        if old := tuple(one for one in listed if one not in wanted):
            await _remove(run, place, old)
        if new or old:
            now = await run.step(look, place)
        if now.is_at_rest_with(wanted):
            return
    text = f"set the members of {place}: after {TRIES} tries it has {_in_words(now)}"
    raise StepFailed("members", "permanent", text, in_doubt=now.is_half_done)


async def _assign(run: Run, place: Place, vm_ids: tuple[str, ...]) -> None:
    job = await run.step(submit_assign, place, vm_ids)
    what = f"assign {len(vm_ids)} members to {place}"
    await _follow(run, place, what, job, lambda state: set(vm_ids) <= set(state.members))


async def _remove(run: Run, place: Place, vm_ids: tuple[str, ...]) -> None:
    job = await run.step(submit_remove, place, vm_ids)
    what = f"remove {len(vm_ids)} members from {place}"
    await _follow(run, place, what, job, lambda state: not set(vm_ids) & set(state.members))


async def _set_stickiness(run: Run, place: Place, wanted: Stickiness | None) -> None:
    if job := await run.step(submit_stickiness, place, wanted):
        what = f"set the stickiness of {place}"
        await _follow(run, place, what, job, lambda state: state.stickiness == wanted)


async def set_tags(run: Run, place: Place, wanted: tuple[tuple[str, str], ...]) -> None:
    """Bring our tags on a rule to these; a tag that exists is deleted before it is set again."""
    what = f"tag the rule on {place}"
    if job := await run.step(submit_untag, place, wanted):
        await _follow(run, place, what, job, lambda state: not _stale(state, wanted))
    if job := await run.step(submit_tag, place, wanted):
        await _follow(run, place, what, job, lambda state: set(wanted) <= set(state.tags))


async def _follow(
    run: Run, place: Place, what: str, job: str, shows: Callable[[RuleState], bool]
) -> None:
    """Follow a job; it failed only where its rule does not show its effect: some do all, say no.

    Where nobody knows how it ended, its rule tells once it is at rest.
    """
    end = await run.step(await_job, job)
    if not end.is_known:
        await run.step(at_rest, place)
    elif not end.succeeded:
        found = await run.step(look_closely, place)
        if found.state is None or found.is_half_done or not shows(found.state):
            raise _failed(what, end)


def _stale(state: RuleState, wanted: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple(key for key, value in state.tags if (key, value) not in wanted)


def _failed(what: str, end: JobEnd) -> StepFailed:
    why = end.text if end.is_known else "CloudStack does not say how it ended"
    return StepFailed("lb_rule", "permanent", f"{what}: {why}", in_doubt=not end.is_known)


def _in_words(found: Found) -> str:
    if found.state is None:
        return "no rule"
    count = len(found.state.members)
    half = ", half done" if found.is_half_done else ""
    members = "1 member" if count == 1 else f"{count} members"
    return f"{members}, {found.state.algorithm} to port {found.state.to}{half}"
