"""Turns a number of records into loads of a known outcome: CPU samples, and CloudStack's events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import msgspec

from bench.bus import RECORDINGS, WIRE
from bot.domain.bus import Fields, classify
from bot.domain.load import CpuSample
from bot.domain.observation import Observation, TargetType, observe
from bot.services.cpu_format import encode

PARTITIONS = 4
Sent = tuple[int, bytes | None, bytes]
"""Partition, key and value of a record."""

Percentiles = tuple[float, float, float]
"""The 50th, the 99th, and the largest, in ms."""

_TICK_S = 10
_TICKS = 200
"""Samples of each machine: two times busy, each for 40 of them."""
_BUSY = range(30, 70)
_PERIOD = 100
_EVERY_BUSY = 20
STRANGERS = 5_000
_OURS = ("InternalLbVm", "DomainRouter")
_OUR_TYPES = (TargetType.ILB_VM, TargetType.ROUTER)
_KEYED = (*_OUR_TYPES, TargetType.MACHINE, TargetType.NETWORK)


def machine_id(number: int) -> str:
    """Return the id of one of our machines."""
    return str(UUID(int=number + 1, version=4))


def stranger_id(number: int) -> str:
    """Return the id of a machine that is none of ours."""
    return str(UUID(int=(1 << 100) + number, version=4))


@dataclass(frozen=True, slots=True)
class CpuLoad:
    """Samples of machines, one in `strangers + 1` of them ours, as `ilbot sample` writes them.

    One sample of ours in 100 has no key, and two come in the wrong order. A machine in 20 is
    busy twice, for long enough to be an incident.
    """

    machines: int
    strangers: int = 0

    @property
    def count(self) -> int:
        """How many records there are."""
        return self.machines * _TICKS * (self.strangers + 1)

    @property
    def incidents(self) -> int:
        """How many incidents are in it."""
        return len(range(0, self.machines, _EVERY_BUSY)) * (_TICKS // _PERIOD)

    @property
    def ours(self) -> frozenset[bytes]:
        """The keys of our machines."""
        return frozenset(machine_id(number).encode() for number in range(self.machines))

    def records(self) -> Iterator[Sent]:
        """Return the records in the order in which they are sent."""
        begins, stranger = int(time.time()) - _TICKS * _TICK_S, 0
        ids = [machine_id(number) for number in range(self.machines)]
        others = [stranger_id(number) for number in range(STRANGERS)]
        for place in range(_TICKS):
            for number, target in enumerate(ids):
                tick = _swapped(place, number)
                is_busy = number % _EVERY_BUSY == 0 and tick % _PERIOD in _BUSY
                percent = 97.5 if is_busy else 20 + (7 * number + 13 * tick) % 300 / 10
                at = begins + tick * _TICK_S + number % _TICK_S
                name, host = f"b-{number}-VM", f"kvm-{number % 97}"
                key, value = encode(CpuSample(target, name, host, float(at), percent))
                is_keyless = (number + place) % 100 == 50
                yield number % PARTITIONS, None if is_keyless else key, value
                for _ in range(self.strangers):
                    stranger += 1
                    other = others[stranger % STRANGERS]
                    key, value = encode(CpuSample(other, "i-2-7-VM", host, float(at), percent))
                    yield stranger % PARTITIONS, key, value


def _swapped(place: int, number: int) -> int:
    """Return which sample is sent at a place: now and then a pair in the wrong order."""
    if (number + place) % 100 == 0 and place < _TICKS - 1:
        return place + 1
    return place - 1 if (number + place) % 100 == 1 and place else place


@dataclass(frozen=True, slots=True)
class BusLoad:
    """CloudStack's event bus: what was recorded, again and again, between the lives of strangers.

    For each recorded record there are `strangers` about user VMs that are none of ours, made
    from what was recorded of one: its states, actions, jobs and what was billed. With them our
    machines are listed, and what has another key is none of ours.
    """

    rounds: int
    strangers: int = 0

    @property
    def count(self) -> int:
        """How many records there are."""
        return self.rounds * len(_recorded()) * (self.strangers + 1)

    @property
    def incidents(self) -> int:
        """How many hints are in it; with strangers only those about ours, or no machine at all."""
        found, keys = _hints(), self.ours
        if self.strangers:
            found = [
                one
                for one in found
                if {one.target_id.encode(), one.target_name.encode()} & keys
                or one.target_type not in _KEYED
            ]
        return self.rounds * len(found)

    @property
    def ours(self) -> frozenset[bytes]:
        """The ids and names of the ILB VMs and routers that were recorded."""
        jobs = (value for _, value in _recorded() if "jobId" in value)
        actions = (value for _, value in _recorded() if "entity" in value)
        told = [one for one in _hints() if one.target_type in _OUR_TYPES]
        named = {
            *(one.get("instanceUuid") for one in jobs if one["instanceType"] in _OURS),
            *(one.get("entityuuid") for one in actions if one["entity"] in _OURS),
            *(text for one in told for text in (one.target_id, one.target_name)),
        }
        return frozenset(str(one).encode() for one in named if one)

    def records(self) -> Iterator[Sent]:
        """Return the records in the order in which they are sent, each a second after the other."""
        rows, lives = _recorded(), self._lives()
        begins = int(time.time()) - self.rounds * len(rows)
        for _ in range(self.rounds):
            for place, (key, value) in enumerate(rows):
                begins += 1
                at = time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime(begins))
                said = value | {"eventDateTime": at} if "eventDateTime" in value else value
                sent = json.dumps(said).encode()
                yield place % PARTITIONS, None if key is None else key.encode(), sent
                for _of_it in range(self.strangers):
                    stranger, key_of_it, value_of_it = next(lives)
                    yield stranger % PARTITIONS, key_of_it, value_of_it

    def _lives(self) -> Iterator[tuple[int, bytes, bytes]]:
        told = _life_of_a_user_vm()
        at = time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime())
        while True:
            for number in range(STRANGERS):
                other = stranger_id(number)
                for text in told:
                    said = text.replace("{id}", other).replace("{at}", at)
                    yield number, other.encode(), said.encode()


def _recorded() -> list[tuple[str | None, dict[str, object]]]:
    lines = [
        json.loads(line)
        for name in RECORDINGS
        for line in (WIRE / name).read_text("utf-8").splitlines()[1:]
    ]
    return [(line["key"], line["value"]) for line in lines]


def _hints() -> list[Observation]:
    read = (observe(classify(key, msgspec.convert(value, Fields))) for key, value in _recorded())
    return [one for one in read if one is not None]


def _life_of_a_user_vm() -> list[str]:
    """Return what was recorded of one user VM, with `{id}` and `{at}` in place of its own."""
    rows = _recorded()
    one = next(
        key
        for key, value in rows
        if key and value.get("instanceType") == "VirtualMachine" and "jobId" in value
    )
    return [
        json.dumps(value | ({"eventDateTime": "{at}"} if "eventDateTime" in value else {})).replace(
            one, "{id}"
        )
        for key, value in rows
        if key == one
    ]


def percentiles(seconds: list[float]) -> Percentiles:
    """Return them in ms."""
    ordered = sorted(seconds)
    at = [ordered[int(len(ordered) * share)] * 1e3 for share in (0.5, 0.99)]
    return at[0], at[1], ordered[-1] * 1e3
