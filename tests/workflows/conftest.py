"""A house for each test, without the bot's debug log of thousands of virtual runs."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from tests.workflows.harness import House, house


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


@pytest.fixture
async def home() -> AsyncIterator[House]:
    """A bot and its cloud, cleared up after the test."""
    async with house() as one:
        yield one
