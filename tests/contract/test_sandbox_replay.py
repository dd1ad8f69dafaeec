"""The pretend cloud answers recorded requests as the recorded server did."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bot.sandbox.cloud import machines
from bot.sandbox.cloud.model import Kind, Refusal, Template
from tests.contract.sandbox_lab import WIRE, Exchange, Lab, add_ilb, exchanges, new_lab

WEB = {
    "rule": "c697cdf4-5be4-4ea0-a57e-132ed7be5e06",
    "vm": "7747a5cc-0516-4562-b5c7-2bd6e7a81633",
}
REDUNDANT = {
    "rule": "01798554-5f3e-4cf9-8acf-d8802c7195d6",
    "vm": "d1c17c8c-0000-4000-8000-000000000000",  # never asked for by id
}

# What the sandbox does not answer as recorded, and why: (file, number of the exchange).
DELIBERATE = {
    ("ilb-errors", 33): "the text names a Java field; the sandbox names the parameter",
    ("ilb-errors", 53): "numbers of the database are no ids here",
    ("ilb-errors", 124): "updateLoadBalancerRule is not answered, so nothing was changed",
    ("ilb-errors", 128): "the same",
    ("ilb-errors", 132): "the same",
    ("ilb-errors", 160): "the rule was deleted with deleteLoadBalancerRule, not answered here",
    ("ilb-vm-with-router-commands", 146): "livepatch is ignored; the simulator could not patch",
    ("api-frame", 14): "the keyword that was sent is not in the recording",
    ("api-frame", 15): "the keyword that was sent is not in the recording",
    ("api-frame", 21): "answered in XML: has a test of its own",
    ("api-frame", 22): "sent half in the query: has a test of its own",
    ("api-frame", 71): "a domain admin is shown other settings",
    ("listing", 17): "the lab has no built-in network offerings",
    ("listing", 33): "a setting that nobody here reads",
    ("listing", 38): "a setting that nobody here reads",
    ("listing", 43): "a setting that nobody here reads",
    ("listing", 46): "a setting that nobody here reads",
    ("listing", 72): "the recorded server refused listCapabilities for want of a plugin",
    ("listing", 100): "tags of type FirewallRule are not kept",
    ("listing", 111): "tag jobs log three stages as other jobs do, upstream one",
    ("listing", 112): "happened before the recording",
    ("listing", 113): "happened before the recording",
    ("listing", 117): "happened before the recording",
    ("listing", 118): "happened before the recording",
    ("listing", 120): "a router of a network outside VPCs",
    ("ilb-lifecycle", 115): "updateLoadBalancer is not answered, so the rule is still shown",
    ("ilb-lifecycle", 119): "the rule with the changed id was not deleted",
    ("ilb-lifecycle", 120): "the rule with the changed id was not deleted",
    ("job-restart", 36): "holds earlier stops too",
}
LIST_APIS = "only name, description and isasync of an API are kept"
DELIBERATE |= {("listing", number): LIST_APIS for number in range(64, 71)}

# Where only the fields are compared, not their values: the lab holds other things than the
# recorded server did when everything was listed, or scaleSystemVm changed an offering.
FIELDS_ONLY = {
    "ilb-errors": {97},
    "api-frame": {28, 32, 33, 35, 36},
    "ilb-vm-with-router-commands": set(range(54, 133)),
    "listing": {2, 7, 14, 15, 22, 24, 26, 49, 122},
    "ilb-lifecycle": {57, 58, 74, 75},
}
# … and not even those of system offerings: recorded are the built-in ones for local storage.
SYSTEM_OFFERINGS = {
    ("ilb-vm-with-router-commands", 27),
    ("ilb-vm-with-router-commands", 28),
    ("listing", 18),
    ("listing", 19),
}


# Seconds after the kill at which the exchanges of job-restart were made, by their notes.
RESTART = (
    (24.0, range(10, 14)),
    (34.0, range(14, 17)),
    (54.0, range(17, 20)),
    (84.0, range(20, 100)),
)


async def replay(name: str, lab: Lab, numbers: range | None = None) -> tuple[int, str]:
    """Send every replayable exchange in order; return how many, and what differs, one a line."""
    sent, found = 0, []
    for exchange in exchanges(name):
        if numbers is not None and exchange.index not in numbers:
            continue
        if not exchange.is_replayable or (name, exchange.index) in DELIBERATE:
            continue
        if not lab.knows(exchange):
            continue  # about something that a command the sandbox does not answer made
        sent += 1
        differences = await _differences(lab, exchange)
        if exchange.index in FIELDS_ONLY.get(name, ()):
            differences = [one for one in differences if not one.endswith("answered")]
        if (name, exchange.index) in SYSTEM_OFFERINGS:
            differences = [one for one in differences if "serviceoffering[1]" not in one]
        found += [f"{exchange}: {difference}" for difference in differences]
    return sent, "\n".join(found)


async def _differences(lab: Lab, exchange: Exchange) -> list[str]:
    if exchange.is_final_poll:
        response = await lab.settled(exchange)
    elif exchange.command == "listInternalLoadBalancerVMs":
        response = await lab.reached(exchange)
    else:
        response = await lab.send(exchange)
    if response.status_code != exchange.raw["status"]:
        return [f"HTTP {response.status_code} {response.text[:300]}"]
    if response.headers["content-type"] != exchange.raw["content_type"]:
        return [f"content type {response.headers['content-type']}"]
    if ("x-description" in response.headers) != ("x_description" in exchange.raw):
        return ["X-Description is there, or is not"]
    actual = response.json()
    if exchange.is_pending_poll and actual["queryasyncjobresultresponse"]["jobstatus"] != 0:
        return []  # a job of the sandbox may end at once where the recorded one took a moment
    return list(lab.differences(exchange.body, actual))


@pytest.mark.parametrize("path", sorted(WIRE.glob("*.json")), ids=lambda path: path.stem)
def test_every_recording_parses(path: Path) -> None:
    rows = exchanges(path.stem)
    assert rows
    assert all({"command", "params", "method", "status"} <= row.raw.keys() for row in rows)


@pytest.mark.parametrize("name", ["event-bus", "event-bus-crash"])
def test_every_bus_record_parses(name: str) -> None:
    header, *rows = [json.loads(line) for line in (WIRE / f"{name}.jsonl").read_text().splitlines()]
    assert "note" in header
    assert rows
    assert all({"key", "value"} <= row.keys() for row in rows)


async def test_authentication_permissions_and_paging() -> None:
    lab = new_lab()
    app = {
        "rule": "d6edc5b2-d59d-45a2-b5da-be553992cc53",
        "vm": "388c0322-ff9d-4f0a-b975-4f507398a635",
    }
    add_ilb(lab, "tier1", "app", "10.10.1.200", app, "web1")
    sent, different = await replay("api-frame", lab)
    assert (sent >= 50, different) == (True, "")


async def test_errors_around_ilbs() -> None:
    lab = new_lab()
    lab.ilb_vms["dfa61568-94af-4860-a846-4e5d250d56db"] = ("tier1", "10.10.1.100")
    sent, different = await replay("ilb-errors", lab)
    assert (sent >= 110, different) == (True, "")


async def test_the_life_of_an_ilb() -> None:
    lab = new_lab()
    sent, different = await replay("ilb-lifecycle", lab)
    assert (sent >= 50, different) == (True, "")


async def test_router_commands_on_an_ilb_vm() -> None:
    lab = new_lab()
    first = {
        "rule": "63fc9e69-045b-447d-b4a3-e545223eb7a4",
        "vm": "f6b5f59a-0901-4ebf-988d-43ea7e3b699f",
    }
    rule, _ = add_ilb(lab, "tier1", "web", "10.10.1.50", first, port=8080)
    rule.state = "Add"
    sent, different = await replay("ilb-vm-with-router-commands", lab)
    assert (sent >= 80, different) == (True, "")


async def test_pending_jobs() -> None:
    lab = new_lab()
    add_ilb(lab, "tier1", "web", "10.10.1.50", WEB, "web1", "web2", "web3")
    sent, different = await replay("job-pending", lab)
    assert (sent >= 50, different) == (True, "")


async def test_a_server_killed_in_the_middle_of_jobs() -> None:
    lab = new_lab()
    lab.world.latencies = replace(lab.world.latencies, stop_s=60.0, assign_s=60.0)  # a slow host
    add_ilb(lab, "tier1", "web", "10.10.1.50", WEB, "web1")
    add_ilb(lab, "rtier", "rweb", "10.20.1.209", REDUNDANT, "rvpc-vm")
    sent, different = await replay("job-restart", lab, range(10))
    killed = lab.clock.now
    lab.world.kill_server()
    for seconds, numbers in RESTART:
        lab.clock.now = killed + seconds
        if not lab.world.server_is_up:
            lab.world.start_server()
        more, also = await replay("job-restart", lab, numbers)
        sent, different = sent + more, different + also
    assert (sent >= 30, different) == (True, "")


async def test_stops_and_starts_that_the_host_refuses() -> None:
    lab = new_lab()
    add_ilb(lab, "tier1", "web", "10.10.1.50", WEB, "web1")
    name = "job-queue-and-failures"
    steps = (
        (Refusal.STOP, range(73, 77)),
        (Refusal.STOP, range(77, 81)),  # forced: the machine stays Stopping
        (None, range(81, 84)),
        (None, range(84, 87)),
        (Refusal.START, range(87, 91)),
        (None, range(91, 95)),
    )
    for refusal, numbers in steps:
        if refusal is not None:
            lab.world.refuse_next(refusal)
        sent, different = await replay(name, lab, numbers)
        assert (sent >= 2, different) == (True, "")


async def test_versions_before_and_after_an_upgrade() -> None:
    lab = new_lab()
    _, vm = add_ilb(lab, "tier1", "web", "10.10.1.50", WEB, "web1")
    _, other = add_ilb(lab, "rtier", "rweb", "10.20.1.209", REDUNDANT, "rvpc-vm")
    [router] = list(lab.world.machines(Kind.ROUTER))
    router.redundant, router.redundant_state = True, "BACKUP"
    sent, different = await replay("template-upgrade", lab, range(7))
    assert (sent >= 6, different) == (True, "")
    # The recorded guest was told what to report; here a template holds the new version.
    vm.keeps_version = True
    vm.template = other.template = lab.world.add(
        Template(
            **lab.world.identity("template", "next"),
            name="SystemVM Template (simulator)",
            version="4.22.0",
            created=lab.world.at,
        )
    )
    for keeps, note in ((True, 11), (False, 16)):
        vm.keeps_version = keeps
        _reboot(lab, vm.id)
        await _matches("template-upgrade", note, lab)
    _reboot(lab, other.id)
    await _matches("template-upgrade", 30, lab)


async def test_an_ilb_vm_that_lost_its_power() -> None:
    lab = new_lab()
    add_ilb(lab, "tier1", "web", "10.10.1.50", WEB, "web1")
    [ilb] = list(lab.world.machines(Kind.ILB))
    lab.world.power_off(ilb.name)
    lab.clock.now += 29.0
    lab.world.advance()
    assert ilb.state == "Running"
    lab.clock.now += 1.5
    await _matches("unexpected-stop", 4, lab)
    sent, different = await replay("unexpected-stop", lab, range(4, 8))
    assert (sent, different) == (4, "")


async def test_lists() -> None:
    lab = new_lab()
    add_ilb(lab, "tier1", "web", "10.10.1.50", WEB, "web1", "web2", "web3")
    sent, different = await replay("listing", lab)
    assert (sent >= 50, different) == (True, "")


def _reboot(lab: Lab, machine_id: str) -> None:
    lab.world.processes.spawn(machines.reboot(lab.world, lab.world.machine(machine_id)))
    while (due := lab.world.processes.next_due()) is not None:
        lab.clock.now = max(lab.clock.now, due)
        lab.world.advance()


async def _matches(name: str, number: int, lab: Lab) -> None:
    assert await _differences(lab, exchanges(name)[number]) == []
