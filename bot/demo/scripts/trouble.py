"""Scenarios in which something dies: an ILB VM, the bot, the management server."""

from __future__ import annotations

from bot.demo.scripts.acting import (
    Scenario,
    approved_by_bruno,
    asked,
    done,
    kill_and_restart,
    recorded,
    short_ttl,
    told,
)
from bot.demo.stage import Stage
from bot.demo.staging import Staging


async def ilb_down(stage: Stage) -> None:
    """One ILB VM dies by itself, another is stopped by an administrator: one repair."""
    dead, stopped = await stage.machine("app-tier"), await stage.machine("web-tier")
    await stage.control("power-off", target=dead["name"])
    await stage.control("stop-by-hand", target=stopped["name"])
    await stage.reaches(dead["name"], "Stopped")
    await stage.reaches(stopped["name"], "Stopped")
    await recorded(stage, "ilb_vm_stopped_by_admin.jsonl", stopped)
    await recorded(stage, "ilb_vm_died.jsonl", dead)
    await told(stage, "Receipt of")


async def twin_dies(stage: Stage) -> None:
    """An ILB gets a twin; then its own VM dies, and nobody has to do anything."""
    machine = await stage.machine("app-tier")
    await short_ttl(stage)
    await done(stage, "pair app-tier")
    await stage.control("power-off", target=machine["name"])
    await told(stage, "beside its twin")


async def crash(stage: Stage) -> None:
    """The bot is killed between two steps of the change, and comes back."""
    machine = await stage.machine("web-tier")
    await asked(stage, f"roll {machine['name']}")
    await approved_by_bruno(stage)
    await stage.effect("ilb_vm.stopped", machine["name"])
    await kill_and_restart(stage)
    await told(stage, "Receipt of")


async def crash_in_doubt(stage: Stage) -> None:
    """The bot is killed when CloudStack has taken the call and its answer is not yet heard."""
    machine = await stage.machine("web-tier")
    await stage.control("fault", command="stopInternalLoadBalancerVM", kind="hang_after")
    await asked(stage, f"roll {machine['name']}")
    await approved_by_bruno(stage)
    await stage.effect("ilb_vm.stopped", machine["name"])
    await kill_and_restart(stage)
    await told(stage, "Receipt of")


async def cloud_restart(stage: Stage) -> None:
    """The management server dies in the middle of the stop and comes back."""
    machine = await stage.machine("web-tier")
    await asked(stage, f"roll {machine['name']}")
    await approved_by_bruno(stage)
    await stage.reaches(machine["name"], "Stopping")
    await stage.control("restart-server", down_s=1.5)
    await told(stage, "Receipt of")


_HURRIED = Staging(pace=0.02, automatic=True, settings=(("ILBOT_PROBE__BAKE_S", "1"),))
"""For two changes in one story."""
_RECORDED_BUS = Staging(pace=0.02, automatic=True, bus_of_world=False)
SCENARIOS = (
    Scenario(
        "ilb-down",
        "an ILB VM dies and is brought back by policy; a stopped one is left alone",
        ("done",),
        ilb_down,
        _RECORDED_BUS,
    ),
    Scenario(
        "twin-dies",
        "one of twins dies: withdrawn from its name, repaired, proven, published again",
        ("done", "done"),
        twin_dies,
        _HURRIED,
    ),
    Scenario("crash", "the bot is killed between two steps", ("done",), crash),
    Scenario("crash-in-doubt", "the bot is killed with a call in doubt", ("done",), crash_in_doubt),
    Scenario(
        "cloud-restart",
        "the management server dies in the middle of a job",
        ("done",),
        cloud_restart,
        Staging(pace=0.1),
    ),
)
