"""Says in words who carries what after a split, and on what that rests."""

from __future__ import annotations

from bot.domain.plan import in_words
from bot.domain.splitting import Basis, Part, Splitting


def division(found: Splitting, name: str) -> tuple[str, ...]:
    """Return a line for each ILB; `name` is that of the one which stays."""
    stays, *others = found.parts
    known = " of 100 %" if stays.share is not None else ""
    return (
        f"= {stays.vip} ({name}): {_carries(stays)}{known}",
        *(f"+ {part.vip} (new): {_carries(part)}" for part in others),
    )


def basis(found: Splitting) -> str:
    """Say on what the shares rest."""
    if found.basis is Basis.UNKNOWN:
        return "What each service carries was not counted: the groups are as they were given."
    if found.basis is Basis.ALIKE:
        return (
            f"In {found.counted_s} s no client was seen, so all services count alike; "
            "`weights=web:3,api:1` says what they carry."
        )
    if found.basis is Basis.GIVEN:
        return f"Shares are by {found.basis}."
    unit = "a second" if found.basis is Basis.RATE else "at once"
    told = in_words([f"{label} {rate:.3g}" for label, rate in found.rates])
    return (
        f"Shares are by {found.basis} {unit}, counted by HAProxy for {found.counted_s} s: {told}."
    )


def percent(share: float) -> str:
    """Write a share (0 to 1) as `55 %`."""
    return f"{100 * share:.0f} %"


def _carries(part: Part) -> str:
    share = f", {percent(part.share)}" if part.share is not None else ""
    return f"{in_words(part.labels)}{share}"
