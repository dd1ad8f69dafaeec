"""Serve each VIP and port of the pretend cloud as a real socket that does what the cloud's would.

It answers (and sends back what it is sent), closes at once, refuses, hangs, and resets what it
holds, as `World.traffic` has it. It follows the world's time every `TICK_S` and at each new
connection. An address that no rule was ever about refuses, as the kernel does. HAProxy's stats page
is there too, and counts these connections and the pretend clients' of `World.counters`.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable, Set
from contextlib import suppress
from dataclasses import replace
from functools import partial

from bot.sandbox.cloud.counters import PORT, URI, Row
from bot.sandbox.cloud.traffic import Behaviour, Place
from bot.sandbox.cloud.world import World
from bot.sandbox.loopback import Loopback
from bot.sandbox.stats_page import PageServer, page

TICK_S = 0.02
BACKLOG = 256
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST (socket(7))."""


class DataPlane:
    """The sockets of a world; `run` keeps them true."""

    def __init__(self, world: World, loopback: Loopback) -> None:
        self._world = world
        self._loopback = loopback
        self._ports: dict[Place, _Port] = {}
        self._pages: dict[str, PageServer] = {}

    async def run(self) -> None:
        """Follow the world until cancelled."""
        try:
            while True:
                self.follow()
                await asyncio.sleep(TICK_S)
        finally:
            for port in self._ports.values():
                port.close()
            for shown in self._pages.values():
                shown.close()

    def follow(self) -> None:
        """Let every socket do what its place does now."""
        self._world.advance()
        present = self._world.traffic.present()
        self._show_pages(present.keys())
        for place, (behaviour, cuts) in present.items():
            port = self._port(place, cuts)
            if port is not None:
                port.be(behaviour, cuts)
                port.count_for(self._world.counters.number(place[0], self._world.at))

    def _show_pages(self, taken: Set[Place]) -> None:
        """Serve the page of every VIP that has one, but where a rule has its port."""
        uri, port = self._world.setting(URI), int(self._world.setting(PORT))
        there = [vip for vip in self._world.counters.pages() if (vip, port) not in taken]
        for vip in [one for one in self._pages if one not in there or self._pages[one].uri != uri]:
            self._pages.pop(vip).close()
        for vip in there:
            address = self._loopback.address(vip, port)
            if vip not in self._pages and address is not None:
                self._pages[vip] = PageServer(address, uri, partial(self._csv, vip))

    def _csv(self, vip: str) -> str:
        """Return the page: what the sockets carry, and what the pretend clients do."""
        self.follow()
        rows = self._world.counters.page(vip, self._world.at) or {}
        for port, row in rows.items():
            if (vip, port) in self._ports:
                rows[port] = self._ports[vip, port].counted(row)
        return page(vip, rows)

    def _port(self, place: Place, cuts: int) -> _Port | None:
        address = self._loopback.address(*place)
        if place not in self._ports and address is not None:
            self._ports[place] = _Port(address, lambda: self._met(place), cuts)
        return self._ports.get(place)

    def _met(self, place: Place) -> Behaviour:
        """Return what a connection meets that the kernel took: first what happened before it."""
        self.follow()
        return self._world.traffic.connect(*place)


class _Port:
    """One listening socket, if it is there, and the connections that came through it."""

    def __init__(self, address: tuple[str, int], met: Callable[[], Behaviour], cuts: int) -> None:
        self._address = address
        self._met = met
        self._cuts = cuts
        self._loop = asyncio.get_running_loop()
        self._listener: socket.socket | None = None
        self._filler: socket.socket | None = None
        self._held: set[socket.socket] = set()
        self._process = 0
        self._counted: set[socket.socket] = set()
        self._total = 0
        self._newest: deque[float] = deque(maxlen=1000)

    def count_for(self, process: int) -> None:
        """Count from zero where another HAProxy process counts than before."""
        if process != self._process:
            self._process, self._total = process, 0
            self._counted.clear()
            self._newest.clear()

    def counted(self, others: Row) -> Row:
        """Add what came through this socket since its HAProxy counts."""
        since = self._loop.time() - 1.0
        return replace(
            others,
            open=others.open + len(self._counted),
            rate=others.rate + sum(at > since for at in self._newest),
            total=others.total + self._total,
        )

    def be(self, behaviour: Behaviour, cuts: int) -> None:
        """Reset what is held where that was cut since; listen, do not, or fall silent."""
        if behaviour is Behaviour.REFUSES:  # first: who is cut may connect again at once
            self._stop_listening()
        if cuts > self._cuts:
            self._cut()
        self._cuts = cuts
        if behaviour is Behaviour.HANGS:
            self._fall_silent()
        elif behaviour is not Behaviour.REFUSES:
            self._listen()

    def close(self) -> None:
        """Leave nothing behind."""
        self._cut()
        self._stop_listening()

    def _cut(self) -> None:
        for held in list(self._held):
            self._reset(held)

    def _listen(self) -> None:
        if self._listener is not None and self._filler is None:
            return
        listener = self._listener or self._bound()
        listener.listen(BACKLOG)  # one that was silent takes connections again
        filler, self._filler, self._listener = self._filler, None, listener
        self._loop.add_reader(listener, self._accept, listener)
        if filler is not None:
            self._empty(listener, filler)

    def _bound(self) -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        listener.bind(self._address)
        return listener

    def _fall_silent(self) -> None:
        """Let the queue of connections be full: Linux drops every further SYN (listen(2))."""
        if self._filler is not None:
            return
        listener = self._listener or self._bound()
        listener.listen(0)
        self._listener = listener
        self._loop.remove_reader(listener)
        while (taken := self._taken(listener)) is not None:
            self._held.add(taken[0])
        for held in self._held:
            self._loop.remove_reader(held)
        self._filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._filler.setblocking(False)
        with suppress(BlockingIOError):
            self._filler.connect(self._address)

    def _empty(self, listener: socket.socket, filler: socket.socket) -> None:
        """Take the one connection out of the queue that made it full, ours if nobody was faster."""
        taken = self._taken(listener)
        if taken is not None and taken[1] == filler.getsockname():
            taken[0].close()
        elif taken is not None:
            self._treat(taken[0])
        filler.close()

    def _stop_listening(self) -> None:
        if self._listener is None:
            return
        self._loop.remove_reader(self._listener)
        self._listener.close()
        self._listener = None
        if self._filler is not None:
            self._filler.close()
            self._filler = None

    def _accept(self, listener: socket.socket) -> None:
        while self._listener is listener and self._filler is None:
            taken = self._taken(listener)
            if taken is None:
                return
            self._treat(taken[0])

    def _taken(self, listener: socket.socket) -> tuple[socket.socket, tuple[str, int]] | None:
        """Return the next connection out of the queue and whose it is, None where there is none."""
        try:
            taken, peer = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return None
        taken.setblocking(False)
        return taken, peer

    def _treat(self, taken: socket.socket) -> None:
        met = self._met()
        self._held.add(taken)
        self._counted.add(taken)
        self._total += 1
        self._newest.append(self._loop.time())
        match met:
            case Behaviour.ANSWERS:
                self._loop.add_reader(taken, self._echo, taken)
            case Behaviour.CLOSES:
                self._forget(taken)
            case Behaviour.RESETS | Behaviour.REFUSES:
                self._reset(taken)
            case Behaviour.HANGS:
                pass  # it hears nothing more

    def _echo(self, held: socket.socket) -> None:
        try:
            data = held.recv(4096)
            if data:
                held.send(data)
                return
        except BlockingIOError:
            return
        except OSError:
            pass  # the other side reset it
        self._forget(held)

    def _reset(self, held: socket.socket) -> None:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._forget(held)

    def _forget(self, held: socket.socket) -> None:
        if held in self._held:
            self._held.discard(held)
            self._counted.discard(held)
            self._loop.remove_reader(held)
            held.close()
