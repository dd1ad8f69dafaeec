"""Asks a person to do what only they can, in the middle of a change, and waits until it is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.domain.question import TOPIC, Question
from bot.engine.api import Run, StepFailed, Stopped, verb
from bot.ports import World
from workflows.steps.jobs import PATIENT

LOOK_EVERY_S = 300.0
"""How often what must hold while a person takes hours is looked at; each look is a few steps."""
Look = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Heard:
    """Who answered, `""` while nobody did, and how long there still is to wait."""

    by: str
    left_s: float


@verb(retry=PATIENT)
async def person_deadline(world: World) -> float:
    """Return the moment until which a person may take their time."""
    return world.clock.now() + world.pace.person_s


@verb(retry=PATIENT)
async def put_question(world: World, run_id: str, question: Question) -> str:
    """Store what is asked, for the card and the audit journal; return its key."""
    await world.people.ask(run_id, question)
    return question.key


@verb(retry=PATIENT)
async def hear(world: World, run_id: str, question: Question) -> Heard:
    """Say whether somebody answered."""
    answer = await world.people.answer(run_id, question.key)
    left_s = question.deadline_at - world.clock.now()
    return Heard(answer.name if answer else "", max(0.0, left_s))


@verb(retry=PATIENT)
async def close_question(world: World, run_id: str, key: str, why: str) -> str:
    """Note that nobody need answer any more, and why."""
    await world.people.close(run_id, key, why)
    return why


async def ask(run: Run, question: Question, look: Look | None = None) -> str:
    """Ask, and wait for somebody to say that it is done; return who did, `""` after the deadline.

    The lane is kept meanwhile. A stop ends the wait, as the next step would find it, and so does
    a failure of `look`, which is called before the wait and every `LOOK_EVERY_S` in it.
    """
    try:
        await run.step(put_question, run.id, question)
        heard = await _answered(run, question, look)
    except (StepFailed, Stopped) as stop:
        await run.step_anyway(close_question, run.id, question.key, str(stop))
        raise
    if not heard.by:
        await run.step_anyway(close_question, run.id, question.key, "nobody answered in time")
    return heard.by


async def _answered(run: Run, question: Question, look: Look | None) -> Heard:
    while True:
        heard = await run.step(hear, run.id, question)
        if heard.by or not heard.left_s:
            return heard
        wait_s = heard.left_s
        if look is not None:
            await look()
            wait_s = min(wait_s, LOOK_EVERY_S)
        await run.wait_for(TOPIC, wait_s)
