"""Say what a CloudStack between 4.18 and 4.22 does otherwise than the newest of them.

Each constant is the first version that behaves as 4.22.0 does; `VERSIONS` tells in words.
"""

from __future__ import annotations

NEWEST = "4.22.0.0"
OLDEST = "4.18.0.0"
EVER = "4.0"
"""Before anything that is pretended here."""

CONSERVE_MODE_IN_VPCS = "4.19"
DOMAIN_PATH_OF_RULES = "4.19.2"
WEBHOOKS = "4.20"
ARCHITECTURE = "4.20.1"
ILB_VM_STAGES = "4.20.2"
POST_ENFORCEMENT = "4.21"
CHECK_STATUS = "4.22"

VERSIONS = {
    CONSERVE_MODE_IN_VPCS: "`conservemode=true` is accepted for the tiers of VPCs",
    DOMAIN_PATH_OF_RULES: "LB rules show `domainpath`",
    WEBHOOKS: "webhook commands exist",
    ARCHITECTURE: "routers and ILB VMs show `arch`",
    ILB_VM_STAGES: "INTERNALLBVM events have Started and Completed; before only Scheduled",
    POST_ENFORCEMENT: "the setting `enforce.post.requests.and.timestamps` exists",
    CHECK_STATUS: (
        "health check results show `status`; `healthchecksfailed` is always false, as recorded"
    ),
}


def parsed(version: str) -> tuple[int, ...]:
    """Return "4.20.2.0" as (4, 20, 2, 0); ValueError for anything else."""
    return tuple(int(part) for part in version.split("."))


def is_since(version: str, first: str) -> bool:
    """Tell whether `version` is `first` or newer."""
    return parsed(version) >= parsed(first)
