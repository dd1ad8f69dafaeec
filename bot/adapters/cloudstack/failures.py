"""Turns what came back instead of a good answer into an error that names the act and a next step.

Status codes: CloudStack `ApiErrorCode`. Texts are quoted, never interpreted.
"""

from __future__ import annotations

import math
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

import httpx

from bot.adapters.cloudstack.catalogue import Effect
from bot.adapters.cloudstack.foreign import attributed
from bot.errors import Away, IlbotError, Permanent, Refused, ServerFailed, Transient

LONGEST_WAIT_S = 3600.0
NOTABLE_SKEW_S = 120.0

_NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)
_NOT_SENT = (*_NO_CONNECTION, httpx.PoolTimeout)
# What a proxy answers while nothing behind it does (RFC 9110, 15.6), and CloudStack's own 503.
_NOBODY_BEHIND = frozenset({502, 503})
_IN_DOUBT = " It may have been done all the same: look before repeating it."
_MILLISECONDS = re.compile(r"(\d+)]? ms\b")


class ApiRefused(Refused):
    """CloudStack understood the call and said no; `code` is its HTTP status."""

    def __init__(self, why: str, *, code: int, cserrorcode: int = 0, instead: str = "") -> None:
        super().__init__(why, instead=instead)
        self.code = code
        self.cserrorcode = cserrorcode


class ApiFailed(ServerFailed):
    """CloudStack took the call and failed at it; `code` is its HTTP status."""

    def __init__(self, what: str, *, code: int) -> None:
        super().__init__(what)
        self.code = code


class Unreachable(Away):
    """The connection could not be opened, or closed before an answer."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried: the act in people's words, the command, and where it went."""

    act: str
    command: str
    effect: Effect
    endpoint: str
    key_name: str
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Attempt({self.act!r})"

    @property
    def changes(self) -> bool:
        """Whether a lost answer leaves it in doubt."""
        return self.effect is Effect.CHANGE

    def says(self, text: str) -> str:
        """Return CloudStack's text as a quotation."""
        return attributed(text, self.secrets)


@dataclass(frozen=True, slots=True)
class BadAnswer:
    """An HTTP answer that is an error; `wrapper` is its single top-level key.

    `wrapper` is empty where the body is not CloudStack's JSON: the server itself, or
    something on the way, answered in its place.
    """

    status: int
    headers: Mapping[str, str]
    wrapper: str = ""
    text: str = ""
    cserrorcode: int = 0


def no_answer(attempt: Attempt, error: Exception, timeout_s: float) -> IlbotError:
    """Return the error for an exchange that ended without an answer."""
    if untrusted := _certificate_error(error):
        return Refused(
            f"{attempt.act}: the certificate of {attempt.endpoint} is not trusted "
            f"({untrusted.verify_message}).",
            instead="Give the bot the CA certificate, or the host name that the certificate has.",
        )
    in_doubt = attempt.changes and not isinstance(error, _NOT_SENT)
    timed_out = isinstance(error, TimeoutError | httpx.TimeoutException)
    if isinstance(error, _NO_CONNECTION):
        why = f"no connection to {attempt.endpoint}."
    elif timed_out:
        why = f"no answer from {attempt.endpoint} within {timeout_s:g} s."
    else:
        why = f"{attempt.endpoint} closed the connection without an answer."
    kind: type[Transient] = Unreachable
    if timed_out:  # without a connection nobody is there; with one, somebody is slow
        kind = Away if isinstance(error, _NO_CONNECTION) else Transient
    return kind(f"{attempt.act}: {why}{_IN_DOUBT if in_doubt else ''}", in_doubt=in_doubt)


def unreadable(attempt: Attempt, status: int, content: str) -> IlbotError:
    """Return the error for a good status without CloudStack's JSON, but with that `content`.

    `content` is empty where the body is.
    """
    came = f"{attempt.endpoint} answered {status} with {content or 'an empty body'}"
    if attempt.changes or not content:
        return Transient(
            f"{attempt.act}: {came}.{_IN_DOUBT if attempt.changes else ''}",
            in_doubt=attempt.changes,
        )
    return Permanent(
        f"{attempt.act}: {came} and not with CloudStack's JSON. "
        "Check the endpoint (it ends in /client/api) and what stands before it."
    )


def failure(attempt: Attempt, bad: BadAnswer, now: float) -> IlbotError:
    """Return the error for an HTTP answer that is none of the good ones."""
    match bad.status:
        case 401:
            return _unauthorized(attempt, bad, now)
        case 432:
            return ApiRefused(
                f"{attempt.act}: the role of the {attempt.key_name} key may not call "
                f"{attempt.command} (432).",
                code=432,
                cserrorcode=bad.cserrorcode,
                instead="Allow it for that role; `ilbot role` prints every API this bot needs.",
            )
        case 429:
            return Transient(
                f"{attempt.act}: CloudStack's request limit for this account is reached (429).",
                retry_after_s=_retry_after_s(bad, now),
            )
        case 405:
            return Refused(
                f"{attempt.act}: {attempt.endpoint} does not take a POST (405).",
                instead="Check the endpoint, and that nothing on the way redirects to it.",
            )
    if bad.wrapper:
        return _spoken(attempt, bad, now)
    return _unspoken(attempt, bad, now)


def _spoken(attempt: Attempt, bad: BadAnswer, now: float) -> IlbotError:
    says = attempt.says(bad.text)
    if bad.status == 503:
        return Away(
            f"{attempt.act}: the management server takes no calls just now (503): {says}.",
            retry_after_s=_retry_after_s(bad, now),
        )
    if bad.status == 531:
        return ApiRefused(
            f"{attempt.act}: the account of the {attempt.key_name} key may not (531): {says}.",
            code=531,
            cserrorcode=bad.cserrorcode,
            instead="Use a key of an account that owns the target, or of a root admin.",
        )
    if bad.status < 500 or bad.status == 537:
        return ApiRefused(
            f"{attempt.act}: refused ({bad.status}): {says}.",
            code=bad.status,
            cserrorcode=bad.cserrorcode,
        )
    return ApiFailed(f"{attempt.act}: failed ({bad.status}): {says}.", code=bad.status)


def _unspoken(attempt: Attempt, bad: BadAnswer, now: float) -> IlbotError:
    if bad.status >= 500 or bad.status == 408:
        kind = Away if bad.status in _NOBODY_BEHIND else Transient
        return kind(
            f"{attempt.act}: the server, or a proxy before it, answered {bad.status} without a "
            f"reason.{_IN_DOUBT if attempt.changes else ''}",
            in_doubt=attempt.changes,
            retry_after_s=_retry_after_s(bad, now),
        )
    if 300 <= bad.status < 400:
        return Refused(
            f"{attempt.act}: {attempt.endpoint} answers with a redirect ({bad.status}).",
            instead="Give the bot the address it redirects to.",
        )
    return Refused(
        f"{attempt.act}: {attempt.endpoint} is not CloudStack's API (it answered {bad.status}).",
        instead="Check the endpoint: it ends in /client/api.",
    )


def _unauthorized(attempt: Attempt, bad: BadAnswer, now: float) -> Refused:
    # A known command is wrapped in its own response name, an unknown one never is.
    unknown = (
        f"does not know {attempt.command}, or " if bad.wrapper.lower() == "errorresponse" else ""
    )
    skew_s = _skew_s(bad, now)
    clock = (
        f"this machine's clock (it is {abs(skew_s):.0f} s "
        f"{'ahead of' if skew_s > 0 else 'behind'} the server's)"
        if abs(skew_s) > NOTABLE_SKEW_S
        else "this machine's clock"
    )
    return Refused(
        f"{attempt.act}: CloudStack {unknown}does not accept the {attempt.key_name} key (401).",
        instead=f"Check that key pair, {clock}, and the endpoint {attempt.endpoint}.",
    )


def _certificate_error(error: BaseException) -> ssl.SSLCertVerificationError | None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def _retry_after_s(bad: BadAnswer, now: float) -> float:
    """Return the wait asked for: by header (RFC 9110, 10.2.3), else as `ApiRateLimitServiceImpl`
    words it, in milliseconds; 0.0 where neither is there."""
    asked = bad.headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit():
        wait_s = float(asked)
    elif (until := http_date(asked)) is not None:
        wait_s = until - now
    elif bad.status == 429 and (found := _MILLISECONDS.search(bad.text)):
        wait_s = int(found[1]) / 1000
    else:
        wait_s = 0.0
    return min(max(wait_s, 0.0), LONGEST_WAIT_S)


def _skew_s(bad: BadAnswer, now: float) -> float:
    server = http_date(bad.headers.get("date", ""))
    return 0.0 if server is None else now - server


def http_date(text: str) -> float | None:
    """Return the unix seconds of an HTTP date (RFC 9110, 5.6.7), None for anything else."""
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    return seconds if math.isfinite(seconds) else None
