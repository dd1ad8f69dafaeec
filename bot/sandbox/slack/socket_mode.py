"""Turn payloads into Socket Mode envelopes on an app's WebSockets, and acks into outcomes.

https://docs.slack.dev/apis/events-api/using-socket-mode/
"""

import asyncio
import json
import secrets
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from .faults import Kind
from .messages import Json
from .workspace import Workspace

MAX_CONNECTIONS = 10
_CONNECTION_LIFE_S = 18_060
_REMEMBERED_ENVELOPES = 10_000

BuildPayload = Callable[[str], Json]


class Status(StrEnum):
    ACKED = "acked"
    NO_ACK = "operation_timeout"
    NOBODY_CONNECTED = "dispatch_failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one payload; `response` is the payload that came with the ack."""

    status: Status
    response: Json | None = None


@dataclass(frozen=True, slots=True)
class Parcel:
    """A payload on its way: `build` makes it for the base URL the app reaches us by."""

    kind: str
    build: BuildPayload
    accepts_response: bool = False
    retry_attempt: int = 0
    retry_reason: str = ""


@dataclass(eq=False, slots=True)
class Connection:
    """One open WebSocket; `is_leaving` once it was told to disconnect."""

    websocket: WebSocket
    base_url: str
    is_leaving: bool = False
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, frame: Json) -> bool:
        """Send a frame; False when the other side is gone."""
        if self.websocket.application_state is not WebSocketState.CONNECTED:
            return False
        try:
            await self.websocket.send_text(json.dumps(frame))
        except (WebSocketDisconnect, RuntimeError):
            return False
        return True

    async def close(self, code: int = 1000) -> None:
        if self.websocket.application_state is WebSocketState.CONNECTED:
            try:
                await self.websocket.close(code)
            except (WebSocketDisconnect, RuntimeError):
                return


class SocketMode:
    """All connections of the app, the tickets for new ones, and the envelopes without an ack."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._counters = workspace.counters
        self._tickets: set[str] = set()
        self._connections: list[Connection] = []
        self._turn = 0
        self._waiting: dict[str, asyncio.Future[Json | None]] = {}
        self._settled: dict[str, str] = {}

    @property
    def connections(self) -> int:
        return len(self._connections)

    def issue_ticket(self) -> str:
        """Make the secret of a WebSocket URL, good for one connection."""
        ticket = secrets.token_urlsafe(24)
        self._tickets.add(ticket)
        return ticket

    async def serve(self, websocket: WebSocket) -> None:
        """Hold one WebSocket from its handshake to its end (the ASGI endpoint)."""
        ticket = websocket.query_params.get("ticket", "")
        is_refused = self._workspace.faults.take(Kind.REFUSE_HANDSHAKE) is not None
        if is_refused or ticket not in self._tickets:
            self._counters.add("sockets.refused")
            await websocket.close()
            return
        self._tickets.discard(ticket)
        await websocket.accept()
        connection = Connection(websocket, str(websocket.base_url).replace("ws", "http", 1))
        if len(self._connections) >= MAX_CONNECTIONS:
            await connection.send(self._disconnect_frame("too_many_websockets"))
            await connection.close()
            return
        await self._hold(connection)

    async def _hold(self, connection: Connection) -> None:
        self._connections.append(connection)
        self._counters.add("sockets.opened")
        self._announce()
        try:
            await connection.send(self._hello_frame())
            while True:
                self._receive(await connection.websocket.receive_text())
        except (WebSocketDisconnect, RuntimeError):
            self._counters.add("sockets.closed")
        finally:
            self._connections.remove(connection)
            connection.closed.set()
            self._announce()

    async def deliver(self, parcel: Parcel) -> Delivery:
        """Send a payload to any one connection and wait for its ack, which any may carry."""
        envelope_id = str(uuid.uuid4())
        answer: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = answer
        try:
            if not await self._send(envelope_id, parcel):
                self._counters.add("envelopes.undeliverable")
                return Delivery(Status.NOBODY_CONNECTED)
            if self._workspace.faults.take(Kind.DUPLICATE_ENVELOPE):
                self._counters.add("envelopes.duplicated")
                await self._send(envelope_id, parcel)
            response = await asyncio.wait_for(answer, self._workspace.timings.ack_s)
        except TimeoutError:
            self._counters.add("acks.missing")
            self._settle(envelope_id, "late")
            return Delivery(Status.NO_ACK)
        finally:
            self._waiting.pop(envelope_id, None)
        self._settle(envelope_id, "repeated")
        return Delivery(Status.ACKED, response if parcel.accepts_response else None)

    async def disconnect(self, reason: str, *, warn: bool = False) -> None:
        """Ask every connection to go, as Slack does before it closes it.

        With `warn`, a first `disconnect` frame of reason `warning` comes some seconds earlier.
        """
        leaving = list(self._connections)
        if warn:
            for connection in leaving:
                await connection.send(self._disconnect_frame("warning"))
            await self._gone_within(leaving, self._workspace.timings.refresh_warning_s)
        for connection in leaving:
            connection.is_leaving = True
            await connection.send(self._disconnect_frame(reason))
        await self._gone_within(leaving, self._workspace.timings.refresh_warning_s)
        for connection in leaving:
            await connection.close()

    async def cut(self) -> None:
        """Close every connection without a word, as a broken network path does."""
        for connection in list(self._connections):
            await connection.close(code=1011)

    @staticmethod
    async def _gone_within(leaving: list[Connection], seconds: float) -> None:
        waits = [asyncio.create_task(connection.closed.wait()) for connection in leaving]
        if not waits:
            return
        _, still = await asyncio.wait(waits, timeout=seconds)
        for wait in still:
            wait.cancel()

    async def _send(self, envelope_id: str, parcel: Parcel) -> bool:
        for connection in self._candidates():
            frame: Json = {
                "envelope_id": envelope_id,
                "type": parcel.kind,
                "payload": parcel.build(connection.base_url),
                "accepts_response_payload": parcel.accepts_response,
            }
            if parcel.kind == "events_api":
                frame |= {
                    "retry_attempt": parcel.retry_attempt,
                    "retry_reason": parcel.retry_reason,
                }
            if self._workspace.faults.take(Kind.LOSE_ENVELOPE):
                return True
            if await connection.send(frame):
                self._counters.add(f"envelopes.{parcel.kind}")
                return True
        return False

    def _candidates(self) -> Iterator[Connection]:
        """Take turns, those that were asked to leave last."""
        self._turn += 1
        start = self._turn % max(1, len(self._connections))
        turn = self._connections[start:] + self._connections[:start]
        return iter(sorted(turn, key=lambda connection: connection.is_leaving))

    def _receive(self, text: str) -> None:
        frame = _parsed(text)
        envelope_id = frame.get("envelope_id")
        if not isinstance(envelope_id, str):
            self._counters.add("frames.unreadable")
            return
        if self._workspace.faults.take(Kind.DROP_ACK):
            self._counters.add("acks.dropped")
            return
        answer = self._waiting.get(envelope_id)
        if answer is None or answer.done():
            self._counters.add(f"acks.{self._settled.get(envelope_id, 'repeated')}")
            return
        payload = frame.get("payload")
        answer.set_result(payload if isinstance(payload, dict) else None)
        self._counters.add("acks.in_time")

    def _settle(self, envelope_id: str, next_ack_is: str) -> None:
        self._settled[envelope_id] = next_ack_is
        if len(self._settled) > _REMEMBERED_ENVELOPES:
            del self._settled[next(iter(self._settled))]

    def _announce(self) -> None:
        self._workspace.feed.publish("sockets", {"connections": len(self._connections)})

    def _hello_frame(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self._connections),
            "debug_info": {
                "host": "applink-sandbox",
                "build_number": 1,
                "approximate_connection_time": _CONNECTION_LIFE_S,
            },
            "connection_info": {"app_id": self._workspace.app.id},
        }

    @staticmethod
    def _disconnect_frame(reason: str) -> Json:
        frame_host = {"host": "applink-sandbox"}
        return {"type": "disconnect", "reason": reason, "debug_info": frame_host}


def _parsed(text: str) -> Json:
    try:
        frame = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return frame if isinstance(frame, dict) else {}
