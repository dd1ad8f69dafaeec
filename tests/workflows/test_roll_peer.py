"""roll: what is to serve meanwhile is looked at before the other one is withdrawn or stopped."""

from __future__ import annotations

import pytest

from bot.domain.operation import Outcome
from bot.sandbox.cloud.traffic import Behaviour
from tests.workflows.harness import House, house
from tests.workflows.paired import NAME, TWIN, VIP, VM, paired

pytestmark = pytest.mark.slow

STOP = "stopInternalLoadBalancerVM"


def published(home: House) -> list[str]:
    return sorted(home.nameserver.zone.record(NAME)[1])


def dies_alone_in_the_name(home: House, vip: str) -> list[str]:
    """Let the machine of a VIP die once a name leads to it alone; return the stops sent later."""
    stops: list[str] = []
    dead: list[str] = []

    def look(command: str) -> None:
        if not dead and published(home) == [vip]:
            dead.append(home.vm_at(vip))
            home.cloud.power_off(dead[0])
            home.later(300.0)
        if command == STOP:
            stops.append(command)

    home.wire.before = look
    return stops


@pytest.mark.parametrize("watched", [True, False])
async def test_a_twin_is_not_stopped_where_the_other_died_in_the_wait(watched: bool) -> None:
    async with house(named=True, watched=watched) as home:
        paired(home)
        other = home.vm_at(TWIN)
        stops = dies_alone_in_the_name(home, VIP)
        ended = await home.do("roll", VM)
        assert ended.outcome is not Outcome.DONE
        assert (stops, home.vm(other).state) == ([], "Running")
        assert TWIN in published(home)


async def test_the_receipt_says_that_the_other_twin_does_not_serve() -> None:
    async with house(named=True) as home:
        paired(home)
        other = home.vm_at(TWIN)
        dies_alone_in_the_name(home, VIP)
        ended = await home.do("roll", VM)
        assert f"stop {other}: {VIP}, which is to serve meanwhile, does not serve" in ended.reason


@pytest.mark.parametrize("watched", [True, False])
async def test_an_ilb_is_not_stopped_where_its_temporary_twin_died(watched: bool) -> None:
    async with house(named=True, watched=watched) as home:
        stops = dies_alone_in_the_name(home, TWIN)
        ended = await home.do("roll", VM)
        assert ended.outcome is not Outcome.DONE
        assert (stops, home.vm(VM).state, published(home)) == ([], "Running", [VIP])


async def test_names_do_not_go_back_to_an_ilb_that_died_again() -> None:
    async with house(named=True) as home:
        seen: list[str] = []

        def look(command: str) -> None:
            if "startInternalLoadBalancerVM" in seen and command == "listLoadBalancers":
                home.cloud.power_off(VM)
                home.later(300.0)
                seen.clear()
            seen.append(command)

        home.wire.before = look
        ended = await home.do("roll", VM)
        assert ended.outcome is Outcome.PARKED, ended.reason
        assert published(home) == [TWIN]
        assert home.vm(home.vm_at(TWIN)).state == "Running"


@pytest.mark.parametrize("runbook", ["roll", "unpair"])
async def test_a_healthy_address_stays_published_where_the_other_is_dead(runbook: str) -> None:
    async with house(named=True, watched=True) as home:
        paired(home)
        home.cloud.lose_connections(VIP, 80, Behaviour.REFUSES, seconds=36000.0)
        serial = home.nameserver.zone.serial
        ended = await home.do(runbook, VM)
        assert ended.outcome is Outcome.FAILED, ended.reason
        assert f"prove {VIP}" in ended.reason
        assert (home.nameserver.zone.serial, published(home)) == (serial, [VIP, TWIN])
