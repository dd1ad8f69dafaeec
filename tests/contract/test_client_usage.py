"""How busy system VMs were, as CloudStack tells it in the zone and the locale of its server."""

from __future__ import annotations

import httpx

from bot.domain.load import CpuSample
from tests.contract.client_calls import EMPTY, cloud_of
from tests.contract.client_setup import NOW, Server, json_answer, recorded

VM = "7747a5cc-0516-4562-b5c7-2bd6e7a81633"
SINCE = NOW - 600


def usage(*samples: tuple[str, str]) -> httpx.Response:
    stats = [{"timestamp": at, "cpuused": used} for at, used in samples]
    return json_answer(
        {"count": 1, "virtualmachine": [{"id": VM, "name": "b-31-VM", "stats": stats}]}
    )


async def test_recorded_samples_are_read_with_their_own_time() -> None:
    [exchange] = [e for e in recorded("listSystemVmsUsageHistory") if e.params == {"id": VM}]
    found = await cloud_of(Server([exchange.response()])).cpu_samples(since=0.0, vm_id=VM)
    assert found == (
        CpuSample(VM, "b-31-VM", "", 1_795_381_263.0, 10.0),
        CpuSample(VM, "b-31-VM", "", 1_795_381_468.0, 10.0),
    )


async def test_only_what_is_asked_for_is_returned_though_the_server_shows_the_whole_day() -> None:
    server = Server(
        [usage(("2027-01-15T07:49:59+0000", "9%"), ("2027-01-15T07:50:00+0000", "12,5%"))]
    )
    [one] = await cloud_of(server).cpu_samples(since=SINCE)
    assert (one.at, one.cpu_percent) == (SINCE, 12.5)
    assert server.forms[0]["startdate"] == "2027-01-15 07:50:00"


async def test_a_server_west_of_utc_is_asked_without_a_date_from_then_on() -> None:
    answer = usage(("2027-01-15T07:55:00+0000", "9%"))
    server = Server([EMPTY, answer, answer])
    cloud = cloud_of(server)
    assert len(await cloud.cpu_samples(since=SINCE)) == 1
    assert len(await cloud.cpu_samples(since=SINCE)) == 1
    assert ["startdate" in form for form in server.forms] == [True, False, False]


async def test_a_cloud_without_statistics_has_no_samples_and_no_fault() -> None:
    server = Server([usage(), usage()])
    assert await cloud_of(server).cpu_samples(since=SINCE) == ()


async def test_what_has_no_time_or_no_number_is_no_sample() -> None:
    server = Server(
        [usage(("2027-01-15T07:55:00+0000", "n/a"), ("2027-01-15T07:56:00+0000", "7%"))]
    )
    assert [one.cpu_percent for one in await cloud_of(server).cpu_samples(since=SINCE)] == [7.0]
