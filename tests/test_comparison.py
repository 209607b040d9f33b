import csv
import json
import math
import runpy
from pathlib import Path
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from PIL import Image

from lineup.comparison.pictures import draw_accuracy, draw_cost, find_front, write_png
from lineup.comparison.table import COLUMNS
from lineup.comparison.texts import format_count
from lineup.errors import LineupError

ROOT = Path(__file__).parents[1]
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
# run: (row, seeds, validation accuracy, latency in ms)
RUNS: dict[str, tuple[str | None, list[int], float, float]] = {
    "b1": ("B1", [0], 0.61, 0.4),
    "d3": ("D3", [0, 1, 2], 0.74, 0.62),
    "d3_fp32": ("D3", [0, 1, 2], 0.743, 0.61),
    "resnet18_e1": ("E1", [0], 0.89, 6.2),
    "own": (None, [5, 6], 0.70, 0.64),
}
HEAD = """\
runtime: {device: cpu, channels_last: true}
datasets: {cifar10: {source: cifar10}}
views: {rgb: {dataset: cifar10, color: rgb, size: 32, validation: 0.2, split_seed: 0, normalize: unit}}
weights: {random: {source: none}}
models: {mlp: {small: {layers: [8], dropout: 0.0}}}
augments:
  none: {flip: false, crop: 0, rotate: 0.0, shift: [0.0, 0.0], fill: zeros, cutout: 0,
    jitter: [0.0, 0.0, 0.0, 0.0]}
recipes:
  short: {epochs: 1, batch_size: 8, optimizer: sgd, lr: 0.1, momentum: 0.0, weight_decay: 0.0,
    schedule: {name: constant}, smoothing: 0.0, ema: 0.0, patience: 0, keep: last, precision: fp32,
    threads: 1, trainable: all, phases: {}}
"""


def declare(runs: dict[str, tuple[str | None, list[int]]], waiting: dict[str, str]) -> str:
    """A params.yaml with these runs {name: (row, seeds)} and waiting ones {name: row}."""
    entry = "{{row: {}, view: rgb, weights: random, task: classification, family: mlp, model: small, "
    entry += "augment: none, recipe: short, seeds: {}, tta: none}}"
    lines = [f"  {name}: " + entry.format(row or "null", seeds) for name, (row, seeds) in runs.items()]
    queue = [f"  {name}: " + entry.format(row, [0]) for name, row in waiting.items()]
    return HEAD + "\n".join(["runs:", *lines, "waiting:" if queue else "waiting: {}", *queue]) + "\n"


def put(folder: Path, path: str, content: Any) -> None:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content if isinstance(content, str) else json.dumps(content))


def make_results(folder: Path, run: str, seeds: list[int], val: float, latency: float) -> None:
    """Results of a made-up run in the form of train and evaluate."""
    test, keys = round(val - 0.004, 6), [str(seed) for seed in seeds]
    metrics = {"val_accuracy": val, "val_loss": 0.9, "test_accuracy": test, "test_low": test - 0.009}
    metrics |= {"test_high": test + 0.009, "test_loss": 0.95, "macro_precision": test, "macro_recall": test}
    metrics |= {"macro_f1": test - 0.001, "train_accuracy": val + 0.05, "train_loss": 0.8, "gap": 0.05}
    metrics |= {"parameters": 622_282, "trainable_parameters": 621_322, "macs": 6_300_000}
    put(folder, f"metrics/runs/{run}.json", metrics)
    sd = 0.002 if len(seeds) > 1 else None
    detail: dict[str, Any] = {"images": {"val": 10, "test": 10}, "ids": {"val": "ab", "test": "cd"}}
    detail |= {"seeds": dict.fromkeys(keys, metrics), "sd": {"val_accuracy": sd, "test_accuracy": sd}}
    detail["per_class"] = {
        n: {"precision": test, "recall": test, "f1": test, "support": 1000} for n in CLASSES
    }
    put(folder, f"metrics/detail/{run}.json", detail)
    put(
        folder,
        f"metrics/latency/{run}.json",
        {"latency_ms": latency, "batch_images_per_second": 900 / latency},
    )
    environment = {"torch": "2.15", "device": "cpu", "threads": 2, "commit": f"c0ffee-{run}"}
    training = {"epochs": 10, "seconds_per_epoch": 9.1, "images_per_second": 4400.0, "device": "cpu"}
    training |= {"precision": "bf16", "seeds": {key: {"environment": environment} for key in keys}}
    put(folder, f"metrics/training/{run}.json", training)
    rows = ["seed,phase,epoch,lr,train_loss,train_accuracy,val_loss,val_accuracy,best"]
    for seed in seeds:
        for epoch in range(1, 11):
            reached = val - 0.4 * math.exp(-epoch / 3) + 0.004 * (seed - seeds[0])
            rows.append(
                f"{seed},all,{epoch},0.1,{1.6 - reached},{reached + 0.02},{1.7 - reached},{reached},0"
            )
    put(folder, f"plots/curves/{run}.csv", "\n".join(rows) + "\n")
    cells = [
        f"{a},{p},{700 if a == p else i * j % 61}"
        for i, a in enumerate(CLASSES)
        for j, p in enumerate(CLASSES)
    ]
    put(folder, f"plots/confusion/{run}.csv", "\n".join(["actual,predicted,count", *cells]) + "\n")
    (folder / "plots/predictions").mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48), "teal").save(folder / f"plots/predictions/{run}.png")


def make_project(folder: Path) -> None:
    """A folder in which every stage before compare has run."""
    (folder / "claims.csv").write_bytes((ROOT / "claims.csv").read_bytes())
    declared = {run: (row, seeds) for run, (row, seeds, _, _) in RUNS.items()}
    (folder / "params.yaml").write_text(declare(declared, {"swin": "A9", "vgg16": "B12"}))
    for run, (_, seeds, val, latency) in RUNS.items():
        make_results(folder, run, seeds, val, latency)


def compare(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Run the stage in `folder` and return the rows of metrics/comparison.csv."""
    monkeypatch.chdir(folder)
    runpy.run_path(str(ROOT / "stages/compare.py"))["main"]()
    with (folder / "metrics/comparison.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    make_project(tmp_path)
    return tmp_path


def test_columns_begin_with_the_promised_ones() -> None:
    promised = (
        "run,row,status,claimed_metric,claimed,val_accuracy,test_accuracy,test_low,test_high,test_loss,"
    )
    promised += "macro_f1,parameters,trainable_parameters,macs,epochs,seconds_per_epoch,images_per_second,"
    promised += "latency_ms,device"
    assert list(COLUMNS[:19]) == promised.split(",")
    assert len(set(COLUMNS)) == len(COLUMNS)


def test_measured_by_validation_then_waiting_then_rows_without_a_run(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = compare(project, monkeypatch)
    assert [row["run"] for row in rows[:7]] == ["resnet18_e1", "d3_fp32", "d3", "own", "b1", "swin", "vgg16"]
    assert [row["status"] for row in rows] == ["measured"] * 5 + ["not run yet"] * (len(rows) - 5)
    assert {row["run"] for row in rows[7:]} == {""}
    undeclared = [row["row"] for row in rows[7:]]
    assert "A1" in undeclared
    assert not {"D3", "E1", "B1", "A9", "B12"} & set(undeclared)
    assert json.loads((project / "metrics/comparison.json").read_text())[0]["run"] == "resnet18_e1"


def test_claims_stand_beside_the_figure_they_are_about(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {row["run"]: row for row in compare(project, monkeypatch)}
    assert (rows["d3"]["claimed_metric"], rows["d3"]["claimed"]) == ("test_accuracy", "0.6709")
    assert float(rows["d3"]["difference"]) == pytest.approx(0.736 - 0.6709)
    assert float(rows["b1"]["difference"]) == pytest.approx(0.61 - 0.5747)
    assert rows["own"]["claimed"] == rows["own"]["difference"] == rows["own"]["row"] == ""
    assert (rows["swin"]["claimed"], rows["vgg16"]["claimed"]) == ("", "0.75")


def test_curves_are_means_over_seeds(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compare(project, monkeypatch)
    with (project / "plots/comparison/curves.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["run"] == "d3" and row["split"] == "validation"]
    assert [int(row["epoch"]) for row in rows] == list(range(1, 11))
    assert float(rows[0]["accuracy"]) == pytest.approx(0.74 - 0.4 * math.exp(-1 / 3) + 0.004, abs=1e-6)


def test_runs_come_from_params_never_from_folders(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "params.yaml").write_text(declare({"b1": ("B1", [0])}, {}))
    rows = compare(project, monkeypatch)
    assert [row["run"] for row in rows if row["run"]] == ["b1"]
    assert "D3" in [row["row"] for row in rows[1:]]


def test_missing_results_are_refused_by_name(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "metrics/runs/d3.json").unlink()
    (project / "plots/curves/own.csv").unlink()
    with pytest.raises(LineupError) as error:
        compare(project, monkeypatch)
    assert "d3 has no metrics/runs/d3.json; own has no plots/curves/own.csv" in str(error.value)
    assert not (project / "metrics/comparison.csv").exists()


def test_other_seeds_than_declared_are_refused_by_name(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = {"d3": ("D3", [0, 1, 2, 3]), "b1": ("B1", [0])}
    (project / "params.yaml").write_text(declare(declared, {}))
    with pytest.raises(
        LineupError, match=r"metrics/detail/d3\.json has seeds 0 1 2, declared are 0 1 2 3"
    ) as error:
        compare(project, monkeypatch)
    assert "b1" not in str(error.value)


def test_runs_tested_on_other_images_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = project / "metrics/detail/d3.json"
    path.write_text(path.read_text().replace('"test": "cd"', '"test": "ee"'))
    with pytest.raises(
        LineupError, match="predictions of d3: other images or another order than those of b1"
    ):
        compare(project, monkeypatch)


def test_a_row_that_no_report_has_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "params.yaml").write_text(declare({"b1": ("B99", [0])}, {}))
    with pytest.raises(LineupError, match=r"run b1: row: B99; expected a row of claims\.csv"):
        compare(project, monkeypatch)


def test_damaged_results_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(project, "metrics/training/b1.json", "{")
    with pytest.raises(LineupError, match=r"metrics/training/b1\.json: not readable"):
        compare(project, monkeypatch)


def test_terminal_shows_runs_in_100_columns_and_the_report(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(project, monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert any(line.strip().startswith("resnet18_e1") and "0.8860 ±0.0090" in line for line in lines)
    assert any(line.strip().startswith("swin") and "not run yet" in line for line in lines)
    assert lines[-1] == "report: plots/report.html"


def test_terminal_cuts_nothing_but_long_names(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "resnet18_with_a_name_of_so_many_letters_that_it_cannot_stay_whole"
    make_results(project, name, [0], 0.9, 12.25)
    (project / "params.yaml").write_text(declare({name: ("D3", [0])}, {}))
    compare(project, monkeypatch)
    line = next(line for line in capsys.readouterr().out.splitlines() if "resnet18_with" in line)
    assert len(line) <= 100
    cells = ["D3", "test 0.6709", "0.9000", "0.8960 ±0.0090", "+0.2251", "622K", "9.1", "12.2"]
    assert " ".join(line.split()).endswith(" ".join(["…", *cells]))


def test_markdown_has_one_line_a_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compare(project, monkeypatch)
    lines = (project / "metrics/comparison.md").read_text().splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + 7
    assert len({line.count("|") for line in table}) == 1
    assert table[3].startswith("| d3_fp32 | D3 | test 0.6709 | 0.7430 | 0.7390 ±0.0090 | +0.0681 |")


def test_a_second_comparison_gives_the_same_bytes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [
        "metrics/comparison.csv",
        "metrics/comparison.json",
        "metrics/comparison.md",
        "plots/report.html",
    ]
    names += [f"plots/comparison/{name}" for name in ("accuracy.png", "cost.png", "curves.csv")]
    compare(project, monkeypatch)
    before = {name: (project / name).read_bytes() for name in names}
    compare(project, monkeypatch)
    assert {name: (project / name).read_bytes() for name in names} == before


def point(run: str, latency: float, accuracy: float) -> dict[str, Any]:
    entry: dict[str, Any] = {**dict.fromkeys(COLUMNS), "run": run, "row": "", "status": "measured"}
    low, high = accuracy - 0.01, accuracy + 0.01
    return entry | {"latency_ms": latency, "test_accuracy": accuracy, "test_low": low, "test_high": high}


def test_front_holds_what_nothing_beats_in_both() -> None:
    rows = [
        point("a", 1, 0.7),
        point("b", 2, 0.6),
        point("c", 2, 0.8),
        point("d", 3, 0.8),
        point("e", 9, 0.9),
    ]
    assert [row["run"] for row in find_front(rows)] == ["a", "c", "e"]


def test_labels_of_crowded_runs_do_not_overlap() -> None:
    rows = [point(f"model_number_{i}", 1 + 0.01 * i, 0.7 + 0.001 * i) for i in range(6)]
    figure = draw_cost([*rows, point("far", 20, 0.9)])
    boxes = label_boxes(figure)
    assert len(boxes) == 7
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def label_boxes(figure: Figure) -> list[Any]:
    FigureCanvasAgg(figure).draw()
    notes = [child for child in figure.axes[0].get_children() if isinstance(child, Annotation)]
    return [super(Annotation, note).get_window_extent() for note in notes]


def test_pictures_of_no_run_and_of_one_are_drawn(tmp_path: Path) -> None:
    for name, table in {"none": [], "one": [point("a", 1, 1.0)]}.items():
        for draw in (draw_accuracy, draw_cost):
            write_png(draw(table), tmp_path / f"{name}.png")
            with Image.open(tmp_path / f"{name}.png") as picture:
                picture.load()


@pytest.mark.parametrize(
    ("number", "text"),
    [(12, "12"), (622_282, "622K"), (999_990, "1M"), (11_173_962, "11.2M"), (1.3e9, "1.3G")],
)
def test_counts_are_short(number: float, text: str) -> None:
    assert format_count(number) == text
