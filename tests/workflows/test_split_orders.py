"""What the order of a split's stages costs clients of its names, right and wrong, as they meet it.

The wrong ones are carried out by hands that do what they are told: a split itself looks before it
acts, and its planner has no other order than the right one (`tests/domain/test_splitting.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from bot.domain.operation import Operation, Outcome
from bot.domain.plan import Plan
from bot.domain.probing import Watched
from bot.domain.splitting import Do, Splitting, Stage, stages
from bot.engine.api import Run
from bot.sandbox.cloud.model import Machine
from bot.services.lifecycle import Lifecycle
from bot.services.splittable import splitting_of
from bot.services.traffic import evidence_in
from tests.domain.orders import UNPROVEN, WRONG, Wrong, in_wrong_order
from tests.workflows.clients import Remembering, refused_s, remembering
from tests.workflows.crowded import APP, GRPC, PORTS, VIP, VM, crowded, more_crowded, state_of
from tests.workflows.harness import RUNBOOKS, House, house
from tests.workflows.splits import is_split
from workflows import split
from workflows.steps import directory, lb_rule, probe

pytestmark = pytest.mark.slow

TTL_S = 1
SLOW_S = 1.5
Body = Callable[[Run, Plan], Awaitable[None]]
Order = Callable[[Splitting], tuple[Stage, ...]]


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house(named=True, watched=True, nameserver=remembering()) as one:
        crowded(one)
        remembered_briefly(one, APP, GRPC)
        yield one


@pytest.fixture
async def three() -> AsyncIterator[House]:
    async with house(named=True, watched=True, nameserver=remembering()) as one:
        more_crowded(one)
        remembered_briefly(one, *PORTS)
        yield one


def remembered_briefly(home: House, *names: str) -> None:
    """Let clients look these names up every second."""
    for name in names:
        home.nameserver.zone.set_record(name, TTL_S, "A", VIP)


def careless(order: Order, home: House | None = None) -> Body:
    """Return a body that does the stages in that order, whatever it sees.

    In a house that is given the HAProxy of a new ILB is slow: CloudStack's jobs end before.
    """

    async def apply(run: Run, planned: Plan) -> None:
        found = splitting_of(planned)
        for stage in order(found):
            await _done(run, found, stage)
            if home and stage.do is Do.BUILD:
                _is_slow(home, home.vm(home.vm_at(stage.vip)))

    return apply


def _is_slow(home: House, machine: Machine) -> None:
    def comes() -> None:
        machine.haproxy_is_up = True

    machine.haproxy_is_up = False
    home.cloud.processes.call_at(home.clock.now() + SLOW_S, comes)


async def _done(run: Run, found: Splitting, stage: Stage) -> None:
    match stage.do, stage.passage:
        case Do.BUILD, _:
            for change in (one for passage in found.of(stage.vip) for one in passage.builds):
                await lb_rule.carry_out(run, found.tier_id, change)
        case Do.PROVE, _:
            await probe.watch(run, [Watched(stage.vip, 9090, counts=False)])
            await probe.proven(run, stage.vip)
        case Do.PUBLISH, passage if passage:
            for move in passage.moves:
                await directory.change(run, move.before, move.after)
        case Do.QUIET, _:
            await run.sleep(2.0 * TTL_S)
        case Do.REMOVE, passage if passage:
            for change in passage.removes:
                await lb_rule.carry_out(run, found.tier_id, change)


async def carried_out(home: House, body: Body, **wanted: str) -> Operation:
    """Let a split with that body be asked for and approved, and clients come meanwhile."""
    runbooks = {**RUNBOOKS, "split": replace(split.RUNBOOK, apply=body)}
    home.lifecycle = Lifecycle(replace(home.lifecycle._office, runbooks=runbooks))
    asked = await home.ask("split", VM, **wanted)
    assert isinstance(home.nameserver, Remembering)
    for name in PORTS:
        home.nameserver.watch(name, home.clock.now)
    home.cloud.traffic.watch()
    ended = await home.approve(asked)
    home.later(5.0)
    return ended


async def costs(home: House, body: Body) -> dict[str, float]:
    """Return for how long clients of each service were refused, in seconds."""
    since = home.clock.now()
    await carried_out(home, body, weights="app:3,grpc:1")
    assert is_split(home)
    return {"app": refused_s(home, APP, 80, since), "grpc": refused_s(home, GRPC, 9090, since)}


@pytest.mark.parametrize("body", [split.apply, careless(stages)], ids=["with looks", "without"])
async def test_the_planned_order_refuses_nobody(home: House, body: Body) -> None:
    assert await costs(home, body) == {"app": 0.0, "grpc": 0.0}


async def test_nor_does_it_where_a_new_ilb_is_slow_to_serve(home: House) -> None:
    assert await costs(home, careless(stages, home)) == {"app": 0.0, "grpc": 0.0}


@pytest.mark.parametrize("wrong", WRONG, ids=" after ".join)
async def test_a_wrong_order_refuses_clients_of_what_moves_for_about_a_second(
    home: House, wrong: Wrong
) -> None:
    def order(found: Splitting) -> tuple[Stage, ...]:
        return in_wrong_order(found, wrong)

    found = await costs(home, careless(order, home if wrong == UNPROVEN else None))
    assert found["app"] == 0.0, "what stays is none of it"
    assert 0.5 < found["grpc"] < 5.0


Act = tuple[str, str, object]
_BACK = {"rule.created": "rule.deleted", "rule.deleted": "rule.created"}


def acts(home: House, first: int) -> list[Act]:
    """Return what was done to rules and names, in order: what, to which, and where."""
    server = home.nameserver
    assert isinstance(server, Remembering)
    rules: list[tuple[float, Act]] = [
        (one.at, (one.kind, str(one.detail["vip"]), one.detail["port"]))
        for one in home.cloud.effects[first:]
        if one.kind in _BACK
    ]
    names: list[tuple[float, Act]] = [
        (moment, ("published", name, addresses))
        for name, known in server.moments.items()
        for moment, addresses in known[1:]
    ]
    return [act for _, act in sorted([*rules, *names], key=lambda one: one[0])]


def taken_back(found: list[Act]) -> list[Act]:
    """Return what undoes these acts: the last one first, each name led to where it was."""
    return [
        (_BACK[what], which, where) if what in _BACK else (what, which, (VIP,))
        for what, which, where in reversed(found)
    ]


def stop_after(home: House, first: int, count: int) -> None:
    """Stop everything once so many acts were done: two built, one moved, removed; the other too."""

    def look(_command: str) -> None:
        if len(acts(home, first)) >= count:
            (home.folder / "STOP").touch()

    home.wire.before = look


@pytest.mark.parametrize("done", [2, 3, 4, 6])
async def test_taken_back_after_any_act_it_goes_the_same_way_and_refuses_nobody(
    three: House, done: int
) -> None:
    first, since, before = len(three.cloud.effects), three.clock.now(), state_of(three)
    stop_after(three, first, done)
    ended = await carried_out(three, split.apply, into="3", weights="app:5,grpc:2,admin:1")
    assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
    assert state_of(three) == before
    found = acts(three, first)
    assert found[done:] == taken_back(found[:done])
    seen = evidence_in(await three.journal.notes(ended.id))
    assert seen is not None
    assert seen.lost == 0
    assert [refused_s(three, *place, since) for place in PORTS.items()] == [0.0, 0.0, 0.0]
