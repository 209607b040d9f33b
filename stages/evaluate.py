"""Score a trained run: `python stages/evaluate.py RUN`.

In: models/RUN, and the two files of its view; this is the only stage that opens test.
Out: metrics/runs, metrics/detail, metrics/latency (RUN.json), plots/confusion/RUN.csv,
plots/predictions/RUN.png and data/predictions/RUN.safetensors.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any

from lineup.config.params import load, pick
from lineup.console import stage
from lineup.data.pack import read_pack
from lineup.environment import describe_environment
from lineup.evaluation.cost import measure_cost, measure_latency
from lineup.evaluation.pictures import draw_predictions
from lineup.evaluation.predictions import write_predictions
from lineup.evaluation.saved import count_trainable, load_seed, read_facts
from lineup.evaluation.scoring import Sample, SeedScores, choose_samples, collect_predictions, score_seed
from lineup.evaluation.summary import confusion_csv, detail_run, summarize_run
from lineup.files import write_text
from lineup.inference import predict
from lineup.runtime import choose_device, start

BATCH = 128


def main(run: str) -> None:
    """Score every seed of `run` and write what was found."""
    params = load()
    entry = pick(params.runs, run, "runs")
    folder = Path("models") / run
    facts = read_facts(folder)
    start(facts["threads"])
    device = choose_device(params.runtime.device)
    view, classes = Path("data/views") / entry.view, facts["classes"]
    samples = choose_samples(read_pack(view / "learn.safetensors"), read_pack(view / "test.safetensors"))
    models = {seed: load_seed(folder, facts, seed, device) for seed in facts["seeds"]}
    apply = partial(
        predict,
        precision=facts["precision"],
        device=device,
        channels_last=facts["channels_last"],
        flip=entry.tta == "flip",
    )

    scores = {
        seed: score_seed(partial(apply, model, batch_size=BATCH), samples, classes, f"{run} seed {seed}")
        for seed, model in models.items()
    }
    model, images = models[facts["seeds"][0]], samples["test"].images
    trainable = count_trainable(folder, facts["seeds"][0])
    cost = {"trainable_parameters": trainable, **measure_cost(model, images[:1], device)}
    write_scores(run, scores, samples, classes, cost)
    latency = measure_latency(partial(apply, model), images, BATCH)
    write_json(f"metrics/latency/{run}.json", {**latency, "environment": describe_environment(device)})


def write_scores(
    run: str,
    scores: dict[int, SeedScores],
    samples: dict[str, Sample],
    classes: list[str],
    cost: dict[str, int],
) -> None:
    """Write everything that is the same whenever the same weights are scored."""
    predictions = collect_predictions(scores, samples, classes)
    write_predictions(predictions, Path(f"data/predictions/{run}.safetensors"))
    write_json(f"metrics/runs/{run}.json", summarize_run(scores, len(samples["test"].ids), cost))
    write_json(f"metrics/detail/{run}.json", detail_run(scores, predictions))
    write_text(Path(f"plots/confusion/{run}.csv"), confusion_csv(scores, classes))
    first_seed = predictions.splits["test"].probabilities[0]
    draw_predictions(samples["test"], first_seed, classes, Path(f"plots/predictions/{run}.png"))


def write_json(path: str, figures: dict[str, Any]) -> None:
    """Write `figures` in their order, for people and for diffs."""
    write_text(Path(path), json.dumps(figures, indent=2, allow_nan=False) + "\n")


if __name__ == "__main__":
    stage(main)
