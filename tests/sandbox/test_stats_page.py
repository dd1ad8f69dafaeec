"""HAProxy's stats page in the pretend cloud: what it counts, from when, and who may see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from bot.adapters.haproxy_stats import Page, StatsPages, counted_of
from bot.adapters.prober import Prober
from bot.domain.address_map import AddressMap
from bot.domain.counted import Counted, MemberTimes
from bot.domain.evidence import add_up
from bot.domain.probing import Pacing, Sample, Watched, Watching
from bot.errors import Transient
from bot.sandbox.cloud import Latencies
from bot.sandbox.cloud.counters import URI, VISIBILITY, Load, Row
from bot.sandbox.cloud.model import Rule
from bot.sandbox.stats_page import page
from tests.sandbox.cloud_caller import Caller, demo_cloud
from tests.sandbox.test_dataplane import Plane, ends, served
from tests.waiting import until

VIP = "10.20.1.10"
APP = (VIP, 80)
WEB = ("10.20.2.10", 80)


@pytest.fixture
async def cloud() -> AsyncIterator[Caller]:
    async with demo_cloud(Latencies()) as caller:
        caller.world.counters.watch()
        yield caller


@pytest.fixture
async def plane() -> AsyncIterator[Plane]:
    async with served() as one:
        yield one


def row(cloud: Caller, at: float | None = None, port: int = 80) -> Row:
    rows = cloud.world.counters.page(VIP, cloud.world.at if at is None else at)
    assert rows is not None
    return rows[port]


def later(cloud: Caller, seconds: float) -> None:
    cloud.clock.now += seconds
    cloud.world.advance()


# what is counted


async def test_pretend_clients_come_stay_and_go(cloud: Caller) -> None:
    before = cloud.clock.now
    cloud.world.open_sessions(*APP, 3)
    cloud.world.open_sessions(*APP, 2, seconds=10.0)
    later(cloud, 5.0)
    assert (row(cloud).open, row(cloud).rate, row(cloud).total) == (5, 0, 5)
    assert row(cloud, port=9090).total == 0
    later(cloud, 6.0)
    assert row(cloud).open == 3
    assert cloud.world.close_sessions(*APP) == 3
    assert (row(cloud).open, row(cloud).total) == (0, 5)
    assert (row(cloud, before).open, row(cloud, before).rate) == (5, 5)


async def test_a_stop_ends_them_and_the_next_haproxy_counts_from_zero(cloud: Caller) -> None:
    cloud.world.open_sessions(*APP, 3)
    machine = cloud.world.machine("b-31-VM")
    await cloud.job("stopInternalLoadBalancerVM", id=machine.id)
    assert cloud.world.counters.page(VIP, cloud.world.at) is None
    await cloud.job("startInternalLoadBalancerVM", id=machine.id)
    assert (row(cloud).open, row(cloud).total) == (0, 0)
    assert cloud.world.close_sessions(*APP) == 0


async def test_a_reload_counts_from_zero_and_hides_who_was_there(cloud: Caller) -> None:
    cloud.world.open_sessions(*APP, 3)
    later(cloud, 5.0)
    rule = cloud.world.one(Rule, "app-http")
    await cloud.job("removeFromLoadBalancerRule", id=rule.id, virtualmachineids=rule.members[0].id)
    assert (row(cloud).open, row(cloud).total) == (0, 0)
    assert row(cloud, port=9090).total == 0
    assert cloud.world.close_sessions(*APP) == 3


async def test_what_is_sent_again_unchanged_is_no_reload(cloud: Caller) -> None:
    cloud.world.open_sessions(*WEB, 3)
    [other] = [one for one in cloud.world.all(Rule) if one.vip == "10.20.2.11"]
    [mine] = [one for one in cloud.world.all(Rule) if (one.vip, one.source_port) == WEB]
    assert other.tier is mine.tier
    await cloud.job(
        "removeFromLoadBalancerRule", id=other.id, virtualmachineids=other.members[0].id
    )
    rows = cloud.world.counters.page(WEB[0], cloud.world.at)
    assert rows is not None
    assert rows[80].open == 3


async def test_a_member_that_dies_is_down_and_no_reload(cloud: Caller) -> None:
    cloud.world.open_sessions(*APP, 3)
    cloud.world.one(Rule, "app-http").members[0].powered_on = False
    later(cloud, 1.0)
    assert row(cloud) == Row(3, 0, 3, (False, *[True] * (len(row(cloud).servers) - 1)))


async def test_nobody_connects_to_what_does_not_answer(cloud: Caller) -> None:
    cloud.world.stop_haproxy("b-31-VM")
    with pytest.raises(LookupError, match=r"nobody connects to 10\.20\.1\.10:80: it refuses"):
        cloud.world.open_sessions(*APP, 1)
    with pytest.raises(ValueError, match="expected a count"):
        cloud.world.open_sessions(*APP, 0)


async def test_it_is_only_on_the_vip_where_cloudstack_is_set_so(cloud: Caller) -> None:
    assert VIP in cloud.world.counters.pages()
    cloud.world.settings[VISIBILITY].value = "link-local"
    assert cloud.world.counters.pages() == ()


def test_the_reader_reads_what_is_served() -> None:
    rows = {80: Row(4, 2, 100, (True, False, True)), 443: Row()}
    assert counted_of(VIP, page(VIP, rows)) == {
        80: Counted(4, 2, 100, up=2, down=1, times=MemberTimes(response_s=0.0)),
        443: Counted(),
    }


def test_steady_traffic_counts_up_and_has_times(cloud: Caller) -> None:
    cloud.world.set_load(*APP, Load(100.0, 30, 8.0, 2, 15, 1, 250))
    later(cloud, 10.0)
    shown = row(cloud)
    assert (shown.open, shown.rate, shown.total, shown.bytes) == (30, 100, 1000, 10_000_000)
    assert row(cloud, port=9090).total == 0
    times = MemberTimes(0.015, 0.001, 0.25, 2)
    assert counted_of(VIP, page(VIP, {80: shown})) == {
        80: Counted(30, 100, 1000, up=3, bytes=10_000_000, times=times)
    }
    unseen = replace(times, response_s=None)
    assert counted_of(VIP, page(VIP, {443: shown}))[443].times == unseen


def test_steady_traffic_needs_a_rule(cloud: Caller) -> None:
    with pytest.raises(LookupError, match="no HAProxy has a rule"):
        cloud.world.set_load(VIP, 81, Load())


def test_a_reload_counts_steady_traffic_from_zero(cloud: Caller) -> None:
    cloud.world.set_load(*APP, Load(100.0))
    later(cloud, 10.0)
    cloud.world.one(Rule, "app-http").members.pop()
    later(cloud, 2.0)
    assert row(cloud).total == 200


# over real sockets


async def read(plane: Plane, page_: Page = Page()) -> Counted:  # noqa: B008
    prefixes = plane.loopback.shown()
    reach = AddressMap.of(prefixes, plane.loopback.port_offset)
    async with httpx.AsyncClient() as http:
        return (await StatsPages(http, reach, page_).read(VIP))[80]


@pytest.mark.slow
async def test_the_sockets_count_what_they_carry(plane: Plane) -> None:
    held = [await plane.open(APP) for _ in range(3)]
    assert await plane.try_(APP) == "answers"
    plane.world.open_sessions(*APP, 4)
    found = await read(plane)
    assert (found.open, found.total) == (7, 8)
    assert found.rate == 8
    for one in held:
        one[1].close()


@pytest.mark.slow
async def test_a_dead_haproxy_has_no_page_and_the_next_counts_from_zero(plane: Plane) -> None:
    held = await plane.open(APP)
    assert (await read(plane)).total == 1
    plane.world.stop_haproxy("b-31-VM")
    plane.passes(0.1)
    with pytest.raises(Transient, match="ConnectError"):
        await read(plane)
    plane.world.start_haproxy("b-31-VM")
    plane.passes(0.1)
    assert await ends(held) == "reset"
    assert (await read(plane)).total == 0


@pytest.mark.slow
async def test_a_reload_keeps_connections_and_counts_from_zero(plane: Plane) -> None:
    held = await plane.open(APP)
    assert (await read(plane)).open == 1
    plane.world.one(Rule, "app-http").members.pop()
    plane.passes(0.1)
    assert (await read(plane)).open == 0
    held[1].write(b"ping")
    assert await held[0].readexactly(4) == b"ping"
    held[1].close()


@pytest.mark.slow
async def test_it_is_shown_only_with_the_password_and_under_its_path(plane: Plane) -> None:
    with pytest.raises(Transient, match="does not take"):
        await read(plane, Page(user="nobody"))
    with pytest.raises(Transient, match="answered 503"):
        await read(plane, Page(uri="/stats"))
    plane.world.settings[URI].value = "/stats"
    plane.passes(0.1)
    await read(plane, Page(uri="/stats"))


@pytest.mark.slow
async def test_a_prober_takes_its_own_connections_off_what_is_counted(plane: Plane) -> None:
    reach = AddressMap.of(plane.loopback.shown(), plane.loopback.port_offset)
    place = Watched(*APP)
    left_alone = replace(place, counts=False, tried=False)
    samples: list[Sample] = []

    def told(*, tried: bool) -> int:
        samples.extend(prober.collect(0.0))
        return sum(bool(one.seen.attempts) is tried for one in samples)

    plane.world.open_sessions(*APP, 3)
    async with httpx.AsyncClient() as http:
        prober = Prober("bot", reach, read=StatsPages(http, reach, Page()).read)
        try:
            prober.set_places([place], Pacing())
            await until(lambda: told(tried=True) >= 5)
            prober.set_places([left_alone], Pacing())
            await until(lambda: told(tried=False) >= 3)
        finally:
            await prober.close()
    alone = next(one.second for one in samples if not one.seen.attempts)
    history = [Watching(samples[0].second, (place,)), Watching(alone, (left_alone,))]
    [found] = add_up(history, samples, samples[-1].second + 1.0).clients
    probed, drained = found.periods
    assert probed.new <= 1  # one that was late is counted a second later
    assert (drained.new, drained.open) == (0, 3)
