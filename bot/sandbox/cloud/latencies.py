"""How long the pretend CloudStack takes for what: seconds, as a real 4.22 server showed them."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Latencies:
    """Every duration of the world in seconds; `scaled` makes the same world faster or slower."""

    start_queue_s: float = 1.0  # a start stays Stopped this long before Starting shows
    start_s: float = 1.0
    stop_queue_s: float = 2.0  # a stop stays Running this long before Stopping shows
    stop_s: float = 1.0
    deploy_queue_s: float = 0.5  # a new machine is listed Stopped before Starting shows
    deploy_s: float = 1.5
    destroy_s: float = 1.0
    assign_s: float = 1.0
    rule_s: float = 0.3  # a rule created or deleted, apart from what its ILB VM takes
    tag_s: float = 0.2
    ping_interval_s: float = 60.0  # setting ping.interval
    missed_pings: int = 3  # an out-of-band power-off is seen at the third missed ping
    router_ha_s: float = 3.0  # a dead router is Running again this long after it was noticed
    ha_retry_s: float = 600.0  # setting restart.retry.interval: a restart that failed, again
    power_sync_s: float = 50.0  # from a server's death to a stuck machine's real power state
    host_reconnect_s: float = 5.0  # hosts are Offline this long after a restart of the server
    handover_s: float = 10.0  # RVRHandoverTime: from a new router to the end of the old one
    role_check_s: float = 30.0  # setting router.check.interval
    checks_fetch_s: float = 600.0  # setting router.health.checks.results.fetch.interval
    migrate_s: float = 1.0
    network_gc_s: float = 120.0  # a tier without running machines becomes Allocated

    def scaled(self, factor: float) -> Latencies:
        """Return these latencies with every duration multiplied by `factor`; counts stay."""
        durations = {
            field.name: getattr(self, field.name) * factor
            for field in fields(self)
            if field.name.endswith("_s")
        }
        return Latencies(missed_pings=self.missed_pings, **durations)

    @property
    def power_off_noticed_s(self) -> float:
        """Seconds from an out-of-band power-off until the management server sees it."""
        return self.ping_interval_s * self.missed_pings
