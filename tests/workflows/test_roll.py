"""roll: what is refused, what goes stale, what is done, and what a failure leaves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.domain.fleet import RECREATE_CHECKS
from bot.domain.operation import Mode, Operation, Outcome, State
from tests.workflows.harness import ANA, BRUNO, House, house, two_people, without_approvers

VM = "b-31-VM"
DB = "10.20.3.10"
"""The VIP of an ILB VM that was rolled already."""
STOP = "stopInternalLoadBalancerVM"
START = "startInternalLoadBalancerVM"


def changes(home: House) -> list[str]:
    """Return what the bot submitted."""
    return [call for call in home.wire.calls if call in {STOP, START}]


def ended(found: Operation) -> tuple[Outcome | None, str]:
    return found.outcome, found.reason


async def test_an_approved_roll_renews_the_disk_once(home: House) -> None:
    asked = await home.ask("roll", VM)
    assert asked.state is State.WAITING
    found = await home.approve(asked)
    assert found.outcome is Outcome.DONE, found.reason
    assert home.effects() == [
        f"ilb_vm.stopped {VM}",
        f"ilb_vm.disk_renewed {VM}",
        f"ilb_vm.started {VM}",
    ]
    assert home.vm(VM).version == "4.22.0"


async def test_it_goes_by_vip_and_by_tier_and_vpc(home: House) -> None:
    for target in ("10.20.4.10", "shop-prod/cache-tier"):
        asked = await home.ask("roll", target)
        assert asked.target_name == home.vm_at("10.20.4.10")
        await home.decide(asked, ANA, approve=False)


# refused


async def test_an_ambiguous_name_is_answered_with_the_choices(home: House) -> None:
    found = await home.ask("roll", "cache-tier")
    assert ended(found) == (
        Outcome.REFUSED,
        "2 targets go by the name “cache-tier”. Say which one: "
        f"`{home.vm_at('10.20.4.10')}` (ILB VM 10.20.4.10, tier cache-tier of VPC shop-prod) and "
        f"`{home.vm_at('10.30.4.10')}` (ILB VM 10.30.4.10, tier cache-tier of VPC shop-stage).",
    )


async def test_an_idle_tier_is_left_alone(home: House) -> None:
    assert ended(await home.ask("roll", "10.20.5.10")) == (
        Outcome.REFUSED,
        "Tier batch-tier is Allocated, not Implemented: starting anything in an idle tier that has "
        "internal rules can hang it for good. Safe order: write its rules down with `export`, "
        "delete its internal rules, start a VM in it, create them again with `provision`.",
    )


async def test_one_that_does_not_run_is_not_rolled(home: House) -> None:
    home.cloud.stop_by_hand(VM)
    home.later(10.0)
    assert ended(await home.ask("roll", VM)) == (
        Outcome.REFUSED,
        f"{VM} is Stopped, not Running. `recover {VM}` says why and what can be done.",
    )


async def test_a_missing_one_is_not_rolled(home: House) -> None:
    home.cloud.lose_ilb_vm(VM)
    assert ended(await home.ask("roll", "10.20.1.10")) == (
        Outcome.REFUSED,
        "No ILB VM has 10.20.1.10, so there is nothing to roll. `recover 10.20.1.10` finds out "
        "why.",
    )


async def test_checks_that_replace_routers_stand_in_the_way(home: House) -> None:
    home.cloud.settings[RECREATE_CHECKS].value = "haproxy_check.py"
    assert ended(await home.ask("roll", VM)) == (
        Outcome.REFUSED,
        "CloudStack is set to replace routers by itself when a check fails "
        "(router.health.checks.failures.to.recreate.vr = haproxy_check.py), and a failing check "
        "of an ILB VM counts: it could act on this VPC meanwhile. Empty that setting for the zone "
        "first.",
    )


@pytest.mark.parametrize("state", ["Add", "Deleting"])
async def test_half_done_rules_are_repaired_first(home: House, state: str) -> None:
    home.cloud.drift_rule("app-http", state=state)
    assert ended(await home.ask("roll", VM)) == (
        Outcome.REFUSED,
        f"Rules on 10.20.1.10 are half done: app-http ({state}). Repair them first: remove and "
        "assign the member again, or delete again.",
    )


async def test_a_rule_without_members_is_no_half_done_one(home: House) -> None:
    rule = home.cloud.drift_rule("app-http", state="Add")
    rule.members.clear()
    assert (await home.ask("roll", VM)).state is State.WAITING


async def test_a_version_its_template_does_not_bring_is_refused(home: House) -> None:
    assert ended(await home.ask("roll", VM, version="4.23.0")) == (
        Outcome.REFUSED,
        f"{VM} points to template systemvm-kvm-4.22.0-x86_64, so a stop and start would not bring "
        "it to 4.23.0. Register and activate that template (a management server upgrade does), or "
        "ask for `version=4.22.0`.",
    )


async def test_a_roll_does_not_go_back(home: House) -> None:
    assert ended(await home.ask("roll", DB, version="4.20.0")) == (
        Outcome.REFUSED,
        f"{home.vm_at(DB)} reports 4.22.0, newer than 4.20.0: a roll does not go back.",
    )


async def test_somebody_unknown_may_only_look(home: House) -> None:
    home.policies = two_people()
    home.policies = without_approvers(home.policies)
    asked = await home.ask("roll", VM)
    assert ended(asked) == (None, "")
    verdict = await home.decide(asked)
    assert not verdict.counted
    assert "Bruno" in verdict.text


# nothing to do


async def test_the_version_it_reports_already_is_nothing_to_do(home: House) -> None:
    assert ended(await home.ask("roll", DB)) == (
        Outcome.NOTHING_TO_DO,
        f"{home.vm_at(DB)} already reports version 4.22.0.\n• target version 4.22.0: setting "
        "minreq.sysvmtemplate.version of its zone\n• to stop and start it anyway: `restart`",
    )


async def test_a_restart_stops_and_starts_at_that_version(home: House) -> None:
    found = await home.do("roll", DB, restart="True")
    assert found.outcome is Outcome.DONE, found.reason
    plan = await home.plan(found)
    assert plan.summary == f"Stop and start {home.vm_at(DB)} at version 4.22.0"
    assert home.effects() == [f"ilb_vm.{what} {home.vm_at(DB)}" for what in ("stopped", "started")]


async def test_a_roll_of_a_rolled_one_finds_nothing_to_do(home: House) -> None:
    await home.do("roll", VM)
    assert (await home.ask("roll", VM)).outcome is Outcome.NOTHING_TO_DO


# decisions


async def test_who_asked_does_not_approve(home: House) -> None:
    asked = await home.ask("roll", VM)
    verdict = await home.decide(asked, ANA)
    assert (verdict.counted, verdict.text) == (
        False,
        "Ana asked for it, so somebody else decides. Bruno may.",
    )
    assert (await home.look(asked)).state is State.WAITING


async def test_a_rejected_roll_changes_nothing(home: House) -> None:
    asked = await home.ask("roll", VM)
    await home.decide(asked, approve=False)
    assert ended(await home.look(asked)) == (Outcome.REJECTED, "rejected by Bruno")
    assert home.effects() == []


async def test_who_asked_may_withdraw(home: House) -> None:
    asked = await home.ask("roll", VM)
    await home.decide(asked, ANA, approve=False)
    assert ended(await home.look(asked)) == (Outcome.REJECTED, "withdrawn by Ana")


async def test_nobody_decides_in_time(home: House) -> None:
    asked = await home.ask("roll", VM)
    home.later(home.policies.runbook("roll").expiry_s)
    await home.quiet(asked)
    assert ended(await home.look(asked)) == (Outcome.EXPIRED, "nobody decided in time")
    verdict = await home.decide(asked)
    assert not verdict.counted


async def test_an_approval_of_another_plan_is_not_an_approval(home: House) -> None:
    asked = await home.ask("roll", VM)
    verdict = await home.operations.decide(asked.id, BRUNO, approve=True, seen="an older one")
    assert not verdict.counted
    assert verdict.text == f"The plan of {asked.id} has changed; look at its card again."


async def test_an_approver_who_lost_the_role_has_not_approved(home: House) -> None:
    asked = await home.ask("roll", VM)
    await home.operations.decide(asked.id, BRUNO, approve=True)
    home.policies = without_approvers(home.policies)
    found = await home.quiet(asked)
    assert found.outcome is Outcome.REFUSED
    assert found.reason.startswith("the approval no longer counts: Bruno may not decide on roll")
    assert home.effects() == []


async def test_a_second_roll_of_one_target_is_refused(home: House) -> None:
    first = await home.ask("roll", VM)
    assert ended(await home.ask("roll", VM)) == (
        Outcome.REFUSED,
        f"Operation {first.id} (roll) on {VM} waits for a decision. Until it ends. "
        f"`why {first.id}` shows it.",
    )


# stale


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (
            lambda home: home.cloud.drift_rule("app-http", without="app-3"),
            "the world changed since the plan: rule",
        ),
        (
            lambda home: home.cloud.publish_template("systemvm-kvm-4.23.0-x86_64", "4.23.0"),
            "the world changed since the plan: template: was ",
        ),
        (
            lambda home: home.cloud.stop_by_hand(VM),
            f"the plan no longer holds: {VM} is Stopped, not Running.",
        ),
        (
            lambda home: home.cloud.lose_ilb_vm(VM),
            "the plan no longer holds: No ILB VM has 10.20.1.10",
        ),
    ],
    ids=["a member left", "another template", "stopped by hand", "lost"],
)
async def test_a_plan_of_another_world_is_stale(
    home: House, act: Callable[[House], object], why: str
) -> None:
    asked = await home.ask("roll", VM)
    act(home)
    home.later(30.0)
    found = await home.approve(asked)
    assert found.outcome in {Outcome.STALE}, found.reason
    assert found.reason.startswith(why)
    assert changes(home) == []


async def test_rolled_by_somebody_else_meanwhile_is_nothing_to_do(home: House) -> None:
    asked = await home.ask("roll", VM)
    home.vm(VM).version = "4.22.0"
    found = await home.approve(asked)
    assert ended(found) == (Outcome.NOTHING_TO_DO, f"{VM} already reports version 4.22.0.")


# how far it may go


async def test_without_a_write_key_it_observes() -> None:
    async with house(can_write=False) as home:
        found = await home.ask("roll", VM)
        assert ended(found) == (
            Outcome.OBSERVED,
            "there is no write key, so the bot observes",
        )
        assert (await home.plan(found)).summary == f"Roll {VM} from version 4.20.0 to 4.22.0"


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.SUGGEST])
async def test_a_careful_policy_plans_and_tells(home: House, mode: Mode) -> None:
    home.policies = two_people(mode)
    assert ended(await home.ask("roll", VM)) == (Outcome.OBSERVED, f"the policy says {mode}")
    assert changes(home) == []


# what the plan says


async def test_the_exposure_comes_from_its_last_stop_and_start(home: House) -> None:
    exposure = (await home.plan(await home.ask("roll", VM))).exposure
    assert exposure.seconds == 62.0
    assert exposure.evidence == "its last stop and start by events took 62 s"


async def test_the_exposure_is_not_known_where_nothing_is_on_record(home: House) -> None:
    exposure = (await home.plan(await home.ask("roll", "10.20.4.10"))).exposure
    assert (exposure.seconds, exposure.evidence) == (
        None,
        "not known: no earlier stop and start of it is on record",
    )


async def test_the_exposure_comes_from_our_own_operation_once_there_is_one(home: House) -> None:
    await home.do("roll", VM)
    again = await home.ask("roll", VM, restart="True")
    assert "the last operation of ilbot on it took" in (await home.plan(again)).exposure.evidence


async def test_the_blast_radius_names_every_ilb_of_the_tier(home: House) -> None:
    asked = await home.ask("roll", "10.20.2.10")
    assert (await home.plan(asked)).blast_radius == (
        "10.20.2.10 ports 80, 443: not served from the stop to the end of the start",
        f"{home.vm_at('10.20.2.11')} (10.20.2.11, Running): same tier, not touched",
    )
