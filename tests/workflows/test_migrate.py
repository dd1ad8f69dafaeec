"""migrate: to a host that takes it, never that of its twin or peer, and back where it fails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.operation import Mode, Operation, Outcome, Source, State, Wish
from bot.domain.plan import Plan
from bot.sandbox.cloud.faults import Fault, FaultKind
from bot.sandbox.cloud.model import Host
from bot.sandbox.cloud.traffic import Behaviour
from bot.services.operations import plan_of
from bot.services.traffic import MEASURED
from tests.workflows.harness import House, house
from tests.workflows.migrate_scenarios import HERE, THERE, lone_router, runs_on
from tests.workflows.paired import TWIN, VIP, VM, paired
from workflows.words import Words

CALL = "migrateSystemVm"


def host(home: House, name: str) -> Host:
    return home.cloud.one(Host, name)


def moves(home: House) -> list[str]:
    return [one for one in home.effects() if ".migrated" in one]


async def planned(home: House, target: str = VM, **more: str) -> Plan:
    asked = await home.ask("migrate", target, **more)
    assert asked.state is State.WAITING, asked.reason
    return plan_of(asked)


async def refused(home: House, target: str = VM, **more: str) -> str:
    ended = await home.ask("migrate", target, **more)
    assert ended.outcome is Outcome.REFUSED, ended.reason
    assert CALL not in home.wire.calls
    return ended.reason


async def test_it_moves_to_the_host_that_was_planned_and_is_read_there(home: House) -> None:
    found = await planned(home)
    assert found.summary == f"Migrate {VM} from {HERE} to {THERE}"
    assert [step.undo for step in found.steps] == [f"migrate it back to {HERE}", ""]
    ended = await home.approve((await home.journal.operations())[0])
    assert ended.outcome is Outcome.DONE, ended.reason
    assert runs_on(home.vm(VM)) == THERE
    assert moves(home) == [f"ilb_vm.migrated {VM}"]


async def test_unless_a_host_is_wished_it_moves_to_the_least_busy(home: House) -> None:
    """In one cluster: kvm-b1 and kvm-b2, and another one that comes before both by name."""
    home.cloud.machine(VM).host = host(home, "kvm-b2")
    other = host(home, "kvm-a1")
    other.cluster_id = host(home, "kvm-b2").cluster_id
    other.cpu_percent = 60.0
    assert (await planned(home)).parameter("to_name") == "kvm-b1"


async def test_a_host_may_be_wished_by_an_incident_too(home: House) -> None:
    home.cloud.machine(VM).host = host(home, "kvm-b1")
    wish = Wish("migrate", home.vm(VM).id, (("host", "KVM-B2"),), because="kvm-b1 is hot")
    opened, _ = await home.operations.open_for_incident(
        wish, Source.KAFKA, Mode.APPROVE, dedupe="hot-host:kvm-b1", evidence={}
    )
    asked = await home.quiet(opened)
    assert plan_of(asked).parameter("to_name") == "kvm-b2"
    assert (await home.approve(asked)).outcome is Outcome.DONE
    assert runs_on(home.vm(VM)) == "kvm-b2"


async def test_what_runs_there_already_is_not_moved(home: House) -> None:
    ended = await home.ask("migrate", VM, host=HERE)
    assert (ended.outcome, ended.reason) == (
        Outcome.NOTHING_TO_DO,
        f"{VM} runs on {HERE} already.",
    )


async def test_it_never_moves_to_the_host_of_its_twin() -> None:
    async with house(named=True) as home:
        paired(home)
        twin = home.cloud.machine(home.vm_at(TWIN))
        twin.host = host(home, THERE)
        why = f"{twin.name} runs there"
        assert f"{THERE} ({why})" in await refused(home)
        assert f"does not move to {THERE}: {why}" in await refused(home, host=THERE)


async def test_a_router_never_joins_its_peer(home: House) -> None:
    text = await refused(home, "r-5-VM")
    assert text.startswith("No other host takes r-5-VM: kvm-a1 (r-4-VM runs there).")


async def test_of_two_routers_one_is_named(home: House) -> None:
    text = await refused(home, "shop-prod")
    assert "one is moved at a time" in text
    assert "`r-4-VM` (on kvm-a1) and `r-5-VM` (on kvm-a2)" in text


async def test_the_router_that_is_named_is_the_one_that_moves(home: House) -> None:
    home.cloud.machine("r-4-VM").host = host(home, "kvm-b1")
    found = await planned(home, "r-4-VM", host="kvm-b2")
    assert found.parameter("name") == "r-4-VM"
    [vrrp] = found.warnings
    assert vrrp.startswith("r-4-VM is PRIMARY")
    ended = await home.approve((await home.journal.operations())[0])
    assert ended.outcome is Outcome.DONE, ended.reason
    assert (runs_on(home.vm("r-4-VM")), runs_on(home.vm("r-5-VM"))) == ("kvm-b2", "kvm-a2")


async def test_a_machine_that_does_not_run_does_not_move(home: House) -> None:
    home.cloud.power_off(VM)
    home.later(200.0)
    text = await refused(home)
    assert text == f"{VM} is Stopped: only a running machine moves. `recover` brings it back."


@pytest.mark.parametrize(
    ("state", "resource_state", "said"),
    [
        ("Disconnected", "Enabled", "is Disconnected: a migration needs its agent"),
        ("Up", "PrepareForMaintenance", "CloudStack moves its machines away by itself"),
    ],
)
async def test_it_stays_where_its_own_host_cannot_give_it_away(
    home: House, state: str, resource_state: str, said: str
) -> None:
    own = host(home, HERE)
    own.state, own.resource_state = state, resource_state
    assert said in await refused(home)


async def test_a_host_in_maintenance_is_named_with_its_state(home: House) -> None:
    host(home, THERE).resource_state = "Maintenance"
    assert f"{THERE} (Up, Maintenance)" in await refused(home, host=THERE)
    assert await refused(home) == (
        f"No other host takes {VM}: CloudStack names none. Make room on a host or enable one, "
        "then ask again."
    )


async def test_a_host_name_that_two_have_is_no_name(home: House) -> None:
    there, other = host(home, THERE), host(home, "kvm-a1")
    other.pod, other.cluster_id, other.name = there.pod, there.cluster_id, THERE
    text = await refused(home, host=THERE)
    assert text.startswith(f"2 hosts are called “{THERE}”. Say its id: ")
    assert (await planned(home, host=other.id)).parameter("to") == other.id


async def test_a_host_that_nobody_has_is_refused_with_those_there_are(home: House) -> None:
    text = await refused(home, host="kvm-z9")
    assert text.endswith(f"called “kvm-z9”. It can move to `{THERE}`.")


async def test_another_host_than_planned_is_another_plan(home: House) -> None:
    asked = await home.ask("migrate", VM)
    home.cloud.machine(VM).host = host(home, THERE)
    ended = await home.approve(asked)
    assert ended.outcome is Outcome.STALE
    assert "host: was kvm-b2" in ended.reason


async def test_one_that_was_started_anew_is_another_plan(home: House) -> None:
    asked = await home.ask("migrate", VM)
    own, cloud = home.vm(VM), home.fleet._cloud
    for act in (cloud.stop_ilb_vm, cloud.start_ilb_vm):  # type: ignore[attr-defined]  # it can
        await act(own.id)
        home.later(60.0)
    own.host = host(home, HERE)
    ended = await home.approve(asked)
    assert ended.outcome is Outcome.STALE
    assert "last start or stop: was" in ended.reason


async def _twin_follows(home: House) -> tuple[Operation, str]:
    """Move it while its twin is moved to the same host by somebody else."""
    paired(home)
    twin = home.cloud.machine(home.vm_at(TWIN))
    asked = await home.ask("migrate", VM)

    def before(command: str) -> None:
        if command == CALL:
            twin.host = host(home, THERE)

    home.wire.before = before
    return await home.approve(asked), twin.name


async def test_a_twin_that_came_there_meanwhile_sends_it_back() -> None:
    async with house(named=True) as home:
        ended, twin = await _twin_follows(home)
        assert ended.outcome is Outcome.ROLLED_BACK
        assert f"{twin} runs there by now" in ended.reason
        assert runs_on(home.vm(VM)) == HERE
        assert moves(home) == [f"ilb_vm.migrated {VM}"] * 2


async def test_a_migration_that_fails_leaves_it_where_it_was(home: House) -> None:
    home.cloud.fail_next(Fault(CALL, FaultKind.JOB_FAILS, times=3))
    ended = await home.do("migrate", VM)
    assert ended.outcome is Outcome.FAILED, "nothing was moved, so nothing was taken back"
    assert runs_on(home.vm(VM)) == HERE
    assert "migrate b-31-VM to kvm-b1: " in ended.reason
    assert "undone" not in ended.reason
    assert moves(home) == []


async def test_a_long_migration_whose_answer_was_lost_is_followed_to_its_end(home: House) -> None:
    """CloudStack shows it as Migrating meanwhile, which the pretend one does not by itself."""
    home.cloud.latencies = replace(home.cloud.latencies, migrate_s=60.0)
    home.cloud.fail_next(Fault(CALL, FaultKind.LOSE_ANSWER))
    own, processes = home.vm(VM), home.cloud.processes

    def before(command: str) -> None:
        if command == CALL:
            processes.call_at(home.cloud.at + 2.0, lambda: setattr(own, "state", "Migrating"))
            processes.call_at(home.cloud.at + 62.0, lambda: setattr(own, "state", "Running"))

    home.wire.before = before
    ended = await home.do("migrate", VM)
    assert ended.outcome is Outcome.DONE, ended.reason
    assert home.wire.calls.count(CALL) == 1
    assert runs_on(home.vm(VM)) == THERE


async def test_what_it_serves_is_measured_meanwhile() -> None:
    async with house(named=True, watched=True) as home:
        ended = await home.do("migrate", VM)
        assert ended.outcome is Outcome.DONE, ended.reason
        notes = await home.journal.notes(ended.id)
        assert any(note.kind == MEASURED for note in notes)


async def test_the_lone_router_of_a_vpc_moves_by_the_name_of_its_vpc(home: House) -> None:
    ended = await home.do("migrate", "shop-stage")
    assert ended.outcome is Outcome.DONE, ended.reason
    assert runs_on(lone_router(home)) == "kvm-a2"


async def test_the_words_of_a_migration(home: House) -> None:
    found = await planned(home)
    assert Words().render("migrate", "plan", plan=found) == (
        "Migrate b-31-VM from kvm-b2 to kvm-b1\n"
        "in tier app-tier of VPC shop-prod, zone fra-1\n"
        "\n"
        "*What happens*\n"
        "1. Migrate b-31-VM to kvm-b1 _(undo: migrate it back to kvm-b2)_\n"
        "2. Read which host it runs on\n"
        "\n"
        ":warning: *Not reachable meanwhile:* 10.20.1.10 ports 80, 9090, how long is not known: it "
        "stands still while the last of its memory is copied; connections stay open"
    )
    given = {
        "id": "op-1", "target": VM, "reason": "", "seconds": 6.0,
        "traffic": "Traffic was not measured.", "parameters": dict(found.parameters),
    }  # fmt: skip
    assert Words().render("migrate", "done", **given) == (
        "*b-31-VM* runs on *kvm-b1* now, not on *kvm-b2*, after 6 s.\nTraffic was not measured."
    )


@pytest.mark.slow
async def test_one_that_does_not_answer_on_its_new_host_goes_back() -> None:
    async with house(named=True, watched=True) as home:

        def without_its_network(command: str) -> None:
            if command == CALL and runs_on(home.vm(VM)) == HERE:
                home.cloud.lose_connections(VIP, 80, Behaviour.HANGS, seconds=200.0)

        home.wire.before = without_its_network
        ended = await home.do("migrate", VM)
        assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
        assert f"prove {VIP}: it was not seen to answer" in ended.reason
        assert runs_on(home.vm(VM)) == HERE
