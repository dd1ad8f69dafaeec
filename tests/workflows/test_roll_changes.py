"""roll under way: what changes in the middle, what fails, and when it can still be stopped."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.domain.fleet import RECREATE_CHECKS
from bot.domain.operation import Mode, Operation, Outcome
from bot.sandbox.cloud.faults import Fault, FaultKind
from tests.workflows.harness import BRUNO, House

VM = "b-31-VM"
STOP = "stopInternalLoadBalancerVM"
START = "startInternalLoadBalancerVM"
POLL = "queryAsyncJobResult"


def at_the_first(home: House, command: str, act: Callable[[], object]) -> None:
    """Let something happen in the world just before the first call of a command."""

    def before(called: str) -> None:
        if called == command:
            home.wire.before = lambda _: None
            act()

    home.wire.before = before


def changes(home: House) -> list[str]:
    """Return what the bot submitted."""
    return [call for call in home.wire.calls if call in {STOP, START}]


def ended(found: Operation) -> tuple[Outcome | None, str]:
    return found.outcome, found.reason


async def test_a_disk_that_was_not_renewed_is_a_failure(home: House) -> None:
    home.cloud.keep_version(VM)
    assert ended(await home.do("roll", VM)) == (
        Outcome.FAILED,
        f"roll ILB VM {VM}: CloudStack's jobs succeeded, but it still reports version 4.20.0 and "
        "not 4.22.0; its disk was not renewed",
    )


async def test_rules_changed_during_the_change_are_told(home: House) -> None:
    at_the_first(home, START, lambda: home.cloud.drift_rule("app-http", without="app-3"))
    assert ended(await home.do("roll", VM)) == (
        Outcome.FAILED,
        "compare the rules on 10.20.1.10: they are not those the plan saw; somebody changed them "
        "meanwhile, or CloudStack lost some",
    )


async def test_what_forbids_the_next_change_says_nothing_of_this_one(home: House) -> None:
    setting = home.cloud.settings[RECREATE_CHECKS]
    at_the_first(home, START, lambda: setattr(setting, "value", "haproxy_check.py"))
    found = await home.do("roll", VM)
    assert found.outcome is Outcome.DONE, found.reason


async def test_a_start_that_never_works_is_parked_with_its_reason(home: House) -> None:
    home.cloud.fail_next(Fault(START, FaultKind.JOB_FAILS, times=3, text="no host has room"))
    found = await home.do("roll", VM)
    assert ended(found) == (
        Outcome.PARKED,
        f"start ILB VM {VM}: after 3 tries it is Stopped: CloudStack says “no host has room”; "
        f"{VM} is Stopped: 10.20.1.10 ports 80, 9090 is not served",
    )


async def test_what_is_parked_is_touched_by_people_only(home: House) -> None:
    home.cloud.fail_next(Fault(START, FaultKind.JOB_FAILS, times=3, text="no host has room"))
    parked = await home.do("roll", VM)
    found = await home.incident("recover", VM, Mode.APPROVE)
    assert ended(found) == (
        Outcome.REFUSED,
        f"Operation {parked.id} on {VM} is parked: nothing automatic touches it until a person "
        "has looked. A person may ask for a runbook on it.",
    )


async def test_a_stop_that_never_ends_is_in_doubt(home: House) -> None:
    home.cloud.fail_next(Fault(STOP, FaultKind.JOB_HANGS))
    found = await home.do("roll", VM)
    assert found.outcome is Outcome.PARKED
    assert "has not ended after 60 min; CloudStack may still finish or cancel it" in found.reason


async def test_a_start_that_never_ends_is_made_again(home: House) -> None:
    home.cloud.fail_next(Fault(START, FaultKind.JOB_HANGS))
    found = await home.do("roll", VM)
    assert found.outcome is Outcome.DONE, found.reason
    assert changes(home) == [STOP, START, START]


# the kill switch


async def test_nothing_is_opened_while_all_is_stopped(home: House) -> None:
    await home.switch.set("Bruno", "a change freeze")
    with pytest.raises(Exception, match="Nothing starts now: a change freeze"):
        await home.ask("roll", VM)


async def test_nothing_is_approved_while_all_is_stopped(home: House) -> None:
    asked = await home.ask("roll", VM)
    await home.switch.set("Bruno", "a change freeze")
    verdict = await home.decide(asked)
    assert (verdict.counted, verdict.text) == (False, "Nothing starts now: a change freeze.")


async def test_a_stop_after_the_approval_comes_before_the_change(home: House) -> None:
    asked = await home.ask("roll", VM)
    await home.operations.decide(asked.id, BRUNO, approve=True)
    (home.folder / "STOP").touch()
    found = await home.quiet(asked)
    assert ended(found) == (
        Outcome.REJECTED,
        f"the stop file {home.folder / 'STOP'} exists; nothing was changed",
    )
    assert changes(home) == []


async def test_a_stop_before_the_first_call_changes_nothing(home: House) -> None:
    asked = await home.ask("roll", VM)
    looked = len(home.wire.calls)

    def before(command: str) -> None:
        if len(home.wire.calls) > looked + 10:  # the second look is over: the change has begun
            (home.folder / "STOP").touch()

    home.wire.before = before
    found = await home.approve(asked)
    assert found.outcome is Outcome.ROLLED_BACK
    assert STOP not in home.wire.calls
    assert home.effects() == []


async def test_a_stop_while_the_machine_stops_brings_it_back(home: House) -> None:
    at_the_first(home, POLL, (home.folder / "STOP").touch)
    found = await home.do("roll", VM)
    assert found.outcome is Outcome.ROLLED_BACK
    home.later(600.0)
    assert home.vm(VM).state == "Running"


async def test_a_stop_right_after_the_submission_brings_it_back(home: House) -> None:
    """The machine still shows Running then: a start would succeed at once, and the stop win."""
    at_the_first(home, STOP, (home.folder / "STOP").touch)
    found = await home.do("roll", VM)
    assert found.outcome is Outcome.ROLLED_BACK, found.reason
    home.later(600.0)
    assert home.vm(VM).state == "Running"


async def test_a_stop_while_the_job_is_queued_waits_for_its_end(home: House) -> None:
    """A look at the machine cannot tell a job that waits in a queue from none at all."""
    home.cloud.fail_next(Fault(STOP, FaultKind.JOB_SLOW, seconds=120.0))
    at_the_first(home, STOP, (home.folder / "STOP").touch)
    found = await home.do("roll", VM)
    assert found.outcome is Outcome.ROLLED_BACK, found.reason
    home.later(600.0)
    assert home.vm(VM).state == "Running"


async def test_a_stop_past_the_point_of_no_return_waits_for_the_end(home: House) -> None:
    at_the_first(home, START, (home.folder / "STOP").touch)
    found = await home.do("roll", VM)
    assert found.outcome is Outcome.DONE, found.reason
