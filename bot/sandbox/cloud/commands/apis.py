"""Answer listApis: which commands this server has, and which of them are jobs."""

from __future__ import annotations

from bot.sandbox.cloud.coverage import COVERAGE
from bot.sandbox.cloud.frame import ApiError, Body
from bot.sandbox.cloud.request import Request

SYNCHRONOUS_CHANGES = {"changeServiceForRouter", "updateConfiguration"}


def list_apis(request: Request) -> Body:
    """List what the sandbox answers, which is less than a CloudStack has."""
    name = request.text("name")
    if name is not None and name not in COVERAGE:
        raise ApiError(
            530, "Api Discovery plugin was unable to find an api by that name or process any apis"
        )
    names = sorted(COVERAGE) if name is None else [name]
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
