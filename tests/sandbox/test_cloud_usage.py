"""How busy machines were in the pretend cloud is a history: what was is not changed by what is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bot.sandbox.cloud.seed import DOMAIN_ADMIN, READ_ONLY
from tests.sandbox.cloud_caller import Caller, demo_cloud

MINUTE = 60.0


@pytest.fixture
async def cloud() -> AsyncIterator[Caller]:
    async with demo_cloud() as caller:
        yield caller


async def history(cloud: Caller, name: str, **wanted: str) -> list[tuple[float, str]]:
    machine = cloud.world.machine(name)
    body = await cloud.call("listSystemVmsUsageHistory", id=machine.id, **wanted)
    [row] = body["virtualmachine"]
    assert row["name"] == name
    return [
        (datetime.fromisoformat(one["timestamp"]).timestamp(), one["cpuused"])
        for one in row["stats"]
    ]


async def test_samples_stand_where_they_were_taken(cloud: Caller) -> None:
    before = await history(cloud, "b-31-VM")
    cloud.clock.now += 10
    cloud.world.set_cpu("b-31-VM", 97.5)
    cloud.clock.now += 2 * MINUTE
    after = await history(cloud, "b-31-VM")
    assert {at for at, _ in before} - {at for at, _ in after} == {at for at, _ in before[:2]}
    assert [used for _, used in after[-4:]] == ["10%", "10%", "97.5%", "97.5%"]


async def test_a_busy_host_has_busy_machines_where_that_is_said(cloud: Caller) -> None:
    host = cloud.world.machine("b-31-VM").host
    assert host is not None
    cloud.world.set_cpu(host.name, 96.0)
    cloud.clock.now += MINUTE
    assert (await history(cloud, "b-31-VM"))[-1][1] == "10%"
    cloud.world.set_cpu(host.name, 96.0, machines=True)
    cloud.clock.now += MINUTE
    assert (await history(cloud, "b-31-VM"))[-1][1] == "96%"


async def test_a_machine_may_have_been_busy_for_a_while(cloud: Caller) -> None:
    cloud.world.set_cpu("b-31-VM", 97.5, for_s=3 * MINUTE)
    cloud.world.set_cpu("b-31-VM", 50.0)
    cloud.clock.now += MINUTE
    used = [used for _, used in await history(cloud, "b-31-VM")]
    assert used[-5:] == ["10%", "97.5%", "97.5%", "97.5%", "50%"]
    assert set(used[:-4]) == {"10%"}


async def test_dates_bound_what_is_shown(cloud: Caller) -> None:
    everything = await history(cloud, "b-31-VM")
    text = datetime.fromtimestamp(everything[10][0], UTC).strftime("%Y-%m-%d %H:%M:%S")
    assert await history(cloud, "b-31-VM", startdate=text) == everything[10:]
    assert await history(cloud, "b-31-VM", enddate=text) == everything[:11]
    ill = await cloud.refused("listSystemVmsUsageHistory", startdate="yesterday")
    assert ill == (431, "Unable to parse date yesterday for parameter startdate")
    wrong = await cloud.refused(
        "listSystemVmsUsageHistory", startdate="2026-02-02", enddate="2026-02-01"
    )
    assert wrong == (431, "startDate cannot be after endDate.")


@pytest.mark.parametrize(
    ("setting", "value"), [("vm.stats.interval", "0"), ("vm.stats.user.vm.only", "true")]
)
async def test_nothing_is_kept_where_statistics_are_off(
    cloud: Caller, setting: str, value: str
) -> None:
    await cloud.call("updateConfiguration", name=setting, value=value)
    assert await history(cloud, "b-31-VM") == []


async def test_an_admins_reading_role_may_ask_and_a_domain_admin_may_not(cloud: Caller) -> None:
    assert (await cloud.send("listSystemVmsUsageHistory", keys=READ_ONLY)).status_code == 200
    refused = await cloud.send("listSystemVmsUsageHistory", keys=DOMAIN_ADMIN)
    assert refused.status_code == 432
