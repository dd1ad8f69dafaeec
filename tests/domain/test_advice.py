"""Advice under load follows the numbers: what helps, what only looks as if it did, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.advice import Advice, advise
from bot.domain.counted import MemberTimes
from bot.domain.demand import Cpu, Demand, HostLoad, ServiceLoad, Size
from bot.domain.demand_words import numbers
from bot.domain.remedies import Remedy

SMALL = Size(1, 256, name="System Offering For Internal LB VM")
LARGE = Size(2, 1000, id="large", name="ILB large")
HOST = HostLoad("kvm-a1", 40.0, 2000.0, (), 3)
QUICK, BLIND = MemberTimes(0.0, 0.001, 0.02), MemberTimes(0.0, 0.001)
SATURATED, CALM = Cpu(92.0, 97.0, 600.0), Cpu(22.0, 30.0, 600.0)


def service(
    port: int = 80,
    name: str = "app.test",
    per_s: float | None = 3000.0,
    latency: MemberTimes | None = QUICK,
) -> ServiceLoad:
    return ServiceLoad(port, name, per_s, 10, 1e6 if per_s else 0.0, latency)


def demand(*services: ServiceLoad, cpu: Cpu | None = SATURATED, **more: object) -> Demand:
    usual: dict[str, object] = {"size": SMALL, "larger": (LARGE,), "host": HOST}
    return Demand(False, cpu, services or (service(),), **(usual | more))  # type: ignore[arg-type]


def routers(**more: object) -> Demand:
    return replace(demand(**more), is_router=True, services=())  # type: ignore[arg-type]  # its fields


def against(advice: Advice, remedy: Remedy) -> str:
    return dict(advice.against)[remedy]


# too little CPU


def test_clients_with_a_name_are_served_by_a_twin_too() -> None:
    found = advise(demand())
    assert found.remedy is Remedy.TWIN
    assert found.reason == (
        "A second ILB serves about half, since clients look up a name; it survives a host too. "
        "Predicted CPU: 51 %."
    )
    assert found.against == (
        (
            Remedy.RESIZE,
            "“ILB large” has 2 vCPUs (1000 MHz share, no cap): 54 % of today's load, with no "
            "outage of the service. It is enough too (50 %), and costs more.",
        ),
        (Remedy.SPLIT, "There is one service, and a service cannot be cut in two."),
        (Remedy.MIGRATE, "Host kvm-a1 (40 %) has room: elsewhere it gets no more."),
        (
            Remedy.MEMBERS,
            "What they take is within bounds.",
        ),
    )


def test_a_twin_is_no_capacity_for_clients_of_a_bare_address() -> None:
    found = advise(demand(service(name="")))
    assert (found.remedy, found.size) == (Remedy.RESIZE, LARGE)
    assert found.reason == (
        "“ILB large” has 2 vCPUs (1000 MHz share, no cap): 54 % of today's load, with an outage "
        "of a stop and a start. Predicted CPU: 50 %."
    )
    assert against(found, Remedy.TWIN) == (
        "Clients of port 80 have the bare address: a twin would serve nobody, and redundancy "
        "alone is no capacity."
    )


def test_comparable_services_with_names_of_their_own_are_split() -> None:
    found = advise(demand(service(80, "a.test", 1500.0), service(90, "b.test", 1600.0)))
    assert (found.remedy, found.moves) == (Remedy.SPLIT, ("a.test",))
    assert found.reason == (
        "a.test with 48 % of the load would move to an ILB of its own. Predicted CPU: 47 %."
    )


def test_services_that_share_a_name_are_not_split() -> None:
    found = advise(demand(service(80), service(90)))
    assert found.remedy is Remedy.TWIN
    why = "All its ports share one name, app.test, so they move together."
    assert against(found, Remedy.SPLIT) == why


def test_a_split_does_not_help_where_one_service_takes_nearly_all() -> None:
    found = advise(demand(service(80, "a.test", 2900.0), service(90, "b.test", 300.0)))
    assert found.remedy is Remedy.TWIN
    assert against(found, Remedy.SPLIT) == (
        "a.test (port 80) alone takes 90 % of the load, which a split leaves on one machine. It "
        "would leave 83 %: too much."
    )


def test_bytes_count_beside_connections() -> None:
    bulk = replace(service(90, "bulk.test", 20.0), bits_per_s=4e8)
    found = advise(demand(service(80, "a.test", 2900.0), bulk))
    assert (found.remedy, found.moves) == (Remedy.SPLIT, ("a.test",))


def test_one_of_twins_is_resized() -> None:
    found = advise(demand(twin="10.0.0.11"))
    assert found.remedy is Remedy.RESIZE
    assert "Its twin needs it too." in found.reason
    assert against(found, Remedy.TWIN) == ("It has a twin at 10.0.0.11, and both serve already.")


def test_more_of_a_share_is_no_capacity() -> None:
    found = advise(demand(service(name=""), larger=(Size(1, 2000, name="more MHz"),)))
    assert (found.remedy, found.is_enough) == (Remedy.NOTHING, False)
    assert found.reason == "It needs more CPU, and nothing that could give it is possible here."
    assert against(found, Remedy.RESIZE) == (
        "The larger offerings raise only the MHz share, which is no limit here: that is a weight "
        "among machines of a full host, no capacity."
    )


def test_more_mhz_is_capacity_where_the_offering_is_a_cap() -> None:
    capped = replace(SMALL, is_capped=True)
    more = Size(1, 2000, True, name="uncut")
    found = advise(demand(service(name=""), cpu=Cpu(12.5), size=capped, larger=(more,)))
    assert (found.remedy, found.size) == (Remedy.RESIZE, more)


def test_a_capped_machine_is_saturated_long_before_it_shows_100_percent() -> None:
    capped = demand(cpu=Cpu(12.5, 12.9), size=replace(SMALL, is_capped=True))
    assert capped.used_percent == pytest.approx(96.2, abs=0.1)
    assert advise(capped).remedy is Remedy.TWIN
    assert advise(replace(capped, size=SMALL)).remedy is Remedy.NOTHING


def test_what_a_guest_sees_needs_no_cap() -> None:
    capped = replace(SMALL, is_capped=True)
    inside = demand(cpu=Cpu(92.0, is_from_inside=True), size=capped, host=None)
    assert inside.used_percent == 92.0


def test_of_a_pair_of_routers_only_one_forwards() -> None:
    lone, pair = advise(routers()), advise(routers(is_pair=True))
    assert lone.remedy is pair.remedy is Remedy.RESIZE
    assert "with an outage" in lone.reason
    assert "standby first, with one hand-over" in pair.reason
    assert against(lone, Remedy.TWIN) == (
        "Of a pair only the primary forwards: redundancy, no capacity."
    )


def test_what_a_saturated_machine_would_be_left_with_is_a_range() -> None:
    """Up to 70 % is well, so a single 67 % would not be “still too much”."""
    full = replace(HOST, cpu_percent=96.0)
    found = advise(demand(service(80, ""), cpu=Cpu(96.0, 96.0, 60.0), host=full))
    assert found.remedy is Remedy.MIGRATE
    assert "Predicted CPU: 67 to 77 %. That is still too much" in found.reason


def test_services_without_names_are_not_called_one_service() -> None:
    found = advise(demand(service(80, ""), service(90, "")))
    assert against(found, Remedy.SPLIT) == (
        "No service has a name, so its clients cannot be moved."
    )


# the host


def test_several_busy_machines_on_a_full_host_are_a_matter_of_the_host() -> None:
    host = replace(HOST, cpu_percent=98.0, busy=("b-1-VM", "b-2-VM"))
    found = advise(demand(host=host))
    assert found.remedy is Remedy.MIGRATE
    assert found.reason == (
        "Host kvm-a1 (98 %) is full and b-1-VM and b-2-VM on it are busy too: on one with room "
        "the same work takes less. It moves as it runs. Predicted CPU: 64 %."
    )
    assert against(found, Remedy.RESIZE) == "More vCPUs on a full host are not more CPU."


@pytest.mark.parametrize(
    ("host_percent", "remedy"), [(None, Remedy.MIGRATE), (80.0, Remedy.MIGRATE), (8.0, Remedy.TWIN)]
)
def test_busy_machines_are_a_matter_of_the_host_unless_it_has_room(
    host_percent: float | None, remedy: Remedy
) -> None:
    host = replace(HOST, cpu_percent=host_percent, busy=("b-1-VM", "b-2-VM"))
    found = advise(demand(host=host))
    assert found.remedy is remedy
    if remedy is Remedy.TWIN:
        assert against(found, Remedy.MIGRATE) == (
            "Host kvm-a1 (8 %) has room, though b-1-VM and b-2-VM on it are busy too: elsewhere it "
            "gets no more."
        )


def test_a_machine_that_does_not_get_its_cpu_moves() -> None:
    slow = service(latency=MemberTimes(0.0, 0.2, 0.25))
    found = advise(demand(slow, cpu=Cpu(40.0), host=replace(HOST, cpu_percent=99.0)))
    assert found.remedy is Remedy.MIGRATE
    assert found.reason.startswith("It does not get the CPU that it has now.")


def test_without_another_host_it_stays() -> None:
    slow = service(latency=MemberTimes(0.0, 0.2, 0.25))
    host = replace(HOST, cpu_percent=99.0, spare=0)
    found = advise(demand(slow, cpu=Cpu(40.0), host=host))
    assert (found.remedy, found.is_enough) == (Remedy.NOTHING, False)
    assert "no other host takes it" in found.reason


# the members


def test_slow_members_behind_an_idle_machine_are_the_bottleneck() -> None:
    slow = service(per_s=50.0, latency=MemberTimes(0.0, 0.001, 1.8))
    found = advise(demand(replace(slow, down=1), cpu=CALM))
    assert found.remedy is Remedy.MEMBERS
    assert found.reason == "Those of port 80 take 1.8 s, while the CPU is at 22 %."
    assert found.also == ("1 member of port 80 is down.",)
    assert against(found, Remedy.TWIN) == (
        "The machine waits for its members: more of it would wait as well."
    )


def test_a_queue_before_the_members_is_theirs() -> None:
    full = service(latency=MemberTimes(0.3, 0.001, 0.02, 12))
    found = advise(demand(full, cpu=CALM))
    assert found.reason == ("12 requests wait for a member of port 80, while the CPU is at 22 %.")


SLOW_MEMBERS = service(latency=MemberTimes(0.0, 0.001, 1.8))


def test_slow_members_come_before_cpu_that_nobody_waits_for() -> None:
    found = advise(demand(SLOW_MEMBERS))
    assert found.remedy is Remedy.MEMBERS
    assert found.reason == "Those of port 80 take 1.8 s, while the CPU is at 92 %."
    assert against(found, Remedy.RESIZE) == (
        "HAProxy connects to them in 1 ms: more CPU would answer nobody sooner, and let more "
        "through to the members."
    )
    assert found.also == (
        "Its CPU is too high as well, and comes next: twin. A second ILB serves about half, since "
        "clients look up a name; it survives a host too.",
    )


def test_a_service_that_is_slow_for_few_does_not_hide_what_the_rest_needs() -> None:
    quick, slow = service(per_s=2900.0), replace(SLOW_MEMBERS, port=81, per_s=100.0)
    found = advise(demand(quick, slow))
    assert found.remedy is Remedy.TWIN
    assert found.also == ("Members look slow as well: those of port 81 take 1.8 s.",)


def test_slow_members_come_first_where_nothing_gives_more_cpu() -> None:
    found = advise(demand(SLOW_MEMBERS, larger=(), names_move=False))
    assert (found.remedy, found.also) == (
        Remedy.MEMBERS, ("Its CPU is too high as well, and comes next.",),
    )  # fmt: skip


@pytest.mark.parametrize("connect_s", [0.03, 0.4])
def test_where_haproxy_waits_for_its_cpu_the_cpu_comes_first(connect_s: float) -> None:
    found = advise(demand(service(latency=MemberTimes(0.0, connect_s, 2.2))))
    assert found.remedy is Remedy.TWIN


def test_of_a_hot_host_one_moves_though_its_members_are_slow() -> None:
    host = replace(HOST, cpu_percent=96.0, busy=("b-2-VM", "b-3-VM"))
    assert advise(demand(SLOW_MEMBERS, host=host)).remedy is Remedy.MIGRATE


def test_members_that_look_slow_on_a_saturated_machine_come_second() -> None:
    slow = service(latency=MemberTimes(0.0, 0.01, 2.2))
    found = advise(demand(slow, cpu=Cpu(98.0, 99.0, 600.0)))
    assert found.remedy is Remedy.TWIN
    assert found.also == ("Members look slow as well: those of port 80 take 2.2 s.",)


def test_with_room_and_quick_members_nothing_is_advised() -> None:
    found = advise(demand(cpu=CALM))
    assert found.remedy is Remedy.NOTHING
    assert found.reason == "CPU is at 22 % of what it can get: more would change nothing."


# not enough evidence


@pytest.mark.parametrize(
    ("lacking", "missing"),
    [
        (demand(cpu=None), "its CPU"),
        (demand(size=None), "its offering"),
        (
            demand(size=replace(SMALL, is_capped=True), host=None),
            "the clock of its host, of which its offering caps it at a part",
        ),
        (demand(service(name=""), larger=None), "the system offerings"),
        (
            demand(service(80, "a.test", None), service(90, "b.test", None)),
            "connections of each rule (HAProxy's stats page)",
        ),
        (demand(service(per_s=3.0)), "what runs in the machine"),
        (replace(demand(), services=()), "what runs in the machine"),
        (
            demand(service(latency=MemberTimes(0.0, 0.2, 0.25)), cpu=CALM, host=None),
            "how busy its host is",
        ),
        (
            demand(cpu=CALM, host=replace(HOST, cpu_percent=99.0)),
            "the time that its host withholds (steal)",
        ),
        (
            demand(
                replace(service(per_s=10.0, latency=MemberTimes(0.0, 0.001)), open=90), cpu=CALM
            ),
            "how long the members of port 80 take",
        ),
        (demand(cpu=Cpu(70.0, 75.0)), "a longer window"),
    ],
)
def test_what_is_missing_is_named_and_not_guessed(lacking: Demand, missing: str) -> None:
    found = advise(lacking)
    assert (found.remedy, found.missing) == (Remedy.UNKNOWN, (missing,))


def test_short_sessions_tell_that_members_are_quick_where_haproxy_does_not_look_inside() -> None:
    short = service(latency=BLIND)
    assert advise(demand(short, cpu=CALM)).remedy is Remedy.NOTHING


def test_an_edge_names_both_sides() -> None:
    assert advise(demand(cpu=Cpu(70.0, 75.0))).reason == (
        "It is on an edge: these numbers say “nothing”, and within the errors of measuring and "
        "predicting they say “twin” as well."
    )


# numbers


def test_every_number_is_said() -> None:
    assert numbers(demand(service(80, "a.test", 1500.0), service(90, "", 1600.0))) == (
        "CPU: 92 % of its vCPUs, 95th percentile 97 % over 10 min; up to 70 % is well.",
        "Size: 1 vCPU (256 MHz share, no cap).",
        "Host kvm-a1: at 40 % CPU.",
        "Port 80 (a.test): 1500 new connections/s, 10 open, 1 Mbit/s, about 48 % of the load, "
        "members take 19 ms.",
        "Port 90 (no name): 1600 new connections/s, 10 open, 1 Mbit/s, about 52 % of the load, "
        "members take 19 ms.",
        "Together 2 Mbit/s; a vCPU carries roughly 500 to 1000 Mbit/s.",
    )


def test_a_cap_is_told_beside_what_is_seen() -> None:
    capped = demand(service(per_s=None), cpu=Cpu(12.5), size=replace(SMALL, is_capped=True))
    assert numbers(capped)[0] == (
        "CPU: 12 % of its vCPUs, which is 96 % of what its cap lets it have; up to 70 % is well."
    )
    assert numbers(capped)[-1] == "Port 80 (app.test): not counted."


@given(mean=st.floats(0, 100), peak=st.floats(1, 2), per_s=st.floats(100, 5000))
def test_more_cpu_is_never_advised_to_a_machine_that_has_room(
    mean: float, peak: float, per_s: float
) -> None:
    found = advise(demand(service(per_s=per_s), cpu=Cpu(mean, min(100.0, mean * peak))))
    if mean < 60 and mean * peak < 80:
        assert found.remedy in {Remedy.NOTHING, Remedy.UNKNOWN}
    if mean > 80 and found.remedy is Remedy.NOTHING:
        assert not found.is_enough
