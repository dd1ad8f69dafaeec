"""What steps act through: time, durable marks, and all ports together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bot.ports.children import Children, NoChildren
from bot.ports.cloud import Cloud
from bot.ports.people import People
from bot.ports.traffic import Directory, NobodyLooks, Probe, Proof


class Clock(Protocol):
    """The time, in unix seconds, and waiting."""

    def now(self) -> float:
        """Return unix seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


class Intents(Protocol):
    """Durable marks set before a call that is not idempotent."""

    async def intend(
        self, run_id: str, step: str, note: Mapping[str, str]
    ) -> Mapping[str, str] | None:
        """Store the mark; where it exists already (in doubt) return the note stored then."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How often steps look and how long they go on looking, in seconds.

    The defaults suit a real cloud: CloudStack cancels jobs after an hour
    (`job.cancel.threshold.minutes`), power sync frees a VM about a minute after a restart, the
    roles of routers are asked for every `router.check.interval` (30 s), health checks are collected
    every `router.health.checks.results.fetch.interval` (10 min), and `grace_s` is how long
    CloudStack may take to start a dead router again by itself.
    """

    poll_s: float = 2.0
    job_deadline_s: float = 3600.0
    settle_deadline_s: float = 300.0
    power_sync_s: float = 120.0
    again_s: float = 10.0
    role_poll_s: float = 30.0
    grace_s: float = 60.0
    checks_every_s: float = 30.0
    checks_deadline_s: float = 1200.0
    person_s: float = 14_400.0
    """How long a person may take to do what they are asked in the middle of a change."""


_NOBODY = NobodyLooks()
_PROOF = Proof()
_NO_CHILDREN = NoChildren()


@dataclass(frozen=True, slots=True)
class World:
    """The ports that steps act through; bound by the app, never stored."""

    cloud: Cloud
    clock: Clock
    directory: Directory
    people: People
    pace: Pace = Pace()
    probe: Probe = _NOBODY
    proof: Proof = _PROOF
    children: Children = _NO_CHILDREN
