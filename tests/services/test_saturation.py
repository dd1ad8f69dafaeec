"""A busy machine is looked at again before anything is proposed, and decided on once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from bot.domain.detect import Detector, Edge, Moment, Rule
from bot.domain.load import Load, Proposal
from bot.domain.operation import Mode, Source, State
from bot.domain.policy import IncidentKind, IncidentPolicy
from bot.errors import Refused, Transient
from bot.sandbox.cloud import Fault, FaultKind
from bot.services.audit import Entry
from bot.services.cpu_case import Hosts
from bot.services.incident_desk import Desk
from bot.services.saturation import AGAIN_S, Advisor, Saturation
from tests.workflows.harness import House, house, two_people

RULE = Rule(lateness_s=0)


@dataclass
class Script:
    """An advisor that says what it was told to say, and remembers the load it saw."""

    proposal: Proposal = field(default_factory=lambda: Proposal("", "the members are slow"))
    asked: list[tuple[str, Load]] = field(default_factory=list)

    async def advise(self, target_id: str, load: Load) -> Proposal:
        self.asked.append((target_id, load))
        return self.proposal


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        _allow(made, IncidentPolicy(IncidentKind.CPU_SATURATED, "", Mode.AUTOMATIC))
        yield made


def _allow(home: House, *incidents: IncidentPolicy) -> None:
    home.policies = replace(two_people(), incidents={one.kind: one for one in incidents})


def watching(home: House, advisor: Advisor, enough: int = 3) -> Saturation:
    desk = Desk(
        home.journal, home.operations, home.fleet, home.fleet._cloud, lambda: home.policies,
        home.clock, home.watch,
    )  # fmt: skip
    return Saturation(desk, advisor, RULE, Source.KAFKA, lambda: None, Hosts(enough, 300.0))


def edge(home: House, name: str, moment: Moment = Moment.DUE, ago: float = 300) -> Edge:
    now, machine = home.clock.now(), home.cloud.machine(name)
    return Edge(moment, machine.id, name, "", now - ago, now, 97.0)


def busy(home: House, *names: str, percent: float = 97.0) -> None:
    for name in names:
        home.cloud.set_cpu(name, percent)
    home.later(180)


async def notes_of(home: House, found: Edge, kind: str = "decided") -> list[Entry]:
    return [note for note in await home.journal.notes(found.incident) if note.kind == kind]


async def decision(home: House, found: Edge) -> str:
    (note,) = await notes_of(home, found)
    return str(note.data["decision"])


async def test_what_is_advised_becomes_a_question_under_the_policy(home: House) -> None:
    advisor = Script(Proposal("roll", "it needs a newer template", numbers=("1,000 sessions",)))
    busy(home, "b-31-VM")
    due = edge(home, "b-31-VM")
    await watching(home, advisor).hear(due)
    (found,) = await home.journal.operations()
    found = await home.quiet(found)
    assert (found.state, found.mode, found.wish.because) == (
        State.WAITING, Mode.APPROVE, "it needs a newer template",
    )  # fmt: skip
    ((target, load),) = advisor.asked
    assert target == home.cloud.machine("b-31-VM").id
    assert (load.target_name, load.cpu_percent, load.busy_beside) == ("b-31-VM", 97.0, ())
    (note,) = await notes_of(home, due)
    assert note.data["numbers"][0].startswith("CPU now 97 %, ")
    assert note.data["numbers"][-1] == "1,000 sessions"


async def test_the_same_incident_again_is_no_second_decision(home: House) -> None:
    advisor = Script(Proposal("roll", "because"))
    busy(home, "b-31-VM")
    due = edge(home, "b-31-VM")
    first, second = watching(home, advisor), watching(home, advisor)
    await first.hear(due)
    await second.hear(replace(due, at=due.at + 60))
    assert len(await home.journal.operations()) == 1
    assert len(advisor.asked) == 1


async def test_a_decision_whose_note_was_lost_opens_nothing_twice(home: House) -> None:
    advisor = Script(Proposal("roll", "because"))
    busy(home, "b-31-VM")
    due = edge(home, "b-31-VM")
    saturation = watching(home, advisor)
    await saturation._decision(due)  # and the process dies before it is noted
    await saturation.hear(due)
    assert len(await home.journal.operations()) == 1
    assert (await decision(home, due)).startswith("same incident as operation ")


async def test_one_sample_is_not_called_several(home: House) -> None:
    home.cloud.set_cpu("b-31-VM", 97.0)
    home.cloud.set_setting("vm.stats.interval", "250000")
    home.later(560)
    due = edge(home, "b-31-VM")
    await watching(home, Script()).hear(due)
    (note,) = await notes_of(home, due)
    assert note.data["numbers"][0] == "CPU now 97 %, in CloudStack's only sample of late"


async def test_what_waits_for_a_decision_already_is_not_opened_again(home: House) -> None:
    asked = await home.ask("roll", "b-31-VM")
    assert asked.state is State.WAITING
    busy(home, "b-31-VM")
    due = edge(home, "b-31-VM")
    await watching(home, Script(Proposal("roll", "because"))).hear(due)
    assert len(await home.journal.operations()) == 1
    waits = f"operation {asked.id} on it waits for a decision"
    assert await decision(home, due) == f"advice only: roll is advised, and {waits}: because"


async def test_its_calm_before_is_no_part_of_its_load(home: House) -> None:
    home.later(600)
    busy(home, "b-31-VM")
    advisor = Script()
    await watching(home, advisor).hear(replace(edge(home, "b-31-VM"), since=home.clock.now() - 170))
    [(_, load)] = advisor.asked
    assert {percent for _, percent in load.samples} == {97.0}
    assert len(load.samples) > 1


class Speechless:
    """An advisor that may not look."""

    async def advise(self, target_id: str, load: Load) -> Proposal:
        raise Refused("The read key may not list offerings.")


async def test_where_nothing_can_be_advised_the_numbers_are_told(home: House) -> None:
    busy(home, "b-31-VM")
    due = edge(home, "b-31-VM")
    await watching(home, Speechless()).hear(due)
    assert await home.journal.operations() == ()
    assert (await decision(home, due)).startswith("advice only: nothing can be advised: The read")
    (advice,) = await notes_of(home, due, "cpu advice")
    assert advice.data["target"] == "b-31-VM"


async def test_without_a_policy_nothing_is_advised(home: House) -> None:
    _allow(home)
    advisor = Script()
    busy(home, "b-31-VM")
    due = edge(home, "b-31-VM")
    await watching(home, advisor).hear(due)
    assert await decision(home, due) == "no policy for cpu-saturated"
    assert advisor.asked == []


async def test_a_policy_for_one_runbook_opens_no_other(home: House) -> None:
    _allow(home, IncidentPolicy(IncidentKind.CPU_SATURATED, "pair", Mode.APPROVE))
    busy(home, "b-31-VM")
    due = edge(home, "b-31-VM")
    await watching(home, Script(Proposal("roll", "because"))).hear(due)
    assert await home.journal.operations() == ()
    assert "the policy allows only pair" in await decision(home, due)


async def test_a_runbook_that_does_not_exist_is_told_as_advice(home: House) -> None:
    busy(home, "b-31-VM")
    due = edge(home, "b-31-VM")
    await watching(home, Script(Proposal("grow", "because"))).hear(due)
    assert "grow is advised and cannot be opened" in await decision(home, due)


async def test_what_cloudstack_does_not_confirm_is_left_alone(home: House) -> None:
    saturation = watching(home, advisor := Script())
    calm = edge(home, "b-31-VM")
    await saturation.hear(calm)
    assert await decision(home, calm) == "left alone: by CloudStack its CPU is at 10 % now"
    home.cloud.settings["vm.stats.interval"].value = "0"
    blind = edge(home, "b-32-VM")
    await saturation.hear(blind)
    assert "no CPU sample of late" in await decision(home, blind)
    assert advisor.asked == []


async def test_a_machine_that_is_down_or_nobodys_is_left_alone(home: House) -> None:
    saturation = watching(home, Script())
    busy(home, "b-31-VM")
    home.cloud.stop_by_hand("b-31-VM")
    home.later(10)
    down = edge(home, "b-31-VM")
    await saturation.hear(down)
    assert await decision(home, down) == "left alone: it is Stopped"
    foreign = replace(down, target_id="00000000-0000-4000-8000-000000000000", target_name="x")
    await saturation.hear(foreign)
    assert "no ILB VM or router" in await decision(home, foreign)
    forged = replace(foreign, target_id="forged", target_name="x\n*b-31-VM*")
    await saturation.hear(forged)
    (note,) = await notes_of(home, forged)
    assert "\n" not in note.data["target"]


async def test_a_router_named_by_its_name_alone_is_found(home: House) -> None:
    advisor = Script()
    router = next(one for one in (await home.fleet._cloud.routers()) if one.vpc_id)
    busy(home, router.name)
    due = replace(edge(home, router.name), target_id=router.name)
    await watching(home, advisor).hear(due)
    assert [target for target, _ in advisor.asked] == [router.id]


async def test_a_key_that_may_not_look_makes_the_sample_wait(home: House) -> None:
    home.cloud.fail_next(Fault("listSystemVmsUsageHistory", FaultKind.ERROR, status=432))
    busy(home, "b-31-VM")
    due = edge(home, "b-31-VM")
    saturation = watching(home, Script())
    with pytest.raises(Transient, match="decide on busy b-31-VM"):
        await saturation.hear(due)
    await saturation.hear(due)
    assert (await decision(home, due)).startswith("advice only")


async def test_a_machine_that_can_never_be_looked_at_is_left_alone_with_the_reason(
    home: House,
) -> None:
    home.cloud.fail_next(Fault("listSystemVmsUsageHistory", FaultKind.ERROR, times=99))
    due = edge(home, "b-31-VM")
    saturation = watching(home, Script())
    for _ in range(4):
        with pytest.raises(Transient, match="decide on busy b-31-VM"):
            await saturation.hear(due)
    await saturation.hear(due)
    assert (await decision(home, due)).startswith("left alone: it cannot be looked at: read how")


async def test_an_incident_is_open_from_its_first_note_to_its_last(home: House) -> None:
    saturation = watching(home, Script())
    began = edge(home, "b-31-VM", Moment.ENTERED)
    await saturation.hear(began)
    assert await saturation.opened() == {began.target_id: began.since}
    await saturation.hear(replace(began, moment=Moment.SILENT))
    assert await saturation.opened() == {began.target_id: began.since}
    await saturation.hear(replace(began, moment=Moment.LEFT))
    assert await saturation.opened() == {}
    await saturation.hear(replace(began, moment=Moment.LEFT, since=began.since - 999))
    kinds = [note.kind for note in await home.journal.notes(began.incident)]
    assert kinds == ["cpu busy", "cpu unknown", "cpu over"]


async def test_a_machine_that_is_busy_again_within_an_hour_is_not_proposed_for_again(
    home: House,
) -> None:
    advisor = Script(Proposal("", "split it"))
    saturation = watching(home, advisor)
    busy(home, "b-31-VM")
    first = edge(home, "b-31-VM")
    await saturation.hear(first)
    await saturation.hear(replace(first, moment=Moment.LEFT))
    home.later(AGAIN_S - 60)
    second = edge(home, "b-31-VM")
    await saturation.hear(second)
    stands = "busy again within an hour, it stands: advice only: split it"
    assert await decision(home, second) == stands
    home.later(120)
    third = edge(home, "b-31-VM")
    await saturation.hear(third)
    assert await decision(home, third) == "advice only: split it"
    assert len(advisor.asked) == 2
    assert len(await home.journal.newest_notes("cpu advice")) == 2


async def test_an_incident_of_a_machine_that_is_gone_ends_with_the_next_start(home: House) -> None:
    """Its samples end with it, and a detector that never heard of it misses nothing."""
    saturation = watching(home, Script())
    stays = edge(home, "b-31-VM", Moment.ENTERED)
    goes = replace(stays, target_id="0a1b", target_name="b-99-VM")
    for one in (stays, goes):
        await saturation.hear(one)
    home.cloud.fail_next(Fault("listInternalLoadBalancerVMs", FaultKind.ERROR, status=432))
    assert len(await saturation.opened()) == 2
    assert await watching(home, Script()).opened() == {stays.target_id: stays.since}
    (over,) = await notes_of(home, goes, "cpu over")
    assert (over.data["target"], over.data["words"]) == ("b-99-VM", "the machine is gone")


async def test_a_detector_that_knows_what_is_open_does_not_open_it_again(home: House) -> None:
    saturation = watching(home, Script())
    began = edge(home, "b-31-VM", Moment.ENTERED)
    await saturation.hear(began)
    again = Detector(RULE, await saturation.opened())
    found = [
        one
        for minute in range(1, 10)
        for one in again.feed(began.target_id, began.since + 60 * minute, 97.0)
    ]
    assert [one.moment for one in found] == [Moment.DUE]
    assert found[0].incident == began.incident


async def on_one_host(home: House) -> tuple[str, list[str]]:
    """Return a host and the names of the ILB VMs that run on it, put there."""
    names = ["b-31-VM", "b-32-VM", "b-33-VM"]
    host = home.cloud.machine(names[0]).host
    assert host is not None
    host.cpu_percent = 96.0
    for name in names:
        home.cloud.machine(name).host = host
    return host.name, names


async def test_busy_machines_of_a_host_with_room_are_incidents_of_their_own(home: House) -> None:
    host, names = await on_one_host(home)
    home.cloud.set_cpu(host, 12.0)
    saturation = watching(home, script := Script())
    busy(home, *names)
    for name in names:
        await saturation.hear(edge(home, name, Moment.ENTERED))
    for name in names:
        await saturation.hear(edge(home, name))
    assert [target for target, _ in script.asked] == [home.cloud.machine(one).id for one in names]


async def test_several_busy_machines_of_one_host_are_one_incident_of_the_host(home: House) -> None:
    _allow(
        home,
        IncidentPolicy(IncidentKind.CPU_SATURATED, "", Mode.APPROVE),
        IncidentPolicy(IncidentKind.HOST_HOT, "", Mode.APPROVE),
    )
    host, names = await on_one_host(home)
    advisor = Script(Proposal("", "move one of them"))
    saturation = watching(home, advisor)
    busy(home, *names[:2])
    busy(home, names[2], percent=99.0)
    edges = [edge(home, name, ago=200 + n) for n, name in enumerate(names)]
    for one in edges:
        await saturation.hear(replace(one, moment=Moment.ENTERED))
    for one in edges:
        await saturation.hear(one)
    ((target, load),) = advisor.asked
    assert target == home.cloud.machine(names[2]).id
    assert (load.host, sorted(load.busy_beside)) == (host, names[:2])
    decisions = [await decision(home, one) for one in edges]
    assert decisions[0] == f"host {host} is the matter: advice only: move one of them"
    assert decisions[1:] == [f"part of the incident of host {host}"] * 2
    advices = await home.journal.newest_notes("cpu advice")
    assert [note.data["incident"] for note in advices] == ["host-hot"]


async def test_without_a_policy_for_hosts_each_machine_is_decided_on(home: House) -> None:
    _, names = await on_one_host(home)
    saturation = watching(home, script := Script())
    busy(home, *names)
    for name in names:
        await saturation.hear(edge(home, name, Moment.ENTERED))
    for name in names:
        await saturation.hear(edge(home, name))
    assert [load.target_name for _, load in script.asked] == names
    assert script.asked[0][1].busy_beside == tuple(names[1:])


async def test_a_late_neighbour_is_part_of_the_hosts_incident(home: House) -> None:
    _allow(home, IncidentPolicy(IncidentKind.HOST_HOT, "", Mode.APPROVE))
    host, names = await on_one_host(home)
    saturation = watching(home, script := Script(), enough=2)
    busy(home, *names)
    for name in names[:2]:
        await saturation.hear(edge(home, name, Moment.ENTERED))
    await saturation.hear(edge(home, names[0]))
    home.later(60)
    late = edge(home, names[2], ago=60)
    await saturation.hear(late)
    assert await decision(home, late) == f"part of the incident of host {host}"
    assert len(script.asked) == 1


async def test_neighbours_that_are_calm_again_do_not_count(home: House) -> None:
    _, names = await on_one_host(home)
    saturation = watching(home, script := Script())
    for name in names:
        await saturation.hear(edge(home, name, Moment.ENTERED))
    busy(home, names[0])
    due = edge(home, names[0])
    await saturation.hear(due)
    assert script.asked[0][1].busy_beside == ()
