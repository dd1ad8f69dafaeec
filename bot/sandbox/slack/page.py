"""Turn the workspace into the web page of the pretend Slack, and its changes into live events."""

import json
from collections.abc import AsyncIterator
from importlib import resources

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from . import views
from .feed import Change
from .messages import Json
from .workspace import Workspace

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_HEARTBEAT_S = 15.0

# The page runs its own script and shows its own style: nothing else, from nowhere else.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Page:
    """Serve the page, its assets, its events, and the permalinks that lead into it."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._assets = resources.files(__package__) / "assets"

    def routes(self) -> list[Route]:
        return [
            Route("/", self.index),
            Route("/page/events", self.events),
            Route("/page/{name}", self.asset),
            Route("/archives/{channel}/p{digits:int}", self.permalink),
        ]

    async def index(self, _: Request) -> Response:
        return self._file("index.html")

    async def asset(self, request: Request) -> Response:
        return self._file(request.path_params["name"])

    async def permalink(self, request: Request) -> Response:
        digits = str(request.path_params["digits"])
        ts = f"{digits[:-6]}.{digits[-6:]}"
        return RedirectResponse(f"/#{request.path_params['channel']}/{ts}", headers=HEADERS)

    async def events(self, request: Request) -> Response:
        """Follow the workspace as one person, from a position on (server-sent events)."""
        person = self._workspace.person(request.query_params.get("as", ""))
        if person is None:
            return Response("no such person", status_code=404)
        after = request.headers.get("last-event-id") or request.query_params.get("after", "")
        stream = self._follow(person.id, self._workspace.feed.number_at(after))
        return StreamingResponse(stream, media_type="text/event-stream", headers=HEADERS)

    async def _follow(self, person: str, number: int | None) -> AsyncIterator[str]:
        feed = self._workspace.feed
        yield "retry: 500\n\n"
        while number is not None and feed.remembers_all_since(number):
            for change in feed.since(number):
                number = change.number
                if change.visible_to in (None, person):
                    yield _event(feed.position(number), self._shown(change, person))
            if feed.last == number and not await feed.news(_HEARTBEAT_S):
                yield ": still here\n\n"
        yield _event(feed.position(feed.last), {"kind": "reload"})

    def _shown(self, change: Change, person: str) -> Json:
        if change.kind == "modal":
            return {"kind": "modal", "modal": views.modal(self._workspace, person)}
        if change.kind != "message":
            return {"kind": change.kind, **change.body}
        message = self._workspace.timeline.get(change.body["channel"], change.body["ts"])
        channel = self._workspace.channels[change.body["channel"]]
        if message is None or person not in channel.members:
            return {"kind": "nothing"}
        return {"kind": "message", "message": views.message(self._workspace, message)}

    def _file(self, name: str) -> Response:
        asset = self._assets / name
        media_type = _TYPES.get(name.rpartition(".")[2])
        if media_type is None or not asset.is_file():
            return Response("not found", status_code=404)
        return Response(asset.read_bytes(), media_type=media_type, headers=HEADERS)


def _event(position: str, body: Json) -> str:
    return f"id: {position}\ndata: {json.dumps(body)}\n\n"
