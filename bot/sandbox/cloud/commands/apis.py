"""Answer listApis: which commands the caller may use here, and which of them are jobs."""

from __future__ import annotations

from collections.abc import Collection

from bot.sandbox.cloud.coverage import COVERAGE
from bot.sandbox.cloud.frame import ApiError, Body
from bot.sandbox.cloud.request import Request

SYNCHRONOUS_CHANGES = {
    "changeServiceForRouter",
    "changeServiceForSystemVm",
    "createNetwork",
    "createNetworkOffering",
    "createServiceOffering",
    "createWebhook",
    "resetConfiguration",
    "updateConfiguration",
    "updateNetworkOffering",
    "upgradeRouterTemplate",
}
JOBS_THAT_READ = {"getDiagnosticsData"}


def list_apis(request: Request, known: Collection[str]) -> Body:
    """List what the sandbox answers and the caller's role may use (`ApiDiscoveryServiceImpl`)."""
    name = request.text("name")
    if name is not None and name not in known:
        raise ApiError(
            530, "Api Discovery plugin was unable to find an api by that name or process any apis"
        )
    names = sorted(known) if name is None else [name]
    return request.page("api", names, _api)


def _api(name: str) -> Body:
    reads = name.startswith(("list", "query", "get", "find")) and name not in JOBS_THAT_READ
    return {
        "name": name,
        "description": f"See {COVERAGE[name].java}",
        "isasync": not reads and name not in SYNCHRONOUS_CHANGES,
        "related": "",
        "params": [],
        "response": [],
    }
