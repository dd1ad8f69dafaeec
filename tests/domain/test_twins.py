"""Whatever an ILB and its twin have: what makes them equal, and what takes one away again."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.domain.comparison import RuleChange
from bot.domain.names import DirectoryKind, Record
from bot.domain.rule_state import state_of
from bot.domain.service_view import ServiceView
from bot.domain.site import Site
from bot.domain.spec import NAME_TAG, TWIN_TAG
from bot.domain.twins import Pairing, pairing, parting
from bot.domain.view import View
from bot.domain.zone import Offering
from bot.errors import Refused
from tests.domain.sites import TIER, VIPS, VMS, after, sites
from tests.domain.views import HTTP, VM

VIP, TWIN = VIPS
NAME = "orders-0.shop.internal"


def service(site: Site, *records: Record, **given: object) -> ServiceView:
    """The ILB at `VIP` with whatever is at `TWIN`, as twins are looked at."""
    vms = {vm.vip: vm for vm in site.vms}
    view = View(0.0, site.tier, VIP, vms.get(VIP), site.vms, site.rules)
    twin = replace(view, vip=TWIN, vm=vms.get(TWIN)) if site.rules_on(TWIN) else None
    seen = ServiceView(view, site, twin, directory=DirectoryKind.RFC2136, records=records)
    return replace(seen, **given)  # type: ignore[arg-type]  # a test's short cut


def carried_out(site: Site, found: Pairing) -> Site:
    return reduce(after, (*found.changes, *found.marks), site)


def traffic(site: Site, vip: str) -> list[tuple[object, ...]]:
    """What the rules of a VIP do with traffic, whatever they are called."""
    states = [
        (rule.source_port, state_of(rule, site.stickiness_of(rule))) for rule in site.rules_on(vip)
    ]
    return [(port, s.to, s.algorithm, s.members, s.stickiness) for port, s in states]


@given(sites(broken=False))
def test_twins_that_were_made_equal_are_equal(site: Site) -> None:
    assume(site.rules_on(VIP))
    made = carried_out(site, pairing(service(site), TWIN))
    assert traffic(made, TWIN) == traffic(made, VIP)
    again = pairing(service(made), TWIN)
    assert (again.changes, again.marks) == ((), ())
    assert made.twin_of(VIP) == TWIN
    assert made.twin_of(TWIN) == VIP


@given(sites())
def test_a_twin_that_has_a_rule_is_never_without_one_on_the_way(site: Site) -> None:
    assume(site.rules_on(VIP))
    held = bool(site.rules_on(TWIN))
    for change in pairing(service(site), TWIN).changes:
        goes = change.after is None or change.is_replaced or change.before is None
        others = [one for one in site.rules_on(TWIN) if one.source_port != change.port]
        if held and goes and site.rule_at(TWIN, change.port):
            assert others or change.keeper
        site = after(site, change)
        held = held or bool(site.rules_on(TWIN))
        assert not held or site.rules_on(TWIN)


@given(sites(broken=False))
def test_the_one_that_is_named_keeps_what_it_does(site: Site) -> None:
    assume(site.rules_on(VIP))
    made = carried_out(site, pairing(service(site), TWIN))
    assert traffic(made, VIP) == traffic(site, VIP)


@given(sites(broken=False))
def test_parting_takes_back_what_pairing_did(site: Site) -> None:
    bare = replace(
        site,
        rules=tuple(
            replace(rule, tags=tuple(tag for tag in rule.tags if tag[0] != TWIN_TAG))
            for rule in site.rules
            if rule.vip == VIP
        ),
    )
    assume(bare.rules)
    made = carried_out(bare, pairing(service(bare), TWIN))
    found = parting(service(made))
    gone = [RuleChange(one.vip, one.port, None, None) for one in found.places]
    left = reduce(after, (*found.marks, *gone), made)
    assert {(r.vip, r.source_port, frozenset(r.tags)) for r in left.rules} == {
        (r.vip, r.source_port, frozenset(r.tags)) for r in bare.rules
    }


@given(sites(broken=False), st.sampled_from([(), (VIP,), (VIP, TWIN), (TWIN,)]))
def test_every_name_of_it_leads_to_both(site: Site, published: tuple[str, ...]) -> None:
    named = {dict(rule.tags).get(NAME_TAG, "") for rule in site.rules_on(VIP)} - {""}
    assume(named)
    records = tuple(Record(name, published, 5) for name in sorted(named))
    moves = pairing(service(site, *records), TWIN).moves
    after_moves = {move.after.name: move.after.addresses for move in moves}
    for record in records:
        assert after_moves.get(record.name, record.addresses) == (VIP, TWIN)
    assert all(move.before in records for move in moves)


def one_rule(tags: tuple[tuple[str, str], ...] = ((NAME_TAG, NAME),)) -> Site:
    rule = replace(HTTP, tier_id=TIER.id, tags=tags)
    return Site(0.0, TIER, (TIER,), (rule,), machines=VMS, vms=(VM,))


def test_a_name_that_leads_to_somebody_else_is_not_moved() -> None:
    elsewhere = Record(NAME, (VIP, "10.20.9.9"), 5)
    with pytest.raises(Refused, match=r"10\.20\.9\.9 is not this ILB") as refusal:
        pairing(service(one_rule(), elsewhere), TWIN)
    assert refusal.value.instead == "A name of its own for each service."


def test_a_given_name_goes_to_rules_without_one_and_is_published() -> None:
    found = pairing(service(one_rule(())), TWIN, name="new.shop.internal")
    [mark], [created], [move] = found.marks, found.changes, found.moves
    assert mark.after is not None
    assert created.after is not None
    for state in (mark.after, created.after):
        assert dict(state.tags)[NAME_TAG] == "new.shop.internal"
    assert (move.before.addresses, move.after.addresses) == ((), (VIP, TWIN))


def test_a_rule_that_has_a_name_keeps_it() -> None:
    found = pairing(service(one_rule(), Record(NAME, (VIP,), 5)), TWIN, name="new.shop.internal")
    assert [move.after.name for move in found.moves] == [NAME]
    assert all(dict(one.after.tags)[NAME_TAG] == NAME for one in found.changes if one.after)


def test_without_a_directory_no_name_is_moved() -> None:
    seen = service(one_rule(), directory=DirectoryKind.NONE)
    assert pairing(seen, TWIN).moves == ()


def test_a_twin_gets_the_offering_of_its_model_where_it_would_come_with_another() -> None:
    default = Offering("o-default", "default", "internalloadbalancervm", 1, 256, 512)
    seen = service(one_rule(), Record(NAME, (VIP,), 5), default_offering=default)
    assert pairing(seen, TWIN).offering_id == VM.offering_id
    same = replace(default, id=VM.offering_id)
    assert pairing(replace(seen, default_offering=same), TWIN).offering_id == ""
    assert pairing(replace(seen, default_offering=None), TWIN).offering_id == ""
