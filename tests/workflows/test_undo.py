"""An undo survives a death at every step of it, with nothing started twice."""

from __future__ import annotations

from itertools import product

import pytest

from bot.domain.operation import Outcome
from bot.engine.memory import Death, Point
from bot.sandbox.cloud.model import Refusal
from tests.workflows.harness import House
from tests.workflows.paired import VM
from tests.workflows.resizes import ILB_LARGE, RESIZE_OUTAGE
from tests.workflows.scenarios import ROLL
from tests.workflows.sweep import POINTS, Complaints, Scenario, Story, play

pytestmark = pytest.mark.slow


def _stopped_right_after_the_submission(home: House) -> None:
    def before(command: str) -> None:
        if command == "stopInternalLoadBalancerVM":
            (home.folder / "STOP").touch()

    home.wire.before = before


STOPPED_ROLL = Scenario(
    "a roll somebody stopped", "roll", VM, _stopped_right_after_the_submission,
    ROLL.as_planned, ROLL.as_before,
)  # fmt: skip


def _never_starts_with_it(home: House) -> None:
    def before(command: str) -> None:
        is_large = home.vm(VM).offering.name == ILB_LARGE
        if command == "startInternalLoadBalancerVM" and is_large:
            home.cloud.refuse_next(Refusal.START)

    home.wire.before = before


def _has_its_old_offering(home: House) -> bool:
    vm = home.vm(VM)
    return vm.state == "Running" and vm.offering.name != ILB_LARGE


RESIZED_BACK = Scenario(
    "a resize that finds no room", "resize", VM, _never_starts_with_it,
    RESIZE_OUTAGE.as_planned, _has_its_old_offering, RESIZE_OUTAGE.parameters,
)  # fmt: skip


async def test_an_offering_is_taken_back_once_whatever_step_of_it_dies() -> None:
    calm, wrong = await play(RESIZED_BACK), Complaints()
    assert calm.ended.outcome is Outcome.ROLLED_BACK, calm.ended.reason
    assert calm.is_as_before
    for step in range(calm.steps):
        point = POINTS[step % len(POINTS)]
        with wrong.about(f"died at step {step}, {point}"):
            story = await play(RESIZED_BACK, death=Death(step, point))
            assert story.deaths == 1, "it did not die"
            assert what_is_left(story) == what_is_left(calm)
    wrong.raise_any()


async def test_a_stop_in_mid_change_brings_it_back_once() -> None:
    story = await play(STOPPED_ROLL)
    assert story.ended.outcome is Outcome.ROLLED_BACK, story.ended.reason
    assert story.is_as_before
    assert [kind for kind, *_ in story.effects].count("ilb_vm.started") == 1


async def test_a_death_at_any_step_of_the_undo_changes_nothing() -> None:
    calm, wrong = await play(STOPPED_ROLL), Complaints()
    for step, point in product(range(calm.steps), Point):
        with wrong.about(f"died at step {step}, {point}"):
            story = await play(STOPPED_ROLL, death=Death(step, point))
            assert story.deaths == 1, "it did not die"
            assert what_is_left(story) == what_is_left(calm)
    wrong.raise_any()


def what_is_left(story: Story) -> tuple[object, ...]:
    """Leave out the reason: it names the stop file, which is another one in each world."""
    return story.ended.outcome, story.effects, story.changes, story.cloud
