from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap, norm, t, ttest_1samp

from lineup.statistics.answers import Floats, compare_all, split_answers
from lineup.statistics.bootstrap import RESAMPLES, resample
from lineup.statistics.intervals import seeds_interval, wilson_interval
from lineup.statistics.pairs import Pair, compare_pairs
from lineup.statistics.ranking import rank
from lineup.statistics.spread import NONE, Spread, Spreads


def answer(generator: np.random.Generator, accuracy: float, seeds: int, images: int) -> Floats:
    """Outcomes of seeds that are right about an image with a probability of its own."""
    chances = np.clip(generator.normal(accuracy, 0.2, images), 0, 1)
    return (generator.random((seeds, images)) < chances).astype(float)


def disagree(images: int, only_first: int, only_second: int) -> tuple[Floats, Floats]:
    """Two models that are right about all images but those that only one is right about."""
    first, second = np.ones((1, images)), np.ones((1, images))
    second[0, :only_first] = first[0, only_first : only_first + only_second] = 0
    return first, second


def make_pair(first: str, second: str, difference: float, corrected: float) -> Pair:
    return Pair(first, second, difference, 0, 0, corrected, corrected, 0, None)


# --- intervals ---------------------------------------------------------------------------------------------


def test_wilson_interval_is_the_formula() -> None:
    low, high = wilson_interval(0.7, 10_000)
    p, n, z = 0.7, 10_000, 1.959963984540054
    middle, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    assert (low, high) == pytest.approx(
        ((middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)), abs=1e-12
    )


def test_wilson_interval_of_a_mean_rounds_to_whole_images() -> None:
    assert wilson_interval(0.66666, 3) == wilson_interval(2 / 3, 3)


def test_interval_over_seeds_is_students() -> None:
    figures = [0.71, 0.74, 0.72]
    low, high = seeds_interval(figures)
    expected = ttest_1samp(figures, 0).confidence_interval(0.95)
    assert (low, high) == pytest.approx((expected.low, expected.high))


# --- the bootstrap -----------------------------------------------------------------------------------------


def test_one_seed_deviates_as_in_scipys_paired_bootstrap() -> None:
    generator = np.random.default_rng(1)
    first, second = answer(generator, 0.7, 1, 400), answer(generator, 0.6, 1, 400)
    reference = bootstrap(
        (first[0], second[0]),
        lambda one, two, axis: one.mean(axis) - two.mean(axis),
        paired=True,
        n_resamples=RESAMPLES,
        rng=2,
    )
    resampled = resample([first, second])
    error = np.std(resampled[:, 0] - resampled[:, 1], ddof=1)
    assert error == pytest.approx(reference.standard_error, rel=0.05)


def test_the_same_images_are_drawn_for_all_runs_and_always() -> None:
    run = answer(np.random.default_rng(1), 0.7, 1, 100)
    resampled = resample([run, run.copy()])
    assert resampled.std() > 0
    assert np.array_equal(resampled[:, 0], resampled[:, 1])
    assert np.array_equal(resample([run, run]), resampled)


# --- the spread of seeds -----------------------------------------------------------------------------------

WIDE = 10_000  # images, so many that single answers make nearly no variance


def shift(means: Sequence[float]) -> Floats:
    """Seeds with these means, each as good on one image as on any other but for a little chance."""
    signs = np.random.default_rng(0).permuted(np.resize([0.1, -0.1], (len(means), WIDE)), axis=1)
    return np.array(means)[:, None] + signs


def reach(spread: Spread, probability: float) -> float:
    """How far a mean with this spread strays with `probability`, either way."""
    distances = np.linspace(0, 1, 20_001)
    beyond = 2 * norm.sf(distances[:, None] / np.sqrt(spread.variances + 1e-20)) @ spread.weights
    return float(np.interp(-probability, -beyond, distances))


def test_a_run_alone_strays_as_students_t_says() -> None:
    figures = [0.50, 0.56, 0.53]
    (spread,) = Spreads([shift(figures)]).of_runs()
    error = np.std(figures, ddof=1) / 3**0.5
    for probability in (0.05, 0.005):
        assert reach(spread, probability) == pytest.approx(error * t.isf(probability / 2, 2), rel=0.02)


def test_runs_that_spread_alike_are_pooled() -> None:
    """Nearly: that all others spread so too is not certain."""
    figures = np.array([0.50, 0.56, 0.53])
    spreads = Spreads([shift(figures + 0.01 * run) for run in range(10)]).of_runs()
    error = np.std(figures, ddof=1) / 3**0.5
    for spread in spreads:
        assert reach(spread, 0.3) == pytest.approx(error * t.isf(0.15, 20), rel=0.03)
        assert 1.05 < reach(spread, 0.001) / (error * t.isf(0.0005, 20)) < 1.25


def test_one_run_that_spreads_otherwise_keeps_most_of_it() -> None:
    steady = [shift([0.5, 0.5 + 0.001 * width]) for width in range(1, 12)]
    *_, alone = Spreads([shift([0.5, 0.6])]).of_runs()
    *others, among = Spreads([*steady, shift([0.5, 0.6])]).of_runs()
    assert 0.1 < reach(among, 0.05) < reach(alone, 0.05) / 2
    for other, before in zip(others, Spreads(steady).of_runs(), strict=True):
        assert reach(before, 0.05) < reach(other, 0.05) < reach(among, 0.05) / 3


def test_single_answers_are_not_counted_twice() -> None:
    """Images show what single answers do; where seeds differ by no more than that they add little to it."""
    generator = np.random.default_rng(0)
    runs = [answer(generator, 0.7, 3, 2000) for _ in range(20)]
    single = np.mean([run.var(0, ddof=1).sum() / 2000**2 / 3 for run in runs])
    added = [spread.variances @ spread.weights for spread in Spreads(runs).of_runs()]
    assert np.mean(added) < single / 2


@pytest.mark.parametrize("runs", [[np.ones((1, 9))], [np.ones((3, 9))], [np.ones((1, 9)), np.eye(9)[:1]]])
def test_no_seeds_or_none_that_differ_add_nothing(runs: list[Floats]) -> None:
    assert Spreads(runs).of_runs() == [NONE] * len(runs)


def test_seeds_of_equal_means_may_be_lucky() -> None:
    others = [shift([0.5, 0.5 + 0.001 * width]) for width in range(1, 12)]
    *usual, lucky = Spreads([*others, shift([0.5, 0.5])]).of_runs()
    assert reach(usual[0], 0.05) / 2 < reach(lucky, 0.05) < reach(usual[-1], 0.05)


def test_runs_stray_together_as_each_does_by_itself() -> None:
    runs = [shift([0.5, 0.5 + 0.002 * width]) for width in range(1, 9)] + [np.ones((1, WIDE))]
    spreads = Spreads(runs)
    strayed = np.abs(spreads.draw(np.random.default_rng(0), 20_000))
    assert not strayed[:, -1].any()
    for spread, distances in zip(spreads.of_runs()[:-1], strayed.T, strict=False):
        assert np.quantile(distances, 0.9) == pytest.approx(reach(spread, 0.1), rel=0.05)
    # That all differ more than was seen is one chance, not one for each.
    far = strayed[:, :8] > np.quantile(strayed[:, :8], 0.9, axis=0)
    assert far[far[:, 0]].mean(0)[1:].min() > 0.102


# --- answers -----------------------------------------------------------------------------------------------


def test_mcnemar_is_a_coin_tossed_for_the_images_that_one_alone_is_right_about() -> None:
    first, second = disagree(100, 12, 3)
    split = split_answers(first[0], second[0])
    assert split is not None
    assert (split.only_first, split.only_second) == (12, 3)
    assert split.p == pytest.approx(binomtest(3, 15).pvalue)
    same = split_answers(first[0], first[0])
    assert same is not None
    assert same.p == 1


def test_errors_are_no_answers() -> None:
    errors = np.array([0.1, 0.0, 1.0])
    assert split_answers(errors, errors) is None
    assert compare_all([errors, errors]) is None


def test_cochran_tests_all_models_at_once() -> None:
    generator = np.random.default_rng(0)
    equal = [answer(generator, 0.7, 1, 500)[0] for _ in range(4)]
    worse = answer(generator, 0.5, 1, 500)[0]
    among_equals, with_a_worse_one = compare_all(equal), compare_all([*equal, worse])
    assert among_equals is not None
    assert among_equals > 0.05
    assert with_a_worse_one is not None
    assert with_a_worse_one < 0.001
    assert compare_all([equal[0], equal[0]]) is None


# --- pairs -------------------------------------------------------------------------------------------------


def test_two_runs_of_one_seed_are_told_apart_by_mcnemar() -> None:
    first, second = disagree(1000, 60, 30)
    (pair,) = compare_pairs({"a": first, "b": second})
    assert pair.difference == pytest.approx(0.03)
    assert pair.low < 0.03 < pair.high
    assert pair.low > 0
    assert pair.split is not None
    assert pair.p == pair.split.p == pair.corrected == pytest.approx(binomtest(30, 90).pvalue)
    assert pair.real


def test_smallest_difference_is_the_one_of_the_textbook() -> None:
    # 10,000 images, of which 10 % are answered right by one alone: 0.9 points at 80 % power.
    first, second = disagree(10_000, 500, 500)
    (pair,) = compare_pairs({"a": first, "b": second})
    assert pair.smallest == pytest.approx((1.960 + 0.842) * (0.1 / 10_000) ** 0.5, rel=0.04)
    assert pair.smallest == pytest.approx(0.009, abs=0.0004)


def test_smallest_difference_is_found_in_four_of_five_cases_with_few_seeds_too() -> None:
    runs = {str(run): shift([0.1, 0.2, 0.3]) for run in range(8)}
    smallest = compare_pairs(runs)[0].smallest
    strayed = Spreads(list(runs.values())).draw(np.random.default_rng(0), 40_000)
    farthest = np.abs(strayed[:, :, None] - strayed[:, None]).max((1, 2))
    found = smallest + strayed[:, 0] - strayed[:, 1] > np.quantile(farthest, 0.95)
    assert np.mean(found) == pytest.approx(0.8, abs=0.02)


def test_p_is_corrected_for_the_number_of_pairs() -> None:
    first, second = disagree(1000, 58, 36)
    third = second.copy()
    third[0, :40] = 1
    third[0, 900:940] = 0
    pairs = compare_pairs({"a": first, "b": second, "c": third})
    ordered = sorted(pairs, key=lambda pair: pair.p)
    # Pairs that share a run depend on each other: it is less than three times p.
    assert 2 * ordered[0].p < ordered[0].corrected < 2.8 * ordered[0].p
    assert ordered[0].p < 0.05 < ordered[0].corrected
    assert not ordered[0].real


def test_p_is_corrected_for_the_pairs_that_are_asked_about() -> None:
    first, second = disagree(1000, 58, 36)
    third = second.copy()
    third[0, :40] = 1
    third[0, 900:940] = 0
    runs = {"a": first, "b": second, "c": third}
    every = {(pair.first, pair.second): pair for pair in compare_pairs(runs)}
    (pair,) = compare_pairs(runs, asked=[("b", "a")])
    assert (pair.first, pair.second) == ("b", "a")
    assert pair.difference == -every["a", "b"].difference
    assert pair.corrected == pair.p == every["a", "b"].p < every["a", "b"].corrected
    two = compare_pairs(runs, asked=[("a", "c"), ("a", "b")])
    assert [(each.first, each.second) for each in two] == [("a", "c"), ("a", "b")]
    assert all(each.p <= each.corrected <= every["a", each.second].corrected for each in two)


def test_seeds_that_differ_much_prove_little() -> None:
    generator = np.random.default_rng(3)
    steady = np.concatenate([answer(generator, 0.70, 1, 2000) for _ in range(3)])
    wild = np.concatenate([answer(generator, accuracy, 1, 2000) for accuracy in (0.70, 0.76, 0.82)])
    (pair,) = compare_pairs({"wild": wild, "steady": steady})
    assert pair.split is not None
    assert pair.difference > 0.05
    assert not pair.real
    (single,) = compare_pairs({"wild": wild[1:2], "steady": steady[:1]})
    assert single.real
    assert pair.smallest > 2 * single.smallest


def test_what_is_usual_makes_a_large_gap_of_few_seeds_real() -> None:
    generator = np.random.default_rng(4)
    steady = {
        str(run): np.concatenate([answer(generator, accuracy, 1, 2000) for accuracy in (0.92, 0.925)])
        for run in range(12)
    }
    wild = np.concatenate([answer(generator, accuracy, 1, 2000) for accuracy in (0.73, 0.77)])
    gap = {"wild": wild, "best": steady["0"]}
    (alone,) = compare_pairs(gap)
    among = compare_pairs({**steady, "wild": wild})
    assert alone.p > 0.05 / len(among)
    assert all(pair.real for pair in among if pair.second == "wild")


@pytest.mark.parametrize("steadiness", [1.5, 100])
def test_runs_without_a_difference_are_seldom_told_apart(steadiness: float) -> None:
    """Whether all runs spread alike or hardly two of them do: no lucky seeds are taken for steady ones."""
    shares, mistaken, tables = [], 0, 12
    for table in range(tables):
        generator = np.random.default_rng(table)
        chances = np.clip(generator.normal(0.7, 0.3, 500), 0, 1)
        # What a seed adds to the accuracy spreads more than chance over images does.
        spread = 0.02 * np.sqrt(steadiness / generator.chisquare(steadiness, 12))
        seeds = chances + spread[:, None, None] * generator.normal(0, 1, (12, 2, 1))
        outcomes = (generator.random((12, 2, 500)) < seeds).astype(float)
        pairs = compare_pairs({str(run): values for run, values in enumerate(outcomes)})
        shares.append(np.mean([pair.p < 0.05 for pair in pairs]))
        mistaken += any(pair.real for pair in pairs)
    assert np.mean(shares) < 0.08
    assert mistaken <= 2


def test_runs_that_answer_the_same_are_the_same() -> None:
    run = answer(np.random.default_rng(5), 0.7, 1, 50)
    errors = np.linspace(0.1, 0.2, 50)[None]
    for values in (run, errors):
        (pair,) = compare_pairs({"a": values, "b": values.copy()})
        assert (pair.difference, pair.low, pair.high, pair.p, pair.real) == (0, 0, 0, 1, False)


# --- ranks -------------------------------------------------------------------------------------------------


def test_runs_that_cannot_be_told_apart_share_a_rank() -> None:
    pairs = [
        make_pair("a", "b", 0.01, 0.4),
        make_pair("a", "c", 0.05, 0.01),
        make_pair("b", "c", 0.04, 0.02),
    ]
    means = {"c": 0.75, "a": 0.8, "b": 0.79}
    assert rank(means, pairs, smaller_is_better=False) == {"a": 1, "b": 1, "c": 3}
    assert rank(means, pairs, smaller_is_better=True) == {"a": 2, "b": 2, "c": 1}
    assert list(rank(means, pairs, smaller_is_better=True)) == ["c", "a", "b"]
    assert rank({"a": 0.8}, [], smaller_is_better=False) == {"a": 1}


def test_a_run_between_two_that_differ_shares_the_better_rank() -> None:
    pairs = [
        make_pair("a", "b", 0.02, 0.4),
        make_pair("a", "c", 0.05, 0.01),
        make_pair("b", "c", 0.03, 0.2),
    ]
    means = {"a": 0.8, "b": 0.78, "c": 0.75}
    assert rank(means, pairs, smaller_is_better=False) == {"a": 1, "b": 1, "c": 2}


def test_a_run_of_unsteady_seeds_has_no_better_rank_than_one_with_a_better_mean() -> None:
    pairs = [
        make_pair("a", "b", 0.05, 0.01),
        make_pair("a", "unsteady", 0.2, 0.06),
        make_pair("b", "unsteady", 0.15, 0.1),
    ]
    means = {"a": 0.8, "b": 0.75, "unsteady": 0.6}
    assert rank(means, pairs, smaller_is_better=False) == {"a": 1, "b": 2, "unsteady": 2}


def test_of_equal_means_the_less_beaten_takes_no_rank_from_the_other() -> None:
    pairs = [
        make_pair("best", "steady", 0.1, 0.01),
        make_pair("best", "wild", 0.1, 0.3),
        make_pair("steady", "wild", 0.0, 1),
    ]
    for order in (("best", "steady", "wild"), ("best", "wild", "steady")):
        means = {name: {"best": 0.9}.get(name, 0.8) for name in order}
        assert rank(means, pairs, smaller_is_better=False) == {"best": 1, "wild": 1, "steady": 2}
