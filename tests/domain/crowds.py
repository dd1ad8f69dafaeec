"""Crowded ILBs, by hand and by hypothesis: services on one VIP, with names or without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from bot.domain.cloud import LbRule
from bot.domain.counted import Load
from bot.domain.names import DirectoryKind, Record
from bot.domain.service_view import ServiceView
from bot.domain.spec import NAME_TAG, SERVICE_TAG
from bot.domain.splitting import Splitting, Wanted, splitting
from bot.domain.units import units_of
from tests.domain.views import HTTP, VIP, service, view

ZONE = "shop.internal"
KNOWN_S = 10.0


@dataclass(frozen=True, slots=True)
class Carried:
    """One rule of a crowd: its port, service and name (`""` for none), and clients' connections."""

    port: int
    service: str
    name: str
    new: int = 0

    @property
    def rule(self) -> LbRule:
        """It as CloudStack shows it."""
        tags = ((NAME_TAG, self.name), (SERVICE_TAG, self.service))
        return replace(
            HTTP, id=f"r-{self.port}", name=f"rule-{self.port}", source_port=self.port,
            tags=tuple(tag for tag in tags if tag[1]),
        )  # fmt: skip


def one(port: int, service: str, new: int = 0, *, named: bool = True) -> Carried:
    """A service of one rule, with a name after it."""
    return Carried(port, service, f"{service}.{ZONE}" if named else "", new)


def crowd(*carried: Carried, counted: bool = True, elsewhere: Sequence[str] = ()) -> ServiceView:
    """Return the ILB that carries them; names of `elsewhere` are not published as its VIP."""
    names = sorted({each.name for each in carried} - {""})
    records = (Record(name, ("10.20.1.99",) if name in elsewhere else (VIP,), 5) for name in names)
    loads = tuple(Load(each.port, KNOWN_S, each.new / KNOWN_S, 0) for each in carried)
    return service(
        view(tier_rules=tuple(each.rule for each in carried)),
        directory=DirectoryKind.RFC2136,
        records=tuple(records),
        loads=loads if counted else (),
    )


@st.composite
def crowds(draw: st.DrawFn) -> ServiceView:
    """Draw any crowd that can be divided: two services that move, and others that share names and
    services, have none, or have names that lead elsewhere."""
    ports = draw(st.lists(st.integers(1, 60), min_size=2, max_size=7, unique=True))
    words = st.sampled_from(["", "web", "api", "admin", "shop", "cart", "ops"])
    loads = st.integers(0, 1000)
    carried = [one(ports[0], "first", draw(loads)), one(ports[1], "second", draw(loads))]
    for port in ports[2:]:
        name = draw(words)
        carried.append(Carried(port, draw(words), name and f"{name}.{ZONE}", draw(loads)))
    elsewhere = draw(st.sets(st.sampled_from([f"web.{ZONE}", f"ops.{ZONE}"]), max_size=1))
    return crowd(*carried, elsewhere=sorted(elsewhere))


@st.composite
def divided(draw: st.DrawFn) -> tuple[ServiceView, Splitting]:
    """Any crowd, divided as it is proposed or as somebody says."""
    seen = draw(crowds())
    units = units_of(seen)
    free = [unit.label for unit in units if not unit.why_stays]
    if draw(st.booleans()):
        staying = [unit.label for unit in units if unit.why_stays]
        return seen, splitting(seen, Wanted(into=draw(st.integers(2, len(free) + bool(staying)))))
    moved = draw(st.lists(st.sampled_from(free), min_size=1, max_size=len(free) - 1, unique=True))
    marks = draw(st.lists(st.sampled_from("|,"), min_size=len(moved), max_size=len(moved)))
    stays = next(label for label in free if label not in moved)
    text = f"{stays}|" + "".join(map("".join, zip(moved, marks, strict=True)))[:-1]
    return seen, splitting(seen, Wanted(groups=text))
