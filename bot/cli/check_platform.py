"""Turns what a CloudStack can do, and how it is set, into lines of a check.

What the reading role may not see is told as that, never guessed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx

from bot.adapters.cloudstack.client import Client
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.adapters.cloudstack.failures import NOTABLE_SKEW_S, http_date
from bot.adapters.cloudstack.underlay import physical_networks
from bot.cli.check_line import CheckLine, ok, refused, warning
from bot.domain.encapsulation import overhead
from bot.domain.fleet import RECREATE_CHECKS
from bot.domain.release import FLOOR, Feature, is_supported, missing
from bot.domain.zone import PhysicalNetwork, Provider
from bot.errors import IlbotError

GUEST_MTU = 1500
STATS_INTERVAL, USERS_ONLY = "vm.stats.interval", "vm.stats.user.vm.only"
_ANSWER_S = 15.0


async def check_platform(cloud: CloudStackCloud, client: Client) -> list[CheckLine]:
    """Look at version, providers, settings and networks, each for itself."""
    parts: tuple[tuple[str, Callable[[], Awaitable[list[CheckLine]]]], ...] = (
        ("version", lambda: _version(cloud)),
        ("internal LB", lambda: _providers(cloud, client)),
        ("auto-recreate", lambda: _recreation(cloud)),
        ("VM statistics", lambda: _statistics(cloud)),
        ("MTU", lambda: _mtu(client)),
    )
    lines: list[CheckLine] = []
    for part, look in parts:
        try:
            lines += await look()
        except IlbotError as exc:
            lines.append(warning(part, f"cannot be seen: {exc}"))
    return lines


async def check_clock(
    http: httpx.AsyncClient, endpoint: str, now: Callable[[], float]
) -> list[CheckLine]:
    """Compare our clock with the Date header (RFC 9110, 6.6.1), which needs no key.

    Signatures expire (`ApiServer.verifyRequest`), so a clock far off makes every call a 401.
    """
    try:
        answer = await http.get(endpoint, timeout=_ANSWER_S)
    except httpx.HTTPError:
        return [warning("clock", "cannot be compared: the endpoint does not answer")]
    told = http_date(answer.headers.get("date", ""))
    if told is None:
        return [warning("clock", "cannot be compared: the endpoint's answer has no Date")]
    skew_s = now() - told
    if abs(skew_s) <= NOTABLE_SKEW_S:
        return [ok("clock", f"within {max(1.0, abs(skew_s)):.0f} s of the endpoint's Date")]
    where = "ahead of" if skew_s > 0 else "behind"
    return [
        warning(
            "clock",
            f"this machine's is {abs(skew_s):.0f} s {where} the endpoint's Date",
            "Let both follow NTP: signatures expire after ten minutes.",
        )
    ]


async def _version(cloud: CloudStackCloud) -> list[CheckLine]:
    version = await cloud.version()
    if not version:
        return [
            warning(
                "version",
                f"not told, so what needs one is off: {_words(missing(version))}",
                "Allow listCapabilities or listManagementServers to the reading role.",
            )
        ]
    if not is_supported(version):
        return [refused("version", f"{version} is below {FLOOR}", f"Upgrade to {FLOOR} or later.")]
    lacks = missing(version)
    rest = f"it does not have {_words(lacks)}" if lacks else "it has all that ilbot knows of"
    return [ok("version", f"{version}; {rest}")]


def _words(features: tuple[Feature, ...]) -> str:
    return ", ".join(f"{feature.words} (from {feature.since})" for feature in features)


async def _providers(cloud: CloudStackCloud, client: Client) -> list[CheckLine]:
    by_network: dict[str, Provider] = {
        provider.physical_network_id: provider for provider in await cloud.providers()
    }
    networks = await physical_networks(client)
    return [_provider(network, by_network.get(network.id)) for network in networks] or [
        warning("internal LB", "no physical network is shown, so no provider can be seen")
    ]


def _provider(network: PhysicalNetwork, provider: Provider | None) -> CheckLine:
    where = _where(network)
    if provider is None:
        return warning(
            "internal LB",
            f"{where} has no provider InternalLbVm: no internal load balancer can be made there",
            "Add it: createInternalLoadBalancerElement follows addNetworkServiceProvider.",
        )
    if provider.state != "Enabled":
        return warning(
            "internal LB",
            f"provider InternalLbVm of {where} is {provider.state}: none can be made there",
            "configureInternalLoadBalancerElement enabled=true, then updateNetworkServiceProvider"
            " state=Enabled.",
        )
    return ok("internal LB", f"provider InternalLbVm of {where} is Enabled")


async def _recreation(cloud: CloudStackCloud) -> list[CheckLine]:
    lines = []
    for zone in await cloud.zones():
        value = await cloud.setting(RECREATE_CHECKS, zone_id=zone.id)
        if value:
            lines.append(
                warning(
                    "auto-recreate",
                    f"zone {zone.name}: {RECREATE_CHECKS} = {value}, so a failing check makes"
                    " CloudStack replace the routers of a VPC by itself",
                    "Empty it for the zone: recover refuses while two would repair at once.",
                )
            )
        else:
            lines.append(ok("auto-recreate", f"zone {zone.name}: off, so two never repair at once"))
    return lines


async def _statistics(cloud: CloudStackCloud) -> list[CheckLine]:
    """Two settings decide what `StatsCollector` keeps of system VMs."""
    interval, users_only = await cloud.setting(STATS_INTERVAL), await cloud.setting(USERS_ONLY)
    wrong = []
    if interval is not None and not _is_positive(interval):
        wrong.append(f"{STATS_INTERVAL} = {interval}")
    if users_only is not None and users_only.lower() == "true":
        wrong.append(f"{USERS_ONLY} = true")
    if wrong:
        return [
            warning(
                "VM statistics",
                f"the CPU of ILB VMs is not recorded: {', '.join(wrong)}",
                f"Set {STATS_INTERVAL} above 0 (milliseconds) and {USERS_ONLY} to false.",
            )
        ]
    told = {STATS_INTERVAL: interval, USERS_ONLY: users_only}
    unknown = [name for name, value in told.items() if value is None]
    if unknown:
        return [warning("VM statistics", f"{' and '.join(unknown)} cannot be seen")]
    return [ok("VM statistics", f"kept for system VMs too, every {int(interval or 0) / 1000:g} s")]


def _is_positive(number: str) -> bool:
    return number.isdigit() and int(number) > 0


async def _mtu(client: Client) -> list[CheckLine]:
    networks = await physical_networks(client)
    return [_mtu_of(network, method) for network in networks for method in _methods(network)] or [
        warning("MTU", "no isolation method is shown, so what encapsulation costs is not known")
    ]


def _methods(network: PhysicalNetwork) -> tuple[str, ...]:
    """CloudStack takes a physical network without a method for one with VLANs."""
    return network.isolation_methods or ("VLAN",)


def _mtu_of(network: PhysicalNetwork, method: str) -> CheckLine:
    where, cost = _where(network), overhead(method)
    unseen = "the MTU of hosts and switches cannot be seen from here"
    if cost is None:
        return warning("MTU", f"{where}: what {method} adds to a packet is not known; {unseen}")
    if cost.most == 0:
        return ok("MTU", f"{where}: {method} takes nothing of it; {unseen}")
    return warning(
        "MTU",
        f"{where}: {method} adds {cost.words}, so the hosts' links need"
        f" {cost.needed_by(GUEST_MTU)} for guests' {GUEST_MTU}; {unseen}",
        "Try `ping -M do -s 1472` between VMs of one tier on two hosts.",
    )


def _where(network: PhysicalNetwork) -> str:
    zone = f" of zone {network.zone_name}" if network.zone_name else ""
    return f"{network.name or network.id}{zone}"
