"""Turns the topics on Kafka into lines of a check: reachable, and really published to."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.adapters import kafka as kafka_adapter
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.adapters.kafka_newest import newest_record_at
from bot.cli.check_line import CheckLine, ok, refused, warning
from bot.cli.check_platform import STATS_INTERVAL
from bot.connections import cpu_topic, kafka
from bot.errors import IlbotError
from bot.settings import Settings

LATE_S = 120.0
"""An event reaches the topic within seconds; this leaves room for two clocks."""
_REMEDY = (
    "Compare folder and content of the bean with `ilbot init --cloudstack VERSION`, then restart"
    " cloudstack-management."
)


async def check_bus(settings: Settings, cloud: CloudStackCloud | None) -> list[CheckLine]:
    """Connect, then compare the newest record with the newest event that CloudStack lists."""
    if not settings.kafka.enabled:
        return [
            ok("kafka", f"off; trouble is found by polling every {settings.poll.interval_s:g} s")
        ]
    try:
        lines = [ok("kafka", await kafka_adapter.check(kafka(settings)))]
    except IlbotError as exc:
        return [refused("kafka", str(exc))]
    return [*lines, await _published(settings, cloud)]


async def check_cpu(settings: Settings, cloud: CloudStackCloud | None) -> CheckLine:
    """Say where samples of CPU come from; connect, where that is a topic."""
    cpu = settings.cpu
    if cpu.source == "off":
        return ok("cpu", "off; nobody looks at how busy machines are")
    if too_rare := await _too_rare(cpu.silence_s, cloud):
        return warning(
            "cpu", too_rare, f"Set {STATS_INTERVAL} lower, or cpu.silence_s to three times of it."
        )
    if cpu.source == "poll":
        return ok("cpu", f"CloudStack's statistics are read every {cpu.interval_s:g} s")
    return await _cpu_topic(settings)


async def _cpu_topic(settings: Settings) -> CheckLine:
    """Connect to the topic of samples; whether anybody fills it shows in its newest record."""
    topic = cpu_topic(settings)
    try:
        found = await kafka_adapter.topic_there(topic)
        newest_at = await newest_record_at(topic) if found else None
    except IlbotError as exc:
        return refused("cpu", str(exc))
    if not found:
        return refused(
            "cpu",
            f"Kafka at {topic.bootstrap} shows no topic {topic.topic}",
            f"Create it, and allow {topic.username or 'this client'} to describe and read it.",
        )
    if newest_at is None:
        return warning("cpu", f"topic {topic.topic} is empty", "Start `ilbot sample`, or Telegraf.")
    return ok("cpu", f"topic {topic.topic}; newest sample of {_utc(newest_at)}")


async def _too_rare(silence_s: float, cloud: CloudStackCloud | None) -> str:
    """Say whether CloudStack's own samples are so far apart that each looks like the last."""
    try:
        interval = await cloud.setting(STATS_INTERVAL) if cloud else None
    except IlbotError:
        return ""  # what cannot be seen has its own line
    every_s = int(interval) / 1000 if interval and interval.isdigit() else 0.0
    if every_s < silence_s:
        return ""
    return (
        f"CloudStack takes a sample every {every_s:g} s ({STATS_INTERVAL}), and after"
        f" {silence_s:g} s without one a machine's load is unknown (cpu.silence_s): nothing would"
        " ever be found"
    )


async def _published(settings: Settings, cloud: CloudStackCloud | None) -> CheckLine:
    """A broker that answers proves nothing about who publishes."""
    if cloud is None:
        return warning("publishing", "cannot be compared: CloudStack is not reached")
    try:
        events = await cloud.events(limit=1)
        record_at = await newest_record_at(kafka(settings))
    except IlbotError as exc:
        return warning("publishing", f"cannot be compared: {exc}")
    if not events:
        return warning("publishing", "cannot be compared: CloudStack lists no event")
    event_at = events[0].created.timestamp()
    if record_at is None:
        return warning(
            "publishing",
            f"no record in topic {settings.kafka.topic}, while CloudStack's newest event is of"
            f" {_utc(event_at)}",
            _REMEDY,
        )
    told = f"newest record of {_utc(record_at)}, CloudStack's newest event of {_utc(event_at)}"
    if event_at - record_at > LATE_S:
        return warning("publishing", f"{told}: CloudStack does not publish any more", _REMEDY)
    return ok("publishing", told)


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
