import numpy as np
import pytest
from scipy.stats import norm

from lineup.statistics.answers import Floats
from lineup.statistics.correction import correct, find_levels, to_deviates

DRAWS = 40_000


def draw(tests: int, *, alike: bool) -> Floats:
    """What chance makes of tests that have nothing to do with each other, or all say the same."""
    generator = np.random.default_rng(0)
    return np.abs(
        generator.normal(size=(DRAWS, 1)) * np.ones(tests) if alike else generator.normal(size=(DRAWS, tests))
    )


def test_a_deviate_is_as_far_out_as_its_p() -> None:
    assert to_deviates(np.array([1, 0.0455, 1e-9])) == pytest.approx([0, 2, norm.isf(5e-10)], abs=1e-3)
    assert np.isfinite(to_deviates(np.zeros(1))).all()


def test_tests_that_have_nothing_to_do_with_each_other_count_each_for_itself() -> None:
    p = np.array([0.01, 0.02, 0.5, 0.03])
    corrected = correct(p, draw(4, alike=False))
    # Sidak's formula, of those that are not farther out.
    assert corrected == pytest.approx([1 - 0.99**4, 1 - 0.98**3, 0.5, 1 - 0.97**2], abs=0.005)


def test_tests_that_say_the_same_count_once() -> None:
    p = np.array([0.01, 0.01, 0.01])
    assert correct(p, draw(3, alike=True)) == pytest.approx(p, abs=0.002)


def test_what_is_farther_out_does_not_count() -> None:
    # The first has nothing to do with the others, which say the same.
    chance = np.hstack([draw(2, alike=False)[:, 1:], draw(9, alike=True)])
    assert np.abs(np.corrcoef(chance[:, 0], chance[:, 1])[0, 1]) < 0.02
    corrected = correct(np.append(0.001, np.full(9, 0.02)), chance)
    assert corrected == pytest.approx(np.append(0.002, np.full(9, 0.02)), abs=0.002)


def test_none_passes_that_is_less_far_out_than_one_that_does_not() -> None:
    # One test is left beside the second, and two beside the first.
    corrected = correct(np.array([0.01, 0.011]), draw(2, alike=False))
    assert corrected[1] == corrected[0] == pytest.approx(1 - 0.99**2, abs=0.002)


def test_holms_p_is_the_largest_and_p_itself_the_smallest() -> None:
    one = np.array([0.03])
    assert correct(one, draw(1, alike=False)) == pytest.approx(one, abs=1e-12)
    # Far out, as many draws say nothing, and Holm's formula does.
    assert correct(np.array([1e-12, 0.5]), draw(2, alike=False))[0] == pytest.approx(2e-12)


@pytest.mark.parametrize("alike", [True, False])
def test_a_test_at_its_level_is_as_probable_as_asked(alike: bool) -> None:
    chance = draw(6, alike=alike)
    p = np.array([1e-9, 0.4, 0.5, 0.6, 0.7, 0.8])
    levels = find_levels(correct(p, chance), chance, 0.05)
    # Five are left; the first would come beside them.
    expected = np.full(6, 0.05) if alike else 1 - 0.95 ** (1 / np.array([6, 5, 5, 5, 5, 5]))
    assert levels == pytest.approx(expected, rel=0.06)


def test_where_all_come_out_each_has_the_whole_level() -> None:
    chance = draw(2, alike=False)
    assert find_levels(correct(np.full(2, 1e-9), chance), chance, 0.05) == pytest.approx(0.05, rel=0.03)
