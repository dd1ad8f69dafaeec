"""roll, for ILBs: as one of twins, beside a temporary twin, or with the outage of a stop and start.

Twins, one after the other (`twins`, or `outage of twins` where a port has no name):
1. See the other one answer. Withdraw its address from the names, and wait until clients have
   looked again and are gone, by HAProxy's own count where that is visible, or for a stated time.
2. See that its twin serves. Stop it, pass its point of no return (a start replaces the disk), and
   start it.
3. Expect the version and its rules, another host than its twin's, and that it answers.
4. Publish it again and watch both. From here a stop counts again.

Single with a name (`beside`):
1. Build a temporary twin, fit it, prove it, and move the names to it alone; wait as above.
2. See that the twin serves. Stop the ILB, pass the point of no return, start it; expect version,
   rules and answers.
3. Move the names back, watch, wait until the twin's clients are gone, and take it away.

Single without (`outage`): stop, pass the point of no return, start; expect version and rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from bot.domain.acts import Act
from bot.domain.cloud import VmState
from bot.domain.ilb_acts import SAFE_ORDER
from bot.domain.operation import Wish
from bot.domain.plan import NothingToDo, Plan, in_words
from bot.domain.probing import Watched
from bot.domain.rolling import Turn, why_not_beside
from bot.domain.service_view import ServiceView
from bot.domain.target_version import Goal, goal, refuse_wrong_template
from bot.domain.version import is_same
from bot.domain.view import View, ports_in
from bot.engine.api import Run
from bot.errors import Refused
from bot.services.runbooks import Probing
from workflows import roll_plans
from workflows.steps import host, ilb_vm, probe, twin


def plan(seen: ServiceView, wish: Wish) -> Plan | NothingToDo:
    """Plan by what can carry the traffic meanwhile."""
    _refuse_dangers(seen)
    views = _machines(seen)
    aims = {one.vip: _aim(one, wish) for one in views}
    restart = wish.parameter("restart") == "True"
    due = [one for one in views if restart or not _has(one, aims[one.vip].version)]
    aim = aims[seen.ilb.vip]
    if not due:
        names = in_words([one.name for one in views])
        return NothingToDo(
            f"{names} already report{'' if len(views) > 1 else 's'} version {aim.version}.",
            (f"target version {aim.version}: {aim.where_from}",
             "to stop and start it anyway: `restart`"),
        )  # fmt: skip
    for one in due:
        assert one.vm is not None
        if not _has(one, aim.version):
            refuse_wrong_template(one.vm, one.templates, aim.version)
    if seen.twin is not None:
        return roll_plans.twins(seen, due, aim, restart)
    if wish.parameter("outage") != "True" and not why_not_beside(seen):
        return roll_plans.beside(seen, aim, restart)
    return roll_plans.outage(seen, aim, restart)


async def apply(run: Run, planned: Plan) -> None:
    """Renew by the way that was planned, as the module's docstring numbers it."""
    ways = {"twins": _roll_twins, "outage of twins": _roll_twins, "beside": _roll_beside}
    await ways.get(planned.parameter("way"), _roll_in_the_open)(run, planned)


async def _roll_in_the_open(run: Run, planned: Plan) -> None:
    target = planned.target
    run.undo(f"start {target.name} again", lambda: ilb_vm.put_back(run, target.id, target.name))
    await ilb_vm.stop(run, target.id, target.name)
    run.commit()
    await ilb_vm.start(run, target.id, target.name)
    await run.step(ilb_vm.expect_version, target.id, planned.parameter("version"))
    await ilb_vm.rules_as_planned(run, planned)


async def _roll_twins(run: Run, planned: Plan) -> None:
    every = _places(planned)
    for turn in roll_plans.turns_of(planned):
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
        run.undo(f"start {turn.vm_name} again", partial(_start_again, run, turn))
        await ilb_vm.stop(run, turn.vm_id, turn.vm_name)
        run.commit()
        await ilb_vm.start(run, turn.vm_id, turn.vm_name)
        twin.goes_back(run, planned, turn.vip, turn.back)
        await _renewed(run, planned, turn.vm_id, turn.vip, turn.rules)
        run.stage(f"See {turn.vm_name} on another host than its twin")
        peer = await run.step(host.stands, turn.peer_id, ())
        await host.apart(run, turn.vm_id, turn.vm_name, (peer.host_id,))
        run.stage(f"Prove {turn.vip}")
        await twin.prove(run, planned, turn.vip)
        run.stage(f"Publish {turn.vip} again" if turn.out else f"Watch {turn.vip}")
        for move in turn.back:
            await twin.publish(run, move)
        await probe.watch(run, every)
        await run.sleep(await run.step(probe.bake_s))
        await _within_budget(run, planned)
        run.commit(f"{turn.vm_name} was renewed")
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
    if planned.parameter("way") == "twins":
        return ports_in(planned)
    return tuple(int(port) for port in planned.parameter("named ports").split())


async def _within_budget(run: Run, planned: Plan) -> None:
    """Stop here for a loss that was not stated: that of a port whose clients a name leads away."""
    if planned.parameter("way") == "twins":
        await probe.within_budget(run)
    elif ports := _led_by_names(planned):
        await run.step(probe.budget_kept_of, run.id, ports)


async def _roll_beside(run: Run, planned: Plan) -> None:
    way, target = roll_plans.detour_of(planned), planned.target
    mine = _places(planned)
    beside = tuple(Watched(way.twin.twin_vip, one.port) for one in mine)
    run.stage(f"Build a temporary twin at {way.twin.twin_vip}")
    await twin.build(run, way.twin)
    machine = await twin.machine(run, way.twin.tier_id, way.twin.twin_vip)
    await twin.fit(run, machine, way.twin.offering_id)
    await twin.mark(run, way.twin)
    await probe.watch(run, (*mine, *_aside(beside)))
    run.stage("Prove that it answers")
    await twin.prove(run, planned, way.twin.twin_vip)
    run.stage("Move the names to it")
    for move in way.out:
        await twin.publish(run, move)
    moved = (*_aside(mine), *beside)
    await probe.watch(run, moved)
    await probe.within_budget(run)
    await probe.quiet(run, planned, way.twin.vip, moved)
    await twin.carries(run, planned, way.twin.twin_vip, f"stop {target.name}")
    await probe.within_budget(run)
    run.stage(f"Stop and start {target.name}")
    run.undo(f"start {target.name} again", lambda: ilb_vm.put_back(run, target.id, target.name))
    await ilb_vm.stop(run, target.id, target.name)
    run.commit()
    await ilb_vm.start(run, target.id, target.name)
    run.undo("take the temporary twin away", lambda: twin.take_away(run, way.twin))
    twin.goes_back(run, planned, way.twin.vip, way.back)
    await _renewed(run, planned, target.id, way.twin.vip, planned.parameter("rules"))
    run.stage("Prove it, and move the names back")
    await twin.carries(run, planned, way.twin.vip, "move the names back")
    await twin.prove(run, planned, way.twin.vip)
    for move in way.back:
        await twin.publish(run, move)
    back = (*mine, *_aside(beside))
    await probe.watch(run, back)
    await probe.bake(run)
    run.commit(f"{target.name} was renewed")
    await probe.quiet(run, planned, way.twin.twin_vip, back)
    run.stage("Take the temporary twin away")
    await twin.carries(run, planned, way.twin.vip, f"take {way.twin.twin_vip} away")
    await probe.watch(run, mine)
    await twin.take_away(run, way.twin)


def may_build(seen: ServiceView) -> bool:
    """Whether a temporary twin could carry its traffic."""
    return seen.twin is None and not why_not_beside(seen)


async def _start_again(run: Run, turn: Turn) -> None:
    await ilb_vm.put_back(run, turn.vm_id, turn.vm_name)


async def _renewed(run: Run, planned: Plan, vm_id: str, vip: str, rules: str) -> None:
    await run.step(ilb_vm.expect_version, vm_id, planned.parameter("version"))
    await run.step(ilb_vm.expect_rules, planned.target.tier_id, vip, rules)


def left_to_do(seen: ServiceView, planned: Plan) -> tuple[str, ...]:
    """Return what is not as planned of each machine that was to be renewed."""
    due = planned.parameter("due").split()
    left = [
        line for one in (seen.ilb, seen.twin) if one and one.vip in due
        for line in _left(one, planned)
    ]  # fmt: skip
    if planned.parameter("way") == "beside":
        way = roll_plans.detour_of(planned)
        if seen.site.ilb_at(way.twin.twin_vip) or seen.site.rules_on(way.twin.twin_vip):
            left.append(f"the temporary twin at {way.twin.twin_vip} is still there")
        left += [
            f"{record.name} is published as {in_words(record.addresses) or 'nothing'}"
            for move in way.back
            if (record := seen.record(move.after.name)).addresses != move.after.addresses
        ]
    return tuple(left)


def _left(view: View, planned: Plan) -> list[str]:
    if view.vm is None or view.vm.state is not VmState.RUNNING:
        return [f"{view.name} is {view.state}, not Running"]
    left = []
    if view.vip == planned.parameter("vip"):
        kept = ("rule on port", "offering", "tier state")
        left += [change for change in view.changes(planned) if change.startswith(kept)]
    if not _has(view, planned.parameter("version")):
        left.append(f"{view.name} reports version {view.vm.version or 'none'}")
    return left


def unsafe(seen: ServiceView, planned: Plan) -> str:
    """Say why a failed roll must not be left alone: an address that clients are sent to is dead."""
    published = {address for record in seen.records for address in record.addresses}
    views = [seen.ilb, *([seen.twin] if seen.twin else [])]
    for one in views:
        is_up = one.vm is not None and one.vm.state is VmState.RUNNING
        if is_up:
            continue
        if one.vip in published or not published:
            return f"{one.name} is {one.state}: {one.services()} is not served"
        carries = in_words(sorted(published))
        return f"{one.name} is {one.state}; {carries} carries its traffic meanwhile"
    return ""


def acts(planned: Plan) -> tuple[Act, ...]:
    """Return what is done to the ILB, in the words of the topology."""
    ways = {"beside": (Act.TWIN, Act.ROLL)}
    return ways.get(planned.parameter("way"), (Act.ROLL,))


def probed(planned: Plan) -> Probing:
    """Measure an outage that the plan states; anything else must be without loss."""
    return Probing(_places(planned), must_prove=planned.parameter("way") in {"twins", "beside"})


def _places(planned: Plan) -> tuple[Watched, ...]:
    """What serves when the change begins and when it has ended."""
    vips = planned.parameter("vips").split()
    return tuple(Watched(vip, port) for vip in vips for port in ports_in(planned))


def _aside(places: Iterable[Watched]) -> tuple[Watched, ...]:
    return tuple(Watched(one.vip, one.port, counts=False) for one in places)


def _machines(seen: ServiceView) -> tuple[View, ...]:
    """The twin comes first: the one that was named serves while the way is tried on the other."""
    return (seen.twin, seen.ilb) if seen.twin is not None else (seen.ilb,)


def _aim(view: View, wish: Wish) -> Goal:
    assert view.vm is not None
    return goal(view.vm, view.minimum_version, wish.parameter("version"))


def _has(view: View, version: str) -> bool:
    return view.vm is not None and is_same(view.vm.version, version)


def _refuse_dangers(seen: ServiceView) -> None:
    for view in (seen.ilb, seen.twin):
        if view is not None:
            _refuse_dangers_of(view)


def _refuse_dangers_of(view: View) -> None:
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
            f"No ILB VM has {view.vip}, so there is nothing to roll.",
            instead=f"`recover {view.vip}` finds out why.",
        )
    if view.vm.state is not VmState.RUNNING:
        raise Refused(
            f"{view.vm.name} is {view.vm.state}, not Running.",
            instead=f"`recover {view.vm.name}` says why and what can be done.",
        )
