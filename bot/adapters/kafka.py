"""Turns settings into aiokafka clients, and aiokafka's one exception into what to do next."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from pydantic import SecretStr

from bot.errors import Permanent

_CLIENT = "ilbot"
_CHECK_S = 20.0
_STOP_S = 5.0

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """How the event bus is reached and read.

    `bootstrap` is `host:port`, several with commas. `topic` is the `topic` of CloudStack's
    `kafka.producer.properties`, whose default is `cloudstack`. `dead_letter_topic` is
    `<topic>.dlq` where empty. `start` and `max_age_s` say where a group without a committed
    offset begins (at the window of `max_age_s`, or at the earliest record), and from which age
    on a hint is history. `client_mode` `assign` takes all partitions without a group's
    rebalancing: for a single reader, and for librdkafka's mock cluster. Heartbeat and session
    are in milliseconds; the broker's own minimum for the latter is 6000.
    """

    bootstrap: str
    topic: str = "cloudstack"
    group: str = "ilbot"
    security_protocol: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism = "SCRAM-SHA-512"
    username: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    dead_letter_topic: str = ""
    start: Literal["window", "earliest"] = "window"
    max_age_s: float = 3_600.0
    client_mode: Literal["group", "assign"] = "group"
    heartbeat_ms: int = 3_000
    session_ms: int = 30_000

    @property
    def dead_letters(self) -> str:
        """The topic that takes what nobody can use."""
        return self.dead_letter_topic or f"{self.topic}.dlq"


def consumer(settings: KafkaSettings) -> AIOKafkaConsumer:
    """Return a consumer, not started, without a topic: whoever reads subscribes or assigns.

    `auto_offset_reset` is `none`: where to begin is decided by the reader, not by a default that
    skips or repeats silently. No `group_instance_id`: the same one in two processes makes them
    throw each other out without an error.
    """
    return AIOKafkaConsumer(
        **_connection(settings),
        group_id=settings.group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        heartbeat_interval_ms=settings.heartbeat_ms,
        session_timeout_ms=settings.session_ms,
        max_poll_interval_ms=300_000,
    )


def producer(settings: KafkaSettings) -> AIOKafkaProducer:
    """Return a producer, not started, that waits for all replicas.

    Not idempotent on purpose: after a broker was away for longer than the request timeout an
    idempotent one fails for ever (aiokafka#1017), while a letter written twice does no harm.
    """
    return AIOKafkaProducer(
        **_connection(settings), acks="all", enable_idempotence=False, request_timeout_ms=40_000
    )


def looker(settings: KafkaSettings, *topics: str) -> AIOKafkaConsumer:
    """Return a consumer, not started, that belongs to no group and so leaves no trace.

    It has all partitions of the topics, which must exist.
    """
    return AIOKafkaConsumer(*topics, **_connection(settings))


async def topic_there(settings: KafkaSettings) -> bool:
    """Connect and say whether the topic is shown to us, or raise `Permanent` with advice."""
    reader = looker(settings)
    with last_words() as words:
        try:
            async with asyncio.timeout(_CHECK_S):
                await reader.start()
                topics = await reader.topics()
        except (KafkaError, OSError, TimeoutError) as error:
            raise Permanent(advice(settings, error, words.last)) from error
        finally:
            with suppress(KafkaError, TimeoutError):  # nothing was read, nothing is lost
                async with asyncio.timeout(_STOP_S):
                    await reader.stop()
    return settings.topic in topics


async def check(settings: KafkaSettings) -> str:
    """Connect and look at the bus; return what was found, or raise `Permanent` with advice."""
    if not await topic_there(settings):
        raise Permanent(
            f"Kafka at {settings.bootstrap} answers, but shows no topic {settings.topic}. Compare"
            " it with `topic` in CloudStack's kafka.producer.properties; if the names are equal,"
            f" allow {settings.username or 'this client'} to describe and read it."
        )
    return f"Kafka at {settings.bootstrap} answers; topic {settings.topic} is there."


def advice(settings: KafkaSettings, error: BaseException, last_words: str = "") -> str:
    """Say in a sentence what refused us and what to do next.

    Every refusal is the same exception from `start()`; its cause stands only in the last line
    that aiokafka logged. Neither is quoted: only what is recognised in them.
    """
    heard = f"{error} {last_words}"
    for marks, cause, remedy in _CAUSES:
        if any(mark in heard for mark in marks):
            who = settings.username or "no user"
            return f"Kafka at {settings.bootstrap}: {cause}. " + remedy.format(who=who)
    if isinstance(error, TopicAuthorizationFailedError | GroupAuthorizationFailedError):
        who = settings.username or "this client"
        return (
            f"Kafka at {settings.bootstrap} denies {who}: allow read and describe on topic"
            f" {settings.topic}, read on group {settings.group}, write on {settings.dead_letters}."
        )
    return (
        f"Kafka at {settings.bootstrap} cannot be used ({type(error).__name__}) with"
        f" {settings.security_protocol}: check that this is the listener's protocol,"
        " then address, network and firewall."
    )


_CAUSES: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("SaslAuthenticationFailed", "AuthenticationFailed"),
        "the password or the user is not accepted",
        "Check user ({who}), password and SASL mechanism.",
    ),
    (
        ("IllegalSaslState", "UnsupportedSaslMechanism"),
        "the listener does not speak this SASL mechanism",
        "Check the security protocol and the SASL mechanism against the broker's listeners.",
    ),
    (
        ("IP address mismatch", "Hostname mismatch", "doesn't match"),
        "its certificate is for another name",
        "Use the host name that is in the certificate.",
    ),
    (
        ("CERTIFICATE_VERIFY_FAILED",),
        "its certificate is not trusted",
        "Give the CA that signed it as the CA file.",
    ),
    (
        ("WRONG_VERSION_NUMBER",),
        "the listener does not speak TLS",
        "Use PLAINTEXT or SASL_PLAINTEXT, or the port of its TLS listener.",
    ),
    (
        ("Errno 111", "Connect call failed", "Connection refused"),
        "nobody listens there",
        "Check host and port, and whether the broker runs.",
    ),
    (
        ("Name or service not known", "nodename nor servname", "Errno -2", "Errno -3"),
        "the host name is not known",
        "Check the name and the resolver.",
    ),
    (
        ("closed",),
        "the broker closed the connection",
        "Its listener may want TLS, SASL or a client certificate that we do not send.",
    ),
)


@dataclass(slots=True)
class LastWords:
    """The last error line of the client."""

    last: str = ""


class _Listener(logging.Handler):
    """Keeps the last error that aiokafka logged."""

    def __init__(self, words: LastWords) -> None:
        super().__init__(logging.ERROR)
        self._words = words

    def emit(self, record: logging.LogRecord) -> None:
        self._words.last = record.getMessage()


@contextmanager
def last_words() -> Iterator[LastWords]:
    """Listen to aiokafka's error log meanwhile."""
    words = LastWords()
    listener = _Listener(words)
    logger = logging.getLogger("aiokafka")
    logger.addHandler(listener)
    try:
        yield words
    finally:
        logger.removeHandler(listener)


class CalmLog(logging.Filter):
    """Lets a few of aiokafka's lines a second through.

    With records pending and no leader its producer logs 8,000 lines a second. Attach it to the
    process's log handlers: a filter on a logger does not see what its children log.
    """

    def __init__(self, lines_per_s: int = 5) -> None:
        super().__init__()
        self._lines_per_s = lines_per_s
        self._second = 0
        self._lines = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether this line may pass; those of others always may."""
        if not record.name.startswith("aiokafka"):
            return True
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        return self._lines <= self._lines_per_s


def _connection(settings: KafkaSettings) -> dict[str, object]:
    """Return what all clients need; `api_version` is not passed, it is deprecated."""
    options: dict[str, object] = {
        "bootstrap_servers": settings.bootstrap,
        "client_id": _CLIENT,
        "security_protocol": settings.security_protocol,
    }
    if settings.security_protocol.endswith("SSL"):
        options["ssl_context"] = _tls(settings)
    if settings.security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = settings.sasl_mechanism
        options["sasl_plain_username"] = settings.username
        options["sasl_plain_password"] = settings.password.get_secret_value()
    return options


def _tls(settings: KafkaSettings) -> ssl.SSLContext:
    """Verify the broker, by the system's CAs where none is given; no switch turns that off."""
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file or None)
    except (OSError, ssl.SSLError) as error:
        raise Permanent(
            f"the TLS files for Kafka cannot be used: {type(error).__name__}. Check CA file"
            f" {settings.ca_file or '(none)'}, certificate {settings.cert_file or '(none)'}"
            f" and key {settings.key_file or '(none)'}: readable, PEM, belonging together."
        ) from error
    return context
