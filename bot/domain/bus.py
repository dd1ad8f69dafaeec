"""Turns one decoded record of CloudStack's event bus into one of a closed set of values.

The Kafka bus publishes only the JSON of an event's description: category, source and resource
type are lost, so a record is recognised by its shape (`KafkaEventBus.publish` of
`plugins/event-bus/kafka`). Gson omits nulls: a field that is absent was null.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct, field

from bot.errors import Permanent

LONGEST_TEXT = 16_384
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) ([+-]\d{4})", re.ASCII)
_Text = Annotated[str, Meta(max_length=LONGEST_TEXT)] | None


class Unreadable(Permanent):
    """A record that cannot be understood; the reason never quotes the record.

    `kind` says how it is counted: `unreadable`, `oversized` or `tombstone`.
    """

    def __init__(self, why: str, *, kind: str = "unreadable") -> None:
        super().__init__(why)
        self.kind = kind


class Fields(Struct, frozen=True, gc=False, kw_only=True):
    """All that is read of a record, as `msgspec` decodes and checks it: texts, each may be absent.

    What else it has is ignored: CloudStack adds fields between versions. A job record's `cmdInfo`
    holds the caller's API key and signature, and `jobResult` may hold a new machine's password:
    neither is ever kept.
    """

    event: _Text = None
    status: _Text = None
    user: _Text = None
    account: _Text = None
    description: _Text = None
    entity: _Text = None
    entity_id: _Text = field(default=None, name="entityuuid")
    at: _Text = field(default=None, name="eventDateTime")
    resource: _Text = None
    id: _Text = None
    old_state: _Text = field(default=None, name="old-state")
    new_state: _Text = field(default=None, name="new-state")
    subject: _Text = None
    body: _Text = None
    zone: _Text = None
    zone_of_alert: _Text = field(default=None, name="dataCenterId")
    job_id: _Text = field(default=None, name="jobId")
    command: _Text = None
    command_event: _Text = field(default=None, name="commandEventType")
    instance_type: _Text = field(default=None, name="instanceType")
    instance_id: _Text = field(default=None, name="instanceUuid")


class RecordKind(StrEnum):
    """How a readable record is counted."""

    ACTION = "action"
    ALERT = "alert"
    STATE = "state"
    OTHER_STATE = "other_state"
    JOB = "job"
    USAGE = "usage"


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """What somebody, or CloudStack itself, set out to do (`ActionEventUtils`).

    There is no success flag: failure shows only as a description that starts `Error while`.
    """

    event: str
    status: str
    entity: str
    entity_id: str
    description: str
    user_id: str
    account_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """A text for administrators (`AlertGenerator`); its target stands only in the words."""

    event: str
    subject: str
    body: str
    zone_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StateRecord:
    """A virtual machine of any type changed its state (`UserVmStateListener`).

    Each transition is published twice; `before` marks the one of `preStateTransitionEvent`.
    """

    machine_id: str
    old: str
    new: str
    before: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class OtherState:
    """A volume, network or other resource changed its state; published twice, alike."""

    resource: str
    resource_id: str
    old: str
    new: str
    at: datetime


@dataclass(frozen=True, slots=True)
class JobRecord:
    """An async job began or ended (`ApiServer.handleAsyncJobPublishEvent`); it carries no time."""

    job_id: str
    command: str
    event: str
    instance_type: str
    instance_id: str
    status: str


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """Something billable happened (`UsageEventUtils`)."""

    event: str
    resource: str
    resource_id: str
    zone_id: str
    at: datetime


BusRecord = ActionRecord | AlertRecord | StateRecord | OtherState | JobRecord | UsageRecord

_KINDS: dict[type[BusRecord], RecordKind] = {
    ActionRecord: RecordKind.ACTION,
    AlertRecord: RecordKind.ALERT,
    StateRecord: RecordKind.STATE,
    OtherState: RecordKind.OTHER_STATE,
    JobRecord: RecordKind.JOB,
    UsageRecord: RecordKind.USAGE,
}


def kind_of(record: BusRecord) -> RecordKind:
    """Return the word under which the record is counted."""
    return _KINDS[type(record)]


_NO_SHAPE = "no shape that CloudStack's event bus is known to publish"


def classify(key: str | None, said: Fields) -> BusRecord:
    """Recognise a record by its shape, or raise `Unreadable`.

    `key` is a resource's uuid, often null or empty; it only fills in for an action's missing
    `entityuuid`.
    """
    if said.job_id is not None and said.command is not None:
        return _job(said)
    if said.old_state is not None and said.new_state is not None:
        return _state(said, said.old_state, said.new_state)
    if said.event is None:
        raise Unreadable(_NO_SHAPE)
    if said.subject is not None:
        return _alert(said, said.event, said.subject)
    if said.status is not None and said.account is not None:
        return _action(key, said, said.event)
    if said.resource is not None and said.zone is not None:
        return _usage(said, said.event)
    raise Unreadable(_NO_SHAPE)


def _action(key: str | None, said: Fields, event: str) -> ActionRecord:
    return ActionRecord(
        event=event,
        status=said.status or "",
        entity=said.entity or "",
        entity_id=_id("entityuuid", said.entity_id or key or ""),
        description=said.description or "",
        user_id=said.user or "",
        account_id=said.account or "",
        at=_time(said.at),
    )


def _alert(said: Fields, event: str, subject: str) -> AlertRecord:
    return AlertRecord(event, subject, said.body or "", said.zone_of_alert or "", _time(said.at))


def _state(said: Fields, old: str, new: str) -> StateRecord | OtherState:
    target, resource = _id("id", said.id), _there("resource", said.resource)
    if resource != "VirtualMachine":
        return OtherState(resource, target, old, new, _time(said.at))
    return StateRecord(target, old, new, said.status == "preStateTransitionEvent", _time(said.at))


def _job(said: Fields) -> JobRecord:
    return JobRecord(
        job_id=_id("jobId", said.job_id),
        command=said.command or "",
        event=said.command_event or "",
        instance_type=said.instance_type or "",
        instance_id=_id("instanceUuid", said.instance_id or ""),
        status=_there("status", said.status),
    )


def _usage(said: Fields, event: str) -> UsageRecord:
    resource, target = said.resource or "", _id("id", said.id)
    return UsageRecord(event, resource, target, said.zone or "", _time(said.at))


def _there(name: str, text: str | None) -> str:
    if text is None:
        raise Unreadable(f"{name} is missing")
    return text


def _id(name: str, text: str | None) -> str:
    """A uuid; installations that began before 3.0 hold plain numbers in that place."""
    if text and not _ID.fullmatch(text):
        raise Unreadable(f"{name} is not an id")
    return _there(name, text)


def _time(text: str | None) -> datetime:
    """`eventDateTime`, as `SimpleDateFormat("yyyy-MM-dd HH:mm:ss Z")` writes it."""
    usual = _TIME.fullmatch(_there("eventDateTime", text))
    try:
        return datetime.fromisoformat("".join(usual.groups() if usual else ()))
    except ValueError:  # the 31st of February, too
        raise Unreadable("eventDateTime is not yyyy-MM-dd HH:mm:ss Z") from None
