"""A change that is probed: loss is never done, and without a witness nothing is claimed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from bot.domain.operation import Operation, Outcome
from bot.domain.plan import Plan
from bot.domain.probing import Failure, Watched
from bot.engine.api import Run, StepFailed
from bot.engine.memory import Death, Point
from bot.services.runbooks import Probing
from bot.services.step_words import step_words
from bot.services.traffic import evidence_in
from tests.services.vantage import Scripted, refused_between
from tests.workflows.harness import RUNBOOKS, START, House, house
from workflows import roll
from workflows.steps import ilb_vm, probe

VM = "b-31-VM"
VIP = "10.20.1.10"
FOREVER = START + 1e6
Body = Callable[[Run, Plan], Awaitable[None]]


@contextmanager
def proven_roll(body: Body) -> Iterator[None]:
    """A roll that must prove its traffic, and whose body a test gives."""

    def probed(planned: Plan) -> Probing:
        return replace(roll.probed(planned), must_prove=True)

    before = RUNBOOKS["roll"]
    RUNBOOKS["roll"] = replace(  # type: ignore[index]
        before, probed=probed, apply=body, left_to_do=lambda view, planned: ()
    )
    try:
        yield
    finally:
        RUNBOOKS["roll"] = before  # type: ignore[index]


async def rolled(vantage: Scripted | None, body: Body) -> tuple[Operation, House]:
    async with house(vantage=vantage) as home:
        with proven_roll(body):
            return await home.do("roll", VM), home


async def prove(run: Run, planned: Plan) -> None:
    """Prove the VIP and look for a minute more."""
    assert await probe.proven(run, VIP)
    await probe.bake(run)


# the honest outage


async def test_a_roll_measures_the_outage_it_states() -> None:
    async with house(vantage=Scripted()) as home:
        assert home.vantage is not None

        def answer(_place: Watched, due: float) -> Failure | None:
            home.cloud.advance()
            served = True
            for one in home.cloud.effects:
                if one.target == VM and one.at <= due:
                    served = one.kind != "ilb_vm.stopped" and (
                        served or one.kind == "ilb_vm.started"
                    )
            return None if served else Failure.REFUSED

        home.vantage.answer = answer
        found = await home.do("roll", VM)
        assert found.outcome is Outcome.DONE, found.reason
        [stopped] = [one.at for one in home.cloud.effects if one.kind == "ilb_vm.stopped"]
        [started] = [one.at for one in home.cloud.effects if one.kind == "ilb_vm.started"]
        measured = evidence_in(await home.journal.notes(found.id))
        assert measured is not None
        assert abs(measured.longest_gap_s - (started - stopped)) <= 0.1
        assert measured.failed >= (started - stopped - 0.1) * 10
        assert measured.blind_s == 0


async def test_a_roll_that_nobody_watches_goes_on_as_before() -> None:
    async with house() as home:
        found = await home.do("roll", VM)
        assert found.outcome is Outcome.DONE
        assert evidence_in(await home.journal.notes(found.id)) is None
        said = [step_words(one) for one in await home.progress.steps(found.id)]
        assert "Looked whether it is probed: nobody does" in said


async def test_what_was_seen_is_told_of_a_change_that_cannot_be_looked_at() -> None:
    async with house(vantage=Scripted()) as home:
        asked = await home.ask("roll", VM)

        def before(command: str) -> None:
            if command == "stopInternalLoadBalancerVM":
                home.cloud.kill_server()

        home.wire.before = before
        found = await home.approve(asked)
        assert found.outcome is Outcome.PARKED
        assert "could not be looked at" in found.reason
        measured = evidence_in(await home.journal.notes(found.id))
        assert measured is not None
        assert measured.attempts > 100


# a change that must prove itself


async def test_a_change_whose_traffic_came_through_is_done() -> None:
    found, _ = await rolled(Scripted(), prove)
    assert found.outcome is Outcome.DONE, found.reason


async def test_without_a_vantage_point_it_is_unverified() -> None:
    async def body(run: Run, planned: Plan) -> None:
        assert not await probe.proven(run, VIP)
        await probe.bake(run)

    found, _ = await rolled(None, body)
    assert (found.outcome, found.reason) == (
        Outcome.UNVERIFIED,
        "it is as planned, but its traffic is not proven: nobody tried the service meanwhile: "
        "there was no vantage point",
    )


async def test_a_loss_stops_the_change_at_the_next_look() -> None:
    vantage = Scripted(answer=refused_between(START + 30.0, START + 31.0))
    went_on = []

    async def body(run: Run, planned: Plan) -> None:
        await probe.bake(run)
        went_on.append(run.id)

    found, _ = await rolled(vantage, body)
    assert went_on == []
    assert found.outcome is Outcome.FAILED
    assert found.reason.startswith("go on with the change: ")
    assert (
        " new connections failed and 0 held ones were cut (none may be), most at " in found.reason
    )
    assert f"{VIP}:" in found.reason
    assert "the longest gap was 1 s" in found.reason


async def test_a_loss_that_no_step_looked_at_is_no_success_either() -> None:
    vantage = Scripted(cut={int(START) + 5: 5})

    async def body(run: Run, planned: Plan) -> None:
        await run.sleep(60.0)

    found, _ = await rolled(vantage, body)
    assert found.outcome is Outcome.FAILED
    assert found.reason.startswith("it is as planned, but 0 of ")
    assert "held ones were cut" in found.reason


async def test_a_loss_with_the_service_down_is_parked() -> None:
    async def body(run: Run, planned: Plan) -> None:
        await ilb_vm.stop(run, planned.target.id, planned.target.name)

    found, _ = await rolled(Scripted(answer=refused_between(START, FOREVER)), body)
    assert found.outcome is Outcome.PARKED
    assert "is Stopped" in found.reason


async def test_a_prober_that_lagged_is_no_failure_and_no_proof() -> None:
    vantage = Scripted(answer=refused_between(START + 5.0, START + 6.0), lag_s=0.3)

    async def body(run: Run, planned: Plan) -> None:
        await probe.bake(run)

    found, _ = await rolled(vantage, body)
    assert found.outcome is Outcome.UNVERIFIED
    assert "the prober bot itself was up to 300 ms late" in found.reason


async def test_what_nobody_saw_is_not_proven() -> None:
    async def body(run: Run, planned: Plan) -> None:
        await run.sleep(60.0)

    found, _ = await rolled(Scripted(blind_until=START + 40.0), body)
    assert found.outcome is Outcome.UNVERIFIED
    assert "nobody looked for " in found.reason


async def test_what_was_withdrawn_may_be_down() -> None:
    vantage = Scripted(answer=refused_between(START + 30.0, START + 60.0, VIP))

    async def body(run: Run, planned: Plan) -> None:
        before = roll.probed(planned).places
        away = tuple(replace(one, counts=False) for one in before)
        await probe.watch(run, away)
        await run.sleep(120.0)
        assert await probe.proven(run, VIP)
        await probe.watch(run, before)
        await probe.bake(run)

    found, _ = await rolled(vantage, body)
    assert found.outcome is Outcome.DONE, found.reason


async def test_a_service_that_does_not_answer_is_unproven_at_the_deadline() -> None:
    claimed = []

    async def body(run: Run, planned: Plan) -> None:
        claimed.append(await probe.proven(run, VIP))
        raise StepFailed("proven", "permanent", "it does not serve", in_doubt=False)

    found, _ = await rolled(Scripted(answer=refused_between(START, FOREVER)), body)
    assert claimed == [False]
    assert (found.outcome, found.reason) == (Outcome.FAILED, "it does not serve")


@pytest.mark.parametrize("point", Point)
@pytest.mark.parametrize("step", range(8))
async def test_a_death_at_any_step_counts_nothing_twice_and_loses_nothing(
    step: int, point: Point
) -> None:
    vantage = Scripted(cut={int(START) + 20: 2})
    async with house(vantage=vantage, death=Death(step, point)) as home:

        async def body(run: Run, planned: Plan) -> None:
            assert await probe.proven(run, VIP)
            await run.sleep(60.0)

        with proven_roll(body):
            found = await home.do("roll", VM)
        measured = evidence_in(await home.journal.notes(found.id))
        assert measured is not None
        assert measured.resets == 2 * len({one.port for one in measured.tallies})
        assert measured.attempts == 10 * sum(one.seconds for one in measured.tallies)
        assert found.outcome is Outcome.FAILED, found.reason
