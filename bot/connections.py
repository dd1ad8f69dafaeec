"""Turns settings into clients of what is outside: CloudStack, Kafka and Slack."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from pydantic import SecretStr

from bot.adapters.cloudstack.client import Client, Limits
from bot.adapters.cloudstack.profile import read_profile
from bot.adapters.cloudstack.signing import Keys
from bot.adapters.directory.exchange import Server, over_network
from bot.adapters.directory.manual import ManualDirectory, NoDirectory
from bot.adapters.directory.rfc2136 import Rfc2136Directory, UpdateKey, Updates
from bot.adapters.haproxy_stats import Page, StatsPages
from bot.adapters.kafka import KafkaSettings
from bot.adapters.prober import Prober
from bot.adapters.steady_time import Now
from bot.domain.address_map import AddressMap
from bot.domain.probing import Pacing
from bot.errors import Refused
from bot.ports import Clock, Pace, Proof
from bot.settings import (
    CloudStackSettings,
    DirectorySettings,
    ProbeAgentSettings,
    ProbeSettings,
    Settings,
)

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient


@dataclass(frozen=True, slots=True)
class CloudAccess:
    """Where CloudStack is and which keys are used for it."""

    endpoint: str
    read: Keys
    write: Keys | None
    verify_tls: bool


def cloud_access(settings: CloudStackSettings) -> CloudAccess:
    """Return endpoint and keys; a CloudMonkey profile gives what is not set, where one is named.

    The profile never gives a write key: a person's own account is not the bot's to change with.
    """
    endpoint, verify_tls = settings.endpoint, settings.verify_tls
    read = _keys(settings.read_api_key, settings.read_secret_key)
    if settings.cmk_profile and not (endpoint and read):
        profile = read_profile(settings.cmk_config.expanduser(), settings.cmk_profile)
        endpoint = endpoint or profile.endpoint
        verify_tls = verify_tls and profile.verify_tls
        read = read or profile.keys
    if not endpoint or read is None:
        raise Refused(
            "The CloudStack endpoint or its read key is not set.",
            instead="Set cloudstack.endpoint, read_api_key and read_secret_key, or cmk_profile.",
        )
    write = _keys(settings.write_api_key, settings.write_secret_key)
    return CloudAccess(endpoint, read, write, verify_tls)


def cloud_http(settings: CloudStackSettings, access: CloudAccess) -> httpx.AsyncClient:
    """Return an HTTP client that trusts what the settings trust; the caller closes it."""
    if not access.verify_tls:
        return httpx.AsyncClient(verify=False)  # noqa: S501  an operator asked for it
    return httpx.AsyncClient(verify=_trusting(settings.ca_file, "cloudstack.ca_file"))


def cloud_client(
    settings: CloudStackSettings, access: CloudAccess, http: httpx.AsyncClient, clock: Clock
) -> Client:
    """Return the API client; with no write key it refuses every change."""
    limits = Limits(concurrency=settings.concurrency, timeout_s=settings.timeout_s)
    return Client(access.endpoint, access.read, access.write, http, clock, limits)


def pace(settings: Settings) -> Pace:
    """Return how often steps look and how long they go on looking."""
    cloud = settings.cloudstack
    return Pace(
        poll_s=cloud.job_poll_s,
        job_deadline_s=cloud.job_deadline_s,
        settle_deadline_s=cloud.settle_deadline_s,
        power_sync_s=cloud.power_sync_s,
        again_s=cloud.again_s,
        checks_every_s=cloud.checks_every_s,
        person_s=settings.directory.manual_deadline_s,
    )


def directory(settings: DirectorySettings) -> Rfc2136Directory | ManualDirectory | NoDirectory:
    """Return the directory in which the names of services are."""
    server = Server(settings.server, settings.port)
    exchange = over_network(server, settings.timeout_s)
    if settings.kind == "manual":
        return ManualDirectory(server, exchange, settings.ttl_s)
    if settings.kind == "none" or settings.tsig_secret is None:
        return NoDirectory()
    key = UpdateKey(settings.tsig_name, settings.tsig_secret, settings.tsig_algorithm)
    return Rfc2136Directory(Updates(server, settings.zone, settings.ttl_s, key), exchange)


def pacing(settings: ProbeSettings) -> Pacing:
    """Return how places are probed."""
    return Pacing(settings.rate, settings.held, settings.hold_s)


def proof(settings: ProbeSettings) -> Proof:
    """Return what a change must show of its traffic."""
    return Proof(
        budget=settings.budget,
        blind_s=settings.blind_s,
        in_a_row=settings.in_a_row,
        deadline_s=settings.deadline_s,
        bake_s=settings.bake_s,
        drain_s=settings.drain_s,
    )


def address_map(settings: ProbeSettings) -> AddressMap:
    """Return what is connected to instead of a VIP."""
    return AddressMap.of(settings.address_map, settings.port_offset)


@asynccontextmanager
async def prober(settings: ProbeSettings, name: str, now: Now = time.time) -> AsyncIterator[Prober]:
    """Return a prober with what it reads stats pages by; at the end it lets go of everything."""
    reach = address_map(settings)
    # A VIP is not behind anybody's proxy, and plain HTTP needs no trust store.
    async with httpx.AsyncClient(trust_env=False, verify=False) as http:  # noqa: S501
        read = StatsPages(http, reach, stats_page(settings)).read if settings.stats else None
        one = Prober(name, reach, now=now, read=read)
        try:
            yield one
        finally:
            await one.close()


def stats_page(settings: ProbeSettings) -> Page:
    """Return where HAProxy's stats page is, and who may see it."""
    known = Page(settings.stats_port, settings.stats_uri, settings.stats_user)
    password = settings.stats_password
    return replace(known, password=password) if password else known


def agent_http(settings: ProbeAgentSettings) -> httpx.AsyncClient:
    """Return a client of the bot with the agent's token; the caller closes it."""
    if not settings.bot_url or settings.token is None:
        raise Refused(
            "A probe agent needs the bot's address and a token.",
            instead="Set probe_agent.bot_url and probe_agent.token (or token_file); "
            "probe.agents of the bot has the same token.",
        )
    return httpx.AsyncClient(
        base_url=settings.bot_url,
        headers={"Authorization": f"Bearer {settings.token.get_secret_value()}"},
        verify=_trusting(settings.ca_file, "probe_agent.ca_file"),
        timeout=10.0,
    )


def _trusting(ca_file: Path | None, setting: str) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as exc:
        raise Refused(
            f"{setting} {ca_file} cannot be used ({type(exc).__name__}).",
            instead="It must be a readable PEM file with certificates.",
        ) from exc


def kafka(settings: Settings) -> KafkaSettings:
    """Return how the event bus is reached, as its adapter has it."""
    bus = settings.kafka
    return KafkaSettings(
        bootstrap=bus.bootstrap,
        topic=bus.topic,
        group=bus.group,
        security_protocol=bus.security_protocol,
        sasl_mechanism=bus.sasl_mechanism,
        username=bus.username,
        password=bus.password or SecretStr(""),
        ca_file=str(bus.ca_file or ""),
        cert_file=str(bus.cert_file or ""),
        key_file=str(bus.key_file or ""),
        dead_letter_topic=bus.dead_letters,
        start=bus.start,
        max_age_s=bus.max_age_s,
        client_mode=bus.client_mode,
    )


def slack_web(settings: Settings) -> AsyncWebClient:
    """Return Slack's Web API client with the bot's token."""
    # Here, because it needs aiohttp, and what only checks or plans should not wait for that.
    from slack_sdk.web.async_client import AsyncWebClient  # noqa: PLC0415

    token = settings.slack.bot_token
    return AsyncWebClient(
        token=token.get_secret_value() if token else None,
        base_url=settings.slack.base_url,
        retry_handlers=[],  # the SDK would repeat a post whose answer was lost: two cards
    )


def _keys(api: SecretStr | None, secret: SecretStr | None) -> Keys | None:
    return Keys(api, secret) if api and secret else None
