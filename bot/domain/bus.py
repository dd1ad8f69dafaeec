"""Turns one decoded record of CloudStack's event bus into one of a closed set of values.

The Kafka bus publishes only the JSON of an event's description: category, source and resource
type are lost, so a record is recognised by its shape (`KafkaEventBus.publish` of
`plugins/event-bus/kafka`). Gson omits nulls: a field that is absent was null.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.errors import Permanent

_LONGEST_TEXT = 16_384
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_STORED = re.compile("[\x00\ud800-\udfff]")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) ([+-]\d{4})", re.ASCII)
_ACTION_FIELDS = frozenset(
    {
        "event",
        "status",
        "user",
        "account",
        "description",
        "entity",
        "entityuuid",
        "eventDateTime",
        "project",
    }
)


class Unreadable(Permanent):
    """A record that cannot be understood; the reason never quotes the record.

    `kind` says how it is counted: `unreadable`, `oversized` or `tombstone`.
    """

    def __init__(self, why: str, *, kind: str = "unreadable") -> None:
        super().__init__(why)
        self.kind = kind


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
    `related` holds further pairs of entity name and uuid, such as `VirtualMachine`.
    """

    event: str
    status: str
    entity: str
    entity_id: str
    description: str
    user_id: str
    account_id: str
    at: datetime
    related: tuple[tuple[str, str], ...] = ()


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
    """An async job began or ended (`ApiServer.handleAsyncJobPublishEvent`); it carries no time.

    The record's `cmdInfo` holds the caller's API key and signature, and `jobResult` may hold a
    new machine's password. Neither is kept.
    """

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


def classify(key: str | None, value: Mapping[str, object]) -> BusRecord:
    """Recognise a record by its shape, or raise `Unreadable`.

    `key` is a resource's uuid, often null or empty; it only fills in for an action's missing
    `entityuuid`. Fields we do not know are ignored: CloudStack adds some between versions.
    """
    fields = _Fields(value)
    if fields.has("jobId", "command"):
        return _job(fields)
    if fields.has("old-state", "new-state"):
        return _state(fields)
    if fields.has("event", "subject"):
        return _alert(fields)
    if fields.has("event", "status", "account"):
        return _action(key, fields)
    if fields.has("event", "resource", "zone"):
        return _usage(fields)
    raise Unreadable("no shape that CloudStack's event bus is known to publish")


def _action(key: str | None, fields: _Fields) -> ActionRecord:
    return ActionRecord(
        event=fields.text("event"),
        status=fields.text("status"),
        entity=fields.text("entity", ""),
        entity_id=fields.id("entityuuid", key or ""),
        description=fields.text("description", ""),
        user_id=fields.text("user", ""),
        account_id=fields.text("account"),
        at=fields.time(),
        related=tuple(fields.related()),
    )


def _alert(fields: _Fields) -> AlertRecord:
    return AlertRecord(
        event=fields.text("event"),
        subject=fields.text("subject"),
        body=fields.text("body", ""),
        zone_id=fields.text("dataCenterId", ""),
        at=fields.time(),
    )


def _state(fields: _Fields) -> StateRecord | OtherState:
    resource = fields.text("resource")
    old, new = fields.text("old-state"), fields.text("new-state")
    if resource != "VirtualMachine":
        return OtherState(resource, fields.id("id"), old, new, fields.time())
    before = fields.text("status", "") == "preStateTransitionEvent"
    return StateRecord(fields.id("id"), old, new, before, fields.time())


def _job(fields: _Fields) -> JobRecord:
    return JobRecord(
        job_id=fields.id("jobId"),
        command=fields.text("command"),
        event=fields.text("commandEventType", ""),
        instance_type=fields.text("instanceType", ""),
        instance_id=fields.id("instanceUuid", ""),
        status=fields.text("status"),
    )


def _usage(fields: _Fields) -> UsageRecord:
    return UsageRecord(
        event=fields.text("event"),
        resource=fields.text("resource"),
        resource_id=fields.id("id"),
        zone_id=fields.text("zone"),
        at=fields.time(),
    )


@dataclass(frozen=True, slots=True)
class _Fields:
    """A record's fields, each read with a check of its type."""

    value: Mapping[str, object]

    def has(self, *names: str) -> bool:
        return self.value.keys() >= set(names)

    def text(self, name: str, default: str | None = None) -> str:
        found = self.value.get(name, default)
        if found is None:
            raise Unreadable(f"{name} is missing")
        if not isinstance(found, str):
            raise Unreadable(f"{name} is not a text")
        if len(found) > _LONGEST_TEXT:
            raise Unreadable(f"{name} is longer than {_LONGEST_TEXT} characters")
        if _NOT_STORED.search(found):
            raise Unreadable(f"{name} holds characters that no database stores")
        return found

    def id(self, name: str, default: str | None = None) -> str:
        """A uuid; installations that began before 3.0 hold plain numbers in that place."""
        found = self.text(name, default)
        if found and not _ID.fullmatch(found):
            raise Unreadable(f"{name} is not an id")
        return found

    def time(self) -> datetime:
        """`eventDateTime`, as `SimpleDateFormat("yyyy-MM-dd HH:mm:ss Z")` writes it."""
        text = self.text("eventDateTime")
        try:
            if usual := _TIME.fullmatch(text):  # `strptime` takes twenty times as long
                return datetime.fromisoformat("".join(usual.groups()))
            return datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z")
        except ValueError:
            raise Unreadable("eventDateTime is not yyyy-MM-dd HH:mm:ss Z") from None

    def related(self) -> Iterator[tuple[str, str]]:
        for name in sorted(self.value.keys() - _ACTION_FIELDS):
            found = self.value[name]
            if name.isalnum() and isinstance(found, str) and _ID.fullmatch(found):
                yield name, found
