"""`ilbot check` on what a platform can do: told where it is seen, and as unseen where it is not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.utils import formatdate

import httpx
import pytest
from pydantic import SecretStr

from bot.adapters.cloudstack.client import Client
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.adapters.cloudstack.signing import Keys
from bot.cli.check_line import CheckLine, Verdict
from bot.cli.check_platform import USERS_ONLY, check_clock, check_platform
from bot.engine.memory import VirtualClock
from bot.sandbox.cloud import READ_ONLY, Fault, FaultKind, World, create_app, seed_demo

ENDPOINT = "http://cloud/client/api"
NOW = 1_800_000_000.0
RECREATE = "router.health.checks.failures.to.recreate.vr"
NETWORK = {"id": "net-1", "name": "guests", "zonename": "fra-1", "isolationmethods": "VLAN"}
PROVIDER = {"id": "p-1", "name": "InternalLbVm", "physicalnetworkid": "net-1", "state": "Enabled"}


@dataclass
class Platform:
    """A pretend cloud, and what the check says of it."""

    world: World
    client: Client

    def answers(self, command: str, key: str, *rows: dict[str, str]) -> None:
        """Let every call of a command be answered with these rows."""
        body = {f"{command.lower()}response": {"count": len(rows), key: rows} if rows else {}}
        self.world.fail_next(
            Fault(
                command, FaultKind.BODY, times=10**6, status=200, text=json.dumps(body),
                content_type="application/json",
            )
        )  # fmt: skip

    def refuses(self, command: str) -> None:
        """Let the role not call a command."""
        self.world.fail_next(Fault(command, FaultKind.ERROR, times=10**6, status=432))

    def tells_version(self, version: str) -> None:
        body = {"listcapabilitiesresponse": {"capability": {"cloudstackversion": version}}}
        self.world.fail_next(
            Fault("listCapabilities", FaultKind.BODY, status=200, text=json.dumps(body))
        )

    async def check(self, part: str) -> list[CheckLine]:
        lines = await check_platform(CloudStackCloud(self.client), self.client)
        return [line for line in lines if line.part == part]


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    clock = VirtualClock(NOW)
    world = World(clock.now)
    seed_demo(world)
    keys = Keys(SecretStr(READ_ONLY.api_key), SecretStr(READ_ONLY.secret_key))
    transport = httpx.ASGITransport(app=create_app(world))
    async with httpx.AsyncClient(transport=transport) as http:
        made = Platform(world, Client(ENDPOINT, keys, None, http, clock))
        made.answers("listPhysicalNetworks", "physicalnetwork", NETWORK)
        made.answers("listNetworkServiceProviders", "networkserviceprovider", PROVIDER)
        yield made


async def test_a_sound_platform_has_nothing_to_mend(platform: Platform) -> None:
    lines = await check_platform(CloudStackCloud(platform.client), platform.client)
    assert {line.verdict for line in lines} == {Verdict.OK}, lines
    assert [line.part for line in lines] == [
        "version", "internal LB", "auto-recreate", "VM statistics", "MTU",
    ]  # fmt: skip


# --- version ---


@pytest.mark.parametrize(
    ("version", "verdict", "told"),
    [
        ("4.22.0.0", Verdict.OK, "4.22.0.0; it has all that ilbot knows of"),
        ("4.19.3.0", Verdict.OK, "does not have the event bus configured in META-INF"),
        ("4.17.2.0", Verdict.REFUSED, "4.17.2.0 is below 4.18"),
    ],
)
async def test_a_version_is_held_against_the_floor_and_the_features(
    version: str, verdict: Verdict, told: str, platform: Platform
) -> None:
    platform.tells_version(version)
    (line,) = await platform.check("version")
    assert line.verdict is verdict
    assert told in line.text


async def test_management_servers_tell_the_version_where_capabilities_fail(
    platform: Platform,
) -> None:
    platform.world.fail_next(Fault("listCapabilities", FaultKind.ERROR, status=431))
    (line,) = await platform.check("version")
    assert line.text.startswith("4.22.0.0")


async def test_without_a_version_what_needs_one_is_off(platform: Platform) -> None:
    platform.refuses("listCapabilities")
    platform.refuses("listManagementServers")
    (line,) = await platform.check("version")
    assert line.verdict is Verdict.WARNING
    assert "not told, so what needs one is off" in line.text
    assert "webhooks (from 4.20)" in line.text


# --- the provider ---


async def test_a_provider_that_is_off_is_told_with_its_zone(platform: Platform) -> None:
    platform.world.faults.clear()
    platform.answers("listPhysicalNetworks", "physicalnetwork", NETWORK, NETWORK | {"id": "net-2"})
    platform.answers(
        "listNetworkServiceProviders", "networkserviceprovider", PROVIDER | {"state": "Disabled"}
    )
    off, none = await platform.check("internal LB")
    assert off.verdict is none.verdict is Verdict.WARNING
    assert "of guests of zone fra-1 is Disabled" in off.text
    assert "has no provider InternalLbVm" in none.text


async def test_what_the_role_may_not_see_is_told_as_that(platform: Platform) -> None:
    platform.world.faults.clear()
    platform.refuses("listPhysicalNetworks")
    for part in ("internal LB", "MTU"):
        (line,) = await platform.check(part)
        assert line.verdict is Verdict.WARNING
        assert line.text.startswith("cannot be seen: ")
        assert "listPhysicalNetworks (432)" in line.text


# --- settings ---


async def test_a_setting_that_repairs_beside_us_is_a_warning(platform: Platform) -> None:
    platform.world.settings[RECREATE].value = "cpu_usage_check.py"
    (line,) = await platform.check("auto-recreate")
    assert line.verdict is Verdict.WARNING
    assert "zone fra-1: " in line.text
    assert "= cpu_usage_check.py" in line.text


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("vm.stats.interval", "0", "is not recorded: vm.stats.interval = 0"),
        ("vm.stats.interval", "-1", "is not recorded: vm.stats.interval = -1"),
        (USERS_ONLY, "true", f"is not recorded: {USERS_ONLY} = true"),
        (USERS_ONLY, None, f"{USERS_ONLY} cannot be seen"),
    ],
)
async def test_statistics_that_leave_ilb_vms_out_are_a_warning(
    name: str, value: str | None, told: str, platform: Platform
) -> None:
    platform.world.settings[name].value = value
    (line,) = await platform.check("VM statistics")
    assert line.verdict is Verdict.WARNING
    assert told in line.text


# --- MTU ---


@pytest.mark.parametrize(
    ("methods", "verdict", "told"),
    [
        ("VLAN", Verdict.OK, "VLAN takes nothing of it"),
        ("VXLAN", Verdict.WARNING, "VXLAN adds 50 bytes, so the hosts' links need 1550"),
        ("GRE", Verdict.WARNING, "GRE adds 24-28 bytes, so the hosts' links need 1528"),
        ("STT", Verdict.WARNING, "what STT adds to a packet is not known"),
        ("", Verdict.OK, "VLAN takes nothing of it"),
    ],
)
async def test_the_mtu_is_held_against_the_encapsulation(
    methods: str, verdict: Verdict, told: str, platform: Platform
) -> None:
    platform.world.faults.clear()
    network = NETWORK | {"isolationmethods": methods}
    platform.answers("listPhysicalNetworks", "physicalnetwork", network)
    (line,) = await platform.check("MTU")
    assert line.verdict is verdict
    assert told in line.text
    assert "the MTU of hosts and switches cannot be seen from here" in line.text


# --- the clock ---


async def clock_line(headers: dict[str, str]) -> CheckLine:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, headers=headers)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        (line,) = await check_clock(http, ENDPOINT, lambda: NOW)
    return line


@pytest.mark.parametrize(
    ("server_s", "verdict", "told"),
    [
        (0.0, Verdict.OK, "within 1 s"),
        (-119.0, Verdict.OK, "within 119 s"),
        (-300.0, Verdict.WARNING, "300 s ahead of"),
        (3600.0, Verdict.WARNING, "3600 s behind"),
    ],
)
async def test_a_clock_far_off_is_told_with_its_direction(
    server_s: float, verdict: Verdict, told: str
) -> None:
    line = await clock_line({"date": formatdate(NOW + server_s, usegmt=True)})
    assert line.verdict is verdict
    assert told in line.text


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}])
async def test_a_clock_that_cannot_be_compared_is_not_called_right(headers: dict[str, str]) -> None:
    line = await clock_line(headers)
    assert line.verdict is Verdict.WARNING
    assert "cannot be compared" in line.text
