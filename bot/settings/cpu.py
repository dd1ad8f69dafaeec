"""The settings of CPU: where samples come from, and when a machine is saturated."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AllowInfNan, BeforeValidator, Field, model_validator

from bot.settings.checks import no_switch_for_a_number
from bot.settings.groups import Count, Group, Seconds

Percent = Annotated[float, BeforeValidator(no_switch_for_a_number), AllowInfNan(False)]


class CpuSettings(Group):
    """CPU of routers and ILB VMs: where samples come from, and when a machine is saturated."""

    source: Literal["poll", "kafka", "off"] = Field(
        default="poll",
        description=(
            "poll reads CloudStack's statistics, kafka reads the topic that `ilbot sample` or"
            " Telegraf fills (brokers as in [kafka]), off looks at no CPU"
        ),
    )
    interval_s: Seconds = Field(
        default=60.0,
        ge=1,
        description=(
            "Time between two reads of the statistics; CloudStack takes a sample each"
            " vm.stats.interval, a minute by default"
        ),
    )
    topic: str = Field(
        default="ilbot-cpu",
        pattern=r"^[A-Za-z0-9._-]{1,249}$",
        description=(
            "Topic of CPU samples, read by the group of [kafka] with -cpu after it; more"
            " partitions than replicas serve nobody"
        ),
    )
    by_key: bool = Field(
        default=False,
        description=(
            "Pass over records whose key is the id or name of no ILB VM and no router, before they"
            " are decoded: for a topic with many other machines. A new machine is known a minute"
            " later; records without a key are always read"
        ),
    )
    dead_letter_topic: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._-]{0,249}$",
        description="Where unreadable samples go with the reason; empty: <topic>.dlq",
    )
    enter_percent: Percent = Field(
        default=90.0,
        gt=0,
        le=100,
        description=(
            "A machine is saturated from this share of all its vCPUs on; above it HAProxy, which"
            " has one thread, waits for its turn"
        ),
    )
    exit_percent: Percent = Field(
        default=70.0,
        ge=0,
        lt=100,
        description="It is calm again from this share down; well below, so that it does not flap",
    )
    dwell_s: Seconds = Field(
        default=180.0,
        ge=0,
        le=86_400,
        description="For so long, either way: what is shorter is a peak and needs no change",
    )
    needed: Count = Field(
        default=3,
        ge=1,
        le=60,
        description="So many of the last `of` samples must reach it: one may be a miss",
    )
    of: Count = Field(default=4, ge=1, le=60, description="So many last samples count")
    silence_s: Seconds = Field(
        default=300.0,
        gt=0,
        le=86_400,
        description="Without a sample for so long its load is unknown, which is not calm",
    )
    lateness_s: Seconds = Field(
        default=30.0,
        ge=0,
        le=3_600,
        description=(
            "Samples that come out of order are put in order within so long; the decision is later"
            " by as much. Older ones are dropped and counted"
        ),
    )
    gather_s: Seconds = Field(
        default=60.0,
        ge=0,
        le=3_600,
        description="How long an incident waits for others on its host before it is decided on",
    )
    host_machines: Count = Field(
        default=3,
        ge=2,
        description="So many machines of one host that become busy together are its incident",
    )
    host_window_s: Seconds = Field(
        default=300.0, gt=0, le=86_400, description="Together means: all within so long"
    )
    max_age_s: Seconds = Field(
        default=3600.0,
        gt=0,
        description="Older samples on the topic are counted and not looked into: history",
    )

    @model_validator(mode="after")
    def _thresholds_are_apart(self) -> Self:
        if self.exit_percent >= self.enter_percent:
            raise ValueError("exit_percent must be below enter_percent")
        if self.needed > self.of:
            raise ValueError("needed must not be more than of")
        if self.lateness_s >= self.silence_s:
            raise ValueError("lateness_s must be below silence_s")
        return self

    @property
    def dead_letters(self) -> str:
        """The dead-letter topic in force."""
        return self.dead_letter_topic or f"{self.topic}.dlq"
