"""Every scenario with real processes: the pretend world, the bot, and SIGKILL where it says so."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bot.demo.report import Played, play
from bot.demo.scenarios import SCENARIOS

pytestmark = [pytest.mark.slow, pytest.mark.serial, pytest.mark.timeout(120)]
CHANGED_ONCE = {"ilb_vm.stopped": 1, "ilb_vm.disk_renewed": 1, "ilb_vm.started": 1}


async def _played(name: str, database_url: str = "") -> Played:
    scenario = SCENARIOS[name]
    staging = replace(scenario.staging, database_url=database_url)
    return await play(replace(scenario, staging=staging))


def _effects(played: Played, target: str = "b-32-VM") -> dict[str, int]:
    counted = Counter(e["kind"] for e in played.document["effects"] if e["target"] == target)
    return dict(counted)


def _router_moves(played: Played) -> list[tuple[str, str]]:
    return [
        (effect["kind"], effect["target"])
        for effect in played.document["effects"]
        if effect["kind"] in {"router.stopped", "router.started"}
    ]


def test_every_scenario_is_played_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in SCENARIOS if f'"{name}"' not in text] == []


@pytest.mark.parametrize("name", ["roll-approved", "crash", "crash-in-doubt", "cloud-restart"])
async def test_a_roll_is_done_once_whatever_dies(name: str) -> None:
    played = await _played(name)
    assert played.as_expected, played.document
    assert _effects(played) == CHANGED_ONCE
    (operation,) = played.document["operations"]
    assert operation["requested_by"] == "Ana"
    assert operation["approved_by"] == "Bruno"
    assert all(step["result"] == "ok" for step in operation["steps"])
    assert played.document["audit"]["broken"] == ""


async def test_a_call_in_doubt_is_not_made_again() -> None:
    played = await _played("crash-in-doubt")
    assert played.as_expected, played.document
    assert played.document["cloud_calls"]["stopInternalLoadBalancerVM"] == 1


@pytest.mark.parametrize("name", ["roll-rejected", "roll-stale"])
async def test_what_is_not_approved_or_stale_changes_nothing(name: str) -> None:
    played = await _played(name)
    assert played.as_expected, played.document
    assert _effects(played) == {}
    assert "stopInternalLoadBalancerVM" not in played.document["cloud_calls"]


async def test_jobs_that_succeed_without_a_new_version_are_a_failure() -> None:
    played = await _played("roll-version-unchanged")
    assert played.as_expected, played.document
    assert "still reports version 4.20.0" in played.document["operations"][0]["reason"]


async def test_a_dead_ilb_vm_is_brought_back_and_a_stopped_one_left_alone() -> None:
    played = await _played("ilb-down")
    assert played.as_expected, played.document
    (operation,) = played.document["operations"]
    assert (operation["runbook"], operation["source"]) == ("recover", "kafka")
    assert operation["approved_by"].startswith("policy ")
    assert _effects(played, "b-31-VM")["ilb_vm.started"] == 1
    assert _effects(played) == {"ilb_vm.stopped": 1}


async def test_one_of_twins_that_dies_comes_back_by_itself_and_its_clients_lose_nothing() -> None:
    played = await _played("twin-dies")
    assert played.as_expected, played.document
    _, repaired = played.document["operations"]
    assert repaired["runbook"] == "recover"
    assert repaired["source"] in {"kafka", "poll"}
    assert repaired["approved_by"].startswith("policy ")
    names = [step["name"] for step in repaired["steps"]]
    order = ["submit_record", "submit_start", "answered", "submit_record"]
    rest = iter(names)
    assert all(name in rest for name in order), names
    assert _effects(played, "b-31-VM")["ilb_vm.started"] == 1


async def test_a_failed_check_is_proposed_once_and_mended_when_that_is_approved() -> None:
    played = await _played("health-failed-ilb")
    assert played.as_expected, played.document
    (operation,) = played.document["operations"]
    assert (operation["runbook"], operation["source"]) == ("recover", "kafka")
    assert operation["approved_by"] == "Bruno"
    assert _effects(played, "b-31-VM")["ilb_vm.started"] == 1


async def test_only_the_standby_whose_check_fails_is_rebooted_when_that_is_approved() -> None:
    played = await _played("health-failed-router")
    assert played.as_expected, played.document
    (operation,) = played.document["operations"]
    assert (operation["runbook"], operation["source"]) == ("recover", "kafka")
    assert operation["approved_by"] == "Bruno"
    assert _router_moves(played) == [("router.stopped", "r-5-VM"), ("router.started", "r-5-VM")]


async def test_a_check_that_flaps_is_proposed_again_once_and_nothing_is_restarted() -> None:
    played = await _played("health-flaps")
    assert played.as_expected, played.document
    assert "ilb_vm.stopped" not in _effects(played, "b-31-VM")


async def test_a_form_becomes_an_ilb_with_its_rules() -> None:
    played = await _played("provision")
    assert played.as_expected, played.document
    made = [(e["kind"], e["target"]) for e in played.document["effects"]]
    assert made.count(("rule.created", "orders-80")) == 1
    assert made.count(("rule.created", "orders-81")) == 1
    assert [kind for kind, _ in made].count("ilb_vm.deployed") == 1


async def test_the_same_spec_again_changes_nothing() -> None:
    played = await _played("provision-twice")
    assert played.as_expected, played.document
    first, second = played.document["operations"]
    assert (len(first["steps"]) > 10, second["steps"]) == (True, [])


async def test_a_half_done_rule_is_repaired() -> None:
    played = await _played("provision-repair")
    assert played.as_expected, played.document
    assert played.document["cloud_calls"]["removeFromLoadBalancerRule"] == 1
    assert played.document["cloud_calls"]["assignToLoadBalancerRule"] == 1


async def test_what_somebody_changed_is_put_back_only_when_that_is_said() -> None:
    played = await _played("drift")
    assert played.as_expected, played.document
    _, left_alone, put_back = played.document["operations"]
    assert left_alone["steps"] == []
    assert "submit_delete" in [step["name"] for step in put_back["steps"]]


async def test_an_idle_tier_is_refused_and_nothing_is_touched() -> None:
    played = await _played("idle-tier")
    assert played.as_expected, played.document
    assert "can hang it for good" in played.document["operations"][0]["reason"]
    assert played.document["effects"] == []


@pytest.mark.parametrize("name", ["pair", "roll-beside", "resize-ilb"])
async def test_no_connection_is_lost_where_a_twin_serves(name: str) -> None:
    played = await _played(name)
    assert played.as_expected, played.document
    (operation,) = played.document["operations"]
    measured = operation["measured"]
    assert measured["attempts"] > 100
    assert (measured["failed"], measured["resets"], measured["not_valid"]) == (0, 0, "")


async def test_services_of_one_ilb_get_one_each_by_what_was_counted() -> None:
    played = await _played("split")
    assert played.as_expected, played.document
    moved = [e["kind"] for e in played.document["effects"] if e["target"] == "app-grpc"]
    assert moved.index("rule.created") < moved.index("rule.deleted")
    (operation,) = played.document["operations"]
    measured = operation["measured"]
    assert (measured["failed"], measured["resets"]) == (0, 0)


async def test_a_split_that_is_stopped_leaves_all_as_before() -> None:
    played = await _played("split-reversed")
    assert played.as_expected, played.document
    (operation,) = played.document["operations"]
    assert "publish 10.20.1.10 again" in operation["reason"]
    effects = played.document["effects"]
    [gone] = [e["detail"] for e in effects if e["kind"] == "rule.deleted"]
    assert gone["vip"] != "10.20.1.10", "only the rule of the new ILB"


async def test_clients_of_the_bare_address_are_not_led_away() -> None:
    played = await _played("split-bare-ip-refused")
    assert played.as_expected, played.document
    assert "Introduce a name first" in played.document["operations"][0]["reason"]
    assert played.document["effects"] == []


async def test_a_twin_is_rolled_while_the_other_one_serves() -> None:
    played = await _played("roll-twin")
    assert played.as_expected, played.document
    pairing, roll = played.document["operations"]
    assert (pairing["measured"]["failed"], roll["measured"]["failed"]) == (0, 0)
    assert _effects(played, "b-31-VM") == CHANGED_ONCE


async def test_what_cannot_be_made_redundant_is_refused_with_what_works() -> None:
    played = await _played("pair-refused")
    assert played.as_expected, played.document
    assert played.document["effects"] == []


async def test_with_one_host_the_plan_says_what_is_not_survived() -> None:
    played = await _played("pair-one-host")
    assert played.as_expected, played.document
    assert "migrateSystemVm" not in played.document["cloud_calls"]


async def test_without_a_vantage_point_a_pair_is_unverified() -> None:
    played = await _played("pair-unverified")
    assert played.as_expected, played.document
    assert "there was no vantage point" in played.document["operations"][0]["reason"]


async def test_the_lone_router_of_a_vpc_becomes_a_pair() -> None:
    played = await _played("vpc-router-pair")
    assert played.as_expected, played.document
    assert played.document["cloud_calls"]["restartVPC"] == 1


async def test_routers_are_rolled_one_after_the_other() -> None:
    played = await _played("roll-pair")
    assert played.as_expected, played.document
    assert _router_moves(played) == [
        ("router.stopped", "r-5-VM"), ("router.started", "r-5-VM"),
        ("router.stopped", "r-4-VM"), ("router.started", "r-4-VM"),
    ]  # fmt: skip


async def test_routers_are_resized_one_after_the_other() -> None:
    played = await _played("resize-router-pair")
    assert played.as_expected, played.document
    changed = [
        effect["target"]
        for effect in played.document["effects"]
        if effect["kind"] == "machine.offering_changed"
    ]
    assert changed == ["r-5-VM", "r-4-VM"]


async def test_two_primaries_are_no_hand_over() -> None:
    played = await _played("split-brain")
    assert played.as_expected, played.document
    reason = played.document["operations"][0]["reason"]
    assert "r-4-VM is PRIMARY (Running) and r-5-VM is PRIMARY (Running)" in reason
    assert "router.stopped" not in _effects(played, "r-4-VM")


async def test_a_fleet_stops_at_its_budget_and_goes_on_with_what_is_left() -> None:
    played = await _played("roll-fleet-stopped")
    assert played.as_expected, played.document
    stopped, canary, failed, again, rest = played.document["operations"]
    assert [one["part_of"] for one in (canary, failed)] == [stopped["id"]] * 2
    assert (canary["outcome"], failed["outcome"]) == ("done", "failed")
    assert "the error budget is spent" in stopped["reason"]
    assert (rest["target"], rest["part_of"]) == (failed["target"], again["id"])
    assert _effects(played, canary["target"]) == CHANGED_ONCE


async def test_the_same_on_postgresql(postgres_url: str) -> None:
    played = await _played("crash", database_url=postgres_url)
    assert played.as_expected, played.document
    assert _effects(played) == CHANGED_ONCE


async def test_samples_of_a_saturated_ilb_become_a_twin_and_its_load_is_told_again() -> None:
    played = await _played("cpu-saturated")
    assert played.as_expected, played.document
    (operation,) = played.document["operations"]
    assert (operation["runbook"], operation["source"]) == ("pair", "kafka")
    assert operation["approved_by"] == "Bruno"
    name = operation["target"]
    assert operation["load"] == {"before": {name: 97.0}, "after": {name: 54.0}}


async def test_slow_members_are_advice_and_no_change() -> None:
    played = await _played("cpu-members")
    assert played.as_expected, played.document
    assert _effects(played, "b-31-VM") == {}


async def test_busy_machines_of_one_host_are_one_incident_and_one_of_them_moves() -> None:
    played = await _played("hot-host")
    assert played.as_expected, played.document
    (operation,) = played.document["operations"]
    assert (operation["runbook"], operation["source"]) == ("migrate", "kafka")
    before, after = operation["load"]["before"], operation["load"]["after"]
    assert (set(before.values()), set(after.values())) == ({96.0}, {40.0})
    assert before.keys() == after.keys()
