"""What the parts of the `Cloud` port share: the client, the names for error texts, list filters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from pydantic import BaseModel

from bot.adapters.cloudstack.client import Call, Client
from bot.adapters.cloudstack.failures import ApiRefused
from bot.adapters.cloudstack.foreign import cleaned
from bot.ports import Created

# `listall=true` alone hides what projects own, `projectid=-1` alone hides the rest
# (`AccountManagerImpl.buildACLSearchParameters`).
EVERYTHING = {"listall": "true", "projectid": "-1"}
PARAM_ERROR = 431

M = TypeVar("M", bound=BaseModel)


class Calls:
    """One CloudStack API with the names of what was last listed of it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        # Names as last listed, for the texts of errors only: nothing is decided by them.
        self._names: dict[str, str] = {}

    async def _rows_of(
        self, what: str, command: str, wanted: dict[str, str], model: type[M], page_size: int = 500
    ) -> list[M]:
        """Return what is wanted, in projects too; nothing for an id that CloudStack does not know.

        All else that is sent is fixed and valid, so that a 431 is about the id.
        """
        call = Call(what, command, {**EVERYTHING, **wanted}, page_size)
        try:
            return await self._client.rows(call, model)
        except ApiRefused as refused:
            if wanted and refused.code == PARAM_ERROR:
                return []
            raise

    async def _create(self, call: Call) -> Created:
        return Created(*await self._client.create(call))

    def _remember(self, names: dict[str, str]) -> None:
        # Tenants choose the names of their tiers, and error texts are shown to people.
        self._names.update({known_id: cleaned(name) for known_id, name in names.items()})

    def _named(self, known_id: str) -> str:
        return self._names.get(known_id, known_id)

    def _all(self, vm_ids: Sequence[str]) -> str:
        return ", ".join(self._named(vm_id) for vm_id in vm_ids)

    def _of(self, what: str, tier_id: str) -> str:
        return f"list the {what} of tier {self._named(tier_id)}" if tier_id else f"list the {what}"


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


V = TypeVar("V", bound=_Identified)


def unique(values: Iterable[V]) -> tuple[V, ...]:
    """Return each thing once: rows move between pages while a list is read."""
    return tuple({value.id: value for value in values}.values())


def given(**params: str) -> dict[str, str]:
    """Return the parameters that have a value."""
    return {name: value for name, value in params.items() if value}
