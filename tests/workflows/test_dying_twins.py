"""The other one dies while one is worked on: an undo does not send clients to what is dead."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.domain.operation import Outcome
from bot.ports import Proof
from bot.sandbox.dns.seed import APP_TTL_S, demo_nameserver
from tests.workflows.crowded import GRPC, NEW, crowded, ports_at
from tests.workflows.harness import House, house
from tests.workflows.paired import TWIN, VIP, VM, paired, published
from tests.workflows.test_pair import rules
from tests.workflows.test_resize import LARGE, START, STOP, Telling, offering
from tests.workflows.test_roll_ways import lost
from workflows.steps.person import LOOK_EVERY_S

pytestmark = pytest.mark.slow


def told_of_names(home: House, names: Telling, act: Callable[[list[list[str]]], None]) -> None:
    """Act on all that the name led to by then, whenever that changes."""
    led = [published(home)]

    def look() -> None:
        if published(home) != led[-1]:
            led.append(published(home))
            act(led)

    names.told = look


async def test_a_twin_whose_peer_dies_stays_published_and_is_not_stopped_again() -> None:
    names = Telling(**vars(demo_nameserver()))
    async with house(named=True, watched=True, nameserver=names) as home:
        paired(home)
        both, other = sorted([VIP, TWIN]), home.vm_at(TWIN)

        def dies(led: list[list[str]]) -> None:
            if led == [both, [VIP], both]:
                home.cloud.power_off(VM)

        told_of_names(home, names, dies)
        ended = await home.do("resize", VM, offering=LARGE)
        assert ended.outcome is Outcome.PARKED, ended.reason
        assert published(home) == both
        assert home.wire.calls.count(STOP) == 1
        assert (offering(home, other), home.vm(other).state) == (LARGE, "Running")


async def test_clients_are_not_led_back_to_a_temporary_twin_that_died() -> None:
    names = Telling(**vars(demo_nameserver()))
    async with house(named=True, watched=True, nameserver=names) as home:
        led_to: list[list[str]] = []
        told_of_names(home, names, lambda led: led_to.append(led[-1]))
        left = [1]

        def dies(command: str) -> None:
            if command == START and published(home) == [TWIN] and left:
                left.pop()
                home.cloud.power_off(home.vm_at(TWIN))

        home.wire.before = dies
        ended = await home.do("resize", VM, offering=LARGE)
        assert ended.outcome is Outcome.PARKED, ended.reason
        assert f"{VIP} carries its traffic meanwhile" in ended.reason
        assert led_to == [[TWIN], [VIP]]
        assert (offering(home, VM), home.vm(VM).state) == (LARGE, "Running")


async def test_a_new_ilb_that_dies_while_a_person_is_asked_gives_its_clients_back() -> None:
    async with house(named=True) as home:
        crowded(home)
        waits = await home.do("split", VM, weights="app:3,grpc:1")
        assert await home.waits_for(waits)
        home.cloud.power_off(home.vm_at(NEW))
        home.later(LOOK_EVERY_S + 1.0)
        ended = await home.quiet(waits)
        assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
        assert home.nameserver.zone.record(GRPC)[1] == (VIP,)
        assert ports_at(home, VIP) == [80, 9090]
        assert not await home.waits_for(waits)


async def test_a_stop_after_the_names_moved_leaves_the_twin_to_its_clients_first() -> None:
    names = Telling(**vars(demo_nameserver()))
    async with house(named=True, watched=True, nameserver=names) as home:

        def stops(led: list[list[str]]) -> None:
            if led == [[VIP], [TWIN]]:
                (home.folder / "STOP").touch()

        told_of_names(home, names, stops)
        ended = await home.do("resize", VM, offering=LARGE)
        assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
        assert f"{TWIN} left by its clients" in ended.reason
        assert (published(home), rules(home, TWIN)) == ([VIP], [])
        assert await lost(home, ended.id) == 0


async def test_a_temporary_twin_is_not_taken_away_from_an_ilb_that_just_died() -> None:
    names = Telling(**vars(demo_nameserver()))
    async with house(named=True, watched=True, nameserver=names) as home:

        def dies_later(led: list[list[str]]) -> None:
            if led == [[VIP], [TWIN], [VIP]]:
                home.cloud.processes.call_at(
                    home.cloud.at + APP_TTL_S + Proof().bake_s + 1.0,
                    lambda: home.cloud.power_off(VM),
                )

        told_of_names(home, names, dies_later)
        ended = await home.do("resize", VM, offering=LARGE)
        assert ended.outcome in {Outcome.FAILED, Outcome.PARKED}, ended.reason
        assert rules(home, TWIN) != []
