"""provision, run against the pretend cloud."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.domain.operation import Outcome, State
from tests.workflows.harness import House, house

NEW = """
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


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as one:
        yield one


async def test_an_ilb_is_built_from_nothing(home: House) -> None:
    asked = await home.ask("provision", "shop-prod/app-tier", spec=NEW)
    print(asked.reason)
    assert asked.state is State.WAITING
    done = await home.approve(asked)
    print(done.reason)
    print(home.effects())
    assert done.outcome is Outcome.DONE
    again = await home.do("provision", "shop-prod/app-tier", spec=NEW)
    assert again.outcome is Outcome.NOTHING_TO_DO, again.reason
