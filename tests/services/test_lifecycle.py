"""The two runs of an operation: what is written when, who wins, and that each one ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.domain.operation import Actor, Operation, Outcome, Source, State, Wish
from bot.domain.policy import Person
from bot.errors import Refused
from bot.sandbox.cloud.faults import Fault, FaultKind
from tests.workflows.harness import ANA, BRUNO, House, house

CARLA = "U-CARLA"
VM = "b-31-VM"
STOP = "stopInternalLoadBalancerVM"


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as one:
        carla = Person(CARLA, "Carla", frozenset({"approver"}))
        one.policies = replace(one.policies, people=(*one.policies.people, carla))
        yield one


def from_then_on(home: House, calls: int, fault: Fault) -> None:
    """Let a fault begin when that many calls were made."""

    def before(_command: str) -> None:
        if len(home.wire.calls) > calls and not home.cloud.faults.pending:
            home.cloud.fail_next(fault)

    home.wire.before = before


async def kinds(home: House, found: Operation) -> list[str]:
    notes = await home.journal.notes(found.id)
    return [note.kind for note in notes if note.kind != "step"]


async def test_every_turn_of_an_operation_is_written(home: House) -> None:
    vpc = home.tier("app-tier").vpc
    assert vpc is not None
    found = await home.do("roll", VM)
    assert await kinds(home, found) == [
        "asked", "planned", "planned with", "approved", "applying", "ended with", "ended",
    ]  # fmt: skip
    assert (found.decided_by, found.lane) == (BRUNO, f"vpc:{vpc.id}")
    assert found.created_at <= found.decided_at <= found.started_at < found.ended_at


async def test_every_step_of_a_change_is_written_once(home: House) -> None:
    found = await home.do("roll", VM)
    steps = [note.step for note in await home.journal.notes(found.id) if note.kind == "step"]
    assert len(steps) == len(set(steps))
    assert [step.split(".")[1] for step in sorted(steps)] == [
        "begin", "answered",
        "newest", "submit_stop", "await_job", "settled",
        "newest", "submit_start", "await_job", "settled",
        "expect_version", "expect_rules",
        "finish",
    ]  # fmt: skip


async def test_nothing_secret_is_written(home: House) -> None:
    found = await home.do("roll", VM)
    written = str(await home.journal.notes(found.id)) + found.plan
    assert "sandbox-admin" not in written
    assert "sandbox-reader" not in written


async def test_somebody_the_policies_do_not_know_opens_nothing(home: House) -> None:
    with pytest.raises(Refused, match="The policies do not know you"):
        await home.operations.open_for_person(
            Wish("roll", VM), Source.SLACK, Actor("U-EVE", "eve"), dedupe="click-1"
        )


async def test_a_runbook_there_is_not_opens_nothing(home: House) -> None:
    with pytest.raises(Refused, match="There is no runbook 'reboot'"):
        await home.ask("reboot", VM)


async def test_one_click_told_twice_is_one_operation(home: House) -> None:
    opened = [
        await home.operations.open_for_person(
            Wish("roll", VM), Source.SLACK, Actor(ANA, "ana"), dedupe="click-1"
        )
        for _ in range(2)
    ]
    assert [is_new for _, is_new in opened] == [True, False]
    assert opened[0][0].id == opened[1][0].id
    await home.quiet(opened[0][0])


async def test_of_two_approvers_at_once_one_counts(home: House) -> None:
    asked = await home.ask("roll", VM)
    verdicts = await asyncio.gather(
        *(home.operations.decide(asked.id, who, approve=True) for who in (BRUNO, CARLA))
    )
    assert sorted(verdict.counted for verdict in verdicts) == [False, True]
    [lost] = [verdict for verdict in verdicts if not verdict.counted]
    assert lost.text == f"Somebody else decided on {asked.id} first."
    found = await home.quiet(asked)
    assert found.outcome is Outcome.DONE
    assert home.wire.calls.count(STOP) == 1


async def test_a_late_click_is_told_where_it_stands(home: House) -> None:
    asked = await home.ask("roll", VM)
    await home.decide(asked, approve=False)
    verdict = await home.decide(asked, CARLA)
    assert (verdict.counted, verdict.text) == (
        False,
        f"Operation {asked.id} has ended: rejected (rejected by Bruno); this changes nothing.",
    )


async def test_a_decision_after_the_deadline_does_not_count(home: House) -> None:
    asked = await home.ask("roll", VM)
    home.clock._now += home.policies.runbook("roll").expiry_s + 1  # nobody was woken yet
    verdict = await home.operations.decide(asked.id, BRUNO, approve=True)
    assert (verdict.counted, verdict.text) == (False, f"The time to decide on {asked.id} is over.")


async def test_a_decision_whose_message_was_lost_is_carried_out(home: House) -> None:
    asked = await home.ask("roll", VM)
    await home.journal.move(
        asked.id, (State.WAITING,), "approved",
        state=State.APPROVED, decided_by=BRUNO, decided_at=home.clock.now(),
        deadline_at=home.clock.now() + 900.0,
    )  # fmt: skip
    found = await home.quiet(asked)
    assert found.outcome is Outcome.DONE, found.reason
    home.later(7200.0)
    assert (await home.quiet(found)).outcome is Outcome.DONE


async def test_what_was_stored_without_a_run_is_taken_up_at_the_next_boot(home: House) -> None:
    stored = replace(
        await home.ask("roll", VM), id="261122-224013-k3fz", state=State.ASKED,
        target_id="", plan="", fingerprint="", wish=Wish("roll", "10.20.4.10"),
    )  # fmt: skip
    await home.journal.open_operation(stored, "click-9", {})
    await home.shut()
    await home.boot()
    assert (await home.quiet(stored)).state is State.WAITING


async def test_changes_in_one_vpc_go_one_after_the_other(home: House) -> None:
    first = await home.ask("roll", VM)
    second = await home.ask("roll", "10.20.2.10")
    for asked in (first, second):
        await home.operations.decide(asked.id, BRUNO, approve=True)
    for asked in (first, second):
        found = await home.quiet(asked)
        assert found.outcome is Outcome.DONE, found.reason
    other = home.vm_at("10.20.2.10")
    rolled = [one.split()[1] for one in home.effects()]
    assert rolled in ([VM] * 3 + [other] * 3, [other] * 3 + [VM] * 3)
    looks = [await home.look(asked) for asked in (first, second)]
    before, after = sorted(looks, key=lambda one: one.started_at)
    assert before.ended_at <= after.started_at


async def test_an_approval_does_not_hold_for_ever(home: House) -> None:
    asked = await home.ask("roll", VM)
    await home.operations.decide(asked.id, BRUNO, approve=True)
    await home.shut()  # the bot is away when its turn comes
    home.later(1000.0)
    await home.boot()
    found = await home.quiet(asked)
    assert (found.outcome, found.reason) == (
        Outcome.EXPIRED,
        "its turn did not come while the approval held; nothing was changed",
    )
    assert home.effects() == []


async def test_what_the_server_failed_at_once_is_read_again(home: House) -> None:
    """CloudStack's 530, in the middle of planning, of looking again and of proving."""
    fault = Fault("listLoadBalancers", FaultKind.ERROR, status=530)
    home.cloud.fail_next(fault)
    asked = await home.ask("roll", VM)
    assert asked.state is State.WAITING, asked.reason
    home.cloud.fail_next(fault)
    seen = 0

    def before(command: str) -> None:
        nonlocal seen
        if command == fault.command and home.vm(VM).version == "4.22.0":
            seen += 1
            if seen == 2:  # the first is the last step's own look
                home.cloud.fail_next(fault)

    home.wire.before = before
    ended = await home.approve(asked)
    assert ended.outcome is Outcome.DONE, ended.reason
    assert seen > 2


@pytest.mark.parametrize("kind", [FaultKind.ERROR, FaultKind.DROP])
async def test_a_cloud_that_cannot_be_read_ends_the_asking(home: House, kind: FaultKind) -> None:
    from_then_on(home, 3, Fault("*", kind, times=99))
    found = await home.ask("roll", VM)
    assert found.outcome is Outcome.FAILED
    assert found.reason.startswith("it could not be planned: ")
    assert home.effects() == []


async def test_a_cloud_that_cannot_be_read_before_the_change_ends_it_unchanged(home: House) -> None:
    asked = await home.ask("roll", VM)
    home.cloud.kill_server()
    found = await home.approve(asked)
    assert found.outcome is Outcome.FAILED
    assert found.reason.endswith("; nothing was changed")


async def test_a_cloud_that_cannot_be_read_after_the_change_leaves_it_unverified(
    home: House,
) -> None:
    calm = await home.do("roll", "10.20.4.10")
    assert calm.outcome is Outcome.DONE
    asked = await home.ask("roll", VM)

    def before(command: str) -> None:
        if command == "listLoadBalancers" and home.vm(VM).version == "4.22.0":
            home.wire.before = lambda _: from_then_on(home, 0, Fault("*", FaultKind.ERROR))

    home.wire.before = before
    found = await home.approve(asked)
    assert found.outcome is Outcome.UNVERIFIED
    assert found.reason.startswith("every step succeeded; what it left could not be looked at: ")


async def test_a_failed_change_that_cannot_be_looked_at_is_parked(home: House) -> None:
    asked = await home.ask("roll", VM)

    def before(command: str) -> None:
        if command == STOP:
            home.cloud.kill_server()

    home.wire.before = before
    found = await home.approve(asked)
    assert found.outcome is Outcome.PARKED, found.reason
    assert "could not be looked at" in found.reason


async def test_a_stop_switch_that_cannot_be_read_counts_as_set(home: House) -> None:
    asked = await home.ask("roll", VM)
    await home.operations.decide(asked.id, BRUNO, approve=True)
    home.switch._file = home.folder / "journal.db" / "STOP"  # a file is no folder
    found = await home.quiet(asked)
    assert found.outcome is Outcome.REJECTED
    assert found.reason.startswith("the stop switch cannot be read (")
    assert home.effects() == []
