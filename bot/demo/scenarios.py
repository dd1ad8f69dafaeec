"""The scenarios by name: who does what, and which outcome is the right one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib import resources

from confluent_kafka import Producer

from bot.demo.stage import Stage, connected, shifted
from bot.demo.staging import Staging
from bot.errors import Permanent
from bot.sandbox.dns.seed import APP

_RECORDED_VM = "7747a5cc-0516-4562-b5c7-2bd6e7a81633"
_RECORDED_NAME = "b-31-VM"
_PLANNED = "Waiting for approval"
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


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story: its script, how it is staged, and how each of its operations must end."""

    name: str
    summary: str
    expected: tuple[str, ...]
    play: Callable[[Stage], Awaitable[None]]
    staging: Staging = field(default_factory=Staging)


async def ask_for_a_roll(stage: Stage) -> None:
    """Ana asks; the plan comes."""
    await stage.slack.says("ana", "/ilb roll app-tier", wait=False)
    await stage.slack.sees("ana", _PLANNED, timeout_s=20)


async def approved_by_bruno(stage: Stage) -> None:
    """Bruno reads the plan and approves."""
    await stage.slack.clicks("bruno", "Approve")


async def told(stage: Stage, words: str, after: int = 0) -> None:
    """The card says so in the end; `after` is where the feed of the page stood."""
    await stage.slack.sees("ana", words, timeout_s=45, after=after)


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


async def twin_dies(stage: Stage) -> None:
    """An ILB gets a twin; then its own VM dies, and nobody has to do anything."""
    machine = await stage.machine("app-tier")
    await stage.control("dns/set-record", name=APP, values=[machine["guestipaddress"]], ttl=1)
    await stage.slack.says("ana", "/ilb pair app-tier", wait=False)
    await stage.slack.sees("ana", _PLANNED, timeout_s=20)
    await approved_by_bruno(stage)
    await told(stage, "Receipt of")
    await stage.control("power-off", target=machine["name"])
    await told(stage, "beside its twin")


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


async def provision(stage: Stage) -> None:
    """A new ILB for a service, from a form."""
    await fill_in(stage, "shop-prod/db-tier", NEW_ILB)
    await stage.slack.sees("ana", _PLANNED, "create 2", timeout_s=20)
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
    await stage.slack.sees("ana", _PLANNED, "half done", timeout_s=20)
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
    await stage.slack.sees("ana", _PLANNED, "replace 1", timeout_s=20)
    await approved_by_bruno(stage)
    await told(stage, "Receipt of", after=number)
    await stage.slack.says("ana", "/ilb drift")
    await stage.slack.sees("ana", "nothing differs")


async def idle_tier(stage: Stage) -> None:
    """A tier that CloudStack shut down: refused, and the safe order is offered."""
    await fill_in(stage, "shop-prod/batch-tier", BATCH)
    await told(stage, "delete its internal rules, start a VM in it")


async def fill_in(stage: Stage, tier: str, spec: str, **more: object) -> int:
    """Ana opens the form of a tier, replaces what it starts from, and submits it.

    Returns where the feed of the page stood then.
    """
    await stage.slack.says("ana", f"/ilb provision {tier}")
    await stage.slack.sees_modal("ana", "Spec", timeout_s=20)
    sent = await stage.slack.submits("ana", spec=spec, **more)
    if modal := await stage.slack.modal("ana"):
        raise Permanent(f"submit the spec of {tier}: {modal['errors'] or modal['trouble']}")
    return int(sent["number"])


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
_HURRIED = Staging(
    pace=0.02,
    automatic=True,
    settings=(("ILBOT_DIRECTORY__TTL_S", "1"), ("ILBOT_PROBE__BAKE_S", "1")),
)
"""For two changes in one story: clients remember a name for a second, not for five."""
SCENARIOS = {
    one.name: one
    for one in (
        Scenario(
            "roll-approved", "a roll is asked for, approved and done", ("done",), roll_approved
        ),
        Scenario("roll-rejected", "an approver says no", ("rejected",), roll_rejected),
        Scenario("roll-stale", "the world changes before the approval", ("stale",), roll_stale),
        Scenario(
            "roll-version-unchanged",
            "the jobs succeed, the version does not move",
            ("failed",),
            roll_version_unchanged,
        ),
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
        Scenario(
            "crash-in-doubt", "the bot is killed with a call in doubt", ("done",), crash_in_doubt
        ),
        Scenario(
            "cloud-restart",
            "the management server dies in the middle of a job",
            ("done",),
            cloud_restart,
            Staging(pace=0.1),
        ),
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
}
