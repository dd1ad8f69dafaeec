"""What the settings of CPU allow, and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bot.connections import cpu_rule, cpu_topic
from bot.domain.detect import Rule
from bot.settings import Settings


def test_the_defaults_are_those_of_the_rule() -> None:
    assert cpu_rule(Settings().cpu) == Rule()


def test_the_topic_is_on_the_brokers_of_the_bus_and_read_by_a_group_of_its_own() -> None:
    settings = Settings.model_validate(
        {"kafka": {"bootstrap": "k:9093", "group": "ours"}, "cpu": {"topic": "load"}}
    )
    topic = cpu_topic(settings)
    assert (topic.bootstrap, topic.topic, topic.group, topic.dead_letters) == (
        "k:9093", "load", "ours-cpu", "load.dlq",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("group", "why"),
    [
        ({"exit_percent": 90}, "exit_percent must be below enter_percent"),
        ({"needed": 5}, "needed must not be more than of"),
        ({"lateness_s": 300}, "lateness_s must be below silence_s"),
        ({"source": "guess"}, "'poll', 'kafka' or 'off'"),
        ({"topic": "a b"}, "pattern"),
    ],
)
def test_what_contradicts_itself_is_refused(group: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Settings.model_validate({"cpu": group})
