"""Scenarios of roll: in the open, beside a temporary twin, as twins, and routers in pairs."""

from __future__ import annotations

from bot.demo.scripts.acting import Scenario, approved_by_bruno, asked, done, short_ttl, told
from bot.demo.stage import Stage
from bot.demo.staging import Staging

NAMED = "b-31-VM"
"""The ILB VM of app-tier; its clients use the name app.shop.internal."""
BARE = "b-32-VM"
"""The first ILB VM of web-tier; its clients use its address."""


async def roll_approved(stage: Stage) -> None:
    """The honest outage: clients have the address, so nothing can carry them meanwhile."""
    await done(stage, f"roll {BARE}")


async def roll_rejected(stage: Stage) -> None:
    """Bruno says no."""
    await asked(stage, f"roll {NAMED}")
    await stage.slack.clicks("bruno", "Reject")
    await told(stage, "Rejected")


async def roll_stale(stage: Stage) -> None:
    """Somebody takes a member away between plan and approval."""
    await asked(stage, f"roll {NAMED}")
    await stage.control("drift-rule", target="app-http", without="app-3")
    await approved_by_bruno(stage)
    await told(stage, "Stale")


async def roll_version_unchanged(stage: Stage) -> None:
    """CloudStack's jobs succeed, and the guest still reports the old version."""
    await stage.control("keep-version", target=BARE)
    await asked(stage, f"roll {BARE}")
    await approved_by_bruno(stage)
    await told(stage, "Failed")


async def roll_beside(stage: Stage) -> None:
    """A temporary twin takes the name while the ILB is renewed; nobody is cut off."""
    await short_ttl(stage)
    await done(stage, f"roll {NAMED}")


async def roll_twin(stage: Stage) -> None:
    """One of two twins is withdrawn, renewed, proven and published again."""
    await short_ttl(stage)
    await done(stage, f"pair {NAMED}")
    await done(stage, f"roll {NAMED}")


async def roll_pair(stage: Stage) -> None:
    """Both routers of a VPC: the standby first, then the hand-over."""
    await done(stage, "roll shop-prod")


async def split_brain(stage: Stage) -> None:
    """Once renewed, the standby claims to be PRIMARY too: no hand-over, and a person is told."""
    await asked(stage, "roll shop-prod")
    await approved_by_bruno(stage)
    await stage.effect("router.stopped", "r-5-VM")
    await stage.control("set-role", target="r-5-VM", role="PRIMARY")
    await told(stage, "Receipt of")


FAST = Staging(pace=0.05)
HURRIED = Staging(pace=0.05, settings=(("ILBOT_PROBE__BAKE_S", "1"),))
"""For names that move more than once in one story."""
SCENARIOS = (
    Scenario("roll-approved", "a roll is asked for, approved and done", ("done",), roll_approved),
    Scenario("roll-rejected", "an approver says no", ("rejected",), roll_rejected),
    Scenario("roll-stale", "the world changes before the approval", ("stale",), roll_stale),
    Scenario(
        "roll-version-unchanged",
        "the jobs succeed, the version does not move",
        ("failed",),
        roll_version_unchanged,
    ),
    Scenario(
        "roll-beside",
        "a temporary twin carries the traffic of a name; none is lost",
        ("done",),
        roll_beside,
        HURRIED,
    ),
    Scenario(
        "roll-twin",
        "a twin is withdrawn, renewed and published again; the other one serves",
        ("done", "done"),
        roll_twin,
        HURRIED,
    ),
    Scenario("roll-pair", "the routers of a VPC, the standby first", ("done",), roll_pair, FAST),
    Scenario(
        "split-brain",
        "two routers claim to be PRIMARY: the roll stops and says so",
        ("parked",),
        split_brain,
        FAST,
    ),
)
