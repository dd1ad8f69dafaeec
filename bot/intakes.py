"""Turns settings into what reads Kafka: the event bus, and the topic of CPU samples."""

from __future__ import annotations

from collections.abc import Callable, Container

from bot import connections
from bot.adapters import kafka as client
from bot.domain.detect import Rule
from bot.services.our_machines import OurMachines
from bot.settings import Settings
from handlers.kafka import ClientMode, Intake, IntakeSettings, ReadSettings, Start
from handlers.kafka_cpu import CpuSettings, CpuSettler, Watchman
from handlers.kafka_dead_letters import DeadLetterTopic
from handlers.kafka_metrics import CpuMetrics, IntakeMetrics
from handlers.kafka_triage import Sink, Triage, TriageSettings


def bus_intake(
    settings: Settings, sink: Sink, ours: OurMachines, words: client.LastWords
) -> Intake:
    """Return what reads CloudStack's event bus, not started."""
    bus = connections.kafka(settings)
    read = ReadSettings(
        bus.topic, ClientMode(bus.client_mode), Start(bus.start), window_s=bus.max_age_s
    )
    letters = DeadLetterTopic(lambda: client.producer(bus), bus.dead_letters)
    metrics = IntakeMetrics()
    return Intake(
        lambda: client.consumer(bus),
        IntakeSettings(read),
        Triage(sink, letters, metrics, TriageSettings(max_age_s=bus.max_age_s), ours=ours),
        metrics=metrics,
        explain=lambda error: client.advice(bus, error, words.last),
    )


def cpu_intake(
    settings: Settings,
    watchman: Watchman,
    ours: Callable[[], Container[bytes] | None],
    rule: Rule,
    words: client.LastWords,
) -> Intake:
    """Return what reads CPU samples, not started; it goes back one window wherever it begins.

    `ours` gives the keys that are worth a look, None for all.
    """
    topic = connections.cpu_topic(settings)
    read = ReadSettings(
        topic.topic,
        ClientMode(topic.client_mode),
        window_s=rule.window_s,
        again_s=rule.window_s,
        max_records=500,
    )
    letters = DeadLetterTopic(lambda: client.producer(topic), topic.dead_letters)
    metrics = CpuMetrics()
    return Intake(
        lambda: client.consumer(topic),
        IntakeSettings(read, called="CPU topic"),
        CpuSettler(watchman, letters, metrics, CpuSettings(rule, topic.max_age_s), ours=ours),
        metrics=metrics,
        explain=lambda error: client.advice(topic, error, words.last),
    )
