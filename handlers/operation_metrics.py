"""Turns what the journal holds and how far behind the parts are into metrics, at each scrape.

Counted from the journal and not in memory, so a restart sets nothing back to zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from bot.domain.operation import State
from bot.errors import IlbotError
from bot.services.journal import Journal, Tally
from bot.services.switch import KillSwitch

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OperationMetrics:
    """Where the numbers come from; called once per scrape."""

    journal: Journal
    switch: KillSwitch
    cards_behind: Callable[[], int]
    poll_age_s: Callable[[], float]

    async def __call__(self) -> list[Metric]:
        """Read the numbers; those of a journal that does not answer are left out, not zero."""
        metrics: list[Metric] = [
            GaugeMetricFamily(
                "ilbot_cards_behind",
                "Cards that do not show yet how their operation stands.",
                self.cards_behind(),
            ),
            GaugeMetricFamily(
                "ilbot_poll_age_seconds",
                "Time since the last look at all ILBs that worked, or since the start.",
                self.poll_age_s(),
            ),
            GaugeMetricFamily(
                "ilbot_stopped", "1 while the stop switch is set.", bool(await self.switch.reason())
            ),
        ]
        try:
            tallies = await self.journal.tally()
        except IlbotError as error:
            log.warning("metrics_incomplete", error=str(error))
            return metrics
        return [*metrics, _open(tallies), _ended(tallies)]


def _open(tallies: tuple[Tally, ...]) -> Metric:
    gauge = GaugeMetricFamily(
        "ilbot_operations_open", "Operations that have not ended.", labels=["state"]
    )
    counted = Counter[State]()
    for one in tallies:
        counted[one.state] += one.operations
    for state in State:
        if state is not State.ENDED:
            gauge.add_metric([state.value], counted[state])
    return gauge


def _ended(tallies: tuple[Tally, ...]) -> Metric:
    counter = CounterMetricFamily(
        "ilbot_operations", "Operations that have ended.", labels=["source", "outcome"]
    )
    for one in tallies:
        if one.outcome is not None:
            counter.add_metric([one.source.value, one.outcome.value], one.operations)
    return counter
