"""Turns what the bot was told (file, environment, arguments) into typed settings."""

from bot.settings.cpu import CpuSettings
from bot.settings.directory import DirectorySettings
from bot.settings.groups import (
    BotSettings,
    CloudStackSettings,
    DatabaseSettings,
    HttpSettings,
    KafkaSettings,
    PollSettings,
    SlackSettings,
)
from bot.settings.load import Loaded, load_settings, read_settings
from bot.settings.model import Settings
from bot.settings.probe_groups import ProbeAgentSettings, ProbeSettings

__all__ = [
    "BotSettings",
    "CloudStackSettings",
    "CpuSettings",
    "DatabaseSettings",
    "DirectorySettings",
    "HttpSettings",
    "KafkaSettings",
    "Loaded",
    "PollSettings",
    "ProbeAgentSettings",
    "ProbeSettings",
    "Settings",
    "SlackSettings",
    "load_settings",
    "read_settings",
]
