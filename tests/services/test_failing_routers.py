"""Routers whose checks fail, and routers that stay down: one incident of their place each time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.domain.bus import RecordKind
from bot.domain.fleet import RECREATE_CHECKS
from bot.domain.observation import Hint
from bot.domain.operation import Mode, Outcome
from bot.domain.policy import RunbookPolicy, Targets
from bot.errors import Transient
from bot.sandbox.cloud import Fault, FaultKind, machines
from bot.sandbox.cloud.model import Refusal
from bot.services.episodes import BEGAN, OVER
from bot.services.incidents import Incidents
from tests.services.test_failing import (
    COLLECTED_S,
    HAPROXY,
    PRIMARY,
    STANDBY,
    VM,
    _policy,
    fails,
    hint,
    opened,
    told,
)
from tests.services.test_incidents import _desk
from tests.workflows.harness import House, house


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        _policy(made, Mode.APPROVE)
        yield made


def dead(home: House, name: str) -> None:
    home.cloud.refuse_next(Refusal.START)
    home.cloud.power_off(name)
    home.later(200.0)


async def test_a_failing_standby_is_rebooted_by_a_policy_that_lists_it(home: House) -> None:
    listed = Targets(frozenset({home.tier("app-tier").vpc.id}))  # type: ignore[union-attr]  # it has a VPC
    automatic = RunbookPolicy("recover", Mode.AUTOMATIC, automatic_on=listed)
    _policy(home, Mode.AUTOMATIC)
    home.policies = replace(home.policies, runbooks={"recover": automatic})
    desk = _desk(home)
    fails(home, STANDBY)
    await desk.sweep()
    (one,) = await opened(home)
    assert one.outcome is Outcome.DONE, one.reason
    assert one.decided_by.startswith("policy")
    await desk.sweep()
    assert len(await told(home, OVER)) == 1


async def test_a_look_that_is_refused_in_the_middle_keeps_it_waiting_too(home: House) -> None:
    desk = _desk(home)
    fails(home, STANDBY)
    fault = Fault("listVPCs", FaultKind.ERROR, times=1, status=401, text="unable to verify")
    home.cloud.fail_next(fault)
    seen = hint(home, STANDBY)
    with pytest.raises(Transient, match=f"decide on {STANDBY}"):
        await desk.hear(seen)
    await desk.hear(seen)
    assert len(await opened(home)) == 1


async def test_both_routers_of_a_pair_are_one_incident_of_their_place(home: House) -> None:
    desk = _desk(home)
    for name in (STANDBY, PRIMARY):
        fails(home, name)
        await desk.hear(hint(home, name, RecordKind.ACTION))
    (one,) = await opened(home)
    assert one.target_name == "the routers of VPC shop-prod"
    assert (await told(home, BEGAN))[0] == f"{STANDBY} fails {HAPROXY}"


async def test_where_cloudstack_replaces_routers_by_itself_the_refusal_is_recorded_once(
    home: House,
) -> None:
    desk = _desk(home)
    home.cloud.settings[RECREATE_CHECKS].value = "memory_usage_check.py"
    fails(home, STANDBY)
    for _ in range(2):
        await desk.sweep()
        home.later(COLLECTED_S)
    (one,) = await opened(home)
    assert one.outcome is Outcome.REFUSED
    assert "two would repair at once" in one.reason


async def test_a_dead_router_is_an_incident_once_cloudstack_had_its_time(home: House) -> None:
    desk = _desk(home)
    dead(home, STANDBY)
    seen = replace(hint(home, STANDBY), kind=Hint.MACHINE_STOPPED)
    await desk.hear(seen)
    (row,) = await home.journal.notes(seen.dedupe)
    assert str(row.data["decision"]).endswith("CloudStack has 60 s to start it by itself")
    home.later(30.0)
    await desk.sweep()
    assert await opened(home) == []
    home.later(31.0)
    await desk.sweep()
    (one,) = await opened(home)
    ended = await home.approve(one)
    assert ended.outcome is Outcome.DONE, ended.reason
    await desk.sweep()
    assert "r-4-VM and r-5-VM: Running, after 1 min" in (await told(home, OVER))[0]


async def test_a_dead_router_that_comes_back_by_itself_is_no_incident(home: House) -> None:
    desk = _desk(home)
    dead(home, STANDBY)
    await desk.sweep()
    home.cloud.processes.spawn(machines.start(home.cloud, home.vm(STANDBY)))
    home.later(120.0)
    await desk.sweep()
    assert (home.vm(STANDBY).state, await opened(home)) == ("Running", [])


async def test_a_router_that_somebody_stopped_is_left_alone(home: House) -> None:
    desk = _desk(home)
    await home.fleet._cloud.stop_router(home.vm(STANDBY).id)  # type: ignore[attr-defined]  # it can
    for _ in range(3):
        home.later(100.0)
        await desk.sweep()
    assert await opened(home) == []


async def test_all_results_are_read_as_often_as_is_set_and_dead_routers_at_each_poll(
    home: House,
) -> None:
    desk = Incidents(replace(_desk(home)._desk, health_every_s=300.0))
    await desk.sweep()
    fails(home, VM)
    home.later(60.0)
    await desk.sweep()
    assert await told(home, BEGAN) == []
    dead(home, STANDBY)
    await desk.sweep()
    home.later(61.0)
    await desk.sweep()
    assert len(await told(home, BEGAN)) == 2, "and by now the results were read again"
