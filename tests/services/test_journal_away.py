"""What a database cannot do just now is tried again; what is wrong with a statement is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.errors import Transient
from tests.services.journals import Disk, disk


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Disk]:
    async with disk(f"sqlite:///{tmp_path}/j.db") as one:
        yield one


@pytest.fixture
async def there(postgres_url: str) -> AsyncIterator[Disk]:
    async with disk(postgres_url) as one:
        yield one


def hang_up(connection: sa.Connection) -> None:
    """Lose the connection in the middle of a transaction."""
    raw = connection.connection.dbapi_connection
    assert raw is not None
    raw.close()
    connection.execute(sa.text("select 1"))


def told(state: str) -> sa.TextClause:
    """Return what makes PostgreSQL refuse with a state (appendix A of its manual)."""
    return sa.text(f"do $$ begin raise sqlstate '{state}'; end $$")


async def test_a_lost_connection_is_tried_again_and_is_there_again(here: Disk) -> None:
    journal = await here.journal()
    with pytest.raises(Transient, match=r"Cannot operate on a closed database"):
        await journal.transact(hang_up)
    assert await journal.stop_reason() == ""


async def test_a_pool_without_a_free_connection_is_tried_again(here: Disk) -> None:
    def wait(_: sa.Connection) -> None:
        raise sa.exc.TimeoutError("QueuePool limit of size 5 overflow 10 reached")

    with pytest.raises(Transient, match=r"the database refused \(TimeoutError\)"):
        await (await here.journal()).transact(wait)


async def test_a_statement_that_is_wrong_is_not_tried_again(here: Disk) -> None:
    def wrong(connection: sa.Connection) -> None:
        connection.execute(sa.text("select :it"), {"it": object()})

    with pytest.raises(sa.exc.DBAPIError):
        await (await here.journal()).transact(wrong)


@pytest.mark.postgres
async def test_a_server_that_hangs_up_is_tried_again(there: Disk) -> None:
    journal = await there.journal()
    with pytest.raises(Transient, match="use the journal"):
        await journal.transact(hang_up)
    assert await journal.stop_reason() == ""


@pytest.mark.postgres
@pytest.mark.parametrize("state", ["40001", "40P01", "25006", "25P03", "57P01", "53300"])
async def test_what_a_server_refuses_for_now_is_tried_again(there: Disk, state: str) -> None:
    journal = await there.journal()
    with pytest.raises(Transient, match="the database refused"):
        await journal.transact(lambda c: c.execute(told(state)))


@pytest.mark.postgres
@pytest.mark.parametrize("state", ["42P01", "XX000", "25P02", "22001"])
async def test_what_a_server_refuses_for_good_is_not_tried_again(there: Disk, state: str) -> None:
    journal = await there.journal()
    with pytest.raises(sa.exc.DBAPIError):
        await journal.transact(lambda c: c.execute(told(state)))
