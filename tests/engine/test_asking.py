"""A run that waits for a person, on every engine: restarts, an answer, a stop, and nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.domain.policy import Person
from bot.domain.question import TOPIC, Question
from bot.engine.api import Run, Stopped
from bot.services.journal import Journal
from bot.services.questions import Asked, Questions
from tests.engine.harness import Machine, machines
from tests.engine.test_contract import ENGINES
from workflows.steps import person

OPERATION = "op-1"
RUN = f"{OPERATION}:apply"
BRUNO = Person("U0BRUNO", "Bruno", frozenset())


@dataclass
class Scene:
    """A machine on which a run asks, and the journal that both keep."""

    machine: Machine
    questions: Questions
    journal: Journal
    seconds: float = 600.0
    told: list[str] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def boot(self) -> None:
        await self.machine.boot({"apply": self._body})

    async def _body(self, run: Run) -> None:
        deadline_at = await run.step(person.person_deadline)
        world_s = run.hands.world.pace.person_s
        question = Question("002", "Do it.", ("; line",), deadline_at - world_s + self.seconds)
        try:
            self.told.append(await person.ask(run, question) or "nobody")
        except Stopped as stop:
            self.told.append(f"stopped: {stop}")

    async def until_asked(self) -> Asked:
        """Wait until the question is there for people to see."""
        async with asyncio.timeout(20):
            while (found := await self.questions.newest(OPERATION)) is None:
                await asyncio.sleep(0.01)
        return found

    async def wake(self) -> None:
        assert self.machine.engine is not None
        await self.machine.engine.notify(RUN, TOPIC, {"news": "test"})

    async def end(self) -> list[str]:
        await self.machine.over(RUN)
        return self.told


@pytest.fixture(params=ENGINES)
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    async for machine in machines(request.param, tmp_path, url):
        journal = Journal(f"sqlite:///{tmp_path / 'journal.db'}", machine.clock)
        await journal.open()
        machine.people = questions = Questions(journal, lambda _: None)
        made = Scene(machine, questions, journal)
        await made.boot()
        assert machine.engine is not None
        await machine.engine.start("apply", RUN)
        yield made
        await machine.die()
        await journal.close()


async def test_an_answer_goes_on(scene: Scene) -> None:
    await scene.until_asked()
    assert await scene.questions.take(OPERATION, "002", BRUNO)
    await scene.wake()
    assert await scene.end() == ["Bruno"]


async def test_a_run_that_waits_goes_on_waiting_after_a_restart(scene: Scene) -> None:
    await scene.until_asked()
    await scene.machine.die()
    assert await scene.questions.take(OPERATION, "002", BRUNO)  # while there is no bot
    await scene.boot()
    await scene.wake()
    assert await scene.end() == ["Bruno"]
    rows = [row for row in await scene.journal.notes(OPERATION) if row.kind == "question"]
    assert len(rows) == 1


async def test_being_woken_for_nothing_waits_on(scene: Scene) -> None:
    await scene.until_asked()
    await scene.wake()
    assert await scene.questions.take(OPERATION, "002", BRUNO)
    await scene.wake()
    assert await scene.end() == ["Bruno"]


async def test_a_stop_ends_the_wait_and_closes_the_question(scene: Scene) -> None:
    await scene.until_asked()
    scene.machine.notes.stop = "ana stopped all"
    await scene.wake()
    assert await scene.end() == ["stopped: ana stopped all"]
    asked = await scene.questions.newest(OPERATION)
    assert asked is not None
    assert asked.is_over
