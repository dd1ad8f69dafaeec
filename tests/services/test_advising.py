"""What is advised for a busy machine of a pretend cloud: read, said on one card, and proposed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.load import Load, Proposal
from bot.domain.page import as_mrkdwn, as_plain
from bot.errors import Refused
from bot.sandbox.cloud.counters import VISIBILITY
from bot.sandbox.cloud.counters import Load as Rates
from bot.sandbox.cloud.faults import Fault, FaultKind
from bot.sandbox.cloud.model import Host, Kind, Machine, Rule, ServiceOffering
from bot.services.advising import Advising
from bot.services.operations import plan_of
from handlers.routes import RUNBOOKS
from tests.handlers import slack_house
from tests.workflows.harness import House, house

VIP, VM = "10.20.1.10", "b-31-VM"
ALL = {"resize", "split", "pair", "migrate"}


def busy(samples: tuple[tuple[float, float], ...], *beside: str) -> Load:
    """Return what a detector knows of it."""
    return Load(VM, "", 0.0, 90.0, 70.0, samples, beside)


SATURATED = busy(tuple((60.0 * number, 90.0 + number % 4) for number in range(20)))


@pytest.fixture
async def inside() -> AsyncIterator[House]:
    async with house(named=True, watched=True) as opened:
        opened.cloud.set_load(VIP, 80, Rates(2400.0, 60, 160.0, 0, 0, 1, 24))
        opened.cloud.set_load(VIP, 9090, Rates(300.0, 6, 20.0, 0, 0, 1))
        yield opened


def machine(inside: House, name: str = VM) -> Machine:
    return inside.cloud.machine(name)


async def said(inside: House, text: str) -> str:
    return as_plain(await Advising(inside.fleet, RUNBOOKS).page(text, "/ilb"))


async def proposed(
    inside: House, load: Load = SATURATED, runbooks: set[str] = ALL, name: str = VM
) -> Proposal:
    return await Advising(inside.fleet, runbooks).advise(machine(inside, name).id, load)


def rename(inside: House, **names: str) -> None:
    """Give the rules of the VIP names of their own, or none."""
    for rule in inside.cloud.all(Rule):
        if rule.vip == VIP:
            rule.tags = {"ilbot.name": names[rule.name.replace("-", "_")]}
            if not rule.tags["ilbot.name"]:
                rule.tags = {}


# one card


async def test_the_card_has_the_advice_its_numbers_and_why_nothing_else(inside: House) -> None:
    assert await said(inside, "app-tier cpu=93") == (
        "Advice for b-31-VM: ILB VM 10.20.1.10, tier app-tier of VPC shop-prod\n"
        "\n"
        "Twin: A second ILB serves about half, since clients look up a name; it survives a host "
        "too. Predicted CPU: 51 %.\n"
        "/ilb pair b-31-VM plans it.\n"
        "\n"
        "Numbers\n"
        "CPU: 93 % of its vCPUs; up to 70 % is well.\n"
        "Size: 1 vCPU (256 MHz share, no cap).\n"
        "Host kvm-b2: at 8 % CPU.\n"
        "Port 80 (app.shop.internal): 2400 new connections/s, 60 open, 160 Mbit/s, about 89 % of "
        "the load, members take 23 ms.\n"
        "Port 9090 (app.shop.internal): 300 new connections/s, 6 open, 20 Mbit/s, about 11 % of "
        "the load.\n"
        "Together 180 Mbit/s; a vCPU carries roughly 500 to 1000 Mbit/s.\n"
        "\n"
        "Why not something else\n"
        "Not resize: “ILB large” has 2 vCPUs (1000 MHz share, no cap): 54 % of today's load, with "
        "no outage of the service. It is enough too (50 %), and costs more.\n"
        "Not split: All its ports share one name, app.shop.internal, so they move together.\n"
        "Not migrate: Host kvm-b2 (8 %) has room: elsewhere it gets no more.\n"
        "Not the members: What they take is within bounds, where it is seen.\n"
        "\n"
        "Nothing was changed."
    )


async def test_it_is_a_card_in_slack_too(inside: House) -> None:
    text = as_mrkdwn(await Advising(inside.fleet, RUNBOOKS).page("app-tier cpu=93%", "/ilb"))
    assert text.startswith(
        "*Advice for b-31-VM: ILB VM 10.20.1.10, tier app-tier of VPC shop-prod*"
    )
    assert "`/ilb pair b-31-VM` plans it." in text


async def test_advice_for_which_there_is_no_runbook_says_so(inside: House) -> None:
    page = await Advising(inside.fleet, ()).page("app-tier cpu=93", "/ilb")
    assert "This bot has no runbook for it." in as_plain(page)


async def test_without_a_measured_load_its_own_check_is_taken(inside: House) -> None:
    text = await said(inside, "app-tier")
    assert "Nothing: CPU is at 12 % of what it can get: more would change nothing." in text
    assert "CPU: 12 % of its vCPUs as its own health check saw it once" in text
    assert "Not resize" not in text, "it would be the same reason again"
    high = "CPU Usage 97.2% has crossed threshold of 90.0%"
    inside.cloud.set_check(VM, "cpu_usage_check.py", "FAILED", high)
    assert "CPU: 97 % of its vCPUs as its own health check saw it once" in await said(inside, VM)


async def test_slow_members_are_told_from_a_busy_machine(inside: House) -> None:
    inside.cloud.set_load(VIP, 80, Rates(50.0, 90, 3.0, 0, 0, 1, 1800))
    text = await said(inside, "app-tier cpu=22")
    assert (
        "The members are the bottleneck: Those of port 80 take 1.8 s, while the CPU is at 22 %."
        in text
    )
    assert "plans it" not in text


async def test_a_pair_of_routers_is_redundancy(inside: House) -> None:
    inside.cloud.one(ServiceOffering, "Router large").removed = True
    text = await said(inside, "shop-prod cpu=93")
    assert text.startswith("Advice for r-4-VM: VPC router pair of VPC shop-prod")
    assert "Not resize: No larger system offering of type domainrouter is there." in text
    assert "only the primary forwards: redundancy, no capacity." in text


async def test_what_is_advised_for_a_busy_pair_is_what_resize_takes(inside: House) -> None:
    offering = inside.cloud.one(ServiceOffering, "Router large")
    text = await said(inside, "shop-prod cpu=93")
    assert "Resize: “Router large” has 2 vCPUs" in text
    assert '/ilb resize r-4-VM offering="Router large" plans it.' in text
    asked = await inside.ask("resize", "r-4-VM", offering=offering.name)
    assert plan_of(asked).parameter("offering name") == "Router large"


async def test_an_offering_whose_name_another_one_has_is_told_by_its_id(inside: House) -> None:
    offering = inside.cloud.one(ServiceOffering, "Router large")
    inside.cloud.add(replace(offering, id="0b0b", cpus=8))
    assert f"resize r-4-VM offering={offering.id} plans it." in await said(
        inside, "shop-prod cpu=93"
    )


async def test_a_page_that_is_not_shown_is_missing_evidence(inside: House) -> None:
    inside.cloud.settings[VISIBILITY].value = "link-local"
    text = await said(inside, "app-tier cpu=93")
    assert "Port 80 (app.shop.internal): not counted." in text
    assert "Not read\ncount connections at 10.20.1.10: in 15 s nobody read HAProxy's stats" in text
    assert "Not the members: What they take was not seen." in text


async def test_what_cannot_be_read_of_the_cloud_is_said(inside: House) -> None:
    inside.cloud.fail_next(Fault("listServiceOfferings", FaultKind.ERROR, times=9))
    text = await said(inside, "app-tier cpu=93")
    assert "Not enough evidence: Without its offering nothing can be said." in text
    assert "Missing: its offering." in text
    assert "Not read\nlist the system offerings" in text


async def test_a_load_of_nothing_is_refused(inside: House) -> None:
    with pytest.raises(Refused, match="Nobody said what is busy"):
        await said(inside, "cpu=93")


@pytest.mark.parametrize("text", ["app-tier cpu=much", "app-tier cpu=130", "app-tier cpu="])
async def test_a_load_that_is_none_is_refused(inside: House, text: str) -> None:
    with pytest.raises(Refused, match="is no load"):
        await said(inside, text)


async def test_what_does_not_run_needs_no_advice(inside: House) -> None:
    inside.cloud.stop_by_hand(VM)
    inside.clock.advance(60.0)
    with pytest.raises(Refused, match="b-31-VM is Stopped: it carries nothing"):
        await said(inside, VM)
    inside.cloud.lose_ilb_vm(VM)
    with pytest.raises(Refused, match="has no machine"):
        await said(inside, VIP)


async def test_asking_changes_nothing_and_costs_eight_calls(inside: House) -> None:
    before, calls = list(inside.cloud.effects), len(inside.cloud.calls)
    await said(inside, "app-tier cpu=93")
    assert len(inside.cloud.calls) - calls == 8
    assert [one for one in inside.cloud.effects if one not in before] == []


# proposals


async def test_a_saturated_ilb_with_a_name_gets_a_twin(inside: House) -> None:
    found = await proposed(inside)
    assert (found.runbook, found.parameters) == ("pair", ())
    assert found.reason == (
        "Twin: A second ILB serves about half, since clients look up a name; it survives a host "
        "too. Predicted CPU: 50 %."
    )
    assert found.numbers[0] == (
        "CPU: 92 % of its vCPUs, 95th percentile 93 % over 19 min; up to 70 % is well."
    )
    assert found.numbers[-1] == (
        "Not the members: What they take is within bounds, where it is seen."
    )


async def test_a_saturated_ilb_of_a_bare_address_gets_a_larger_offering(inside: House) -> None:
    rename(inside, app_http="", app_grpc="")
    found = await proposed(inside)
    large = inside.cloud.one(ServiceOffering, "ILB large")
    assert (found.runbook, found.parameters) == ("resize", (("offering", large.id),))


async def test_without_a_directory_no_name_moves(tmp_path: Path) -> None:
    async with slack_house.house(tmp_path) as opened:
        text = as_plain(await opened.answers.advise("app-tier cpu=93"))
    assert "Resize: “ILB large” has 2 vCPUs" in text
    assert "an outage of a stop and a start" in text
    assert "Not read\nCount connections at 10.20.1.10: nobody looks from where its clients" in text
    assert "Not twin: There is no directory in which its names could get another address." in text


async def test_an_offering_for_routers_is_none_for_an_ilb(inside: House) -> None:
    rename(inside, app_http="", app_grpc="")
    inside.cloud.one(ServiceOffering, "ILB large").systemvm_type = "domainrouter"
    found = await proposed(inside)
    assert (found.runbook, "No larger system offering" in " ".join(found.numbers)) == ("", True)
    router = await proposed(inside, name="r-4-VM")
    assert router.runbook == "resize"


async def test_comparable_services_are_split(inside: House) -> None:
    rename(inside, app_http="web.shop.internal", app_grpc="grpc.shop.internal")
    inside.cloud.set_load(VIP, 9090, Rates(2300.0, 60, 150.0, 0, 0, 1))
    found = await proposed(inside)
    assert (found.runbook, found.parameters) == ("split", ())
    assert found.reason.startswith("Split: grpc.shop.internal with 49 % of the load would move")


async def test_what_the_bot_cannot_do_is_advice_only(inside: House) -> None:
    rename(inside, app_http="web.shop.internal", app_grpc="grpc.shop.internal")
    inside.cloud.set_load(VIP, 9090, Rates(2300.0, 60, 150.0, 0, 0, 1))
    found = await proposed(inside, runbooks={"pair"})
    assert (found.runbook, found.reason[:6]) == ("", "Split:")


async def test_several_busy_machines_of_a_full_host_move(inside: House) -> None:
    inside.cloud.set_cpu(machine(inside).host.name, 98.0)  # type: ignore[union-attr]  # it runs
    load = busy(SATURATED.samples, "b-34-VM", "r-4-VM")
    found = await proposed(inside, load)
    assert found.runbook == "migrate"
    assert "Host kvm-b2 (98 %) is full and b-34-VM and r-4-VM on it are busy too" in found.reason


async def test_a_full_host_without_another_one_is_not_left(inside: House) -> None:
    inside.cloud.set_cpu(machine(inside).host.name, 98.0)  # type: ignore[union-attr]  # it runs
    inside.cloud.close_hosts()
    found = await proposed(inside, busy(SATURATED.samples, "b-34-VM", "r-4-VM"))
    assert (found.runbook, "no other host takes it" in " ".join(found.numbers)) == ("", True)


async def test_the_router_that_was_named_is_the_one_to_move(inside: House) -> None:
    """Its place is both routers, and a migration moves one: the other is on another host."""
    inside.cloud.one(Host, "kvm-a2").cpu_percent = 97.0
    spare = inside.cloud.one(Host, "kvm-b1")
    spare.cluster_id = inside.cloud.one(Host, "kvm-a2").cluster_id
    text = await said(inside, "r-5-VM cpu=93")
    assert text.startswith("Advice for r-5-VM: VPC router pair of VPC shop-prod\n")
    assert "/ilb migrate r-5-VM plans it." in text


async def test_a_busy_standby_is_not_made_larger(inside: House) -> None:
    """No traffic passes it, so no traffic makes it busy."""
    found = await proposed(inside, name="r-5-VM")
    assert (found.runbook, "It is the standby, which forwards nothing" in found.reason) == (
        "",
        True,
    )


async def test_a_full_host_is_not_left_for_one_that_is_as_full(inside: House) -> None:
    for one in inside.cloud.all(Host):
        one.cpu_percent = 98.0
    found = await proposed(inside, busy(SATURATED.samples, "b-34-VM", "r-4-VM"))
    assert (found.runbook, "no other host takes it or has room" in " ".join(found.numbers)) == (
        "", True,
    )  # fmt: skip


async def test_a_cap_is_seen_in_the_offering(inside: House) -> None:
    machine(inside).offering.limits_cpu = True
    found = await proposed(inside, busy(((0.0, 12.6), (60.0, 12.4), (120.0, 12.5))))
    assert found.runbook == "pair"
    assert "which is 96 % of what its cap lets it have" in found.numbers[0]


async def test_too_few_numbers_are_no_proposal(inside: House) -> None:
    found = await proposed(inside, busy(()))
    assert found.runbook == ""
    assert "CPU: 12 % of its vCPUs as its own health check saw it once" in found.numbers[0]


async def test_a_reload_between_two_readings_is_no_negative_rate(inside: House) -> None:
    rule = inside.cloud.one(Rule, "app-grpc")
    inside.clock.advance(60.0)
    slept, waits = inside.clock.sleep, 0

    async def reloaded(seconds: float) -> None:
        nonlocal waits
        waits += 1
        if waits == 5:
            rule.members.pop()
        await slept(seconds)

    inside.clock.sleep = reloaded  # type: ignore[method-assign]  # the world changes meanwhile
    assert "Port 9090 (app.shop.internal): 300 new connections/s" in await said(
        inside, "app-tier cpu=93"
    )
    assert waits > 5


async def test_the_ilbs_and_routers_of_the_seed_all_get_an_answer(inside: House) -> None:
    for kind in (Kind.ILB, Kind.ROUTER):
        for one in inside.cloud.machines(kind):
            if one.state == "Running":
                assert (await proposed(inside, name=one.name)).reason
