"""Turns what is on record of a change, and what probing saw of it, into the curve to draw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from bot.domain.card import Picture
from bot.domain.curve import Curve, Mark, Point, Span
from bot.domain.probing import Second, Watching
from bot.services.journal import Journal
from bot.services.plot import plot
from bot.services.probing import ProbeDesk
from bot.services.progress import Progress, Step
from bot.services.step_words import step_words


@dataclass(frozen=True, slots=True)
class ChangePlots:
    """Draws the picture beside a receipt; what was seen is kept for a week, so that it can."""

    journal: Journal
    progress: Progress
    probes: ProbeDesk

    async def __call__(self, operation_id: str) -> Picture | None:
        """Draw what was seen of an operation's change, None where nobody looked at it."""
        return await plot(operation_id, await self.curve(operation_id))

    async def curve(self, operation_id: str) -> Curve:
        """Return what was seen, when a VIP was withdrawn, and when each stage began."""
        found = await self.journal.operation(operation_id)
        if found is None:
            return Curve(())
        seen = await self.probes.evidence(found.apply_run)
        history = await self.probes.history(found.apply_run)
        steps = await self.progress.steps(operation_id)
        return Curve(
            tuple(map(_point, seen.series)),
            withdrawn(history, found.ended_at or seen.seen_until),
            marks(steps),
        )


def withdrawn(history: Sequence[Watching], until: float) -> tuple[Span, ...]:
    """Return when a VIP that clients had been sent to was tried although nobody was sent to it."""
    vips = sorted({place.vip for watching in history for place in watching.places})
    spans = [span for vip in vips for span in _withdrawn(vip, history, until)]
    return tuple(sorted(spans, key=lambda one: one.since))


def _withdrawn(vip: str, history: Sequence[Watching], until: float) -> Iterator[Span]:
    served, since = False, None
    for watching in history:
        counts = [place.counts for place in watching.places if place.vip == vip]
        is_away = served and bool(counts) and not any(counts)
        if is_away and since is None:
            since = watching.since
        elif since is not None and not is_away:
            yield Span(since, watching.since, vip)
            since = None
        served = served or any(counts)
    if since is not None:
        yield Span(since, until, vip)


def marks(steps: Iterable[Step]) -> tuple[Mark, ...]:
    """Return when each stage of a change began; of one without stages, when it asked for what."""
    ordered = sorted(steps, key=_began)
    staged = [one for one in ordered if one.stage]
    if not staged:
        asked = (one for one in ordered if one.name.startswith("submit_"))
        return tuple(Mark(_began(one), step_words(one)) for one in asked)
    stages = (next(group) for _, group in groupby(staged, key=lambda one: one.stage))
    return tuple(Mark(_began(one), one.stage) for one in stages)


def _began(step: Step) -> float:
    return step.at - step.seconds


def _point(seen: Second) -> Point:
    """An attempt that was answered took some time: without an answer there is no latency."""
    return Point(
        seen.second, seen.attempts, seen.failed, seen.resets, seen.p50_s or None, seen.p99_s or None
    )
