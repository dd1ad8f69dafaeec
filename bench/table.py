"""Lays measured rows out as a table for a terminal."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measured thing: what, its cells, in the order of the table's headings."""

    what: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """What was measured about one subject; the first column has no heading."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[Row, ...]


def shown(table: Table) -> str:
    """Return a table as text, numbers to the right."""
    lines = [("", *table.headings), *((row.what, *row.cells) for row in table.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join([table.title, *(_line(line, widths) for line in lines)])


def times(measured: float, base: float) -> str:
    """Say how many times the base something is."""
    ratio = measured / base
    return f"{ratio:.0f}x" if ratio >= 10 else f"{ratio:.2g}x"


def best_of(runs: int, work: Callable[[], object]) -> float:
    """Return the CPU seconds of the fastest of some runs: the others met a busy neighbour."""
    return min(_cpu_s(work) for _ in range(runs))


async def median_of(runs: int, work: Callable[[], Awaitable[object]]) -> float:
    """Return the median of the seconds that each run took, waiting included."""
    took = []
    for _ in range(runs):
        started = time.perf_counter()
        await work()
        took.append(time.perf_counter() - started)
    return statistics.median(took)


def _cpu_s(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    rest = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return "  ".join((f"  {cells[0].ljust(widths[0])}", *rest)).rstrip()
