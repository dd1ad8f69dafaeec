"""split: the original ILB VM dies on the way, which alone serves what stays."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from bot.domain.operation import Outcome, State
from bot.sandbox.cloud.counters import VISIBILITY
from bot.sandbox.cloud.model import Refusal
from tests.workflows.crowded import (
    GRPC,
    NEW,
    VIP,
    VM,
    crowded,
    ports_at,
    published,
    state_of,
)
from tests.workflows.harness import House, house
from tests.workflows.wire import Trouble
from workflows.steps.person import LOOK_EVERY_S

pytestmark = pytest.mark.slow

WEIGHTS = "app:3,grpc:1"


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house(named=True, watched=True) as one:
        crowded(one)
        yield one


def _nothing(_command: str) -> None:
    """The world goes on by itself."""


def dies_once(
    home: House,
    *,
    led_to: str = "",
    built: bool = False,
    starts: bool = True,
    then: Callable[[str], None] = _nothing,
) -> None:
    """Let the original lose its power once a name has moved, or a rule was built.

    With `starts` off its host refuses every start from then on; `then` hears what is sent after.
    """

    def look(_command: str) -> None:
        if (led_to and published(home, GRPC) == [led_to]) or (built and ports_at(home, NEW)):
            home.wire.before = then
            home.cloud.power_off(VM)
            home.cloud.refuse_next(Refusal.START, 0 if starts else 99)

    home.wire.before = look


async def test_an_original_that_dies_is_started_again_and_all_is_as_before(home: House) -> None:
    before = state_of(home)
    dies_once(home, led_to=NEW)
    ended = await home.do("split", VM, weights=WEIGHTS)
    assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
    assert f"undone: {VM} started, " in ended.reason
    assert (home.vm(VM).state, state_of(home)) == ("Running", before)


async def test_a_bot_that_dies_while_it_starts_it_starts_it_once(home: House) -> None:
    before = state_of(home)

    def strikes(command: str) -> None:
        if command == "startInternalLoadBalancerVM":
            home.wire.trouble, home.wire.at = Trouble.DIES_AFTER, len(home.wire.calls) - 1

    dies_once(home, led_to=NEW, then=strikes)
    ended = await home.do("split", VM, weights=WEIGHTS)
    assert (home.deaths, ended.outcome) == (1, Outcome.ROLLED_BACK), ended.reason
    assert home.effects().count(f"ilb_vm.started {VM}") == 1
    assert (home.vm(VM).state, state_of(home)) == ("Running", before)


async def test_a_stop_before_anything_was_built_took_nothing_back(home: House) -> None:
    asked = await home.ask("split", VM, weights=WEIGHTS)

    def look(command: str) -> None:
        if home.is_changing:
            (home.folder / "STOP").touch()

    home.wire.before = look
    ended = await home.approve(asked)
    assert ended.outcome is Outcome.REJECTED, ended.reason
    assert "nothing was changed" in ended.reason


async def test_it_is_started_again_before_any_name_has_moved_too(home: House) -> None:
    before = state_of(home)
    dies_once(home, built=True)
    ended = await home.do("split", VM, weights=WEIGHTS)
    assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
    assert (home.vm(VM).state, state_of(home)) == ("Running", before)


@pytest.mark.parametrize("watched", [True, False])
async def test_it_does_not_stay_dead_while_a_person_is_asked(watched: bool) -> None:
    async with house(named=True, watched=watched) as home:
        crowded(home)
        home.cloud.settings[VISIBILITY].value = "link-local"
        before = state_of(home)
        waits = await home.do("split", VM, weights=WEIGHTS)
        assert waits.state is State.APPLYING
        home.cloud.power_off(VM)
        home.later(LOOK_EVERY_S + 1.0)
        ended = await home.quiet(waits)
        assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
        assert (home.vm(VM).state, state_of(home)) == ("Running", before)
        assert not await home.waits_for(ended)


async def test_one_that_somebody_stopped_is_left_alone_and_a_person_is_told_what_to_do(
    home: House,
) -> None:
    home.cloud.open_sessions(VIP, 9090, 3)
    waits = await home.do("split", VM, weights=WEIGHTS)
    home.cloud.stop_by_hand(VM)
    home.later(LOOK_EVERY_S + 1.0)
    ended = await home.quiet(waits)
    assert ended.outcome is Outcome.PARKED, ended.reason
    assert f"see {VM} serve {VIP}: it is Stopped and left alone: admin asked for it" in ended.reason
    assert ended.reason.endswith(
        f"the ILB VM of {VIP} is Stopped, so app is not served: `recover {VIP}`, or start it in "
        f"CloudStack where somebody stopped it; {GRPC} leads to {NEW}, which serves it: delete "
        f"{VIP}:9090 to finish, or publish {GRPC} as {VIP} again and delete {NEW}:9090 after that"
    )
    assert (published(home, GRPC), ports_at(home, NEW)) == ([NEW], [9090])


async def test_where_cloudstack_cannot_start_it_clients_stay_where_they_are_served(
    home: House,
) -> None:
    dies_once(home, led_to=NEW, starts=False)
    ended = await home.do("split", VM, weights=WEIGHTS)
    assert ended.outcome is Outcome.PARKED, ended.reason
    assert "start ILB VM" in ended.reason
    assert (published(home, GRPC), ports_at(home, NEW)) == ([NEW], [9090])
