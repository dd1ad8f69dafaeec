"""An undo survives a death at every step of it, with nothing started twice."""

from __future__ import annotations

from itertools import product

import pytest

from bot.domain.operation import Outcome
from bot.engine.memory import Death, Point
from tests.workflows.harness import House
from tests.workflows.paired import VM
from tests.workflows.scenarios import ROLL
from tests.workflows.sweep import Complaints, Scenario, Story, play

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
