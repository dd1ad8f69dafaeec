"""What the client makes of rows: machines, rules, tiers, routers, events and settings."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bot.domain.cloud import LbRule, Member, VmState
from bot.domain.zone import Role
from tests.contract.client_calls import EMPTY, cloud_of, vm_row
from tests.contract.client_setup import Server, json_answer, recorded


async def test_a_recorded_machine_is_read_whole() -> None:
    [first, *_] = [
        e
        for e in recorded("listInternalLoadBalancerVMs")
        if e.status == 200 and not e.is_cut and "hostid" in e.content.decode()
    ]
    row = first.payload["internalloadbalancervm"][0]
    vm = (await cloud_of(Server([first.response()])).ilb_vms())[0]
    assert (vm.id, vm.name, vm.vip) == (row["id"], row["name"], row["guestipaddress"])
    assert (vm.tier_id, vm.vpc_id) == (row["guestnetworkid"], row["vpcid"])
    assert (vm.template_id, vm.offering_id) == (row["templateid"], row["serviceofferingid"])
    assert (vm.host_id, vm.version) == (row["hostid"], row["version"])
    assert vm.state is VmState.of(row["state"])


async def test_a_stopped_machine_has_no_host_and_a_silent_one_no_version() -> None:
    row = {**vm_row(1), "state": "Stopped", "version": "UNKNOWN"}
    server = Server([json_answer({"count": 1, "internalloadbalancervm": [row]})])
    [vm] = await cloud_of(server).ilb_vms()
    assert (vm.state, vm.host_id, vm.version) == (VmState.STOPPED, "", "")


async def test_a_state_nobody_knows_is_read_as_other() -> None:
    row = {**vm_row(1), "state": "Meditating"}
    server = Server([json_answer({"count": 1, "internalloadbalancervm": [row]})])
    [vm] = await cloud_of(server).ilb_vms()
    assert vm.state is VmState.OTHER


async def test_a_rule_has_its_members_with_their_addresses_in_one_order() -> None:
    [page] = [
        e for e in recorded("listLoadBalancers") if e.params == {"page": "1", "pagesize": "2"}
    ]
    [app, *_] = await cloud_of(Server([page.response()])).rules()
    assert app == LbRule(
        id="d6edc5b2-d59d-45a2-b5da-be553992cc53",
        name="app",
        tier_id="6b502170-7887-478d-a2e7-5e7c37bd96fc",
        vip="10.10.1.200",
        source_port=80,
        member_port=8080,
        algorithm="source",
        state="Active",
        members=(
            Member("1814593f-fffc-4fbc-aa1d-6e98fc310817", "i-2-5-VM", "10.10.1.77"),
            Member("45bd585e-2b2c-4319-9301-f9c78e228f47", "i-2-6-VM", "10.10.1.236"),
        ),
    )


async def test_rules_of_a_tier_are_asked_for_by_network_and_by_nothing_else() -> None:
    server = Server([EMPTY])
    await cloud_of(server).rules(tier_id="tier-1")
    [form] = server.forms
    assert form["networkid"] == "tier-1"
    assert "sourceipaddress" not in json.dumps(form)


async def test_networks_outside_a_vpc_are_no_tiers() -> None:
    networks = [
        {"id": "n1", "name": "iso", "state": "Implemented"},
        {"id": "n2", "name": "tier", "state": "Allocated", "vpcid": "v1"},
    ]
    [tier] = await cloud_of(Server([json_answer({"count": 2, "network": networks})])).tiers()
    assert (tier.id, tier.is_implemented) == ("n2", False)


async def test_a_network_can_be_redundant_where_its_offering_names_the_capability() -> None:
    capability = {"name": "RedundantRouter", "value": "false"}
    rows = [
        {"id": "n-1", "name": "iso", "type": "Isolated",
         "service": [{"name": "SourceNat", "capability": [capability]}]},
        {"id": "n-2", "name": "plain", "type": "Isolated", "service": [{"name": "SourceNat"}]},
        {"id": "n-3", "name": "shared", "type": "Shared"},
        {"id": "n-4", "name": "tier", "type": "Isolated", "vpcid": "v-1"},
    ]  # fmt: skip
    found = await cloud_of(Server([json_answer({"network": rows})])).isolated_networks()
    assert [(one.name, one.can_be_redundant) for one in found] == [("iso", True), ("plain", False)]


async def test_a_recorded_pair_of_routers_has_its_roles() -> None:
    seen = set()
    for exchange in recorded("listRouters"):
        if exchange.status == 200 and not exchange.is_cut:
            for router in await cloud_of(Server([exchange.response()])).routers():
                seen.add((router.is_redundant, router.role))
    assert {(True, Role.PRIMARY), (True, Role.BACKUP), (False, Role.UNKNOWN)} <= seen


async def test_the_tags_of_a_rule_are_read() -> None:
    row = {
        "id": "r-1", "networkid": "t-1", "sourceipaddress": "10.1.1.10",
        "loadbalancerrule": [{"sourceport": 80, "instanceport": 80, "state": "Active"}],
        "tags": [{"key": "ilbot.twin", "value": "10.1.1.11", "resourceid": "r-1"}],
    }  # fmt: skip
    [rule] = await cloud_of(Server([json_answer({"loadbalancer": [row]})])).rules()
    assert rule.tags == (("ilbot.twin", "10.1.1.11"),)


async def test_a_template_is_ready_when_every_zone_has_it() -> None:
    rows = [
        {"id": "t1", "name": "system", "isready": True, "templatetype": "SYSTEM"},
        {"id": "t1", "name": "system", "isready": False, "templatetype": "SYSTEM"},
        {"id": "t2", "name": "router", "isready": True, "templatetype": "ROUTING"},
        {"id": "t3", "name": "centos", "isready": True, "templatetype": "BUILTIN"},
    ]
    cloud = cloud_of(Server([json_answer({"count": 4, "template": rows})]))
    templates = {template.id: template.is_ready for template in await cloud.system_templates()}
    assert templates == {"t1": False, "t2": True}


async def test_events_come_newest_first_as_they_happened() -> None:
    """Recorded pages are the other way round; three of these rows share their second."""
    [page] = [e for e in recorded("listEvents") if e.params.get("type") == "INTERNALLBVM.STOP"]
    server = Server([page.response()])
    events = await cloud_of(server).events(event_type="INTERNALLBVM.STOP", limit=6)
    rows = page.payload["event"]
    assert [event.id for event in events] == [row["id"] for row in reversed(rows)]
    assert events[0].state == "Completed"
    assert events[0].created == datetime(2026, 11, 22, 21, 4, 16, tzinfo=UTC)
    assert server.forms[0]["pagesize"] == "6"
    assert server.forms[0]["listall"] == "true"


async def test_events_that_come_newest_first_stay_so() -> None:
    rows = [
        {"id": name, "type": "X", "created": f"2026-11-22T21:04:{second}+0000"}
        for name, second in (("d", 17), ("c", 16), ("b", 16), ("a", 15))
    ]
    events = await cloud_of(Server([json_answer({"count": 4, "event": rows})])).events()
    assert "".join(event.id for event in events) == "dcba"


async def test_no_more_events_than_asked_for() -> None:
    rows = [{"id": str(n), "type": "X", "created": "2026-11-22T21:04:16+0000"} for n in range(9)]
    server = Server([json_answer({"count": 99, "event": rows})])
    assert len(await cloud_of(server).events(limit=9)) == 9
    assert len(server.forms) == 1


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        ([], None),
        ([{"name": "a.setting", "value": "5"}], "5"),
        ([{"name": "a.setting"}], None),
        ([{"name": "not.a.setting", "value": "5"}], None),
    ],
)
async def test_a_setting_is_its_value_or_nothing(
    rows: list[dict[str, str]], value: str | None
) -> None:
    answer = json_answer({"count": len(rows), "configuration": rows})
    assert await cloud_of(Server([answer])).setting("a.setting") == value


async def test_a_pending_job_is_named_by_its_command_class() -> None:
    [pending] = [
        e
        for e in recorded("listAsyncJobs")
        if b"StopInternalLBVMCmd" in e.content and e.payload["count"] == 1
    ]
    [job] = await cloud_of(Server([pending.response()])).pending_jobs()
    assert (job.command, job.instance_id) == ("StopInternalLBVMCmd", "")
