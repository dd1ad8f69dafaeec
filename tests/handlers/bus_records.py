"""Records as CloudStack's event bus has them, made for a test."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from bot.domain.bus import BusRecord, classify
from handlers.kafka_records import decode


def classified(value: Mapping[str, object], key: str | None = None) -> BusRecord:
    """Return what a record is, read as the bus has it."""
    return classify(key, decode(json.dumps(value).encode(), limit=1 << 20))


def stopped(machine: str) -> bytes:
    """A machine stopped just now (`VirtualMachineManagerImpl`'s state transition)."""
    return json.dumps(
        {
            "eventDateTime": time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime()),
            "resource": "VirtualMachine",
            "id": machine,
            "old-state": "Running",
            "new-state": "Stopped",
            "status": "postStateTransitionEvent",
        }
    ).encode()
