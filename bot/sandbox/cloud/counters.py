"""Count what HAProxy on each VIP would: sessions of pretend clients, from zero at each reload.

A change of what an ILB VM is told of its own VIP is a reload, anything else sent to it is not:
CsLoadBalancer.py compares the configuration first. A reload starts a process that counts from zero,
and whose page does not show the sessions that the one before it still holds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.sandbox.cloud.model import Kind, Machine, Rule
from bot.sandbox.cloud.state import CloudState
from bot.sandbox.cloud.timeline import Traffic
from bot.sandbox.cloud.traffic import Behaviour, Place, Process, sight

VISIBILITY = "network.loadbalancer.haproxy.stats.visibility"
PORT = "network.loadbalancer.haproxy.stats.port"
URI = "network.loadbalancer.haproxy.stats.uri"
AUTH = "admin1:AdMiN123"
"""What `network.loadbalancer.haproxy.stats.auth` is by default."""
CHANGES = 500
"""How many changes of a VIP's HAProxy are remembered."""

Servers = dict[int, tuple[bool, ...]]
"""Which members of each rule run, by port."""


@dataclass(frozen=True, slots=True)
class Load:
    """Steady traffic of a place that nobody carries: only the page shows it.

    `per_s` are new sessions, `open` those there are; the times are means, in milliseconds. What
    `response_ms` is shows HAProxy only where it looks inside (mode http: on port 80).
    """

    per_s: float = 0.0
    open: int = 0
    mbit_per_s: float = 0.0
    queued: int = 0
    queue_ms: int = 0
    connect_ms: int = 0
    response_ms: int = 0


IDLE = Load()


@dataclass(frozen=True, slots=True)
class Row:
    """What the page shows of a rule: sessions open, of the last second, and since it counts."""

    open: int = 0
    rate: int = 0
    total: int = 0
    servers: tuple[bool, ...] = ()
    bytes: int = 0
    load: Load = IDLE


@dataclass(frozen=True, slots=True)
class Standing:
    """Which HAProxy of a VIP ran from a moment on, by number; 0 where there is none."""

    at: float
    number: int = 0
    told: object = None
    servers: Servers = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Sessions:
    """Some sessions of pretend clients at one place; at `until` they end by themselves."""

    place: Place
    number: int
    count: int
    opened: float
    until: float

    def open_at(self, moment: float, traffic: Traffic) -> int:
        """Return how many there are; a cut ends them all."""
        if not self.opened <= moment < self.until:
            return 0
        return 0 if traffic.cuts(*self.place, self.opened, moment) else self.count


class Counters:
    """The counters of all VIPs, now and since `watch`."""

    def __init__(self, state: CloudState, traffic: Traffic) -> None:
        self._state = state
        self._traffic = traffic
        self._watched = False
        self._standing: dict[str, list[Standing]] = defaultdict(list)
        self._sessions: list[Sessions] = []
        self._loads: dict[Place, tuple[float, Load]] = {}
        self._processes = 0

    def watch(self) -> None:
        """Remember from now on; said again it changes nothing."""
        if not self._watched:
            self._watched = True
            self._traffic.watch()
            self._state.watchers.append(self.look)
            self.look()

    def look(self) -> None:
        """Note where another HAProxy runs than before; the world calls it at every step."""
        if self._state.is_still:
            return
        rules = [one for one in self._state.all(Rule) if one.told and not one.removed]
        machines = {one.address: one for one in self._state.machines(Kind.ILB)}
        for vip in machines.keys() | self._standing.keys():
            mine = [one for one in rules if one.vip == vip]
            self._note(vip, machines.get(vip), mine)

    def open_sessions(self, vip: str, port: int, count: int, seconds: float = 0.0) -> None:
        """Let pretend clients connect and stay, for a time or until they are closed."""
        self.watch()
        if count < 1:
            raise ValueError(f"expected a count of sessions, not {count}")
        if (met := self._traffic.connect(vip, port)) is not Behaviour.ANSWERS:
            raise LookupError(f"nobody connects to {vip}:{port}: it {met}")
        now = self._state.at
        until = now + seconds if seconds else float("inf")
        number = self.number(vip, now)
        self._sessions.append(Sessions((vip, port), number, count, now, until))

    def close_sessions(self, vip: str, port: int) -> int:
        """Let the pretend clients of a place leave; return how many were there."""
        mine = [one for one in self._sessions if one.place == (vip, port)]
        there = sum(one.open_at(self._state.at, self._traffic) for one in mine)
        for one in mine:
            one.until = min(one.until, self._state.at)
        return there

    def set_load(self, vip: str, port: int, load: Load) -> None:
        """Let steady traffic of a place begin, or be another one."""
        self.watch()
        if port not in self._at(vip, self._state.at).servers:
            raise LookupError(f"no HAProxy has a rule for {vip}:{port}")
        self._loads[vip, port] = (self._state.at, load)

    def clear(self) -> None:
        """Forget the sessions; what counted from zero stays known."""
        self._sessions.clear()
        self._loads.clear()

    def pages(self) -> tuple[str, ...]:
        """Return the VIPs whose page is there now, as CloudStack is set: it binds to the VIP."""
        self.watch()
        self.look()
        if not self._is_visible:
            return ()
        return tuple(vip for vip, known in self._standing.items() if known[-1].number)

    def page(self, vip: str, moment: float) -> dict[int, Row] | None:
        """Return what the page of a VIP showed at a moment, None where there was none."""
        self.watch()
        self.look()
        standing = self._at(vip, moment)
        if not standing.number or not self._is_visible:
            return None
        mine = [one for one in self._sessions if one.number == standing.number]
        rows = {}
        for port, servers in standing.servers.items():
            counted = [one for one in mine if one.place == (vip, port) and one.opened <= moment]
            since, load = self._loads.get((vip, port), (moment, IDLE))
            began = since if load is IDLE else max(since, self._began(vip, standing.number))
            for_s = max(0.0, moment - began)
            rows[port] = Row(
                sum(one.open_at(moment, self._traffic) for one in counted) + load.open,
                sum(one.count for one in counted if one.opened > moment - 1.0) + round(load.per_s),
                sum(one.count for one in counted) + round(load.per_s * for_s),
                servers,
                round(load.mbit_per_s * 125_000 * for_s),
                load,
            )
        return rows

    def _began(self, vip: str, number: int) -> float:
        return next(one.at for one in self._standing[vip] if one.number == number)

    def number(self, vip: str, moment: float) -> int:
        """Return which HAProxy counted on a VIP, 0 where there was none; the next has another."""
        return self._at(vip, moment).number

    @property
    def _is_visible(self) -> bool:
        return self._state.setting(VISIBILITY) in {"global", "all"}

    def _at(self, vip: str, moment: float) -> Standing:
        known = self._standing.get(vip, [])
        index = bisect_right(known, moment, key=lambda one: one.at)
        return known[index - 1] if index else Standing(moment)

    def _note(self, vip: str, machine: Machine | None, rules: list[Rule]) -> None:
        process, now = sight(machine, None).process, self._state.at
        told, servers = _told(process, rules), _servers(rules)
        known = self._standing[vip]
        last = known[-1] if known else Standing(now)
        if process is None:
            one = Standing(now)
        elif told == last.told:
            one = Standing(now, last.number, told, servers)
        else:
            self._processes += 1
            one = Standing(now, self._processes, told, servers)
        if not known or (one.number, one.servers) != (last.number, last.servers):
            known.append(one)
            del known[:-CHANGES]


def _told(process: Process | None, rules: Iterable[Rule]) -> object:
    """Return what tells one HAProxy process from the next: its boot, and its configuration."""
    rows = sorted(
        (one.source_port, one.algorithm, one.instance_port, [m.address for m in _members(one)])
        for one in rules
    )
    return process, rows


def _servers(rules: Iterable[Rule]) -> Servers:
    return {
        one.source_port: tuple(m.powered_on and not m.going_down for m in _members(one))
        for one in rules
    }


def _members(rule: Rule) -> list[Machine]:
    return [one for one in rule.members if one not in rule.joining]
