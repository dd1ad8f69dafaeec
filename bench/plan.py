"""Measures what a plan costs as the fleet grows: CloudStack calls (exact) and time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import httpx
from pydantic import SecretStr

from bench.table import Row, Table, median_of, times
from bot.adapters.cloudstack.client import Client
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.adapters.cloudstack.signing import Keys
from bot.adapters.directory.manual import NoDirectory
from bot.domain.operation import Wish
from bot.domain.plan import Plan
from bot.engine.memory import VirtualClock
from bot.ports import NobodyLooks
from bot.sandbox.cloud import READ_ONLY, World, create_app
from bot.sandbox.cloud.seed import seed_basics
from bot.services.fleet import Fleet
from bot.services.service_view import Outlook
from workflows import roll

SIZES = (10, 100, 1000)
TIERS_PER_VPC = 50
RUNS = 3


@dataclass
class Counted(httpx.AsyncBaseTransport):
    """A transport to the pretend cloud that counts what is said."""

    inner: httpx.ASGITransport
    calls: Counter[str] = field(default_factory=Counter)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.calls[parse_qs((await request.aread()).decode())["command"][0]] += 1
        return await self.inner.handle_async_request(request)


async def measure() -> tuple[Table, Table]:
    """Return two tables of a plan in fleets of some sizes: its time, and its calls by command."""
    measured = [await plan_in(size) for size in SIZES]
    base_s = measured[0][0]
    time_rows = tuple(
        Row(f"{size} tiers", (f"{seconds * 1e3:.0f} ms", times(seconds, base_s)))
        for size, (seconds, _) in zip(SIZES, measured, strict=True)
    )
    commands = sorted({name for _, calls in measured for name in calls})
    call_rows = (
        *(Row(name, tuple(str(calls[name]) for _, calls in measured)) for name in commands),
        Row("all", tuple(str(calls.total()) for _, calls in measured)),
    )
    sizes = tuple(f"{size} tiers" for size in SIZES)
    return (
        Table(
            "plan: roll the ILB at a VIP, the pretend cloud's own time included",
            ("a plan", f"of {SIZES[0]} tiers"),
            time_rows,
        ),
        Table("plan: CloudStack calls of one", sizes, call_rows),
    )


async def plan_in(size: int) -> tuple[float, Counter[str]]:
    """Return the median seconds and the calls by command of one plan in a fleet of that size."""
    clock = VirtualClock()
    cloud = World(clock.now)
    vip = seed(cloud, size)
    wire = Counted(httpx.ASGITransport(app=create_app(cloud)))
    keys = Keys(SecretStr(READ_ONLY.api_key), SecretStr(READ_ONLY.secret_key))
    async with httpx.AsyncClient(transport=wire) as http:
        client = Client("http://cloud/client/api", keys, None, http, clock)
        outlook = Outlook(NoDirectory(), NobodyLooks())
        fleet = Fleet(CloudStackCloud(client), clock, _no_history, outlook)
        await plan(fleet, vip)  # what is looked up once per process is not counted
        wire.calls.clear()
        await plan(fleet, vip)
        calls = Counter(wire.calls)
        seconds = await median_of(RUNS, lambda: plan(fleet, vip))
    return seconds, calls


async def plan(fleet: Fleet, vip: str) -> Plan:
    """Plan the way an operation is planned."""
    wish = Wish("roll", vip)
    made = roll.RUNBOOK.plan_for(await roll.RUNBOOK.find(fleet, wish), wish)
    assert isinstance(made, Plan), "it was seeded with an old version"
    return made


def seed(cloud: World, size: int) -> str:
    """Fill a cloud with tiers of one ILB, one rule and two members each; return the last VIP."""
    build, basics = seed_basics(cloud)
    vip = ""
    for number in range(size):
        in_vpc = number % TIERS_PER_VPC
        second = 20 + number // TIERS_PER_VPC
        if in_vpc == 0:
            vpc = build.vpc(f"vpc-{second}", f"10.{second}.0.0/16")
        prefix = f"10.{second}.{in_vpc + 1}"
        tier = build.tier(vpc, f"tier-{in_vpc}", f"{prefix}.0/24", basics.internal_lb)
        members = [build.member(tier, f"member-{number}-{n}", 20 + n) for n in (1, 2)]
        vip = f"{prefix}.10"
        build.rule(tier, f"rule-{number}", vip, (80, 8080), members)
        build.ilb_vm(tier, vip, disk=basics.old)
    return vip


async def _no_history(
    target_id: str, ours: str, tier_id: str = "", vip: str = ""
) -> tuple[tuple[float, ...], str]:
    return (), ""
