"""Cards are shown in their time: never too often, after a refusal too, and after a restart."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from bot.domain.operation import Outcome, State
from bot.errors import Permanent, Transient
from tests.services.bulletin import CHANNEL, Desk, a_roll, refresh, report

# how often


async def test_a_burst_of_changes_is_edits_an_interval_apart_and_the_last_is_shown(
    desk: Desk,
) -> None:
    desk.interval_s = 0.2
    desk.reboot()
    found = await desk.applying(a_roll())
    loop = asyncio.create_task(desk.cards.run())
    try:
        for number in range(40):
            await report(desk, found.id, f"{number:03d}.power_synced", "vm-1", str(number))
            desk.cards.changed(found.id)
            await asyncio.sleep(0)
        await desk.move(found, State.ENDED, outcome=Outcome.DONE)
        desk.cards.changed(found.id)
        await desk.chat.until(lambda: "Receipt of op-1" in desk.chat.titles())
    finally:
        loop.cancel()
    assert desk.chat.last.body[0] == "*:white_check_mark: Done*"
    assert len(desk.chat.edits) >= 2
    assert all(later - sooner >= 0.2 for sooner, later in pairwise(desk.chat.edits))


async def test_the_same_card_is_not_sent_twice(desk: Desk) -> None:
    found = await desk.waiting(a_roll())
    for _ in range(4):
        await desk.cards.show(found.id)
    assert (len(desk.chat.posts), desk.chat.updates) == (1, [])


async def test_a_rate_limit_holds_every_card_back_and_loses_none(desk: Desk) -> None:
    one, other = await desk.waiting(a_roll()), await desk.waiting(a_roll("b-2-VM"))
    desk.chat.failures = [Transient("rate limit", retry_after_s=0.3)]
    loop = asyncio.create_task(desk.cards.run())
    try:
        desk.cards.changed(one.id)
        desk.cards.changed(other.id)
        await desk.chat.until(lambda: len(desk.chat.replies) == 2)
    finally:
        loop.cancel()
    assert desk.chat.moments[1] - desk.chat.moments[0] >= 0.3
    assert {card.title for card in desk.chat.posts} == {"Roll b-1-VM", "Roll b-2-VM"}


@pytest.mark.parametrize("failure", [Permanent("channel_not_found"), ValueError("a bug")])
async def test_a_card_that_cannot_be_shown_does_not_stop_the_others(
    desk: Desk, failure: Exception
) -> None:
    one, other = await desk.waiting(a_roll()), await desk.waiting(a_roll("b-2-VM"))
    desk.chat.failures = [failure]
    desk.cards.changed(one.id)
    desk.cards.changed(other.id)
    await desk.cards.flush()
    assert [card.title for card in desk.chat.posts] == ["Roll b-2-VM"]


async def test_the_last_words_are_told_after_slack_refused_them_for_a_while(desk: Desk) -> None:
    desk.again_s = 0.01
    desk.reboot()
    found = await desk.applying(a_roll())
    await desk.cards.show(found.id)
    await desk.move(found, State.ENDED, outcome=Outcome.DONE)
    desk.chat.failures = [Permanent("channel_not_found"), ValueError("a bug")]
    loop = asyncio.create_task(desk.cards.run())
    try:
        desk.cards.changed(found.id)
        await desk.chat.until(lambda: "Receipt of op-1" in desk.chat.titles())
    finally:
        loop.cancel()
    assert desk.chat.last.body[0] == "*:white_check_mark: Done*"
    assert desk.chat.moments[-1] - desk.chat.moments[-3] >= 0.02


@pytest.mark.parametrize(
    ("failure", "told", "behind"),
    [
        (Permanent("post a card: not_in_channel"), "cards: post a card: not_in_channel", 0),
        (
            Transient("post a card: ratelimited", retry_after_s=9.0),
            "cards: post a card: ratelimit",
            1,
        ),
        (ValueError("a bug"), "cards: that of op-1 cannot be made", 0),
    ],
)
async def test_a_chat_that_takes_no_card_shows_in_health_until_one_is_shown(
    desk: Desk, failure: Exception, told: str, behind: int
) -> None:
    found = await desk.waiting(a_roll())
    assert desk.cards.health() == (True, "cards: shown as they change")
    desk.chat.failures = [failure]
    desk.cards.changed(found.id)
    await desk.cards.flush()
    well, why = desk.cards.health()
    assert (well, why[: len(told)], desk.cards.behind()) == (False, told, behind)
    desk.cards.changed(found.id)
    await desk.cards.flush()
    assert (desk.cards.health()[0], desk.cards.behind()) == (True, 0)


# restarts


async def test_after_a_restart_a_card_shows_what_happened_meanwhile(desk: Desk) -> None:
    found = await desk.applying(a_roll())
    await desk.cards.show(found.id)
    await desk.move(found, State.ENDED, outcome=Outcome.DONE)
    desk.clock.advance(8 * 3600.0)  # nobody was there to show it
    await refresh(desk)
    assert desk.chat.last.body[0] == "*:white_check_mark: Done*"
    assert desk.chat.titles() == ["Evidence", "Receipt of op-1"]


async def test_a_card_that_says_all_there_is_is_left_alone_after_a_restart(desk: Desk) -> None:
    found = await desk.applying(a_roll())
    await desk.move(found, State.ENDED, outcome=Outcome.DONE)
    await desk.cards.show(found.id)
    before = len(desk.chat.moments)
    await refresh(desk)
    assert len(desk.chat.moments) == before


async def test_a_restart_posts_no_second_card(desk: Desk) -> None:
    await desk.cards.show((await desk.waiting(a_roll())).id)
    await refresh(desk)
    assert [card.title for card in desk.chat.posts] == ["Roll b-1-VM"]
    stored = await desk.journal.operation("op-1")
    assert stored is not None
    assert (stored.channel, stored.message) == (CHANNEL, "17.1")
