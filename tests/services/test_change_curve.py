"""What is drawn of a change is what was on record of it: stages, withdrawals, losses."""

from __future__ import annotations

import pytest

from bot.domain.curve import Mark, Span
from bot.domain.probing import Watched, Watching
from bot.services.change_curve import ChangePlots, marks, withdrawn
from bot.services.progress import Step
from tests.workflows.harness import House, house

VIP, TWIN = "10.20.1.10", "10.20.1.4"


def watching(since: float, **counts: bool) -> Watching:
    vips = {"vip": VIP, "twin": TWIN}
    return Watching(since, tuple(Watched(vips[k], 80, v) for k, v in counts.items()))


def step(name: str, at: float, stage: str = "") -> Step:
    return Step(name, "ok", 1, 2.0, at, "", (), stage)


def plots(home: House) -> ChangePlots:
    return ChangePlots(home.journal, home.progress, home.desk)


def test_a_vip_that_is_not_published_yet_is_not_withdrawn() -> None:
    history = (watching(1.0, vip=True, twin=False), watching(9.0, vip=True, twin=True))
    assert withdrawn(history, 20.0) == ()


def test_a_withdrawn_vip_is_so_until_it_counts_again_or_is_left_alone() -> None:
    history = (
        watching(1.0, vip=True, twin=False),
        watching(5.0, vip=False, twin=True),
        watching(6.0, vip=False, twin=True),
        watching(9.0, vip=True, twin=False),
        watching(12.0, vip=True),
    )
    assert withdrawn(history, 20.0) == (Span(5.0, 9.0, VIP), Span(9.0, 12.0, TWIN))
    assert withdrawn(history[:2], 20.0) == (Span(5.0, 20.0, VIP),)


def test_a_stage_is_marked_where_its_first_step_began() -> None:
    steps = [step("begin", 4.0), step("look", 9.0, "Build"), step("expect", 11.0, "Build"),
             step("prove", 14.0, "Prove"), step("look", 19.0, "Build")]  # fmt: skip
    assert marks(steps) == (Mark(7.0, "Build"), Mark(12.0, "Prove"), Mark(17.0, "Build"))


def test_without_stages_what_cloudstack_was_asked_for_is_marked() -> None:
    steps = [step("newest", 4.0), step("submit_stop", 9.0), step("await_job", 12.0)]
    assert marks(steps) == (Mark(7.0, "Asked CloudStack to stop it"),)


@pytest.mark.slow
async def test_a_roll_beside_is_drawn_with_its_stages_and_without_a_loss() -> None:
    async with house(named=True, watched=True) as home:
        done = await home.do("roll", "b-31-VM")
        curve = await plots(home).curve(done.id)
        assert [one.words for one in curve.marks][:3] == [
            "Build a temporary twin at 10.20.1.4", "Prove that it answers", "Move the names to it",
        ]  # fmt: skip
        assert {one.place for one in curve.spans} == {VIP, TWIN}
        assert all(curve.since <= one.since < one.until for one in curve.spans)
        assert sum(one.lost for one in curve.points) == 0
        picture = await plots(home)(done.id)
        assert picture is not None
        attempts = sum(one.attempts for one in curve.points)
        assert f"{attempts} attempts, none failed; no held connections were cut" in picture.alt


async def test_an_outage_is_drawn_as_losses_without_a_latency() -> None:
    async with house(watched=True) as home:
        done = await home.do("roll", "b-31-VM")
        curve = await plots(home).curve(done.id)
        dark = [one for one in curve.points if one.failed == one.attempts > 0]
        assert dark
        assert all(one.p50_s is None and one.p99_s is None for one in dark)
        assert [one.words for one in curve.marks] == [
            "Asked CloudStack to stop it", "Asked CloudStack to start it",
        ]  # fmt: skip


async def test_what_nobody_looked_at_has_no_plot() -> None:
    async with house() as home:
        done = await home.do("roll", "b-31-VM")
        assert await plots(home)(done.id) is None
        assert await plots(home)("no-such") is None
