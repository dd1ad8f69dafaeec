"""Answer what routers say about themselves: health checks and diagnostics.

Follows VirtualNetworkApplianceManagerImpl and DiagnosticsServiceImpl.
"""

from __future__ import annotations

from bot.sandbox.cloud.commands.submitting import Shown, event, submit_job
from bot.sandbox.cloud.frame import ApiError, Body, JobFailed
from bot.sandbox.cloud.machine_views import health_checks
from bot.sandbox.cloud.model import Kind, Machine
from bot.sandbox.cloud.processes import Work
from bot.sandbox.cloud.request import Request

FAILED = "Failed to get health check results due to: "
NO_RESULTS = (
    "No health check results found for the router. This could happen for a newly created router. "
    "Please wait for periodic results to populate or manually call for checks to execute."
)
NO_TYPE = (
    'Cannot invoke "org.apache.cloudstack.api.ApiCommandResourceType.toString()" because the '
    'return value of "org.apache.cloudstack.api.BaseAsyncCmd.getApiResourceType()" is null'
)
DIAGNOSTICS = ("ping", "ping6", "traceroute", "traceroute6", "arping")


def results(request: Request) -> Body:
    """Show a router's results; `performfreshchecks` finds what was stored. No ILB VM is asked."""
    state = request.state
    router = request.required_entity("routerid", Machine)
    if router.kind is not Kind.ROUTER:
        raise ApiError(431, "Can't find router by routerId", cserrorcode=4350)
    if state.setting("router.health.checks.enabled") != "true":
        text = f"Router health checks are not enabled for router {router.number}"
        raise ApiError(530, FAILED + text)
    if not router.checks:
        raise ApiError(530, FAILED + NO_RESULTS)
    shown = {"routerid": router.id, "healthchecks": health_checks(state, router)}
    return {"routerhealthchecks": shown}


def run_diagnostics(request: Request) -> Body:
    """Ping or trace from a router; every target answers. An ILB VM is no target (530)."""
    router = _target(request)
    address, kind = request.required("ipaddress"), request.required("type")

    def work() -> Work:
        yield request.state.latencies.rule_s
        if kind not in DIAGNOSTICS:
            raise JobFailed(530, f"{kind} Is not a valid diagnostics command type. ")
        told = f"{kind.upper()} {address} executed in {router.name}"
        return {"diagnostics": {"stdout": told, "stderr": "", "exitcode": "0"}}

    doing = "Executing commands for diagnostics"
    action = event("SYSTEM.VM.DIAGNOSTICS", router, "DomainRouter", doing)
    return submit_job(request, work(), action, SHOWN)


def get_diagnostics_data(request: Request) -> Body:
    router = _target(request)

    def work() -> Work:
        yield request.state.latencies.rule_s
        url = f"https://secondary-1.example/userdata/{router.id}.zip"
        return {"diagnostics": {"url": url}}

    doing = "Copying diagnostics files"
    action = event("SYSTEM.VM.DIAGNOSTICS", router, "DomainRouter", doing)
    return submit_job(request, work(), action, SHOWN)


SHOWN = Shown("DomainRouter", with_id=True)


def _target(request: Request) -> Machine:
    machine = request.required_entity("targetid", Machine)
    if machine.kind is not Kind.ROUTER:
        raise ApiError(530, NO_TYPE)
    return machine
