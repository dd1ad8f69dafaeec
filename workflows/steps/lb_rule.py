"""Brings the LB rule on one VIP and port to a wanted state, from whatever is there.

Every act looks first and is looked at afterwards: a job's success says little, the rule on its
place is what counts. What one look saw serves all that is decided on it. Bringing back what was
there before is the same walk to another state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.domain.comparison import RuleChange
from bot.domain.rule_state import Place, RuleState
from bot.domain.spec import KEEPER_TAG, Stickiness
from bot.engine.api import Run, StepFailed
from workflows.steps.jobs import JobEnd, end_of
from workflows.steps.rule_acts import (
    Found,
    at_rest,
    expect,
    gone,
    in_words,
    look,
    look_closely,
    stale,
    submit_assign,
    submit_create,
    submit_delete,
    submit_remove,
    submit_stickiness,
    submit_tag,
    submit_untag,
)

TRIES = 3
"""How often a refused deletion or a half-done change of members is tried before a person is
asked."""
KEEPER_NAME = "ilbot-keeper"


async def carry_out(run: Run, tier_id: str, change: RuleChange) -> None:
    """Bring a rule from what was there to what is wanted; undone by the same walk back."""
    place = Place(tier_id, change.vip, change.port)
    words = f"{place} as it was" if change.before else f"no rule on {place}"
    run.undo(words, lambda: bring(run, place, change.before, change.keeper))
    await bring(run, place, change.after, change.keeper)


async def expect_after(run: Run, tier_id: str, change: RuleChange) -> None:
    """Fail unless a rule is still as a change left it: what is next relies on its serving."""
    assert change.after is not None
    await run.step(expect, Place(tier_id, change.vip, change.port), change.after)


async def mark(run: Run, tier_id: str, change: RuleChange) -> None:
    """Set the tags of a rule that stays as it is; undone by setting those it had."""
    assert change.before is not None and change.after is not None
    place, before, after = Place(tier_id, change.vip, change.port), change.before, change.after
    run.undo(f"tags of {place} as they were", lambda: set_tags(run, place, before.tags))
    await set_tags(run, place, after.tags, known=before.tags)


async def bring(run: Run, place: Place, wanted: RuleState | None, keeper: int = 0) -> None:
    """Bring the rule on a place to the wanted state, None for no rule.

    `keeper` is a port on which a second rule holds the VIP while this one is deleted and created
    again; with the last rule of a VIP CloudStack destroys its ILB VM.
    """
    now = await run.step(look if wanted is None else look_closely, place)
    away = now.state is not None and (
        wanted is None or now.is_going or not now.state.is_made_like(wanted)
    )
    if away:
        if wanted is not None and keeper:
            await _hold(run, replace(place, port=keeper), now, wanted)
        await _delete(run, place)
    if wanted is None:
        return
    was = None if away else now.state
    if was is None:
        now = await _create(run, place, wanted)
    await _set_members(run, place, wanted.members, now)
    if wanted.stickiness != (was and was.stickiness):
        await _set_stickiness(run, place, wanted.stickiness)
    if was is not None:
        await set_tags(run, place, wanted.tags, known=was.tags)
    if keeper:
        await _delete(run, replace(place, port=keeper))
    await run.step(expect, place, wanted)


async def _hold(run: Run, place: Place, now: Found, wanted: RuleState) -> None:
    """Put up a rule that holds the VIP; with a member, so that CloudStack counts it as Active.

    One that is there already, from the change that is being undone, serves as it is.
    """
    assert now.state is not None
    held = await run.step(look, place)
    if held.state is None:
        holder = RuleState(KEEPER_NAME, wanted.to, wanted.algorithm, tags=((KEEPER_TAG, "true"),))
        held = await _create(run, place, holder)
    if held.state is None or not held.state.members:
        await _set_members(run, place, now.state.members[:1], held)


async def _create(run: Run, place: Place, wanted: RuleState) -> Found:
    """Create and tag at once: an unfinished rule of ours must be known as ours."""
    job = await run.step(submit_create, place, wanted)
    end = await end_of(run, job)
    made = await run.step(look, place)
    if made.state is None:
        raise _failed(f"create the rule on {place}", end)
    await set_tags(run, place, wanted.tags, known=made.state.tags)
    return made


async def _delete(run: Run, place: Place) -> None:
    """Delete what is on a place; after a refusal it stays `Deleting`, and again is the repair."""
    end = JobEnd(False, False, "")
    for _ in range(TRIES):
        job = await run.step(submit_delete, place)
        end = await end_of(run, job)
        if (end.succeeded or not end.is_known) and await run.step(gone, place):
            return
    raise _failed(f"delete the rule on {place}", end)


async def _set_members(run: Run, place: Place, wanted: tuple[str, ...], now: Found) -> None:
    """Bring the members about: new ones before old ones go, and what is half done repaired.

    A rule in `Add` with a member listed is repaired by removing one member and assigning it
    again; the same assign again fails (LoadBalancingRulesManagerImpl).
    """
    for _ in range(TRIES):
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
    text = f"set the members of {place}: after {TRIES} tries it has {in_words(now)}"
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


async def set_tags(
    run: Run,
    place: Place,
    wanted: tuple[tuple[str, str], ...],
    *,
    known: tuple[tuple[str, str], ...] | None = None,
) -> None:
    """Bring our tags on a rule to these; a tag that exists is deleted before it is set again.

    What is `known` of them needs no look; where it is wrong by now, CloudStack refuses (530).
    """
    what = f"tag the rule on {place}"
    surplus = known is None or any(tag not in wanted for tag in known)
    if surplus and (job := await run.step(submit_untag, place, wanted)):
        await _follow(run, place, what, job, lambda state: not stale(state, wanted))
    missing = known is None or any(tag not in known for tag in wanted)
    if missing and (job := await run.step(submit_tag, place, wanted)):
        await _follow(run, place, what, job, lambda state: set(wanted) <= set(state.tags))


async def _follow(
    run: Run, place: Place, what: str, job: str, shows: Callable[[RuleState], bool]
) -> None:
    """Follow a job; it failed only where its rule does not show its effect: some do all, say no.

    Where nobody knows how it ended, its rule tells once it is at rest.
    """
    end = await end_of(run, job)
    if not end.is_known:
        await run.step(at_rest, place)
    elif not end.succeeded:
        found = await run.step(look_closely, place)
        if found.state is None or found.is_half_done or not shows(found.state):
            raise _failed(what, end)


def _failed(what: str, end: JobEnd) -> StepFailed:
    why = end.text if end.is_known else "CloudStack does not say how it ended"
    return StepFailed("lb_rule", "permanent", f"{what}: {why}", in_doubt=not end.is_known)
