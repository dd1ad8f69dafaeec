"""The pretend cloud publishes what the recorded server published on its Kafka event bus."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.contract.sandbox_lab import WEB, WIRE, Lab, add_ilb, new_lab, stable
from tests.sandbox.cloud_caller import Bus, Caller

ASSIGN = "assignToLoadBalancerRule"
ASSIGN_FAILS = "assignToLoadBalancerRule that fails (VM already assigned)"

Record = tuple[str | None, dict[str, Any]]


def recorded(name: str, after: str) -> list[Record]:
    rows = [json.loads(line) for line in (WIRE / f"{name}.jsonl").read_text().splitlines()[1:]]
    return [(row["key"], row["value"]) for row in rows if row["after"] == after]


def outline(record: Record) -> dict[str, Any]:
    """Return what must be equal: kind of key, fields, and every value that is no id or time."""
    key, value = record
    told = {
        name: value.get(name)
        for name in ("event", "status", "entity", "resource", "old-state", "new-state", "subject")
    }
    info = value.get("cmdInfo", {})
    result = value.get("jobResult", {})
    return told | {
        "key": key if not key else "uuid",
        "fields": sorted(value),
        "description": re.sub(r"\d+", "n", stable(value.get("description", ""))),
        "job": [
            value.get(name)
            for name in ("commandEventType", "instanceType", "resultCode", "command")
        ],
        "info": sorted(set(info) - {"expires", "signatureversion"}),
        "context": sorted(info.get("ctxDetails", {})),
        "result": [result.get("class"), result.get("object"), "scriptsversion" in result],
    }


def without_pings(records: list[Record]) -> list[Record]:
    """Leave out Running to Running: how many pings fall into a recording is chance."""
    return [
        one
        for one in records
        if (one[1].get("old-state"), one[1].get("new-state")) != ("Running", "Running")
    ]


def lab_with_bus() -> tuple[Lab, Caller, Bus]:
    lab, bus = new_lab(), Bus()
    lab.world.publish = bus
    return lab, Caller(lab.world, lab.clock, bus, lab.http), bus


async def compare(name: str, after: str, act: Callable[[Lab, Caller], Awaitable[None]]) -> None:
    lab, caller, bus = lab_with_bus()
    add_ilb(lab, "tier1", "web", "10.10.1.50", WEB, "web1")
    if after == "ILB VM start":
        await caller.job("stopInternalLoadBalancerVM", id=lab.ids[WEB["vm"]])
    bus.records.clear()
    await act(lab, caller)
    actual = [outline(one) for one in without_pings(bus.records)]
    expected = [outline(one) for one in without_pings(recorded(name, after))]
    assert actual == expected


async def test_a_stop() -> None:
    async def act(lab: Lab, caller: Caller) -> None:
        await caller.job("stopInternalLoadBalancerVM", id=lab.ids[WEB["vm"]])

    await compare("event-bus", "ILB VM stop", act)


async def test_a_start() -> None:
    async def act(lab: Lab, caller: Caller) -> None:
        await caller.job("startInternalLoadBalancerVM", id=lab.ids[WEB["vm"]])

    await compare("event-bus", "ILB VM start", act)


async def test_a_rule_created() -> None:
    async def act(lab: Lab, caller: Caller) -> None:
        await _create(lab, caller)

    await compare("event-bus", "createLoadBalancer", act)


async def test_a_member_assigned_and_refused() -> None:
    lab, caller, bus = lab_with_bus()
    vm = lab.world.machine("web1").id
    rule_id = await _create(lab, caller)
    await caller.job("assignToLoadBalancerRule", id=rule_id, virtualmachineids=vm)
    bus.records.clear()
    await caller.job("removeFromLoadBalancerRule", id=rule_id, virtualmachineids=vm)
    bus.records.clear()
    for after in (ASSIGN, ASSIGN_FAILS):
        await caller.job("assignToLoadBalancerRule", id=rule_id, virtualmachineids=vm)
        found = [outline(one) for one in without_pings(bus.records)]
        assert found == [outline(one) for one in without_pings(recorded("event-bus", after))]
        bus.records.clear()


async def test_a_rule_deleted() -> None:
    lab, caller, bus = lab_with_bus()
    rule_id = await _create(lab, caller)
    bus.records.clear()
    await caller.job("deleteLoadBalancer", id=rule_id)
    actual = [outline(one) for one in bus.records]
    assert actual == [outline(one) for one in recorded("event-bus", "deleteLoadBalancer")]


@pytest.mark.parametrize(
    ("after", "is_router"), [("ILB VM dies", False), ("router of a pair dies", True)]
)
async def test_a_machine_that_lost_its_power(after: str, is_router: bool) -> None:
    lab, _, bus = lab_with_bus()
    _, vm = add_ilb(lab, "tier1", "web", "10.10.1.50", WEB, "web1")
    machine = next(
        one for one in lab.world.all(type(vm)) if one.name.startswith("r-" if is_router else "b-")
    )
    lab.world.power_off(machine.name)
    lab.clock.now += 40.0
    lab.world.advance()
    expected = [
        outline(one)
        for one in without_pings(recorded("event-bus-crash", after))
        if "INTERNALLBVM" not in json.dumps(one)
        and (is_router or one[1].get("new-state") in (None, "Stopped"))
    ]
    actual = [outline(one) for one in without_pings(bus.records)]
    assert [_mask(one) for one in actual] == [_mask(one) for one in expected]


def _mask(one: dict[str, Any]) -> dict[str, Any]:
    subject = one["subject"] or ""
    return one | {"subject": subject.split(":")[0]}


async def _create(lab: Lab, caller: Caller) -> str:
    tier = lab.tier("tier1").id
    made = await caller.call(
        "createLoadBalancer",
        name="ev",
        networkid=tier,
        sourceipaddressnetworkid=tier,
        sourceipaddress="10.10.1.50",
        sourceport=99,
        instanceport=99,
        algorithm="roundrobin",
        scheme="Internal",
    )
    await caller.ended(made["jobid"])
    return str(made["id"])
