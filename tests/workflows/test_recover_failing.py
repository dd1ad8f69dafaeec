"""recover, for an ILB VM that runs and fails checks: shown, and restarted where a person says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.domain.fleet import RECREATE_CHECKS
from bot.domain.operation import Mode, Operation, Outcome, State
from bot.sandbox.cloud.faults import Fault, FaultKind
from bot.sandbox.cloud.traffic import Behaviour
from bot.services.operations import plan_of
from bot.services.traffic import evidence_in
from tests.workflows.harness import House, house, two_people
from tests.workflows.paired import NAME, TWIN, VIP, VM, paired

pytestmark = pytest.mark.slow

HAPROXY = "haproxy_check.py"
SAYS = "Missing load balancing for 10.20.1.21:8080. "
STOP = "stopInternalLoadBalancerVM"
BOTH = sorted([VIP, TWIN])


@pytest.fixture
async def pair() -> AsyncIterator[House]:
    async with house(named=True, watched=True) as one:
        paired(one)
        yield one


def fails(home: House, check: str = HAPROXY, *, heals: bool = True) -> None:
    home.cloud.set_check(VM, check, "FAILED", SAYS, heals=heals)


def published(home: House) -> list[str]:
    return sorted(home.nameserver.zone.record(NAME)[1])


def published_at_the_stop(home: House) -> list[list[str]]:
    kept: list[list[str]] = []

    def before(command: str) -> None:
        if command == STOP:
            kept.append(published(home))

    home.wire.before = before
    return kept


def said(ended: Operation) -> str:
    return ended.reason.split("\n")[0]


async def test_what_fails_is_shown_with_its_evidence_and_a_restart_is_proposed(home: House) -> None:
    fails(home)
    asked = await home.ask("recover", VM)
    plan = plan_of(asked)
    assert asked.state is State.WAITING
    assert plan.summary == f"Restart {VM}: it fails {HAPROXY}"
    details, carries, cut = plan.warnings
    assert details.startswith(f"{HAPROXY} fails: {SAYS.strip()} (collected 2027-01-15 ")
    assert carries.startswith("It carries port 80 to i-")
    assert "open connections through it are cut" in cut
    assert plan.exposure.evidence == "its last stop and start by events took 62 s"
    assert plan.blast_radius[0] == (
        f"{VIP} ports 80, 9090: not served from the stop to the end of the start"
    )


async def test_a_restart_mends_it_and_the_check_is_seen_to_pass(home: House) -> None:
    fails(home)
    done = await home.do("recover", VM)
    assert done.outcome is Outcome.DONE, done.reason
    assert (await home.ask("recover", VM)).outcome is Outcome.NOTHING_TO_DO


async def test_no_policy_restarts_what_runs_by_itself() -> None:
    async with house(policies=two_people(Mode.AUTOMATIC)) as home:
        fails(home)
        asked = await home.incident("recover", VM, Mode.AUTOMATIC)
        assert asked.state is State.WAITING
        assert "a person decides" in asked.reason


async def test_what_still_fails_after_it_is_a_failure(home: House) -> None:
    fails(home, heals=False)
    ended = await home.do("recover", VM)
    assert ended.outcome is Outcome.FAILED
    assert ended.reason == f"restart ILB VM {VM}: {HAPROXY} still fails: {SAYS.rstrip('. ')}"


async def test_what_passes_again_before_the_approval_is_not_restarted(home: House) -> None:
    fails(home)
    asked = await home.ask("recover", VM)
    home.cloud.set_check(VM, HAPROXY, "SUCCESS")
    ended = await home.approve(asked)
    assert (ended.outcome, ended.reason) == (Outcome.NOTHING_TO_DO, f"{VM} is Running.")
    assert STOP not in home.wire.calls


async def test_another_check_than_planned_is_another_plan(home: House) -> None:
    fails(home)
    asked = await home.ask("recover", VM)
    fails(home, "memory_usage_check.py")
    assert (await home.approve(asked)).outcome is Outcome.STALE


async def test_other_words_of_the_same_check_are_the_same_plan(home: House) -> None:
    fails(home)
    asked = await home.ask("recover", VM)
    home.cloud.set_check(VM, HAPROXY, "FAILED", "Missing load balancing for 10.20.1.22:8080. ")
    assert (await home.approve(asked)).outcome is Outcome.DONE


@pytest.mark.parametrize("check", ["dhcp_check.py", "dns_check.py"])
async def test_what_an_ilb_vm_does_not_serve_cannot_fail_there(home: House, check: str) -> None:
    fails(home, check)
    assert said(await home.ask("recover", VM)) == f"{VM} is Running."


async def test_what_was_collected_before_its_last_start_says_nothing(home: House) -> None:
    fails(home)
    home.later(60.0)
    home.cloud.power_off(VM)
    home.later(200.0)
    done = await home.do("recover", VM)
    assert done.outcome is Outcome.DONE, done.reason
    assert said(await home.ask("recover", VM)) == f"{VM} is Running."


async def test_nothing_makes_checks_run_afresh(home: House) -> None:
    """`getRouterHealthCheckResults performfreshchecks` can make CloudStack replace routers."""
    fails(home)
    await home.do("recover", VM)
    assert "getRouterHealthCheckResults" not in home.wire.calls


async def test_two_would_repair_at_once(home: House) -> None:
    fails(home)
    home.cloud.settings[RECREATE_CHECKS].value = "memory_usage_check.py"
    ended = await home.ask("recover", VM)
    assert ended.outcome is Outcome.REFUSED
    assert "two would repair at once" in ended.reason


async def test_the_outage_of_a_single_one_is_measured() -> None:
    async with house(named=True, watched=True) as home:
        fails(home)
        done = await home.do("recover", VM)
        assert done.outcome is Outcome.DONE, done.reason
        seen = evidence_in(await home.journal.notes(done.id))
        assert seen is not None
        assert seen.failed > 0


# twins


async def test_one_of_twins_is_withdrawn_first_and_nobody_is_cut_off(pair: House) -> None:
    fails(pair)
    asked = await pair.ask("recover", VM)
    plan = plan_of(asked)
    assert (plan.exposure.what, plan.exposure.seconds) == ("nothing", 0.0)
    at_stop = published_at_the_stop(pair)
    done = await pair.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert (at_stop, published(pair)) == ([[TWIN]], BOTH)
    seen = evidence_in(await pair.journal.notes(done.id))
    assert seen is not None
    assert (seen.lost, seen.not_valid) == (0, "")


async def test_one_of_twins_that_still_fails_stays_withdrawn_and_that_is_said(pair: House) -> None:
    fails(pair, heals=False)
    ended = await pair.do("recover", VM)
    assert ended.outcome is Outcome.PARKED
    assert f"{HAPROXY} still fails" in ended.reason
    assert f"{NAME} does not lead to {VIP}: {TWIN} alone carries its traffic" in ended.reason
    assert published(pair) == [TWIN]


async def test_a_twin_that_does_not_answer_cannot_stand_in(pair: House) -> None:
    fails(pair)
    pair.cloud.lose_connections(TWIN, 80, Behaviour.REFUSES, seconds=36_000.0)
    ended = await pair.do("recover", VM)
    assert ended.outcome is Outcome.FAILED
    assert f"prove {TWIN}" in ended.reason
    assert (STOP in pair.wire.calls, published(pair)) == (False, BOTH)


async def test_while_its_twin_is_down_nothing_is_restarted(pair: House) -> None:
    fails(pair)
    pair.cloud.power_off(pair.vm_at(TWIN))
    pair.later(200.0)
    ended = await pair.ask("recover", VM)
    assert ended.outcome is Outcome.REFUSED
    assert f"`recover {TWIN}` first" in ended.reason


async def test_a_name_that_leads_to_the_failing_one_alone_is_not_left_without_it(
    pair: House,
) -> None:
    fails(pair)
    pair.nameserver.zone.set_record(NAME, 5, "A", VIP)
    ended = await pair.ask("recover", VM)
    assert ended.outcome is Outcome.REFUSED
    assert f"`pair {VM}` publishes both" in ended.reason


async def test_a_stop_that_fails_publishes_it_again(pair: House) -> None:
    fails(pair)
    pair.cloud.fail_next(Fault(STOP, FaultKind.JOB_FAILS, times=3, text="the host is away"))
    ended = await pair.do("recover", VM)
    assert ended.outcome is Outcome.ROLLED_BACK
    assert "the host is away" in ended.reason
    assert (pair.vm(VM).state, published(pair)) == ("Running", BOTH)


async def test_twins_without_a_name_state_the_outage() -> None:
    async with house(watched=True) as home:
        paired(home)
        fails(home)
        asked = await home.ask("recover", VM)
        assert plan_of(asked).exposure.seconds == 62.0
        done = await home.approve(asked)
        assert done.outcome is Outcome.DONE, done.reason
