"""Scenarios of provision: forms, repairs, drift, and a tier that is better left alone."""

from __future__ import annotations

from bot.demo.scripts.acting import PLANNED, Scenario, approved_by_bruno, fill_in, told
from bot.demo.stage import Stage

_NEW_RULE = "orders-80"
NEW_ILB = """\
tier: shop-prod/db-tier
ilbs:
  - services:
      - name: orders
        members: [db-1, db-2]
        rules:
          - {port: 80, to: 8080}
          - {port: 81, algorithm: leastconn}
"""
DB_READ = """\
tier: shop-prod/db-tier
ilbs:
  - vip: 10.20.3.10
    services:
      - rules: [{port: 5432, algorithm: leastconn, members: [db-1, db-2]}]
"""
BATCH = """\
tier: shop-prod/batch-tier
ilbs:
  - vip: 10.20.5.10
    services:
      - rules: [{port: 9000, members: [batch-1]}]
"""


async def provision(stage: Stage) -> None:
    """A new ILB for a service, from a form."""
    await fill_in(stage, "shop-prod/db-tier", NEW_ILB)
    await stage.slack.sees("ana", PLANNED, "create 2", timeout_s=20)
    await approved_by_bruno(stage)
    await told(stage, "Receipt of")


async def provision_twice(stage: Stage) -> None:
    """The same spec again changes nothing."""
    await provision(stage)
    await fill_in(stage, "shop-prod/db-tier", NEW_ILB)
    await told(stage, "already is as its spec says")


async def provision_repair(stage: Stage) -> None:
    """A host refused somebody's change of members: the rule is half done, and is repaired."""
    await stage.control("drift-rule", target="db-read", state="Add")
    await fill_in(stage, "shop-prod/db-tier", DB_READ)
    await stage.slack.sees("ana", PLANNED, "half done", timeout_s=20)
    await approved_by_bruno(stage)
    await told(stage, "Receipt of")


async def drift(stage: Stage) -> None:
    """What somebody changes afterwards shows, is left alone, and is put back when that is said."""
    await provision(stage)
    await stage.control("drift-rule", target=_NEW_RULE, algorithm="source")
    await stage.slack.says("ana", "/ilb drift")
    await stage.slack.sees("ana", "algorithm roundrobin → source")
    await fill_in(stage, "shop-prod/db-tier", NEW_ILB)
    await told(stage, "only where somebody else changed it")
    number = await fill_in(stage, "shop-prod/db-tier", NEW_ILB, overwrite=["overwrite"])
    await stage.slack.sees("ana", PLANNED, "replace 1", timeout_s=20)
    await approved_by_bruno(stage)
    await told(stage, "Receipt of", after=number)
    await stage.slack.says("ana", "/ilb drift")
    await stage.slack.sees("ana", "nothing differs")


async def idle_tier(stage: Stage) -> None:
    """A tier that CloudStack shut down: refused, and the safe order is offered."""
    await fill_in(stage, "shop-prod/batch-tier", BATCH)
    await told(stage, "delete its internal rules, start a VM in it")


SCENARIOS = (
    Scenario("provision", "a form becomes a new ILB with two rules", ("done",), provision),
    Scenario(
        "provision-twice",
        "the same spec again changes nothing",
        ("done", "nothing to do"),
        provision_twice,
    ),
    Scenario("provision-repair", "a half-done rule is repaired", ("done",), provision_repair),
    Scenario(
        "drift",
        "somebody changes a rule: shown, left alone, put back when that is said",
        ("done", "nothing to do", "done"),
        drift,
    ),
    Scenario(
        "idle-tier",
        "a tier that CloudStack shut down is refused, with the safe order",
        ("refused",),
        idle_tier,
    ),
)
