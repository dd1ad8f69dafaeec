"""Answer listApis: which commands this server has, and which of them are jobs."""

from __future__ import annotations

from bot.sandbox.cloud.coverage import COVERAGE
from bot.sandbox.cloud.frame import ApiError, Body
from bot.sandbox.cloud.request import Request
from bot.sandbox.cloud.versions import WEBHOOKS

WEBHOOK_APIS = {"createWebhook", "listWebhooks", "listWebhookDeliveries"}
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


def list_apis(request: Request) -> Body:
    """List what the sandbox answers, which is less than a CloudStack has."""
    name = request.text("name")
    known = {one for one in COVERAGE if one not in WEBHOOK_APIS or request.state.is_since(WEBHOOKS)}
    if name is not None and name not in known:
        raise ApiError(
            530, "Api Discovery plugin was unable to find an api by that name or process any apis"
        )
    names = sorted(known) if name is None else [name]
    return request.page("api", names, _api)


def _api(name: str) -> Body:
    reads = name.startswith(("list", "query", "get"))
    return {
        "name": name,
        "description": f"See {COVERAGE[name].java}",
        "isasync": not reads and name not in SYNCHRONOUS_CHANGES,
        "related": "",
        "params": [],
        "response": [],
    }
