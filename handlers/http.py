"""Turns the state of the bot's parts into health checks and metrics over HTTP.

Nothing here needs a login, so nothing here is secret: names of parts, whether they work, why not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Parts = Callable[[], Mapping[str, tuple[bool, str]]]
"""Each part by name: whether it works, and why or why not in a sentence."""

_FRESH = {"Cache-Control": "no-store"}


def create_app(parts: Parts, registry: CollectorRegistry = REGISTRY) -> Starlette:
    """Return the app with `/health/live`, `/health/ready` and `/metrics`.

    Live means that the event loop answers. Ready means that every part works, and that there is
    one: a bot that has not started anything yet is not ready.
    """
    of_parts = CollectorRegistry()
    of_parts.register(_PartsCollector(parts))

    async def live(_: Request) -> Response:
        return JSONResponse({"live": True}, headers=_FRESH)

    async def ready(_: Request) -> Response:
        found = parts()
        all_work = bool(found) and all(works for works, _ in found.values())
        told = {name: {"ready": works, "reason": why} for name, (works, why) in found.items()}
        return JSONResponse(
            {"ready": all_work, "parts": told},
            status_code=200 if all_work else 503,
            headers=_FRESH,
        )

    async def metrics(_: Request) -> Response:
        content = generate_latest(registry) + generate_latest(of_parts)
        return Response(content, media_type=CONTENT_TYPE_LATEST, headers=_FRESH)

    return Starlette(
        routes=[
            Route("/health/live", live),
            Route("/health/ready", ready),
            Route("/metrics", metrics),
        ]
    )


class _PartsCollector(Collector):
    """Asks the parts at each scrape, so that no gauge can be older than the scrape."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def collect(self) -> Iterable[GaugeMetricFamily]:
        gauge = GaugeMetricFamily("ilbot_part_ready", "1 while the part works.", labels=["part"])
        for name, (works, _) in self._parts().items():
            gauge.add_metric([name], float(works))
        return [gauge]
