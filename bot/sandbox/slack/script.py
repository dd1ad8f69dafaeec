"""Turn the lines of a script ("ana says", "bruno clicks") into requests to the control API."""

from types import TracebackType
from typing import Any, Self

import httpx

Json = dict[str, Any]


class ScriptError(Exception):
    """The pretend Slack would not do it, or what was waited for did not come."""


class SlackScript:
    """Act as people of a running pretend Slack, and wait for what they would see."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.AsyncClient(base_url=base_url, timeout=150.0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def says(self, person: str, text: str, *, channel: str = "#ilb-ops", **more: Any) -> Json:
        """Say something or run a command; `thread_ts=…` and `wait=False` as in the API."""
        return await self._post("say", {"as": person, "channel": channel, "text": text, **more})

    async def clicks(self, person: str, label: str | None = None, **more: Any) -> Json:
        """Press a button by its label, or by `action_id=` and `ts=`; `value=` forges a value."""
        return await self._post("click", {"as": person, "label": label, **more})

    async def submits(self, person: str, **values: Any) -> Json:
        """Submit the modal that a person has open, as the app last filled it but for `values`."""
        return await self._post("submit", {"as": person, "values": values})

    async def dismisses(self, person: str) -> Json:
        """Close the modal that a person has open."""
        return await self._post("dismiss", {"as": person})

    async def modal(self, person: str) -> Json | None:
        """Return the modal that a person has open, with its `errors` by block id."""
        shown: Json | None = (await self._get("modal", {"as": person}))["modal"]
        return shown

    async def sees_modal(self, person: str, *contains: str, **more: Any) -> Json:
        """Wait until a person has a modal with these words open, errors included; return it."""
        body = {"as": person, "contains": list(contains), **more}
        return dict((await self._post("wait-modal", body))["modal"])

    async def sees(self, person: str | None = None, *contains: str, **more: Any) -> Json:
        """Wait for a message with these words and return it; ScriptError if it does not come."""
        body = {"as": person, "contains": list(contains), **more}
        return dict((await self._post("wait", body))["message"])

    async def messages(self, **query: str) -> list[Json]:
        return list((await self._get("messages", query))["messages"])

    async def counters(self) -> dict[str, int]:
        return dict((await self._get("counters", {}))["counters"])

    async def connections(self) -> int:
        return int((await self._get("counters", {}))["connections"])

    async def breaks(self, kind: str, **more: Any) -> None:
        """Arm a fault: kind, and method, count, error, seconds as in the API."""
        await self._post("faults", {"kind": kind, **more})

    async def disconnects(self, reason: str = "cut") -> None:
        await self._post("disconnect", {"reason": reason})

    async def scales_rate_limits(self, scale: float) -> None:
        await self._post("rate-limits", {"scale": scale})

    async def _post(self, path: str, body: Json) -> Json:
        answer = await self._http.post(f"/control/{path}", json=body)
        return _ok(path, answer)

    async def _get(self, path: str, query: dict[str, str]) -> Json:
        answer = await self._http.get(f"/control/{path}", params=query)
        return _ok(path, answer)


def _ok(path: str, answer: httpx.Response) -> Json:
    body = dict(answer.json())
    if not body.pop("ok"):
        seen = "".join(f"\n  {text!r}" for text in body.get("seen", ()))
        raise ScriptError(f"{path}: {body['error']}{seen and ', what there is:'}{seen}")
    return body
