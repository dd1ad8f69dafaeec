"""Turns the state of the bot's parts into health checks and metrics over HTTP.

None of these needs a login, so nothing in them is secret: names of parts, whether they work, why
not. What does need one brings its own routes.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.errors import Refused

Parts = Callable[[], Mapping[str, tuple[bool, str]]]
"""Each part by name: whether it works, and why or why not in a sentence."""

Numbers = Callable[[], Awaitable[list[Metric]]]
"""What is read anew at each scrape."""

_FRESH = {"Cache-Control": "no-store"}


def listener(host: str, port: int) -> socket.socket:
    """Take the port before anything is served: a server that cannot ends the whole process."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as exc:
        raise Refused(
            f"HTTP cannot be served on {host} port {port}: {exc.strerror}.",
            instead="Set http.host and http.port to what is free here, or http.port to 0.",
        ) from exc


def create_app(
    parts: Parts,
    numbers: Numbers,
    registry: CollectorRegistry = REGISTRY,
    more: Sequence[Route] = (),
) -> Starlette:
    """Return the app with `/health/live`, `/health/ready` and `/metrics`, and more routes.

    Live means that the event loop answers. Ready means that every part works, and that there is
    one: a bot that has not started anything yet is not ready.
    """

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
        read = CollectorRegistry()
        read.register(_Read([_of_parts(parts()), *await numbers()]))
        content = generate_latest(registry) + generate_latest(read)
        return Response(content, media_type=CONTENT_TYPE_LATEST, headers=_FRESH)

    return Starlette(
        routes=[
            Route("/health/live", live),
            Route("/health/ready", ready),
            Route("/metrics", metrics),
            *more,
        ]
    )


def _of_parts(parts: Mapping[str, tuple[bool, str]]) -> Metric:
    gauge = GaugeMetricFamily("ilbot_part_ready", "1 while the part works.", labels=["part"])
    for name, (works, _) in parts.items():
        gauge.add_metric([name], float(works))
    return gauge


class _Read(Collector):
    """Metrics of this one scrape: no gauge can be older than it."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics
