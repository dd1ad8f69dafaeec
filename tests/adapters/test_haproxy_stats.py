"""HAProxy's stats page as it is read: tolerant of what is new, bounded, and silent on secrets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr

from bot.adapters.haproxy_stats import MOST_BYTES, Page, StatsPages, counted_of
from bot.domain.address_map import AddressMap
from bot.domain.counted import Counted, MemberTimes
from bot.errors import Transient

VIP = "10.20.1.10"
REACH = AddressMap.of({"10.20.0.0/16": "127.77.0.0/16"}, 20_000)
CSV = """\
# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,\
status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,\
type,rate,rate_lim,rate_max,a_column_to_come,
stats_on_public,FRONTEND,,,1,2,2000,40,1,1,0,0,0,,,,,OPEN,,,,,,,,,1,1,0,,,,0,1,0,2,x,
10_20_1_10-80,FRONTEND,,,7,9,2000,1234,1,1,0,0,0,,,,,OPEN,,,,,,,,,1,2,0,,,,0,12,0,30,x,
10_20_1_10-80,10_20_1_10-80_0,0,0,4,5,,700,1,1,,0,,0,0,0,0,UP,1,1,0,0,0,90,0,,1,2,1,,700,,2,6,,15,x,
10_20_1_10-80,10_20_1_10-80_1,0,0,3,5,,534,1,1,,0,,0,0,0,0,UP 1/3,1,1,0,0,0,90,0,,1,2,2,,5,,2,6,,1,,
10_20_1_10-80,10_20_1_10-80_2,0,0,0,0,,0,0,0,,0,,0,0,0,0,DOWN,1,1,0,3,1,60,60,,1,2,3,,0,,2,0,,0,x,
10_20_1_10-80,BACKEND,0,0,7,9,200,1234,1,1,0,0,,0,0,0,0,UP,2,2,0,,0,90,0,,1,2,0,,1234,,1,12,,30,x,
10_20_1_11-80,FRONTEND,,,9,9,2000,99,1,1,0,0,0,,,,,OPEN,,,,,,,,,1,3,0,,,,0,9,0,9,x,
"""
Answer = Callable[[httpx.Request], httpx.Response]


@asynccontextmanager
async def pages(answer: Answer, page: Page = Page()) -> AsyncIterator[StatsPages]:  # noqa: B008
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        yield StatsPages(http, REACH, page)


async def refusal(answer: Answer) -> str:
    async with pages(answer) as one:
        with pytest.raises(Transient) as caught:
            await one.read(VIP)
    return str(caught.value)


def test_a_rule_of_the_vip_is_found_by_its_name() -> None:
    assert counted_of(VIP, CSV) == {80: Counted(open=7, rate=12, total=1234, up=2, down=1, bytes=2)}


TIMED = """\
# pxname,svname,qcur,scur,stot,bin,bout,status,rate,qtime,ctime,rtime,ttime,mode,
10_20_1_10-80,FRONTEND,,7,1234,1000,9000,OPEN,12,,,,,http,
10_20_1_10-80,10_20_1_10-80_0,2,4,700,1,1,UP,6,9,9,9,9,http,
10_20_1_10-80,BACKEND,3,7,1234,1000,9000,UP,12,15,1,250,400,http,
10_20_1_10-443,FRONTEND,,7,50,10,20,OPEN,12,,,,,tcp,
10_20_1_10-443,BACKEND,0,7,50,10,20,UP,12,0,2,0,60000,tcp,
10_20_1_10-90,FRONTEND,,0,0,0,0,OPEN,0,,,,,tcp,
10_20_1_10-90,BACKEND,0,0,0,0,0,UP,0,0,0,0,0,tcp,
"""


def test_times_are_those_of_all_members_and_bytes_those_of_both_directions() -> None:
    assert counted_of(VIP, TIMED) == {
        80: Counted(7, 12, 1234, 1, 0, 10_000, MemberTimes(0.015, 0.001, 0.25, 5)),
        443: Counted(7, 12, 50, bytes=30, times=MemberTimes(0.0, 0.002)),
        90: Counted(),
    }


@pytest.mark.parametrize(
    "text", ["", "<html>", "# pxname,svname\n", CSV.replace(",7,9,2000,1234,", ",x,9,2000,1234,")]
)
def test_what_is_no_page_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"columns are missing|invalid literal"):
        counted_of(VIP, text)


async def test_it_asks_where_the_vip_is_reached_with_the_password() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, text=CSV)

    page = Page(port=8082, uri="/stats", user="ops", password=SecretStr("not-the-default"))
    async with pages(answer, page) as one:
        assert (await one.read(VIP))[80].total == 1234
    [request] = asked
    assert str(request.url) == "http://127.77.1.10:28082/stats;csv"
    assert (
        request.headers["Authorization"] == httpx.BasicAuth("ops", "not-the-default")._auth_header
    )


async def test_the_page_of_cloudstack_is_asked_by_its_defaults() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path.decode())
        return httpx.Response(200, text=CSV)

    async with pages(answer) as one:
        await one.read(VIP)
    assert asked == ["/admin?stats;csv"]


async def test_a_password_that_is_not_taken_is_said_without_it() -> None:
    text = await refusal(lambda request: httpx.Response(401, text="no"))
    assert text == (
        f"read HAProxy's stats page of {VIP}: it does not take probe.stats_user and stats_password"
    )


async def test_a_redirect_is_not_followed() -> None:
    away = httpx.Response(302, headers={"Location": "http://elsewhere.example/"})
    assert await refusal(lambda request: away) == (
        f"read HAProxy's stats page of {VIP}: it answered 302"
    )


async def test_a_page_without_end_is_not_read_to_its_end() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    text = await refusal(lambda request: httpx.Response(200, content=endless()))
    assert text.endswith(f"it is longer than {MOST_BYTES} bytes")


async def test_a_page_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.adapters.haproxy_stats.TIMEOUT_S", 0.01)

    async def silent() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    text = await refusal(lambda request: httpx.Response(200, content=silent()))
    assert text == f"read HAProxy's stats page of {VIP}: TimeoutError"


async def test_nobody_there_and_something_else_there_are_told_apart() -> None:
    def refuses(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    assert (await refusal(refuses)).endswith("10: ConnectError")
    other = await refusal(lambda request: httpx.Response(200, text="hello"))
    assert other.endswith("what answers there is not HAProxy's CSV")
