"""What HAProxy says of other clients, in words: their rate, and whether they were gone."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from bot.domain.counted import QUIET_S, Clients, Period
from bot.domain.plan import in_words
from bot.domain.probing import Evidence


def in_lines(found: Evidence) -> list[str]:
    """Tell what the clients of each place did, and each VIP's drain; nothing of what nobody saw."""
    seen = [one for one in found.clients if one.periods]
    by_vip = [tuple(group) for _, group in groupby(seen, key=lambda one: one.vip)]
    lines = _rates_of(seen)
    lines += [line for ports in by_vip for line in _drain(ports)]
    lines += [line for ports in by_vip for line in _restarts(ports)]
    return lines + [_down(one) for one in seen if one.down]


def not_seen(found: Evidence) -> list[str]:
    """Name the places of which nobody read what HAProxy counts."""
    unseen = [str(one) for one in found.clients if not one.periods]
    if not unseen:
        return []
    return [f"what other clients did at {in_words(unseen)} (HAProxy's stats page was not seen)"]


def _rates_of(seen: list[Clients]) -> list[str]:
    """Say the rates, of places where they are the same in one line."""
    alike: dict[str, list[str]] = {}
    for one in seen:
        if rates := _rates(one):
            alike.setdefault(rates, []).append(str(one))
    return [
        f"Other clients at {in_words(places)}, by HAProxy's count: {rates}."
        for rates, places in alike.items()
    ]


def _rates(one: Clients) -> str:
    """Say the rate of a place while it was published and while it was not, in turn."""
    if any(period.known_s for period in one.periods) and not any(p.new for p in one.periods):
        return "none"
    parts = [
        f"{_rate(periods)}{'' if counts else ' while withdrawn'}"
        for counts, periods in (
            (counts, list(group))
            for counts, group in groupby(one.periods, key=lambda period: period.counts)
        )
        if any(period.known_s for period in periods)
    ]
    return ", then ".join(parts)


def _rate(periods: Iterable[Period]) -> str:
    """Say a rate; probes that were counted a moment late make it no finer than this."""
    known = [(period.new, period.known_s) for period in periods]
    new, seconds = sum(new for new, _ in known), sum(s for _, s in known)
    if not new:
        return "none"
    per_s = new / seconds
    return f"about {per_s:.0f} new a second" if per_s >= 1 else "less than 1 new a second"


def _drain(ports: tuple[Clients, ...]) -> list[str]:
    vip, drains = ports[0].vip, [one.drain for one in ports]
    waits = [one for one in drains if one is not None]
    if not waits:
        return []
    if len(waits) == len(drains) and all(one.quiet_s >= QUIET_S for one in waits):
        quiet_s = min(one.quiet_s for one in waits)
        return [f"{vip} was left alone until it was quiet: nobody else for {quiet_s} s."]
    open_, new = sum(one.open for one in waits), sum(one.new for one in waits)
    if open_:
        were = "connection of others was" if open_ == 1 else "connections of others were"
        still = f"{open_} {were} open at the end of the wait"
    else:
        still = f"{new} new connections of others came during the wait"
    return [f"{vip} was left alone and did not get quiet: {still}."]


def _restarts(ports: tuple[Clients, ...]) -> list[str]:
    most = max(one.restarts for one in ports)
    if not most:
        return []
    times = "once" if most == 1 else f"{most} times"
    return [
        f"HAProxy at {ports[0].vip} counted from zero {times}: it was reloaded or started again, "
        "and who was connected before a reload is not in its count."
    ]


def _down(one: Clients) -> str:
    return f"HAProxy saw {one.down} member{'s' * (one.down > 1)} of {one} down, at most at once."
