"""What refusals and steps of ilbot stand on, asked of a live CloudStack."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import cs
import pytest

from tests.live.ground import VIP, Ground


@pytest.fixture
def served(ground: Ground) -> Iterator[str]:
    """A rule on the VIP with both members, and so an ILB VM."""
    rule = ground.rule(8000)
    ground.assign(rule)
    yield rule
    ground.delete(rule)


def refused(call: Callable[..., Any], **parameters: Any) -> tuple[int, str]:
    """Return code and text of a refusal, of the call or of its job."""
    with pytest.raises(cs.CloudStackApiException) as refusal:
        call(fetch_result=True, **parameters)
    error = refusal.value.error
    return int(error["errorcode"]), str(error["errortext"])


def test_an_ilb_vm_comes_with_the_first_member_and_goes_with_the_last_rule(ground: Ground) -> None:
    rule = ground.rule(8001)
    assert ground.ilb_vms() == []
    ground.assign(rule)
    (vm,) = ground.ilb_vms()
    assert (vm["state"], vm["isredundantrouter"]) == ("Running", False)
    ground.delete(rule)
    assert ground.ilb_vms() == []


@pytest.mark.usefixtures("served")
def test_a_second_rule_on_the_same_vip_and_port_is_refused(ground: Ground) -> None:
    code, _ = refused(lambda **_: ground.rule(8000))
    assert code == 537
    assert len(ground.ilb_vms()) == 1


def test_names_of_rules_may_repeat(ground: Ground) -> None:
    name = f"{ground.run}-same"
    rules = [ground.rule(port, name=name) for port in (8002, 8003)]
    shown = ground.rows("listLoadBalancers", "loadbalancer", name=name)
    assert {(one["id"], one["name"]) for one in shown} == {(rule, name) for rule in rules}
    for rule in rules:
        ground.delete(rule)


def test_a_vip_outside_the_tier_is_refused(ground: Ground) -> None:
    code, _ = refused(lambda **_: ground.rule(8004, vip="10.78.1.9"))
    assert code == 431


def test_udp_is_ignored_without_a_word(ground: Ground, cloud: cs.CloudStack) -> None:
    rule = ground.rule(8005, protocol="udp")
    (shown,) = ground.rows("listLoadBalancers", "loadbalancer", id=rule)
    assert "protocol" not in shown or shown["protocol"].lower() != "udp"
    ground.delete(rule)


def test_port_0_is_taken(ground: Ground) -> None:
    rule = ground.rule(8006, instanceport=0)
    (shown,) = ground.rows("listLoadBalancers", "loadbalancer", id=rule)
    assert int(shown["loadbalancerrule"][0]["instanceport"]) == 0
    ground.delete(rule)


def test_an_assign_of_a_member_that_is_there_fails(ground: Ground, served: str) -> None:
    code, _ = refused(
        ground.cloud.assignToLoadBalancerRule, id=served, virtualmachineids=ground.members[0]
    )
    assert code == 530


def test_taking_out_a_stranger_succeeds(ground: Ground) -> None:
    rule = ground.rule(8007)
    ground.assign(rule, ground.members[0])
    ground.cloud.removeFromLoadBalancerRule(
        id=rule, virtualmachineids=ground.members[1], fetch_result=True
    )
    (shown,) = ground.rows("listLoadBalancers", "loadbalancer", id=rule)
    assert [one["id"] for one in shown["loadbalancerinstance"]] == [ground.members[0]]
    ground.delete(rule)


@pytest.mark.usefixtures("served")
def test_a_start_of_a_running_ilb_vm_succeeds(ground: Ground, cloud: cs.CloudStack) -> None:
    (vm,) = ground.ilb_vms()
    cloud.startInternalLoadBalancerVM(id=vm["id"], fetch_result=True)
    assert ground.ilb_vms()[0]["state"] == "Running"


@pytest.mark.usefixtures("served")
def test_any_change_of_rules_starts_a_stopped_ilb_vm_again(
    ground: Ground, cloud: cs.CloudStack
) -> None:
    (vm,) = ground.ilb_vms()
    cloud.stopInternalLoadBalancerVM(id=vm["id"], fetch_result=True)
    assert ground.ilb_vms()[0]["state"] == "Stopped"
    other = ground.rule(8008)
    ground.assign(other)
    assert ground.ilb_vms()[0]["state"] == "Running"
    ground.delete(other)


@pytest.mark.usefixtures("served")
def test_an_ilb_vm_is_no_router(ground: Ground, cloud: cs.CloudStack) -> None:
    (vm,) = ground.ilb_vms()
    listed = ground.rows("listRouters", "router", id=vm["id"], listall=True)
    assert listed == []


def test_a_tag_that_is_there_is_not_set_again(ground: Ground, cloud: cs.CloudStack) -> None:
    rule = ground.rule(8009)
    tag: dict[str, Any] = {
        "resourceids": rule, "resourcetype": "LoadBalancer",
        "tags[0].key": "ilbot.service", "tags[0].value": "live",
    }  # fmt: skip
    cloud.createTags(fetch_result=True, **tag)
    assert refused(cloud.createTags, **tag)[0] == 530
    ground.delete(rule)


def test_a_built_in_acl_takes_no_entry(ground: Ground, cloud: cs.CloudStack) -> None:
    (allow, *_) = ground.rows("listNetworkACLLists", "networkacllist", name="default_allow")
    code, _ = refused(
        cloud.createNetworkACL, aclid=allow["id"], protocol="tcp", number=10, action="allow",
        startport=80, endport=80, traffictype="Ingress", cidrlist="10.0.0.0/8",
    )  # fmt: skip
    assert code == 431


def test_an_ilb_takes_no_health_check_policy(
    ground: Ground, cloud: cs.CloudStack, served: str
) -> None:
    code, _ = refused(cloud.createLBHealthCheckPolicy, lbruleid=served, pingpath="/")
    assert code in {430, 431}


def test_a_job_that_never_was_is_refused(cloud: cs.CloudStack) -> None:
    assert refused(cloud.queryAsyncJobResult, jobid=str(uuid.uuid4()))[0] == 431


def test_rules_cannot_be_listed_by_their_vip(cloud: cs.CloudStack) -> None:
    assert refused(cloud.listLoadBalancers, sourceipaddress=VIP)[0] in {430, 431, 530}
