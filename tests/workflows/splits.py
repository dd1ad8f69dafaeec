"""The scenarios of split that are swept."""

from __future__ import annotations

from tests.workflows.crowded import (
    APP,
    GRPC,
    NEW,
    VIP,
    VM,
    crowded,
    leads_to_what_answers,
    ports_at,
    published,
)
from tests.workflows.harness import House
from tests.workflows.sweep import Scenario


def is_split(home: House) -> bool:
    """Whether each of the two services is served where it was to go, and led there."""
    led = (published(home, APP), published(home, GRPC)) == ([VIP], [NEW])
    return led and (ports_at(home, VIP), ports_at(home, NEW)) == ([80], [9090])


SPLIT = Scenario(
    "split an ILB", "split", VM, crowded, is_split, leads_to_what_answers,
    (("weights", "app:3,grpc:1"),), watched=True,
)  # fmt: skip
