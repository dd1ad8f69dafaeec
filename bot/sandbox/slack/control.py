"""Turn scripts' requests under /control/ into what people do, and into faults and waits.

A page, a demo and a test act through the same door. Bodies are JSON and must say so in their
content type, so that a form of another site cannot act here. Answers are `{"ok": true, …}`, or
`ok: false` with an `error` in words.

    POST say          as, channel, text, thread_ts?, wait?      a leading slash is a command
    POST click        as, label | action_id, ts?, channel?, value?, option?, wait?
    POST submit       as, values {block or action id: text, or values of options}, wait?
    POST dismiss      as, wait?
    POST wait         as?, channel?, thread_ts?, ts?, from?, contains?, lacks?, matches?, button?,
                      without_button?, is_ephemeral?, after?, timeout_s?
    POST wait-modal   as, contains?, timeout_s?
    POST faults       kind, method?, count?, error?, seconds?
    POST faults/clear
    POST disconnect   reason: cut | warning | refresh_requested | link_disabled
    POST rate-limits  scale: 0 is off, 1 is Slack's
    GET  state?as=  messages?as=&channel=&thread_ts=  modal?as=  faults  counters

People and channels are named by name or id.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import views
from .faults import Fault, Kind
from .gestures import Gestures, NotPossible, find_gone_press, find_press
from .messages import Json, Message
from .payloads import Place, Press
from .seed import Channel, Person
from .socket_mode import Delivery, SocketMode
from .wanted import Wanted
from .workspace import Workspace

MAX_WAIT_S = 120.0


class BadRequest(Exception):
    """The script asked for something that is not there; the text says what."""


class Control:
    """Serve the control routes."""

    def __init__(self, workspace: Workspace, sockets: SocketMode, gestures: Gestures) -> None:
        self._workspace = workspace
        self._sockets = sockets
        self._gestures = gestures
        self._tasks: set[asyncio.Task[Any]] = set()

    def routes(self) -> list[Route]:
        def post(path: str, act: Callable[[Json], Awaitable[Json]]) -> Route:
            return Route(f"/control/{path}", _endpoint(act), methods=["POST"])

        def get(path: str, show: Callable[[Mapping[str, str]], Json]) -> Route:
            return Route(f"/control/{path}", _view(show), methods=["GET"])

        return [
            post("say", self.say),
            post("click", self.click),
            post("submit", self.submit),
            post("dismiss", self.dismiss),
            post("wait", self.wait),
            post("wait-modal", self.wait_modal),
            post("faults", self.arm),
            post("faults/clear", self.clear_faults),
            post("disconnect", self.disconnect),
            post("rate-limits", self.rate_limits),
            get("state", self.state),
            get("messages", self.messages),
            get("modal", self.modal),
            get("faults", self.faults),
            get("counters", self.counters),
        ]

    async def say(self, body: Json) -> Json:
        """Say or command as a person; a text that begins with a slash is a command."""
        place, text = self._place(body), _text(body, "text")
        if not text.strip():
            raise BadRequest("text is empty")
        if not text.startswith("/"):
            number = self._workspace.feed.last
            message = self._gestures.say(place, text)
            return {"message": views.message(self._workspace, message), "number": number}
        return await self._delivered(body, self._gestures.command(place, text))

    async def click(self, body: Json) -> Json:
        """Press a button by action_id or label, of a message by ts or the newest that has it."""
        person = self._person(body)
        return await self._delivered(body, self._gestures.click(person, self._press(body, person)))

    async def submit(self, body: Json) -> Json:
        """Submit the modal that a person has open, with what they entered."""
        values = body.get("values") or {}
        if not isinstance(values, dict):
            raise BadRequest("values is an object")
        return await self._delivered(body, self._gestures.submit(self._person(body), values))

    async def dismiss(self, body: Json) -> Json:
        """Close the modal that a person has open."""
        return await self._delivered(body, self._gestures.dismiss(self._person(body)))

    async def wait(self, body: Json) -> Json:
        """Wait until a message fits; `ok: false, error: timeout` with what there was."""
        wanted = self._wanted(body)
        async for _ in self._looks(body):
            found = self._first(wanted)
            if found is not None:
                return {"message": found, "number": self._workspace.feed.last}
        said = [m["words"][:200] for m in views.messages(self._workspace, wanted.person)]
        return {"ok": False, "error": "timeout", "seen": said[-20:]}

    async def wait_modal(self, body: Json) -> Json:
        """Wait until a person has a modal open in which all `contains` are written."""
        person, wanted = self._person(body), _several(body.get("contains"))
        found: Json | None = None
        async for _ in self._looks(body):
            found = views.modal(self._workspace, person.id)
            if found and all(words in found["words"] for words in wanted):
                return {"modal": found}
        return {"ok": False, "error": "timeout", "seen": [found["words"]] if found else []}

    async def arm(self, body: Json) -> Json:
        """Arm `count` faults of a kind (see faults.Kind), for one method or all."""
        try:
            kind = Kind(_text(body, "kind"))
        except ValueError:
            raise BadRequest(f"kind is one of {', '.join(Kind)}") from None
        fault = Fault(
            kind,
            body.get("method"),
            str(body.get("error", "internal_error")),
            float(body.get("seconds", 1.0)),
        )
        self._workspace.faults.arm(fault, int(body.get("count", 1)))
        return self.faults({})

    async def clear_faults(self, _: Json) -> Json:
        self._workspace.faults.clear()
        return {}

    async def disconnect(self, body: Json) -> Json:
        """Break every connection: `cut` without a word, or ask first with Slack's `reason`."""
        reason = str(body.get("reason", "cut"))
        if reason == "cut":
            await self._sockets.cut()
        elif reason == "warning":
            self._in_background(self._sockets.disconnect("refresh_requested", warn=True))
        else:
            self._in_background(self._sockets.disconnect(reason))
        return {}

    async def rate_limits(self, body: Json) -> Json:
        """Scale every allowance; 0 switches rate limits off, 1 is Slack's own."""
        self._workspace.limits.scale = float(body.get("scale", 1.0))
        return {"scale": self._workspace.limits.scale}

    def state(self, query: Mapping[str, str]) -> Json:
        person = self._person(query).id if query.get("as") else None
        return views.state(self._workspace, person, self._sockets.connections)

    def messages(self, query: Mapping[str, str]) -> Json:
        person = self._person(query).id if query.get("as") else None
        channel = self._channel(query).id if query.get("channel") else None
        thread = query.get("thread_ts")
        return {
            "number": self._workspace.feed.last,
            "messages": [
                shown
                for shown in views.messages(self._workspace, person)
                if channel in (None, shown["channel"])
                and thread in (None, shown["ts"], shown.get("thread_ts"))
            ],
        }

    def modal(self, query: Mapping[str, str]) -> Json:
        return {"modal": views.modal(self._workspace, self._person(query).id)}

    def faults(self, _: Mapping[str, str]) -> Json:
        armed = self._workspace.faults.armed()
        return {"armed": [{"kind": f.kind.value, "method": f.method} for f in armed]}

    def counters(self, _: Mapping[str, str]) -> Json:
        counts = self._workspace.counters.snapshot()
        return {"connections": self._sockets.connections, "counters": counts}

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _looks(self, body: Json) -> AsyncIterator[None]:
        """Yield now and at each change, until `timeout_s` is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(float(body.get("timeout_s", 10)), MAX_WAIT_S)
        while True:
            yield
            if loop.time() >= deadline:
                return
            await self._workspace.feed.news(deadline - loop.time())

    async def _delivered(self, body: Json, work: Awaitable[Delivery]) -> Json:
        """Report what became of a payload, or with `"wait": false` leave it on its way.

        `number` is where the feed stood before: a wait `after` it sees only what follows.
        """
        number = self._workspace.feed.last
        if body.get("wait") is False:
            self._in_background(work)
            return {"delivery": "sent", "number": number}
        try:
            delivery = await work
        except NotPossible as no:
            return {"ok": False, "error": str(no)}
        return {"delivery": delivery.status.value, "number": number}

    def _in_background(self, work: Awaitable[Any]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _first(self, wanted: Wanted) -> Json | None:
        for message in self._workspace.timeline.visible(wanted.person):
            if not wanted.is_there(message):
                continue
            shown = views.message(self._workspace, message)
            if wanted.fits(shown):
                return shown
        return None

    def _wanted(self, body: Json) -> Wanted:
        try:
            pattern = re.compile(body["matches"], re.DOTALL) if body.get("matches") else None
        except re.error as wrong:
            raise BadRequest(f"matches: {wrong}") from None
        author = self._person(body, "from").id if body.get("from") else None
        return Wanted(
            person=self._person(body).id if body.get("as") else None,
            channel=self._channel(body).id if body.get("channel") else None,
            thread_ts=body.get("thread_ts"),
            ts=body.get("ts"),
            author=author,
            contains=_several(body.get("contains")),
            lacks=_several(body.get("lacks")),
            pattern=pattern,
            button=body.get("button"),
            without_button=body.get("without_button"),
            is_ephemeral=body.get("is_ephemeral"),
            after=int(body.get("after", 0)),
        )

    def _press(self, body: Json, person: Person) -> Press:
        """Find the button; naming the message by ts reaches buttons it no longer has."""
        find = find_gone_press if body.get("ts") else find_press
        action_id, label = body.get("action_id"), body.get("label")
        for message in self._clickable(body, person):
            press = find(message, action_id, label)
            if press is None and body.get("ts") and action_id:
                forged = {"action_id": action_id, "type": "button"}
                press = Press(message, str(body.get("block_id", "forged")), forged)
            if press is None:
                continue
            element = press.element | ({"value": body["value"]} if "value" in body else {})
            return Press(message, press.block_id, element, _option(element, body.get("option")))
        raise BadRequest(f"no such button: {label or action_id}")

    def _clickable(self, body: Json, person: Person) -> list[Message]:
        channel = self._channel(body).id if body.get("channel") else None
        ts = body.get("ts")
        seen = [
            message
            for message in self._workspace.timeline.visible(person.id)
            if channel in (None, message.channel) and ts in (None, message.ts)
        ]
        return sorted(seen, key=lambda message: float(message.ts), reverse=True)

    def _place(self, body: Json) -> Place:
        person, channel = self._person(body), self._channel(body)
        if person.id not in channel.members:
            raise BadRequest(f"{person.name} is not in this channel")
        return Place(person, channel, body.get("thread_ts"))

    def _person(self, body: Mapping[str, Any], key: str = "as") -> Person:
        person = self._workspace.person(_text(body, key))
        if person is None:
            raise BadRequest(f"no such person: {body[key]}")
        return person

    def _channel(self, body: Mapping[str, Any]) -> Channel:
        channel = self._workspace.channel(_text(body, "channel"))
        if channel is None:
            raise BadRequest(f"no such channel: {body['channel']}")
        return channel


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise BadRequest(f"{key} is missing")
    return value


def _several(value: str | list[str] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _option(element: Json, value: str | None) -> Json | None:
    """Find the option of a select that a person chose, by its value."""
    options = element.get("options") or []
    return next((option for option in options if option.get("value") == value), None)


def _endpoint(act: Callable[[Json], Awaitable[Json]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("application/json"):
            return _error("the content type must be application/json", 415)
        try:
            body = json.loads(await request.body() or b"{}")
            return JSONResponse({"ok": True} | await act(body))
        except (BadRequest, json.JSONDecodeError) as wrong:
            return _error(str(wrong), 400)

    return endpoint


def _view(show: Callable[[Mapping[str, str]], Json]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse({"ok": True} | show(request.query_params))
        except BadRequest as wrong:
            return _error(str(wrong), 400)

    return endpoint


def _error(text: str, status: int) -> Response:
    return JSONResponse({"ok": False, "error": text}, status_code=status)
