"""Compares the network ACL list that a tier shall have with the one in force.

A list is never edited where it is: one that is edited entry by entry passes through states that
nobody approved, a built-in list takes no entry at all (431), and one that other tiers use is
theirs as well. A new list is made, and one call puts it in force (`ReplaceNetworkACLListCmd`).
"""

from __future__ import annotations

from bot.domain.acl import acl_digest, compare, same_rules, wanted_rules
from bot.domain.comparison import AclChange, Difference, Verdict
from bot.domain.plan import in_words
from bot.domain.rule_state import is_keeper
from bot.domain.site import AclList, AclRule, Site
from bot.domain.spec import AclSpec, Spec
from bot.errors import Refused

MARK = "made by ilbot, "
"""How the description of a list of ours begins (a list takes no tags); its fingerprint follows."""


def compare_acl(
    site: Site, spec: Spec, *, overwrite: bool
) -> tuple[list[Difference], AclChange | None, tuple[str, ...]]:
    """Return the line about the list, the change if there is one, and who is cut or let in."""
    wanted, current = spec.acl, site.acl
    if wanted is None:
        return [], None, ()
    if current is None:
        raise Refused(
            f"The network ACL list of tier {site.tier.name} is not shown to this key, so who "
            "would be cut off cannot be told.",
            instead="Leave `acl:` out, or let the read key call listNetworkACLs.",
        )
    if wanted.entries is None:
        return _by_name(site, spec, wanted, current)
    rules = wanted_rules(wanted, site.tiers)
    if same_rules(current.rules, rules):
        return [Difference(Verdict.LEAVE, f"ACL {current.name}", _count(rules))], None, ()
    if is_drifted(current) and not overwrite:
        who = f"somebody else changed the list that ilbot made; it has {_count(current.rules)}"
        return [Difference(Verdict.DRIFT, f"ACL {current.name}", who)], None, ()
    name = wanted.name or f"{site.tier.name}-acl"
    change = AclChange(
        current.id,
        current.name,
        name,
        description=f"{MARK}{acl_digest(rules)}",
        rules=rules,
        drops_before=_is_only_ours(site, current),
    )
    why = _why_not_edited(site, current)
    line = Difference(
        Verdict.REPLACE, f"ACL {current.name}", f"a new list {name} with {_count(rules)}; {why}"
    )
    return [line], change, _reach(site, spec, current.rules, rules)


def is_drifted(acl: AclList) -> bool:
    """Whether ilbot made the list and it no longer says what ilbot wrote."""
    if not acl.description.startswith(MARK):
        return False
    return acl.description.removeprefix(MARK) != acl_digest(acl.rules)


def _by_name(
    site: Site, spec: Spec, wanted: AclSpec, current: AclList
) -> tuple[list[Difference], AclChange | None, tuple[str, ...]]:
    if wanted.name == current.name:
        return [Difference(Verdict.LEAVE, f"ACL {current.name}", "in force")], None, ()
    hits = [one for one in site.acl_lists if one.name == wanted.name]
    if len(hits) != 1:
        how_many = f"{len(hits)} network ACL lists" if hits else "No network ACL list"
        names = in_words(sorted({one.name for one in site.acl_lists}))
        raise Refused(
            f"{how_many} of VPC {site.tier.vpc_name} {'are' if hits else 'is'} called "
            f"{wanted.name}.",
            instead=f"There is {names}." if not hits else "Write its `rules:` out.",
        )
    [found] = hits
    change = AclChange(current.id, current.name, found.name, list_id=found.id)
    line = Difference(Verdict.REPLACE, f"ACL {current.name}", f"by the list {found.name}")
    return [line], change, _reach(site, spec, current.rules, found.rules)


def _is_only_ours(site: Site, acl: AclList) -> bool:
    users = [tier for tier in site.tiers if tier.acl_id == acl.id]
    return acl.description.startswith(MARK) and len(users) == 1


def _why_not_edited(site: Site, acl: AclList) -> str:
    others = [tier.name for tier in site.tiers if tier.acl_id == acl.id and tier.id != site.tier.id]
    if acl.is_built_in:
        return f"{acl.name} is built in and cannot be changed"
    if others:
        return f"{acl.name} is used by {in_words(others)} too and stays as it is"
    if _is_only_ours(site, acl):
        return f"{acl.name} is deleted afterwards"
    return f"{acl.name} stays, unused"


def _count(rules: tuple[AclRule, ...]) -> str:
    return f"{len(rules)} {'entry' if len(rules) == 1 else 'entries'}"


def _reach(
    site: Site, spec: Spec, before: tuple[AclRule, ...], after: tuple[AclRule, ...]
) -> tuple[str, ...]:
    """Rules that the spec does not name count too: a list cuts their clients off as well."""
    rules = (rule for ilb in spec.ilbs for service in ilb.services for rule in service.rules)
    wanted = {rule.port for rule in rules if not rule.is_absent}
    there = {rule.source_port for rule in site.rules if not is_keeper(rule)}
    return compare(site, sorted(wanted | there), before, after)
