"""Turns a CloudStack version and our Kafka settings into the files that make CloudStack publish."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bot.domain.release import FLOOR, Feature, has, is_supported
from bot.errors import Refused
from bot.settings import Settings

MANAGEMENT = PurePosixPath("/etc/cloudstack/management")
PRODUCER = "kafka.producer.properties"
BEAN = "spring-event-bus-context.xml"
_OLD_FOLDER, _NEW_FOLDER = "META-INF/cloudstack/core", "META-INF/cloudstack/event"
_VERSION = re.compile(r"\d+\.\d+(\.\d+)*(-\w+)?")

_BEAN_TEXT = """\
<beans xmlns="http://www.springframework.org/schema/beans"
       xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
       xsi:schemaLocation="http://www.springframework.org/schema/beans
                           http://www.springframework.org/schema/beans/spring-beans-3.0.xsd">
  <bean id="eventNotificationBus" class="org.apache.cloudstack.mom.kafka.KafkaEventBus">
    <property name="name" value="eventNotificationBus"/>
  </bean>
</beans>
"""
_LOGIN = 'org.apache.kafka.common.security.{} required username="cloudstack" password="FILL-IN";'


@dataclass(frozen=True, slots=True)
class SideFile:
    """A file of the management server; `path` counts from `/etc/cloudstack/management`."""

    path: PurePosixPath
    text: str


def kafka_side(version: str, settings: Settings) -> tuple[SideFile, ...]:
    """Return the producer's properties and the bean, for that release.

    The bean's folder moved with 4.20, and a bean in the other folder is silently without effect
    (administrator's guide, Event Notification). `Refused` for what is no supported release.
    """
    if not _VERSION.fullmatch(version) or not is_supported(version):
        raise Refused(
            f"“{version}” is not a CloudStack version that ilbot knows.",
            instead=f"Give one from {FLOOR} on, as in `--cloudstack 4.20`.",
        )
    folder = _NEW_FOLDER if has(version, Feature.EVENT_FOLDER) else _OLD_FOLDER
    return (
        SideFile(PurePosixPath(PRODUCER), _producer(settings)),
        SideFile(PurePosixPath(folder, BEAN), _BEAN_TEXT),
    )


def write_kafka_side(folder: Path, files: tuple[SideFile, ...]) -> tuple[Path, ...]:
    """Write the files below a folder; `Refused`, with nothing written, where one is there."""
    targets = tuple(folder / one.path for one in files)
    for target in targets:
        if target.exists():
            raise Refused(f"{target} exists and is left alone.", instead="Move it away first.")
    for target, one in zip(targets, files, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(one.text, encoding="utf-8")
    return targets


def _producer(settings: Settings) -> str:
    """The serializers may be left out: they default to strings (same guide)."""
    kafka = settings.kafka
    lines = [
        f"bootstrap.servers={kafka.bootstrap}",
        "acks=all",
        f"topic={kafka.topic}",
        "retries=3",
    ]
    if kafka.security_protocol != "PLAINTEXT":
        lines.append(f"security.protocol={kafka.security_protocol}")
    if kafka.security_protocol.startswith("SASL"):
        lines += [
            "# A user of CloudStack's own, which may write to the topic; not the one ilbot has.",
            f"sasl.mechanism={kafka.sasl_mechanism}",
            f"sasl.jaas.config={_login(kafka.sasl_mechanism)}",
        ]
    return "\n".join(lines) + "\n"


def _login(mechanism: str) -> str:
    module = "plain.PlainLoginModule" if mechanism == "PLAIN" else "scram.ScramLoginModule"
    return _LOGIN.format(module)
