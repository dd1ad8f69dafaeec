"""Turns what CloudStack answers about health checks into values of ours.

Fields are those of `RouterHealthCheckResultResponse`, read as in
`bot.adapters.cloudstack.answers`.
"""

from __future__ import annotations

from datetime import datetime

from bot.adapters.cloudstack.answers import Answer
from bot.adapters.cloudstack.foreign import cleaned
from bot.domain.health import CheckResult, CheckStatus


class CheckRow(Answer):
    """One result; `status` came with 4.22, older versions tell `success` alone."""

    checkname: str
    checktype: str = ""
    success: bool | None = None
    status: str = ""
    lastupdated: datetime | None = None
    details: str = ""


class CheckedRow(Answer):
    """A router or an ILB VM with its results."""

    id: str
    healthcheckresults: tuple[CheckRow, ...] = ()

    def values(self) -> tuple[CheckResult, ...]:
        """Return the results; what a guest says of itself is cleaned."""
        return tuple(
            CheckResult(
                machine_id=self.id,
                name=row.checkname,
                kind=row.checktype,
                status=CheckStatus.of(row.status, success=row.success),
                details=cleaned(row.details),
                updated=row.lastupdated,
            )
            for row in self.healthcheckresults
        )
