"""Turns what the intake does with each record into counters and gauges for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from enum import StrEnum

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.domain.detect import Detector

_LABELS = ("kind", "outcome")


class Outcome(StrEnum):
    """What became of a record; each record has exactly one."""

    OBSERVED = "observed"
    NOTHING = "nothing"
    LATE = "late"
    DUPLICATE = "duplicate"
    DEAD_LETTER = "dead_letter"
    FOREIGN = "foreign"
    """It is about none of our machines, by its key or by what it names."""


class _Settled(Collector):
    """Counts that are made for each record and looked at for each scrape."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.counts: dict[tuple[str, Outcome], int] = {}

    def collect(self) -> Iterator[Metric]:
        words = "Records read from the topic, each counted once when it is settled."
        family = CounterMetricFamily(f"ilbot_{self._name}_records", words, labels=_LABELS)
        for sort, number in self.counts.items():
            family.add_metric(sort, number)
        yield family


class IntakeMetrics:
    """The numbers of one intake. In one registry each intake has a name of its own."""

    def __init__(self, registry: CollectorRegistry = REGISTRY, *, name: str = "bus") -> None:
        self._settled = _Settled(name)
        registry.register(self._settled)
        self.holds = Counter(
            f"ilbot_{name}_holds",
            "Times a partition was paused because a record could not be settled yet.",
            registry=registry,
        )
        self.gaps = Counter(
            f"ilbot_{name}_gaps",
            "Times records were gone from the topic before they were read.",
            registry=registry,
        )
        self.commit_failures = Counter(
            f"ilbot_{name}_commit_failures",
            "Commits that the broker did not take; their records may be delivered again.",
            registry=registry,
        )
        self.reconnects = Counter(
            f"ilbot_{name}_reconnects", "Times the connection was lost.", registry=registry
        )
        self.connected = Gauge(
            f"ilbot_{name}_connected", "1 while the broker answers.", registry=registry
        )
        self.lag = Gauge(
            f"ilbot_{name}_lag_records",
            "Records not yet settled.",
            ("partition",),
            registry=registry,
        )
        self.lag_age = Gauge(
            f"ilbot_{name}_lag_seconds",
            "Age of the last settled record while there are more, else 0.",
            ("partition",),
            registry=registry,
        )

    def count(self, settled: Mapping[tuple[str, Outcome], int]) -> None:
        """Count records that are settled."""
        counts = self._settled.counts
        for sort, number in settled.items():
            counts[sort] = counts.get(sort, 0) + number

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


class CpuMetrics(IntakeMetrics):
    """The numbers of the intake of CPU samples, and of the machines that it watches."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        super().__init__(registry, name="cpu")
        self._machines = Gauge(
            "ilbot_cpu_machines",
            "Machines of which samples came lately: watched, busy, unknown (none for a while).",
            ("state",),
            registry=registry,
        )
        self._dropped = Gauge(
            "ilbot_cpu_samples_dropped",
            "Samples not used since partitions were given out: late, repeated, too_many machines.",
            ("why",),
            registry=registry,
        )

    def show(self, detectors: Iterable[Detector]) -> None:
        """Set the gauges of what is watched."""
        known = list(detectors)
        self._machines.labels("watched").set(sum(map(len, known)))
        self._machines.labels("busy").set(sum(one.busy() for one in known))
        self._machines.labels("unknown").set(sum(one.unknown() for one in known))
        self._dropped.labels("late").set(sum(one.late for one in known))
        self._dropped.labels("repeated").set(sum(one.repeated for one in known))
        self._dropped.labels("too_many").set(sum(one.refused for one in known))
