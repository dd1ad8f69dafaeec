"""Busy means for long and mostly, in the order of event time; a flap is no second incident."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.detect import Busy, Detector, Edge, Moment, Rule, crowd
from tests.examples import at_most

RULE = Rule(
    enter_percent=90, exit_percent=70, dwell_s=180, needed=3, of=4, silence_s=150, lateness_s=0,
    gather_s=60, forget_s=3600,
)  # fmt: skip
T0 = 1_795_385_915.0
Sample = tuple[float, float]


def minutes(*percents: float, start: float = T0, every_s: float = 60.0) -> list[Sample]:
    """One sample a minute."""
    return [(start + every_s * number, percent) for number, percent in enumerate(percents)]


def fed(detector: Detector, samples: list[Sample], target: str = "vm-1") -> list[Edge]:
    return [edge for at, percent in samples for edge in detector.feed(target, at, percent)]


def moments(edges: list[Edge]) -> list[tuple[Moment, float]]:
    return [(edge.moment, (edge.at - T0) / 60) for edge in edges]


def test_busy_for_the_dwell_time_is_one_incident_and_due_after_gathering() -> None:
    edges = fed(Detector(RULE), minutes(95, 96, 97, 98, 99, 99, 99))
    assert moments(edges) == [(Moment.ENTERED, 3), (Moment.DUE, 4)]
    assert {edge.since for edge in edges} == {T0}
    assert edges[0].cpu_percent == 98


def test_a_peak_shorter_than_the_dwell_time_is_nothing() -> None:
    assert fed(Detector(RULE), minutes(95, 99, 99, 20, 20, 95, 99, 99, 20, 20)) == []


def test_one_sample_of_four_may_miss_and_two_may_not() -> None:
    assert moments(fed(Detector(RULE), minutes(95, 50, 95, 95))) == [(Moment.ENTERED, 3)]
    assert fed(Detector(RULE), minutes(95, 50, 50, 95, 95)) == []


def test_it_lasts_until_it_was_calm_for_as_long() -> None:
    edges = fed(Detector(RULE), minutes(*[95] * 4, *[80] * 10, *[60] * 4))
    assert moments(edges)[-1] == (Moment.LEFT, 17)
    assert edges[-1].incident == edges[0].incident


def test_flapping_between_the_thresholds_opens_one_incident() -> None:
    edges = fed(Detector(RULE), minutes(*[95] * 4, *[60, 60, 95, 95] * 20))
    assert [edge.moment for edge in edges] == [Moment.ENTERED, Moment.DUE]


def test_a_hole_in_the_samples_is_no_proof_of_having_lasted() -> None:
    late = [(T0 + 600, 95.0), (T0 + 660, 95.0)]
    assert fed(Detector(RULE), [*minutes(95, 95, 95), *late]) == []


def test_silence_of_a_busy_machine_is_told_once_and_is_not_its_end() -> None:
    detector = Detector(RULE)
    fed(detector, minutes(*[95] * 5))
    assert [edge.moment for edge in detector.tick(T0 + 240 + 151)] == [Moment.SILENT]
    assert list(detector.tick(T0 + 240 + 300)) == []
    assert (detector.busy(), detector.unknown()) == (1, 1)
    edges = fed(detector, minutes(*[60] * 4, start=T0 + 900))
    assert [edge.moment for edge in edges] == [Moment.LEFT]


def test_a_machine_that_vanished_is_forgotten_and_its_incident_lost() -> None:
    detector = Detector(RULE)
    fed(detector, minutes(*[95] * 5))
    fed(detector, minutes(5), target="vm-2")
    assert [edge.moment for edge in detector.tick(T0 + 240 + 3601)] == [Moment.LOST]
    assert len(detector) == 0


def test_the_stream_itself_tells_the_time_in_a_backlog() -> None:
    detector = Detector(RULE)
    fed(detector, minutes(*[95] * 5))
    fed(detector, minutes(5, start=T0 + 300), target="vm-2")
    assert list(detector.tick(detector.newest)) == []


def test_a_sample_within_the_lateness_is_put_in_order_and_an_older_one_is_dropped() -> None:
    detector = Detector(replace(RULE, lateness_s=90))
    one, two, three, four, five = minutes(95, 95, 95, 95, 95)
    edges = fed(detector, [one, three, two, five, four, (five[0] + 90, 95.0)])
    assert moments(edges) == [(Moment.ENTERED, 3), (Moment.DUE, 4)]
    assert detector.late == 0
    fed(detector, [(T0 + 30, 10.0)])
    assert detector.late == 1


def test_what_an_open_incident_was_told_by_does_not_open_another() -> None:
    before = fed(Detector(RULE), minutes(*[95] * 8))
    again = Detector(RULE, {"vm-1": T0})
    edges = fed(again, minutes(*[20] * 5, *[95] * 8, start=T0 - 300))
    assert [edge.moment for edge in edges] == [Moment.DUE]
    assert edges[0].incident == before[0].incident


def test_more_samples_of_one_target_than_may_wait_are_taken_in_order() -> None:
    detector = Detector(replace(RULE, lateness_s=10_000, most_waiting=8))
    edges = fed(detector, minutes(*[95] * 20))
    assert edges[0].moment is Moment.ENTERED
    assert len(detector._targets["vm-1"].waiting) == 8


def test_more_targets_than_may_be_are_counted_and_not_kept() -> None:
    detector = Detector(replace(RULE, most_targets=2))
    for name in ("a", "b", "c"):
        detector.feed(name, T0, 99.0)
    assert (len(detector), detector.refused) == (2, 1)


# Against a second definition, on whole lists.

PERCENTS = st.sampled_from([20.0, 69.0, 70.0, 80.0, 89.0, 90.0, 99.0])


def turns_by_list(samples: list[Sample], rule: Rule) -> list[tuple[Moment, float, float]]:
    """Say by whole lists when one target turned: moment, since, at."""
    found: list[tuple[Moment, float, float]] = []
    run: list[tuple[float, bool]] = []
    busy_since, before = None, None
    for at, percent in samples:
        if before is not None and at - before > rule.silence_s:
            run = []
        before = at
        counts = percent >= rule.enter_percent if busy_since is None else percent <= 70
        if run or counts:
            run.append((at, counts))
        last = [one for _, one in run[-rule.of :]]
        if last.count(False) > rule.of - rule.needed:
            run = []
        elif counts and last.count(True) >= rule.needed and at - run[0][0] >= rule.dwell_s:
            moment = Moment.ENTERED if busy_since is None else Moment.LEFT
            found.append((moment, run[0][0] if busy_since is None else busy_since, at))
            busy_since = run[0][0] if busy_since is None else None
            run = []
    return found


def turned(edges: list[Edge]) -> list[tuple[Moment, float, float]]:
    turns = (Moment.ENTERED, Moment.LEFT)
    return [(edge.moment, edge.since, edge.at) for edge in edges if edge.moment in turns]


@given(st.lists(st.tuples(st.sampled_from([10, 60, 61, 149, 151]), PERCENTS), max_size=60))
def test_it_finds_what_a_definition_on_whole_lists_finds(steps: list[tuple[int, float]]) -> None:
    at, samples = T0, []
    for gap, percent in steps:
        at += gap
        samples.append((at, percent))
    assert turned(fed(Detector(RULE), samples)) == turns_by_list(samples, RULE)


@given(st.lists(PERCENTS, min_size=1, max_size=60), st.integers(0, 2**32))
def test_order_within_the_lateness_does_not_matter(percents: list[float], seed: int) -> None:
    rule = replace(RULE, lateness_s=200)
    samples = minutes(*percents)
    chance = random.Random(seed)
    shuffled = sorted(samples, key=lambda sample: sample[0] + chance.uniform(0, 199))
    detectors = Detector(rule), Detector(rule)
    ends_at = samples[-1][0] + 200
    in_order, mixed = (
        fed(detector, some) + list(detector.tick(ends_at))
        for detector, some in zip(detectors, (samples, shuffled), strict=True)
    )
    assert in_order == mixed
    assert turned(in_order) == turns_by_list(samples, rule)
    assert detectors[1].late == 0


@given(st.lists(PERCENTS, min_size=1, max_size=60), st.data())
def test_a_replay_of_the_same_samples_opens_nothing_twice(
    percents: list[float], data: st.DataObject
) -> None:
    """The detector dies at any point and begins again any way back, with what was stored."""
    samples = minutes(*percents)
    cut = data.draw(st.integers(0, len(samples)))
    back = data.draw(st.integers(0, cut))
    whole = turned(fed(Detector(RULE), samples))
    first = fed(Detector(RULE), samples[:cut])
    opened: dict[str, float] = {}
    for moment, since, _ in turned(first):
        opened = {"vm-1": since} if moment is Moment.ENTERED else {}
    again = Detector(RULE, opened)
    fed(again, samples[back:cut])  # replayed: nothing of it is news
    second = fed(again, samples[cut:])
    ids = [edge.since for edge in [*first, *second] if edge.moment is Moment.ENTERED]
    assert len(ids) == len(set(ids))
    if back == 0:
        assert turned([*first, *second]) == whole


@at_most(30)
@given(st.lists(st.lists(PERCENTS, min_size=5, max_size=40), min_size=1, max_size=6))
def test_targets_do_not_disturb_each_other(several: list[list[float]]) -> None:
    together = Detector(RULE)
    edges: list[Edge] = []
    for number in range(max(map(len, several))):
        for target, percents in enumerate(several):
            if number < len(percents):
                edges += together.feed(f"vm-{target}", T0 + 60 * number, percents[number])
    for target, percents in enumerate(several):
        alone = fed(Detector(RULE), minutes(*percents), f"vm-{target}")
        assert [edge for edge in edges if edge.target_id == f"vm-{target}"] == alone


# Several on one host.


@dataclass
class Decoded:
    target: str
    at: float
    cpu_percent: float
    name: str = "b-1-VM"
    host: str = ""


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(-3, 9), PERCENTS), max_size=80),
    st.sampled_from([0.0, 60.0, 150.0]),
)
def test_samples_taken_together_mean_what_they_mean_one_by_one(
    steps: list[tuple[str, int, float]], lateness_s: float
) -> None:
    rule = replace(RULE, lateness_s=lateness_s, most_waiting=4)
    together, alone = Detector(rule), Detector(rule)
    now = dict.fromkeys("abc", T0)
    samples = []
    for target, step, percent in steps:
        now[target] += 20.0 * step
        samples.append(Decoded(target, now[target], percent))
    taken = 0
    while taken < len(samples):
        count, edges = together.feed_known(samples[taken:], T0 - 400, T0 + 9_000)
        for number, one in enumerate(samples[taken : taken + count], start=1):
            found = alone.feed(one.target, one.at, one.cpu_percent, one.name)
            assert list(found) == (list(edges) if number == count else [])
        taken += count
        if taken < len(samples) and not edges:
            one = samples[taken]
            is_new = one.target not in {other.target for other in samples[:taken]}
            assert is_new or not T0 - 400 <= one.at <= T0 + 9_000
            for detector in (together, alone):
                detector.feed(one.target, one.at, one.cpu_percent, one.name)
            taken += 1
        assert together.newest == alone.newest
        assert (together.late, together.repeated) == (alone.late, alone.repeated)
    assert together.tick(T0 + 20_000) == alone.tick(T0 + 20_000)


def machines(*began: float, host: str = "kvm-1") -> list[Busy]:
    return [Busy(f"vm-{n}", f"b-{n}-VM", host, T0 + at, 90.0 + n) for n, at in enumerate(began)]


@pytest.mark.parametrize(
    ("began", "found"),
    [((0, 100), 0), ((0, 100, 299), 3), ((0, 100, 301), 0), ((0, 400, 450, 500), 3)],
)
def test_several_machines_that_became_busy_together_are_a_matter_of_their_host(
    began: tuple[float, ...], found: int
) -> None:
    there = crowd(machines(*began), "kvm-1", window_s=300, enough=3)
    assert len(there) == found
    assert list(there) == sorted(there, key=lambda one: -one.cpu_percent)


def test_machines_on_other_hosts_or_on_none_known_do_not_count() -> None:
    elsewhere = [*machines(0, 1, host="kvm-1"), *machines(2, 3, 4, host="")]
    assert crowd(elsewhere, "kvm-1", window_s=300, enough=3) == ()
    assert crowd(elsewhere, "", window_s=300, enough=3) == ()
