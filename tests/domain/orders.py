"""Orders of a split's stages in which clients are refused."""

from __future__ import annotations

from bot.domain.splitting import Do, Splitting, Stage, stages

Wrong = tuple[Do, Do]
"""What comes too late, and what it comes after."""
UNREMEMBERED: Wrong = (Do.QUIET, Do.REMOVE)
"""The old rule goes while clients remember the old address."""
UNMOVED: Wrong = (Do.PUBLISH, Do.REMOVE)
"""The old rule goes before its name has moved."""
UNPROVEN: Wrong = (Do.PROVE, Do.PUBLISH)
"""The name moves to what nobody has seen answer."""
UNBUILT: Wrong = (Do.BUILD, Do.PUBLISH)
"""The name moves to where nothing is."""
WRONG = (UNREMEMBERED, UNMOVED, UNPROVEN, UNBUILT)


def in_wrong_order(found: Splitting, wrong: Wrong) -> tuple[Stage, ...]:
    """Return the planned stages with the first of one kind moved after the first of another."""
    late, early = wrong
    order = list(stages(found))
    stage = next(each for each in order if each.do is late)
    order.remove(stage)
    order.insert([each.do for each in order].index(early) + 1, stage)
    return tuple(order)
