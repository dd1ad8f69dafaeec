"""Turn uploads into files that messages carry and the page shows.

https://docs.slack.dev/messaging/working-with-files/#uploading_files: ask for a URL, send the
bytes there, then complete, which shares. Here the bytes come raw, as slack_sdk sends them, not as
a multipart form.
"""

import mimetypes
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from .chat_methods import conversation, thread
from .faults import Kind
from .limits import TIER_4
from .messages import Content, Json
from .page import HEADERS
from .web_api import Call, Method, SlackError
from .workspace import Workspace

SCOPE = "files:write"
MAX_ALT_TEXT = 1000
MAX_BYTES = 10_000_000
"""A restriction of this workspace; Slack's own limit is 1 GB."""
KEPT = 200
"""So many files are remembered; older ones are not found any more."""
SHOWN = frozenset({"image/png", "image/jpeg", "image/gif"})
"""What is served as what it is; anything else is for keeping, so that no page of it runs here."""


@dataclass(slots=True)
class File:
    """One file; it has `content` once that was sent, and is shared once completed."""

    id: str
    name: str
    length: int
    alt_text: str
    created: float
    url: str
    title: str = ""
    content: bytes | None = field(default=None, repr=False)
    is_complete: bool = False

    @property
    def mimetype(self) -> str:
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    def shown(self, user: str) -> Json:
        """Show it as a message does: https://docs.slack.dev/reference/objects/file-object."""
        shown: Json = {
            "id": self.id,
            "created": round(self.created),
            "name": self.name,
            "title": self.title or self.name,
            "mimetype": self.mimetype,
            "filetype": self.name.rpartition(".")[2],
            "user": user,
            "size": self.length,
            "mode": "hosted",
            "is_external": False,
            "url_private": self.url,
        }
        return shown | ({"alt_txt": self.alt_text} if self.alt_text else {})


class Files:
    """Serve the methods, the upload and the download of files."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._files: OrderedDict[str, File] = OrderedDict()
        self._open: dict[str, File] = {}

    def methods(self) -> dict[str, Method]:
        return {
            "files.getUploadURLExternal": Method(self.upload_url, TIER_4, scope=SCOPE),
            "files.completeUploadExternal": Method(self.complete, TIER_4, scope=SCOPE),
        }

    def routes(self) -> list[Route]:
        return [
            Route("/upload/v1/{secret}", self.receive, methods=["POST"]),
            Route("/files-pri/{id}/{name}", self.download),
        ]

    def upload_url(self, call: Call) -> Json:
        """Promise a file: its id, and the URL that takes its bytes once."""
        name, length = call.required("filename"), call.number("length", 0)
        alt_text = call.text("alt_txt") or ""
        if length <= 0:
            raise SlackError("missing_argument")
        if length > MAX_BYTES:
            raise SlackError("file_upload_size_restricted")
        if len(alt_text) > MAX_ALT_TEXT:
            raise SlackError("alt_txt_too_large")
        number = f"F0{secrets.token_hex(5).upper()}"
        path = f"{self._workspace.seed.team_id}-{number}/{quote(name, safe='')}"
        url = f"{call.base_url}files-pri/{path}"
        file = File(number, name, length, alt_text, self._workspace.now(), url)
        self._files[file.id] = file
        while len(self._files) > KEPT:
            gone, _ = self._files.popitem(last=False)
            self._open = {key: one for key, one in self._open.items() if one.id != gone}
        secret = secrets.token_urlsafe(24)
        self._open[secret] = file
        return {"upload_url": f"{call.base_url}upload/v1/{secret}", "file_id": file.id}

    async def receive(self, request: Request) -> Response:
        """Take the bytes of a promised file."""
        self._workspace.counters.add("uploads")
        if fault := self._workspace.faults.take(Kind.FAIL_CALL, "upload"):
            status = fault.error.removeprefix("http_")
            return Response(status_code=int(status) if status.isdigit() else 500)
        file = self._open.get(request.path_params["secret"])
        if file is None:
            return PlainTextResponse("no such upload", status_code=404)
        content = await request.body()
        if len(content) != file.length:
            return PlainTextResponse("not as long as it was said to be", status_code=400)
        del self._open[request.path_params["secret"]]
        file.content = content
        return PlainTextResponse(f"OK - {len(content)}")

    def complete(self, call: Call) -> Json:
        """Finish uploads and share them, in one message, where a channel is named."""
        wanted = self._wanted(call)
        place = call.text("channel_id")
        if place is not None:
            channel = conversation(call, "channel_id")
            answered = thread(call, channel)
            for file, title in wanted:
                file.title, file.is_complete = title, True
            user = self._workspace.app.user.id
            shared = tuple(file.shown(user) for file, _ in wanted)
            text = call.text("initial_comment") or ""
            content = Content(text, files=shared)
            self._workspace.say_as_app(channel.id, content, thread_ts=answered)
        return {"files": [{"id": file.id, "title": title or file.name} for file, title in wanted]}

    def _wanted(self, call: Call) -> list[tuple[File, str]]:
        """Find what is to be completed: sent, and not completed before."""
        asked: Any = call.structure("files", "invalid_arguments")
        if not isinstance(asked, list) or not asked:
            raise SlackError("invalid_arguments", "[ERROR] missing required field: files")
        found = []
        for one in asked:
            file = self._files.get(str(one.get("id")) if isinstance(one, dict) else "")
            if file is None or file.content is None or file.is_complete:
                raise SlackError("file_not_found")
            found.append((file, str(one.get("title") or "")))
        return found

    async def download(self, request: Request) -> Response:
        """Serve a shared file to the page; whoever has the page open is signed in."""
        file = self._files.get(request.path_params["id"].rpartition("-")[2])
        if file is None or not file.is_complete or file.content is None:
            return Response("not found", status_code=404)
        is_shown = file.mimetype in SHOWN
        headers = HEADERS | ({} if is_shown else {"Content-Disposition": "attachment"})
        media_type = file.mimetype if is_shown else "application/octet-stream"
        return Response(file.content, media_type=media_type, headers=headers)
