"""The scenarios by name: who does what, and which outcome is the right one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib import resources

from confluent_kafka import Producer

from bot.demo.stage import Stage, Staging, connected, shifted

_RECORDED_VM = "7747a5cc-0516-4562-b5c7-2bd6e7a81633"
_RECORDED_NAME = "b-31-VM"
_PLANNED = "Waiting for approval"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story: its script, how it is staged, and what must come out of it.

    `operations` is how many operations there must be in all.
    """

    name: str
    summary: str
    expected: str
    play: Callable[[Stage], Awaitable[None]]
    staging: Staging = field(default_factory=Staging)
    operations: int = 1


async def ask_for_a_roll(stage: Stage) -> None:
    """Ana asks; the plan comes."""
    await stage.slack.says("ana", "/ilb roll app-tier", wait=False)
    await stage.slack.sees("ana", _PLANNED, timeout_s=20)


async def approved_by_bruno(stage: Stage) -> None:
    """Bruno reads the plan and approves."""
    await stage.slack.clicks("bruno", "Approve")


async def told(stage: Stage, words: str) -> None:
    """The card says so in the end."""
    await stage.slack.sees("ana", words, timeout_s=45)


async def roll_approved(stage: Stage) -> None:
    """The main road."""
    await ask_for_a_roll(stage)
    await approved_by_bruno(stage)
    await told(stage, "Receipt of")


async def roll_rejected(stage: Stage) -> None:
    """Bruno says no."""
    await ask_for_a_roll(stage)
    await stage.slack.clicks("bruno", "Reject")
    await told(stage, "Rejected")


async def roll_stale(stage: Stage) -> None:
    """Somebody takes a member away between plan and approval."""
    await ask_for_a_roll(stage)
    await stage.control("drift-rule", target="app-http", without="app-3")
    await approved_by_bruno(stage)
    await told(stage, "Stale")


async def roll_version_unchanged(stage: Stage) -> None:
    """CloudStack's jobs succeed, and the guest still reports the old version."""
    machine = await stage.machine("app-tier")
    await stage.control("keep-version", target=machine["name"])
    await ask_for_a_roll(stage)
    await approved_by_bruno(stage)
    await told(stage, "Failed")


async def ilb_down(stage: Stage) -> None:
    """One ILB VM dies by itself, another is stopped by an administrator: one repair."""
    dead, stopped = await stage.machine("app-tier"), await stage.machine("web-tier")
    await stage.control("power-off", target=dead["name"])
    await stage.control("stop-by-hand", target=stopped["name"])
    await stage.reaches(dead["name"], "Stopped")
    await stage.reaches(stopped["name"], "Stopped")
    await asyncio.to_thread(_publish, stage.broker, "ilb_vm_stopped_by_admin.jsonl", stopped)
    await asyncio.to_thread(_publish, stage.broker, "ilb_vm_died.jsonl", dead)
    await told(stage, "Receipt of")


async def crash(stage: Stage) -> None:
    """The bot is killed between two steps of the change, and comes back."""
    machine = await stage.machine("app-tier")
    await ask_for_a_roll(stage)
    await approved_by_bruno(stage)
    await stage.effect("ilb_vm.stopped", machine["name"])
    await _kill_and_restart(stage)
    await told(stage, "Receipt of")


async def crash_in_doubt(stage: Stage) -> None:
    """The bot is killed when CloudStack has taken the call and its answer is not yet heard."""
    machine = await stage.machine("app-tier")
    await stage.control("fault", command="stopInternalLoadBalancerVM", kind="hang_after")
    await ask_for_a_roll(stage)
    await approved_by_bruno(stage)
    await stage.effect("ilb_vm.stopped", machine["name"])
    await _kill_and_restart(stage)
    await told(stage, "Receipt of")


async def cloud_restart(stage: Stage) -> None:
    """The management server dies in the middle of the stop and comes back."""
    machine = await stage.machine("app-tier")
    await ask_for_a_roll(stage)
    await approved_by_bruno(stage)
    await stage.reaches(machine["name"], "Stopping")
    await stage.control("restart-server", down_s=1.5)
    await told(stage, "Receipt of")


async def _kill_and_restart(stage: Stage) -> None:
    await stage.bot.kill()
    await stage.bot.start()
    await connected(stage)


def _publish(broker: str, file: str, machine: dict[str, str]) -> None:
    """Write recorded bus records about a machine of ours, as if they came now."""
    ids = {_RECORDED_VM: machine["id"], _RECORDED_NAME: machine["name"]}
    moment = time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime())
    producer = Producer({"bootstrap.servers": broker})
    text = (resources.files("bot.demo") / "records" / file).read_text(encoding="utf-8")
    for line in text.splitlines():
        key, value = shifted(line, ids, moment)
        producer.produce("cloudstack", key=key, value=value)
    producer.flush(10)


_RECORDED_BUS = Staging(pace=0.02, automatic=True, bus_of_world=False)
SCENARIOS = {
    one.name: one
    for one in (
        Scenario("roll-approved", "a roll is asked for, approved and done", "done", roll_approved),
        Scenario("roll-rejected", "an approver says no", "rejected", roll_rejected),
        Scenario("roll-stale", "the world changes before the approval", "stale", roll_stale),
        Scenario(
            "roll-version-unchanged",
            "the jobs succeed, the version does not move",
            "failed",
            roll_version_unchanged,
        ),
        Scenario(
            "ilb-down",
            "an ILB VM dies and is brought back by policy; a stopped one is left alone",
            "done",
            ilb_down,
            _RECORDED_BUS,
        ),
        Scenario("crash", "the bot is killed between two steps", "done", crash),
        Scenario(
            "crash-in-doubt", "the bot is killed with a call in doubt", "done", crash_in_doubt
        ),
        Scenario(
            "cloud-restart",
            "the management server dies in the middle of a job",
            "done",
            cloud_restart,
            Staging(pace=0.1),
        ),
    )
}
