"""Serve HAProxy's stats page as HAProxy does: CSV or a page, to who has the password."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from bot.sandbox.cloud.counters import AUTH, Row

_HEADER = (
    "pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,"
    "status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,"
    "tracked,type,rate,rate_lim,rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,"
    "hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,req_rate_max,req_tot,cli_abrt,"
    "srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,last_chk,last_agt,qtime,ctime,rtime,"
    "ttime,agent_status,agent_code,agent_duration,check_desc,agent_desc,check_rise,check_fall,"
    "check_health,agent_rise,agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,"
    "conn_rate_max,conn_tot,intercepted,dcon,dses"
)
"""The columns of HAProxy 2.x (management guide, CSV format), as far as they have been for long."""
COLUMNS = _HEADER.split(",")
HTTP_PORT = 80
"""HAProxyConfigurator gives a rule on it `mode http`, and any other one `mode tcp`."""
PATIENCE_S = 5.0
MOST_BYTES = 8192

Rows = Mapping[int, Row]


def page(vip: str, rows: Rows) -> str:
    """Return the CSV of a VIP, its sections named as HAProxyConfigurator names them."""
    lines = [f"# {_HEADER},", _line("stats_on_public", "FRONTEND", Row(1), "OPEN")]
    for port, row in sorted(rows.items()):
        name = f"{vip.replace('.', '_')}-{port}"
        mode = "http" if port == HTTP_PORT else "tcp"
        lines.append(_line(name, "FRONTEND", row, "OPEN", mode))
        up = sum(row.servers)
        for number, runs in enumerate(row.servers):
            share = _share(row, up) if runs else Row()
            lines.append(_line(name, f"{name}_{number}", share, "UP" if runs else "DOWN", mode))
        lines.append(_line(name, "BACKEND", row, "UP" if up else "DOWN", mode))
    return "\n".join(lines) + "\n"


def answer(request: bytes, uri: str, csv: Callable[[], str]) -> bytes:
    """Return the response to a request; what is not the page meets no server, as in HAProxy."""
    head, *headers = request.decode("latin-1").split("\r\n")
    method, path, _ = (*head.split(" "), "", "")[:3]
    given = {
        name.lower(): value.strip() for name, _, value in (one.partition(":") for one in headers)
    }
    known = f"Basic {base64.b64encode(AUTH.encode()).decode()}"
    if method != "GET" or path not in {uri, f"{uri};csv"}:
        return _response("503 Service Unavailable", "text/html", "<h1>503</h1>")
    if given.get("authorization") != known:
        realm = 'WWW-Authenticate: Basic realm="Haproxy Statistics"'
        return _response("401 Unauthorized", "text/html", "<h1>401</h1>", realm)
    if path == uri:
        return _response("200 OK", "text/html", f"<h1>HAProxy</h1><pre>{csv()}</pre>")
    return _response("200 OK", "text/plain", csv())


class PageServer:
    """One VIP's page on its address, until it is closed."""

    def __init__(self, address: tuple[str, int], uri: str, csv: Callable[[], str]) -> None:
        self.uri = uri
        self._csv = csv
        self._loop = asyncio.get_running_loop()
        self._serving: set[asyncio.Task[None]] = set()
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.setblocking(False)
        self._listener.bind(address)
        self._listener.listen(16)
        self._loop.add_reader(self._listener, self._accept)

    def close(self) -> None:
        """Listen no more, and end what is under way."""
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for task in self._serving:
            task.cancel()

    def _accept(self) -> None:
        with suppress(BlockingIOError, ConnectionAbortedError):
            taken, _ = self._listener.accept()
            taken.setblocking(False)
            task = self._loop.create_task(self._serve(taken))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

    async def _serve(self, taken: socket.socket) -> None:
        request = b""
        with taken, suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while b"\r\n\r\n" not in request and len(request) < MOST_BYTES:
                    more = await self._loop.sock_recv(taken, 4096)
                    if not more:
                        return
                    request += more
                await self._loop.sock_sendall(taken, answer(request, self.uri, self._csv))


def _share(row: Row, up: int) -> Row:
    times = replace(row.load, queued=0)
    return Row(row.open // up, row.rate // up, row.total // up, bytes=row.bytes // up, load=times)


def _line(section: str, name: str, row: Row, status: str, mode: str = "http") -> str:
    load = row.load
    values: dict[str, object] = {
        "pxname": section, "svname": name, "scur": row.open, "smax": row.open, "slim": 2000,
        "stot": row.total, "status": status, "rate": row.rate, "pid": 1, "iid": 1, "mode": mode,
        "bin": row.bytes // 10, "bout": row.bytes - row.bytes // 10,
    }  # fmt: skip
    if name != "FRONTEND":
        values |= {
            "qcur": load.queued, "qtime": load.queue_ms, "ctime": load.connect_ms,
            "rtime": load.response_ms if mode == "http" else 0,
        }  # fmt: skip
    return ",".join(str(values.get(column, "")) for column in COLUMNS) + ","


def _response(status: str, kind: str, body: str, *headers: str) -> bytes:
    content = body.encode()
    lines = [
        f"HTTP/1.1 {status}", "Cache-Control: no-cache", "Connection: close",
        f"Content-Type: {kind}", f"Content-Length: {len(content)}", *headers, "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode("latin-1") + content
