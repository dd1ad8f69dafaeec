"""One look asks CloudStack for nothing twice, and for nothing that its runbook does not rely on."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from bot.domain.operation import Wish
from bot.services.lists import Lists
from bot.services.scope import EVERYTHING
from bot.services.service_view import read_service
from bot.services.subjects import EITHER
from tests.workflows.harness import RUNBOOKS, House, house

VM, VIP = "b-31-VM", "10.20.1.10"


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        yield made


async def calls_of_a_look(home: House, runbook: str, target: str) -> Counter[str]:
    """Let a runbook find its target once; return what that asked CloudStack for."""
    await home.fleet.release.version()
    before = len(home.wire.calls)
    await RUNBOOKS[runbook].find(home.fleet, Wish(runbook, target))
    return Counter(home.wire.calls[before:])


@pytest.mark.parametrize("target", [VM, VIP, "app-tier"])
@pytest.mark.parametrize("runbook", ["roll", "pair", "unpair", "recover", "resize"])
async def test_finding_and_reading_share_their_lists(
    home: House, runbook: str, target: str
) -> None:
    calls = await calls_of_a_look(home, runbook, target)
    shared = ("listNetworks", "listInternalLoadBalancerVMs", "listLoadBalancers", "listRouters")
    wanted = dict.fromkeys(shared, 1)
    if runbook == "recover":
        wanted["listInternalLoadBalancerVMs"] += 1  # with the checks of the one that was meant
    assert {name: calls[name] for name in shared} == wanted


async def test_each_runbook_reads_what_it_relies_on(home: House) -> None:
    names = ("roll", "pair", "unpair", "resize")
    looks = {name: await calls_of_a_look(home, name, VM) for name in names}
    assert [looks[one]["listTemplates"] for one in looks] == [2, 0, 0, 0], "only a roll boots anew"
    assert [looks[one]["listHosts"] for one in looks] == [0, 1, 0, 0], "only twins stand apart"
    asked = [looks[one]["listServiceOfferings"] for one in looks]
    assert asked == [0, 1, 0, 1], "a twin is built, an offering is chosen"


async def test_restarts_are_asked_for_only_where_they_may_be_the_cause(home: House) -> None:
    running = await calls_of_a_look(home, "recover", VM)
    home.cloud.power_off(VM)
    home.later(200.0)
    stopped = await calls_of_a_look(home, "recover", VM)
    assert stopped["listEvents"] == running["listEvents"] + 2


async def test_looking_again_is_looking(home: House) -> None:
    await EITHER.find(home.fleet, Wish("recover", VM), "")
    home.cloud.power_off(VM)
    home.later(200.0)
    seen = await EITHER.find(home.fleet, Wish("recover", VM), "")
    assert getattr(seen, "state", "") == "Stopped"


async def test_a_part_of_a_list_is_as_that_part_asked_for_alone(home: House) -> None:
    one, tier = home.fleet.look(), home.tier("app-tier").id
    alone = await home.fleet.look().view(f"{tier}/{VIP}")
    await one.find(VM)
    shared = await one.view(f"{tier}/{VIP}")
    assert (shared.tier_vms, shared.tier_rules) == (alone.tier_vms, alone.tier_rules)


async def test_a_look_that_is_given_up_leaves_no_reading_behind(home: House) -> None:
    """What was not begun is not left unawaited, which Python says as a warning, some time later."""
    cloud, outlook = home.fleet._cloud, home.fleet._senses.outlook
    view = await home.fleet.view(home.cloud.machine(VM).id)
    around = read_service(cloud, Lists(cloud), outlook, (view, None), EVERYTHING)
    given_up = asyncio.ensure_future(around)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        del around, given_up
        await asyncio.sleep(0)  # the loop holds what it woke us for until then
        gc.collect()
    assert [str(one.message) for one in told] == []
