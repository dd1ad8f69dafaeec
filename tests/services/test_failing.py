"""Failed health checks and dead routers: read again, one incident each time, over by reading."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.domain.bus import RecordKind
from bot.domain.episode import FLAP_WINDOW_S, LASTS_S
from bot.domain.health import CPU_CHECK
from bot.domain.observation import Hint, Observation, TargetType
from bot.domain.operation import Mode, Operation, Outcome, State
from bot.domain.policy import IncidentKind, IncidentPolicy
from bot.errors import Transient
from bot.sandbox.cloud import Fault, FaultKind, machines
from bot.services.episodes import BEGAN, FLAPS, OVER
from bot.services.incidents import Incidents
from tests.services.test_incidents import _desk
from tests.workflows.harness import House, house, two_people

VM = "b-31-VM"
STANDBY, PRIMARY = "r-5-VM", "r-4-VM"
HAPROXY = "haproxy_check.py"
SAYS = "Missing load balancing for 10.20.1.21:8080. "
COLLECTED_S = 600.0
PROPOSED = (IncidentKind.ILB_FAILING, IncidentKind.ROUTER_FAILING, IncidentKind.ROUTER_STOPPED)


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        _policy(made, Mode.APPROVE)
        yield made


def _policy(home: House, mode: Mode, *more: IncidentKind) -> None:
    incidents: Mapping[IncidentKind, IncidentPolicy] = {
        kind: IncidentPolicy(kind, "recover", mode) for kind in (*PROPOSED, *more)
    }
    home.policies = replace(two_people(), incidents=incidents)


def fails(home: House, name: str, check: str = HAPROXY) -> None:
    home.cloud.set_check(name, check, "FAILED", SAYS)


def passes(home: House, name: str, check: str = HAPROXY) -> None:
    home.cloud.set_check(name, check, "SUCCESS")


def hint(home: House, name: str, source: RecordKind = RecordKind.ALERT) -> Observation:
    kind = TargetType.ILB_VM if name.startswith("b-") else TargetType.ROUTER
    return Observation(
        Hint.HEALTH_FAILED, kind, home.cloud.machine(name).id, name,
        datetime.fromtimestamp(home.clock.now(), UTC),
        f"Health checks failed: 1 failing checks on router {name}", source,
    )  # fmt: skip


async def opened(home: House) -> list[Operation]:
    """Return every operation, oldest first, each as far as it goes without a person."""
    found = [await home.quiet(one) for one in await home.journal.operations()]
    return list(reversed(found))


async def told(home: House, kind: str) -> list[str]:
    return [str(row.data["decision"]) for row in await home.journal.newest_notes(kind)]


async def fails_and_passes(home: House, desk: Incidents) -> None:
    fails(home, VM)
    await desk.sweep()
    await opened(home)
    home.later(COLLECTED_S)
    passes(home, VM)
    await desk.sweep()
    home.later(COLLECTED_S)


async def test_all_records_of_a_failed_check_are_one_proposal(home: House) -> None:
    desk = _desk(home)
    fails(home, VM)
    for source in (RecordKind.ALERT, RecordKind.ACTION):
        await desk.hear(hint(home, VM, source))
    home.later(COLLECTED_S)
    await desk.hear(hint(home, VM))
    await desk.sweep()
    (one,) = await opened(home)
    assert (one.state, one.mode) == (State.WAITING, Mode.APPROVE)
    assert one.wish.because == f"{VM} fails {HAPROXY}"
    assert await told(home, BEGAN) == [f"{VM} fails {HAPROXY}"]
    assert (await home.approve(one)).outcome is Outcome.DONE


async def test_without_a_record_a_poll_finds_it(home: House) -> None:
    fails(home, VM)
    await _desk(home).sweep()
    (one,) = await opened(home)
    assert (one.source, one.state) == ("poll", State.WAITING)


async def test_a_record_of_what_passes_by_now_leads_to_nothing(home: House) -> None:
    fails(home, VM)
    seen = hint(home, VM)
    passes(home, VM)
    await _desk(home).hear(seen)
    assert await opened(home) == []
    (row,) = await home.journal.notes(seen.dedupe)
    assert row.data["decision"] == f"{VM}: no check fails that means anything there"


async def test_a_check_that_means_nothing_there_is_no_incident(home: House) -> None:
    fails(home, VM, "dhcp_check.py")
    fails(home, STANDBY, "gateways_check.py")
    desk = _desk(home)
    for name in (VM, STANDBY):
        await desk.hear(hint(home, name))
    await desk.sweep()
    assert await opened(home) == []
    assert await told(home, BEGAN) == []


async def test_an_episode_is_over_when_it_is_read_to_pass_and_the_next_is_new(home: House) -> None:
    desk = _desk(home)
    await fails_and_passes(home, desk)
    assert await told(home, OVER) == [f"{VM} passes again, after 10 min"]
    (first,) = await opened(home)
    assert (first.outcome, first.reason) == (Outcome.STALE, (await told(home, OVER))[0])
    home.later(FLAP_WINDOW_S)
    fails(home, VM)
    await desk.sweep()
    assert [one.state for one in await opened(home)] == [State.ENDED, State.WAITING]


async def test_what_is_busy_still_is_not_said_to_pass_every_check(home: House) -> None:
    desk = _desk(home)
    fails(home, VM)
    fails(home, VM, CPU_CHECK)
    await desk.sweep()
    home.later(COLLECTED_S)
    passes(home, VM)
    fails(home, VM, CPU_CHECK)
    await desk.sweep()
    assert await told(home, OVER) == [f"{VM} passes again, but for {CPU_CHECK}, after 10 min"]


async def test_what_flaps_is_one_incident_until_it_lasts(home: House) -> None:
    desk = _desk(home)
    for _ in range(3):
        await fails_and_passes(home, desk)
    fails(home, VM)
    await desk.hear(hint(home, VM))
    first, one = await opened(home)
    assert (first.outcome, one.state) == (Outcome.STALE, State.WAITING)
    assert one.wish.because == f"{VM} fails {HAPROXY} (time 2 in this incident: it flaps)"
    assert (await told(home, BEGAN))[0] == (
        f"{VM} fails {HAPROXY} (time 4 in this incident: it flaps)"
    )
    await home.decide(one, approve=False)
    home.later(COLLECTED_S)
    late = hint(home, VM)
    await desk.hear(late)
    (row,) = await home.journal.notes(late.dedupe)
    assert row.data["decision"] == (
        f"same incident as operation {one.id}: it flaps, 4 times by now, so nothing new is "
        "proposed before it failed for 30 min without a break"
    )
    flaps = [row for row in await home.journal.notes(one.id) if row.kind == FLAPS]
    assert [row.data["text"] for row in flaps][
        -1
    ] == f"{VM} fails {HAPROXY}: time 4 in one incident"
    home.later(LASTS_S)
    await desk.sweep()
    assert [one.state for one in await opened(home)] == [State.ENDED] * 2 + [State.WAITING]


async def test_a_rejected_proposal_is_not_made_again_for_what_still_fails(home: House) -> None:
    desk = _desk(home)
    fails(home, VM)
    await desk.sweep()
    (one,) = await opened(home)
    await home.decide(one, approve=False)
    for _ in range(3):
        home.later(COLLECTED_S)
        fails(home, VM)
        await desk.sweep()
    assert len(await opened(home)) == 1


async def test_a_proposal_that_went_stale_is_made_again(home: House) -> None:
    desk = _desk(home)
    fails(home, VM)
    await desk.sweep()
    (one,) = await opened(home)
    fails(home, VM, "memory_usage_check.py")
    assert (await home.approve(one)).outcome is Outcome.STALE
    home.later(COLLECTED_S)
    await desk.sweep()
    _, again = await opened(home)
    assert again.state is State.WAITING
    assert (await home.approve(again)).outcome is Outcome.DONE


async def test_a_start_is_no_recovery_before_results_are_collected_again(home: House) -> None:
    desk = _desk(home)
    fails(home, VM)
    await desk.sweep()
    machine = home.vm(VM)
    home.cloud.processes.spawn(machines.stop(home.cloud, machine))
    home.later(60.0)
    home.cloud.processes.spawn(machines.start(home.cloud, machine))
    home.later(61.0)
    await desk.sweep()
    assert await told(home, OVER) == []
    home.later(COLLECTED_S)
    await desk.sweep()
    assert len(await told(home, OVER)) == 1


async def test_what_is_gone_fails_no_longer(home: House) -> None:
    desk = _desk(home)
    fails(home, VM)
    await desk.sweep()
    home.cloud.lose_ilb_vm(VM)
    await desk.sweep()
    assert await told(home, OVER) == [f"{VM} is gone, after less than a minute"]


async def test_nothing_runs_by_itself_for_a_failing_ilb(home: House) -> None:
    _policy(home, Mode.AUTOMATIC)
    fails(home, VM)
    await _desk(home).sweep()
    (one,) = await opened(home)
    assert one.state is State.WAITING


async def test_without_a_policy_it_is_recorded_and_nothing_is_opened(home: House) -> None:
    home.policies = two_people()
    fails(home, VM)
    seen = hint(home, VM)
    await _desk(home).hear(seen)
    assert await opened(home) == []
    (row,) = await home.journal.notes(seen.dedupe)
    assert row.data["decision"] == f"no policy for ilb-failing: {VM} fails {HAPROXY}"


async def test_what_a_policy_came_for_later_is_proposed_at_a_later_look(home: House) -> None:
    home.policies = two_people()
    fails(home, VM)
    await _desk(home).sweep()
    assert await opened(home) == []
    _policy(home, Mode.APPROVE)
    await _desk(home).sweep()
    assert len(await opened(home)) == 1


async def test_a_restart_of_the_bot_forgets_no_episode(home: House) -> None:
    fails(home, VM)
    await _desk(home).sweep()
    await opened(home)
    home.later(COLLECTED_S)
    await _desk(home).hear(hint(home, VM))
    assert len(await opened(home)) == 1
    passes(home, VM)
    await _desk(home).sweep()
    assert len(await told(home, OVER)) == 1
    home.later(COLLECTED_S)
    fails(home, VM)
    await _desk(home).sweep()
    assert (await told(home, BEGAN))[0].endswith("(time 2 in this incident: it flaps)")


async def test_a_refused_read_keeps_the_record_waiting(home: House) -> None:
    desk = _desk(home)
    fails(home, VM)
    seen = hint(home, VM)
    home.cloud.fail_next(Fault("*", FaultKind.ERROR, times=1, status=401, text="unable to verify"))
    with pytest.raises(Transient, match=f"look at {VM}"):
        await desk.hear(seen)
    await desk.hear(seen)
    assert len(await opened(home)) == 1


async def test_results_that_are_as_they_were_are_not_looked_into_at_every_poll(
    home: House,
) -> None:
    desk = _desk(home)

    async def calls_of_a_sweep() -> int:
        before = len(home.wire.calls)
        await desk.sweep()
        return len(home.wire.calls) - before

    nothing_fails = await calls_of_a_sweep()
    fails(home, VM)
    fails(home, PRIMARY, "gateways_check.py")
    assert await calls_of_a_sweep() > nothing_fails
    await opened(home)
    home.later(60.0)
    assert await calls_of_a_sweep() == nothing_fails


async def test_a_busy_cpu_is_no_reason_for_a_restart(home: House) -> None:
    desk = _desk(home)
    for name in (VM, STANDBY):
        home.cloud.set_check(name, "cpu_usage_check.py", "FAILED", "CPU Usage 97.2% has crossed")
        await desk.hear(hint(home, name))
    await desk.sweep()
    assert await opened(home) == []
    words = await told(home, "decided")
    assert len(words) == 2
    assert all("fails cpu_usage_check.py alone: busy" in one for one in words)


async def test_a_machine_that_dies_while_its_checks_are_decided_on_is_brought_back(
    home: House,
) -> None:
    """The first plan is no longer right, and it must not stand in the way of the next one."""
    _policy(home, Mode.APPROVE, IncidentKind.ILB_STOPPED)
    desk = _desk(home)
    fails(home, VM)
    await desk.sweep()
    (waiting,) = await opened(home)
    assert waiting.state is State.WAITING
    home.cloud.power_off(VM)
    home.later(home.cloud.latencies.power_off_noticed_s + 1)
    await desk.sweep()
    stale, last = await opened(home)
    assert stale.reason.startswith(f"overtaken: {VM} died by itself: ")
    assert stale.outcome is Outcome.STALE
    assert (last.state, last.wish.runbook) == (State.WAITING, "recover"), last.reason
