"""CloudStack's samples are read once each, and lead to incidents where no topic has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.domain.detect import Edge, Moment, Rule
from bot.domain.load import CpuSample
from bot.domain.operation import Mode, Source
from bot.domain.policy import IncidentKind, IncidentPolicy
from bot.errors import IlbotError, Transient
from bot.sandbox.cloud import Fault, FaultKind
from bot.services.advice_news import AdviceNews
from bot.services.advising import Advising
from bot.services.cpu_reading import CpuReading, CpuWatch, Sampler
from bot.services.incident_desk import Desk
from bot.services.our_machines import OurMachines
from bot.services.saturation import ADVICE, Saturation
from tests.services.bulletin import CHANNEL, Bulletin
from tests.workflows.harness import House, house, two_people

RULE = Rule(lateness_s=0)
MINUTE = 60.0


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        kind = IncidentKind.CPU_SATURATED
        policies = two_people()
        object.__setattr__(policies, "incidents", {kind: IncidentPolicy(kind, "", Mode.APPROVE)})
        made.policies = policies
        yield made


def watch(home: House) -> CpuWatch:
    cloud = home.fleet._cloud
    desk = Desk(
        home.journal, home.operations, home.fleet, cloud, lambda: home.policies, home.clock,
        home.watch,
    )  # fmt: skip
    saturation = Saturation(desk, Advising(home.fleet, ()), RULE, Source.POLL, lambda: None)
    return CpuWatch(cloud, home.clock, RULE, saturation)


async def kinds(home: House) -> list[str]:
    wanted = ("cpu busy", "decided", "cpu advice", "cpu over")
    notes = await home.journal.newest_notes(*wanted)
    return [note.kind for note in reversed(notes) if note.data["target"] == "b-31-VM"]


async def minutes(home: House, looking: CpuWatch, number: int) -> None:
    for _ in range(number):
        home.later(MINUTE)
        await looking.look()


async def test_each_sample_of_an_ilb_vm_or_a_router_is_read_once(home: House) -> None:
    reading = CpuReading(home.fleet._cloud, home.clock, window_s=5 * MINUTE)
    first = await reading.read()
    assert {one.target_name[:2] for one in first} == {"b-", "r-"}
    assert await reading.read() == ()
    home.later(2 * MINUTE)
    second = await reading.read()
    assert len({one.at for one in second}) == 2
    assert not {(one.target_id, one.at) for one in second} & {
        (one.target_id, one.at) for one in first
    }


async def test_a_busy_machine_is_found_decided_on_and_over(home: House) -> None:
    looking = watch(home)
    await looking.look()
    home.cloud.set_cpu("b-31-VM", 97.0)
    await minutes(home, looking, 4)
    assert await kinds(home) == ["cpu busy"]
    await minutes(home, looking, 1)
    assert await kinds(home) == ["cpu busy", "cpu advice", "decided"]
    home.cloud.set_cpu("b-31-VM", 20.0)
    await minutes(home, looking, 4)
    assert await kinds(home) == ["cpu busy", "cpu advice", "decided", "cpu over"]


async def test_a_restart_in_the_middle_opens_and_decides_nothing_twice(home: House) -> None:
    home.cloud.set_cpu("b-31-VM", 97.0)
    for _ in range(12):  # another process each minute
        await minutes(home, watch(home), 1)
    assert await kinds(home) == ["cpu busy", "cpu advice", "decided"]


async def test_what_could_not_be_told_is_told_with_the_next_look(home: House) -> None:
    looking = watch(home)
    await looking.look()
    home.cloud.set_cpu("b-31-VM", 97.0)
    await minutes(home, looking, 4)
    home.later(MINUTE)
    home.cloud.fail_next(Fault("listInternalLoadBalancerVMs", FaultKind.ERROR, status=530))
    with pytest.raises(Transient):
        await looking.look()
    assert await kinds(home) == ["cpu busy"]
    await looking.look()
    assert await kinds(home) == ["cpu busy", "cpu advice", "decided"]


async def test_a_sampler_publishes_with_the_host_and_goes_on_after_a_failure(home: House) -> None:
    published: list[CpuSample] = []
    failures = [Transient("broker away")]

    async def publish(one: CpuSample) -> None:
        if failures and len(published) == 3:
            raise failures.pop()
        published.append(one)

    sampler = Sampler(home.fleet._cloud, home.clock, publish, window_s=2 * MINUTE)
    with pytest.raises(Transient):
        await sampler.once()
    await sampler.once()
    assert len(published) == len({(one.target_id, one.at) for one in published}) > 3
    host = home.cloud.machine("b-31-VM").host
    assert host is not None
    assert {one.host for one in published if one.target_name == "b-31-VM"} == {host.name}
    assert await sampler.once() == 0


async def test_an_advice_without_an_operation_is_told_once_in_the_channel(home: House) -> None:
    looking = watch(home)
    home.cloud.set_cpu("b-31-VM", 97.0)
    await minutes(home, looking, 6)
    chat = Bulletin()
    news = AdviceNews(home.journal, chat, CHANNEL)
    await news.tell()
    await AdviceNews(home.journal, chat, CHANNEL).tell()
    (card,) = chat.posts
    host = home.cloud.machine("b-31-VM").host
    assert host is not None
    assert card.title == f"b-31-VM on host {host.name} is busy"
    assert card.body[0].startswith("*Advice:* Resize: ")
    assert card.body[1].startswith("• CPU now 97 %, ")


async def test_an_advice_that_could_not_be_posted_is_posted_later(home: House) -> None:
    looking = watch(home)
    home.cloud.set_cpu("b-31-VM", 97.0)
    await minutes(home, looking, 6)
    chat = Bulletin(failures=[Transient("Slack away")])
    news = AdviceNews(home.journal, chat, CHANNEL)
    with pytest.raises(Transient):
        await news.tell()
    await news.tell()
    assert len(chat.posts) == 1


async def test_the_end_of_what_was_told_is_told_with_the_load_before_and_after(home: House) -> None:
    looking, chat = watch(home), Bulletin()
    news = AdviceNews(home.journal, chat, CHANNEL)
    home.cloud.set_cpu("b-31-VM", 97.0)
    await minutes(home, looking, 6)
    home.cloud.set_cpu("b-31-VM", 54.0)
    await minutes(home, looking, 6)
    await news.tell()
    await news.tell()
    (_, calm) = chat.posts
    assert calm.title == "b-31-VM is calm again"
    assert calm.body[1].startswith("CPU 54 %; it was 97 % when it became busy at 2027-")


async def test_many_advices_at_once_are_all_told(home: House) -> None:
    for number in range(25):
        data = {
            "incident": "cpu-saturated", "target": f"b-{number}-VM", "host": "", "reason": "Resize",
            "numbers": [], "since": 0.0,
        }  # fmt: skip
        await home.journal.note(f"cpu:{number}", "", ADVICE, data)
    chat = Bulletin()
    await AdviceNews(home.journal, chat, CHANNEL).tell()
    assert [card.title for card in chat.posts] == [f"b-{n}-VM is busy" for n in range(25)]


async def test_records_about_our_machines_are_known_by_id_and_by_name(home: House) -> None:
    ours = OurMachines(home.fleet._cloud, home.clock)
    assert ours.keys() is None
    await ours.refresh()
    known = ours.known()
    machine = home.cloud.machine("b-31-VM")
    assert known is not None
    assert known.at == home.clock.now()
    keys = ours.keys()
    assert keys == known.keys
    assert {machine.id.encode(), b"b-31-VM"} < keys
    assert home.cloud.machine("app-1").id.encode() not in keys


async def test_who_may_not_list_all_machines_knows_none(home: House) -> None:
    ours = OurMachines(home.fleet._cloud, home.clock)
    await ours.refresh()
    home.cloud.fail_next(Fault("listRouters", FaultKind.ERROR, status=432))
    await ours.refresh()
    assert ours.known() is None
    assert ours.keys() is None


async def test_a_busy_stranger_costs_cloudstack_nothing_once_our_machines_are_listed(
    home: House,
) -> None:
    ours = OurMachines(home.fleet._cloud, home.clock)
    await ours.refresh()
    desk = Desk(
        home.journal, home.operations, home.fleet, home.fleet._cloud, lambda: home.policies,
        home.clock, home.watch, known=ours.known,
    )  # fmt: skip
    told = Saturation(desk, Advising(home.fleet, ()), RULE, Source.KAFKA, lambda: None)
    now, asked = home.clock.now(), len(home.cloud.calls)
    for since, calls in ((now - 301, 0), (now - 299, 4)):
        busy = Edge(Moment.DUE, f"m-{since}", "i-2-7-VM", "", since, now, 97.0)
        await told.hear(busy)
        (note,) = [one for one in await home.journal.notes(busy.incident) if one.kind == "decided"]
        assert note.data["decision"] == "left alone: no ILB VM or router of that id or name"
        assert len(home.cloud.calls) - asked == calls


async def test_our_machines_are_listed_once_for_all_who_ask_and_again_for_who_asks_later(
    home: House,
) -> None:
    ours, before = OurMachines(home.fleet._cloud, home.clock), len(home.cloud.calls)
    told = await asyncio.gather(*(ours.since(home.clock.now()) for _ in range(5)))
    assert len(home.cloud.calls) - before == 2
    assert {id(one) for one in told} == {id(ours.known())}
    assert await ours.since(home.clock.now()) is told[0]
    home.later(5)
    later = await ours.since(home.clock.now())
    assert later is not None
    assert later.at == home.clock.now()
    assert len(home.cloud.calls) - before == 4


async def test_a_list_that_fails_leaves_the_one_before(home: House) -> None:
    ours = OurMachines(home.fleet._cloud, home.clock)
    await ours.refresh()
    before = ours.known()
    home.later(5)
    home.cloud.fail_next(Fault("listRouters", FaultKind.ERROR, status=530))
    with pytest.raises(IlbotError):
        await ours.since(home.clock.now())
    assert ours.known() is before
