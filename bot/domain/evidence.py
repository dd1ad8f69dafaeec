"""Samples of many seconds, places and vantage points, added up to what a run can prove."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce

from bot.domain.clients import Kind, clients
from bot.domain.counted import Clients
from bot.domain.probing import (
    LAG_S,
    TIMEOUT_S,
    Evidence,
    Sample,
    Second,
    Seen,
    Tally,
    Watched,
    Watching,
)
from bot.domain.stretch import Stretch

BEGIN_S = 5
"""A prober hears of its work, and starts with the next whole second; that is not blindness."""
LATE_S = TIMEOUT_S + 5.0
"""A second is told when its last attempt has ended and the next delivery was made; before that it
is not known yet, afterwards nobody saw it."""

Place = tuple[str, int]


@dataclass(slots=True)
class _Pile:
    """The samples of one vantage point at one place, in the order of their seconds."""

    samples: list[Sample] = field(default_factory=list)
    sure: int = 0

    def tally(self, vantage: str, place: Place, counts: bool) -> Tally:
        """Add them up."""
        seen = Seen.total([one.seen for one in self.samples])
        stretches = [one.stretch for one in self.samples if one.stretch is not None]
        gap_s = reduce(Stretch.then, stretches).longest_s if stretches else 0.0
        held = max(one.held for one in self.samples)
        return Tally(vantage, *place, counts, seen, len(self.samples), held, gap_s, self.sure)


def add_up(history: Sequence[Watching], samples: Iterable[Sample], until: float) -> Evidence:
    """Add up what was seen of a run's places until a moment; the order of samples is no matter.

    Whether a second counts is the run's word and not the prober's, which hears of it later: it
    does where the place counted at any moment of it.
    """
    watch = _Watch(sorted(history, key=lambda one: one.since))
    piles: dict[tuple[str, Place, bool], _Pile] = defaultdict(_Pile)
    by_second: dict[int, list[Seen]] = defaultdict(list)
    seconds: dict[Place, set[int]] = defaultdict(set)
    newest: dict[tuple[str, Place], int] = {}
    of_time = [one for one in samples if one.second < until]
    late = _late(of_time, watch)
    for one in sorted(of_time, key=lambda one: one.second):
        kind = watch.kind(one.at, one.second)
        if kind is None:
            continue
        seconds[one.at].add(one.second)
        newest[one.vantage, one.at] = one.second
        counts, tried = kind
        if tried:
            pile = piles[one.vantage, one.at, counts]
            pile.samples.append(one)
            pile.sure += _sure(one, late[one.vantage])
        if counts:
            by_second[one.second].append(one.seen)
    tallies = tuple(piles[key].tally(*key) for key in sorted(piles))
    series = tuple(_second(second, Seen.total(by_second[second])) for second in sorted(by_second))
    others = clients(watch.places(), of_time, watch.kind)
    return _evidence(tallies, series, others, watch.sight(seconds, newest, until))


@dataclass(frozen=True, slots=True)
class _Sight:
    """Of how many seconds nobody saw how many, and until when all is known."""

    watched_s: int = 0
    blind_s: int = 0
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class _Watch:
    history: list[Watching]
    by_second: dict[int, dict[Place, Kind]] = field(default_factory=dict)

    def places(self) -> set[Place]:
        """Return all that was ever watched."""
        return {place.at for watching in self.history for place in watching.places}

    def kind(self, place: Place, second: int) -> Kind | None:
        """Whether a place counted and was tried in a second, None where it was not watched."""
        found = self.by_second.get(second)
        if found is None:
            found = self.by_second[second] = self._during(second)
        return found.get(place)

    def _during(self, second: int) -> dict[Place, Kind]:
        """Return what was watched at any moment of a second; what was so at any is so."""
        during = [one for one in self.history if second < one.since < second + 1]
        kinds: dict[Place, Kind] = {}
        for one in (*self._at(second), *(place for w in during for place in w.places)):
            counts, tried = kinds.get(one.at, (False, False))
            kinds[one.at] = counts or one.counts, tried or one.tried
        return kinds

    def sight(
        self, seen: dict[Place, set[int]], newest: dict[tuple[str, Place], int], until: float
    ) -> _Sight:
        """Count the seconds in which a place that counts was seen by nobody.

        As far as they can be known: who looks may be late, but not by more than `LATE_S`.
        """
        if not self.history:
            return _Sight()
        first = math.ceil(self.history[0].since)
        told = min((min(seconds) for seconds in seen.values()), default=first)
        first = told if first <= told <= first + BEGIN_S else first
        places = {one.at for one in self._at(math.floor(until))}
        told_until = [newest[key] + 1.0 for key in newest if key[1] in places]
        told_until += [0.0 for place in places if place not in seen]
        known = max(until - LATE_S, min(told_until, default=0.0))
        watched = blind = 0
        for second in range(first, math.floor(known)):
            counted = [one.at for one in self._at(second) if one.counts]
            watched += bool(counted)
            blind += any(second not in seen.get(place, ()) for place in counted)
        return _Sight(watched, blind, known)

    def _at(self, second: int) -> tuple[Watched, ...]:
        found = [one for one in self.history if one.since <= second]
        return found[-1].places if found else ()


def _late(samples: Iterable[Sample], watch: _Watch) -> dict[str, set[int]]:
    """Return the seconds that count in which a prober was late, or could not do its work."""
    late: dict[str, set[int]] = defaultdict(set)
    for one in samples:
        if one.seen.lag_s > LAG_S or one.seen.unable:
            counts, _ = watch.kind(one.at, one.second) or (False, False)
            if counts:
                late[one.vantage].add(one.second)
    return late


def _sure(one: Sample, late: set[int]) -> int:
    """Count the losses that are not the prober's own: it was on time, until they were one."""
    if not late:
        return one.seen.lost
    if one.second in late:
        return 0
    waited = range(one.second, one.second + math.ceil(TIMEOUT_S) + 1)
    return one.seen.lost - (one.seen.timed_out if late.intersection(waited) else 0)


def _second(second: int, total: Seen) -> Second:
    p50_s, p99_s = total.latency.quantile_s(0.5), total.latency.quantile_s(0.99)
    return Second(second, total.attempts, total.failed, total.resets, p50_s, p99_s)


def _evidence(
    tallies: tuple[Tally, ...],
    series: tuple[Second, ...],
    others: tuple[Clients, ...],
    sight: _Sight,
) -> Evidence:
    counted = [one for one in tallies if one.counts]
    total = Seen.total([one.seen for one in counted])
    return Evidence(
        vantage_points=tuple(sorted({one.vantage for one in tallies})),
        attempts=total.attempts,
        failed=total.failed,
        slow=total.slow,
        resets=total.resets,
        longest_gap_s=max((one.longest_gap_s for one in counted), default=0.0),
        not_valid=_not_valid(counted),
        held=sum(one.held for one in counted),
        p50_s=total.latency.quantile_s(0.5),
        p99_s=total.latency.quantile_s(0.99),
        lag_s=total.lag_s,
        watched_s=sight.watched_s,
        blind_s=sight.blind_s,
        seen_until=sight.until,
        tallies=tallies,
        clients=others,
        series=series,
    )


def _not_valid(counted: list[Tally]) -> str:
    for one in counted:
        if one.seen.lag_s > LAG_S:
            return (
                f"the prober {one.vantage} itself was up to {one.seen.lag_s * 1000:.0f} ms late "
                f"(at most {LAG_S * 1000:.0f} ms are fair), so its numbers may be its own"
            )
        if one.seen.unable:
            return (
                f"the machine of the prober {one.vantage} could not make {one.seen.unable} of its "
                "connections"
            )
    return ""
