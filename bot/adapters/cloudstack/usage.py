"""Turns the read of how busy system VMs were into CloudStack commands."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.adapters.cloudstack.answers import Answer
from bot.adapters.cloudstack.calls import PARAM_ERROR, Calls, given
from bot.adapters.cloudstack.client import Call, Client
from bot.adapters.cloudstack.failures import ApiRefused
from bot.domain.load import CpuSample, percent_of

_PER_PAGE = 50
"""A row has all samples that were asked for, one a minute, up to twelve hours of them."""


class StatsRow(Answer):
    """`StatsResponse`, of which the CPU is read."""

    timestamp: datetime | None = None
    cpuused: str = ""


class UsageRow(Answer):
    """`VmMetricsStatsResponse`."""

    id: str
    name: str
    stats: tuple[StatsRow, ...] = ()

    def values(self, since: float) -> list[CpuSample]:
        """Return the samples from then on; one without a time or a number is none."""
        found = []
        for one in self.stats:
            at = one.timestamp.timestamp() if one.timestamp else 0.0
            percent = percent_of(one.cpuused)
            if at >= since and percent is not None:
                found.append(CpuSample(self.id, self.name, "", at, percent))
        return found


class UsageCalls(Calls):
    """The part of the `Cloud` port that is about how busy machines were."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._may_say_since = True

    async def cpu_samples(self, *, since: float, vm_id: str = "") -> tuple[CpuSample, ...]:
        """Return samples; what the server's own filter lets through is looked at again here.

        A date has no zone there: the server takes it for its own local time, and older versions
        read the day alone (`ParamProcessWorker`). So it shortens the answer where the server's
        zone is UTC or east of it. West of it the newest samples would be left out: there it is
        asked once more without a date, and never with one again.
        """
        if self._may_say_since and (found := await self._samples(since, vm_id, says_since=True)):
            return found
        found = await self._samples(since, vm_id, says_since=False)
        if found and not vm_id:
            self._may_say_since = False
        return found

    async def _samples(
        self, since: float, vm_id: str, *, says_since: bool
    ) -> tuple[CpuSample, ...]:
        what = f"read how busy {self._named(vm_id) if vm_id else 'the system VMs'} were"
        begin = datetime.fromtimestamp(int(since), UTC).strftime("%Y-%m-%d %H:%M:%S")
        params = given(id=vm_id, startdate=begin if says_since else "")
        call = Call(what, "listSystemVmsUsageHistory", params, _PER_PAGE)
        try:
            rows = await self._client.rows(call, UsageRow)
        except ApiRefused as refused:
            if vm_id and refused.code == PARAM_ERROR:
                return ()  # an id that CloudStack does not know (any more)
            raise
        found = {(one.target_id, one.at): one for row in rows for one in row.values(since)}
        return tuple(sorted(found.values(), key=lambda one: one.at))
