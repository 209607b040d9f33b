"""Views that normalise otherwise than the weights of their runs want are refused before anything runs."""

from pathlib import Path
from typing import Any

import pytest
from parameters import gather
from ruamel.yaml import YAML

from lineup.config.files import read_files
from lineup.config.params import check
from lineup.errors import LineupError
from lineup.normalisation import refuse_other_normalisation
from lineup.validation import find_weights_problems, validate

ROOT = Path(__file__).parents[1]
IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
HALF, NOTHING = ((127.5,) * 3, (127.5,) * 3), ((0.0,) * 3, (255.0,) * 3)
# Of images that nobody has: only a view's own statistics could come out so.
OTHER = ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
GRAY = ((0.0,), (255.0,))
TIMM = {"source": "timm", "needs": "data/params.valid"}
FILE = {"source": "file", "needs": "mine.safetensors", "architecture": "a", "licence": "MIT"}


@pytest.mark.parametrize(
    ("color", "normalize", "wanted"),
    [
        ("rgb", "imagenet", IMAGENET),
        ("rgb", "symmetric", HALF),
        ("rgb", "unit", NOTHING),
        ("gray", "unit", GRAY),
        ("rgb", "channel", OTHER),
        ("rgb", "imagenet", ((123.7, 116.3, 103.5), (58.4, 57.1, 57.4))),
    ],
)
def test_a_view_that_weights_want_passes(color: Any, normalize: Any, wanted: Any) -> None:
    refuse_other_normalisation("here", wanted, color=color, normalize=normalize)


@pytest.mark.parametrize(
    ("color", "normalize", "wanted"),
    [
        ("rgb", "unit", IMAGENET),
        ("rgb", "imagenet", HALF),
        ("rgb", "symmetric", NOTHING),
        ("rgb", "unit", ((0.0,) * 3, (1.0,) * 3)),
        ("rgb", "unit", GRAY),
        ("gray", "channel", OTHER),
        ("gray", "unit", NOTHING),
    ],
)
def test_any_other_is_refused(color: Any, normalize: Any, wanted: Any) -> None:
    with pytest.raises(LineupError, match=rf"^here: normalize {normalize} of {color} images; expected mean "):
        refuse_other_normalisation("here", wanted, color=color, normalize=normalize)


def describe(
    weights: dict[str, Any], views: dict[str, dict[str, Any]], **runs: tuple[str, str]
) -> dict[str, Any]:
    """Parameters with `runs` {name: (view, weights)}; views say what they change."""
    data: dict[str, Any] = YAML(typ="safe").load(ROOT / "quickstart/params.yaml")
    view, run = next(iter(data["views"].values())), next(iter(data["runs"].values()))
    data["views"] |= {name: {**view, "color": "rgb", **changes} for name, changes in views.items()}
    data["weights"] |= weights
    data["runs"] = {name: {**run, "view": seen, "weights": first} for name, (seen, first) in runs.items()}
    return data | {"waiting": {}}


def find(*entries: Any, **runs: tuple[str, str]) -> list[str]:
    """The problems of what `describe` makes of the same arguments."""
    files = gather(describe(*entries, **runs))
    return [str(error) for error in find_weights_problems(check(files), files.locate)]


def test_each_view_is_compared_with_what_timm_records_of_its_weights() -> None:
    weights = {
        "resnet": {**TIMM, "model": "resnet18.tv_in1k"},
        "inception": {**TIMM, "model": "inception_v3.tf_in1k"},
    }
    views = {name: {"normalize": name} for name in ("unit", "symmetric", "imagenet", "channel")}
    runs = {
        "a": ("imagenet", "resnet"),
        "b": ("symmetric", "inception"),
        "c": ("channel", "inception"),
        "d": ("unit", "random"),
    }
    assert find(weights, views, **runs) == []
    wrong = {"e": ("unit", "resnet"), "f": ("unit", "resnet"), "g": ("imagenet", "inception")}
    assert find(weights, views, **runs, **wrong) == [
        "params.yaml: views.unit (run e and 1 more, weights resnet): normalize unit of rgb images; expected "
        "mean 123.7 116.3 103.5 and std 58.4 57.12 57.38, which the weights were trained with; "
        "fix: give the run another view, or other weights",
        "params.yaml: views.imagenet (run g, weights inception): normalize imagenet of rgb images; expected "
        "mean 127.5 127.5 127.5 and std 127.5 127.5 127.5, which the weights were trained with; "
        "fix: give the run another view, or other weights",
    ]


def test_what_is_told_of_a_file_counts() -> None:
    weights = {"mine": {**FILE, "mean": [0.0], "std": [255.0]}}
    views = {"gray": {"color": "gray", "normalize": "unit"}, "rgb": {"normalize": "unit"}}
    (problem,) = find(weights, views, right=("gray", "mine"), wrong=("rgb", "mine"))
    assert problem.startswith(
        "params.yaml: views.rgb (run wrong, weights mine): normalize unit of rgb images"
    )


def test_mean_and_std_of_images_up_to_1_are_known_for_what_they_are() -> None:
    weights = {"mine": {**FILE, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}
    (problem,) = find(weights, {"rgb": {"normalize": "imagenet"}}, run=("rgb", "mine"))
    assert problem.endswith("fix: write the weights' mean and std on the scale 0 to 255")


def test_weights_that_timm_does_not_have_are_named_even_where_no_run_uses_them() -> None:
    (problem,) = find({"mine": {**TIMM, "model": "resnet18.mine"}}, {})
    assert problem.startswith(
        "params.yaml: weights.mine: unknown model 'resnet18.mine'; expected weights tha"
    )


def test_validate_refuses_what_waits_as_well() -> None:
    data = describe({}, {"unit": {"normalize": "unit"}}, soon=("unit", "resnet"))
    data["waiting"], data["runs"] = data["runs"], {}
    data["waiting_weights"] = {"resnet": {**TIMM, "model": "resnet18.tv_in1k"}}
    files = gather(data)
    with pytest.raises(LineupError, match=r"^params\.yaml: views\.unit \(run soon, weights resnet\): normal"):
        validate(check(files), files.locate)


@pytest.mark.parametrize("name", ["params.yaml", "quickstart/params.yaml", "tests/tiny.yaml"])
def test_the_parameters_of_the_repository_pass(name: str) -> None:
    files = read_files(ROOT / name)
    assert not list(find_weights_problems(check(files), files.locate))
