"""A change that an earlier release began is carried on by this one: no edit may strand it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from bot.domain.plan import Plan
from bot.engine.api import Hands, Json, Run
from bot.engine.memory import (
    Death,
    Died,
    MemoryCheckpoints,
    MemoryEngine,
    Point,
    ReplayMismatch,
    Store,
    StoredRun,
    VirtualClock,
)
from bot.ports import World
from bot.services.lifecycle import Lifecycle
from tests.workflows.harness import RUNBOOKS, House
from tests.workflows.histories import HISTORIES, Steps, read, record
from workflows import roll
from workflows.steps import ilb_vm

pytestmark = pytest.mark.slow

ADVICE = (
    "A change begun by an earlier release would be stranded: put the edit behind "
    '`if await run.patched("..."):` and keep the old way for old runs '
    "(tests/workflows/histories/README.md)."
)


class Watched(MemoryCheckpoints):
    """Checkpoints of a replay that keep what was asked of them."""

    asked: list[str]
    took_a_patch = False

    async def patched(self, name: str) -> bool:
        taken = await super().patched(name)
        self.took_a_patch = self.took_a_patch or taken
        return taken

    async def _once(self, name: str, body: Callable[[], Awaitable[Json]]) -> Json:
        self.asked.append(name)
        return await super()._once(name, body)


async def resume(lifecycle: Lifecycle, steps: Steps) -> Watched:
    """Take up a run with that much history; it ends where the process would go on for real."""
    run_id, clock = "an-old-one:apply", VirtualClock()
    stored = StoredRun("apply", "", journal=list(steps))
    engine = MemoryEngine(Store({run_id: stored}), clock, _unused, Death(0, Point.BEFORE_EFFECT))
    checkpoints = Watched(run_id, stored, engine)
    checkpoints.asked = []
    try:
        await lifecycle.apply(Run(checkpoints, _NO_HANDS))
    except Died:
        pass  # it went on past its history
    except ReplayMismatch as mismatch:
        raise AssertionError(f"{mismatch}. {ADVICE}") from mismatch
    return checkpoints


async def replay(lifecycle: Lifecycle, steps: Steps) -> None:
    """Resume from every beginning of a history; fail where another step is asked for."""
    names = [name for name, _ in steps]
    for length in range(len(steps) + 1):
        found = await resume(lifecycle, steps[:length])
        wanted = names[: length + 1]
        if found.asked != wanted and not found.took_a_patch:
            after = names[length - 1] if length else "the beginning"
            said = f"after {after!r}: recorded {wanted[length:]}, asks for {found.asked[length:]}"
            raise AssertionError(f"{said}. {ADVICE}")


@pytest.mark.parametrize("name", HISTORIES)
async def test_a_change_begun_by_an_earlier_release_goes_on(home: House, name: str) -> None:
    await replay(home.lifecycle, read(name))


@pytest.mark.parametrize("name", HISTORIES)
async def test_a_recording_is_the_same_every_time(name: str) -> None:
    scenario = HISTORIES[name]
    assert await record(scenario) == await record(scenario)


def test_every_runbook_has_a_recorded_history() -> None:
    assert {scenario.runbook for scenario in HISTORIES.values()} == set(RUNBOOKS)


# the replay itself


def edited(home: House, apply: Callable[[Run, Plan], Awaitable[None]]) -> Lifecycle:
    """Return the lifecycle of a release whose `roll` has another body."""
    runbooks = {**RUNBOOKS, "roll": replace(roll.RUNBOOK, apply=apply)}
    return Lifecycle(replace(home.lifecycle._office, runbooks=runbooks))


async def one_more_look(run: Run, planned: Plan) -> None:
    await run.step(ilb_vm.newest, planned.target.id, ilb_vm.STOP)
    await run.step(ilb_vm.newest, planned.target.id, ilb_vm.STOP)
    await roll.apply(run, planned)


async def without_a_check(run: Run, planned: Plan) -> None:
    await ilb_vm.stop(run, planned.target.id, planned.target.name)
    run.commit()
    await ilb_vm.start(run, planned.target.id, planned.target.name)


async def one_more_look_at_the_end(run: Run, planned: Plan) -> None:
    await roll.apply(run, planned)
    await run.step(ilb_vm.newest, planned.target.id, ilb_vm.STOP)


async def one_more_look_behind_a_patch(run: Run, planned: Plan) -> None:
    if await run.patched("one-more-look"):
        await run.step(ilb_vm.newest, planned.target.id, ilb_vm.STOP)
    await roll.apply(run, planned)


@pytest.mark.parametrize("body", [one_more_look, without_a_check, one_more_look_at_the_end])
async def test_an_edit_without_a_patch_is_told(
    home: House, body: Callable[[Run, Plan], Awaitable[None]]
) -> None:
    with pytest.raises(AssertionError, match=r"run\.patched"):
        await replay(edited(home, body), read("roll"))


async def test_an_edit_behind_a_patch_goes_on(home: House) -> None:
    await replay(edited(home, one_more_look_behind_a_patch), read("roll"))


async def _unused(kind: str, checkpoints: object) -> None:
    raise AssertionError("this engine starts nothing")


class _Nothing:
    """Stands where a replay must not reach: what is recorded is not done again."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"a replay used {name}")


_NO_WORLD = World(_Nothing(), VirtualClock(), _Nothing(), _Nothing())  # type: ignore[arg-type]  # of it the clock alone may be used: how long a wait took decides nothing
_NO_HANDS = Hands(_NO_WORLD, _Nothing(), _Nothing(), _Nothing())  # type: ignore[arg-type]  # nothing of it may be used
