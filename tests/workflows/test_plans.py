"""What holds for every plan of every runbook, whatever the cloud shows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bot.domain.cloud import VmState
from bot.domain.export import spec_of
from bot.domain.ilb_acts import ilb_answers
from bot.domain.offerings import ILB_TYPE
from bot.domain.operation import Wish
from bot.domain.plan import NothingToDo, Plan
from bot.domain.site import Site
from bot.domain.spec import Spec
from bot.domain.topology import target_of
from bot.domain.view import View
from bot.domain.zone import Offering
from bot.errors import Refused
from bot.services.runbooks import Runbook
from bot.services.spec_text import spec_text
from tests.domain.sites import sites, specs
from tests.domain.views import (
    HTTP,
    MEMBERS,
    NEIGHBOUR,
    TIER,
    VM,
    any_view,
    event,
    plannable_view,
    service,
    view,
)
from tests.workflows.harness import RUNBOOKS

LARGE = Offering("o-9", "ILB large", ILB_TYPE, 2, 1000, 1024)
SHOWN: dict[str, Callable[[View], Any]] = {
    "roll": service,
    "recover": lambda seen: seen,
    "resize": lambda seen: service(seen, offerings=(LARGE,)),
}
"""How each runbook for ILBs is shown one ILB."""
OF_ILBS = {name: RUNBOOKS[name] for name in SHOWN}
every_runbook = pytest.mark.parametrize("runbook", OF_ILBS.values(), ids=OF_ILBS)
wishes = st.sampled_from([(), (("restart", "True"),), (("version", "4.22.0"),)])
Change = Callable[[View], View]


def planned(runbook: Runbook[Any], seen: View, wish: Wish) -> Plan | NothingToDo | str:
    """Return what the planner says; a refusal as its text."""
    if runbook.name == "resize":
        wish = replace(wish, parameters=(*wish.parameters, ("offering", LARGE.id)))
    try:
        return runbook.plan(SHOWN[runbook.name](seen), wish)
    except Refused as no:
        return str(no)


def with_vm(**changes: str) -> Change:
    def change(seen: View) -> View:
        assert seen.vm is not None
        vm = replace(seen.vm, **changes)  # type: ignore[arg-type]  # only texts are given
        return replace(seen, vm=vm, tier_vms=(vm, *seen.tier_vms[1:]))

    return change


def with_rules(**changes: object) -> Change:
    return lambda seen: replace(
        seen,
        tier_rules=(replace(HTTP, **changes), *seen.tier_rules[1:]),  # type: ignore[arg-type]
    )


CHANGED_FACTS: dict[str, Change] = {
    "another machine": with_vm(id="m-9"),
    "another name": with_vm(name="b-99-VM"),
    "another version": with_vm(version="4.19.0"),
    "another template": with_vm(template_id="tpl-9"),
    "another offering": with_vm(offering_id="o-9"),
    "another minimum version": lambda seen: replace(seen, minimum_version="4.21.0"),
    "a member left": with_rules(members=MEMBERS[:1]),
    "a rule went to another port": with_rules(source_port=81),
    "a rule is another one": with_rules(id="r-9"),
    "a rule came": lambda seen: replace(
        seen, tier_rules=(*seen.tier_rules, replace(HTTP, id="r-9", source_port=99))
    ),
    "it was moved since": lambda seen: replace(
        seen, events=(event("INTERNALLBVM.START", 1), *seen.events)
    ),
}
CHANGED_COSTS: dict[str, Change] = {
    "time passed": lambda seen: replace(seen, read_at=seen.read_at + 60),
    "we measured an outage": lambda seen: replace(seen, own_outages_s=(12.0,)),
    "an old event is gone": lambda seen: replace(seen, events=seen.events[:1]),
    "it was migrated": with_vm(host_id="h-9", host_name="kvm-9"),
    "rules are listed in another order": lambda seen: replace(
        seen, tier_rules=seen.tier_rules[::-1]
    ),
    "machines are listed in another order": lambda seen: replace(
        seen, tier_vms=seen.tier_vms[::-1]
    ),
}


def neighbour_stopped(seen: View) -> View:
    stopped = replace(NEIGHBOUR, state=VmState.STOPPED)
    return replace(seen, tier_vms=(seen.tier_vms[0], stopped, *seen.tier_vms[2:]))


THIRD = replace(NEIGHBOUR, id="m-3", name="b-33-VM", vip="10.20.1.12")
EVENTS = (event("VM.STOP", 60), event("INTERNALLBVM.START", 900))
PLANNABLE = {
    "roll": view(events=EVENTS, tier_vms=(VM, NEIGHBOUR, THIRD)),
    "recover": view(state=VmState.STOPPED, events=EVENTS),
    "resize": view(events=EVENTS, tier_vms=(VM, NEIGHBOUR, THIRD)),
}


@every_runbook
@given(seen=any_view(), parameters=wishes)
def test_planning_is_a_function_of_the_view(
    runbook: Runbook[Any], seen: View, parameters: tuple[tuple[str, str], ...]
) -> None:
    wish = Wish(runbook.name, VM.name, parameters)
    assert planned(runbook, seen, wish) == planned(runbook, replace(seen), wish)


@every_runbook
@given(seen=any_view(), state=st.sampled_from(["Allocated", "Shutdown", "Implementing", ""]))
@example(seen=view(), state="Allocated")
@example(seen=view(state=VmState.STOPPED), state="Shutdown")
def test_nothing_is_planned_in_a_tier_that_is_not_implemented(
    runbook: Runbook[Any], seen: View, state: str
) -> None:
    idle = replace(seen, tier=replace(TIER, state=state))
    assert not isinstance(planned(runbook, idle, Wish(runbook.name, VM.name)), Plan)


@given(sites(), specs(), st.booleans(), st.sampled_from(["Allocated", "Shutdown"]))
def test_nothing_is_provisioned_in_a_tier_that_is_not_implemented(
    site: Site, spec: Spec, has_its_rules: bool, state: str
) -> None:
    idle = replace(site, tier=replace(site.tier, state=state))
    with suppress(Refused):
        asked = replace(spec_of(idle), acl=spec.acl) if has_its_rules else spec
        parameters = (("spec", spec_text(asked)), ("overwrite", "True"))
        found = RUNBOOKS["provision"].plan_for(idle, Wish("provision", TIER.name, parameters))
        assert isinstance(found, NothingToDo)


@every_runbook
@given(seen=any_view())
@example(seen=view())
@example(seen=view(state=VmState.STOPPED))
def test_nothing_is_planned_on_what_we_are_at_work_on(runbook: Runbook[Any], seen: View) -> None:
    busy = replace(seen, busy_with="261122-224013-k3fz")
    assert not isinstance(planned(runbook, busy, Wish(runbook.name, VM.name)), Plan)


@every_runbook
@given(data=st.data(), parameters=wishes)
def test_no_plan_does_what_the_topology_forbids(
    runbook: Runbook[Any], data: st.DataObject, parameters: tuple[tuple[str, str], ...]
) -> None:
    seen = data.draw(any_view() | plannable_view(runbook.name))
    found = planned(runbook, seen, Wish(runbook.name, VM.name, parameters))
    if not isinstance(found, Plan):
        return  # no act at all
    answers = {answer.act: answer for answer in ilb_answers(target_of(seen))}
    acts = runbook.acts(found)
    assert acts
    assert [answers[act] for act in acts if not answers[act].can] == []
    assert seen.tier.is_implemented
    assert not seen.recreate_checks


@every_runbook
def test_a_planner_that_forgets_the_topology_is_held_back(runbook: Runbook[Any]) -> None:
    found = planned(runbook, PLANNABLE[runbook.name], Wish(runbook.name, VM.name))
    assert isinstance(found, Plan)
    careless = replace(runbook, plan=lambda seen, wish: found)
    idle = replace(PLANNABLE[runbook.name], tier=replace(TIER, state="Allocated"))
    with pytest.raises(Refused, match="can hang it for good"):
        careless.plan_for(SHOWN[runbook.name](idle), Wish(runbook.name, VM.name))


@every_runbook
@given(data=st.data(), parameters=wishes)
def test_a_plan_carried_out_leaves_nothing_to_do(
    runbook: Runbook[Any], data: st.DataObject, parameters: tuple[tuple[str, str], ...]
) -> None:
    seen = data.draw(plannable_view(runbook.name))
    found = planned(runbook, seen, Wish(runbook.name, VM.name, parameters))
    assume(isinstance(found, Plan))
    assert isinstance(found, Plan)
    version = found.parameter("version") or (seen.vm or VM).version
    vm = replace(seen.vm or VM, state=VmState.RUNNING, version=version)
    vm = replace(vm, offering_id=found.parameter("offering") or vm.offering_id)
    after = replace(seen, vm=vm, tier_vms=(vm, NEIGHBOUR))
    again = tuple(pair for pair in parameters if pair[0] != "restart")
    assert runbook.left_to_do(SHOWN[runbook.name](after), found) == ()
    assert runbook.unsafe(SHOWN[runbook.name](after), found) == ""
    wish = Wish(runbook.name, VM.name, (*again, ("version", version)))
    assert isinstance(planned(runbook, after, wish), NothingToDo)


@every_runbook
@given(data=st.data(), parameters=wishes)
def test_what_is_not_running_afterwards_is_told(
    runbook: Runbook[Any], data: st.DataObject, parameters: tuple[tuple[str, str], ...]
) -> None:
    seen = data.draw(plannable_view(runbook.name))
    found = planned(runbook, seen, Wish(runbook.name, VM.name, parameters))
    assume(isinstance(found, Plan))
    assert isinstance(found, Plan)
    vm = replace(seen.vm or VM, state=VmState.STOPPED)
    down = replace(seen, vm=vm, tier_vms=(vm, NEIGHBOUR))
    assert runbook.left_to_do(SHOWN[runbook.name](down), found)
    assert runbook.unsafe(SHOWN[runbook.name](down), found)


@every_runbook
@pytest.mark.parametrize("change", CHANGED_FACTS.values(), ids=CHANGED_FACTS)
def test_a_changed_fact_is_another_plan(runbook: Runbook[Any], change: Change) -> None:
    seen, wish = PLANNABLE[runbook.name], Wish(runbook.name, VM.name)
    before, after = planned(runbook, seen, wish), planned(runbook, change(seen), wish)
    assert isinstance(before, Plan)
    assert not isinstance(after, Plan) or after.fingerprint != before.fingerprint


def test_a_neighbour_that_stopped_is_another_plan_of_a_roll_and_none_of_a_repair() -> None:
    """Where several died at once, the repair of one must not make the plan for another stale."""
    same = []
    for name in ("roll", "recover"):
        seen, wish = PLANNABLE[name], Wish(name, VM.name)
        plans = [planned(RUNBOOKS[name], one, wish) for one in (seen, neighbour_stopped(seen))]
        before, after = (one for one in plans if isinstance(one, Plan))
        same.append(before.fingerprint == after.fingerprint)
    assert same == [False, True]


@every_runbook
@pytest.mark.parametrize("change", CHANGED_COSTS.values(), ids=CHANGED_COSTS)
def test_a_changed_cost_is_the_same_plan(runbook: Runbook[Any], change: Change) -> None:
    seen, wish = PLANNABLE[runbook.name], Wish(runbook.name, VM.name)
    before, after = planned(runbook, seen, wish), planned(runbook, change(seen), wish)
    assert isinstance(before, Plan)
    assert isinstance(after, Plan)
    assert after.fingerprint == before.fingerprint


@every_runbook
@given(data=st.data(), parameters=wishes)
def test_a_plan_names_its_target_its_cost_and_its_steps(
    runbook: Runbook[Any], data: st.DataObject, parameters: tuple[tuple[str, str], ...]
) -> None:
    seen = data.draw(plannable_view(runbook.name))
    found = planned(runbook, seen, Wish(runbook.name, VM.name, parameters))
    assume(isinstance(found, Plan))
    assert isinstance(found, Plan)
    assert seen.name in found.summary or seen.vip in found.summary
    assert found.exposure.evidence
    assert found.steps
    assert found.blast_radius[0].startswith(seen.vip)
    assert found.facts == SHOWN[runbook.name](seen).facts()
