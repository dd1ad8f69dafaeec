"""List where the pretend cloud differs from the recordings on purpose, each with its reason.

The list may only shrink: `test_sandbox_replay.py` holds its length, and refuses an entry that no
longer differs.
"""

from __future__ import annotations

REASONS: dict[str, dict[str, tuple[int, ...]]] = {
    # what the pretend cloud leaves out
    "numbers of the database are no ids here": {"ilb-errors": (53,)},
    "the text names a Java field; the sandbox names the parameter": {"ilb-errors": (33,)},
    "only name, description and isasync of an API are kept": {"listing": tuple(range(64, 71))},
    "the recorded server refused listCapabilities for want of a plugin": {"listing": (72,)},
    "a setting that nobody here reads": {"listing": (33, 38, 43, 46, 48)},
    "a domain admin is shown other settings": {"api-frame": (71,)},
    "tags of type FirewallRule are not kept": {"listing": (100,)},
    "no console proxies and secondary storage VMs": {
        "listing": (6,),
        "ilb-vm-with-router-commands": (120,),
    },
    "only the VPC offerings that can be used are there": {"listing": (9, 10)},
    "no built-in network offerings": {"listing": (14, 17)},
    "no built-in system offerings for local storage, nor a medium user offering": {
        "listing": (18, 19, 21),
        "ilb-vm-with-router-commands": (27, 28),
    },
    "hosts are KVM hosts without GPUs, of another size": {"listing": (4, 5, 128)},
    "the lab's hosts are one cluster": {"ilb-vm-with-router-commands": (86,)},
    "a machine does not show the reboot that waits for its turn": {
        "job-queue-and-failures": (29, 31)
    },
    "services of a network outside VPCs: only what a router pair needs": {
        "router-redundant": (7, 61)
    },
    "the routers of a VPC come with its first tier, not with the VPC": {
        "router-redundant": (65, 70, 80)
    },
    "tag jobs log three stages as other jobs do, upstream one": {"listing": (111,)},
    # what the simulator could not do, or could only do
    "the simulator could not live patch": {
        "ilb-vm-with-router-commands": (146,),
        "router-redundant": (89,),
    },
    "the simulator could not migrate to a named host": {
        "ilb-vm-with-router-commands": (89, 93, 97)
    },
    "the simulator could not perform fresh checks": {
        "router-health-checks": (1,),
        "router-redundant": (33,),
    },
    # what the recorded server had and the lab has not: older, or made by other recordings
    "the keyword that was sent is not in the recording": {"api-frame": (14, 15)},
    "what was logged, or alerted, before the recording": {
        "health-recreate": (8, 9),
        "job-restart": (36,),
        "listing": (112, 113, 114, 117, 118),
        "router-failover": (7,),
        "router-health-checks": (9,),
        "tier-gc-hang": (6, 7, 8),
        "unexpected-stop": (2, 3, 11, 12),
    },
    "made or removed by another recording meanwhile": {
        "acl": (59,),
        "projects": (28, 29, 30, 31),
        "template-too-old": (17,),
        "template-upgrade": (18, 19, 20, 21, 22),
    },
    "the recorded server, or its hosts, had just been restarted": {
        "health-recreate": (2, 3),
        "listing": (73,),
    },
    "caught at another moment of what went on": {
        "health-recreate": (4,),
        "job-queue-and-failures": (60,),
    },
    "a hang that began before the recording is seeded without its job and its host": {
        "tier-gc-hang": (1, 3, 4, 16, 19, 28),
    },
    "named after the lab": {"listing": (63,)},
}

DIFFERENCES: dict[tuple[str, int], str] = {
    (name, number): reason
    for reason, places in REASONS.items()
    for name, numbers in places.items()
    for number in numbers
}

# Fields whose values, not whose presence, differ all over one scenario.
OTHER_VALUES: dict[str, dict[str, str]] = {
    "router-redundant": {"redundantstate": "the simulator reported BACKUP for every router"},
}
