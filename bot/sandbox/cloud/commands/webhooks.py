"""Answer the commands around webhooks: the refusals of 4.20 and later, and empty lists.

Follows WebhookApiServiceImpl and UriUtils.validateUrl: a payload URL on the loopback is refused.
Nothing is delivered here.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from bot.sandbox.cloud.frame import ApiError, Body
from bot.sandbox.cloud.request import Request

SCOPES = ("local", "domain", "global")


def create_webhook(request: Request) -> Body:
    """Check a webhook, and refuse it whatever it is: this server reaches nobody."""
    request.required("name")
    url = request.required("payloadurl")
    if (request.text("scope") or "local").lower() not in SCOPES:
        raise ApiError(530, "Invalid scope specified")
    host = urlsplit(url).hostname
    if host is None or urlsplit(url).scheme not in ("http", "https"):
        raise ApiError(431, f"Unable to resolve {url}.")
    if _is_loopback(host):
        raise ApiError(431, "Illegal host specified in URL.")
    raise ApiError(431, f"Unable to resolve {host}.")


def list_webhooks(request: Request) -> Body:
    return request.page("webhook", [], lambda one: one)


def list_deliveries(request: Request) -> Body:
    return request.page("webhookdelivery", [], lambda one: one)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
