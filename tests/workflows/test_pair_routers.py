"""pair, for routers: a redundant pair by CloudStack's own restart, and what is refused."""

from __future__ import annotations

import pytest

from bot.domain.operation import Mode, Outcome, State
from bot.sandbox.cloud.model import Kind, Vpc
from bot.services.operations import plan_of
from tests.workflows.harness import House, two_people
from tests.workflows.networks import isolated_network


def roles(home: House, vpc: str) -> list[str]:
    return sorted(
        one.redundant_state
        for one in home.cloud.machines(Kind.ROUTER)
        if one.tier.vpc is not None and one.tier.vpc.name == vpc
    )


async def test_a_vpc_gets_a_pair_with_one_of_each_role(home: House) -> None:
    ilbs = {one.name: one.state for one in home.cloud.machines(Kind.ILB)}
    asked = await home.ask("pair", "shop-stage")
    planned = plan_of(asked)
    assert planned.parameter("strategy") == "vpc-router-pair"
    assert any("no way back" in one for one in planned.warnings)
    assert any("built-in redundant offering" in one for one in planned.warnings)
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert roles(home, "shop-stage") == ["BACKUP", "PRIMARY"]
    assert home.cloud.one(Vpc, "shop-stage").redundant
    assert ilbs == {one.name: one.state for one in home.cloud.machines(Kind.ILB)}


async def test_a_pair_that_is_there_is_nothing_to_do(home: House) -> None:
    ended = await home.ask("pair", "shop-prod")
    assert ended.outcome is Outcome.NOTHING_TO_DO
    assert "are a pair" in ended.reason


async def test_a_pair_that_disagrees_is_explained_and_not_made_again(home: House) -> None:
    [standby] = [one for one in home.cloud.machines(Kind.ROUTER) if one.redundant_state == "BACKUP"]
    home.cloud.set_role(standby.name, "PRIMARY")
    home.later(60.0)
    ended = await home.ask("pair", "shop-prod")
    assert ended.outcome is Outcome.REFUSED
    assert "It is a pair already" in ended.reason


async def test_an_isolated_network_gets_a_pair(home: House) -> None:
    network = isolated_network(home)
    done = await home.do("pair", network.name)
    assert done.outcome is Outcome.DONE, done.reason
    assert plan_of(done).parameter("strategy") == "router-pair"


@pytest.mark.parametrize("given", [{"name": "x.shop.internal"}, {"vip": "10.30.1.9"}])
async def test_names_and_addresses_are_for_ilbs(home: House, given: dict[str, str]) -> None:
    ended = await home.ask("pair", "shop-stage", **given)
    assert ended.outcome is Outcome.REFUSED
    assert "needs neither `name` nor `vip`" in ended.reason


async def test_what_cannot_be_taken_back_is_never_made_single(home: House) -> None:
    ended = await home.ask("unpair", "shop-prod")
    assert ended.outcome is Outcome.REFUSED
    assert "CloudStack has no command for it" in ended.reason


async def test_a_pair_that_cannot_be_taken_back_is_for_a_person_to_decide(home: House) -> None:
    home.policies = two_people(Mode.AUTOMATIC)
    asked = await home.incident("pair", "shop-stage", Mode.AUTOMATIC)
    assert asked.state is State.WAITING
