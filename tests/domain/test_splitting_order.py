"""In which order a split happens: none but the planner's leaves every client with an answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import permutations

import pytest
from hypothesis import given

from bot.domain.service_view import ServiceView
from bot.domain.splitting import Do, Splitting, Stage, Wanted, splitting, stages
from bot.domain.units import units_of
from tests.domain.crowds import crowd, divided, one
from tests.domain.orders import UNBUILT, UNMOVED, UNPROVEN, UNREMEMBERED, Wrong, in_wrong_order
from tests.domain.views import VIP


class RefusedClients(Exception):
    """Somebody was sent where nobody answers."""


@dataclass
class Model:
    """Clients of names and of the bare address, rules by place, and what was proven; not ours.

    `used` are the addresses that clients of a name may still use: what they looked up before stays
    with them until they are seen to be gone.
    """

    rules: set[tuple[str, int]]
    ports: dict[str, set[int]]
    bare: set[int]
    led: dict[str, str] = field(default_factory=dict)
    used: dict[str, set[str]] = field(default_factory=dict)
    proven: set[str] = field(default_factory=lambda: {VIP})

    def take(self, stage: Stage, found: Splitting) -> None:
        """Do one stage, and see that every client is still answered."""
        passage = stage.passage
        match stage.do:
            case Do.BUILD:
                self.rules |= {(b.vip, b.port) for p in found.of(stage.vip) for b in p.builds}
            case Do.PROVE:
                if {(b.vip, b.port) for p in found.of(stage.vip) for b in p.builds} <= self.rules:
                    self.proven.add(stage.vip)
            case Do.PUBLISH:
                assert passage is not None
                for move in passage.moves:
                    [self.led[move.after.name]] = move.after.addresses
                    self.used[move.after.name] |= set(move.after.addresses)
            case Do.QUIET:
                assert passage is not None
                for move in passage.moves:
                    self.used[move.after.name] = {self.led[move.after.name]}
            case Do.REMOVE:
                assert passage is not None
                self.rules -= {(r.vip, r.port) for r in passage.removes}
        self.look()

    def look(self) -> None:
        """Raise where a client meets nobody."""
        for name, addresses in self.used.items():
            for address in addresses:
                if address not in self.proven:
                    raise RefusedClients(f"{name} leads to {address}, which was not proven")
                for port in self.ports[name]:
                    self.answers(address, port)
        for port in self.bare:
            self.answers(VIP, port)
        if not any(vip == VIP for vip, _ in self.rules):
            raise RefusedClients("the original lost its last rule, and so its machine")

    def answers(self, address: str, port: int) -> None:
        """Raise where no rule is on a place."""
        if (address, port) not in self.rules:
            raise RefusedClients(f"nobody answers at {address}:{port}")


def model_of(seen: ServiceView) -> Model:
    ports: dict[str, set[int]] = {}
    bare = set()
    for rule in seen.ilb.rules:
        name = dict(rule.tags).get("ilbot.name", "")
        if name and seen.record(name).addresses == (VIP,):
            ports.setdefault(name, set()).add(rule.source_port)
        else:
            bare.add(rule.source_port)
    made = {(VIP, rule.source_port) for rule in seen.ilb.rules}
    names = dict.fromkeys(ports, VIP)
    return Model(made, ports, bare, names, {name: {VIP} for name in names})


def carried_out(seen: ServiceView, found: Splitting, order: Iterable[Stage]) -> Model:
    world = model_of(seen)
    for stage in order:
        world.take(stage, found)
    return world


@given(divided())
def test_no_client_is_ever_sent_where_nobody_answers(case: tuple[ServiceView, Splitting]) -> None:
    seen, found = case
    world = carried_out(seen, found, stages(found))
    ports = sorted(rule.source_port for rule in seen.ilb.rules)
    assert sorted(port for _, port in world.rules) == ports, "a port is served once"
    for name, address in world.led.items():
        assert all((address, port) in world.rules for port in world.ports[name])
    for part in found.parts:
        mine = {port for u in units_of(seen) if u.label in part.labels for port in u.ports}
        assert {port for vip, port in world.rules if vip == part.vip} == mine


@given(divided())
def test_all_is_built_and_proven_before_one_name_after_the_other_moves(
    case: tuple[ServiceView, Splitting],
) -> None:
    _, found = case
    order, count = stages(found), len(found.vips)
    before, rest = order[: 2 * count], order[2 * count :]
    assert [one.do for one in before] == [Do.BUILD] * count + [Do.PROVE] * count
    assert [one.vip for one in before] == [*found.vips, *found.vips]
    acts = [(one.do, one.passage) for one in rest]
    assert acts == [
        (do, each) for each in found.passages for do in (Do.PUBLISH, Do.QUIET, Do.REMOVE)
    ]


@given(divided())
def test_the_original_keeps_a_rule_that_is_never_touched(
    case: tuple[ServiceView, Splitting],
) -> None:
    """So nothing has to hold its VIP meanwhile: CloudStack destroys it with its last rule."""
    seen, found = case
    gone = {change.port for each in found.passages for change in each.removes}
    assert {rule.source_port for rule in seen.ilb.rules} - gone
    assert {change.vip for each in found.passages for change in each.removes} <= {VIP}
    assert VIP not in {change.vip for each in found.passages for change in each.builds}


def test_of_all_orders_only_the_planned_one_refuses_nobody() -> None:
    seen = crowd(one(80, "web", 70), one(8080, "api", 20))
    found = splitting(seen, Wanted())
    assert [
        order for order in permutations(stages(found)) if refuses_nobody(seen, found, order)
    ] == [stages(found)]


def refuses_nobody(seen: ServiceView, found: Splitting, order: Iterable[Stage]) -> bool:
    try:
        carried_out(seen, found, order)
    except RefusedClients:
        return False
    return True


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (UNREMEMBERED, "nobody answers"),
        (UNMOVED, "nobody answers"),
        (UNPROVEN, "was not proven"),
        (UNBUILT, "was not proven"),
    ],
)
def test_the_model_refuses_clients_in_every_wrong_order(wrong: Wrong, complaint: str) -> None:
    seen = crowd(one(80, "web", 70), one(8080, "api", 20), one(9090, "admin", 10))
    found = splitting(seen, Wanted())
    with pytest.raises(RefusedClients, match=complaint):
        carried_out(seen, found, in_wrong_order(found, wrong))
