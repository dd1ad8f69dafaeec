"""What resize plans from a view alone, and its words, exactly as Slack gets them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.offerings import ILB_TYPE
from bot.domain.operation import Wish
from bot.domain.plan import Plan
from bot.domain.view import View
from bot.domain.zone import Offering
from tests.domain.views import VM, service, view
from workflows.resize import RUNBOOK
from workflows.words import Words

SMALL = Offering("o-1", "small", ILB_TYPE, 1, 256, 512)
LARGE = Offering("o-2", "large", ILB_TYPE, 2, 1000, 1024)


def the_plan(seen: View, offering: str = "large") -> Plan:
    shown = service(seen, offerings=(SMALL, LARGE))
    found = RUNBOOK.plan(shown, Wish("resize", VM.name, (("offering", offering),)))
    assert isinstance(found, Plan)
    return found


def ended(part: str, target: str, **parameters: str) -> str:
    given: dict[str, object] = {
        "id": "op-1", "target": target, "seconds": 6.0, "traffic": "Nothing was lost.",
        "reason": "start ILB VM b-1-VM: no host has room", "parameters": parameters,
    }  # fmt: skip
    return Words().render("resize", part, **given)


def test_the_plan_names_the_sizes_the_outage_and_the_way_back() -> None:
    seen = view(vm=replace(VM, version="4.22.0"))
    assert Words().render("resize", "plan", plan=the_plan(seen)) == (
        "Resize b-31-VM from small (1 × 256 MHz, 512 MB) to large (2 × 1000 MHz, 1024 MB)\n"
        "in tier app-tier of VPC shop, zone fra-1\n"
        "\n"
        "*What happens*\n"
        "1. Stop b-31-VM _(undo: start it again)_\n"
        "2. Give b-31-VM the offering large (2 × 1000 MHz, 1024 MB) _(undo: give it small back)_\n"
        "3. Start b-31-VM _(from here there is no way back)_\n"
        "4. Check that it has the offering large and has its rules\n"
        "\n"
        ":warning: *Not reachable meanwhile:* 10.20.1.10 ports 80, 443, how long is not known: no "
        "earlier stop and start of it is on record\n"
        "• Requests in flight and open connections through it are cut.\n"
        "• Its traffic cannot be moved meanwhile: no directory is set, so no name can be moved.\n"
        "• Whether a host has room for it shows at the start; where none has, the old offering is "
        "given back.\n"
        "• CloudStack forgets it where it deploys a machine anew; `resize` then gives it again."
    )


def test_a_start_that_renews_the_disk_too_is_warned_of() -> None:
    assert (
        "The start renews the disk of b-31-VM as well: from version 4.20.0 to that of "
        "systemvm-kvm-4.22.0-x86_64, for good."
    ) in the_plan(view()).warnings


@pytest.mark.parametrize(("version", "boots"), [("4.22", VM.template_name), ("4.20.0", "custom")])
def test_a_disk_that_stays_or_tells_nothing_is_not_warned_of(version: str, boots: str) -> None:
    seen = view(vm=replace(VM, version=version, template_name=boots))
    assert not any("renews" in one for one in the_plan(seen).warnings)


def test_an_ilb_that_is_done_says_what_it_has() -> None:
    assert ended("done", "b-1-VM", way="beside", **{"offering name": "large"}) == (
        "*b-1-VM* now has the offering *large*, with the rules it had, in 6 s.\nNothing was lost."
    )


def test_a_pair_that_is_done_says_its_roles() -> None:
    text = ended("done", "the routers of VPC shop", way="pair", **{"offering name": "large"})
    assert text == (
        "*The routers of VPC shop*: offering *large*, one PRIMARY and one BACKUP, in 6 s.\n"
        "Nothing was lost."
    )


@pytest.mark.parametrize(
    ("way", "next_"),
    [
        ("outage", "`recover b-1-VM` if it is not Running"),
        ("beside", "`recover b-1-VM` if it is not Running, `unpair b-1-VM` if a temporary twin is "
                   "left"),
        ("pair", "Look at states and roles of the routers in CloudStack, before anything else is "
                 "stopped"),
    ],
)  # fmt: skip
def test_a_failed_one_says_the_next_step(way: str, next_: str) -> None:
    assert ended("failed", "b-1-VM", way=way) == (
        "start ILB VM b-1-VM: no host has room\n"
        "\n"
        f"*Next:* {next_}; `resize` again completes what is missing, `why op-1` shows every step."
    )
