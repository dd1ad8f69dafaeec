"""What can be done to a tier's load balancing and what cannot, with the reason and what works."""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.acts import Act, Answer, yes
from bot.domain.ilb_acts import hands_off
from bot.domain.site import Site

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
