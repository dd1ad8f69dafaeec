"""Turns the rows that CloudStack answers into values of ours.

Fields are those of the response classes under `org.apache.cloudstack.api.response`. Which of
them are there differs by role, by version and by state: only what a value cannot do without
is required, and an absent text is `""`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bot.adapters.cloudstack.foreign import attributed
from bot.domain.cloud import (
    CloudEvent,
    IlbVm,
    Job,
    JobStatus,
    LbRule,
    Member,
    PendingJob,
    Template,
    Tier,
    VmState,
)


class Answer(BaseModel):
    """What is read of an answer; its errors never show the values."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Capability(Answer):
    """`CapabilitiesResponse`."""

    cloudstackversion: str = ""


class Capabilities(Answer):
    """The answer of `listCapabilities`: one object and no list."""

    capability: Capability = Capability()


class ManagementServer(Answer):
    """`ManagementServerResponse`."""

    version: str = ""


class NicRow(Answer):
    """`NicResponse`."""

    networkid: str = ""
    ipaddress: str = ""


class SystemVmRow(Answer):
    """`DomainRouterResponse` as it describes every system VM."""

    id: str
    name: str
    state: str
    guestnetworkid: str = ""
    guestnetworkname: str = ""
    vpcid: str = ""
    vpcname: str = ""
    zoneid: str = ""
    zonename: str = ""
    version: str = ""
    templateid: str = ""
    templatename: str = ""
    serviceofferingid: str = ""
    serviceofferingname: str = ""
    hostid: str = ""
    hostname: str = ""
    requiresupgrade: bool = False
    healthchecksfailed: bool = False

    @property
    def reported_version(self) -> str:
        """The version the guest reports; CloudStack says `UNKNOWN` where it never did."""
        return "" if self.version.upper() == "UNKNOWN" else self.version


class IlbVmRow(SystemVmRow):
    """An ILB VM."""

    guestipaddress: str = ""

    def value(self) -> IlbVm:
        """Return the machine."""
        return IlbVm(
            id=self.id,
            name=self.name,
            state=VmState.of(self.state),
            vip=self.guestipaddress,
            tier_id=self.guestnetworkid,
            tier_name=self.guestnetworkname,
            vpc_id=self.vpcid,
            vpc_name=self.vpcname,
            zone_id=self.zoneid,
            zone_name=self.zonename,
            version=self.reported_version,
            template_id=self.templateid,
            template_name=self.templatename,
            offering_id=self.serviceofferingid,
            offering_name=self.serviceofferingname,
            host_id=self.hostid,
            host_name=self.hostname,
            requires_upgrade=self.requiresupgrade,
            health_checks_failed=self.healthchecksfailed,
        )


class PortRow(Answer):
    """`ApplicationLoadBalancerRuleResponse`."""

    sourceport: int
    instanceport: int
    state: str = ""


class MemberRow(Answer):
    """`ApplicationLoadBalancerInstanceResponse`; its `state` is never filled."""

    id: str
    name: str = ""
    ipaddress: str = ""


class TagRow(Answer):
    """`ResourceTagResponse`."""

    key: str
    value: str = ""


class RuleRow(Answer):
    """`ApplicationLoadBalancerResponse`: a list of ports that always has exactly one."""

    id: str
    name: str = ""
    networkid: str
    sourceipaddress: str
    algorithm: str = ""
    loadbalancerrule: tuple[PortRow, ...] = Field(min_length=1, max_length=1)
    loadbalancerinstance: tuple[MemberRow, ...] = ()
    tags: tuple[TagRow, ...] = ()

    def value(self) -> LbRule:
        """Return the rule, its members in one order however CloudStack lists them."""
        [port] = self.loadbalancerrule
        return LbRule(
            id=self.id,
            name=self.name,
            tier_id=self.networkid,
            vip=self.sourceipaddress,
            source_port=port.sourceport,
            member_port=port.instanceport,
            algorithm=self.algorithm,
            state=port.state,
            members=tuple(
                sorted(Member(m.id, m.name, m.ipaddress) for m in self.loadbalancerinstance)
            ),
            tags=tuple(sorted((tag.key, tag.value) for tag in self.tags)),
        )


class ProviderNameRow(Answer):
    """`ProviderResponse` of a service."""

    name: str


class ProvidedServiceRow(Answer):
    """`ServiceResponse`: a service of a network and who provides it."""

    name: str
    provider: tuple[ProviderNameRow, ...] = ()


class NetworkRow(Answer):
    """`NetworkResponse`; a VPC tier is a network with a VPC."""

    id: str
    name: str
    state: str
    cidr: str = ""
    vpcid: str = ""
    vpcname: str = ""
    zoneid: str = ""
    zonename: str = ""
    gateway: str = ""
    networkofferingid: str = ""
    networkofferingname: str = ""
    aclid: str = ""
    aclname: str = ""
    physicalnetworkid: str = ""
    service: tuple[ProvidedServiceRow, ...] = ()

    def value(self) -> Tier:
        """Return the tier."""
        lb = (one.name for own in self.service if own.name == "Lb" for one in own.provider)
        return Tier(
            id=self.id,
            name=self.name,
            state=self.state,
            cidr=self.cidr,
            vpc_id=self.vpcid,
            vpc_name=self.vpcname,
            zone_id=self.zoneid,
            zone_name=self.zonename,
            gateway=self.gateway,
            offering_id=self.networkofferingid,
            offering_name=self.networkofferingname,
            acl_id=self.aclid,
            acl_name=self.aclname,
            physical_network_id=self.physicalnetworkid,
            lb_provider=next(lb, ""),
        )


class TemplateRow(Answer):
    """`TemplateResponse`: one row for each zone that has the template."""

    id: str
    name: str
    isready: bool = False
    templatetype: str = ""

    def value(self) -> Template:
        """Return the template as one zone has it."""
        return Template(id=self.id, name=self.name, is_ready=self.isready)


class EventRow(Answer):
    """`EventResponse`."""

    id: str
    type: str
    created: datetime
    state: str = ""
    level: str = ""
    description: str = ""
    account: str = ""
    username: str = ""
    resourceid: str = ""

    def value(self) -> CloudEvent:
        """Return the event."""
        return CloudEvent(
            id=self.id,
            type=self.type,
            state=self.state,
            level=self.level,
            description=self.description,
            account=self.account,
            username=self.username,
            created=self.created,
            resource_id=self.resourceid,
        )


class SettingRow(Answer):
    """`ConfigurationResponse`; a setting that is empty has no `value`."""

    name: str
    value: str | None = None


class PendingJobRow(Answer):
    """`AsyncJobResponse` as `listAsyncJobs` gives it; `cmd` is the name of a Java class."""

    jobid: str
    cmd: str
    created: datetime
    jobinstanceid: str = ""

    def value(self) -> PendingJob:
        """Return the job, its command without the package: `StopInternalLBVMCmd`."""
        return PendingJob(
            id=self.jobid,
            command=self.cmd.rpartition(".")[2],
            created=self.created,
            instance_id=self.jobinstanceid,
        )


_STATUSES = (JobStatus.PENDING, JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED)


class JobRow(Answer):
    """`AsyncJobResponse` as `queryAsyncJobResult` gives it."""

    jobid: str
    jobstatus: int = Field(ge=0, lt=len(_STATUSES))
    jobresultcode: int = 0
    jobresult: Any = None

    def value(self) -> Job:
        """Return the job; a success that says `success: false` counts as a failure."""
        status = _STATUSES[self.jobstatus]
        result = self.jobresult if isinstance(self.jobresult, dict) else {}
        if status is JobStatus.SUCCEEDED and result.get("success") is False:
            status = JobStatus.FAILED
        if status is not JobStatus.FAILED:
            return Job(self.jobid, status)
        text = result.get("errortext") or result.get("displaytext") or result.get("details")
        return Job(
            self.jobid,
            status,
            error_code=self.jobresultcode,
            error_text="" if self.jobresult is None else attributed(str(text or "")),
            was_interrupted=self.jobresult is None,
        )
