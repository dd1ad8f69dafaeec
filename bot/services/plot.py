"""Draws what probing saw of a change as a picture that is readable on a phone.

matplotlib is imported when the first plot is drawn: the start does not pay for it, and a bot
that never plots never does. It is not safe for threads, so plots are drawn one at a time.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING

from bot.domain.card import Picture
from bot.domain.curve import Curve, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INCHES, DOTS_PER_INCH = (9.0, 4.0), 100
MOST_POINTS = 300
"""More would be less than three pixels wide each."""
MARKS_SHOWN = 9
NUMBER_WIDTH = 0.026
"""Of the whole width: what a number in its circle takes."""
LINE, LINES = 96, 3
"""Characters that fit in a line below the picture, and how many lines do."""
FONT, SMALL = 12.0, 10.0
"""Points: 17 pixels, of which 7 are left where a phone shows 900 as 390."""
STYLE = {"font.size": FONT, "axes.spines.top": False, "axes.spines.right": False}

# Okabe and Ito's palette, told apart with every common colour blindness; a loss has a mark too.
SEEN, LOST, MEDIAN, TAIL = "#56B4E9", "#D55E00", "#0072B2", "#000000"
WITHDRAWN, BLIND, QUIET = "#E8E8E8", "#999999", "#555555"

_ONE_AT_A_TIME = Lock()


async def plot(operation_id: str, curve: Curve) -> Picture | None:
    """Draw a curve, in a thread; None where nobody saw anything."""
    if not curve.points:
        return None
    png = await asyncio.to_thread(draw, curve)
    name = f"traffic-{operation_id}.png"
    return Picture(name, f"Traffic during {operation_id}", curve.in_words(), png)


def draw(curve: Curve) -> bytes:
    """Draw a curve with at least one point as a PNG of 900 by 400 pixels."""
    with _ONE_AT_A_TIME:
        from matplotlib import rc_context  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415

        with rc_context(STYLE):
            figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, layout="constrained")
            _panels(figure, curve.at_most(MOST_POINTS))
            written = BytesIO()
            # No version of the library in the file: the same curve is the same picture.
            figure.savefig(written, format="png", metadata={"Software": None})
            return written.getvalue()


def _panels(figure: Figure, curve: Curve) -> None:
    rates, latencies = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    seconds = _Seconds.of(curve)
    latencies.set_xlim(0, seconds.length)
    for axes in (rates, latencies):
        _background(axes, curve, seconds)
    _rates(rates, curve, seconds)
    _latencies(latencies, seconds)
    _marks((rates, latencies), curve, seconds)
    latencies.set_xlabel(_key(curve), fontsize=SMALL)
    latencies.xaxis.get_major_locator().set_params(integer=True)


@dataclass(frozen=True, slots=True)
class _Seconds:
    """The points of a curve at equal distances; None where nobody looked."""

    start: int
    step: int
    points: tuple[Point | None, ...]

    @classmethod
    def of(cls, curve: Curve) -> _Seconds:
        step = curve.points[0].width_s
        known = {one.second: one for one in curve.points}
        grid = range(curve.since, curve.until, step)
        return cls(curve.since, step, tuple(known.get(second) for second in grid))

    @property
    def length(self) -> int:
        return len(self.points) * self.step

    @property
    def edges(self) -> list[int]:
        return [at * self.step for at in range(len(self.points) + 1)]

    @property
    def middles(self) -> list[float]:
        return [edge + self.step / 2 for edge in self.edges[:-1]]

    def each(self, value: Callable[[Point], float | None]) -> list[float]:
        """Return a value of each point, not-a-number (drawn as a gap) where there is none."""
        found = (None if one is None else value(one) for one in self.points)
        return [math.nan if one is None else one for one in found]


def _background(axes: Axes, curve: Curve, seconds: _Seconds) -> None:
    for span in curve.spans:
        since, until = span.since - seconds.start, span.until - seconds.start
        axes.axvspan(since, until, color=WITHDRAWN, zorder=0)
    for since, until in curve.blind:
        axes.axvspan(
            since - seconds.start, until - seconds.start,
            facecolor="none", edgecolor=BLIND, hatch="//", linewidth=0, zorder=0,
        )  # fmt: skip


def _rates(axes: Axes, curve: Curve, seconds: _Seconds) -> None:
    step, edges = seconds.step, seconds.edges
    attempts = seconds.each(lambda one: one.attempts / step)
    answered = seconds.each(lambda one: (one.attempts - one.failed) / step)
    axes.stairs(answered, edges, fill=True, color=SEEN)
    axes.stairs(attempts, edges, baseline=answered, fill=True, color=LOST)
    top = max(one.attempts / step for one in curve.points) or 1.0
    axes.set_ylim(0, top * 1.6)
    axes.set_yticks([0, top], ["0", f"{top:.0f}"])
    axes.set_ylabel("per second")
    axes.set_title("New connections", loc="left", fontsize=FONT)
    _losses(axes, curve, seconds, top * 1.12)
    for span in curve.spans:
        axes.text(
            max(span.since - seconds.start, 0), top * 1.22, f" {span.place} withdrawn",
            color=QUIET, fontsize=SMALL, va="bottom", clip_on=True,
        )  # fmt: skip


def _losses(axes: Axes, curve: Curve, seconds: _Seconds, height: float) -> None:
    """Point at each second with a loss: one of 500 is no bar that anybody sees."""
    lossy = [one for one in curve.points if one.lost]
    if not lossy:
        axes.set_title("none lost", loc="right", fontsize=FONT, color=QUIET)
        return
    at = [one.second + one.width_s / 2 - seconds.start for one in lossy]
    axes.plot(at, [height] * len(at), "v", color=LOST, markersize=9)
    failed, resets = sum(one.failed for one in lossy), sum(one.resets for one in lossy)
    words = f"▼ {failed} failed, {resets} held ones cut"
    axes.set_title(words, loc="right", fontsize=FONT, color=LOST, weight="bold")


def _latencies(axes: Axes, seconds: _Seconds) -> None:
    medians = seconds.each(lambda one: None if one.p50_s is None else one.p50_s * 1000)
    tails = seconds.each(lambda one: None if one.p99_s is None else one.p99_s * 1000)
    axes.plot(seconds.middles, tails, color=TAIL, linewidth=1.2, linestyle=(0, (4, 1)), label="p99")
    axes.plot(seconds.middles, medians, color=MEDIAN, linewidth=2.2, label="p50")
    known = [one for one in (*medians, *tails) if one > 0]
    decades = _decades(known) if known else range(3)
    axes.set_yscale("log")
    axes.set_yticks([10.0**one for one in decades[:-1]], [f"{10.0**one:g}" for one in decades[:-1]])
    axes.minorticks_off()
    axes.set_ylim(10.0 ** decades[0], 10.0 ** decades[-1])
    axes.set_ylabel("ms")
    axes.legend(loc="upper left", fontsize=SMALL, ncols=2, frameon=False, borderaxespad=0.0)


def _decades(values: list[float]) -> range:
    """Return the powers of ten around the values, with one above as room for the legend."""
    return range(math.floor(math.log10(min(values) / 1.2)), math.ceil(math.log10(max(values))) + 2)


def _marks(panels: tuple[Axes, Axes], curve: Curve, seconds: _Seconds) -> None:
    """Number the steps at the top; numbers of steps close together stand side by side."""
    free = -math.inf
    for number, mark in enumerate(curve.marks[:MARKS_SHOWN], start=1):
        at = mark.at - seconds.start
        for axes in panels:
            axes.axvline(at, color=QUIET, linewidth=1.0, linestyle=":")
        free = max(at, free)
        panels[0].annotate(
            str(number), (free, 1.0), xycoords=("data", "axes fraction"), ha="center", va="top",
            fontsize=SMALL, color="white", annotation_clip=True,
            bbox={"boxstyle": "circle,pad=0.2", "facecolor": QUIET, "edgecolor": "none"},
        )  # fmt: skip
        free += seconds.length * NUMBER_WIDTH


def _key(curve: Curve) -> str:
    """Say what the numbers stand for, as far as there is room; the picture's words say all."""
    lines = ["seconds"]
    for number, mark in enumerate(curve.marks[:MARKS_SHOWN], start=1):
        words = f"{number} {mark.words}"
        longer = f"{lines[-1]}   {words}"
        lines = [*lines[:-1], longer] if len(longer) <= LINE else [*lines, words]
    return "\n".join(
        line if len(line) <= LINE else f"{line[: LINE - 1]}…" for line in lines[:LINES]
    )
