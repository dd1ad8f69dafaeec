"""What can be asked of and done to the LB rule on one VIP and port, each act with its own look.

An act looks before, for what it needs of the rule; how it ended is for `lb_rule` to see.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.domain.rule_state import OUR_TAGS, Place, RuleState, state_of
from bot.domain.spec import KEEPER_TAG, Stickiness
from bot.engine.api import Retry, Settled, verb
from bot.errors import Permanent
from bot.ports import World
from workflows.steps.jobs import PATIENT, taken, until


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


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
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


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
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
        return not stale(state, wanted)

    return await taken(world, shows)


@verb(settle=_untag_taken, retry=PATIENT)
async def submit_untag(world: World, place: Place, wanted: tuple[tuple[str, str], ...]) -> str:
    """Take away our tags that are not as wanted: one that exists is never overwritten (530)."""
    found, state = await _there(world, place, "take tags")
    keys = stale(state, wanted)
    return await world.cloud.delete_tags(found.id, keys) if keys else ""


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
        is_ = "there is none" if found.state is None else f"it has {in_words(found)}"
        raise Permanent(f"compare the rule on {place} with the plan: {is_}; somebody may have "
                        "changed it meanwhile")  # fmt: skip
    return found.id


def stale(state: RuleState, wanted: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return the keys of our tags that are not as wanted."""
    return tuple(key for key, value in state.tags if (key, value) not in wanted)


def in_words(found: Found) -> str:
    """Say what is on a place."""
    if found.state is None:
        return "no rule"
    count = len(found.state.members)
    half = ", half done" if found.is_half_done else ""
    members = "1 member" if count == 1 else f"{count} members"
    return f"{members}, {found.state.algorithm} to port {found.state.to}{half}"
