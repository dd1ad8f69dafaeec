"""The advisor is held to a bar, against a queueing model whose cases it was not tuned on."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import pytest

from bench import advice_cases, advice_model
from bench.advice import ASIDE_SEEDS, COUNT, by_cpu_alone, cases, score

MOST_WRONG, LEAST_RIGHT = 0.05, 0.6
"""Of cases where nothing is missing; the rest is "not enough evidence"."""


def known(count: int, seeds: tuple[int, ...]) -> list[advice_cases.Case]:
    return [one for one in cases(seeds, advice_cases.ASIDE, count) if not one.missing]


def test_few_answers_are_wrong_on_cases_that_were_kept_aside() -> None:
    found = score(known(200, ASIDE_SEEDS[:1]))
    assert found.part(found.wrong) <= MOST_WRONG, found
    assert found.part(found.right) >= LEAST_RIGHT, found


@pytest.mark.slow
def test_few_answers_are_wrong_on_all_that_was_kept_aside() -> None:
    found = cases(ASIDE_SEEDS, advice_cases.ASIDE, COUNT)
    whole = score([one for one in found if not one.missing])
    lacking = score([one for one in found if one.missing])
    assert whole.part(whole.wrong) <= MOST_WRONG, whole
    assert whole.part(whole.right) >= LEAST_RIGHT, whole
    assert lacking.part(lacking.wrong) <= MOST_WRONG, lacking
    plain = score([one for one in found if not one.missing], by_cpu_alone)
    assert plain.part(plain.wrong) > 4 * whole.part(whole.wrong), "the numbers are worth reading"


def test_without_its_cpu_or_its_size_nothing_is_advised() -> None:
    found = cases(ASIDE_SEEDS[:1], advice_cases.ASIDE, 200)
    lacking = score([one for one in found if one.missing in {"cpu", "size"}])
    assert lacking.total > 5
    assert lacking.abstained == lacking.total


def test_every_kind_of_label_is_there() -> None:
    labels = {one for case in known(200, ASIDE_SEEDS[:1]) for one in case.right}
    assert labels == {"resize", "split", "twin", "migrate", "members", "nothing"}


def test_the_same_seed_gives_the_same_cases() -> None:
    assert known(20, (5,)) == known(20, (5,))


@pytest.mark.parametrize("module", ["advice_model.py", "advice_cases.py"])
def test_what_labels_knows_nothing_of_the_advisor(module: str) -> None:
    text = (Path(advice_model.__file__).parent / module).read_text()
    names = [
        one.module or "" for one in ast.walk(ast.parse(text)) if isinstance(one, ast.ImportFrom)
    ]
    assert not [one for one in names if one.split(".")[0] in {"bot", "handlers", "workflows"}]


@pytest.mark.parametrize(("servers", "busy"), [(1, 0.8), (3, 0.7)])
def test_the_model_agrees_with_a_simulated_queue(servers: int, busy: float) -> None:
    service_s = 0.01
    waited = simulated_wait_s(servers, busy * servers / service_s, service_s)
    solved = advice_model.waiting_s(busy * servers, servers, service_s)
    assert solved == pytest.approx(waited, rel=0.1)


def simulated_wait_s(servers: int, rate: float, service_s: float, count: int = 60_000) -> float:
    """Return the mean wait of customers who come by chance and take their chance of time."""
    draw = random.Random(1)
    free_at = [0.0] * servers
    now = waited = 0.0
    for _ in range(count):
        now += draw.expovariate(rate)
        first = min(range(servers), key=lambda one: free_at[one])
        begins = max(now, free_at[first])
        waited += begins - now
        free_at[first] = begins + draw.expovariate(1 / service_s)
    return waited / count
