"""Whatever a tier has and whatever is wanted of it: what the comparison may and may never say."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import pytest
from hypothesis import assume, given

from bot.domain.cloud import LbRule
from bot.domain.comparison import Comparison, RuleChange, Verdict
from bot.domain.export import spec_of
from bot.domain.reconcile import compare
from bot.domain.rule_state import is_keeper, state_of
from bot.domain.site import Site
from bot.domain.spec import NAME_TAG, SERVICE_TAG, TWIN_TAG, IlbSpec, RuleSpec, ServiceSpec, Spec
from bot.errors import Refused
from tests.domain.sites import TIER, VMS, after, sites, specs
from tests.examples import at_most


def compared(site: Site, spec: Spec, *, overwrite: bool = False) -> Comparison:
    """Compare; examples that are refused say nothing here."""
    try:
        return compare(site, spec, overwrite=overwrite)
    except Refused:
        assume(False)
        raise


@at_most(40)
@given(sites(), specs())
def test_when_all_changes_are_made_nothing_is_left_to_do(site: Site, spec: Spec) -> None:
    found = compared(site, spec, overwrite=True)
    done = reduce(after, found.rules, site)
    again = compare(done, spec)
    assert [one for one in again.differences if one.is_change and "ACL" not in one.what] == []


@at_most(40)
@given(sites(), specs())
def test_half_of_the_changes_leave_just_the_other_half(site: Site, spec: Spec) -> None:
    found = compared(site, spec, overwrite=True)
    half = len(found.rules) // 2
    done = reduce(after, found.rules[:half], site)
    left = compare(done, spec, overwrite=True)
    assert {(one.vip, one.port) for one in left.rules} == {
        (one.vip, one.port) for one in found.rules[half:]
    }


@at_most(40)
@given(sites(), specs())
def test_a_vip_that_has_a_rule_is_never_without_one_on_the_way(site: Site, spec: Spec) -> None:
    found = compared(site, spec, overwrite=True)
    for change in found.rules:
        others = {r.source_port for r in site.rules_on(change.vip)} - {change.port}
        goes_away = change.after is None or change.is_replaced or _is_recreated(change)
        was_there = site.rule_at(change.vip, change.port) is not None
        if goes_away and was_there:
            assert others or change.keeper, "the last rule would be deleted"
        site = after(site, change)


def _is_recreated(change: RuleChange) -> bool:
    return change.is_broken and change.before is None


@at_most(40)
@given(sites(), specs())
def test_a_keeper_takes_a_port_that_nobody_has_or_wants(site: Site, spec: Spec) -> None:
    for change in compared(site, spec, overwrite=True).rules:
        wanted = {one.port for ilb in spec.ilbs for s in ilb.services for one in s.rules}
        there = {rule.source_port for rule in site.rules_on(change.vip)}
        assert change.keeper not in there | wanted | {site.stats_port}


@at_most(40)
@given(sites(), specs())
def test_what_ilbot_did_not_set_is_not_touched_unless_that_is_said(site: Site, spec: Spec) -> None:
    for change in compared(site, spec).rules:
        rule = site.rule_at(change.vip, change.port)
        if rule is None or change.is_broken or is_keeper(rule) or change.after is None:
            continue
        assert state_of(rule, site.stickiness_of(rule)).is_ours


@at_most(40)
@given(sites(), specs())
def test_a_rule_that_the_spec_does_not_name_is_left_alone(site: Site, spec: Spec) -> None:
    vips = {ilb.vip for ilb in spec.ilbs}
    assume("" not in vips)
    named = {(ilb.vip, one.port) for ilb in spec.ilbs for s in ilb.services for one in s.rules}
    for change in compared(site, spec, overwrite=True).rules:
        rule = site.rule_at(change.vip, change.port)
        assert (change.vip, change.port) in named or (rule is not None and is_keeper(rule))


@at_most(40)
@given(sites(), specs())
def test_a_change_says_what_it_is_from_and_a_line_tells_it(site: Site, spec: Spec) -> None:
    found = compared(site, spec, overwrite=True)
    told = {one.what for one in found.differences if one.is_change}
    assert {f"{one.vip}:{one.port}" for one in found.rules} <= told
    assert all(one.before != one.after for one in found.rules)


@at_most(40)
@given(sites(broken=False))
def test_a_spec_of_what_is_there_finds_nothing_to_do(site: Site) -> None:
    said = {(rule.vip, rule.source_port) for rule in site.rules} - _unsaid(site)
    if not said:
        with pytest.raises(Refused, match=r"wri(te|tten) down"):
            spec_of(site)
        return
    found = compare(site, spec_of(site))
    assert found.is_empty, [one.text for one in found.differences]
    assert not found.of(Verdict.DRIFT)


def _unsaid(site: Site) -> set[tuple[str, int]]:
    """What no spec can ask for: HAProxy lacks it, CloudStack takes it, or it names nothing."""
    odd = {
        id_
        for id_, one in site.stickiness
        if one.method == "AppCookie" or "holdtime" in dict(one.parameters)
    }
    return {
        (rule.vip, rule.source_port)
        for rule in site.rules
        if rule.id in odd or dict(rule.tags).get(NAME_TAG) == "no name"
    }


@at_most(40)
@given(sites())
def test_a_spec_of_something_half_done_is_refused(site: Site) -> None:
    assume(any(rule.is_half_done or is_keeper(rule) for rule in site.rules))
    with pytest.raises(Refused, match="Half done"):
        spec_of(site)


def test_a_tier_with_public_load_balancing_is_refused() -> None:
    public = Site(0.0, replace(TIER, lb_provider="VpcVirtualRouter"), (TIER,), ())
    spec = Spec("shop/app-tier", (IlbSpec((ServiceSpec((RuleSpec(80, 80),), "web"),)),))
    with pytest.raises(Refused, match="never both") as refusal:
        compare(public, spec)
    assert refusal.value.instead == "A tier of its own with internal load balancing."


def test_what_is_added_to_a_twin_points_to_its_twin() -> None:
    tagged = LbRule(
        "r-1", "web", TIER.id, "10.20.1.10", 80, 80, "roundrobin", "Active", (),
        tags=((TWIN_TAG, "10.20.1.11"),),
    )  # fmt: skip
    site = Site(0.0, TIER, (TIER,), (tagged,), machines=VMS)
    both = (RuleSpec(80, 80), RuleSpec(81, 81))
    found = compared(site, Spec("t", (IlbSpec((ServiceSpec(both),), "10.20.1.10"),)))
    [added] = found.rules
    assert added.after is not None
    assert (added.port, dict(added.after.tags)[TWIN_TAG]) == (81, "10.20.1.11")


FREE = "10.20.1.2"
BARE = Site(0.0, TIER, (TIER,), ())


def ilb(name: str, vip: str = "") -> IlbSpec:
    return IlbSpec((ServiceSpec((RuleSpec(80, 80),), name),), vip)


@pytest.mark.parametrize("turned", [False, True])
def test_the_next_free_address_is_none_that_the_spec_gives_to_another_ilb(turned: bool) -> None:
    ilbs = (ilb("orders"), ilb("users", FREE))
    found = compare(BARE, Spec("shop/app-tier", ilbs[::-1] if turned else ilbs))
    assert {change.vip for change in found.rules} == {FREE, "10.20.1.3"}


@pytest.mark.parametrize("vip", ["", FREE])
def test_two_ilbs_of_a_spec_never_get_the_same_address(vip: str) -> None:
    there = tuple(
        LbRule(name, name, TIER.id, FREE, port, port, "source", "Add", (), ((SERVICE_TAG, name),))
        for port, name in enumerate(("orders", "users"), 90)
    )
    spec = Spec("shop/app-tier", (ilb("orders", vip), ilb("users")))
    with pytest.raises(Refused, match=r"10\.20\.1\.2 .* serves users") as refusal:
        compare(replace(BARE, rules=there), spec)
    assert "as one ILB" in refusal.value.instead
