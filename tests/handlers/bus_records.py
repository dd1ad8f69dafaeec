"""Records as CloudStack's event bus has them, made for a test."""

from __future__ import annotations

import json
import time


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
