"""What a view says of an ILB: its facts, its names, its neighbours, its newest move."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.plan import Fact
from bot.domain.view import View, rules_digest
from tests.domain.views import HTTP, HTTPS, MEMBERS, NEIGHBOUR, VM, any_view, event, view


def test_its_rules_are_those_of_its_vip_by_port() -> None:
    assert view().rules == (HTTP, HTTPS)
    assert view().services() == "10.20.1.10 ports 80, 443"


def test_one_port_is_a_port_and_none_is_told() -> None:
    assert view(tier_rules=(HTTP,)).services() == "10.20.1.10 port 80"
    assert view(tier_rules=()).services() == "10.20.1.10 (no visible rule)"


def test_a_missing_machine_is_named_by_its_address() -> None:
    missing = view(vm=None)
    assert (missing.name, missing.state) == ("the ILB at 10.20.1.10", "missing")
    assert (missing.target.kind, missing.target.id) == ("ilb", "t-1/10.20.1.10")
    assert Fact("ILB VM", "none") in missing.facts()


def test_its_lane_is_its_vpc() -> None:
    assert view().target.lane == "vpc:v-1"


def test_the_newest_move_skips_what_moves_nothing_and_what_failed() -> None:
    stop = event("INTERNALLBVM.STOP", 60)
    events = (event("ROUTER.HEALTH.CHECKS", 10), event("VM.START", 20, level="ERROR"), stop)
    assert view(events=events).last_move == stop


@given(st.permutations([HTTP, HTTPS]), st.permutations(MEMBERS))
def test_the_order_of_rules_and_members_is_no_fact(rules: list, members: list) -> None:  # type: ignore[type-arg]  # hypothesis infers them
    shuffled = tuple(replace(rule, members=tuple(members)) for rule in rules)
    assert rules_digest(shuffled) == rules_digest((HTTP, HTTPS))


def test_every_detail_of_a_rule_is_a_fact() -> None:
    same = rules_digest((HTTP,))
    for changed in (
        replace(HTTP, id="r-9"),
        replace(HTTP, source_port=81),
        replace(HTTP, member_port=81),
        replace(HTTP, algorithm="source"),
        replace(HTTP, state="Add"),
        replace(HTTP, members=MEMBERS[:1]),
        replace(HTTP, members=(replace(MEMBERS[0], address="10.20.1.99"), MEMBERS[1])),
    ):
        assert rules_digest((changed,)) != same


def test_the_order_of_neighbours_is_no_news() -> None:
    third = replace(NEIGHBOUR, id="m-3", name="b-33-VM", vip="10.20.1.12")
    one = view(tier_vms=(VM, NEIGHBOUR, third)).neighbours()
    other = view(tier_vms=(third, VM, NEIGHBOUR)).neighbours()
    assert one == other == ("b-32-VM (10.20.1.11, Running)", "b-33-VM (10.20.1.12, Running)")


@given(any_view())
def test_facts_have_one_name_each_and_are_texts(seen: View) -> None:
    facts = seen.facts()
    assert len({fact.name for fact in facts}) == len(facts)
    assert all(isinstance(fact.value, str) for fact in facts)
