"""Who goes where in a split: as proposed, as somebody said, and what cannot be divided."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from bot.domain.names import DirectoryKind
from bot.domain.service_view import ServiceView
from bot.domain.spec import NAME_TAG, SERVICE_TAG
from bot.domain.splitting import Basis, Splitting, Wanted, splitting
from bot.domain.units import units_of
from bot.errors import Refused
from tests.domain.crowds import ZONE, Carried, crowd, crowds, divided, one
from tests.domain.views import VIP

THREE = (one(80, "web", 70), one(8080, "api", 20), one(9090, "admin", 10))


@given(divided())
def test_every_service_has_one_ilb_and_the_original_keeps_one(
    case: tuple[ServiceView, Splitting],
) -> None:
    seen, found = case
    labels = [label for part in found.parts for label in part.labels]
    assert sorted(labels) == sorted(unit.label for unit in units_of(seen))
    assert all(part.labels for part in found.parts)
    assert found.parts[0].vip == VIP
    moved = {one.label for one in found.passages}
    assert not [unit for unit in units_of(seen) if unit.why_stays and unit.label in moved]
    assert len(set(found.vips)) == len(found.vips) == len(found.parts) - 1
    assert not set(found.vips) & seen.site.addresses()


@given(crowds())
def test_the_same_ilb_is_split_the_same_way(seen: ServiceView) -> None:
    backwards = replace(seen, ilb=replace(seen.ilb, tier_rules=seen.ilb.tier_rules[::-1]))
    assert splitting(backwards, Wanted()) == splitting(seen, Wanted())


def test_the_proposal_evens_out_what_was_counted_and_says_so() -> None:
    found = splitting(crowd(*THREE), Wanted())
    assert found.groups == "web|admin,api"
    assert [part.share for part in found.parts] == [0.7, 0.3]
    assert (found.basis, found.counted_s) == (Basis.RATE, 10)
    assert found.rates == (("web", 7.0), ("api", 2.0), ("admin", 1.0))


def test_the_lightest_service_moves_first() -> None:
    found = splitting(crowd(*THREE), Wanted(into=3))
    assert [one.label for one in found.passages] == ["admin", "api"]


def test_weights_that_are_given_count_instead_of_what_was_seen() -> None:
    found = splitting(crowd(*THREE), Wanted(weights="web:1,api:1,admin:9"))
    assert found.groups == "admin|api,web"
    assert found.basis is Basis.GIVEN


def test_services_that_nobody_uses_count_alike() -> None:
    found = splitting(crowd(one(80, "web"), one(81, "api")), Wanted())
    assert (found.basis, found.groups) == (Basis.ALIKE, "api|web")


def test_services_that_must_stay_together_do() -> None:
    found = splitting(crowd(*THREE), Wanted(together="web,admin"))
    assert found.groups == "admin,web|api"


def test_ports_of_one_name_move_together() -> None:
    web = [Carried(port, "", f"web.{ZONE}", 10) for port in (80, 443)]
    found = splitting(crowd(*web, one(9090, "admin", 50)), Wanted())
    [passage] = found.passages
    assert passage.ports == (80, 443)


@pytest.mark.parametrize("spelled", ["Portal.Shop.internal", "portal.shop.internal."])
def test_ports_of_one_name_move_together_however_their_tags_spell_it(spelled: str) -> None:
    name = "portal.shop.internal"
    seen = crowd(Carried(80, "web", name), Carried(81, "api", spelled), one(82, "admin"))
    records = tuple(one for one in seen.records if one.name != spelled)
    units = units_of(replace(seen, records=records))
    assert [(one.label, one.ports, one.names) for one in units] == [
        ("api+web", (80, 81), (name,)), ("admin", (82,), (f"admin.{ZONE}",)),
    ]  # fmt: skip
    assert [one.why_stays for one in units] == ["", ""]


def test_services_that_would_be_called_alike_go_by_their_ports_too() -> None:
    seen = crowd(
        Carried(80, "web", f"a.{ZONE}", 50), Carried(81, "", "web", 30),
        Carried(82, "port-83", f"b.{ZONE}", 20), Carried(83, "", ""),
    )  # fmt: skip
    assert [one.label for one in units_of(seen)] == ["web-80", "web-81", "port-83-82", "port-83-83"]
    found = splitting(seen, Wanted(groups="web-80|web-81"))
    assert [(one.label, one.ports) for one in found.passages] == [("web-81", (81,))]


def test_a_name_that_is_empty_is_none() -> None:
    seen = crowd(one(80, "web"), one(82, "api"))
    [web, api] = seen.ilb.tier_rules
    api = replace(api, tags=((NAME_TAG, ""), (SERVICE_TAG, "api")))
    seen = replace(seen, ilb=replace(seen.ilb, tier_rules=(web, api)))
    assert (seen.names, seen.nameless_ports) == ((f"web.{ZONE}",), (82,))
    assert units_of(seen)[1].why_stays == "clients of port 82 have the bare address"


def test_what_has_the_bare_address_stays() -> None:
    found = splitting(crowd(*THREE[1:], one(80, "web", 1, named=False)), Wanted(into=3))
    assert found.parts[0].labels == ("web",)


def text_of_refusal(seen: ServiceView, **wanted: object) -> str:
    with pytest.raises(Refused) as no:
        splitting(seen, Wanted(**wanted))  # type: ignore[arg-type]  # a test's short cut
    return str(no.value)


def test_a_service_that_two_names_may_mean_is_said_as_it_is_written() -> None:
    seen = crowd(one(80, "web"), one(82, "api"), Carried(81, "Web", f"other.{ZONE}"))
    assert splitting(seen, Wanted(groups="api,web|Web")).groups == "api,web|Web"
    assert text_of_refusal(seen, groups="api|WEB").startswith(
        "“WEB” may be web (port 80) or Web (port 81)."
    )


def test_without_counters_weights_must_be_given() -> None:
    seen = crowd(*THREE, counted=False)
    text = text_of_refusal(seen)
    assert "nobody reads HAProxy's counters" in text
    assert "weights=web:1,api:1,admin:1" in text
    assert splitting(seen, Wanted(weights="web:7,api:2,admin:1")).groups == "web|admin,api"
    assert splitting(seen, Wanted(groups="web|api,admin")).basis is Basis.UNKNOWN


def test_clients_of_the_bare_address_cannot_be_moved() -> None:
    bare = [replace(each, name="") for each in THREE]
    text = text_of_refusal(crowd(*bare))
    assert "clients of port 80 have the bare address" in text
    assert "Introduce a name first" in text
    text = text_of_refusal(crowd(*THREE[1:], bare[0]), groups="api|web")
    assert text.startswith("web (port 80) cannot be moved: clients of port 80 have the bare")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"into": 4}, "divided into 3 at most, not into 4. `into=3`."),
        ({"into": 3, "together": "web,api"}, "2 at most (web and api stay together)"),
        ({"groups": "web,api"}, "“web,api” is 1 group"),
        ({"groups": "web|api|admin", "into": 2}, "is 3 groups, not 2"),
        ({"groups": "web|web,api"}, "web would be in two groups"),
        ({"groups": "web|wep"}, "Did you mean `web`?"),
        ({"groups": "web|api", "together": "web,api"}, "are to stay together, and the groups part"),
        ({"weights": "web:1,api:2"}, "The weights leave out admin"),
        ({"weights": "web:1,80:2,api:1,admin:1"}, "there twice, by two of its names"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_works(
    wanted: dict[str, object], words: str
) -> None:
    assert words in text_of_refusal(crowd(*THREE), **wanted)


def test_one_service_is_nothing_to_divide() -> None:
    assert "carries one service, web (port 80)" in text_of_refusal(crowd(one(80, "web")))


def test_without_a_directory_no_name_is_moved() -> None:
    seen = replace(crowd(*THREE), directory=DirectoryKind.NONE)
    assert "No directory is set" in text_of_refusal(seen)


def test_a_name_that_leads_elsewhere_too_is_not_ours_to_move() -> None:
    seen = crowd(*THREE, elsewhere=[f"api.{ZONE}"])
    assert "api.shop.internal is published as 10.20.1.99" in text_of_refusal(
        seen, into=3, groups="web|api|admin"
    )


def test_a_rule_that_answers_nobody_cannot_be_proven_elsewhere() -> None:
    seen = crowd(*THREE)
    first, *others = seen.ilb.tier_rules
    idle = replace(first, members=(), state="Add")
    seen = replace(seen, ilb=replace(seen.ilb, tier_rules=(idle, *others)))
    assert "it answers nobody" in text_of_refusal(seen)


def test_each_new_ilb_needs_a_free_address_of_the_tier() -> None:
    seen = crowd(*THREE)
    tier = replace(seen.site.tier, cidr="10.20.1.8/30")  # .9 is free, .10 is the VIP
    seen = replace(seen, site=replace(seen.site, tier=tier))
    assert splitting(seen, Wanted()).vips == ("10.20.1.9",)
    assert "No address of 10.20.1.8/30 is free" in text_of_refusal(seen, into=3)
