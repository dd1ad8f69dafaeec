"""How work on a stopped ILB VM is carried out: one of twins, beside a temporary twin, or an outage.

Twins, one after the other (`twins`, or `outage of twins` where a port has no name):
1. See the other one answer. Withdraw its address from the names, and wait until clients have
   looked again and are gone, by HAProxy's own count where that is visible, or for a stated time.
2. See that its twin serves. Stop it, do the work, and start it.
3. Expect what the work is for, its rules, another host than its twin's, and that it answers.
4. Publish it again and watch both. From here a stop counts again.

Single with a name (`beside`):
1. Build a temporary twin, fit it, prove it, and move the names to it alone; wait as above.
2. See that the twin serves. Stop the ILB, do the work, start it; expect what the work is for, rules
   and answers.
3. Move the names back, watch, wait until the twin's clients are gone, and take it away.

Single without (`outage`): stop, work, start; expect what the work is for, the rules, and that it
answers where it was seen to before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bot.domain.cloud import VmState
from bot.domain.ilb_acts import SAFE_ORDER
from bot.domain.plan import Plan, in_words
from bot.domain.probing import Watched
from bot.domain.rolling import Detour, why_not_beside
from bot.domain.service_view import ServiceView
from bot.domain.view import View, ports_in
from bot.engine.api import Run
from bot.errors import Refused
from bot.services.runbooks import Probing
from workflows import ilb_way_plans
from workflows.ilb_way_plans import Way
from workflows.steps import host, ilb_vm, probe, twin


@dataclass(frozen=True, slots=True)
class Work:
    """What a runbook does to an ILB VM, given its id and name.

    `restart` stops it and starts it again. There it passes the point from which what came before
    is not simply undone, and calls what it is given once the undo of what surrounds the machine
    shall be undone before its own. `expect` fails unless the machine is as wanted afterwards;
    `short_of` says of one that runs in what it is not, `done` what it then was. Where it
    `takes_back`, its undo stops the machine again, so that clients who were sent to it are led
    away first.
    """

    restart: Callable[[Run, Plan, str, str, Callable[[], None]], Awaitable[None]]
    expect: Callable[[Run, Plan, str], Awaitable[None]]
    short_of: Callable[[View, Plan], Sequence[str]]
    done: str
    takes_back: bool = False


async def apply(run: Run, planned: Plan, work: Work) -> None:
    """Work by the way that was planned, as the module's docstring numbers it."""
    way = Way(planned.parameter("way"))
    ways = {Way.OUTAGE: _in_the_open, Way.BESIDE: _beside}
    await ways.get(way, _as_twins)(run, planned, work)


async def _in_the_open(run: Run, planned: Plan, work: Work) -> None:
    target, vip = planned.target, planned.parameter("vip")
    answered = await probe.proven(run, vip)
    await work.restart(run, planned, target.id, target.name, _nothing)
    await work.expect(run, planned, target.id)
    await ilb_vm.rules_as_planned(run, planned)
    if answered:
        run.stage(f"See {vip} answer again")
        await twin.prove(run, planned, vip)


async def _as_twins(run: Run, planned: Plan, work: Work) -> None:
    every = _places(planned)
    for turn in ilb_way_plans.turns_of(planned):
        peer_vip = next(one.vip for one in every if one.vip != turn.vip)
        away = _away(planned, turn.vip)
        run.stage(f"See {peer_vip} serve")
        await twin.prove(run, planned, peer_vip)
        await _within_budget(run, planned)
        run.stage(f"Withdraw {turn.vip}" if turn.out else "")
        for move in turn.out:
            await twin.publish(run, move)
        await probe.watch(run, away)
        await _within_budget(run, planned)
        if turn.out:
            await probe.quiet(run, planned, turn.vip, away)
        await twin.carries(run, planned, peer_vip, f"stop {turn.vm_name}")
        await _within_budget(run, planned)
        run.stage(f"Stop and start {turn.vm_name}")
        goes_back = partial(twin.goes_back, run, planned, turn.vip, turn.back)
        await work.restart(run, planned, turn.vm_id, turn.vm_name, goes_back)
        await work.expect(run, planned, turn.vm_id)
        await run.step(ilb_vm.expect_rules, planned.target.tier_id, turn.vip, turn.rules)
        run.stage(f"See {turn.vm_name} on another host than its twin")
        peer = await run.step(host.stands, turn.peer_id, ())
        await host.apart(run, turn.vm_id, turn.vm_name, (peer.host_id,))
        run.stage(f"Prove {turn.vip}")
        await twin.prove(run, planned, turn.vip)
        run.stage(f"Publish {turn.vip} again" if turn.out else f"Watch {turn.vip}")
        if work.takes_back and turn.out:
            _leaves_first(run, planned, turn.vip, away)
        for move in turn.back:
            await twin.publish(run, move)
        if turn.out:
            _seen_first(run, planned, peer_vip, every)
        await probe.watch(run, every)
        await run.sleep(await run.step(probe.bake_s))
        await _within_budget(run, planned)
        run.commit(f"{turn.vm_name} was {work.done}")
        run.reopen()


def _away(planned: Plan, vip: str) -> tuple[Watched, ...]:
    """What is watched while one of twins is away: a port that no name withdraws goes on counting.

    Its clients are cut as the plan states, and the receipt tells how many.
    """
    withdrawn = _led_by_names(planned)
    return tuple(
        replace(one, counts=one.vip != vip or one.port not in withdrawn) for one in _places(planned)
    )


def _led_by_names(planned: Plan) -> tuple[int, ...]:
    if planned.parameter("way") == Way.TWINS:
        return ports_in(planned)
    return tuple(int(port) for port in planned.parameter("named ports").split())


async def _within_budget(run: Run, planned: Plan) -> None:
    """Stop here for a loss that was not stated: that of a port whose clients a name leads away."""
    if planned.parameter("way") == Way.TWINS:
        await probe.within_budget(run)
    elif ports := _led_by_names(planned):
        await run.step(probe.budget_kept_of, run.id, ports)


async def _beside(run: Run, planned: Plan, work: Work) -> None:
    way, target = ilb_way_plans.detour_of(planned), planned.target
    mine, beside = _places(planned), _places_beside(planned, way)
    moved, back = (*_aside(mine), *beside), (*mine, *_aside(beside))
    await _move_to_a_twin(run, planned, way)
    run.stage(f"Stop and start {target.name}")

    async def clear() -> None:
        await probe.watch(run, back)
        await probe.quiet(run, planned, way.twin.twin_vip, back)
        await twin.take_away(run, way.twin)

    def around() -> None:
        run.undo("take the temporary twin away", clear)
        twin.goes_back(run, planned, way.twin.vip, way.back)

    await work.restart(run, planned, target.id, target.name, around)
    await work.expect(run, planned, target.id)
    rules = planned.parameter("rules")
    await run.step(ilb_vm.expect_rules, target.tier_id, way.twin.vip, rules)
    run.stage("Prove it, and move the names back")
    await twin.carries(run, planned, way.twin.vip, "move the names back")
    await twin.prove(run, planned, way.twin.vip)
    if work.takes_back:
        _leaves_first(run, planned, way.twin.vip, moved)
    for move in way.back:
        await twin.publish(run, move)
    _seen_first(run, planned, way.twin.twin_vip, back)
    await probe.watch(run, back)
    await probe.bake(run)
    run.commit(f"{target.name} was {work.done}")
    await probe.quiet(run, planned, way.twin.twin_vip, back)
    run.stage("Take the temporary twin away")
    await twin.carries(run, planned, way.twin.vip, f"take {way.twin.twin_vip} away")
    await twin.prove(run, planned, way.twin.vip)
    await probe.watch(run, mine)
    await twin.take_away(run, way.twin)


async def _move_to_a_twin(run: Run, planned: Plan, way: Detour) -> None:
    """Build a temporary twin and let it carry everything."""
    mine, beside = _places(planned), _places_beside(planned, way)
    run.stage(f"Build a temporary twin at {way.twin.twin_vip}")
    await twin.build(run, way.twin)
    machine = await twin.machine(run, way.twin.tier_id, way.twin.twin_vip)
    await twin.fit(run, machine, way.twin.offering_id)
    await twin.mark(run, way.twin)
    await probe.watch(run, (*mine, *_aside(beside)))
    run.stage("Prove that it answers")
    await twin.prove(run, planned, way.twin.twin_vip)
    run.stage("Move the names to it")
    _leaves_first(run, planned, way.twin.twin_vip, (*mine, *_aside(beside)))
    for move in way.out:
        await twin.publish(run, move)
    moved = (*_aside(mine), *beside)
    _seen_first(run, planned, way.twin.vip, moved)
    await probe.watch(run, moved)
    await probe.within_budget(run)
    await probe.quiet(run, planned, way.twin.vip, moved)
    await twin.carries(run, planned, way.twin.twin_vip, f"stop {planned.target.name}")
    await probe.within_budget(run)


def _places_beside(planned: Plan, way: Detour) -> tuple[Watched, ...]:
    return tuple(Watched(way.twin.twin_vip, one.port) for one in _places(planned))


def _leaves_first(run: Run, planned: Plan, vip: str, places: tuple[Watched, ...]) -> None:
    """Let an undo wait until clients who were sent to it again have left it once more."""

    async def leave() -> None:
        await probe.watch(run, places)
        await probe.quiet(run, planned, vip, places)

    run.undo(f"{vip} left by its clients", leave)


def _seen_first(run: Run, planned: Plan, vip: str, places: tuple[Watched, ...]) -> None:
    """Let an undo lead clients to an address only while it answers: else they stay where they are.

    What was lost may be the other one's, which died meanwhile, and CloudStack notices late.
    """

    async def seen() -> None:
        await probe.watch(run, places)
        await twin.carries(run, planned, vip, "lead clients back there")
        await twin.prove(run, planned, vip)

    run.undo(f"{vip} seen to serve", seen)


def _nothing() -> None:
    """Nothing surrounds a machine that is stopped in the open."""


def may_build(seen: ServiceView) -> bool:
    """Whether a temporary twin could carry its traffic."""
    return seen.twin is None and not why_not_beside(seen)


def machines(seen: ServiceView) -> tuple[View, ...]:
    """Return the ILBs worked on, in order.

    The twin comes first: the one that was named serves while the way is tried on the other.
    """
    return (seen.twin, seen.ilb) if seen.twin is not None else (seen.ilb,)


def left_to_do(seen: ServiceView, planned: Plan, work: Work) -> tuple[str, ...]:
    """Return what is not as planned of each machine that was worked on."""
    due = planned.parameter("due").split()
    left = [
        line for one in (seen.ilb, seen.twin) if one and one.vip in due
        for line in (_not_running(one) or (*_not_kept(one, planned), *work.short_of(one, planned)))
    ]  # fmt: skip
    if planned.parameter("way") == Way.BESIDE:
        way = ilb_way_plans.detour_of(planned)
        if seen.site.ilb_at(way.twin.twin_vip) or seen.site.rules_on(way.twin.twin_vip):
            left.append(f"the temporary twin at {way.twin.twin_vip} is still there")
        left += [
            f"{record.name} is published as {in_words(record.addresses) or 'nothing'}"
            for move in way.back
            if (record := seen.record(move.after.name)).addresses != move.after.addresses
        ]
    return tuple(left)


def _not_running(view: View) -> list[str]:
    if view.vm is None or view.vm.state is not VmState.RUNNING:
        return [f"{view.name} is {view.state}, not Running"]
    return []


def _not_kept(view: View, planned: Plan) -> list[str]:
    if view.vip != planned.parameter("vip"):
        return []
    kept = ("rule on port", "tier state")
    return [change for change in view.changes(planned) if change.startswith(kept)]


def unsafe(seen: ServiceView) -> str:
    """Say why a failed change must not be left alone: an address clients are sent to is dead."""
    published = {address for record in seen.records for address in record.addresses}
    for one in (seen.ilb, *([seen.twin] if seen.twin else [])):
        if not _not_running(one):
            continue
        if one.vip in published or not published:
            return f"{one.name} is {one.state}: {one.services()} is not served"
        carries = in_words(sorted(published))
        return f"{one.name} is {one.state}; {carries} carries its traffic meanwhile"
    return ""


def probed(planned: Plan) -> Probing:
    """Measure an outage that the plan states; anything else must be without loss."""
    lossless = planned.parameter("way") in {Way.TWINS, Way.BESIDE}
    return Probing(_places(planned), must_prove=lossless)


def _places(planned: Plan) -> tuple[Watched, ...]:
    """What serves when the change begins and when it has ended."""
    vips = planned.parameter("vips").split()
    return tuple(Watched(vip, port) for vip in vips for port in ports_in(planned))


def _aside(places: Iterable[Watched]) -> tuple[Watched, ...]:
    return tuple(Watched(one.vip, one.port, counts=False) for one in places)


def refuse_dangers(seen: ServiceView, runbook: str) -> None:
    """Refuse where stopping one of its machines must not be tried, whatever it is for."""
    for view in (seen.ilb, seen.twin):
        if view is not None:
            _refuse_dangers_of(view, runbook)


def _refuse_dangers_of(view: View, runbook: str) -> None:
    if view.busy_with:
        raise Refused(
            f"Operation {view.busy_with} is open on {view.name}.",
            until="it ends",
            instead=f"`why {view.busy_with}` shows where it stands.",
        )
    if not view.tier.is_implemented:
        raise Refused(
            f"Tier {view.tier.name} is {view.tier.state}, not Implemented: starting anything in an "
            "idle tier that has internal rules can hang it for good.",
            instead=SAFE_ORDER,
        )
    if view.recreate_checks:
        raise Refused(
            "CloudStack is set to replace routers by itself when a check fails "
            f"(router.health.checks.failures.to.recreate.vr = {view.recreate_checks}), and a "
            "failing check of an ILB VM counts: it could act on this VPC meanwhile.",
            instead="Empty that setting for the zone first.",
        )
    if half_done := [f"{one.name} ({one.state})" for one in view.rules if one.is_half_done]:
        raise Refused(
            f"Rules on {view.vip} are half done: {in_words(half_done)}.",
            instead="Repair them first: remove and assign the member again, or delete again.",
        )
    if view.vm is None:
        raise Refused(
            f"No ILB VM has {view.vip}, so there is nothing to {runbook}.",
            instead=f"`recover {view.vip}` finds out why.",
        )
    if view.vm.state is not VmState.RUNNING:
        raise Refused(
            f"{view.vm.name} is {view.vm.state}, not Running.",
            instead=f"`recover {view.vm.name}` says why and what can be done.",
        )
