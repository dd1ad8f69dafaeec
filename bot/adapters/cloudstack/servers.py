"""Turns `listManagementServers` into the servers as last seen: the `CloudServers` port."""

from __future__ import annotations

from bot.adapters.cloudstack.answers import Answer, Capabilities
from bot.adapters.cloudstack.client import Call, Client
from bot.adapters.cloudstack.failures import ApiRefused
from bot.domain.servers import Server
from bot.errors import Permanent

_NOT_TOLD = (ApiRefused, Permanent)
"""A refusal, or an answer of another shape: nothing that is worth missing a look at the ILBs."""


class ServerRow(Answer):
    """`ManagementServerResponse`; `lastserverstart` is when its Java process began."""

    id: str
    name: str = ""
    version: str = ""
    lastserverstart: str = ""

    def value(self) -> Server:
        """Return the server."""
        return Server(self.id, self.name, self.version, self.lastserverstart)


class CloudStackServers:
    """The management servers as one CloudStack API shows them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def servers(self) -> tuple[Server, ...]:
        """Return the servers; where the role may not list them, one with a version alone."""
        call = Call("list the management servers", "listManagementServers")
        try:
            return tuple(row.value() for row in await self._client.rows(call, ServerRow))
        except _NOT_TOLD:
            return await self._version_alone()

    async def _version_alone(self) -> tuple[Server, ...]:
        call = Call("ask for the CloudStack version", "listCapabilities")
        try:
            told = (await self._client.read(call, Capabilities)).capability.cloudstackversion
        except _NOT_TOLD:
            return ()
        return (Server("", "", told),) if told else ()
