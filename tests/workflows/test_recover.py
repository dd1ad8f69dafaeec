"""recover: what is left alone and why, and how each kind of failure is brought back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from bot.domain.fleet import RECREATE_CHECKS
from bot.domain.operation import Operation, Outcome, State
from bot.sandbox.cloud.commands.ilb_vms import start_action, stop_action
from bot.sandbox.cloud.faults import Fault, FaultKind
from bot.sandbox.cloud.records import Action, Stage, change_state, record_event
from tests.workflows.harness import BRUNO, House

VM = "b-31-VM"
VIP = "10.20.1.10"
STOP = "stopInternalLoadBalancerVM"
START = "startInternalLoadBalancerVM"
RESTART = "restartNetwork"


def dies(home: House) -> None:
    """Cut its power; CloudStack notices after three missed pings."""
    home.cloud.power_off(VM)
    home.later(200.0)


def stopped_without_a_word(home: House) -> None:
    """Leave it Stopped with no event at all."""
    home.vm(VM).powered_on = False
    change_state(home.cloud, home.vm(VM), "Stopped")


def event(home: House, action: Action, stage: Stage) -> None:
    record_event(home.cloud, action, stage, account=home.cloud.admin)


def router_event(home: House, event_type: str) -> Action:
    """Return what a router command does to an ILB VM's log: it is filed under DomainRouter."""
    return Action(event_type, home.vm(VM), "DomainRouter", doing="Rebooting router Vm.")


def restart_event(home: House, event_type: str) -> Action:
    tier = home.tier("app-tier")
    if event_type == "VPC.RESTART":
        return Action(event_type, tier.vpc, "Vpc", doing="Restarting VPC.")
    return Action(event_type, tier, "Network", doing="Restarting network.")


def words(home: House) -> str:
    """Return the present moment of the world as texts show it."""
    return datetime.fromtimestamp(int(home.clock.now()), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def changes(home: House) -> list[str]:
    return [call for call in home.wire.calls if call in {STOP, START, RESTART}]


def said(found: Operation) -> str:
    """Return the first sentence of a reason; evidence follows on lines of its own."""
    return found.reason.split("\n")[0]


async def left_alone(home: House, target: str = VM) -> str:
    found = await home.ask("recover", target)
    assert found.outcome is Outcome.NOTHING_TO_DO, found.reason
    assert changes(home) == []
    return said(found)


# left alone


async def test_a_running_one_is_left_alone(home: House) -> None:
    assert await left_alone(home) == f"{VM} is Running."


@pytest.mark.parametrize(
    "stages",
    [
        (Stage.SCHEDULED, Stage.STARTED, Stage.COMPLETED),
        (Stage.SCHEDULED, Stage.STARTED),
        (Stage.SCHEDULED,),
    ],
    ids=["all of it", "cut off", "older versions log the schedule only"],
)
async def test_somebody_stopped_it(home: House, stages: tuple[Stage, ...]) -> None:
    stopped_without_a_word(home)
    for stage in stages:
        event(home, stop_action(home.vm(VM)), stage)
    assert await left_alone(home) == (
        f"Left alone: admin asked for it: INTERNALLBVM.STOP at {words(home)}."
    )


@pytest.mark.parametrize("event_type", ["ROUTER.STOP", "ROUTER.REBOOT", "ROUTER.DESTROY"])
async def test_somebody_used_a_router_command_on_it(home: House, event_type: str) -> None:
    stopped_without_a_word(home)
    event(home, router_event(home, event_type), Stage.STARTED)
    assert await left_alone(home) == (
        f"Left alone: admin asked for it: {event_type} at {words(home)}."
    )


@pytest.mark.parametrize(
    ("event_type", "what"), [("VPC.RESTART", "VPC"), ("NETWORK.RESTART", "network")]
)
async def test_a_restart_around_it_is_running(home: House, event_type: str, what: str) -> None:
    stopped_without_a_word(home)
    event(home, restart_event(home, event_type), Stage.STARTED)
    home.later(60.0)
    assert await left_alone(home) == f"Left alone: a restart of its {what} is running."


@pytest.mark.parametrize(
    ("event_type", "what"), [("VPC.RESTART", "VPC"), ("NETWORK.RESTART", "network")]
)
async def test_a_restart_around_it_just_ended(home: House, event_type: str, what: str) -> None:
    stopped_without_a_word(home)
    event(home, restart_event(home, event_type), Stage.STARTED)
    home.later(40.0)
    event(home, restart_event(home, event_type), Stage.COMPLETED)
    home.later(60.0)
    assert await left_alone(home) == f"Left alone: a restart of its {what} ended 60 s ago."


async def test_no_active_rule_with_a_member(home: House) -> None:
    dies(home)
    for name in ("app-http", "app-grpc"):
        home.cloud.drift_rule(name, state="Add").members.clear()
    assert await left_alone(home) == (
        f"Left alone: no Active rule with a member is visible on {VIP}."
    )


async def test_an_idle_tier(home: House) -> None:
    assert await left_alone(home, "10.20.5.10") == (
        "Left alone: tier batch-tier is Allocated, not Implemented: CloudStack removed its ILB VM "
        "with the idle tier, and starting anything in it now can hang for good."
    )


async def test_one_that_cloudstack_is_starting(home: House) -> None:
    home.vm(VM).state = "Starting"
    assert await left_alone(home) == f"{VM} is Starting: CloudStack is at work on it."


# not left alone


async def test_an_earlier_stop_followed_by_a_start_says_nothing(home: House) -> None:
    for action in (stop_action(home.vm(VM)), start_action(home.vm(VM))):
        for stage in (Stage.SCHEDULED, Stage.STARTED, Stage.COMPLETED):
            home.later(5.0)
            event(home, action, stage)
    stopped_without_a_word(home)
    asked = await home.ask("recover", VM)
    assert asked.state is State.WAITING
    assert (await home.plan(asked)).summary == (
        f"Bring it back: {VM} is Stopped and nobody asked for it to be stopped"
    )


@pytest.mark.parametrize("event_type", ["VPC.RESTART", "NETWORK.RESTART"])
async def test_a_restart_that_ended_long_ago_says_nothing(home: House, event_type: str) -> None:
    event(home, restart_event(home, event_type), Stage.STARTED)
    event(home, restart_event(home, event_type), Stage.COMPLETED)
    home.later(301.0)
    stopped_without_a_word(home)
    assert (await home.ask("recover", VM)).state is State.WAITING


async def test_a_restart_whose_end_was_lost_does_not_run_for_ever(home: House) -> None:
    """A killed management server leaves the event at Started; a job lives an hour at most."""
    event(home, restart_event(home, "VPC.RESTART"), Stage.STARTED)
    home.later(3601.0)
    stopped_without_a_word(home)
    assert (await home.ask("recover", VM)).state is State.WAITING


async def test_a_restart_of_another_tier_says_nothing(home: House) -> None:
    stopped_without_a_word(home)
    other = home.tier("db-tier")
    event(home, Action("NETWORK.RESTART", other, "Network", doing="Restarting"), Stage.STARTED)
    assert (await home.ask("recover", VM)).state is State.WAITING


async def test_a_dead_one_is_started_and_the_plan_says_why(home: House) -> None:
    dies(home)
    asked = await home.ask("recover", VM)
    plan = await home.plan(asked)
    assert plan.summary.startswith(
        f"Bring it back: {VM} died by itself: 'Out of band VM power off' seen by CloudStack at "
    )
    assert plan.exposure.evidence == "it is not served now; the repair cuts nothing"
    found = await home.approve(asked)
    assert found.outcome is Outcome.DONE, found.reason
    assert changes(home) == [START]


async def test_a_stuck_one_that_power_sync_frees_is_not_touched(home: House) -> None:
    home.cloud.stick_in_stopping(VM)
    asked = await home.ask("recover", VM)
    home.cloud.restart_server(5.0)
    found = await home.approve(asked)
    assert found.outcome is Outcome.DONE, found.reason
    assert changes(home) == []


async def test_one_stuck_for_ever_is_stopped_and_started(home: House) -> None:
    home.cloud.stick_in_stopping(VM)
    found = await home.do("recover", VM)
    assert found.outcome is Outcome.DONE, found.reason
    assert changes(home) == [STOP, START]


async def test_a_missing_one_comes_back_by_a_restart_of_its_tier(home: House) -> None:
    home.cloud.lose_ilb_vm(VM)
    asked = await home.ask("recover", VIP)
    plan = await home.plan(asked)
    assert plan.summary == (f"Bring it back: no ILB VM has {VIP} although rules on it are Active")
    assert plan.warnings == (
        "The new machine has the default offering: a changed one is lost with the old.",
    )
    found = await home.approve(asked)
    assert found.outcome is Outcome.DONE, found.reason
    assert changes(home) == [RESTART]
    assert home.vm(home.vm_at(VIP)).state == "Running"


async def test_a_missing_ones_plan_names_the_neighbours_it_starts(home: House) -> None:
    home.cloud.lose_ilb_vm(home.vm_at("10.20.2.10"))
    plan = await home.plan(await home.ask("recover", "10.20.2.10"))
    assert plan.blast_radius == (
        "10.20.2.10 ports 80, 443: served again",
        f"{home.vm_at('10.20.2.11')} (10.20.2.11): its rules are sent again, started if stopped",
        "the routers of VPC shop-prod get the tier's configuration again",
    )


# refused, stale and failed


async def test_one_in_error_needs_a_person(home: House) -> None:
    home.vm(VM).state = "Error"
    found = await home.ask("recover", VM)
    assert (found.outcome, found.reason) == (
        Outcome.REFUSED,
        f"{VM} is Error, which neither a start nor a stop repairs. A person must look at it in "
        "CloudStack.",
    )


async def test_two_would_repair_at_once(home: House) -> None:
    dies(home)
    home.cloud.settings[RECREATE_CHECKS].value = "haproxy_check.py"
    found = await home.ask("recover", VM)
    assert (found.outcome, found.reason) == (
        Outcome.REFUSED,
        "CloudStack is set to replace routers by itself when a check fails "
        "(router.health.checks.failures.to.recreate.vr = haproxy_check.py): two would repair at "
        "once. Empty that setting for the zone, then recover.",
    )


async def test_somebody_started_it_meanwhile(home: House) -> None:
    dies(home)
    asked = await home.ask("recover", VM)
    home.vm(VM).state = "Running"
    found = await home.approve(asked)
    assert (found.outcome, found.reason) == (Outcome.NOTHING_TO_DO, f"{VM} is Running.")


async def test_somebody_stopped_it_on_purpose_meanwhile(home: House) -> None:
    dies(home)
    asked = await home.ask("recover", VM)
    event(home, stop_action(home.vm(VM)), Stage.SCHEDULED)
    found = await home.approve(asked)
    assert found.outcome is Outcome.NOTHING_TO_DO
    assert found.reason.startswith("Left alone: admin asked for it: INTERNALLBVM.STOP")
    assert changes(home) == []


async def test_other_rules_than_planned_are_stale(home: House) -> None:
    dies(home)
    asked = await home.ask("recover", VM)
    home.cloud.drift_rule("app-http", without="app-3")
    found = await home.approve(asked)
    assert found.outcome is Outcome.STALE
    assert found.reason.startswith("the world changed since the plan: rule")


async def test_rules_that_change_during_the_repair_are_told(home: House) -> None:
    dies(home)

    def before(command: str) -> None:
        if command == START:
            home.cloud.drift_rule("app-http", without="app-3")

    home.wire.before = before
    found = await home.do("recover", VM)
    assert (found.outcome, found.reason) == (
        Outcome.FAILED,
        f"compare the rules on {VIP}: they are not those the plan saw; somebody changed them "
        "meanwhile, or CloudStack lost some",
    )


async def test_a_start_that_never_works_is_parked(home: House) -> None:
    dies(home)
    home.cloud.fail_next(Fault(START, FaultKind.JOB_FAILS, times=3, text="no host has room"))
    found = await home.do("recover", VM)
    assert (found.outcome, found.reason) == (
        Outcome.PARKED,
        f"start ILB VM {VM}: after 3 tries it is Stopped: CloudStack says “no host has room”; "
        f"{VM} is Stopped: {VIP} ports 80, 9090 is not served",
    )
    assert changes(home) == [START] * 3


async def test_a_stop_before_the_start_leaves_it_as_it_was(home: House) -> None:
    dies(home)
    asked = await home.ask("recover", VM)
    await home.operations.decide(asked.id, BRUNO, approve=True)
    await home.switch.set("Bruno", "a change freeze")
    found = await home.quiet(asked)
    assert (found.outcome, found.reason) == (
        Outcome.REJECTED,
        "a change freeze; nothing was changed",
    )


@pytest.mark.parametrize("break_it", [dies, stopped_without_a_word], ids=["died", "stopped"])
async def test_a_recovered_one_leaves_nothing_to_do(
    home: House, break_it: Callable[[House], None]
) -> None:
    break_it(home)
    await home.do("recover", VM)
    assert await home.ask("recover", VM) and changes(home) == [START]
    assert (await home.ask("recover", VM)).outcome is Outcome.NOTHING_TO_DO
