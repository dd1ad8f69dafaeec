"""roll: what is refused, what goes stale, what is done, and what a failure leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.domain.operation import Outcome, State
from tests.workflows.harness import House, house


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as one:
        yield one


async def test_an_approved_roll_renews_the_disk_once(home: House) -> None:
    asked = await home.ask("roll", "b-31-VM")
    assert asked.state is State.WAITING
    ended = await home.approve(asked)
    assert ended.outcome is Outcome.DONE, ended.reason
    assert home.effects() == [
        "ilb_vm.stopped b-31-VM",
        "ilb_vm.disk_renewed b-31-VM",
        "ilb_vm.started b-31-VM",
    ]
