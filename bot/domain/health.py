"""What CloudStack's health checks of routers and ILB VMs say, and which of it means nothing.

The checks run in the guest and are collected every few minutes (setting
`router.health.checks.results.fetch.interval`); nothing here makes them run afresh.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

CONNECTIVITY = "connectivity.test"
GATEWAYS = "gateways_check.py"
CPU_CHECK = "cpu_usage_check.py"
OF_TENANTS_VMS = frozenset({"dhcp_check.py", "dns_check.py"})
"""They compare with the VMs of the networks: an ILB VM serves neither, and where there is no VM
they have nothing to find (apache/cloudstack#10088, #12643)."""


class CheckStatus(StrEnum):
    """`RouterHealthStatus` of CloudStack 4.22; older versions only tell success."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    WARNING = "WARNING"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def of(cls, status: str, *, success: bool | None) -> CheckStatus:
        """Return what a row says: its `status`, or where there is none its `success`."""
        if status:
            return cls(status) if status in cls._value2member_map_ else cls.UNKNOWN
        if success is None:
            return cls.UNKNOWN
        return cls.SUCCESS if success else cls.FAILED


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check as last collected from one machine; `updated` is None where it is not told."""

    machine_id: str
    name: str
    kind: str
    status: CheckStatus
    details: str = ""
    updated: datetime | None = None

    def is_since(self, moment: datetime | None) -> bool:
        """Whether it may tell of what is after that moment; what has no time may."""
        return moment is None or self.updated is None or self.updated >= moment


def failing(
    checks: Iterable[CheckResult], *, is_backup: bool = False, is_empty: bool = False
) -> tuple[CheckResult, ...]:
    """Return what is said to fail and means it, by name.

    A backup has no gateway to reach (apache/cloudstack#4163). `is_empty` is a VPC or network
    without a tenant's VM that runs.
    """
    known_false = {GATEWAYS} if is_backup else set()
    if is_empty:
        known_false |= OF_TENANTS_VMS
    found = (
        one for one in checks if one.status is CheckStatus.FAILED and one.name not in known_false
    )
    return tuple(sorted(found, key=lambda one: one.name))


def failing_of_ilb(checks: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    """Return what fails on an ILB VM and means it: it runs no DHCP and no DNS service."""
    return tuple(one for one in failing(checks) if one.name not in OF_TENANTS_VMS)
