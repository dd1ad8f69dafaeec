"""Answer how busy system VMs were: what StatsCollector kept, as MetricsServiceImpl shows it."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.sandbox.cloud.frame import ApiError, Body, date
from bot.sandbox.cloud.model import Kind, Machine
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.state import CloudState

INTERVAL, USERS_ONLY = "vm.stats.interval", "vm.stats.user.vm.only"
KEPT_S = 1800.0
"""How far back samples go here; upstream `vm.stats.max.retention.time` keeps 12 hours."""
SAMPLE = {
    "diskioread": 0,
    "diskiowrite": 0,
    "diskiopstotal": 0,
    "diskkbsread": 0,
    "diskkbswrite": 0,
    "memoryintfreekbs": -1,
    "memorykbs": 0,
    "memorytargetkbs": 0,
    "networkkbsread": 32768,
    "networkkbswrite": 16384,
    "networkread": "32.00 MiB",
    "networkwrite": "16.00 MiB",
}


def usage_history(request: Request) -> Body:
    """Show CPU samples of routers and ILB VMs, one each interval, none where none are taken."""
    wanted, name = request.entity("id", Machine), request.text("name")
    listed = request.entities("ids", Machine)
    found = [
        machine
        for machine in request.state.all(Machine)
        if machine.kind is not Kind.USER
        and wanted in (None, machine)
        and (not listed or machine in listed)
        and name in (None, machine.name)
        and machine.state == "Running"
    ]
    since, until = _moment(request, "startdate"), _moment(request, "enddate")
    if since is not None and until is not None and since > until:
        raise ApiError(431, "startDate cannot be after endDate.", cserrorcode=4350)
    moments = [
        moment
        for moment in _moments(request.state)
        if (since is None or moment >= since) and (until is None or moment <= until)
    ]
    return request.page("virtualmachine", found, lambda one: _usage(one, moments))


def _moment(request: Request, name: str) -> float | None:
    """Read a date as ParamProcessWorker does, on a server whose zone is UTC."""
    text = request.text(name)
    if text is None:
        return None
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    raise ApiError(431, f"Unable to parse date {text} for parameter {name}", cserrorcode=9999)


def _moments(state: CloudState) -> list[float]:
    """Return when samples were taken: at the same seconds, whoever asks and how often."""
    interval_s = int(state.setting(INTERVAL) or 0) / 1000
    if interval_s <= 0 or state.setting(USERS_ONLY) == "true":
        return []
    newest = state.at // interval_s * interval_s
    return [newest - interval_s * age for age in range(int(KEPT_S // interval_s), -1, -1)]


def _usage(machine: Machine, moments: list[float]) -> Body:
    stats = [
        {"timestamp": date(moment), "cpuused": f"{_percent_at(machine, moment):g}%"} | SAMPLE
        for moment in moments
    ]
    return {"id": machine.id, "name": machine.name, "stats": stats}


def _percent_at(machine: Machine, moment: float) -> float:
    """Return how busy it was then: each change remembers what was before it."""
    before = (percent for changed_at, percent in machine.loads if changed_at > moment)
    return next(before, machine.cpu_percent)
