"""What a real management server published is understood, all of it, and gives these hints."""

import json
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

from bot.domain.bus import BusRecord, JobRecord, RecordKind, kind_of
from bot.domain.observation import Observation, observe
from tests.handlers.bus_records import classified

WIRE = Path(__file__).with_name("wire")
ILB, ROUTER = "7747a5cc-0516-4562-b5c7-2bd6e7a81633", "cf33cc31-1bce-4192-9a20-0644a50484f7"


def recorded(name: str, after: str = "") -> list[BusRecord]:
    """All records of a recording, in order; the first line is a header."""
    lines = (WIRE / name).read_text().splitlines()[1:]
    rows = [json.loads(line) for line in lines]
    return [classified(row["value"], row["key"]) for row in rows if after in ("", row["after"])]


def hints(records: list[BusRecord]) -> list[Observation]:
    return [hint for record in records if (hint := observe(record)) is not None]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        (
            "event-bus.jsonl",
            {
                RecordKind.STATE: 74,
                RecordKind.ACTION: 40,
                RecordKind.OTHER_STATE: 28,
                RecordKind.JOB: 20,
                RecordKind.ALERT: 10,
                RecordKind.USAGE: 6,
            },
        ),
        (
            "event-bus-crash.jsonl",
            {RecordKind.STATE: 30, RecordKind.ACTION: 7, RecordKind.ALERT: 2, RecordKind.JOB: 2},
        ),
    ],
)
def test_every_recorded_record_is_recognised(name: str, kinds: dict[RecordKind, int]) -> None:
    assert Counter(kind_of(record) for record in recorded(name)) == kinds


def test_no_recorded_job_keeps_what_its_caller_signed_with() -> None:
    jobs = [record for record in recorded("event-bus.jsonl") if isinstance(record, JobRecord)]

    assert jobs
    assert all("***" not in repr(job) and "signature" not in repr(job) for job in jobs)


def test_an_ilb_vm_stopped_on_purpose_is_nine_records_and_two_hints() -> None:
    records = recorded("event-bus.jsonl", after="ILB VM stop")

    assert [kind_of(record).value for record in records] == [
        *("action", "job", "action"),
        *("state", "state", "state", "state"),
        *("action", "job"),
    ]
    assert [hint.dedupe for hint in hints(records)] == [
        f"bus:state:MACHINE_STOPPED:{ILB}:2026-11-22T21:16:33Z",
        f"bus:action:MACHINE_STOPPED:{ILB}:2026-11-22T21:16:33Z",
    ]


def test_an_ilb_vm_that_died_and_was_started_again_gives_these_hints() -> None:
    found = hints(recorded("event-bus-crash.jsonl", after="ILB VM dies"))

    assert [(hint.dedupe, hint.target_name) for hint in found] == [
        (f"bus:action:MACHINE_STOPPED:{ILB}:2026-11-22T22:18:35Z", ""),
        (f"bus:state:MACHINE_STOPPED:{ILB}:2026-11-22T22:18:35Z", ""),
        (f"bus:alert:MACHINE_STOPPED:{ILB}:2026-11-22T22:18:35Z", "b-31-VM"),
        (f"bus:state:MACHINE_STARTED:{ILB}:2026-11-22T22:19:12Z", ""),
        (f"bus:action:MACHINE_STARTED:{ILB}:2026-11-22T22:19:12Z", ""),
    ]
    assert len({hint.incident for hint in found}) == 2


def test_a_router_that_died_was_started_again_by_cloudstack_itself() -> None:
    found = hints(recorded("event-bus-crash.jsonl", after="router of a pair dies"))

    assert [hint.dedupe for hint in found] == [
        f"bus:action:MACHINE_STOPPED:{ROUTER}:2026-11-22T22:19:45Z",
        f"bus:state:MACHINE_STOPPED:{ROUTER}:2026-11-22T22:19:46Z",
        f"bus:state:MACHINE_STARTED:{ROUTER}:2026-11-22T22:19:48Z",
        f"bus:action:MACHINE_STARTED:{ROUTER}:2026-11-22T22:19:48Z",
        "bus:alert:MACHINE_STARTED:r-48-VM:2026-11-22T22:19:48Z",
    ]


def test_health_alerts_and_health_actions_name_the_same_targets() -> None:
    health = [hint for hint in hints(recorded("event-bus.jsonl")) if hint.kind.name.startswith("H")]

    by_source = {
        source: {hint.target_name for hint in health if hint.source == source}
        for source in ("alert", "action")
    }
    assert by_source["action"] == {"r-17-VM", "r-27-VM", "r-34-VM", "r-37-VM", "r-38-VM"}
    assert by_source["alert"] == {
        *("r-17-VM", "r-27-VM", "r-34-VM", "r-28-VM", "b-31-VM", "r-37-VM", "r-38-VM")
    }


def test_what_a_demo_publishes_was_recorded() -> None:
    known = [
        (row["key"], row["value"])
        for name in ("event-bus.jsonl", "event-bus-crash.jsonl")
        for row in map(json.loads, (WIRE / name).read_text().splitlines()[1:])
    ]
    records = resources.files("bot.demo") / "records"
    played = [
        (row["key"], row["value"])
        for file in records.iterdir()
        if file.name.endswith(".jsonl")
        for row in map(json.loads, file.read_text(encoding="utf-8").splitlines())
    ]
    assert len(played) > 10
    assert all(one in known for one in played)
