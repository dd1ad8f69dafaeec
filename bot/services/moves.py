"""Reads what CloudStack recorded of an ILB VM's starts and stops, and of restarts around it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from bot.domain.cloud import CloudEvent
from bot.ports import CloudReader

_EVENT_KINDS = ("InternalLbVm", "DomainRouter", "VirtualMachine")
"""Resource types under which `listEvents` files an ILB VM's rows: what the router commands do to it
under the second, an out-of-band stop under the third (CloudStack `ApiCommandResourceType`)."""


async def events_of(cloud: CloudReader, vm_id: str) -> tuple[CloudEvent, ...]:
    """Return the events of an ILB VM, newest first."""
    lists = await asyncio.gather(
        *(cloud.events(resource_id=vm_id, resource_type=kind) for kind in _EVENT_KINDS)
    )
    return _newest_first(event for events in lists for event in events)


async def restarts_around(cloud: CloudReader, tier_id: str, vpc_id: str) -> tuple[CloudEvent, ...]:
    """Return the restarts of a tier and of its VPC, newest first."""
    vpc, network = await asyncio.gather(
        cloud.events(event_type="VPC.RESTART", limit=20),
        cloud.events(event_type="NETWORK.RESTART", limit=20),
    )
    return _newest_first(
        event for event in (*vpc, *network) if event.resource_id in {vpc_id, tier_id}
    )


def _newest_first(events: Iterable[CloudEvent]) -> tuple[CloudEvent, ...]:
    unique = {event.id: event for event in events}
    return tuple(sorted(unique.values(), key=lambda event: event.created, reverse=True))
