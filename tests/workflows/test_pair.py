"""pair, for ILBs: twins behind one name; what is refused, repaired, taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.domain.operation import Mode, Outcome, State
from bot.sandbox.cloud.model import Host, Rule, ServiceOffering, Tier
from bot.sandbox.cloud.traffic import Behaviour
from bot.services.operations import plan_of
from bot.services.traffic import evidence_in
from tests.workflows.harness import House, house, two_people

pytestmark = pytest.mark.slow

VM = "b-31-VM"
VIP = "10.20.1.10"
TWIN = "10.20.1.4"
NAME = "app.shop.internal"


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house(named=True, watched=True) as one:
        yield one


def published(home: House, name: str = NAME) -> list[str]:
    return sorted(home.nameserver.zone.record(name)[1])


def rules(home: House, vip: str) -> list[tuple[object, ...]]:
    """What the rules of a VIP do with traffic."""
    return sorted(
        (r.source_port, r.instance_port, r.algorithm, r.state, *sorted(m.name for m in r.members))
        for r in home.cloud.all(Rule)
        if r.vip == vip
    )


def marks(home: House) -> set[tuple[str, str]]:
    return {
        (rule.vip, rule.tags["ilbot.twin"])
        for rule in home.cloud.all(Rule)
        if "ilbot.twin" in rule.tags
    }


def offering(home: House, name: str) -> ServiceOffering:
    return home.cloud.one(ServiceOffering, name)


# the twin


async def test_an_ilb_gets_an_equal_twin_behind_its_name(home: House) -> None:
    done = await home.do("pair", VM)
    assert done.outcome is Outcome.DONE, done.reason
    assert rules(home, TWIN) == rules(home, VIP)
    assert marks(home) == {(VIP, TWIN), (TWIN, VIP)}
    assert published(home) == [VIP, TWIN]
    first, second = home.vm(VM), home.vm(home.vm_at(TWIN))
    assert second.state == "Running"
    assert first.host is not second.host


async def test_no_connection_is_lost_on_the_way(home: House) -> None:
    done = await home.do("pair", VM)
    seen = evidence_in(await home.journal.notes(done.id))
    assert seen is not None
    assert (seen.lost, seen.not_valid) == (0, "")
    assert seen.attempts > 100


async def test_asking_again_finds_twins(home: House) -> None:
    await home.do("pair", VM)
    for target in (VM, TWIN):
        again = await home.ask("pair", target)
        assert again.outcome is Outcome.NOTHING_TO_DO
        assert f"are equal, published as {NAME}" in again.reason


async def test_both_are_told_as_twins(home: House) -> None:
    await home.do("pair", VM)
    view = await home.fleet.service((await home.fleet.find(VM)).target_id)
    assert view.topology.kind == "ILB twin"
    assert view.twin is not None
    assert view.twin.vip == TWIN


async def test_the_twin_has_the_offering_of_its_model(home: House) -> None:
    home.vm(VM).offering = offering(home, "ILB large")
    done = await home.do("pair", VM)
    assert done.outcome is Outcome.DONE, done.reason
    assert home.vm(home.vm_at(TWIN)).offering.name == "ILB large"


async def test_the_address_may_be_chosen(home: House) -> None:
    done = await home.do("pair", VM, vip="10.20.1.77")
    assert done.outcome is Outcome.DONE, done.reason
    assert published(home) == [VIP, "10.20.1.77"]


async def test_rules_without_a_name_get_the_given_one_and_it_is_published(home: House) -> None:
    done = await home.do("pair", "10.20.3.10", name="db.shop.internal")
    assert done.outcome is Outcome.DONE, done.reason
    assert published(home, "db.shop.internal") == ["10.20.3.10", "10.20.3.4"]
    assert home.rule("db-read").tags["ilbot.name"] == "db.shop.internal"


async def test_without_a_name_the_plan_says_that_nobody_is_sent_there(home: House) -> None:
    asked = await home.ask("pair", "10.20.3.10")
    [warning] = [one for one in plan_of(asked).warnings if "nobody is sent" in one]
    assert "`name=` gives one" in warning
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason


async def test_a_first_pairing_names_the_ports_of_clients_with_the_bare_address(
    home: House,
) -> None:
    for rule in home.cloud.all(Rule):
        if rule.vip == VIP and rule.source_port == 9090:
            del rule.tags["ilbot.name"]
    told = "Clients of port 9090 have the bare address and go on using one ILB."
    assert told in plan_of(await home.ask("pair", VM)).warnings


async def test_ports_that_get_a_name_are_not_told_as_bare(home: House) -> None:
    for rule in home.cloud.all(Rule):
        if rule.vip == VIP and rule.source_port == 9090:
            del rule.tags["ilbot.name"]
    asked = await home.ask("pair", VM, name="metrics.shop.internal")
    assert not any("bare address" in one for one in plan_of(asked).warnings)


async def test_one_host_only_is_said_and_done_all_the_same(home: House) -> None:
    mine = home.vm(VM).host
    for one in home.cloud.all(Host):
        if one is not mine:
            one.resource_state = "Maintenance"
    asked = await home.ask("pair", VM)
    assert any("loss of this one host is not survived" in one for one in plan_of(asked).warnings)
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert home.vm(home.vm_at(TWIN)).host is mine


# unproven


async def test_without_a_vantage_point_it_is_unverified_and_never_done() -> None:
    async with house(named=True) as home:
        asked = await home.ask("pair", VM)
        assert any("nothing is proven" in one for one in plan_of(asked).warnings)
        ended = await home.approve(asked)
        assert ended.outcome is Outcome.UNVERIFIED
        assert "there was no vantage point" in ended.reason
        assert published(home) == [VIP, TWIN]


async def test_without_a_vantage_point_a_person_decides_whatever_the_policy() -> None:
    async with house(named=True, policies=two_people(Mode.AUTOMATIC)) as home:
        asked = await home.incident("pair", VM, Mode.AUTOMATIC)
        assert asked.state is State.WAITING
        assert "nobody looks at its traffic" in asked.reason


async def test_a_twin_that_does_not_answer_is_not_published_and_goes_again(home: House) -> None:
    home.wire.before = lambda command: _lose_everything_at_the_twin(home)
    ended = await home.do("pair", VM)
    assert ended.outcome is Outcome.ROLLED_BACK
    assert f"prove {TWIN}" in ended.reason
    assert published(home) == [VIP]
    assert rules(home, TWIN) == []
    assert marks(home) == set()


def _lose_everything_at_the_twin(home: House) -> None:
    if rules(home, TWIN):
        home.cloud.lose_connections(TWIN, 80, Behaviour.REFUSES, seconds=3600.0)


async def test_loss_while_both_are_watched_takes_it_back(home: House) -> None:
    home.wire.before = lambda command: _lose_while_both_are_watched(home)
    ended = await home.do("pair", VM)
    assert ended.outcome is Outcome.ROLLED_BACK
    assert "new connections failed" in ended.reason
    assert published(home) == [VIP]
    assert rules(home, TWIN) == []


def _lose_while_both_are_watched(home: House) -> None:
    """Half a minute after the model was marked: it takes seconds to prove and publish the twin."""
    if (VIP, TWIN) in marks(home):
        home.wire.before = lambda command: None
        moment = home.cloud.at + 30.0
        home.cloud.processes.call_at(
            moment,
            lambda: home.cloud.lose_connections(TWIN, 9090, Behaviour.REFUSES, seconds=5.0),
        )


# refused


@pytest.mark.parametrize(
    ("target", "parameters", "why"),
    [
        ("10.20.5.10", {}, "not Implemented"),
        (VM, {"vip": VIP}, "is an ILB of tier app-tier already"),
        (VM, {"vip": "10.20.9.9"}, "is not in 10.20.1.0/24"),
        (VM, {"vip": "10.20.1.21"}, "is taken: it is the address of VM app-1"),
    ],
)
async def test_what_cannot_be_is_refused_with_the_reason(
    home: House, target: str, parameters: dict[str, str], why: str
) -> None:
    ended = await home.ask("pair", target, **parameters)
    assert ended.outcome is Outcome.REFUSED
    assert why in ended.reason


async def test_a_name_that_leads_elsewhere_as_well_is_refused(home: House) -> None:
    home.nameserver.zone.set_record(NAME, 5, "A", VIP, "10.20.2.10")
    ended = await home.ask("pair", VM)
    assert ended.outcome is Outcome.REFUSED
    assert "10.20.2.10 is not this ILB or its twin" in ended.reason


async def test_one_that_is_down_is_recovered_first(home: House) -> None:
    home.cloud.stop_by_hand(VM)
    home.later(60.0)
    ended = await home.ask("pair", VM)
    assert ended.outcome is Outcome.REFUSED
    assert f"`recover {VM}` first" in ended.reason


async def test_rules_that_are_hidden_cannot_be_doubled(home: House) -> None:
    for rule in home.cloud.all(Rule):
        rule.display = rule.vip != VIP
    ended = await home.ask("pair", VM)
    assert ended.outcome is Outcome.REFUSED
    assert "what it carries is unknown" in ended.reason


# drift


async def test_twins_that_drifted_are_made_equal_after_the_one_that_is_named(home: House) -> None:
    await home.do("pair", VM)
    home.cloud.drift_rule("app-http", without="app-3")
    asked = await home.ask("pair", VM)
    assert plan_of(asked).summary == f"Make the twin of {VM} at {TWIN} equal to it again"
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert rules(home, TWIN) == rules(home, VIP)


async def test_a_twin_that_was_withdrawn_is_published_again(home: House) -> None:
    await home.do("pair", VM)
    home.nameserver.zone.set_record(NAME, 5, "A", VIP)
    done = await home.do("pair", VM)
    assert done.outcome is Outcome.DONE, done.reason
    assert published(home) == [VIP, TWIN]


async def test_twins_that_share_a_host_are_parted(home: House) -> None:
    await home.do("pair", VM)
    twin = home.vm(home.vm_at(TWIN))
    twin.host = home.vm(VM).host
    done = await home.do("pair", VM)
    assert done.outcome is Outcome.DONE, done.reason
    assert home.vm(VM).host is not home.vm(home.vm_at(TWIN)).host


# stale


async def test_members_of_the_model_are_those_at_the_time_of_the_plan(home: House) -> None:
    asked = await home.ask("pair", VM)
    home.cloud.drift_rule("app-http", without="app-3")
    ended = await home.approve(asked)
    assert ended.outcome is Outcome.STALE
    assert rules(home, TWIN) == []


async def test_the_tier_of_the_twin_is_that_of_its_model(home: House) -> None:
    await home.do("pair", VM)
    tiers = {rule.tier.name for rule in home.cloud.all(Rule) if rule.vip == TWIN}
    assert tiers == {home.cloud.one(Tier, "app-tier").name}
