"""The settings by subject: each field with its unit, its default and the reason for it.

A description is what `ilbot init` prints above the setting, so it is written for the person
who fills in the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

from bot.settings.checks import (
    a_database_url,
    a_prefix,
    an_http_url,
    brokers,
    no_switch_for_a_number,
    none_if_empty,
    one_line,
)

Secret = Annotated[SecretStr, AfterValidator(one_line)]
Url = Annotated[str, AfterValidator(an_http_url)]
Seconds = Annotated[float, BeforeValidator(no_switch_for_a_number), AllowInfNan(False)]
OptionalPath = Annotated[Path | None, BeforeValidator(none_if_empty)]
Count = Annotated[int, BeforeValidator(no_switch_for_a_number)]


class Group(BaseModel):
    """What all groups share: unknown keys are refused and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class CloudStackSettings(Group):
    """The management server that is watched, and the two accounts used for it."""

    endpoint: Url = Field(
        default="",
        description="API address, as in https://cloud.example.com/client/api",
    )
    read_api_key: Secret | None = Field(
        default=None,
        description="Key of the account that looks. Its role allows only the reading commands",
    )
    read_secret_key: Secret | None = Field(
        default=None, description="Secret that belongs to read_api_key"
    )
    write_api_key: Secret | None = Field(
        default=None,
        description=(
            "Key of the account that changes things. Without it the bot observes: it plans"
            " and explains, and cannot change anything"
        ),
    )
    write_secret_key: Secret | None = Field(
        default=None, description="Secret that belongs to write_api_key"
    )
    cmk_profile: str = Field(
        default="",
        description=(
            "CloudMonkey profile to take endpoint and read keys from, where they are not set"
            " here. Empty: CloudMonkey's configuration is not touched"
        ),
    )
    cmk_config: Path = Field(
        default=Path("~/.cmk/config"),
        description="CloudMonkey's configuration; read only where cmk_profile is set",
    )
    verify_tls: bool = Field(
        default=True,
        description="Check the server's certificate. A bot that holds keys should",
    )
    ca_file: OptionalPath = Field(
        default=None,
        description="PEM file with the authority that signed it, for a private one",
    )
    timeout_s: Seconds = Field(
        default=30.0,
        gt=0,
        le=600,
        description="How long one answer may take; large lists are slow on a busy server",
    )
    concurrency: Count = Field(
        default=4,
        ge=1,
        le=64,
        description="Calls in flight at once; more of them only wait in the server's queue",
    )
    job_poll_s: Seconds = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Pause between two looks at a machine; its job is asked for after half of it "
        "at first, and after up to five times of it where it takes minutes",
    )
    settle_deadline_s: Seconds = Field(
        default=300.0,
        gt=0,
        le=3600,
        description="How long a machine may take to come to rest after a job; then a person looks",
    )
    power_sync_s: Seconds = Field(
        default=120.0,
        gt=0,
        le=3600,
        description=(
            "How long to wait for CloudStack's power sync to free a machine that hangs in"
            " Stopping; about a minute after its management server was killed"
        ),
    )
    again_s: Seconds = Field(
        default=10.0,
        gt=0,
        le=600,
        description=(
            "How long a machine must be seen at rest before its state counts; a job begins some"
            " seconds after it was accepted"
        ),
    )
    checks_every_s: Seconds = Field(
        default=30.0,
        gt=0,
        le=600,
        description=(
            "Time between two looks whether the health checks of a machine that was restarted were"
            " collected again; CloudStack does that every 10 min"
        ),
    )
    job_deadline_s: Seconds = Field(
        default=3600.0,
        gt=0,
        description=(
            "How long a job may run before a person is asked to look; the server itself cancels"
            " jobs after job.cancel.threshold.minutes, an hour by default"
        ),
    )

    @model_validator(mode="after")
    def _keys_come_in_pairs(self) -> Self:
        for which in ("read", "write"):
            one, other = f"{which}_api_key", f"{which}_secret_key"
            if (getattr(self, one) is None) != (getattr(self, other) is None):
                missing = one if getattr(self, one) is None else other
                given = other if missing == one else one
                raise ValueError(f"{given} is set and {missing} is not; they belong together")
        return self


class SlackSettings(Group):
    """The Slack app through which people are told things and decide."""

    bot_token: Annotated[Secret, AfterValidator(a_prefix("xoxb-", "a bot token"))] | None = Field(
        default=None,
        description=(
            "Bot User OAuth Token (xoxb-…) of the installed app, from its page OAuth & Permissions"
        ),
    )
    app_token: Annotated[Secret, AfterValidator(a_prefix("xapp-", "an app-level token"))] | None = (
        Field(
            default=None,
            description=(
                "App-level token (xapp-…) with the scope connections:write, from the page"
                " Basic Information; Socket Mode is opened with it"
            ),
        )
    )
    base_url: Url = Field(
        default="https://slack.com/api/",
        description="Where Slack's Web API is; another one only for trying the bot out",
    )
    channel: str = Field(
        default="",
        description=(
            "Channel where cards are posted: its id (C…), which stays when it is renamed."
            " Invite the bot there"
        ),
    )
    command: str = Field(
        default="/ilb",
        pattern=r"^/[a-z0-9_-]{1,31}$",
        description="Slash command as named in the app's manifest",
    )


class KafkaSettings(Group):
    """CloudStack's event bus, read to hear of trouble sooner than by polling."""

    enabled: bool = Field(
        default=False,
        description="Listen to the bus. Without it the poller alone finds trouble, a bit later",
    )
    bootstrap: Annotated[str, AfterValidator(brokers)] = Field(
        default="127.0.0.1:9092",
        description="Brokers to ask first, host:port, several with commas between them",
    )
    topic: str = Field(
        default="cloudstack",
        pattern=r"^[A-Za-z0-9._-]{1,249}$",
        description="Topic of CloudStack's events: `topic` in its kafka.producer.properties",
    )
    group: str = Field(
        default="ilbot",
        min_length=1,
        description="Consumer group; replicas of one bot share it, two bots must not",
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT",
        description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL, as the broker's listener has it",
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512",
        description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; used with the SASL protocols",
    )
    username: str = Field(default="", description="User for SASL")
    password: Secret | None = Field(default=None, description="Password for SASL")
    ca_file: OptionalPath = Field(
        default=None, description="PEM file with the authority of the brokers' certificates"
    )
    cert_file: OptionalPath = Field(
        default=None, description="PEM file with our certificate, where brokers ask for one"
    )
    key_file: OptionalPath = Field(
        default=None, description="PEM file with the private key of cert_file"
    )
    dead_letter_topic: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._-]{0,249}$",
        description="Where unreadable records go with the reason; empty: <topic>.dlq",
    )
    start: Literal["window", "earliest"] = Field(
        default="window",
        description=(
            "Where a group that has read nothing yet begins: window goes back max_age_s,"
            " earliest to the first record there is"
        ),
    )
    max_age_s: Seconds = Field(
        default=3600.0,
        gt=0,
        description="Records older than this are counted and not looked into: the poller is newer",
    )
    client_mode: Literal["group", "assign"] = Field(
        default="group",
        description=(
            "group, where the broker shares partitions out among replicas; assign takes all of"
            " them, for a broker without consumer groups"
        ),
    )

    @model_validator(mode="after")
    def _sasl_has_a_user(self) -> Self:
        if self.security_protocol.startswith("SASL") and not (self.username and self.password):
            raise ValueError(f"{self.security_protocol} needs username and password")
        return self

    @model_validator(mode="after")
    def _certificate_has_a_key(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together; only one is set")
        return self

    @property
    def dead_letters(self) -> str:
        """The dead-letter topic in force."""
        return self.dead_letter_topic or f"{self.topic}.dlq"


class DatabaseSettings(Group):
    """Where operations, approvals and the audit journal are kept."""

    url: Annotated[Secret, AfterValidator(a_database_url)] | None = Field(
        default=None,
        description=(
            "SQLAlchemy URL, as in postgresql+psycopg://ilbot:…@db.example.com/ilbot, where the"
            " state belongs on a server. Not set: SQLite files in state_dir"
        ),
    )


class HttpSettings(Group):
    """The small HTTP server for health checks and metrics."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on; this machine alone, as the answers need no login",
    )
    port: Count = Field(
        default=8091, ge=0, le=65535, description="Port to listen on; 0 for no server"
    )


class BotSettings(Group):
    """The bot itself: its files, its stop switch and its cards."""

    state_dir: Path = Field(
        default=Path("~/.local/state/ilbot"),
        description="Folder for what must survive a restart; back it up",
    )
    policies_file: Path = Field(
        default=Path("policies.yaml"),
        description=(
            "Who may do what, and what may happen by itself; beside this file. While there is"
            " none, the bot observes"
        ),
    )
    stop_file: OptionalPath = Field(
        default=None,
        description=(
            "While this file exists nothing is changed; one that cannot be looked at counts as"
            " existing. Not set: STOP in state_dir"
        ),
    )
    card_interval_s: Seconds = Field(
        default=3.0,
        ge=1,
        le=60,
        description=(
            "Shortest time between two edits of one card; Slack allows about 50 edits a minute"
            " for the whole workspace (Web API rate limits, tier 3)"
        ),
    )


class PollSettings(Group):
    """Looking at CloudStack at intervals: what its event bus never says."""

    interval_s: Seconds = Field(
        default=60.0,
        ge=5,
        description=(
            "Time between two looks at all internal load balancers; some calls per look,"
            " whatever their number"
        ),
    )
    health_every_s: Seconds = Field(
        default=300.0,
        ge=0,
        le=3600,
        description=(
            "Time between two readings of all health check results, at a poll; CloudStack collects"
            " them every 10 min, and looks each machine's up. 0: at each poll"
        ),
    )
    drift_every_s: Seconds = Field(
        default=21_600.0,
        ge=0,
        description=(
            "Time between two comparisons of the tiers ilbot provisioned with their specs; told in"
            " the channel when it is another than before. 0: never"
        ),
    )
