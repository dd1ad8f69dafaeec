"""What connections to a VIP and port meet, moment by moment, while the pretend cloud changes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.sandbox.cloud import Latencies, seed_demo
from bot.sandbox.cloud.model import Machine, Refusal, Rule
from bot.sandbox.cloud.traffic import Behaviour, sight
from bot.sandbox.cloud.world import World
from tests.sandbox.cloud_caller import Caller, Clock, demo_cloud

APP = ("10.20.1.10", 80)
GRPC = ("10.20.1.10", 9090)
WEB = ("10.20.2.10", 80)


@pytest.fixture
async def cloud() -> AsyncIterator[Caller]:
    async with demo_cloud(Latencies()) as caller:
        caller.world.traffic.watch()
        yield caller


def demo_world() -> World:
    world = World(Clock())
    seed_demo(world)
    return world


def course(cloud: Caller, place: tuple[str, int], since: float) -> list[str]:
    """Return what a place did from a moment on, looked at every tenth of a second."""
    met: list[str] = []
    for tenth in range(round((cloud.clock.now - since) * 10) + 1):
        behaviour = cloud.world.traffic.at(*place, since + tenth / 10)
        if not met or met[-1] != behaviour:
            met.append(behaviour)
    return met


def cuts(cloud: Caller, place: tuple[str, int], since: float) -> int:
    return len(cloud.world.traffic.cuts(*place, since, cloud.clock.now))


def app(cloud: Caller) -> tuple[Machine, Rule]:
    return cloud.world.machine("b-31-VM"), cloud.world.one(Rule, "app-http")


def test_what_decides_is_the_machine_then_its_haproxy_then_the_rule_then_the_members() -> None:
    world = demo_world()
    machine, rule = world.machine("b-31-VM"), world.one(Rule, "app-http")
    assert sight(machine, rule).behaviour is Behaviour.ANSWERS
    for member in rule.members[1:]:
        member.powered_on = False
    assert sight(machine, rule).behaviour is Behaviour.ANSWERS
    rule.members[0].powered_on = False
    assert sight(machine, rule).behaviour is Behaviour.CLOSES
    rule.members.clear()
    assert sight(machine, rule).behaviour is Behaviour.CLOSES
    rule.told = False
    assert sight(machine, rule).behaviour is Behaviour.REFUSES
    assert sight(machine, None).behaviour is Behaviour.REFUSES
    machine.haproxy_is_up = False
    assert sight(machine, rule).behaviour is Behaviour.REFUSES
    machine.powered_on = False
    assert sight(machine, rule).behaviour is Behaviour.HANGS
    assert sight(None, rule).behaviour is Behaviour.HANGS


def test_a_guest_that_the_server_wrongly_believes_to_stop_goes_on_serving() -> None:
    world = demo_world()
    world.stick_in_stopping("b-31-VM")
    assert world.traffic.at(*APP, world.at) is Behaviour.ANSWERS


async def test_a_roll_cuts_once_refuses_hangs_and_answers_again(cloud: Caller) -> None:
    since, (machine, _) = cloud.clock.now, app(cloud)
    await cloud.job("stopInternalLoadBalancerVM", id=machine.id)
    assert course(cloud, APP, since) == ["answers", "refuses", "hangs"]
    assert cuts(cloud, APP, since) == 1
    stopped = cloud.clock.now
    await cloud.job("startInternalLoadBalancerVM", id=machine.id)
    assert course(cloud, APP, stopped) == course(cloud, GRPC, stopped) == ["hangs", "answers"]
    assert cuts(cloud, APP, since) == 1
    assert course(cloud, WEB, since) == ["answers"]


async def test_the_cut_of_a_stop_comes_when_the_guest_goes_down(cloud: Caller) -> None:
    since, (machine, _) = cloud.clock.now, app(cloud)
    await cloud.job("stopInternalLoadBalancerVM", id=machine.id)
    [moment] = cloud.world.traffic.cuts(*APP, since, cloud.clock.now)
    assert moment == since + Latencies().stop_queue_s
    traffic = cloud.world.traffic
    assert traffic.at(*APP, moment - 0.01) is Behaviour.ANSWERS
    assert traffic.at(*APP, moment) is Behaviour.REFUSES
    assert traffic.at(*APP, moment + Latencies().stop_s) is Behaviour.HANGS


async def test_a_stop_that_the_host_refuses_is_not_felt(cloud: Caller) -> None:
    since, (machine, _) = cloud.clock.now, app(cloud)
    cloud.world.refuse_next(Refusal.STOP)
    await cloud.job("stopInternalLoadBalancerVM", id=machine.id)
    assert course(cloud, APP, since) == ["answers"]
    assert cuts(cloud, APP, since) == 0


async def test_a_crash_is_silent_until_the_machine_runs_again(cloud: Caller) -> None:
    since, (machine, _) = cloud.clock.now, app(cloud)
    cloud.world.power_off("b-31-VM")
    cloud.clock.now += 200.0
    assert course(cloud, APP, since) == ["hangs"]
    assert cuts(cloud, APP, since) == 0
    await cloud.job("startInternalLoadBalancerVM", id=machine.id)
    assert course(cloud, APP, since)[-1] == "answers"
    assert cuts(cloud, APP, since) == 1


async def test_an_ilb_vm_that_is_gone_hangs_until_a_new_one_has_booted(cloud: Caller) -> None:
    since, (_, rule) = cloud.clock.now, app(cloud)
    cloud.world.lose_ilb_vm("b-31-VM")
    cloud.clock.now += 5.0
    assert course(cloud, APP, since) == ["hangs"]
    await cloud.job("restartNetwork", id=rule.tier.id, cleanup="false")
    assert course(cloud, APP, since) == ["hangs", "answers"]


async def test_an_assign_is_a_reload_that_keeps_connections_there_and_next_door(
    cloud: Caller,
) -> None:
    since, web = cloud.clock.now, cloud.world.one(Rule, "web-admin")
    member = next(
        one for one in cloud.world.all(Machine)
        if one.display_name == "web-3" and one.tier is web.tier
    )  # fmt: skip
    await cloud.job("assignToLoadBalancerRule", id=web.id, virtualmachineids=member.id)
    for place in (WEB, ("10.20.2.11", 8443)):
        assert course(cloud, place, since) == ["answers"]
        assert cuts(cloud, place, since) == 0


async def test_an_assign_starts_the_stopped_ilb_vm_of_another_vip(cloud: Caller) -> None:
    web = cloud.world.one(Rule, "web-admin")
    await cloud.job("stopInternalLoadBalancerVM", id=cloud.world.machine("b-32-VM").id)
    since = cloud.clock.now
    member = next(one for one in cloud.world.all(Machine) if one.display_name == "web-3")
    await cloud.job("assignToLoadBalancerRule", id=web.id, virtualmachineids=member.id)
    assert course(cloud, WEB, since) == ["hangs", "answers"]


async def test_a_new_vip_refuses_from_boot_until_its_rule_is_applied(cloud: Caller) -> None:
    since, (_, rule) = cloud.clock.now, app(cloud)
    made = await cloud.call(
        "createLoadBalancer", name="new", scheme="internal", algorithm="roundrobin",
        networkid=rule.tier.id, sourceipaddressnetworkid=rule.tier.id,
        sourceipaddress="10.20.1.77", sourceport="80", instanceport="8080",
    )  # fmt: skip
    await cloud.ended(made["jobid"])
    member = rule.members[0]
    await cloud.job("assignToLoadBalancerRule", id=made["id"], virtualmachineids=member.id)
    assert course(cloud, ("10.20.1.77", 80), since) == ["hangs", "refuses", "answers"]
    assert cuts(cloud, ("10.20.1.77", 80), since) == 0


async def test_a_deleted_rule_refuses_and_keeps_what_is_established(cloud: Caller) -> None:
    since, (_, rule) = cloud.clock.now, app(cloud)
    await cloud.job("deleteLoadBalancer", id=rule.id)
    assert course(cloud, APP, since)[-1] == "refuses"
    assert cuts(cloud, APP, since) == 0
    assert course(cloud, GRPC, since) == ["answers"]


async def test_the_last_rule_takes_the_machine_and_its_connections_with_it(cloud: Caller) -> None:
    since = cloud.clock.now
    await cloud.job("deleteLoadBalancer", id=cloud.world.one(Rule, "db-read").id)
    place = ("10.20.3.10", 5432)
    assert course(cloud, place, since)[-1] == "hangs"
    assert cuts(cloud, place, since) == 1


async def test_without_members_that_run_haproxy_closes_at_once(cloud: Caller) -> None:
    since, (_, rule) = cloud.clock.now, app(cloud)
    for member in list(rule.members):
        await cloud.job("stopVirtualMachine", id=member.id)
    assert course(cloud, APP, since) == ["answers", "closes"]
    assert cuts(cloud, APP, since) == 1


async def test_a_live_migration_is_not_felt(cloud: Caller) -> None:
    since, (machine, _) = cloud.clock.now, app(cloud)
    host = next(h for h in ("kvm-a1", "kvm-b2") if machine.host and machine.host.name != h)
    found = await cloud.call("listHosts", name=host)
    await cloud.job("migrateSystemVm", virtualmachineid=machine.id, hostid=found["host"][0]["id"])
    assert "ilb_vm.migrated b-31-VM" in cloud.effects()
    assert course(cloud, APP, since) == ["answers"]
    assert cuts(cloud, APP, since) == 0


async def test_a_dead_haproxy_refuses_although_its_machine_runs(cloud: Caller) -> None:
    since = cloud.clock.now
    cloud.world.stop_haproxy("b-31-VM")
    cloud.clock.now += 3.0
    assert (await cloud.ilb_vm("b-31-VM"))["state"] == "Running"
    assert course(cloud, APP, since) == ["refuses"]
    assert cuts(cloud, GRPC, since - 1.0) == 1
    cloud.world.start_haproxy("b-31-VM")
    assert course(cloud, APP, cloud.clock.now) == ["answers"]


async def test_a_loss_for_some_seconds_begins_and_ends_then(cloud: Caller) -> None:
    since, traffic = cloud.clock.now, cloud.world.traffic
    cloud.world.lose_connections(*APP, Behaviour.HANGS, seconds=2.0)
    cloud.clock.now += 5.0
    assert traffic.at(*APP, since + 1.9) is Behaviour.HANGS
    assert traffic.at(*APP, since + 2.0) is Behaviour.ANSWERS
    assert traffic.at(*GRPC, since + 1.0) is Behaviour.ANSWERS
    assert cuts(cloud, APP, since - 1.0) == 1


async def test_a_counted_loss_hits_just_so_many_connections(cloud: Caller) -> None:
    cloud.world.lose_connections(*APP, count=2, cut=False)
    traffic = cloud.world.traffic
    assert traffic.at(*APP, cloud.clock.now) is traffic.at(*APP, cloud.clock.now)
    met = [traffic.connect(*APP) for _ in range(3)]
    assert met == [Behaviour.RESETS, Behaviour.RESETS, Behaviour.ANSWERS]
    assert cuts(cloud, APP, cloud.clock.now - 1.0) == 0


async def test_a_row_of_connections_meets_what_each_of_them_would(cloud: Caller) -> None:
    since, traffic = cloud.clock.now, cloud.world.traffic
    moments = [since + tenth / 10 for tenth in range(40)]
    cloud.clock.now += 1.05
    cloud.world.stop_haproxy("b-31-VM")
    cloud.clock.now += 1.0
    cloud.world.start_haproxy("b-31-VM")
    cloud.clock.now += 2.0
    each = [traffic.at(*APP, moment) for moment in moments]
    assert each == [*[Behaviour.ANSWERS] * 11, *[Behaviour.REFUSES] * 10, *[Behaviour.ANSWERS] * 19]
    for first in range(0, 40, 5):
        row = moments[first : first + 5]
        assert traffic.connect_each(*APP, row) == each[first : first + 5]
    cloud.world.lose_connections(*APP, count=2)
    assert traffic.connect_each(*APP, [cloud.clock.now] * 3).count(Behaviour.RESETS) == 2
    assert traffic.connect_each(*APP, []) == []


async def test_a_second_loss_cuts_what_was_opened_since_the_first(cloud: Caller) -> None:
    since = cloud.clock.now
    for _ in range(2):
        cloud.clock.now += 1.0
        cloud.world.lose_connections(*APP, count=1)
    assert cuts(cloud, APP, since) == 2


@pytest.mark.parametrize(
    ("how", "seconds", "count"),
    [
        (Behaviour.REFUSES, 0.0, 1),
        (Behaviour.HANGS, 0.0, 1),
        (Behaviour.RESETS, 0.0, 0),
        (Behaviour.ANSWERS, 1.0, 0),
    ],
)
def test_a_loss_that_cannot_be_is_an_error(how: Behaviour, seconds: float, count: int) -> None:
    with pytest.raises(ValueError, match="say"):
        demo_world().lose_connections(*APP, how, seconds=seconds, count=count)


async def test_the_control_api_loses_connections_and_shows_it(cloud: Caller) -> None:
    body = {"target": "10.20.1.10:80", "how": "refuses", "seconds": 5}
    assert (await cloud.http.post("/control/lose-connections", json=body)).status_code == 200
    shown = (await cloud.http.get("/control/state")).json()["traffic"]
    assert {"vip": "10.20.1.10", "port": 80, "behaviour": "refuses"} in shown
    body["target"] = "10.20.1.10:81"
    assert (await cloud.http.post("/control/lose-connections", json=body)).status_code == 400


async def test_a_reset_forgets_losses(cloud: Caller) -> None:
    cloud.world.lose_connections(*APP, count=5)
    cloud.world.lose_connections(*GRPC, Behaviour.REFUSES, seconds=500.0)
    cloud.world.reset()
    for place in (APP, GRPC):
        assert cloud.world.traffic.connect(*place) is Behaviour.ANSWERS


async def test_what_was_not_watched_is_not_made_up(cloud: Caller) -> None:
    with pytest.raises(LookupError, match="not watched"):
        cloud.world.traffic.at(*APP, cloud.clock.now - 60.0)


async def test_a_long_life_does_not_grow_without_end(cloud: Caller) -> None:
    since = cloud.clock.now
    for _ in range(400):
        cloud.clock.now += 1.0
        cloud.world.stop_haproxy("b-31-VM")
        cloud.clock.now += 1.0
        cloud.world.start_haproxy("b-31-VM")
    assert cuts(cloud, APP, since) == 400
    assert cloud.world.traffic.at(*APP, cloud.clock.now - 1.0) is Behaviour.REFUSES
    with pytest.raises(LookupError, match="forgotten"):
        cloud.world.traffic.at(*APP, since)
