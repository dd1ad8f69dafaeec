"""A plot shows a loss, however small, and nothing like one where there was none."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO

import pytest
from PIL import Image

from bot.domain.curve import Curve, Mark, Point, Span
from bot.services import plot

NOON = 1_800_014_400


def curve(*, seconds: int = 60, failed: int = 0, resets: int = 0, blind: int = 0) -> Curve:
    points = [Point(NOON + at, 500, 0, 0, 0.001, 0.004) for at in range(seconds)]
    points[20] = Point(NOON + 20, 500, failed, resets, 0.001, 0.9)
    return Curve(tuple(one for one in points if not 30 <= one.second - NOON < 30 + blind))


def pixels(png: bytes, colour: str) -> int:
    """Count the pixels of just this colour."""
    with Image.open(BytesIO(png)) as picture:
        assert picture.size == (900, 400)
        wanted = tuple(bytes.fromhex(colour.removeprefix("#")))
        counts = picture.convert("RGB").getcolors(maxcolors=900 * 400)
    assert counts is not None
    return next((count for count, found in counts if found == wanted), 0)


@pytest.mark.parametrize("loss", [{"failed": 1}, {"resets": 1}])
@pytest.mark.parametrize("seconds", [60, 7200])
def test_one_loss_among_thousands_is_seen(loss: dict[str, int], seconds: int) -> None:
    assert pixels(plot.draw(curve(seconds=seconds, **loss)), plot.LOST) > 50


def test_without_loss_nothing_has_its_colour() -> None:
    quiet = plot.draw(curve())
    assert pixels(quiet, plot.LOST) == 0
    assert pixels(quiet, plot.SEEN) > 10_000


def test_seconds_that_nobody_saw_are_no_traffic() -> None:
    seen, blind = plot.draw(curve()), plot.draw(curve(blind=20))
    assert pixels(blind, plot.SEEN) < 0.75 * pixels(seen, plot.SEEN)


def test_a_withdrawn_place_and_the_steps_are_shown() -> None:
    plain = curve()
    marked = Curve(
        plain.points,
        (Span(NOON + 10.0, NOON + 50.0, "10.1.1.10:80"),),
        tuple(Mark(NOON + 2.0 * at, f"Step {at}") for at in range(12)),
    )
    assert pixels(plot.draw(plain), plot.WITHDRAWN) < 100  # the edges of letters
    assert pixels(plot.draw(marked), plot.WITHDRAWN) > 5_000


def test_a_service_that_never_answered_can_be_drawn() -> None:
    dead = Curve(tuple(Point(NOON + at, 20, 20) for at in range(10)))
    assert pixels(plot.draw(dead), plot.LOST) > 10_000


def test_a_single_second_and_a_second_without_attempts_can_be_drawn() -> None:
    assert plot.draw(Curve((Point(NOON, 0),)))


def test_the_same_curve_is_the_same_picture() -> None:
    assert plot.draw(curve(failed=3)) == plot.draw(curve(failed=3))


async def test_a_picture_has_a_name_a_title_and_words() -> None:
    picture = await plot.plot("op-1", curve(failed=3))
    assert picture is not None
    assert (picture.name, picture.title) == ("traffic-op-1.png", "Traffic during op-1")
    assert "3 failed" in picture.alt
    assert picture.png.startswith(b"\x89PNG")


async def test_what_nobody_saw_is_not_drawn() -> None:
    assert await plot.plot("op-1", Curve(())) is None


@pytest.mark.slow
def test_a_start_does_not_pay_for_plots() -> None:
    program = (
        "import bot.services.plot, bot.services.cards, sys; print('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"False"
