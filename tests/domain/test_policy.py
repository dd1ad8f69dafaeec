"""Who may what, and how far by itself: decisions of `bot.domain.policy`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.cloud import IlbVm, Tier, VmState
from bot.domain.operation import Mode, Source
from bot.domain.policy import (
    CAUTION,
    Allowed,
    Denied,
    IncidentKind,
    IncidentPolicy,
    Person,
    Policies,
    Power,
    Role,
    RunbookPolicy,
    Scope,
    Targets,
)

SHOP = Scope(frozenset({"tier-1", "vpc-1"}), "shop", "app-tier")
BANK = Scope(frozenset({"tier-2", "vpc-2"}), "bank", "app-tier")
EVERYWHERE = Targets(everything=True)
ONLY_SHOP = Targets(names=(("shop", "*"),))


def the_policies(**runbooks: RunbookPolicy) -> Policies:
    return Policies(
        version="v1",
        people=(
            Person("UANA", "Ana", frozenset({"requester"})),
            Person("UBRUNO", "Bruno", frozenset({"requester", "approver"})),
            Person("UCHEN", "Chen", frozenset({"approver"})),
            Person("UDORA", "Dora", frozenset()),
            Person("UELI", "Eli", frozenset({"admin"})),
        ),
        roles=(
            Role("requester", frozenset({Power.REQUEST}), frozenset({"roll"}), ONLY_SHOP),
            Role("approver", frozenset({Power.APPROVE}), frozenset({"*"}), EVERYWHERE),
            Role("admin", frozenset({Power.ADMIN}), frozenset({"*"}), EVERYWHERE),
        ),
        runbooks=runbooks,
    )


def test_a_role_allows_its_runbooks_on_its_targets() -> None:
    assert the_policies().may_request("UANA", "roll", SHOP) == Allowed("requester")


def test_a_role_ends_at_its_targets() -> None:
    denied = the_policies().may_request("UANA", "roll", BANK)
    assert denied == Denied("Ana may not ask for roll on bank/app-tier")


def test_a_role_ends_at_its_runbooks() -> None:
    assert isinstance(the_policies().may_request("UANA", "recover", SHOP), Denied)


def test_a_denial_names_the_people_who_may() -> None:
    denied = the_policies().may_request("UDORA", "roll", SHOP)
    assert str(denied) == "Dora may not ask for roll on shop/app-tier. Ana and Bruno may."


def test_an_unknown_person_may_nothing() -> None:
    policies = the_policies()
    for decision in (
        policies.may_request("UNOBODY", "roll", SHOP),
        policies.may_decide("UNOBODY", "UANA", "roll", SHOP),
        policies.may_administer("UNOBODY"),
        policies.may_request("", "roll", SHOP),
    ):
        assert isinstance(decision, Denied)
        assert "do not know" in decision.why


def test_nobody_decides_on_their_own_wish() -> None:
    denied = the_policies().may_decide("UBRUNO", "UBRUNO", "roll", SHOP)
    assert str(denied) == "Bruno asked for it, so somebody else decides. Chen may."


def test_an_approver_decides_on_the_wish_of_another() -> None:
    assert the_policies().may_decide("UBRUNO", "UANA", "roll", SHOP) == Allowed("approver")


def test_a_wish_of_no_person_may_be_decided_by_any_approver() -> None:
    assert the_policies().may_decide("UCHEN", "", "roll", SHOP) == Allowed("approver")


def test_one_who_may_ask_may_not_therefore_decide() -> None:
    denied = the_policies().may_decide("UANA", "UBRUNO", "roll", SHOP)
    assert isinstance(denied, Denied)
    assert denied.who_may == ("Chen",)


def test_a_runbook_may_name_the_role_that_decides() -> None:
    policies = the_policies(roll=RunbookPolicy("roll", Mode.APPROVE, approvers="admin"))
    assert isinstance(policies.may_decide("UCHEN", "UANA", "roll", SHOP), Denied)


def test_administration_needs_its_own_power() -> None:
    policies = the_policies()
    assert policies.may_administer("UELI") == Allowed("admin")
    denied = policies.may_administer("UCHEN")
    assert str(denied) == "Chen may not administer the bot. Eli may."


def test_no_policies_observe_and_know_nobody() -> None:
    fresh = Policies()
    assert fresh.mode_for("roll", Source.SLACK, SHOP) is Mode.OBSERVE
    assert fresh.for_incident(IncidentKind.ILB_STOPPED, SHOP) is None
    assert isinstance(fresh.may_request("UANA", "roll", SHOP), Denied)


@pytest.mark.parametrize("source", [Source.KAFKA, Source.POLL])
def test_what_no_person_asked_for_is_observed_unless_an_incident_says_more(source: Source) -> None:
    policies = the_policies(roll=RunbookPolicy("roll", Mode.APPROVE))
    assert policies.mode_for("roll", source, SHOP) is Mode.OBSERVE
    assert policies.mode_for("roll", Source.SLACK, SHOP) is Mode.APPROVE


AUTOMATIC = RunbookPolicy(
    "recover", Mode.AUTOMATIC, automatic_on=Targets(ids=frozenset({"tier-1"}))
)


def test_automatic_holds_only_where_the_target_is_listed() -> None:
    policies = the_policies(recover=AUTOMATIC)
    assert policies.mode_for("recover", Source.SLACK, SHOP) is Mode.AUTOMATIC
    assert policies.mode_for("recover", Source.SLACK, BANK) is Mode.APPROVE
    assert policies.mode_for("recover", Source.SLACK) is Mode.APPROVE


@pytest.mark.parametrize("targets", [Targets(), EVERYWHERE, ONLY_SHOP])
def test_automatic_never_holds_by_wildcard_or_by_name(targets: Targets) -> None:
    policies = the_policies(recover=RunbookPolicy("recover", Mode.AUTOMATIC, automatic_on=targets))
    assert policies.mode_for("recover", Source.SLACK, SHOP) is Mode.APPROVE


@given(st.sampled_from(Mode), st.sampled_from(Mode))
def test_an_incident_never_goes_further_than_its_runbook(incident: Mode, runbook: Mode) -> None:
    kind = IncidentKind.ILB_STOPPED
    policies = Policies(
        runbooks={
            "recover": RunbookPolicy("recover", runbook, automatic_on=AUTOMATIC.automatic_on)
        },
        incidents={kind: IncidentPolicy(kind, "recover", incident)},
    )
    found = policies.for_incident(kind, SHOP)
    assert found is not None
    assert CAUTION.index(found.mode) == min(CAUTION.index(incident), CAUTION.index(runbook))
    elsewhere = policies.for_incident(kind, BANK)
    assert elsewhere is not None
    assert elsewhere.mode is not Mode.AUTOMATIC


def test_a_scope_holds_the_ids_of_the_machine_its_tier_and_its_vpc() -> None:
    tier = Tier("T-1", "app-tier", "Implemented", "10.1.1.0/24", "v-1", "shop", "z", "zone")
    vm = IlbVm(
        id="b-1",
        name="b-1-VM",
        state=VmState.RUNNING,
        vip="10.1.1.10",
        tier_id="t-1",
        tier_name="app-tier",
        vpc_id="v-1",
        vpc_name="shop",
        zone_id="z",
        zone_name="zone",
        version="4.22.0",
        template_id="",
        template_name="",
        offering_id="",
        offering_name="",
    )
    scope = Scope.of(tier, vm)
    assert scope == Scope(frozenset({"T-1", "v-1", "b-1"}), "shop", "app-tier")
    assert scope in Targets(ids=frozenset({"b-1"}))
    assert scope in Targets(ids=frozenset({"t-1"}))
    assert scope in Targets(names=(("sh*", "*-tier"),))
    assert scope not in Targets(names=(("Shop", "*"),))
    assert scope not in Targets()
