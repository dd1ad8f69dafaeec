"""A bot that reads CPU samples: `python -m tests.handlers.cpu_reader BOOTSTRAP TOPIC FOLDER`.

Its journal is FOLDER/journal.db, which several may share; its cloud is a pretend one in which
every ILB VM is busy. It reads until it is killed.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from bot.adapters.clock import SystemClock
from bot.adapters.cloudstack.client import Client
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.adapters.cloudstack.servers import CloudStackServers
from bot.adapters.cloudstack.signing import Keys
from bot.adapters.directory.manual import NoDirectory
from bot.adapters.kafka import KafkaSettings, consumer, producer
from bot.domain.detect import Rule
from bot.domain.load import Load, Proposal
from bot.domain.operation import Mode, Source
from bot.domain.policy import IncidentKind, IncidentPolicy, Policies, RunbookPolicy
from bot.engine.api import Checkpoints
from bot.engine.memory import MemoryEngine, Store, VirtualClock
from bot.sandbox.cloud import READ_ONLY, World, create_app, seed_demo
from bot.sandbox.cloud.model import Kind, Machine
from bot.services.cloud_watch import CloudWatch
from bot.services.cpu_case import Hosts
from bot.services.fleet import Fleet
from bot.services.incident_desk import Desk
from bot.services.journal import Journal
from bot.services.operations import Door, Operations
from bot.services.probing import ProbeDesk
from bot.services.progress import Progress
from bot.services.saturation import Saturation
from bot.services.service_view import Outlook
from bot.services.switch import KillSwitch
from handlers.kafka import Intake, IntakeSettings, ReadSettings
from handlers.kafka_cpu import CpuSettings, CpuSettler
from handlers.kafka_dead_letters import DeadLetterTopic
from handlers.kafka_metrics import CpuMetrics
from handlers.routes import RUNBOOKS

RULE = Rule()
_POLICIES = Policies(
    version="of-the-test",
    runbooks={"roll": RunbookPolicy("roll", Mode.APPROVE)},
    incidents={
        IncidentKind.CPU_SATURATED: IncidentPolicy(IncidentKind.CPU_SATURATED, "", Mode.APPROVE)
    },
)


def busy_world() -> World:
    """Return a cloud whose ILB VMs are busy, and have been for as long as anybody remembers."""
    world = World(time.time)
    seed_demo(world)
    for machine in running(world):
        machine.cpu_percent = 97.0
    return world


def running(world: World) -> list[Machine]:
    return [one for one in world.machines(Kind.ILB) if one.state == "Running"]


def settings_of(bootstrap: str, topic: str) -> KafkaSettings:
    return KafkaSettings(
        bootstrap=bootstrap, topic=topic, group=f"{topic}-g", heartbeat_ms=300, session_ms=6_000
    )


class _Roll:
    async def advise(self, target_id: str, load: Load) -> Proposal:
        return Proposal("roll", f"{load.target_name} is busy")


async def _nothing(kind: str, checkpoints: Checkpoints) -> None:
    """What is opened is not carried out here."""


def _nobody(_: str = "") -> None:
    """Nobody is told."""


async def desk_of(journal: Journal, folder: Path) -> Desk:
    clock = SystemClock()
    http = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(busy_world())))
    keys = Keys(SecretStr(READ_ONLY.api_key), SecretStr(READ_ONLY.secret_key))
    client = Client("http://cloud/client/api", keys, None, http, clock)
    cloud = CloudStackCloud(client)
    progress = Progress(journal, _nobody)
    outlook = Outlook(NoDirectory(), ProbeDesk(journal, clock, None))
    engine = MemoryEngine(Store(), VirtualClock(), _nothing, None)
    await engine.launch()
    switch = KillSwitch(journal, folder / "STOP")
    door = Door(journal, engine, lambda: _POLICIES, RUNBOOKS, clock, switch, _nobody)
    return Desk(
        journal, Operations(door), Fleet(cloud, clock, progress.history, outlook), cloud,
        lambda: _POLICIES, clock, CloudWatch(journal, CloudStackServers(client), clock, _nobody),
    )  # fmt: skip


async def main(bootstrap: str, topic: str, folder: Path) -> None:
    journal = Journal(f"sqlite:///{folder / 'journal.db'}", SystemClock())
    await journal.open()
    saturation = Saturation(
        await desk_of(journal, folder), _Roll(), RULE, Source.KAFKA, _nobody, Hosts(enough=999)
    )
    settings = settings_of(bootstrap, topic)
    metrics = CpuMetrics(CollectorRegistry())
    letters = DeadLetterTopic(lambda: producer(settings), settings.dead_letters)
    read = ReadSettings(
        topic, window_s=RULE.window_s, again_s=RULE.window_s, max_records=500,
        commit_interval_s=0.2, retry_min_s=0.05,
    )  # fmt: skip
    await Intake(
        lambda: consumer(settings),
        IntakeSettings(read, reconnect_min_s=0.1),
        CpuSettler(saturation, letters, metrics, CpuSettings(RULE)),
        metrics=metrics,
    ).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
