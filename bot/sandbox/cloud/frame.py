"""Put answers and errors into the envelopes CloudStack puts them in.

Follows ApiResponseSerializer, ApiErrorCode and CSExceptionErrorCode of CloudStack 4.22.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

JSON_TYPE = "application/json;charset=utf-8"
XML_TYPE = "text/xml;charset=utf-8"

Body = dict[str, Any]


class ApiError(Exception):
    """A refusal as the API words it: HTTP status and `errorcode` are the same number.

    `cserrorcode` 4350 is InvalidParameterValueException, 4365 PermissionDenied, 4250
    CloudRuntimeException, 9999 everything without a code; None leaves it out, as 401 does.
    """

    def __init__(
        self,
        code: int,
        text: str,
        *,
        cserrorcode: int | None = 9999,
        wrapper: str | None = None,
        uuids: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.cserrorcode = cserrorcode
        self.wrapper = wrapper
        self.uuids = [{"uuid": uuid, "description": name} for uuid, name in uuids]


class JobFailed(Exception):
    """What ends a job with jobstatus 2, behind HTTP 200."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, before it meets a socket."""

    status: int
    content: bytes
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)


NOT_YOURS = "Caller does not have permission to operate with provided resource."
UNAUTHORIZED_TEXT = "unable to verify user credentials and/or request signature"


def unauthorized(wrapper: str) -> ApiError:
    """Return the one text CloudStack has for bad keys, signatures, expiry and commands."""
    return ApiError(401, UNAUTHORIZED_TEXT, cserrorcode=None, wrapper=wrapper)


def answered(wrapper: str, body: Body) -> Answer:
    return Answer(200, json.dumps({wrapper: body}).encode())


def refused(wrapper: str, error: ApiError, *, as_json: bool = True) -> Answer:
    """Return the error frame. X-Description comes with 43x and 53x, never with 401 or 405."""
    name = error.wrapper or wrapper
    headers = {}
    if error.code != 401:
        headers["X-Description"] = error.text.encode("latin-1", "replace").decode("latin-1")
    if not as_json:
        text = (
            f'<?xml version="1.0" encoding="UTF-8"?><{name}><errorcode>{error.code}</errorcode>'
            f"<errortext>{escape(error.text)}</errortext></{name}>"
        )
        return Answer(error.code, text.encode(), XML_TYPE, headers)
    body: Body = {"uuidList": error.uuids, "errorcode": error.code}
    if error.cserrorcode is not None:
        body["cserrorcode"] = error.cserrorcode
    body["errortext"] = error.text
    return Answer(error.code, json.dumps({name: body}).encode(), JSON_TYPE, headers)


def date(moment: float) -> str:
    """Format as API answers do: 2026-11-22T18:00:00+0000, whole seconds."""
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def present(**fields: Any) -> Body:
    """Return the fields that are not None: CloudStack omits nulls."""
    return {name: value for name, value in fields.items() if value is not None}
