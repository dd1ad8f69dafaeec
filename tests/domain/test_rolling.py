"""The way over a temporary twin: which names are moved there and back, and how long that takes."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.names import Record
from bot.domain.rolling import detour
from tests.domain.crowds import ZONE, crowd, one
from tests.domain.views import VIP


def test_a_name_that_is_not_published_is_not_published_by_the_way() -> None:
    seen = crowd(one(80, "web"), one(82, "api"))
    web = Record(f"web.{ZONE}", (VIP,), 5)
    found = detour(replace(seen, records=(Record(f"api.{ZONE}"), web)))
    twin_vip = found.twin.twin_vip
    assert [(move.before, move.after) for move in found.out] == [
        (web, web.with_addresses(twin_vip))
    ]
    assert [move.after for move in found.back] == [web]


def test_a_name_that_is_remembered_for_long_is_said_where_it_is_moved() -> None:
    seen = crowd(one(80, "web"), one(82, "api"))
    slow, fast = Record(f"web.{ZONE}", (VIP,), 7200), Record(f"api.{ZONE}", (VIP,), 60)
    seen = replace(seen, records=(fast, slow))
    assert seen.slow([slow.name, fast.name]) == (
        f"The TTL of {slow.name} is 2 h 0 min: each move of it waits as long, "
        "and so does its way back.",
    )
    assert seen.slow([fast.name]) == ()
