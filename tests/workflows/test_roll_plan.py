"""What roll plans from a view alone: which version, from where, and what it warns of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.cloud import Template
from bot.domain.operation import Wish
from bot.domain.plan import NothingToDo, Plan
from bot.domain.view import View
from bot.errors import Refused
from tests.domain.views import VM, service, view
from workflows.roll import plan

WISH = Wish("roll", "b-31-VM")


def the_plan(seen: View, **parameters: str) -> Plan:
    found = plan(service(seen), Wish("roll", "b-31-VM", tuple(parameters.items())))
    assert isinstance(found, Plan)
    return found


def refusal(seen: View, **parameters: str) -> str:
    with pytest.raises(Refused) as no:
        plan(service(seen), Wish("roll", "b-31-VM", tuple(parameters.items())))
    return str(no.value)


def with_template(name: str) -> View:
    return view(vm=replace(VM, template_name=name))


def test_it_goes_to_the_minimum_version_of_the_zone() -> None:
    found = the_plan(view())
    assert (found.parameter("version"), found.parameter("version from")) == (
        "4.22.0",
        "setting minreq.sysvmtemplate.version of its zone",
    )


def test_it_goes_further_where_its_template_is_newer_than_the_minimum() -> None:
    found = the_plan(view(minimum_version="4.19.0"))
    assert (found.parameter("version"), found.parameter("version from")) == (
        "4.22.0",
        "its template systemvm-kvm-4.22.0-x86_64",
    )


def test_where_nothing_says_which_version_it_must_be_named() -> None:
    seen = view(minimum_version="")
    assert refusal(seen) == (
        "CloudStack does not say which template version to reach. Name it: `version=4.22.0`."
    )
    assert the_plan(seen, version="4.22.0").parameter("version from") == "asked for"


@pytest.mark.parametrize("spelled", ["4.22", "4.22.0", "4.22.0.0"])
def test_any_spelling_of_the_version_it_reports_is_nothing_to_do(spelled: str) -> None:
    seen = view(vm=replace(VM, version="4.22.0"))
    found = plan(service(seen), Wish("roll", "b-31-VM", (("version", spelled),)))
    assert isinstance(found, NothingToDo)


def test_a_template_that_is_not_ready_is_waited_for() -> None:
    seen = view(templates=(Template(VM.template_id, VM.template_name, False),))
    assert refusal(seen) == (
        "Template systemvm-kvm-4.22.0-x86_64 is not ready in this zone. Until it is."
    )


def test_a_template_that_names_no_version_is_tried_with_a_warning() -> None:
    assert the_plan(with_template("systemvm-custom")).warnings == (
        "Requests in flight and open connections through it are cut.",
        "Its traffic cannot be moved meanwhile: no directory is set, so no name can be moved.",
        "Template systemvm-custom names no version: whether it brings the wanted one shows only "
        "afterwards.",
    )


def test_no_visible_rule_is_not_nothing() -> None:
    assert the_plan(view(tier_rules=())).warnings[1] == (
        "No rule is visible on it: what it carries is unknown, not nothing."
    )


def test_its_steps_name_the_undo_and_the_point_of_no_return() -> None:
    steps = the_plan(view()).steps
    assert [(step.text, bool(step.undo), step.no_return) for step in steps] == [
        ("Stop b-31-VM", True, False),
        ("Start b-31-VM from template systemvm-kvm-4.22.0-x86_64", False, True),
        ("Check that it reports version 4.22.0 and has its rules", False, False),
    ]


def test_a_version_never_reported_is_rolled_from_unknown() -> None:
    seen = view(vm=replace(VM, version=""))
    assert the_plan(seen).summary == "Roll b-31-VM from version unknown to 4.22.0"
