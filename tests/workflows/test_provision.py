"""provision, run against the pretend cloud: what it builds, leaves alone, repairs and refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.domain.export import spec_of
from bot.domain.operation import Operation, Outcome, State
from bot.domain.page import as_plain
from bot.domain.spec import APPLIED_TAG
from bot.sandbox.cloud.model import AclList, Provider, Rule
from bot.services.account import account_of
from bot.services.operations import plan_of
from bot.services.spec_text import spec_text
from bot.services.traffic import evidence_in
from tests.workflows.harness import House, house
from tests.workflows.scenarios import NEW_ILB, OTHER_ACL, OTHER_RULE, SAME_RULE

DB = "shop-prod/db-tier"
NAMED = """
tier: shop-prod/app-tier
ilbs:
  - services:
      - name: orders
        fqdn: orders.acme.internal
        members: [app-1, app-2]
        rules:
          - {port: 80, to: 8080}
          - {port: 81, to: 8081, algorithm: leastconn, members: [app-3]}
"""
SECOND = "{port: 81, to: 8081, algorithm: leastconn, members: [app-3]}"


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as one:
        yield one


async def provision(home: House, tier: str, spec: str, **more: str) -> Operation:
    return await home.do("provision", tier, spec=spec, **more)


APP = "shop-prod/app-tier"
CACHE = "shop-prod/cache-tier"
NEW_VIP = "10.20.1.4"


def port(home: House, vip: str, number: int) -> tuple[object, ...]:
    """Return what is on a port of a VIP: algorithm, member port, state and members."""
    [rule] = [r for r in home.cloud.all(Rule) if (r.vip, r.source_port) == (vip, number)]
    names = sorted(member.display_name for member in rule.members)
    return (rule.algorithm, rule.instance_port, rule.state, names)


# building


async def test_an_ilb_is_built_from_nothing(home: House) -> None:
    asked = await home.ask("provision", APP, spec=NAMED)
    assert asked.state is State.WAITING, asked.reason
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert port(home, NEW_VIP, 81) == ("leastconn", 8081, "Active", ["app-3"])
    assert home.vm(home.vm_at("10.20.1.4")).state == "Running"


async def test_the_next_free_address_is_no_router_s_and_no_gateway_s(home: House) -> None:
    planned = await home.plan(await home.ask("provision", APP, spec=NAMED))
    assert any("10.20.1.4:80" in line for line in planned.diff)  # .1 to .3: gateway and routers


async def test_doing_it_twice_changes_nothing(home: House) -> None:
    await provision(home, APP, NAMED)
    effects = home.effects()
    again = await provision(home, APP, NAMED)
    assert again.outcome is Outcome.NOTHING_TO_DO, again.reason
    assert home.effects() == effects


async def test_members_come_all_in_one_call_and_with_them_the_machine(home: House) -> None:
    await provision(home, DB, NEW_ILB)
    commands = [call.command for call in home.cloud.calls if call.status == 200]
    assert commands.count("assignToLoadBalancerRule") == 2  # two rules


async def test_a_port_said_to_be_absent_is_taken_away(home: House) -> None:
    await provision(home, APP, NAMED)
    less = NAMED.replace(SECOND, "{port: 81, absent: true}")
    done = await provision(home, APP, less)
    assert done.outcome is Outcome.DONE, done.reason
    assert [
        r.source_port for r in home.cloud.rules_of(home.tier("app-tier")) if r.vip == "10.20.1.4"
    ] == [80]


# what is changed, and what is replaced while another rule holds the VIP


async def test_a_change_of_rules_says_what_it_does_to_the_others(home: House) -> None:
    planned = plan_of(await home.ask("provision", DB, spec=NEW_ILB))
    neighbour = home.vm_at("10.20.3.10")
    assert f"{neighbour} (10.20.3.10, Running): its rules are sent again" in planned.blast_radius
    assert "Each ILB of the tier counts from zero after a change of rules." in planned.warnings


async def test_members_change_in_place_new_ones_first(home: House) -> None:
    await provision(home, APP, NAMED)
    done = await provision(home, APP, NAMED.replace("app-1, app-2", "app-2, app-3"))
    assert done.outcome is Outcome.DONE, done.reason
    commands = [c.command for c in home.cloud.calls if c.command.endswith("LoadBalancerRule")]
    assert commands[-2:] == ["assignToLoadBalancerRule", "removeFromLoadBalancerRule"]
    assert port(home, NEW_VIP, 80)[-1] == ["app-2", "app-3"]


async def test_the_last_rule_of_a_vip_is_replaced_while_a_keeper_holds_it(home: House) -> None:
    machine = home.vm_at("10.20.3.10")
    done = await provision(home, DB, OTHER_RULE, overwrite="True")
    assert done.outcome is Outcome.DONE, done.reason
    assert home.vm_at("10.20.3.10") == machine, "CloudStack destroyed the ILB VM on the way"
    assert not any(effect.startswith("ilb_vm.destroyed") for effect in home.effects())
    assert [r.source_port for r in home.cloud.rules_of(home.tier("db-tier"))] == [5432]


async def test_no_keeper_is_put_up_where_another_rule_holds_the_vip(home: House) -> None:
    await provision(home, APP, NAMED)
    done = await provision(home, APP, NAMED.replace("leastconn", "source"))
    assert done.outcome is Outcome.DONE, done.reason
    assert not any("keeper" in effect for effect in home.effects())


# drift


async def test_what_somebody_else_changed_is_shown_and_left_alone(home: House) -> None:
    await provision(home, APP, NAMED)
    home.cloud.drift_rule("orders-80", without="app-2")
    again = await provision(home, APP, NAMED)
    assert again.outcome is Outcome.NOTHING_TO_DO
    assert "! drift 10.20.1.4:80: somebody else changed it: members - app-2" in again.reason
    assert port(home, NEW_VIP, 80)[-1] == ["app-1"]


async def test_drift_is_put_back_where_the_wish_says_so(home: House) -> None:
    await provision(home, APP, NAMED)
    home.cloud.drift_rule("orders-80", without="app-2")
    done = await provision(home, APP, NAMED, overwrite="True")
    assert done.outcome is Outcome.DONE, done.reason
    assert port(home, NEW_VIP, 80)[-1] == ["app-1", "app-2"]


async def test_a_rule_that_ilbot_did_not_make_is_not_taken_over_silently(home: House) -> None:
    again = await provision(home, DB, OTHER_RULE)
    assert again.outcome is Outcome.NOTHING_TO_DO
    assert "ilbot did not make it" in again.reason
    assert port(home, "10.20.3.10", 5432)[0] == "leastconn"


async def test_a_change_between_plan_and_approval_makes_the_plan_stale(home: House) -> None:
    asked = await home.ask("provision", DB, spec=OTHER_RULE, overwrite="True")
    home.cloud.drift_rule("db-read", without="db-1")
    stale = await home.approve(asked)
    assert stale.outcome is Outcome.STALE
    assert "rule on 10.20.3.10:5432" in stale.reason


# repair


@pytest.mark.parametrize("state", ["Add", "Deleting"])
async def test_a_half_done_rule_is_repaired(home: House, state: str) -> None:
    home.rule("db-read").state = state
    done = await provision(home, DB, SAME_RULE)
    assert done.outcome is Outcome.DONE, done.reason
    assert port(home, "10.20.3.10", 5432) == ("leastconn", 5432, "Active", ["db-1", "db-2"])
    assert not any(effect.startswith("ilb_vm.destroyed") for effect in home.effects())


async def test_a_rule_left_to_hold_the_vip_is_cleared_away(home: House) -> None:
    await provision(home, APP, NAMED)
    rule = home.rule("orders-81")
    rule.tags = {"ilbot.keeper": "true"}
    less = NAMED.replace(
        "          - {port: 81, to: 8081, algorithm: leastconn, members: [app-3]}\n", ""
    )
    done = await provision(home, APP, less)
    assert done.outcome is Outcome.DONE, done.reason
    assert rule.removed


# the ACL


async def test_a_list_is_made_anew_and_put_in_force_in_one_call(home: House) -> None:
    done = await provision(home, CACHE, OTHER_ACL)
    assert done.outcome is Outcome.DONE, done.reason
    acl = home.tier("cache-tier").acl
    assert acl is not None
    assert acl.name == "cache-tier-acl"
    assert (await provision(home, CACHE, OTHER_ACL)).outcome is Outcome.NOTHING_TO_DO


async def test_a_list_of_our_own_is_deleted_when_a_newer_one_is_in_force(home: House) -> None:
    await provision(home, CACHE, OTHER_ACL)
    done = await provision(home, CACHE, OTHER_ACL.replace("6379, from", "6380, from"))
    assert done.outcome is Outcome.DONE, done.reason
    lists = [one for one in home.cloud.all(AclList) if one.name == "cache-tier-acl"]
    assert len(lists) == 1


async def test_the_plan_says_who_is_cut_off(home: House) -> None:
    planned = await home.plan(await home.ask("provision", CACHE, spec=OTHER_ACL))
    said = "\n".join(planned.warnings)
    assert "tier web-tier (10.20.2.0/24) reaches it now, and does not reach it afterwards" in said
    assert "tier app-tier" not in said
    assert "Clients in tier cache-tier itself reach it in any case" in said


async def test_who_is_cut_off_from_a_rule_that_the_spec_does_not_name_is_said(home: House) -> None:
    other = OTHER_ACL.replace("port: 6379", "port: 7000")
    assert other != OTHER_ACL
    planned = await home.plan(await home.ask("provision", CACHE, spec=other))
    assert "= 10.20.4.10:6379: cache, not in the spec" in planned.diff
    assert any("ports 6379 and 7000: tier web-tier" in line for line in planned.warnings)


# what is refused


REFUSALS = {
    "an idle tier": (
        "shop-prod/batch-tier",
        "tier: shop-prod/batch-tier\nilbs: [{vip: 10.20.5.10, services: [{rules: "
        "[{port: 8001, members: [batch-1]}]}]}]",
        ["Allocated, not Implemented", "delete its internal rules, start a VM in it"],
    ),
    "another ACL in an idle tier": (
        "shop-prod/batch-tier",
        "tier: shop-prod/batch-tier\nilbs: [{vip: 10.20.5.10, services: [{members: [batch-1, "
        "batch-2], rules: [{port: 8000}]}]}]\nacl: {name: default_deny}",
        ["Allocated, not Implemented"],
    ),
    "a tier without load balancing": (
        "shop-stage/tools-tier",
        "tier: shop-stage/tools-tier\nilbs: [{vip: 10.30.9.10, services: [{rules: [{port: 80}]}]}]",
        ["has no load balancing", "InternalLbVm"],
    ),
    "a member of another tier": (
        DB,
        "tier: shop-prod/db-tier\nilbs: [{vip: 10.20.3.10, services: [{rules: "
        "[{port: 81, members: [app-1]}]}]}]",
        ["app-1", "no VM in tier db-tier"],
    ),
    "an address of another tier": (
        DB,
        "tier: shop-prod/db-tier\nilbs: [{vip: 10.20.1.40, services: [{rules: [{port: 81}]}]}]",
        ["not in 10.20.3.0/24", "next free"],
    ),
    "the address of a VM": (
        DB,
        "tier: shop-prod/db-tier\nilbs: [{vip: 10.20.3.21, services: [{rules: [{port: 81}]}]}]",
        ["taken", "db-1"],
    ),
    "the last rule of a VIP": (
        DB,
        "tier: shop-prod/db-tier\nilbs: [{vip: 10.20.3.10, services: [{rules: "
        "[{port: 5432, absent: true}]}]}]",
        ["last rule of 10.20.3.10", "destroys the ILB VM"],
    ),
    "TLS": (
        DB,
        "tier: shop-prod/db-tier\nilbs: [{vip: 10.20.3.10, services: [{rules: "
        "[{port: 443, tls: true}]}]}]",
        ["cannot terminate TLS", "Pass TLS through", "line 2"],
    ),
}


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS)
async def test_what_cannot_be_is_refused_with_what_works(
    home: House, case: tuple[str, str, list[str]]
) -> None:
    tier, spec, words = case
    refused = await provision(home, tier, spec)
    assert refused.outcome is Outcome.REFUSED, refused.reason
    for word in words:
        assert word in refused.reason
    assert home.effects() == []


# what is hidden

SHOWN_PORT = """
tier: shop-prod/db-tier
ilbs: [{vip: 10.20.3.10, services: [{name: more, members: [db-1], rules: [{port: 81}]}]}]
"""


async def test_hidden_rules_of_a_vip_are_warned_of_before_one_is_added(home: House) -> None:
    home.rule("db-read").display = False
    planned = await home.plan(await home.ask("provision", DB, spec=SHOWN_PORT))
    [warning] = [line for line in planned.warnings if "hidden" in line]
    assert warning.startswith(f"ILB VM {home.vm_at('10.20.3.10')} (10.20.3.10) is there whose ")
    assert "537" in warning


async def test_nothing_is_said_of_hidden_rules_where_a_vip_shows_one(home: House) -> None:
    planned = await home.plan(await home.ask("provision", DB, spec=SHOWN_PORT))
    assert not [line for line in planned.warnings if "hidden" in line]


async def test_a_port_that_a_hidden_rule_has_ends_with_its_name(home: House) -> None:
    hidden = home.rule("db-read")
    hidden.display = False
    ended = await provision(home, DB, SHOWN_PORT.replace("port: 81", "port: 5432"))
    assert ended.outcome in {Outcome.FAILED, Outcome.ROLLED_BACK}, ended.reason
    assert f"rule db-read ({hidden.id}) has that port, and is hidden" in ended.reason
    assert f"updateLoadBalancer id={hidden.id} fordisplay=true" in ended.reason
    assert home.effects() == []


# the provider


async def test_a_disabled_provider_is_enabled_first(home: House) -> None:
    [provider] = [one for one in home.cloud.all(Provider) if one.name == "InternalLbVm"]
    provider.state = "Disabled"
    done = await provision(home, DB, NEW_ILB)
    assert done.outcome is Outcome.DONE, done.reason
    assert provider.state == "Enabled"


# export


@pytest.mark.parametrize("tier", ["app-tier", "web-tier", "db-tier", "cache-tier", "ledger-tier"])
async def test_a_spec_of_what_is_there_asks_for_nothing(home: House, tier: str) -> None:
    found = await home.fleet.find_tier(home.tier(tier).id)
    text = spec_text(spec_of(await home.fleet.site(found.id)))
    again = await provision(home, found.id, text)
    assert again.outcome is Outcome.NOTHING_TO_DO, again.reason
    assert home.effects() == []


async def test_what_ilbot_applied_is_marked_on_its_rules(home: House) -> None:
    await provision(home, APP, NAMED)
    assert home.rule("orders-80").tags[APPLIED_TAG]
    assert home.rule("orders-80").tags["ilbot.name"] == "orders.acme.internal"


async def test_the_account_shows_the_diff_and_the_spec_as_it_was_given(home: House) -> None:
    ended = await home.do("provision", DB, spec=NEW_ILB)
    page = as_plain(account_of(ended, await home.journal.notes(ended.id), (), str))
    assert "+ create 10.20.3.4:80" in page
    assert NEW_ILB.strip() in page
    assert "with overwrite" not in page


async def test_what_serves_beside_a_change_is_watched_and_a_loss_takes_it_back() -> None:
    async with house(watched=True) as watched:

        def lose_when_the_new_rule_is_there(command: str) -> None:
            if any(one.vip == "10.20.3.4" for one in watched.cloud.all(Rule)):
                watched.wire.before = lambda command: None
                watched.cloud.lose_connections("10.20.3.10", 5432, seconds=5.0)

        watched.wire.before = lose_when_the_new_rule_is_there
        ended = await watched.do("provision", DB, spec=NEW_ILB)
        assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
        assert "most at 10.20.3.10:5432" in ended.reason
        assert not any(one.vip == "10.20.3.4" for one in watched.cloud.all(Rule))


async def test_a_provision_that_is_watched_loses_nothing_of_its_neighbours() -> None:
    async with house(watched=True) as watched:
        done = await watched.do("provision", DB, spec=NEW_ILB)
        assert done.outcome is Outcome.DONE, done.reason
        seen = evidence_in(await watched.journal.notes(done.id))
        assert seen is not None
        assert (seen.lost, {one.vip for one in seen.tallies}) == (0, {"10.20.3.10"})
