"""Finds the VMs that a spec names as members: by name, id or tag, in the tier and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.plan import in_words
from bot.domain.site import Site, UserVm
from bot.domain.spec import MemberBy, MemberRef
from bot.domain.spelling import nearest
from bot.errors import Refused


def members_of(site: Site, refs: Iterable[MemberRef], what: str) -> tuple[UserVm, ...]:
    """Return the VMs of the tier that these name, each once, by id.

    Raises `Refused` for one that is not there, is there twice, or names none: CloudStack answers
    a wrong member with "Failed to assign load balancer rule" and no reason
    (`AssignToLoadBalancerRuleCmd`).
    """
    found = {vm.id: vm for ref in refs for vm in _named(site, ref, what)}
    return tuple(found[vm_id] for vm_id in sorted(found))


def _named(site: Site, ref: MemberRef, what: str) -> tuple[UserVm, ...]:
    hits = tuple(vm for vm in site.machines if _is_meant(vm, ref))
    if len(hits) > 1 and ref.by is MemberBy.NAME:
        choices = in_words([f"`id: {vm.id}` ({vm.address})" for vm in hits])
        raise Refused(
            f"{what} names the member {ref.value}, and {len(hits)} VMs of tier {site.tier.name} "
            "have that name.",
            instead=f"Name it by id: {choices}.",
        )
    if not hits:
        raise Refused(
            f"{what} names the member {ref}, and no VM in tier {site.tier.name} goes by it: "
            "members must have an address in the tier of their ILB.",
            instead=_hint(site, ref),
        )
    return hits


def _is_meant(vm: UserVm, ref: MemberRef) -> bool:
    if ref.by is MemberBy.TAG:
        key, _, value = ref.value.partition("=")
        return (key, value) in vm.tags
    return ref.value == (vm.id if ref.by is MemberBy.ID else vm.name)


def _hint(site: Site, ref: MemberRef) -> str:
    names = sorted({vm.name for vm in site.machines})
    near = nearest(ref.value, names) if ref.by is MemberBy.NAME else ""
    if near:
        return f"Did you mean {near}?"
    return f"The tier has {in_words(names[:12])}." if names else "The tier has no VM yet."
