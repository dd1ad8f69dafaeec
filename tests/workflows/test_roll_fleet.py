"""roll-fleet: in which order targets go, when it stops, what it leaves, and how it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.domain.operation import Operation, Outcome, State
from bot.domain.waves import lots_in
from bot.engine.memory import Death, Point
from bot.sandbox.cloud.build import Builder
from bot.sandbox.cloud.faults import Fault, FaultKind
from bot.sandbox.cloud.model import Rule
from bot.services.schema import operation as table
from tests.workflows.harness import House, house

pytestmark = pytest.mark.slow

CANARY, SECOND = "b-33-VM", "b-35-VM"
"""The first two of the zone: no outage of them is known, and they carry one rule each."""
DUE = (CANARY, SECOND, "b-31-VM", "b-32-VM", "b-41-VM", "b-42-VM", "b-46-VM")
START = "startInternalLoadBalancerVM"
ZONE, STAGE = "zone=fra-1", "vpc=shop-stage"


async def children(home: House, parent: Operation) -> list[Operation]:
    """Return the operations that are parts of one, in their order."""
    found = await home.journal.operations(table.c.parent == parent.id)
    return sorted(found, key=lambda one: one.id)


async def told(home: House, parent: Operation) -> list[tuple[str, str]]:
    """Return what became of each target, in order."""
    return [(one.target_name, str(one.outcome)) for one in await children(home, parent)]


def renewed(home: House) -> list[str]:
    """Return the machines whose disks were renewed, in order."""
    kind = "ilb_vm.disk_renewed "
    return [one.removeprefix(kind) for one in home.effects() if one.startswith(kind)]


def when_it_starts(home: House, number: int, act: Callable[[], object]) -> None:
    """Let something happen right before that start (from 1) is asked for."""
    seen: list[str] = []

    def before(command: str) -> None:
        if command == START:
            seen.append(command)
            if len(seen) == number:
                act()

    home.wire.before = before


# which targets, and in which waves


async def test_the_plan_says_what_is_due_what_is_there_and_what_cannot_be_rolled(
    home: House,
) -> None:
    planned = await home.plan(await home.ask("roll-fleet", ZONE))
    assert planned.summary == "Roll 7 targets of zone fra-1 to version 4.22.0, in 5 waves"
    assert {lot.name for lot in lots_in(planned)} == set(DUE)
    words = "\n".join(planned.warnings)
    assert "Already there: b-34-VM already reports version 4.22.0." in words
    assert "Left out: the ILB at 10.20.5.10: Tier batch-tier is Allocated" in words
    assert planned.exposure.seconds is None
    assert planned.exposure.what.startswith("7 of 7 targets, each in its turn: ")
    assert planned.by_person


async def test_every_target_becomes_an_operation_of_its_own(home: House) -> None:
    done = await home.do("roll-fleet", ZONE)
    assert done.outcome is Outcome.DONE, done.reason
    parts = await children(home, done)
    assert [one.id for one in parts] == [f"{done.id}-{n:02d}" for n in range(1, 8)]
    assert {(one.requested_by, one.decided_by) for one in parts} == {
        (done.requested_by, done.decided_by)
    }
    assert [one.target_name for one in parts][:2] == [CANARY, SECOND]
    assert sorted(renewed(home)) == sorted(DUE)
    assert all(home.vm(name).version == "4.22.0" for name in DUE)


async def test_a_wave_begins_when_the_one_before_has_ended(home: House) -> None:
    done = await home.do("roll-fleet", ZONE)
    waves = {lot.number: lot.wave for lot in lots_in(await home.plan(done))}
    parts = [(waves[one.id[-2:]], one) for one in await children(home, done)]
    for wave in range(2, 6):
        began = min(one.created_at for number, one in parts if number == wave)
        assert all(one.ended_at <= began for number, one in parts if number < wave)
    third = [one for number, one in parts if number == 3]
    assert max(one.started_at for one in third) < min(one.ended_at for one in third)


async def test_the_fleet_of_a_vpc_goes_one_by_one(home: House) -> None:
    planned = await home.plan(await home.ask("roll-fleet", STAGE))
    assert [lot.wave for lot in lots_in(planned)] == [1, 2]
    assert planned.target.lane == ""


async def test_twins_are_one_target_without_an_outage() -> None:
    async with house(named=True, watched=True) as home:
        paired = await home.do("pair", "b-31-VM")
        assert paired.outcome is Outcome.DONE, paired.reason
        asked = await home.ask("roll-fleet", "vpc=shop-prod")
        canary = lots_in(await home.plan(asked))[0]
        assert (canary.name, canary.way, canary.toll) == ("b-31-VM", "twins", 0)
        assert len(canary.machines) == 2
        done = await home.approve(asked)
        assert done.outcome is Outcome.DONE, done.reason


async def test_routers_are_rolled_where_they_are_asked_for(home: House) -> None:
    for router in ("r-4-VM", "r-5-VM"):
        home.cloud.machine(router).software_version = "4.22.0.0"
    asked = await home.ask("roll-fleet", "vpc=shop-prod", routers="True")
    ways = {lot.name: lot.way for lot in lots_in(await home.plan(asked))}
    assert ways["the routers of VPC shop-prod"] == "pair"
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert home.vm("r-4-VM").version == home.vm("r-5-VM").version == "4.22.0"


@pytest.mark.parametrize(
    ("reach", "answer"),
    [
        ("all", "“all” does not say which fleet. Say `vpc=NAME` or `zone=NAME`."),
        ("zone=", "“zone=” does not say which fleet. Say `vpc=NAME` or `zone=NAME`."),
        ("vpc=shop-prodd", "No VPC is called “shop-prodd”. Did you mean `vpc=shop-prod`?"),
        ("zone=mars", "No zone is called “mars”. `status` lists what there is."),
    ],
)
async def test_a_fleet_that_is_not_named_is_never_all(home: House, reach: str, answer: str) -> None:
    found = await home.ask("roll-fleet", reach)
    assert (found.outcome, found.reason) == (Outcome.REFUSED, answer)


async def test_a_fleet_of_nothing_is_refused(home: House) -> None:
    Builder(home.cloud, home.cloud.at).vpc("shop-new", "10.50.0.0/16")
    found = await home.ask("roll-fleet", "vpc=shop-new")
    assert (found.outcome, found.reason) == (
        Outcome.REFUSED,
        "VPC shop-new has no ILB that could be rolled. `status` lists what there is.",
    )


async def test_a_name_that_two_vpcs_have_is_answered_with_their_ids(home: House) -> None:
    Builder(home.cloud, home.cloud.at).vpc("another", "10.50.0.0/16").name = "shop-stage"
    found = await home.ask("roll-fleet", STAGE)
    assert found.outcome is Outcome.REFUSED
    assert found.reason.startswith("2 VPCs go by the name “shop-stage”. Say which one: `vpc=")


async def test_a_fleet_that_is_there_already_is_nothing_to_do(home: House) -> None:
    await home.do("roll-fleet", STAGE)
    found = await home.ask("roll-fleet", STAGE)
    assert found.outcome is Outcome.NOTHING_TO_DO
    assert "b-41-VM already reports version 4.22.0." in found.reason


# between the plan and the change


async def test_a_target_that_changed_since_the_plan_makes_it_stale(home: House) -> None:
    asked = await home.ask("roll-fleet", STAGE)
    await home.do("roll", "b-41-VM")
    found = await home.approve(asked)
    assert found.outcome is Outcome.STALE
    assert "b-41-VM (10.30.1.10): was Running, version 4.20.0" in found.reason
    assert await children(home, found) == []


async def test_what_came_since_the_plan_is_none_of_it(home: House) -> None:
    asked = await home.ask("roll-fleet", STAGE)
    spec = (
        "tier: shop-stage/qa-tier\nilbs:\n  - services:\n      - name: more\n"
        "        members: [qa-1]\n        rules: [{port: 81}]\n"
    )
    made = await home.do("provision", "shop-stage/qa-tier", spec=spec)
    assert made.outcome is Outcome.DONE, made.reason
    found = await home.approve(asked)
    assert found.outcome is Outcome.DONE, found.reason
    assert sorted(name for name, _ in await told(home, found)) == ["b-41-VM", "b-42-VM"]


async def test_a_target_that_would_now_cost_more_than_promised_is_not_begun() -> None:
    async with house(named=True, watched=True) as home:
        asked = await home.ask("roll-fleet", "vpc=shop-prod")
        [canary, *_] = lots_in(await home.plan(asked))
        assert (canary.name, canary.way) == ("b-31-VM", "beside")

        def before(_command: str) -> None:
            if f"{asked.id}-01:ask" in home.store.runs:  # its first target is about to be planned
                for rule in home.cloud.all(Rule):
                    rule.tags.pop("ilbot.name", None)

        home.wire.before = before
        found = await home.approve(asked)
        assert found.outcome is Outcome.FAILED
        assert await told(home, found) == [("b-31-VM", "failed")]
        [part] = await children(home, found)
        assert part.reason == (
            "not begun: it was approved as without an outage, and now would be an outage: "
            "10.20.1.10 ports 80, 9090"
        )
        assert renewed(home) == []


# where it stops


async def test_it_stops_when_the_budget_is_spent_and_says_what_is_left(home: House) -> None:
    home.cloud.keep_version(SECOND)
    found = await home.do("roll-fleet", ZONE)
    assert found.outcome is Outcome.FAILED
    assert await told(home, found) == [(CANARY, "done"), (SECOND, "failed")]
    assert found.reason == (
        "roll the fleet: the error budget is spent (1 failed, none may); "
        f"{SECOND} ended failed ({found.id}-02: roll ILB VM {SECOND}: CloudStack's jobs succeeded, "
        "but it still reports version 4.20.0 and not 4.22.0; its disk was not renewed); "
        "not begun: b-41-VM, b-46-VM, b-31-VM, b-42-VM and b-32-VM. "
        f"Asking again goes on with what is left; done and kept: {CANARY} was renewed"
    )


async def test_asking_again_goes_on_with_what_is_left(home: House) -> None:
    home.cloud.keep_version(SECOND)
    await home.do("roll-fleet", ZONE)
    home.cloud.keep_version(SECOND, keeps=False)
    again = await home.do("roll-fleet", ZONE)
    assert again.outcome is Outcome.DONE, again.reason
    names = [name for name, _ in await told(home, again)]
    assert sorted(names) == sorted(set(DUE) - {CANARY})
    assert renewed(home).count(CANARY) == 1


async def test_within_its_budget_it_goes_on_and_is_not_done(home: House) -> None:
    home.cloud.keep_version(SECOND)
    found = await home.do("roll-fleet", ZONE, budget="1")
    assert found.outcome is Outcome.FAILED
    assert "not every target was renewed; b-35-VM ended failed" in found.reason
    assert all(home.vm(name).version == "4.22.0" for name in set(DUE) - {SECOND})


async def test_a_canary_that_fails_stops_it_whatever_the_budget(home: House) -> None:
    home.cloud.keep_version(CANARY)
    found = await home.do("roll-fleet", ZONE, budget="5")
    assert found.outcome is Outcome.FAILED
    assert "the canary proved nothing" in found.reason
    assert await told(home, found) == [(CANARY, "failed")]


async def test_nothing_that_cannot_be_proven_is_rolled_on() -> None:
    async with house(named=True) as home:  # nobody looks at its traffic
        asked = await home.ask("roll-fleet", "vpc=shop-prod")
        words = "\n".join((await home.plan(asked)).warnings)
        assert "No vantage point looks, so nothing proves b-31-VM" in words
        found = await home.approve(asked)
        assert found.outcome is Outcome.FAILED
        assert await told(home, found) == [("b-31-VM", "unverified")]


async def test_what_is_parked_is_left_out_until_a_person_has_looked(home: House) -> None:
    home.cloud.fail_next(Fault(START, FaultKind.JOB_FAILS, times=3, text="no host has room"))
    found = await home.do("roll-fleet", STAGE)
    [(name, outcome)] = await told(home, found)
    assert (found.outcome, outcome) == (Outcome.FAILED, "parked")
    again = await home.ask("roll-fleet", STAGE)
    assert name not in {lot.name for lot in lots_in(await home.plan(again))}
    [part] = await children(home, found)
    assert f"Operation {part.id} on it is parked" in "\n".join((await home.plan(again)).warnings)


async def test_a_stop_lets_the_wave_come_to_its_end_and_begins_no_other(home: House) -> None:
    asked = await home.ask("roll-fleet", STAGE)
    first = lots_in(await home.plan(asked))[0].name
    when_it_starts(home, 1, (home.folder / "STOP").touch)
    found = await home.approve(asked)
    assert found.outcome is Outcome.FAILED
    assert await told(home, found) == [(first, "done")]
    assert "STOP exists" in found.reason
    assert f"done and kept: {first} was renewed" in found.reason
    assert len(renewed(home)) == 1


async def test_a_target_that_somebody_else_works_on_is_not_touched(home: House) -> None:
    asked = await home.ask("roll-fleet", STAGE)
    [first, second] = lots_in(await home.plan(asked))
    other = await home.ask("roll", second.name)  # waits for its own approval
    found = await home.approve(asked)
    assert await told(home, found) == [(first.name, "done"), (second.name, "refused")]
    assert f"Operation {other.id} (roll) on {second.name} waits for a decision" in found.reason


async def test_a_machine_that_was_moved_to_the_host_of_another_goes_after_it(home: House) -> None:
    asked = await home.ask("roll-fleet", ZONE)
    third = [lot for lot in lots_in(await home.plan(asked)) if lot.wave == 3]
    assert len(third) == 2

    def move() -> None:
        one, other = (home.cloud.machine(lot.name) for lot in third)
        other.host = one.host

    when_it_starts(home, 2, move)
    found = await home.approve(asked)
    assert found.outcome is Outcome.DONE, found.reason
    parts = {one.target_name: one for one in await children(home, found)}
    first, then = (parts[lot.name] for lot in third)
    assert first.ended_at <= then.created_at


# dying in the middle, while targets go together


@pytest.mark.slow
@pytest.mark.parametrize("step", range(3, 120, 12))
async def test_a_death_while_targets_go_together_changes_each_once(step: int) -> None:
    """What two runs do at once has no order: so the end is compared, and not the way."""
    async with house() as home:
        home.engine.death = home.death = Death(step, Point.BEFORE_RECORD)
        done = await home.do("roll-fleet", ZONE)
        assert (home.deaths, done.outcome) == (1, Outcome.DONE), done.reason
        assert sorted(renewed(home)) == sorted(DUE)
        assert len(await children(home, done)) == len(DUE)
        assert (await home.journal.verify())[1] == ""


# a child by itself


async def test_a_child_whose_parent_is_over_does_not_begin(home: House) -> None:
    asked = await home.ask("roll-fleet", STAGE)
    parent = await home.approve(asked)
    [first, _] = await children(home, parent)
    orphan = replace(
        first, id=f"{parent.id}-99", state=State.ASKED, outcome=None, plan="", decided_by="",
        wish=replace(first.wish, parameters=(("restart", "True"),)),
    )  # fmt: skip
    stored, _ = await home.journal.open_operation(orphan, "an orphan", {})
    ended = await home.quiet(stored)
    assert ended.outcome is Outcome.FAILED
    assert ended.reason == (
        f"not begun: operation {parent.id}, which it is a part of, has ended: done"
    )
