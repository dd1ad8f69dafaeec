"""Records about what is none of our machines are passed over unread, and no others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiokafka import ConsumerRecord

from bot.domain.observation import TargetType, observe
from bot.services.our_machines import Known
from handlers.kafka_metrics import Outcome
from handlers.kafka_triage import Settled
from tests.handlers.bus_records import classified
from tests.handlers.test_kafka_triage import NOW, World, record, stop

WIRE = Path(__file__).parents[1] / "contract" / "wire"
OTHER = "57451339-84ac-40e2-b0e2-82543f19ae76"
OURS = "7747a5cc-0516-4562-b5c7-2bd6e7a81633"
LISTED = Known(frozenset({OURS.encode()}), NOW - 10)


def told(value: bytes, key: bytes | None = OTHER.encode(), *, age_s: float = 0.0) -> ConsumerRecord:
    """A record as old as that."""
    one = record(value, key=key)
    one.timestamp = int((NOW - age_s) * 1000)
    return one


def test_what_is_older_than_the_list_and_not_on_it_is_not_even_decoded() -> None:
    world = World(known=LISTED)
    behind = [told(b"not JSON", age_s=100), told(stop(), age_s=71)]
    assert world.triage.skim(behind, 0, 0) == 2
    assert world.counted() == {("unread", "foreign"): 2}


@pytest.mark.parametrize("key", [None, b"", OURS.encode()])
def test_a_record_without_a_key_or_with_one_of_ours_is_always_decoded(key: bytes | None) -> None:
    world = World(known=LISTED)
    assert world.triage.skim([told(stop(machine=OURS), key, age_s=1_000)], 0, 0) == 0


@pytest.mark.parametrize("age_s", [69.0, 0.0, -100.0])
def test_a_key_that_may_be_newer_than_the_list_is_decoded(age_s: float) -> None:
    world = World(known=LISTED)
    assert world.triage.skim([told(stop(), age_s=age_s)], 0, 0) == 0


def test_a_record_that_does_not_tell_its_time_is_decoded() -> None:
    world = World(known=LISTED)
    one = told(stop())
    one.timestamp = -1
    assert world.triage.skim([one], 0, 0) == 0


def test_without_a_list_everything_is_decoded() -> None:
    assert World().triage.skim([told(stop(), age_s=1_000)], 0, 0) == 0


async def test_a_key_heard_before_the_list_was_made_is_passed_over_from_then_on() -> None:
    world = World(known=LISTED)
    first = told(stop())
    assert world.triage.skim([first], 0, 0) == 0
    await world.triage.settle(first)
    world.machines.listed, world.now = Known(LISTED.keys, NOW + 61), NOW + 62
    assert world.triage.skim([told(b"not JSON", age_s=-62)], 0, 0) == 1
    assert world.triage.skim([told(b"not JSON", b"unheard", age_s=-62)], 0, 0) == 0


async def test_a_machine_that_is_new_on_the_list_is_heard() -> None:
    world = World(known=LISTED)
    first = told(stop())
    assert world.triage.skim([first], 0, 0) == 0
    world.machines.listed, world.now = Known(LISTED.keys | {OTHER.encode()}, NOW + 61), NOW + 62
    assert world.triage.skim([told(stop())], 0, 0) == 0


async def test_keys_are_kept_in_mind_within_bounds() -> None:
    world = World(known=LISTED, remembered=1)
    for key in (b"one", b"two", b"three"):
        world.triage.skim([told(b"{", key)], 0, 0)
    world.machines.listed, world.now = Known(LISTED.keys, NOW + 61), NOW + 62
    assert world.triage.skim([told(b"{", b"three", age_s=-62)], 0, 0) == 1
    assert world.triage.skim([told(b"{", b"one", age_s=-62)], 0, 0) == 0


async def test_what_was_skimmed_up_to_a_hint_is_counted_once_and_the_hint_decided() -> None:
    world = World(known=LISTED)
    records = [
        told(stop(), age_s=100), told(stop(machine=OURS), b""), told(stop(machine=OURS), b""),
        told(b"not JSON", b""),
    ]  # fmt: skip
    assert world.triage.skim(records, 0, 0) == 1
    await world.triage.settle(records[1])
    assert world.triage.skim(records, 2, 0) == 1
    await world.triage.settle(records[3])
    assert world.decisions.asked == 1
    assert [why for _, why in world.letters.kept] == ["not JSON"]
    assert sum(world.counted().values()) == 4


async def test_a_hint_about_a_stranger_costs_one_list_and_a_batch_of_them_no_more() -> None:
    world = World(known=LISTED)
    world.machines.anew = Known(LISTED.keys, NOW + 1)
    burst = [told(stop(machine=f"m-{n}"), f"m-{n}".encode()) for n in range(9)]
    number = 0
    while number < len(burst):
        if skimmed := world.triage.skim(burst, number, 0):
            number += skimmed
            continue
        settled = await world.triage.settle(burst[number])
        assert settled == Settled("state", Outcome.FOREIGN)
        number += 1
    assert world.machines.asked == [NOW]
    assert world.decisions.asked == 0


async def test_a_record_without_a_key_costs_no_list_where_it_names_one_of_ours() -> None:
    world = World(known=LISTED)
    for key in (None, b"", OURS.encode()):
        await world.triage.settle(told(stop(machine=OURS), key))
    assert world.machines.asked == []
    assert world.decisions.asked == 1
    settled = await world.triage.settle(told(stop(), None))
    assert settled.outcome is Outcome.FOREIGN


async def test_who_may_not_list_our_machines_has_each_hint_decided() -> None:
    world = World()
    one = told(stop(), None)
    assert world.triage.skim([one], 0, 0) == 0
    assert (await world.triage.settle(one)).outcome is Outcome.OBSERVED
    assert world.machines.asked == [NOW]


async def test_a_hint_without_a_key_that_is_older_than_the_list_costs_nothing() -> None:
    world = World(known=LISTED)
    one = told(stop(), None, age_s=71)
    assert world.triage.skim([one], 0, 0) == 0
    assert (await world.triage.settle(one)).outcome is Outcome.FOREIGN
    assert world.machines.asked == []


async def test_a_hint_about_a_machine_that_was_made_since_the_list_is_decided() -> None:
    world = World(known=LISTED)
    world.machines.anew = Known(LISTED.keys | {OTHER.encode()}, NOW + 1)
    one = told(stop(machine=OTHER))
    assert world.triage.skim([one], 0, 0) == 0
    assert (await world.triage.settle(one)).outcome is Outcome.OBSERVED
    assert world.decisions.asked == 1


def test_every_recorded_hint_of_a_machine_has_the_machines_id_as_key_or_none() -> None:
    seen = 0
    for name in ("event-bus.jsonl", "event-bus-crash.jsonl"):
        for line in (WIRE / name).read_text("utf-8").splitlines()[1:]:
            row = json.loads(line)
            hint = observe(classified(row["value"], row["key"]))
            if hint and row["key"] and hint.target_type is not TargetType.NETWORK:
                seen += 1
                assert row["key"] == hint.target_id
    assert seen > 20
