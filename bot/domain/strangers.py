"""Turns a bus record into the id of a resource about which no record can give a hint.

CloudStack's bus tells of everything in the cloud, keyed by the resource's uuid (`KafkaEventBus`),
and a uuid names one thing for as long as there is a cloud. So what a record says its resource is
holds for all records with that key, and those need not even be decoded. What a key nobody has heard
of is, nobody knows: it may be a machine of ours that was made a moment ago.
"""

from __future__ import annotations

import re

from bot.domain.bus import ActionRecord, BusRecord, JobRecord, OtherState

_RESOURCES = frozenset({"Volume", "Snapshot"})
"""What has states of its own (`OtherState`) and is neither a machine, a network nor a host."""
_ENTITIES = frozenset({"Volume", "Snapshot", "FirewallRule", "LoadBalancerRule"})
_OF_USER_VM = re.compile(
    r"org\.apache\.cloudstack\.api\.command\.(?:user|admin)\.vm\."
    r"(?:Deploy|Start|Stop|Reboot|Destroy)VMCmd(?:ByAdmin)?"
)


def stranger_in(record: BusRecord) -> str:
    """Return that id, `""` where there is none.

    State and action records call ILB VMs, routers and user VMs alike `VirtualMachine`. That
    one is a user VM shows in a job: these commands come to success with a user VM alone
    (`UserVmManagerImpl` looks them up by `UserVmDao`). Whoever wants hints about user VMs, as
    members of rules, must take jobs out here.
    """
    match record:
        case OtherState(resource=resource, resource_id=found) if resource in _RESOURCES:
            return found
        case ActionRecord(entity=entity, entity_id=found) if entity in _ENTITIES:
            return found
        case JobRecord(instance_type="VirtualMachine", status="SUCCEEDED", instance_id=found):
            return found if _OF_USER_VM.fullmatch(record.command) else ""
    return ""
