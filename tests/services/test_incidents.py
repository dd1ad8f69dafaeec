"""A hint leads to a fresh look, a cause and a stored decision; it is never acted on as such."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bot.domain.bus import RecordKind
from bot.domain.observation import Hint, Observation, TargetType
from bot.domain.operation import Mode, Outcome, State
from bot.domain.policy import IncidentKind, IncidentPolicy, RunbookPolicy, Targets
from bot.errors import Transient
from bot.sandbox.cloud import Fault, FaultKind
from bot.services.breaker import STORM_SIZE
from bot.services.incidents import Desk, Incidents
from tests.workflows.harness import House, house, two_people


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        yield made


def _desk(home: House) -> Incidents:
    cloud = home.fleet._cloud
    return Incidents(
        Desk(
            home.journal, home.operations, home.fleet, cloud, lambda: home.policies, home.clock,
            home.watch,
        )
    )  # fmt: skip


def _automatic(home: House, *machines: str) -> None:
    """Let recover act by itself on these machines."""
    ids = frozenset(home.cloud.machine(name).id for name in machines)
    policies = two_people()
    runbooks = dict(policies.runbooks) | {
        "recover": RunbookPolicy(
            "recover", Mode.AUTOMATIC, cooldown_s=1800.0, automatic_on=Targets(ids)
        )
    }
    incidents = {
        kind: IncidentPolicy(kind, "recover", Mode.AUTOMATIC)
        for kind in (
            IncidentKind.ILB_STOPPED,
            IncidentKind.ILB_MISSING,
            IncidentKind.ILB_STUCK_STOPPING,
        )
    }
    object.__setattr__(policies, "runbooks", runbooks)
    object.__setattr__(policies, "incidents", incidents)
    home.policies = policies


def _hint(home: House, name: str, source: RecordKind = RecordKind.ALERT) -> Observation:
    return Observation(
        Hint.MACHINE_STOPPED,
        TargetType.MACHINE,
        home.cloud.machine(name).id,
        name,
        datetime.fromtimestamp(home.clock.now(), UTC),
        "VM state sync alert",
        source,
    )


async def _dies(home: House, name: str) -> None:
    home.cloud.power_off(name)
    home.later(home.cloud.latencies.power_off_noticed_s + 1)


async def test_a_machine_that_died_is_brought_back_once_for_all_its_records(home: House) -> None:
    _automatic(home, "b-31-VM")
    desk = _desk(home)
    await _dies(home, "b-31-VM")
    for source in (RecordKind.ACTION, RecordKind.STATE, RecordKind.ALERT):
        await desk.hear(_hint(home, "b-31-VM", source))
    (found,) = await home.journal.operations()
    ended = await home.quiet(found)
    assert ended.outcome is Outcome.DONE
    assert ended.decided_by.startswith("policy")
    assert home.effects().count("ilb_vm.started b-31-VM") == 1


async def test_the_same_hint_again_is_no_second_decision(home: House) -> None:
    _automatic(home, "b-31-VM")
    desk = _desk(home)
    await _dies(home, "b-31-VM")
    hint = _hint(home, "b-31-VM")
    await desk.hear(hint)
    await home.quiet((await home.journal.operations())[0])
    await desk.hear(hint)
    assert len(await home.journal.operations()) == 1


async def test_what_an_administrator_stopped_is_left_alone_and_that_can_be_explained(
    home: House,
) -> None:
    _automatic(home, "b-31-VM")
    home.cloud.stop_by_hand("b-31-VM")
    home.later(10)
    hint = _hint(home, "b-31-VM")
    await _desk(home).hear(hint)
    assert await home.journal.operations() == ()
    (row,) = await home.journal.notes(hint.dedupe)
    assert row.data["decision"].startswith("left alone: admin asked for it: INTERNALLBVM.STOP")


async def test_a_machine_of_somebody_else_is_no_business_of_ours(home: House) -> None:
    hint = _hint(home, "b-31-VM")
    foreign = Observation(
        hint.kind, hint.target_type, "00000000-0000-0000-0000-000000000000", "", hint.at, "",
        hint.source,
    )  # fmt: skip
    await _desk(home).hear(foreign)
    assert await home.journal.operations() == ()
    assert await home.journal.notes(foreign.dedupe) == ()


async def test_without_a_policy_nothing_is_opened(home: House) -> None:
    await _dies(home, "b-31-VM")
    hint = _hint(home, "b-31-VM")
    await _desk(home).hear(hint)
    assert await home.journal.operations() == ()
    (row,) = await home.journal.notes(hint.dedupe)
    assert row.data["decision"].startswith("no policy for ilb-stopped")


async def test_a_second_death_soon_after_a_repair_asks_a_person(home: House) -> None:
    _automatic(home, "b-31-VM")
    desk = _desk(home)
    await _dies(home, "b-31-VM")
    await desk.hear(_hint(home, "b-31-VM"))
    await home.quiet((await home.journal.operations())[0])
    home.later(300)
    await _dies(home, "b-31-VM")
    await desk.hear(_hint(home, "b-31-VM"))
    newest = await home.quiet((await home.journal.operations())[0])
    assert newest.state is State.WAITING
    assert newest.mode is Mode.APPROVE


async def test_after_the_cooldown_it_acts_again(home: House) -> None:
    _automatic(home, "b-31-VM")
    desk = _desk(home)
    await _dies(home, "b-31-VM")
    await desk.hear(_hint(home, "b-31-VM"))
    await home.quiet((await home.journal.operations())[0])
    home.later(3600)
    await _dies(home, "b-31-VM")
    await desk.hear(_hint(home, "b-31-VM"))
    newest = await home.quiet((await home.journal.operations())[0])
    assert newest.outcome is Outcome.DONE


async def test_a_storm_turns_automatic_into_a_question(home: House) -> None:
    machines = ["b-31-VM", "b-32-VM", "b-33-VM", "b-34-VM"]
    _automatic(home, *machines)
    desk = _desk(home)
    for name in machines:
        home.cloud.power_off(name)
    home.later(home.cloud.latencies.power_off_noticed_s + 1)
    for name in machines:
        await desk.hear(_hint(home, name))
        await home.quiet((await home.journal.operations())[0])
    outcomes = [op.outcome for op in reversed(await home.journal.operations())]
    assert outcomes == [Outcome.DONE] * STORM_SIZE + [None]


async def test_looking_at_all_finds_a_missing_machine(home: House) -> None:
    _automatic(home, "b-31-VM")
    home.cloud.lose_ilb_vm("b-31-VM")
    await _desk(home).sweep()
    opened = [op for op in await home.journal.operations() if op.wish.target.endswith("10.20.1.10")]
    assert len(opened) == 1


async def test_an_idle_tier_is_never_touched_by_a_sweep(home: House) -> None:
    _automatic(home, "b-31-VM")
    await _desk(home).sweep()
    assert await home.journal.operations() == ()


async def test_stopping_is_an_incident_only_when_it_lasts(home: House) -> None:
    _automatic(home, "b-31-VM")
    desk = _desk(home)
    home.cloud.stick_in_stopping("b-31-VM")
    await desk.sweep()
    assert await home.journal.operations() == ()
    home.later(121)
    await desk.sweep()
    (found,) = await home.journal.operations()
    assert (await home.quiet(found)).outcome is Outcome.DONE


async def test_a_hint_waits_until_a_refused_key_is_mended(home: House) -> None:
    _automatic(home, "b-31-VM")
    desk = _desk(home)
    await _dies(home, "b-31-VM")
    hint = _hint(home, "b-31-VM")
    home.cloud.fail_next(Fault("*", FaultKind.ERROR, times=1, status=401, text="unable to verify"))
    with pytest.raises(Transient, match="look at b-31-VM"):
        await desk.hear(hint)
    await desk.hear(hint)
    (found,) = await home.journal.operations()
    assert (await home.quiet(found)).outcome is Outcome.DONE
