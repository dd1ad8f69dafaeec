"""All settings in force as one value, and what follows from them together."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from sqlalchemy.engine import make_url

from bot.settings.cpu import CpuSettings
from bot.settings.directory import DirectorySettings
from bot.settings.groups import (
    BotSettings,
    CloudStackSettings,
    DatabaseSettings,
    Group,
    HttpSettings,
    KafkaSettings,
    PollSettings,
    SlackSettings,
)
from bot.settings.probe_groups import ProbeAgentSettings, ProbeSettings


class Settings(Group):
    """Everything the bot was told. `Settings()` is all defaults; `load_settings` reads sources."""

    cloudstack: CloudStackSettings = Field(default_factory=CloudStackSettings)
    slack: SlackSettings = Field(default_factory=SlackSettings)
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    bot: BotSettings = Field(default_factory=BotSettings)
    poll: PollSettings = Field(default_factory=PollSettings)
    cpu: CpuSettings = Field(default_factory=CpuSettings)
    directory: DirectorySettings = Field(default_factory=DirectorySettings)
    probe: ProbeSettings = Field(default_factory=ProbeSettings)
    probe_agent: ProbeAgentSettings = Field(default_factory=ProbeAgentSettings)

    @property
    def can_write(self) -> bool:
        """Whether a write key is known; without one the bot observes."""
        return self.cloudstack.write_api_key is not None

    @property
    def state_dir(self) -> Path:
        """The folder for files of ours, `~` resolved; not created here."""
        return self.bot.state_dir.expanduser()

    @property
    def stop_file(self) -> Path:
        """The stop switch: while it exists nothing is changed."""
        return (self.bot.stop_file or self.state_dir / "STOP").expanduser()

    @property
    def journal_url(self) -> str:
        """The journal's database, with its password: never to be shown."""
        if self.database.url is not None:
            return self.database.url.get_secret_value()
        return f"sqlite:///{self.state_dir / 'journal.db'}"

    @property
    def engine_url(self) -> str:
        """The engine's database: beside the journal in SQLite, else the same server's.

        SQLite has one writer at a time, so the engine's tables get a file of their own.
        """
        url = make_url(self.journal_url)
        if url.get_backend_name() != "sqlite":
            return self.journal_url
        journal = Path(url.database or "journal.db")
        engine = journal.with_name(f"{journal.stem}-engine{journal.suffix}")
        return url.set(database=str(engine)).render_as_string(hide_password=False)

    def missing(self) -> tuple[str, ...]:
        """Name what `ilbot run` cannot do without and nobody has set, as `group.field`."""
        cloud, slack = self.cloudstack, self.slack
        needed: dict[str, object] = {
            "slack.bot_token": slack.bot_token,
            "slack.app_token": slack.app_token,
            "slack.channel": slack.channel,
        }
        if not cloud.cmk_profile:
            needed = {
                "cloudstack.endpoint": cloud.endpoint,
                "cloudstack.read_api_key": cloud.read_api_key,
            } | needed
        return tuple(name for name, value in needed.items() if not value)
