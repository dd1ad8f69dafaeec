"""Turns a tier as it is into the text of its spec, which is read back before anybody gets it."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.cloud import Tier
from bot.domain.export import spec_of, unsaid
from bot.domain.site import Site
from bot.domain.spec import Spec
from bot.errors import Refused
from bot.services.fleet import Fleet
from bot.services.spec_file import read_spec
from bot.services.spec_text import spec_text


async def exported(fleet: Fleet, named: str) -> str:
    """Return the text for the tier of that name; `Refused` where there is none."""
    tier = await fleet.find_tier(named)
    return await written(fleet, await fleet.site(tier.id))


async def written(fleet: Fleet, site: Site) -> str:
    """Return the text for a site; the tier goes by its id where its name means others as well."""
    spec = spec_of(site)
    if not await _means(fleet, spec.tier, site.tier):
        spec = replace(spec, tier=site.tier.id)
    text = spec_text(spec, unsaid(site))
    _read_back(text, spec, site.tier)
    return text


async def _means(fleet: Fleet, named: str, tier: Tier) -> bool:
    try:
        return (await fleet.find_tier(named)).id == tier.id
    except Refused:
        return False


def _read_back(text: str, spec: Spec, tier: Tier) -> None:
    """Refuse a text that would say something else, or nothing, to whoever provisions it."""
    try:
        why = "" if read_spec(text, "spec") == spec else "it reads back as another one"
    except Refused as no:
        why = no.why
    if why:
        raise Refused(
            f"What tier {tier.name} has cannot be written down as a spec: {why}",
            instead="Change that in CloudStack, or write the spec by hand.",
        )
