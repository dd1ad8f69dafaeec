"""Turns a bus record into a hint that something is worth looking at, or into nothing.

An observation is never acted on for what it says: it names a target, and the truth is read
again from CloudStack. One incident is told by several records, some of them before CloudStack has
stored what they tell: each kind of record is a hint of its own, and `incident` joins them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from bot.domain.bus import (
    ActionRecord,
    AlertRecord,
    BusRecord,
    OtherState,
    RecordKind,
    StateRecord,
    kind_of,
)

_LONGEST_WORDS = 300
_SEARCHED = 2_000  # the texts name their target early; patterns run over no more than this
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}"
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


class Hint(StrEnum):
    """What may have happened to the target."""

    MACHINE_STOPPED = "machine stopped"
    MACHINE_STARTED = "machine started"
    MACHINE_GONE = "machine gone"
    HEALTH_FAILED = "health check failed"
    ROLE_CHANGED = "role changed"
    TWO_PRIMARIES = "two primaries"
    SERVICE_ALERT = "service alert"
    HOST_DOWN = "host down"
    NETWORK_CHANGED = "network changed"
    CLOUD_RESTARTED = "cloud restarted"


class TargetType(StrEnum):
    """What the record says the target is; a state record cannot tell one machine from another."""

    ILB_VM = "ILB VM"
    ROUTER = "router"
    MACHINE = "machine"
    HOST = "host"
    NETWORK = "network"
    CLOUD = "cloud"


@dataclass(frozen=True, slots=True)
class Observation:
    """A hint: look at this target again.

    `target_id` or `target_name` may be empty, never both. `words` are the source's own, cut to
    300 characters, for people to read. `source` is the kind of record it came from.
    """

    kind: Hint
    target_type: TargetType
    target_id: str
    target_name: str
    at: datetime
    words: str
    source: RecordKind

    @property
    def incident(self) -> str:
        """What the records of one incident have in common: what happened, to which target."""
        return f"{self.kind.name}:{self.target_id or self.target_name}"

    @property
    def dedupe(self) -> str:
        """A key from the event's content and its own time, never from its place in a topic.

        The source is part of it: `VM.STOP` is published before CloudStack has stored that the
        machine is stopped, so who looked then must look again when the state record comes.
        """
        moment = self.at.astimezone(UTC).isoformat()[:19]
        return f"bus:{self.source}:{self.incident}:{moment}Z"


def observe(record: BusRecord) -> Observation | None:
    """Return the hint that a record gives, None where it is noise or says nothing of a target."""
    match record:
        case ActionRecord():
            return _of_action(record)
        case AlertRecord():
            return _of_alert(record)
        case StateRecord():
            return _of_state(record)
        case OtherState():
            return _of_network(record)
        case _:
            return None


_STATES = {
    "Stopped": Hint.MACHINE_STOPPED,
    "Running": Hint.MACHINE_STARTED,
    "Destroyed": Hint.MACHINE_GONE,
    "Expunging": Hint.MACHINE_GONE,
    "Error": Hint.MACHINE_GONE,
}


def _of_state(record: StateRecord) -> Observation | None:
    """Of the two records of a transition only the second counts: the first comes before the fact.

    `X → X` is what power reports of a machine that was started lately repeat: noise.
    """
    hint = _STATES.get(record.new)
    if hint is None or record.before or record.old == record.new:
        return None
    words = f"{record.old} → {record.new}"
    return _seen(hint, TargetType.MACHINE, record, words, target_id=record.machine_id)


def _of_network(record: OtherState) -> Observation | None:
    """An idle tier is shut down with its internal rules still listed Active."""
    if record.resource != "Network" or record.old == record.new:
        return None
    words = f"{record.old} → {record.new}"
    return _seen(
        Hint.NETWORK_CHANGED, TargetType.NETWORK, record, words, target_id=record.resource_id
    )


_ENTITIES = {"InternalLbVm": TargetType.ILB_VM, "DomainRouter": TargetType.ROUTER}
_ENDS = {
    "INTERNALLBVM.STOP": Hint.MACHINE_STOPPED,
    "INTERNALLBVM.START": Hint.MACHINE_STARTED,
    "ROUTER.STOP": Hint.MACHINE_STOPPED,
    "ROUTER.START": Hint.MACHINE_STARTED,
    "ROUTER.REBOOT": Hint.MACHINE_STARTED,
}
_FAILING = re.compile(rf"router ({_NAME}) / ({_UUID}) has failing checks", re.IGNORECASE)


def _of_action(record: ActionRecord) -> Observation | None:
    hint, kind = _action_hint(record), _ENTITIES.get(record.entity, TargetType.MACHINE)
    if hint is None or not record.entity_id:
        return None
    named = _FAILING.search(record.description)
    name = named.group(1) if named else ""
    if hint is Hint.HEALTH_FAILED:
        kind = _type_by_name(name) or kind
    return _seen(
        hint, kind, record, record.description, target_id=record.entity_id, target_name=name
    )


def _action_hint(record: ActionRecord) -> Hint | None:
    """Only what is over counts, and only where the record's entity is the machine itself.

    `ROUTER.STOP` of a VPC restart carries the VPC's id. An ILB VM that died is filed under
    `VirtualMachine`, a router under `DomainRouter` (`VirtualMachineManagerImpl`, out of band).
    """
    if record.event == "VM.STOP" and record.description.startswith("Out of band"):
        return Hint.MACHINE_STOPPED
    if record.event == "ROUTER.HEALTH.CHECKS":
        return Hint.HEALTH_FAILED
    if record.status == "Completed" and record.entity in _ENTITIES:
        return _ENDS.get(record.event)
    return None


_SYNCED = re.compile(rf'VM ({_NAME})\(VM instance \{{.*"uuid":"({_UUID})"')
_SYNC_TYPE = re.compile(r'"type":"([A-Za-z]+)"')
_SYNC_STATES = re.compile(r"is sync-ed \((\w+) -> (\w+)\)")
_SYNC_TYPES = {"InternalLoadBalancerVm": TargetType.ILB_VM, "DomainRouter": TargetType.ROUTER}
_HEALTH = re.compile(rf"failing checks on router ({_NAME}) / ({_UUID})")
_BY_NAME: tuple[tuple[re.Pattern[str], Hint], ...] = (
    (re.compile(rf"virtual router ({_NAME}) just switch from"), Hint.ROLE_CHANGED),
    (re.compile(rf"More than one .* PRIMARY state! Router ({_NAME})"), Hint.TWO_PRIMARIES),
    (re.compile(rf"Monitoring Service on VR ({_NAME})"), Hint.SERVICE_ALERT),
    (re.compile(rf"VM \(name: ({_NAME}), id: \d+\) stopped unexpectedly"), Hint.MACHINE_STOPPED),
    (re.compile(rf"HA starting VM: ({_NAME})"), Hint.MACHINE_STARTED),
)
_HOST = re.compile(r"Host(?: is)? down.*?name:\s*([\w.-]+)", re.IGNORECASE)
_SERVER_UP = re.compile(r"Management server node (\S+) is up")


def _of_alert(record: AlertRecord) -> Observation | None:
    if len(record.subject) > _SEARCHED or len(record.body) > _SEARCHED:
        record = replace(record, subject=record.subject[:_SEARCHED], body=record.body[:_SEARCHED])
    if record.event == "ALERT.TYPE.SYNC":
        return _of_sync(record)
    if health := _HEALTH.search(record.subject):
        name, target = health.groups()
        kind = _type_by_name(name) or TargetType.ROUTER
        return _seen(
            Hint.HEALTH_FAILED, kind, record, record.subject, target_id=target, target_name=name
        )
    if up := _SERVER_UP.search(record.subject):
        server = up.group(1)[:64]
        return _seen(
            Hint.CLOUD_RESTARTED, TargetType.CLOUD, record, record.subject, target_name=server
        )
    if record.event == "ALERT.COMPUTE.HOST" and (host := _HOST.search(record.subject)):
        return _seen(
            Hint.HOST_DOWN,
            TargetType.HOST,
            record,
            record.subject,
            target_name=host.group(1)[:64],
        )
    return _of_named_machine(record)


def _of_sync(record: AlertRecord) -> Observation | None:
    """A power report overruled the state that CloudStack believed; the body names the machine."""
    named, states = _SYNCED.search(record.body), _SYNC_STATES.search(record.body)
    hint = _STATES.get(states.group(2)) if states else None
    if named is None or hint is None:
        return None
    said = _SYNC_TYPE.search(record.body)
    kind = _SYNC_TYPES.get(said.group(1) if said else "", TargetType.MACHINE)
    name, target = named.groups()
    return _seen(hint, kind, record, record.body, target_id=target, target_name=name)


def _of_named_machine(record: AlertRecord) -> Observation | None:
    for pattern, hint in _BY_NAME:
        if found := pattern.search(record.subject):
            name = found.group(1)
            kind = _type_by_name(name) or TargetType.MACHINE
            return _seen(hint, kind, record, record.subject, target_name=name)
    return None


def _type_by_name(name: str) -> TargetType | None:
    """Instance names begin with `b-` for ILB VMs and `r-` for routers (`VirtualMachineName`)."""
    if name.startswith("b-"):
        return TargetType.ILB_VM
    return TargetType.ROUTER if name.startswith("r-") else None


def _seen(
    hint: Hint,
    kind: TargetType,
    record: ActionRecord | AlertRecord | StateRecord | OtherState,
    words: str,
    *,
    target_id: str = "",
    target_name: str = "",
) -> Observation:
    words = words[:_LONGEST_WORDS]
    if not words.isprintable():
        words = "".join(letter if letter.isprintable() else " " for letter in words)
    return Observation(
        kind=hint,
        target_type=kind,
        target_id=target_id,
        target_name=target_name,
        at=record.at,
        words=words,
        source=kind_of(record),
    )
