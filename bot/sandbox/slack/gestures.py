"""Turn what a person does (say, command, click, submit) into messages and payloads for the app."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from . import block_kit, modals, payloads
from .messages import Content, Json, Message
from .payloads import Place, Press
from .response_urls import Grant, ResponseUrls, respond
from .seed import Person
from .socket_mode import Delivery, Parcel, SocketMode, Status
from .web_api import SlackError
from .workspace import Draft, Modal, Workspace

NOT_SENT = "We had some trouble connecting. Try again?"


class NotPossible(Exception):
    """Slack's own client would not let a person do this; the text says why."""


class Gestures:
    """Everything a person can do to the app, as Slack's client would send it on."""

    def __init__(self, workspace: Workspace, sockets: SocketMode, urls: ResponseUrls) -> None:
        self._workspace = workspace
        self._sockets = sockets
        self._urls = urls
        self._tasks: set[asyncio.Task[Any]] = set()

    def say(self, place: Place, typed: str) -> Message:
        """Post a message as a person; a mention of the app reaches it as `app_mention`."""
        workspace = self._workspace
        text = workspace.escaper.message(typed)
        parent = _thread_of(workspace, place)
        message = workspace.post(
            Draft(place.channel.id, place.person.id, Content(text), thread_ts=parent)
        )
        if f"<@{workspace.app.user.id}>" in text:
            self._in_background(self._send_event(payloads.mention(workspace, message)))
        return message

    async def command(self, place: Place, typed: str) -> Delivery:
        """Run a slash command; what the ack carries is shown to the person."""
        name, _, rest = typed.strip().partition(" ")
        workspace = self._workspace
        where = (place.channel.id, place.person.id)
        if name not in {command.name for command in workspace.app.commands}:
            workspace.whisper(*where, f"`{name}` is not a valid command.")
            raise NotPossible(f"{name} is not a valid command")
        if place.thread_ts is not None:
            text = f"`{name}` is not supported in threads. Sorry!"
            workspace.whisper(*where, text, place.thread_ts)
            raise NotPossible(f"{name} is not supported in threads")
        path = self._urls.issue(*where)
        fields = payloads.command(workspace, place, name, rest.strip())
        parcel = Parcel(
            "slash_commands",
            lambda base: fields | {"response_url": base + path},
            accepts_response=True,
        )
        delivery = await self._sockets.deliver(parcel)
        self._show_outcome(place, name, delivery)
        if delivery.response:
            self._show_ack(place, typed.strip(), delivery.response)
        return delivery

    async def click(self, person: Person, press: Press) -> Delivery:
        """Press a button, whether the message still has it or not: Slack's clients lag too."""
        message = press.message
        path = self._urls.issue(message.channel, person.id, message.ts, message.thread_ts)
        fields = payloads.click(self._workspace, person, press)
        parcel = Parcel("interactive", lambda base: fields | {"response_url": base + path})
        delivery = await self._sockets.deliver(parcel)
        place = Place(person, self._workspace.channels[message.channel], message.thread_ts)
        self._show_outcome(place, "This app", delivery)
        return delivery

    async def submit(self, person: Person, given: Json) -> Delivery:
        """Submit the open modal with these entries, and do what the acknowledgement says."""
        modal = self._modal(person)
        try:
            values = modals.values_of(modal, given)
        except modals.Invalid as wrong:
            self._workspace.show_modal(replace(modal, errors=wrong.errors, trouble=""))
            raise NotPossible(str(wrong)) from None
        view = modals.shown(self._workspace, modal, values)
        payload = payloads.submission(self._workspace, person, view)
        parcel = Parcel("interactive", lambda _: payload, accepts_response=True)
        delivery = await self._sockets.deliver(parcel)
        if delivery.status is not Status.ACKED:
            self._workspace.show_modal(replace(modal, errors={}, trouble=NOT_SENT))
        else:
            self._follow_ack(modal, delivery.response or {})
        return delivery

    async def dismiss(self, person: Person) -> Delivery:
        """Close the open modal; the app hears of it only where it asked to."""
        modal = self._modal(person)
        self._workspace.close_modal(person.id)
        if not modal.content.get("notify_on_close"):
            return Delivery(Status.ACKED)
        view = modals.shown(self._workspace, modal)
        payload = payloads.closing(self._workspace, person, view)
        return await self._sockets.deliver(Parcel("interactive", lambda _: payload))

    def _modal(self, person: Person) -> Modal:
        modal = self._workspace.modals.get(person.id)
        if modal is None:
            raise NotPossible(f"{person.name} has no modal open")
        return modal

    def _follow_ack(self, modal: Modal, response: Json) -> None:
        """Close the modal, or show the errors or the content that the acknowledgement carries."""
        action = response.get("response_action")
        errors = modals.errors_in(modal, response.get("errors"))
        if action == "errors" and errors:
            self._workspace.show_modal(replace(modal, errors=errors, trouble=""))
        elif action == "update":
            try:
                content = modals.content_of(response.get("view"))
            except SlackError as wrong:
                self._unusable(modal, wrong.error)
            else:
                modals.with_content(self._workspace, modal, content)
        elif action in (None, "clear"):
            self._workspace.close_modal(modal.person)
        else:
            self._unusable(modal, f"response_action {action}")

    def _unusable(self, modal: Modal, why: str) -> None:
        self._workspace.counters.add(f"acks.unusable.{why}")
        self._workspace.show_modal(replace(modal, errors={}, trouble=NOT_SENT))

    def _show_outcome(self, place: Place, what: str, delivery: Delivery) -> None:
        if delivery.status is not Status.ACKED:
            text = f'{what} failed with the error "{delivery.status.value}"'
            self._workspace.whisper(
                place.channel.id, place.person.id, text, _thread_of(self._workspace, place)
            )

    def _show_ack(self, place: Place, typed: str, response: Json) -> None:
        """Show an ack's payload; `in_channel` shows the command that was typed as well."""
        if response.get("response_type") == "in_channel":
            content = Content(self._workspace.escaper.message(typed))
            self._workspace.post(Draft(place.channel.id, place.person.id, content))
        grant = Grant(place.channel.id, place.person.id, None, None, 0, 1)
        if error := respond(self._workspace, grant, response):
            self._workspace.counters.add(f"acks.{error}")

    async def _send_event(self, payload: Json) -> None:
        """Deliver an event, and again after each wait until it is acknowledged.

        Slack retries events, not commands or clicks, up to three times: at once, after a minute,
        after five.
        """
        parcel = Parcel("events_api", lambda _: payload)
        delivery = await self._sockets.deliver(parcel)
        for attempt, wait_s in enumerate(self._workspace.timings.event_retries_s, start=1):
            if delivery.status is Status.ACKED:
                return
            await asyncio.sleep(wait_s)
            again = replace(parcel, retry_attempt=attempt, retry_reason="timeout")
            delivery = await self._sockets.deliver(again)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Give up the retries that are still waiting."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def find_press(message: Message, action_id: str | None, label: str | None) -> Press | None:
    """Find a button a message has now, by its action id or its label."""
    return _in_version(message, message.content, action_id, label)


def find_gone_press(message: Message, action_id: str | None, label: str | None) -> Press | None:
    """Find a button in the newest version of a message that had it."""
    for content in (message.content, *reversed(message.versions)):
        if press := _in_version(message, content, action_id, label):
            return press
    return None


def labels(message: Message) -> list[str]:
    """List the labels of the buttons a message has now."""
    return [_label(e) for block in message.content.blocks for e in block_kit.elements(block)]


def _in_version(
    message: Message, content: Content, action_id: str | None, label: str | None
) -> Press | None:
    for block in content.blocks:
        for element in block_kit.elements(block):
            if _fits(element, action_id, label):
                return Press(message, block["block_id"], element)
    return None


def _fits(element: Json, action_id: str | None, label: str | None) -> bool:
    if action_id is not None and element.get("action_id") != action_id:
        return False
    return label is None or _label(element) == label


def _label(element: Json) -> str:
    text = element.get("text") or element.get("placeholder") or {}
    return str(text.get("text", ""))


def _thread_of(workspace: Workspace, place: Place) -> str | None:
    """Answer in the thread's parent: a reply to a reply belongs to the same thread."""
    if place.thread_ts is None:
        return None
    answered = workspace.timeline.get(place.channel.id, place.thread_ts)
    return (answered.thread_ts if answered else None) or place.thread_ts
