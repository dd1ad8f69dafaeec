"""roll and unpair of twins where clients of all ports, or of some, have the bare address."""

from __future__ import annotations

import pytest

from bot.domain.operation import Outcome
from bot.domain.plan import Exposure
from bot.domain.waves import Toll
from bot.sandbox.cloud.model import Rule
from bot.sandbox.cloud.traffic import Behaviour
from bot.services.operations import plan_of
from bot.services.traffic import evidence_in, in_lines
from tests.workflows.harness import House, house
from tests.workflows.paired import NAME, TWIN, VIP, VM, paired
from tests.workflows.test_roll_ways import NEW, OLD
from workflows.roll_fleet_plans import toll_of

pytestmark = pytest.mark.slow

STOP = "stopInternalLoadBalancerVM"


def bare(home: House, *ports: int) -> None:
    """Take the name off these ports of both twins."""
    for rule in home.cloud.all(Rule):
        if rule.vip in (VIP, TWIN) and rule.source_port in ports:
            del rule.tags["ilbot.name"]


@pytest.mark.parametrize("watched", [True, False])
async def test_twins_without_a_name_are_rolled_in_turn(watched: bool) -> None:
    async with house(named=False, watched=watched) as home:
        paired(home)
        other = home.vm_at(TWIN)
        asked = await home.ask("roll", VM)
        assert plan_of(asked).parameter("way") == "outage of twins"
        both: list[bool] = []

        def look(command: str) -> None:
            both.append(any(home.vm(one).state == "Running" for one in (VM, other)))

        home.wire.before = look
        done = await home.approve(asked)
        assert done.outcome is Outcome.DONE, done.reason
        assert [home.vm(one).version for one in (VM, other)] == [NEW, NEW]
        assert all(both)


async def test_of_twins_without_a_name_only_the_old_one_is_stopped() -> None:
    async with house(named=False, watched=True) as home:
        paired(home)
        other = home.vm_at(TWIN)
        home.vm(VM).version = NEW
        first = len(home.cloud.effects)
        done = await home.do("roll", VM)
        assert done.outcome is Outcome.DONE, done.reason
        stopped = [
            one.target for one in home.cloud.effects[first:] if one.kind.endswith(".stopped")
        ]
        assert (stopped, home.vm(other).version) == ([other], NEW)


async def test_a_twin_without_a_name_is_not_stopped_where_the_other_is_dead() -> None:
    async with house(named=False, watched=True) as home:
        paired(home)
        home.cloud.lose_connections(VIP, 80, Behaviour.REFUSES, seconds=36000.0)
        other = home.vm_at(TWIN)
        ended = await home.do("roll", VM)
        assert ended.outcome is Outcome.FAILED, ended.reason
        assert (home.vm(other).version, home.vm(other).state) == (OLD, "Running")


async def test_a_port_without_a_name_is_a_stated_outage_and_is_counted() -> None:
    async with house(named=True, watched=True) as home:
        paired(home)
        bare(home, 9090)
        asked = await home.ask("roll", VM)
        planned = plan_of(asked)
        assert planned.exposure.what == f"{TWIN}:9090 and {VIP}:9090"
        assert planned.exposure.seconds != 0.0
        assert toll_of(planned) is Toll.ONE_OF_TWO
        assert any("Clients of port 9090 have the bare address" in one for one in planned.warnings)
        published: list[set[str]] = []

        def look(command: str) -> None:
            if command == STOP:
                published.append(set(home.nameserver.zone.record(NAME)[1]))

        home.wire.before = look
        done = await home.approve(asked)
        assert done.outcome is Outcome.DONE, done.reason
        assert published == [{VIP}, {TWIN}]
        seen = evidence_in(await home.journal.notes(done.id))
        assert seen is not None
        lost = {(one.vip, one.port) for one in seen.tallies if one.counts and one.seen.lost}
        assert lost == {(TWIN, 9090), (VIP, 9090)}
        assert "none failed" not in in_lines(seen)[0]


async def test_a_loss_at_a_named_port_is_none_that_was_stated() -> None:
    async with house(named=True, watched=True) as home:
        paired(home)
        bare(home, 9090)

        def look(command: str) -> None:
            if command == STOP:
                home.cloud.lose_connections(VIP, 80, Behaviour.REFUSES, seconds=30.0)

        home.wire.before = look
        ended = await home.do("roll", VM)
        assert ended.outcome not in (Outcome.DONE, Outcome.UNVERIFIED)
        assert home.vm(VM).version == OLD


async def test_unpair_says_which_ports_have_no_name() -> None:
    async with house(named=True, watched=True) as home:
        paired(home)
        bare(home, 9090)
        asked = await home.ask("unpair", VM)
        assert (
            "Port 9090 has no name, so no client of it is led away: those that know "
            f"{TWIN} itself are cut for good." in plan_of(asked).warnings
        )
        assert plan_of(asked).exposure == Exposure(
            f"{TWIN} port 9090", None, f"for good: no name leads its clients to {VIP}"
        )
