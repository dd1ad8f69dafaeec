"""Reads HAProxy's stats page on a VIP: CSV over HTTP, to what was counted of each rule."""

from __future__ import annotations

import asyncio
import csv
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import httpx
from pydantic import SecretStr

from bot.domain.address_map import AddressMap
from bot.domain.counted import Counted, Reading
from bot.domain.demand import Latency
from bot.errors import Transient

MOST_BYTES = 1024 * 1024
"""A row has about 400 bytes, so this is a page of over two thousand servers."""
TIMEOUT_S = 0.8
"""Of a whole reading: there is one each second."""
_NEEDED = frozenset({"pxname", "svname", "scur", "stot", "rate", "status"})
_SERVES = ("UP", "no check")
_PUBLISHED = SecretStr("AdMiN123")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """Where the page is on every VIP, and who may see it.

    The defaults are those of CloudStack (`network.loadbalancer.haproxy.stats.port`, `.uri` and
    `.auth`), which anybody can read in its sources: they are no secret before someone changes them.
    """

    port: int = 8081
    uri: str = "/admin?stats"
    user: str = "admin1"
    password: SecretStr = _PUBLISHED


class StatsPages:
    """The pages of all VIPs, over a client that the caller closes."""

    def __init__(self, http: httpx.AsyncClient, reach: AddressMap, page: Page) -> None:
        self._http = http
        self._reach = reach
        self._page = page
        self._auth = httpx.BasicAuth(page.user, page.password.get_secret_value())

    async def read(self, vip: str) -> Mapping[int, Counted]:
        """Return what HAProxy counted of each rule of a VIP, by port; `Transient` says why not."""
        return await self._read(vip, counted_of)

    async def readings(self, vip: str) -> Mapping[int, Reading]:
        """Return the same with bytes, and with the times of its members."""
        return await self._read(vip, readings_of)

    async def _read(self, vip: str, rules_of: Callable[[str, str], dict[int, T]]) -> dict[int, T]:
        host, port = self._reach.reach(vip, self._page.port)
        what = f"read HAProxy's stats page of {vip}"
        try:
            async with asyncio.timeout(TIMEOUT_S):
                text = await self._text(f"http://{host}:{port}{self._page.uri};csv", what)
        except (httpx.HTTPError, TimeoutError) as exc:
            raise Transient(f"{what}: {type(exc).__name__}") from exc
        try:
            return rules_of(vip, text)
        except (ValueError, csv.Error) as exc:
            raise Transient(f"{what}: what answers there is not HAProxy's CSV") from exc

    async def _text(self, url: str, what: str) -> str:
        async with self._http.stream("GET", url, auth=self._auth) as answer:
            if answer.status_code in {401, 403}:
                raise Transient(f"{what}: it does not take probe.stats_user and stats_password")
            if answer.status_code != 200:
                raise Transient(f"{what}: it answered {answer.status_code}")
            content = b""
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > MOST_BYTES:
                    raise Transient(f"{what}: it is longer than {MOST_BYTES} bytes")
        return content.decode("utf-8", "replace")


def counted_of(vip: str, text: str) -> dict[int, Counted]:
    """Return the rules of a VIP on a page (HAProxy management guide, CSV format), by port.

    CloudStack's `HAProxyConfigurator` names a rule's section `10_1_1_5-80`. Unknown columns and
    sections are passed over; `ValueError` where it is not such a page.
    """
    rows = csv.DictReader(text.removeprefix("# ").splitlines())
    if not set(rows.fieldnames or ()) >= _NEEDED:
        raise ValueError("columns are missing")
    found: dict[int, Counted] = {}
    servers: dict[int, list[bool]] = {}
    for row in rows:
        name, sign, port = (row["pxname"] or "").rpartition("-")
        if not sign or name.replace("_", ".") != vip:
            continue
        if row["svname"] == "FRONTEND":
            found[int(port)] = Counted(*(int(row[key] or 0) for key in ("scur", "rate", "stot")))
        elif row["svname"] != "BACKEND":
            servers.setdefault(int(port), []).append((row["status"] or "").startswith(_SERVES))
    return {port: _with(one, servers.get(port, [])) for port, one in found.items()}


def readings_of(vip: str, text: str) -> dict[int, Reading]:
    """Return the rules of a VIP on a page with bytes and times, by port; see `counted_of`."""
    counted, bytes_, times, queued = counted_of(vip, text), Counter[int](), {}, Counter[int]()
    for row in csv.DictReader(text.removeprefix("# ").splitlines()):
        name, _, port = (row["pxname"] or "").rpartition("-")
        if name.replace("_", ".") != vip:
            continue
        if row["svname"] == "FRONTEND":
            bytes_[int(port)] += int(row.get("bin") or 0) + int(row.get("bout") or 0)
            continue
        queued[int(port)] += int(row.get("qcur") or 0)
        if row["svname"] == "BACKEND":
            times[int(port)] = _times(row)
    return {
        port: Reading(one, bytes_[port], _latency(one, times.get(port), queued[port]))
        for port, one in counted.items()
    }


def _times(row: Mapping[str, str | None]) -> Latency | None:
    """Read whole milliseconds; of what is not HTTP the response time is always 0."""
    if not row.get("ctime"):
        return None
    queue_s, connect_s, response_s = (
        int(row.get(one) or 0) / 1000 for one in ("qtime", "ctime", "rtime")
    )
    looks_inside = row.get("mode") == "http" or response_s > 0
    return Latency(queue_s, connect_s, response_s if looks_inside else None)


def _latency(one: Counted, times: Latency | None, queued: int) -> Latency | None:
    """Of no session there is no time; who queues is one before it has any."""
    if times is None or not (one.total or queued):
        return None
    return replace(times, queued=queued)


def _with(one: Counted, serve: list[bool]) -> Counted:
    return Counted(one.open, one.rate, one.total, sum(serve), len(serve) - sum(serve))
