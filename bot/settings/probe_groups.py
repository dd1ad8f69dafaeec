"""The settings of probing: what a change must show, who looks, and what an agent looks for."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from bot.domain.address_map import AddressMap
from bot.domain.probing import MOST_PER_VIP
from bot.settings.groups import Count, Group, OptionalPath, Seconds, Secret, Url

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SHORTEST_TOKEN = 20
BOT = "bot"
"""The name of the vantage point in the bot itself."""


def pairs(value: object) -> object:
    """Read lines (or parts between commas) of `NAME = VALUE`, as a file or a variable has them."""
    if not isinstance(value, str):
        return value
    lines = [line.strip() for line in re.split(r"[\n,]", value)]
    found: dict[str, str] = {}
    for line in lines:
        name, sign, rest = (part.strip() for part in line.partition("="))
        if line and not line.startswith("#"):
            if not sign or name in found:
                raise ValueError("expected lines of the form NAME = VALUE, each name once")
            found[name] = rest
    return found


def a_map(prefixes: dict[str, str]) -> dict[str, str]:
    """Refuse what is no translation of prefixes."""
    AddressMap.of(prefixes)
    return prefixes


def told_apart(tokens: dict[str, SecretStr]) -> dict[str, SecretStr]:
    """Refuse names that cannot be told apart, and tokens that can be guessed."""
    for name, token in tokens.items():
        if not _NAME.fullmatch(name) or name == BOT:
            raise ValueError(f"expected names of letters, digits, . _ or -, and never {BOT}")
        if len(token.get_secret_value()) < _SHORTEST_TOKEN:
            raise ValueError(f"expected tokens of {_SHORTEST_TOKEN} characters or more")
    if len({token.get_secret_value() for token in tokens.values()}) < len(tokens):
        raise ValueError("expected a token of its own for each agent")
    return tokens


Tokens = Annotated[dict[str, Secret], BeforeValidator(pairs), AfterValidator(told_apart)]
Prefixes = Annotated[dict[str, str], BeforeValidator(pairs), AfterValidator(a_map)]


class ProbeSettings(Group):
    """Probing services while they are changed: who looks, how, and what a change must show."""

    from_bot: bool = Field(
        default=False,
        description=(
            "Probe from the bot itself. It is usually outside the VPCs, and what it cannot reach"
            " would count as lost; turn it on where it does reach the VIPs"
        ),
    )
    agents: Tokens = Field(
        default_factory=dict,
        description=(
            "Probe agents that may deliver (`ilbot probe`), each with a token of its own: lines"
            " of NAME = TOKEN, a token from `openssl rand -hex 24`. They reach [http]"
        ),
    )
    address_map: Prefixes = Field(
        default_factory=dict,
        description=(
            "What this machine connects to instead of a VIP, by prefix, where NAT is between:"
            ' { "10.20.0.0/16" = "172.20.0.0/16" }, prefixes of equal length'
        ),
    )
    port_offset: Count = Field(
        default=0, ge=0, le=65534, description="What is added to each port that is connected to"
    )
    rate: Seconds = Field(
        default=10.0,
        ge=1,
        le=MOST_PER_VIP,
        description=(
            "New connections a second at each VIP and port from each vantage point. Together they"
            f" never open more than {MOST_PER_VIP:g} a second at one VIP: a default ILB VM is small"
        ),
    )
    held: Count = Field(
        default=5,
        ge=0,
        le=50,
        description="Connections held open at each VIP and port, to see established ones cut",
    )
    hold_s: Seconds = Field(
        default=15.0,
        ge=1,
        le=3600,
        description=(
            "How long one of them is held before it is renewed; shorter than the members wait on a"
            " silent client (Tomcat and Apache 20 s, MySQL 10 s), or their patience looks like loss"
        ),
    )
    budget: Count = Field(
        default=0,
        ge=0,
        description=(
            "Connections that a change may lose before it stops at its next safe point; none,"
            " where a change is meant to lose none"
        ),
    )
    blind_s: Seconds = Field(
        default=10.0,
        ge=0,
        description=(
            "Seconds that may go unseen before a change counts as unverified; a restart of the bot"
            " takes a few"
        ),
    )
    in_a_row: Count = Field(
        default=20,
        ge=1,
        le=1000,
        description=(
            "Answered connections in a row that prove a VIP, at each port and from each vantage"
            " point; two seconds at the default rate"
        ),
    )
    deadline_s: Seconds = Field(
        default=120.0,
        gt=0,
        le=3600,
        description="How long a VIP may take to be proven; HAProxy is up in seconds, its VM is not",
    )
    bake_s: Seconds = Field(
        default=60.0,
        ge=0,
        le=86_400,
        description=(
            "How long a change is watched after its last step; members' checks take up to half a"
            " minute to show"
        ),
    )
    drain_s: Seconds = Field(
        default=60.0,
        ge=0,
        le=3600,
        description=(
            "How long an address that was withdrawn is left to the clients that still use it,"
            " before its ILB VM is stopped; longer than the 50 s after which HAProxy on an ILB VM"
            " ends a silent connection"
        ),
    )
    stats: bool = Field(
        default=True,
        description=(
            "Read HAProxy's stats page on each VIP once a second, to see what other clients do."
            " Where it is not visible nothing fails, and the receipt says so"
        ),
    )
    stats_port: Count = Field(
        default=8081,
        ge=1,
        le=65535,
        description="Its port: network.loadbalancer.haproxy.stats.port of CloudStack",
    )
    stats_uri: str = Field(
        default="/admin?stats",
        pattern=r"^/[!-~]{0,200}$",
        description="Its path: network.loadbalancer.haproxy.stats.uri of CloudStack",
    )
    stats_user: str = Field(
        default="admin1",
        pattern=r"^[!-9;-~]{1,100}$",
        description=(
            "Its user, the first part of network.loadbalancer.haproxy.stats.auth. HAProxy takes"
            " user and password in the clear"
        ),
    )
    stats_password: Secret | None = Field(
        default=None,
        description="Its password, the second part. Unset: the one CloudStack is published with",
    )
    keep_days: Seconds = Field(
        default=7.0,
        gt=0,
        le=365,
        description="How long the seconds that were seen are kept; receipts are kept for good",
    )


class ProbeAgentSettings(Group):
    """A probe agent, `ilbot probe`, beside the clients; it needs this group and [probe]'s map."""

    bot_url: Url = Field(
        default="",
        description="Address of the bot, as in https://ilbot.example.com; only outbound is needed",
    )
    token: Secret | None = Field(
        default=None, description="The token that the bot's probe.agents has for this agent"
    )
    name: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,62})?$",
        description="The name of this agent there. Empty: this machine's host name",
    )
    ca_file: OptionalPath = Field(
        default=None,
        description="PEM file with the authority that signed the bot's certificate, if private",
    )
