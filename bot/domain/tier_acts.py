"""What can be done to a tier's load balancing and what cannot, with the reason and what works."""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.acts import Act, Answer, yes
from bot.domain.cloud import Tier
from bot.domain.ilb_acts import hands_off
from bot.domain.site import Site
from bot.domain.spec import PROVIDER
from bot.errors import Refused

_YES = (
    yes(Act.ADD_RULE, "All rules of the tier are sent again with it."),
    yes(Act.CHANGE_RULE, "All rules of the tier are sent again with it."),
    yes(Act.REMOVE_RULE, "All rules of the tier are sent again with it."),
    yes(Act.CHANGE_ACL, "A new list is put in force in one call."),
    yes(Act.ENABLE_PROVIDER, "It counts for the whole physical network."),
)


def tier_answers(site: Site) -> tuple[Answer, ...]:
    """Answer every act that provisioning is made of; an idle tier is left alone altogether."""
    return tuple(hands_off(site.tier, site.recreate_checks, one.act) or one for one in _YES)


def forbidden_in(site: Site, acts: Iterable[Act]) -> Answer | None:
    """Return why the first of these acts cannot be done to a tier; None where all can."""
    answers = {answer.act: answer for answer in tier_answers(site)}
    return next((answers[act] for act in acts if not answers[act].can), None)


def refuse_without_internal_lb(tier: Tier) -> None:
    """Refuse a tier whose network offering lets nobody make an internal LB rule in it."""
    if not tier.lb_provider:
        raise Refused(
            f"Tier {tier.name} has no load balancing (network offering {tier.offering_name}).",
            instead="A tier whose network offering has the service Lb by InternalLbVm.",
        )
    if tier.lb_provider.casefold() != PROVIDER.casefold():
        raise Refused(
            f"Tier {tier.name} has public load balancing by {tier.lb_provider} (network offering "
            f"{tier.offering_name}); a tier has internal or public load balancing, never both, "
            "and cannot change from one to the other.",
            instead="A tier of its own with internal load balancing.",
        )
