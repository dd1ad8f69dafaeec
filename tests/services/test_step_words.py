"""What people read of the steps of a change while it goes on and afterwards."""

from __future__ import annotations

from dataclasses import replace

from bot.services.progress import Step
from bot.services.step_words import lines_of, step_words


def step(name: str, stage: str = "", result: str = "ok", error: str = "", at: float = 0.0) -> Step:
    """A step of two seconds that ended at a moment."""
    return Step(name, result, 1, 2.0, at, error, (), stage)


def test_steps_without_stages_are_told_one_by_one() -> None:
    said = lines_of((step("newest"), step("submit_stop"), step("await_job")))
    assert [one["words"] for one in said] == [
        "Asked CloudStack to stop it", "Waited for that job to end",
    ]  # fmt: skip


def test_a_stage_is_one_line_with_what_it_took() -> None:
    steps = (
        step("begin", at=2.0),
        step("submit_create", "Build", at=4.0),
        step("await_job", "Build", at=6.0),
        step("expect", "Look", at=68.0),
    )
    assert [(one["words"], one["took"]) for one in lines_of(steps)] == [
        ("Looked again: the plan still holds", "2 s"),
        ("Build", "64 s"),
        ("Look", "2 s"),
    ]


def test_the_stage_that_goes_on_says_what_it_does_now() -> None:
    steps = (step("submit_create", "Build"), step("expect", "Look"))
    [_, now] = lines_of(steps, goes_on=True)
    assert (now["result"], now["words"]) == ("open", "Look … Compared the rule with the plan")


def test_a_stage_that_failed_says_why_even_while_the_change_goes_on() -> None:
    [said] = lines_of((step("expect", "Look", "failed", "it is gone"),), goes_on=True)
    assert (said["result"], said["error"]) == ("failed", "it is gone")


def test_a_look_before_the_first_stage_has_words_of_its_own() -> None:
    said = lines_of((step("begin"), step("submit_create", "Build")))
    assert [one["words"] for one in said] == ["Looked again: the plan still holds", "Build"]


def test_where_nobody_probed_no_answers_are_told_of() -> None:
    came = step("answered")
    in_vain = replace(came, denied=True, seconds=120.0)
    nobody = replace(came, denied=True, seconds=0.0)
    assert [step_words(one) for one in (came, in_vain, nobody)] == [
        "Probed until enough connections in a row were answered",
        "Waited for enough answered connections in a row, in vain",
        "Looked whether it is probed: nobody does",
    ]
