"""What CloudStack told us, in our words: machines, rules, tiers, events and jobs as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class VmState(StrEnum):
    """States of a system VM (CloudStack `VirtualMachine.State`); anything else is `OTHER`."""

    RUNNING = "Running"
    STARTING = "Starting"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    MIGRATING = "Migrating"
    ERROR = "Error"
    OTHER = "Other"

    @classmethod
    def of(cls, text: str) -> VmState:
        """Return the state of that name, `OTHER` where we know no such state."""
        return cls(text) if text in cls._value2member_map_ else cls.OTHER

    @property
    def is_moving(self) -> bool:
        """Whether CloudStack is still at work on it."""
        return self in {VmState.STARTING, VmState.STOPPING, VmState.MIGRATING}


@dataclass(frozen=True, slots=True)
class IlbVm:
    """One internal load balancer VM: it *is* its VIP (one VM per tier and source address).

    `version` is what the guest reported at its last boot, empty where it never did.
    `host_id` and `host_name` are empty while it is stopped.
    """

    id: str
    name: str
    state: VmState
    vip: str
    tier_id: str
    tier_name: str
    vpc_id: str
    vpc_name: str
    zone_id: str
    zone_name: str
    version: str
    template_id: str
    template_name: str
    offering_id: str
    offering_name: str
    host_id: str = ""
    host_name: str = ""
    requires_upgrade: bool = False
    health_checks_failed: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """A VM behind an LB rule; `name` is CloudStack's internal instance name."""

    id: str
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class LbRule:
    """One internal LB rule; `state` is `Add`, `Active` or `Deleting` as CloudStack says it."""

    id: str
    name: str
    tier_id: str
    vip: str
    source_port: int
    member_port: int
    algorithm: str
    state: str
    members: tuple[Member, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def is_active(self) -> bool:
        """Whether it carries traffic as far as CloudStack knows."""
        return self.state == "Active" and bool(self.members)

    @property
    def is_half_done(self) -> bool:
        """Whether a failure left it between two states; `Add` without members is normal."""
        return self.state == "Deleting" or (self.state == "Add" and bool(self.members))


@dataclass(frozen=True, slots=True)
class Tier:
    """A VPC tier; only one that is `Implemented` may be worked on (idle-tier trap)."""

    id: str
    name: str
    state: str
    cidr: str
    vpc_id: str
    vpc_name: str
    zone_id: str
    zone_name: str
    gateway: str = ""
    offering_id: str = ""
    offering_name: str = ""
    acl_id: str = ""
    acl_name: str = ""
    physical_network_id: str = ""
    lb_provider: str = ""

    @property
    def is_implemented(self) -> bool:
        """Whether its routers and ILB VMs exist."""
        return self.state == "Implemented"


@dataclass(frozen=True, slots=True)
class Template:
    """A system VM template as registered in CloudStack."""

    id: str
    name: str
    is_ready: bool


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """One row of `listEvents`; `state` is Scheduled, Created, Started or Completed."""

    id: str
    type: str
    state: str
    level: str
    description: str
    account: str
    username: str
    created: datetime
    resource_id: str = ""


class JobStatus(StrEnum):
    """What `queryAsyncJobResult` says of a job (its `jobstatus` 0 to 3)."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Job:
    """An async job as last polled.

    `was_interrupted` marks a job that failed without any result: what CloudStack
    leaves behind when its management server died in the middle.
    """

    id: str
    status: JobStatus
    error_code: int = 0
    error_text: str = ""
    was_interrupted: bool = False


@dataclass(frozen=True, slots=True)
class PendingJob:
    """A row of `listAsyncJobs`: an unfinished job, whose target it often does not name."""

    id: str
    command: str
    created: datetime
    instance_id: str = ""
