"""Turns what the intake does with each record into counters and gauges for Prometheus."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge


class Outcome(StrEnum):
    """What became of a record; each record has exactly one."""

    OBSERVED = "observed"
    NOTHING = "nothing"
    LATE = "late"
    DUPLICATE = "duplicate"
    DEAD_LETTER = "dead_letter"


class IntakeMetrics:
    """The numbers of one intake. One per registry: a second one of the same name is refused."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.records = Counter(
            "ilbot_bus_records",
            "Records read from the event bus, each counted once when it is settled.",
            ("kind", "outcome"),
            registry=registry,
        )
        self.holds = Counter(
            "ilbot_bus_holds",
            "Times a partition was paused because a record could not be settled yet.",
            registry=registry,
        )
        self.gaps = Counter(
            "ilbot_bus_gaps",
            "Times records were gone from the topic before they were read.",
            registry=registry,
        )
        self.commit_failures = Counter(
            "ilbot_bus_commit_failures",
            "Commits that the broker did not take; their records may be delivered again.",
            registry=registry,
        )
        self.reconnects = Counter(
            "ilbot_bus_reconnects", "Times the connection was lost.", registry=registry
        )
        self.connected = Gauge(
            "ilbot_bus_connected", "1 while the broker answers.", registry=registry
        )
        self.lag = Gauge(
            "ilbot_bus_lag_records", "Records not yet settled.", ("partition",), registry=registry
        )
        self.lag_age = Gauge(
            "ilbot_bus_lag_seconds",
            "Age of the last settled record while there are more, else 0.",
            ("partition",),
            registry=registry,
        )

    def show_lag(self, partition: int, behind: int, age_s: float) -> None:
        """Set a partition's gauges; without anything behind, the age of the last record is 0."""
        lag = max(behind, 0)
        self.lag.labels(str(partition)).set(lag)
        self.lag_age.labels(str(partition)).set(max(age_s, 0.0) if lag else 0.0)

    def forget(self, partition: int) -> None:
        """Stop showing a partition that somebody else reads now."""
        for gauge in (self.lag, self.lag_age):
            with suppress(KeyError):  # nothing was shown yet
                gauge.remove(str(partition))
