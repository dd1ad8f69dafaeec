"""Turns what Socket Mode delivers (commands, mentions, clicks, forms) into conversation.

What is asked for is stored before it is acknowledged, within Slack's three seconds. Where that
takes longer, the acknowledgement says so and the outcome follows: never silence.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import structlog
from pydantic import SecretStr
from slack_bolt.adapter.socket_mode.websockets import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from websockets.exceptions import WebSocketException

from bot.domain import mrkdwn
from bot.errors import Refused, Transient
from handlers import slack_forms
from handlers.commands import Form
from handlers.conversation import Click, Conversation, Filing, Speaker

log = structlog.get_logger(__name__)
Json = dict[str, Any]
T = TypeVar("T")
Tell = Callable[[str], Awaitable[object]]

REMEMBERED = 500
"""So many requests are remembered, so that one delivered twice is answered once."""
FINISH_S = 10.0
NOT_YET = (
    ":hourglass: This takes longer than usual: the answer follows here, and until then nothing "
    "is taken as asked. There is no need to ask twice."
)
NOT_OURS = "This bot serves another workspace, so nothing was done."
_NETWORK = (aiohttp.ClientError, SlackClientError, WebSocketException, TimeoutError, OSError)
_WRONG_TOKEN = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired",
     "not_allowed_token_type", "missing_scope"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SlackAccess:
    """How Slack is reached; `patience_s` is how long an answer may take before it is put off."""

    bot_token: SecretStr
    app_token: SecretStr
    base_url: str = "https://slack.com/api/"
    command: str = "/ilb"
    patience_s: float = 2.0
    ping_s: float = 10.0
    watch_s: float = 5.0


class SlackHandler:
    """Listens while started."""

    def __init__(self, access: SlackAccess, conversation: Conversation) -> None:
        self._access = access
        self._conversation = conversation
        self._client = AsyncWebClient(
            token=access.bot_token.get_secret_value(), base_url=access.base_url
        )
        self._client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
        self._sockets: AsyncSocketModeHandler | None = None
        self._team = ""
        self._bot_user = ""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._remembered: OrderedDict[str, asyncio.Task[Any]] = OrderedDict()
        self._watch: asyncio.Task[None] | None = None
        self._trouble = "not started"
        self._since = time.monotonic()

    async def start(self) -> None:
        """Connect; `Refused` for a wrong token. An unreachable Slack is tried again for ever."""
        try:
            await self._connect()
        except Refused:
            await self.stop()
            raise
        except Transient as error:
            self._note_trouble(str(error))
        self._watch = asyncio.create_task(self._keep_connected(), name="slack watchdog")

    async def stop(self) -> None:
        """Stop listening, then finish what was begun, for a while."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if self._sockets is not None:
            await self._sockets.close_async()  # type: ignore[no-untyped-call]  # Bolt's, untyped
        await self._finish()
        self._trouble = "stopped"

    async def _finish(self) -> None:
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=FINISH_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def health(self) -> tuple[bool, str]:
        """Return whether Slack's messages reach us, and since when they do not."""
        if self._trouble:
            for_s = time.monotonic() - self._since
            return False, f"slack: not connected for {for_s:.0f} s: {self._trouble}"
        return True, "slack: connected"

    async def _connect(self) -> None:
        try:
            if not self._bot_user:
                await self._learn_who_we_are()
            if self._sockets is None:
                self._sockets = self._new_sockets()
            if not await self._sockets.client.is_connected():
                await self._sockets.client.connect_to_new_endpoint()
            if not await self._sockets.client.is_connected():
                raise Transient("connect to Slack: the library is at it already")
        except SlackApiError as error:
            code = _error_code(error)
            if code in _WRONG_TOKEN:
                raise Refused(
                    f"Slack refused the tokens: {code}.",
                    instead="Compare slack.bot_token and slack.app_token with the app's pages.",
                ) from error
            raise Transient(f"connect to Slack: {code or 'no readable answer'}") from error
        except _NETWORK as error:
            raise Transient(f"connect to Slack: {type(error).__name__}") from error
        self._trouble = ""

    async def _learn_who_we_are(self) -> None:
        who = await self._client.auth_test()
        if who.get("is_enterprise_install"):
            raise Refused(
                "The Slack app is installed for a whole organization.",
                instead="Install it in one workspace: people are known by their id in that one.",
            )
        self._team = str(who["team_id"])
        self._bot_user = str(who["user_id"])

    def _new_sockets(self) -> AsyncSocketModeHandler:
        # Bolt is told to answer when the listener returns: what runs after an early
        # acknowledgement could lose it (slack_bolt 1.30, AsyncioListenerRunner).
        app = AsyncApp(
            client=self._client,
            process_before_response=True,
            request_verification_enabled=False,
        )
        app.command(self._access.command)(self._on_command)
        app.event("app_mention")(self._on_mention)
        app.action(re.compile(""))(self._on_click)
        app.view(re.compile(""))(self._on_form)
        return AsyncSocketModeHandler(
            app, self._access.app_token.get_secret_value(), ping_interval=self._access.ping_s
        )

    async def _keep_connected(self) -> None:
        """Reconnect where the library has given up or holds on to a dead socket."""
        while True:
            await asyncio.sleep(self._access.watch_s)
            try:
                await self._connect()
            except (Transient, Refused) as error:
                self._note_trouble(str(error))

    def _note_trouble(self, why: str) -> None:
        if not self._trouble or self._trouble == "not started":
            self._since = time.monotonic()
            log.warning("slack_connection_lost", why=why)
        self._trouble = why

    async def _on_command(self, ack: Any, body: Json, respond: Any) -> None:
        if not self._is_ours(body.get("team_id")):
            await ack(NOT_OURS)
            return
        trigger = str(body["trigger_id"])
        key = f"slack:command:{trigger}"
        speaker = Speaker(str(body["user_id"]), str(body["channel_id"]))
        text = str(body.get("text") or "")
        form = self._conversation.form_in(text, speaker)
        if isinstance(form, Form):
            work = self._once(key, lambda: self._open(form, speaker, trigger))
        elif form:
            await ack(form)
            return
        else:
            work = self._once(key, lambda: self._conversation.said(text, speaker, key))
        answer = await self._soon(work, self._through(respond, speaker))
        await (ack(answer) if answer else ack())

    async def _open(self, form: Form, speaker: Speaker, trigger: str) -> str:
        """Open a form; it is filled in when the cloud has answered. Says why where it does not."""
        view = slack_forms.waiting(form)
        try:
            opened = (await self._client.views_open(trigger_id=trigger, view=view))["view"]
        except _NETWORK as error:
            why = _error_code(error) if isinstance(error, SlackApiError) else type(error).__name__
            return (
                f":warning: The form could not be opened (`{why}`). Say it again, or use "
                f"{slack_forms.otherwise(form)}."
            )
        self._spawn(self._fill_in(form, speaker, opened))
        return ""

    async def _fill_in(self, form: Form, speaker: Speaker, opened: Json) -> None:
        start = await self._conversation.start_of(form, speaker)
        view = slack_forms.filled_in(form, start, speaker.channel)

        async def update(_: str) -> None:
            await self._client.views_update(view_id=opened["id"], hash=opened["hash"], view=view)

        await _logged(update)("")

    async def _on_form(self, ack: Any, body: Json) -> None:
        view, person = body["view"], body["user"]
        if not self._is_ours(person.get("team_id") or body["team"]["id"]):
            await ack(**slack_forms.errors(NOT_OURS))
            return
        form = slack_forms.read(view)
        speaker = Speaker(str(person["id"]), form.channel)
        key = f"slack:form:{view['id']}:{view['hash']}:{form.digest}"
        is_new = key not in self._remembered
        work = self._once(key, lambda: self._conversation.filled(form, speaker, key))
        done, _ = await asyncio.wait({work}, timeout=self._access.patience_s)
        tell = self._whisper(speaker)
        if not done:
            await ack(response_action="update", view=slack_forms.note(form.runbook, NOT_YET))
            self._spawn(_after(self._filed(work), tell))
        elif error := work.result().error:
            await ack(**slack_forms.errors(error))
        else:
            await ack()
            if is_new:
                self._spawn(tell(work.result().told))

    async def _filed(self, work: asyncio.Task[Filing]) -> str:
        filing = await work
        return filing.told or f":no_entry: {mrkdwn.escape(filing.error)}"

    async def _on_mention(self, ack: Any, body: Json) -> None:
        event = body["event"]
        await ack()
        if event.get("bot_id") or not event.get("user"):
            return
        speaker = Speaker(str(event["user"]), str(event["channel"]))
        tell = self._whisper(speaker, event.get("thread_ts"))
        if not self._is_ours(event.get("user_team") or event.get("team") or body.get("team_id")):
            self._spawn(tell(NOT_OURS))
            return
        key = f"slack:event:{body['event_id']}"
        if key in self._remembered:
            return  # delivered again: it is being answered
        text = str(event.get("text") or "").replace(f"<@{self._bot_user}>", " ")
        work = self._once(key, lambda: self._conversation.said(text, speaker, key))
        self._spawn(tell(await self._soon(work, tell)))

    async def _on_click(self, ack: Any, body: Json, respond: Any) -> None:
        await ack()
        action, place = body["actions"][0], body.get("container", {})
        channel = str(place.get("channel_id") or body.get("channel", {}).get("id") or "")
        person = body["user"]
        speaker = Speaker(str(person["id"]), channel)
        tell = self._through(respond, speaker)
        if not self._is_ours(person.get("team_id") or body["team"]["id"]):
            self._spawn(tell(NOT_OURS))
            return
        click = Click(str(action["action_id"]), str(action.get("value") or ""), speaker)
        where = (channel, place.get("message_ts"), click.action, speaker.id, action["action_ts"])
        key = f"slack:click:{':'.join(map(str, where))}"
        if key in self._remembered:
            return  # delivered again: it is being answered
        work = self._once(key, lambda: self._conversation.clicked(click))
        self._spawn(tell(await self._soon(work, tell)))

    def _is_ours(self, team: object) -> bool:
        """Whether somebody is of our workspace; shared channels bring in people of others."""
        return team == self._team

    def _once(self, key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """Begin work, or return what a first delivery of the same request began."""
        if key not in self._remembered:
            self._remembered[key] = self._spawn(work())
            while len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        return self._remembered[key]

    async def _soon(self, work: asyncio.Task[str], later: Tell) -> str:
        """Return the answer, or what to say while it is awaited; it follows then."""
        done, _ = await asyncio.wait({work}, timeout=self._access.patience_s)
        if done:
            return work.result()
        self._spawn(_after(work, later))
        return NOT_YET

    def _through(self, respond: Any, speaker: Speaker) -> Tell:
        """Tell by the request's response URL, and where that is dead, by an ephemeral message."""

        async def tell(text: str) -> None:
            answer = await respond(text, response_type="ephemeral", replace_original=False)
            if answer.status_code != 200:
                await self._whisper(speaker)(text)

        return _logged(tell)

    def _whisper(self, speaker: Speaker, thread: str | None = None) -> Tell:
        async def tell(text: str) -> None:
            await self._client.chat_postEphemeral(
                channel=speaker.channel, user=speaker.id, text=text, thread_ts=thread
            )

        return _logged(tell)

    def _spawn(self, work: Coroutine[Any, Any, Any] | Awaitable[Any]) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _after(work: Awaitable[str], tell: Tell) -> None:
    if text := await work:
        await tell(text)


def _logged(tell: Tell) -> Tell:
    """A sentence that cannot be delivered is logged: what it says is in the journal anyway."""

    async def careful(text: str) -> None:
        try:
            await tell(text)
        except SlackApiError as error:
            log.warning("answer_not_delivered", why=_error_code(error))
        except _NETWORK as error:
            log.warning("answer_not_delivered", why=type(error).__name__)

    return careful


def _error_code(error: SlackApiError) -> str:
    data = getattr(error.response, "data", error.response)
    return str(data.get("error", "")) if isinstance(data, dict) else ""
