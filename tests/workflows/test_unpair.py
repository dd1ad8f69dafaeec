"""unpair: the twin of an ILB is taken away, and the one that is named serves alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.domain.operation import Outcome
from bot.services.traffic import evidence_in
from tests.workflows.harness import House, house
from tests.workflows.test_pair import TWIN, VIP, VM, marks, published, rules

pytestmark = pytest.mark.slow


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house(named=True, watched=True) as one:
        yield one


async def test_unpair_takes_the_twin_away_and_the_rest_is_as_before(home: House) -> None:
    before = rules(home, VIP)
    await home.do("pair", VM)
    done = await home.do("unpair", VM)
    assert done.outcome is Outcome.DONE, done.reason
    assert (published(home), rules(home, TWIN), marks(home)) == ([VIP], [], set())
    assert rules(home, VIP) == before
    assert home.cloud.ilb_vm_at(home.tier("app-tier"), TWIN) is None
    seen = evidence_in(await home.journal.notes(done.id))
    assert seen is not None
    assert seen.lost == 0


async def test_either_one_may_stay(home: House) -> None:
    await home.do("pair", VM)
    done = await home.do("unpair", TWIN)
    assert done.outcome is Outcome.DONE, done.reason
    assert (published(home), rules(home, VIP), marks(home)) == ([TWIN], [], set())


async def test_unpairing_what_has_no_twin_is_nothing_to_do(home: House) -> None:
    ended = await home.ask("unpair", VM)
    assert (ended.outcome, ended.reason) == (Outcome.NOTHING_TO_DO, f"{VM} has no twin.")


async def test_the_last_one_that_serves_is_not_left_alone_with_a_dead_one(home: House) -> None:
    await home.do("pair", VM)
    home.cloud.stop_by_hand(VM)
    home.later(60.0)
    ended = await home.ask("unpair", VM)
    assert ended.outcome is Outcome.REFUSED
    assert "it would be the only one left" in ended.reason


async def test_a_tier_of_twins_is_asked_which_one_is_meant(home: House) -> None:
    await home.do("pair", VM)
    ended = await home.ask("unpair", "app-tier")
    assert ended.outcome is Outcome.REFUSED
    assert "2 targets go by the name “app-tier”" in ended.reason
