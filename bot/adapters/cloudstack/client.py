"""Turns one call of the CloudStack API into a validated answer or into one of our errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import structlog
from pydantic import BaseModel, ValidationError

from bot.adapters.cloudstack.catalogue import Effect, effect_of
from bot.adapters.cloudstack.failures import (
    ApiRefused,
    Attempt,
    BadAnswer,
    Unreachable,
    failure,
    no_answer,
    unreadable,
)
from bot.adapters.cloudstack.foreign import cleaned
from bot.adapters.cloudstack.signing import Keys, signed_form
from bot.domain.share import Calls
from bot.engine.tally import count
from bot.errors import Permanent, Refused
from bot.ports import Clock

_log = structlog.get_logger(__name__)

M = TypeVar("M", bound=BaseModel)

_JOB_POLL = "queryAsyncJobResult"
# `InvalidParameterValueException`: also what a page larger than `default.page.size` gets.
_BAD_VALUE = 4350


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard one client may press.

    `timeout_s` bounds a whole exchange. `repeat_after_s` are the waits before a read is sent
    again because no connection held; a change is never sent again.
    """

    concurrency: int = 4
    timeout_s: float = 60.0
    connect_timeout_s: float = 10.0
    page_size: int = 500
    repeat_after_s: tuple[float, ...] = (0.2, 1.0)


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what it is for, in people's words (`stop ILB VM b-31-VM`), and its parameters.

    `page_size` is for lists with rows so large that a whole page of them would weigh too much.
    """

    act: str
    command: str
    params: Mapping[str, str] = field(default_factory=dict)
    page_size: int = 500


class Client:
    """The API of one CloudStack, read with one key and changed with another."""

    def __init__(
        self,
        endpoint: str,
        read_keys: Keys,
        write_keys: Keys | None,
        http: httpx.AsyncClient,
        clock: Clock,
        limits: Limits | None = None,
    ) -> None:
        self._url = _checked(endpoint)
        self._endpoint = str(self._url)
        self._read_keys = read_keys
        self._write_keys = write_keys
        self._http = http
        self._clock = clock
        self._limits = limits or Limits()
        self._slots = asyncio.Semaphore(self._limits.concurrency)

    def __repr__(self) -> str:
        return f"Client({self._endpoint!r}, can_change={self.can_change})"

    @property
    def can_change(self) -> bool:
        """Whether there is a write key."""
        return self._write_keys is not None

    async def read(self, call: Call, model: type[M]) -> M:
        """Return the answer of a command that changes nothing; another command is `Refused`."""
        _must_be_a_read(call)
        return _parsed(call, model, await self._ask(call, self._read_keys))

    async def read_as_writer(self, call: Call, model: type[M]) -> M:
        """Read with the write key: what only the account that submitted a job may see."""
        _must_be_a_read(call)
        return _parsed(call, model, await self._ask(call, self._writer(call)))

    async def rows(self, call: Call, model: type[M], *, limit: int | None = None) -> list[M]:
        """Return all rows of a list command, page after page, or the first `limit` of them.

        Source: `BaseListCmd`. `count` is the total of all pages; a page past the end has none.
        """
        _must_be_a_read(call)
        most = min(call.page_size, self._limits.page_size)
        wanted = most if limit is None else min(limit, most)
        page, count = await self._first_page(call, wanted)
        rows, number, page_size = _models(call, model, page), 2, len(page)
        while page and len(rows) < (count if limit is None else min(count, limit)):
            asked = _at_page(call, number, page_size)
            page, count = _page(await self._ask(asked, self._read_keys))
            # Read at once: a page of JSON takes ten times the memory of what is read of it.
            rows += _models(call, model, page)
            number += 1
        return rows[:limit]

    async def create(self, call: Call) -> tuple[str, str]:
        """Submit a creation and return the new id and the job id (`BaseAsyncCreateCmd`)."""
        payload = await self._submit(call)
        created = payload.get("id")
        if not isinstance(created, str) or not created:
            raise unreadable(self._attempt(call, self._writer(call)), 200, "no id")
        return created, payload["jobid"]

    async def submit(self, call: Call) -> str:
        """Submit a change and return its job id. Sent once: a lost answer is in doubt."""
        job_id: str = (await self._submit(call))["jobid"]
        return job_id

    async def change(self, call: Call) -> None:
        """Make a change that is done when it is answered. Sent once: a lost answer is in doubt."""
        _must_be_a_change(call)
        await self._post(call, self._writer(call))

    async def _submit(self, call: Call) -> dict[str, Any]:
        _must_be_a_change(call)
        payload = await self._post(call, self._writer(call))
        job_id = payload.get("jobid")
        if not isinstance(job_id, str) or not job_id:
            raise unreadable(self._attempt(call, self._writer(call)), 200, "no job id")
        return payload

    def _writer(self, call: Call) -> Keys:
        if self._write_keys is None:
            raise Refused(f"{call.act}: no write key: this bot observes.")
        return self._write_keys

    async def _first_page(self, call: Call, size: int) -> tuple[list[dict[str, Any]], int]:
        try:
            return _page(await self._ask(_at_page(call, 1, size), self._read_keys))
        except ApiRefused as refused:
            if refused.cserrorcode != _BAD_VALUE:
                raise
        # An operator lowered `default.page.size`: without paging, the server uses its own.
        return _page(await self._ask(call, self._read_keys))

    async def _ask(self, call: Call, keys: Keys) -> dict[str, Any]:
        for wait_s in self._limits.repeat_after_s:
            try:
                return await self._post(call, keys)
            except Unreachable as lost:
                _log.info("cloudstack_read_repeated", command=call.command, why=str(lost))
                await self._clock.sleep(wait_s)
        return await self._post(call, keys)

    async def _post(self, call: Call, keys: Keys) -> dict[str, Any]:
        attempt = self._attempt(call, keys)
        count(_as_counted(call))
        async with self._slots:
            started = self._clock.now()
            response = await self._exchange(
                attempt, signed_form(call.command, call.params, keys, started)
            )
        _log.debug(
            "cloudstack_answered",
            command=call.command,
            status=response.status_code,
            seconds=round(self._clock.now() - started, 3),
        )
        return _payload(attempt, response, self._clock.now())

    async def _exchange(self, attempt: Attempt, form: dict[str, str]) -> httpx.Response:
        limits = self._limits
        try:
            # httpx bounds each read; an answer that drips is bounded only as a whole.
            async with asyncio.timeout(limits.timeout_s):
                return await self._http.post(
                    self._url,
                    data=form,
                    follow_redirects=False,
                    timeout=httpx.Timeout(limits.timeout_s, connect=limits.connect_timeout_s),
                )
        except (TimeoutError, httpx.TransportError, httpx.DecodingError) as lost:
            raise no_answer(attempt, lost, limits.timeout_s) from lost

    def _attempt(self, call: Call, keys: Keys) -> Attempt:
        every = [one for one in (self._read_keys, self._write_keys) if one is not None]
        return Attempt(
            act=call.act,
            command=call.command,
            effect=effect_of(call.command),
            endpoint=self._endpoint,
            key_name="read" if keys is self._read_keys else "write",
            secrets=tuple(key.get_secret_value() for one in every for key in (one.secret, one.api)),
        )


def _checked(endpoint: str) -> httpx.URL:
    try:
        url = httpx.URL(endpoint)
    except httpx.InvalidURL as error:
        raise Refused("The CloudStack endpoint is not a URL.") from error
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo or url.query:
        raise Refused(
            "The CloudStack endpoint is not an http(s) address without credentials and query.",
            instead="It looks like https://cloud.example.org/client/api.",
        )
    return url


def _as_counted(call: Call) -> Calls:
    if call.command == _JOB_POLL:
        return Calls(polls=1)
    is_change = effect_of(call.command) is Effect.CHANGE
    return Calls(changes=1) if is_change else Calls(reads=1)


def _must_be_a_read(call: Call) -> None:
    if effect_of(call.command) is not Effect.READ:
        raise Refused(f"{call.act}: {call.command} changes things; the read path never sends it.")


def _must_be_a_change(call: Call) -> None:
    if effect_of(call.command) is not Effect.CHANGE:
        raise Refused(f"{call.act}: {call.command} is a read and starts no job.")


def _at_page(call: Call, page: int, size: int) -> Call:
    paged = {**call.params, "page": str(page), "pagesize": str(size)}
    return Call(call.act, call.command, paged)


def _page(payload: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """Return the rows and the total; the rows are the one list in the payload, however named."""
    rows = next((value for value in payload.values() if isinstance(value, list)), [])
    count = payload.get("count")
    return list(rows), count if isinstance(count, int) else len(rows)


def _payload(attempt: Attempt, response: httpx.Response, now: float) -> dict[str, Any]:
    """Return what stands under the single top-level key; its name is no function of the command.

    Source: `ApiResponseSerializer`; `stopInternalLoadBalancerVM` answers as
    `stopinternallbvmresponse`, an unknown command as `errorresponse`.
    """
    wrapper, payload = _unwrapped(response)
    code = payload.get("errorcode", response.status_code)
    if response.status_code != 200 or "errorcode" in payload:
        raise failure(
            attempt,
            BadAnswer(
                status=code if isinstance(code, int) else response.status_code,
                headers=response.headers,
                wrapper=wrapper if "errorcode" in payload else "",  # a gateway's JSON has none
                text=str(payload.get("errortext", "")),
                cserrorcode=payload.get("cserrorcode", 0),
            ),
            now,
        )
    if not wrapper:
        raise unreadable(attempt, response.status_code, _kind_of(response))
    return payload


def _kind_of(response: httpx.Response) -> str:
    kind = response.headers.get("content-type", "").partition(";")[0]
    return cleaned(kind) or "an unnamed kind of content" if response.content else ""


def _unwrapped(response: httpx.Response) -> tuple[str, dict[str, Any]]:
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return "", {}
    if not isinstance(body, dict) or len(body) != 1:
        return "", {}
    [(wrapper, payload)] = body.items()
    return (wrapper, payload) if isinstance(payload, dict) else ("", {})


def _models(call: Call, model: type[M], rows: Iterable[object]) -> list[M]:
    return [_parsed(call, model, row) for row in rows]


def _parsed(call: Call, model: type[M], payload: object) -> M:
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        where = ", ".join(sorted({".".join(map(str, e["loc"])) or "row" for e in error.errors()}))
        raise Permanent(
            f"{call.act}: CloudStack's answer to {call.command} has no usable {where}."
        ) from error
