"""History cannot be rewritten unseen: every way to tamper with the audit chain shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.services.audit import GENESIS
from tests.examples import at_most
from tests.services.journals import Disk, disk

ROWS = 6


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Disk]:
    async with disk(f"sqlite:///{tmp_path}/j.db") as one:
        await _filled(one)
        yield one


async def _filled(store: Disk) -> None:
    journal = await store.journal()
    for number in range(1, ROWS + 1):
        store.clock.advance(0.1)
        await journal.note(f"op-{number}", "001.look", "step", {"result": "ok", "n": number})


async def _verdict(store: Disk) -> tuple[int, str]:
    return await store.journals[0].verify()


async def test_an_untouched_chain_is_sound(store: Disk) -> None:
    assert await _verdict(store) == (ROWS, "")


@pytest.mark.parametrize(
    "change",
    [
        'data = \'{"n"\\:3,"result"\\:"failed"}\'',
        "at = at + 1",
        "operation = 'op-x'",
        "step = '002.look'",
        "kind = 'approved'",
        "hash = '" + "f" * 64 + "'",
        "previous = '" + GENESIS + "'",
    ],
)
async def test_a_changed_row_shows(store: Disk, change: str) -> None:
    assert store.tamper(f"UPDATE audit SET {change} WHERE seq = 3") == 1
    sound, broken = await _verdict(store)
    assert sound == 2
    assert broken.startswith("row 3 (") and broken.endswith(" was changed")


@pytest.mark.parametrize("seq", [1, 3])
async def test_a_deleted_row_shows(store: Disk, seq: int) -> None:
    store.tamper("DELETE FROM audit WHERE seq = :seq", seq=seq)
    assert await _verdict(store) == (seq - 1, f"row {seq} is missing")


async def test_a_deleted_row_shows_though_the_others_move_up(store: Disk) -> None:
    store.tamper("DELETE FROM audit WHERE seq = 3")
    for seq in range(4, ROWS + 1):
        store.tamper("UPDATE audit SET seq = seq - 1 WHERE seq = :seq", seq=seq)
    assert await _verdict(store) == (2, "row 3 (step of op-4) was changed")


async def test_an_inserted_row_shows(store: Disk) -> None:
    for seq in range(ROWS, 2, -1):
        store.tamper("UPDATE audit SET seq = seq + 1 WHERE seq = :seq", seq=seq)
    store.tamper(
        "INSERT INTO audit SELECT 3, at, 'op-x', step, kind, data, hash, :made FROM audit "
        "WHERE seq = 2",
        made="a" * 64,
    )
    assert await _verdict(store) == (2, "row 3 (step of op-x) was changed")


async def test_an_appended_row_shows(store: Disk) -> None:
    store.tamper(
        "INSERT INTO audit SELECT 7, at, 'op-x', step, kind, data, hash, :made FROM audit "
        "WHERE seq = 6",
        made="a" * 64,
    )
    assert await _verdict(store) == (ROWS, "row 7 (step of op-x) was changed")


async def test_swapped_rows_show(store: Disk) -> None:
    for before, after in ((3, 99), (4, 3), (99, 4)):
        store.tamper("UPDATE audit SET seq = :a WHERE seq = :b", a=after, b=before)
    assert await _verdict(store) == (2, "row 3 (step of op-4) was changed")


async def test_a_cut_tail_shows(store: Disk) -> None:
    store.tamper("DELETE FROM audit WHERE seq > 4")
    assert await _verdict(store) == (4, "the chain ends at row 4, its head says 6")


async def test_an_emptied_chain_shows(store: Disk) -> None:
    store.tamper("DELETE FROM audit")
    assert await _verdict(store) == (0, "the chain ends at row 0, its head says 6")


async def test_a_lost_head_shows(store: Disk) -> None:
    store.tamper("DELETE FROM chain")
    assert await _verdict(store) == (ROWS, f"the chain ends at row {ROWS}, its head is missing")


async def test_a_row_written_after_the_damage_does_not_hide_it(store: Disk) -> None:
    store.tamper("UPDATE audit SET kind = 'approved' WHERE seq = 5")
    await store.journals[0].note("op-9", "", "ended", {})
    assert await _verdict(store) == (4, "row 5 (approved of op-5) was changed")


@at_most(15)  # each opens a database
@given(
    st.lists(
        st.tuples(
            st.floats(min_value=0, max_value=2e9),
            st.dictionaries(st.text(), st.text() | st.integers() | st.booleans() | st.none()),
        ),
        max_size=5,
    )
)
def test_whatever_is_written_verifies(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, dict[str, object]]]
) -> None:
    async def write() -> tuple[int, str]:
        async with disk(f"sqlite:///{tmp_path_factory.mktemp('chain')}/j.db") as store:
            journal = await store.journal()
            for number, (seconds, data) in enumerate(rows):
                store.clock.advance(seconds)
                await journal.note("op", str(number), "step", data)
            return await journal.verify()

    assert asyncio.run(write()) == (len(rows), "")
