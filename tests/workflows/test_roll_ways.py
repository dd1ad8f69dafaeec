"""roll, backup first: over a temporary twin, as one of twins, and the routers of a pair."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.domain.operation import Outcome, State
from bot.sandbox.cloud.model import Kind, Refusal, Rule
from bot.sandbox.cloud.traffic import Behaviour
from bot.services.operations import plan_of
from bot.services.traffic import evidence_in
from tests.workflows.harness import House, house
from tests.workflows.test_pair import NAME, TWIN, VIP, VM, marks, published, rules

pytestmark = pytest.mark.slow

NEW, OLD = "4.22.0", "4.20.0"


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house(named=True, watched=True) as one:
        yield one


async def lost(home: House, operation_id: str) -> int:
    seen = evidence_in(await home.journal.notes(operation_id))
    assert seen is not None
    assert seen.not_valid == ""
    assert seen.attempts > 100
    return seen.lost


# beside a temporary twin


async def test_a_single_ilb_with_a_name_is_rolled_without_a_lost_connection(home: House) -> None:
    before = rules(home, VIP)
    asked = await home.ask("roll", VM)
    planned = plan_of(asked)
    assert planned.exposure.seconds == 0.0
    assert planned.summary == f"Roll {VM} from version {OLD} to {NEW}, beside a temporary twin"
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert home.vm(VM).version == NEW
    assert await lost(home, done.id) == 0
    assert (published(home), rules(home, VIP), rules(home, TWIN)) == ([VIP], before, [])
    assert marks(home) == set()
    assert home.cloud.ilb_vm_at(home.tier("app-tier"), TWIN) is None


async def test_the_ilb_is_stopped_only_while_the_name_leads_to_its_twin(home: House) -> None:
    seen: list[list[str]] = []

    def look(command: str) -> None:
        if command in {"stopInternalLoadBalancerVM", "startInternalLoadBalancerVM"}:
            seen.append(published(home))

    home.wire.before = look
    await home.do("roll", VM)
    assert seen == [[TWIN], [TWIN]]


async def test_an_outage_may_be_asked_for(home: House) -> None:
    asked = await home.ask("roll", VM, outage="True")
    assert plan_of(asked).parameter("way") == "outage"
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert await lost(home, done.id) > 0


async def test_a_rule_without_a_name_makes_it_the_honest_outage(home: House) -> None:
    del home.rule("app-grpc").tags["ilbot.name"]
    asked = await home.ask("roll", VM)
    assert plan_of(asked).parameter("way") == "outage"
    assert any("clients of port 9090 have the bare address" in w for w in plan_of(asked).warnings)


async def test_rules_without_a_member_get_no_temporary_twin(home: House) -> None:
    for rule in home.cloud.all(Rule):
        if rule.vip == VIP:
            rule.members, rule.state = [], "Add"
    planned = plan_of(await home.ask("roll", VM))
    assert planned.parameter("way") == "outage"
    assert any("no rule has a member" in one for one in planned.warnings)


async def test_a_version_that_does_not_move_brings_everything_back(home: House) -> None:
    home.cloud.keep_version(VM)
    ended = await home.do("roll", VM)
    assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
    assert "its disk was not renewed" in ended.reason
    assert (published(home), rules(home, TWIN), marks(home)) == ([VIP], [], set())
    assert home.vm(VM).state == "Running"


async def test_one_that_never_starts_again_leaves_its_traffic_with_the_twin(home: House) -> None:
    home.wire.before = lambda command: _refuse_starts(home, command)
    ended = await home.do("roll", VM)
    assert ended.outcome is Outcome.PARKED
    assert f"{TWIN} carries its traffic meanwhile" in ended.reason
    assert published(home) == [TWIN]


def _refuse_starts(home: House, command: str) -> None:
    if command == "startInternalLoadBalancerVM":
        home.cloud.refuse_next(Refusal.START, 1)


async def test_a_twin_that_does_not_answer_moves_no_name(home: House) -> None:
    home.wire.before = lambda command: _lose(home)
    ended = await home.do("roll", VM)
    assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
    assert (published(home), rules(home, TWIN)) == ([VIP], [])
    assert home.vm(VM).version == OLD


def _lose(home: House) -> None:
    if rules(home, TWIN):
        home.cloud.lose_connections(TWIN, 80, Behaviour.REFUSES, seconds=3600.0)


# twins


@pytest.fixture
async def twins(home: House) -> House:
    """app-tier's ILB and a twin, both at the old version."""
    done = await home.do("pair", VM)
    assert done.outcome is Outcome.DONE, done.reason
    twin = home.vm(home.vm_at(TWIN))
    twin.version, twin.disk = OLD, home.vm(VM).disk
    return home


async def test_twins_are_rolled_one_after_the_other_without_a_lost_connection(
    twins: House,
) -> None:
    other = twins.vm_at(TWIN)
    asked = await twins.ask("roll", VM)
    assert plan_of(asked).summary == f"Roll {other} and {VM} from version {OLD} to {NEW}"
    done = await twins.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert [twins.vm(one).version for one in (VM, other)] == [NEW, NEW]
    assert await lost(twins, done.id) == 0
    assert published(twins) == [VIP, TWIN]


async def test_never_are_both_withdrawn_or_down(twins: House) -> None:
    other = twins.vm_at(TWIN)
    seen: list[tuple[str, ...]] = []

    def look(command: str) -> None:
        up = [one for one in (VM, other) if twins.vm(one).state == "Running"]
        seen.append((*published(twins), *up))

    twins.wire.before = look
    await twins.do("roll", VM)
    assert all(VIP in one or TWIN in one for one in seen)
    assert all(VM in one or other in one for one in seen)


async def test_only_the_one_that_is_old_is_rolled(twins: House) -> None:
    other = twins.vm_at(TWIN)
    twins.vm(other).version = NEW
    asked = await twins.ask("roll", TWIN)
    assert plan_of(asked).parameter("due") == VIP
    done = await twins.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason


async def test_twins_that_differ_are_made_equal_first(twins: House) -> None:
    twins.cloud.drift_rule("app-http", without="app-3")
    ended = await twins.ask("roll", VM)
    assert ended.outcome is Outcome.REFUSED
    assert "`pair b-31-VM` makes them equal again" in ended.reason


async def test_a_twin_that_is_withdrawn_is_published_first(twins: House) -> None:
    twins.nameserver.zone.set_record(NAME, 5, "A", VIP)
    ended = await twins.ask("roll", VM)
    assert ended.outcome is Outcome.REFUSED
    assert "A name does not lead to both twins" in ended.reason


async def test_a_first_twin_that_keeps_its_version_stops_the_second(twins: House) -> None:
    other = twins.vm_at(TWIN)
    twins.cloud.keep_version(other)
    ended = await twins.do("roll", VM)
    assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
    assert twins.vm(VM).version == OLD
    assert published(twins) == [VIP, TWIN]


async def test_a_stop_after_the_first_twin_keeps_it_and_spares_the_second(twins: House) -> None:
    other = twins.vm_at(TWIN)

    def stop_at_the_second(command: str) -> None:
        if published(twins) == [TWIN]:
            (twins.folder / "STOP").touch()

    twins.wire.before = stop_at_the_second
    ended = await twins.do("roll", VM)
    assert ended.outcome is Outcome.FAILED, ended.reason
    assert f"done and kept: {other} was renewed" in ended.reason
    assert twins.vm(VM).version == OLD
    assert published(twins) == [VIP, TWIN]


async def test_a_twin_that_does_not_come_back_stays_withdrawn(twins: House) -> None:
    twins.wire.before = lambda command: _refuse_starts(twins, command)
    ended = await twins.do("roll", VM)
    assert ended.outcome is Outcome.PARKED
    assert published(twins) == [VIP]
    assert twins.vm(VM).state == "Running"


# routers


def routers(home: House, vpc: str) -> dict[str, str]:
    """Names of the routers of a VPC by their roles."""
    return {
        one.redundant_state: one.name
        for one in home.cloud.machines(Kind.ROUTER)
        if one.tier.vpc is not None and one.tier.vpc.name == vpc
    }


async def test_the_standby_goes_first_and_then_the_hand_over(home: House) -> None:
    before = routers(home, "shop-prod")
    asked = await home.ask("roll", "shop-prod")
    first = len(home.cloud.effects)
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    stops = [one.target for one in home.cloud.effects[first:] if one.kind == "router.stopped"]
    assert stops == [before["BACKUP"], before["PRIMARY"]]
    after = routers(home, "shop-prod")
    assert after == {"PRIMARY": before["BACKUP"], "BACKUP": before["PRIMARY"]}
    assert {home.vm(one).version for one in before.values()} == {NEW}


@pytest.mark.parametrize("role", ["PRIMARY", "FAULT"])
async def test_roles_that_disagree_stop_it_and_are_explained(home: House, role: str) -> None:
    standby = routers(home, "shop-prod")["BACKUP"]
    home.cloud.set_role(standby, role)
    home.later(60.0)
    ended = await home.ask("roll", "shop-prod")
    assert ended.outcome is Outcome.REFUSED
    assert "It needs one PRIMARY and one BACKUP" in ended.reason
    assert f"{standby} is {role}" in ended.reason


async def test_a_standby_that_is_not_proven_spares_the_primary(home: House) -> None:
    standby, primary = (routers(home, "shop-prod")[role] for role in ("BACKUP", "PRIMARY"))
    home.cloud.keep_version(standby)
    ended = await home.do("roll", "shop-prod")
    assert ended.outcome is Outcome.FAILED, ended.reason
    assert home.vm(primary).version == OLD
    assert home.vm(primary).state == home.vm(standby).state == "Running"


async def test_a_lone_router_states_its_outage_and_asks_a_person(home: House) -> None:
    [lone] = [
        one for one in home.cloud.machines(Kind.ROUTER)
        if one.tier.vpc is not None and one.tier.vpc.name == "shop-stage"
    ]  # fmt: skip
    asked = await home.ask("roll", "shop-stage", restart="True", version=NEW)
    assert asked.state is State.WAITING, asked.reason
    planned = plan_of(asked)
    assert planned.by_person == f"everything behind {lone.name} is cut off meanwhile"
    assert "everything that enters or leaves VPC shop-stage" in planned.exposure.what
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason


async def test_rules_of_other_ilbs_are_not_touched_by_a_detour(home: House) -> None:
    others = {
        (one.vip, one.source_port, one.state) for one in home.cloud.all(Rule) if one.vip != VIP
    }
    await home.do("roll", VM)
    assert others == {
        (one.vip, one.source_port, one.state) for one in home.cloud.all(Rule) if one.vip != VIP
    }
