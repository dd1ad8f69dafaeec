"""Whatever a tier has, its export is a spec: provisioned again it asks for nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.domain.operation import Outcome
from bot.errors import Refused
from bot.sandbox.cloud.model import Rule, Stickiness, Vpc
from bot.services.spec_export import exported
from tests.workflows.harness import House, house

DB = "shop-prod/db-tier"


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as one:
        yield one


def second_rule(home: House) -> Rule:
    """Put a second rule beside the one of the tier."""
    first = home.rule("db-read")
    rule = Rule(
        **home.cloud.identity("rule"), name="db: \x85write\n#1",
        tier=first.tier, vip_tier=first.tier, vip=first.vip,
        source_port=5433, instance_port=5433, algorithm="ROUNDROBIN", account=first.account,
        project=first.project,
    )  # fmt: skip
    return home.cloud.add(rule)


async def asks_for_nothing(home: House, text: str, tier: str = DB) -> None:
    again = await home.do("provision", tier, spec=text)
    assert again.outcome is Outcome.NOTHING_TO_DO, again.reason
    assert home.effects() == []


@pytest.mark.parametrize(
    "tags",
    [{"ilbot.name": "db.shop.internal"}, {"ilbot.name": "no name"}, {"owner": "anybody"}],
    ids=str,
)
async def test_tags_that_somebody_set_are_said_or_left_alone(
    home: House, tags: dict[str, str]
) -> None:
    second_rule(home)
    home.rule("db-read").tags = tags
    text = await exported(home.fleet, DB)
    assert ("db.shop.internal" in text) is ("db.shop.internal" in tags.values())
    assert ("# left out, 10.20.3.10:5432 (db-read)" in text) is ("no name" in tags.values())
    await asks_for_nothing(home, text)


async def test_a_rule_that_no_spec_can_ask_for_is_left_out_and_named(home: House) -> None:
    rule = second_rule(home)
    fresh = home.cloud.identity("stickiness")
    home.cloud.add(Stickiness(**fresh, rule=rule, name="s", method="AppCookie", parameters={}))
    text = await exported(home.fleet, DB)
    assert text.startswith("# left out, 10.20.3.10:5433 (db: write #1): it is sticky by AppCookie")
    await asks_for_nothing(home, text)


async def test_a_tier_whose_name_means_two_goes_by_its_id(home: House) -> None:
    prod, stage = home.tier("db-tier"), home.tier("tools-tier")
    stage.name, home.cloud.one(Vpc, "shop-stage").name = "db-tier", "shop-prod"
    text = await exported(home.fleet, prod.id)
    assert text.startswith(f"tier: {prod.id}\n")
    await asks_for_nothing(home, text, prod.id)


async def test_a_tier_whose_rules_are_all_hidden_is_not_called_one_without(home: House) -> None:
    home.rule("db-read").display = False
    vm = home.vm_at("10.20.3.10")
    with pytest.raises(Refused) as refusal:
        await exported(home.fleet, DB)
    assert f"ILB VM {vm} (10.20.3.10) is there whose rules are hidden" in refusal.value.why
    assert "fordisplay=true" in refusal.value.instead


async def test_a_tier_that_can_have_no_ilb_is_told_why(home: House) -> None:
    with pytest.raises(Refused, match="tools-tier has no load balancing") as refusal:
        await exported(home.fleet, "tools-tier")
    assert "InternalLbVm" in refusal.value.instead


async def test_a_tier_without_an_ilb_yet_is_told_how_to_get_one(home: House) -> None:
    rule = home.rule("db-read")
    rule.removed = True
    home.cloud.machine(home.vm_at("10.20.3.10")).removed = True
    with pytest.raises(Refused, match="no internal LB rule") as refusal:
        await exported(home.fleet, DB)
    assert refusal.value.instead == "`provision` builds its first ILB."


async def test_an_ilb_whose_rules_are_hidden_is_named_beside_the_others(home: House) -> None:
    rule = second_rule(home)
    rule.vip = "10.20.3.77"
    home.rule("db-read").display = False
    text = await exported(home.fleet, DB)
    assert "# left out, ILB VM" in text
    await asks_for_nothing(home, text)
