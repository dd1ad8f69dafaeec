"""The cloud port over the API: what it asks, and what it makes of the answers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest

from bot.adapters.cloudstack.catalogue import (
    COMMANDS,
    Effect,
    reader_commands,
    writer_commands,
)
from bot.adapters.cloudstack.client import Limits
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.adapters.cloudstack.failures import ApiRefused
from bot.domain.cloud import LbRule, Member, VmState
from bot.domain.zone import Role
from bot.errors import Permanent, Refused
from bot.ports import Cloud, CloudReader
from tests.contract.client_setup import Server, client_of, json_answer, recorded

READS: dict[str, Callable[[CloudReader], Awaitable[object]]] = {
    "version": lambda cloud: cloud.version(),
    "tiers": lambda cloud: cloud.tiers(),
    "ilb_vms": lambda cloud: cloud.ilb_vms(),
    "rules": lambda cloud: cloud.rules(),
    "zones": lambda cloud: cloud.zones(),
    "vpcs": lambda cloud: cloud.vpcs(),
    "isolated_networks": lambda cloud: cloud.isolated_networks(),
    "routers": lambda cloud: cloud.routers(),
    "hosts": lambda cloud: cloud.hosts(),
    "system_offerings": lambda cloud: cloud.system_offerings(),
    "providers": lambda cloud: cloud.providers(),
    "system_templates": lambda cloud: cloud.system_templates(),
    "events": lambda cloud: cloud.events(),
    "setting": lambda cloud: cloud.setting("a.setting"),
    "pending_jobs": lambda cloud: cloud.pending_jobs(),
}
CHANGES: dict[str, Callable[[Cloud], Awaitable[str]]] = {
    "stop_ilb_vm": lambda cloud: cloud.stop_ilb_vm("vm-1"),
    "start_ilb_vm": lambda cloud: cloud.start_ilb_vm("vm-1"),
    "restart_tier": lambda cloud: cloud.restart_tier("tier-1"),
}
EMPTY = json_answer({})
UNKNOWN = json_answer(
    {"uuidList": [], "errorcode": 431, "cserrorcode": 9999, "errortext": "no entity"},
    status=431,
)


def cloud_of(server: Server, **options: object) -> CloudStackCloud:
    return CloudStackCloud(client_of(server, **options))  # type: ignore[arg-type]  # passed on


def by_command(**payloads: object) -> Callable[[dict[str, str]], httpx.Response]:
    return lambda form: json_answer(payloads.get(form["command"], {}))


def methods_of(port: type) -> set[str]:
    return {name for name in vars(port) if not name.startswith("_")}


def vm_row(number: int) -> dict[str, object]:
    return {"id": f"vm-{number}", "name": f"b-{number}-VM", "state": "Running"}


def test_every_method_of_the_port_is_in_these_tests() -> None:
    assert READS.keys() == methods_of(CloudReader)
    assert CHANGES.keys() | {"job"} == methods_of(Cloud)


@pytest.mark.parametrize("method", READS)
async def test_reading_sends_reads_with_the_read_key_only(method: str) -> None:
    server = Server([EMPTY])
    await READS[method](cloud_of(server))
    assert server.forms
    for form in server.forms:
        assert COMMANDS[form["command"]].effect is Effect.READ
        assert form["apikey"] == "read-api-key-000"


async def test_each_key_sends_the_commands_that_its_role_is_said_to_need() -> None:
    server = Server([json_answer({"jobid": "job-1", "jobstatus": 0})])
    cloud = cloud_of(server)
    for call in (*READS.values(), *CHANGES.values()):
        await call(cloud)
    await cloud.job("job-1")
    sent = {(form["apikey"], form["command"]) for form in server.forms}
    assert sent == {
        *(("read-api-key-000", command.name) for command in reader_commands()),
        *(("write-api-key-000", command.name) for command in writer_commands()),
    }


@pytest.mark.parametrize("method", CHANGES)
async def test_a_change_is_sent_once_with_the_write_key_and_gives_its_job(method: str) -> None:
    server = Server([json_answer({"jobid": "job-1"})])
    assert await CHANGES[method](cloud_of(server)) == "job-1"
    [form] = server.forms
    assert COMMANDS[form["command"]].effect is Effect.CHANGE
    assert form["apikey"] == "write-api-key-000"


@pytest.mark.parametrize("method", [*CHANGES, "job"])
async def test_without_a_write_key_nothing_is_sent_but_reads(method: str) -> None:
    server = Server([EMPTY])
    cloud = cloud_of(server, write_keys=None)
    with pytest.raises(Refused, match="no write key: this bot observes"):
        await (CHANGES[method](cloud) if method in CHANGES else cloud.job("job-1"))
    assert server.forms == []


async def test_a_job_is_polled_with_the_key_that_submits() -> None:
    server = Server([json_answer({"jobid": "job-1", "jobstatus": 0})])
    await cloud_of(server).job("job-1")
    assert server.forms[0]["apikey"] == "write-api-key-000"


async def test_a_restart_of_a_tier_never_cleans_up() -> None:
    server = Server([json_answer({"jobid": "job-1"})])
    await cloud_of(server).restart_tier("tier-1")
    assert server.forms[0]["cleanup"] == "false"


async def test_a_stop_is_a_plain_one() -> None:
    server = Server([json_answer({"jobid": "job-1"})])
    await cloud_of(server).stop_ilb_vm("vm-1")
    assert "forced" not in server.forms[0]


@pytest.mark.parametrize(
    "method", ["tiers", "ilb_vms", "rules", "events", "vpcs", "isolated_networks", "routers"]
)
async def test_lists_ask_for_what_projects_own_too(method: str) -> None:
    server = Server([EMPTY])
    await READS[method](cloud_of(server))
    assert server.forms[0]["listall"] == "true"
    assert server.forms[0]["projectid"] == "-1"


async def test_pages_are_merged_until_the_count_is_reached() -> None:
    rows = [vm_row(n) for n in range(1203)]

    def page(form: dict[str, str]) -> httpx.Response:
        size = int(form["pagesize"])
        start = (int(form["page"]) - 1) * size
        shown = rows[start : start + size]
        return json_answer({"count": 1203, "internalloadbalancervm": shown})

    server = Server([page])
    vms = await cloud_of(server).ilb_vms()
    assert [vm.id for vm in vms] == [row["id"] for row in rows]
    assert [form["page"] for form in server.forms] == ["1", "2", "3"]


async def test_a_lowered_page_size_is_found_out() -> None:
    """Refused as recorded; without paging, the server gives as many rows as it allows."""
    [refused] = [e for e in recorded("listLoadBalancers") if e.params.get("pagesize") == "501"]
    rows = [vm_row(n) for n in range(50)]

    def page(form: dict[str, str]) -> httpx.Response:
        size = int(form.get("pagesize", 20))
        if size > 20:
            return refused.response()
        start = (int(form.get("page", 1)) - 1) * size
        shown = rows[start : start + size]
        return json_answer({"count": 50, "internalloadbalancervm": shown})

    assert len(await cloud_of(Server([page])).ilb_vms()) == 50


async def test_rows_that_vanish_between_pages_end_the_list() -> None:
    first = json_answer({"count": 3, "internalloadbalancervm": [vm_row(1), vm_row(2)]})
    past_the_end = json_answer({"count": 3})
    server = Server([first, past_the_end])
    vms = await cloud_of(server, limits=Limits(page_size=2)).ilb_vms()
    assert [vm.id for vm in vms] == ["vm-1", "vm-2"]


async def test_a_row_seen_on_two_pages_is_one_machine() -> None:
    first = json_answer({"count": 3, "internalloadbalancervm": [vm_row(1), vm_row(2)]})
    shifted = json_answer({"count": 3, "internalloadbalancervm": [vm_row(2)]})
    server = Server([first, shifted])
    vms = await cloud_of(server, limits=Limits(page_size=2)).ilb_vms()
    assert [vm.id for vm in vms] == ["vm-1", "vm-2"]


async def test_an_unknown_id_is_no_machine_and_no_rule() -> None:
    [recorded_unknown, *_] = [
        e
        for e in recorded("listVPCs", "listLoadBalancers")
        if e.status == 431 and "00000000-0000-4000-8000-000000000000" in e.params.values()
    ]
    cloud = cloud_of(Server([recorded_unknown.response()]))
    assert await cloud.ilb_vms(vm_id="no-such") == ()
    assert await cloud.ilb_vms(tier_id="no-such") == ()
    assert await cloud.rules(tier_id="no-such") == ()


async def test_the_same_refusal_of_a_list_without_an_id_is_an_error() -> None:
    with pytest.raises(ApiRefused, match=r"^list the ILB VMs: refused \(431\)"):
        await cloud_of(Server([UNKNOWN])).ilb_vms()


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


async def test_the_version_is_asked_elsewhere_where_capabilities_fail() -> None:
    [capabilities] = recorded("listCapabilities")
    [servers] = recorded("listManagementServers")
    server = Server([capabilities.response(), servers.response()])
    assert await cloud_of(server).version() == "4.22.0.0-SNAPSHOT"


async def test_the_version_is_empty_where_nobody_tells_it() -> None:
    [capabilities] = recorded("listCapabilities")
    [refused, *_] = [e for e in recorded() if e.status == 432]
    assert await cloud_of(Server([capabilities.response(), refused.response()])).version() == ""


async def test_the_version_is_not_empty_because_the_key_is_wrong() -> None:
    wrong_key = next(e for e in recorded("listZones") if e.status == 401)
    with pytest.raises(Refused, match=r"ask for the CloudStack version: .* key"):
        await cloud_of(Server([wrong_key.response()])).version()


async def test_the_version_is_what_capabilities_say() -> None:
    answer = json_answer({"capability": {"cloudstackversion": "4.20.2.0"}})
    assert await cloud_of(Server([answer])).version() == "4.20.2.0"


async def test_errors_carry_the_name_that_was_last_listed() -> None:
    listed = json_answer({"count": 1, "internalloadbalancervm": [vm_row(31)]})
    cloud = cloud_of(Server([UNKNOWN, listed, UNKNOWN]))
    with pytest.raises(Refused, match=r"^stop ILB VM vm-31: "):
        await cloud.stop_ilb_vm("vm-31")
    await cloud.ilb_vms()
    with pytest.raises(Refused, match=r"^stop ILB VM b-31-VM: "):
        await cloud.stop_ilb_vm("vm-31")


async def test_an_unknown_job_is_for_a_person() -> None:
    with pytest.raises(Permanent, match="CloudStack knows no such job"):
        await cloud_of(Server([UNKNOWN])).job("job-1")


async def test_a_success_that_says_it_is_none_is_a_failure() -> None:
    result = {"success": False, "displaytext": "could not"}
    answer = json_answer({"jobid": "job-1", "jobstatus": 1, "jobresult": result})
    job = await cloud_of(Server([answer])).job("job-1")
    assert job.status == "failed"
    assert "could not" in job.error_text


async def test_a_job_status_nobody_knows_is_not_guessed() -> None:
    with pytest.raises(Permanent, match="no usable jobstatus"):
        await cloud_of(Server([json_answer({"jobid": "job-1", "jobstatus": 4})])).job("job-1")
