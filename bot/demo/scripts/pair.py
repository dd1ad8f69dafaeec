"""Scenarios of pair: twins behind a name, a pair of routers, and what is refused or not proven."""

from __future__ import annotations

from bot.demo.scripts.acting import Scenario, asked, done, short_ttl, told
from bot.demo.stage import Stage
from bot.demo.staging import Staging

_TARGET = "b-31-VM"


async def pair(stage: Stage) -> None:
    """An ILB gets a twin; both are published under the name, once the twin answers."""
    await short_ttl(stage)
    await done(stage, f"pair {_TARGET}")


async def pair_refused(stage: Stage) -> None:
    """What CloudStack cannot do is refused, each time with the nearest thing that works."""
    for wish, instead in (
        ("redundant app-tier", "A second ILB on an address of its own"),
        ("udp app-tier", "balance UDP in VMs of your own"),
        ("pair batch-tier", "delete its internal rules, start a VM in it"),
    ):
        await stage.slack.says("ana", f"/ilb {wish}", wait=False)
        await stage.slack.sees("ana", instead, timeout_s=20)


async def pair_one_host(stage: Stage) -> None:
    """Where no other host takes machines, the plan says what is not survived, and goes on."""
    await short_ttl(stage)
    mine = (await stage.machine("app-tier"))["hostname"]
    await stage.control("close-hosts", besides=mine)
    number = await asked(stage, f"pair {_TARGET}")
    await stage.slack.sees("ana", "loss of this one host is not survived", timeout_s=5)
    await stage.slack.clicks("bruno", "Approve")
    await told(stage, "Receipt of", after=number)


async def vpc_router_pair(stage: Stage) -> None:
    """The lone router of a VPC becomes a pair, for good."""
    await done(stage, "pair shop-stage")


_FAST = Staging(pace=0.05)
SCENARIOS = (
    Scenario(
        "pair",
        "a second ILB behind one name, proven before clients",
        ("done",),
        pair,
        Staging(pace=0.1),
    ),
    Scenario(
        "pair-refused",
        "redundancy in an ILB VM, UDP, an idle tier: no, and what works instead",
        ("refused",),
        pair_refused,
    ),
    Scenario(
        "pair-one-host",
        "no second host: the plan says what is not survived",
        ("done",),
        pair_one_host,
        _FAST,
    ),
    Scenario(
        "pair-unverified",
        "nobody looks at its traffic, so nothing is claimed",
        ("unverified",),
        pair,
        Staging(pace=0.05, probed=False),
    ),
    Scenario(
        "vpc-router-pair",
        "the lone router of a VPC becomes a redundant pair",
        ("done",),
        vpc_router_pair,
        _FAST,
    ),
)
