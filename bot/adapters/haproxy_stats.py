"""Reads HAProxy's stats page on a VIP: CSV over HTTP, to what was counted of each rule."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx
from pydantic import SecretStr

from bot.domain.address_map import AddressMap
from bot.domain.counted import Counted, MemberTimes
from bot.errors import Transient

MOST_BYTES = 1024 * 1024
"""A row has about 400 bytes, so this is a page of over two thousand servers."""
TIMEOUT_S = 0.8
"""Of a whole reading: there is one each second."""
_NEEDED = frozenset({"pxname", "svname", "scur", "stot", "rate", "status"})
_TIMES = ("qtime", "ctime", "rtime")
_SERVES = ("UP", "no check")
_PUBLISHED = SecretStr("AdMiN123")
Row = Mapping[str, str | None]


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
        host, port = self._reach.reach(vip, self._page.port)
        what = f"read HAProxy's stats page of {vip}"
        try:
            async with asyncio.timeout(TIMEOUT_S):
                text = await self._text(f"http://{host}:{port}{self._page.uri};csv", what)
        except (httpx.HTTPError, TimeoutError) as exc:
            raise Transient(f"{what}: {type(exc).__name__}") from exc
        try:
            return counted_of(vip, text)
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
    found: dict[int, list[Row]] = {}
    for row in rows:
        name, sign, port = (row["pxname"] or "").rpartition("-")
        if sign and name.replace("_", ".") == vip:
            found.setdefault(int(port), []).append(row)
    rules = {port: _rule(own) for port, own in found.items()}
    return {port: one for port, one in rules.items() if one is not None}


def _rule(rows: Sequence[Row]) -> Counted | None:
    """Put the rows of a section together: its frontend, its backend, and its servers."""
    named = {row["svname"]: row for row in rows}
    front, back = named.pop("FRONTEND", None), named.pop("BACKEND", None)
    if front is None:
        return None
    serve = [(row["status"] or "").startswith(_SERVES) for row in named.values()]
    queued = sum(_number(row, "qcur") for row in (*named.values(), *([back] if back else [])))
    total = _number(front, "stot")
    return Counted(
        open=_number(front, "scur"),
        rate=_number(front, "rate"),
        total=total,
        up=sum(serve),
        down=len(serve) - sum(serve),
        bytes=_number(front, "bin") + _number(front, "bout"),
        # of no session there is no time; who queues is one before it has any
        times=_times(back, queued) if back and (total or queued) else None,
    )


def _times(back: Row, queued: int) -> MemberTimes | None:
    """Read whole milliseconds; of what is not HTTP the response time is always 0."""
    if not back.get("ctime"):
        return None
    queue_s, connect_s, response_s = (_number(back, one) / 1000 for one in _TIMES)
    looks_inside = back.get("mode") == "http" or response_s > 0
    return MemberTimes(queue_s, connect_s, response_s if looks_inside else None, queued)


def _number(row: Row, column: str) -> int:
    return int(row.get(column) or 0)
