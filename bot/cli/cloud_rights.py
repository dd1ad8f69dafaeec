"""Turns a CloudStack key into the commands that its role allows.

The question is an operator's, so its command stays out of the catalogue of what the bot calls,
and no role needs it to run the bot.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import httpx

from bot.adapters.cloudstack.signing import Keys, signed_form

_NOT_FOUND_OR_NOT_ALLOWED = 530
_ANSWER_S = 30.0


class Right(StrEnum):
    """Whether a role may call a command, as far as the server tells."""

    YES = "yes"
    NO = "no"
    NOT_TOLD = "not told"


async def rights(
    http: httpx.AsyncClient, endpoint: str, keys: Keys, commands: Iterable[str], now: float
) -> dict[str, Right]:
    """Ask `listApis` about each command with the key whose role is in question.

    It answers 530 for a name that the role may not call and for one that the server does not
    have (`ApiDiscoveryServiceImpl.listApis`), and 432 where it is not allowed itself.
    """
    return {name: await _right(http, endpoint, keys, name, now) for name in commands}


async def _right(
    http: httpx.AsyncClient, endpoint: str, keys: Keys, command: str, now: float
) -> Right:
    form = signed_form("listApis", {"name": command}, keys, now)
    try:
        answer = await http.post(endpoint, data=form, timeout=_ANSWER_S)
    except httpx.HTTPError:
        return Right.NOT_TOLD
    if answer.status_code == httpx.codes.OK:
        return Right.YES
    return Right.NO if answer.status_code == _NOT_FOUND_OR_NOT_ALLOWED else Right.NOT_TOLD
