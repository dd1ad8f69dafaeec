"""Records about what can be none of ours are passed over unread, and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.domain.bus import classify
from bot.domain.observation import observe
from bot.domain.strangers import stranger_in
from handlers.kafka_triage import Triage
from tests.handlers.test_kafka_triage import AT, World, record, stop

WIRE = Path(__file__).parents[1] / "contract" / "wire"
OTHER = "57451339-84ac-40e2-b0e2-82543f19ae76"
OURS = "7747a5cc-0516-4562-b5c7-2bd6e7a81633"


def volume(uuid: str = OTHER) -> bytes:
    """A volume changed its state."""
    value = {"resource": "Volume", "id": uuid, "old-state": "Ready", "new-state": "Destroy"}
    return json.dumps(value | {"eventDateTime": AT}).encode()


def job(**changes: str) -> dict[str, Any]:
    """A user VM's stop, as it came to its end (`ApiServer.handleAsyncJobPublishEvent`)."""
    return {
        "jobId": "14fc9076-3979-432d-a6f5-f018995133f1", "status": "SUCCEEDED",
        "command": "org.apache.cloudstack.api.command.admin.vm.StopVMCmdByAdmin",
        "instanceType": "VirtualMachine", "instanceUuid": OTHER, "commandEventType": "VM.STOP",
    } | changes  # fmt: skip


def skimmed(triage: Triage, *values: bytes, key: bytes | None = OTHER.encode()) -> int:
    return triage.skim([record(value, key=key) for value in values], 0, 0)


def test_what_is_known_to_be_a_stranger_is_not_even_decoded() -> None:
    world = World()
    assert skimmed(world.triage, volume(), b"not JSON", b"not JSON") == 3
    assert world.counted() == {("other_state", "nothing"): 1, ("unread", "foreign"): 2}


@pytest.mark.parametrize("key", [None, b"", OURS.encode()])
def test_a_record_without_a_key_or_with_one_not_heard_of_is_always_decoded(
    key: bytes | None,
) -> None:
    world = World()
    assert skimmed(world.triage, volume()) == 1
    assert skimmed(world.triage, stop(machine=OURS), key=key) == 0


def test_a_record_tells_of_no_other_key_than_its_own() -> None:
    world = World()
    assert skimmed(world.triage, volume(), key=OURS.encode()) == 1
    assert skimmed(world.triage, stop(machine=OURS), key=OURS.encode()) == 0


async def test_strangers_are_few_and_forgotten_in_time_and_with_the_partitions() -> None:
    world = World(strangers=1)
    assert skimmed(world.triage, volume(), b"not JSON") == 2
    assert skimmed(world.triage, volume(OURS), key=OURS.encode()) == 1
    assert skimmed(world.triage, b"not JSON") == 0
    assert skimmed(world.triage, b"not JSON", key=OURS.encode()) == 1
    await world.triage.begin()
    assert skimmed(world.triage, b"not JSON", key=OURS.encode()) == 0
    brief = World(strangers_s=-1.0)
    assert skimmed(brief.triage, volume()) == 1
    assert skimmed(brief.triage, b"not JSON") == 0


async def test_what_was_skimmed_up_to_a_hint_is_counted_once_and_the_hint_decided() -> None:
    world = World()
    records = [record(volume()), record(stop()), record(stop()), record(b"not JSON")]
    assert world.triage.skim(records, 0, 0) == 1
    await world.triage.settle(records[1])
    assert world.triage.skim(records, 2, 0) == 1
    await world.triage.settle(records[3])
    assert world.decisions.asked == 1
    assert [why for _, why in world.letters.kept] == ["not JSON"]
    assert sum(world.counted().values()) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "FAILED"},  # a router's id may be named, and is refused
        {"status": "IN_PROGRESS"},
        {"instanceType": "DomainRouter"},
        {"command": "org.apache.cloudstack.api.command.admin.systemvm.StopSystemVmCmd"},
        {"command": "org.apache.cloudstack.api.command.admin.router.StopRouterCmd"},
    ],
)
def test_only_a_user_vms_own_job_that_came_to_success_tells_a_user_vm(
    changes: dict[str, str],
) -> None:
    assert stranger_in(classify(None, job())) == OTHER
    assert stranger_in(classify(None, job(**changes))) == ""


def test_nothing_recorded_of_a_router_an_ilb_vm_or_a_network_makes_it_a_stranger() -> None:
    told: set[str] = set()
    strangers: set[str] = set()
    for name in ("event-bus.jsonl", "event-bus-crash.jsonl"):
        for line in (WIRE / name).read_text("utf-8").splitlines()[1:]:
            row = json.loads(line)
            found = classify(row["key"], row["value"])
            strangers.add(stranger_in(found))
            hint = observe(found)
            if hint and hint.target_type in ("ILB VM", "router", "network"):
                told.add(hint.target_id)
    assert told and len(strangers) > 5
    assert not (told & strangers) - {""}
