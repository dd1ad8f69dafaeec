"""roll-fleet and people: whose authority its targets have, and what is told of them."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.operation import Outcome
from bot.domain.page import as_plain
from bot.domain.policy import RunbookPolicy, Targets
from bot.services.answers import Answers, Sources
from handlers.routes import menu
from tests.workflows.harness import House, without_approvers
from tests.workflows.test_roll_fleet import STAGE, ZONE, children, renewed, told, when_it_starts


async def test_an_approver_who_may_no_more_ends_it(home: House) -> None:
    asked = await home.ask("roll-fleet", STAGE)

    def lose_the_role() -> None:
        home.policies = without_approvers(home.policies)

    when_it_starts(home, 1, lose_the_role)
    found = await home.approve(asked)
    assert found.outcome is Outcome.FAILED
    assert [outcome for _, outcome in await told(home, found)] == ["done", "refused"]
    assert "the approval no longer counts" in found.reason


def only_in(home: House, vpc: str) -> None:
    """Let everybody's role hold the tiers of one VPC and no more."""
    targets = Targets(names=((vpc, "*"),))
    roles = tuple(replace(one, targets=targets) for one in home.policies.roles)
    home.policies = replace(home.policies, roles=roles)


async def test_who_holds_all_tiers_of_a_vpc_may_roll_its_fleet_and_no_zone(home: House) -> None:
    only_in(home, "shop-stage")
    found = await home.ask("roll-fleet", ZONE)
    assert (found.outcome, found.reason) == (
        Outcome.REFUSED,
        "Ana may not ask for roll-fleet on a whole zone. Nobody in the policies may.",
    )
    done = await home.do("roll-fleet", STAGE)
    assert done.outcome is Outcome.DONE, done.reason


async def test_a_target_that_the_policies_only_observe_is_not_rolled(home: House) -> None:
    runbooks = {**home.policies.runbooks, "roll": RunbookPolicy("roll")}
    home.policies = replace(home.policies, runbooks=runbooks)
    found = await home.do("roll-fleet", STAGE)
    assert [outcome for _, outcome in await told(home, found)] == ["observed"]
    assert (found.outcome, renewed(home)) == (Outcome.FAILED, [])


def answers(home: House) -> Answers:
    return Answers(
        Sources(
            home.journal, home.progress, home.fleet, lambda: home.policies, home.switch, menu(),
            "/ilb",
        )
    )  # fmt: skip


async def test_why_tells_the_parts_and_each_part_whose_it_is(home: House) -> None:
    done = await home.do("roll-fleet", STAGE)
    page = as_plain(await answers(home).why(done.id))
    first, _ = await children(home, done)
    assert f"{first.id} roll {first.target_name} has ended: done" in page
    assert f"part of {done.id}" in as_plain(await answers(home).why(first.id))


async def test_status_tells_of_the_fleet_and_leaves_its_parts_to_its_card(home: House) -> None:
    asked = await home.ask("roll-fleet", STAGE)
    part = replace(asked, id=f"{asked.id}-01", parent=asked.id)
    await home.journal.open_operation(part, f"part of {part.id}", {})
    told_of = (await answers(home).status_document())["open_operations"]
    assert isinstance(told_of, list)
    assert [one["id"] for one in told_of] == [asked.id]
