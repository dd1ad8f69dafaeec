"""Records of CloudStack's event bus become values, hints, or nothing, and no secret passes."""

import json
from dataclasses import asdict
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.bus import (
    ActionRecord,
    AlertRecord,
    JobRecord,
    OtherState,
    StateRecord,
    Unreadable,
    UsageRecord,
)
from bot.domain.observation import Hint, Observation, TargetType, observe
from tests.handlers.bus_records import classified

ILB = "7747a5cc-0516-4562-b5c7-2bd6e7a81633"
AT = "2026-11-22 22:18:35 +0000"
MOMENT = datetime(2026, 11, 22, 22, 18, 35, tzinfo=UTC)


def action(**more: object) -> dict[str, object]:
    return {
        "eventDateTime": AT,
        "event": "VM.STOP",
        "status": "Completed",
        "user": "u",
        "account": "a",
        "entity": "VirtualMachine",
        "entityuuid": ILB,
        "description": "Out of band VM power off",
    } | more


def alert(event: str, subject: str, body: str = "") -> dict[str, object]:
    return {"eventDateTime": AT, "event": event, "subject": subject, "body": body}


def state(old: str, new: str, **more: object) -> dict[str, object]:
    return {
        "eventDateTime": AT,
        "resource": "VirtualMachine",
        "id": ILB,
        "old-state": old,
        "new-state": new,
        "status": "postStateTransitionEvent",
    } | more


def job(**more: object) -> dict[str, object]:
    return {
        "jobId": "14fc9076-3979-432d-a6f5-f018995133f1",
        "command": "org.apache.cloudstack.api.command.admin.internallb.StopInternalLBVMCmd",
        "commandEventType": "INTERNALLBVM.STOP",
        "instanceType": "InternalLbVm",
        "status": "SUCCEEDED",
        "cmdInfo": {"apikey": "planted-key", "signature": "planted-signature"},
        "jobResult": {"password": "planted-password"},
    } | more


def seen(value: dict[str, object]) -> Observation | None:
    return observe(classified(value))


def test_a_job_record_keeps_neither_key_nor_signature_nor_result() -> None:
    record = classified(job(), "")

    assert isinstance(record, JobRecord)
    for form in (repr(record), json.dumps(asdict(record))):
        assert "planted" not in form
        assert "apikey" not in form.lower()
        assert "signature" not in form.lower()
    assert observe(record) is None


def test_each_shape_is_recognised_without_being_told_its_category() -> None:
    usage = {"event": "LB.CREATE", "resource": "r", "id": "1", "zone": "z", "eventDateTime": AT}

    assert isinstance(classified(action(), ILB), ActionRecord)
    assert isinstance(classified(alert("ALERT.MANAGEMENT", "up")), AlertRecord)
    assert isinstance(classified(state("Running", "Stopped"), ILB), StateRecord)
    assert isinstance(classified(state("Ready", "Destroy", resource="Volume"), ILB), OtherState)
    assert isinstance(classified(usage, ILB), UsageRecord)


def test_the_key_stands_in_for_a_missing_entity_id() -> None:
    value = action()
    del value["entityuuid"]

    record = classified(value, ILB)

    assert isinstance(record, ActionRecord)
    assert record.entity_id == ILB


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({}, "no shape"),
        ({"event": "ALERT.X"}, "no shape"),
        (state("Running", "Stopped", id=7), "id is not a text"),
        (state("Running", "Stopped", id="<@U1> $(rm)"), "id is not an id"),
        (state("Running", "Stopped", eventDateTime="yesterday"), "eventDateTime is not"),
        (state("Running", "Stopped", eventDateTime=None), "eventDateTime is missing"),
        (action(description={"a": 1}), "description is not a text"),
        (action(description="x" * 20_000), "description is longer"),
        (action(description="half \ud800"), "not Unicode"),
        (job(status=0), "status is not a text"),
    ],
)
def test_a_record_of_wrong_types_is_unreadable_with_its_reason(
    value: dict[str, object], reason: str
) -> None:
    with pytest.raises(Unreadable, match=reason):
        classified(value)


FIELDS = ["event", "status", "account", "subject", "resource", "id", "zone", "jobId", "command"]
FIELDS += ["old-state", "new-state", "eventDateTime", "entityuuid", "description", "body"]
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.just(AT), st.lists(st.integers())
)


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING))
def test_whatever_the_fields_hold_a_record_is_understood_or_unreadable(
    value: dict[str, object],
) -> None:
    try:
        observe(classified(value))
    except Unreadable as why:
        assert str(why)


def test_what_a_hint_says_can_be_stored_and_shown() -> None:
    hint = seen(action(description="Out of band \x00\x1b[1m power off"))
    assert hint is not None
    assert hint.words == "Out of band   [1m power off"


def test_a_stop_is_a_hint_only_once_it_has_happened() -> None:
    before = seen(state("Running", "Stopped", status="preStateTransitionEvent"))
    after = seen(state("Running", "Stopped"))

    assert before is None
    assert after is not None
    assert (after.kind, after.target_id, after.at) == (Hint.MACHINE_STOPPED, ILB, MOMENT)


@pytest.mark.parametrize("word", ["Running", "Starting", "Stopped"])
def test_a_state_that_stays_is_noise(word: str) -> None:
    assert seen(state(word, word)) is None


def test_records_of_one_death_are_one_incident_and_separate_hints() -> None:
    body = (
        f'VM b-31-VM(VM instance {{"id":31,"instanceName":"b-31-VM","state":"Stopped",'
        f'"type":"InternalLoadBalancerVm","uuid":"{ILB}"}}) state is sync-ed'
        " (Stopped -> Stopped) from out-of-context transition."
    )
    told = [
        seen(action()),
        seen(state("Running", "Stopped")),
        seen(alert("ALERT.TYPE.SYNC", "VM state sync alert", body)),
    ]

    hints = [hint for hint in told if hint is not None]
    assert {hint.incident for hint in hints} == {f"MACHINE_STOPPED:{ILB}"}
    assert len({hint.dedupe for hint in hints}) == 3
    assert hints[2].target_type is TargetType.ILB_VM
    assert hints[2].target_name == "b-31-VM"


def test_the_same_event_in_another_time_zone_has_the_same_key() -> None:
    here = seen(state("Running", "Stopped"))
    there = seen(state("Running", "Stopped", eventDateTime="2026-11-23 03:48:35 +0530"))

    assert here is not None
    assert there is not None
    assert here.dedupe == there.dedupe == f"bus:state:MACHINE_STOPPED:{ILB}:2026-11-22T22:18:35Z"


@pytest.mark.parametrize(
    ("event", "subject", "kind", "target_type", "name"),
    [
        (
            "ALERT.SERVICE.DOMAINROUTER",
            f"Health checks failed: 2 failing checks on router b-31-VM / {ILB}",
            Hint.HEALTH_FAILED,
            TargetType.ILB_VM,
            "b-31-VM",
        ),
        (
            "ALERT.SERVICE.DOMAINROUTER",
            "Redundant virtual router r-13-VM just switch from BACKUP to PRIMARY",
            Hint.ROLE_CHANGED,
            TargetType.ROUTER,
            "r-13-VM",
        ),
        (
            "ALERT.SERVICE.DOMAINROUTER",
            "More than one redundant virtual router is in PRIMARY state! Router r-1-VM and router"
            " r-2-VM",
            Hint.TWO_PRIMARIES,
            TargetType.ROUTER,
            "r-1-VM",
        ),
        (
            "ALERT.USERVM",
            "VM (name: b-27-VM, id: 27) stopped unexpectedly on host h1",
            Hint.MACHINE_STOPPED,
            TargetType.ILB_VM,
            "b-27-VM",
        ),
        (
            "ALERT.SERVICE.DOMAINROUTER",
            "HA starting VM: r-48-VM (r-48-VM)",
            Hint.MACHINE_STARTED,
            TargetType.ROUTER,
            "r-48-VM",
        ),
        (
            "ALERT.SERVICE.DOMAINROUTER",
            "Monitoring Service on VR r-9-VM",
            Hint.SERVICE_ALERT,
            TargetType.ROUTER,
            "r-9-VM",
        ),
        (
            "ALERT.COMPUTE.HOST",
            "Host is down, name: host-1 (id:1), availability zone: z",
            Hint.HOST_DOWN,
            TargetType.HOST,
            "host-1",
        ),
        (
            "ALERT.MANAGEMENT",
            "Management server node 10.0.0.4 is up",
            Hint.CLOUD_RESTARTED,
            TargetType.CLOUD,
            "10.0.0.4",
        ),
    ],
)
def test_an_alert_names_its_target_in_its_words(
    event: str, subject: str, kind: Hint, target_type: TargetType, name: str
) -> None:
    hint = seen(alert(event, subject))

    assert hint is not None
    assert (hint.kind, hint.target_type, hint.target_name) == (kind, target_type, name)


def test_a_users_stop_of_a_user_machine_is_not_a_hint() -> None:
    assert seen(action(description="Successfully completed stopping Vm. Vm Id: 4")) is None


def test_a_router_stop_that_carries_the_id_of_a_vpc_is_not_a_hint() -> None:
    assert seen(action(event="ROUTER.STOP", entity="Vpc", description="Stopping router Vm")) is None


def test_words_are_short_and_printable() -> None:
    hint = seen(action(description="Out of band \x1b[31m" + "x" * 1_000))

    assert hint is not None
    assert len(hint.words) == 300
    assert hint.words.isprintable()
