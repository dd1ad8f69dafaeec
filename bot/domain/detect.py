"""Turns CPU samples, as they come, into the few moments at which something is to be decided.

For each target samples are put in the order of their own time, within a bounded lateness. A
target is busy when for `dwell_s` at least `needed` of its last `of` samples reached
`enter_percent`, and until for as long as many fell to `exit_percent`: one incident, however often
it flaps between the two. No sample for `silence_s` means unknown, never fine.

The same samples give the same moments, whatever order within the lateness they came in. This
runs for each record of a busy topic, so there are no values in its inner loop but numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rule:
    """When a machine is busy, in percent of all its vCPUs, and in seconds of event time.

    `gather_s` is how long an incident waits for others on its host before it is decided on.
    `most_waiting` bounds the samples of one target that wait to be put in order.
    """

    enter_percent: float = 90.0
    exit_percent: float = 70.0
    dwell_s: float = 180.0
    needed: int = 3
    of: int = 4
    silence_s: float = 300.0
    lateness_s: float = 30.0
    gather_s: float = 60.0
    forget_s: float = 3600.0
    most_waiting: int = 64
    most_targets: int = 100_000

    @property
    def window_s(self) -> float:
        """How far back samples must be read again for a detector that knows nothing.

        A machine becomes busy no later than this after the first sample that counts.
        """
        return self.dwell_s + self.of * self.silence_s + self.lateness_s


class Moment(StrEnum):
    """What happened to a target."""

    ENTERED = "entered"
    DUE = "due"
    """It is busy still after `gather_s`: time to decide."""
    LEFT = "left"
    SILENT = "silent"
    """Busy when last heard of, and not heard of any more: it is not known whether it still is."""
    LOST = "lost"
    """Not heard of for `forget_s`: its incident ends without an answer."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One moment of one incident: `since` is its first busy sample, unix seconds."""

    moment: Moment
    target_id: str
    target_name: str
    host: str
    since: float
    at: float
    cpu_percent: float

    @property
    def incident(self) -> str:
        """The incident's id: from the target and event time alone, so that a replay gives it again.

        The id of a target comes from a record that anybody may have written.
        """
        began = datetime.fromtimestamp(self.since, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return f"cpu:{self.target_id}:{began}"


NOTHING: Sequence[Edge] = ()


class Sample(Protocol):
    """One sample as it was decoded; `at` is in unix seconds and above 0."""

    target: str
    at: float
    cpu_percent: float
    name: str
    host: str


class _Target:
    """What is kept of one target; times are 0 where there is none."""

    __slots__ = (
        "busy_since", "entered_at", "host", "is_due", "is_silent", "mask", "name", "percent",
        "released", "seen", "since", "waiting",
    )  # fmt: skip

    def __init__(self) -> None:
        self.name = ""
        self.host = ""
        self.waiting: list[tuple[float, float]] = []
        self.released = 0.0
        self.percent = 0.0
        # A run towards the other state: when it began, how many samples it has, and for each
        # of the last `of` a bit that says whether it counted.
        self.since = 0.0
        self.seen = 0
        self.mask = 0
        self.busy_since = 0.0
        self.entered_at = 0.0
        self.is_due = False
        self.is_silent = False


class Detector:
    """Watches any number of targets; `opened` are incidents known from before, by target id."""

    def __init__(self, rule: Rule, opened: Mapping[str, float] | None = None) -> None:
        self.newest = 0.0
        """The newest time of any sample, unix seconds: how far this stream has come."""
        self.late = 0
        self.repeated = 0
        self.refused = 0
        """Samples of targets beyond `most_targets`."""
        self._rule = rule
        self._enter, self._exit = rule.enter_percent, rule.exit_percent
        self._dwell_s, self._lateness_s = rule.dwell_s, rule.lateness_s
        self._silence_s, self._gather_s = rule.silence_s, rule.gather_s
        self._needed, self._of = rule.needed, rule.of
        self._full = (1 << rule.of) - 1
        self._most_waiting = rule.most_waiting
        self._targets: dict[str, _Target] = {}
        self._opened = dict(opened or {})

    def __len__(self) -> int:
        return len(self._targets)

    def busy(self) -> int:
        """Return how many targets are busy."""
        return sum(1 for one in self._targets.values() if one.busy_since)

    def unknown(self) -> int:
        """Return how many targets were not heard of for `silence_s`."""
        return sum(1 for one in self._targets.values() if one.is_silent)

    def feed(
        self, target_id: str, at: float, percent: float, name: str = "", host: str = ""
    ) -> Sequence[Edge]:
        """Take one sample, of which `at` is above 0; return what follows from it, mostly nothing.

        A sample older than what was put in order already is dropped and counted, one of a time
        that is known already is too: of two that still wait the larger counts.
        """
        one = self._targets.get(target_id)
        if one is None:
            if len(self._targets) >= self._rule.most_targets:
                self.refused += 1
                return NOTHING
            one = self._meet(target_id)
        return self._take(target_id, one, at, percent, name, host)

    def feed_known(
        self, samples: Sequence[Sample], oldest: float, latest: float
    ) -> tuple[int, Sequence[Edge]]:
        """Take samples in turn, up to one from which something follows: how many, and what.

        It stops before a target of which none came before, and before one out of bounds. It does
        what `feed` does, and for a calm target, as nearly all are, in half of the time.
        """
        find, enter, calm, most = self._targets.get, self._enter, self._exit, self._most_waiting
        lateness_s, newest, number, edges = self._lateness_s, self.newest, 0, NOTHING
        for sample in samples:
            at, percent, one = sample.at, sample.cpu_percent, find(sample.target)
            if one is None or not oldest <= at <= latest:
                break
            number += 1
            waiting = one.waiting
            is_calm = percent < calm and not one.busy_since
            if is_calm and 0 < len(waiting) < most and at > waiting[-1][0]:
                newest = at if at > newest else newest
                waiting.append((at, percent))
                first, until = waiting[0], at - lateness_s
                if first[0] > until:
                    continue
                if first[1] < enter and waiting[1][0] > until and not one.since:
                    one.released, one.is_silent = first[0], False
                    del waiting[0]
                    continue
                edges = self._release(sample.target, one, until)
            else:
                edges = self._take(sample.target, one, at, percent, sample.name, sample.host)
            if edges:
                break
        self.newest = max(self.newest, newest)
        return number, edges

    def _take(
        self, target_id: str, one: _Target, at: float, percent: float, name: str, host: str
    ) -> Sequence[Edge]:
        if at <= one.released:
            self._drop(one, at)
            return NOTHING
        self.newest = max(self.newest, at)
        if percent >= self._exit or one.busy_since or not one.name:
            # Of a calm machine nothing is told, so what it is called can wait.
            one.name, one.host = name or one.name, host or one.host
        waiting = one.waiting
        if not waiting or at > waiting[-1][0]:
            waiting.append((at, percent))
        else:
            self._put_in_order(waiting, at, percent)
        until = waiting[-1][0] - self._lateness_s
        if len(waiting) > self._most_waiting:
            until = max(until, waiting[0][0])
        if waiting[0][0] > until:
            return NOTHING
        return self._release(target_id, one, until)

    def tick(self, now: float) -> Sequence[Edge]:
        """Say what follows from the time alone, unix seconds; for a stream that has come so far.

        Only who has read all there is may give the clock's time: until then the stream's own
        (`newest`) is the time, or everything would look silent.
        """
        edges: list[Edge] = []
        until, heard_of = now - self._lateness_s, now - self._silence_s
        for target_id, one in list(self._targets.items()):
            waiting = one.waiting
            if waiting and waiting[0][0] > until > heard_of and not one.busy_since:
                continue  # calm and just heard of
            edges += self._pass_time(target_id, one, now)
        return edges

    def _pass_time(self, target_id: str, one: _Target, now: float) -> list[Edge]:
        edges: list[Edge] = []
        until = now - self._lateness_s
        if one.waiting and one.waiting[0][0] <= until:
            edges += self._release(target_id, one, until)
        if one.busy_since and not one.is_due and now - one.entered_at >= self._gather_s:
            one.is_due = True
            edges.append(self._edge(Moment.DUE, target_id, one, now))
        heard_at = one.waiting[-1][0] if one.waiting else one.released
        if now - heard_at > self._rule.forget_s:
            del self._targets[target_id]
            if one.busy_since:
                edges.append(self._edge(Moment.LOST, target_id, one, now))
        elif now - heard_at > self._silence_s and not one.is_silent:
            one.is_silent = True
            if one.busy_since:
                edges.append(self._edge(Moment.SILENT, target_id, one, now))
        return edges

    def _meet(self, target_id: str) -> _Target:
        """Begin with a target; of one that is busy already, only what came after that is news."""
        one = self._targets[target_id] = _Target()
        if since := self._opened.pop(target_id, 0.0):
            one.busy_since = one.released = since
            one.entered_at = since + self._dwell_s
        return one

    def _drop(self, one: _Target, at: float) -> None:
        if at == one.released:
            self.repeated += 1
        else:
            self.late += 1

    def _put_in_order(self, waiting: list[tuple[float, float]], at: float, percent: float) -> None:
        place = len(waiting)
        while place and waiting[place - 1][0] > at:
            place -= 1
        if place and waiting[place - 1][0] == at:
            self.repeated += 1
            waiting[place - 1] = (at, max(percent, waiting[place - 1][1]))
        else:
            waiting.insert(place, (at, percent))

    def _release(self, target_id: str, one: _Target, until: float) -> Sequence[Edge]:
        waiting, taken = one.waiting, 0
        edges: list[Edge] | None = None
        for at, percent in waiting:
            if at > until:
                break
            taken += 1
            if self._step(one, at, percent):
                edges = [*(edges or ()), self._turn(target_id, one, at)]
            if one.busy_since and not one.is_due and at - one.entered_at >= self._gather_s:
                one.is_due = True
                edges = [*(edges or ()), self._edge(Moment.DUE, target_id, one, at)]
        del waiting[:taken]
        return NOTHING if edges is None else edges

    def _step(self, one: _Target, at: float, percent: float) -> bool:
        """Take one sample in order; whether the target has turned busy or calm with it."""
        if at - one.released > self._silence_s:
            one.since = 0.0  # what was before is not known to have lasted
        one.released, one.percent, one.is_silent = at, percent, False
        if percent <= self._exit if one.busy_since else percent >= self._enter:
            if one.since:
                one.mask = ((one.mask << 1) | 1) & self._full
                one.seen += 1
            else:
                one.since, one.mask, one.seen = at, 1, 1
            return at - one.since >= self._dwell_s and one.mask.bit_count() >= self._needed
        if one.since:
            one.mask = (one.mask << 1) & self._full
            one.seen += 1
            missed = min(one.seen, self._of) - one.mask.bit_count()
            if missed > self._of - self._needed:
                one.since = 0.0
        return False

    def _turn(self, target_id: str, one: _Target, at: float) -> Edge:
        if one.busy_since:
            edge = self._edge(Moment.LEFT, target_id, one, at)
            one.busy_since = 0.0
        else:
            one.busy_since, one.entered_at, one.is_due = one.since, at, False
            edge = self._edge(Moment.ENTERED, target_id, one, at)
        one.since = 0.0
        return edge

    def _edge(self, moment: Moment, target_id: str, one: _Target, at: float) -> Edge:
        return Edge(moment, target_id, one.name, one.host, one.busy_since, at, one.percent)


@dataclass(frozen=True, slots=True)
class Busy:
    """A machine with an open incident, and where it runs now."""

    target_id: str
    target_name: str
    host: str
    since: float
    cpu_percent: float


def crowd(busy: Iterable[Busy], host: str, window_s: float, enough: int) -> tuple[Busy, ...]:
    """Return the busy machines of a host where the host is the matter, else nothing.

    That is where `enough` of them became busy within one window: one machine's own load seldom
    begins with its neighbours'. The busiest is first.
    """
    there = sorted((one for one in busy if host and one.host == host), key=lambda one: one.since)
    found: list[Busy] = []
    for number, first in enumerate(there):
        within = [one for one in there[number:] if one.since - first.since <= window_s]
        if len(within) >= enough and len(within) > len(found):
            found = within
    return tuple(sorted(found, key=lambda one: (-one.cpu_percent, one.target_id)))
