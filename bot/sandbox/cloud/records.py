"""Write what happens into the event log and publish it as CloudStack's Kafka event bus does.

Shapes as ActionEventUtils, AlertGenerator, UserVmStateListener and ApiServer
.handleAsyncJobPublishEvent build them: no category, no type of record, nulls left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from bot.sandbox.cloud.frame import Body, present
from bot.sandbox.cloud.model import Account, Alert, Event, Job, Kind, Machine, Pod, Record, Rule
from bot.sandbox.cloud.state import CloudState

RESPONSES = "org.apache.cloudstack.api.response"
RESPONSE_CLASSES = {
    "internalloadbalancervm": "DomainRouterResponse",
    "router": "DomainRouterResponse",
    "loadbalancer": "ApplicationLoadBalancerResponse",
    "virtualmachine": "UserVmResponse",
    "networkacllist": "NetworkACLResponse",
    "networkacl": "NetworkACLItemResponse",
    "vpc": "VpcResponse",
    "systemvm": "SystemVmResponse",
    "diagnostics": "RunDiagnosticsResponse",
    "networkserviceprovider": "ProviderResponse",
    "internalloadbalancerelement": "InternalLoadBalancerElementResponse",
    "stickinesspolicies": "LBStickinessResponse",
}
ALERT_DOMAIN_ROUTER = 9
ALERT_MANAGEMENT = 14


class Stage(StrEnum):
    """A failure is Completed too: only the level and the wording tell."""

    SCHEDULED = "Scheduled"
    STARTED = "Started"
    COMPLETED = "Completed"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Action:
    """What an action event is about: the same for its Scheduled, Started and Completed.

    `pairs` are the "<entity name>": "<uuid>" extras that the records of a command carry, `said`
    the whole text of an event that CloudStack logs once, without stages.
    """

    type: str
    resource: Record | None
    entity: str | None
    scheduled: str = ""
    doing: str = ""
    resource_name: str | None = None
    pairs: dict[str, str] = field(default_factory=dict)
    said: str | None = None

    def text(self, stage: Stage) -> str:
        if self.said is not None:
            return self.said
        doing = self.doing[:1].lower() + self.doing[1:]
        return {
            Stage.SCHEDULED: self.scheduled,
            Stage.STARTED: self.doing,
            Stage.COMPLETED: f"Successfully completed {doing}",
            Stage.FAILED: f"Error while {doing}",
        }[stage]


def record_event(
    state: CloudState,
    action: Action,
    stage: Stage,
    *,
    account: Account,
    parent: Event | None = None,
) -> Event:
    """Log one stage of an action and publish it."""
    text = action.text(stage)
    status = "Completed" if stage is Stage.FAILED else stage.value
    event = state.add(
        Event(
            **state.identity("event"),
            type=action.type,
            level="ERROR" if stage is Stage.FAILED else "INFO",
            description=text,
            state=status,
            account=account,
            created=state.at,
            resource=action.resource,
            resource_type=action.entity,
            resource_name=action.resource_name,
            parent=parent.id if parent else None,
        )
    )
    resource_id = action.resource.id if action.resource else None
    value = present(
        eventDateTime=bus_date(state.at),
        entityuuid=resource_id,
        description=text,
        event=action.type,
        user=account.user_id,
        account=account.id,
        entity=action.entity,
        status=status,
    )
    state.publish(resource_id, value | action.pairs)
    return event


def change_state(state: CloudState, machine: Machine, new: str) -> None:
    """Move a machine to `new` and publish the pair of records that every transition has."""
    old = machine.state
    machine.state = new
    machine.updated = state.at
    for moment in ("preStateTransitionEvent", "postStateTransitionEvent"):
        state.publish(
            machine.id,
            {
                "eventDateTime": bus_date(state.at),
                "old-state": old,
                "resource": "VirtualMachine",
                "id": machine.id,
                "new-state": new,
                "status": moment,
            },
        )


def raise_alert(
    state: CloudState, number: int, name: str, subject: str, body: str, pod: Pod | None = None
) -> None:
    """Keep an alert for listAlerts and publish it; its bus record never has a key."""
    state.add(
        Alert(**state.identity("alert"), type=number, name=name, description=subject, sent=state.at)
    )
    publish_alert(state, name, subject, body, pod)


def publish_alert(
    state: CloudState, name: str, subject: str, body: str, pod: Pod | None = None
) -> None:
    """Publish an alert record only: a sync alert is on the bus but not in listAlerts."""
    state.publish(
        None,
        present(
            eventDateTime=bus_date(state.at),
            subject=subject,
            dataCenterId=state.zone.id if pod else None,
            event=name,
            body=body,
            podId=pod.id if pod else None,
        ),
    )


def publish_job(state: CloudState, job: Job) -> None:
    """Publish a job's record, with the caller's apikey and signature in it as CloudStack does."""
    status = {0: "IN_PROGRESS", 1: "SUCCEEDED", 2: "FAILED"}[job.status]
    state.publish(
        job.bus_key,
        present(
            jobId=job.id,
            commandEventType=job.event_type,
            processStatus="0",
            cmdInfo=_command_info(job),
            instanceType=job.bus_instance_type,
            instanceUuid=job.bus_instance_id,
            jobResult=_bus_result(job),
            resultCode=str(job.result_code),
            user=job.account.user_id,
            account=job.account.id,
            command=job.command,
            status=status,
        ),
    )


def publish_usage(state: CloudState, type_: str, rule: Rule) -> None:
    state.publish(
        rule.id,
        {
            "eventDateTime": bus_date(state.at),
            "zone": state.zone.id,
            "resource": "com.cloud.network.lb.LoadBalancingRule",
            "id": rule.id,
            "event": type_,
            "account": rule.account.id,
        },
    )


def bus_date(moment: float) -> str:
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%d %H:%M:%S +0000")


def entity_of(machine: Machine) -> str:
    """Return the resource type a machine's own action events are filed under."""
    return {Kind.ILB: "InternalLbVm", Kind.ROUTER: "DomainRouter"}.get(
        machine.kind, "VirtualMachine"
    )


def _command_info(job: Job) -> Body:
    """Return the parameters of the call, which CloudStack keeps with the job: keys and all."""
    sent = {name: value for name, value in job.parameters.items() if name != "command"}
    return sent | {
        "httpmethod": "POST",
        "ctxAccountId": str(job.account.number),
        "ctxUserId": str(job.account.number),
        "cmdEventType": job.event_type,
        "ctxStartEventId": str(job.start_event),
        "ctxDetails": job.context,
    }


def _bus_result(job: Job) -> Body | None:
    if job.result is None:
        return None
    if job.status == 2:
        name = f"{RESPONSES}.ExceptionResponse"
        return job.result | {"uuidList": [], "class": name, "object": "null"}
    if "success" in job.result:
        return job.result | {"class": f"{RESPONSES}.SuccessResponse", "object": "null"}
    kind, inner = next(iter(job.result.items()))
    found: dict[str, Any] = inner if isinstance(inner, dict) else {}
    return found | {"class": f"{RESPONSES}.{RESPONSE_CLASSES[kind]}", "object": kind}
