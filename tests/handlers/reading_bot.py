"""A bot that reads a topic: `python -m tests.handlers.reading_bot WHAT BOOTSTRAP TOPIC FOLDER`.

WHAT is `cpu` or `bus`. Its journal is FOLDER/journal.db, which several may share; its cloud is a
pretend one in which every ILB VM is busy, or has died. It reads until it is killed.
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
from bot.services.incidents import Desk, Incidents
from bot.services.journal import Journal
from bot.services.operations import Door, Operations
from bot.services.our_machines import OurMachines
from bot.services.probing import ProbeDesk
from bot.services.progress import Progress
from bot.services.saturation import Saturation
from bot.services.service_view import Outlook
from bot.services.switch import KillSwitch
from handlers.kafka import Intake, IntakeSettings, ReadSettings
from handlers.kafka_cpu import CpuSettings, CpuSettler
from handlers.kafka_dead_letters import DeadLetterTopic
from handlers.kafka_metrics import CpuMetrics, IntakeMetrics
from handlers.kafka_triage import Triage
from handlers.routes import RUNBOOKS

RULE = Rule()
_POLICIES = Policies(
    version="of-the-test",
    runbooks={name: RunbookPolicy(name, Mode.APPROVE) for name in ("roll", "recover")},
    incidents={
        kind: IncidentPolicy(kind, runbook, Mode.APPROVE)
        for kind, runbook in (
            (IncidentKind.CPU_SATURATED, ""),
            (IncidentKind.ILB_STOPPED, "recover"),
        )
    },
)


def busy_world() -> World:
    """Return a cloud whose ILB VMs are busy, and have been for as long as anybody remembers."""
    world = World(time.time)
    seed_demo(world)
    for machine in running(world):
        machine.cpu_percent = 97.0
    return world


def dead_world() -> World:
    """Return a cloud whose ILB VMs lost their power ten minutes ago, as CloudStack knows."""
    ago_s = [600.0]
    world = World(lambda: time.time() - ago_s[0])
    seed_demo(world)
    for machine in running(world):
        world.power_off(machine.name)
    ago_s[0] = 0.0
    world.advance()
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


async def desk_of(journal: Journal, folder: Path, world: World) -> Desk:
    clock = SystemClock()
    http = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(world)))
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


def read_of(topic: str, again_s: float) -> ReadSettings:
    return ReadSettings(
        topic, window_s=RULE.window_s, again_s=again_s, max_records=500, commit_interval_s=0.2,
        retry_min_s=0.05,
    )  # fmt: skip


async def cpu(desk: Desk, settings: KafkaSettings, letters: DeadLetterTopic) -> Intake:
    saturation = Saturation(desk, _Roll(), RULE, Source.KAFKA, _nobody, Hosts(enough=999))
    metrics = CpuMetrics(CollectorRegistry())
    return Intake(
        lambda: consumer(settings),
        IntakeSettings(read_of(settings.topic, RULE.window_s), reconnect_min_s=0.1),
        CpuSettler(saturation, letters, metrics, CpuSettings(RULE)),
        metrics=metrics,
    )


async def bus(desk: Desk, settings: KafkaSettings, letters: DeadLetterTopic) -> Intake:
    ours = OurMachines(desk.cloud, desk.clock)
    await ours.refresh()
    metrics = IntakeMetrics(CollectorRegistry())
    return Intake(
        lambda: consumer(settings),
        IntakeSettings(read_of(settings.topic, 0.0), reconnect_min_s=0.1),
        Triage(Incidents(desk).hear, letters, metrics, ours=ours),
        metrics=metrics,
    )


async def main(what: str, bootstrap: str, topic: str, folder: Path) -> None:
    journal = Journal(f"sqlite:///{folder / 'journal.db'}", SystemClock())
    await journal.open()
    settings = settings_of(bootstrap, topic)
    letters = DeadLetterTopic(lambda: producer(settings), settings.dead_letters)
    make, world = (bus, dead_world()) if what == "bus" else (cpu, busy_world())
    intake = await make(await desk_of(journal, folder, world), settings, letters)
    await intake.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])))
