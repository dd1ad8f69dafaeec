"""The cloud port over the API: what it asks, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest

from bot.adapters.cloudstack.catalogue import (
    COMMANDS,
    Effect,
    reader_commands,
    writer_commands,
)
from bot.adapters.cloudstack.client import Limits
from bot.adapters.cloudstack.failures import ApiRefused
from bot.adapters.cloudstack.underlay import physical_networks
from bot.domain.site import AclRule
from bot.domain.spec import Stickiness
from bot.domain.zone import HostUse
from bot.errors import Permanent, Refused, Transient
from bot.ports import Cloud, CloudReader, Created
from tests.contract.client_calls import EMPTY, UNKNOWN, cloud_of, vm_row
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
    "router_checks": lambda cloud: cloud.router_checks("r-1"),
    "ilb_checks": lambda cloud: cloud.ilb_checks("vm-1"),
    "hosts_for_migration": lambda cloud: cloud.hosts_for_migration("vm-1"),
    "hosts": lambda cloud: cloud.hosts(),
    "host_use": lambda cloud: cloud.host_use("host-1"),
    "system_offerings": lambda cloud: cloud.system_offerings(),
    "providers": lambda cloud: cloud.providers(),
    "system_templates": lambda cloud: cloud.system_templates(),
    "events": lambda cloud: cloud.events(),
    "setting": lambda cloud: cloud.setting("a.setting"),
    "pending_jobs": lambda cloud: cloud.pending_jobs(),
    "tier_vms": lambda cloud: cloud.tier_vms("tier-1"),
    "acl_lists": lambda cloud: cloud.acl_lists("vpc-1"),
    "acl_rules": lambda cloud: cloud.acl_rules("acl-1"),
    "stickiness": lambda cloud: cloud.stickiness("rule-1"),
    "ilb_element": lambda cloud: cloud.ilb_element("nsp-1"),
}
CHANGES: dict[str, Callable[[Cloud], Awaitable[str]]] = {
    "stop_ilb_vm": lambda cloud: cloud.stop_ilb_vm("vm-1"),
    "start_ilb_vm": lambda cloud: cloud.start_ilb_vm("vm-1"),
    "restart_tier": lambda cloud: cloud.restart_tier("tier-1"),
    "migrate": lambda cloud: cloud.migrate("vm-1", "host-2"),
    "stop_router": lambda cloud: cloud.stop_router("r-1"),
    "start_router": lambda cloud: cloud.start_router("r-1"),
    "restart_vpc_redundant": lambda cloud: cloud.restart_vpc_redundant("vpc-1"),
    "delete_rule": lambda cloud: cloud.delete_rule("rule-1"),
    "assign": lambda cloud: cloud.assign("rule-1", ["vm-1", "vm-2"]),
    "remove": lambda cloud: cloud.remove("rule-1", ["vm-1"]),
    "create_tags": lambda cloud: cloud.create_tags("rule-1", {"a": "b"}),
    "delete_tags": lambda cloud: cloud.delete_tags("rule-1", ["a"]),
    "unstick": lambda cloud: cloud.unstick("policy-1"),
    "replace_acl_list": lambda cloud: cloud.replace_acl_list("tier-1", "acl-1"),
    "delete_acl_list": lambda cloud: cloud.delete_acl_list("acl-1"),
    "configure_ilb_element": lambda cloud: cloud.configure_ilb_element("element-1"),
    "set_provider": lambda cloud: cloud.set_provider("nsp-1", "Enabled"),
}
ENTRY = AclRule("", 10, "tcp", ("10.1.0.0/16",), True, False, 80, 443, reason="a test")
CREATIONS: dict[str, Callable[[Cloud], Awaitable[Created]]] = {
    "create_rule": lambda cloud: cloud.create_rule(
        "tier-1", vip="10.1.1.10", port=80, to=8080, algorithm="source", name="web"
    ),
    "stick": lambda cloud: cloud.stick("rule-1", "sticky", Stickiness("LbCookie", (("a", "b"),))),
    "create_acl_list": lambda cloud: cloud.create_acl_list("vpc-1", "list", "of a test"),
    "create_acl_rule": lambda cloud: cloud.create_acl_rule("acl-1", ENTRY),
    "create_ilb_element": lambda cloud: cloud.create_ilb_element("nsp-1"),
}

AT_ONCE: dict[str, Callable[[Cloud], Awaitable[None]]] = {
    "change_offering": lambda cloud: cloud.change_offering("vm-1", "offering-2"),
}
"""Changes that start no job: they are done when they are answered."""
LOOKS_FIRST = frozenset({"restart_network_redundant"})
"""In `test_client_routers`: what it may be done to is read before it is sent."""


def methods_of(port: type) -> set[str]:
    return {name for name in vars(port) if not name.startswith("_")}


def test_every_method_of_the_port_is_in_these_tests() -> None:
    assert READS.keys() == methods_of(CloudReader)
    changes = CHANGES.keys() | CREATIONS.keys() | AT_ONCE.keys() | LOOKS_FIRST
    assert changes | {"job"} == methods_of(Cloud)


@pytest.mark.parametrize("method", READS)
async def test_reading_sends_reads_with_the_read_key_only(method: str) -> None:
    server = Server([EMPTY])
    await READS[method](cloud_of(server))
    assert server.forms
    for form in server.forms:
        assert COMMANDS[form["command"]].effect is Effect.READ
        assert form["apikey"] == "read-api-key-000"


async def test_each_key_sends_the_commands_that_its_role_is_said_to_need() -> None:
    server = Server([json_answer({"id": "new", "jobid": "job-1", "jobstatus": 0})])
    cloud = cloud_of(server)
    for call in (*READS.values(), *CHANGES.values(), *CREATIONS.values(), *AT_ONCE.values()):
        await call(cloud)
    await cloud.job("job-1")
    await physical_networks(client_of(server))
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


@pytest.mark.parametrize("method", AT_ONCE)
async def test_a_change_without_a_job_is_sent_once_with_the_write_key(method: str) -> None:
    server = Server([json_answer({"router": {}})])
    await AT_ONCE[method](cloud_of(server))
    [form] = server.forms
    assert COMMANDS[form["command"]].effect is Effect.CHANGE
    assert form["apikey"] == "write-api-key-000"


@pytest.mark.parametrize("method", CREATIONS)
async def test_a_creation_gives_the_new_id_and_its_job(method: str) -> None:
    server = Server([json_answer({"id": "new-1", "jobid": "job-1"})])
    assert await CREATIONS[method](cloud_of(server)) == Created("new-1", "job-1")
    [form] = server.forms
    assert form["apikey"] == "write-api-key-000"


async def test_a_creation_without_an_id_is_in_doubt() -> None:
    server = Server([json_answer({"jobid": "job-1"})])
    with pytest.raises(Transient, match="no id") as caught:
        await CREATIONS["create_rule"](cloud_of(server))
    assert caught.value.in_doubt


async def test_a_rule_is_internal_on_an_address_of_its_own_tier() -> None:
    server = Server([json_answer({"id": "new-1", "jobid": "job-1"})])
    await CREATIONS["create_rule"](cloud_of(server))
    [form] = server.forms
    assert form["scheme"] == "Internal"
    assert form["networkid"] == form["sourceipaddressnetworkid"] == "tier-1"
    assert "protocol" not in form


async def test_an_entry_says_its_place_and_its_ports() -> None:
    server = Server([json_answer({"id": "new-1", "jobid": "job-1"})])
    await CREATIONS["create_acl_rule"](cloud_of(server))
    [form] = server.forms
    said = {name: form[name] for name in ("number", "startport", "endport", "action", "reason")}
    assert said == {
        "number": "10", "startport": "80", "endport": "443", "action": "deny", "reason": "a test",
    }  # fmt: skip


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
    assert not {"makeredundant", "livepatch"} & set(server.forms[0])


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


@pytest.mark.parametrize(
    ("told", "percent"), [("97.25%", 97.25), ("8,5%", 8.5), ("0%", 0.0), ("", None), ("NaN%", None)]
)
async def test_how_busy_a_host_is_may_not_be_known(told: str, percent: float | None) -> None:
    row = {"id": "h-1", "name": "kvm-1", "cpuspeed": 2000, "cpuused": told}
    server = Server([json_answer({"count": 1, "host": [row]}, "listhostsresponse")])
    found = await cloud_of(server).host_use("h-1")
    assert found == HostUse("h-1", "kvm-1", 2000.0, percent)
    assert server.forms[0]["details"] == "stats"
