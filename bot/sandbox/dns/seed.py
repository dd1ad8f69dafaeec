"""The zone of the demo: the name of the shop's app service, and who may change it."""

from __future__ import annotations

from bot.sandbox.dns.nameserver import Key, Nameserver
from bot.sandbox.dns.zone import Zone

ZONE = "shop.internal"
KEY = Key("sandbox-ilbot", "dGhlIHByZXRlbmQgd29ybGQncyBrZXksIG5vIHNlY3JldA==")
APP = "app.shop.internal"
APP_TTL_S = 5


def demo_nameserver() -> Nameserver:
    """Return a server of the demo's zone, in which app-tier's service has its name."""
    zone = Zone.named(ZONE)
    zone.set_record(APP, APP_TTL_S, "A", "10.20.1.10")
    zone.changes.clear()
    return Nameserver(zone, (KEY,))
