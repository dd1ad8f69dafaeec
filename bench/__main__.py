"""Measures everything and prints it: `python -m bench`, or `make bench`."""

from __future__ import annotations

import asyncio
import logging

import structlog

from bench import advice, bars, bus, engine, fleet, kafka, plan
from bench.table import shown


async def main() -> None:
    """Print one table per subject as it is ready."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print(shown(bus.measure()), flush=True)
    for table in (*await plan.measure(), *await fleet.measure()):
        print(f"\n{shown(table)}", flush=True)
    print(f"\n{shown(await bars.measure())}", flush=True)
    print(f"\n{shown(await engine.measure())}", flush=True)
    for table in advice.measure():
        print(f"\n{shown(table)}", flush=True)
    for table in kafka.measure():
        print(f"\n{shown(table)}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
