"""What a form for a split starts from: the proposed groups, one ILB a line, and why these."""

from __future__ import annotations

from bot.domain import split_words
from bot.domain.acts import Act
from bot.domain.ilb_acts import forbidden
from bot.domain.operation import Wish
from bot.domain.partition import GROUP, MEMBER, groups_in
from bot.domain.router_acts import forbidden as forbidden_to_routers
from bot.domain.router_view import RouterView
from bot.domain.service_view import ServiceView
from bot.domain.splitting import Splitting, Wanted, splitting
from bot.domain.topology import router_target_of
from bot.domain.units import units_of
from bot.errors import Refused
from bot.services.fleet import Fleet
from bot.services.splittable import SPLITTABLE, UNCOUNTED, Seen


async def start_of(fleet: Fleet, named: str) -> tuple[str, str]:
    """Return the proposed groups as lines, and what they are; `Refused` where it cannot be split.

    Where nobody counts, each service has a line of its own: who fills the form in knows more.
    """
    seen = _ilb(await SPLITTABLE.find(fleet, Wish("split", named), ""))
    found, why = _proposal(seen)
    lines = "\n".join(split_words.division(found, seen.ilb.name))
    note = (
        f"One ILB a line. The first line stays at {found.vip}, and so does what no line names.\n"
        f"{lines}\n{why}"
    )
    return as_lines(found.groups), note


async def check(fleet: Fleet, named: str, groups: str) -> None:
    """Raise `Refused` where the groups are none that the ILB can be split into."""
    groups_in(groups)
    seen = _ilb(await UNCOUNTED.find(fleet, Wish("split", named), ""))
    splitting(seen, Wanted(groups=groups))


def as_lines(groups: str) -> str:
    """Write `web,api|admin` as lines: `web, api` and `admin`."""
    return "\n".join(group.replace(MEMBER, f"{MEMBER} ") for group in groups.split(GROUP))


def from_lines(text: str) -> str:
    """Read lines as groups; empty lines are none."""
    lines = [line.strip().strip(MEMBER) for line in text.splitlines()]
    return GROUP.join(
        MEMBER.join(word.strip() for word in line.split(MEMBER)) for line in lines if line
    )


def _ilb(seen: Seen) -> ServiceView:
    """Return the ILB; `Refused` where it may not be split, as its plan would be."""
    acts = (Act.SPLIT,)
    if isinstance(seen, RouterView):
        answer = forbidden_to_routers(router_target_of(seen), acts)
        assert answer is not None, "no router can be split"
        raise Refused(answer.text, instead=answer.instead)
    if answer := forbidden(seen.topology, acts):
        raise Refused(answer.text, instead=answer.instead)
    return seen


def _proposal(seen: ServiceView) -> tuple[Splitting, str]:
    try:
        found = splitting(seen, Wanted())
    except Refused:
        units = units_of(seen)
        staying = [one.label for one in units if one.why_stays]
        moving = [one.label for one in units if not one.why_stays]
        first = staying or moving[:1]
        others = moving if staying else moving[1:]
        if seen.loads or not others:
            raise
        found = splitting(seen, Wanted(groups=GROUP.join([MEMBER.join(first), *others])))
    return found, split_words.basis(found)
