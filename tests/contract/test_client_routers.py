"""The cloud port on routers and hosts: what it sends, what it refuses, what it makes of answers."""

from __future__ import annotations

import pytest

from bot.domain.health import CheckStatus
from bot.domain.zone import HostChoice
from bot.errors import Refused, Transient
from tests.contract.client_calls import EMPTY, UNKNOWN, by_command, cloud_of
from tests.contract.client_setup import Server, json_answer, recorded

JOB = json_answer({"jobid": "job-1"})
NETWORK = {"id": "net-1", "name": "lab", "type": "Isolated"}
SENT_ALWAYS = {
    "apikey", "signature", "signatureversion", "expires", "response", "command",
}  # fmt: skip


def said(form: dict[str, str]) -> dict[str, str]:
    """Return what a form asks for, without what every form carries."""
    return {name: value for name, value in form.items() if name.lower() not in SENT_ALWAYS}


async def test_a_vpc_is_made_redundant_and_nothing_else_is_asked_of_its_restart() -> None:
    server = Server([JOB])
    await cloud_of(server).restart_vpc_redundant("vpc-1")
    assert [form["command"] for form in server.forms] == ["restartVPC"]
    assert said(server.forms[0]) == {"id": "vpc-1", "makeredundant": "true"}


async def test_clean_up_is_asked_for_where_the_flag_alone_replaces_nothing() -> None:
    server = Server([JOB])
    await cloud_of(server).restart_vpc_redundant("vpc-1", cleanup=True)
    assert said(server.forms[0]) == {"id": "vpc-1", "makeredundant": "true", "cleanup": "true"}


async def test_a_network_is_made_redundant_and_nothing_else_is_asked_of_its_restart() -> None:
    listed = json_answer({"count": 1, "network": [NETWORK]})
    server = Server([listed, JOB])
    assert await cloud_of(server).restart_network_redundant("net-1") == "job-1"
    assert [form["command"] for form in server.forms] == ["listNetworks", "restartNetwork"]
    assert said(server.forms[1]) == {"id": "net-1", "makeredundant": "true"}


@pytest.mark.parametrize(
    "answer",
    [
        json_answer({"count": 1, "network": [NETWORK | {"vpcid": "vpc-1"}]}),
        json_answer({"count": 1, "network": [NETWORK | {"type": "Shared"}]}),
        EMPTY,
        UNKNOWN,
    ],
    ids=["a tier", "a shared network", "nothing listed", "an unknown id"],
)
async def test_only_an_isolated_network_is_made_redundant(answer: object) -> None:
    server = Server([answer])  # type: ignore[list-item]  # one answer for every call
    with pytest.raises(Refused, match="no isolated network outside a VPC"):
        await cloud_of(server).restart_network_redundant("net-1")
    assert [form["command"] for form in server.forms] == ["listNetworks"]


async def test_a_machine_moves_to_the_host_that_is_named() -> None:
    server = Server([JOB])
    await cloud_of(server).migrate("vm-1", "host-2")
    assert said(server.forms[0]) == {"virtualmachineid": "vm-1", "hostid": "host-2"}


@pytest.mark.parametrize("method", ["stop_router", "start_router"])
async def test_a_router_is_stopped_and_started_plainly(method: str) -> None:
    server = Server([JOB])
    await getattr(cloud_of(server), method)("r-1")
    assert said(server.forms[0]) == {"id": "r-1"}


async def test_a_change_of_offering_whose_answer_is_lost_is_in_doubt() -> None:
    server = Server([json_answer({}, status=504)])
    with pytest.raises(Transient) as caught:
        await cloud_of(server).change_offering("vm-1", "offering-2")
    assert caught.value.in_doubt
    assert len(server.forms) == 1


async def test_hosts_to_move_to_say_whether_they_suit() -> None:
    row = {"id": "h-2", "name": "kvm-2", "suitableformigration": True, "cpuused": "8.25%"}
    other = {"id": "h-3", "name": "kvm-3", "requiresStorageMotion": True}
    server = Server([json_answer({"count": 2, "host": [row, other]})])
    assert await cloud_of(server).hosts_for_migration("vm-1") == (
        HostChoice("h-2", "kvm-2", True, cpu_percent=8.25),
        HostChoice("h-3", "kvm-3", False, True),
    )


async def test_checks_are_read_as_collected_and_never_made_fresh() -> None:
    server = Server([EMPTY])
    cloud = cloud_of(server)
    await cloud.router_checks("r-1")
    await cloud.ilb_checks("vm-1")
    assert [form["command"] for form in server.forms] == [
        "listRouters", "listInternalLoadBalancerVMs",
    ]  # fmt: skip
    assert all(form["fetchhealthcheckresults"] == "true" for form in server.forms)
    assert not any("performfreshchecks" in form for form in server.forms)


async def test_recorded_checks_keep_their_status() -> None:
    [listed] = [
        one for one in recorded("listRouters") if "fetchhealthcheckresults" in one.params
        and b'"filesystem.writable.test"' in one.content
        and one.content.count(b'"router_version_check.py"') == 1
    ][:1]  # fmt: skip
    checks = {
        check.name: check
        for check in await cloud_of(Server([listed.response()])).router_checks("r-29")
    }
    assert checks["connectivity.test"].status is CheckStatus.SUCCESS
    cpu = checks["cpu_usage_check.py"]
    assert (cpu.status, cpu.kind) == (CheckStatus.UNKNOWN, "basic")
    assert cpu.details == "CPU Usage 97.2% has crossed threshold of 90.0%"
    assert cpu.updated is not None


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"success": True}, CheckStatus.SUCCESS),
        ({"success": False}, CheckStatus.FAILED),
        ({"success": False, "status": "WARNING"}, CheckStatus.WARNING),
        ({"success": True, "status": "a new word"}, CheckStatus.UNKNOWN),
        ({}, CheckStatus.UNKNOWN),
    ],
)
async def test_a_check_of_an_older_version_tells_success_alone(
    row: dict[str, object], status: CheckStatus
) -> None:
    machine = {"id": "r-1", "name": "r-1-VM", "state": "Running"}
    checks = [{"checkname": "haproxy_check.py"} | row]
    answer = {"count": 1, "router": [machine | {"healthcheckresults": checks}]}
    [check] = await cloud_of(Server([by_command(listRouters=answer)])).router_checks("r-1")
    assert check.status is status


async def test_the_routers_of_one_place_are_asked_for_alone() -> None:
    server = Server([EMPTY])
    cloud = cloud_of(server)
    await cloud.routers(vpc_id="vpc-1")
    await cloud.routers(network_id="net-1")
    await cloud.routers(router_id="r-1")
    wanted = [{"vpcid", "networkid", "id"} & set(form) for form in server.forms]
    assert wanted == [{"vpcid"}, {"networkid"}, {"id"}]
