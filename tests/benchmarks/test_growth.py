"""How growth is told: the exponent, what is held against it, and that every area is measured at three sizes far enough apart."""

import pytest

from benchmarks.growth.__main__ import AREAS
from benchmarks.growth.curve import TOLERANCE, Curve, cells, exponent, report

SIZES = (100, 1_000, 10_000)


@pytest.mark.parametrize(
    ("costs", "wanted"), [((5.0, 5.0, 5.0), 0.0), ((2.0, 20.0, 200.0), 1.0), ((3.0, 300.0, 30_000.0), 2.0), ((0.1, 0.01, 0.9), 0.0)]
)
def test_the_exponent_is_that_of_the_line_through_the_logarithms(costs: tuple[float, ...], wanted: float) -> None:
    assert exponent(SIZES, costs) == pytest.approx(wanted)


def test_one_outlier_in_the_middle_does_not_hide_growth_at_the_ends() -> None:
    assert exponent(SIZES, (10.0, 90.0, 1_000.0)) == pytest.approx(1.0, abs=0.05)


def test_growth_that_should_not_be_is_told_and_less_than_expected_is_none() -> None:
    def curve(should: float, *costs: float) -> Curve:
        return Curve("entries", "a page", SIZES, costs, should)

    assert curve(0, 20.0, 21.0, 20.0).holds and curve(1, 5.0, 50.0, 500.0).holds and curve(1, 5.0, 5.0, 5.0).holds
    assert not curve(0, 20.0, 63.0, 200.0).holds and not curve(1, 1.0, 100.0, 10_000.0).holds
    assert TOLERANCE < 0.3 and cells(curve(0, 20.0, 63.0, 200.0))[-3:] == ["0.50", "0", "no"]
    assert cells(curve(1, 5.0, 50.0, 500.0)) == ["entries", "a page", "ms of CPU", "100 / 1,000 / 10,000", "5 / 50 / 500", "1.00", "1", "yes"]
    assert "| entries | a page | ms of CPU | 100 / 1,000 / 10,000 | 5 / 50 / 500 | 1.00 | 1 | yes |" in report(
        [curve(1, 5.0, 50.0, 500.0)], "x", (1.0, 2.0)
    )


def test_every_area_has_three_sizes_a_factor_of_four_apart() -> None:
    for _, (low, middle, high) in AREAS.values():
        assert 4 * low <= middle and 4 * middle <= high
